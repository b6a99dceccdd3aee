"""Watching the open folder in the background: what is reported to the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Finished, Found, Judged
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.watching import watch as watch_module
from alpacasorter.core.watching.events import Gone, Renamed, WatchState
from alpacasorter.core.watching.watch import Throttle
from alpacasorter.ml import watch_and_sort
from alpacasorter.workers.engine import Engine
from tests.core.watching.watched import FAST, file_of, placed
from tests.engines import fill, places_in, real_bundle
from tests.picture_files import picture_bytes

WAIT_MS = 30_000
SIGNALS = ("state", "found", "judged", "problems", "renamed", "gone", "sort_event", "failed")
ONLINE = WatchState(online=True, polling=False, notice="")


class Heard:
    """An engine, what it says of its scan's end, and all that watching says."""

    def __init__(self, qtbot: QtBot, engine: Engine) -> None:
        self.engine = engine
        self.all: list[tuple[str, object]] = []
        self.finished: list[Finished] = []
        self.learned: list[object] = []
        self._qtbot = qtbot
        engine.finished.connect(self.finished.append)
        engine.learned.connect(self.learned.append)
        for name in SIGNALS:
            getattr(engine.watching, name).connect(lambda value, name=name: self._hear(name, value))

    def _hear(self, name: str, value: object) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.all.append((name, value))

    def of(self, name: str) -> list[object]:
        return [value for heard, value in self.all if heard == name]

    def until(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def settle(self, ms: int = 600) -> None:
        self._qtbot.wait(ms)

    def scan(self, folder: Path) -> None:
        count = len(self.finished)
        self.engine.open_folder(folder, recursive=True)
        self.until(lambda: len(self.finished) > count)

    def watch(self) -> None:
        count = len(self.of("state"))
        self.engine.watch_folder()
        self.until(lambda: len(self.of("state")) > count)

    @property
    def arrived(self) -> list[Path]:
        return [file.path for event in self.of("found") for file in event.files]  # type: ignore[attr-defined]

    @property
    def judged(self) -> list[Path]:
        return [photo.path for event in self.of("judged") for photo in event.photos]  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    fill(place, 2)
    return place


@pytest.fixture
def heard(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setattr(watch_module, "Timing", lambda: FAST)
    engine = Engine(places_in(tmp_path / "home"), "cpu")
    one = Heard(qtbot, engine)
    engine.start()
    try:
        yield one
    finally:
        engine.shutdown()
        assert not engine.watching.is_watching


def arrive(folder: Path, number: int) -> Path:
    path = folder / f"new{number}.jpg"
    path.write_bytes(picture_bytes(seed=1000 + number))
    return path


def test_photos_that_arrive_are_reported(heard: Heard, folder: Path) -> None:
    heard.scan(folder)
    # Nothing that happens before watching begins is missed.
    early = arrive(folder, 1)
    heard.watch()
    assert heard.of("state") == [ONLINE]
    heard.until(lambda: heard.judged == [early])
    later = arrive(folder, 2)
    heard.until(lambda: heard.judged == [early, later])
    assert heard.arrived == [early, later]
    moved = later.rename(folder / "moved.jpg")
    early.unlink()
    heard.until(lambda: bool(heard.of("gone")) and bool(heard.of("renamed")))
    assert heard.of("renamed") == [Renamed(((later, file_of(moved)),))]
    assert heard.of("gone") == [Gone((early,))]
    raw = folder / "alone.nef"
    raw.write_bytes(b"raw")
    heard.until(lambda: bool(heard.of("problems")))
    assert len(heard.finished) == 1


def test_a_watch_requested_during_the_scan_begins_after_it(heard: Heard, folder: Path) -> None:
    heard.engine.open_folder(folder, recursive=True)
    heard.engine.watch_folder()
    assert heard.engine.watching.is_watching
    heard.until(lambda: heard.of("state") == [ONLINE])
    assert len(heard.finished) == 1
    heard.settle()
    assert heard.arrived == []


def test_watching_again_reports_only_what_is_new(heard: Heard, folder: Path) -> None:
    heard.scan(folder)
    heard.watch()
    new = arrive(folder, 1)
    heard.until(lambda: heard.judged == [new])
    moved = (folder / "photo0.jpg").rename(folder / "other.jpg")
    heard.until(lambda: bool(heard.of("renamed")))
    heard.engine.watching.stop()
    assert not heard.engine.watching.is_watching
    missed = arrive(folder, 2)
    heard.watch()
    heard.until(lambda: heard.judged == [new, missed])
    heard.settle()
    assert heard.arrived == [new, missed]
    assert heard.of("gone") == []
    assert moved.exists()


def test_a_rescan_keeps_watching(heard: Heard, folder: Path, tmp_path: Path) -> None:
    options = SortOptions(tmp_path / "sorted")
    heard.scan(folder)
    heard.watch()
    heard.engine.watching.set_arrivals(options)
    heard.scan(folder)
    heard.until(lambda: len(heard.of("state")) == 2)
    assert heard.engine.watching.arrivals == options
    other = tmp_path / "other"
    fill(other, 1)
    heard.scan(other)
    assert not heard.engine.watching.is_watching
    assert heard.engine.watching.arrivals is None, "sorting is never taken over to another folder"


def test_nothing_is_reported_from_a_folder_that_is_no_longer_open(heard: Heard, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    fill(other, 1, first=50)
    heard.scan(folder)
    heard.watch()
    arrive(folder, 1)
    heard.until(lambda: len(heard.judged) == 1)
    for n in range(2, 8):
        arrive(folder, n)
    time.sleep(0.3)  # Some of it is on its way, and the GUI thread has not taken it.
    heard.engine.open_folder(other, recursive=True)
    heard.until(lambda: len(heard.finished) == 2)
    heard.settle()
    assert len(heard.judged) == 1
    assert heard.of("failed") == []


def test_closing_the_folder_and_another_model_end_it(heard: Heard, folder: Path) -> None:
    heard.scan(folder)
    heard.watch()
    heard.engine.close_folder()
    assert not heard.engine.watching.is_watching
    arrive(folder, 1)
    heard.settle()
    assert heard.arrived == []
    heard.engine.watch_folder()
    assert not heard.engine.watching.is_watching, "no folder is open"


def test_late_predictions_are_as_the_newest_head_makes_them(
    heard: Heard, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard.scan(folder)
    held: list[Judged] = []
    go_on = threading.Event()
    real = watch_and_sort._passed_on

    def slow(*arguments: object) -> Iterator[object]:
        for event in real(*arguments):  # type: ignore[arg-type]
            if isinstance(event, Judged):
                held.append(event)
                go_on.wait(WAIT_MS / 1000)
            yield event

    monkeypatch.setattr(watch_and_sort, "_passed_on", slow)
    heard.watch()
    new = arrive(folder, 1)
    heard.until(lambda: bool(held))
    (photo,) = held[0].photos
    said = real_bundle().negative_label if photo.probability >= 0.5 else real_bundle().positive_label
    heard.engine.correct({photo.content_key: said}, {photo.content_key: new})
    heard.until(lambda: bool(heard.learned))
    go_on.set()
    heard.until(lambda: heard.judged == [new])
    (event,) = heard.of("judged")
    assert isinstance(event, Judged)
    assert event.head_version > held[0].head_version
    assert event.photos[0].correction == said


def test_an_error_is_a_sentence(heard: Heard, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> list[object]:
        raise RuntimeError("not foreseen")

    heard.scan(folder)
    monkeypatch.setattr(watch_module.Watch, "step", fails)
    heard.engine.watch_folder()
    heard.until(lambda: len(heard.of("failed")) == 1)
    assert str(heard.of("failed")[0]).endswith(".")
    assert not heard.engine.watching.is_watching


def test_what_the_app_sorts_itself_is_not_reported(heard: Heard, folder: Path, tmp_path: Path) -> None:
    heard.scan(folder)
    heard.watch()
    watching = heard.engine.watching
    watching.hold(True)
    before, after = folder / "photo0.jpg", folder / "in" / "photo0.jpg"
    after.parent.mkdir()
    out = tmp_path / "out.jpg"
    before.rename(after)
    (folder / "photo1.jpg").rename(out)
    event = FilesPlaced((placed(before, after), placed(folder / "photo1.jpg", out)))
    telling = threading.Thread(target=lambda: watching.expect(event))
    telling.start()
    telling.join()
    watching.hold(False)
    heard.settle()
    assert [name for name, _ in heard.all if name != "state"] == []
    # Nor when it is watched again.
    watching.stop()
    heard.watch()
    heard.settle()
    assert [name for name, _ in heard.all if name != "state"] == []


def test_arrivals_are_sorted_automatically(
    heard: Heard, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_and_sort, "Delays", partial(watch_and_sort.Delays, quiet=0.3))
    heard.scan(folder)
    heard.watch()
    heard.engine.watching.set_arrivals(SortOptions(tmp_path / "sorted", min_confidence=0.0))
    new = arrive(folder, 1)
    heard.until(lambda: bool(list((tmp_path / "sorted").rglob("new1.jpg"))))
    heard.until(lambda: any(isinstance(event, FilesPlaced) for event in heard.of("sort_event")))
    heard.settle()
    assert heard.of("gone") == []
    assert not new.exists()
    heard.engine.watching.set_arrivals(None)
    other = arrive(folder, 2)
    heard.until(lambda: other in heard.judged)
    heard.settle(1000)
    assert other.exists()


def test_it_pauses_between_photos_so_that_the_window_stays_responsive(
    heard: Heard, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def throttle(*, rests: bool) -> Throttle:
        asked.append(rests)
        return Throttle(rests=rests)

    monkeypatch.setattr(watch_module, "Throttle", throttle)
    heard.scan(folder)
    heard.watch()
    assert asked == [True]


def test_a_folder_that_is_not_watched_can_be_checked(heard: Heard, folder: Path) -> None:
    looked: list[tuple[Path, bool]] = []
    heard.engine.watching.folder_checked.connect(lambda path, is_there: looked.append((path, is_there)))
    heard.scan(folder)
    places = [folder, folder / "none", folder / "photo0.jpg"]
    for place in places:
        heard.engine.watching.check_folder(place)
    assert looked == [], "it does not block"
    heard.until(lambda: len(looked) == 3)
    assert looked == list(zip(places, (True, False, False), strict=True))
    heard.watch()
    new = arrive(folder, 1)
    heard.until(lambda: heard.judged == [new])


def test_after_a_stopped_scan_nothing_counts_as_new(heard: Heard, folder: Path) -> None:
    watching = heard.engine.watching
    heard.scan(folder)
    watching.begin(folder, True)
    watching.note(Found((PhotoFile(folder / "photo0.jpg", 1, 1),)))
    watching.note(Finished(1, 0, 0, 0, 0, 0.0, True))
    heard.watch()
    heard.settle()
    assert heard.arrived == []
    new = arrive(folder, 1)
    heard.until(lambda: heard.judged == [new])


def test_shutting_down_ends_the_thread(heard: Heard, folder: Path) -> None:
    heard.scan(folder)
    heard.watch()
    for n in range(5):
        arrive(folder, n)
    time.sleep(0.2)
    heard.engine.shutdown()
    assert not [thread for thread in threading.enumerate() if thread.name == "lane-watch"]
