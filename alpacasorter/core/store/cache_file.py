"""The open file of the cache: its tables and records, one connection and its lock, and what happens when it fails.

A damaged file is deleted and started again; if none can be stored on the disk, a temporary one is used until the app
ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeVar
from zlib import crc32

from alpacasorter.core.os_errors import for_log
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.session_paths import keep_private, private_folder
from alpacasorter.core.store.database import (
    DAMAGE,
    Failure,
    TooNewError,
    check,
    companions,
    connect,
    exclusive,
    failure_of,
    identity,
    key_to_blob,
    make_private,
    migrate,
    path_to_blob,
    pragma_number,
    set_aside,
    use_wal,
)
from alpacasorter.core.taken import DateSource
from alpacasorter.i18n import _

APPLICATION_ID: Final = int.from_bytes(b"AlpC", "big")
BUSY_SECONDS: Final = 5.0

LARGEST_EMBEDDING: Final = 1 << 16
"""Numbers in the largest embedding that is stored; the smallest has one."""
BYTES_A_NUMBER: Final = 2

# Three embeddings of 1280 numbers fill 94% of a page of this size; one fills 63% of a page of 4096 bytes.
_PAGE_SIZE: Final = 8192
_LOG_BYTES: Final = 16 << 20

# The tables of version 2; a cache of version 1 is discarded.
_TABLES: Final = (
    # `used` is the session that used the content last. The facts are NULL if it can't be decoded.
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
    # The unique index tells whether there is an embedding without reading the embedding.
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
# Version 3 knows the picture key of each content, NULL until the file is next read.
# In version 4 each row has a checksum of what it says, NULL if an earlier version stored it.
_MIGRATIONS: Final = (
    (),
    _TABLES,
    ("ALTER TABLE contents ADD COLUMN picture_key BLOB",),
    tuple(
        f"ALTER TABLE {table} ADD COLUMN checksum INTEGER"
        for table in ("contents", "files", "embeddings", "thumbnails", "settings")
    ),
)
TABLE_NAMES: Final = ("thumbnails", "embeddings", "files", "contents", "settings")

# As `is_content` wants it.
_CONTENT: Final = "row_checksum(key, width, height, taken_at, format, picture_key)"

# Key, facts, thumbnail, embedding, backbone_id, picture key.
ContentRow = tuple[bytes, PhotoFacts | None, bytes | None, bytes | None, str | None, bytes | None]
# Path, size, time of change, key, reason.
FileRow = tuple[bytes, int, int, bytes | None, str | None]


class KnownFile(NamedTuple):
    """What the cache knows about a file as it was when stored. A tuple, because a folder may have tens of thousands.

    Attributes:
        size, mtime_ns: if those of the file are different now, everything else is out of date.
        content_key: hash of its bytes; None if they couldn't be read.
        reason: why it can't be judged, a code (see `core.reasons`); None if it can.
        facts: what its header says; None if it couldn't be decoded.
        has_embedding: whether there is an embedding of the backbone in question.
        picture_key: see `core.photos.picture_key`; None if an earlier version of the app stored the file.
    """

    size: int
    mtime_ns: int
    content_key: str | None
    reason: str | None
    facts: PhotoFacts | None
    has_embedding: bool
    picture_key: str | None = None


class KnownContent(NamedTuple):
    """What the cache knows about a photo wherever it is; its embedding is float16 little-endian bytes."""

    facts: PhotoFacts
    embedding: bytes
    has_thumbnail: bool


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What a scan found out about a file; None is unknown and replaces nothing known about the same content.

    Attributes:
        file: the file as it was when it was read.
        content_key: hash of its bytes.
        reason: why it can't be judged, a code (see `core.reasons`).
        facts: what its header says.
        thumbnail: JPEG bytes.
        embedding: float16 little-endian bytes, as many numbers as the backbone outputs; needs `backbone_id`.
        backbone_id: the backbone that the embedding was made with.
        picture_key: see `core.photos.picture_key`.
    """

    file: PhotoFile
    content_key: str | None = None
    reason: str | None = None
    facts: PhotoFacts | None = None
    thumbnail: bytes | None = None
    embedding: bytes | None = None
    backbone_id: str | None = None
    picture_key: str | None = None


def checksum(*values: object) -> int:
    """Return the checksum of a row, of all that it says and what it is about; never NULL."""
    return crc32(repr(values).encode(errors="surrogatepass"))


def data_checksum(key: bytes, data: bytes, backbone_id: str = "") -> int:
    """Return the checksum of an embedding or a thumbnail of a photo."""
    return crc32(data, crc32(key + backbone_id.encode()))


def is_content(row: Sequence[object]) -> bool:
    """Tell whether a row of contents is what was stored: key, width, height, time, format, picture key, checksum."""
    key, width, height, taken_at, format_, picture, stored = row
    if stored is not None:
        return stored == checksum(*row[:-1])
    return (
        _is_key(key)
        and (picture is None or _is_key(picture))
        and all(value is None or (isinstance(value, int) and value > 0) for value in (width, height))
        and all(value is None or isinstance(value, str) for value in (taken_at, format_))
        and len({value is None for value in (width, height, format_)}) == 1
    )


def is_file(row: Sequence[object]) -> bool:
    """Tell whether a row of files is what was stored: path, size, time of change, key, reason, checksum."""
    path, size, mtime_ns, key, reason, stored = row
    if stored is not None:
        return stored == checksum(*row[:-1])
    return (
        isinstance(path, bytes)
        and isinstance(size, int)
        and isinstance(mtime_ns, int)
        and (key is None or _is_key(key))
        and (reason is None or isinstance(reason, str))
    )


def _is_key(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def open_connection(path: Path | None) -> sqlite3.Connection:
    """Open a cache file, created if it does not exist; None opens a private temporary one.

    Raises:
        sqlite3.Error, DamagedError, TooNewError: it can't be opened, or is not a cache of this version.
    """
    # NORMAL, not OFF: it syncs at each checkpoint of the log and not at commits, and keeps the file intact through a
    # power cut. A torn page might go unnoticed and show one photo as another.
    connection = connect(path, synchronous="NORMAL", busy_seconds=BUSY_SECONDS)
    try:
        if pragma_number(connection, "page_count") == 0:
            connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        use_wal(connection)
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        connection.execute("PRAGMA cache_size = -8192")
        connection.create_function("row_checksum", -1, checksum, deterministic=True)
        migrate(connection, application_id=APPLICATION_ID, migrations=_MIGRATIONS)
        for table in TABLE_NAMES:
            connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
        # Where the rows are in a wrong order, some are never found, and what is stored again is lost again. The large
        # tables would take too long; whether a row of theirs can be found shows when it is read.
        for table in ("files", "contents", "settings"):
            check(connection, table)
        connection.execute("CREATE TEMP TABLE wanted (position INTEGER PRIMARY KEY, key BLOB)")
        connection.execute("CREATE TEMP TABLE marked (id INTEGER PRIMARY KEY)")
    except BaseException:
        connection.close()
        raise
    return connection


def is_embedding(data: bytes) -> bool:
    """Tell whether bytes have a length that the embedding of a backbone can have."""
    numbers, remainder = divmod(len(data), BYTES_A_NUMBER)
    return remainder == 0 and 1 <= numbers <= LARGEST_EMBEDDING


def rows_of(batch: Iterable[CacheEntry]) -> tuple[list[ContentRow], list[FileRow]]:
    """Return entries as they are stored; raises ValueError if a content key or an embedding has the wrong form."""
    contents: list[ContentRow] = []
    files: list[FileRow] = []
    for entry in batch:
        key = None if entry.content_key is None else key_to_blob(entry.content_key)
        if entry.embedding is not None and (not is_embedding(entry.embedding) or not entry.backbone_id or key is None):
            raise ValueError("an embedding must be float16 numbers with a backbone_id and a key")
        file = entry.file
        files.append((path_to_blob(file.path), file.size, file.mtime_ns, key, entry.reason))
        if key is not None:
            picture = None if entry.picture_key is None else key_to_blob(entry.picture_key)
            contents.append((key, entry.facts, entry.thumbnail, entry.embedding, entry.backbone_id, picture))
    return contents, files


def range_under(root: bytes, separator: bytes) -> tuple[bytes, bytes]:
    """Return the range of all paths below a folder in byte order: the first one, and the first after all of them."""
    start = root if root.endswith(separator) else root + separator
    return start, start[:-1] + bytes([start[-1] + 1])


def facts_of(width: int, height: int, taken: str | None, form: str) -> PhotoFacts:
    """Return the facts that a row of `contents` says; see `_taken`."""
    taken_at, _blank, more = (taken or "").partition(" ")
    source, _tab, camera = more.partition("\t")
    if source not in list(DateSource):  # as earlier versions stored it
        return PhotoFacts(width, height, taken, form)
    return PhotoFacts(width, height, taken_at or None, form, DateSource(source), sys.intern(camera) or None)


def _taken(facts: PhotoFacts) -> str | None:
    """Return when a photo was taken, where that is from, and by which camera, in the one column there is for it.

    Earlier versions stored only the moment. In one column, their caches need not be made again, which takes hours.
    """
    if facts.taken_from is None:
        return facts.taken_at
    return f"{facts.taken_at or ''} {facts.taken_from}\t{facts.camera or ''}"


def put_contents(connection: sqlite3.Connection, contents: Iterable[ContentRow], session: int) -> None:
    """Store what is known about contents that were used in this session; to be called in a transaction."""
    rows, keys, embeddings, thumbnails = [], [], [], []
    for key, facts, thumbnail, embedding, backbone_id, picture in contents:
        known = (None,) * 4 if facts is None else (facts.width, facts.height, _taken(facts), facts.format)
        keys.append((key,))
        rows.append((key, picture, *known, session))
        if embedding is not None and backbone_id is not None:
            embeddings.append((key, backbone_id, embedding, data_checksum(key, embedding, backbone_id)))
        if thumbnail is not None:
            thumbnails.append((key, thumbnail, data_checksum(key, thumbnail)))
    # Or what is new would be mixed with what is damaged.
    connection.executemany(f"DELETE FROM contents WHERE key = ? AND checksum <> {_CONTENT}", keys)
    connection.executemany(
        "INSERT INTO contents (key, picture_key, width, height, taken_at, format, used) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET used = excluded.used, width = coalesce(excluded.width, width),"
        " height = coalesce(excluded.height, height), format = coalesce(excluded.format, format),"
        " taken_at = coalesce(excluded.taken_at, taken_at), picture_key = coalesce(excluded.picture_key, picture_key)",
        rows,
    )
    connection.executemany(f"UPDATE contents SET checksum = {_CONTENT} WHERE key = ?", keys)
    connection.executemany(
        "INSERT OR REPLACE INTO embeddings (content_id, backbone_id, data, checksum)"
        " VALUES ((SELECT id FROM contents WHERE key = ?), ?, ?, ?)",
        embeddings,
    )
    connection.executemany(
        "INSERT OR REPLACE INTO thumbnails (content_id, data, checksum)"
        " VALUES ((SELECT id FROM contents WHERE key = ?), ?, ?)",
        thumbnails,
    )


def put_files(connection: sqlite3.Connection, files: Iterable[FileRow], session: int) -> None:
    """Store what is known about files; to be called in a transaction, after their contents."""
    connection.executemany(
        "INSERT OR REPLACE INTO files (path, size, mtime_ns, content_id, reason, stored, checksum)"
        " VALUES (?, ?, ?, (SELECT id FROM contents WHERE key = ?), ?, ?, ?)",
        [(*row, session, checksum(*row)) for row in files],
    )


T = TypeVar("T")
_log = logging.getLogger(__name__)
_UNUSABLE: Final = (OSError, TooNewError, *DAMAGE)


def _not_stored() -> str:
    return _("The cache can't be stored on this disk, so your photos will be scanned again at the next start.")


def _disk_full() -> str:
    return _("The disk is full, so new thumbnails are not stored. Free up some space to make the next start fast.")


class CacheFile:
    """One open cache file. Every method may be called from any thread, and none raises if the file fails.

    Attributes:
        path: the file.
        notice: a message for the user if the cache can't be stored on the disk, or only in part; else None.
        session: the number of this session, higher than that of any before in this file.
        used: ids of the contents that were used since this was last written down. Only to be used inside `run`.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; it and its folders are created if there is none, or if it is damaged or of another version."""
        self.path: Final = path
        self.notice: str | None = None
        self.session = 0
        self.used: set[int] = set()
        self._lock: Final = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        with self._lock:
            self._attach(None)

    def close(self) -> None:
        """Close; afterwards `run` does nothing. May be called twice."""
        with self._lock:
            self._detach()

    def run(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Return what `work` returns, or `otherwise` if the file fails; a damaged file is started again."""
        with self._lock:
            for on_disk in (True, False):
                if self._connection is None:
                    return otherwise
                try:
                    return work(self._connection)
                except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
                    raise
                except DAMAGE as error:
                    failure = failure_of(error) if isinstance(error, sqlite3.Error) else Failure.DAMAGED
                    _log.warning("the cache failed (%s): %s", failure.name, for_log(error))
                    if failure is Failure.DAMAGED:
                        self._rebuild(on_disk=on_disk)
                        continue
                    if failure is not Failure.BUSY:
                        self.notice = _disk_full() if failure is Failure.FULL else _not_stored()
                    return otherwise
            return otherwise

    def _rebuild(self, *, on_disk: bool) -> None:
        self._detach()
        if on_disk:
            self._attach(self._identity)
        else:
            self._attach_temporary()

    def _attach(self, damaged: tuple[int, int] | None) -> None:
        """Open the file. It is deleted first if it is still the damaged one, and not a new one of another instance."""
        try:
            private_folder(self.path.parent)
            keep_private(self.path.parent)
            for other in (self.path, *companions(self.path)):
                if os.path.lexists(other) and not other.is_file():
                    set_aside(other)
            with exclusive(self.path.with_name(self.path.name + ".lock"), seconds=BUSY_SECONDS):
                if damaged is not None and damaged == identity(self.path):
                    self._delete()
                make_private(self.path)
                try:
                    self._use(open_connection(self.path))
                except (TooNewError, *DAMAGE) as error:
                    if isinstance(error, sqlite3.Error) and failure_of(error) is not Failure.DAMAGED:
                        raise
                    _log.warning("the cache is started again: %s", for_log(error))
                    self._delete()
                    make_private(self.path)
                    self._use(open_connection(self.path))
                self._identity = identity(self.path)
        except _UNUSABLE as error:
            _log.warning("the cache can't be kept at %s: %s", self.path, for_log(error))
            self._attach_temporary()

    def _attach_temporary(self) -> None:
        self._detach()
        self.notice = _not_stored()
        with contextlib.suppress(*_UNUSABLE):
            self._use(open_connection(None))

    def _use(self, connection: sqlite3.Connection) -> None:
        try:
            latest = connection.execute("SELECT coalesce(max(used), 0) FROM contents").fetchone()[0]
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        # Higher than that of every session before, even if the clock has been set back since.
        self.session = max(time.time_ns() // 1000, latest + 1)

    def _detach(self) -> None:
        connection, self._connection = self._connection, None
        self.used.clear()
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _delete(self) -> None:
        for path in (*companions(self.path), self.path):
            path.unlink(missing_ok=True)
