"""The dialog *Sort…*: choices and plan, progress, result; what the keeper is asked, and what the user is told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import FileFailure, FilesFailed, SortBegan, SortProgress, SortState
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Outcome, Remark, SortPhoto
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.dialog import CHOOSE, RESULT, RUN, SortDialog
from alpacasorter.ui.sorting.run_state import Subject
from tests.ui.sorting.fakes import HIKE, LABELS, OUT, FakeKeeper, ended, going, placed, plan_of, record, unit

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support raise")
FAILURE = FileFailure(HIKE / "IMG_3.jpg", "Another program has it open. Close that one and try again.")


class Scene(QObject):
    """A dialog on a keeper that only notes down, with what the window behind would hear."""

    status = Signal(str)

    def __init__(self, qtbot: QtBot, tmp_path: Path) -> None:
        super().__init__()
        self.qtbot = qtbot
        self.keeper = FakeKeeper()
        self.settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
        self.photos = (SortPhoto(HIKE / "a.jpg", "a", "alpaca", 0.9),)
        self.subject: Subject | None = Subject(HIKE, self.photos, LABELS, 0, False)
        self.statuses: list[str] = []
        self.put_off: list[int] = []
        self.ended: list[str] = []
        self.dialog = self.make()

    def make(self) -> SortDialog:
        dialog = SortDialog(self.keeper, self.settings, lambda: self.subject, None)  # type: ignore[arg-type]
        self.qtbot.addWidget(dialog)
        dialog.status.connect(self.statuses.append)
        dialog.put_off.connect(self.put_off.append)
        dialog.ended.connect(lambda run: self.ended.append(run.outcome))
        return dialog

    @property
    def page(self) -> int:
        return self.dialog.stack.currentIndex()

    @property
    def why(self) -> str:
        return self.dialog.buttons.why.text()

    def plans(self) -> int:
        return len(self.keeper.of("plan"))

    def choose(self, change: object) -> None:
        """Change a choice and wait until the plan for it is asked for."""
        before = self.plans()
        change()  # type: ignore[operator]
        assert not self.dialog.buttons.sort.isEnabled()
        assert self.why.startswith("Making the plan…")
        self.qtbot.waitUntil(lambda: self.plans() > before)

    def sorted(self, count: int = 12) -> None:
        """Press the button and have so many photos moved."""
        plan = going(count)
        self.keeper.planned.emit(plan)
        self.dialog.buttons.sort.click()
        self.keeper.began.emit(SortBegan(7, False, count, 0))
        self.keeper.placed.emit(placed(plan))

    def shown(self) -> set[str]:
        """Return the buttons of the last page."""
        buttons = self.dialog.buttons
        all_of_them = (buttons.show_folder, buttons.undo, buttons.go_on, buttons.close_result)
        return {button.text().replace("&", "") for button in all_of_them if button.isVisible()}


@pytest.fixture
def scene(qtbot: QtBot, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(qtbot, tmp_path)
    made.dialog.present()
    yield made
    made.dialog.close_down()
    made.keeper.deleteLater()


def test_the_plan_is_made_at_once_and_the_button_says_what_it_does(scene: Scene) -> None:
    assert not scene.dialog.isModal(), "photos can be corrected meanwhile"
    [(_, folder, photos, options, labels)] = scene.keeper.of("plan")
    assert (folder, photos, labels) == (HIKE, scene.photos, LABELS)
    assert scene.keeper.options.destination == HIKE
    assert scene.keeper.options.min_confidence == scene.settings.unsure_below
    assert scene.dialog.buttons.sort.text() == "Move"
    assert not scene.dialog.buttons.sort.isEnabled()
    assert scene.why == "Making the plan…"
    scene.keeper.planned.emit(going(412))
    assert scene.dialog.buttons.sort.text() == "Move 412 photos"
    assert scene.dialog.buttons.sort.isEnabled()
    assert scene.dialog.buttons.sort.isDefault()
    assert scene.why == ""
    assert options == scene.keeper.options


def test_each_choice_makes_the_plan_again_and_only_its_plan_can_be_sorted(scene: Scene) -> None:
    form = scene.dialog.choose_page.form
    scene.keeper.planned.emit(going(412))
    scene.choose(lambda: form.action.setCurrentIndex(1))
    assert scene.keeper.options.action is Action.COPY
    assert scene.dialog.buttons.sort.text() == "Copy"
    scene.dialog.buttons.sort.click()
    assert not scene.keeper.of("sort")
    scene.keeper.planned.emit(going(3, options=scene.keeper.options))
    assert scene.dialog.buttons.sort.text() == "Copy 3 photos"
    scene.choose(form.unsure.goes.click)
    scene.choose(lambda: form.set_sure(0.7))


def test_several_changes_make_one_plan(scene: Scene, qtbot: QtBot) -> None:
    form = scene.dialog.choose_page.form
    before = scene.plans()
    qtbot.keyClicks(form.positive.name, " of the Andes")
    qtbot.waitUntil(lambda: scene.plans() > before)
    assert scene.plans() == before + 1
    assert scene.keeper.options.folder_names["alpaca"] == "Alpaca of the Andes"


def test_what_can_not_be_planned(scene: Scene) -> None:
    scene.keeper.plan_failed.emit("This folder can't be written.")
    assert scene.why == "This folder can't be written."
    assert not scene.dialog.buttons.sort.isEnabled()
    form = scene.dialog.choose_page.form
    form.pattern.ways.setCurrentIndex(form.pattern.ways.count() - 1)
    form.pattern.own.setText("{nonsense}")
    assert "nonsense" in form.pattern.wrong.text()
    assert scene.why == "", "it is said once, beside the pattern"
    assert not scene.dialog.buttons.sort.isEnabled()
    asked = scene.plans()
    scene.qtbot.wait(400)
    assert scene.plans() == asked


def test_nothing_to_do_is_said(scene: Scene) -> None:
    scene.keeper.planned.emit(plan_of(unit("a.jpg", outcome=Outcome.IN_PLACE, folder=OUT)))
    assert not scene.dialog.buttons.sort.isEnabled()
    assert scene.why == "There is nothing to do: every photo is where it belongs."


def test_photos_not_looked_at_yet(scene: Scene) -> None:
    scene.subject = Subject(HIKE, scene.photos, LABELS, 30, True)
    scene.choose(scene.dialog.on_photos_changed)
    scene.keeper.planned.emit(going(3))
    assert scene.dialog.buttons.sort.isEnabled()
    assert scene.why.startswith("30 photos were not looked at yet and would stay. Wait a moment")


def test_a_correction_meanwhile_makes_the_plan_again(scene: Scene) -> None:
    scene.keeper.planned.emit(going(3))
    photos = (replace(scene.photos[0], label="not_alpaca", corrected=True),)
    scene.subject = Subject(HIKE, photos, LABELS, 0, False)
    scene.choose(scene.dialog.on_photos_changed)
    assert scene.keeper.of("plan")[-1][2] == photos


def test_a_sort_to_its_end(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    plan = going(12)
    scene.keeper.planned.emit(plan)
    button = scene.dialog.buttons.sort
    scene.qtbot.mouseDClick(button, Qt.MouseButton.LeftButton)
    scene.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    button.click()
    assert scene.keeper.of("sort") == [("sort", plan)], "once, however often it is pressed"
    assert scene.page == RUN
    assert scene.dialog.progress_page.heading.text() == f"Moving photos into {OUT}…"
    scene.keeper.began.emit(SortBegan(7, False, 12, 0))
    scene.keeper.progress.emit(SortProgress(6, 12, 0, 0, 2.0))
    assert scene.dialog.progress_page.words.text() == "6 of 12 files · 2 s left"
    assert scene.dialog.progress_page.bar.value() == 5000
    scene.keeper.placed.emit(placed(plan))
    scene.keeper.end(ended(record(7, destination=tmp_path, files=12, done=12)))
    assert scene.page == RESULT
    assert scene.dialog.result_page.heading.text() == "12 photos moved into 1 folder."
    assert scene.ended == ["12 photos moved into 1 folder."]
    assert scene.shown() == {"Show in file manager", "Undo", "Close"}
    assert scene.dialog.buttons.close_result.isDefault()
    scene.dialog.buttons.show_folder.click()
    assert opened == [str(tmp_path)]
    scene.dialog.buttons.close_result.click()
    assert not scene.dialog.isVisible()
    assert scene.put_off == []
    scene.dialog.present()
    assert scene.page == CHOOSE


def test_undo_from_the_result(scene: Scene) -> None:
    scene.sorted()
    scene.keeper.end(ended(record(7)))
    scene.dialog.buttons.undo.click()
    assert scene.keeper.of("take_back") == [("take_back", 7)]
    assert scene.dialog.progress_page.heading.text() == f"Putting the files back into {HIKE}…"
    scene.keeper.began.emit(SortBegan(7, True, 412, 0))
    left = FileFailure(OUT / "x.jpg", "It was changed since.")
    scene.keeper.end(ended(record(7, SortState.UNDONE, left=1), left))
    assert scene.dialog.result_page.heading.text() == "Undone, but for 1 file, left where it is."
    assert scene.dialog.result_page.failures.topLevelItem(0).text(1) == "It was changed since."
    assert scene.shown() == {"Try again", "Close"}
    scene.dialog.buttons.go_on.click()
    assert scene.keeper.of("take_back") == [("take_back", 7)] * 2
    scene.keeper.end(ended(record(7, SortState.UNDONE)))
    assert scene.dialog.result_page.heading.text() == "Undone: every file is back where it was."
    assert scene.shown() == {"Close"}


def test_stopped_then_gone_on_then_all(scene: Scene) -> None:
    plan = going(412)
    scene.keeper.planned.emit(plan)
    scene.dialog.buttons.sort.click()
    scene.keeper.began.emit(SortBegan(7, False, 412, 0))
    scene.keeper.placed.emit(placed(plan, 120))
    scene.dialog.buttons.stop.click()
    scene.keeper.progress.emit(SortProgress(121, 412, 0, 0, None))
    assert "Stopping" in scene.dialog.progress_page.words.text()
    assert scene.keeper.of("stop") == [("stop",)]
    assert not scene.dialog.buttons.stop.isEnabled()
    scene.keeper.end(ended(record(7, SortState.STOPPED), stopped=True))
    assert scene.dialog.result_page.heading.text() == "Stopped after 120 of 412 files. Nothing is lost."
    assert scene.shown() >= {"Go on", "Put all back", "Close"}
    scene.dialog.buttons.go_on.click()
    assert scene.keeper.of("finish") == [("finish", 7)]
    assert scene.dialog.progress_page.heading.text() == f"Moving the remaining files into {OUT}…"
    scene.keeper.began.emit(SortBegan(7, False, 412, 0))
    scene.keeper.placed.emit(placed(plan))
    scene.keeper.end(ended(record(7)))
    assert scene.dialog.result_page.heading.text() == "412 photos moved into 1 folder."


def test_left_in_the_middle_by_choice(scene: Scene) -> None:
    scene.sorted()
    scene.keeper.end(ended(record(7, SortState.STOPPED), stopped=True))
    scene.qtbot.keyClick(scene.dialog, Qt.Key.Key_Escape)
    assert scene.put_off == [7]


def test_an_undo_that_was_stopped_can_only_go_on(scene: Scene) -> None:
    scene.sorted()
    scene.keeper.end(ended(record(7)))
    scene.dialog.buttons.undo.click()
    scene.keeper.end(ended(record(7, SortState.UNDOING), stopped=True))
    assert "Put all back" not in scene.shown()
    scene.dialog.buttons.go_on.click()
    assert scene.keeper.of("finish") == [("finish", 7)]
    assert "Putting the files back" in scene.dialog.progress_page.heading.text()


def test_failed_files_can_be_tried_again(scene: Scene) -> None:
    scene.sorted()
    scene.keeper.files_failed.emit(FilesFailed((FAILURE,)))
    assert scene.dialog.progress_page.failed.text().startswith("1 file could not be done so far")
    scene.keeper.end(ended(record(7, done=411, failed=1), FAILURE))
    table = scene.dialog.result_page.failures
    assert (table.topLevelItem(0).text(0), table.topLevelItem(0).text(1)) == (str(FAILURE.path), FAILURE.reason)
    assert "Try again" in scene.shown()
    scene.dialog.buttons.go_on.click()
    assert scene.keeper.of("finish") == [("finish", 7)]
    assert scene.dialog.progress_page.failed.isHidden()


def test_a_sentence_takes_no_more_room_than_it_needs(scene: Scene) -> None:
    scene.sorted()
    scene.keeper.end(ended(record(7)))
    assert scene.dialog.height() < 140
    assert scene.dialog.result_page.heading.height() >= scene.dialog.fontMetrics().height()
    # With files to list, and with choices, it is large again.
    scene.dialog.buttons.undo.click()
    scene.keeper.end(ended(record(7, SortState.UNDONE, left=1), FAILURE))
    assert scene.dialog.height() > 300
    scene.dialog.reject()
    scene.dialog.present()
    assert scene.dialog.height() > 400


def test_a_disk_that_fills_up(scene: Scene) -> None:
    scene.sorted()
    problem = "The disk is full. Make room and go on."
    scene.keeper.end(ended(record(7, SortState.STOPPED), stopped=True, problem=problem))
    assert scene.dialog.result_page.problem.text() == problem
    assert "Go on" in scene.shown()


def test_refused_before_it_began(scene: Scene) -> None:
    scene.keeper.planned.emit(going(3))
    scene.dialog.buttons.sort.click()
    scene.keeper.refuse("Another window is sorting, or writing sidecars, just now.")
    assert scene.page == CHOOSE
    assert scene.why == "Another window is sorting, or writing sidecars, just now."
    assert not scene.dialog.buttons.sort.isEnabled()


def test_refused_in_the_middle(scene: Scene) -> None:
    scene.sorted()
    scene.keeper.refuse("The library can't be written.")
    assert scene.page == RESULT
    assert scene.dialog.result_page.problem.text() == "The library can't be written."
    assert scene.shown() == {"Close"}


def test_it_goes_on_while_hidden(scene: Scene) -> None:
    scene.sorted()
    scene.qtbot.keyClick(scene.dialog, Qt.Key.Key_Escape)
    assert not scene.dialog.isVisible()
    scene.keeper.progress.emit(SortProgress(6, 12, 0, 0, None))
    assert scene.statuses[-1] == f"Moving photos into {OUT}: 6 of 12 files"
    scene.dialog.present()
    assert scene.page == RUN
    assert scene.statuses[-1] == ""
    scene.dialog.reject()
    scene.keeper.end(ended(record(7)))
    assert scene.statuses[-1] == ""
    assert scene.ended == ["12 photos moved into 1 folder."]


@pytest.mark.parametrize("sure", [True, False])
def test_what_can_t_succeed_is_asked_about(scene: Scene, sure: bool) -> None:
    scene.keeper.planned.emit(replace(going(3), remarks=(Remark("There is too little space.", serious=True),)))
    asked: list[str] = []

    def answer() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.informativeText())
        next(button for button in box.buttons() if (button.text() == "Sort") is sure).click()

    QTimer.singleShot(0, answer)
    scene.dialog.buttons.sort.click()
    assert asked == ["There is too little space."]
    assert len(scene.keeper.of("sort")) == sure


def test_choices_are_remembered_and_so_is_a_destination_of_its_own(scene: Scene, tmp_path: Path) -> None:
    form = scene.dialog.choose_page.form
    form.destination.set_folder(tmp_path)
    form.action.setCurrentIndex(1)
    scene.dialog.reject()
    again = scene.make()
    again.present()
    assert again.choose_page.form.destination.folder == tmp_path
    assert again.choose_page.form.chosen_action is Action.COPY
    again.choose_page.form.destination.set_folder(tmp_path / "gone since")
    again.reject()
    third = scene.make()
    third.present()
    assert third.choose_page.form.destination.folder == HIKE
    for dialog in (again, third):
        dialog.close_down()


def test_sorted_output_is_sorted_beside_itself(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "Alpaca").mkdir()
    (tmp_path / "Alpaca" / OUTPUT_MARKER).touch()
    scene.dialog.reject()
    scene.subject = Subject(tmp_path / "Alpaca", scene.photos, LABELS, 0, False)
    scene.dialog.present()
    assert scene.dialog.choose_page.form.destination.folder == tmp_path


def test_no_folder_open(scene: Scene) -> None:
    scene.dialog.reject()
    scene.subject = None
    scene.dialog.present()
    assert scene.dialog.choose_page.view.overview.text() == "Open a folder first."
    assert not scene.dialog.buttons.sort.isEnabled()


@pytest.mark.parametrize(("width", "way"), [(1000, Qt.Orientation.Horizontal), (640, Qt.Orientation.Vertical)])
def test_the_plan_stands_beside_or_below(scene: Scene, width: int, way: Qt.Orientation) -> None:
    scene.dialog.resize(width, 480)
    scene.qtbot.waitUntil(lambda: scene.dialog.choose_page.splitter.orientation() is way)
    assert scene.dialog.width() == width, "it fits a small screen"
    assert scene.dialog.height() == 480
