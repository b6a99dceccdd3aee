"""The Help menu, and the dialog for unexpected errors."""
