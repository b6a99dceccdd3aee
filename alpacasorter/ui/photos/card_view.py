"""A list view of cards in lines, with a heading above each folder that stays in view while its photos are."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QRubberBand,
    QStyle,
    QStyleOptionRubberBand,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.photos.delegate import PhotoDelegate
from alpacasorter.ui.photos.layout import CardLayout
from alpacasorter.ui.photos.model import Index, PhotoModel
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text

_Flag = QItemSelectionModel.SelectionFlag
_BESIDE = 12
_TIP_BELOW = 16
"""How far below the place that it is given Qt shows a tool tip: the height of a mouse pointer, pixels."""
_ENDS = frozenset((Qt.Key.Key_Home, Qt.Key.Key_End))
_MOVES = _ENDS | {
    *(Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down),
    *(Qt.Key.Key_PageUp, Qt.Key.Key_PageDown),
}
_STATES = QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus


class CardView(QListView):
    """Shows a PhotoModel as cells of the size of its grid, in as many columns as there is space for.

    It is a list view because screen readers know those. But Qt's own layout takes longer the more photos there are, and
    knows no headings, so everything that has to do with places is done here, by arithmetic.

    A click on a heading selects the photos below it; with Ctrl or Shift, besides those that are selected.
    """

    def __init__(self, model: PhotoModel, delegate: PhotoDelegate, theme: Theme, parent: QWidget | None = None) -> None:
        """Show `model`."""
        super().__init__(parent)
        self._model = model
        self._theme = theme
        self.delegate = delegate
        self._layout_key: object = None
        self._layout = CardLayout(0, (), 1, QSize(1, 1), 0)
        self._pressed_at = QPoint()
        self._band: QRect | None = None
        self._hot_heading = -1
        self._away: dict[tuple[range, int], int] = {}
        self._across, self._heading = 1, 0
        self.setItemDelegate(delegate)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)

    # Where everything is

    @property
    def cards(self) -> CardLayout:
        """Where the cards are."""
        model = self._model
        key = (model.changes, self._across, self.gridSize(), self.covered)
        if key != self._layout_key:
            self._layout_key = key
            self._away.clear()
            self._layout = CardLayout(model.rowCount(), model.sections, self._across, self.gridSize(), self.covered)
        return self._layout

    def set_cell(self, cell: QSize) -> None:
        """Set the size of a cell, and use as many columns as there is space for now."""
        columns = max(1, self.viewport().width() // max(1, cell.width()))
        heading = self.fontMetrics().height() + 14
        if (cell, columns, heading) != (self.gridSize(), self._across, self._heading):
            self._across, self._heading = columns, heading
            self.setGridSize(cell)

    @property
    def covered(self) -> int:
        """How much of the top of the view a heading covers, pixels; that is the height of a heading."""
        return self._heading if self._model.sections else 0

    def verticalOffset(self) -> int:
        """Return how far the list is scrolled, pixels."""
        return self.verticalScrollBar().value()

    def horizontalOffset(self) -> int:
        """Return 0: the list is never scrolled sideways."""
        return 0

    def visualRect(self, index: Index) -> QRect:
        """Return the cell of a photo, in the coordinates of the viewport."""
        if not index.isValid() or index.row() >= self._model.rowCount():
            return QRect()
        return self.cards.rect(index.row()).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        """Return the photo whose card is at a point of the viewport; between the cards there is none."""
        if self.heading_at(point) is not None:
            return QModelIndex()
        place = self.cards.place_at(point + QPoint(0, self.verticalOffset()))
        index = QModelIndex() if place is None else self._model.index(place)
        if index.isValid() and self.delegate.card_rect(self.visualRect(index)).contains(point):
            return index
        return QModelIndex()

    def visible_rows(self) -> range:
        """Return the positions in view."""
        top = self.verticalOffset()
        return self.cards.places(top, top + self.viewport().height() - 1)

    def headings(self) -> list[tuple[int, QRect]]:
        """Return the headings in view, in the coordinates of the viewport: sections and where their headings are.

        That of the photos at the top stays there until the next one pushes it out.
        """
        if not self._model.sections:
            return []
        top, height, width = self.verticalOffset(), self.covered, self.viewport().width()
        found = []
        for section in self.cards.sections(top, top + self.viewport().height() - 1):
            begins, ends = self.cards.heading(section)
            found.append((section, QRect(0, max(begins, min(top, ends - height)) - top, width, height)))
        return found

    def heading_at(self, point: QPoint) -> int | None:
        """Return the section whose heading is at a point of the viewport; None if there is none."""
        return next((section for section, rect in self.headings() if rect.contains(point)), None)

    # What Qt asks of a view

    def doItemsLayout(self) -> None:
        """Lay out the cells."""
        QAbstractItemView.doItemsLayout(self)

    def updateGeometries(self) -> None:
        """Set how far the list can be scrolled."""
        QAbstractItemView.updateGeometries(self)
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height() - self.covered)
        bar.setRange(0, max(0, self.cards.height - self.viewport().height()))

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Scroll; the heading at the top stays where it is."""
        super().scrollContentsBy(dx, dy)
        if self._band is not None:
            self.viewport().update()
        elif covered := self.covered:
            # Also where it was and has been scrolled to.
            self.viewport().update(0, 0, self.viewport().width(), covered + max(0, dy))

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        """Scroll so that a photo is in view, below the heading."""
        if not index.isValid():
            return
        self.updateGeometries()
        rect, bar, hints = self.visualRect(index), self.verticalScrollBar(), QAbstractItemView.ScrollHint
        covered, height = self.covered, self.viewport().height()
        above, below = rect.top() - covered, rect.bottom() + 1 - height
        if hint == hints.PositionAtCenter:
            bar.setValue(bar.value() + rect.center().y() - (covered + height) // 2)
        elif hint == hints.PositionAtTop or above < 0:
            bar.setValue(bar.value() + above)
        elif hint == hints.PositionAtBottom or below > 0:
            # If the view is too low for both, the top counts.
            bar.setValue(bar.value() + min(below, above))

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Return the photo to which a key goes."""
        count, moves = self._model.rowCount(), QAbstractItemView.CursorAction
        if not count:
            return QModelIndex()
        current = self.currentIndex()
        if not current.isValid():
            return self._model.index(0)
        place, cards = current.row(), self.cards
        page = max(1, self.viewport().height() - self.covered - self.gridSize().height() // 2)
        match action:
            case moves.MoveLeft | moves.MovePrevious:
                place -= 1
            case moves.MoveRight | moves.MoveNext:
                place += 1
            case moves.MoveUp:
                place = cards.line_away(place, -1)
            case moves.MoveDown:
                place = cards.line_away(place, 1)
            case moves.MovePageUp:
                place = cards.page_away(place, -page)
            case moves.MovePageDown:
                place = cards.page_away(place, page)
            case moves.MoveHome:
                place = 0
            case moves.MoveEnd:
                place = count - 1
        return self._model.index(max(0, min(place, count - 1)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Select only the photo to which a key without Shift goes, also if it was the current one of several.

        Ctrl with an arrow key leaves the selection alone, so that Ctrl+Space can choose photo by photo.
        """
        super().keyPressEvent(event)
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        moves = {Qt.KeyboardModifier.NoModifier: _MOVES, Qt.KeyboardModifier.ControlModifier: _ENDS}
        if event.key() in moves.get(held, ()) and self.currentIndex().isValid():
            self.selectionModel().select(self.currentIndex(), _Flag.ClearAndSelect)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """Select the photos whose cards a rubber band touches, what was clicked, or all from one photo to another."""
        if self.state() == QListView.State.DragSelectingState or rect.size() == QSize(1, 1):
            self.selectionModel().select(self._touched(rect), command)
        elif self._model.rowCount():
            down = QPoint(0, self.verticalOffset())
            # Its corners are the centers of two cells, in any order.
            corners = (rect.topLeft() + down, rect.bottomRight() + down)
            first, last = sorted(map(self.cards.nearest, corners))
            self.selectionModel().select(QItemSelection(self._model.index(first), self._model.index(last)), command)

    def _touched(self, rect: QRect) -> QItemSelection:
        """Return the photos whose cards touch a rectangle of the viewport, whose corners may be in any order."""
        model, touched = self._model, QItemSelection()
        band = QRect(
            QPoint(min(rect.left(), rect.right()), min(rect.top(), rect.bottom())),
            QPoint(max(rect.left(), rect.right()), max(rect.top(), rect.bottom())),
        ).translated(0, self.verticalOffset())
        cell = QRect(QPoint(0, 0), self.gridSize())
        card = self.delegate.card_rect(cell)
        first: int | None = None
        last = -1
        for top, places in self.cards.lines(band.top(), band.bottom()):
            if top + card.top() > band.bottom() or top + card.bottom() < band.top():
                continue
            # Those from the left edge to the right edge of the band.
            least = max(0, -((card.right() - band.left()) // cell.width()))
            most = (band.right() - card.left()) // cell.width()
            inside = places[least : most + 1] if most >= 0 else range(0)
            if not inside:
                continue
            if first is not None and inside.start != last + 1:
                touched.select(model.index(first), model.index(last))
                first = None
            first, last = inside.start if first is None else first, inside.stop - 1
        if first is not None:
            touched.select(model.index(first), model.index(last))
        return touched

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        """Return where photos of a selection are in view."""
        region, rows = QRegion(), self.visible_rows()
        for part in map(selection.at, range(selection.count())):
            for place in range(max(part.top(), rows.start), min(part.bottom() + 1, rows.stop)):
                region += self.visualRect(self._model.index(place))
        return region

    # Headings

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select the photos below a heading that is clicked; elsewhere, as in any list."""
        point = event.position().toPoint()
        section = self.heading_at(point)
        if section is None:
            self._pressed_at = point + QPoint(0, self.verticalOffset())
            self._band = None
            super().mousePressEvent(event)
            return
        if event.button() == Qt.MouseButton.LeftButton:
            more = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
            self.select_section(section, _Flag.Select if more else _Flag.ClearAndSelect)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Treat a double click on a heading as a click."""
        if self.heading_at(event.position().toPoint()) is None:
            super().mouseDoubleClickEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the rubber band, and show which heading can be clicked."""
        point = event.position().toPoint()
        super().mouseMoveEvent(event)
        if self.state() == QListView.State.DragSelectingState:
            self._band = QRect(self._pressed_at, point + QPoint(0, self.verticalOffset())).normalized()
            self.viewport().update()
        heading = None if event.buttons() else self.heading_at(point)
        self._set_hot_heading(-1 if heading is None else heading)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Remove the rubber band."""
        super().mouseReleaseEvent(event)
        if self._band is not None:
            self._band = None
            self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        """The mouse is no longer over a heading."""
        self._set_hot_heading(-1)
        super().leaveEvent(event)

    def _set_hot_heading(self, section: int) -> None:
        if section != self._hot_heading:
            self._hot_heading = section
            self.viewport().update()

    def select_section(self, section: int, command: QItemSelectionModel.SelectionFlag = _Flag.ClearAndSelect) -> None:
        """Select the photos of a section; the first one becomes the current one. Nothing is scrolled."""
        places = self.cards.places_in(section)
        first, last = self._model.index(places.start), self._model.index(places.stop - 1)
        self.setAutoScroll(False)
        self.selectionModel().setCurrentIndex(first, _Flag.NoUpdate)
        self.setAutoScroll(True)
        self.selectionModel().select(QItemSelection(first, last), command)

    def viewportEvent(self, event: QEvent) -> bool:
        """Say what a heading is and what a click on it does."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            section = self.heading_at(event.pos())
            if section is not None:
                folder = self._model.listed[self.cards.places_in(section).start].folder
                words = _("{folder}\nClick to select the photos in it.").format(folder=text.folder(folder))
                QToolTip.showText(event.globalPos(), words, self.viewport())
                return True
            index = self.indexAt(event.pos())
            if index.isValid():
                # Below the card, where it covers no tag, neither of this photo nor of another one.
                cell = self.visualRect(index)
                card = self.delegate.card_rect(cell)
                below = min(card.bottom() + 2, self.viewport().height()) - _TIP_BELOW
                where = self.viewport().mapToGlobal(QPoint(card.left(), below))
                QToolTip.showText(where, index.data(Qt.ItemDataRole.ToolTipRole), self.viewport(), cell)
                return True
        return super().viewportEvent(event)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the cards in view, then the headings, then the rubber band."""
        # What was in view is brought back only when the cards are laid out; no frame may show them moved before that.
        self.executeDelayedItemsLayout()
        painter = QPainter(self.viewport())
        area, down, model, selection = event.rect(), self.verticalOffset(), self._model, self.selectionModel()
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        usual = option.state & ~_STATES
        current = self.currentIndex().row() if self.hasFocus() or self.viewport().hasFocus() else -1
        grid, paint = self.gridSize(), self.delegate.paint
        for top, places in self.cards.lines(area.top() + down, area.bottom() + down):
            for column, place in enumerate(places):
                index, state = model.index(place), usual
                if selection.isSelected(index):
                    state |= QStyle.StateFlag.State_Selected
                if place == current:
                    state |= QStyle.StateFlag.State_HasFocus
                option.rect = QRect(QPoint(column * grid.width(), top - down), grid)
                option.state = state
                paint(painter, option, index)
        for section, rect in self.headings():
            if rect.intersects(area):
                self._paint_heading(painter, section, rect)
        if self._band is not None:
            band = QStyleOptionRubberBand()
            band.initFrom(self)
            band.shape = QRubberBand.Shape.Rectangle
            band.opaque = False
            band.rect = self._band.translated(0, -down)
            self.style().drawControl(QStyle.ControlElement.CE_RubberBand, band, painter)
        painter.end()

    def heading_count(self, places: range) -> str:
        """Return how many photos a heading has below it; they are at `places`. Those moved away count separately."""
        # Translators: below the name of a folder in the list.
        away = self._moved_away(places)
        here = len(places) - away
        count = ngettext("{count} photo", "{count} photos", here).format(count=number(here))
        if away:
            # Translators: beside the name of a folder in the list; {photos} is as in "5 photos".
            moved = ngettext("{photos}, {count} moved away", "{photos}, {count} moved away", away)
            count = moved.format(photos=count, count=number(away))
        return count

    def on_moved(self) -> None:
        """Photos were moved to other folders: say so in the headings."""
        self._away.clear()
        self.viewport().update()

    def _moved_away(self, places: range) -> int:
        known = (places, self._model.rowCount())
        if known not in self._away:
            self._away[known] = sum(row.is_away for row in self._model.listed[places.start : places.stop])
        return self._away[known]

    def _paint_heading(self, painter: QPainter, section: int, rect: QRect) -> None:
        colors, places = self._theme.colors, self.cards.places_in(section)
        painter.fillRect(rect, QColor(colors.raised if section == self._hot_heading else colors.window))
        painter.setPen(QColor(colors.border))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        bold = QFont(self.font())
        bold.setWeight(QFont.Weight.DemiBold)
        count = self.heading_count(places)
        room = rect.adjusted(_BESIDE, 0, -_BESIDE, 0)
        beside = self.fontMetrics().horizontalAdvance(count) + _BESIDE
        metrics, one_line = QFontMetrics(bold), Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        name = self._model.folder_name(self._model.listed[places.start].folder)
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room.width() - beside)
        painter.setFont(bold)
        painter.setPen(QColor(colors.text))
        painter.drawText(room, one_line, shown)
        painter.setFont(self.font())
        painter.setPen(QColor(colors.muted))
        painter.drawText(room.adjusted(metrics.horizontalAdvance(shown) + _BESIDE, 0, 0, 0), one_line, count)
