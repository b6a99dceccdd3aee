"""Opening SQLite files, transactions, migrations and kinds of failure."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from alpacasorter.core.store.database import (
    DamagedError,
    Failure,
    TooNewError,
    blob_to_path,
    check,
    connect,
    exclusive,
    failure_of,
    identity,
    key_to_blob,
    migrate,
    path_to_blob,
    pragma_number,
    transaction,
    use_wal,
)

ROOT = Path(__file__).resolve().parents[2]
OURS = 0x1234
ONE = ("CREATE TABLE a (x INTEGER)", "INSERT INTO a VALUES (1)")
TWO = ("ALTER TABLE a ADD COLUMN y INTEGER", "UPDATE a SET y = x + 1")


def opened(path: Path | None) -> closing[sqlite3.Connection]:
    return closing(connect(path, synchronous="FULL", busy_seconds=0.1))


def test_connection_is_set_up(tmp_path: Path) -> None:
    with opened(tmp_path / "a.sqlite") as connection:
        use_wal(connection)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert pragma_number(connection, "synchronous") == 2
        assert pragma_number(connection, "foreign_keys") == 1
        assert pragma_number(connection, "busy_timeout") == 100


def test_migrations_run_in_order_from_nothing_and_from_each_version(tmp_path: Path) -> None:
    for start in range(3):
        with opened(tmp_path / f"{start}.sqlite") as connection:
            if start:
                migrate(connection, application_id=OURS, migrations=[ONE, TWO][:start])
            migrate(connection, application_id=OURS, migrations=[ONE, TWO])
            assert connection.execute("SELECT x, y FROM a").fetchall() == [(1, 2)]
            assert pragma_number(connection, "user_version") == 2
            assert pragma_number(connection, "application_id") == OURS


def test_migration_that_fails_changes_nothing() -> None:
    with opened(None) as connection:
        migrate(connection, application_id=OURS, migrations=[ONE])
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, application_id=OURS, migrations=[ONE, (TWO[0], "INSERT INTO missing VALUES (1)")])
        assert pragma_number(connection, "user_version") == 1
        assert connection.execute("SELECT * FROM a").fetchall() == [(1,)]


def test_newer_and_foreign_databases_are_refused() -> None:
    with opened(None) as connection:
        migrate(connection, application_id=OURS, migrations=[ONE, TWO])
        with pytest.raises(TooNewError):
            migrate(connection, application_id=OURS, migrations=[ONE])
        with pytest.raises(DamagedError):
            migrate(connection, application_id=OURS + 1, migrations=[ONE])
    with opened(None) as connection:
        connection.execute("CREATE TABLE something_else (x)")
        with pytest.raises(DamagedError):
            migrate(connection, application_id=OURS, migrations=[ONE])


def test_transaction_is_all_or_nothing() -> None:
    def insert(value: int, *, fail: bool) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO a VALUES (?)", (value,))
            if fail:
                raise KeyError

    with opened(None) as connection:
        connection.execute("CREATE TABLE a (x)")
        with pytest.raises(KeyError):
            insert(1, fail=True)
        insert(2, fail=False)
        assert connection.execute("SELECT x FROM a").fetchall() == [(2,)]


def test_failures_are_told_apart(tmp_path: Path) -> None:
    def failure(path: Path, statement: str) -> Failure | None:
        try:
            with opened(path) as connection:
                connection.execute(statement)
        except sqlite3.Error as error:
            return failure_of(error)
        return None

    noise = tmp_path / "noise.sqlite"
    noise.write_bytes(b"no database " * 1000)
    assert failure(noise, "SELECT * FROM sqlite_master") is Failure.DAMAGED
    assert failure(tmp_path, "SELECT * FROM sqlite_master") is Failure.READ_ONLY
    assert failure(tmp_path / "new.sqlite", "SELECT * FROM missing") is Failure.DAMAGED
    assert failure(tmp_path / "new.sqlite", "SELECT * FROM sqlite_master") is None

    path = tmp_path / "a.sqlite"
    with opened(path) as connection:
        connection.execute("CREATE TABLE a (x)")
        with transaction(connection):
            assert failure(path, "BEGIN IMMEDIATE") is Failure.BUSY
        connection.execute(f"PRAGMA max_page_count = {pragma_number(connection, 'page_count')}")
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute("INSERT INTO a VALUES (zeroblob(100000))")
        assert failure_of(caught.value) is Failure.FULL
        connection.execute("PRAGMA query_only = 1")
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute("INSERT INTO a VALUES (1)")
        assert failure_of(caught.value) is Failure.READ_ONLY


def test_check_finds_a_page_of_noise(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with opened(path) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("CREATE TABLE a (x)")
        connection.executemany("INSERT INTO a VALUES (?)", [("x" * 500,) for _ in range(200)])
        check(connection)
    with path.open("rb+") as file:
        file.seek(4096 * 10)
        file.write(os.urandom(4096))
    with opened(path) as connection, pytest.raises((DamagedError, sqlite3.DatabaseError)):
        check(connection)


HOLD = """
import sys, time
from pathlib import Path
from alpacasorter.core.store.database import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_exclusive_waits_for_other_processes_and_ends_with_them(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(sqlite3.OperationalError) as caught, exclusive(path, seconds=0.1):
            pass
        assert failure_of(caught.value) is Failure.BUSY
        other.kill()
    with exclusive(path, seconds=5):
        assert path.stat().st_size == 0


def test_exclusive_survives_a_lock_file_full_of_noise(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_bytes(os.urandom(5000))
    with exclusive(path), pytest.raises(sqlite3.OperationalError), exclusive(path, seconds=0):
        pass


def test_identity_tells_a_replaced_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert identity(path) is None
    path.write_bytes(b"")
    first = identity(path)
    other = tmp_path / "b"
    other.write_bytes(b"")
    other.replace(path)
    assert first is not None
    assert identity(path) not in (None, first)


@pytest.mark.skipif(os.name != "posix", reason="names are text on this platform")
def test_paths_of_any_bytes_come_back() -> None:
    for name in (b"/a/caf\xe9.jpg", "/ä/🦙.jpg".encode(), b"/a b/\xff\xfe"):
        assert path_to_blob(blob_to_path(name)) == name


def test_content_keys_must_be_content_keys() -> None:
    assert key_to_blob("ab" * 32) == b"\xab" * 32
    for wrong in ("", "ab", "xy" * 32, "ab" * 33):
        with pytest.raises(ValueError, match="hexadecimal"):
            key_to_blob(wrong)
