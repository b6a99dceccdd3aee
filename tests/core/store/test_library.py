"""The library: corrections, heads and folders, kept permanently."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from alpacasorter.core.store.database import transaction
from alpacasorter.core.store.library import (
    DAYS_KEPT,
    HEADS_KEPT,
    HeadVersion,
    Library,
    LibraryError,
    LibraryTooNewError,
)
from alpacasorter.core.store.library_schema import new_connection
from alpacasorter.core.store.second_copy import SecondCopy
from tests.core.store.library_files import CLASSES, ROOT, key, keys, overwrite, run_child
from tests.unprivileged import ordinary_user, shared_folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "library.sqlite"


@pytest.fixture
def library(path: Path) -> Iterator[Library]:
    with Library.open(path) as opened:
        yield opened


def labels(library: Library, label_set: str = CLASSES) -> dict[str, str]:
    return {found: correction.label for found, correction in library.corrections(label_set).items()}


def head(bundle: str, corrections: int, **measured: float) -> HeadVersion:
    weights = np.arange(1280, dtype="<f8") + corrections
    return HeadVersion(
        None, bundle, "2026-05-03T10:00:00+00:00", corrections, "digest", weights.tobytes(), -0.25, measured
    )


def test_new_library_is_empty_and_says_nothing(library: Library, path: Path) -> None:
    assert library.notice is None
    assert library.path == path
    assert library.corrections(CLASSES) == {}
    assert library.embeddings(CLASSES, "b") == {}
    assert library.head_versions("alpaca") == []
    assert library.recent_folders() == []


def test_corrections_come_back_after_reopening(path: Path) -> None:
    place = Path("/photos/alpaca 🦙.jpg")
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca", key(2): "not_alpaca"}, paths={key(1): place})
    with Library.open(path) as library:
        found = library.corrections(CLASSES)
        assert library.notice is None
    assert list(found) == [key(1), key(2)]
    assert (found[key(1)].label, found[key(1)].path_hint) == ("alpaca", place)
    assert (found[key(2)].label, found[key(2)].path_hint) == ("not_alpaca", None)
    assert found[key(1)].content_key == key(1)
    assert found[key(1)].made_at.endswith("+00:00")


def test_corrections_change_and_are_removed(library: Library) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca", key(2): "alpaca"}, paths={key(1): Path("/a.jpg")})
    library.set_corrections(CLASSES, {key(1): "not_alpaca", key(2): None, key(3): None})
    assert labels(library) == {key(1): "not_alpaca"}
    assert library.corrections(CLASSES)[key(1)].path_hint == Path("/a.jpg")
    library.set_corrections(CLASSES, {key(2): "alpaca"})
    assert labels(library) == {key(1): "not_alpaca", key(2): "alpaca"}


def test_picture_keys_are_kept_with_corrections(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca", key(2): "alpaca"}, pictures={key(1): key(11)})
        library.set_corrections("cat|dog", {key(2): "dog"})
        library.set_corrections(CLASSES, {key(1): "not_alpaca"})
        library.set_picture_keys({key(1): key(13), key(2): key(12), key(3): key(12)})
        library.set_picture_keys({})
        with pytest.raises(ValueError, match="hexadecimal"):
            library.set_picture_keys({key(1): "short"})
    with Library.open(path) as library:
        pictures = {number: one.picture_key for number, one in library.corrections(CLASSES).items()}
        assert pictures == {key(1): key(11), key(2): key(12)}
        assert library.corrections("cat|dog")[key(2)].picture_key == key(12)
        # The one that was changed last comes last.
        assert list(library.corrections(CLASSES)) == [key(2), key(1)]


def test_library_without_picture_keys_is_migrated_with_its_second_copy(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca", key(2): "not_alpaca"})
    with closing(new_connection(path)) as connection:
        connection.execute("ALTER TABLE corrections DROP COLUMN picture_key")
        connection.execute("PRAGMA user_version = 3")
        with transaction(connection):
            SecondCopy(path).write(connection)
    for _ in range(2):
        with Library.open(path) as library:
            assert library.notice is None
            assert labels(library) == {key(1): "alpaca", key(2): "not_alpaca"}
            library.set_picture_keys({key(1): key(11)})
            assert library.corrections(CLASSES)[key(1)].picture_key == key(11)


def test_picture_keys_survive_damage(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca", key(2): "alpaca"}, pictures={key(1): key(11)})
        library.set_picture_keys({key(2): key(12)})
    path.write_bytes(bytes(path.stat().st_size))
    with Library.open(path) as library:
        pictures = {number: one.picture_key for number, one in library.corrections(CLASSES).items()}
        assert pictures == {key(1): key(11), key(2): key(12)}


def test_each_set_of_classes_has_its_own_corrections(library: Library) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    library.set_corrections("cat|dog", {key(1): "dog", key(2): "cat"})
    library.set_corrections(CLASSES, {key(1): None})
    assert labels(library) == {}
    assert labels(library, "cat|dog") == {key(1): "dog", key(2): "cat"}


def test_embeddings_are_those_of_corrected_photos_for_one_backbone(library: Library) -> None:
    data = {key(n): np.full(1280, n, "<f2").tobytes() for n in range(3)}
    library.set_corrections(CLASSES, dict.fromkeys(data, "alpaca"), embeddings=data, backbone_id="one")
    library.set_corrections(CLASSES, {key(0): None})
    assert library.embeddings(CLASSES, "one") == {key(1): data[key(1)], key(2): data[key(2)]}
    assert library.embeddings(CLASSES, "two") == {}
    library.set_corrections(CLASSES, {}, embeddings={key(1): data[key(2)]}, backbone_id="two")
    assert library.embeddings(CLASSES, "two") == {key(1): data[key(2)]}
    # Undoing the removal needs no embedding again.
    library.set_corrections(CLASSES, {key(0): "alpaca"})
    assert library.embeddings(CLASSES, "one") == data


@pytest.mark.parametrize(
    "wrong",
    [
        {"changes": {"no key": "alpaca"}},
        {"changes": {key(1): ""}},
        {"changes": {}, "embeddings": {key(1): b"odd"}, "backbone_id": "b"},
        {"changes": {}, "embeddings": {key(1): b"even"}},
    ],
)
def test_wrong_arguments_change_nothing(library: Library, wrong: dict[str, object]) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    with pytest.raises(ValueError, match=r"."):
        library.set_corrections(CLASSES, **wrong)  # type: ignore[arg-type]
    assert labels(library) == {key(1): "alpaca"}


@settings(max_examples=25)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from(["cat|dog", CLASSES]),
                st.dictionaries(st.sampled_from(keys(0, 6)), st.sampled_from(["a", "b", None]), max_size=4),
            ),
            st.sampled_from(["reopen", "backup"]),
        ),
        max_size=12,
    )
)
def test_any_series_of_changes_equals_a_dictionary(
    series: list[tuple[str, dict[str, str | None]] | str],
) -> None:
    model: dict[str, dict[str, str]] = {"cat|dog": {}, CLASSES: {}}
    with tempfile.TemporaryDirectory() as folder:
        library = Library.open(Path(folder) / "library.sqlite")
        for step in series:
            if step == "backup":
                library.backup()
            elif isinstance(step, str):
                library.close()
                library = Library.open(Path(folder) / "library.sqlite")
            else:
                label_set, changes = step
                library.set_corrections(label_set, changes)
                for changed, label in changes.items():
                    model[label_set].pop(changed, None)
                    if label is not None:
                        model[label_set][changed] = label
            assert {name: labels(library, name) for name in model} == model
        library.close()


def test_heads_come_back_the_latest_first(path: Path) -> None:
    with Library.open(path) as library:
        first = library.add_head_version(head("alpaca", 1, accuracy=0.96, loss=float("inf")))
        second = library.add_head_version(head("alpaca", 2))
        other = library.add_head_version(head("cats", 3))
        assert first < second < other
    with Library.open(path) as library:
        latest, before = library.head_versions("alpaca")
        assert (latest.id, latest.corrections, latest.bias, latest.measurements) == (second, 2, -0.25, {})
        assert np.array_equal(np.frombuffer(latest.weights, "<f8"), np.arange(1280) + 2.0)
        assert before.id == first
        assert before.measurements == {"accuracy": 0.96, "loss": float("inf")}


def test_old_heads_make_way(library: Library) -> None:
    """The newest stay, and before those the last of each day."""
    kept = library.add_head_version(head("cats", 0))

    def on(day: int, number: int) -> int:
        made_at = f"2026-{1 + day // 28:02}-{1 + day % 28:02}T10:00:{number:02}+00:00"
        return library.add_head_version(replace(head("alpaca", number), made_at=made_at))

    numbers = {day: [on(day, n) for n in range(3)] for day in range(70)}
    found = [one.id for one in library.head_versions("alpaca")]
    every = [number for day in range(70) for number in numbers[day]]
    last_of_days = [numbers[day][-1] for day in range(70 - DAYS_KEPT, 70)]
    assert found == sorted({*every[-HEADS_KEPT:], *last_of_days}, reverse=True)
    assert len(found) <= HEADS_KEPT + DAYS_KEPT
    assert [one.id for one in library.head_versions("cats")] == [kept]


def test_a_head_remembers_what_it_was_learned_from(library: Library) -> None:
    members = {key(1): "not_alpaca", key(2): "alpaca", key(3): "a label with a\nnewline"}
    first = library.add_head_version(replace(head("alpaca", 3), members=members, corrections_digest="one"))
    second = library.add_head_version(replace(head("alpaca", 0), members={}, corrections_digest="none"))
    third = library.add_head_version(head("alpaca", 3))
    assert [one.members for one in library.head_versions("alpaca")] == [None, {}, members]
    again = library.add_head_version(replace(head("alpaca", 4), corrections_digest="one"), replacing=third)
    assert [one.id for one in library.head_versions("alpaca")] == [again, second, first]
    latest = library.head_of("alpaca", "one")
    assert latest is not None
    assert latest.id == again
    assert library.head_of("alpaca", "another") is None
    assert library.head_of("cats", "one") is None
    library.forget_head_version(again)
    library.forget_head_version(again)
    library.set_measurements(first, {"before": 1, "after": 2})
    library.set_measurements(again, {"before": 1})
    assert [one.measurements for one in library.head_versions("alpaca")] == [{}, {"before": 1, "after": 2}]


@pytest.mark.parametrize(
    "members", [b"", b"{}", b'["alpaca"]\nshort', b'["alpaca"]\n' + bytes(32) + b"\x05", b"\xff\n"]
)
def test_members_that_make_no_sense_are_none(library: Library, path: Path, members: bytes) -> None:
    library.add_head_version(replace(head("alpaca", 1), members={key(1): "alpaca"}))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE head_versions SET members = ?", (members,))
    database.close()
    assert [one.members for one in library.head_versions("alpaca")] == [None]


def test_corrections_are_set_aside_and_taken_in_again(library: Library, path: Path) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca", key(2): "not_alpaca", key(3): "alpaca", key(4): "alpaca"})
    library.set_corrections("cat|dog", {key(1): "cat"})
    assert library.set_aside(CLASSES) == set()
    library.learn_only_from(CLASSES, {key(1): "alpaca", key(2): "alpaca", key(9): "alpaca"})
    assert library.set_aside(CLASSES) == {key(2), key(3), key(4)}, "one of another label was made since"
    assert library.set_aside("cat|dog") == set()
    assert labels(library)[key(2)] == "not_alpaca"
    # Made again, it is learned from; removed, it is gone.
    library.set_corrections(CLASSES, {key(3): "alpaca", key(4): None})
    with Library.open(path) as again:
        assert again.set_aside(CLASSES) == {key(2)}
        again.learn_only_from(CLASSES, {key(2): "not_alpaca"})
    assert library.set_aside(CLASSES) == {key(1), key(3)}
    library.learn_only_from(CLASSES, None)
    assert library.set_aside(CLASSES) == set()
    library.learn_only_from(CLASSES, {})
    assert library.set_aside(CLASSES) == {key(1), key(2), key(3)}


def test_setting_aside_is_a_change_elsewhere(library: Library, path: Path) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    assert not library.changed_elsewhere()
    with Library.open(path) as other:
        other.learn_only_from(CLASSES, {})
    assert library.changed_elsewhere()


def test_what_is_set_aside_outlives_damage(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, dict.fromkeys(keys(0, 6), "alpaca"))
        library.backup()
        library.learn_only_from(CLASSES, dict.fromkeys(keys(0, 2), "alpaca"))
        library.set_corrections(CLASSES, {key(5): "alpaca"})
    for newer in sorted((path.parent / "backups").glob("library-*.sqlite"))[1:]:
        newer.unlink()
    overwrite(path, 0, os.urandom(100))
    with Library.open(path) as library:
        assert library.notice is not None
        assert labels(library) == dict.fromkeys(keys(0, 6), "alpaca")
        assert library.set_aside(CLASSES) == set(keys(2, 5))
        # The count of changes continues from there: what is made now is later than everything that was recovered.
        library.set_corrections(CLASSES, {key(2): "alpaca"})
        assert library.set_aside(CLASSES) == set(keys(3, 5))
        library.learn_only_from(CLASSES, None)
    with Library.open(path) as library:
        assert library.set_aside(CLASSES) == set()


def test_a_library_replaced_while_open_keeps_what_is_set_aside(path: Path, tmp_path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca", key(2): "alpaca"})
        library.backup()
        (backup,) = (path.parent / "backups").glob("library-*.sqlite")
        shutil.copy(backup, tmp_path / "earlier.sqlite")
        library.learn_only_from(CLASSES, {key(1): "alpaca"})
        (tmp_path / "earlier.sqlite").replace(path)
        for companion in ("-wal", "-shm"):
            path.with_name(path.name + companion).unlink(missing_ok=True)
        assert library.set_aside(CLASSES) == {key(2)}


FIRST_VERSION = """
PRAGMA page_size = 4096;
PRAGMA application_id = 0x416c704c;
PRAGMA user_version = 1;
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), changes INTEGER NOT NULL);
INSERT INTO state (id, changes) VALUES (1, 3);
CREATE TABLE corrections (
            id INTEGER PRIMARY KEY,
            label_set TEXT NOT NULL,
            content_key BLOB NOT NULL CHECK (length(content_key) = 32),
            label TEXT,
            revision INTEGER NOT NULL,
            made_at TEXT NOT NULL,
            path_hint BLOB,
            UNIQUE (label_set, content_key));
CREATE TABLE correction_embeddings (
            id INTEGER PRIMARY KEY,
            content_key BLOB NOT NULL CHECK (length(content_key) = 32),
            backbone_id TEXT NOT NULL,
            embedding BLOB NOT NULL,
            UNIQUE (content_key, backbone_id));
CREATE TABLE head_versions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            bundle_id TEXT NOT NULL,
            made_at TEXT NOT NULL,
            corrections INTEGER NOT NULL,
            corrections_digest TEXT NOT NULL,
            bias REAL NOT NULL,
            measurements TEXT NOT NULL,
            weights BLOB NOT NULL);
CREATE INDEX head_versions_by_bundle ON head_versions (bundle_id, id);
CREATE TABLE recent_folders (
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,
            opened_at TEXT NOT NULL);
"""


def test_a_library_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    path.parent.mkdir()
    made_at = "2026-05-03T10:00:00.000000+00:00"
    database = sqlite3.connect(path)
    database.executescript(FIRST_VERSION)
    database.execute("PRAGMA journal_mode = WAL")
    for number, label in ((1, "alpaca"), (2, None), (3, "not_alpaca")):
        row = (CLASSES, bytes.fromhex(key(number)), label, number, made_at, b"/photos/a.jpg")
        database.execute(
            "INSERT INTO corrections (label_set, content_key, label, revision, made_at, path_hint)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )
    embedding = np.full(1280, 1, "<f2").tobytes()
    database.execute("INSERT INTO correction_embeddings VALUES (1, ?, 'b', ?)", (bytes.fromhex(key(1)), embedding))
    weights = np.arange(1280, dtype="<f8").tobytes()
    database.execute(
        "INSERT INTO head_versions VALUES (7, 'alpaca', ?, 2, 'digest', -0.5, '{}', ?)", (made_at, weights)
    )
    database.execute("INSERT INTO recent_folders VALUES (1, ?, ?)", (b"/photos", made_at))
    database.commit()
    database.close()
    with Library.open(path) as library:
        assert library.notice is None
        assert labels(library) == {key(1): "alpaca", key(3): "not_alpaca"}
        assert library.corrections(CLASSES)[key(1)].path_hint == Path("/photos/a.jpg")
        assert library.embeddings(CLASSES, "b") == {key(1): embedding}
        assert [folder.path for folder in library.recent_folders()] == [Path("/photos")]
        assert library.set_aside(CLASSES) == set()
        (old,) = library.head_versions("alpaca")
        assert (old.id, old.corrections, old.weights, old.members) == (7, 2, weights, None)
        library.learn_only_from(CLASSES, {key(1): "alpaca"})
        assert library.add_head_version(replace(head("alpaca", 1), members={key(1): "alpaca"})) == 8
    with Library.open(path) as library:
        assert library.set_aside(CLASSES) == {key(3)}
    (before, *_) = sorted((path.parent / "backups").glob("library-*.sqlite"))
    with sqlite3.connect(before) as backup:
        assert backup.execute("PRAGMA user_version").fetchone() == (1,), "backed up as it was"
    backup.close()


def test_heads_must_be_usable(library: Library) -> None:
    good = head("alpaca", 1)
    for weights, bias in ((b"", 0.0), (b"1234567", 0.0), (good.weights, float("nan"))):
        with pytest.raises(ValueError, match="float64"):
            library.add_head_version(HeadVersion(None, "alpaca", "", 1, "", weights, bias, {}))


def test_recent_folders(library: Library) -> None:
    for name in "abcdefghij":
        library.remember_folder(Path("/photos") / name)
    library.remember_folder(Path("/photos/c"))
    library.forget_folder(Path("/photos/i"))
    library.forget_folder(Path("/photos/never there"))
    assert [folder.path.name for folder in library.recent_folders()] == list("cjhgfedb")
    assert [folder.path.name for folder in library.recent_folders(2)] == ["c", "j"]
    for number in range(60):
        library.remember_folder(Path(f"/{number}"))
    assert len(library.recent_folders(1000)) == 50


@pytest.mark.skipif(os.name != "posix", reason="names are text on this platform")
def test_names_that_are_no_text(path: Path) -> None:
    odd = Path(os.fsdecode(b"/photos/caf\xe9"))
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca"}, paths={key(1): odd})
        library.remember_folder(odd)
    with Library.open(path) as library:
        assert library.corrections(CLASSES)[key(1)].path_hint == odd
        assert library.recent_folders()[0].path == odd
    inside = path.parent / os.fsdecode(b"caf\xe9 \xff") / "library.sqlite"
    for _ in range(2):
        with Library.open(inside) as library:
            library.set_corrections(CLASSES, {key(1): "alpaca"})
    assert labels_in(inside) == {key(1): "alpaca"}
    assert list((inside.parent / "backups").iterdir())


def labels_in(path: Path) -> dict[str, str]:
    with Library.open(path) as library:
        return labels(library)


def test_correction_outlives_the_death_of_the_process(path: Path) -> None:
    script = """
library = Library.open(Path(sys.argv[1]))
for number in range(40):
    library.set_corrections(CLASSES, {key(number): "alpaca", key(number + 1): "not_alpaca"})
    print(number)
die()
"""
    child = run_child(script, path)
    assert child.returncode != 0
    assert child.stdout.splitlines()[-1] == "39", child.stderr
    with Library.open(path) as library:
        assert labels(library) == {**dict.fromkeys(keys(0, 40), "alpaca"), key(40): "not_alpaca"}
        assert library.notice is None


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_death_at_any_moment_leaves_whole_transactions(path: Path) -> None:
    script = """
import itertools
from alpacasorter.core.store.library import Library
from tests.core.store.library_files import *
library = Library.open(Path(sys.argv[1]))
for number in itertools.count():
    library.set_corrections(CLASSES, {key(2 * number): "alpaca", key(2 * number + 1): "alpaca"})
    print(number, flush=True)
"""
    for wait in (1, 7, 30):
        with subprocess.Popen(
            [sys.executable, "-c", "import sys\nfrom pathlib import Path" + script, path],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as child:
            assert child.stdout is not None
            seen = [child.stdout.readline() for _ in range(wait)]
            child.send_signal(signal.SIGKILL)
            seen += child.stdout.readlines()
        done = len(seen)
        with Library.open(path) as library:
            found = labels(library)
            assert library.notice is None
        assert set(keys(0, 2 * done)) <= set(found)
        assert len(found) % 2 == 0


def test_two_processes_write_at_once(library: Library, path: Path) -> None:
    script = """
from alpacasorter.core.store.library import Library
from tests.core.store.library_files import *
start = int(sys.argv[2])
with Library.open(Path(sys.argv[1])) as library:
    for number in range(start, start + 150):
        library.set_corrections(CLASSES, {key(number): "alpaca"})
        library.remember_folder(Path(f"/{number}"))
"""
    assert not library.changed_elsewhere()
    command = [sys.executable, "-c", "import sys\nfrom pathlib import Path" + script, path]
    children = [subprocess.Popen([*command, str(start)], cwd=ROOT) for start in (0, 1000)]
    for number in range(2000, 2100):
        library.set_corrections(CLASSES, {key(number): "not_alpaca"})
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    assert library.changed_elsewhere()
    assert not library.changed_elsewhere()
    expected = dict.fromkeys([*keys(0, 150), *keys(1000, 1150)], "alpaca")
    assert labels(library) == {**expected, **dict.fromkeys(keys(2000, 2100), "not_alpaca")}
    assert library.notice is None


def test_two_processes_open_a_new_library_at_once(path: Path) -> None:
    script = """
from alpacasorter.core.store.library import Library
from tests.core.store.library_files import *
with Library.open(Path(sys.argv[1])) as library:
    library.set_corrections(CLASSES, {key(int(sys.argv[2])): "alpaca"})
    assert library.notice is None
"""
    command = [sys.executable, "-c", "import sys\nfrom pathlib import Path" + script, path]
    children = [subprocess.Popen([*command, str(number)], cwd=ROOT) for number in range(3)]
    assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
    assert labels_in(path) == dict.fromkeys(keys(0, 3), "alpaca")


def test_own_changes_are_not_changes_elsewhere(library: Library, path: Path) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    assert not library.changed_elsewhere()
    with Library.open(path) as other:
        other.set_corrections(CLASSES, {key(2): "alpaca"})
        assert library.changed_elsewhere()
        library.set_corrections(CLASSES, {key(3): "alpaca"})
        assert other.changed_elsewhere()
        assert not library.changed_elsewhere()


def test_many_threads_share_one_library(library: Library) -> None:
    def work(start: int) -> None:
        for number in range(start, start + 20):
            library.set_corrections(CLASSES, {key(number): "alpaca"})
            assert key(number) in library.corrections(CLASSES)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 120, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(library.corrections(CLASSES)) == 120


def test_library_of_a_newer_app_is_refused_and_left_alone(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.execute("CREATE TABLE of_the_newer_app (id INTEGER PRIMARY KEY)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LibraryTooNewError, match="newer version"):
        Library.open(path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*damaged*"))


def test_full_disk_is_said_and_loses_nothing(library: Library) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    connection = library._file._connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    data = dict.fromkeys(keys(0, 100), b"\0" * 2560)
    with pytest.raises(LibraryError, match="the disk is full"):
        library.set_corrections(CLASSES, dict.fromkeys(data, "not_alpaca"), embeddings=data, backbone_id="b")
    assert labels(library) == {key(1): "alpaca"}
    connection.execute("PRAGMA max_page_count = 1000000")
    library.set_corrections(CLASSES, dict.fromkeys(data, "not_alpaca"), embeddings=data, backbone_id="b")
    assert labels(library) == dict.fromkeys(data, "not_alpaca")


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_disk_that_stops_taking_data_is_said_and_loses_nothing(path: Path) -> None:
    script = """
import resource, signal
library = Library.open(Path(sys.argv[1]))
library.set_corrections(CLASSES, {key(1): "alpaca"})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
data = dict.fromkeys(keys(0, 200), bytes(2560))
try:
    library.set_corrections(CLASSES, dict.fromkeys(data, "not_alpaca"), embeddings=data, backbone_id="b")
except LibraryError as error:
    print(error)
assert list(library.corrections(CLASSES)) == [key(1)]
library.set_corrections(CLASSES, {key(2): "alpaca"})
die()
"""
    child = run_child(script, path)
    assert "could not be saved" in child.stdout, child.stderr
    with Library.open(path) as library:
        assert labels(library) == dict.fromkeys(keys(1, 3), "alpaca")
        assert library.notice is None


def test_folder_without_permission_is_said() -> None:
    with shared_folder() as folder:
        path = folder / "data" / "library.sqlite"
        with ordinary_user(), pytest.raises(LibraryError, match="can't be written"):
            Library.open(path)
        with Library.open(path) as library:
            library.set_corrections(CLASSES, {key(1): "alpaca"})
        path.chmod(0o444)
        path.parent.chmod(0o555)
        with ordinary_user(), pytest.raises(LibraryError, match="can't be written"):
            Library.open(path)
        path.parent.chmod(0o755)
        path.chmod(0o644)
        assert labels_in(path) == {key(1): "alpaca"}


def test_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(LibraryError, match="can't be written"):
        Library.open(tmp_path / "data" / "library.sqlite")


def test_busy_library_is_said(library: Library, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    library._file._connection().execute("PRAGMA busy_timeout = 50")
    with pytest.raises(LibraryError, match="another AlpacaSorter window"):
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    other.execute("ROLLBACK")
    other.close()
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    assert labels(library) == {key(1): "alpaca"}


def test_closed_library_says_so(path: Path) -> None:
    library = Library.open(path)
    library.close()
    library.close()
    with pytest.raises(LibraryError, match="closed"):
        library.corrections(CLASSES)
    with pytest.raises(LibraryError, match="closed"):
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    assert not path.with_name(path.name + "-wal").exists()
