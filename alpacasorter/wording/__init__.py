"""Sentences that the window and the command line share. No Qt."""
