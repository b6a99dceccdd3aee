"""Labels follow the picture: another program writes into a photo, and it is still the photo that the user labeled."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter.core.events import Judged, Learned
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.store.library import Library
from alpacasorter.ml.engine import Session
from tests.engines import Opened, Outcome, few_replayed, opened_session, quick_embed
from tests.metadata_writers import PROGRAMS, can_run, write_keyword
from tests.picture_files import can_write, make_picture

LABELS = few_replayed().label_set
POSITIVE, NEGATIVE = few_replayed().positive_label, few_replayed().negative_label
KINDS = [kind for kind in ("jpeg", "png", "tiff", "webp", "heic", "avif", "gif") if can_write(kind)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "embed", lambda _self, pixels: quick_embed(pixels))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def opened(home: Path) -> Iterator[Opened]:
    with opened_session(home, bundle=few_replayed()) as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos of each kind, and one more."""
    place = tmp_path / "photos"
    place.mkdir()
    for number, kind in enumerate(KINDS):
        make_picture(place / f"{kind}.{kind}", kind=kind, seed=number, size=(320, 240))
    make_picture(place / "other.jpg", seed=99, size=(320, 240))
    return place


def scan(opened: Opened, folder: Path) -> Outcome:
    return Outcome(opened.session.scan(folder, recursive=True))


def keys(outcome: Outcome) -> dict[str, str]:
    return {path.name: photo.content_key for path, photo in outcome.photos.items()}


def labels(outcome: Outcome) -> dict[str, str]:
    return {path.name: photo.correction for path, photo in outcome.photos.items() if photo.correction is not None}


def stored(home: Path) -> dict[str, str]:
    with Library.open(home / "data" / "library.sqlite") as library:
        return {key: one.label for key, one in library.corrections(LABELS).items()}


def correct(opened: Opened, said: dict[Path, str | None], outcome: Outcome) -> Learned:
    now = {outcome.photos[path].content_key: label for path, label in said.items()}
    return opened.session.learning.correct(now, {outcome.photos[path].content_key: path for path in said})


def forget_pictures(home: Path) -> None:
    """Make the library and the cache those of an app that knew no picture keys."""
    with Library.open(home / "data" / "library.sqlite") as library:
        library.write(lambda connection, _revision: connection.execute("UPDATE corrections SET picture_key = NULL"))
    with contextlib.closing(sqlite3.connect(home / "cache" / "cache.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE contents SET picture_key = NULL, checksum = NULL")


def watch(opened: Opened, *paths: Path) -> Outcome:
    """Return what the session makes of files that have changed."""
    files = [PhotoFile(path, (status := path.stat()).st_size, status.st_mtime_ns) for path in paths]
    events = list(opened.session.judge_files(files))
    return Outcome([event for event in events if not isinstance(event, Learned)])


@pytest.mark.parametrize("writer", ["ourselves", *PROGRAMS])
def test_a_keyword_written_by_another_program(opened: Opened, home: Path, folder: Path, writer: str) -> None:
    if writer != "ourselves" and not can_run(writer):
        pytest.skip(f"{writer} is not installed")
    names = [f"{kind}.{kind}" for kind in KINDS if writer != "exiv2" or kind not in ("heic", "avif", "gif")]
    photos = [folder / name for name in names]
    before = scan(opened, folder)
    said: dict[Path, str | None] = {photo: (POSITIVE, NEGATIVE)[n % 2] for n, photo in enumerate(photos)}
    learned = correct(opened, said, before)
    assert learned.corrections == len(photos)
    write_keyword(*photos, by=writer)

    after = scan(opened, folder)
    assert after.finished.opened == len(photos)
    assert all(keys(after)[name] != keys(before)[name] for name in names)
    assert labels(after) == {photo.name: label for photo, label in said.items()}
    assert after.learned == [], "they are learned from already"
    assert opened.session.learning.correction_count == len(photos)
    assert len(stored(home)) == len(photos)

    # The undo of the window knows the content keys of before.
    back = opened.session.learning.correct({key: None for name, key in keys(before).items() if name in names})
    assert back.corrections == 0
    assert {key for key, label in back.changes.items() if label is None} >= {keys(after)[name] for name in names}
    assert stored(home) == {}
    again = opened.session.learning.correct({keys(before)[photo.name]: label for photo, label in said.items()})
    assert again.corrections == len(photos)
    assert all(again.changes[keys(after)[photo.name]] == label for photo, label in said.items())
    assert labels(scan(opened, folder)) == {photo.name: label for photo, label in said.items()}


def test_the_next_start_and_the_next_keyword(home: Path, folder: Path) -> None:
    photo = folder / "jpeg.jpeg"
    with opened_session(home, bundle=few_replayed()) as opened:
        correct(opened, {photo: POSITIVE}, scan(opened, folder))
    for _ in range(3):
        write_keyword(photo)
        with opened_session(home, bundle=few_replayed()) as opened:
            assert opened.session.learning.correction_count == 1
            assert labels(scan(opened, folder)) == {photo.name: POSITIVE}
    with opened_session(home, bundle=few_replayed()) as opened:
        learned = correct(opened, {photo: NEGATIVE}, scan(opened, folder))
        assert learned.corrections == 1
    assert list(stored(home).values()) == [NEGATIVE]


def test_a_watched_photo_keeps_its_label(opened: Opened, folder: Path) -> None:
    photo = folder / "jpeg.jpeg"
    before = scan(opened, folder)
    correct(opened, {photo: POSITIVE}, before)
    write_keyword(photo)
    (judged,) = watch(opened, photo).photos.values()

    assert judged.content_key != before.photos[photo].content_key
    assert judged.correction == POSITIVE
    # A correction of the photo as it was is one of the photo as it is.
    learned = correct(opened, {photo: NEGATIVE}, before)
    assert learned.changes[judged.content_key] == NEGATIVE
    assert learned.corrections == 1
    assert not {judged.content_key, before.photos[photo].content_key} & set(learned.changed)


def test_copies_with_other_keywords_share_the_label(opened: Opened, home: Path, folder: Path) -> None:
    photo, copy = folder / "jpeg.jpeg", folder / "copy.jpg"
    shutil.copy(photo, copy)
    write_keyword(copy)
    outcome = scan(opened, folder)
    first, second = outcome.photos[photo], outcome.photos[copy]
    assert first.content_key != second.content_key
    assert first.picture_key == second.picture_key

    learned = correct(opened, {copy: POSITIVE}, outcome)
    assert learned.changes == {first.content_key: POSITIVE, second.content_key: POSITIVE}
    assert learned.corrections == 1
    # Both at once are one photo too, whichever comes last counts.
    learned = correct(opened, {photo: POSITIVE, copy: NEGATIVE}, outcome)
    assert learned.changes == {first.content_key: NEGATIVE, second.content_key: NEGATIVE}
    assert list(stored(home).values()) == [NEGATIVE]
    assert labels(scan(opened, folder)) == {photo.name: NEGATIVE, copy.name: NEGATIVE}
    assert correct(opened, {photo: None}, outcome).corrections == 0
    assert stored(home) == {}


def test_another_picture_in_the_same_place_is_another_photo(opened: Opened, folder: Path) -> None:
    photo = folder / "jpeg.jpeg"
    correct(opened, {photo: POSITIVE}, scan(opened, folder))
    make_picture(photo, seed=1234, size=(320, 240))
    assert labels(scan(opened, folder)) == {}


def test_photos_labeled_before_there_were_picture_keys(home: Path, folder: Path) -> None:
    photo = folder / "jpeg.jpeg"
    with opened_session(home, bundle=few_replayed()) as opened:
        correct(opened, {photo: POSITIVE}, scan(opened, folder))
        opened.session.learning.save()
    forget_pictures(home)

    with opened_session(home, bundle=few_replayed()) as opened:
        opened.session.embed = None  # type: ignore[method-assign,assignment]  # nothing is judged again
        outcome = scan(opened, folder)
        assert outcome.finished.opened == 0
        assert outcome.finished.judged == len(KINDS) + 1
        assert labels(outcome) == {photo.name: POSITIVE}
        assert outcome.learned == []
        assert opened.session.learning.photos_without_picture() == {}
    write_keyword(photo)
    with opened_session(home, bundle=few_replayed()) as opened:
        assert labels(scan(opened, folder)) == {photo.name: POSITIVE}
        assert opened.session.learning.correction_count == 1


def test_photos_in_other_folders_are_looked_up(home: Path, folder: Path, tmp_path: Path) -> None:
    other, moved, gone, changed = (folder / name for name in ("jpeg.jpeg", "png.png", "tiff.tiff", "webp.webp"))
    with opened_session(home, bundle=few_replayed()) as opened:
        outcome = scan(opened, folder)
        correct(opened, dict.fromkeys((other, moved, gone, changed), POSITIVE), outcome)
    forget_pictures(home)
    gone.unlink()
    make_picture(changed, seed=77)
    (tmp_path / "elsewhere").mkdir()
    moved.rename(tmp_path / "elsewhere" / "moved.png")

    with opened_session(home, bundle=few_replayed()) as opened:
        scan(opened, tmp_path / "elsewhere")
        assert list(opened.session.find_pictures(lambda: True)) == []
        assert list(opened.session.find_pictures(lambda: False)) == []
        left = opened.session.learning.photos_without_picture()
        assert set(left) == {outcome.photos[gone].content_key, outcome.photos[changed].content_key}
    write_keyword(other, tmp_path / "elsewhere" / "moved.png")
    with opened_session(home, bundle=few_replayed()) as opened:
        assert labels(scan(opened, folder)) == {other.name: POSITIVE}
        assert labels(scan(opened, tmp_path / "elsewhere")) == {"moved.png": POSITIVE}


def test_a_photo_from_an_old_cache_is_labeled_and_then_looked_up(home: Path, folder: Path) -> None:
    photo = folder / "jpeg.jpeg"
    with opened_session(home, bundle=few_replayed()) as opened:
        scan(opened, folder)
    forget_pictures(home)
    with opened_session(home, bundle=few_replayed()) as opened:
        outcome = scan(opened, folder)
        assert outcome.finished.opened == 0
        correct(opened, {photo: POSITIVE}, outcome)
        assert list(opened.session.find_pictures(lambda: False)) == []
        write_keyword(photo)
        assert labels(scan(opened, folder)) == {photo.name: POSITIVE}


def test_two_corrections_of_one_picture_become_one(home: Path, folder: Path) -> None:
    photo, copy = folder / "jpeg.jpeg", folder / "copy.jpg"
    shutil.copy(photo, copy)
    write_keyword(copy)
    first, second = (content_key(path.read_bytes()) for path in (photo, copy))
    with opened_session(home, bundle=few_replayed()) as opened:
        correct(opened, {folder / "other.jpg": POSITIVE}, scan(opened, folder))
    with Library.open(home / "data" / "library.sqlite") as library:
        # As an app stored them that took them for two photos.
        library.set_corrections(LABELS, {second: POSITIVE}, paths={second: copy})
        library.set_corrections(LABELS, {first: NEGATIVE}, paths={first: photo})
    forget_pictures(home)

    with opened_session(home, bundle=few_replayed()) as opened:
        outcome = scan(opened, folder)
        assert outcome.learned[-1].corrections == 2
        changes = {key: label for learned in outcome.learned for key, label in learned.changes.items()}
        assert changes == {second: NEGATIVE}, "the later one counts"
        assert labels(scan(opened, folder)) == {photo.name: NEGATIVE, copy.name: NEGATIVE, "other.jpg": POSITIVE}
    with opened_session(home, bundle=few_replayed()) as opened:
        outcome = scan(opened, folder)
        assert labels(outcome) == {photo.name: NEGATIVE, copy.name: NEGATIVE, "other.jpg": POSITIVE}
        assert opened.session.learning.state().corrections == 2
        correct(opened, {copy: None}, outcome)
    assert list(stored(home).values()) == [POSITIVE]


def test_a_label_comes_to_a_photo_that_is_already_shown(home: Path, folder: Path) -> None:
    """The labeled photo is in another folder, and its picture is known only after this one was opened."""
    photo, other = folder / "jpeg.jpeg", folder.parent / "other"
    other.mkdir()
    with opened_session(home, bundle=few_replayed()) as opened:
        correct(opened, {photo: POSITIVE}, scan(opened, folder))
    forget_pictures(home)
    shutil.copy(photo, other / "copy.jpg")
    write_keyword(other / "copy.jpg")
    with opened_session(home, bundle=few_replayed()) as opened:
        outcome = scan(opened, other)
        assert labels(outcome) == {}
        (learned,) = opened.session.find_pictures(lambda: False)
        assert learned.changes == {outcome.photos[other / "copy.jpg"].content_key: POSITIVE}
        assert labels(scan(opened, other)) == {"copy.jpg": POSITIVE}


def test_going_back_to_a_version_knows_the_photo_again(opened: Opened, folder: Path) -> None:
    photo, other = folder / "jpeg.jpeg", folder / "other.jpg"
    learning = opened.session.learning
    correct(opened, {photo: POSITIVE}, scan(opened, folder))
    learning.check()
    version = learning.state().versions[0].id
    write_keyword(photo)
    outcome = scan(opened, folder)
    correct(opened, {other: POSITIVE}, outcome)
    correct(opened, {photo: None}, outcome)
    correct(opened, {photo: POSITIVE}, outcome)
    learning.check()

    learned = learning.go_back(version)
    assert learned.relearned is not None
    assert (learned.corrections, learned.relearned.set_aside, learned.relearned.gone) == (1, 1, 0)
    assert labels(scan(opened, folder)) == {photo.name: POSITIVE, other.name: POSITIVE}


def test_two_windows_know_the_photo(home: Path, folder: Path) -> None:
    photo = folder / "jpeg.jpeg"
    with (
        opened_session(home, bundle=few_replayed()) as one,
        opened_session(home, bundle=few_replayed()) as two,
    ):
        before = scan(one, folder)
        scan(two, folder)
        write_keyword(photo)
        after = watch(two, photo)
        correct(one, {photo: POSITIVE}, before)
        learned = two.session.learning.catch_up()
        assert learned is not None
        assert learned.changes[after.photos[photo].content_key] == POSITIVE


def test_a_library_that_cannot_be_written_does_not_stop_the_scan(home: Path, folder: Path) -> None:
    photo = folder / "jpeg.jpeg"
    with opened_session(home, bundle=few_replayed()) as opened:
        correct(opened, {photo: POSITIVE}, scan(opened, folder))
    forget_pictures(home)
    with opened_session(home, bundle=few_replayed()) as opened:
        opened.library.close()
        assert labels(scan(opened, folder)) == {photo.name: POSITIVE}
        write_keyword(photo)
        os.utime(photo)
        assert labels(scan(opened, folder)) == {photo.name: POSITIVE}, "in this session"


def test_judged_photos_say_which_picture_they_are(opened: Opened, folder: Path) -> None:
    fresh, known = scan(opened, folder), scan(opened, folder)
    pictures = [{path: photo.picture_key for path, photo in outcome.photos.items()} for outcome in (fresh, known)]
    assert pictures[0] == pictures[1]
    assert None not in pictures[0].values()
    again = opened.session.judge_again(fresh.photos.values())
    assert {photo.path: photo.picture_key for photo in again} == pictures[0]
    assert any(isinstance(event, Judged) for event in known.events)
