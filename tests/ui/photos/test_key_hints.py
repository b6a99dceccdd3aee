"""The line with the keys that count now, and the count of selected photos in the status bar."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QToolBar

from alpacasorter.core import reasons
from alpacasorter.core.events import Found, Problem, Problems
from alpacasorter.core.photo import PhotoFile
from alpacasorter.ui.photo_filters import Filter
from tests.ui.conftest import Hands

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Key, Mod = Qt.Key, Qt.KeyboardModifier


def keys(hands: Hands) -> list[str]:
    return [one.keys for one in hands.page.hints.shown]


def words(hands: Hands) -> list[str]:
    return [one.words for one in hands.page.hints.shown]


def test_five_keys_for_each_state(hands: Hands) -> None:
    hands.window.resize(1400, 760)
    hands.settle()
    assert keys(hands) == ["A", "N", "C", "Ctrl+Right", "Enter"]
    assert words(hands)[2] == "Confirm Alpaca"
    # Labeled by the user, at another time: there is nothing to undo.
    hands.learn({}, {"key100": "not_alpaca"})
    assert keys(hands) == ["A", "N", "Backspace", "Ctrl+Right", "Enter"]
    # Labeled just now.
    hands.press(Key.Key_A, Mod.ShiftModifier)
    assert keys(hands) == ["A", "N", "Backspace", "Ctrl+Right", "Ctrl+Z"]
    hands.press(Key.Key_Z, Mod.ControlModifier)
    assert keys(hands) == ["A", "N", "Backspace", "Ctrl+Right", "Enter"]
    # Several.
    hands.press(Key.Key_Right, Mod.ShiftModifier)
    hands.press(Key.Key_Right, Mod.ShiftModifier)
    assert keys(hands) == ["A", "N", "C", "X", "Backspace"]
    assert words(hands)[0] == "Tag 3 as Alpaca"
    hands.press(Key.Key_End, Mod.ShiftModifier)
    assert keys(hands) == ["A", "N", "C", "Space", "Backspace"], "more can't be compared"
    # A filter that shows nothing.
    hands.press(Key.Key_4, Mod.ControlModifier)
    assert hands.page.model.rowCount() == 0
    assert keys(hands)[:2] == ["Ctrl+1", "Shift+F5"]
    # Tags that changed.
    hands.learn({105: 0.2})
    hands.press(Key.Key_8, Mod.ControlModifier)
    assert hands.page.model.filter is Filter.CHANGED
    assert words(hands)[:2] == ["Confirm Not alpaca", "Back to Alpaca"]
    # Photos without a tag.
    hands.press(Key.Key_1, Mod.ControlModifier)
    page = hands.page
    page.on_found(Found((PhotoFile(Path("/p/112.jpg"), 1, 1), PhotoFile(Path("/p/113.jpg"), 1, 1))))
    page.model.on_problems(Problems((Problem(Path("/p/112.jpg"), reasons.VANISHED),)))
    hands.press(Key.Key_End)
    assert keys(hands)[2] == "Esc"
    hands.press(Key.Key_Left)
    assert keys(hands)[2] == "F5"
    hands.press(Key.Key_End, Mod.ShiftModifier)
    assert keys(hands)[0] == "Ctrl+C"
    assert all(len(set(state)) == 5 for state in (keys(hands), words(hands)))


def test_it_shows_what_counts_for_the_widget_with_the_focus(hands: Hands) -> None:
    hands.window.resize(1400, 760)
    hands.window.findChildren(QToolBar)[0].show()
    hands.settle()
    page, tagging = hands.page, {"A", "N", "C"}
    among_photos = keys(hands)
    height = page.hints.height()
    hands.press(Key.Key_F, Mod.ControlModifier)
    assert keys(hands) == ["Enter", "Esc", "F1"]
    hands.press(Key.Key_Escape)
    assert keys(hands) == among_photos
    for button in (page.preview.positive, page.filters.button(Filter.ALL), *page.preview.buttons):
        if button.isVisible() and button.isEnabled():
            hands.focus(button)
            assert keys(hands)[0] == "Space"
            assert not tagging & set(keys(hands))
    [bar] = hands.window.findChildren(QToolBar)
    hands.focus(bar.widgetForAction(page.actions_.open))
    assert not tagging & set(keys(hands))
    assert page.hints.height() == height
    hands.focus(hands.grid)
    assert keys(hands) == among_photos
    # While a menu is open, nothing changes.
    hands.press(Key.Key_V, Mod.AltModifier)
    assert keys(hands) == among_photos
    hands.press(Key.Key_Escape)
    hands.press(Key.Key_Escape)
    # Tags that changed.
    hands.press(Key.Key_N)
    hands.learn({105: 0.2, 106: 0.2}, dict(hands.asked[-1]))
    page.actions_.changed_tags.trigger()
    hands.settle()
    hands.focus(page.review.strip.view)
    assert keys(hands) == ["K", "U", "Enter", "Right", "Esc"]
    hands.focus(page.review.strip.close_button)
    assert keys(hands)[0] == "Space"


def test_a_screen_reader_hears_the_line(hands: Hands) -> None:
    interface = QAccessible.queryAccessibleInterface(hands.page.hints)
    assert interface.role() is QAccessible.Role.StaticText
    said = interface.text(QAccessible.Text.Name)
    assert said.startswith("A: Alpaca · N: Not alpaca · C: Confirm Alpaca")


def test_it_can_be_hidden_and_that_is_remembered(hands: Hands) -> None:
    hints, switch = hands.page.hints, hands.page.actions_.key_hints
    assert hints.isVisible()
    hands.press(Key.Key_V, Mod.AltModifier)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(switch).center())
    assert not hints.isVisible()
    assert not hands.window._settings.key_hints
    hands.focus(hands.grid)
    hands.press(Key.Key_V, Mod.AltModifier)
    hands.press(Key.Key_K)
    assert hints.isVisible()
    assert hands.window._settings.key_hints


def test_only_whole_hints_are_shown_and_the_line_never_moves(hands: Hands) -> None:
    hands.window.resize(1400, 760)
    hands.settle()
    top, height = hands.page.hints.y(), hands.page.hints.height()
    assert len(keys(hands)) == 5
    hands.press(Key.Key_A, Mod.ControlModifier)
    assert (hands.page.hints.y(), hands.page.hints.height()) == (top, height)
    hands.window.resize(640, 760)
    hands.settle()
    shown = keys(hands)
    assert 0 < len(shown) < 5 or hands.page.hints.width() > 500
    hands.window.resize(640, 480)
    hands.settle()
    assert not hands.page.hints.isVisible(), "there the photos need the space"
    hands.window.resize(1400, 760)
    hands.settle()
    assert hands.page.hints.isVisible()


def test_the_status_bar_counts_what_is_selected(hands: Hands) -> None:
    label, status = hands.window.status.selection, hands.window.status
    hands.window.resize(1400, 760)
    hands.settle()
    status.show_folder(Path("/p"))
    assert label.isVisible()
    assert label.text() == "Photo 1 of 12"
    hands.press(Key.Key_N)
    assert label.text() == "Photo 2 of 12"
    for _ in range(3):
        hands.press(Key.Key_Right, Mod.ShiftModifier)
    assert label.text() == "4 of 12 selected"
    left = hands.window.device_label.x()
    hands.press(Key.Key_A, Mod.ControlModifier)
    assert label.text() == "12 of 12 selected"
    assert hands.window.device_label.x() == left, "nothing moves to and fro"
    hands.window.resize(640, 760)
    hands.settle()
    assert label.text() == "12 selected", "not to be read as photo 12"
    hands.press(Key.Key_4, Mod.ControlModifier)
    assert label.text() == ""


def test_the_status_bar_counts_again_when_photos_come_and_go(hands: Hands) -> None:
    label, model = hands.window.status.selection, hands.page.model
    hands.window.status.show_folder(Path("/p"))
    hands.window.resize(1400, 760)
    hands.settle()
    hands.press(Key.Key_Right)
    hands.press(Key.Key_Right)
    assert label.text() == "Photo 3 of 12"
    model.on_gone([Path("/p/101.jpg")])
    model.settle()
    assert hands.grid.currentIndex().row() == 1
    assert label.text() == "Photo 2 of 11"
    model.on_arrived(Found((PhotoFile(Path("/p/200.jpg"), 1, 1),)))
    model.settle()
    assert label.text() == "Photo 2 of 12"


def test_keys_say_how_many_of_the_selected_photos_they_label(hands: Hands) -> None:
    path = Path("/p/999.jpg")
    hands.page.on_found(Found((PhotoFile(path, 1, 1),)))
    hands.page.model.on_problems(Problems((Problem(path, reasons.EMPTY),)))
    hands.settle()
    hands.press(Key.Key_A, Mod.ControlModifier)
    assert words(hands)[0] == "Tag 12 of 13 as Alpaca"
