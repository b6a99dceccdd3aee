"""The engine behind the window, with the real model: its signals, their order, and that it ends."""

import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.core import reasons
from alpacasorter.core.events import Finished, Found, Judged, Learned, Problems, Progress
from alpacasorter.core.exchange.sidecars import SidecarOptions
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.session_paths import Places
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.ml import engine as session_module
from alpacasorter.ml.runtime.backbone import BackboneError
from alpacasorter.ml.runtime.device import Device
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import DeviceFacts, ModelFacts, unexpected
from tests.engines import (
    Outcome,
    by_key,
    fill,
    fill_fast,
    is_running,
    places_in,
    real_bundle,
    stand_in_for_python,
)
from tests.picture_files import make_picture

WAIT_MS = 30_000
POSITIVE, NEGATIVE = real_bundle().positive_label, real_bundle().negative_label
SIGNALS = (
    "ready",
    "failed",
    "notice",
    "recent_folders",
    "device_changed",
    "found",
    "judged",
    "problems",
    "progress",
    "finished",
    "folder_failed",
    "learned",
    "correction_failed",
)


class Heard:
    """An engine and all its signals, in order."""

    def __init__(self, qtbot: QtBot, engine: Engine) -> None:
        self.engine = engine
        self.all: list[tuple[str, tuple[object, ...]]] = []
        self._qtbot = qtbot
        for name in SIGNALS:
            getattr(engine, name).connect(lambda *values, name=name: self._hear(name, values))

    def _hear(self, name: str, values: tuple[object, ...]) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.all.append((name, values))

    def of(self, name: str) -> list[tuple[object, ...]]:
        return [values for heard, values in self.all if heard == name]

    def wait(self, name: str, count: int = 1) -> tuple[object, ...]:
        """Wait until a signal was emitted `count` times; return the values of the last one."""
        self._qtbot.waitUntil(lambda: len(self.of(name)) >= count, timeout=WAIT_MS)
        return self.of(name)[-1]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def settle(self) -> None:
        """Let everything that is on its way arrive."""
        for lane in (self.engine._session_lane, self.engine._scan_lane, self.engine._device_lane):
            done = threading.Event()
            lane.submit(done.set)
            self.wait_until(done.is_set)
        self._qtbot.wait(20)

    def outcome(self) -> Outcome:
        kinds = ("found", "judged", "problems", "progress", "finished", "learned")
        return Outcome(values[0] for name, values in self.all if name in kinds)

    def scan(self, folder: Path, *, recursive: bool = True) -> Outcome:
        before = len(self.of("finished"))
        self.engine.open_folder(folder, recursive=recursive)
        self.wait("finished", before + 1)
        return self.outcome()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_in(tmp_path)


@pytest.fixture
def start(qtbot: QtBot, places: Places) -> Iterator[Callable[..., Heard]]:
    """Start engines, which are shut down afterwards."""
    engines: list[Engine] = []

    def start_engine(preference: str = "cpu", *, places: Places = places, wait: bool = True) -> Heard:
        engine = Engine(places, preference)  # type: ignore[arg-type]
        engines.append(engine)
        heard = Heard(qtbot, engine)
        engine.start()
        if wait:
            heard.wait("ready")
        return heard

    yield start_engine
    for engine in engines:
        engine.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "photos", 6)
    return tmp_path / "photos"


def probabilities(heard: Heard) -> dict[str, float]:
    judged = {
        photo.content_key: photo.probability
        for (event,) in heard.of("judged")
        if isinstance(event, Judged)
        for photo in event.photos
    }
    # Not in the order in which the scan finished them, because tests pick some.
    return dict(sorted(judged.items()))


def test_ready_says_which_model_and_which_device(start: Callable[..., Heard]) -> None:
    heard = start(wait=False)
    assert heard.engine.cache is None
    (facts,) = heard.wait("ready")
    bundle = real_bundle()
    assert isinstance(facts, ModelFacts)
    assert (facts.name, facts.version, facts.corrections) == (bundle.name, bundle.version, 0)
    assert facts.labels.names == (NEGATIVE, POSITIVE)
    (device,) = heard.wait("device_changed")
    assert isinstance(device, DeviceFacts)
    assert device.kind == "cpu"
    assert device.note.endswith(".")
    assert device.threads >= 1
    assert device.milliseconds > 0
    assert heard.wait("recent_folders") == ([],)
    assert heard.engine.cache is not None
    assert heard.of("notice") == heard.of("failed") == []


def test_a_scan_from_the_first_to_the_last_event(start: Callable[..., Heard], folder: Path) -> None:
    bad = make_picture(folder / "bad.jpg", kind="empty")
    heard = start()
    outcome = heard.scan(folder)
    assert len(outcome.photos) == 6
    assert outcome.problems == {bad: reasons.EMPTY}
    names = [name for name, _ in heard.all if name in ("found", "judged", "problems", "progress", "finished")]
    assert names[0] == "found"
    assert names[-1] == "finished"
    assert {"judged", "problems", "progress"} <= set(names[1:-1])
    kinds = {"found": Found, "judged": Judged, "problems": Problems, "progress": Progress, "finished": Finished}
    for name, kind in kinds.items():
        assert {type(event) for (event,) in heard.of(name)} == {kind}
    heard.settle()
    assert heard.of("recent_folders")[-1] == ([folder],)


def test_reopening_opens_nothing(start: Callable[..., Heard], folder: Path) -> None:
    first = start()
    first.scan(folder)
    first.engine.shutdown()
    second = start()
    assert second.scan(folder).finished.opened == 0
    assert probabilities(second) == pytest.approx(probabilities(first), abs=1e-6)
    assert second.of("recent_folders")[0] == ([folder],)


def test_a_folder_may_be_opened_before_the_engine_is_ready(start: Callable[..., Heard], folder: Path) -> None:
    heard = start(wait=False)
    heard.engine.prefer([folder / "photo1.jpg"])
    heard.engine.open_folder(folder, recursive=False)
    heard.wait("finished")
    assert len(probabilities(heard)) == 6
    assert heard.all[0][0] == "ready"


def test_a_folder_may_be_opened_before_the_engine_is_started(
    qtbot: QtBot, places: Places, folder: Path, tmp_path: Path
) -> None:
    """As the window does with a folder from the command line."""
    engine = Engine(places, "cpu")
    heard = Heard(qtbot, engine)
    try:
        engine.open_folder(tmp_path / "none", recursive=True)
        engine.open_folder(folder, recursive=True)
        heard.settle()
        assert heard.all == []
        engine.start()
        heard.wait("finished")
        assert len(probabilities(heard)) == 6
        assert heard.of("folder_failed") == []
    finally:
        engine.shutdown()


def test_only_the_last_of_several_folders_is_reported(
    start: Callable[..., Heard], folder: Path, tmp_path: Path
) -> None:
    large = fill_fast(tmp_path / "large", 600, size=(640, 480))
    heard = start()
    heard.engine.open_folder(large[0].parent, recursive=True)
    heard.wait("judged")
    heard.engine.open_folder(tmp_path, recursive=True)
    switched = len(heard.all)
    heard.engine.open_folder(folder, recursive=True)
    heard.wait("finished")
    heard.settle()
    later = Outcome(values[0] for name, values in heard.all[switched:] if name in ("found", "judged", "finished"))
    assert {path.parent for path in later.found} == {folder}
    assert {path.parent for path in later.photos} == {folder}
    (finished,) = heard.of("finished")
    assert finished[0] == later.finished
    assert not later.finished.canceled
    assert heard.of("folder_failed") == []


def test_closing_a_folder_silences_its_scan(start: Callable[..., Heard], tmp_path: Path) -> None:
    fill_fast(tmp_path / "large", 600, size=(640, 480))
    heard = start()
    heard.engine.open_folder(tmp_path / "large", recursive=True)
    heard.wait("judged")
    heard.engine.close_folder()
    told = len(heard.of("judged"))
    heard.settle()
    assert len(heard.of("judged")) == told
    assert heard.of("finished") == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("scan-")]


def test_stopping(start: Callable[..., Heard], folder: Path, tmp_path: Path) -> None:
    fill_fast(tmp_path / "large", 600, size=(640, 480))
    heard = start()
    heard.engine.open_folder(tmp_path / "large", recursive=True)
    heard.wait("judged")
    heard.engine.stop_scan()
    (finished,) = heard.wait("finished")
    assert isinstance(finished, Finished)
    assert finished.canceled
    assert finished.judged == len(probabilities(heard)) < 400
    # Only that scan is stopped.
    assert not heard.scan(folder).finished.canceled


def test_stopping_a_scan_that_has_not_begun(start: Callable[..., Heard], tmp_path: Path) -> None:
    fill_fast(tmp_path / "large", 100)
    heard = start()
    go_on = threading.Event()
    heard.engine._scan_lane.submit(lambda: go_on.wait() and None)
    heard.engine.open_folder(tmp_path / "large", recursive=True)
    heard.engine.stop_scan()
    go_on.set()
    (finished,) = heard.wait("finished")
    assert isinstance(finished, Finished)
    assert finished.canceled
    assert finished.judged < 100


def test_folders_that_cannot_be_opened(start: Callable[..., Heard], folder: Path, tmp_path: Path) -> None:
    heard = start()
    heard.engine.open_folder(tmp_path / "none", recursive=True)
    assert heard.wait("folder_failed") == (tmp_path / "none", reasons.sentence(reasons.FOLDER_MISSING))
    heard.settle()
    assert heard.of("recent_folders") == [([],)], "what can't be opened is not offered again"
    # And the next one is.
    assert heard.scan(folder).finished.judged == 6


def test_an_unexpected_error_is_a_sentence_too(
    start: Callable[..., Heard], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    heard = start()
    monkeypatch.setattr(session_module.Session, "scan", scan)
    heard.engine.open_folder(folder, recursive=True)
    assert heard.wait("folder_failed") == (folder, unexpected())


def test_recent_folders(start: Callable[..., Heard], folder: Path, tmp_path: Path) -> None:
    other = fill(tmp_path / "other", 1)[0].parent
    heard = start()
    heard.scan(folder)
    heard.scan(other)
    heard.settle()
    assert heard.of("recent_folders")[-1] == ([other, folder],)
    heard.engine.forget_recent(other)
    heard.settle()
    assert heard.of("recent_folders")[-1] == ([folder],)


def test_the_recent_folders_never_cost_a_scan(
    start: Callable[..., Heard], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LibraryError("The disk is full.")

    heard = start()
    monkeypatch.setattr(Library, "remember_folder", full)
    assert heard.scan(folder).finished.judged == 6
    heard.settle()
    assert heard.of("folder_failed") == []


def test_a_correction_is_stored_and_learned(start: Callable[..., Heard], folder: Path, places: Places) -> None:
    heard = start()
    outcome = heard.scan(folder)
    path, photo = next(iter(outcome.photos.items()))
    heard.engine.correct({photo.content_key: POSITIVE}, {photo.content_key: path})
    (learned,) = heard.wait("learned")
    assert isinstance(learned, Learned)
    assert learned.changes == {photo.content_key: POSITIVE}
    with Library.open(places.data / "library.sqlite") as library:
        (stored,) = library.corrections(real_bundle().label_set).values()
        assert (stored.label, stored.path_hint) == (POSITIVE, path)
    heard.settle()
    with Library.open(places.data / "library.sqlite") as library:
        assert len(library.head_versions(real_bundle().bundle_id)) == 1, "the head is saved for the next start"
    heard.engine.shutdown()
    again = start()
    assert again.of("ready")[0][0].corrections == 1  # type: ignore[attr-defined]
    assert again.scan(folder).photos[path].correction == POSITIVE


def test_corrections_in_quick_succession_are_learned_from_together(
    start: Callable[..., Heard], folder: Path, places: Places
) -> None:
    heard = start()
    heard.scan(folder)
    first, second, third = list(probabilities(heard))[:3]
    go_on = threading.Event()
    heard.engine._session_lane.submit(lambda: go_on.wait() and None)
    heard.engine.correct({first: POSITIVE}, {})
    heard.engine.correct({second: POSITIVE, third: POSITIVE}, {})
    heard.engine.correct({first: NEGATIVE}, {})
    heard.engine.correct({third: None}, {})
    go_on.set()
    heard.wait("learned")
    heard.settle()
    ((learned,),) = heard.of("learned")
    assert isinstance(learned, Learned)
    assert learned.changes == {first: NEGATIVE, second: POSITIVE, third: None}
    with Library.open(places.data / "library.sqlite") as library:
        labels = {key: one.label for key, one in library.corrections(real_bundle().label_set).items()}
    assert labels == {first: NEGATIVE, second: POSITIVE}


def test_a_correction_just_before_another_folder_is_not_lost(
    start: Callable[..., Heard], folder: Path, tmp_path: Path, places: Places
) -> None:
    other = fill(tmp_path / "other", 2, first=50)[0].parent
    heard = start()
    heard.scan(folder)
    key = next(iter(probabilities(heard)))
    heard.engine.correct({key: POSITIVE}, {})
    heard.scan(other)
    heard.settle()
    assert heard.of("correction_failed") == []
    with Library.open(places.data / "library.sqlite") as library:
        assert set(library.corrections(real_bundle().label_set)) == {key}


def test_a_correction_that_cannot_be_stored(start: Callable[..., Heard], folder: Path, places: Places) -> None:
    heard = start()
    heard.scan(folder)
    key = next(iter(probabilities(heard)))
    opened = heard.engine._open
    assert opened is not None
    opened.library.close()
    heard.engine.correct({key: POSITIVE}, {})
    changes, sentence = heard.wait("correction_failed")
    assert changes == {key: POSITIVE}
    assert str(sentence).endswith(".")
    assert sentence != unexpected()
    assert heard.of("learned") == []


def test_a_correction_of_a_photo_that_is_not_known(start: Callable[..., Heard]) -> None:
    heard = start()
    heard.engine.correct({"0" * 64: POSITIVE}, {})
    changes, sentence = heard.wait("correction_failed")
    assert changes == {"0" * 64: POSITIVE}
    assert sentence != unexpected()
    assert "has not judged the photo yet" in str(sentence)


def test_predictions_that_a_newer_head_has_overtaken(start: Callable[..., Heard], folder: Path) -> None:
    """The window must not end up with the prediction of an older head."""
    heard = start()
    heard.scan(folder)
    (late,) = heard.of("judged")[0]
    assert isinstance(late, Judged)
    first = late.photos[0]
    heard.engine.correct({first.content_key: POSITIVE}, {})
    (learned,) = heard.wait("learned")
    assert isinstance(learned, Learned)
    before = len(heard.of("judged"))
    heard.engine._scan_event.emit(heard.engine._generation, late)
    (event,) = heard.wait("judged", before + 1)
    assert isinstance(event, Judged)
    assert event.head_version == learned.head_version == late.head_version + 1
    assert [photo.path for photo in event.photos] == [photo.path for photo in late.photos]
    for photo in event.photos:
        assert photo.probability == by_key(learned)[photo.content_key]
        assert photo.correction == (POSITIVE if photo.content_key == first.content_key else None)
    assert event.photos[0].facts == first.facts


def test_what_was_learned_first_but_comes_last(start: Callable[..., Heard], folder: Path) -> None:
    heard = start()
    heard.scan(folder)
    first, second = list(probabilities(heard))[:2]
    heard.engine.correct({first: POSITIVE}, {})
    (older,) = heard.wait("learned")
    heard.engine.correct({second: POSITIVE}, {})
    (newer,) = heard.wait("learned", 2)
    assert isinstance(older, Learned)
    assert isinstance(newer, Learned)
    heard.engine._learned_event.emit(older)
    (told,) = heard.wait("learned", 3)
    assert isinstance(told, Learned)
    assert told.changes == older.changes
    assert told.head_version == newer.head_version
    assert by_key(told) == by_key(newer)


def test_a_broken_model_is_reported_in_a_sentence(
    start: Callable[..., Heard], places: Places, tmp_path: Path, folder: Path
) -> None:
    broken = tmp_path / "model"
    shutil.copytree(places.bundle, broken, ignore=shutil.ignore_patterns("keras_weights.npz"))
    (broken / "model.json").write_text("{}")
    heard = start(places=replace(places, bundle=broken), wait=False)
    (sentence,) = heard.wait("failed")
    assert str(sentence).endswith(".")
    assert sentence != unexpected()
    heard.engine.open_folder(folder, recursive=True)
    heard.engine.correct({"0" * 64: POSITIVE}, {})
    heard.engine.prefer_device("auto")
    heard.engine.forget_recent(folder)
    heard.settle()
    assert [name for name, _ in heard.all] == ["failed"]


def test_without_a_library_photos_are_judged_and_labels_are_refused(
    start: Callable[..., Heard], places: Places, folder: Path
) -> None:
    places.data.write_bytes(b"no folder")
    heard = start()
    heard.scan(folder)
    (key, *_others) = probabilities(heard)
    assert any("without your corrections" in str(values) for values in heard.of("notice"))
    heard.engine.correct({key: "alpaca"}, {key: folder / "photo0.jpg"})
    changes, why = heard.wait("correction_failed")
    assert changes == {key: "alpaca"}
    assert "can't be written to" in str(why)
    heard.engine.exchange.export_sidecars(folder, [], LabelSet("not_alpaca", "alpaca", {}), SidecarOptions())
    failed: list[str] = []
    heard.engine.exchange.failed.connect(failed.append)
    heard.wait_until(lambda: bool(failed))
    assert "can't be written to" in failed[0]


def test_a_damaged_library_is_reported(start: Callable[..., Heard], places: Places) -> None:
    places.data.mkdir()
    (places.data / "library.sqlite").write_bytes(b"no database" * 1000)
    heard = start()
    (notice,) = heard.wait("notice")
    assert str(notice).endswith(".")
    heard.settle()
    assert len(heard.of("notice")) == 1


def test_a_later_notice_is_shown_once(start: Callable[..., Heard], places: Places, folder: Path) -> None:
    heard = start()
    opened = heard.engine._open
    assert opened is not None
    opened.cache._file.notice = "The disk is full."
    heard.scan(folder)
    heard.scan(folder)
    heard.settle()
    assert heard.of("notice") == [("The disk is full.",)]


def test_the_gpu_is_tried_in_the_background_and_remembered(
    start: Callable[..., Heard], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "trials"
    body = (
        f"open({str(log)!r}, 'a').write('x')\npathlib.Path(sys.argv[-1]).write_text('{{\"problem\": \"None here.\"}}')"
    )
    monkeypatch.setattr(sys, "executable", str(stand_in_for_python(tmp_path / "driver", body)))
    heard = start("auto")
    heard.wait("device_changed", 2)
    first, second = (facts.note for (facts,) in heard.of("device_changed"))  # type: ignore[attr-defined]
    assert "not been tried" in first
    assert second == "None here."
    heard.engine.prefer_device("gpu")
    (notice,) = heard.wait("notice")
    assert "None here." in str(notice)
    heard.settle()
    assert heard.of("device_changed")[-1][0].kind == "cpu"  # type: ignore[attr-defined]
    heard.engine.prefer_device("auto", time_again=True)
    heard.settle()
    assert log.read_text() == "xx"
    heard.engine.prefer_device("cpu")
    heard.settle()
    assert heard.of("device_changed")[-1][0].note not in (first, second)  # type: ignore[attr-defined]
    heard.engine.shutdown()
    again = start("gpu")
    assert "None here." in str(again.wait("notice")[0]), "it opens all the same, and says why the GPU can't be used"
    assert log.read_text() == "xx"


def test_a_gpu_that_fails_during_a_scan_is_reported(
    start: Callable[..., Heard], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stops:
        def embed(self, _: object) -> object:
            raise BackboneError("It stopped.")

    heard = start()
    opened = heard.engine._open
    assert opened is not None
    monkeypatch.setattr(session_module, "open_backbone", lambda *_: Stops())
    opened.session.use_device(Device("gpu", 2, 1.0, ""))
    outcome = heard.scan(folder)
    assert outcome.finished.judged == 6
    heard.settle()
    facts = heard.of("device_changed")[-1][0]
    assert isinstance(facts, DeviceFacts)
    assert facts.kind == "cpu"
    assert "stopped working" in facts.note


def test_shutting_down_during_a_scan(start: Callable[..., Heard], tmp_path: Path) -> None:
    fill_fast(tmp_path / "large", 600, size=(640, 480))
    before = set(threading.enumerate())
    heard = start()
    heard.engine.open_folder(tmp_path / "large", recursive=True)
    heard.wait("judged")
    heard.engine.shutdown()
    assert set(threading.enumerate()) <= before
    assert heard.engine.cache is None
    told = len(heard.all)
    heard.engine.open_folder(tmp_path / "large", recursive=True)
    heard.engine.correct({"0" * 64: POSITIVE}, {})
    heard.engine.shutdown()
    heard._qtbot.wait(50)
    assert not [name for name, _ in heard.all[told:] if name in ("judged", "finished", "learned")]


def test_shutting_down_while_it_opens(start: Callable[..., Heard], folder: Path) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        heard = start("auto", wait=False)
        heard.engine.open_folder(folder, recursive=True)
        heard.engine.shutdown()
        assert set(threading.enumerate()) <= before


def test_shutting_down_stores_what_was_learned(start: Callable[..., Heard], folder: Path, places: Places) -> None:
    heard = start()
    heard.scan(folder)
    key = next(iter(probabilities(heard)))
    heard.engine.correct({key: POSITIVE}, {})
    heard.engine.shutdown()
    with sqlite3.connect(places.data / "library.sqlite") as database:
        ((count,),) = database.execute("SELECT count(*) FROM head_versions").fetchall()
    database.close()
    assert count == 1


def test_shutting_down_does_not_wait_for_a_hanging_driver(
    start: Callable[..., Heard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = tmp_path / "pid"
    body = f"pathlib.Path({str(number)!r}).write_text(str(os.getpid()))\ntime.sleep(100)"
    monkeypatch.setattr(sys, "executable", str(stand_in_for_python(tmp_path / "driver", body)))
    heard = start("auto")
    heard.wait_until(lambda: number.exists() and number.read_text() != "")
    began = time.monotonic()
    heard.engine.shutdown()
    # Far below the trial's own limit of 30 s.
    assert time.monotonic() - began < 15
    assert not is_running(int(number.read_text()))
    assert heard.of("notice") == []


def test_the_engine_judges_with_the_real_backbone(start: Callable[..., Heard], photos: Path) -> None:
    heard = start()
    outcome = heard.scan(photos / "more" / "alpaca")
    assert outcome.finished.judged == 75
    positive = sum(photo.probability >= real_bundle().threshold for photo in outcome.photos.values())
    assert positive > 65
