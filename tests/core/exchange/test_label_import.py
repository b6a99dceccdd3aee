"""What an import would change, and changing it."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.exchange.label_file import LabelFile, LabelFileError, LabelRow
from alpacasorter.core.exchange.label_import import ImportOptions, known_pictures, store_corrections, summarize
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.store.cache import Cache, CacheEntry
from alpacasorter.core.store.library import Library
from tests.metadata_writers import write_keyword
from tests.picture_files import make_picture

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})
KEYS = [f"{n:02x}" * 32 for n in range(10)]


def row(key: int | None, label: str = "alpaca", *, corrected: bool = True, confidence: float | None = None) -> LabelRow:
    return LabelRow(
        None if key is None else KEYS[key], label, corrected, confidence, ("sub/a.jpg", "C:\\x\\sub\\a.jpg")
    )


def file(rows: Sequence[LabelRow], classes: tuple[str, ...] | None = None) -> LabelFile:
    return LabelFile(Path("labels.json"), classes, tuple(rows), 2, 1)


def test_labels_are_new_same_or_differ() -> None:
    rows = [row(0), row(1), row(2), row(0)]
    found = summarize(
        file(rows), LABELS, {KEYS[1]: "alpaca", KEYS[2]: "not_alpaca", KEYS[9]: "alpaca"}, ImportOptions()
    )
    assert (found.new, found.same, found.differing) == ({KEYS[0]: "alpaca"}, 1, {KEYS[2]: "alpaca"})
    assert found.earlier == {KEYS[2]: "not_alpaca"}
    assert (found.unlabeled, found.broken, found.usable) == (2, 1, 3)
    assert found.changes(replace=False) == {KEYS[0]: "alpaca"}
    assert found.changes(replace=True) == {KEYS[0]: "alpaca", KEYS[2]: "alpaca"}


def test_only_corrections_are_taken_unless_all_are_wanted() -> None:
    rows = [
        row(0),
        row(1, corrected=False, confidence=0.95),
        row(2, corrected=False, confidence=0.6),
        row(3, corrected=False),
    ]
    usual = summarize(file(rows), LABELS, {}, ImportOptions())
    assert (set(usual.new), usual.not_corrected) == ({KEYS[0]}, 3)
    every = summarize(file(rows), LABELS, {}, ImportOptions(all_labels=True))
    assert (set(every.new), every.not_corrected) == (set(KEYS[:4]), 0)
    sure = summarize(file(rows), LABELS, {}, ImportOptions(all_labels=True, min_confidence=0.9))
    assert (set(sure.new), sure.not_corrected) == (set(KEYS[:2]), 2)


def test_two_labels_of_one_photo_contradict_but_a_correction_outranks_a_model() -> None:
    rows = [row(0), row(0, "not_alpaca"), row(1), row(1, "not_alpaca", corrected=False)]
    found = summarize(file(rows), LABELS, {}, ImportOptions(all_labels=True))
    assert (found.new, found.contradictory) == ({KEYS[1]: "alpaca"}, 1)


def test_names_that_people_read_and_capitals_are_understood() -> None:
    rows = [row(0, "Not alpaca"), row(1, "ALPACA"), row(2, "llama")]
    found = summarize(file(rows), LABELS, {}, ImportOptions())
    assert found.new == {KEYS[0]: "not_alpaca", KEYS[1]: "alpaca"}
    assert (found.unknown, found.unknown_names) == (1, ("llama",))


@pytest.mark.parametrize(
    ("rows", "classes"),
    [([row(0, "cat"), row(1, "dog")], None), ([row(0)], ("alpaca", "llama")), ([], ("cat", "dog"))],
)
def test_labels_of_other_classes_are_refused(rows: list[LabelRow], classes: tuple[str, ...] | None) -> None:
    with pytest.raises(LabelFileError, match="Choose a model with these labels first"):
        summarize(file(rows, classes), LABELS, {}, ImportOptions())


def test_an_empty_file_of_the_right_classes_is_no_error() -> None:
    assert summarize(file([], ("alpaca", "not_alpaca")), LABELS, {}, ImportOptions()).usable == 0


def test_a_photo_without_a_key_is_looked_for_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").write_bytes(b"one")
    key = content_key(b"one")
    assert summarize(file([row(None)]), LABELS, {}, ImportOptions()).not_found == 1
    assert summarize(file([row(None)]), LABELS, {}, ImportOptions(folder=tmp_path)).new == {key: "alpaca"}
    # Also under its name alone.
    assert summarize(file([row(None)]), LABELS, {}, ImportOptions(folder=tmp_path / "sub")).new == {key: "alpaca"}
    stopped = summarize(file([row(None)]), LABELS, {}, ImportOptions(folder=tmp_path), stopped=lambda: True)
    assert stopped.not_found == 1


@pytest.mark.parametrize("place", ["../secret.jpg", "..\\secret.jpg", "sub/../../secret.jpg", "/secret.jpg", "\x00"])
def test_nothing_outside_the_folder_is_opened(place: str, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"one")
    folder = tmp_path / "photos"
    folder.mkdir()
    absolute = str(tmp_path / "secret.jpg")
    for where in (place, absolute):
        rows = [LabelRow(None, "alpaca", True, None, (where,))]
        assert summarize(file(rows), LABELS, {}, ImportOptions(folder=folder)).not_found == 1


def test_a_label_is_that_of_the_same_picture() -> None:
    photo = [LabelRow(KEYS[number], "alpaca", True, None, (), KEYS[9]) for number in (0, 1)]
    found = summarize(file(photo), LABELS, {}, ImportOptions())
    assert (found.new, found.pictures) == ({KEYS[0]: "alpaca"}, {KEYS[0]: KEYS[9]}), "once"
    found = summarize(file(photo), LABELS, {KEYS[2]: "not_alpaca"}, ImportOptions(), pictures={KEYS[2]: KEYS[9]})
    assert (found.new, found.differing, found.pictures) == ({}, {KEYS[2]: "alpaca"}, {KEYS[2]: KEYS[9]})
    # A file of an earlier version names no pictures, but they are known here.
    old = [row(0), row(1)]
    found = summarize(
        file(old), LABELS, {KEYS[2]: "alpaca"}, ImportOptions(), pictures={KEYS[2]: KEYS[9], KEYS[0]: KEYS[9]}
    )
    assert (found.new, found.same) == ({KEYS[1]: "alpaca"}, 1)


def test_a_photo_in_a_folder_is_known_by_its_picture(tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg")
    before = content_key(path.read_bytes())
    write_keyword(path)
    said = [LabelRow(None, "alpaca", True, None, ("a.jpg",))]
    pictures = {before: picture_key(path.read_bytes(), "")}
    found = summarize(file(said), LABELS, {before: "not_alpaca"}, ImportOptions(folder=tmp_path), pictures=pictures)
    assert (found.new, found.differing) == ({}, {before: "alpaca"})


def test_what_is_known_of_pictures(tmp_path: Path) -> None:
    with (
        Library.open(tmp_path / "l" / "library.sqlite") as library,
        Cache.open(tmp_path / "c" / "cache.sqlite") as cache,
    ):
        for number in range(2):
            cache.store([CacheEntry(PhotoFile(tmp_path / "a.jpg", 1, 1), KEYS[number], picture_key=KEYS[number + 5])])
        library.set_corrections("a|b", dict.fromkeys((KEYS[2], KEYS[3]), "a"), pictures={KEYS[2]: KEYS[7]})
        known = known_pictures(file([row(0), row(4), row(None)]), library.corrections("a|b"), cache)
        assert known == {KEYS[0]: KEYS[5], KEYS[2]: KEYS[7]}
        store_corrections(
            library, cache, "a|b", {KEYS[0]: "a"}, pictures={KEYS[0]: KEYS[5]}, backbone_id="b", embedding_size=4
        )
        assert library.corrections("a|b")[KEYS[0]].picture_key == KEYS[5]


def test_what_is_taken_in_is_stored_with_what_the_cache_knows(tmp_path: Path) -> None:
    vector = np.arange(4, dtype="<f2")
    with (
        Library.open(tmp_path / "l" / "library.sqlite") as library,
        Cache.open(tmp_path / "c" / "cache.sqlite") as cache,
    ):
        entry = CacheEntry(
            PhotoFile(tmp_path / "a.jpg", 1, 1),
            KEYS[0],
            None,
            PhotoFacts(1, 1, None, "JPEG"),
            None,
            vector.tobytes(),
            "b",
        )
        cache.store([entry])
        library.set_corrections("alpaca|not_alpaca", {KEYS[2]: "alpaca"})
        store_corrections(
            library,
            cache,
            "alpaca|not_alpaca",
            {KEYS[0]: "alpaca", KEYS[1]: "not_alpaca", KEYS[2]: None},
            backbone_id="b",
            embedding_size=4,
        )
        stored = library.corrections("alpaca|not_alpaca")
        assert {key: one.label for key, one in stored.items()} == {KEYS[0]: "alpaca", KEYS[1]: "not_alpaca"}
        assert library.embeddings("alpaca|not_alpaca", "b") == {KEYS[0]: vector.tobytes()}


@pytest.mark.skipif(os.name != "posix", reason="on Windows these are not names of files")
@pytest.mark.parametrize(
    ("on_disk", "in_file"),
    [
        ("we\\ird.jpg", "we\\ird.jpg"),
        ("sub/we\\ird.jpg", "sub/we\\ird.jpg"),
        ("sub/a.jpg", "sub\\a.jpg"),
        ("sub/a.jpg", "C:\\photos\\sub\\a.jpg"),
        ("a:b.jpg", "a:b.jpg"),
        ("é.jpg", "e\u0301.jpg"),
        ("e\u0301.jpg", "é.jpg"),
        ("é ß.jpg", os.fsdecode("é ß.jpg".encode("cp1252"))),
        ("Фото.jpg", os.fsdecode("Фото.jpg".encode("cp1251"))),
        (os.fsdecode(b"raw \xff.jpg"), os.fsdecode(b"raw \xff.jpg")),
    ],
)
def test_photos_are_found_by_names_as_others_write_them(on_disk: str, in_file: str, tmp_path: Path) -> None:
    photo = tmp_path / on_disk
    photo.parent.mkdir(exist_ok=True)
    photo.write_bytes(b"photo")
    if "sub\\" in in_file and in_file.startswith("C:"):
        # Only the name is the same on both computers.
        photo = photo.rename(tmp_path / photo.name)
    rows = [LabelRow(None, "alpaca", True, None, (in_file,))]
    found = summarize(file(rows), LABELS, {}, ImportOptions(folder=tmp_path))
    assert found.new == {content_key(b"photo"): "alpaca"}


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"photo")
    places = ("../a.jpg", "..\\a.jpg", str(tmp_path / "a.jpg"), "sub/../../a.jpg")
    rows = [LabelRow(None, "alpaca", True, None, (place,)) for place in places]
    assert summarize(file(rows), LABELS, {}, ImportOptions(folder=tmp_path / "inside")).not_found == len(rows)


def test_labels_in_an_older_encoding(tmp_path: Path) -> None:
    labels = LabelSet("kein_schäfchen", "schäfchen", {"schäfchen": "Schäfchen", "kein_schäfchen": "Keins"})
    label = "Schäfchen".encode("cp1252").decode("utf-8", "surrogateescape")
    rows = [LabelRow(KEYS[0], label, True, None, ())]
    assert summarize(file(rows), labels, {}, ImportOptions()).new == {KEYS[0]: "schäfchen"}
