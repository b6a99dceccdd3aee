"""The window: PySide6 widgets that consume the engine's events. Knows nothing of LiteRT, TensorFlow or SQL."""
