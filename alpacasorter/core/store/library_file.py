"""The open file of the library: one connection, its lock, recovery and backups.

It recovers a file that turns out to be damaged, follows when another instance has replaced the file, and backs up.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Never, TypeVar

from alpacasorter.core.files import display_path
from alpacasorter.core.os_errors import for_log
from alpacasorter.core.session_paths import keep_private, private_folder
from alpacasorter.core.store.backups import is_backed_up, write_backup
from alpacasorter.core.store.database import (
    DAMAGE,
    DamagedError,
    Failure,
    connect,
    exclusive,
    failure_of,
    failure_of_system,
    identity,
    pragma_number,
    transaction,
)
from alpacasorter.core.store.library_schema import LibraryError, bring_up_to_date, library_problem, next_revision, probe
from alpacasorter.core.store.recovery import open_library
from alpacasorter.core.store.second_copy import SecondCopy
from alpacasorter.i18n import _

T = TypeVar("T")
_log = logging.getLogger(__name__)


class LibraryFile:
    """One open library file. Every method may be called from any thread, and raises LibraryError if it fails.

    Attributes:
        path: the file.
        backups: the folder for backups.
        notice: a message for the user if the file was damaged and had to be recovered, else None.
    """

    def __init__(self, path: Path, backups: Path) -> None:
        """Open the file, creating it and its folders if there is none yet, and back it up if that is due.

        Raises:
            LibraryTooNewError: a newer version of the app wrote it.
            LibraryError: it can't be opened, created or recovered.
        """
        self.path: Final = path
        self.backups: Final = backups
        self.notice: str | None = None
        self._lock: Final = threading.RLock()
        self._open_connection: sqlite3.Connection | None = None
        self._copy: SecondCopy | None = None
        self._identity: tuple[int, int] | None = None
        self._seen_version = -1
        self._changed = False
        self._closed = False
        with self._lock:
            self._attach()
            self._back_up_quietly()
            self._seen_version = self._version()

    def close(self) -> None:
        """Back up if something changed in this session, and close. May be called twice."""
        with self._lock:
            if self._changed and not self._closed:
                self._back_up_quietly()
            self._closed = True
            self._detach()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` reads; it may be called twice if the file has to be recovered."""
        with self._lock:
            self._follow()
            return self._guard(lambda: work(self._connection()))

    def write(self, work: Callable[[sqlite3.Connection, int], T]) -> T:
        """Do `work` in one transaction, all of it or nothing, which is on the disk when this returns.

        Args:
            work: gets the connection and the number of this transaction, higher than that of any before. It may be
                called twice if the file has to be recovered.
        """

        with self._lock:
            self._follow()
            result = self._guard(lambda: self._write(work))
            while self._follow():
                # Another instance replaced the file meanwhile: this went into the one that was set aside.
                result = self._guard(lambda: self._write(work))
            self._changed = True
            return result

    def changed_elsewhere(self) -> bool:
        """Tell whether another instance has written since the last call. Fast: no table is read."""
        with self._lock:
            version = self.read(lambda _connection: self._version())
            changed = version != self._seen_version
            self._seen_version = version
        return changed

    def backup(self) -> None:
        """Write a backup now, even if none is due. If that fails, the older ones still exist."""
        try:
            self.read(lambda connection: write_backup(connection, self.backups))
        except (OSError, DamagedError) as error:
            raise LibraryError(
                _(
                    "The backup of your corrections could not be written to {folder}. Check the disk and the "
                    "permissions of the folder."
                ).format(folder=display_path(self.backups))
            ) from error

    def _write(self, work: Callable[[sqlite3.Connection, int], T]) -> T:
        connection, copy = self._connection(), self._copy
        if copy is None:
            raise LibraryError(library_problem(Failure.READ_ONLY, self.path))
        try:
            with transaction(connection):
                revision = next_revision(connection)
                result = work(connection, revision)
                copy.append(connection, revision)
        except BaseException as error:
            # Or the next start would do what was said to have failed.
            with contextlib.suppress(sqlite3.Error, OSError), transaction(connection):
                copy.cut_back(probe(connection))
            if isinstance(error, OSError):
                raise LibraryError(library_problem(failure_of_system(error), self.path)) from error
            raise
        copy.confirm()
        return result

    def _guard(self, work: Callable[[], T]) -> T:
        """Do `work`, twice if the file turns out to be damaged and is recovered."""
        try:
            try:
                return work()
            except (sqlite3.DatabaseError, UnicodeError, OverflowError) as error:
                if isinstance(error, sqlite3.Error) and failure_of(error) is not Failure.DAMAGED:
                    raise
                _log.warning("the library is damaged: %s", for_log(error))
                self._detach()
                self._attach()
                return work()
        except sqlite3.Error as error:
            raise LibraryError(library_problem(failure_of(error), self.path)) from error

    def _follow(self) -> bool:
        """Switch to the new file if another instance, or the user, has replaced this one; return whether it was."""
        if self._closed:
            raise LibraryError(_("Your corrections are closed. Restart AlpacaSorter."))
        if self._open_connection is None:
            self._attach()
        old, copy = self._open_connection, self._copy
        if old is None or copy is None or self._identity == identity(self.path):
            return False
        if copy.is_gone():
            # Everything was removed, and this is all there is.
            with contextlib.suppress(*DAMAGE, OSError):
                copy.write(old)
        # The old file stays open until the new one is open: if that fails, the next call tries again.
        self._attach()
        with contextlib.suppress(sqlite3.Error):
            old.close()
        return True

    def _attach(self) -> None:
        """Open the file, and recover it if necessary."""
        try:
            private_folder(self.path.parent)
            keep_private(self.path.parent)
            with exclusive(self.path.with_name(self.path.name + ".lock")):
                self._open_connection, self._copy, notice = open_library(self.path, self.backups)
                self._identity = identity(self.path)
        except sqlite3.Error as error:
            raise LibraryError(library_problem(failure_of(error), self.path)) from error
        except OSError as error:
            raise LibraryError(library_problem(failure_of_system(error), self.path)) from error
        except DAMAGE as error:
            raise LibraryError(library_problem(Failure.DAMAGED, self.path)) from error
        # Every reader must read again: the new file may hold other corrections.
        self._seen_version = -1
        self.notice = notice or self.notice

    def _detach(self) -> None:
        connection, self._open_connection = self._open_connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _connection(self) -> sqlite3.Connection:
        if self._open_connection is None:
            raise LibraryError(library_problem(Failure.READ_ONLY, self.path))
        return self._open_connection

    def _version(self) -> int:
        return pragma_number(self._connection(), "data_version")

    def _back_up_quietly(self) -> None:
        """Write a backup and the second copy, if due. If that fails, the user must still get their corrections."""
        try:
            connection = self._connection()
            if not is_backed_up(connection, self.backups):
                write_backup(connection, self.backups)
            if self._copy is not None and self._copy.is_too_long():
                with transaction(connection):
                    self._copy.write(connection)
            if self._copy is not None:
                with transaction(connection):
                    self._copy.seal(connection)
        except (OSError, *DAMAGE) as error:
            _log.warning("no backup of the library was written: %s", for_log(error))


class NoFile(LibraryFile):
    """Stands in for a file that can't be opened: it is empty, and refuses to keep anything."""

    def __init__(self, path: Path, why: str) -> None:
        """Raise LibraryError with the sentence `why` on every attempt to write."""
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
