"""Gives the frozen program the library of the very first version, with corrections in it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.packaging.checks import scan
from tools.packaging.program import CheckError, Program

# As that version made it. Never changed: whatever the program becomes, it must read this.
FIRST_VERSION: Final = """\
PRAGMA page_size = 4096;
PRAGMA journal_mode = wal;
PRAGMA application_id = 0x416c704c;
PRAGMA user_version = 1;
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), changes INTEGER NOT NULL);
CREATE TABLE corrections (
    id INTEGER PRIMARY KEY,
    label_set TEXT NOT NULL,
    content_key BLOB NOT NULL CHECK (length(content_key) = 32),
    label TEXT,
    revision INTEGER NOT NULL,
    made_at TEXT NOT NULL,
    path_hint BLOB,
    UNIQUE (label_set, content_key));
CREATE TABLE correction_embeddings (
    id INTEGER PRIMARY KEY,
    content_key BLOB NOT NULL CHECK (length(content_key) = 32),
    backbone_id TEXT NOT NULL,
    embedding BLOB NOT NULL,
    UNIQUE (content_key, backbone_id));
CREATE TABLE head_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bundle_id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    corrections INTEGER NOT NULL,
    corrections_digest TEXT NOT NULL,
    bias REAL NOT NULL,
    measurements TEXT NOT NULL,
    weights BLOB NOT NULL);
CREATE INDEX head_versions_by_bundle ON head_versions (bundle_id, id);
CREATE TABLE recent_folders (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    opened_at TEXT NOT NULL);
"""
_CORRECTIONS: Final = "SELECT hex(content_key), label, made_at FROM corrections ORDER BY id"
_MADE_AT: Final = "2026-01-02T03:04:05.000000+00:00"
_CORRECTED: Final = 3
_OTHER: Final = {"alpaca": "not_alpaca", "not_alpaca": "alpaca"}
_LABEL_SET: Final = "alpaca|not_alpaca"


def try_old_library(program: Program, pictures: Path, count: int) -> str:
    """Correct some pictures in an old library, and scan them; return what was found.

    Args:
        program: the program.
        pictures: a folder of good pictures.
        count: how many there are; more than three.

    Raises:
        CheckError: a correction does not count or is lost, or the library is not migrated, or not backed up before.
    """
    data = program.work / "old data"
    judged = {row["content_key"]: row["label"] for row in scan(program, pictures, count)}
    said = {key: _OTHER[judged[key]] for key in sorted(judged)[:_CORRECTED]}
    data.mkdir()
    library = write_old_library(data, said, pictures)
    program.own(data, library)
    before = _read(library, _CORRECTIONS)
    rows = scan(program, pictures, count, variables={"ALPACASORTER_DATA_DIR": str(data)})
    found = {row["content_key"]: row["label"] for row in rows if row["corrected"]}
    if found != said:
        raise CheckError(f"With a library of the first version {found} is corrected and not {said}.")
    version, kept = _read(library, "PRAGMA user_version")[0][0], _read(library, _CORRECTIONS)
    if version == 1 or kept != before:
        raise CheckError(f"The old library has version {version} after the scan, and of {before} it holds {kept}.")
    backups = [backup for backup in (data / "backups").glob("library-*.sqlite") if is_as_it_was(backup, before)]
    if not backups:
        raise CheckError("The old library was not backed up as it was before it was migrated.")
    return f"an old library: {len(said)} corrections count, migrated from version 1 to {version}, backed up before"


def write_old_library(folder: Path, said: Mapping[str, str], photos: Path) -> Path:
    """Write a library of the first version; return its file.

    Args:
        folder: where it goes.
        said: label by content key.
        photos: the folder that was opened last.
    """
    file = folder / "library.sqlite"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.executescript(FIRST_VERSION)
        connection.execute("INSERT INTO state (id, changes) VALUES (1, ?)", (len(said) + 1,))
        connection.executemany(
            "INSERT INTO corrections (label_set, content_key, label, revision, made_at) VALUES (?, ?, ?, ?, ?)",
            [
                (_LABEL_SET, bytes.fromhex(key), label, number, _MADE_AT)
                for number, (key, label) in enumerate(said.items(), 1)
            ],
        )
        connection.execute(
            "INSERT INTO recent_folders (path, opened_at) VALUES (?, ?)", (os.fsencode(photos), _MADE_AT)
        )
    return file


def is_as_it_was(backup: Path, corrections: list[tuple[object, ...]]) -> bool:
    """Tell whether a backup is of the first version, with these corrections."""
    return _read(backup, "PRAGMA user_version") == [(1,)] and _read(backup, _CORRECTIONS) == corrections


def _read(file: Path, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()
