"""What the library and the cache share: opening SQLite files, transactions, migrations, kinds of failure."""

from __future__ import annotations

import contextlib
import datetime
import enum
import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from alpacasorter.core.os_errors import InternalError

COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite appends to the name of a database for the files it keeps beside it."""

_SHORT_READS = (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)


class Failure(enum.Enum):
    """Why SQLite failed, as far as the app acts on it.

    Attributes:
        DAMAGED: the content of the file is not what was written.
        BUSY: another instance held it for longer than the time limit.
        FULL: no space is left on the disk.
        READ_ONLY: the file or its folder can't be opened or written.
        DISK: the disk, or the memory, reported an error.
    """

    DAMAGED = enum.auto()
    BUSY = enum.auto()
    FULL = enum.auto()
    READ_ONLY = enum.auto()
    DISK = enum.auto()


class DamagedError(InternalError):
    """The file is a database, but not an intact one of ours."""


class TooNewError(InternalError):
    """The file was written by a newer version of the app."""


DAMAGE = (
    *(sqlite3.Error, DamagedError, ValueError, TypeError, OverflowError),
    *(AttributeError, LookupError, MemoryError, RecursionError),
)
"""What reading a damaged database, of whatever bytes, may raise; an sqlite3.Error may also mean something else."""


def failure_of(error: sqlite3.Error) -> Failure:
    """Return why SQLite failed. Errors without a code (such as text that is not UTF-8) count as damage."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None or code in _SHORT_READS:
        return Failure.DAMAGED
    primary = code & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Failure.BUSY
    if primary == sqlite3.SQLITE_FULL:
        return Failure.FULL
    if primary in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
    ):
        return Failure.READ_ONLY
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_PROTOCOL):
        return Failure.DISK
    return Failure.DAMAGED


def failure_of_system(error: OSError) -> Failure:
    """Return why the system refused to write a file."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return Failure.FULL
    return Failure.DISK if error.errno == errno.EIO else Failure.READ_ONLY


def connect(path: Path | None, *, synchronous: Literal["FULL", "NORMAL"], busy_seconds: float) -> sqlite3.Connection:
    """Open a database, created if it does not exist; None opens a private one that ends with the connection.

    Outside `transaction` every statement is committed at once. The connection may be used from any thread, but by only
    one at a time.

    Raises:
        sqlite3.Error: the file can't be opened, or is not a database. Most damage shows only later.
    """
    connection = sqlite3.connect(
        path if path is not None else "", timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        # Without this, a sync returns on macOS before the data is on the disk. No effect on other systems.
        connection.execute(f"PRAGMA fullfsync = {int(synchronous == 'FULL')}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def use_wal(connection: sqlite3.Connection) -> None:
    """Switch the database to a write-ahead log, if the file system supports it."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of the block or nothing. Waits for other writers, in any process, before the block."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back already. If it can't now, it does when the file is next opened.
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def exclusive(path: Path, *, seconds: float = 30.0) -> Iterator[None]:
    """Let only one instance of the app at a time, across all processes, into the block.

    Unlike `files.lock_file` this can wait, and it also keeps out versions of the app that have always locked this way.

    Args:
        path: a file for this purpose only, created if it does not exist. It stays empty: SQLite's own lock on it works
            on every platform, and ends with the process, however that ends.
        seconds: how long to wait.

    Raises:
        sqlite3.Error: another instance held it for longer than that, or the file can't be opened.
        OSError: it can't be created.
    """
    if os.path.lexists(path) and not path.is_file():
        set_aside(path)
    make_private(path)
    lock = sqlite3.connect(path, timeout=seconds, isolation_level=None, check_same_thread=False)
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if failure_of(error) is not Failure.DAMAGED:
                raise
            lock.close()
            path.unlink(missing_ok=True)
            lock = sqlite3.connect(path, timeout=seconds, isolation_level=None, check_same_thread=False)
            lock.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()


def pragma_number(connection: sqlite3.Connection, name: str) -> int:
    """Return a whole-number setting of the database, such as its `user_version`."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def migrate(connection: sqlite3.Connection, *, application_id: int, migrations: Sequence[Sequence[str]]) -> None:
    """Migrate a database to the newest version, in one transaction.

    Args:
        connection: an empty database or one of ours.
        application_id: the number that marks a database as ours.
        migrations: for each version, the statements that lead to it from the version before.

    Raises:
        DamagedError: it is a database of another program.
        TooNewError: its version is later than the newest one here.
        sqlite3.Error: SQLite failed; nothing was changed.
    """
    with transaction(connection):
        version = pragma_number(connection, "user_version")
        found = pragma_number(connection, "application_id")
        if found != application_id:
            tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
            if found or version or tables:
                raise DamagedError(f"marked {found:#x} instead of {application_id:#x}")
        if version > len(migrations):
            raise TooNewError(f"version {version}; {len(migrations)} is the newest known")
        if found == application_id and version == len(migrations):
            return
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def check(connection: sqlite3.Connection, what: str | int = 1) -> None:
    """Check that every page of the database, and every index, is consistent, or those of one table.

    Raises:
        DamagedError: one is not.
        sqlite3.Error: the database could not be read at all.
    """
    verdict = connection.execute(f"PRAGMA integrity_check({what})").fetchone()[0]
    if verdict != "ok":
        raise DamagedError(str(verdict))


def make_private(path: Path) -> None:
    """Create an empty file that only its owner can read, or make an existing one such; raises OSError if it can't be
    created."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        # Without opening it: closing a database here would end the locks that SQLite holds on it.
        with contextlib.suppress(OSError):
            if os.name == "posix" and path.stat().st_mode & 0o077:
                path.chmod(0o600)


def free_name(path: Path, suffixes: Iterable[str] = ("",)) -> Path:
    """Return a name beside `path` with the date for something damaged, free with each of the suffixes."""
    stamp = datetime.datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    for attempt in range(1, 1000):
        again = f"-{attempt}" if attempt > 1 else ""
        aside = path.with_name(f"{path.stem}-damaged-{stamp}{again}{path.suffix}")
        if not any(os.path.lexists(aside.with_name(aside.name + suffix)) for suffix in suffixes):
            break
    return aside


def set_aside(path: Path) -> None:
    """Rename what is in the way of a file of ours, such as a folder; raises OSError."""
    path.rename(free_name(path))


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file now at `path` from one that was there before; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def companions(path: Path) -> list[Path]:
    """Return the paths of the files that SQLite keeps beside the database at `path`."""
    return [path.with_name(path.name + suffix) for suffix in COMPANIONS]


def key_to_blob(content_key: str) -> bytes:
    """Return a content key as the 32 bytes that are stored.

    Raises:
        ValueError: it is not 64 hexadecimal digits.
    """
    blob = bytes.fromhex(content_key)
    if len(blob) != 32:
        raise ValueError(f"a content key has 64 hexadecimal digits: {content_key!r}")
    return blob


def path_to_blob(path: Path) -> bytes:
    """Return a path as stored: its bytes, because a name need not be valid text."""
    return os.fsencode(path)


def blob_to_path(blob: bytes) -> Path:
    """Return the path that was stored as `blob`."""
    return Path(os.fsdecode(blob))


def utc_now() -> str:
    """Return the time in UTC as ISO 8601 with microseconds, such as 2026-05-03T14:32:10.000000+00:00."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
