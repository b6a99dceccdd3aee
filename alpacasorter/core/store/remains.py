"""What is left of a damaged library: the rows that SQLite still reads, and how they are merged into a restored one."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.store.database import DAMAGE, transaction
from alpacasorter.core.store.rows import Value, columns, put_row, quoted, tables

_MOST_IDS: Final = 1 << 22
# A range of ids that can't be read is halved. Where everything below a page is lost, that must end.
_MOST_QUERIES: Final = 3000
_ENOUGH_QUERIES: Final = 200
_BIGGEST: Final = 1 << 53
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
_TYPES: Final = {"INTEGER": int, "TEXT": str, "BLOB": bytes, "REAL": float}


class Row(NamedTuple):
    """A row of a table: its id, and its values by column."""

    table: str
    number: int
    values: dict[str, Value]


def readable_rows(path: Path, *, after: int | None = None) -> list[Row]:
    """Return the plausible rows that SQLite can read in a damaged library.

    Args:
        path: a copy of the library, because reading may change it.
        after: if given, nothing is returned unless the library says that it counted more changes than that.
    """
    found: list[Row] = []
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        with contextlib.suppress(*DAMAGE):
            connection.text_factory = lambda text: text.decode(errors="surrogateescape")
            if after is not None and int(connection.execute("SELECT changes FROM state").fetchone()[0]) <= after:
                return []
            for table in tables(connection):
                with contextlib.suppress(*DAMAGE):
                    kinds = columns(connection, table)
                    rows = _read(connection, table, kinds)
                    found += [Row(table, number, row) for number, row in rows.items() if _is_plausible(row, kinds)]
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.close()
    return found


def _read(connection: sqlite3.Connection, table: str, kinds: dict[str, str]) -> dict[int, dict[str, Value]]:
    """Return the rows of a table by id, as far as they can be read."""
    names = ", ".join(map(quoted, kinds))
    select = f"SELECT rowid, {names} FROM main.{quoted(table)} WHERE rowid"
    found: dict[int, dict[str, Value]] = {}
    ranges = deque([(0, _MOST_IDS)])
    for count in range(_MOST_QUERIES):
        if not ranges or (count > _ENOUGH_QUERIES and not found):
            break
        first, last = ranges.popleft()
        # To know that a range ends, SQLite looks at the row after it, which may be a damaged one.
        where, ids = ("= ?", (first,)) if first == last else ("BETWEEN ? AND ?", (first, last))
        try:
            for number, *row in connection.execute(f"{select} {where}", ids):
                found[number] = dict(zip(kinds, row, strict=True))
        except DAMAGE:
            middle = (first + last) // 2
            if first < last:
                ranges += [(first, middle), (middle + 1, last)]
    return found


def _is_plausible(row: dict[str, Value], kinds: dict[str, str]) -> bool:
    for name, value in row.items():
        if value is not None and not isinstance(value, _TYPES.get(kinds[name], object)):
            return False
        if isinstance(value, str) and not value.isprintable() and not value.replace("\n", "").isprintable():
            return False
    made_at, revision = row.get("made_at"), row.get("revision")
    if isinstance(made_at, str) and made_at and not _TIME.fullmatch(made_at):
        return False
    return not isinstance(revision, int) or 0 < revision < _BIGGEST


def put_newer(connection: sqlite3.Connection, rows: Iterable[Row], base: int) -> None:
    """Merge rows of another copy into a restored library, as far as they are newer than what it was restored from.

    Args:
        connection: the library, of the newest version.
        rows: rows of any version of the tables.
        base: the transaction up to which the library knows everything; with -1 the rows count as they are, because each
            had a checksum.
    """
    with transaction(connection):
        known = {table: columns(connection, table) for table in tables(connection)}
        highest = {table: _highest(connection, table) for table in known}
        keys = {table: _key(connection, table) for table in known}
        latest = int(connection.execute("SELECT changes FROM state").fetchone()[0])
        for row in sorted(rows, key=lambda row: (row.table, row.number)):
            if row.table not in known or row.table == "state":
                continue
            revision = row.values.get("revision")
            if "revision" in known[row.table]:
                if not isinstance(revision, int) or revision <= base:
                    continue
            elif base >= 0 and row.number <= highest[row.table]:
                continue
            with contextlib.suppress(sqlite3.IntegrityError):
                if _merge(connection, row, known[row.table], keys[row.table]) and isinstance(revision, int):
                    latest = max(latest, revision)
        connection.execute("UPDATE state SET changes = ?", (latest,))


def _merge(connection: sqlite3.Connection, row: Row, known: Iterable[str], key: list[str]) -> bool:
    """Insert a row, or replace the one with its key unless that is later; return whether it was done."""
    table, values = quoted(row.table), dict(row.values)
    if any(name not in values for name in key):
        return False
    dated = "revision" in values
    same = " AND ".join(f"{quoted(name)} IS ?" for name in key)
    found = connection.execute(
        f"SELECT rowid{', revision' if dated else ''} FROM {table} WHERE {same}", [values[name] for name in key]
    ).fetchone()
    if found is not None:
        if dated and isinstance(values["revision"], int) and found[1] > values["revision"]:
            return False
        values["id"] = found[0]
    elif connection.execute(f"SELECT 1 FROM {table} WHERE rowid = ?", (row.number,)).fetchone():
        values["id"] = None
    if row.table == "sorts":
        # The number is for people; another sort may have got it meanwhile.
        taken = connection.execute(
            "SELECT 1 FROM sorts WHERE number = ? AND uid IS NOT ?", (values["number"], values["uid"])
        ).fetchone()
        if taken:
            values["number"] = connection.execute("SELECT max(number) + 1 FROM sorts").fetchone()[0]
    put_row(connection, row.table, known, values)
    return True


def _highest(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {quoted(table)}").fetchone()[0])


def _key(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns that tell the rows of a table apart: those of its first unique constraint, or the id."""
    indexes = connection.execute(f"PRAGMA main.index_list({quoted(table)})").fetchall()
    for _, name, _, origin, _ in reversed(indexes):
        if origin == "u":
            return [column for _, _, column in connection.execute(f"PRAGMA main.index_info({quoted(name)})")]
    return ["id"]
