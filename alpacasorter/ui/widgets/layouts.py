"""A layout that wraps its widgets like words, and what the tables of the dialogs have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from PySide6.QtCore import QEvent, QMargins, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLayout,
    QLayoutItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QWidget,
)


class FlowLayout(QLayout):
    """Places widgets side by side and continues in the next line, like the words of a text.

    Space is reserved for hidden widgets, so that nothing below moves when one is shown. If a line has space for all but
    those that are hidden most of the time, all get narrower instead of leaving the next line empty for those; if that
    does not suffice, the last one of the others goes into the next line too.
    """

    def __init__(self, parent: QWidget, margins: QMargins, spacing: int) -> None:
        """Lay out the widgets that are added, `spacing` pixels apart."""
        # Setting the margins forgets them already.
        self._heights: dict[int, int] = {}
        super().__init__(parent)
        self.setContentsMargins(margins)
        self._gap = spacing
        self._items: list[QLayoutItem] = []
        self._seldom: frozenset[QWidget] = frozenset()
        self._spare = 0

    def set_seldom(self, widgets: Collection[QWidget], *, spare: int) -> None:
        """Set which widgets are hidden most of the time, and how much narrower every widget can be, pixels."""
        self._seldom, self._spare = frozenset(widgets), spare
        self.invalidate()

    # Qt's interface

    def addItem(self, item: QLayoutItem) -> None:
        """Append an item."""
        self._items.append(item)

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return an item; None if there is none."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Remove and return an item; None if there is none."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """It never takes more space than it needs."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """Its height depends on its width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height needed at a width, with all widgets shown."""
        # The window asks for it a dozen times whenever a text anywhere in it has another length, as at each key.
        height = self._heights.get(width)
        if height is None:
            height = self._heights[width] = self._place(QRect(0, 0, width, 0), self._items, move=False)
        return height

    def invalidate(self) -> None:
        """Forget the heights, because a widget has another size or was shown."""
        self._heights.clear()
        super().invalidate()

    def sizeHint(self) -> QSize:
        """Return the smallest size: the widest widget alone in a line."""
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        """Return the smallest size: the widest widget alone in a line."""
        size = QSize()
        for item in self._items:
            size = size.expandedTo(_size(item))
        return size.grownBy(self.contentsMargins())

    def setGeometry(self, rect: QRect) -> None:
        """Place the widgets that are shown."""
        super().setGeometry(rect)
        shown = [item for item in self._items if (widget := item.widget()) is None or not widget.isHidden()]
        self._place(rect, shown, move=True)

    def _place(self, rect: QRect, items: Sequence[QLayoutItem], *, move: bool) -> int:
        """Place items if `move`; return the height that all take."""
        area = rect.marginsRemoved(self.contentsMargins())
        narrower, nearer = self._squeeze(area.width())
        top, line_height = area.top(), 0
        for number, line in enumerate(self._lines(area.width(), narrower, nearer)):
            top += line_height + self._gap if number else 0
            left, line_height = area.left(), 0
            for item in line:
                size = _size(item)
                size.setWidth(size.width() - narrower)
                line_height = max(line_height, size.height())
                if move and item in items:
                    item.setGeometry(QRect(QPoint(left, top), size))
                    left += size.width() + self._gap - nearer
        return top + line_height + self.contentsMargins().bottom() - rect.top()

    def _lines(self, room: int, narrower: int, nearer: int) -> list[list[QLayoutItem]]:
        """Return all items by line. A line that would hold only seldom widgets begins with the one before them."""
        lines: list[list[QLayoutItem]] = [[]]
        left = 0

        def width(item: QLayoutItem) -> int:
            return _size(item).width() - narrower + self._gap - nearer

        for item in self._items:
            if lines[-1] and left + width(item) - self._gap + nearer > room:
                lines.append([])
                left = 0
            lines[-1].append(item)
            left += width(item)
        last = lines[-1]
        if len(lines) > 1 and len(lines[-2]) > 1 and all(item.widget() in self._seldom for item in last):
            moved = lines[-2][-1]
            if sum(map(width, (moved, *last))) - self._gap + nearer <= room:
                last.insert(0, lines[-2].pop())
        return lines

    def _squeeze(self, room: int) -> tuple[int, int]:
        """Return by how much all are narrower and nearer, pixels: 0 unless that saves a line for seldom widgets."""
        widths = [(_size(item).width() + self._gap, item.widget() in self._seldom) for item in self._items]
        over = sum(width for width, _seldom in widths) - self._gap - room
        usual = sum(width for width, seldom in widths if not seldom) - self._gap
        count = max(1, len(widths))
        nearer = self._gap // 2
        if over <= 0 or usual > room or over > (self._spare + nearer) * count - nearer:
            return 0, 0
        narrower = min(self._spare, -(-over // count))
        return narrower, 0 if over <= narrower * count else nearer


def keep_texts_whole(dialog: QWidget) -> None:
    """Keep a dialog high enough for its wrapped texts, which need more lines the narrower it is made."""
    dialog.installEventFilter(_HeightForWidth(dialog))


class _HeightForWidth(QObject):
    """Sets the minimum height of a window to what its layout needs at the width that it has; Qt leaves that out."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest, QEvent.Type.Show):
            window = self.parent()
            layout = window.layout() if isinstance(window, QWidget) else None
            if isinstance(window, QWidget) and layout is not None:
                needed = layout.totalMinimumHeightForWidth(window.width())
                # Negative before the layout knows that it has such texts.
                window.setMinimumHeight(max(0, min(needed, window.screen().availableSize().height())))
        return False


def _size(item: QLayoutItem) -> QSize:
    # The item's own hint is empty while its widget is hidden.
    widget = item.widget()
    if widget is None:
        return item.sizeHint()
    return widget.sizeHint().expandedTo(widget.minimumSize()).boundedTo(widget.maximumSize())


_ROW_PADDING: Final = 8
"""By how much a row is higher than its text, pixels."""


class PaddedDelegate(QStyledItemDelegate):
    """Leaves a little space above and below the text of a row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the size of a cell."""
        wanted = super().sizeHint(option, index)
        return QSize(wanted.width(), max(wanted.height(), option.fontMetrics.height() + _ROW_PADDING))


class EndElided(PaddedDelegate):
    """Elides the end of a long text, as is right for sentences; for paths it is the middle."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Set the elide mode."""
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideRight


def prepare_table(table: QTreeWidget, columns: Sequence[str], name: str) -> None:
    """Make a tree widget a table whose rows can be selected, one at a time, but not edited.

    Args:
        table: the widget.
        columns: the titles of the columns.
        name: what a screen reader calls the table.
    """
    table.setColumnCount(len(columns))
    table.setHeaderLabels(list(columns))
    table.setRootIsDecorated(False)
    table.setUniformRowHeights(True)
    table.setItemDelegate(PaddedDelegate(table))
    table.setAllColumnsShowFocus(True)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setAccessibleName(name)
    table.header().setSectionsMovable(False)
