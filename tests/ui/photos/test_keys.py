"""Keys that act on photos: only where the photos have the focus, once for each press, on any keyboard."""

import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QMenu, QVBoxLayout

from alpacasorter.core.labels import LabelSet
from tests.ui.conftest import Hands
from tests.ui.test_photo_store import LABELS

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
NOT, YES = LABELS.negative, LABELS.positive
Key, Mod = Qt.Key, Qt.KeyboardModifier
ONE_KEY = (Key.Key_A, Key.Key_N, Key.Key_Space, Key.Key_Backspace, Key.Key_Delete)


def labels_asked(hands: Hands) -> list[str | None]:
    return [label for changes in hands.asked for label in changes.values()]


def open_menu() -> QMenu:
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def test_letters_tag_the_photos_while_the_grid_has_the_focus(hands: Hands) -> None:
    assert hands.grid.hasFocus()
    hands.press(Key.Key_N)
    assert hands.asked == [{"key100": NOT}]
    hands.press(Key.Key_A)
    assert hands.asked[1:] == [{"key101": YES}], "the next photo is current"
    hands.press(Key.Key_A, Mod.ControlModifier)
    hands.press(Key.Key_N)
    assert len(hands.asked[-1]) == 11, "the first is tagged so already"
    hands.learn({}, hands.asked[-1])
    hands.press(Key.Key_Backspace)
    assert len(hands.asked[-1]) == 12
    assert set(hands.asked[-1].values()) == {None}


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("everything", [False, True])
def test_keys_in_an_open_menu_tag_nothing(hands: Hands, place: int, everything: bool) -> None:
    if everything:
        hands.grid.selectAll()
    title = hands.window.menuBar().actions()[place].text()
    letter = title[title.index("&") + 1].upper()
    for key in (*ONE_KEY, Key.Key_F5, Key.Key_F3):
        hands.press(Key[f"Key_{letter}"], Mod.AltModifier)
        menu = open_menu()
        assert menu.title() == title
        for action in menu.actions():
            # What the menu itself does with a letter is another matter.
            action.setEnabled(False)
        preview = hands.page.preview.isVisible()
        hands.press(key)
        assert hands.page.preview.isVisible() == preview
        menu.close()
        hands.press(Key.Key_Escape)
        hands.focus(hands.grid)
    assert hands.asked == []


def test_alt_h_then_a_letter_that_the_menu_knows(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[bool] = []
    about = hands.page.actions_.about
    about.triggered.disconnect()
    about.triggered.connect(lambda: chosen.append(True))
    hands.press(Key.Key_H, Mod.AltModifier)
    hands.press(Key.Key_A)
    assert len(chosen) == 1
    assert hands.asked == []
    assert QApplication.activePopupWidget() is None
    hands.press(Key.Key_A)
    assert hands.asked == [{"key100": YES}], "after the menu is closed, letters are the grid's again"


@pytest.mark.parametrize("key", ONE_KEY)
def test_keys_in_menus_opened_by_the_mouse_tag_nothing(hands: Hands, key: Qt.Key) -> None:
    bar = hands.window.menuBar()
    place = bar.actionGeometry(bar.actions()[4]).center()
    QTest.mouseClick(hands.window.windowHandle(), Qt.MouseButton.LeftButton, pos=bar.mapTo(hands.window, place))
    menu = open_menu()
    for action in menu.actions():
        action.setEnabled(False)
    hands.press(key)
    menu.close()
    hands.page.commands._open_menu(hands.grid.visualRect(hands.page.model.index(0)).center())
    menu = open_menu()
    for action in menu.actions():
        action.setEnabled(False)
    hands.press(key)
    menu.close()
    assert hands.asked == []


def test_escape_closes_a_menu_and_does_not_stop_the_scan(hands: Hands) -> None:
    stopped: list[bool] = []
    stop = hands.page.actions_.stop
    stop.setEnabled(True)
    stop.triggered.connect(lambda: stopped.append(True))
    hands.press(Key.Key_V, Mod.AltModifier)
    hands.press(Key.Key_Escape)
    assert QApplication.activePopupWidget() is None
    assert stopped == []


def test_keys_in_the_menu_bar_tag_nothing(hands: Hands) -> None:
    bar = hands.window.menuBar()
    bar.setFocus(Qt.FocusReason.MenuBarFocusReason)
    for key in ONE_KEY:
        hands.press(key)
    assert hands.asked == []


def test_keys_on_other_widgets_tag_nothing(hands: Hands) -> None:
    page = hands.page
    for widget in (page.preview.positive, page.filters.button(page.model.filter)):
        hands.focus(widget)
        for key in (Key.Key_A, Key.Key_N, Key.Key_Backspace):
            hands.press(key)
    assert hands.asked == []


def test_keys_in_dialogs_tag_nothing(hands: Hands) -> None:
    dialog = QDialog(hands.window)
    field = QLineEdit(dialog)
    QVBoxLayout(dialog).addWidget(field)
    dialog.show()
    dialog.activateWindow()
    hands.qtbot.waitUntil(lambda: QApplication.activeWindow() is dialog)
    hands.focus(field)
    for key in (Key.Key_A, Key.Key_N, Key.Key_Space, Key.Key_Backspace, Key.Key_N):
        QTest.keyClick(dialog.windowHandle(), key)
    assert field.text().lower() == "ann"
    assert hands.asked == []
    dialog.close()
    dialog.deleteLater()


def test_clicks_on_buttons_leave_the_focus_with_the_photos(hands: Hands) -> None:
    page = hands.page
    for widget in (page.preview.negative, page.filters.button(page.model.filter), page.banners.learned.close_button):
        widget.window().repaint()
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
        assert hands.grid.hasFocus()


def test_a_key_that_stays_on_the_photo_acts_once_while_it_is_held(hands: Hands) -> None:
    opened: list[object] = []
    hands.grid.open_pressed.disconnect()
    hands.grid.open_pressed.connect(lambda: opened.append(True))
    for code, text, modifiers in (
        (Key.Key_Space, " ", Mod.NoModifier),
        (Key.Key_A, "A", Mod.ShiftModifier),
        (Key.Key_Backspace, "\b", Mod.NoModifier),
        (Key.Key_Return, "\r", Mod.NoModifier),
    ):
        for held in range(6):
            hands.type_key(code, text, repeated=held > 0, modifiers=modifiers)
            hands.grid.viewport().repaint()
        hands.learn({}, hands.asked[-1])
    assert labels_asked(hands) == [NOT, YES, None]
    assert len(opened) == 1


@pytest.mark.parametrize(
    "modifiers",
    [
        Mod.ControlModifier,
        Mod.AltModifier,
        Mod.MetaModifier,
        Mod.GroupSwitchModifier,
        Mod.ShiftModifier | Mod.AltModifier,
    ],
)
def test_letters_with_a_modifier_tag_nothing(hands: Hands, modifiers: Qt.KeyboardModifier) -> None:
    hands.type_key(Key.Key_N, "N", modifiers=modifiers)
    hands.type_key(Key.Key_Space, " ", modifiers=modifiers)
    hands.type_key(Key.Key_Backspace, "\b", modifiers=modifiers)
    assert hands.asked == []


def test_shift_is_for_letters_alone(hands: Hands) -> None:
    hands.type_key(Key.Key_Space, " ", modifiers=Mod.ShiftModifier)
    hands.type_key(Key.Key_Backspace, "\b", modifiers=Mod.ShiftModifier)
    assert hands.asked == []


def test_input_methods_and_dead_keys_tag_nothing(hands: Hands) -> None:
    event = QInputMethodEvent("n", [])
    event.setCommitString("n")
    QApplication.sendEvent(hands.window.windowHandle(), event)
    QApplication.sendEvent(hands.grid, event)
    hands.type_key(Key.Key_Dead_Acute, "", scan=57)
    hands.type_key(Key.Key_Dead_Acute, "n", scan=57)
    hands.type_key(0, "n", scan=57)
    hands.type_key(Key.Key_unknown, "n", scan=57)
    assert hands.asked == []


OTHER_SCRIPTS = {
    "Russian": ("Ф", "Т"),  # noqa: RUF001
    "Greek": ("Α", "Ν"),  # noqa: RUF001
    "Arabic": ("ش", "ى"),
    "Hebrew": ("ש", "מ"),
    "Thai": ("ฟ", "ื"),
    "Hindi": ("ो", "ल"),
    "Georgian": ("ა", "ნ"),
    "Korean": ("ㅁ", "ㅜ"),
}
LINUX, WINDOWS, MAC = ("linux", (38, 0), (57, 0)), ("win32", (30, 65), (49, 78)), ("darwin", (0, 0), (0, 45))


@pytest.mark.parametrize(("platform", "a", "n"), [LINUX, WINDOWS, MAC])
@pytest.mark.parametrize("script", OTHER_SCRIPTS)
def test_without_latin_letters_the_place_of_a_key_counts(
    hands: Hands, monkeypatch: pytest.MonkeyPatch, script: str, platform: str, a: tuple[int, int], n: tuple[int, int]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for letter, (scan, virtual), label in zip(OTHER_SCRIPTS[script], (n, a)[::-1], (YES, NOT), strict=True):
        hands.type_key(ord(letter), letter, scan=scan, virtual=virtual)
        assert labels_asked(hands)[-1] == label
    hands.type_key(ord("Й"), "й", scan=24, virtual={"win32": 81, "darwin": 12}.get(platform, 0))
    assert len(hands.asked) == 2


def test_on_latin_layouts_the_printed_letter_counts(hands: Hands) -> None:
    # AZERTY: Q is where a US keyboard has A, and the other way round. Dvorak: B is where N is.
    hands.type_key(Key.Key_Q, "q", scan=38)
    hands.type_key(Key.Key_B, "b", scan=57)
    hands.type_key(Key.Key_Odiaeresis, "ö", scan=57)
    hands.type_key(0x104, "ą", scan=38)
    assert hands.asked == []
    hands.type_key(Key.Key_A, "a", scan=24)
    hands.type_key(Key.Key_N, "n", scan=46)
    assert labels_asked(hands) == [YES, NOT]


def test_digits_tag_if_the_labels_begin_alike(hands: Hands) -> None:
    hands.page.set_labels(LabelSet("alder", "alpaca", {"alder": "Alder", "alpaca": "Alpaca"}))
    hands.type_key(Key.Key_1, "1", scan=10)
    hands.type_key(Key.Key_2, "2", scan=80, modifiers=Mod.KeypadModifier)
    # AZERTY types digits with Shift.
    hands.type_key(Key.Key_1, "1", scan=10, modifiers=Mod.ShiftModifier)
    hands.type_key(ord("٢"), "٢", scan=11)
    assert labels_asked(hands) == ["alpaca", "alder", "alpaca", "alder"]


def test_labels_with_initials_of_another_script(hands: Hands) -> None:
    hands.page.set_labels(LabelSet("кот", "альпака", {"кот": "Кот", "альпака": "Альпака"}))
    hands.type_key(ord("А"), "а", scan=41)  # noqa: RUF001
    hands.type_key(ord("К"), "к", scan=27)  # noqa: RUF001
    assert labels_asked(hands) == ["альпака", "кот"]


def test_ctrl_with_a_letter_without_latin_letters(hands: Hands) -> None:
    hands.type_key(ord("Ф"), "", scan=38, modifiers=Mod.ControlModifier)
    assert len(hands.grid.selectedIndexes()) == 12
    opened: list[bool] = []
    hands.page.actions_.undo.setEnabled(True)
    hands.page.actions_.undo.triggered.connect(lambda *_: opened.append(True))
    hands.type_key(ord("Я"), "", scan=52, modifiers=Mod.ControlModifier)
    assert len(opened) == 1
    hands.type_key(ord("Я"), "", scan=52, modifiers=Mod.ControlModifier | Mod.ShiftModifier)
    assert len(opened) == 1


def test_menus_show_the_keys(hands: Hands) -> None:
    actions = hands.page.actions_
    shown = [action.text().partition("\t")[2] for action in (actions.positive, actions.negative, actions.flip)]
    assert shown == ["A", "N", "Space"]
    assert actions.remove_label.text().partition("\t")[2] == "Backspace"
    assert "(A)" in actions.positive.toolTip()
    assert not any(action.shortcuts() for action in (actions.positive, actions.negative, actions.remove_label))


def test_the_menu_acts_on_the_selected_photos(hands: Hands) -> None:
    hands.press(Key.Key_P, Mod.AltModifier)
    for _ in range(2):
        hands.press(Key.Key_Down)
    hands.press(Key.Key_Return)
    assert len(hands.asked) == 1


@pytest.mark.parametrize("key", [Key.Key_Home, Key.Key_Left, Key.Key_Up, Key.Key_PageUp])
@pytest.mark.parametrize("modifier", [Mod.NoModifier, Mod.KeypadModifier])
def test_without_shift_a_key_selects_one_photo(hands: Hands, key: Key, modifier: Mod) -> None:
    """Also if it goes nowhere: of several, only the current one is labeled then."""
    grid = hands.grid
    assert grid.currentIndex().row() == 0
    hands.press(Key.Key_A, Mod.ControlModifier)
    assert len(grid.selected_photos()) == 12
    hands.press(key, modifier)
    assert grid.selected_photos() == [hands.row(100)]
    hands.press(Key.Key_N)
    assert [set(asked) for asked in hands.asked] == [{"key100"}]


def test_at_the_end_too_and_shift_goes_on_from_there(hands: Hands) -> None:
    grid = hands.grid
    for key, modifier in (
        (Key.Key_End, Mod.NoModifier),
        (Key.Key_Right, Mod.NoModifier),
        (Key.Key_End, Mod.ControlModifier),
    ):
        hands.press(Key.Key_End)
        hands.press(Key.Key_A, Mod.ControlModifier)
        hands.press(key, modifier)
        assert grid.selected_photos() == [hands.row(111)]
    hands.press(Key.Key_Left, Mod.ShiftModifier)
    assert grid.selected_photos() == [hands.row(110), hands.row(111)]
    hands.press(Key.Key_Home, Mod.ControlModifier)
    assert grid.selected_photos() == [hands.row(100)]
    # A label went on to another photo: Shift begins there.
    hands.press(Key.Key_N)
    hands.press(Key.Key_N)
    hands.press(Key.Key_Right, Mod.ShiftModifier)
    assert grid.selected_photos() == [hands.row(102), hands.row(103)]
