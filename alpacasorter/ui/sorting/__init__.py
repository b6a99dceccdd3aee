"""The dialogs that plan, run and undo sorts."""
