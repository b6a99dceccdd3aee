"""Between the main window and sorting: what is offered after an interruption, what follows, what is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QPoint, QSettings, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMainWindow, QMessageBox, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Finished, JudgedPhoto, Problem, Problems
from alpacasorter.core.photo import PhotoFacts
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import FilesPlaced, Placed, SortBegan, SortRecord, SortState
from alpacasorter.core.sorting.plan import SortPhoto
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.control import SortControl
from alpacasorter.ui.widgets.theme import Theme
from tests.ui.sorting.fakes import HIKE, LABELS, OUT, FakeKeeper, ended, going, placed, record

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support raise")


class FakeActions(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.sort, self.sort_history, self.rescan, self.stop = (QAction(self) for _ in range(4))
        self.arrivals = QAction(self)
        self.stop.setEnabled(False)


class FakeModel(QObject):
    counts_changed = Signal()
    modelReset = Signal()


class FakePage:
    def __init__(self) -> None:
        self.actions_ = FakeActions()
        self.model = FakeModel()
        self.store = PhotoStore()
        self.store.labels = LABELS
        self.placed: list[object] = []


class FakeEngine(QObject):
    ready = Signal(object)
    problems = Signal(object)
    finished = Signal(object)
    learned = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.sorting = FakeKeeper()


class Scene:
    def __init__(self, qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.engine, self.page = FakeEngine(), FakePage()
        self.keeper = self.engine.sorting
        self.folder: Path | None = HIKE
        self.settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
        self.control = SortControl(
            self.window,
            self.engine,  # type: ignore[arg-type]
            self.page.actions_,  # type: ignore[arg-type]
            self.page.store,
            self.settings,
            Theme(qapp),
            lambda: self.folder,
        )
        self.control.placed.connect(self.page.placed.append)
        self.page.model.counts_changed.connect(self.control.refresh)
        self.page.model.modelReset.connect(self.control.refresh)
        self.told: list[str] = []
        self.control.told.connect(self.told.append)
        self.looks = 0
        self.control.look_again.connect(self.count_look)
        central = QWidget()
        self.control.place_in(QVBoxLayout(central))
        self.window.setCentralWidget(central)
        self.window.show()

    def count_look(self) -> None:
        self.looks += 1

    def looked(self) -> int:
        QApplication.processEvents()
        return self.looks

    def offered(self) -> list[str]:
        return [button.text() for button in self.control.offer.buttons] if self.control.offer.isVisible() else []

    def press(self, words: str) -> None:
        strip = self.control.offer if self.control.offer.isVisible() else self.control.strip
        next(button for button in strip.buttons if button.text() == words).click()

    def judge(self, *names: str) -> None:
        paths = [HIKE / name for name in names]
        self.page.store.add(paths)
        facts = PhotoFacts(1, 1, "2026-05-01T10:00:00", "JPEG")
        self.page.store.judge([JudgedPhoto(path, path.name, 0.9, facts, None) for path in paths], 0)
        self.page.model.counts_changed.emit()


def put(*places: Path) -> FilesPlaced:
    return FilesPlaced(tuple(Placed(OUT / place.name, place, False, 1, 1, None) for place in places))


def finish(scene: Scene, *, cancelled: bool = False) -> None:
    scene.page.actions_.stop.setEnabled(False)
    scene.engine.finished.emit(Finished(1, 1, 0, 1, 0, 1.0, cancelled))


@pytest.fixture
def scene(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(qtbot, qapp, tmp_path)
    yield made
    made.keeper.busy = False
    made.control.close_down()
    made.window.close()


def test_sorting_needs_photos_that_were_looked_at(scene: Scene) -> None:
    action = scene.page.actions_.sort
    assert not action.isEnabled()
    scene.page.store.add([HIKE / "a.jpg"])
    scene.page.model.counts_changed.emit()
    assert not action.isEnabled()
    scene.judge("a.jpg")
    assert action.isEnabled()
    scene.folder = None
    scene.page.model.modelReset.emit()
    assert not action.isEnabled()


def test_what_there_is_to_sort(scene: Scene) -> None:
    scene.judge("a.jpg")
    scene.page.store.add([HIKE / "b.jpg"])
    problems = (Problem(HIKE / "bad.jpg", "It is cut off."), Problem(HIKE / "secret", "No access.", is_folder=True))
    scene.page.store.fail(problems)
    scene.engine.problems.emit(Problems(problems))
    scene.page.actions_.stop.setEnabled(True)
    subject = scene.control.subject()
    assert subject is not None
    judged, unreadable = subject.photos
    assert (judged.path, judged.content_key, judged.label, judged.confidence) == (
        HIKE / "a.jpg",
        "a.jpg",
        "alpaca",
        0.9,
    )
    assert (judged.corrected, judged.taken_at, judged.reason) == (False, "2026-05-01T10:00:00", None)
    assert unreadable == SortPhoto(HIKE / "bad.jpg", reason="It is cut off.")
    assert (subject.folder, subject.waiting, subject.scanning) == (HIKE, 1, True)
    scene.page.store.rows[0].correction = "not_alpaca"
    subject = scene.control.subject()
    assert subject is not None
    assert subject.photos[0].label == "not_alpaca"
    assert subject.photos[0].corrected
    assert subject.photos[0].confidence == pytest.approx(0.1)
    scene.folder = None
    assert scene.control.subject() is None


def test_the_photos_follow_and_it_is_said(scene: Scene) -> None:
    scene.judge("IMG_0.jpg")
    scene.page.actions_.sort.trigger()
    plan = going(1)
    scene.keeper.planned.emit(plan)
    dialog = scene.control.dialog
    assert dialog is not None
    dialog.buttons.sort.click()
    scene.keeper.began.emit(SortBegan(7, False, 1, 0))
    assert not scene.page.actions_.rescan.isEnabled(), "what moves can't be looked for"
    scene.keeper.placed.emit(placed(plan))
    assert scene.page.placed == [placed(plan)]
    scene.keeper.end(ended(record(7, files=1, done=1)))
    assert scene.page.actions_.rescan.isEnabled()
    assert scene.told == ["", "1 photo moved into 1 folder."]
    assert scene.control.strip.words.text() == "1 photo moved into 1 folder."
    dialog.reject()
    scene.press("Undo")
    assert scene.keeper.of("take_back") == [("take_back", 7)]
    assert dialog.isVisible()
    scene.keeper.began.emit(SortBegan(7, True, 1, 0))
    assert not scene.control.strip.isVisible()
    assert scene.told[-1] == "", "it is no longer so"
    scene.keeper.end(ended(record(7, SortState.UNDONE)))
    assert [button.text() for button in scene.control.strip.buttons] == []


def test_there_is_one_line_for_good_news_in_a_narrow_window(scene: Scene) -> None:
    words = f"424 photos moved into {'very ' * 20}many folders."
    scene.window.resize(1000, 480)
    scene.control.tell_outcome(words, record())
    scene.window.resize(640, 480)
    QApplication.processEvents()
    strip = scene.control.strip
    strip.set_low(True)
    QApplication.processEvents()
    assert not strip.words.wordWrap()
    assert strip.height() < 2 * strip.buttons[0].height()
    top, below = strip.words.mapTo(strip, QPoint()), strip.buttons[0].mapTo(strip, QPoint())
    assert top.x() < below.x() >= top.x() + strip.words.width()
    assert strip.words.toolTip() == f"<p>{words}</p>"
    # A question needs all of its words.
    scene.keeper.interrupted.emit([record(4, SortState.RUNNING)])
    QApplication.processEvents()
    assert scene.control.offer.words.wordWrap()


def test_it_is_looked_once_for_what_was_broken_off(scene: Scene) -> None:
    scene.engine.ready.emit(None)
    scene.engine.ready.emit(None)
    assert scene.keeper.of("interrupted") == [("interrupted",)]


@pytest.mark.parametrize(("answer", "asked"), [("Finish", "finish"), ("Put all back", "take_back"), ("Later", "")])
def test_what_was_broken_off_is_offered(scene: Scene, answer: str, asked: str) -> None:
    scene.keeper.interrupted.emit([record(4, SortState.RUNNING)])
    words = "A sort on 12 November 2026 was broken off after 120 of 412 files. Nothing is lost."
    assert scene.control.offer.words.text() == words
    assert scene.offered() == ["Finish", "Put all back", "Later"]
    scene.press(answer)
    assert [one for one in scene.keeper.asked if one[0] != "interrupted"] == ([(asked, 4)] if asked else [])
    assert not scene.control.offer.isVisible()
    assert scene.settings.sorts_put_off == frozenset(), "later is later, not never"


def test_an_undo_that_was_broken_off(scene: Scene) -> None:
    scene.keeper.interrupted.emit([record(4, SortState.UNDOING)])
    assert scene.offered() == ["Finish the undo", "Later"]
    scene.press("Finish the undo")
    assert scene.keeper.of("finish") == [("finish", 4)]


def test_what_the_user_closed_as_it_is_is_not_offered(scene: Scene) -> None:
    scene.settings.sorts_put_off = frozenset({2, 4})
    scene.keeper.interrupted.emit([record(4, SortState.STOPPED)])
    assert scene.offered() == []
    assert scene.settings.sorts_put_off == {4}
    records: list[SortRecord] = [record(n, SortState.RUNNING) for n in (6, 5, 4)]
    scene.keeper.interrupted.emit(records)
    assert scene.offered() == ["Finish", "Put all back", "Later", "Show all"]
    assert scene.control.offer.words.text().endswith("1 more is in the sort history.")
    scene.press("Show all")
    assert scene.control.history is not None
    assert scene.control.history.isVisible()


def test_the_history_leads_to_the_dialog(scene: Scene) -> None:
    scene.page.actions_.sort_history.trigger()
    history = scene.control.history
    assert history is not None
    history.finish.emit(record(3, SortState.STOPPED))
    assert scene.keeper.of("finish") == [("finish", 3)]
    history.take_back.emit(record(3))
    assert scene.keeper.of("take_back") == [], "one at a time"


@pytest.mark.parametrize(("button", "may"), [("Stop and quit", True), ("Go on sorting", False)])
def test_the_window_never_closes_silently_in_the_middle(scene: Scene, button: str, may: bool) -> None:
    assert scene.control.may_close()
    scene.keeper.busy = True
    said: list[str] = []

    def answer() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        said.append(box.text())
        next(one for one in box.buttons() if one.text() == button).click()

    QTimer.singleShot(0, answer)
    assert scene.control.may_close() is may
    assert said == ["Stop sorting and quit?"]


def test_a_folder_that_is_closed_takes_the_choices_with_it(scene: Scene) -> None:
    scene.judge("a.jpg")
    scene.page.actions_.sort.trigger()
    dialog = scene.control.dialog
    assert dialog is not None
    assert dialog.isVisible()
    scene.folder = None
    scene.page.actions_.arrivals.setEnabled(False)
    assert not dialog.isVisible()


def test_photos_that_come_back_unlisted_are_looked_for_at_the_end(scene: Scene) -> None:
    scene.judge("a.jpg")
    scene.keeper.busy = True
    scene.keeper.placed.emit(put(HIKE / "a.jpg", HIKE / "b.JPG", HIKE / "b.xmp"))
    assert scene.looked() == 0, "not while files move"
    scene.keeper.end(ended(record(7, SortState.UNDONE)))
    assert scene.looked() == 1
    scene.keeper.end(ended(record(8, SortState.UNDONE)))
    assert scene.looked() == 1, "once is enough"
    # What is found now was here before.
    scene.page.store.complete()
    scene.page.store.clear(again=True)
    rows = scene.page.store.add([HIKE / "a.jpg", HIKE / "b.JPG", HIKE / "c.jpg"])
    assert [row.new for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    "place", [HIKE / "a.jpg", HIKE / "b.xmp", HIKE.parent / "b.jpg", OUT / "b.jpg"], ids=lambda path: path.name
)
def test_nobody_looks_for_what_is_listed_or_not_here(scene: Scene, place: Path) -> None:
    scene.judge("a.jpg")
    scene.keeper.placed.emit(put(place))
    scene.keeper.end(ended(record(7, SortState.UNDONE)))
    assert scene.looked() == 0


def test_nobody_looks_for_what_the_folder_does_not_show(scene: Scene, tmp_path: Path) -> None:
    scene.folder = tmp_path
    made = tmp_path / "Alpaca"
    (made / "2026").mkdir(parents=True)
    (made / OUTPUT_MARKER).touch()
    (tmp_path / "day 2").mkdir()
    scene.keeper.placed.emit(put(made / "a.jpg", made / "2026" / "b.jpg"))
    scene.keeper.end(ended(record(7)))
    assert scene.looked() == 0
    scene.settings.recursive = False
    scene.keeper.placed.emit(put(tmp_path / "day 2" / "a.jpg"))
    scene.keeper.end(ended(record(7)))
    assert scene.looked() == 0
    scene.settings.recursive = True
    scene.keeper.placed.emit(put(tmp_path / "day 2" / "a.jpg"))
    scene.keeper.end(ended(record(7)))
    assert scene.looked() == 1


def test_nobody_looks_twice_at_once(scene: Scene) -> None:
    scene.page.actions_.stop.setEnabled(True)
    scene.keeper.placed.emit(put(HIKE / "a.jpg"))
    scene.keeper.refuse("The disk is gone.")
    assert scene.looked() == 0, "a scan is going on"
    finish(scene)
    assert scene.looked() == 1
    # The scan has found it by itself.
    scene.page.actions_.stop.setEnabled(True)
    scene.keeper.placed.emit(put(HIKE / "b.jpg"))
    scene.keeper.end(ended(record(7)))
    scene.page.store.add([HIKE / "b.jpg"])
    finish(scene)
    assert scene.looked() == 1
    # The user wants no scan.
    scene.page.actions_.stop.setEnabled(True)
    scene.keeper.placed.emit(put(HIKE / "c.jpg"))
    scene.keeper.end(ended(record(7)))
    finish(scene, cancelled=True)
    assert scene.looked() == 1


def test_settings_by_hand(scene: Scene) -> None:
    scene.settings._store.setValue("sorting/put_off", "4 x -3 ٣ 9")
    assert scene.settings.sorts_put_off >= {4, 9}
