"""What is known about the photos of a watched folder, and the events about what differs from that.

`KnownPhotos` holds the photos as they were last seen, and those that are missing. `PendingPhotos` holds those that are
new or have changed, until they are complete. `take_differences` turns both into events and brings them up to date.
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
_PHOTOS_PER_EVENT: Final = 1000

ANY_REASON: Final = ""
"""Stands for any reason that a scan had for a photo that can't be used."""

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Pending:
    """A photo that may not be complete yet.

    Attributes:
        file: as it was last seen.
        identity: of the file (`file_identity`), or None if the file system has none.
        since: time when it was first seen like this.
        look_at: time to look at it again.
        is_change: whether the photo was there before, with other bytes.
    """

    file: PhotoFile
    identity: tuple[int, int] | None
    since: float
    look_at: float
    is_change: bool


def file_identity(status: os.stat_result) -> tuple[int, int] | None:
    """Return what stays the same when a file is renamed; None if the file system has no such thing."""
    return (status.st_dev, status.st_ino) if status.st_ino else None


def can_be_opened(path: Path) -> bool:
    """Return whether a file can be opened. On Windows one that is being written can't; elsewhere this returns True."""
    if os.name != "nt":
        return True
    try:
        with path.open("rb"):
            return True
    except PermissionError:
        return False
    except OSError:
        return True


class PendingPhotos:
    """Holds photos back until no program is writing them. For one thread.

    A photo is complete when it was closed or moved into its place, or when its size and time were the same in two looks
    at least `stable` seconds apart. An empty one waits for `empty` seconds: browsers create it before anything has
    arrived.
    """

    def __init__(
        self, *, stable: float, empty: float, now: Callable[[], float], can_open: Callable[[Path], bool] = can_be_opened
    ) -> None:
        """Start with none.

        Args:
            stable: seconds, see above.
            empty: seconds, see above.
            now: returns the time in seconds.
            can_open: returns whether a file can be opened.
        """
        self._stable = stable
        self._empty = empty
        self._now = now
        self._can_open = can_open
        self._pending: dict[str, Pending] = {}

    def __len__(self) -> int:
        """Return how many photos are pending."""
        return len(self._pending)

    def __contains__(self, path: str) -> bool:
        """Return whether a photo is pending."""
        return path in self._pending

    def put(self, file: PhotoFile, identity: tuple[int, int] | None, *, is_change: bool, closed: bool) -> None:
        """Add a photo, or update it.

        Args:
            file: the photo as it is now.
            identity: as in `Pending`.
            is_change: as in `Pending`.
            closed: whether a program that wrote it has finished.
        """
        path, now = str(file.path), self._now()
        pending = self._pending.get(path)
        if pending is None or pending.file != file:
            pending = Pending(file, identity, now, now + self._patience(file), is_change)
            self._pending[path] = pending
        if closed and file.size:
            pending.look_at = now

    def drop(self, path: str) -> None:
        """Forget a photo."""
        self._pending.pop(path, None)

    def fresh(self) -> list[Pending]:
        """Return the new photos, in order of arrival."""
        return [pending for pending in self._pending.values() if not pending.is_change]

    def due(self) -> float:
        """Return the time to look at them again."""
        return min((pending.look_at for pending in self._pending.values()), default=float("inf"))

    def take_complete(self) -> Iterator[Pending]:
        """Look at the photos that are due; yield and forget the complete ones, and forget those that are gone."""
        now = self._now()
        for path, pending in list(self._pending.items()):
            if pending.look_at > now:
                continue
            try:
                status = os.stat(path)  # noqa: PTH116  # thousands of them
            except OSError:
                # Gone, or out of reach: a look at its folder shows which.
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
    """A photo as it is known; `reason` is why it can't be used, None if it can."""

    size: int
    mtime_ns: int
    identity: tuple[int, int] | None = None
    reason: str | None = None


class KnownPhotos:
    """The known photos by folder and name. For one thread.

    Attributes:
        missing: known photos that were not in their place: path to the time when that was first seen.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """Start with none; `now` returns the time in seconds."""
        self.missing: dict[str, float] = {}
        self._now = now
        self._photos: dict[str, dict[str, Row]] = {}
        self._expected: dict[str, tuple[int, int]] = {}
        self._expected_before: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        """Return how many photos are known."""
        return sum(map(len, self._photos.values()))

    def put(self, path: str, row: Row) -> None:
        """Record a photo as known and present."""
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
        """Record the photos below `root` as a scan found them.

        Args:
            root: the watched folder.
            files: photos that can be used.
            unusable: photos that can't be used.
            stopped: called for each photo; this ends as soon as it returns True.
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
        """Return what is known about a photo."""
        folder, name = os.path.split(path)
        return self._photos.get(folder, {}).get(name)

    def forget(self, path: str) -> None:
        """Forget a photo."""
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
        """Record that a photo is not in its place."""
        self.missing.setdefault(path, self._now())

    # Files that the app itself sorts

    def expect(self, path: str, size: int, mtime_ns: int) -> None:
        """Make a file count as known as soon as it is found. It may also be outside of the watched folders."""
        self._expected[path] = (size, mtime_ns)

    def is_expected(self, path: str, state: tuple[int, int]) -> bool:
        """Return whether a file with this size and time is expected at this path."""
        return state in (self._expected.get(path), self._expected_before.get(path))

    def age(self) -> None:
        """Forget the files that were expected before the last full look, now that another one has ended."""
        self._expected_before, self._expected = self._expected, {}

    # Renames

    def find_renamed(self, new: Iterable[Pending]) -> Iterator[tuple[str, Pending]]:
        """Yield (path before, photo) for each new photo that is a missing one in another place."""
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
        # Without file numbers, size and time must agree (they do), and either the name or the folder.
        folder, name = os.path.split(before)
        after: Path = pending.file.path
        return name == after.name or folder == str(after.parent)


def take_differences(
    known: KnownPhotos, pending: PendingPhotos, unusable: dict[str, str], expired: Iterable[str]
) -> list[WatchEvent]:
    """Return events about what differs from the known photos, and record it as known.

    Args:
        known: the known photos.
        pending: the photos that may not be complete yet.
        unusable: photos that can't be used: path to reason.
        expired: paths of photos that were missing for so long that they are gone, unless they were found meanwhile.
    """
    events: list[WatchEvent] = []
    renamed = []
    for before, photo in list(known.find_renamed(pending.fresh())):
        known.forget(before)
        _record(known, photo)
        pending.drop(str(photo.file.path))
        renamed.append((Path(before), photo.file))
    events += [Renamed(tuple(part)) for part in _parts(renamed)]
    problems = [(Path(path), reason) for path, reason in unusable.items()]
    events += [Unusable(tuple(part)) for part in _parts(problems)]
    arrived = list(pending.take_complete())
    for photo in arrived:
        _record(known, photo)
    for part in _parts(arrived):
        changed = frozenset(photo.file.path for photo in part if photo.is_change)
        events.append(Arrived(tuple(photo.file for photo in part), changed))
    gone = [path for path in expired if path in known.missing]
    for path in gone:
        known.forget(path)
    return events + [Gone(tuple(part)) for part in _parts([Path(path) for path in gone])]


def _record(known: KnownPhotos, photo: Pending) -> None:
    file = photo.file
    known.put(str(file.path), Row(file.size, file.mtime_ns, photo.identity))


def _parts(items: list[_Item]) -> list[list[_Item]]:
    return [items[start : start + _PHOTOS_PER_EVENT] for start in range(0, len(items), _PHOTOS_PER_EVENT)]
