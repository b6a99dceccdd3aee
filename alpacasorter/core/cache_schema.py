"""The tables of the cache, and the records that go in and out of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.database import connect, key_to_blob, migrate, path_to_blob, pragma_number, use_wal
from alpacasorter.core.photo import PhotoFacts, PhotoFile

APPLICATION_ID: Final = int.from_bytes(b"AlpC", "big")
BUSY_SECONDS: Final = 5.0

LARGEST_EMBEDDING: Final = 1 << 16
"""Numbers in the largest embedding that is kept; the smallest has one."""
BYTES_A_NUMBER: Final = 2

# Three embeddings of 1280 numbers fill a page of this size to 94 %; at 4096 bytes one fills 63 % of it.
_PAGE_SIZE: Final = 8192
_LOG_BYTES: Final = 16 << 20

# A cache of another version is thrown away, never migrated. Change anything here and raise _VERSION.
_VERSION: Final = 2
_TABLES: Final = (
    # `used` is the session that used the content last. The facts are null where it can't be decoded.
    """CREATE TABLE contents (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        width INTEGER, height INTEGER, taken_at TEXT, format TEXT,
        used INTEGER NOT NULL)""",
    "CREATE INDEX contents_by_use ON contents (used)",
    """CREATE TABLE files (
        path BLOB PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        content_id INTEGER REFERENCES contents ON DELETE CASCADE,
        reason TEXT,
        stored INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX files_by_content ON files (content_id)",
    # The unique index answers whether there is an embedding without a look at the embedding.
    """CREATE TABLE embeddings (
        id INTEGER PRIMARY KEY,
        content_id INTEGER NOT NULL REFERENCES contents ON DELETE CASCADE,
        backbone_id TEXT NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (content_id, backbone_id))""",
    """CREATE TABLE thumbnails (
        content_id INTEGER PRIMARY KEY REFERENCES contents ON DELETE CASCADE,
        data BLOB NOT NULL)""",
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)
TABLE_NAMES: Final = ("thumbnails", "embeddings", "files", "contents", "settings")

# Key, facts, thumbnail, embedding, backbone_id.
ContentRow = tuple[bytes, PhotoFacts | None, bytes | None, bytes | None, str | None]
# Path, size, time of change, key, reason.
FileRow = tuple[bytes, int, int, bytes | None, str | None]


class KnownFile(NamedTuple):
    """What the cache knows of a file, as it was when it was stored. A tuple, since a folder has ten thousands.

    Attributes:
        size, mtime_ns: if the file's are different now, the rest is out of date.
        content_key: hash of its bytes; None where they couldn't be read.
        reason: why it can't be judged, in plain words; None where it can.
        facts: what its header says; None where it couldn't be decoded.
        has_embedding: whether there is an embedding for the backbone that was asked for.
    """

    size: int
    mtime_ns: int
    content_key: str | None
    reason: str | None
    facts: PhotoFacts | None
    has_embedding: bool


class KnownContent(NamedTuple):
    """What the cache knows of a photo, wherever it lies: float16 little-endian bytes are its embedding."""

    facts: PhotoFacts
    embedding: bytes
    has_thumbnail: bool


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What a scan found out about a file; None is unknown, and replaces nothing known of the same content.

    Attributes:
        file: the file as it was when it was read.
        content_key: hash of its bytes.
        reason: why it can't be judged.
        facts: what its header says.
        thumbnail: JPEG bytes.
        embedding: bytes, float16 little-endian, as many numbers as the backbone gives; needs backbone_id.
        backbone_id: what the embedding was made with.
    """

    file: PhotoFile
    content_key: str | None = None
    reason: str | None = None
    facts: PhotoFacts | None = None
    thumbnail: bytes | None = None
    embedding: bytes | None = None
    backbone_id: str | None = None


def open_connection(path: Path | None) -> sqlite3.Connection:
    """Open a cache file, made if it isn't there; None opens a private temporary one.

    Raises:
        sqlite3.Error, DamagedError, TooNewError: it can't be opened, or is not a cache of this version.
    """
    # NORMAL, not OFF: it costs a sync for each checkpoint of the log and none for a commit, and keeps the
    # file whole through a power cut. A torn page might go unnoticed, and show one photo as another.
    connection = connect(path, synchronous="NORMAL", busy_seconds=BUSY_SECONDS)
    try:
        if pragma_number(connection, "page_count") == 0:
            connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        use_wal(connection)
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        connection.execute("PRAGMA cache_size = -8192")
        steps: list[tuple[str, ...]] = [()] * (_VERSION - 1)
        migrate(connection, application_id=APPLICATION_ID, migrations=[*steps, _TABLES])
        for table in TABLE_NAMES:
            connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
        connection.execute("CREATE TEMP TABLE wanted (position INTEGER PRIMARY KEY, key BLOB)")
        connection.execute("CREATE TEMP TABLE marked (id INTEGER PRIMARY KEY)")
    except BaseException:
        connection.close()
        raise
    return connection


def is_embedding(data: bytes) -> bool:
    """Tell whether bytes have a length that the embedding of some backbone can have."""
    numbers, rest = divmod(len(data), BYTES_A_NUMBER)
    return rest == 0 and 1 <= numbers <= LARGEST_EMBEDDING


def rows_of(batch: Iterable[CacheEntry]) -> tuple[list[ContentRow], list[FileRow]]:
    """Return entries as they are stored; raises ValueError where a content key or an embedding has the wrong form."""
    contents: list[ContentRow] = []
    files: list[FileRow] = []
    for entry in batch:
        key = None if entry.content_key is None else key_to_blob(entry.content_key)
        if entry.embedding is not None and (not is_embedding(entry.embedding) or not entry.backbone_id or key is None):
            raise ValueError("an embedding is some float16 numbers with a backbone_id and a key")
        file = entry.file
        files.append((path_to_blob(file.path), file.size, file.mtime_ns, key, entry.reason))
        if key is not None:
            contents.append((key, entry.facts, entry.thumbnail, entry.embedding, entry.backbone_id))
    return contents, files


def range_under(root: bytes, separator: bytes) -> tuple[bytes, bytes]:
    """Return the first path under a folder in the order of bytes, and the first one after all of them."""
    start = root if root.endswith(separator) else root + separator
    return start, start[:-1] + bytes([start[-1] + 1])


def put_contents(connection: sqlite3.Connection, contents: Iterable[ContentRow], session: int) -> None:
    """Write what is known of some contents, used in this session; to be called in a transaction."""
    facts_of, embeddings, thumbnails = [], [], []
    for key, facts, thumbnail, embedding, backbone_id in contents:
        known = (None,) * 4 if facts is None else (facts.width, facts.height, facts.taken_at, facts.format)
        facts_of.append((key, *known, session))
        if embedding is not None:
            embeddings.append((key, backbone_id, embedding))
        if thumbnail is not None:
            thumbnails.append((key, thumbnail))
    connection.executemany(
        "INSERT INTO contents (key, width, height, taken_at, format, used) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET used = excluded.used, width = coalesce(excluded.width, width),"
        " height = coalesce(excluded.height, height), format = coalesce(excluded.format, format),"
        " taken_at = coalesce(excluded.taken_at, taken_at)",
        facts_of,
    )
    connection.executemany(
        "INSERT OR REPLACE INTO embeddings (content_id, backbone_id, data)"
        " VALUES ((SELECT id FROM contents WHERE key = ?), ?, ?)",
        embeddings,
    )
    connection.executemany(
        "INSERT OR REPLACE INTO thumbnails (content_id, data) VALUES ((SELECT id FROM contents WHERE key = ?), ?)",
        thumbnails,
    )


def put_files(connection: sqlite3.Connection, files: Iterable[FileRow], session: int) -> None:
    """Write what is known of some files; to be called in a transaction, after their contents."""
    connection.executemany(
        "INSERT OR REPLACE INTO files (path, size, mtime_ns, content_id, reason, stored)"
        " VALUES (?, ?, ?, (SELECT id FROM contents WHERE key = ?), ?, ?)",
        [(*row, session) for row in files],
    )
