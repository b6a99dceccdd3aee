"""The page with the photos of a folder: grid, preview, filters, corrections."""
