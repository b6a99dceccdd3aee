"""The loupe by keys and by mouse: opening and closing it, stepping, tagging."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from alpacasorter.ui.photo_filters import Filter
from tests.ui.conftest import Hands
from tests.ui.test_photo_store import LABELS

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
NOT, YES = LABELS.negative, LABELS.positive
Key, Mod = Qt.Key, Qt.KeyboardModifier


@pytest.mark.parametrize("key", [Key.Key_Return, Key.Key_Enter, Key.Key_Z])
def test_a_key_opens_the_loupe_with_the_current_photo_and_escape_goes_back(hands: Hands, key: Qt.Key) -> None:
    loupe = hands.page.closeups.loupe
    hands.press(Key.Key_Right)
    hands.press(key)
    assert loupe.isVisible()
    assert not hands.grid.isVisible()
    assert QApplication.focusWidget() is loupe
    assert loupe.row is hands.row(101)
    hands.press(Key.Key_Right)
    hands.press(Key.Key_Right)
    assert loupe.row is hands.row(103)
    hands.press(Key.Key_Left)
    hands.press(Key.Key_Escape)
    assert not loupe.isVisible()
    assert QApplication.focusWidget() is hands.grid
    assert hands.grid.selected_photos() == [hands.row(102)]
    hands.settle()
    assert hands.grid.currentIndex().row() in hands.grid.visible_rows()


def test_a_double_click_on_a_photo_opens_the_loupe_and_one_on_a_tag_does_not(hands: Hands) -> None:
    loupe, grid = hands.page.closeups.loupe, hands.grid
    index = hands.page.model.index(2)
    QTest.mouseDClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=grid.tag_rect(index).center())
    assert not loupe.isVisible()
    picture = grid.delegate.card_rect(grid.visualRect(index)).topLeft() + QPoint(40, 40)
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=picture)
    QTest.mouseDClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=picture)
    assert loupe.isVisible()
    assert loupe.row is hands.row(102)


def test_keys_and_buttons_tag_the_photo_that_is_shown(hands: Hands) -> None:
    loupe = hands.page.closeups.loupe
    hands.press(Key.Key_Return)
    hands.press(Key.Key_N)
    assert hands.asked == [{"key100": NOT}]
    hands.learn({}, hands.asked[-1])
    hands.page.closeups.loupe.go_to(5)
    QTest.mouseClick(loupe.negative, Qt.MouseButton.LeftButton)
    assert hands.asked[-1] == {"key105": NOT}
    hands.learn({}, hands.asked[-1])
    loupe.go_to(5)
    hands.settle()
    assert loupe.negative.isChecked()
    QTest.mouseClick(loupe.tag, Qt.MouseButton.LeftButton)
    assert hands.asked[-1] == {"key105": YES}
    hands.learn({}, hands.asked[-1])
    loupe.go_to(5)
    hands.press(Key.Key_Backspace)
    assert hands.asked[-1] == {"key105": None}


def test_a_button_confirms_the_tag_until_the_photo_is_labeled(hands: Hands) -> None:
    loupe = hands.page.closeups.loupe
    hands.press(Key.Key_Return)
    hands.settle()
    QTest.mouseClick(loupe.confirm, Qt.MouseButton.LeftButton)
    assert hands.asked == [{"key100": YES}]
    hands.learn({}, hands.asked[-1])
    hands.settle()
    assert loupe.row is hands.row(100), "buttons stay on the photo"
    assert not loupe.confirm.isEnabled()
    loupe.step(1)
    assert loupe.confirm.isEnabled()


def test_space_means_the_tag_that_is_painted(hands: Hands) -> None:
    hands.press(Key.Key_Return)
    hands.settle()
    hands.learn({100: 0.1})
    hands.press(Key.Key_Space)
    assert hands.asked == [{"key100": NOT}], "learned since, but still shown as before"
    hands.learn({}, hands.asked[-1])
    hands.settle()
    hands.page.closeups.loupe.go_to(1)
    hands.learn({101: 0.1})
    hands.settle()
    hands.press(Key.Key_Space)
    assert hands.asked[-1] == {"key101": YES}, "painted meanwhile"


def test_several_selected_photos_are_tagged_one_by_one_and_selected_again(hands: Hands) -> None:
    hands.press(Key.Key_Right, Mod.ShiftModifier)
    hands.press(Key.Key_Right, Mod.ShiftModifier)
    assert len(hands.grid.selected_photos()) == 3
    hands.press(Key.Key_Return)
    hands.press(Key.Key_N, Mod.NoModifier)
    assert len(hands.asked[0]) == 1
    hands.press(Key.Key_A, Mod.ControlModifier)
    hands.page.closeups.loupe.go_to(1)
    hands.press(Key.Key_N)
    assert hands.asked[1:] == [{"key101": NOT}]
    hands.page.closeups.loupe.go_to(1)
    hands.press(Key.Key_Escape)
    assert hands.grid.selected_photos() == [hands.row(n) for n in (100, 101, 102)]


def test_no_photo_is_skipped_while_a_key_is_held(hands: Hands) -> None:
    loupe = hands.page.closeups.loupe
    hands.press(Key.Key_Return)
    shown: list[object] = []
    loupe.shown.connect(shown.append)
    for _ in range(8):
        hands.type_key(Key.Key_Right, "", repeated=True)
    assert shown == [hands.row(n) for n in range(101, 109)]
    hands.type_key(Key.Key_End, "")
    hands.press(Key.Key_Right)
    assert loupe.row is hands.row(111), "the list has an end"
    hands.type_key(Key.Key_Home, "")
    assert loupe.row is hands.row(100)


def test_escape_in_the_loupe_does_not_stop_the_scan(hands: Hands) -> None:
    stopped: list[bool] = []
    stop = hands.page.actions_.stop
    stop.setEnabled(True)
    stop.triggered.connect(lambda: stopped.append(True))
    hands.press(Key.Key_Return)
    hands.press(Key.Key_Escape)
    assert stopped == []
    assert hands.grid.isVisible()
    hands.press(Key.Key_Escape)
    assert stopped == [True]


def test_the_count_says_which_photo_it_is_and_how_many_are_unsure(hands: Hands) -> None:
    loupe = hands.page.closeups.loupe
    hands.learn({103: 0.6, 104: 0.55})
    hands.press(Key.Key_Return)
    hands.press(Key.Key_Right)
    assert loupe.count.text().split("·")[0].strip() == "2 of 12"
    assert loupe.count.text().endswith("2 unsure left")
    hands.page.show_filter(Filter.UNSURE)
    hands.settle()
    assert loupe.count.text().startswith("1 of 2")
    assert QApplication.focusWidget() is loupe, "the filter does not take the keys away"


def test_the_film_strip_shows_the_neighbors_and_a_click_goes_there(hands: Hands) -> None:
    loupe = hands.page.closeups.loupe
    hands.press(Key.Key_Return)
    strip = loupe.strip
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(strip.width() // 2 + 84, 30))
    assert loupe.row is hands.row(101)
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(strip.width() // 2 + 2 * 84, 30))
    assert loupe.row is hands.row(103)


def test_a_photo_that_is_not_there_says_so(hands: Hands) -> None:
    loupe = hands.page.closeups.loupe
    hands.press(Key.Key_Return)
    hands.qtbot.waitUntil(lambda: "no longer there" in loupe.view.words, timeout=5000)


def test_f11_fills_the_screen_and_escape_leaves_it(hands: Hands) -> None:
    window = hands.window
    hands.press(Key.Key_Return)
    hands.press(Key.Key_F11)
    hands.settle()
    assert window.isFullScreen()
    assert not window.menuBar().isVisible()
    hands.press(Key.Key_N)
    hands.page.closeups.loupe.go_to(0)
    undone = len(hands.asked)
    hands.press(Key.Key_Z, Mod.ControlModifier)
    assert len(hands.asked) == undone + 1, "keys of the hidden menu bar work"
    hands.press(Key.Key_Escape)
    hands.settle()
    assert not window.isFullScreen()
    assert window.menuBar().isVisible()
    assert hands.grid.isVisible()


def test_enter_with_ctrl_opens_another_program(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []
    hands.page.actions_.open_photo.triggered.connect(lambda: opened.append(True))
    hands.press(Key.Key_Return, Mod.ControlModifier)
    assert opened == [True]
    assert hands.grid.isVisible()
    hands.press(Key.Key_Return)
    hands.press(Key.Key_Return, Mod.ControlModifier)
    assert opened == [True, True]
    assert hands.page.closeups.loupe.isVisible()


def test_another_folder_closes_the_loupe_and_another_scan_does_not(hands: Hands) -> None:
    window, loupe = hands.window, hands.page.closeups.loupe
    hands.press(Key.Key_Return)
    assert not window.statusBar().isVisible()
    hands.page.begin(same_folder=True)
    hands.show(12)
    assert hands.grid.isVisible(), "another folder"
    assert window.statusBar().isVisible()
    hands.press(Key.Key_Return)
    hands.page.begin(same_folder=True)
    hands.settle()
    assert loupe.isVisible()
    window.close_folder()
    assert window.statusBar().isVisible()
    assert not loupe.is_open


def test_the_menu_zooms_and_has_a_key_for_everything(hands: Hands) -> None:
    actions, loupe = hands.page.actions_, hands.page.closeups.loupe
    zooms = (actions.zoom_in, actions.zoom_out, actions.zoom_fit, actions.zoom_full)
    assert not any(action.isEnabled() for action in zooms)
    hands.press(Key.Key_Return)
    assert all(action.isEnabled() for action in zooms)
    row = loupe.row
    assert row is not None
    loupe.view.show_photo(row.path, row.key, (4000, 3000))
    actions.zoom_full.trigger()
    assert loupe.view.scale == 1
    for key, modifier in ((Key.Key_Minus, Mod.NoModifier), (Key.Key_Plus, Mod.ControlModifier)):
        before = loupe.view.scale
        hands.press(key, modifier)
        assert (loupe.view.scale > before) is (key == Key.Key_Plus)
    before = loupe.view.place[1][0]
    hands.press(Key.Key_Right, Mod.ShiftModifier)
    assert loupe.view.place[1][0] > before
    assert loupe.row is row
    actions.zoom_fit.trigger()
    assert loupe.view.is_fitted
    hands.press(Key.Key_Z)
    assert loupe.view.scale == 1


def test_controls_of_the_loupe_have_names_and_roles_and_can_be_reached_by_tab(hands: Hands) -> None:
    loupe = hands.page.closeups.loupe
    hands.press(Key.Key_Return)
    hands.settle()
    view = QAccessible.queryAccessibleInterface(loupe.view)
    assert view.role() == QAccessible.Role.Graphic
    assert view.text(QAccessible.Text.Name).startswith("100.jpg: ")
    tag = QAccessible.queryAccessibleInterface(loupe.tag)
    assert tag.role() == QAccessible.Role.Button
    assert loupe.tag.text()
    assert tag.text(QAccessible.Text.Name) == f"100.jpg: {loupe.tag.text()}"
    assert loupe.strip.accessibleName()
    reached = set()
    for _ in range(8):
        hands.press(Key.Key_Tab)
        reached.add(QApplication.focusWidget())
    assert {loupe.back, loupe.positive, loupe.negative, loupe.tag} <= reached
    loupe.setFocus()


def test_a_key_that_is_held_labels_photo_after_photo(hands: Hands) -> None:
    hands.press(Key.Key_Return)
    for held in range(5):
        hands.type_key(Key.Key_N, "n", repeated=held > 0)
    assert hands.asked == [{f"key{n}": NOT} for n in range(100, 105)]
    assert hands.page.closeups.loupe.row is hands.row(105)


def test_at_the_end_of_the_list_it_says_so_beside_the_photo(hands: Hands) -> None:
    loupe = hands.page.closeups.loupe
    hands.press(Key.Key_Return)
    hands.press(Key.Key_End)
    hands.press(Key.Key_N)
    assert loupe.notice.isVisible()
    assert "last photo" in loupe.notice.text()
    hands.press(Key.Key_Escape)
    assert hands.window.statusBar().currentMessage() == ""


@pytest.mark.parametrize("several", [False, True])
def test_the_right_mouse_button_opens_the_menu_of_the_photo(hands: Hands, several: bool) -> None:
    if several:
        hands.press(Key.Key_Right, Mod.ShiftModifier)
        hands.press(Key.Key_X)
        shown = hands.page.closeups.compare.chosen.view
    else:
        hands.press(Key.Key_Return)
        shown = hands.page.closeups.loupe.view
    at = QPoint(50, 50)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, shown.mapToGlobal(at))
    QApplication.sendEvent(shown, event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert hands.page.actions_.open_photo in menu.actions()
    menu.close()


def test_the_loupe_names_its_keys_unless_they_are_switched_off(hands: Hands) -> None:
    hands.press(Key.Key_Return)
    hands.settle()
    line = hands.page.closeups.loupe.hints
    assert line.isVisible()
    named = [one.keys for one in line.shown]
    assert {"A", "N", "C", "Z", "Esc"} <= set(named)
    hands.press(Key.Key_N, Mod.ShiftModifier)
    hands.learn({}, hands.asked[-1])
    hands.settle()
    assert "Backspace" in [one.keys for one in line.shown], "it says what counts for this photo"
    hands.page.actions_.key_hints.trigger()
    assert not line.isVisible()
    hands.page.actions_.key_hints.trigger()
    assert line.isVisible()
