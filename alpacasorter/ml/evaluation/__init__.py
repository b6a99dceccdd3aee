"""Measuring a model on labeled photos, and reporting the result."""
