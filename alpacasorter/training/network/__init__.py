"""The networks that are trained, and their conversion to LiteRT."""
