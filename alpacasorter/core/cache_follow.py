"""Has what the cache knows of files follow them when they are moved, copied or taken back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from alpacasorter.core.database import key_to_blob, path_to_blob

if TYPE_CHECKING:
    from alpacasorter.core.sorting.events import Placed


def follow(connection: sqlite3.Connection, files: Iterable[Placed], session: int) -> None:
    """Write down where files are now; to be called in a transaction. What is not known stays unknown."""
    for file in files:
        before = path_to_blob(file.before)
        if file.after is not None:
            content, reason = _known(connection, file, before)
            if content is not None or reason is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO files (path, size, mtime_ns, content_id, reason, stored)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (path_to_blob(file.after), file.size, file.mtime_ns, content, reason, session),
                )
        if not file.kept:
            connection.execute("DELETE FROM files WHERE path = ?", (before,))


def _known(connection: sqlite3.Connection, file: Placed, before: bytes) -> tuple[int | None, str | None]:
    """Return the number of a file's content, and why it can't be judged, as far as either is known."""
    row = connection.execute(
        "SELECT f.content_id, f.reason, c.key FROM files f LEFT JOIN contents c ON c.id = f.content_id"
        " WHERE f.path = ? AND f.size = ?",
        (before, file.size),
    ).fetchone()
    key = None if file.content_key is None else key_to_blob(file.content_key)
    if row is not None and (key is None or row[2] is None or row[2] == key):
        return row[0], row[1]
    if key is None:
        return None, None
    found = connection.execute("SELECT id FROM contents WHERE key = ?", (key,)).fetchone()
    # A photo that can't be decoded has a reason that only the row of its file knows.
    if found is None or not _is_judged(connection, found[0]):
        return None, None
    return found[0], None


def _is_judged(connection: sqlite3.Connection, content: int) -> bool:
    row = connection.execute("SELECT 1 FROM contents WHERE id = ? AND width IS NOT NULL", (content,)).fetchone()
    return row is not None
