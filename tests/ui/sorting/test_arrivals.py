"""*Sort new photos…*: the dialog, the button in the status bar, and what turns it off."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QSettings, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from alpacasorter.core.sorting.events import FileFailure, SortBegan, SortRecord
from alpacasorter.core.sorting.options import Action, Leftovers, SortOptions
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.arrivals import ArrivalsControl
from alpacasorter.workers.watching import WatchService
from tests.ui.sorting.fakes import HIKE, LABELS, OUT, ended, record

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support raise")


class FakeWatching(WatchService):
    """Watches nothing; the test says whether it does."""

    is_watching = True

    def __init__(self) -> None:
        super().__init__(lambda: None, lambda _event: None, lambda event: event)


class FakeEngine:
    def __init__(self) -> None:
        self.watching = FakeWatching()
        self.asked = 0

    def watch_folder(self) -> None:
        self.asked += 1


class FakeActions(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.arrivals, self.watch = QAction(self), QAction(self)
        self.watch.setCheckable(True)


class FakePage:
    def __init__(self) -> None:
        self.actions_ = FakeActions()
        self.store = PhotoStore()
        self.store.labels = LABELS


class FakeSorting:
    def __init__(self) -> None:
        self.said: list[tuple[str, SortRecord]] = []

    def show_outcome(self, words: str, of: SortRecord) -> None:
        self.said.append((words, of))


class Scene:
    def __init__(self, qtbot: QtBot, tmp_path: Path) -> None:
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.engine, self.page, self.sorting = FakeEngine(), FakePage(), FakeSorting()
        self.watching = self.engine.watching
        self.folder: Path | None = HIKE
        self.settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
        self.control = ArrivalsControl(
            self.window,
            self.engine,  # type: ignore[arg-type]
            self.page.actions_,  # type: ignore[arg-type]
            self.page.store,
            self.settings,
            self.sorting,  # type: ignore[arg-type]
            lambda: self.folder,
        )
        self.window.show()


@pytest.fixture
def scene(qtbot: QtBot, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(qtbot, tmp_path)
    yield made
    made.control.close_down()
    made.window.close()


def test_it_is_off_and_asks_for_a_destination(scene: Scene) -> None:
    assert not scene.control.button.isVisible()
    scene.page.actions_.arrivals.trigger()
    dialog = scene.control.dialog
    assert dialog is not None
    assert dialog.why.text() == dialog.form.problem != ""
    assert not dialog.on_button.isEnabled()
    assert dialog.off_button.isHidden()
    assert scene.watching.arrivals is None


def test_on_off_and_other_choices(scene: Scene, qtbot: QtBot) -> None:
    scene.page.actions_.arrivals.trigger()
    dialog = scene.control.dialog
    assert dialog is not None
    dialog.form.destination.set_folder(OUT)
    dialog.form.action.setCurrentIndex(1)
    qtbot.mouseClick(dialog.on_button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
    options = scene.watching.arrivals
    assert options is not None
    assert (options.destination, options.action, options.min_confidence) == (OUT, Action.COPY, 0.95)
    assert (options.unsure, options.unreadable) == (Leftovers.LEAVE, Leftovers.LEAVE)
    assert scene.page.actions_.watch.isChecked(), "the folder must be watched for that"
    assert scene.control.button.isVisible()
    assert "95%" in scene.control.button.toolTip()
    # Opened again, it says that it is on, and accepts other choices.
    scene.page.actions_.arrivals.trigger()
    assert dialog.why.text() == "New photos are being sorted."
    assert dialog.off_button.isVisible()
    assert not dialog.on_button.isEnabled()
    dialog.form.set_sure(0.9)
    assert dialog.on_button.isEnabled()
    assert dialog.why.text() == ""
    dialog.on_button.click()
    assert scene.watching.arrivals.min_confidence == 0.9
    assert scene.engine.asked == 1, "it is already watched"
    scene.page.actions_.arrivals.trigger()
    dialog.off_button.click()
    assert scene.watching.arrivals is None
    assert not scene.control.button.isVisible()
    assert dialog.on_button.isEnabled()


def test_one_click_turns_it_off(scene: Scene, qtbot: QtBot) -> None:
    scene.control.turn_on(SortOptions(OUT))
    qtbot.mouseClick(scene.control.button, Qt.MouseButton.LeftButton)
    assert scene.watching.arrivals is None
    assert not scene.control.button.isVisible()
    assert scene.page.actions_.watch.isChecked(), "the folder is still watched"


def test_it_ends_with_the_folder_and_with_watching(scene: Scene) -> None:
    scene.control.turn_on(SortOptions(OUT))
    scene.page.actions_.arrivals.trigger()
    dialog = scene.control.dialog
    assert dialog is not None
    scene.watching.is_watching = False
    scene.page.actions_.watch.setChecked(False)
    assert not scene.control.button.isVisible()
    assert dialog.isVisible()
    scene.folder = None
    scene.page.actions_.arrivals.setEnabled(False)
    assert not dialog.isVisible()
    scene.page.actions_.arrivals.setEnabled(True)
    scene.page.actions_.arrivals.trigger()
    assert not dialog.isVisible(), "nothing can arrive without a folder"


def test_choices_are_remembered_but_not_the_destination(scene: Scene, qtbot: QtBot, tmp_path: Path) -> None:
    scene.page.actions_.arrivals.trigger()
    dialog = scene.control.dialog
    assert dialog is not None
    dialog.form.action.setCurrentIndex(1)
    dialog.form.destination.set_folder(OUT)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert scene.watching.arrivals is None
    again = Scene(qtbot, tmp_path)
    again.page.actions_.arrivals.trigger()
    assert again.control.dialog is not None
    assert again.control.dialog.form.chosen_action is Action.COPY
    assert again.control.dialog.form.destination.folder is None
    assert again.control.dialog.form.sure.value() == 95
    again.control.close_down()


def test_what_was_sorted_is_shown(scene: Scene) -> None:
    failure = FileFailure(HIKE / "a.jpg", "It is locked.")
    scene.watching.sort_event.emit(SortBegan(3, False, 2, 0))
    scene.watching.sort_event.emit(ended(record(3, files=2, done=0)))
    assert scene.sorting.said == [], "nothing was done"
    done = record(3, files=2, done=2)
    scene.watching.sort_event.emit(ended(done))
    assert scene.sorting.said == [(f"2 new files were moved to {OUT}.", done)]
    scene.watching.sort_event.emit(ended(record(4, files=2, done=1, failed=1), failure, problem="The disk is full."))
    words = scene.sorting.said[-1][0]
    assert words.startswith(f"1 new file was moved to {OUT}. 1 file could not be moved. ")
    assert words.endswith(" The disk is full.")
