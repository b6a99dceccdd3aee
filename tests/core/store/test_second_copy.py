"""The second copy of the library: what is in it, when it wins, and when it is started again."""

import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from zlib import crc32

import pytest

from alpacasorter.core.store import recovery, second_copy
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import HeadVersion, Library, LibraryError
from tests.core.store.library_files import (
    CLASSES,
    copies_of,
    key,
    keys,
    labels,
    overwrite,
    put_in_the_way,
    run_child,
    without_second_copy,
)


def lines(path: Path) -> list[list[bytes]]:
    found = []
    for line in copies_of(path)[0].read_bytes().splitlines():
        checksum, _, rest = line.partition(b"\t")
        assert checksum == b"%08x" % crc32(rest)
        found.append(rest.split(b"\t", 5))
    return found


def change(path: Path, *statements: str) -> None:
    """Change a library as another program would, or damage that is a valid database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_each_change_is_there_when_the_call_returns(library: Library, path: Path) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"}, paths={key(1): Path("/a b.jpg")})
    head = HeadVersion(None, "b", "2026-05-03", 1, "digest", b"\0" * 8, 0.1 + 0.2, {})
    number = library.add_head_version(head)
    library.forget_head_version(number)
    rows = [(table, json.loads(row)) for _, _, _, table, _, row in lines(path)]
    label = next(row for table, row in rows if table == b"corrections")
    assert (label["label"], label["content_key"]) == ("talpaca", "x" + key(1).upper())
    stored, deleted = [row for table, row in rows if table == b"head_versions"]
    assert float.fromhex(stored["bias"][1:]) == 0.1 + 0.2
    assert deleted is None
    assert len({copy.read_bytes() for copy in copies_of(path)}) == 1


def test_a_column_added_later_is_carried(path: Path) -> None:
    change_of = "ALTER TABLE recent_folders ADD COLUMN color TEXT"
    with Library.open(path):
        pass
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(change_of)
    from alpacasorter.core.store.rows import all_rows, watch

    watch(connection)
    connection.execute("INSERT INTO recent_folders (path, opened_at, color) VALUES (x'2f61', '2026', 'red')")
    connection.execute(
        "INSERT OR REPLACE INTO recent_folders (path, opened_at, color) VALUES (x'2f61', '2027', 'blue')"
    )
    noted = connection.execute("SELECT number, content FROM temp.changed ORDER BY id").fetchall()
    assert [(number, row and json.loads(row)["color"]) for number, row in noted] == [
        (1, "tred"),
        (1, None),
        (2, "tblue"),
    ]
    assert any(b"tblue" in row for _, _, row in all_rows(connection))
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE corrections SET label = 'blpaca' WHERE content_key = x'{key(7)}'",
        f"UPDATE corrections SET content_key = x'{key(77)}' WHERE content_key = x'{key(7)}'",
        "UPDATE corrections SET revision = revision + 1 WHERE id = 3",
        "UPDATE head_versions SET bias = 7",
        "UPDATE correction_embeddings SET embedding = x'0000' WHERE id = 3",
        "DELETE FROM corrections WHERE id = 5",
        "DELETE FROM correction_embeddings",
        "UPDATE state SET changes = 0",
        "UPDATE state SET changes = 1000000",
        "PRAGMA user_version = 77",
        "PRAGMA application_id = 77",
    ],
)
@pytest.mark.parametrize("sealed", [True, False])
def test_a_valid_database_with_a_wrong_value_is_noticed(path: Path, damage: str, sealed: bool) -> None:
    data = dict.fromkeys(keys(0, 20), b"12")
    with Library.open(path) as library:
        library.set_corrections(CLASSES, dict.fromkeys(data, "alpaca"), embeddings=data, backbone_id="b")
        library.add_head_version(HeadVersion(None, "b", "2026-05-03", 1, "digest", b"\0" * 8, 0.5, {}))
    if not sealed:
        for copy in copies_of(path):
            copy.write_bytes(b"".join(copy.read_bytes().splitlines(keepends=True)[:-1]))
    change(path, damage)
    with Library.open(path) as library:
        assert labels(library) == dict.fromkeys(keys(0, 20), "alpaca")
        assert library.embeddings(CLASSES, "b") == data
        assert library.head_versions("b")[0].bias == 0.5
        assert library.notice or "changes" in damage


def test_a_library_of_today_gets_its_second_copy_and_says_nothing(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    without_second_copy(path)
    for _ in range(2):
        with Library.open(path) as library:
            assert library.notice is None
            assert labels(library) == {key(1): "alpaca"}
        assert all(copy.stat().st_size for copy in copies_of(path))


def test_what_an_app_wrote_that_knows_no_second_copy_stays(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, dict.fromkeys(keys(0, 3), "alpaca"))
    change(
        path,
        "UPDATE state SET changes = changes + 1",
        "UPDATE corrections SET label = 'not_alpaca', revision = (SELECT changes FROM state)"
        f" WHERE content_key = x'{key(1)}'",
        "INSERT INTO corrections (label_set, content_key, label, revision, made_at)"
        f" VALUES ('{CLASSES}', x'{key(9)}', 'alpaca', (SELECT changes FROM state), '2026')",
    )
    for _ in range(2):
        with Library.open(path) as library:
            assert library.notice is None
            assert labels(library) == {key(0): "alpaca", key(1): "not_alpaca", key(2): "alpaca", key(9): "alpaca"}


def test_one_damaged_file_is_made_again_and_said_once(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, dict.fromkeys(keys(0, 9), "alpaca"))
    for copy in copies_of(path):
        overwrite(copy, 300, b"noise")
        with Library.open(path) as library:
            assert library.notice is not None
            assert "Nothing was lost" in library.notice
        with Library.open(path) as library:
            assert library.notice is None
            assert len(labels(library)) == 9
    copies_of(path)[1].unlink()
    with Library.open(path) as library:
        assert len(labels(library)) == 9
    assert len({copy.read_bytes() for copy in copies_of(path)}) == 1


def test_files_that_vanish_while_open_are_written_again(library: Library, path: Path) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    without_second_copy(path)
    library.set_corrections(CLASSES, {key(2): "alpaca"})
    tables = [table for _, _, _, table, _, _ in lines(path)]
    assert tables.count(b"corrections") == 2
    copies_of(path)[1].unlink()
    library.set_corrections(CLASSES, {key(3): "alpaca"})
    assert len({copy.read_bytes() for copy in copies_of(path)}) == 1


def test_everything_removed_while_open_comes_back(library: Library, path: Path) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    if os.name != "posix":
        pytest.skip("an open file can't be removed on this platform")
    for file in path.parent.iterdir():
        if file.is_file():
            file.unlink()
    library.set_corrections(CLASSES, {key(2): "alpaca"})
    assert labels(library) == dict.fromkeys(keys(1, 3), "alpaca")
    with Library.open(path) as again:
        assert labels(again) == dict.fromkeys(keys(1, 3), "alpaca")


def test_what_cannot_be_written_twice_is_not_written_at_all(
    library: Library, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    before = copies_of(path)[0].read_bytes()

    def full(*_arguments: object, **_keywords: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(second_copy, "flush", full)
        with pytest.raises(LibraryError, match="the disk is full"):
            library.set_corrections(CLASSES, {key(2): "alpaca"})
    assert labels(library) == {key(1): "alpaca"}
    assert copies_of(path)[0].read_bytes() == before
    library.set_corrections(CLASSES, {key(3): "alpaca"})
    with Library.open(path) as again:
        assert again.notice is None
        assert labels(again) == {key(1): "alpaca", key(3): "alpaca"}


def test_a_transaction_of_a_process_that_died_before_the_commit_is_not_mixed_up(library: Library, path: Path) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    script = """
from alpacasorter.core.store import library_file
library = Library.open(Path(sys.argv[1]))
library._file._copy.__class__.append = (lambda append: lambda *given: (append(*given), die()))(
    library._file._copy.__class__.append)
library.set_corrections(CLASSES, {key(2): "alpaca", key(3): "alpaca"})
"""
    child = run_child(script, path)
    assert child.returncode, child.stderr
    assert b"%b" % key(3).upper().encode() in copies_of(path)[0].read_bytes()
    # This one goes on, under the same number.
    library.set_corrections(CLASSES, {key(4): "alpaca"})
    assert key(3).upper().encode() not in copies_of(path)[0].read_bytes()
    with Library.open(path) as again:
        assert again.notice is None
        assert labels(again) == labels(library) == {key(1): "alpaca", key(4): "alpaca"}


def test_two_instances_write_in_turns(library: Library, path: Path) -> None:
    with Library.open(path) as other:
        for number in range(20):
            (library, other)[number % 2].set_corrections(CLASSES, {key(number): "alpaca"})
    assert len({copy.read_bytes() for copy in copies_of(path)}) == 1
    path.unlink()
    with Library.open(path) as again:
        assert labels(again) == dict.fromkeys(keys(0, 20), "alpaca")


def test_it_does_not_grow_forever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_copy, "_SPARE", 4096)
    for number in range(8):
        with Library.open(path) as library:
            for _ in range(20):
                library.set_corrections(CLASSES, {key(number): "alpaca"})
    assert all(copy.stat().st_size < 30_000 for copy in copies_of(path))
    path.unlink()
    with Library.open(path) as library:
        assert labels(library) == dict.fromkeys(keys(0, 8), "alpaca")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".lock"])
@pytest.mark.parametrize("kind", ["folder", "dangling link", "pipe"])
def test_what_is_in_the_way_of_a_file_is_set_aside(path: Path, suffix: str, kind: str) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    for there in [path.with_name(path.name + suffix), *(() if suffix else copies_of(path))]:
        there.unlink(missing_ok=True)
        put_in_the_way(there, kind)
        for _ in range(2):
            with Library.open(path) as library:
                assert labels(library) == {key(1): "alpaca"}


@pytest.mark.skipif(os.name != "posix", reason="permissions of a POSIX system")
def test_only_the_owner_can_read_anything(path: Path, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with Library.open(path) as library, Cache.open(tmp_path / "cache" / "cache.sqlite") as cache:
            library.set_corrections(CLASSES, {key(1): "alpaca"})
            library.backup()
            cache.set_value("a", "b")
            modes = {file: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*")}
            assert {mode for file, mode in modes.items() if file.is_dir()} == {0o700}
            assert {mode for file, mode in modes.items() if file.is_file()} == {0o600}
            assert len(modes) > 10
        # What an earlier version made is closed to others, too.
        for file in tmp_path.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)
        with Library.open(path) as library, Cache.open(tmp_path / "cache" / "cache.sqlite"):
            library.set_corrections(CLASSES, {key(2): "alpaca"})
            for file in (path, path.parent, tmp_path / "cache", tmp_path / "cache" / "cache.sqlite", *copies_of(path)):
                assert not stat.S_IMODE(file.stat().st_mode) & 0o077, file
            for backup in (path.parent / "backups").iterdir():
                assert not stat.S_IMODE(backup.stat().st_mode) & 0o077, backup
    finally:
        os.umask(before)


def test_an_unfinished_library_does_not_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    building = path.with_name(path.name + ".building")
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca"})

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    overwrite(path, 0, bytes(4096))
    with monkeypatch.context() as patch:
        patch.setattr(recovery, "flush_file", full)
        with pytest.raises(LibraryError, match="the disk is full"):
            Library.open(path)
    assert not building.exists()
    for notice in ("restored", None):
        with Library.open(path) as library:
            assert labels(library) == {key(1): "alpaca"}
            assert library.notice is None if notice is None else notice in (library.notice or "")
        assert not building.exists()
        building.write_bytes(b"of a process that was killed")
