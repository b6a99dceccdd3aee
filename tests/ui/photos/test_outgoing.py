"""Photos for other programs: copied with keys, dragged with the mouse, and never dropped on this window."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDrag, QDragEnterEvent, QGuiApplication, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.conftest import Hands

Action, Key, Mod = Qt.DropAction, Qt.Key, Qt.KeyboardModifier
LEFT, NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Drags:
    """What was dragged, instead of the system's drag, which would wait for a real mouse."""

    def __init__(self) -> None:
        self.data: list[list[QUrl]] = []
        self.text: list[str] = []
        self.actions: list[Any] = []
        self.pictures: list[QPixmap] = []
        self.answers: list[bool] = []

    def watch(self, monkeypatch: pytest.MonkeyPatch, hands: Hands) -> None:
        def carry_out(drag: QDrag, *actions: Any) -> Qt.DropAction:
            self.data.append(drag.mimeData().urls())
            self.text.append(drag.mimeData().text())
            self.actions.append(actions)
            self.pictures.append(drag.pixmap())
            self.answers.append(offered_to(hands, drag.mimeData(), from_here=True))
            return Action.CopyAction

        monkeypatch.setattr(QDrag, "exec", carry_out)


class Here(QDragEnterEvent):
    """Qt knows the source of a real drag only."""

    def source(self) -> Any:
        return QApplication.instance()


def offered_to(hands: Hands, data: QMimeData, *, from_here: bool) -> bool:
    kind = Here if from_here else QDragEnterEvent
    event = kind(QPoint(300, 300), Action.CopyAction, data, LEFT, NO_KEYS)
    hands.window.dragEnterEvent(event)
    return event.isAccepted()


@pytest.fixture
def drags(monkeypatch: pytest.MonkeyPatch, hands: Hands) -> Drags:
    made = Drags()
    made.watch(monkeypatch, hands)
    return made


def card_of(hands: Hands, place: int) -> Any:
    grid = hands.grid
    return grid.delegate.card_rect(grid.visualRect(grid.model().index(place, 0)))


def drag(hands: Hands, start: QPoint, by: QPoint, modifiers: Qt.KeyboardModifier = NO_KEYS) -> None:
    view = hands.grid.viewport()
    QTest.mousePress(view, LEFT, modifiers, start)
    for step in range(1, 6):
        QTest.mouseMove(view, start + by * step / 5)
    QTest.mouseRelease(view, LEFT, modifiers, start + by)


def paths(urls: list[QUrl]) -> list[str]:
    return [url.toLocalFile() for url in urls]


def select(hands: Hands, *places: int) -> None:
    for n, place in enumerate(places):
        QTest.mouseClick(
            hands.grid.viewport(),
            LEFT,
            Mod.ControlModifier if n else NO_KEYS,
            card_of(hands, place).topLeft() + QPoint(20, 20),
        )


def test_ctrl_c_copies_files_and_paths(hands: Hands) -> None:
    hands.show(4)
    select(hands, 0, 2)
    hands.press(Key.Key_C, Mod.ControlModifier)
    data = QGuiApplication.clipboard().mimeData()
    assert paths(data.urls()) == ["/p/100.jpg", "/p/102.jpg"]
    assert data.text() == "/p/100.jpg\n/p/102.jpg"


def test_ctrl_shift_c_copies_paths_only(hands: Hands) -> None:
    hands.show(4)
    select(hands, 1, 3)
    hands.press(Key.Key_C, Mod.ControlModifier | Mod.ShiftModifier)
    data = QGuiApplication.clipboard().mimeData()
    assert data.text() == "/p/101.jpg\n/p/103.jpg"
    assert not data.hasUrls()


def test_a_photo_that_is_gone_is_not_copied(hands: Hands) -> None:
    hands.show(3)
    select(hands, 0, 1)
    hands.page.model.on_gone([Path("/p/100.jpg")])
    hands.press(Key.Key_C, Mod.ControlModifier)
    assert paths(QGuiApplication.clipboard().mimeData().urls()) == ["/p/101.jpg"]


def test_a_program_that_has_copied_photos_ends_well() -> None:
    """The clipboard is cleared after Python has ended."""
    code = """
from pathlib import Path
from PySide6.QtWidgets import QApplication
from alpacasorter.ui.photos.outgoing import files_data
application = QApplication([])
application.clipboard().setMimeData(files_data([Path("/p/a.jpg")]))
"""
    env = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], env=env, check=False, timeout=60
    )
    assert child.returncode == 0


def test_nothing_to_copy_without_a_photo(hands: Hands) -> None:
    hands.show(0)
    actions = hands.page.actions_
    assert not actions.copy_files.isEnabled()
    assert not actions.copy_path.isEnabled()


def test_a_photo_is_dragged_out_as_a_copy(hands: Hands, drags: Drags) -> None:
    hands.show(6)
    drag(hands, card_of(hands, 1).topLeft() + QPoint(30, 30), QPoint(80, 40))
    assert paths(drags.data[0]) == ["/p/101.jpg"]
    assert drags.text == ["/p/101.jpg"]
    assert drags.actions == [(Action.CopyAction, Action.CopyAction)]
    assert not drags.pictures[0].isNull()
    assert [row.path.name for row in hands.grid.selected_photos()] == ["101.jpg"]


def test_the_whole_selection_is_dragged(hands: Hands, drags: Drags) -> None:
    hands.show(6)
    select(hands, 0, 1, 3)
    drag(hands, card_of(hands, 1).topLeft() + QPoint(30, 30), QPoint(0, 60))
    assert paths(drags.data[0]) == ["/p/100.jpg", "/p/101.jpg", "/p/103.jpg"]
    assert len(hands.grid.selected_photos()) == 3


def test_a_rubber_band_is_no_drag(hands: Hands, drags: Drags) -> None:
    hands.show(6)
    start = card_of(hands, 0).topLeft() - QPoint(2, 2)
    drag(hands, start, card_of(hands, 1).center() - start)
    assert drags.data == []
    assert len(hands.grid.selected_photos()) == 2


def test_a_rubber_band_begins_around_a_picture(hands: Hands, drags: Drags) -> None:
    hands.show(6)
    hands.grid.clearSelection()
    start = card_of(hands, 0).topLeft() + QPoint(1, 1)
    drag(hands, start, card_of(hands, 1).center() - start)
    assert drags.data == []
    assert len(hands.grid.selected_photos()) == 2


def test_a_small_movement_is_a_click(hands: Hands, drags: Drags) -> None:
    hands.show(6)
    drag(hands, card_of(hands, 2).topLeft() + QPoint(30, 30), QPoint(3, 2))
    assert drags.data == []


def test_a_tag_is_not_dragged(hands: Hands, drags: Drags) -> None:
    hands.show(6)
    tag = hands.grid.tag_rect(hands.grid.model().index(1, 0))
    drag(hands, tag.center(), QPoint(60, 60))
    assert drags.data == []
    assert hands.asked == []


def test_a_drag_out_of_the_window_is_not_taken_back(hands: Hands, drags: Drags) -> None:
    hands.show(2)
    drag(hands, card_of(hands, 0).topLeft() + QPoint(30, 30), QPoint(80, 40))
    assert drags.answers == [False]
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/p/100.jpg")])
    assert offered_to(hands, data, from_here=False)


def test_many_photos_are_dragged_quickly(hands: Hands, drags: Drags) -> None:
    hands.show(300)
    hands.press(Key.Key_A, Mod.ControlModifier)
    drag(hands, card_of(hands, 0).topLeft() + QPoint(30, 30), QPoint(80, 40))
    assert len(drags.data[0]) == 300
