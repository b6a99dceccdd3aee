"""The photos of a watched folder as they are known, those that are missing, and which of those only moved.

Photos that are new or have changed, until they are whole.

What differs from what is known, as events: told once, and known from then on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.watching.events import Arrived, Gone, Renamed, Unusable, WatchEvent

_MOST_LOCKED_SECONDS: Final = 60.0


@dataclass(slots=True)
class Pending:
    """A photo that waits.

    Attributes:
        file: as it was seen last.
        identity: of the file (`file_identity`), or None where the file system has none.
        since: when it was first seen like this, by the clock.
        look_at: when to look at it again.
        is_change: whether the photo was there before, with other bytes.
    """

    file: PhotoFile
    identity: tuple[int, int] | None
    since: float
    look_at: float
    is_change: bool


def file_identity(status: os.stat_result) -> tuple[int, int] | None:
    """Return what stays the same when a file is renamed; None where the file system has no such thing."""
    return (status.st_dev, status.st_ino) if status.st_ino else None


def can_be_opened(path: Path) -> bool:
    """Tell whether a file can be opened; on Windows one that is being written can't. Elsewhere nobody is kept out."""
    if os.name != "nt":
        return True
    try:
        with path.open("rb"):
            return True
    except PermissionError:
        return False
    except OSError:
        return True


class WaitingRoom:
    """Holds photos back until nobody writes them any more. For one thread.

    One is whole when it was closed or moved into its place, or when size and time were the same in two looks at least
    `stable` seconds apart. An empty one waits for `empty` seconds: browsers make it before anything has come.
    """

    def __init__(
        self, *, stable: float, empty: float, now: Callable[[], float], can_open: Callable[[Path], bool] = can_be_opened
    ) -> None:
        """Start with none; `now` tells the time in seconds."""
        self._stable = stable
        self._empty = empty
        self._now = now
        self._can_open = can_open
        self._pending: dict[str, Pending] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._pending)

    def __contains__(self, path: str) -> bool:
        """Tell whether a photo waits."""
        return path in self._pending

    def put(self, file: PhotoFile, identity: tuple[int, int] | None, *, is_change: bool, closed: bool) -> None:
        """Take one in, or note how it looks now; `closed` says that somebody who wrote it is done."""
        path, now = str(file.path), self._now()
        pending = self._pending.get(path)
        if pending is None or pending.file != file:
            pending = Pending(file, identity, now, now + self._patience(file), is_change)
            self._pending[path] = pending
        if closed and file.size:
            pending.look_at = now

    def drop(self, path: str) -> None:
        """Forget one."""
        self._pending.pop(path, None)

    def fresh(self) -> list[Pending]:
        """Return those that are new, in the order in which they came."""
        return [pending for pending in self._pending.values() if not pending.is_change]

    def due(self) -> float:
        """Return when to look at them again, by the clock."""
        return min((pending.look_at for pending in self._pending.values()), default=float("inf"))

    def take_whole(self) -> Iterator[Pending]:
        """Look at those whose time has come; yield and forget the whole ones. One that is gone is forgotten, too."""
        now = self._now()
        for path, pending in list(self._pending.items()):
            if pending.look_at > now:
                continue
            try:
                status = os.stat(path)  # noqa: PTH116  # thousands of them
            except OSError:
                # Gone, or out of reach: the folder it is in tells which.
                self.drop(path)
                continue
            file = replace(pending.file, size=status.st_size, mtime_ns=status.st_mtime_ns)
            if file != pending.file:
                pending = Pending(file, file_identity(status), now, now + self._patience(file), pending.is_change)
                self._pending[path] = pending
            elif self._can_open(file.path) or now - pending.since > _MOST_LOCKED_SECONDS:
                del self._pending[path]
                yield pending
            else:
                pending.look_at = now + self._stable

    def _patience(self, file: PhotoFile) -> float:
        return self._stable if file.size else self._empty


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


_Item = TypeVar("_Item")

_BATCH: Final = 1000


def take_differences(
    known: Known, room: WaitingRoom, unusable: dict[str, str], expired: Iterable[str]
) -> list[WatchEvent]:
    """Return what there is to tell, and take it over as known.

    Args:
        known: the photos that are known.
        room: those that wait until they are whole.
        unusable: those that can't be used: path to reason.
        expired: paths of those that were missing for long enough to be gone, unless they were found meanwhile.
    """
    events: list[WatchEvent] = []
    renamed = []
    for before, pending in list(known.find_renamed(room.fresh())):
        known.forget(before)
        _admit(known, pending)
        room.drop(str(pending.file.path))
        renamed.append((Path(before), pending.file))
    events += [Renamed(tuple(part)) for part in _parts(renamed)]
    problems = [(Path(path), reason) for path, reason in unusable.items()]
    events += [Unusable(tuple(part)) for part in _parts(problems)]
    arrived = list(room.take_whole())
    for pending in arrived:
        _admit(known, pending)
    events += [Arrived(tuple(pending.file for pending in part)) for part in _parts(arrived)]
    gone = [path for path in expired if path in known.missing]
    for path in gone:
        known.forget(path)
    return events + [Gone(tuple(part)) for part in _parts([Path(path) for path in gone])]


def _admit(known: Known, pending: Pending) -> None:
    file = pending.file
    known.put(str(file.path), Row(file.size, file.mtime_ns, pending.identity))


def _parts(items: list[_Item]) -> list[list[_Item]]:
    return [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
