"""Judging photos and learning from corrections, on LiteRT and NumPy: no Qt, no TensorFlow."""
