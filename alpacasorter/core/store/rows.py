"""Rows of any table of the library: as JSON, noted when they change, read, written, and saved from a damaged file.

No column is named here, so one that a migration adds is carried like the others.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from alpacasorter.core.store.database import DAMAGE, transaction

Value = int | float | str | bytes | None

_MOST_IDS: Final = 1 << 22
# A range of ids that can't be read is halved. Where everything below a page is lost, that must end.
_MOST_QUERIES: Final = 3000
_ENOUGH_QUERIES: Final = 200
_BIGGEST: Final = 1 << 53
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
_TYPES: Final = {"INTEGER": int, "TEXT": str, "BLOB": bytes, "REAL": float}


def watch(connection: sqlite3.Connection) -> None:
    """Have the connection note each row that it changes in the library, for `SecondCopy.append`."""
    connection.create_function("exact", 1, float.hex, deterministic=True)
    # Or a row that INSERT OR REPLACE replaces goes unnoticed.
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute("CREATE TEMP TABLE changed (id INTEGER PRIMARY KEY, name TEXT, number INTEGER, content BLOB)")
    for table in tables(connection):
        name, row = quoted(table), _rendered(connection, table, "NEW.")
        note = f"INSERT INTO changed (name, number, content) VALUES ('{table}'"
        moved = f"INSERT INTO changed (name, number) SELECT '{table}', OLD.rowid WHERE OLD.rowid <> NEW.rowid"
        for event, statements in (
            ("INSERT", f"{note}, NEW.rowid, {row});"),
            ("UPDATE", f"{moved}; {note}, NEW.rowid, {row});"),
            ("DELETE", f"{note}, OLD.rowid, NULL);"),
        ):
            trigger = quoted(f"{table} {event}")
            connection.execute(f"CREATE TEMP TRIGGER {trigger} AFTER {event} ON main.{name} BEGIN {statements} END")


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the tables of the library; that of its state comes last."""
    rows = connection.execute(
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " ORDER BY name = 'state', name"
    )
    return [name for (name,) in rows]


def columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the columns of a table and their types."""
    rows = connection.execute(f"PRAGMA main.table_info({quoted(table)})")
    return {name: kind for _, name, kind, *_ in rows}


def quoted(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def all_rows(connection: sqlite3.Connection) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield table, id and JSON of every row of the library, in order; `state` comes last."""
    connection.create_function("exact", 1, float.hex, deterministic=True)
    for table in tables(connection):
        name = table.encode()
        for number, row in connection.execute(
            f"SELECT rowid, {_rendered(connection, table)} FROM main.{quoted(table)} ORDER BY rowid"
        ):
            yield name, number, row


def values(row: bytes) -> dict[str, Value]:
    """Return the values of a row by the names of their columns; raises ValueError if it is no row."""
    return {name: _value(stored) for name, stored in json.loads(row).items()}


def put_row(connection: sqlite3.Connection, table: str, known: Iterable[str], row: dict[str, Value]) -> None:
    """Insert a row, replacing the one with the same id or key; values that are not of `known` columns are ignored."""
    names = [name for name in known if name in row]
    connection.execute(
        f"INSERT OR REPLACE INTO main.{quoted(table)} ({', '.join(map(quoted, names))})"
        f" VALUES ({', '.join('?' * len(names))})",
        [row[name] for name in names],
    )


def delete_row(connection: sqlite3.Connection, table: str, number: int) -> None:
    """Delete the row with this id, if there is one."""
    connection.execute(f"DELETE FROM main.{quoted(table)} WHERE rowid = ?", (number,))


def _rendered(connection: sqlite3.Connection, table: str, of: str = "") -> str:
    """Return the SQL that renders a row as JSON, exactly: text begins with t, bytes with x, a number that is not whole
    with r."""
    parts = []
    for column in columns(connection, table):
        at = of + quoted(column)
        label = column.replace("'", "''")
        parts.append(
            f"'{label}', CASE typeof({at}) WHEN 'blob' THEN 'x' || hex({at}) WHEN 'text' THEN 't' || {at}"
            f" WHEN 'real' THEN 'r' || exact({at}) ELSE {at} END"
        )
    return f"CAST(json_object({', '.join(parts)}) AS BLOB)"


def _value(stored: object) -> Value:
    match stored:
        case None | int():
            return stored
        case str():
            kind, text = stored[:1], stored[1:]
            if kind == "t":
                return text
            if kind == "x":
                return bytes.fromhex(text)
            if kind == "r":
                return float.fromhex(text)
    raise ValueError("no value of a row")


# What is left of a damaged library, and how it is merged into a restored one


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
