"""Heads in the library: each with the corrections it was learned from, so that one can go back to it.

Of each bundle the newest are kept and, further back, the last of each day; so the file stays small however many
corrections are made.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alpacasorter.core.database import key_to_blob

HEADS_KEPT: Final = 50
"""How many of the newest heads of a bundle are kept, whatever their days."""
DAYS_KEPT: Final = 50
"""Of how many days (in UTC) the last head is kept."""

_KEY_BYTES: Final = 32
_COLUMNS: Final = "id, bundle_id, made_at, corrections, corrections_digest, weights, bias, measurements, members"


@dataclass(frozen=True, slots=True)
class HeadVersion:
    """A head that was learned, from what, and what was measured of it.

    Attributes:
        id: its number in the library; ignored by `Library.add_head_version`, which gives one.
        bundle_id: the bundle it belongs to.
        made_at: when, ISO 8601 in UTC.
        corrections: how many corrections it was learned from.
        corrections_digest: a digest of exactly which.
        weights: float64, little-endian, one for each number of the embedding.
        bias: finite.
        measurements: numbers by name.
        members: the corrections it was learned from, label by content key; None where that is not known.
    """

    id: int | None
    bundle_id: str
    made_at: str
    corrections: int
    corrections_digest: str
    weights: bytes
    bias: float
    measurements: Mapping[str, float]
    members: Mapping[str, str] | None = None


def check_head(head: HeadVersion) -> None:
    """Check that a head can be stored; raises ValueError if the weights are no float64 bytes, or the bias infinite."""
    if not head.weights or len(head.weights) % 8 or not math.isfinite(head.bias):
        raise ValueError("weights are float64 bytes, and the bias is finite")


def insert_head(connection: sqlite3.Connection, head: HeadVersion, replacing: int | None) -> int:
    """Put in a head, take away the one it replaces and those that are too old; return its number."""
    if replacing is not None:
        delete_head(connection, replacing)
    cursor = connection.execute(
        "INSERT INTO head_versions"
        " (bundle_id, made_at, corrections, corrections_digest, weights, bias, measurements, members)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            head.bundle_id,
            head.made_at,
            head.corrections,
            head.corrections_digest,
            head.weights,
            head.bias,
            json.dumps(dict(head.measurements)),
            None if head.members is None else _packed(head.members),
        ),
    )
    connection.execute(
        "DELETE FROM head_versions WHERE bundle_id = :bundle"
        " AND id NOT IN (SELECT id FROM head_versions WHERE bundle_id = :bundle ORDER BY id DESC LIMIT :heads)"
        " AND id NOT IN (SELECT max(id) FROM head_versions WHERE bundle_id = :bundle"
        " GROUP BY substr(made_at, 1, 10) ORDER BY max(id) DESC LIMIT :days)",
        {"bundle": head.bundle_id, "heads": HEADS_KEPT, "days": DAYS_KEPT},
    )
    return int(cursor.lastrowid or 0)


def delete_head(connection: sqlite3.Connection, number: int) -> None:
    """Take away a head; nothing happens where there is none of this number."""
    connection.execute("DELETE FROM head_versions WHERE id = ?", (number,))


def measure_head(connection: sqlite3.Connection, number: int, measurements: Mapping[str, float]) -> None:
    """Note what was measured of a head, in place of what is noted."""
    connection.execute(
        "UPDATE head_versions SET measurements = ? WHERE id = ?", (json.dumps(dict(measurements)), number)
    )


def select_heads(
    connection: sqlite3.Connection, bundle_id: str, *, limit: int = HEADS_KEPT + DAYS_KEPT, digest: str | None = None
) -> list[HeadVersion]:
    """Return heads of a bundle, the one added last first; with `digest`, those learned from just these corrections."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM head_versions WHERE bundle_id = ? AND (? IS NULL OR corrections_digest = ?)"
        " ORDER BY id DESC LIMIT ?",
        (bundle_id, digest, digest, limit),
    ).fetchall()
    return [
        HeadVersion(*(*values, json.loads(measurements), _unpacked(members))) for *values, measurements, members in rows
    ]


def _packed(members: Mapping[str, str]) -> bytes:
    """Return members as stored: the labels as a line of JSON, then for each photo its key and its label's number."""
    labels = sorted(set(members.values()))
    rows = (key_to_blob(key) + bytes([labels.index(label)]) for key, label in sorted(members.items()))
    return json.dumps(labels).encode() + b"\n" + b"".join(rows)


def _unpacked(stored: bytes | None) -> dict[str, str] | None:
    """Return what `_packed` stored, or None where that can't be told."""
    if stored is None:
        return None
    head, _, data = stored.partition(b"\n")
    try:
        labels = json.loads(head)
        if not isinstance(labels, list):
            return None
        rows = [data[at : at + _KEY_BYTES + 1] for at in range(0, len(data), _KEY_BYTES + 1)]
        return {row[:_KEY_BYTES].hex(): str(labels[row[_KEY_BYTES]]) for row in rows}
    except (ValueError, LookupError, TypeError):
        return None
