"""Widgets and looks that the rooms of the window share."""
