"""Results for other programs and other machines: tables, JSON and XMP sidecars, and labels from elsewhere."""
