"""The open file of the cache: one connection, its lock, and what is done when the file fails.

A damaged file is deleted and started anew; where none can be kept, a temporary one serves until the app ends.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from alpacasorter.core.cache_schema import BUSY_SECONDS, open_connection
from alpacasorter.core.database import (
    DamagedError,
    Failure,
    TooNewError,
    companions,
    exclusive,
    failure_of,
    identity,
)

TEMPORARY: Final = "The cache can't be kept on this disk, so the next start will scan your photos again."
FULL: Final = "The disk is full, so new thumbnails aren't being kept. Free some space to make the next start fast."

T = TypeVar("T")
_log = logging.getLogger(__name__)
_UNUSABLE: Final = (OSError, sqlite3.Error, DamagedError, TooNewError)


class CacheFile:
    """One open cache file. Any thread may call every method, and none raises for what the file does.

    Attributes:
        path: the file.
        notice: a sentence for the user if the cache can't be kept on the disk, or only in part; else None.
        session: a number for this session, higher than that of any before in this file.
        used: numbers of the contents used since that was last noted down. Only inside `run`.
    """

    def __init__(self, path: Path) -> None:
        """Open the file: made with its folders if there is none, anew if damaged or of another version."""
        self.path: Final = path
        self.notice: str | None = None
        self.session = 0
        self.used: set[int] = set()
        self._lock: Final = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        with self._lock:
            self._attach(None)

    def close(self) -> None:
        """Close; after this `run` does nothing. Closing twice is fine."""
        with self._lock:
            self._detach()

    def run(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Return what `work` gives, or `otherwise` where the file fails it; a damaged one is started anew."""
        with self._lock:
            for on_disk in (True, False):
                if self._connection is None:
                    return otherwise
                try:
                    return work(self._connection)
                except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
                    raise
                except sqlite3.Error as error:
                    failure = failure_of(error)
                    _log.warning("the cache failed (%s): %s", failure.name, error)
                    if failure is Failure.DAMAGED:
                        self._rebuild(on_disk=on_disk)
                        continue
                    if failure is not Failure.BUSY:
                        self.notice = FULL if failure is Failure.FULL else TEMPORARY
                    return otherwise
            return otherwise

    def _rebuild(self, *, on_disk: bool) -> None:
        self._detach()
        if on_disk:
            self._attach(self._identity)
        else:
            self._attach_temporary()

    def _attach(self, damaged: tuple[int, int] | None) -> None:
        """Open the file, deleted before if it is still the damaged one, not a new one of another instance."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with exclusive(self.path.with_name(self.path.name + ".lock"), seconds=BUSY_SECONDS):
                if damaged is not None and damaged == identity(self.path):
                    self._delete()
                try:
                    self._use(open_connection(self.path))
                except (DamagedError, TooNewError, sqlite3.Error) as error:
                    if isinstance(error, sqlite3.Error) and failure_of(error) is not Failure.DAMAGED:
                        raise
                    _log.warning("the cache is started anew: %s", error)
                    self._delete()
                    self._use(open_connection(self.path))
                self._identity = identity(self.path)
        except _UNUSABLE as error:
            _log.warning("the cache can't be kept at %s: %s", self.path, error)
            self._attach_temporary()

    def _attach_temporary(self) -> None:
        self._detach()
        self.notice = TEMPORARY
        with contextlib.suppress(*_UNUSABLE):
            self._use(open_connection(None))

    def _use(self, connection: sqlite3.Connection) -> None:
        try:
            latest = connection.execute("SELECT coalesce(max(used), 0) FROM contents").fetchone()[0]
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        # Later than every session before, even if the clock was turned back since.
        self.session = max(time.time_ns() // 1000, latest + 1)

    def _detach(self) -> None:
        connection, self._connection = self._connection, None
        self.used.clear()
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _delete(self) -> None:
        for path in (*companions(self.path), self.path):
            path.unlink(missing_ok=True)
