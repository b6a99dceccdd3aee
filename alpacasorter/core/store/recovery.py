"""Opens a library that may be damaged, and writes and restores its backups.

A damaged file is set aside, the newest intact backup is restored, and what can still be read in the damaged file is
merged into it.
"""

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

from alpacasorter import i18n
from alpacasorter.core.files import flush_file, flush_folder
from alpacasorter.core.store.database import (
    DamagedError,
    Failure,
    check,
    companions,
    failure_of,
    pragma_number,
    use_wal,
)
from alpacasorter.core.store.library_schema import (
    APPLICATION_ID,
    MIGRATIONS,
    LibraryTooNewError,
    Rows,
    bring_up_to_date,
    merge,
    new_connection,
    probe,
)
from alpacasorter.core.store.salvage import salvage
from alpacasorter.i18n import _, ngettext


class Opened(NamedTuple):
    """An open, intact library of the newest version, and what the user must be told, if anything."""

    connection: sqlite3.Connection
    notice: str | None


def open_library(path: Path, backups: Path) -> Opened:
    """Open the library at `path`, created if there never was one, restored if it is damaged or lost.

    Only one instance at a time may call this.

    Raises:
        LibraryTooNewError: a newer version of the app wrote it. Nothing was touched.
        OSError, sqlite3.Error, DamagedError: it can't be opened or restored. Nothing was lost by trying.
    """
    log, *_rest = companions(path)
    # SQLite ignores everything in a log after a bad byte, and deletes it, so its rows are read first.
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
        notice = _("Part of your corrections file was damaged.") + " " + _recovered_from_it(regained)
    return Opened(connection, notice)


def _is_lost(path: Path, backups: Path) -> bool:
    """Tell whether SQLite must not even open this: it would create a new one and delete the log of the old one."""
    if path.is_dir():
        return True
    if path.exists() and path.stat().st_size:
        return False
    log, *_rest = companions(path)
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
        # Only now: a file that is not ours, or of a newer app, must not be touched.
        use_wal(connection)
        # A short log is read quickly after a crash.
        connection.execute("PRAGMA wal_autocheckpoint = 200")
    except BaseException:
        connection.close()
        raise
    return connection


def _recover(path: Path, backups: Path, unsaved: Rows) -> str:
    """Replace a damaged or lost library by an intact one, and return what to tell the user.

    Nothing is moved until the new file is complete. After a crash at any point the next attempt gets the same result,
    because the new file is itself one of the sources.
    """
    restored = _restored(path)
    building = path.with_name(path.name + ".building")
    log, *_rest = companions(path)
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
    flush_file(building)
    flush_folder(path.parent)
    building.replace(restored)
    aside = _set_aside(path)
    restored.replace(path)
    flush_folder(path.parent)
    return _account(aside, backup, regained)


def _set_aside(path: Path) -> Path | None:
    """Rename a damaged library and the files beside it to free names with the date; None if there was nothing."""
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


def _account(aside: Path | None, backup: Backup | None, recovered: int) -> str:
    """Return what to tell the user after a recovery.

    Args:
        aside: where the damaged file is now; None if it was missing.
        backup: the backup that was opened, if any.
        recovered: how many corrections were read from what was left.
    """
    if backup is None and not recovered:
        lost = _("There was no backup and nothing in it could be read, so you start without corrections.")
        return f"{_what_happened(aside)} {lost}"
    if backup is None:
        return f"{_what_happened(aside)} {_('There was no backup.')} {_recovered_from_it(recovered)}"
    day = i18n.day(backup.made_at)
    if aside is None:
        text = _("Your corrections file was missing, so the backup of {day} was opened.").format(day=day)
    else:
        text = _(
            "Your corrections file was damaged. It was set aside as {name}, and the backup of {day} was opened."
        ).format(name=aside.name, day=day)
    return f"{text} {_recovered_from_old(recovered)}" if recovered else text


def _what_happened(aside: Path | None) -> str:
    if aside is None:
        return _("Your corrections file was missing.")
    return _("Your corrections file was damaged. It was set aside as {name}.").format(name=aside.name)


def _recovered_from_it(count: int) -> str:
    return ngettext(
        "{count} correction was recovered from it.", "{count} corrections were recovered from it.", count
    ).format(count=i18n.number(count))


def _recovered_from_old(count: int) -> str:
    return ngettext(
        "{count} correction was recovered from the old file.",
        "{count} corrections were recovered from the old file.",
        count,
    ).format(count=i18n.number(count))


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
    except (sqlite3.Error, TypeError):
        return False


def restore_newest(backups: Path, target: Path) -> Backup | None:
    """Copy the newest intact backup to `target` and return it; None if there is none.

    Raises:
        LibraryTooNewError: a newer version of the app wrote it.
        sqlite3.Error: the disk is full.
    """
    for backup in list_backups(backups):
        try:
            with contextlib.closing(_read_only(backup.path)) as source:
                check(source)
                if pragma_number(source, "application_id") != APPLICATION_ID:
                    continue
                if pragma_number(source, "user_version") > len(MIGRATIONS):
                    raise LibraryTooNewError(
                        _(
                            "Your corrections file is damaged, and its backup is from a newer version of AlpacaSorter."
                            " Install the newest version to open it."
                        )
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
