"""Watching a folder: photos that arrive, change, move and go are seen without looking again."""
