"""A session with the real model: judging, correcting, learning, and what is kept for the next session."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alpacasorter.core.events import Finished, Judged, Learned, Problems
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.walk import FolderUnavailable
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.ml.engine import Session
from alpacasorter.ml.runtime.backbone import GPU_STOPPED, BackboneError, sentence
from tests.engines import (
    CPU,
    Opened,
    Outcome,
    by_key,
    fill,
    fill_fast,
    input_of,
    opened_session,
    real_backbone,
    real_bundle,
)
from tests.picture_files import make_picture

POSITIVE, NEGATIVE = real_bundle().positive_label, real_bundle().negative_label
THRESHOLD = real_bundle().threshold
ROUNDING = 1e-6
"""Sums come out different in the last digits where photos are scored in other batches."""

COUNT = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in two folders."""
    place = tmp_path_factory.mktemp("photos")
    fill(place, COUNT - 3)
    fill(place / "day 2", 3, first=COUNT - 3)
    return place


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def opened(home: Path) -> Iterator[Opened]:
    with opened_session(home) as one:
        yield one


def scan(session: Session, folder: Path) -> Outcome:
    return Outcome(session.scan(folder, recursive=True))


def label_of(probability: float) -> str:
    return POSITIVE if probability >= THRESHOLD else NEGATIVE


def opposite(probability: float) -> str:
    return NEGATIVE if probability >= THRESHOLD else POSITIVE


def stored(home: Path) -> dict[str, str]:
    """Return the corrections that another program finds in the library."""
    with Library.open(home / "data" / "library.sqlite") as library:
        return {key: one.label for key, one in library.corrections(real_bundle().label_set).items()}


def assert_alike(one: dict[str, float], other: dict[str, float]) -> None:
    assert one.keys() == other.keys()
    for key, probability in one.items():
        assert other[key] == pytest.approx(probability, abs=ROUNDING)


def test_photos_are_judged_by_the_shipped_head_at_first(opened: Opened, folder: Path) -> None:
    session = opened.session
    outcome = scan(session, folder)
    assert len(outcome.photos) == COUNT
    assert outcome.finished.judged == COUNT
    assert session.learning.correction_count == 0
    assert session.labels.names == (NEGATIVE, POSITIVE)
    for path, photo in outcome.photos.items():
        expected = real_bundle().head.probability(real_backbone().embed(input_of(path))[np.newaxis])[0]
        assert photo.probability == pytest.approx(expected, abs=2e-3)
        assert photo.correction is None
    assert {event.head_version for event in outcome.events if isinstance(event, Judged)} == {0}


def test_a_correction_teaches(opened: Opened, home: Path, folder: Path) -> None:
    session = opened.session
    outcome = scan(session, folder)
    before = outcome.probabilities()
    path, photo = next(iter(outcome.photos.items()))
    said = opposite(photo.probability)
    learned = session.learning.correct({photo.content_key: said}, {photo.content_key: path})
    # Another program finds it as soon as the call returns.
    with Library.open(home / "data" / "library.sqlite") as library:
        (correction,) = library.corrections(real_bundle().label_set).values()
    assert (correction.content_key, correction.label, correction.path_hint) == (photo.content_key, said, path)
    after = by_key(learned)
    assert (learned.corrections, learned.head_version) == (1, 1)
    assert learned.changes == {photo.content_key: said}
    assert set(learned.keys) == set(before)
    assert label_of(after[photo.content_key]) == said, "the head has taken it in"
    others = before.keys() - {photo.content_key}
    assert max(abs(after[key] - before[key]) for key in others) > 1e-4, "the others are judged again"
    assert set(learned.changed) == {key for key in others if label_of(after[key]) != label_of(before[key])}
    assert session.learning.correction(photo.content_key) == said
    assert session.learning.correction_count == 1
    again = scan(session, folder)
    assert again.finished.opened == 0
    assert again.photos[path].correction == said
    assert_alike(again.probabilities(), after)
    assert {event.head_version for event in again.events if isinstance(event, Judged)} == {1}


def test_confirming_a_prediction_is_a_correction_too(opened: Opened, home: Path, folder: Path) -> None:
    before = scan(opened.session, folder).probabilities()
    key, probability = next(iter(before.items()))
    learned = opened.session.learning.correct({key: label_of(probability)})
    assert stored(home) == {key: label_of(probability)}
    assert abs(by_key(learned)[key] - float(label_of(probability) == POSITIVE)) <= abs(
        probability - float(label_of(probability) == POSITIVE)
    )


def test_taking_a_correction_back_restores_exactly_what_was(opened: Opened, home: Path, folder: Path) -> None:
    session = opened.session
    before = scan(session, folder).probabilities()
    first, second = list(before)[:2]
    one = session.learning.correct({first: opposite(before[first])})
    session.learning.correct({second: opposite(before[second])})
    back = session.learning.correct({second: None})
    assert_alike(by_key(back), by_key(one))
    assert second not in back.changed, "the user knows of that one"
    none = session.learning.correct({first: None})
    assert_alike(by_key(none), before)
    assert (none.corrections, none.changes, none.head_version) == (0, {first: None}, 4)
    assert session.learning.correction(first) is None
    assert stored(home) == {}
    redone = session.learning.correct({first: opposite(before[first])})
    assert_alike(by_key(redone), by_key(one))
    # Scored in the same batches it is the same to the last digit, however often.
    assert by_key(session.learning.correct({first: None})) == by_key(none)


def test_many_at_once_and_one_by_one_come_to_the_same(opened: Opened, folder: Path, tmp_path: Path) -> None:
    before = scan(opened.session, folder).probabilities()
    changes: dict[str, str | None] = {key: opposite(before[key]) for key in list(before)[:4]}
    together = opened.session.learning.correct(changes)
    with opened_session(tmp_path / "second") as other:
        scan(other.session, folder)
        for key in reversed(list(changes)):
            last = other.session.learning.correct({key: changes[key]})
    assert_alike(by_key(last), by_key(together))
    assert together.corrections == last.corrections == 4
    assert set(together.changed).isdisjoint(changes)


@pytest.mark.parametrize("save", [True, False])
def test_reopening_judges_as_before(home: Path, folder: Path, save: bool) -> None:
    with opened_session(home) as opened:
        before = scan(opened.session, folder).probabilities()
        keys = list(before)[:3]
        learned = opened.session.learning.correct({key: opposite(before[key]) for key in keys})
        if save:
            opened.session.learning.save()
        assert bool(opened.library.head_versions(real_bundle().bundle_id)) == save
    with opened_session(home) as opened:
        assert opened.session.learning.correction_count == 3
        outcome = scan(opened.session, folder)
        assert outcome.finished.opened == 0
        assert outcome.learned == []
        assert_alike(outcome.probabilities(), by_key(learned))
        corrected = {photo.content_key for photo in outcome.photos.values() if photo.correction is not None}
        assert corrected == set(keys)


def test_the_stored_head_serves_where_it_fits_the_corrections(home: Path, folder: Path) -> None:
    with opened_session(home) as opened:
        before = scan(opened.session, folder).probabilities()
        first, second = list(before)[:2]
        opened.session.learning.correct({first: opposite(before[first])})
        opened.session.learning.save()
        latest = opened.library.head_versions(real_bundle().bundle_id)[0]
        assert latest.corrections == 1
        # One that can be told apart from what is learned again.
        opened.library.add_head_version(replace(latest, bias=latest.bias + 50.0))
    with opened_session(home) as opened:
        assert min(scan(opened.session, folder).probabilities().values()) > 0.99
        second_learned = opened.session.learning.correct({second: opposite(before[second])})
        assert min(by_key(second_learned).values()) < 0.99, "learned again"
        # And not stored: the stored one is of another set of corrections now.
    with opened_session(home) as opened:
        assert_alike(scan(opened.session, folder).probabilities(), by_key(second_learned))
        opened.library.add_head_version(replace(latest, weights=bytes(16)))
        opened.session.learning.correct({second: None})
    with opened_session(home) as opened:
        # A head of the wrong size is as good as none.
        assert len(scan(opened.session, folder).photos) == COUNT


def test_heads_are_stored_once_and_only_where_something_was_learned(home: Path, folder: Path) -> None:
    bundle_id = real_bundle().bundle_id
    with opened_session(home) as opened:
        before = scan(opened.session, folder).probabilities()
        opened.session.learning.save()
        assert opened.library.head_versions(bundle_id) == []
        key = next(iter(before))
        opened.session.learning.correct({key: POSITIVE})
        opened.session.learning.save()
        opened.session.learning.save()
        assert len(opened.library.head_versions(bundle_id)) == 1
    with opened_session(home) as opened:
        opened.session.learning.save()
        assert len(opened.library.head_versions(bundle_id)) == 1, "it is the same head"
        opened.session.learning.correct({key: None})
        opened.session.learning.save()
    with opened_session(home) as opened:
        opened.session.learning.save()
        assert len(opened.library.head_versions(bundle_id)) == 1
        assert_alike(scan(opened.session, folder).probabilities(), before)


def test_what_was_gone_back_to_is_so_at_the_next_start(home: Path, folder: Path) -> None:
    with opened_session(home) as opened:
        before = scan(opened.session, folder).probabilities()
        first, second = list(before)[:2]
        then = opened.session.learning.correct({first: opposite(before[first])})
        opened.session.learning.check()
        opened.session.learning.correct({second: opposite(before[second])})
        opened.session.learning.save()
        back = opened.session.learning.go_back(opened.session.learning.state().versions[1].id)
        assert_alike(by_key(back), by_key(then))
    with opened_session(home) as opened:
        outcome = scan(opened.session, folder)
        assert_alike(outcome.probabilities(), by_key(then))
        corrected = {photo.content_key for photo in outcome.photos.values() if photo.correction is not None}
        assert corrected == {first, second}
        assert opened.session.learning.correction_count == 1
        assert opened.session.learning.head.bias == opened.session.learning.head.bias


def test_corrections_made_under_another_backbone_are_adopted(home: Path, folder: Path, tmp_path: Path) -> None:
    old = replace(real_bundle(), backbone_id="0" * 16)
    with opened_session(home, bundle=old) as opened:
        before = scan(opened.session, folder).probabilities()
        first, second = list(before)[:2]
        changes: dict[str, str | None] = {first: opposite(before[first]), second: opposite(before[second])}
        opened.session.learning.correct(changes)
    with opened_session(home) as opened:
        assert opened.session.learning.correction_count == 0, "nothing is known of those photos yet"
        assert opened.session.learning.correction(first) == changes[first]
        outcome = scan(opened.session, folder)
        (learned,) = outcome.learned
        assert isinstance(outcome.events[-1], Finished)
        assert outcome.events[-2] is learned
        assert (learned.corrections, learned.changes, learned.head_version) == (2, {}, 1)
        assert opened.session.learning.correction_count == 2
        assert {photo.correction for photo in outcome.photos.values()} == {changes[first], changes[second], None}
        opened.session.learning.save()
    with opened_session(tmp_path / "straight") as straight:
        scan(straight.session, folder)
        assert_alike(by_key(learned), by_key(straight.session.learning.correct(changes)))
    with opened_session(home) as opened:
        assert opened.session.learning.correction_count == 2, "the next start knows them"
        outcome = scan(opened.session, folder)
        assert outcome.learned == []
        assert_alike(outcome.probabilities(), by_key(learned))


def test_adopting_does_not_overrule_what_another_instance_said_meanwhile(home: Path, folder: Path) -> None:
    old = replace(real_bundle(), backbone_id="0" * 16)
    with opened_session(home, bundle=old) as opened:
        before = scan(opened.session, folder).probabilities()
        key = next(iter(before))
        opened.session.learning.correct({key: POSITIVE})
    with opened_session(home) as opened, Library.open(home / "data" / "library.sqlite") as elsewhere:
        elsewhere.set_corrections(real_bundle().label_set, {key: NEGATIVE})
        scan(opened.session, folder)
        assert {one.label for one in elsewhere.corrections(real_bundle().label_set).values()} == {NEGATIVE}


def test_adopting_without_a_library_still_ends_the_scan(home: Path, folder: Path) -> None:
    old = replace(real_bundle(), backbone_id="0" * 16)
    with opened_session(home, bundle=old) as opened:
        key = next(iter(scan(opened.session, folder).probabilities()))
        opened.session.learning.correct({key: POSITIVE})
    with opened_session(home) as opened:
        opened.library.close()
        outcome = scan(opened.session, folder)
        assert outcome.finished.judged == COUNT
        assert [learned.corrections for learned in outcome.learned] == [1]
    with opened_session(home) as opened:
        assert [learned.corrections for learned in scan(opened.session, folder).learned] == [1]


def test_a_correction_during_the_scan_does_not_lose_what_was_adopted(home: Path, folder: Path) -> None:
    old = replace(real_bundle(), backbone_id="0" * 16)
    with opened_session(home, bundle=old) as opened:
        before = scan(opened.session, folder).probabilities()
        first, second, third = list(before)[:3]
        opened.session.learning.correct({first: opposite(before[first])})
    with opened_session(home) as opened, Library.open(home / "data" / "library.sqlite") as elsewhere:
        events = []
        corrected = False
        for event in opened.session.scan(folder, recursive=True):
            events.append(event)
            if isinstance(event, Judged) and {first, second} <= set(Outcome(events).probabilities()) and not corrected:
                corrected = True
                # Makes the session read the library, which doesn't know the adopted one yet.
                elsewhere.set_corrections(real_bundle().label_set, {third: opposite(before[third])})
                opened.session.learning.correct({second: opposite(before[second])})
        assert corrected
        last = Outcome(events).learned[-1]
        assert opened.session.learning.correction_count == last.corrections >= 2
        assert opened.session.learning.correction(third) == opposite(before[third])
    with opened_session(home) as opened:
        assert {first, second} <= set(stored(home))
        assert opened.session.learning.correction_count >= 2


def test_a_damaged_embedding_in_the_library_is_learned_again(home: Path, folder: Path) -> None:
    with opened_session(home) as opened:
        before = scan(opened.session, folder).probabilities()
    first, second = list(before)[:2]
    nan = np.full(1280, np.nan, "<f2").tobytes()
    with Library.open(home / "data" / "library.sqlite") as library:
        library.set_corrections(
            real_bundle().label_set,
            {first: POSITIVE, second: POSITIVE},
            embeddings={first: b"\0\0", second: nan},
            backbone_id=real_bundle().backbone_id,
        )
    with opened_session(home) as opened:
        assert opened.session.learning.correction_count == 0
        assert [learned.corrections for learned in scan(opened.session, folder).learned] == [2]
    with opened_session(home) as opened:
        assert opened.session.learning.correction_count == 2


def test_corrections_of_other_classes_play_no_part(home: Path, folder: Path) -> None:
    with opened_session(home) as opened:
        before = scan(opened.session, folder).probabilities()
        key = next(iter(before))
        vector = np.ones(1280, "<f2").tobytes()
        for label_set, label in (("cat|dog", "dog"), (real_bundle().label_set, "llama")):
            opened.library.set_corrections(
                label_set, {key: label}, embeddings={key: vector}, backbone_id=real_bundle().backbone_id
            )
    with opened_session(home) as opened:
        assert (opened.session.learning.correction_count, opened.session.learning.correction(key)) == (0, None)
        assert_alike(scan(opened.session, folder).probabilities(), before)


def test_two_sessions_see_each_others_corrections(home: Path, folder: Path, tmp_path: Path) -> None:
    with opened_session(home) as a, opened_session(home) as b:
        before = scan(a.session, folder).probabilities()
        assert_alike(scan(b.session, folder).probabilities(), before)
        first, second, third, fourth = list(before)[:4]
        said = {key: opposite(before[key]) for key in (first, second, third, fourth)}
        a.session.learning.correct({first: said[first]})
        told = b.session.learning.correct({second: said[second]})
        assert told.corrections == 2
        assert told.changes == {first: said[first], second: said[second]}
        assert b.session.learning.correction(first) == said[first]
        with opened_session(tmp_path / "alone") as alone:
            scan(alone.session, folder)
            expected = alone.session.learning.correct({first: said[first], second: said[second]})
        assert_alike(by_key(told), by_key(expected))
        a.session.learning.correct({first: None})
        told = b.session.learning.correct({third: said[third]})
        assert told.changes == {first: None, third: said[third]}
        assert told.corrections == 2
        assert b.session.learning.correction(first) is None
        assert first not in told.changed
        # Without news from elsewhere only what was asked for is told.
        assert b.session.learning.correct({fourth: said[fourth]}).changes == {fourth: said[fourth]}


def test_a_library_that_fails_changes_nothing(opened: Opened, home: Path, folder: Path) -> None:
    session = opened.session
    before = scan(session, folder).probabilities()
    first, second = list(before)[:2]
    session.learning.correct({first: opposite(before[first])})
    taught = scan(session, folder).probabilities()
    opened.library.close()
    for changes in ({second: opposite(before[second])}, {first: None}, {first: label_of(before[first])}):
        with pytest.raises(LibraryError):
            session.learning.correct(changes)
        assert session.learning.correction(first) == opposite(before[first])
        assert session.learning.correction(second) is None
        assert session.learning.correction_count == 1
    after = scan(session, folder)
    assert_alike(after.probabilities(), taught)
    assert {event.head_version for event in after.events if isinstance(event, Judged)} == {1}
    assert stored(home) == {first: opposite(before[first])}


def test_a_photo_that_was_never_judged_teaches_nothing(opened: Opened, home: Path, folder: Path) -> None:
    before = scan(opened.session, folder).probabilities()
    key = next(iter(before))
    with pytest.raises(KeyError):
        opened.session.learning.correct({key: POSITIVE, "0" * 64: POSITIVE})
    assert stored(home) == {}
    assert opened.session.learning.correction_count == 0


def test_copies_share_their_correction(opened: Opened, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    (first, _) = fill(folder, 2)
    copy = folder / "z.jpg"
    copy.write_bytes(first.read_bytes())
    session = opened.session
    outcome = scan(session, folder)
    key = outcome.photos[first].content_key
    learned = session.learning.correct({key: opposite(outcome.photos[first].probability)})
    assert len(learned.keys) == 2, "a copy is one photo"
    again = scan(session, folder)
    assert again.photos[copy].correction == again.photos[first].correction is not None


def test_corrections_follow_photos_into_other_folders(opened: Opened, tmp_path: Path, folder: Path) -> None:
    session = opened.session
    outcome = scan(session, folder)
    path, photo = next(iter(outcome.photos.items()))
    session.learning.correct({photo.content_key: opposite(photo.probability)})
    moved = tmp_path / "moved" / "new name.jpg"
    moved.parent.mkdir()
    moved.write_bytes(path.read_bytes())
    other = scan(session, moved.parent)
    assert other.photos[moved].correction == opposite(photo.probability)
    # Only the photos of the open folder are judged again.
    assert list(session.learning.correct({photo.content_key: None}).keys) == [photo.content_key]


def test_a_folder_that_is_not_there(opened: Opened, folder: Path) -> None:
    with pytest.raises(FolderUnavailable):
        scan(opened.session, folder / "none")
    assert len(scan(opened.session, folder).photos) == COUNT


def test_cancelling(opened: Opened, tmp_path: Path) -> None:
    fill_fast(tmp_path / "many", 300)
    opened.session.cancel_scan()  # nothing to cancel yet
    events = []
    for event in opened.session.scan(tmp_path / "many", recursive=True):
        events.append(event)
        if isinstance(event, Judged):
            opened.session.cancel_scan()
    outcome = Outcome(events)
    assert outcome.finished.canceled
    assert 0 < outcome.finished.opened < 200
    # What was judged can be corrected.
    key = next(iter(outcome.probabilities()))
    assert opened.session.learning.correct({key: POSITIVE}).corrections == 1


def test_preferred_photos_are_judged_first(opened: Opened, tmp_path: Path) -> None:
    paths = fill_fast(tmp_path / "many", 120)
    order: list[Path] = []
    opened.session.prefer(paths)  # nothing to prefer yet
    for event in opened.session.scan(tmp_path / "many", recursive=True):
        if isinstance(event, Judged):
            if not order:
                opened.session.prefer(paths[100:110])
            order += [photo.path for photo in event.photos]
    assert set(order) == set(paths)
    places = [order.index(path) for path in paths[100:110]]
    # Behind at most what was judged already while the first ones were on their way.
    assert max(places) < 100


class FailsAfter:
    """A GPU that stops working after some photos."""

    def __init__(self, photos: int) -> None:
        self._left = photos
        self._lock = threading.Lock()

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._lock:
            self._left -= 1
            if self._left < 0:
                raise BackboneError(GPU_STOPPED)
        return real_backbone().embed(pixels)

    def feature_map(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise AssertionError


def test_the_cpu_takes_over_where_the_gpu_stops(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with opened_session(tmp_path / "cpu") as straight:
        expected = scan(straight.session, folder).probabilities()
    with opened_session(home) as opened:
        session = opened.session
        monkeypatch.setattr("alpacasorter.ml.engine.open_backbone", lambda *_: FailsAfter(3))
        session.use_device(replace(CPU, kind="gpu", threads=3))
        assert session.device.kind == "gpu"
        outcome = scan(session, folder)
        assert outcome.problems == {}
        assert_alike(outcome.probabilities(), expected)
        assert (session.device.kind, session.device.note) == ("cpu", sentence(GPU_STOPPED))


def test_a_device_that_does_not_start_leaves_the_other_in_use(
    opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> object:
        raise BackboneError("No.")

    monkeypatch.setattr("alpacasorter.ml.engine.open_backbone", failing)
    with pytest.raises(BackboneError):
        opened.session.use_device(replace(CPU, kind="gpu"))
    assert opened.session.device == CPU
    assert len(scan(opened.session, folder).photos) == COUNT


def test_correcting_while_a_scan_runs(opened: Opened, tmp_path: Path) -> None:
    """Whatever comes first: at the end every photo has the predictions of the last head."""
    many = tmp_path / "many"
    for n in range(40):
        many.mkdir(exist_ok=True)
        make_picture(many / f"{n}.jpg", seed=100 + n, size=(64, 48))
    session = opened.session
    events: list[object] = []
    learned: list[Learned] = []
    judged = threading.Semaphore(0)

    def listen() -> None:
        for event in session.scan(many, recursive=True):
            events.append(event)
            if isinstance(event, Judged):
                judged.release()

    scanning = threading.Thread(target=listen)
    scanning.start()
    try:
        for n in range(4):
            if not judged.acquire(timeout=20):
                break
            known = Outcome(list(events)).probabilities()
            key = list(known)[n]
            learned.append(session.learning.correct({key: opposite(known[key])}))
    finally:
        scanning.join()
    assert learned
    assert [one.head_version for one in learned] == list(range(1, len(learned) + 1))
    # As the window does it: a prediction counts if no newer head has spoken on that photo.
    shown: dict[str, tuple[int, float]] = {}
    for event in [*events, *learned]:
        if isinstance(event, Judged):
            told = {photo.content_key: photo.probability for photo in event.photos}
        elif isinstance(event, Learned):
            told = by_key(event)
        else:
            continue
        for key, probability in told.items():
            if key not in shown or shown[key][0] <= event.head_version:
                shown[key] = (event.head_version, probability)
    final = scan(session, many).probabilities()
    assert len(final) == 40
    assert_alike({key: probability for key, (_, probability) in shown.items()}, final)


def files_of(*paths: Path) -> list[PhotoFile]:
    return [PhotoFile(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


def test_photos_that_arrive_are_judged_as_those_that_were_there(opened: Opened, tmp_path: Path) -> None:
    session = opened.session
    place = tmp_path / "place"
    fill(place, 2)
    before = scan(session, place)
    new = fill(place, 3, first=2)
    broken = make_picture(place / "broken.jpg", kind="text")
    outcome = Outcome(session.judge_files(files_of(*new, broken)))
    assert set(outcome.photos) == set(new)
    assert set(outcome.problems) == {broken}
    assert {type(event) for event in outcome.events} <= {Judged, Problems}
    # From then on, they belong to the open folder.
    photo = outcome.photos[new[0]]
    learned = session.learning.correct({photo.content_key: opposite(photo.probability)})
    assert set(learned.keys) == set(before.probabilities()) | set(outcome.probabilities())
    again = scan(session, place)
    assert again.finished.opened == 0
    assert_alike(again.probabilities(), by_key(learned))


def test_judging_nothing_says_nothing(opened: Opened) -> None:
    assert list(opened.session.judge_files([])) == []
    assert opened.session.judge_again([]) == []


def test_judging_files_stops_where_it_is_told(opened: Opened, tmp_path: Path) -> None:
    paths = fill(tmp_path / "many", 12)
    stop = threading.Event()
    judged = 0
    for event in opened.session.judge_files(files_of(*paths), stopped=stop.is_set):
        assert isinstance(event, Judged)
        judged += len(event.photos)
        stop.set()
    assert 0 < judged < len(paths)


def test_files_are_judged_beside_a_scan(opened: Opened, tmp_path: Path) -> None:
    session = opened.session
    there, new = fill(tmp_path / "there", 12), fill(tmp_path / "new", 6, first=100)
    events = session.scan(tmp_path / "there", recursive=True)
    begun = [next(events)]
    arrived: list[object] = []
    judging = threading.Thread(target=lambda: arrived.extend(session.judge_files(files_of(*new))))
    judging.start()
    outcome = Outcome([*begun, *events])
    judging.join()
    assert set(outcome.photos) == set(there)
    assert set(Outcome(arrived).photos) == set(new)


def test_photos_are_judged_again_with_what_was_learned_since(opened: Opened, folder: Path) -> None:
    session = opened.session
    photos = list(scan(session, folder).photos.values())
    said = opposite(photos[0].probability)
    after = by_key(session.learning.correct({photos[0].content_key: said}))
    stranger = replace(photos[1], content_key="0" * 64)
    again = session.judge_again([*photos, stranger])
    assert [photo.path for photo in again] == [photo.path for photo in photos]
    assert_alike({photo.content_key: photo.probability for photo in again}, after)
    assert [photo.correction for photo in again] == [said] + [None] * (len(photos) - 1)


def test_the_model_learns_on_real_photos(photos: Path, opened: Opened, tmp_path: Path) -> None:
    """Llamas are a matter of taste: told that some are no alpacas, it thinks so of many of the others, too."""
    session = opened.session
    outcome = scan(session, photos / "lookalike")
    taken_for_alpacas = [key for key, probability in outcome.probabilities().items() if probability >= THRESHOLD]
    assert len(taken_for_alpacas) > 20
    half = taken_for_alpacas[::2]
    learned = session.learning.correct(dict.fromkeys(half, NEGATIVE))
    after = by_key(learned)
    rest = [key for key in taken_for_alpacas if key not in half]
    assert sum(after[key] < THRESHOLD for key in rest) > len(rest) / 4
    assert set(learned.changed) >= {key for key in rest if after[key] < THRESHOLD}
    # And most alpacas are alpacas still, although the model was made with half of these llamas as alpacas.
    alpacas = scan(session, photos / "more" / "alpaca").probabilities()
    assert np.mean([probability >= THRESHOLD for probability in alpacas.values()]) > 0.7
