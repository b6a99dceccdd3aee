"""Opens a library that may be damaged, behind its second copy, or lost, and makes the two agree.

If the file is whole and the second copy is too, a row in which they differ is taken from the second copy, whose lines
have checksums. If the file is not whole it is set aside, and a new one is made: from the second copy, or, as far as
that is damaged as well, from the newest backup, what SQLite can still read in the file, and the lines that are left.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import NamedTuple

from alpacasorter import i18n
from alpacasorter.core.files import flush_file, flush_folder
from alpacasorter.core.os_errors import for_log
from alpacasorter.core.store.backups import Backup, copy_library, list_backups, newest_whole, write_backup
from alpacasorter.core.store.database import (
    DAMAGE,
    DamagedError,
    Failure,
    check,
    companions,
    failure_of,
    free_name,
    make_private,
    migrate,
    pragma_number,
    set_aside,
    transaction,
    use_wal,
)
from alpacasorter.core.store.library_schema import (
    APPLICATION_ID,
    MIGRATIONS,
    LibraryTooNewError,
    bring_up_to_date,
    count_changes,
    new_connection,
    probe,
    too_new,
)
from alpacasorter.core.store.rows import (
    Row,
    all_rows,
    columns,
    delete_row,
    put_newer,
    put_row,
    readable_rows,
    tables,
    values,
    watch,
)
from alpacasorter.core.store.second_copy import Content, SecondCopy
from alpacasorter.i18n import _, ngettext

_log = logging.getLogger(__name__)


class Opened(NamedTuple):
    """An open, intact library of the newest version, its second copy, and what the user must be told, if anything."""

    connection: sqlite3.Connection
    copy: SecondCopy
    notice: str | None


def open_library(path: Path, backups: Path) -> Opened:
    """Open the library at `path`, created if there never was one, restored if it is damaged or lost.

    Only one instance at a time may call this.

    Raises:
        LibraryTooNewError: a newer version of the app wrote it. Nothing was touched.
        OSError, sqlite3.Error, DamagedError: it can't be opened or restored. Nothing was lost by trying.
    """
    copy = SecondCopy(path)
    for other in (*companions(path), *copy.paths):
        if os.path.lexists(other) and not other.is_file():
            set_aside(other)
    # An earlier version left them readable by everyone.
    for file in (*copy.paths, *(backup.path for backup in list_backups(backups))):
        if file.is_file():
            make_private(file)
    # Left by one that ended, by a crash, while it was made.
    _remove_building(path)
    restored = _restored(path)
    notice = None
    if restored.exists() and not os.path.lexists(path):
        # A recovery that ended, by a crash, between its last two steps.
        restored.replace(path)
        notice = _("Your corrections file was damaged and has been restored.")
    connection = _open_sealed(path, copy)
    if connection is not None:
        return Opened(connection, copy, notice)
    content = copy.read()
    if content is not None and content.version > len(MIGRATIONS):
        raise too_new()
    agreed = True
    try:
        if _is_lost(path, backups, content):
            raise DamagedError("missing or empty")
        make_private(path)
        connection = _open_whole(path, content)
        regained = _agree(connection, copy)
    except DAMAGE as error:
        _close(connection)
        if isinstance(error, sqlite3.Error) and failure_of(error) is not Failure.DAMAGED:
            raise
        _log.warning("the library is damaged: %s", for_log(error))
        try:
            notice = _recover(path, backups, content)
        finally:
            # On a full disk, it takes the room that the next try needs.
            _remove_building(path)
        agreed, regained = False, 0
        connection = _open_whole(path, None)
    try:
        _get_ready(connection, backups, copy, agreed=agreed)
    except BaseException:
        connection.close()
        raise
    if notice is None and regained:
        notice = _regained(regained)
    if notice is None and content is not None and content.damaged:
        notice = _("The second copy of your corrections was damaged and has been made again. Nothing was lost.")
    return Opened(connection, copy, notice)


def _open_sealed(path: Path, copy: SecondCopy) -> sqlite3.Connection | None:
    """Open a library that is, byte by byte, what it was when it was closed; None if it needs a closer look."""
    if not path.is_file() or not all(file.is_file() for file in copy.paths):
        return None
    make_private(path)
    connection = None
    try:
        connection = new_connection(path)
        if pragma_number(connection, "user_version") == len(MIGRATIONS):
            with transaction(connection):
                sealed = copy.is_sealed(connection)
            if sealed:
                _set_up(connection)
                return connection
    except DAMAGE as error:
        _log.info("the library must be looked at: %s", for_log(error))
    except BaseException:
        _close(connection)
        raise
    _close(connection)
    return None


def _is_lost(path: Path, backups: Path, content: Content | None) -> bool:
    """Tell whether SQLite must not even open this: it would create a new one and delete the log of the old one."""
    if os.path.lexists(path) and not path.is_file():
        return True
    if path.exists() and path.stat().st_size:
        return False
    log, *_rest = companions(path)
    return bool(content is not None or (log.exists() and log.stat().st_size) or list_backups(backups))


def _open_whole(path: Path, content: Content | None) -> sqlite3.Connection:
    """Open a library if every page of it is consistent, whatever its version."""
    connection = new_connection(path)
    try:
        check(connection)
        found, version = pragma_number(connection, "application_id"), pragma_number(connection, "user_version")
        if found != APPLICATION_ID and (found or version or tables(connection)):
            raise DamagedError(f"marked {found:#x} instead of {APPLICATION_ID:#x}")
        if version > len(MIGRATIONS):
            # A newer app would have changed the tables, and noted its version in the second copy, too.
            if content is not None and content.version and _has_tables_of(connection, len(MIGRATIONS)):
                raise DamagedError(f"marked as version {version}")
            raise too_new()
        if found and not _has_tables_of(connection, version):
            raise DamagedError("the tables are not what was created")
    except BaseException:
        connection.close()
        raise
    return connection


def _has_tables_of(connection: sqlite3.Connection, version: int) -> bool:
    """Tell whether the tables and columns are those of a version. Their names are text in the file like any other."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        migrate(empty, application_id=APPLICATION_ID, migrations=MIGRATIONS[:version])
        return tables(empty) == tables(connection) and all(
            columns(empty, table) == columns(connection, table) for table in tables(empty)
        )


def _agree(connection: sqlite3.Connection, copy: SecondCopy) -> int:
    """Bring a whole library up to its second copy; return how many rows it had lost.

    Raises:
        DamagedError: rows differ that no crash explains.
    """
    with transaction(connection):
        # Read while nothing can write.
        content = copy.read()
        if content is None or not content.rows:
            return 0
        version = pragma_number(connection, "user_version")
        if version < content.version:
            raise DamagedError(f"version {version}, and the second copy has {content.version}")
        if version > content.version > 0:
            # It was migrated, and then there was no time to write the second copy again.
            return 0
        changes = count_changes(connection)
        if max(content.revision, content.confirmed) > changes and not content.whole:
            raise DamagedError(f"transactions after {changes} are missing, and so are lines of the second copy")
        dated = {table for table in tables(connection) if "revision" in columns(connection, table)}
        knows_all = content.whole and content.revision >= changes
        rest = dict(content.rows)
        late: list[tuple[str, int, bytes | None]] = []
        for name, number, row in all_rows(connection):
            table = name.decode()
            written, known = rest.pop((table, number), (0, None))
            if known == row or table == "state":
                continue
            if known is None and not (knows_all or written > changes):
                continue
            if written <= changes and (knows_all or (table in dated and written >= _revision(row))):
                raise DamagedError(f"row {number} of {table} is not what was written")
            if knows_all or written > changes:
                late.append((table, number, known))
        for (table, number), (written, known) in rest.items():
            if known is not None and table != "state":
                if written <= changes and (knows_all or table in dated):
                    raise DamagedError(f"row {number} of {table} is missing")
                if knows_all or written > changes:
                    late.append((table, number, known))
        for table, number, _known in late:
            delete_row(connection, table, number)
        names = {table: columns(connection, table) for table in tables(connection)}
        for table, _number, known in late:
            if known is not None:
                put_row(connection, table, names[table], values(known))
        if content.revision > changes:
            connection.execute("UPDATE state SET changes = ?", (content.revision,))
    # One that was about to be committed when the app was killed is no loss that the user should hear of.
    return len(late) if content.confirmed > changes else 0


def _revision(row: bytes) -> int:
    revision = values(row).get("revision")
    return revision if isinstance(revision, int) else 0


def _get_ready(connection: sqlite3.Connection, backups: Path, copy: SecondCopy, *, agreed: bool) -> None:
    """Migrate a whole library, and continue or start its second copy.

    Args:
        connection: the library.
        backups: the folder for backups.
        copy: its second copy.
        agreed: whether what that holds has been compared with the library.
    """
    version = pragma_number(connection, "user_version")
    if 0 < version < len(MIGRATIONS):
        write_backup(connection, backups)
    bring_up_to_date(connection)
    with transaction(connection):
        content = copy.read() if agreed else None
        current = len(MIGRATIONS), probe(connection)
        if content is not None and content.even and (content.version, content.revision) == current:
            copy.follow(content)
        else:
            copy.write(connection)
    _set_up(connection)
    with transaction(connection):
        copy.seal(connection)


def _set_up(connection: sqlite3.Connection) -> None:
    # Only now: a file that is not ours, or of a newer app, must not be touched.
    use_wal(connection)
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        # Without a log, a power cut could tear the file.
        connection.execute("PRAGMA synchronous = FULL")
    # A short log is read quickly after a crash.
    connection.execute("PRAGMA wal_autocheckpoint = 200")
    watch(connection)


def _recover(path: Path, backups: Path, content: Content | None) -> str:
    """Replace a damaged or lost library by an intact one, and return what to tell the user.

    Nothing is moved until the new file is complete, and nothing it was made from is deleted.
    """
    restored = _restored(path)
    building = _building(path)
    backup = None
    with newest_whole(backups) as found:
        if content is not None and content.whole:
            _build(building, content)
            base = content.revision
        elif found is not None:
            backup, source = found
            if pragma_number(source, "user_version") > len(MIGRATIONS):
                raise LibraryTooNewError(
                    _(
                        "Your corrections file is damaged, and its backup is from a newer version of AlpacaSorter."
                        " Install the newest version to open it."
                    )
                )
            _make_new(building)
            copy_library(source, building)
            base = count_changes(source) if pragma_number(source, "user_version") else 0
        else:
            _make_new(building)
            base = 0
        connection = new_connection(building)
        try:
            bring_up_to_date(connection)
            before = _corrections(connection)
            if found is not None and backup is None and count_changes(found[1]) > base:
                backup = found[0]
                put_newer(connection, _rows_of(found[1]), base)
                base = count_changes(found[1])
            put_newer(connection, _remains(path, base, certain=content is not None and content.whole), base)
            if content is not None and not content.whole:
                put_newer(connection, _lines_left(content), -1)
            regained = _corrections(connection) - (before if backup is not None else 0)
            connection.execute("PRAGMA journal_mode = DELETE")
            check(connection)
        finally:
            connection.close()
    flush_file(building)
    flush_folder(path.parent)
    building.replace(restored)
    aside = _set_aside(path)
    restored.replace(path)
    flush_folder(path.parent)
    if backup is None and content is not None and content.whole:
        return f"{_what_happened(aside)} {_('Everything was restored from its second copy.')}"
    return _account(aside, backup, regained)


def _make_new(path: Path) -> None:
    path.unlink(missing_ok=True)
    make_private(path)


def _build(path: Path, content: Content) -> None:
    """Make a library of exactly what a whole second copy says."""
    _make_new(path)
    with contextlib.closing(new_connection(path)) as connection:
        migrate(connection, application_id=APPLICATION_ID, migrations=MIGRATIONS[: content.version])
        with transaction(connection):
            names = {table: columns(connection, table) for table in tables(connection)}
            for (table, _number), (_revision, row) in sorted(content.rows.items()):
                if row is not None:
                    put_row(connection, table, names[table], values(row))


def _rows_of(connection: sqlite3.Connection) -> list[Row]:
    return [Row(name.decode(), number, values(row)) for name, number, row in all_rows(connection)]


def _lines_left(content: Content) -> list[Row]:
    """Return the rows of a second copy that lacks some lines."""
    rows = []
    for (table, number), (_revision, row) in content.rows.items():
        if row is not None:
            with contextlib.suppress(*DAMAGE):
                rows.append(Row(table, number, values(row)))
    return rows


def _remains(path: Path, base: int, *, certain: bool) -> list[Row]:
    """Return the rows that SQLite can still read in a damaged library and its log, from a copy: reading may change it.

    Args:
        path: the library.
        base: the number of the last transaction that is known from elsewhere.
        certain: whether what is known is sure to be all, unless the library itself says that there was more.
    """
    if not path.is_file():
        return []
    with tempfile.TemporaryDirectory(prefix="reading-", dir=path.parent, ignore_cleanup_errors=True) as folder:
        twin = Path(folder) / path.name
        for source in (path, companions(path)[0]):
            if source.is_file():
                shutil.copyfile(source, twin.with_name(source.name))
        return readable_rows(twin, after=base if certain else None)


def _corrections(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM corrections WHERE label IS NOT NULL").fetchone()[0])


def _set_aside(path: Path) -> Path | None:
    """Rename a damaged library and the files beside it to free names with the date; None if there was nothing."""
    suffixes = ["", *(other.name.removeprefix(path.name) for other in companions(path))]
    aside = free_name(path, suffixes)
    moved = False
    for suffix in suffixes:
        source = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            source.rename(aside.with_name(aside.name + suffix))
            moved = moved or suffix != "-shm"
    return aside if moved else None


def _building(path: Path) -> Path:
    return path.with_name(path.name + ".building")


def _remove_building(path: Path) -> None:
    building = _building(path)
    for file in (building, *companions(building)):
        with contextlib.suppress(OSError):
            file.unlink()


def _restored(path: Path) -> Path:
    return path.with_name(path.name + ".restored")


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(sqlite3.Error):
            connection.close()


def _account(aside: Path | None, backup: Backup | None, recovered: int) -> str:
    """Return what to tell the user after a recovery.

    Args:
        aside: where the damaged file is now; None if it was missing.
        backup: the backup that was opened, if any.
        recovered: how many corrections were found that are not in the backup.
    """
    if backup is None and not recovered:
        lost = _("There was no backup and nothing in it could be read, so you start without corrections.")
        return f"{_what_happened(aside)} {lost}"
    if backup is None:
        recovered_from_it = ngettext(
            "{count} correction was recovered from it.", "{count} corrections were recovered from it.", recovered
        ).format(count=i18n.number(recovered))
        return f"{_what_happened(aside)} {_('There was no backup.')} {recovered_from_it}"
    day = i18n.day(backup.made_at)
    if aside is None:
        text = _("Your corrections file was missing, so the backup of {day} was opened.").format(day=day)
    else:
        text = _(
            "Your corrections file was damaged. It was set aside as {name}, and the backup of {day} was opened."
        ).format(name=aside.name, day=day)
    if recovered <= 0:
        return text
    from_old = ngettext(
        "{count} correction was recovered from the old file.",
        "{count} corrections were recovered from the old file.",
        recovered,
    ).format(count=i18n.number(recovered))
    return f"{text} {from_old}"


def _what_happened(aside: Path | None) -> str:
    if aside is None:
        return _("Your corrections file was missing.")
    return _("Your corrections file was damaged. It was set aside as {name}.").format(name=aside.name)


def _regained(rows: int) -> str:
    return ngettext(
        "{count} change was missing from your corrections file and has been restored from its second copy.",
        "{count} changes were missing from your corrections file and have been restored from its second copy.",
        rows,
    ).format(count=i18n.number(rows))
