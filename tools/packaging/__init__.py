"""Builds the packaged program, checks that it works, and describes what is in it."""
