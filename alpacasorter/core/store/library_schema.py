"""The tables of the library, their migrations, and how the rows of two copies are merged."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.files import display_path
from alpacasorter.core.store.database import Failure, TooNewError, connect, migrate, transaction
from alpacasorter.core.store.library_sorts import (
    PROBES,
    TABLES,
    FolderRow,
    SortRow,
    StepRow,
    merge_sorts,
    select_folders,
    select_sorts,
    select_steps,
)
from alpacasorter.i18n import _

APPLICATION_ID: Final = int.from_bytes(b"AlpL", "big")
PAGE_SIZE: Final = 4096
BUSY_SECONDS: Final = 10.0

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # Counts the transactions that wrote: a clock that no change of the computer's time can set back.
        "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), changes INTEGER NOT NULL)",
        "INSERT INTO state (id, changes) VALUES (1, 0)",
        # A removed correction stays as a row without a label, or merging an older copy would bring it back.
        # salvage.py knows the columns and their order; the path is last because a long one is cut off there.
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
    TABLES,
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
    *PROBES,
)


class LibraryError(Exception):
    """The library can't be opened or written; the message is for the user."""


class LibraryTooNewError(LibraryError):
    """The library was written by a newer version of the app."""


class CorrectionRow(NamedTuple):
    """A row of the corrections, even a removed one (label None)."""

    label_set: str
    content_key: bytes
    label: str | None
    revision: int
    made_at: str
    path_hint: bytes | None


class EmbeddingRow(NamedTuple):
    """A row of the embeddings of corrected photos."""

    content_key: bytes
    backbone_id: str
    embedding: bytes


class SetAsideRow(NamedTuple):
    """Whether a correction is set aside from learning (1) or no longer is (0), and since when."""

    label_set: str
    content_key: bytes
    set_aside: int
    revision: int


class Rows(NamedTuple):
    """What a copy of the library holds that can't be restored from anything else."""

    corrections: Sequence[CorrectionRow] = ()
    embeddings: Sequence[EmbeddingRow] = ()
    set_aside: Sequence[SetAsideRow] = ()
    sorts: Sequence[SortRow] = ()
    steps: Sequence[StepRow] = ()
    folders: Sequence[FolderRow] = ()

    @property
    def latest(self) -> int:
        """The number of the last transaction that wrote any of these rows."""
        dated = (self.corrections, self.set_aside, self.sorts, self.steps, self.folders)
        return max((row.revision for rows in dated for row in rows), default=0)


def new_connection(path: Path) -> sqlite3.Connection:
    """Open a library file, or create it, without reading it."""
    connection = connect(path, synchronous="FULL", busy_seconds=BUSY_SECONDS)
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    return connection


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Migrate an open library, new or ours, to the newest version; raises what `migrate` raises."""
    try:
        migrate(connection, application_id=APPLICATION_ID, migrations=MIGRATIONS)
    except TooNewError as error:
        raise LibraryTooNewError(
            _(
                "Your corrections were saved by a newer version of AlpacaSorter."
                " Install the newest version to open them."
            )
        ) from error


def probe(connection: sqlite3.Connection) -> int:
    """Return the count of changes; raises sqlite3.Error or TypeError if a table or column is missing."""
    for statement in _PROBES:
        connection.execute(statement).fetchone()
    return int(connection.execute("SELECT changes FROM state").fetchone()[0])


def next_revision(connection: sqlite3.Connection) -> int:
    """Count this transaction as one that writes, and return the count."""
    connection.execute("UPDATE state SET changes = changes + 1")
    return int(connection.execute("SELECT changes FROM state").fetchone()[0])


def all_rows(connection: sqlite3.Connection) -> Rows:
    """Return the rows of a readable library, for `merge`."""
    corrections = connection.execute(
        "SELECT label_set, content_key, label, revision, made_at, path_hint FROM corrections"
    )
    embeddings = connection.execute("SELECT content_key, backbone_id, embedding FROM correction_embeddings")
    set_aside = connection.execute("SELECT label_set, content_key, set_aside, revision FROM corrections_set_aside")
    return Rows(
        [CorrectionRow(*row) for row in corrections],
        [EmbeddingRow(*row) for row in embeddings],
        [SetAsideRow(*row) for row in set_aside],
        select_sorts(connection),
        select_steps(connection),
        select_folders(connection),
    )


def merge(connection: sqlite3.Connection, rows: Rows) -> int:
    """Merge the rows of another copy of the library into this one; for each photo the later correction wins.

    Returns:
        How many corrections changed.
    """
    if not any(rows):
        return 0
    with transaction(connection):
        before = connection.total_changes
        connection.executemany(
            "INSERT INTO corrections (label_set, content_key, label, revision, made_at, path_hint)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (label_set, content_key) DO UPDATE SET"
            " label = excluded.label, revision = excluded.revision, made_at = excluded.made_at,"
            " path_hint = coalesce(excluded.path_hint, path_hint)"
            " WHERE (excluded.revision, excluded.made_at) > (revision, made_at)",
            rows.corrections,
        )
        changed = connection.total_changes - before
        connection.executemany(
            "INSERT OR IGNORE INTO correction_embeddings (content_key, backbone_id, embedding) VALUES (?, ?, ?)",
            rows.embeddings,
        )
        connection.executemany(
            "INSERT INTO corrections_set_aside (label_set, content_key, set_aside, revision) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (label_set, content_key) DO UPDATE SET"
            " set_aside = excluded.set_aside, revision = excluded.revision WHERE excluded.revision > revision",
            rows.set_aside,
        )
        merge_sorts(connection, rows.sorts, rows.steps, rows.folders)
        if connection.total_changes > before:
            connection.execute("UPDATE state SET changes = 1 + max(changes, ?)", (rows.latest,))
    return changed


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
