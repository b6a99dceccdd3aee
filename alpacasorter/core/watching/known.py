"""The photos of a watched folder as they are known, those that are missing, and which of those only moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.watching.waiting import Pending


class Row(NamedTuple):
    """A photo as it is known; with a `reason` it is one that can't be used."""

    size: int
    mtime_ns: int
    identity: tuple[int, int] | None = None
    reason: str | None = None


ANY_REASON: Final = ""
"""Stands for whatever the scan said of a photo that can't be used."""


class Known:
    """Photos by folder and name. For one thread.

    Attributes:
        missing: known photos that were not in their place: path to when that was first seen, by the clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """Know none; `now` tells the time in seconds."""
        self.missing: dict[str, float] = {}
        self._now = now
        self._photos: dict[str, dict[str, Row]] = {}
        self._expected: dict[str, tuple[int, int]] = {}
        self._expected_before: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        """Return how many photos are known."""
        return sum(map(len, self._photos.values()))

    def put(self, path: str, row: Row) -> None:
        """Note a photo as known, and as being there."""
        folder, name = os.path.split(path)
        self._photos.setdefault(folder, {})[name] = row
        self.missing.pop(path, None)

    def put_scanned(
        self,
        root: str,
        files: Iterable[PhotoFile],
        unusable: Iterable[Path],
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Note photos as a scan found them, and those of which it said that they can't be used; none beyond `root`.

        `stopped` is asked all the while; where it says so, it ends at once.
        """
        below = root.rstrip(os.sep) + os.sep
        for file in files:
            if stopped():
                return
            if (path := str(file.path)).startswith(below):
                self.put(path, Row(file.size, file.mtime_ns))
        for problem in unusable:
            if (path := str(problem.absolute())).startswith(below):
                self.put(path, Row(0, 0, None, ANY_REASON))

    def get(self, path: str) -> Row | None:
        """Return what is known of a photo."""
        folder, name = os.path.split(path)
        return self._photos.get(folder, {}).get(name)

    def forget(self, path: str) -> None:
        """Let a photo be as if it had never been."""
        folder, name = os.path.split(path)
        rows = self._photos.get(folder, {})
        rows.pop(name, None)
        if not rows:
            self._photos.pop(folder, None)
        self.missing.pop(path, None)

    def folders(self) -> Iterable[str]:
        """Return the folders with known photos."""
        return self._photos.keys()

    def names(self, folder: str) -> list[str]:
        """Return the names of the known photos of a folder."""
        return list(self._photos.get(folder, ()))

    def miss(self, path: str) -> None:
        """Note that a photo is not in its place."""
        self.missing.setdefault(path, self._now())

    # The app's own work

    def expect(self, path: str, size: int, mtime_ns: int) -> None:
        """Have a file count as known as soon as it is found. Where nobody looks, that does no harm."""
        self._expected[path] = (size, mtime_ns)

    def is_expected(self, path: str, state: tuple[int, int]) -> bool:
        """Tell whether a file of this size and time is expected here."""
        return state in (self._expected.get(path), self._expected_before.get(path))

    def age(self) -> None:
        """Everything was looked at: what was expected before the last time, and not found, is where nobody looks."""
        self._expected_before, self._expected = self._expected, {}

    # Renames

    def find_renamed(self, new: Iterable[Pending]) -> Iterator[tuple[str, Pending]]:
        """Yield (path before, photo) for those of the new photos that are missing ones in another place."""
        gone: dict[tuple[int, int], list[str]] = {}
        for path in self.missing:
            row = self.get(path)
            if row is not None and row.reason is None:
                gone.setdefault(row[:2], []).append(path)
        for pending in new if gone else ():
            file = pending.file
            candidates = gone.get((file.size, file.mtime_ns), [])
            before = next((path for path in candidates if self._is_same(path, pending)), None)
            if before is not None:
                candidates.remove(before)
                yield before, pending

    def _is_same(self, before: str, pending: Pending) -> bool:
        row = self.get(before)
        known = None if row is None else row.identity
        if known is not None and pending.identity is not None:
            return known == pending.identity
        # Without numbers of the files, size and time must agree (they do), and the name or the folder.
        folder, name = os.path.split(before)
        after: Path = pending.file.path
        return name == after.name or folder == str(after.parent)
