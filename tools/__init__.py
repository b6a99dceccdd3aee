"""Tools for building, checking and packaging AlpacaSorter; nothing here ships with the program."""
