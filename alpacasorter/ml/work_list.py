"""What a scan has still to do, and how fast it gets on."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from alpacasorter.core.events import Progress
from alpacasorter.core.photo import PhotoFile

_RATE_SECONDS = 4.0


class WorkList:
    """Photos still to be opened, in order; those on the screen may be moved to the front. Thread-safe."""

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: dict[Path, PhotoFile] = {}
        self._order: deque[Path] = deque()
        self._preferred: deque[Path] = deque()
        self._lock = threading.Lock()

    def add(self, files: Iterable[PhotoFile]) -> None:
        """Append photos in the order in which they are to be opened."""
        with self._lock:
            self._waiting |= {file.path: file for file in files}
            self._order = deque(self._waiting)

    def take(self) -> PhotoFile | None:
        """Remove and return the next photo, or None where none is left."""
        with self._lock:
            for paths in (self._preferred, self._order):
                while paths:
                    file = self._waiting.pop(paths.popleft(), None)
                    if file is not None:
                        return file
            return None

    def prefer(self, paths: Iterable[Path]) -> None:
        """Open these next, in this order; those that are not waiting when their turn comes are passed over."""
        with self._lock:
            self._preferred = deque(paths)


class Rate:
    """Photos a second over the last seconds, and from it the time left."""

    def __init__(self, total: int, *, done: int) -> None:
        """Start the clock, `done` of `total` photos being done already."""
        self._total = total
        self._done = done
        self._points: deque[tuple[float, int]] = deque([(time.monotonic(), done)])

    def add(self, done: int) -> None:
        """Note that `done` photos are done by now."""
        now = time.monotonic()
        self._done = done
        self._points.append((now, done))
        while now - self._points[0][0] > _RATE_SECONDS and len(self._points) > 2:
            self._points.popleft()

    def progress(self) -> Progress:
        """Return how far the work is and how fast it goes."""
        (first, before), (last, after) = self._points[0], self._points[-1]
        rate = (after - before) / (last - first) if last > first else 0.0
        left = (self._total - self._done) / rate if rate else None
        return Progress(self._done, self._total, rate, left)
