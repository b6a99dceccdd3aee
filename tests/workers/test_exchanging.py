"""Results out and labels in, on their lanes."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Learned, Progress
from alpacasorter.core.exchange import sidecars
from alpacasorter.core.exchange.label_import import ImportOptions, ImportSummary
from alpacasorter.core.exchange.results import Source
from alpacasorter.core.exchange.sidecars import Change, SidecarOptions, SidecarsEnded
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.sorting.execution.session import sort_lock
from alpacasorter.core.store.library import LibraryError
from alpacasorter.workers.exchanging import ExchangeKeeper
from alpacasorter.workers.lane import Lane
from tests.engines import Opened, Outcome, few_replayed, fill, opened_session

WAIT_MS = 30_000
LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca"})
SIGNALS = (
    "progress",
    "written",
    "sidecars_ended",
    "stopped",
    "failed",
    "previewed",
    "unreadable",
    "imported",
    "import_failed",
)


class Heard:
    """A keeper and what it signals."""

    def __init__(self, qtbot: QtBot, opened: Callable[[], object]) -> None:
        self.learned: list[Learned] = []
        self.disturbed = 0
        self.all: list[tuple[str, tuple[object, ...]]] = []
        self.lane = Lane("session")
        self.keeper = ExchangeKeeper(opened, self.lane, self._disturb, self.learned.append)  # type: ignore[arg-type]
        self._qtbot = qtbot
        for name in SIGNALS:
            getattr(self.keeper, name).connect(lambda *values, name=name: self._hear(name, values))

    def _disturb(self) -> None:
        self.disturbed += 1

    def _hear(self, name: str, values: tuple[object, ...]) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.all.append((name, values))

    def wait(self) -> tuple[str, tuple[object, ...]]:
        """Wait for the end of what was asked for; return it."""

        def ends() -> list[tuple[str, tuple[object, ...]]]:
            return [heard for heard in self.all if heard[0] != "progress"]

        self._qtbot.waitUntil(lambda: bool(ends()), timeout=WAIT_MS)
        last = ends()[-1]
        self.all.clear()
        return last

    def close(self) -> None:
        self.keeper.close()
        self.lane.close()


@pytest.fixture
def make(qtbot: QtBot) -> Iterator[Callable[[Callable[[], object]], Heard]]:
    made: list[Heard] = []

    def make_one(opened: Callable[[], object] = lambda: None) -> Heard:
        made.append(Heard(qtbot, opened))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[tuple[Opened, dict[str, str]]]:
    """An open session that has scanned three photos; their content keys by name."""
    with opened_session(tmp_path / "engine", bundle=few_replayed()) as opened:
        # As the engine of the window calls it.
        opened.bundle = few_replayed()  # type: ignore[attr-defined]
        fill(tmp_path / "photos", 3)
        photos = Outcome(opened.session.scan(tmp_path / "photos", recursive=True)).photos
        yield opened, {path.name: photo.content_key for path, photo in photos.items()}


def results(folder: Path, count: int) -> list[LabeledPhoto]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{n}.jpg" for n in range(count)]
    for path in paths:
        path.write_bytes(b"\xff\xd8")
    return [LabeledPhoto(path, f"{n:064x}", "alpaca", 0.97) for n, path in enumerate(paths)]


def test_a_file_is_written(make: Callable[..., Heard], tmp_path: Path) -> None:
    heard = make()
    rows = results(tmp_path / "p", 3)
    heard.keeper.export_file(tmp_path / "a.json", "json", Source(tmp_path, "m", "1", LABELS), rows)
    assert heard.keeper.busy
    assert heard.wait() == ("written", (tmp_path / "a.json",))
    assert not heard.keeper.busy
    assert len(json.loads((tmp_path / "a.json").read_text())["photos"]) == 3
    # The user was asked before.
    heard.keeper.export_file(tmp_path / "a.json", "json", Source(tmp_path, "m", "1", LABELS), [])
    assert heard.wait()[0] == "written"


def test_a_file_that_can_not_be_written_is_said(make: Callable[..., Heard], tmp_path: Path) -> None:
    heard = make()
    heard.keeper.export_file(tmp_path / "no" / "a.csv", "csv", Source(tmp_path, "m", "1", LABELS), [])
    name, (words,) = heard.wait()
    assert name == "failed"
    assert "The folder does not exist." in str(words)
    assert not heard.keeper.busy


def test_stopping_leaves_no_file(make: Callable[..., Heard], tmp_path: Path) -> None:
    heard = make()
    heard.keeper.export_file(tmp_path / "a.csv", "csv", Source(tmp_path, "m", "1", LABELS), [])
    heard.keeper.stop()
    # It may have been done by then; another one is stopped before it begins.
    heard.wait()
    (tmp_path / "a.csv").unlink(missing_ok=True)
    hold = threading.Event()
    heard.keeper._lane.submit(lambda: (hold.wait(30), None)[1])
    heard.keeper.export_file(
        tmp_path / "a.csv", "csv", Source(tmp_path, "m", "1", LABELS), [LabeledPhoto(tmp_path / "x")]
    )
    heard.keeper.stop()
    hold.set()
    assert heard.wait() == ("stopped", ())
    assert not (tmp_path / "a.csv").exists()


def test_sidecars_are_written_with_progress(
    make: Callable[..., Heard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alpacasorter.workers.exchanging._PROGRESS_SECONDS", 0.0)
    heard = make()
    told: list[Progress] = []
    heard.keeper.progress.connect(told.append)
    heard.keeper.export_sidecars(tmp_path / "p", results(tmp_path / "p", 5), LABELS, SidecarOptions())
    name, (ended,) = heard.wait()
    assert name == "sidecars_ended"
    assert isinstance(ended, SidecarsEnded)
    assert ended.counts == {Change.NEW: 5}
    assert [(one.done, one.total) for one in told] == [(n, 5) for n in range(1, 6)]


def test_sidecars_can_be_stopped(make: Callable[..., Heard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = make()
    at, go_on = threading.Event(), threading.Event()
    original = sidecars.make

    def slow(*arguments: object, **more: object) -> Change:
        at.set()
        go_on.wait(30)
        return original(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(sidecars, "make", slow)
    heard.keeper.export_sidecars(tmp_path / "p", results(tmp_path / "p", 5), LABELS, SidecarOptions())
    assert at.wait(30)
    heard.keeper.stop()
    go_on.set()
    _, (ended,) = heard.wait()
    assert isinstance(ended, SidecarsEnded)
    assert ended.stopped
    assert len(list((tmp_path / "p").glob("*.xmp"))) == ended.count(Change.NEW) == 1


def test_sidecars_are_not_written_while_another_window_sorts(
    make: Callable[..., Heard], seen: tuple[Opened, dict[str, str]], tmp_path: Path
) -> None:
    opened, _ = seen
    heard = make(lambda: opened)
    with sort_lock(opened.library):
        heard.keeper.export_sidecars(tmp_path / "p", results(tmp_path / "p", 2), LABELS, SidecarOptions())
        name, (words,) = heard.wait()
    assert name == "failed"
    assert "writing sidecars" in str(words)
    assert not heard.keeper.busy
    assert list((tmp_path / "p").glob("*.xmp")) == []
    heard.keeper.export_sidecars(tmp_path / "p", results(tmp_path / "p", 2), LABELS, SidecarOptions())
    assert heard.wait()[0] == "sidecars_ended"


def test_before_the_start_nothing_is_imported(make: Callable[..., Heard], tmp_path: Path) -> None:
    heard = make()
    heard.keeper.preview_import(tmp_path / "a", ImportOptions())
    assert heard.wait()[0] == "unreadable"
    heard.keeper.import_labels({"a" * 64: "alpaca"})
    assert heard.wait()[0] == "import_failed"


def test_a_file_is_looked_into_and_taken_in(
    make: Callable[..., Heard], seen: tuple[Opened, dict[str, str]], tmp_path: Path
) -> None:
    opened, keys = seen
    heard = make(lambda: opened)
    known, unknown = keys["photo0.jpg"], "f" * 64
    (tmp_path / "a.csv").write_text(f"content_key,label\n{known},alpaca\n{unknown},not_alpaca\n")
    heard.keeper.preview_import(tmp_path / "a.csv", ImportOptions())
    name, (summary,) = heard.wait()
    assert name == "previewed"
    assert isinstance(summary, ImportSummary)
    changes = summary.changes(replace=False)
    assert changes == {known: "alpaca", unknown: "not_alpaca"}
    heard.keeper.import_labels(changes)
    assert heard.wait() == ("imported", (2, 1))
    assert heard.disturbed == 1
    learned = heard.learned[-1]
    assert learned.changes == changes
    # The one that was seen is learned from at once, the other once it is.
    assert learned.corrections == 1
    assert set(learned.keys) == set(keys.values())
    assert opened.session.learning.correction(unknown) == "not_alpaca"
    heard.keeper.import_labels({known: None, unknown: None})
    assert heard.wait() == ("imported", (2, 0))
    assert heard.learned[-1].corrections == 0
    assert opened.library.corrections(few_replayed().label_set) == {}


def test_a_file_is_read_once_until_it_is_forgotten(
    make: Callable[..., Heard], seen: tuple[Opened, dict[str, str]], tmp_path: Path
) -> None:
    opened, _ = seen
    heard = make(lambda: opened)
    path = tmp_path / "a.csv"
    path.write_text(f"content_key,label,corrected,confidence\n{'a' * 64},alpaca,false,0.9\n")
    heard.keeper.preview_import(path, ImportOptions())
    _, (summary,) = heard.wait()
    assert isinstance(summary, ImportSummary)
    assert summary.not_corrected == 1
    path.unlink()
    heard.keeper.preview_import(path, ImportOptions(all_labels=True))
    _, (summary,) = heard.wait()
    assert isinstance(summary, ImportSummary)
    assert summary.new == {"a" * 64: "alpaca"}
    heard.keeper.forget_file()
    heard.keeper.preview_import(path, ImportOptions())
    assert heard.wait()[0] == "unreadable"


def test_a_library_that_fails_is_said_and_changes_nothing(
    make: Callable[..., Heard], seen: tuple[Opened, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, keys = seen
    heard = make(lambda: opened)

    def broken(*_: object, **__: object) -> None:
        raise LibraryError("The disk is full.")

    monkeypatch.setattr(opened.library, "set_corrections", broken)
    heard.keeper.import_labels({keys["photo0.jpg"]: "alpaca"})
    assert heard.wait() == ("import_failed", ("The disk is full.",))
    assert heard.learned == []
    assert opened.session.learning.correction(keys["photo0.jpg"]) is None


def test_what_comes_after_the_end_is_not_told(make: Callable[..., Heard], qtbot: QtBot, tmp_path: Path) -> None:
    heard = make()
    heard.keeper.export_sidecars(tmp_path / "p", results(tmp_path / "p", 3), LABELS, SidecarOptions())
    heard.keeper.close()
    qtbot.wait(50)
    assert heard.all == []
