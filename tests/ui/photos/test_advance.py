"""Keys that label a photo and go on: what is current then, how a selection fares, and what a held key does."""

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from alpacasorter.core import reasons
from alpacasorter.core.events import Found, Problem, Problems
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFile
from alpacasorter.ui.settings_dialog import SettingsDialog
from tests.ui.conftest import Hands
from tests.ui.test_photo_store import LABELS

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
NOT, YES = LABELS.negative, LABELS.positive
Key, Mod = Qt.Key, Qt.KeyboardModifier


def current(hands: Hands) -> int:
    row = hands.grid.current_photo()
    assert row is not None
    return int(row.path.stem)


def selected(hands: Hands) -> list[int]:
    return [int(row.path.stem) for row in hands.grid.selected_photos()]


def go_to(hands: Hands, number: int) -> None:
    hands.grid.go_to(hands.page.model.index_of(hands.row(number)))
    hands.grid.viewport().repaint()


def in_view(hands: Hands) -> bool:
    rect = hands.grid.visualRect(hands.grid.currentIndex())
    return hands.grid.viewport().rect().contains(rect)


def remarks(hands: Hands) -> list[str]:
    said: list[str] = []
    hands.page.commands.remarked.connect(said.append)
    return said


def hold(hands: Hands, code: Qt.Key, text: str, repeats: int, *, painted: bool = True) -> None:
    """Hold a key: it is pressed once, and then repeated as by the keyboard."""
    for count in range(repeats + 1):
        hands.type_key(code, text, repeated=count > 0)
        if painted:
            hands.grid.viewport().repaint()


@pytest.mark.parametrize(("key", "label"), [(Key.Key_A, YES), (Key.Key_N, NOT), (Key.Key_C, YES)])
def test_a_key_labels_one_photo_and_goes_on_to_the_next(hands: Hands, key: Qt.Key, label: str) -> None:
    hands.show(60)
    for number in range(100, 140):
        assert (current(hands), selected(hands)) == (number, [number])
        assert in_view(hands)
        hands.press(key)
    assert hands.asked == [{f"key{number}": label} for number in range(100, 140)]


@pytest.mark.parametrize(("key", "label"), [(Key.Key_A, YES), (Key.Key_N, NOT), (Key.Key_C, YES)])
def test_with_shift_a_key_stays(hands: Hands, key: Qt.Key, label: str) -> None:
    hands.press(key, Mod.ShiftModifier)
    assert hands.asked == [{"key100": label}]
    assert current(hands) == 100


def test_the_switch_is_in_the_menu_and_the_settings_and_remembered(hands: Hands) -> None:
    switch, settings = hands.page.actions_.auto_advance, hands.window._settings
    assert switch.isChecked()
    hands.press(Key.Key_V, Mod.AltModifier)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert switch in menu.actions()
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(switch).center())
    hands.focus(hands.grid)
    assert not settings.auto_advance
    hands.press(Key.Key_A)
    hands.press(Key.Key_N)
    hands.press(Key.Key_C)
    assert current(hands) == 100
    assert hands.asked == [{"key100": YES}, {"key100": NOT}], "C keeps a label"
    hold(hands, Key.Key_A, "a", 5)
    assert len(hands.asked) == 3
    assert current(hands) == 100
    dialog = SettingsDialog(settings, None, hands.window)
    dialog.advance_changed.connect(switch.setChecked)
    assert not dialog.advance.isChecked()
    dialog.advance.click()
    assert settings.auto_advance
    assert switch.isChecked()
    dialog.deleteLater()
    hands.press(Key.Key_N)
    assert current(hands) == 101


def test_at_the_end_of_the_list_it_stays_and_says_so(hands: Hands) -> None:
    said = remarks(hands)
    go_to(hands, 110)
    hands.press(Key.Key_N)
    assert said == []
    hands.press(Key.Key_N)
    assert current(hands) == 111
    assert hands.asked == [{"key110": NOT}, {"key111": NOT}]
    assert said == ["This is the last photo in the list."]
    assert hands.window.statusBar().currentMessage() == said[0]


def test_a_selection_of_several_is_labeled_and_stays_selected(hands: Hands) -> None:
    go_to(hands, 103)
    for _ in range(3):
        hands.press(Key.Key_Right, Mod.ShiftModifier)
    hands.press(Key.Key_N)
    assert hands.asked == [{f"key{n}": NOT for n in (103, 104, 105, 106)}]
    assert selected(hands) == [103, 104, 105, 106]
    hold(hands, Key.Key_N, "n", 5)
    assert len(hands.asked) == 1
    hands.press(Key.Key_A)
    assert hands.asked[1:] == [{f"key{n}": YES for n in (103, 104, 105, 106)}]
    hands.press(Key.Key_Right)
    assert selected(hands) == [107]


def test_a_photo_selected_apart_from_the_current_one_is_followed_by_its_neighbor(hands: Hands) -> None:
    hands.page.model.index_of(hands.row(108))
    hands.grid.selectionModel().setCurrentIndex(
        hands.page.model.index_of(hands.row(108)), QItemSelectionModel.SelectionFlag.NoUpdate
    )
    assert selected(hands) == [100]
    hands.press(Key.Key_A)
    assert hands.asked == [{"key100": YES}]
    assert selected(hands) == [101] == [current(hands)]


def test_photos_without_a_tag_are_passed_if_they_never_get_one(hands: Hands) -> None:
    said, page = remarks(hands), hands.page
    page.on_found(Found((PhotoFile(Path("/p/112.jpg"), 1, 1), PhotoFile(Path("/p/113.jpg"), 1, 1))))
    page.model.on_problems(Problems((Problem(Path("/p/112.jpg"), reasons.VANISHED),)))
    go_to(hands, 112)
    hands.press(Key.Key_A)
    assert (current(hands), said) == (113, [])
    hands.press(Key.Key_A)
    assert current(hands) == 113, "it may get one any moment"
    assert said == ["113.jpg has no tag yet."]
    assert hands.asked == []


def test_confirming_labels_what_is_shown(hands: Hands) -> None:
    hands.learn({101: 0.2})
    hands.grid.viewport().repaint()
    hands.press(Key.Key_C)
    hands.press(Key.Key_C)
    assert hands.asked == [{"key100": YES}, {"key101": NOT}]
    stack = hands.page.corrections.stack
    assert stack.undoText() == f"Confirm {LABELS.display(NOT)} on 101.jpg"
    # Learning turns a tag, and before that is painted, the key comes: it means what the user sees.
    hands.learn({102: 0.1})
    hands.press(Key.Key_C)
    assert hands.asked[2:] == [{"key102": YES}]


def test_confirming_a_selection_keeps_the_tag_of_each(hands: Hands) -> None:
    hands.learn(dict.fromkeys(range(106, 112), 0.2))
    hands.grid.viewport().repaint()
    hands.learn({}, {"key100": NOT})
    hands.grid.viewport().repaint()
    hands.press(Key.Key_A, Mod.ControlModifier)
    hands.press(Key.Key_C)
    assert hands.asked == [{f"key{n}": YES if n < 106 else NOT for n in range(101, 112)}], "one is labeled already"
    assert len(selected(hands)) == 12
    stack = hands.page.corrections.stack
    assert stack.undoText() == "Confirm the tags of 11 photos"
    stack.undo()
    assert set(hands.asked[-1].values()) == {None}
    assert hands.page.banners.learned.words.text() == "Undone: your labels for 11 photos."


def test_a_held_key_labels_each_photo_once_in_order(hands: Hands) -> None:
    hands.show(60)
    hold(hands, Key.Key_N, "n", 29)
    assert hands.asked == [{f"key{n}": NOT} for n in range(100, 130)]
    hold(hands, Key.Key_C, "c", 9)
    assert hands.asked[30:] == [{f"key{n}": YES} for n in range(130, 140)]
    hold(hands, Key.Key_A, "a", 40)
    assert hands.asked[40:] == [{f"key{n}": YES} for n in range(140, 160)]


def test_learning_between_two_repeats_changes_nothing_about_them(hands: Hands) -> None:
    hands.show(60)
    for number in range(100, 120):
        hands.type_key(Key.Key_C, "c", repeated=number > 100)
        # What was stored comes back, and with it other tags turn, in view and out of it, this one's too.
        hands.learn({n: 0.1 if (n + number) % 2 else 0.9 for n in range(number + 1, 160)}, hands.asked[-1])
        # What the next one is shown as is what counts.
        hands.grid.viewport().repaint()
        shown = hands.grid.delegate.shown_label(hands.row(number + 1))
        assert shown == (NOT if (2 * number + 1) % 2 else YES)
    assert [list(changes) for changes in hands.asked] == [[f"key{n}"] for n in range(100, 120)]
    assert [*hands.asked[0].values()] == [YES]
    assert all([*changes.values()] == [NOT] for changes in hands.asked[1:])


def test_a_repeat_before_the_photo_was_painted_labels_nothing(hands: Hands) -> None:
    hands.grid.viewport().repaint()
    hold(hands, Key.Key_N, "n", 10, painted=False)
    assert hands.asked == [{"key100": NOT}], "nobody has seen the next one"
    assert current(hands) == 101
    hands.grid.viewport().repaint()
    hands.type_key(Key.Key_N, "n", repeated=True)
    assert hands.asked[1:] == [{"key101": NOT}]
    # Keys that are pressed one by one all count.
    for _ in range(3):
        hands.press(Key.Key_A)
    assert hands.asked[2:] == [{f"key{n}": YES} for n in (102, 103, 104)]


def test_held_arrow_keys_pass_every_photo(hands: Hands) -> None:
    passed: list[int] = []
    hands.grid.selectionModel().currentChanged.connect(lambda *_: passed.append(current(hands)))
    for count in range(30):
        hands.type_key(Key.Key_Right, "", repeated=count > 0)
    assert passed == list(range(101, 112))
    for count in range(30):
        hands.type_key(Key.Key_Left, "", repeated=count > 0)
    assert passed[11:] == list(range(110, 99, -1))


def test_next_and_previous_unsure(hands: Hands) -> None:
    said = remarks(hands)
    hands.press(Key.Key_Right, Mod.ControlModifier)
    assert said == ["No photo in the list is unsure."]
    assert current(hands) == 100
    hands.learn({103: 0.6, 107: 0.45, 111: 0.7})
    seen = []
    for _ in range(4):
        hands.press(Key.Key_Right, Mod.ControlModifier)
        seen.append(current(hands))
        assert selected(hands) == [current(hands)]
        assert in_view(hands)
    assert seen == [103, 107, 111, 103]
    assert said[1:] == ["Continued from the top of the list."]
    hands.press(Key.Key_Left, Mod.ControlModifier)
    assert current(hands) == 111
    assert said[2:] == ["Continued from the end of the list."]
    hands.press(Key.Key_A, Mod.ShiftModifier)
    go_to(hands, 103)
    hands.press(Key.Key_A, Mod.ShiftModifier)
    hands.press(Key.Key_Right, Mod.ControlModifier)
    assert current(hands) == 107, "one that was labeled just now is none, stored or not"
    del said[:]
    hands.press(Key.Key_Right, Mod.ControlModifier)
    assert (current(hands), said) == (107, ["No other photo in the list is unsure."])
    actions = hands.page.actions_
    menus = [action.menu() for action in hands.window.menuBar().actions()]
    assert any(isinstance(menu, QMenu) and actions.next_unsure in menu.actions() for menu in menus)


CONFIRM_KEYS = {"Russian": "С", "Greek": "Ψ", "Arabic": "ؤ", "Hebrew": "ב", "Thai": "แ"}  # noqa: RUF001


@pytest.mark.parametrize(("platform", "scan", "virtual"), [("linux", 54, 0), ("win32", 46, 67), ("darwin", 0, 8)])
@pytest.mark.parametrize("script", CONFIRM_KEYS)
def test_confirming_without_latin_letters(
    hands: Hands, monkeypatch: pytest.MonkeyPatch, script: str, platform: str, scan: int, virtual: int
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    letter = CONFIRM_KEYS[script]
    hands.type_key(ord(letter), letter, scan=scan, virtual=virtual)
    hands.type_key(ord(letter), letter, scan=scan, virtual=virtual, modifiers=Mod.ShiftModifier)
    assert hands.asked == [{"key100": YES}, {"key101": YES}]
    assert current(hands) == 101
    # Dvorak: the printed letter counts.
    hands.type_key(Key.Key_C, "c", scan=31)
    hands.type_key(Key.Key_J, "j", scan=54)
    assert current(hands) == 102


def test_digits_with_shift_stay(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    hands.page.set_labels(LabelSet("alder", "alpaca", {"alder": "Alder", "alpaca": "Alpaca"}))
    hands.type_key(Key.Key_At, "@", scan=11, modifiers=Mod.ShiftModifier)
    assert hands.asked == [{"key100": "alder"}]
    assert current(hands) == 100
    hands.type_key(Key.Key_1, "1", scan=10)
    assert current(hands) == 101


def test_clicks_stay_where_they_are(hands: Hands) -> None:
    page, grid = hands.page, hands.grid
    place = grid.tag_rect(page.model.index(3)).center()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert current(hands) == 103
    QTest.mouseClick(page.preview.positive, Qt.MouseButton.LeftButton)
    assert current(hands) == 103
    point = grid.visualRect(page.model.index(3)).center()
    grid.customContextMenuRequested.emit(point)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    [stay] = [action for action in menu.actions() if action is page.actions_.negative_stay]
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(stay).center())
    assert [list(changes) for changes in hands.asked] == [["key103"]] * 3
    assert current(hands) == 103


def test_the_menu_does_what_the_key_beside_it_does(hands: Hands) -> None:
    actions = hands.page.actions_
    actions.negative.trigger()
    assert current(hands) == 101
    actions.confirm.trigger()
    assert current(hands) == 102
    actions.positive_stay.trigger()
    actions.confirm_stay.trigger()
    assert current(hands) == 102
    assert hands.asked == [{"key100": NOT}, {"key101": YES}, {"key102": YES}]
    texts = [one.text().partition("\t")[2] for one in (actions.confirm, actions.positive_stay, actions.confirm_stay)]
    assert texts == ["C", "Shift+A", "Shift+C"]


def test_a_button_of_the_preview_confirms_what_is_not_labeled_yet(hands: Hands) -> None:
    preview = hands.page.preview
    QTest.mouseClick(preview.confirm, Qt.MouseButton.LeftButton)
    assert hands.asked == [{"key100": YES}]
    assert hands.grid.current_photo() is hands.row(100), "buttons stay on the photo"
    hands.learn({}, hands.asked[-1])
    hands.settle()
    assert not preview.confirm.isEnabled()
    place = preview.confirm.geometry()
    hands.press(Key.Key_Right, Mod.ShiftModifier)
    assert preview.confirm.isEnabled(), "one of the two has no label"
    assert preview.confirm.geometry() == place
    QTest.mouseClick(preview.confirm, Qt.MouseButton.LeftButton)
    assert "key101" in hands.asked[-1]
