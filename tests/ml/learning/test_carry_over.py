"""Corrections made with one backbone, learned again by another: real stores, wherever the photos are by now."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alpacasorter.core.events import Learned, LearningAgain
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.sorting.execution.run import run_sort, undo_sort
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.planning.planner import plan_sort
from alpacasorter.ml.engine import Session
from alpacasorter.ml.learning import carry_over
from tests.engines import Opened, Outcome, by_key, few_replayed, fill, opened_session, quick_embed
from tests.metadata_writers import write_keyword
from tests.picture_files import picture_bytes

NEW = few_replayed()
OLD = replace(NEW, backbone_id="0" * 16, bundle_id="0" * 16)
POSITIVE, NEGATIVE = NEW.positive_label, NEW.negative_label


class Network:
    """What stands in for the two backbones, and how often each was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {OLD.backbone_id: 0, NEW.backbone_id: 0}

    def embed(self, session: Session, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.asked[session.bundle.backbone_id] += 1
        vector = quick_embed(pixels)
        return vector if session.bundle is NEW else vector[::-1]


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network()
    monkeypatch.setattr(Session, "embed", lambda session, pixels: made.embed(session, pixels))
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Four photos in two folders."""
    return [*fill(tmp_path / "one", 2), *fill(tmp_path / "two", 2, first=10)]


def correct(opened: Opened, photos: list[Path]) -> dict[str, str | None]:
    """Scan the folders of photos and label them by turns; return the labels by content key."""
    made: dict[str, str | None] = {}
    for folder in dict.fromkeys(path.parent for path in photos):
        found = Outcome(opened.session.scan(folder, recursive=True)).photos
        some = {found[path].content_key: path for path in photos if path in found}
        labels: dict[str, str | None] = {key: (POSITIVE, NEGATIVE)[(len(made) + n) % 2] for n, key in enumerate(some)}
        opened.session.learning.correct(labels, some)
        made |= labels
    opened.session.learning.save()
    return made


def learn_again(opened: Opened, *, stopped: Callable[[], bool] = lambda: False) -> list[LearningAgain]:
    """Do what the window does in the background and a command before its work."""
    events = list(opened.session.learn_again(stopped))
    opened.session.learning.learn_pending()
    opened.session.learning.save()
    return events


@pytest.fixture
def corrected(home: Path, photos: list[Path]) -> dict[str, str | None]:
    """What a user has labeled with the old model."""
    with opened_session(home, bundle=OLD) as opened:
        return correct(opened, photos)


def test_photos_of_all_folders_are_found_and_learned_without_a_scan(
    home: Path, tmp_path: Path, corrected: dict[str, str | None], network: Network
) -> None:
    with opened_session(home, bundle=NEW) as opened:
        learning = opened.session.learning
        assert (learning.correction_count, len(learning.waiting())) == (0, 4)
        assert all(learning.correction(key) == label for key, label in corrected.items()), "the labels count at once"
        events = learn_again(opened)
        assert events[0] == LearningAgain(0, 4, True)
        assert [event.total for event in events] == [4] * len(events)
        assert events[-1] == LearningAgain(4, 0, False)
        assert learning.correction_count == 4
        assert network.asked[NEW.backbone_id] == 4
        head = learning.head
    # It is the head that the same corrections give from the start.
    with opened_session(tmp_path / "straight", bundle=NEW) as straight:
        correct(straight, [tmp_path / "one" / "photo0.jpg", tmp_path / "one" / "photo1.jpg"])
        correct(straight, [tmp_path / "two" / "photo10.jpg", tmp_path / "two" / "photo11.jpg"])
        assert np.allclose(head.weights, straight.session.learning.head.weights, atol=1e-6)
    asked = network.asked[NEW.backbone_id]
    # And the next start knows it without opening anything.
    with opened_session(home, bundle=NEW) as opened:
        assert opened.session.learning.correction_count == 4
        assert learn_again(opened) == [LearningAgain(4, 0, False)]
        assert network.asked[NEW.backbone_id] == asked
        # What was processed need not be scanned either.
        assert Outcome(opened.session.scan(tmp_path / "two", recursive=True)).finished.opened == 0


def test_photos_of_the_open_folder_are_judged_again(
    home: Path, photos: list[Path], corrected: dict[str, str | None], tmp_path: Path
) -> None:
    others = fill(tmp_path / "three", 3, first=20)
    with opened_session(home, bundle=NEW) as opened:
        before = Outcome(opened.session.scan(others[0].parent, recursive=True)).probabilities()
        list(opened.session.learn_again(lambda: False))
        learned = opened.session.learning.learn_pending()
        assert learned is not None
        assert learned.corrections == 4
        assert learned.changes == {}, "no label of the user has changed"
        assert by_key(learned).keys() == before.keys()
        assert by_key(learned) != before
        assert Outcome(opened.session.scan(others[0].parent, recursive=True)).probabilities() == pytest.approx(
            by_key(learned), rel=1e-4
        )


def test_photos_that_a_sort_has_moved_are_found_without_the_cache(
    home: Path, photos: list[Path], corrected: dict[str, str | None], tmp_path: Path
) -> None:
    target = tmp_path / "sorted"
    with opened_session(home, bundle=OLD) as opened:
        labels = opened.session.labels
        for folder in (photos[0].parent, photos[2].parent):
            found = Outcome(opened.session.scan(folder, recursive=True)).photos.values()
            plan = plan_sort(folder, [labels.labeled(photo) for photo in found], SortOptions(target), labels)
            list(run_sort(plan, opened.library))
        # And one folder once more, to another place.
        again = target / labels.display(POSITIVE)
        moved = [
            LabeledPhoto(path, photo.content_key, NEGATIVE, 1.0, True)
            for path in sorted(again.glob("*.jpg"))
            for photo in Outcome(opened.session.scan(again, recursive=True)).photos.values()
            if photo.path == path
        ]
        assert moved
        list(run_sort(plan_sort(again, moved, SortOptions(tmp_path / "elsewhere"), labels), opened.library))
    assert not any(path.exists() for path in photos)
    shutil.rmtree(home / "cache")
    with opened_session(home, bundle=NEW) as opened:
        assert learn_again(opened)[-1] == LearningAgain(4, 0, False)


def test_photos_that_an_undo_has_put_back_are_found_without_the_cache(
    home: Path, photos: list[Path], tmp_path: Path
) -> None:
    folder = photos[0].parent
    with opened_session(home, bundle=OLD) as opened:
        labels = opened.session.labels
        found = Outcome(opened.session.scan(folder, recursive=True)).photos.values()
        plan = plan_sort(folder, [labels.labeled(photo) for photo in found], SortOptions(tmp_path / "sorted"), labels)
        list(run_sort(plan, opened.library))
        # Corrected where the sort has put them.
        correct(opened, sorted((tmp_path / "sorted").rglob("*.jpg")))
        list(undo_sort(1, opened.library))
    assert all(path.exists() for path in photos)
    shutil.rmtree(home / "cache")
    with opened_session(home, bundle=NEW) as opened:
        assert learn_again(opened)[-1] == LearningAgain(2, 0, False)


def test_photos_that_are_away_wait_and_are_learned_when_they_are_back(
    home: Path, photos: list[Path], corrected: dict[str, str | None], network: Network, tmp_path: Path
) -> None:
    away = photos[2].parent.rename(tmp_path / "unplugged")
    photos[0].unlink()
    with opened_session(home, bundle=NEW) as opened:
        events = learn_again(opened)
        assert events[-1] == LearningAgain(1, 3, False)
        state = opened.session.learning.state()
        assert (state.corrections, state.learned, state.waiting) == (4, 1, 3)
        # Looking again costs nothing while nothing has changed.
        assert learn_again(opened) == [LearningAgain(1, 3, False)]
        assert network.asked[NEW.backbone_id] == 1
        # Elsewhere they are found when they are seen.
        (learned,) = Outcome(opened.session.scan(away, recursive=True)).learned
        assert learned.corrections == 3
    with opened_session(home, bundle=NEW) as opened:
        assert opened.session.learning.correction_count == 3
        assert learn_again(opened)[-1] == LearningAgain(3, 1, False), "the deleted one keeps its label and waits"
        assert {opened.session.learning.correction(key) for key in corrected} == {POSITIVE, NEGATIVE}


def test_a_disk_that_is_connected_later_is_noticed_in_the_same_session(
    home: Path, photos: list[Path], corrected: dict[str, str | None], tmp_path: Path
) -> None:
    away = photos[2].parent.rename(tmp_path / "unplugged")
    with opened_session(home, bundle=NEW) as opened:
        assert learn_again(opened)[-1] == LearningAgain(2, 2, False)
        away.rename(photos[2].parent)
        assert learn_again(opened)[-1] == LearningAgain(4, 0, False)


def test_what_is_in_place_of_a_photo_is_not_taken_for_it(
    home: Path, photos: list[Path], corrected: dict[str, str | None], network: Network
) -> None:
    photos[0].write_bytes(picture_bytes(seed=77, size=(320, 240)))
    write_keyword(photos[1])
    photos[2].unlink()
    photos[2].mkdir()
    photos[3].write_bytes(b"no picture")
    with opened_session(home, bundle=NEW) as opened:
        # A keyword in a photo makes it no other picture.
        assert learn_again(opened)[-1] == LearningAgain(1, 3, False)
        asked = network.asked[NEW.backbone_id]
        assert learn_again(opened) == [LearningAgain(1, 3, False)]
        assert network.asked[NEW.backbone_id] == asked, "the same file is not opened twice"


def test_the_cache_answers_for_photos_that_are_gone(
    home: Path, photos: list[Path], corrected: dict[str, str | None], network: Network
) -> None:
    with opened_session(home, bundle=NEW) as opened:
        for folder in (photos[0].parent, photos[2].parent):
            # Stopped right before it would have learned from what it found.
            with contextlib.closing(opened.session.scan(folder, recursive=True)) as events:
                while not Outcome([next(events)]).photos:
                    pass
                next(events)
    asked = network.asked[NEW.backbone_id]
    for path in photos:
        path.unlink()
    with opened_session(home, bundle=NEW) as opened:
        last = learn_again(opened)[-1]
        assert last.learned == asked > 0
        assert network.asked[NEW.backbone_id] == asked


def test_interrupted_it_goes_on_where_it_was(
    home: Path, tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_session(home, bundle=OLD) as opened:
        correct(opened, fill(tmp_path / "many", 12))
    monkeypatch.setattr(Session, "embed", lambda session, pixels: (time.sleep(0.05), network.embed(session, pixels))[1])
    over = threading.Event()
    with opened_session(home, bundle=NEW) as opened:
        events = []
        for event in opened.session.learn_again(over.is_set):
            events.append(event)
            if event.learned >= 3:
                over.set()
        assert events[-1].running, "it has no end"
        opened.session.learning.learn_pending()
        opened.session.learning.save()
        done = opened.session.learning.correction_count
        assert 3 <= done < 12
        # A version that is half learned is of no use to anyone.
        assert [version.corrections for version in opened.session.learning.state().versions] == [0]
    with opened_session(home, bundle=NEW) as opened:
        assert opened.session.learning.correction_count == done
        assert learn_again(opened)[-1] == LearningAgain(12, 0, False)
        assert network.asked[NEW.backbone_id] <= 13, "only the one that was in progress is processed twice"
        assert [version.corrections for version in opened.session.learning.state().versions] == [12, 0]


def test_a_crash_before_anything_was_learned_loses_no_work(
    home: Path, corrected: dict[str, str | None], network: Network
) -> None:
    with opened_session(home, bundle=NEW) as opened:
        list(opened.session.learn_again(lambda: False))
        # The process ends here.
    with opened_session(home, bundle=NEW) as opened:
        assert learn_again(opened) == [LearningAgain(4, 0, False)]
        assert opened.session.learning.correction_count == 4
        assert network.asked[NEW.backbone_id] == 4


def test_the_earlier_model_has_all_its_versions_and_learns_what_is_new(
    home: Path, photos: list[Path], corrected: dict[str, str | None], tmp_path: Path
) -> None:
    with opened_session(home, bundle=OLD) as opened:
        learning = opened.session.learning
        then = {version.id: version.corrections for version in learning.state().versions}
        assert list(then.values()) == [4, 0]
        head = learning.head
    with opened_session(home, bundle=NEW) as opened:
        learn_again(opened)
        more = correct(opened, fill(tmp_path / "three", 1, first=30))
        state = opened.session.learning.state()
        assert [version.corrections for version in state.versions] == [5, 0]
        assert [(one.bundle_id, one.corrections) for one in state.others] == [(OLD.bundle_id, 4)]
        assert not any(one.current for one in state.others)
    with opened_session(home, bundle=OLD) as opened:
        learning = opened.session.learning
        assert learning.correction_count == 4, "that of the other model waits"
        assert np.array_equal(learning.head.weights, head.weights)
        assert learn_again(opened)[-1] == LearningAgain(5, 0, False)
        assert learning.correction(next(iter(more))) is not None
        learned = learning.go_back(next(number for number, count in then.items() if count == 4))
        assert isinstance(learned, Learned)
        assert np.allclose(learning.head.weights, head.weights)
        assert learning.state().set_aside == 1


def test_what_is_set_aside_stays_so_until_it_is_learned_again(
    home: Path, corrected: dict[str, str | None], network: Network
) -> None:
    with opened_session(home, bundle=OLD) as opened:
        opened.session.learning.go_back(0)
    with opened_session(home, bundle=NEW) as opened:
        learning = opened.session.learning
        assert learn_again(opened) == [LearningAgain(0, 0, False)]
        assert (learning.state().set_aside, network.asked[NEW.backbone_id]) == (4, 0)
        learning.learn_from_all()
        assert learn_again(opened)[-1] == LearningAgain(4, 0, False)
        assert learning.correction_count == 4


def test_a_server_that_does_not_answer_is_asked_once_per_folder(
    home: Path, photos: list[Path], corrected: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    bounded = carry_over.run_bounded

    def hanging(work: Callable[..., object], *, stopped: Callable[[], bool]) -> object:
        status = bounded(work, stopped=stopped)  # type: ignore[arg-type]
        if status.st_ino in inodes:  # type: ignore[attr-defined]
            asked.append("two")
            raise Unreadable("too-slow")
        return status

    inodes = {path.stat().st_ino for path in photos[2:]}
    monkeypatch.setattr(carry_over, "run_bounded", hanging)
    with opened_session(home, bundle=NEW) as opened:
        events = iter(opened.session.learn_again(lambda: False))
        assert next(events) == LearningAgain(0, 4, True)
        assert asked == ["two"]
        assert list(events)[-1] == LearningAgain(2, 2, False)


def test_without_a_library_that_can_be_written_it_is_learned_for_this_session(
    home: Path, corrected: dict[str, str | None]
) -> None:
    with opened_session(home, bundle=NEW) as opened:
        events = list(opened.session.learn_again(lambda: False))
        opened.library.close()
        assert events[-1] == LearningAgain(4, 0, False)
        learned = opened.session.learning.learn_pending()
        assert learned is not None
        assert learned.corrections == 4
