"""The dialog with the keyboard shortcuts: F1 opens it, it names every key of every menu, and can be copied as text."""

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QMenuBar

from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.help.shortcuts import ShortcutsDialog, groups
from tests.ui.conftest import Hands

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def shortcuts(menu: QMenu | QMenuBar) -> list[tuple[str, str]]:
    """Return the keys of all actions of a menu, with their names, the menus in it included."""
    found = []
    for action in menu.actions():
        inside = action.menu()
        if isinstance(inside, QMenu):
            found += shortcuts(inside)
        name, _tab, shown = action.text().partition("\t")
        # Few keyboards have keys that are called Open or Zoom In. Return is a second name of Enter.
        usual = [
            one for one in action.shortcuts() if one[0].key() < Qt.Key.Key_Back and one[0].key() != Qt.Key.Key_Return
        ]
        keys = [one.toString(QKeySequence.SequenceFormat.NativeText) for one in usual] or [shown]
        found += [(one, name) for one in keys if one]
    return found


def test_every_key_of_every_menu_is_listed(hands: Hands) -> None:
    bar = hands.window.menuBar()
    listed = [keys for group in groups(bar, hands.page.actions_.most_used) for keys, _what in group.rows]
    known = shortcuts(bar)
    assert len(known) > 35
    for keys, name in known:
        assert any(keys in one.split(", ") for one in listed), name
    assert "Ctrl+Enter" in listed, "and no other name for that key"
    [strip] = [group.rows for group in groups(bar) if group.title == "Strip of changed tags"]
    assert [keys for keys, _what in strip] == ["K", "U", "Enter"]
    hands.press(Qt.Key.Key_N)
    rows = [row for group in groups(bar, hands.page.actions_.most_used) for row in group.rows]
    assert [what for keys, what in rows if "Ctrl+Z" in keys] == ["Undo"], "not what would be undone now"
    for group in groups(bar, hands.page.actions_.most_used):
        assert group.title
        assert "&" not in group.title
        assert len(group.rows) == len(set(group.rows))


def test_f1_opens_it_and_it_is_copied_as_text(hands: Hands) -> None:
    hands.page.set_labels(LabelSet("plain", "goat", {"goat": "Goats & <b>kids</b>", "plain": "Plain"}))
    opened: list[str] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, ShortcutsDialog)
        opened.append(dialog.page.toPlainText())
        QTest.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
        QTest.keyClick(dialog, Qt.Key.Key_Escape)

    QTimer.singleShot(0, look)
    hands.press(Qt.Key.Key_F1)
    [words] = opened
    copied = QGuiApplication.clipboard().text()
    for page in (words, copied):
        assert "Tag as Goats & <b>kids</b>" in page, "a name is not markup"
        assert "Flip the tag" in page
        assert "Shift+G" in page
    lines = copied.splitlines()
    first = lines[1 : lines.index("Among the photos") - 1]
    assert [line.split()[0] for line in first] == ["G", "P", "C", "Space", "Backspace", "Ctrl+Right", "Enter", "W", "X"]
    assert len({line.index("Tag as") for line in lines if "Tag as" in line}) == 1, "in columns"
