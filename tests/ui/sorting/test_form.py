"""The form of a sort."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.sorting.options import Action, Leftovers
from alpacasorter.core.taken import Clock, DateSource
from alpacasorter.ui.sorting.clocks import RightTimeDialog
from alpacasorter.ui.sorting.form import SortForm, read, written
from alpacasorter.wording import sorts
from tests.ui.sorting.fakes import LABELS, OUT


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def form(parent: QWidget) -> SortForm:
    made = SortForm(parent)
    made.set_labels(LABELS)
    return made


def type_into(qtbot: QtBot, widget: QWidget, words: str) -> None:
    qtbot.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(widget, Qt.Key.Key_Delete)
    qtbot.keyClicks(widget, words)


def test_default_choices(form: SortForm) -> None:
    assert form.options() is None
    assert form.problem
    form.destination.set_folder(OUT)
    options = form.options()
    assert options is not None
    assert (options.destination, options.action, options.pattern) == (OUT, Action.MOVE, "{label}")
    assert options.folder_names == {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"}
    assert options.leave_labels == frozenset()
    assert (options.unsure, options.unreadable) == (Leftovers.LEAVE, Leftovers.LEAVE)


def test_every_choice_is_used_and_signaled(form: SortForm, qtbot: QtBot) -> None:
    told: list[int] = []
    form.changed.connect(lambda: told.append(1))
    form.destination.set_folder(OUT)
    form.action.setCurrentIndex(form.action.findText("Copy"))
    assert form.meaning.text() == sorts.action_meaning(Action.COPY)
    type_into(qtbot, form.positive.name, "Best ones")
    form.negative.check.click()
    form.unsure.check.click()
    type_into(qtbot, form.unsure.name, "Look at these")
    form.unreadable.check.click()
    form.set_sure(0.9)
    form.pattern.choices.setCurrentIndex(1)
    options = form.options()
    assert options is not None
    assert options.action is Action.COPY
    assert options.folder_names["alpaca"] == "Best ones"
    assert options.leave_labels == {"not_alpaca"}
    assert (options.unsure, options.unsure_folder) == (Leftovers.FOLDER, "Look at these")
    assert (options.unreadable, options.unreadable_folder) == (Leftovers.FOLDER, "Unreadable")
    assert options.min_confidence == 0.9
    assert options.pattern == form.pattern.choices.currentData() != "{label}"
    assert len(told) >= 8


def test_photos_that_stay_need_no_name(form: SortForm, qtbot: QtBot) -> None:
    form.destination.set_folder(OUT)
    type_into(qtbot, form.positive.name, "")
    assert "“Alpaca”" in form.problem
    assert form.options() is None
    form.positive.check.click()
    assert form.problem == ""
    assert not form.positive.name.isEnabled()
    assert form.positive.name.text() == ""
    options = form.options()
    assert options is not None
    assert options.leave_labels == {"alpaca"}


def test_a_name_comes_back_with_its_check(form: SortForm, qtbot: QtBot) -> None:
    type_into(qtbot, form.positive.name, "Best ones")
    form.positive.check.click()
    assert form.positive.name.text() == ""
    form.positive.check.click()
    assert form.positive.name.text() == "Best ones"


def test_a_custom_pattern(form: SortForm, qtbot: QtBot) -> None:
    form.destination.set_folder(OUT)
    assert form.pattern.custom.isHidden()
    assert form.pattern.example.text() == "Example: Alpaca/IMG_1234.jpg"
    form.pattern.choices.setCurrentIndex(form.pattern.choices.count() - 1)
    assert not form.pattern.custom.isHidden()
    type_into(qtbot, form.pattern.custom, "{lable}")
    assert "lable" in form.problem
    assert form.pattern.wrong.text() == form.problem
    assert form.pattern.example.text() == ""
    type_into(qtbot, form.pattern.custom, "{taken:%Y}/{label}")
    assert form.problem == ""
    assert form.pattern.example.text() == "Example: 2026/Alpaca/IMG_1234.jpg"
    options = form.options()
    assert options is not None
    assert options.pattern == "{taken:%Y}/{label}"


def test_choices_are_kept(form: SortForm, parent: QWidget, qtbot: QtBot) -> None:
    form.destination.set_folder(OUT)
    form.action.setCurrentIndex(1)
    type_into(qtbot, form.positive.name, "Best ones")
    form.negative.check.click()
    form.unsure.check.click()
    form.pattern.set_pattern("{label}/{taken:%Y}")
    again = SortForm(parent)
    again.restore(form.state())
    again.set_labels(LABELS)
    assert again.options() is None, "the destination is not saved"
    again.destination.set_folder(OUT)
    assert again.options() == form.options()
    # Another model's classes know nothing of these names, and going back to the first one brings them back.
    again.set_labels(LabelSet("other", "goat", {}))
    assert again.positive.name.text() == "Goat"
    again.set_labels(LABELS)
    assert again.positive.name.text() == "Best ones"


@pytest.mark.parametrize(
    "state",
    ["", "nonsense", "[1]", '{"action": "delete", "pattern": 7, "names": [], "stay": 3, "unsure_folder": 4}'],
)
def test_settings_that_make_no_sense(form: SortForm, state: str) -> None:
    form.restore(state)
    form.destination.set_folder(OUT)
    options = form.options()
    assert options is not None
    assert options.action is Action.MOVE
    assert options.folder_names["alpaca"] == "Alpaca"
    assert options.unsure_folder == "Unsure"


def test_photos_to_come(parent: QWidget) -> None:
    form = SortForm(parent, arriving=True)
    form.set_labels(LABELS)
    form.unsure.check.click()
    form.destination.set_folder(OUT)
    assert form.unsure.isHidden()
    assert form.sure.text() == "55%"
    options = form.options()
    assert options is not None
    assert options.unsure is Leftovers.LEAVE


def test_the_wheel_changes_nothing_under_the_pointer(form: SortForm) -> None:
    for widget in (form.action, form.pattern.choices, form.sure):
        spot = QPointF(widget.rect().center())
        event = QWheelEvent(
            spot,
            spot,
            QPoint(),
            QPoint(0, -240),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)
        assert not event.isAccepted()
    assert form.action.currentIndex() == 0
    assert form.pattern.choices.currentIndex() == 0


def test_choosing_a_folder(form: SortForm, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ["", str(OUT)]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: chosen.pop(0))
    form.destination.choose_button.click()
    assert form.destination.folder is None, "canceled"
    form.destination.choose_button.click()
    assert form.destination.folder == OUT


def test_a_path_of_any_bytes_is_kept() -> None:
    path = Path("/photos/caf\udce9")
    assert read(written(path)) == path
    assert read(written(None)) is None
    assert read("") is None
    assert read('"relative"') is None
    assert read("{") is None


# Clocks of cameras


def by_camera(name: str, camera: str, at: str) -> LabeledPhoto:
    return LabeledPhoto(Path("/p") / name, taken_at=at, taken_from=DateSource.CAMERA, camera=camera)


CAMERAS = (
    by_camera("a.jpg", "Canon EOS R5 #1", "2024-05-01T12:00:00.5+02:00"),
    by_camera("b.jpg", "Canon EOS R5 #1", "2024-05-01T13:00:00"),
    by_camera("c.jpg", "Apple iPhone 12", "2024-05-01"),
)


def test_clocks_are_shown_for_patterns_with_a_date(form: SortForm, parent: QWidget) -> None:
    form.clocks.set_photos(CAMERAS)
    assert form.clocks.isHidden()
    form.pattern.set_pattern("{taken:%Y}/{label}")
    assert form.clocks.isVisibleTo(form)
    assert [form.clocks.camera.itemText(row) for row in range(2)] == ["Apple iPhone 12", "Canon EOS R5 #1"]
    arriving = SortForm(parent, arriving=True)
    arriving.pattern.set_pattern("{taken:%Y}")
    arriving.clocks.set_clocks([Clock("X", 60)])
    arriving.destination.set_folder(OUT)
    options = arriving.options()
    assert options is not None
    assert options.clocks == (Clock("X", 60),)
    assert arriving.clocks.isHidden()


def test_a_correction_is_typed_in(form: SortForm, qtbot: QtBot) -> None:
    form.destination.set_folder(OUT)
    form.pattern.set_pattern("{taken:%Y}")
    form.clocks.set_clocks([Clock("Old camera", -60)])
    form.clocks.set_photos(CAMERAS)
    form.clocks.camera.setCurrentIndex(1)
    told: list[int] = []
    form.changed.connect(lambda: told.append(1))
    type_into(qtbot, form.clocks.offset, "+1d 0")
    assert form.options() is None
    assert form.problem == form.clocks.wrong.text() != ""
    assert form.unsaid == ""
    type_into(qtbot, form.clocks.offset, "+1d 02:00")
    assert told
    options = form.options()
    assert options is not None
    assert options.clocks == (Clock("Old camera", -60), Clock("Canon EOS R5 #1", 93600))
    form.clocks.camera.setCurrentIndex(0)
    assert form.clocks.offset.text() == ""
    assert form.clocks.words.text() == "Canon EOS R5 #1: +1d 02:00"
    form.clocks.camera.setCurrentIndex(1)
    assert form.clocks.offset.text() == "+1d 02:00"
    type_into(qtbot, form.clocks.offset, "")
    assert form.clocks.clocks == (Clock("Old camera", -60),)


def test_the_right_time_of_a_photo_says_how_wrong_the_clock_was(form: SortForm, qtbot: QtBot) -> None:
    form.pattern.set_pattern("{taken:%Y}")
    form.clocks.set_photos(CAMERAS)
    form.clocks.camera.setCurrentIndex(1)

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, RightTimeDialog)
        dialog.photo.setCurrentIndex(1)
        assert dialog.recorded.text() == "2024-05-01 13:00:00"
        dialog.right.setDateTime(dialog.right.dateTime().addSecs(-90))
        dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()

    QTimer.singleShot(0, answer)
    qtbot.mouseClick(form.clocks.from_photo, Qt.MouseButton.LeftButton)
    assert form.clocks.clocks == (Clock("Canon EOS R5 #1", -90),)
    assert form.clocks.offset.text() == "-00:01:30"


def test_photos_without_a_camera_have_no_clock(form: SortForm) -> None:
    form.pattern.set_pattern("{taken:%Y}")
    form.clocks.set_photos([LabeledPhoto(Path("/p/a.jpg"), taken_at="2024-05-01")])
    assert form.clocks.camera.isHidden()
    assert form.clocks.words.text()
