"""Keeps the cache below its limit, a slice at a time so that whoever waits for the cache never waits long."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from alpacasorter.core.database import pragma_number, transaction

_PHOTOS_A_SLICE: Final = 200
_FILES_A_SLICE: Final = 5000
_PAGES_A_SLICE: Final = 500
_BESIDE: Final = 500
"""Bytes a photo takes beside its thumbnail and embedding, about: rows in four tables and their indexes."""


class Keep(NamedTuple):
    """What is not to be dropped.

    Attributes:
        limit: bytes.
        session: what was used in this session, or in a later one, stays.
        ranges: so do files whose content isn't known, between these paths.
    """

    limit: int
    session: int
    ranges: frozenset[tuple[bytes, bytes]]


def bytes_in_use(connection: sqlite3.Connection) -> int:
    """Return how much of the file is not free space."""
    pages = pragma_number(connection, "page_count") - pragma_number(connection, "freelist_count")
    return pages * pragma_number(connection, "page_size")


def mark(connection: sqlite3.Connection, ids: Iterable[int], session: int) -> None:
    """Note down that these contents were used in this session."""
    with transaction(connection):
        connection.execute("DELETE FROM marked")
        connection.executemany("INSERT INTO marked (id) VALUES (?)", ((number,) for number in ids))
        connection.execute(
            "UPDATE contents SET used = ? WHERE used < ? AND id IN (SELECT id FROM marked)",
            (session, session),
        )
        connection.execute("DELETE FROM marked")


def drop_some(connection: sqlite3.Connection, keep: Keep) -> tuple[int, int]:
    """Drop the photos used least recently, as many as needed or as fit a slice.

    When there are none left, the files whose content isn't known.

    Returns:
        How many photos and how many such files went; (0, 0) if it is within its limit or nothing may go.
    """
    excess = bytes_in_use(connection) - keep.limit
    if excess <= 0:
        return 0, 0
    # A little more than needed, or every write after this one would have to drop again.
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
    """Give some free space back to the disk if the file is above its limit; whether there is more to give."""
    free = pragma_number(connection, "freelist_count")
    size = pragma_number(connection, "page_count") * pragma_number(connection, "page_size")
    if size <= limit or not free:
        # Only with this is the file itself made shorter.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return False
    connection.execute(f"PRAGMA incremental_vacuum({_PAGES_A_SLICE})").fetchall()
    return pragma_number(connection, "freelist_count") < free
