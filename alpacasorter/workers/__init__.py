"""The only place with threads: runs the engine's generators and turns their events into Qt signals."""
