"""The versions of a head: stored once per burst, restored, and seen by every other window."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.events import Learned, Relearned
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFacts
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.ml.learning.personal_head import PersonalHead
from alpacasorter.ml.learning.versions import SHIPPED, SelfCheck, VersionGone
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.scan import Embedded
from tests.core.store.library_files import key, keys
from tests.engines import SIZE, by_key, few_replayed

BUNDLE = few_replayed()
POSITIVE, NEGATIVE = BUNDLE.positive_label, BUNDLE.negative_label
LABELS = LabelSet(NEGATIVE, POSITIVE, BUNDLE.display_names, BUNDLE.threshold)
COUNT = 8
ROUNDING = 1e-6


def photos() -> Embedded:
    """Photos that are like no other."""
    vectors = np.abs(np.random.default_rng(1).standard_normal((COUNT, SIZE)))
    vectors[:, : COUNT * 100] *= np.repeat(np.eye(COUNT), 100, axis=1) * 4
    facts = PhotoFacts(10, 10, None, "JPEG")
    paths = tuple(Path(f"/{n}.jpg") for n in range(COUNT))
    return Embedded(paths, tuple(keys(0, COUNT)), (facts,) * COUNT, vectors.astype(np.float16))


class Opened:
    """A head with its library, and the photos of one folder judged."""

    def __init__(self, path: Path, bundle: Bundle = BUNDLE, *, scanned: bool = True) -> None:
        self.library = Library.open(path)
        self.head = PersonalHead(bundle, LABELS, self.library)
        self.before = self.judge() if scanned else {}

    def judge(self) -> dict[str, float]:
        judged = self.head.judge(photos(), self.head.open_folder())
        return {photo.content_key: photo.probability for photo in judged.photos}

    def flip(self, *numbers: int) -> Learned:
        """Say of photos that they are not what the shipped model thinks, all at once; store what was learned."""
        learned = self.head.correct({key(n): self.other(n) for n in numbers})
        self.head.save()
        return learned

    def other(self, number: int) -> str:
        return NEGATIVE if self.shipped[key(number)] >= LABELS.threshold else POSITIVE

    @property
    def shipped(self) -> dict[str, float]:
        probabilities = BUNDLE.head.probability(photos().embeddings.astype(np.float32)).tolist()
        return dict(zip(keys(0, COUNT), probabilities, strict=True))

    def settle(self) -> None:
        """Let a burst be over, without measuring."""
        self.head.check(lambda: True)

    def ids(self) -> list[int]:
        return [version.id for version in self.head.state().versions]

    def learned_from(self) -> list[int]:
        return [version.corrections for version in self.head.state().versions]

    def current(self) -> int:
        (current,) = [version.id for version in self.head.state().versions if version.current]
        return current

    def corrected(self) -> set[int]:
        return {n for n in range(COUNT) if self.head.correction(key(n)) is not None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.sqlite"


@pytest.fixture
def start(path: Path) -> Iterator[Callable[..., Opened]]:
    """Open heads on one library, as several windows or starts of the app do."""
    opened: list[Opened] = []

    def open_one(bundle: Bundle = BUNDLE, *, scanned: bool = True) -> Opened:
        opened.append(Opened(path, bundle, scanned=scanned))
        return opened[-1]

    yield open_one
    for one in opened:
        one.library.close()


def assert_alike(one: dict[str, float], other: dict[str, float]) -> None:
    assert one == pytest.approx(other, abs=ROUNDING)


def test_at_first_there_is_only_the_shipped_model(start: Callable[..., Opened]) -> None:
    state = start().head.state()
    assert (state.corrections, state.learned, state.set_aside, state.waiting) == (0, 0, 0, 0)
    (shipped,) = state.versions
    assert (shipped.id, shipped.made_at, shipped.corrections, shipped.check) == (SHIPPED, "", 0, None)
    assert state.current == shipped


def test_a_burst_makes_one_version(start: Callable[..., Opened]) -> None:
    one = start()
    for n in range(5):
        one.flip(n)
    assert one.learned_from() == [5, 0]
    one.settle()
    one.flip(5)
    one.flip(6)
    assert one.learned_from() == [7, 5, 0]
    assert one.current() == one.ids()[0]


def test_a_burst_that_was_undone_leaves_no_version(start: Callable[..., Opened]) -> None:
    one = start()
    one.flip(0)
    one.head.correct({key(0): None})
    one.head.save()
    assert one.learned_from() == [0]
    one.flip(0)
    one.settle()
    first = one.current()
    one.flip(1)
    one.head.correct({key(1): None})
    one.head.save()
    assert one.ids() == [first, SHIPPED]
    # And what comes next does not take its place.
    one.flip(2)
    assert one.learned_from() == [2, 1, 0]


def test_going_back_judges_as_then_and_keeps_every_label(start: Callable[..., Opened]) -> None:
    one = start()
    then = by_key(one.flip(0, 1))
    one.settle()
    now = by_key(one.flip(2, 3, 4))
    newest, first, _ = one.head.state().versions
    assert newest.current
    learned = one.head.go_back(first.id)
    assert_alike(by_key(learned), then)
    assert learned.relearned == Relearned(first.made_at, set_aside=3, gone=0)
    assert (learned.corrections, learned.changes) == (2, {})
    flipped = {k for k in now if (now[k] >= LABELS.threshold) != (then[k] >= LABELS.threshold)}
    assert set(learned.changed) == flipped - {key(n) for n in range(5)}, "corrected photos do not change their mind"
    assert one.corrected() == {0, 1, 2, 3, 4}
    state = one.head.state()
    assert (state.corrections, state.learned, state.set_aside) == (5, 2, 3)
    assert one.head.correction_count == 2
    one.head.save()
    assert one.ids() == [newest.id, first.id, SHIPPED], "no new version: it is that one again"
    assert one.current() == first.id
    # The newest is in the list, too: so going back can be undone.
    assert_alike(by_key(one.head.go_back(newest.id)), now)
    assert one.head.state().set_aside == 0


def test_back_to_the_shipped_model_and_on_to_all_corrections(start: Callable[..., Opened]) -> None:
    one = start()
    now = by_key(one.flip(0, 1, 2))
    back = one.head.go_back(SHIPPED)
    assert_alike(by_key(back), one.shipped)
    assert back.relearned == Relearned("", set_aside=3)
    assert (back.corrections, one.current(), one.corrected()) == (0, SHIPPED, {0, 1, 2})
    again = one.head.learn_from_all()
    assert_alike(by_key(again), now)
    assert again.relearned == Relearned(None)
    assert one.head.state().set_aside == 0


def test_new_corrections_are_learned_on_top(start: Callable[..., Opened], tmp_path: Path) -> None:
    one = start()
    one.flip(0)
    one.settle()
    first = one.current()
    one.flip(1, 2)
    one.head.go_back(first)
    learned = one.flip(3)
    # One of those set aside, said once more, counts as new.
    learned = one.flip(1)
    alone = Opened(tmp_path / "other.sqlite")
    try:
        assert_alike(by_key(learned), by_key(alone.flip(0, 3, 1)))
    finally:
        alone.library.close()
    assert one.head.state().set_aside == 1
    assert one.learned_from() == [3, 3, 1, 0]
    assert one.head.learn_from_all().corrections == 4


def test_corrections_removed_or_changed_since_are_not_restored(start: Callable[..., Opened], tmp_path: Path) -> None:
    one = start()
    one.flip(0, 1, 2)
    one.settle()
    first = one.current()
    same = NEGATIVE if one.other(1) == POSITIVE else POSITIVE
    one.head.correct({key(0): None, key(1): same, key(3): POSITIVE})
    learned = one.head.go_back(first)
    assert learned.relearned is not None
    assert (learned.relearned.gone, learned.relearned.set_aside) == (2, 2)
    assert (one.head.correction(key(0)), one.head.correction(key(1))) == (None, same)
    alone = Opened(tmp_path / "other.sqlite")
    try:
        assert_alike(by_key(learned), by_key(alone.flip(2)))
    finally:
        alone.library.close()
    one.head.save()
    assert one.learned_from() == [1, 3, 3, 0], "that is a version of its own"


def test_it_survives_a_restart(start: Callable[..., Opened], path: Path) -> None:
    one = start()
    then = by_key(one.flip(0))
    one.settle()
    first = one.current()
    one.flip(1, 2)
    one.head.go_back(first)
    one.library.close()
    again = start()
    assert_alike(again.before, then)
    assert (again.head.correction_count, again.corrected(), again.current()) == (1, {0, 1, 2}, first)
    assert again.head.state().set_aside == 2


def test_another_window_takes_it_over(start: Callable[..., Opened]) -> None:
    one, other = start(), start()
    then = by_key(one.flip(0))
    one.settle()
    now = by_key(one.flip(1, 2))
    told = other.head.catch_up()
    assert told is not None
    assert_alike(by_key(told), now)
    assert told.changes == {key(n): one.other(n) for n in range(3)}
    assert other.head.catch_up() is None
    one.head.go_back(one.ids()[1])
    told = other.head.catch_up()
    assert told is not None
    assert_alike(by_key(told), then)
    assert (told.changes, other.head.state().set_aside) == ({}, 2)
    # A correction takes it over as well, and a window that goes back takes over corrections.
    one.flip(3)
    other.head.learn_from_all()
    assert other.corrected() == {0, 1, 2, 3}
    assert one.flip(4).corrections == 5


def test_the_version_in_use_is_measured_once(start: Callable[..., Opened]) -> None:
    one = start()
    assert not one.head.check(), "there is nothing to measure"
    one.flip(0, 1, 2, 3)
    assert one.head.state().versions[0].check is None
    assert one.head.check()
    check = one.head.state().versions[0].check
    assert check is not None
    assert (check.corrections, check.before, check.still_wrong) == (4, 0, 0)
    assert check.after is not None
    assert not one.head.check()
    assert start().head.state().versions[0].check == check
    one.head.go_back(SHIPPED)
    assert not one.head.check()
    assert one.head.state().versions[0].check == check


def test_a_measurement_that_is_stopped_stores_nothing_and_lets_the_burst_end(start: Callable[..., Opened]) -> None:
    one = start()
    one.flip(0, 1)
    assert not one.head.check(lambda: True)
    one.flip(2)
    assert [version.check for version in one.head.state().versions] == [None] * 3


def test_measuring_holds_no_correction_up(start: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch) -> None:
    one = start()
    one.flip(0, 1, 2)
    reached, go_on = threading.Event(), threading.Event()

    def stopped() -> bool:
        reached.set()
        return not go_on.wait(20)

    measuring = threading.Thread(target=one.head.check, args=(stopped,))
    measuring.start()
    try:
        assert reached.wait(20)
        assert one.flip(3).corrections == 4
    finally:
        go_on.set()
        measuring.join()
    newest, measured, _ = one.head.state().versions
    assert (newest.corrections, newest.check) == (4, None)
    assert measured.check is not None
    assert measured.check.corrections == 3, "of the version that it was about"


def test_versions_of_another_bundle_are_not_offered(start: Callable[..., Opened]) -> None:
    one = start()
    one.flip(0, 1)
    number = one.current()
    other = start(replace(BUNDLE, bundle_id="0" * 16))
    assert other.head.correction_count == 2, "but it learns from the same corrections"
    assert other.head.state().current is None
    with pytest.raises(VersionGone, match="no longer stored"):
        other.head.go_back(number)
    assert other.head.correction_count == 2
    other.head.save()
    assert len(other.ids()) == 2
    one.head.go_back(SHIPPED)
    assert other.head.catch_up().corrections == 0, "what is set aside is so for every model of these classes"


def test_a_version_of_an_older_app_is_not_offered(start: Callable[..., Opened]) -> None:
    one = start()
    one.flip(0)
    stored = one.library.head_versions(BUNDLE.bundle_id)[0]
    one.library.forget_head_version(one.current())
    number = one.library.add_head_version(replace(stored, members=None))
    assert one.ids() == [SHIPPED]
    with pytest.raises(VersionGone):
        one.head.go_back(number)
    # The next start learns nothing again, and stores what it had learned from.
    one.library.close()
    again = start()
    again.head.save()
    assert again.learned_from() == [1, 0]


def test_a_version_from_before_there_was_a_margin_judges_as_it_did_then(start: Callable[..., Opened]) -> None:
    one = start()
    one.flip(0)
    assert one.head.head.hysteresis is not None
    one.head.save()
    stored = one.library.head_versions(BUNDLE.bundle_id)[0]
    one.library.close()
    again = start()
    assert again.head.head.hysteresis is not None
    assert again.head.head.hysteresis.margin == one.head.head.hysteresis.margin
    again.library.forget_head_version(again.current())
    again.library.add_head_version(replace(stored, measurements={}))
    again.library.close()
    old = start().head.head
    assert old.hysteresis is None
    assert (old.weights == one.head.head.weights).all()


def test_two_windows_that_store_the_same_make_one_version(start: Callable[..., Opened]) -> None:
    one, other = start(), start()
    one.flip(0)
    stored = one.library.head_versions(BUNDLE.bundle_id)[0]
    other.library.add_head_version(stored)
    assert one.learned_from() == [1, 0]


def test_a_library_that_fails_changes_nothing(start: Callable[..., Opened]) -> None:
    one = start()
    one.flip(0)
    one.settle()
    first = one.current()
    now = by_key(one.flip(1))
    one.library.close()
    for attempt in (lambda: one.head.go_back(first), one.head.learn_from_all, one.head.state):
        with pytest.raises(LibraryError):
            attempt()
    assert one.head.correction_count == 2
    assert_alike(one.judge(), now)


def test_photos_judged_while_going_back_have_the_right_head(start: Callable[..., Opened]) -> None:
    one = start()
    one.flip(0)
    one.settle()
    newest = by_key(one.flip(1, 2, 3))
    numbers = one.ids()[:2]
    judged: list[tuple[int, dict[str, float]]] = []
    stop = threading.Event()

    def scan() -> None:
        while not stop.is_set():
            event = one.head.judge(photos(), one.head.open_folder())
            judged.append((event.head_version, {photo.content_key: photo.probability for photo in event.photos}))

    scanning = threading.Thread(target=scan)
    scanning.start()
    try:
        heard = [one.head.go_back(numbers[n % 2]) for n in range(1, 9)]
    finally:
        stop.set()
        scanning.join()
    assert [learned.head_version for learned in heard] == list(range(3, 11))
    assert_alike(one.judge(), newest)
    one.head.go_back(numbers[1])
    first = one.judge()
    for version, probabilities in judged:
        assert_alike(probabilities, newest if version % 2 == 0 else first)


def test_corrections_of_photos_never_seen_are_waited_for(start: Callable[..., Opened]) -> None:
    old = start(replace(BUNDLE, backbone_id="1" * 16))
    old.flip(0, 1)
    one = start(scanned=False)
    state = one.head.state()
    assert (state.corrections, state.learned, state.waiting) == (2, 0, 2)
    one.judge()
    learned = one.head.learn_pending()
    assert learned is not None
    assert one.head.state().waiting == 0
    assert one.head.learn_pending() is None


@pytest.mark.parametrize("measured", [{}, {"before": 1}, {"corrections": 1, "before": float("inf"), "still_wrong": 0}])
def test_measurements_of_something_else_are_none(measured: dict[str, float]) -> None:
    assert SelfCheck.read(measured) is None


@pytest.mark.parametrize("after", [None, 7])
def test_measurements_come_back(after: int | None) -> None:
    check = SelfCheck(9, 2, after, 1)
    assert SelfCheck.read(check.measurements()) == check


def test_what_could_not_be_read_at_first_is_taken_over_later(
    start: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = start(), start()
    now = by_key(one.flip(0))

    def fail(*_: object) -> None:
        raise LibraryError("busy")

    with monkeypatch.context() as broken:
        broken.setattr(other.library, "corrections", fail)
        assert other.head.catch_up() is None
    told = other.head.catch_up()
    assert told is not None
    assert_alike(by_key(told), now)
