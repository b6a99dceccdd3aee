"""Which corrections of the library are set aside from learning. Their labels stay, and outrank every prediction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

_JOIN: Final = "LEFT JOIN corrections_set_aside s ON s.label_set = c.label_set AND s.content_key = c.content_key"
# A correction made after it was set aside is a new one.
_IS_SET_ASIDE: Final = "coalesce(s.set_aside AND s.revision > c.revision, 0)"


def select_set_aside(connection: sqlite3.Connection, label_set: str) -> set[str]:
    """Return the content keys of the corrections that are set aside."""
    rows = connection.execute(
        f"SELECT c.content_key FROM corrections c {_JOIN}"
        f" WHERE c.label_set = ? AND c.label IS NOT NULL AND {_IS_SET_ASIDE}",
        (label_set,),
    )
    return {key.hex() for (key,) in rows}


def set_aside_all_but(
    connection: sqlite3.Connection, revision: int, label_set: str, members: Mapping[str, str] | None
) -> None:
    """Set aside all corrections but `members` (label by content key), or none where that is None.

    Called in the transaction that writes, so that a correction that another instance makes at this moment is either
    before or after.
    """
    rows = connection.execute(
        f"SELECT c.content_key, c.label, {_IS_SET_ASIDE} FROM corrections c {_JOIN}"
        " WHERE c.label_set = ? AND c.label IS NOT NULL",
        (label_set,),
    ).fetchall()
    changes = []
    for key, label, was_set_aside in rows:
        set_aside = members is not None and members.get(key.hex()) != label
        if set_aside != bool(was_set_aside):
            changes.append((label_set, key, set_aside, revision))
    connection.executemany(
        "INSERT INTO corrections_set_aside (label_set, content_key, set_aside, revision) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (label_set, content_key) DO UPDATE SET"
        " set_aside = excluded.set_aside, revision = excluded.revision",
        changes,
    )
