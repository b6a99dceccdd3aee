"""The dialogs that export results and import labels."""
