"""The dialogs that choose, test and share models."""
