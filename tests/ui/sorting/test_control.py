"""Sorting and the main window: what is offered after an interruption, and what follows a sort."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtGui import QAction, QUndoStack
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Finished, JudgedPhoto, Learned, Placed, Problem, Problems
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.photo import PhotoFacts
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import FilesPlaced, SortBegan, SortRecord, SortState
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.control import SortControl
from alpacasorter.ui.widgets.banners import BannerBar
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import sorts
from tests.ui.sorting.fakes import HIKE, LABELS, OUT, FakeSortService, answer, ended, going, placed, record

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support raise")


class FakeActions(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.sort, self.sort_history, self.rescan, self.stop = (QAction(self) for _ in range(4))
        self.arrivals, self.move_there, self.trash = (QAction(self) for _ in range(3))
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


class FakeVersions(QObject):
    learning_again = Signal(object)
    again = None


class FakeEngine(QObject):
    ready = Signal(object)
    problems = Signal(object)
    finished = Signal(object)
    learned = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.sorting = FakeSortService()
        self.versions = FakeVersions()


class NothingRejected:
    def chosen(self) -> list[PhotoRow]:
        return []

    def move_on(self, rows: Sequence[PhotoRow]) -> None:
        raise AssertionError(rows)


class Scene:
    def __init__(self, qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.engine, self.page = FakeEngine(), FakePage()
        self.service = self.engine.sorting
        self.folder: Path | None = HIKE
        self.settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
        self.bar = BannerBar(Theme(qapp))
        self.control = SortControl(
            self.window,
            self.engine,  # type: ignore[arg-type]
            self.page.actions_,  # type: ignore[arg-type]
            self.page.store,
            self.settings,
            self.bar,
            lambda: self.folder,
            QUndoStack(self.window),
            NothingRejected(),
        )
        self.control.placed.connect(self.page.placed.append)
        self.page.model.counts_changed.connect(self.control.refresh)
        self.page.model.modelReset.connect(self.control.refresh)
        self.told: list[str] = []
        self.control.told.connect(self.told.append)
        self.rescans = 0
        self.control.rescan_needed.connect(self.count_rescan)
        self.window.setCentralWidget(self.bar)
        self.window.show()

    def count_rescan(self, _select: list[str]) -> None:
        self.rescans += 1

    def rescanned(self) -> int:
        QApplication.processEvents()
        return self.rescans

    def offered(self) -> list[str]:
        return [button.text() for button in self.control.offer.answers] if self.control.offer.isVisible() else []

    def press(self, words: str) -> None:
        strip = self.control.offer if self.control.offer.isVisible() else self.control.strip
        next(button for button in strip.answers if button.text() == words).click()

    def judge(self, *names: str) -> None:
        paths = [HIKE / name for name in names]
        self.page.store.add(paths)
        facts = PhotoFacts(1, 1, "2026-05-01T10:00:00", "JPEG")
        self.page.store.judge([JudgedPhoto(path, path.name, 0.9, facts, None) for path in paths], 0)
        self.page.model.counts_changed.emit()


def put(*places: Path) -> FilesPlaced:
    return FilesPlaced(tuple(Placed(OUT / place.name, place, False, 1, 1, None) for place in places))


def finish(scene: Scene, *, canceled: bool = False) -> None:
    scene.page.actions_.stop.setEnabled(False)
    scene.engine.finished.emit(Finished(1, 1, 0, 1, 0, 1.0, canceled))


@pytest.fixture
def scene(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(qtbot, qapp, tmp_path)
    yield made
    made.service.busy = False
    made.control.close_down()
    made.window.close()


def test_sorting_needs_photos_that_were_scanned(scene: Scene) -> None:
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
    there = scene.control.input()
    assert there is not None
    judged, unreadable = there.photos
    assert (judged.path, judged.content_key, judged.label, judged.confidence) == (
        HIKE / "a.jpg",
        "a.jpg",
        "alpaca",
        0.9,
    )
    assert (judged.corrected, judged.taken_at, judged.reason) == (False, "2026-05-01T10:00:00", None)
    assert unreadable == LabeledPhoto(HIKE / "bad.jpg", reason="It is cut off.")
    assert (there.folder, there.waiting, there.scanning) == (HIKE, 1, True)
    scene.page.store.rows[0].correction = "not_alpaca"
    there = scene.control.input()
    assert there is not None
    assert there.photos[0].label == "not_alpaca"
    assert there.photos[0].corrected
    assert there.photos[0].confidence == pytest.approx(0.1)
    scene.folder = None
    assert scene.control.input() is None


def test_the_rows_follow_and_the_result_is_shown(scene: Scene) -> None:
    scene.judge("IMG_0.jpg")
    scene.page.actions_.sort.trigger()
    plan = going(1)
    scene.service.planned.emit(plan)
    dialog = scene.control.dialog
    assert dialog is not None
    dialog.buttons.sort.click()
    scene.service.began.emit(SortBegan(7, False, 1, 0))
    assert not scene.page.actions_.rescan.isEnabled(), "no scan while files are moved"
    scene.service.placed.emit(placed(plan))
    assert scene.page.placed == [placed(plan)]
    scene.service.end(ended(record(7, files=1, done=1)))
    assert scene.page.actions_.rescan.isEnabled()
    assert scene.told == ["", "1 photo was moved to 1 folder."]
    assert scene.control.strip.words.text() == scene.told[-1]
    dialog.reject()
    scene.press("Undo sort")
    assert scene.service.of("undo") == [("undo", 7)]
    assert dialog.isVisible()
    scene.service.began.emit(SortBegan(7, True, 1, 0))
    assert not scene.control.strip.isVisible()
    assert scene.told[-1] == "", "it is no longer true"
    scene.service.end(ended(record(7, SortState.UNDONE)))
    assert [button.text() for button in scene.control.strip.answers] == []


def test_interrupted_sorts_are_looked_up_once(scene: Scene) -> None:
    scene.engine.ready.emit(None)
    scene.engine.ready.emit(None)
    assert scene.service.of("interrupted") == [("interrupted",)]


@pytest.mark.parametrize(("answer", "asked"), [("Resume", "resume"), ("Undo sort", "undo"), ("Later", "")])
def test_an_interrupted_sort_can_be_resumed_or_undone(scene: Scene, answer: str, asked: str) -> None:
    scene.service.interrupted.emit([record(4, SortState.RUNNING)])
    assert scene.control.offer.words.text() == sorts.interrupted(record(4, SortState.RUNNING))
    assert scene.offered() == ["Resume", "Undo sort", "Later"]
    scene.press(answer)
    assert [one for one in scene.service.asked if one[0] != "interrupted"] == ([(asked, 4)] if asked else [])
    assert not scene.control.offer.isVisible()
    assert scene.settings.sorts_put_off == frozenset(), "later does not mean never"


def test_an_interrupted_undo_can_be_finished(scene: Scene) -> None:
    scene.service.interrupted.emit([record(4, SortState.UNDOING)])
    assert scene.offered() == ["Finish undo", "Later"]
    scene.press("Finish undo")
    assert scene.service.of("resume") == [("resume", 4)]


def test_a_sort_that_was_put_off_is_not_offered(scene: Scene) -> None:
    scene.settings.sorts_put_off = frozenset({2, 4})
    scene.service.interrupted.emit([record(4, SortState.STOPPED)])
    assert scene.offered() == []
    assert scene.settings.sorts_put_off == {4}
    records: list[SortRecord] = [record(n, SortState.RUNNING) for n in (6, 5, 4)]
    scene.service.interrupted.emit(records)
    assert scene.offered() == ["Resume", "Undo sort", "Later", "Show all"]
    assert scene.control.offer.words.text().endswith("1 more is in the sort history.")
    scene.press("Show all")
    assert scene.control.history is not None
    assert scene.control.history.isVisible()


def test_the_history_leads_to_the_dialog(scene: Scene) -> None:
    scene.page.actions_.sort_history.trigger()
    history = scene.control.history
    assert history is not None
    history.resume.emit(record(3, SortState.STOPPED))
    assert scene.service.of("resume") == [("resume", 3)]
    history.undo.emit(record(3))
    assert scene.service.of("undo") == [], "one at a time"


@pytest.mark.parametrize("may", [True, False])
def test_closing_the_window_during_a_sort_is_confirmed(scene: Scene, may: bool) -> None:
    assert scene.control.may_close()
    scene.service.busy = True
    asked = answer(may)
    assert scene.control.may_close() is may
    assert asked[0] == "Stop sorting and quit?"


def test_closing_the_folder_closes_the_form(scene: Scene) -> None:
    scene.judge("a.jpg")
    scene.page.actions_.sort.trigger()
    dialog = scene.control.dialog
    assert dialog is not None
    assert dialog.isVisible()
    scene.folder = None
    scene.page.actions_.arrivals.setEnabled(False)
    assert not dialog.isVisible()


def test_unlisted_photos_that_come_back_need_one_rescan(scene: Scene) -> None:
    scene.judge("a.jpg")
    scene.service.busy = True
    scene.service.placed.emit(put(HIKE / "a.jpg", HIKE / "b.JPG", HIKE / "b.xmp"))
    assert scene.rescanned() == 0, "not while files move"
    scene.service.end(ended(record(7, SortState.UNDONE)))
    assert scene.rescanned() == 1
    scene.service.end(ended(record(8, SortState.UNDONE)))
    assert scene.rescanned() == 1, "once is enough"
    # What is found now was here before.
    scene.page.store.complete()
    scene.page.store.clear(again=True)
    rows = scene.page.store.add([HIKE / "a.jpg", HIKE / "b.JPG", HIKE / "c.jpg"])
    assert [row.new for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    "place", [HIKE / "a.jpg", HIKE / "b.xmp", HIKE.parent / "b.jpg", OUT / "b.jpg"], ids=lambda path: path.name
)
def test_photos_listed_or_elsewhere_cause_no_rescan(scene: Scene, place: Path) -> None:
    scene.judge("a.jpg")
    scene.service.placed.emit(put(place))
    scene.service.end(ended(record(7, SortState.UNDONE)))
    assert scene.rescanned() == 0


def test_photos_the_folder_does_not_show_cause_no_rescan(scene: Scene, tmp_path: Path) -> None:
    scene.folder = tmp_path
    made = tmp_path / "Alpaca"
    (made / "2026").mkdir(parents=True)
    (made / OUTPUT_MARKER).touch()
    (tmp_path / "day 2").mkdir()
    scene.service.placed.emit(put(made / "a.jpg", made / "2026" / "b.jpg"))
    scene.service.end(ended(record(7)))
    assert scene.rescanned() == 0
    scene.settings.recursive = False
    scene.service.placed.emit(put(tmp_path / "day 2" / "a.jpg"))
    scene.service.end(ended(record(7)))
    assert scene.rescanned() == 0
    scene.settings.recursive = True
    scene.service.placed.emit(put(tmp_path / "day 2" / "a.jpg"))
    scene.service.end(ended(record(7)))
    assert scene.rescanned() == 1


def test_there_is_one_scan_at_a_time(scene: Scene) -> None:
    scene.page.actions_.stop.setEnabled(True)
    scene.service.placed.emit(put(HIKE / "a.jpg"))
    scene.service.refuse("The disk is gone.")
    assert scene.rescanned() == 0, "a scan is running"
    finish(scene)
    assert scene.rescanned() == 1
    # The scan has found it by itself.
    scene.page.actions_.stop.setEnabled(True)
    scene.service.placed.emit(put(HIKE / "b.jpg"))
    scene.service.end(ended(record(7)))
    scene.page.store.add([HIKE / "b.jpg"])
    finish(scene)
    assert scene.rescanned() == 1
    # The user wants no scan.
    scene.page.actions_.stop.setEnabled(True)
    scene.service.placed.emit(put(HIKE / "c.jpg"))
    scene.service.end(ended(record(7)))
    finish(scene, canceled=True)
    assert scene.rescanned() == 1


def test_settings_by_hand(scene: Scene) -> None:
    scene.settings._store.setValue("sorting/put_off", "4 x -3 ٣ 9")
    assert scene.settings.sorts_put_off >= {4, 9}


# What was relabeled after a sort


def relabel(scene: Scene, *names: str) -> None:
    """The user labels photos, and the engine has learned that."""
    changes = dict.fromkeys(names, "not_alpaca")
    scene.engine.learned.emit(Learned(1, changes, (), np.empty(0, dtype=np.float32), (), 1))
    QApplication.processEvents()


@pytest.mark.parametrize("by", ["mouse", "key"])
def test_a_relabeled_photo_is_moved_by_one_button_or_key(scene: Scene, by: str) -> None:
    scene.judge("IMG_0.jpg")
    action, banner = scene.page.actions_.move_there, scene.control.misplaced.banner
    relabel(scene, "IMG_0.jpg")
    [(_, photos)] = scene.service.of("misplaced")
    assert [photo.path for photo in photos] == [HIKE / "IMG_0.jpg"]  # type: ignore[attr-defined]
    plan = going(1)
    scene.service.misplaced.emit([plan])
    assert banner.isVisible()
    assert banner.words.text() == ("IMG_0.jpg is still in “hike”. With its new tag it belongs in “Alpaca”.")
    if by == "mouse":
        QTest.mouseClick(banner.answers[0], Qt.MouseButton.LeftButton)
    else:
        action.trigger()
    QApplication.processEvents()
    # It is looked up again, because a label may have changed since.
    assert scene.service.of("sort") == []
    scene.service.misplaced.emit([plan])
    assert scene.service.of("sort") == [("sort", plan)]
    assert not banner.wanted
    scene.service.began.emit(SortBegan(7, False, 1, 0))
    scene.service.placed.emit(placed(plan))
    scene.service.end(ended(record(7, files=1, done=1)))
    QApplication.processEvents()
    scene.service.misplaced.emit([])
    dialog = scene.control.dialog
    assert dialog is not None
    assert not dialog.isVisible(), "one photo needs no dialog"
    assert scene.control.strip.words.text() == "1 photo was moved to 1 folder."
    assert "Undo sort" in [button.text() for button in scene.control.strip.answers]
    assert not action.isEnabled()


def test_all_relabeled_photos_are_moved_sort_by_sort(scene: Scene) -> None:
    scene.judge("IMG_0.jpg", "IMG_1.jpg")
    relabel(scene, "IMG_0.jpg")
    relabel(scene, "IMG_1.jpg")
    plans = [going(1), going(2)]
    scene.service.misplaced.emit(plans)
    banner = scene.control.misplaced.banner
    assert banner.words.text().startswith("3 photos are still in the folders of their earlier tags")
    banner.answers[0].click()
    QApplication.processEvents()
    scene.service.misplaced.emit(plans)
    scene.service.end(ended(record(7, files=1, done=1)))
    QApplication.processEvents()
    scene.service.misplaced.emit(plans[1:])
    assert scene.service.of("sort") == [("sort", plan) for plan in plans]
    scene.service.refuse("The disk is gone.")
    assert banner.words.text() == "The disk is gone."


def test_a_tag_from_before_withdraws_the_offer(scene: Scene) -> None:
    scene.judge("IMG_0.jpg")
    relabel(scene, "IMG_0.jpg")
    scene.service.misplaced.emit([going(1)])
    banner = scene.control.misplaced.banner
    relabel(scene, "IMG_0.jpg")
    scene.service.misplaced.emit([])
    assert not banner.wanted
    relabel(scene, "IMG_0.jpg")
    scene.service.misplaced.emit([going(1)])
    scene.folder = Path("/elsewhere")
    scene.page.actions_.arrivals.changed.emit()
    assert not banner.wanted, "it is about the other folder"
