"""The tables of the journal in the library: sorts, their steps and the folders they created; and how copies are merged.

`sorting.journal` decides what is written to them and when. Every row has the number of the transaction that wrote it
last, so of two copies of a row the later one wins.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

UID_BYTES: Final = 16

TABLES: Final[tuple[str, ...]] = (
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

PROBES: Final = tuple(
    f"SELECT id, {columns} FROM {table} LIMIT 1"
    for table, columns in (("sorts", SORT_COLUMNS), ("sort_steps", STEP_COLUMNS), ("sort_folders", FOLDER_COLUMNS))
)


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
