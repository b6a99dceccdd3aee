"""What stands in for a library that can't be opened: it is empty, and refuses to keep anything."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Never, TypeVar

from alpacasorter.core.store.database import Failure, connect, failure_of
from alpacasorter.core.store.library import Library, LibraryError, LibraryTooNewError
from alpacasorter.core.store.library_file import LibraryFile
from alpacasorter.core.store.library_schema import bring_up_to_date

T = TypeVar("T")


class _NoFile(LibraryFile):
    """Reads as a new library, and raises the error for which there is none when it should write."""

    def __init__(self, path: Path, why: str) -> None:
        # Nothing of the real one is set up: it would open the file.
        self.path = path  # type: ignore[misc]
        self.backups = path.with_name("backups")  # type: ignore[misc]
        self.notice = None
        self._why = why
        self._lock = threading.RLock()  # type: ignore[misc]
        self._memory = connect(None, synchronous="NORMAL", busy_seconds=0.0)
        bring_up_to_date(self._memory)

    def close(self) -> None:
        with self._lock:
            self._memory.close()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return work(self._memory)
            except sqlite3.ProgrammingError as error:
                raise LibraryError(self._why) from error

    def write(self, _work: Callable[[sqlite3.Connection, int], T]) -> Never:
        raise LibraryError(self._why)

    def changed_elsewhere(self) -> bool:
        return False

    def backup(self) -> None:
        raise LibraryError(self._why)


def open_or_stand_in(path: Path, *, backups: Path) -> tuple[Library, str]:
    """Open a library; if the disk does not let us, return what stands in for it, and why, in sentences.

    Raises:
        LibraryTooNewError: a newer version of the app wrote it.
        LibraryError: another window is using it at this moment.
    """
    try:
        return Library.open(path, backups=backups), ""
    except LibraryTooNewError:
        raise
    except LibraryError as error:
        if isinstance(error.__cause__, sqlite3.Error) and failure_of(error.__cause__) is Failure.BUSY:
            raise
        return Library(_NoFile(path, str(error))), str(error)
