"""What builds the bundled model."""
