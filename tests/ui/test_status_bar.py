"""The status bar: what is selected keeps its place, and remarks have space."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from alpacasorter.workers.view_facts import DeviceFacts
from tests.ui.conftest import Hands

Key, Mod = Qt.Key, Qt.KeyboardModifier


@pytest.mark.parametrize("width", [1000, 800])
def test_it_keeps_its_width_from_photo_to_photo(hands: Hands, width: int) -> None:
    status = hands.window.status
    status.show_folder(Path("/p"))
    hands.window.resize(width, 700)
    hands.show(300)
    before = status.selection.geometry()
    for _ in range(120):
        hands.press(Key.Key_Right)
    hands.settle()
    assert str(hands.grid.currentIndex().row() + 1) in status.selection.text()
    assert status.selection.geometry() == before
    # Neither do more photos, or fewer, leave anything of their width.
    hands.press(Key.Key_A, Mod.ControlModifier)
    hands.settle()
    assert status.selection.geometry() == before
    assert status.selection.fontMetrics().horizontalAdvance(status.selection.text()) <= before.width()
    assert before.width() < 250
    hands.show(12)
    assert status.selection.width() < before.width()


@pytest.mark.parametrize("width", [800, 640])
def test_a_remark_is_whole_in_a_narrow_window(hands: Hands, width: int) -> None:
    status = hands.window.status
    status.show_folder(Path("/p"))
    status.show_device(DeviceFacts("cpu", 4, milliseconds=6.5, note=""))
    hands.window.resize(width, 700)
    hands.show(300)
    for _ in range(40):
        hands.press(Key.Key_Right)
    hands.press(Key.Key_2, Mod.ControlModifier)
    hands.press(Key.Key_Right, Mod.ControlModifier)
    hands.settle()
    remark = status.currentMessage()
    assert "unsure" in remark
    beside = [one.x() for one in status.findChildren(QLabel) if one.isVisible()]
    assert status.fontMetrics().horizontalAdvance(remark) + 6 <= min(beside)
    status.clearMessage()
    assert status.device.isVisible()
