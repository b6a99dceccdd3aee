"""The backups of the library: complete, numbered copies in a folder; only the newest few are kept."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.files import flush_file, flush_folder
from alpacasorter.core.session_paths import private_folder
from alpacasorter.core.store.database import DAMAGE, check, pragma_number
from alpacasorter.core.store.library_schema import APPLICATION_ID, new_connection, probe

KEPT: Final = 5

_NAME: Final = re.compile(r"library-(\d{6,})-(\d{8}T\d{6}Z)\.sqlite")
_WHEN: Final = "%Y%m%dT%H%M%SZ"
_UNFINISHED: Final = "writing-"


class Backup(NamedTuple):
    """A backup in the folder: its number in the series, when it was made, and its file."""

    number: int
    made_at: datetime.datetime
    path: Path


def list_backups(folder: Path) -> list[Backup]:
    """Return the backups in a folder, the newest first; none if the folder does not exist."""
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
    """Copy an open library to a new backup, check the copy, and keep only the newest `KEPT`.

    Raises:
        OSError, sqlite3.Error, DamagedError: it couldn't be written, or the copy is not intact. All older backups still
            exist.
    """
    private_folder(folder)
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED, suffix=".tmp", dir=folder)
    os.close(handle)
    unfinished = Path(name)
    try:
        copy_library(connection, unfinished)
        existing = list_backups(folder)
        # Numbered, so that a clock that was wrong for a day can't make the newest look like the oldest.
        number = existing[0].number + 1 if existing else 1
        now = datetime.datetime.now(datetime.UTC)
        final = folder / f"library-{number:06d}-{now.strftime(_WHEN)}.sqlite"
        unfinished.replace(final)
        flush_folder(folder)
    finally:
        unfinished.unlink(missing_ok=True)
    for old in list_backups(folder)[KEPT:]:
        with contextlib.suppress(OSError):
            old.path.unlink()
    _tidy(folder)
    return final


def is_backed_up(connection: sqlite3.Connection, folder: Path) -> bool:
    """Tell whether the newest backup is intact and has every change, or nothing has ever been changed."""
    changes = probe(connection)
    if changes == 0:
        return True
    existing = list_backups(folder)
    if not existing:
        return False
    try:
        with contextlib.closing(_read_only(existing[0].path)) as backup:
            return probe(backup) == changes
    except DAMAGE:
        return False


@contextlib.contextmanager
def newest_whole(folder: Path) -> Iterator[tuple[Backup, sqlite3.Connection] | None]:
    """Open the newest intact backup, to be read only; None if there is none."""
    for backup in list_backups(folder):
        try:
            connection = _read_only(backup.path)
        except sqlite3.Error:
            continue
        with contextlib.closing(connection):
            try:
                check(connection)
                if pragma_number(connection, "application_id") != APPLICATION_ID:
                    continue
            except DAMAGE:
                continue
            yield backup, connection
            return
    yield None


def copy_library(source: sqlite3.Connection, target: Path) -> None:
    """Copy an open library to a complete file without a log beside it, and check that."""
    with contextlib.closing(new_connection(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        check(copy)
    flush_file(target)
    flush_folder(target.parent)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _tidy(folder: Path) -> None:
    """Delete what a crash during a backup left behind, but nothing that another instance may be writing now."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > 3600:
                    path.unlink()
