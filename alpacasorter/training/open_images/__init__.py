"""Downloading training photos from Open Images."""
