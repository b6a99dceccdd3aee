"""How far a run is and how long it may still take, and when to say so."""

from __future__ import annotations

import time
from typing import Final

from alpacasorter.core.sorting.events import SortProgress

INTERVAL_S: Final = 0.1
"""Events come about this often at most."""

_FIRST_ESTIMATE_S: Final = 1.0
_BYTES_A_FILE: Final = 200_000
"""What a file costs beside its bytes, about, in bytes."""


class Pace:
    """The progress of one run over so many files and bytes."""

    def __init__(self, files: int, size: int) -> None:
        """Begin now."""
        self.files: Final = files
        self.bytes: Final = size
        self._began: Final = time.monotonic()
        self._said = self._began
        self._files_done = 0
        self._bytes_done = 0
        # Bytes of files that are not done yet.
        self._under_way = 0

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def copied(self, size: int) -> None:
        """Count bytes of a file that is being copied."""
        self._under_way += size

    def done(self, files: int, size: int) -> None:
        """Count files that are at their end."""
        self._files_done = min(self._files_done + files, self.files)
        self._bytes_done = min(self._bytes_done + size, self.bytes)
        self._under_way = 0

    def is_time(self) -> bool:
        """Tell whether it is time to say something again; if so, that is now."""
        now = time.monotonic()
        if now - self._said < INTERVAL_S:
            return False
        self._said = now
        return True

    def progress(self) -> SortProgress:
        """Return how far it is."""
        size = min(self._bytes_done + self._under_way, self.bytes)
        weight = size + self._files_done * _BYTES_A_FILE
        whole = self.bytes + self.files * _BYTES_A_FILE
        seconds = self.seconds
        left = seconds * (whole - weight) / weight if weight and seconds >= _FIRST_ESTIMATE_S else None
        return SortProgress(self._files_done, self.files, size, self.bytes, left)
