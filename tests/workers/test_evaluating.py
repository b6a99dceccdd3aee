"""Testing the model while other things happen, with the real model."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Finished, Learned, Progress
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.evaluating import Evaluating, EvaluationResult
from alpacasorter.workers.view_facts import unexpected
from tests.engines import fill, places_in
from tests.picture_files import make_picture

WAIT_MS = 30_000
SIGNALS = ("progress", "finished", "stopped", "failed", "report_written", "report_failed")


class Bench:
    """An engine that is ready, tests of its model, and all that they signal."""

    def __init__(self, qtbot: QtBot, engine: Engine) -> None:
        self.engine = engine
        self.evaluating = Evaluating(engine)
        self.heard: list[tuple[str, object]] = []
        self._qtbot = qtbot
        for name in SIGNALS:
            getattr(self.evaluating, name).connect(lambda *values, name=name: self._hear(name, values))

    def _hear(self, name: str, values: tuple[object, ...]) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.heard.append((name, values[0] if values else None))

    def of(self, name: str) -> list[object]:
        return [value for heard, value in self.heard if heard == name]

    def wait(self, name: str) -> object:
        self._qtbot.waitUntil(lambda: bool(self.of(name)), timeout=WAIT_MS)
        return self.of(name)[-1]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def test(self, dataset: Path) -> EvaluationResult:
        self.heard.clear()
        self.evaluating.start(dataset)
        self.wait_until(lambda: bool(self.of("finished") or self.of("failed")))
        [tested] = self.of("finished")
        assert isinstance(tested, EvaluationResult)
        return tested


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    engine = Engine(places_in(tmp_path), "cpu")
    with qtbot.waitSignal(engine.ready, timeout=WAIT_MS):
        engine.start()
    started = Bench(qtbot, engine)
    yield started
    started.evaluating.close()
    engine.shutdown()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    place = tmp_path / "set"
    fill(place / "alpaca", 3)
    fill(place / "not_alpaca", 3, first=3)
    make_picture(place / "alpaca" / "bad.jpg", kind="empty")
    return place


class Gate:
    """Lets the model judge photos only when it is open."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = engine.opened
        assert opened is not None
        self.reached, self._open = threading.Event(), threading.Event()
        embed = opened.session.embed

        def waiting(pixels: object) -> object:
            self.reached.set()
            assert self._open.wait(20)
            return embed(pixels)  # type: ignore[arg-type]

        monkeypatch.setattr(opened.session, "embed", waiting)

    def open(self) -> None:
        self._open.set()


def test_progress_then_the_result(bench: Bench, dataset: Path) -> None:
    tested = bench.test(dataset)
    assert tested.dataset == dataset
    assert tested.evaluation.metrics.n == 6
    assert tested.evaluation.unreadable == 1
    assert tested.evaluation.learned is None
    assert (tested.corrected, tested.device) == (0, "cpu")
    progress = bench.of("progress")
    assert all(isinstance(event, Progress) for event in progress)
    assert progress
    assert [name for name, _ in bench.heard][-1] == "finished"
    assert not bench.evaluating.running


def test_what_was_learned_is_measured_beside_it(bench: Bench, dataset: Path) -> None:
    before = bench.test(dataset).evaluation
    learned: list[Learned] = []
    bench.engine.learned.connect(learned.append)
    right = {key: "alpaca" if target else "not_alpaca" for key, target in zip(before.keys, before.targets, strict=True)}
    # The engine learns only from photos that it has judged itself.
    finished: list[Finished] = []
    bench.engine.finished.connect(finished.append)
    bench.engine.open_folder(dataset, recursive=True)
    bench.wait_until(lambda: bool(finished))
    bench.engine.correct(right, {})
    bench.wait_until(lambda: bool(learned))
    tested = bench.test(dataset)
    assert tested.corrected == 6
    assert tested.evaluation.learned is not None
    # All are on the right side of the others; a tag itself changes only once the model is sure.
    assert tested.evaluation.learned.metrics.auc == 1.0
    assert tested.evaluation.learned.metrics.accuracy >= tested.evaluation.metrics.accuracy
    assert tested.evaluation.metrics.confusion == before.metrics.confusion
    assert tested.evaluation.metrics.accuracy < 1.0


def test_photos_that_the_app_knows_are_not_judged_again(
    bench: Bench, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[Finished] = []
    bench.engine.finished.connect(finished.append)
    bench.engine.open_folder(dataset, recursive=True)
    bench.wait_until(lambda: bool(finished))
    gate = Gate(bench.engine, monkeypatch)
    assert bench.test(dataset).evaluation.metrics.n == 6
    assert not gate.reached.is_set()


def test_a_scan_at_the_same_time(bench: Bench, dataset: Path, tmp_path: Path) -> None:
    hike = tmp_path / "hike"
    fill(hike, 8, first=20)
    finished: list[Finished] = []
    bench.engine.finished.connect(finished.append)
    bench.engine.open_folder(hike, recursive=True)
    tested = bench.test(dataset)
    bench.wait_until(lambda: bool(finished))
    assert tested.evaluation.metrics.n == 6
    assert (finished[-1].judged, finished[-1].canceled) == (8, False)


def test_stopped_and_begun_again(bench: Bench, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        gate = Gate(bench.engine, patch)
        bench.evaluating.start(dataset)
        bench.wait_until(gate.reached.is_set)
        assert bench.evaluating.running
        bench.evaluating.stop()
        assert bench.of("stopped") == [None]
        assert not bench.evaluating.running
        gate.open()
    assert bench.test(dataset).evaluation.metrics.n == 6
    assert not bench.of("stopped")


def test_stopping_what_does_not_run(bench: Bench, dataset: Path) -> None:
    bench.evaluating.stop()
    bench.test(dataset)
    bench.evaluating.stop()
    assert not bench.of("stopped")


def test_closed_in_the_middle(bench: Bench, dataset: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    gate = Gate(bench.engine, monkeypatch)
    bench.evaluating.start(dataset)
    bench.wait_until(gate.reached.is_set)
    threading.Timer(0.05, gate.open).start()
    bench.evaluating.close()
    assert not any(thread.name.startswith(("lane-evaluating", "scan-")) for thread in threading.enumerate())
    qtbot.wait(20)
    assert not bench.of("finished")
    bench.evaluating.start(dataset)
    qtbot.wait(20)
    assert not bench.of("finished"), "closed is closed"


def test_a_folder_without_class_folders(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "hike" / "day 1").mkdir(parents=True)
    bench.evaluating.start(tmp_path / "hike")
    words = str(bench.wait("failed"))
    assert "no subfolders named “alpaca” and “not_alpaca”" in words
    assert "“day 1”" in words
    assert not bench.evaluating.running


def test_something_unexpected(bench: Bench, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("alpacasorter.ml.evaluation.evaluate.measure", broken)
    bench.evaluating.start(dataset)
    assert bench.wait("failed") == unexpected()


def test_before_the_model_is_open(qtbot: QtBot, tmp_path: Path) -> None:
    bench = Bench(qtbot, Engine(places_in(tmp_path), "cpu"))
    bench.evaluating.start(tmp_path)
    assert "not open" in str(bench.of("failed"))
    assert not bench.evaluating.running
    bench.evaluating.close()


def test_report(bench: Bench, dataset: Path, tmp_path: Path) -> None:
    tested = bench.test(dataset)
    place = tmp_path / "report.html"
    bench.evaluating.write_report(tested, place, learned=False)
    assert bench.wait("report_written") == place
    assert tested.model in place.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written(bench: Bench, dataset: Path, tmp_path: Path) -> None:
    tested = bench.test(dataset)
    bench.evaluating.write_report(tested, tmp_path / "none" / "report.html", learned=False)
    assert "can't be written" in str(bench.wait("report_failed"))
