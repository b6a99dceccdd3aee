"""A new model with another backbone takes over: what the window's engine does with the corrections, all by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.core.events import Finished, Judged, JudgedPhoto, Learned, LearningAgain
from alpacasorter.core.session_paths import Places
from alpacasorter.core.store.library import Library
from alpacasorter.ml.engine import Session
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.workers import versions
from alpacasorter.workers.engine import Engine
from tests.engines import Outcome, fill, opened_session, places_in, real_bundle
from tests.models import other_backbone, replace_backbone

WAIT_MS = 60_000
POSITIVE, NEGATIVE = real_bundle().positive_label, real_bundle().negative_label


class Window:
    """What a window hears from its engine."""

    def __init__(self, qtbot: QtBot, engine: Engine) -> None:
        self.engine = engine
        self._qtbot = qtbot
        self.photos: dict[Path, JudgedPhoto] = {}
        self.learned: list[Learned] = []
        self.finished: list[Finished] = []
        self.again: list[LearningAgain] = []
        self.ready = 0
        self._judged: dict[str, tuple[int, float]] = {}
        engine.ready.connect(self._on_ready)
        engine.judged.connect(self._on_judged)
        engine.learned.connect(self._on_learned)
        engine.finished.connect(self.finished.append)
        engine.versions.learning_again.connect(self.again.append)

    def _on_ready(self) -> None:
        self.ready += 1
        self.again.clear()
        self.learned.clear()

    def _on_judged(self, event: Judged) -> None:
        self.photos |= {photo.path: photo for photo in event.photos}
        self._note({photo.content_key: photo.probability for photo in event.photos}, event.head_version)

    def _on_learned(self, event: Learned) -> None:
        self.learned.append(event)
        self._note(dict(zip(event.keys, event.probabilities.tolist(), strict=True)), event.head_version)

    def _note(self, probabilities: dict[str, float], head_version: int) -> None:
        for key, probability in probabilities.items():
            # A head that learned meanwhile may have judged the photo before the scan tells what the last one said.
            if key not in self._judged or self._judged[key][0] <= head_version:
                self._judged[key] = head_version, probability

    @property
    def probabilities(self) -> dict[str, float]:
        """What the last head said of each photo, by content key."""
        return {key: probability for key, (_version, probability) in self._judged.items()}

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def open(self, folder: Path) -> None:
        before = len(self.finished)
        self.engine.open_folder(folder, recursive=True)
        self.wait(lambda: len(self.finished) > before)

    def correct(self, *paths: Path) -> None:
        """Label photos of the open folder by turns."""
        before = len(self.learned)
        keys = {self.photos[path].content_key: path for path in paths}
        self.engine.correct({key: (POSITIVE, NEGATIVE)[n % 2] for n, key in enumerate(keys)}, keys)
        self.wait(lambda: len(self.learned) > before)

    def is_over(self) -> bool:
        """Whether it has ended with learning earlier corrections again."""
        return bool(self.again) and not self.again[-1].running


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return other_backbone(tmp_path / "old model", name="Alpaca", version="1.0")


@pytest.fixture
def start(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[[Path], Window]]:
    engines: list[Engine] = []

    def start_engine(bundle: Path) -> Window:
        engine = Engine(replace(places_in(tmp_path), bundle=bundle), "cpu")
        engines.append(engine)
        window = Window(qtbot, engine)
        engine.start()
        window.wait(lambda: window.ready > 0)
        return window

    yield start_engine
    for engine in engines:
        engine.shutdown()


@pytest.fixture
def corrected(start: Callable[[Path], Window], old: Path, tmp_path: Path) -> list[Path]:
    """Six photos in two folders that were labeled with the old model."""
    window = start(old)
    photos = [*fill(tmp_path / "one", 3), *fill(tmp_path / "two", 3, first=10)]
    for some in (photos[:3], photos[3:]):
        window.open(some[0].parent)
        window.correct(*some)
    window.engine.shutdown()
    return photos


def versions_in(places: Places, bundle: Path) -> list[int]:
    """Return how many corrections each stored version of a model has learned from, the newest first."""
    with Library.open(places.data / "library.sqlite") as library:
        return [head.corrections for head in library.head_versions(load_bundle(bundle).bundle_id)]


def test_a_start_with_a_new_model_learns_everything_again_by_itself(
    start: Callable[[Path], Window], corrected: list[Path], old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "SETTLE_MS", 100)
    window = start(paths.bundled_model())
    window.wait(window.is_over)
    assert window.again[0] == LearningAgain(0, 6, True)
    assert window.again[-1] == LearningAgain(6, 0, False)
    assert window.engine.versions.again == window.again[-1]
    assert window.learned[-1].corrections == 6
    opened = window.engine.opened
    assert opened is not None
    # The version is kept and measured, as after corrections.
    window.wait(lambda: (now := opened.session.learning.state().current) is not None and now.check is not None)
    state = opened.session.learning.state()
    assert [version.corrections for version in state.versions] == [6, 0]
    assert [version.corrections for version in state.others] == [6], "those of the old model are listed apart"
    window.engine.shutdown()
    places = places_in(tmp_path)
    assert versions_in(places, paths.bundled_model()) == [6]
    assert versions_in(places, old)[0] == 6, "those of the old model are as they were"
    again = start(paths.bundled_model())
    again.wait(again.is_over)
    assert again.again == [LearningAgain(6, 0, False)]
    assert again.learned == []


def test_the_open_folder_is_judged_by_what_was_learned(
    start: Callable[[Path], Window], corrected: list[Path], tmp_path: Path
) -> None:
    window = start(paths.bundled_model())
    photos = fill(tmp_path / "three", 4, first=30)
    window.open(photos[0].parent)
    window.wait(window.is_over)
    window.wait(lambda: bool(window.learned))
    assert window.learned[-1].corrections == 6
    with opened_session(tmp_path / "straight") as straight:
        for folder in (corrected[0].parent, corrected[3].parent, photos[0].parent):
            found = Outcome(straight.session.scan(folder, recursive=True)).photos
            if folder != photos[0].parent:
                keys = [found[path].content_key for path in sorted(found)]
                straight.session.learning.correct({key: (POSITIVE, NEGATIVE)[n % 2] for n, key in enumerate(keys)})
        judged = straight.session.judge_again(found.values())
    assert window.probabilities == pytest.approx({photo.content_key: photo.probability for photo in judged}, abs=1e-4)


def test_quitting_in_the_middle_takes_no_time_and_the_next_start_goes_on(
    start: Callable[[Path], Window], corrected: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed, slow = Session.embed, threading.Event()

    def embed_slowly(session: Session, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if slow.is_set():
            time.sleep(0.3)
        return embed(session, pixels)

    monkeypatch.setattr(Session, "embed", embed_slowly)
    slow.set()
    window = start(paths.bundled_model())
    window.wait(lambda: bool(window.again) and window.again[-1].learned >= 2)
    window.engine.shutdown()
    assert window.again[-1].running
    assert versions_in(places_in(tmp_path), paths.bundled_model()) == []
    slow.clear()
    again = start(paths.bundled_model())
    again.wait(again.is_over)
    assert again.again[-1] == LearningAgain(6, 0, False)
    assert len([event for event in again.again if event.running]) <= 5, "it did not begin anew"


def test_a_correction_during_that_is_learned_at_once(
    start: Callable[[Path], Window], corrected: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = start(paths.bundled_model())
    photos = fill(tmp_path / "three", 2, first=30)
    window.open(photos[0].parent)
    window.correct(photos[0])
    window.wait(window.is_over)
    window.wait(lambda: window.learned[-1].corrections == 7)
    opened = window.engine.opened
    assert opened is not None
    assert opened.session.learning.correction(window.photos[photos[0]].content_key) == POSITIVE


def test_another_model_ends_it_and_learns_for_itself(
    start: Callable[[Path], Window], corrected: list[Path], old: Path, tmp_path: Path
) -> None:
    window = start(paths.bundled_model())
    third = other_backbone(tmp_path / "third", name="Third")
    network = bytearray((third / "backbone.tflite").read_bytes())
    network[len(network) // 2 // 4 * 4 + 50_002] ^= 0x10
    replace_backbone(third, bytes(network))
    window.engine.use_model(third)
    window.wait(lambda: window.ready == 2)
    window.wait(lambda: window.is_over() and window.learned[-1].corrections == 6)
    opened = window.engine.opened
    assert opened is not None
    assert opened.bundle.name == "Third"
    assert opened.session.learning.correction_count == 6
    window.engine.use_model(old)
    window.wait(lambda: window.ready == 3)
    opened = window.engine.opened
    assert opened is not None
    assert opened.session.learning.correction_count == 6
    assert opened.session.learning.state().versions[0].current, "the version of then, without learning anything"
