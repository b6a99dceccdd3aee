"""A bound on what many threads hold at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """Lets threads hold units up to a limit together; who needs more than the limit holds them alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, units: int) -> Iterator[None]:
        """Wait until so many units fit, or until nobody else holds any; count them while the block runs."""
        # One waits at a time, the others behind it: else small holders could keep a large one waiting.
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + units <= self._limit)
            self._held += units
        try:
            yield
        finally:
            with self._changed:
                self._held -= units
                self._changed.notify_all()
