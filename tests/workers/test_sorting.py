"""Sorting in the background, with the real planner, runner and journal."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.sorting.events import (
    FilesPlaced,
    SortBegan,
    SortEnded,
    SortProgress,
    SortState,
)
from alpacasorter.core.sorting.execution.run import run_sort
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.plan import SortPlan
from alpacasorter.core.sorting.planning import planner
from alpacasorter.core.store.library import Library
from alpacasorter.workers.sorting import SortService
from tests.picture_files import make_picture

WAIT_MS = 30_000
LABELS = LabelSet("not_alpaca", "alpaca", {})


@dataclass
class Recorder:
    """The signals of the service in order, and what it reported to the watch and the cache."""

    service: SortService
    all: list[object] = field(default_factory=list)
    plans: list[SortPlan] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    expected: list[Path] = field(default_factory=list)
    followed: list[Path] = field(default_factory=list)
    history: list[tuple[list[object], frozenset[int]]] = field(default_factory=list)
    failures: list[tuple[int, list[object]]] = field(default_factory=list)
    history_failed: list[str] = field(default_factory=list)
    interrupted: list[list[object]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def connect(self) -> None:
        service = self.service
        for signal in (service.began, service.placed, service.files_failed, service.progress, service.ended):
            signal.connect(self._note)
        service.planned.connect(self.plans.append)
        service.plan_failed.connect(self.failed.append)
        service.refused.connect(self.refused.append)
        service.history.connect(self._note_history)
        service.failures.connect(self._note_failures)
        service.history_failed.connect(self.history_failed.append)
        service.interrupted.connect(self.interrupted.append)

    def _note(self, event: object) -> None:
        self.threads.add(threading.current_thread().name)
        if isinstance(event, FilesPlaced):
            assert {file.before for file in event.files} <= set(self.expected), "the watch is told about files first"
        self.all.append(event)

    def _note_history(self, records: list[object], resting: frozenset[int]) -> None:
        self.history.append((records, resting))

    def _note_failures(self, number: int, failures: list[object]) -> None:
        self.failures.append((number, failures))

    def expect(self, event: FilesPlaced) -> None:
        self.expected += [file.before for file in event.files]

    def follow(self, files: tuple[object, ...]) -> None:
        self.followed += [file.before for file in files]  # type: ignore[attr-defined]

    @property
    def ends(self) -> list[SortEnded]:
        return [event for event in self.all if isinstance(event, SortEnded)]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library.open(tmp_path / "data" / "library.sqlite")
    yield made
    made.close()


@pytest.fixture
def recorder(qtbot: QtBot, library: Library) -> Iterator[Recorder]:
    opened = SimpleNamespace(library=library, cache=SimpleNamespace())
    made = Recorder(SortService(lambda: opened, lambda event: made.expect(event)))  # type: ignore[arg-type,return-value]
    opened.cache.follow = made.follow
    made.connect()
    yield made
    made.service.close()
    made.service.deleteLater()


@pytest.fixture
def hike(tmp_path: Path) -> Path:
    folder = tmp_path / "hike"
    folder.mkdir()
    for n in range(12):
        make_picture(folder / f"IMG_{n}.jpg", seed=n, size=(32, 24))
    (folder / "IMG_0.xmp").write_text("<x/>", encoding="utf-8")
    return folder


def photos(folder: Path) -> list[LabeledPhoto]:
    """Return the photos of a folder; every third shows an alpaca."""
    return [
        LabeledPhoto(path, None, "not_alpaca" if n % 3 else "alpaca", 0.95)
        for n, path in enumerate(sorted(folder.glob("*.jpg")))
    ]


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return all files below a folder with their bytes and times."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def planned(recorder: Recorder, qtbot: QtBot, hike: Path, destination: Path | None = None) -> SortPlan:
    before = len(recorder.plans)
    recorder.service.plan(hike, photos(hike), SortOptions(destination or hike), LABELS)
    qtbot.waitUntil(lambda: len(recorder.plans) > before, timeout=WAIT_MS)
    return recorder.plans[-1]


def wait_for_end(recorder: Recorder, qtbot: QtBot, number: int = 1) -> SortEnded:
    qtbot.waitUntil(lambda: len(recorder.ends) >= number, timeout=WAIT_MS)
    return recorder.ends[-1]


def test_plan_sort_history_undo(recorder: Recorder, qtbot: QtBot, hike: Path) -> None:
    before = tree(hike)
    plan = planned(recorder, qtbot, hike)
    assert plan.files_to_do == 13
    assert tree(hike) == before, "planning creates nothing"
    recorder.service.sort(plan)
    assert recorder.service.busy
    ended = wait_for_end(recorder, qtbot)
    assert not recorder.service.busy
    assert (ended.record.state, ended.record.done) == (SortState.FINISHED, 13)
    assert isinstance(recorder.all[0], SortBegan)
    assert any(isinstance(event, SortProgress) for event in recorder.all)
    for unit in plan.units:
        for file in unit.files:
            assert file.target is not None
            assert file.target.is_file()
            assert not file.source.exists()
    assert len(recorder.followed) == len(recorder.expected) == 13
    assert recorder.threads == {threading.main_thread().name}
    recorder.service.load_history()
    qtbot.waitUntil(lambda: bool(recorder.history), timeout=WAIT_MS)
    assert recorder.history[0] == ([ended.record], frozenset())
    recorder.service.undo(ended.record.number)
    assert wait_for_end(recorder, qtbot, 2).record.state is SortState.UNDONE
    assert tree(hike) == before


def test_the_latest_plan_wins(
    recorder: Recorder, qtbot: QtBot, hike: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reached, real = threading.Event(), planner.plan_sort

    def slow(folder: Path, *rest: object, stopped: Callable[[], bool], **more: object) -> SortPlan:
        if not reached.is_set():
            reached.set()
            while not stopped():
                threading.Event().wait(0.005)
        return real(folder, *rest, stopped=stopped, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(planner, "plan_sort", slow)
    recorder.service.plan(hike, photos(hike), SortOptions(tmp_path / "first"), LABELS)
    assert reached.wait(WAIT_MS / 1000)
    for name in ("second", "third"):
        recorder.service.plan(hike, photos(hike), SortOptions(tmp_path / name), LABELS)
    qtbot.waitUntil(lambda: bool(recorder.plans), timeout=WAIT_MS)
    recorder.service.load_history()
    qtbot.waitUntil(lambda: bool(recorder.history), timeout=WAIT_MS)
    assert [plan.options.destination.name for plan in recorder.plans] == ["third"]
    assert recorder.failed == []


def test_a_canceled_plan_is_not_reported(recorder: Recorder, qtbot: QtBot, hike: Path) -> None:
    recorder.service.plan(hike, photos(hike), SortOptions(hike), LABELS)
    recorder.service.cancel_plan()
    recorder.service.load_history()
    qtbot.waitUntil(lambda: bool(recorder.history), timeout=WAIT_MS)
    qtbot.wait(20)
    assert recorder.plans == []


def test_what_can_t_be_planned_is_a_sentence(recorder: Recorder, qtbot: QtBot, hike: Path) -> None:
    recorder.service.plan(hike, photos(hike), SortOptions(hike, pattern="{nonsense}"), LABELS)
    qtbot.waitUntil(lambda: bool(recorder.failed), timeout=WAIT_MS)
    assert "nonsense" in recorder.failed[0]


def test_one_at_a_time(recorder: Recorder, qtbot: QtBot, hike: Path) -> None:
    plan = planned(recorder, qtbot, hike)
    for _ in range(3):
        recorder.service.sort(plan)
    recorder.service.undo(1)
    wait_for_end(recorder, qtbot)
    qtbot.wait(50)
    assert len(recorder.ends) == 1
    assert recorder.refused == []


class Gate:
    """Holds a sort after its first file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from alpacasorter.core.sorting.execution import run

        self.reached, self.resume = threading.Event(), threading.Event()
        real = run.run_sort

        def held(plan: SortPlan, library: Library, *, stopped: Callable[[], bool]) -> Iterator[object]:
            count = 0

            def stop_after_one() -> bool:
                nonlocal count
                count += 1
                if count == 2:
                    self.reached.set()
                    assert self.resume.wait(WAIT_MS / 1000)
                return stopped()

            return real(plan, library, stopped=stop_after_one)

        monkeypatch.setattr(run, "run_sort", held)


def test_stop_and_resume(recorder: Recorder, qtbot: QtBot, hike: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(recorder, qtbot, hike)
    gate = Gate(monkeypatch)
    recorder.service.sort(plan)
    assert gate.reached.wait(WAIT_MS / 1000)
    recorder.service.stop()
    gate.resume.set()
    ended = wait_for_end(recorder, qtbot)
    assert ended.stopped
    assert ended.record.state is SortState.STOPPED
    assert ended.record.done < 13
    recorder.service.resume(ended.record.number)
    assert wait_for_end(recorder, qtbot, 2).record.done == 13, "the earlier stop is forgotten"


@pytest.mark.parametrize("how", ["resume", "undo"])
def test_interrupted_by_closing_and_continued_at_the_next_start(
    recorder: Recorder, qtbot: QtBot, library: Library, hike: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    before = tree(hike)
    plan = planned(recorder, qtbot, hike)
    gate = Gate(monkeypatch)
    recorder.service.sort(plan)
    assert gate.reached.wait(WAIT_MS / 1000)
    threading.Timer(0.05, gate.resume.set).start()
    recorder.service.close()
    assert not any(thread.name.startswith("lane-sort") for thread in threading.enumerate())
    left = {(content, time) for content, time in tree(hike).values()}
    assert left >= set(before.values()), "nothing is lost"
    again = Recorder(
        SortService(lambda: SimpleNamespace(library=library, cache=recorder), lambda event: again.expect(event))
    )  # type: ignore[arg-type,return-value]
    again.connect()
    again.service.find_interrupted()
    qtbot.waitUntil(lambda: bool(again.interrupted), timeout=WAIT_MS)
    [record] = again.interrupted[0]
    number = record.number  # type: ignore[attr-defined]
    (again.service.resume if how == "resume" else again.service.undo)(number)
    ended = wait_for_end(again, qtbot)
    if how == "resume":
        assert (ended.record.state, ended.record.done) == (SortState.FINISHED, 13)
        assert all(file.target is not None and file.target.exists() for unit in plan.units for file in unit.files)
    else:
        assert ended.record.state is SortState.UNDONE
        assert tree(hike) == before
    again.service.close()
    again.service.deleteLater()


def test_no_sort_was_interrupted(recorder: Recorder, qtbot: QtBot) -> None:
    recorder.service.find_interrupted()
    recorder.service.load_history()
    qtbot.waitUntil(lambda: bool(recorder.history), timeout=WAIT_MS)
    assert recorder.interrupted == []


def test_a_failed_file_is_reported_and_tried_again(
    recorder: Recorder, qtbot: QtBot, hike: Path, tmp_path: Path
) -> None:
    plan = planned(recorder, qtbot, hike)
    lost = tmp_path / "elsewhere.jpg"
    shutil.move(hike / "IMG_5.jpg", lost)
    recorder.service.sort(plan)
    ended = wait_for_end(recorder, qtbot)
    assert ended.record.failed == 1
    number = ended.record.number
    recorder.service.load_failures(number)
    qtbot.waitUntil(lambda: bool(recorder.failures), timeout=WAIT_MS)
    assert recorder.failures[0][0] == number
    assert recorder.failures[0][1] == list(ended.failures)
    assert ended.failures[0].path == hike / "IMG_5.jpg"
    shutil.move(lost, hike / "IMG_5.jpg")
    recorder.service.resume(number)
    assert wait_for_end(recorder, qtbot, 2).record.failed == 0


def test_another_window_is_sorting(
    recorder: Recorder, qtbot: QtBot, library: Library, hike: Path, tmp_path: Path
) -> None:
    plan = planned(recorder, qtbot, hike, tmp_path / "out")
    other = run_sort(plan, library)
    next(other)
    recorder.service.sort(plan)
    qtbot.waitUntil(lambda: bool(recorder.refused), timeout=WAIT_MS)
    assert "sort" in recorder.refused[0].lower()
    assert not recorder.service.busy
    assert recorder.all == []
    recorder.service.find_interrupted()
    recorder.service.load_history()
    qtbot.waitUntil(lambda: bool(recorder.history), timeout=WAIT_MS)
    assert recorder.interrupted == [], "a running sort is not interrupted"
    assert recorder.history[0][1] == frozenset()
    other.close()


def test_the_sort_continues_if_the_cache_fails(
    recorder: Recorder, qtbot: QtBot, hike: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = planned(recorder, qtbot, hike)

    def broken(_: object) -> None:
        raise OSError("the cache's disk is full")

    recorder.service._opened().cache.follow = broken  # type: ignore[union-attr,method-assign,assignment]
    recorder.service.sort(plan)
    assert wait_for_end(recorder, qtbot).record.done == 13
    assert "not followed" in caplog.text


def test_before_anything_is_open(qtbot: QtBot) -> None:
    recorder = Recorder(SortService(lambda: None, lambda _: None))
    recorder.connect()
    recorder.service.resume(1)
    recorder.service.load_history()
    recorder.service.load_failures(1)
    recorder.service.find_interrupted()
    qtbot.waitUntil(lambda: bool(recorder.refused and recorder.history_failed), timeout=WAIT_MS)
    assert "still starting" in recorder.refused[0]
    recorder.service.close()
    recorder.service.sort(None)  # type: ignore[arg-type]
    assert not recorder.service.busy
    recorder.service.deleteLater()


def test_a_sort_that_is_not_there(recorder: Recorder, qtbot: QtBot) -> None:
    recorder.service.undo(99)
    recorder.service.load_failures(99)
    qtbot.waitUntil(lambda: bool(recorder.refused and recorder.history_failed), timeout=WAIT_MS)
    assert "99" in recorder.refused[0]
