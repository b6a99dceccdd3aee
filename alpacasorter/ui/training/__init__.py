"""The dialog that trains a model."""
