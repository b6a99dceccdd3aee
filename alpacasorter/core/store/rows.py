"""Rows of any table of the library as JSON: noted when they change, read, and written.

No column is named here, so one that a migration adds is carried like the others.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator

Value = int | float | str | bytes | None


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
