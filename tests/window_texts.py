"""All that can be read in a widget, and what of it is cut off."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Collection, Iterator
from types import FunctionType
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, QObject, QRect, Qt
from PySide6.QtGui import QAction, QKeySequence, QPainter, QTextDocument
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMenu,
    QMenuBar,
    QMessageBox,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QSpinBox,
    QStackedWidget,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QTextEdit,
    QToolButton,
    QWidget,
)

from tests.pseudo import accented, unaccented

_MOST_ROWS = 50
_LONGEST_DOCUMENT = 2000
"""Letters; longer ones are licences and model cards, which are somebody else's words."""
_SLACK = 2
"""Pixels by which the hint of a style may be more than it needs."""

Text = tuple[str, str]
"""What kind of text it is, and the text."""


def texts(top: QWidget) -> Iterator[Text]:
    """Yield each text of a widget and all inside it, hidden ones too: they are shown at another time."""
    if top.isWindow():
        yield "title", top.windowTitle()
    for widget in (top, *top.findChildren(QWidget)):
        yield from _of_widget(widget)
    for action in top.findChildren(QAction):
        yield from _of_action(action)


def _of_action(action: QAction) -> Iterator[Text]:
    # After a tab stands the name of a key.
    yield "action", action.text().partition("\t")[0]
    yield "action on a tool bar", action.iconText()
    yield "tool tip of an action", _plain(action.toolTip())
    yield "status tip of an action", action.statusTip()


def _of_widget(widget: QWidget) -> Iterator[Text]:
    kind = type(widget).__name__
    yield f"tool tip of {kind}", _plain(widget.toolTip())
    yield f"status tip of {kind}", widget.statusTip()
    yield f"accessible name of {kind}", widget.accessibleName()
    yield f"accessible description of {kind}", widget.accessibleDescription()
    match widget:
        case QLabel() | QAbstractButton():
            yield kind, _plain(widget.text())
        case QGroupBox() | QMenu():
            yield kind, widget.title()
        case QLineEdit():
            yield f"placeholder of {kind}", widget.placeholderText()
            # The text in a spin box or combo box is checked below.
            if widget.isReadOnly() and widget.parent() is not None and not isinstance(widget.parent(), QSpinBox):
                yield kind, widget.text()
        case QTextEdit() | QPlainTextEdit():
            yield f"placeholder of {kind}", widget.placeholderText()
            if widget.isReadOnly() and len(words := widget.toPlainText()) < _LONGEST_DOCUMENT:
                yield kind, words
        case QSpinBox():
            yield kind, f"{widget.prefix()} {widget.suffix()} {widget.specialValueText()}"
        case QProgressBar():
            yield kind, widget.format() if widget.isTextVisible() else ""
        case QTabBar():
            for place in range(widget.count()):
                yield kind, widget.tabText(place)
                yield f"tool tip of {kind}", _plain(widget.tabToolTip(place))
        case QComboBox():
            yield from _of_model(kind, widget.model())
        case QMessageBox():
            yield kind, f"{_plain(widget.text())} {_plain(widget.informativeText())}"
        case QHeaderView():
            pass
        case QAbstractItemView() if widget.model() is not None:
            yield from _of_model(kind, widget.model())
        case _:
            pass


def _of_model(kind: str, model: QAbstractItemModel, below: QModelIndex | None = None) -> Iterator[Text]:
    parent, role = below or QModelIndex(), Qt.ItemDataRole
    # A list keeps to itself that it has one column.
    flat = isinstance(model, QAbstractListModel)
    rows, columns = min(model.rowCount(parent), _MOST_ROWS), 1 if flat else model.columnCount(parent)
    if below is None:
        for section in range(columns):
            for which in (role.DisplayRole, role.ToolTipRole):
                yield f"header of {kind}", _said(model.headerData(section, Qt.Orientation.Horizontal, which))
    for row in range(rows):
        for column in range(columns):
            index = model.index(row, column, parent)
            for which in (role.DisplayRole, role.ToolTipRole, role.AccessibleTextRole, role.AccessibleDescriptionRole):
                yield f"item of {kind}", _said(index.data(which))
            if column == 0 and not flat and model.hasChildren(index):
                yield from _of_model(kind, model, index)


def _said(value: object) -> str:
    return _plain(value) if isinstance(value, str) else ""


def _plain(words: str) -> str:
    if not re.search(r"</?[a-zA-Z][^<>]*>", words):
        return words
    document = QTextDocument()
    document.setHtml(words)
    return html.unescape(document.toPlainText())


def shared_mnemonics(top: QWidget) -> dict[str, list[str]]:
    """Return the letters that stand for more than one thing in a menu or window, and the texts of these things.

    Hidden things count too, because they are shown at another time; but not two that are on different pages.
    """
    if isinstance(top, QMenu | QMenuBar):
        return _shared([(action.text(), ()) for action in top.actions()])
    found = []
    for widget in top.findChildren(QWidget):
        if widget.window() is not top.window():
            continue
        match widget:
            case QLabel() if widget.buddy() is not None:
                texts_of = [widget.text()]
            case QAbstractButton():
                texts_of = [widget.text()]
            case QGroupBox():
                texts_of = [widget.title()]
            case QTabBar():
                texts_of = [widget.tabText(place) for place in range(widget.count())]
            case _:
                continue
        found += [(text, _pages_of(widget)) for text in texts_of]
    if isinstance(top, QMainWindow):
        found += [(action.text(), ()) for action in top.menuBar().actions()]
    return _shared(found)


def _pages_of(widget: QWidget) -> tuple[tuple[QStackedWidget, QWidget], ...]:
    """Return the pages on which a widget is, each with its stack."""
    pages = []
    while (parent := widget.parentWidget()) is not None:
        if isinstance(parent, QStackedWidget):
            pages.append((parent, widget))
        widget = parent
    return tuple(pages)


def _shared(things: list[tuple[str, tuple[tuple[QStackedWidget, QWidget], ...]]]) -> dict[str, list[str]]:
    shared: dict[str, list[str]] = {}
    by_letter: dict[str, list[tuple[str, dict[QStackedWidget, QWidget]]]] = {}
    for text, pages in things:
        letter = QKeySequence.mnemonic(text.partition("\t")[0]).toString().rpartition("+")[2]
        mine = dict(pages)
        for other, theirs in by_letter.get(letter, []) if letter else []:
            if all(theirs.get(stack, page) is page for stack, page in mine.items()):
                shared.setdefault(letter, [other]).append(text)
        by_letter.setdefault(letter, []).append((text, mine))
    return shared


@contextlib.contextmanager
def painted() -> Iterator[list[str]]:
    """Collect all texts that Python code paints meanwhile."""
    found: list[str] = []
    before = QPainter.drawText

    def draw(painter: QPainter, *arguments: Any) -> Any:
        found.extend(one for one in arguments if isinstance(one, str))
        return before(painter, *arguments)

    QPainter.drawText = draw  # type: ignore[method-assign]
    try:
        yield found
    finally:
        QPainter.drawText = before  # type: ignore[method-assign]


# What is cut off


def stretch(top: QWidget, names: Collection[str]) -> None:
    """Make all that is not translated as long as if it were."""
    for widget in top.findChildren(QWidget):
        match widget:
            case QLabel() | QAbstractButton() if unaccented(_plain(widget.text()), names):
                widget.setText(accented(widget.text()))
            case QGroupBox() if unaccented(widget.title(), names):
                widget.setTitle(accented(widget.title()))
            case QComboBox():
                for place in range(widget.count()):
                    if unaccented(widget.itemText(place), names):
                        widget.setItemText(place, accented(widget.itemText(place)))
            case QTabBar():
                for place in range(widget.count()):
                    if unaccented(widget.tabText(place), names):
                        widget.setTabText(place, accented(widget.tabText(place)))
            case _:
                pass


def cut_off(top: QWidget) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, text, why) of what is shown now and not wholly to be read."""
    for widget in (top, *top.findChildren(QWidget)):
        if widget.isVisible() and widget.window() is top.window():
            for text, why in _cut(widget):
                yield type(widget).__name__, text, why


def _cut(widget: QWidget) -> Iterator[tuple[str, str]]:
    if isinstance(widget, QLabel) and isinstance(type(widget).paintEvent, FunctionType):
        # It shows the middle of a path, or as much of its words as there is room for, and says so by an ellipsis.
        return
    match widget:
        case QLabel():
            if widget.text():
                yield from _cut_label(widget)
        case QToolButton() if widget.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly and widget.icon():
            pass
        case QAbstractButton():
            if widget.text():
                yield from _narrow(widget, widget.text(), widget.minimumSizeHint().width())
        case QComboBox():
            option = QStyleOptionComboBox()
            widget.initStyleOption(option)
            control, field = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
            room = widget.style().subControlRect(control, option, field, widget).width()
            needed = widget.fontMetrics().horizontalAdvance(widget.currentText())
            yield from _narrow(widget, widget.currentText(), widget.width() - room + needed)
        case QGroupBox():
            yield from _narrow(widget, widget.title(), widget.minimumSizeHint().width())
        case QTabBar():
            if not isinstance(widget.parent(), QScrollArea):
                titles = [widget.tabText(place) for place in range(widget.count())]
                yield from _narrow(widget, " | ".join(titles), widget.sizeHint().width())
        case QLineEdit() if not widget.text() and widget.placeholderText():
            margin = widget.width() - widget.contentsRect().width() + 8
            needed = widget.fontMetrics().horizontalAdvance(widget.placeholderText())
            yield from _narrow(widget, widget.placeholderText(), needed + margin)
        case QSpinBox():
            yield from _narrow(widget, widget.text(), widget.sizeHint().width())
        case QHeaderView() if widget.orientation() == Qt.Orientation.Horizontal and widget.model() is not None:
            for section in range(widget.count()):
                if not widget.isSectionHidden(section):
                    words = _said(widget.model().headerData(section, Qt.Orientation.Horizontal))
                    lacking = widget.fontMetrics().horizontalAdvance(words) + _SLACK - widget.sectionSize(section)
                    if words and lacking > 0:
                        yield words, f"lacks {lacking} pixels"
        case _:
            pass


def _cut_label(label: QLabel) -> Iterator[tuple[str, str]]:
    words = _plain(label.text())
    if not label.wordWrap():
        yield from _narrow(label, words, label.sizeHint().width())
        return
    lacking = label.heightForWidth(label.width()) - label.height()
    if lacking > _SLACK:
        yield words, f"lacks {lacking} pixels of height"
    longest = max(re.split(r"[\s\u200b]+", words), key=len)
    needed = label.fontMetrics().horizontalAdvance(longest)
    yield from _narrow(label, longest, needed)


def _narrow(widget: QWidget, text: str, needed: int) -> Iterator[tuple[str, str]]:
    lacking = needed - _room(widget)
    if text and lacking > _SLACK:
        yield text, f"lacks {lacking} pixels"


def _room(widget: QWidget) -> int:
    """Return the width that is seen of a widget: a parent that is too narrow hides the rest of it."""
    rect = widget.rect()
    seen = QRect(rect)
    parent: QObject | None = widget.parentWidget()
    child = widget
    while isinstance(parent, QWidget) and not child.isWindow():
        if isinstance(parent.parentWidget(), QScrollArea):
            # What is outside can be scrolled to.
            break
        seen = seen.intersected(QRect(widget.mapFrom(parent, parent.rect().topLeft()), parent.size()))
        child, parent = parent, parent.parentWidget()
    return seen.width()
