"""Do the tests of the window's language see what a user sees?"""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QStringListModel
from PySide6.QtGui import QAction, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QTabWidget,
    QTextBrowser,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.window_texts import cut_off, painted, shared_mnemonics, texts

LONG = "Words that need a good deal of room"


@pytest.fixture
def top(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    widget.setWindowTitle("window title")
    widget.resize(600, 400)
    qtbot.addWidget(widget)
    return widget


def said(top: QWidget) -> set[str]:
    return {text for _kind, text in texts(top) if text}


def test_everything_is_read(top: QWidget) -> None:
    action = QAction("action text\tKey", top)
    action.setToolTip("action tip")
    top.addAction(action)
    label = QLabel("<b>label</b> text", top)
    label.setToolTip("<p>label tip</p>")
    label.setAccessibleName("label name")
    label.setAccessibleDescription("label description")
    QPushButton("button text", top)
    QCheckBox("check text", top)
    QGroupBox("group title", top)
    QLineEdit(top).setPlaceholderText("placeholder")
    box = QComboBox(top)
    box.addItems(["first item", "second item"])
    number = QSpinBox(top)
    number.setPrefix("before ")
    number.setSuffix(" after")
    tabs = QTabWidget(top)
    tabs.addTab(QLabel("hidden page", tabs), "tab text")
    tree = QTreeWidget(top)
    tree.setHeaderLabels(["header one", "header two"])
    parent = QTreeWidgetItem(tree, ["row one", "cell two"])
    QTreeWidgetItem(parent, ["row below"])
    model = QStringListModel(["list row"], top)
    view = QListView(top)
    view.setModel(model)
    browser = QTextBrowser(top)
    browser.setHtml("<p>page text</p>")
    found = said(top)
    assert found >= {
        *("window title", "action text", "action tip", "label text", "label tip", "label name", "label description"),
        *("button text", "check text", "group title", "placeholder", "first item", "second item", "hidden page"),
        *("tab text", "header one", "header two", "row one", "cell two", "row below", "list row", "page text"),
    }
    assert any("before" in text and "after" in text for text in found)


class Painted(QWidget):
    """Paints its words."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawText(0, 20, "painted words")
        painter.end()


def test_what_is_painted_is_read(top: QWidget) -> None:
    before = QPainter.drawText
    Painted(top).resize(200, 40)
    with painted() as words:
        top.grab()
    assert words == ["painted words"]
    assert QPainter.drawText is before


def narrow(widget: QWidget) -> QWidget:
    widget.setFixedWidth(60)
    return widget


def tabs() -> QWidget:
    widget = QTabWidget()
    for number in range(5):
        widget.addTab(QWidget(), f"{LONG} {number}")
    return widget


def combo() -> QWidget:
    box = QComboBox()
    box.addItem(LONG)
    return box


def placeholder() -> QWidget:
    line = QLineEdit()
    line.setPlaceholderText(LONG)
    return line


def number() -> QWidget:
    box = QSpinBox()
    box.setSuffix(f" {LONG}")
    return box


def wrapped() -> QWidget:
    label = QLabel(f"{LONG}. {LONG}. {LONG}.")
    label.setWordWrap(True)
    label.setFixedHeight(20)
    return label


def header() -> QWidget:
    tree = QTreeWidget()
    tree.setHeaderLabels([LONG, LONG])
    tree.setColumnWidth(0, 30)
    return tree


@pytest.mark.parametrize(
    "make",
    [
        lambda: narrow(QLabel(LONG)),
        lambda: narrow(QPushButton(LONG)),
        lambda: narrow(QCheckBox(LONG)),
        lambda: narrow(QGroupBox(LONG)),
        lambda: narrow(combo()),
        lambda: narrow(placeholder()),
        lambda: narrow(number()),
        lambda: narrow(wrapped()),
        tabs,
        header,
    ],
)
def test_what_is_cut_off_is_found(qtbot: QtBot, top: QWidget, make: Callable[[], QWidget]) -> None:
    widget = make()
    row = QHBoxLayout(top)
    row.addWidget(widget)
    top.resize(300, 200)
    top.show()
    qtbot.waitExposed(top)
    found = list(cut_off(top))
    assert found
    assert all((LONG in text or text in LONG) and "lacks" in why for _kind, text, why in found)


def test_what_a_parent_hides_is_cut_off(qtbot: QtBot, top: QWidget) -> None:
    frame = QWidget(top)
    frame.resize(80, 40)
    label = QLabel(LONG, frame)
    label.adjustSize()
    top.show()
    qtbot.waitExposed(top)
    assert [text for _kind, text, _why in cut_off(top)] == [LONG]


class Elided(QLabel):
    """Paints as much of its words as there is room for."""

    def paintEvent(self, event: QPaintEvent) -> None:
        pass


def test_what_is_wholly_seen_is_not_cut_off(qtbot: QtBot, top: QWidget) -> None:
    column = QVBoxLayout(top)
    many = QLabel(f"{LONG}. {LONG}. {LONG}.")
    many.setWordWrap(True)
    icon = QToolButton()
    icon.setText(LONG)
    icon.setIcon(top.style().standardIcon(top.style().StandardPixmap.SP_DirIcon))
    icon.setFixedWidth(30)
    for widget in (QLabel(LONG), many, QPushButton(LONG), QCheckBox(LONG), combo(), placeholder(), number(), icon):
        column.addWidget(widget)
    column.addWidget(narrow(Elided(LONG)))
    hidden = narrow(QLabel(LONG))
    column.addWidget(hidden)
    hidden.hide()
    top.show()
    qtbot.waitExposed(top)
    assert list(cut_off(top)) == []


def test_shared_mnemonics_are_found(top: QWidget) -> None:
    stack = QStackedWidget(top)
    for words in ("&First", "F&inish"):
        page = QWidget()
        QPushButton(words, page)
        stack.addWidget(page)
    for words in ("&Open", "C&&&lose", "Rock & roll"):
        QPushButton(words, top)
    label = QLabel("Fo&lder", top)
    assert shared_mnemonics(top) == {}
    label.setBuddy(stack)
    assert shared_mnemonics(top) == {"L": ["C&&&lose", "Fo&lder"]}
    QCheckBox("&Fold", top).hide()
    assert shared_mnemonics(top).keys() == {"L", "F"}
    menu = QMenu(top)
    for words in ("&Help\tF1", "Hel&p", "Ex&port\tCtrl+P"):
        menu.addAction(words)
    assert shared_mnemonics(menu) == {"P": ["Hel&p", "Ex&port\tCtrl+P"]}
