"""The dialog *Sort…*: form and plan, progress, result; what it requests from the service, and what it shows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter.core import reasons
from alpacasorter.core.events import LearningAgain
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import FileFailure, FilesFailed, SortBegan, SortProgress, SortState
from alpacasorter.core.sorting.options import Action, DifferentTags
from alpacasorter.core.sorting.plan import Outcome, Remark
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.dialog import PLAN, RESULT, RUN, SortDialog
from alpacasorter.ui.sorting.run_state import SortInput
from alpacasorter.wording import sorts
from tests.ui.sorting.fakes import (
    HIKE,
    LABELS,
    OUT,
    FakeSortService,
    answer,
    ended,
    going,
    placed,
    plan_of,
    record,
    unit,
)

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support raise")
FAILURE = FileFailure(HIKE / "IMG_3.jpg", "Another program has it open. Close that one and try again.")


class Scene(QObject):
    """A dialog on a service that does nothing, and what the main window would hear."""

    status = Signal(str)

    def __init__(self, qtbot: QtBot, tmp_path: Path) -> None:
        super().__init__()
        self.qtbot = qtbot
        self.service = FakeSortService()
        self.settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
        self.photos = (LabeledPhoto(HIKE / "a.jpg", "a", "alpaca", 0.9),)
        self.subject: SortInput | None = SortInput(HIKE, self.photos, LABELS, 0, False)
        self.statuses: list[str] = []
        self.put_off: list[int] = []
        self.ended: list[str] = []
        self.dialog = self.make()

    def make(self) -> SortDialog:
        dialog = SortDialog(self.service, self.settings, lambda: self.subject, None)
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
        return len(self.service.of("plan"))

    def choose(self, change: object) -> None:
        """Change a choice and wait until a plan for it is requested."""
        before = self.plans()
        change()  # type: ignore[operator]
        assert not self.dialog.buttons.sort.isEnabled()
        assert self.why.startswith("Planning…")
        self.qtbot.waitUntil(lambda: self.plans() > before)

    def sorted(self, count: int = 12) -> None:
        """Press the button, and have this many photos moved."""
        plan = going(count)
        self.service.planned.emit(plan)
        self.dialog.buttons.sort.click()
        self.service.began.emit(SortBegan(7, False, count, 0))
        self.service.placed.emit(placed(plan))

    def shown(self) -> set[str]:
        """Return the visible buttons of the last page."""
        names = ("show_folder", "undo", "resume", "close_result")
        return {name for name in names if getattr(self.dialog.buttons, name).isVisible()}

    def resume_text(self) -> str:
        return self.dialog.buttons.resume.text().replace("&", "")


@pytest.fixture
def scene(qtbot: QtBot, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(qtbot, tmp_path)
    made.dialog.present()
    yield made
    made.dialog.close_down()
    made.service.deleteLater()


def test_the_plan_is_made_at_once_and_the_button_says_what_it_does(scene: Scene) -> None:
    assert not scene.dialog.isModal(), "photos can be corrected meanwhile"
    [(_plan, folder, photos, options, labels)] = scene.service.of("plan")
    assert (folder, photos, labels) == (HIKE, scene.photos, LABELS)
    assert scene.service.options.destination == HIKE
    assert scene.service.options.min_confidence == scene.settings.unsure_below
    assert scene.dialog.buttons.sort.text() == "Move"
    assert not scene.dialog.buttons.sort.isEnabled()
    assert scene.why == "Planning…"
    scene.service.planned.emit(going(412))
    assert scene.dialog.buttons.sort.text() == "Move 412 photos"
    assert scene.dialog.buttons.sort.isEnabled()
    assert scene.dialog.buttons.sort.isDefault()
    assert scene.why == ""
    assert options == scene.service.options


def test_each_choice_makes_the_plan_again_and_only_its_plan_can_be_sorted(scene: Scene) -> None:
    form = scene.dialog.plan_page.form
    scene.service.planned.emit(going(412))
    scene.choose(lambda: form.action.setCurrentIndex(1))
    assert scene.service.options.action is Action.COPY
    assert scene.dialog.buttons.sort.text() == "Copy"
    scene.dialog.buttons.sort.click()
    assert not scene.service.of("sort")
    scene.service.planned.emit(going(3, options=scene.service.options))
    assert scene.dialog.buttons.sort.text() == "Copy 3 photos"
    scene.choose(form.unsure.check.click)
    scene.choose(lambda: form.set_sure(0.7))


def test_several_changes_make_one_plan(scene: Scene, qtbot: QtBot) -> None:
    form = scene.dialog.plan_page.form
    before = scene.plans()
    qtbot.keyClicks(form.positive.name, " of the Andes")
    qtbot.waitUntil(lambda: scene.plans() > before)
    assert scene.plans() == before + 1
    assert scene.service.options.folder_names["alpaca"] == "Alpaca of the Andes"


def test_what_can_not_be_planned(scene: Scene) -> None:
    scene.service.plan_failed.emit("This folder can't be written.")
    assert scene.why == "This folder can't be written."
    assert not scene.dialog.buttons.sort.isEnabled()
    form = scene.dialog.plan_page.form
    form.pattern.choices.setCurrentIndex(form.pattern.choices.count() - 1)
    form.pattern.custom.setText("{nonsense}")
    assert "nonsense" in form.pattern.wrong.text()
    assert scene.why == "", "it is shown once, next to the pattern"
    assert not scene.dialog.buttons.sort.isEnabled()
    asked = scene.plans()
    scene.qtbot.wait(400)
    assert scene.plans() == asked


def test_a_plan_that_does_nothing(scene: Scene) -> None:
    scene.service.planned.emit(plan_of(unit("a.jpg", outcome=Outcome.IN_PLACE, folder=OUT)))
    assert not scene.dialog.buttons.sort.isEnabled()
    assert scene.dialog.plan_page.view.overview.text().startswith("Nothing to move.")
    assert scene.why == "", "it is shown once, above the plan"


def test_photos_not_scanned_yet(scene: Scene) -> None:
    scene.subject = SortInput(HIKE, scene.photos, LABELS, 30, True)
    scene.choose(scene.dialog.on_photos_changed)
    scene.service.planned.emit(going(3))
    assert scene.dialog.buttons.sort.isEnabled()
    assert scene.why == sorts.waiting(30, scanning=True)


def test_a_sort_takes_more_than_what_is_listed_and_says_so(scene: Scene) -> None:
    scene.subject = SortInput(HIKE, scene.photos, LABELS, 0, False, listed=2)
    scene.choose(scene.dialog.on_photos_changed)
    scene.service.planned.emit(going(3))
    assert scene.dialog.buttons.sort.isEnabled()
    assert scene.why == sorts.more_than_listed(2, len(scene.photos))


def test_a_sort_takes_more_than_what_is_selected_and_says_so(scene: Scene) -> None:
    photos = scene.photos * 3
    scene.subject = SortInput(HIKE, photos, LABELS, 0, False, selected=2)
    scene.choose(scene.dialog.on_photos_changed)
    scene.service.planned.emit(going(3))
    assert scene.why == sorts.more_than_selected(2, len(photos))
    for selected in (1, len(photos)):
        scene.subject = SortInput(HIKE, photos, LABELS, 0, False, selected=selected)
        scene.choose(scene.dialog.on_photos_changed)
        scene.service.planned.emit(going(3))
        assert scene.why == ""


def test_corrections_that_are_still_being_learned_again(scene: Scene) -> None:
    scene.subject = SortInput(HIKE, scene.photos, LABELS, 0, False, LearningAgain(12, 25, True))
    scene.choose(scene.dialog.on_photos_changed)
    scene.service.planned.emit(going(3))
    assert scene.dialog.buttons.sort.isEnabled(), "the user may know better"
    assert "12 of 37" in scene.why
    scene.subject = SortInput(HIKE, scene.photos, LABELS, 0, False, LearningAgain(37, 0, False))
    scene.choose(scene.dialog.on_photos_changed)
    scene.service.planned.emit(going(3))
    assert scene.why == ""


def test_a_correction_meanwhile_makes_the_plan_again(scene: Scene) -> None:
    scene.service.planned.emit(going(3))
    photos = (replace(scene.photos[0], label="not_alpaca", corrected=True),)
    scene.subject = SortInput(HIKE, photos, LABELS, 0, False)
    scene.choose(scene.dialog.on_photos_changed)
    assert scene.service.of("plan")[-1][2] == photos


def test_a_sort_to_its_end(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    plan = going(12)
    scene.service.planned.emit(plan)
    button = scene.dialog.buttons.sort
    scene.qtbot.mouseDClick(button, Qt.MouseButton.LeftButton)
    scene.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    button.click()
    assert scene.service.of("sort") == [("sort", plan)], "once, however often it is pressed"
    assert scene.page == RUN
    assert scene.dialog.progress_page.heading.text() == f"Moving photos to {OUT}…"
    scene.service.began.emit(SortBegan(7, False, 12, 0))
    scene.service.progress.emit(SortProgress(6, 12, 0, 0, 2.0))
    assert scene.dialog.progress_page.words.text() == "6 of 12 files · 2 s left"
    assert scene.dialog.progress_page.bar.value() == 5000
    scene.service.placed.emit(placed(plan))
    scene.service.end(ended(record(7, destination=tmp_path, files=12, done=12)))
    assert scene.page == RESULT
    assert scene.dialog.result_page.heading.text() == "12 photos were moved to 1 folder."
    assert scene.ended == ["12 photos were moved to 1 folder."]
    assert scene.shown() == {"show_folder", "undo", "close_result"}
    assert scene.dialog.buttons.close_result.isDefault()
    scene.dialog.buttons.show_folder.click()
    assert opened == [str(tmp_path)]
    scene.dialog.buttons.close_result.click()
    assert not scene.dialog.isVisible()
    assert scene.put_off == []
    scene.dialog.present()
    assert scene.page == PLAN


def test_undo_from_the_result(scene: Scene) -> None:
    scene.sorted()
    scene.service.end(ended(record(7)))
    scene.dialog.buttons.undo.click()
    assert scene.service.of("undo") == [("undo", 7)]
    assert scene.dialog.progress_page.heading.text() == sorts.undoing(record())
    scene.service.began.emit(SortBegan(7, True, 412, 0))
    left = FileFailure(OUT / "x.jpg", "It was changed since.")
    scene.service.end(ended(record(7, SortState.UNDONE, left=1), left))
    assert scene.dialog.result_page.heading.text() == "Undone, except for 1 file, which was left where it is."
    assert scene.dialog.result_page.failures.topLevelItem(0).text(1) == "It was changed since."
    assert scene.shown() == {"resume", "close_result"}
    assert scene.resume_text() == "Try again"
    scene.dialog.buttons.resume.click()
    assert scene.service.of("undo") == [("undo", 7)] * 2
    scene.service.end(ended(record(7, SortState.UNDONE)))
    assert scene.dialog.result_page.heading.text() == "Undone. All files are back where they were."
    assert scene.shown() == {"close_result"}


def test_stopped_and_resumed(scene: Scene) -> None:
    plan = going(412)
    scene.service.planned.emit(plan)
    scene.dialog.buttons.sort.click()
    scene.service.began.emit(SortBegan(7, False, 412, 0))
    scene.service.placed.emit(placed(plan, 120))
    scene.dialog.buttons.stop.click()
    scene.service.progress.emit(SortProgress(121, 412, 0, 0, None))
    assert "Stopping" in scene.dialog.progress_page.words.text()
    assert scene.service.of("stop") == [("stop",)]
    assert not scene.dialog.buttons.stop.isEnabled()
    scene.service.end(ended(record(7, SortState.STOPPED), stopped=True))
    assert scene.dialog.result_page.heading.text() == "Stopped after 120 of 412 files. Nothing is lost."
    assert scene.shown() >= {"resume", "undo", "close_result"}
    assert scene.resume_text() == "Resume"
    scene.dialog.buttons.resume.click()
    assert scene.service.of("resume") == [("resume", 7)]
    assert scene.dialog.progress_page.heading.text() == f"Moving the remaining files to {OUT}…"
    scene.service.began.emit(SortBegan(7, False, 412, 0))
    scene.service.placed.emit(placed(plan))
    scene.service.end(ended(record(7)))
    assert scene.dialog.result_page.heading.text() == "412 photos were moved to 1 folder."


def test_an_interrupted_sort_can_be_put_off(scene: Scene) -> None:
    scene.sorted()
    scene.service.end(ended(record(7, SortState.STOPPED), stopped=True))
    scene.qtbot.keyClick(scene.dialog, Qt.Key.Key_Escape)
    assert scene.put_off == [7]


def test_an_undo_that_was_stopped_can_only_be_resumed(scene: Scene) -> None:
    scene.sorted()
    scene.service.end(ended(record(7)))
    scene.dialog.buttons.undo.click()
    scene.service.end(ended(record(7, SortState.UNDOING), stopped=True))
    assert "undo" not in scene.shown()
    scene.dialog.buttons.resume.click()
    assert scene.service.of("resume") == [("resume", 7)]
    assert scene.dialog.progress_page.heading.text() == sorts.undoing(record())


def test_failed_files_can_be_tried_again(scene: Scene) -> None:
    scene.sorted()
    scene.service.files_failed.emit(FilesFailed((FAILURE,)))
    page = scene.dialog.progress_page
    assert page.failed.text().startswith("1 file has failed")
    QApplication.processEvents()
    assert page.safe.height() >= page.safe.heightForWidth(page.safe.width()), "the new line hides nothing"
    scene.service.end(ended(record(7, done=411, failed=1), FAILURE))
    table = scene.dialog.result_page.failures
    assert (table.topLevelItem(0).text(0), table.topLevelItem(0).text(1)) == (str(FAILURE.path), FAILURE.reason)
    assert "resume" in scene.shown()
    assert scene.resume_text() == "Try again"
    scene.dialog.buttons.resume.click()
    assert scene.service.of("resume") == [("resume", 7)]
    assert scene.dialog.progress_page.failed.isHidden()


def test_a_sentence_takes_no_more_room_than_it_needs(scene: Scene) -> None:
    scene.sorted()
    scene.service.end(ended(record(7)))
    assert scene.dialog.height() < 140
    assert scene.dialog.result_page.heading.height() >= scene.dialog.fontMetrics().height()
    # With files to list, and with choices, it is large again.
    scene.dialog.buttons.undo.click()
    scene.service.end(ended(record(7, SortState.UNDONE, left=1), FAILURE))
    assert scene.dialog.height() > 300
    scene.dialog.reject()
    scene.dialog.present()
    assert scene.dialog.height() > 400


def test_a_disk_that_fills_up(scene: Scene) -> None:
    scene.sorted()
    problem = "The disk is full. Free some space, then resume the sort."
    scene.service.end(ended(record(7, SortState.STOPPED), stopped=True, problem=problem))
    assert scene.dialog.result_page.problem.text() == problem
    assert "resume" in scene.shown()


def test_refused_before_it_began(scene: Scene) -> None:
    scene.service.planned.emit(going(3))
    scene.dialog.buttons.sort.click()
    scene.service.refuse("Another window is sorting.")
    assert scene.page == PLAN
    assert scene.why == "Another window is sorting."
    assert not scene.dialog.buttons.sort.isEnabled()


def test_refused_in_the_middle(scene: Scene) -> None:
    scene.sorted()
    scene.service.refuse("The library can't be written.")
    assert scene.page == RESULT
    assert scene.dialog.result_page.problem.text() == "The library can't be written."
    assert scene.shown() == {"close_result"}


def test_it_continues_while_hidden(scene: Scene) -> None:
    scene.sorted()
    scene.qtbot.keyClick(scene.dialog, Qt.Key.Key_Escape)
    assert not scene.dialog.isVisible()
    scene.service.progress.emit(SortProgress(6, 12, 0, 0, None))
    assert scene.statuses[-1] == f"Moving photos to {OUT}… 6 of 12 files"
    scene.dialog.present()
    assert scene.page == RUN
    assert scene.statuses[-1] == ""
    scene.dialog.reject()
    scene.service.end(ended(record(7)))
    assert scene.statuses[-1] == ""
    assert scene.ended == ["12 photos were moved to 1 folder."]


@pytest.mark.parametrize("sure", [True, False])
def test_a_sort_that_can_t_succeed_is_confirmed(scene: Scene, sure: bool) -> None:
    scene.service.planned.emit(replace(going(3), remarks=(Remark("There is too little space.", serious=True),)))
    asked = answer(sure)
    scene.dialog.buttons.sort.click()
    assert asked[1] == "There is too little space."
    assert len(scene.service.of("sort")) == sure


def test_choices_are_remembered_and_so_is_a_destination_of_its_own(scene: Scene, tmp_path: Path) -> None:
    form = scene.dialog.plan_page.form
    form.destination.set_folder(tmp_path)
    form.action.setCurrentIndex(1)
    scene.dialog.reject()
    again = scene.make()
    again.present()
    assert again.plan_page.form.destination.folder == tmp_path
    assert again.plan_page.form.chosen_action is Action.COPY
    again.plan_page.form.destination.set_folder(tmp_path / "gone since")
    again.reject()
    third = scene.make()
    third.present()
    assert third.plan_page.form.destination.folder == HIKE
    for dialog in (again, third):
        dialog.close_down()


def test_a_folder_made_by_a_sort_is_sorted_into_its_parent(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "Alpaca").mkdir()
    (tmp_path / "Alpaca" / OUTPUT_MARKER).touch()
    scene.dialog.reject()
    scene.subject = SortInput(tmp_path / "Alpaca", scene.photos, LABELS, 0, False)
    scene.dialog.present()
    assert scene.dialog.plan_page.form.destination.folder == tmp_path


def test_no_folder_open(scene: Scene) -> None:
    scene.dialog.reject()
    scene.subject = None
    scene.dialog.present()
    assert scene.dialog.plan_page.view.overview.text() == "Open a folder first."
    assert not scene.dialog.buttons.sort.isEnabled()


@pytest.mark.parametrize(("width", "way"), [(1000, Qt.Orientation.Horizontal), (640, Qt.Orientation.Vertical)])
def test_the_plan_is_next_to_the_form_or_below_it(scene: Scene, width: int, way: Qt.Orientation) -> None:
    scene.dialog.resize(width, 480)
    scene.qtbot.waitUntil(lambda: scene.dialog.plan_page.splitter.orientation() is way)
    assert scene.dialog.width() == width, "it fits a small screen"
    assert scene.dialog.height() == 480


def test_different_tags_are_a_question_whose_answer_makes_the_plan_again(scene: Scene) -> None:
    view = scene.dialog.plan_page.view
    scene.service.planned.emit(going(1))
    assert not view.question.isVisible()
    said = Remark(reasons.code(reasons.TAGS_DIFFER, count=1, folder=""), paths=(HIKE / "IMG_1234.HEIC",))
    scene.service.planned.emit(replace(going(2), remarks=(said,), different_tags=1))
    assert view.question.isVisible()
    assert "IMG_1234.HEIC" in view.question.words.text()
    assert "different tags" not in view.remarks.text()
    scene.choose(lambda: QTest.keyClick(view.question.choices, Qt.Key.Key_Down))
    (*_, options, _labels) = scene.service.of("plan")[-1]
    assert options.different_tags is DifferentTags.APART  # type: ignore[attr-defined]
    apart = Remark(reasons.code(reasons.TAGS_DIFFER_APART, count=1, folder=""))
    scene.service.planned.emit(replace(going(2), remarks=(apart,), different_tags=1))
    assert view.question.isVisible()
    assert scene.dialog.buttons.sort.isEnabled()


def test_what_is_left_beside_photos_is_named(scene: Scene) -> None:
    paths = tuple(HIKE / f"IMG_{number}.pdf" for number in range(9))
    said = Remark(reasons.code(reasons.LEFT_BESIDE, count=9), paths=paths)
    scene.service.planned.emit(replace(going(9), remarks=(said,)))
    words = scene.dialog.plan_page.view.remarks
    assert "IMG_0.pdf" in words.text()
    assert all(path.name in words.toolTip() for path in paths)
