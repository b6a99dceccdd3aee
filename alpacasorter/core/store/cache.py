"""The cache: thumbnails, embeddings and facts about files, so that no photo is opened or judged twice.

Everything in it can be made again, so whatever happens to its file only takes time: a damaged cache is deleted and
started again, a full disk means that less is stored, and no method raises because of either.

What is known about a file follows it when a sort moves or copies it or is undone. The cache stays below a size limit by
dropping what was used least recently, a slice at a time, so that other threads never wait long for it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from alpacasorter.core.store.cache_file import (
    BYTES_A_NUMBER,
    CacheEntry,
    CacheFile,
    KnownContent,
    KnownFile,
    checksum,
    data_checksum,
    facts_of,
    is_content,
    is_file,
    put_contents,
    put_files,
    range_under,
    rows_of,
)
from alpacasorter.core.store.database import blob_to_path, check, key_to_blob, path_to_blob, pragma_number, transaction

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from alpacasorter.core.events import Placed


def follow(connection: sqlite3.Connection, files: Iterable[Placed], session: int) -> None:
    """Store where files are now; to be called in a transaction. What is not known stays unknown."""
    for file in files:
        before = path_to_blob(file.before)
        if file.after is not None:
            key, reason = _known(connection, file, before)
            if key is not None or reason is not None:
                put_files(connection, [(path_to_blob(file.after), file.size, file.mtime_ns, key, reason)], session)
        if not file.kept:
            connection.execute("DELETE FROM files WHERE path = ?", (before,))


def _known(connection: sqlite3.Connection, file: Placed, before: bytes) -> tuple[bytes | None, str | None]:
    """Return the key of a file's content, and why it can't be judged, as far as either is known."""
    row = connection.execute(
        "SELECT f.path, f.size, f.mtime_ns, c.key, f.reason, f.checksum"
        " FROM files f LEFT JOIN contents c ON c.id = f.content_id WHERE f.path = ? AND f.size = ?",
        (before, file.size),
    ).fetchone()
    key = None if file.content_key is None else key_to_blob(file.content_key)
    if row is not None and is_file(row) and (key is None or row[3] is None or row[3] == key):
        return row[3], row[4]
    # Why a photo can't be decoded is stored only in the row of its file.
    if key is None or not _is_judged(connection, key):
        return None, None
    return key, None


def _is_judged(connection: sqlite3.Connection, key: bytes) -> bool:
    row = connection.execute("SELECT 1 FROM contents WHERE key = ? AND width IS NOT NULL", (key,)).fetchone()
    return row is not None


_PHOTOS_A_SLICE: Final = 200
_FILES_A_SLICE: Final = 5000
_PAGES_A_SLICE: Final = 500
_BESIDE: Final = 500
"""About how many bytes a photo takes besides its thumbnail and embedding: rows in four tables and their indexes."""


class Keep(NamedTuple):
    """What must not be dropped.

    Attributes:
        limit: size of the file in bytes up to which nothing is dropped.
        session: what was used in this session, or in a later one, stays.
        ranges: files between these paths whose content isn't known stay, too.
    """

    limit: int
    session: int
    ranges: frozenset[tuple[bytes, bytes]]


def bytes_in_use(connection: sqlite3.Connection) -> int:
    """Return how many bytes of the file are not free space."""
    pages = pragma_number(connection, "page_count") - pragma_number(connection, "freelist_count")
    return pages * pragma_number(connection, "page_size")


def mark(connection: sqlite3.Connection, ids: Iterable[int], session: int) -> None:
    """Store that these contents were used in this session."""
    with transaction(connection):
        connection.execute("DELETE FROM marked")
        connection.executemany("INSERT INTO marked (id) VALUES (?)", ((number,) for number in ids))
        connection.execute(
            "UPDATE contents SET used = ? WHERE used < ? AND id IN (SELECT id FROM marked)",
            (session, session),
        )
        connection.execute("DELETE FROM marked")


def drop_some(connection: sqlite3.Connection, keep: Keep) -> tuple[int, int]:
    """Drop the photos that were used least recently, as many as necessary or as fit a slice.

    If there are none, drop files whose content isn't known.

    Returns:
        How many photos and how many such files were dropped; (0, 0) if the file is within its limit, or if nothing
        may be dropped.
    """
    excess = bytes_in_use(connection) - keep.limit
    if excess <= 0:
        return 0, 0
    # A little more than necessary, or every write after this one would have to drop something again.
    excess += keep.limit // 50
    rows = connection.execute(
        "SELECT c.id, coalesce(length(t.data), 0)"
        " + coalesce((SELECT sum(length(e.data)) FROM embeddings e WHERE e.content_id = c.id), 0)"
        " FROM contents c LEFT JOIN thumbnails t ON t.content_id = c.id"
        " WHERE c.used < ? ORDER BY c.used, c.id LIMIT ?",
        (keep.session, _PHOTOS_A_SLICE),
    ).fetchall()
    going: list[tuple[int]] = []
    for number, size in rows:
        if excess <= 0:
            break
        going.append((number,))
        excess -= size + _BESIDE
    if going:
        with transaction(connection):
            connection.executemany("DELETE FROM contents WHERE id = ?", going)
        return len(going), 0
    unknown = connection.execute(
        "SELECT path FROM files WHERE content_id IS NULL AND stored < ? LIMIT ?",
        (keep.session, _FILES_A_SLICE),
    ).fetchall()
    paths = [(path,) for (path,) in unknown if not any(start <= path < end for start, end in keep.ranges)]
    with transaction(connection):
        connection.executemany("DELETE FROM files WHERE path = ?", paths)
    return 0, len(paths)


def shrink_file(connection: sqlite3.Connection, limit: int) -> bool:
    """Return some free space to the disk if the file is above its limit; tell whether there is more."""
    free = pragma_number(connection, "freelist_count")
    size = pragma_number(connection, "page_count") * pragma_number(connection, "page_size")
    if size <= limit or not free:
        # The file itself becomes shorter only with this.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return False
    connection.execute(f"PRAGMA incremental_vacuum({_PAGES_A_SLICE})").fetchall()
    return pragma_number(connection, "freelist_count") < free


__all__ = ["Cache", "CacheEntry", "KnownContent", "KnownFile"]

DEFAULT_LIMIT: Final = 2 << 30

_LATER_THAN_ANY: Final = 1 << 62


class Cache:
    """An open cache. Every method may be called from any thread; after `close` it knows and stores nothing.

    Attributes:
        path: the file.
    """

    def __init__(self, file: CacheFile, limit_bytes: int) -> None:
        """Work on an open file; `open` is the usual way to get one."""
        self.path: Final = file.path
        self._file: Final = file
        self._limit: Final = limit_bytes
        # Where files are in use whose content isn't known.
        self._ranges: set[tuple[bytes, bytes]] = set()

    @classmethod
    def open(cls, path: Path, *, limit_bytes: int = DEFAULT_LIMIT) -> Self:
        """Open the cache; it and its folders are created if there is none, or if it is damaged or too old or new.

        Never raises: if the folder can't be written to, the cache is a temporary one, and `notice` says so.

        Args:
            path: the file.
            limit_bytes: the size that `prune` and `store` keep the file below.
        """
        return cls(CacheFile(path.absolute()), limit_bytes)

    def __enter__(self) -> Self:
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def notice(self) -> str | None:
        """A message for the user if the cache can't be stored on the disk, or only in part; else None."""
        return self._file.notice

    def close(self) -> None:
        """Store what was used, and close. May be called twice."""
        self._file.run(self._note_use, None)
        self._file.close()

    def lookup_folder(self, root: Path, *, backbone_id: str) -> dict[Path, KnownFile]:
        """Return what is known about every file below a folder, at any depth, by absolute path.

        Args:
            root: absolute.
            backbone_id: the backbone whose embeddings `has_embedding` is about.
        """
        below = range_under(path_to_blob(root), os.fsencode(os.sep))

        def read(connection: sqlite3.Connection) -> dict[Path, KnownFile]:
            rows = connection.execute(
                "SELECT f.path, f.size, f.mtime_ns, f.reason, f.checksum, c.id, c.key, c.width, c.height, c.taken_at,"
                " c.format, c.picture_key, c.checksum, EXISTS"
                " (SELECT 1 FROM embeddings e WHERE e.content_id = c.id AND e.backbone_id = ?)"
                " FROM files f LEFT JOIN contents c ON c.id = f.content_id WHERE f.path >= ? AND f.path < ?",
                (backbone_id, *below),
            )
            self._ranges.add(below)
            known: dict[Path, KnownFile] = {}
            damaged = False
            for path, size, mtime_ns, reason, mark, number, key, *about, picture, content_mark, embedded in rows:
                if not is_file((path, size, mtime_ns, key, reason, mark)) or (
                    number is not None and not is_content((key, *about, picture, content_mark))
                ):
                    damaged = True
                    continue
                facts = None if about[0] is None else facts_of(*about)
                content_key = None
                if key is not None:
                    content_key = key.hex()
                    self._file.used.add(number)
                picture_key = None if picture is None else picture.hex()
                known[blob_to_path(path)] = KnownFile(
                    size, mtime_ns, content_key, reason, facts, embedded == 1, picture_key
                )
            if damaged:
                # A wrong value can be replaced, but not a wrong order of the rows.
                check(connection)
            return known

        return self._file.run(read, {})

    def load_embeddings(
        self, keys: Sequence[str], *, backbone_id: str, size: int
    ) -> tuple[list[str], npt.NDArray[np.float16]]:
        """Return the embeddings of these photos, as far as they are known.

        Args:
            keys: content keys.
            backbone_id: the backbone that they were made with.
            size: numbers in each; one of another length is damaged and counts as unknown.

        Returns:
            The content keys that were found, in the given order, and their embeddings: a read-only float16 array
            (number of keys found, `size`).
        """
        import numpy as np  # takes a tenth of a second, which the first window must not wait for

        wanted = [(place, key_to_blob(key)) for place, key in enumerate(keys)]

        def read(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            # A plain transaction on the temporary table, which does not involve other instances.
            connection.execute("BEGIN")
            try:
                connection.executemany("INSERT INTO wanted (position, key) VALUES (?, ?)", wanted)
                rows = connection.execute(
                    "SELECT w.position, c.id, e.data, e.checksum, w.key FROM wanted w"
                    " CROSS JOIN contents c ON c.key = w.key"
                    " CROSS JOIN embeddings e ON e.content_id = c.id AND e.backbone_id = ?"
                    " WHERE length(e.data) = ? ORDER BY w.position",
                    (backbone_id, BYTES_A_NUMBER * size),
                ).fetchall()
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            self._file.used.update(row[1] for row in rows)
            return [
                (position, data)
                for position, _, data, mark, key in rows
                if isinstance(data, bytes) and mark in (None, data_checksum(key, data, backbone_id))
            ]

        empty: list[tuple[int, bytes]] = []
        rows = self._file.run(read, empty)
        array = np.frombuffer(b"".join([data for _, data in rows]), dtype="<f2")
        return [keys[row[0]] for row in rows], array.reshape(len(rows), size)

    def known_content(self, key: str, *, backbone_id: str, size: int) -> KnownContent | None:
        """Return what is known about a photo by its content, so that a copy of it is not judged again.

        None unless it could be decoded and has an embedding of `size` numbers.
        """
        blob = key_to_blob(key)

        def read(connection: sqlite3.Connection) -> KnownContent | None:
            row = connection.execute(
                "SELECT c.id, c.key, c.width, c.height, c.taken_at, c.format, c.picture_key, c.checksum, e.data,"
                " e.checksum, EXISTS (SELECT 1 FROM thumbnails t WHERE t.content_id = c.id) FROM contents c"
                " JOIN embeddings e ON e.content_id = c.id AND e.backbone_id = ?"
                " WHERE c.key = ? AND c.width IS NOT NULL AND length(e.data) = ?",
                (backbone_id, blob, BYTES_A_NUMBER * size),
            ).fetchone()
            if row is None or not is_content(row[1:8]):
                return None
            number, _, *facts, _, _, data, mark, has_thumbnail = row
            if not isinstance(data, bytes) or mark not in (None, data_checksum(blob, data, backbone_id)):
                return None
            self._file.used.add(number)
            return KnownContent(facts_of(*facts), data, has_thumbnail == 1)

        return self._file.run(read, None)

    def paths_of(self, key: str) -> list[Path]:
        """Return where files with this content were when they were last seen."""
        blob = key_to_blob(key)

        def read(connection: sqlite3.Connection) -> list[Path]:
            rows = connection.execute(
                "SELECT f.path, f.size, f.mtime_ns, c.key, f.reason, f.checksum"
                " FROM files f JOIN contents c ON c.id = f.content_id WHERE c.key = ?",
                (blob,),
            )
            return [blob_to_path(row[0]) for row in rows if is_file(row)]

        return self._file.run(read, [])

    def picture_keys(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the picture keys of photos, by content key, as far as they are known."""
        blobs = [key_to_blob(key) for key in keys]

        def read(connection: sqlite3.Connection) -> dict[str, str]:
            query = "SELECT picture_key FROM contents WHERE key = ? AND picture_key IS NOT NULL"
            rows = ((blob, connection.execute(query, (blob,)).fetchone()) for blob in blobs)
            return {blob.hex(): row[0].hex() for blob, row in rows if row is not None}

        return self._file.run(read, {})

    def thumbnail(self, key: str) -> bytes | None:
        """Return the thumbnail of a photo as JPEG bytes, or None if there is none."""
        blob = key_to_blob(key)

        def read(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT c.id, t.data, t.checksum FROM contents c JOIN thumbnails t ON t.content_id = c.id"
                " WHERE c.key = ?",
                (blob,),
            ).fetchone()
            if row is None or not isinstance(row[1], bytes) or row[2] not in (None, data_checksum(blob, row[1])):
                return None
            self._file.used.add(row[0])
            return row[1]

        return self._file.run(read, None)

    def store_thumbnail(self, key: str, thumbnail: bytes) -> None:
        """Store a thumbnail (JPEG bytes) of a photo."""
        blob = key_to_blob(key)
        self._write(
            lambda connection: put_contents(connection, [(blob, None, thumbnail, None, None, None)], self._file.session)
        )

    def store(self, batch: Sequence[CacheEntry]) -> None:
        """Store what a scan found out, all of the batch or nothing; nothing, silently, if the disk is full.

        Raises:
            ValueError: a content key or an embedding has the wrong form.
        """
        contents, files = rows_of(batch)

        def write(connection: sqlite3.Connection) -> None:
            put_contents(connection, contents, self._file.session)
            put_files(connection, files, self._file.session)

        if batch:
            self._write(write)

    def follow(self, files: Iterable[Placed]) -> None:
        """Take over where files are now, as far as anything is known about them."""
        if placed := list(files):
            self._write(lambda connection: follow(connection, placed, self._file.session))

    def get_value(self, name: str) -> str | None:
        """Return a small setting, such as the result of a trial, or None."""

        def read(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT value, checksum FROM settings WHERE name = ?", (name,)).fetchone()
            if row is None or not isinstance(row[0], str) or row[1] not in (None, checksum(name, row[0])):
                return None
            return row[0]

        return self._file.run(read, None)

    def set_value(self, name: str, value: str) -> None:
        """Store a small setting. Like everything here, it may be lost."""
        self._write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO settings (name, value, checksum) VALUES (?, ?, ?)",
                (name, value, checksum(name, value)),
            )
        )

    def prune(self) -> int:
        """Bring the file below its limit by dropping the photos used least recently, but none used in this session.

        Done in slices, so that other threads can use the cache in between.

        Returns:
            How many photos were dropped.
        """
        dropped = self._drop(self._keep)
        self._shrink(self._limit)
        return dropped

    def clear(self) -> None:
        """Delete everything, even what was used in this session, and return the space to the disk."""
        self._drop(lambda: Keep(0, _LATER_THAN_ANY, frozenset()))
        self._write(lambda connection: connection.execute("DELETE FROM settings"))
        self._shrink(0)

    def _drop(self, keep: Callable[[], Keep]) -> int:
        def drop(connection: sqlite3.Connection) -> tuple[int, int]:
            self._note_use(connection)
            return drop_some(connection, keep())

        dropped = 0
        while True:
            photos, files = self._file.run(drop, (0, 0))
            dropped += photos
            if not photos and not files:
                return dropped

    def _shrink(self, limit: int) -> None:
        while self._file.run(lambda connection: shrink_file(connection, limit), False):
            pass

    def _keep(self) -> Keep:
        """Return what must not be dropped now. Only to be called inside `run`: other threads add to the ranges."""
        return Keep(self._limit, self._file.session, frozenset(self._ranges))

    def _note_use(self, connection: sqlite3.Connection) -> None:
        if self._file.used:
            mark(connection, self._file.used, self._file.session)
            self._file.used.clear()

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                work(connection)

        self._file.run(write, None)
        # A slice with each write keeps the file near its limit, so there is never much to drop at once.
        self._file.run(self._make_room, None)

    def _make_room(self, connection: sqlite3.Connection) -> None:
        if bytes_in_use(connection) > self._limit:
            self._note_use(connection)
            drop_some(connection, self._keep())
