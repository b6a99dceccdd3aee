"""Planning a sort: what goes where, file by file. Reads only."""
