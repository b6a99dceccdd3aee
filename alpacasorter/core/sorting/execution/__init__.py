"""Carrying out a sort, finishing one that was interrupted, and undoing one."""
