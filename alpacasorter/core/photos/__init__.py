"""Photos on disk: finding them, telling what they are, and decoding them."""
