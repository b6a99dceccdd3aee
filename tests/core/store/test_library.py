"""The library: corrections, heads and folders, kept permanently."""

import os
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from alpacasorter.core.store.database import transaction
from alpacasorter.core.store.library import (
    Library,
)
from alpacasorter.core.store.library_schema import new_connection
from alpacasorter.core.store.second_copy import SecondCopy
from tests.core.store.library_files import CLASSES, head, key, keys, labels, labels_in


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
