"""The tables of the library and their migrations, and the rows of the journal of sorts (see `sorting.journal`).

Every table has an `id`, and each row in it goes to the second copy (see `second_copy`), so a table or column added by a
migration needs nothing else. One with a `revision`, the number of the transaction that wrote the row last, is merged by
it when a damaged library is restored from several sources.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.files import display_path
from alpacasorter.core.store.database import Failure, TooNewError, connect, migrate
from alpacasorter.i18n import _

APPLICATION_ID: Final = int.from_bytes(b"AlpL", "big")
PAGE_SIZE: Final = 4096
BUSY_SECONDS: Final = 10.0
UID_BYTES: Final = 16

_SORT_TABLES: Final[tuple[str, ...]] = (
    # The number is for people; `uid` tells sorts apart when two copies of the library are merged. `done`, `failed` and
    # `remaining` count the steps as of the end of the last run.
    """CREATE TABLE sorts (
        id INTEGER PRIMARY KEY,
        uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
        number INTEGER NOT NULL UNIQUE,
        action TEXT NOT NULL,
        state TEXT NOT NULL,
        revision INTEGER NOT NULL,
        made_at TEXT NOT NULL,
        files INTEGER NOT NULL,
        done INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        remaining INTEGER NOT NULL,
        folder BLOB NOT NULL,
        destination BLOB NOT NULL,
        options TEXT NOT NULL)""",
    """CREATE TABLE sort_steps (
        id INTEGER PRIMARY KEY,
        sort BLOB NOT NULL CHECK (length(sort) = 16),
        position INTEGER NOT NULL,
        unit INTEGER NOT NULL,
        state TEXT NOT NULL,
        revision INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        mode INTEGER,
        placed_mtime_ns INTEGER,
        digest BLOB,
        way TEXT,
        temp TEXT,
        source BLOB NOT NULL,
        target BLOB NOT NULL,
        real BLOB,
        reason TEXT,
        UNIQUE (sort, position))""",
    """CREATE TABLE sort_folders (
        id INTEGER PRIMARY KEY,
        sort BLOB NOT NULL CHECK (length(sort) = 16),
        position INTEGER NOT NULL,
        state TEXT NOT NULL,
        revision INTEGER NOT NULL,
        marked INTEGER NOT NULL CHECK (marked IN (0, 1)),
        path BLOB NOT NULL,
        UNIQUE (sort, position))""",
)


class SortRow(NamedTuple):
    """A row of `sorts`."""

    uid: bytes
    number: int
    action: str
    state: str
    revision: int
    made_at: str
    files: int
    done: int
    failed: int
    remaining: int
    folder: bytes
    destination: bytes
    options: str


class StepRow(NamedTuple):
    """A row of `sort_steps`: what is done with one file."""

    sort: bytes
    position: int
    unit: int
    state: str
    revision: int
    size: int
    mtime_ns: int
    mode: int | None
    placed_mtime_ns: int | None
    digest: bytes | None
    way: str | None
    temp: str | None
    source: bytes
    target: bytes
    real: bytes | None
    reason: str | None


class FolderRow(NamedTuple):
    """A row of `sort_folders`: a folder that a sort created."""

    sort: bytes
    position: int
    state: str
    revision: int
    marked: int
    path: bytes


SORT_COLUMNS: Final = ", ".join(SortRow._fields)
STEP_COLUMNS: Final = ", ".join(StepRow._fields)
FOLDER_COLUMNS: Final = ", ".join(FolderRow._fields)

_SORT_PROBES: Final = tuple(
    f"SELECT id, {columns} FROM {table} LIMIT 1"
    for table, columns in (("sorts", SORT_COLUMNS), ("sort_steps", STEP_COLUMNS), ("sort_folders", FOLDER_COLUMNS))
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # Counts the transactions that wrote: a clock that no change of the computer's time can set back.
        "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), changes INTEGER NOT NULL)",
        "INSERT INTO state (id, changes) VALUES (1, 0)",
        # A removed correction stays as a row without a label, or merging an older copy would bring it back.
        """CREATE TABLE corrections (
            id INTEGER PRIMARY KEY,
            label_set TEXT NOT NULL,
            content_key BLOB NOT NULL CHECK (length(content_key) = 32),
            label TEXT,
            revision INTEGER NOT NULL,
            made_at TEXT NOT NULL,
            path_hint BLOB,
            UNIQUE (label_set, content_key))""",
        """CREATE TABLE correction_embeddings (
            id INTEGER PRIMARY KEY,
            content_key BLOB NOT NULL CHECK (length(content_key) = 32),
            backbone_id TEXT NOT NULL,
            embedding BLOB NOT NULL,
            UNIQUE (content_key, backbone_id))""",
        """CREATE TABLE head_versions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            bundle_id TEXT NOT NULL,
            made_at TEXT NOT NULL,
            corrections INTEGER NOT NULL,
            corrections_digest TEXT NOT NULL,
            bias REAL NOT NULL,
            measurements TEXT NOT NULL,
            weights BLOB NOT NULL)""",
        "CREATE INDEX head_versions_by_bundle ON head_versions (bundle_id, id)",
        """CREATE TABLE recent_folders (
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,
            opened_at TEXT NOT NULL)""",
    ),
    (
        # A correction counts as set aside while the row here is the later one; made again, it is learned from again.
        # One that is no longer set aside stays as a row, or merging an older copy would set it aside again.
        """CREATE TABLE corrections_set_aside (
            id INTEGER PRIMARY KEY,
            label_set TEXT NOT NULL,
            content_key BLOB NOT NULL CHECK (length(content_key) = 32),
            set_aside INTEGER NOT NULL CHECK (set_aside IN (0, 1)),
            revision INTEGER NOT NULL,
            UNIQUE (label_set, content_key))""",
        # The corrections a head was learned from (see library.py); NULL if an older app stored it.
        "ALTER TABLE head_versions ADD COLUMN members BLOB",
    ),
    # The journal of sorts.
    _SORT_TABLES,
    # By which a correction is found when metadata in the file has changed; NULL until the photo is next read.
    ("ALTER TABLE corrections ADD COLUMN picture_key BLOB CHECK (length(picture_key) = 32)",),
)

_PROBES: Final = (
    "SELECT changes FROM state",
    "SELECT id, label_set, content_key, label, revision, made_at, path_hint, picture_key FROM corrections LIMIT 1",
    "SELECT id, content_key, backbone_id, embedding FROM correction_embeddings LIMIT 1",
    """SELECT id, bundle_id, made_at, corrections, corrections_digest, bias, measurements, weights, members
       FROM head_versions LIMIT 1""",
    "SELECT id, label_set, content_key, set_aside, revision FROM corrections_set_aside LIMIT 1",
    "SELECT id, path, opened_at FROM recent_folders LIMIT 1",
    *_SORT_PROBES,
)


class LibraryError(Exception):
    """The library can't be opened or written; the message is for the user."""


class LibraryTooNewError(LibraryError):
    """The library was written by a newer version of the app."""


def new_connection(path: Path) -> sqlite3.Connection:
    """Open a library file, or create it, without reading it."""
    # A commit waits for the second copy, and need not wait for the log of the database, too.
    connection = connect(path, synchronous="NORMAL", busy_seconds=BUSY_SECONDS)
    connection.execute("PRAGMA checkpoint_fullfsync = 1")
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    return connection


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Migrate an open library, new or ours, to the newest version; raises what `migrate` raises."""
    try:
        migrate(connection, application_id=APPLICATION_ID, migrations=MIGRATIONS)
    except TooNewError as error:
        raise too_new() from error


def too_new() -> LibraryTooNewError:
    """Return the error for a library that a newer version of the app wrote."""
    return LibraryTooNewError(
        _("Your corrections were saved by a newer version of AlpacaSorter. Install the newest version to open them.")
    )


def probe(connection: sqlite3.Connection) -> int:
    """Return the count of changes; raises sqlite3.Error or TypeError if a table or column is missing."""
    for statement in _PROBES:
        connection.execute(statement).fetchone()
    return count_changes(connection)


def count_changes(connection: sqlite3.Connection) -> int:
    """Return the count of changes of a library of any version."""
    return int(connection.execute("SELECT changes FROM state").fetchone()[0])


def next_revision(connection: sqlite3.Connection) -> int:
    """Count this transaction as one that writes, and return the count."""
    connection.execute("UPDATE state SET changes = changes + 1")
    return int(connection.execute("SELECT changes FROM state").fetchone()[0])


def library_problem(failure: Failure, path: Path) -> str:
    """Return what to tell the user when the library at `path` failed."""
    match failure:
        case Failure.FULL:
            return _(
                "Your corrections could not be saved or read because the disk is full. Free up some space and try "
                "again."
            )
        case Failure.READ_ONLY:
            return _(
                "Your corrections could not be saved or read because the folder {folder} can't be written to. Check "
                "its permissions."
            ).format(folder=display_path(path.parent))
        case Failure.BUSY:
            return _(
                "Your corrections could not be saved or read because another AlpacaSorter window is using them. Try "
                "again in a moment."
            )
        case Failure.DISK:
            return _(
                "Your corrections could not be saved or read because the disk reported an error. Check the disk and "
                "try again."
            )
        case Failure.DAMAGED:
            return _(
                "Your corrections could not be saved or read because the file {file} is damaged. Close every "
                "AlpacaSorter window and start again."
            ).format(file=display_path(path))


def insert_sort(connection: sqlite3.Connection, row: SortRow) -> int:
    """Insert a sort, under the next free number if its own is taken; return its number."""
    taken = connection.execute("SELECT 1 FROM sorts WHERE number = ?", (row.number,)).fetchone()
    number = row.number
    if taken or number < 1:
        number = int(connection.execute("SELECT coalesce(max(number), 0) + 1 FROM sorts").fetchone()[0])
    connection.execute(
        f"INSERT INTO sorts ({SORT_COLUMNS}) VALUES ({', '.join('?' * len(SortRow._fields))})",
        row._replace(number=number),
    )
    return number
