"""Photos that are new or have changed, until they are whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from alpacasorter.core.photo import PhotoFile

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
