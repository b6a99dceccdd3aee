"""Sorting: a plan of what goes where, a journal that survives a power cut, and the way back."""
