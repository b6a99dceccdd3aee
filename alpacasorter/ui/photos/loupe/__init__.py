"""Photos from near: the loupe, which shows one, and the comparison, which shows up to four."""
