"""Backups of the library: written, rotated, and the newest that is whole restored."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.database import (
    DamagedError,
    Failure,
    check,
    failure_of,
    pragma_number,
    sync,
    sync_folder,
)
from alpacasorter.core.library_schema import (
    APPLICATION_ID,
    MIGRATIONS,
    LibraryTooNewError,
    new_connection,
    probe,
)

KEPT: Final = 5

_NAME: Final = re.compile(r"library-(\d{6,})-(\d{8}T\d{6}Z)\.sqlite")
_WHEN: Final = "%Y%m%dT%H%M%SZ"
_UNFINISHED: Final = "writing-"


class Backup(NamedTuple):
    """A backup in the folder: its place in the series, when it was made, its file."""

    number: int
    made_at: datetime.datetime
    path: Path


def list_backups(folder: Path) -> list[Backup]:
    """Return the backups in a folder, the newest first; none if there is no such folder."""
    found: list[Backup] = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                with contextlib.suppress(ValueError):
                    when = datetime.datetime.strptime(match[2], _WHEN).replace(tzinfo=datetime.UTC)
                    found.append(Backup(int(match[1]), when, path))
    return sorted(found, reverse=True)


def write_backup(connection: sqlite3.Connection, folder: Path) -> Path:
    """Copy an open library into a new backup, check the copy, and keep only the newest `KEPT`.

    Raises:
        OSError, sqlite3.Error, DamagedError: it couldn't be written, or the copy is not whole. The older
            backups are all still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED, suffix=".tmp", dir=folder)
    os.close(handle)
    unfinished = Path(name)
    try:
        _copy(connection, unfinished)
        existing = list_backups(folder)
        # Numbered, so that a clock that was wrong for a day can't make the newest look like the oldest.
        number = existing[0].number + 1 if existing else 1
        now = datetime.datetime.now(datetime.UTC)
        final = folder / f"library-{number:06d}-{now.strftime(_WHEN)}.sqlite"
        unfinished.replace(final)
        sync_folder(folder)
    finally:
        unfinished.unlink(missing_ok=True)
    for old in list_backups(folder)[KEPT:]:
        with contextlib.suppress(OSError):
            old.path.unlink()
    _tidy(folder)
    return final


def is_backed_up(connection: sqlite3.Connection, folder: Path) -> bool:
    """Whether the newest backup is whole and knows every change, or there was no change ever."""
    changes = probe(connection)
    if changes == 0:
        return True
    existing = list_backups(folder)
    if not existing:
        return False
    try:
        with contextlib.closing(_read_only(existing[0].path)) as backup:
            return probe(backup) == changes
    except (sqlite3.Error, TypeError):
        return False


def restore_newest(backups: Path, target: Path) -> Backup | None:
    """Copy the newest backup that is whole to `target`, and say which it was."""
    for backup in list_backups(backups):
        try:
            with contextlib.closing(_read_only(backup.path)) as source:
                check(source)
                if pragma_number(source, "application_id") != APPLICATION_ID:
                    continue
                if pragma_number(source, "user_version") > len(MIGRATIONS):
                    raise LibraryTooNewError(
                        "Your corrections file is damaged, and its backup is from a newer AlpacaSorter."
                        " Install the newest version to open it."
                    )
                _copy(source, target)
        except (sqlite3.Error, DamagedError) as error:
            target.unlink(missing_ok=True)
            if isinstance(error, sqlite3.Error) and failure_of(error) is Failure.FULL:
                raise
            continue
        return backup
    return None


def _copy(source: sqlite3.Connection, target: Path) -> None:
    """Copy an open library to a file that is whole by itself, without a log beside it, and checked."""
    with contextlib.closing(new_connection(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        check(copy)
    sync(target)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _tidy(folder: Path) -> None:
    """Delete what a crash in the middle of a backup left; not what another instance may be writing now."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > 3600:
                    path.unlink()
