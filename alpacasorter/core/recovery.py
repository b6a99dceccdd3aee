"""Opens a library that may be damaged: check, set aside, restore a backup, merge what can be read."""

from __future__ import annotations

import contextlib
import datetime
import os
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.backup import Backup, list_backups, restore_newest, write_backup
from alpacasorter.core.database import (
    DamagedError,
    Failure,
    check,
    companions,
    failure_of,
    pragma_number,
    sync,
    sync_folder,
    use_wal,
)
from alpacasorter.core.library_schema import MIGRATIONS, Rows, bring_up_to_date, merge, new_connection, probe
from alpacasorter.core.salvage import salvage

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Opened(NamedTuple):
    """An open, whole library of the newest version, and what the user must be told, if anything."""

    connection: sqlite3.Connection
    notice: str | None


def open_library(path: Path, backups: Path) -> Opened:
    """Open the library at `path`, new if there never was one, restored if it is damaged or lost.

    One instance at a time may be in here.

    Raises:
        LibraryTooNewError: a later version of the app wrote it. Nothing was touched.
        OSError, sqlite3.Error, DamagedError: it can't be opened or restored. Nothing was lost by trying.
    """
    log, *_others = companions(path)
    # SQLite passes over all of a log that follows a bad byte, and deletes it; so its rows are read before.
    unsaved = salvage([log])
    notice = None
    if _is_lost(path, backups):
        notice = _recover(path, backups, unsaved)
    try:
        connection = _open_whole(path, backups)
    except (DamagedError, TypeError):
        notice = _recover(path, backups, unsaved)
        connection = _open_whole(path, backups)
    except sqlite3.Error as error:
        if failure_of(error) is not Failure.DAMAGED:
            raise
        notice = _recover(path, backups, unsaved)
        connection = _open_whole(path, backups)
    try:
        regained = merge(connection, unsaved)
    except BaseException:
        connection.close()
        raise
    if regained and notice is None:
        notice = f"A part of your corrections file was damaged. {_count(regained)} read back from it."
    return Opened(connection, notice)


def _is_lost(path: Path, backups: Path) -> bool:
    """Whether SQLite must not even open this: it would start a new one, and delete the log of the old one."""
    if path.is_dir():
        return True
    if path.exists() and path.stat().st_size:
        return False
    log, *_others = companions(path)
    return bool((log.exists() and log.stat().st_size) or _restored(path).exists() or list_backups(backups))


def _open_whole(path: Path, backups: Path) -> sqlite3.Connection:
    connection = new_connection(path)
    try:
        check(connection)
        version = pragma_number(connection, "user_version")
        if 0 < version < len(MIGRATIONS):
            write_backup(connection, backups)
        bring_up_to_date(connection)
        probe(connection)
        # Only now: what is not ours, or of a newer app, must not be touched.
        use_wal(connection)
        # A short log keeps the reading of it after a crash short.
        connection.execute("PRAGMA wal_autocheckpoint = 200")
    except BaseException:
        connection.close()
        raise
    return connection


def _recover(path: Path, backups: Path, unsaved: Rows) -> str:
    """Put a whole library in the place of a damaged or lost one, and return the sentences for the user.

    Until the new file is complete nothing is moved. A crash at any point leaves files from which the next
    attempt gets the same: the new file is itself one of the sources.
    """
    restored = _restored(path)
    building = path.with_name(path.name + ".building")
    log, *_others = companions(path)
    rows = salvage([path, log, restored])
    building.unlink(missing_ok=True)
    backup = restore_newest(backups, building)
    connection = new_connection(building)
    try:
        bring_up_to_date(connection)
        regained = merge(connection, rows) + merge(connection, unsaved)
        check(connection)
    finally:
        connection.close()
    sync(building)
    building.replace(restored)
    aside = _set_aside(path)
    restored.replace(path)
    sync_folder(path.parent)
    return _account(aside, backup, regained)


def _set_aside(path: Path) -> Path | None:
    """Rename a damaged library and the files beside it to free dated names; None if there was nothing."""
    stamp = datetime.datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    suffixes = ["", *(other.name.removeprefix(path.name) for other in companions(path))]
    for attempt in range(1, 1000):
        again = f"-{attempt}" if attempt > 1 else ""
        aside = path.with_name(f"{path.stem}-damaged-{stamp}{again}{path.suffix}")
        if not any(os.path.lexists(aside.with_name(aside.name + suffix)) for suffix in suffixes):
            break
    moved = False
    for suffix in suffixes:
        source = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            source.rename(aside.with_name(aside.name + suffix))
            moved = moved or suffix != "-shm"
    return aside if moved else None


def _restored(path: Path) -> Path:
    return path.with_name(path.name + ".restored")


def _account(aside: Path | None, backup: Backup | None, regained: int) -> str:
    """Return what is told to the user after a recovery."""
    if aside is not None:
        start, what = (
            f"Your corrections file was damaged. It was set aside as {aside.name}",
            "the damaged file",
        )
    else:
        start, what = "Your corrections file was missing", "what was left of it"
    if backup is not None:
        text = f"{start} and the backup of {_day(backup.made_at)} was opened."
        return f"{text} {_count(regained)} read back from {what}." if regained else text
    if regained:
        return f"{start}. There was no backup, but {_count(regained).lower()} read back from {what}."
    return f"{start}. There was no backup and nothing in it could be read, so you start without corrections."


def _day(moment: datetime.datetime) -> str:
    # Not strftime's month: the sentence is English whatever the user's language.
    local = moment.astimezone()
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def _count(corrections: int) -> str:
    return "One correction was" if corrections == 1 else f"{corrections} corrections were"
