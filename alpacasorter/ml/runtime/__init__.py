"""Running the backbone with LiteRT, on the CPU or a GPU."""
