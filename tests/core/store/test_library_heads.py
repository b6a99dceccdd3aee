"""The library: learned heads, and corrections that are set aside from learning."""

import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.store.library import (
    DAYS_KEPT,
    HEADS_KEPT,
    HeadVersion,
    Library,
)
from tests.core.store.library_files import CLASSES, head, key, keys, labels, overwrite


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


def test_each_variant_of_a_bundle_has_its_own_heads(library: Library) -> None:
    """None makes way for those of another, and they don't stand in the way of those of other bundles."""
    ours = library.add_head_version(head("alpaca", 1))
    other = library.add_head_version(head("cats:tame", 1))
    longer = library.add_head_version(head("alpacas", 1))
    many = [library.add_head_version(head("alpaca:narrow", number)) for number in range(HEADS_KEPT + DAYS_KEPT + 3)]
    assert [one.id for one in library.head_versions("alpaca")] == [ours]
    assert [one.id for one in library.head_versions("alpaca:narrow")][:HEADS_KEPT] == many[: -HEADS_KEPT - 1 : -1]
    assert [one.id for one in library.head_versions("alpaca", others=True)] == [longer, other]


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


def test_heads_must_be_usable(library: Library) -> None:
    good = head("alpaca", 1)
    for weights, bias in ((b"", 0.0), (b"1234567", 0.0), (good.weights, float("nan"))):
        with pytest.raises(ValueError, match="float64"):
            library.add_head_version(HeadVersion(None, "alpaca", "", 1, "", weights, bias, {}))
