"""What the system told of changes, until somebody looks. Nothing here is believed: a hint only says where to look."""

from __future__ import annotations

import os
import threading
import time
from typing import Final

_MOST_CLOSED: Final = 50_000
_MOST_TOUCHED: Final = 20_000


class Hints:
    """Folders in which something happened, and files that were closed. Thread-safe.

    Names that come in thousands cost a set entry each; what does not fit is dropped and only makes things later.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._condition = threading.Condition()
        self._folders: set[str] = set()
        self._closed: set[str] = set()
        self._touched: dict[tuple[str, str], float] = {}
        self._first = self._last = 0.0
        self._count = 0
        self._is_woken = False

    def note(self, path: str, *, closed: bool = False, is_folder: bool = False) -> None:
        """Something happened to a file or folder.

        Args:
            path: absolute, as the photos of the folder are named.
            closed: whether somebody who wrote into it is done, or moved it into its place.
            is_folder: whether it is (or was) a folder: then what is in it may be new, too.
        """
        folder, name = os.path.split(path)
        now = time.monotonic()
        with self._condition:
            if not self._folders:
                self._first = now
                self._condition.notify_all()
            self._last = now
            self._folders.add(folder)
            if is_folder:
                self._folders.add(path)
            elif closed and len(self._closed) < _MOST_CLOSED:
                self._closed.add(path)
            if len(self._touched) >= _MOST_TOUCHED:
                self._touched.clear()
            self._touched[_unit(folder, name)] = now

    def heard(self) -> None:
        """Count something that was heard, whatever it is about."""
        with self._condition:
            self._count += 1

    def wait(self, seconds: float) -> None:
        """Wait for the first hint after `take()`, or until `wake()`; at most as long."""
        with self._condition:
            if not self._is_woken:
                self._condition.wait(seconds if seconds < threading.TIMEOUT_MAX else None)
            self._is_woken = False

    def wake(self) -> None:
        """End the `wait()` that is going on, or the next one."""
        with self._condition:
            self._is_woken = True
            self._condition.notify_all()

    def due(self, settle: float, most: float) -> float:
        """Return when to look, by `time.monotonic()`: `settle` seconds after the last hint, `most` after the first."""
        with self._condition:
            return min(self._last + settle, self._first + most) if self._folders else float("inf")

    def take(self) -> tuple[set[str], set[str]]:
        """Return and forget the folders to look at, and the files that were closed."""
        with self._condition:
            folders, self._folders = self._folders, set()
            closed, self._closed = self._closed, set()
            return folders, closed

    def take_count(self) -> int:
        """Return how much was heard since this was asked last."""
        with self._condition:
            count, self._count = self._count, 0
            return count

    @property
    def count(self) -> int:
        """How much was heard since `take_count`."""
        return self._count

    def quiet_for(self, path: str) -> float:
        """Return for how many seconds nothing was heard of a file nor of those that share its name up to the dot."""
        with self._condition:
            touched = self._touched.get(_unit(*os.path.split(path)))
        return float("inf") if touched is None else time.monotonic() - touched


def _unit(folder: str, name: str) -> tuple[str, str]:
    return folder, name.partition(".")[0].casefold()
