"""The grid of photos: a list view of cards with tags that can be clicked."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QListView, QWidget

from alpacasorter.i18n import _
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.card_view import CardView
from alpacasorter.ui.photos.delegate import PhotoDelegate
from alpacasorter.ui.photos.list_status import paint_empty
from alpacasorter.ui.photos.model import PhotoModel, runs
from alpacasorter.ui.settings import TILE_LEAST, TILE_MOST, TILE_USUAL
from alpacasorter.ui.widgets import keys
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails

_STEP = 24
_SQUEEZE = 0.88
"""Cells may be narrower by this factor if then one more column fits."""
_STRETCH = 1.4
"""Thumbnails may be wider by this factor to fill the view; beyond that there is space between them."""
_SETTLE_MS = 80
_KEYS_ONCE = frozenset((Qt.Key.Key_Space, Qt.Key.Key_Backspace, Qt.Key.Key_Delete, Qt.Key.Key_Return, Qt.Key.Key_Enter))
"""Keys that do something only once, however long they are held."""


class PhotoGrid(CardView):
    """Shows a PhotoModel as cards that fill the width.

    Keys without Ctrl that act on photos are handled here and are no shortcuts of actions, which would act while a menu
    is open too. They arrive here only while the grid has the focus. A letter that is held is passed on again and again,
    but only once the current photo was painted, so that none goes to a photo that nobody has seen.

    The current photo stays in view whatever happens to the size of cells or window and to the photos before it; if it
    was not in view, the photos at the top stay where they are.

    Attributes:
        seen: the photo that was current when it was painted last, here or in the loupe; None if there was none.

    Signals:
        tag_clicked(PhotoRow, str): the user clicked on the tag of a photo; the label that it was shown with.
        in_view(list): paths of photos in view that have no prediction yet, emitted after scrolling has ended.
        flip_pressed: the user pressed the space bar to flip the tags of the selected photos.
        remove_pressed: the user pressed Backspace to remove their labels from the selected photos.
        delete_pressed: the user pressed Delete to reject the selected photos; on a Mac, also Command with Backspace.
        open_pressed: the user wants to see the current photo large, by Enter or a double-click.
        letter_pressed(Letter): the user pressed the key of a letter or digit, by itself or with Shift.
        tile_changed(int): the user changed the size of the photos, pixels.
        drag_wanted: the user drags the selected photos; what is connected returns when they are dropped.
    """

    tag_clicked = Signal(object, str)
    in_view = Signal(list)
    flip_pressed = Signal()
    remove_pressed = Signal()
    delete_pressed = Signal()
    open_pressed = Signal()
    letter_pressed = Signal(object)
    tile_changed = Signal(int)
    drag_wanted = Signal()

    def __init__(self, model: PhotoModel, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        """Show `model`."""
        # The view lays out its cells while it is made.
        self._held: list[tuple[PhotoRow, int]] | None = None
        delegate = PhotoDelegate(model.store, thumbnails, theme)
        super().__init__(model, delegate, theme, parent)
        delegate.setParent(self)
        self.setObjectName("grid")
        self.setAccessibleName(_("Photos"))
        self._thumbnails = thumbnails
        self._thumbnails_for: tuple[QSize, float] = (QSize(), 0.0)
        self._tile = TILE_USUAL
        self.delegate.set_font(self.font())
        self._pressed: tuple[PhotoRow, str, QRect] | None = None
        self._dragged: QMouseEvent | None = None
        self.seen: PhotoRow | None = None
        self._dragged_out = False
        self._empty_text = ""
        # Before the view itself hears of it and forgets where the cells are.
        model.modelAboutToBeReset.connect(self._forget_held)
        model.rowsAboutToBeInserted.connect(self._hold)
        model.rowsAboutToBeRemoved.connect(self._hold)
        self.setModel(model)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always shown: if it appeared while photos are found, the number of columns would change back and forth.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        bar = self.verticalScrollBar()
        bar.setSingleStep(48)
        bar.rangeChanged.connect(lambda _least, most: bar.setEnabled(most > 0))
        self._settled = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settled.timeout.connect(self._on_settled)
        self.verticalScrollBar().valueChanged.connect(self._unsettle)
        model.modelReset.connect(self._unsettle)
        model.rowsInserted.connect(self._unsettle)
        model.rowsRemoved.connect(self._unsettle)
        thumbnails.ready.connect(self._on_thumbnail)
        model.many_changed.connect(self.viewport().update)
        theme.changed.connect(self.viewport().update)
        self.set_tile(TILE_USUAL)

    # Size

    @property
    def tile(self) -> int:
        """Width of a photo that was chosen, pixels; the columns are adjusted to fill the view."""
        return self._tile

    def set_tile(self, width: int) -> None:
        """Choose the width of photos, pixels."""
        self._tile = max(TILE_LEAST, min(TILE_MOST, width))
        self._hold()
        self._fill_width()
        self._restore()

    def step_tile(self, steps: int) -> None:
        """Make photos larger, or smaller with a negative number of steps."""
        self.set_tile(self.tile + steps * _STEP)
        self.tile_changed.emit(self.tile)

    def _columns(self) -> int:
        room = self.viewport().width() - 1
        return max(1, int(room / (self.delegate.cell_width(self.tile) * _SQUEEZE)))

    def _fill_width(self) -> None:
        columns = self._columns()
        share = (self.viewport().width() - 1) // columns
        tile = max(TILE_LEAST // 2, min(share - self.delegate.cell_width(0), round(self.tile * _STRETCH)))
        self.delegate.set_tile(tile)
        # However low the view is, one photo with its tag fits into it, below the heading.
        over = self.delegate.cell_size().height() + self.covered - self.viewport().height()
        if over > 0 and self.viewport().height() > 0:
            tile = self.delegate.lower_tile(over, least=TILE_LEAST // 2)
            share = (self.viewport().width() - 1) // max(1, self.viewport().width() // self.delegate.cell_width(tile))
        grid = QSize(max(share, self.delegate.cell_width(tile)), self.delegate.cell_size().height())
        self.set_cell(grid)
        self._settled.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Spread the columns over the new width."""
        self._hold(within=event.oldSize())
        self._fill_width()
        super().resizeEvent(event)
        self._restore()

    def changeEvent(self, event: QEvent) -> None:
        """Measure again if the font has changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "delegate"):
            self._hold()
            self.delegate.set_font(self.font())
            self._fill_width()

    def _unsettle(self) -> None:
        # start() itself can't be connected, because it would take the argument of the signal for an interval.
        self._settled.start()

    def _on_settled(self) -> None:
        self._restore()
        size, ratio = self.delegate.picture_size(), self.devicePixelRatioF()
        if (size, ratio) != self._thumbnails_for:
            self._thumbnails_for = (size, ratio)
            self._thumbnails.set_size(size, ratio)
            self.viewport().update()
        self._signal_in_view()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll, or change the size of the photos with Ctrl."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            steps = event.angleDelta().y()
            if steps:
                self.step_tile(1 if steps > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    # What stays in view

    def _hold(self, *_: object, within: QSize | None = None) -> None:
        """Note what is in view (of a size) before cells are laid out again; `_restore` brings it back."""
        count, model = self._model.rowCount(), self._model
        if self._held is not None or not count:
            return
        size = self.viewport().size() if within is None else within
        if size.isEmpty():
            return
        rect_of = self.visualRect
        current = self.currentIndex()
        first = bisect.bisect_left(range(count), 0, key=lambda place: rect_of(model.index(place)).bottom())
        after = bisect.bisect_left(range(count), size.height(), key=lambda place: rect_of(model.index(place)).top())
        in_view = [model.index(place) for place in range(first, after)]
        if current.isValid() and first <= current.row() < after:
            in_view.insert(0, current)
        self._held = [(model.photo(index), rect_of(index).top()) for index in in_view]

    def _forget_held(self) -> None:
        self._held = None

    def _restore(self) -> None:
        """Bring back what was in view: the current photo as a whole, otherwise the first one that is still there."""
        held, self._held = self._held, None
        index_of = self._model.index_of
        row, top = next(((row, top) for row, top in held or () if index_of(row).isValid()), (None, 0))
        if row is None:
            return
        index = index_of(row)
        self.updateGeometries()
        rect = self.visualRect(index)
        if index == self.currentIndex():
            top = max(self.covered, min(top, self.viewport().height() - rect.height()))
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + rect.top() - top)

    def doItemsLayout(self) -> None:
        """Lay out the cells, and keep what was in view there."""
        super().doItemsLayout()
        self._restore()

    def updateGeometries(self) -> None:
        """Set how far the list can be scrolled; what is held is not what that scrolls."""
        held, self._held = self._held, None
        super().updateGeometries()
        self._held = held

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Scroll; a rubber band that is being dragged grows with the photos that come into view under the mouse."""
        super().scrollContentsBy(dx, dy)
        if self._held is not None:
            self._held = [(row, top + dy) for row, top in self._held]
        if self.state() == QListView.State.DragSelectingState and self._dragged is not None:
            super().mouseMoveEvent(self._dragged)

    # What is in view

    def first_in_view(self) -> tuple[PhotoRow, float] | None:
        """Return the first photo in view and how much of its cell is above the view, 0 to 1; None without photos."""
        for place in self.visible_rows():
            rect = self.visualRect(self._model.index(place))
            if rect.bottom() > self.covered:
                above = (self.covered - rect.top()) / rect.height()
                return self._model.photo(self._model.index(place)), max(0.0, above)
        return None

    def scroll_to_top(self, row: PhotoRow, above: float) -> None:
        """Scroll so that a photo is the first in view, with a part of its cell above the view, 0 to 1."""
        index = self._model.index_of(row)
        if index.isValid():
            rect = self.visualRect(index)
            bar = self.verticalScrollBar()
            self.updateGeometries()
            bar.setValue(bar.value() + rect.top() - self.covered + round(above * rect.height()))

    def _signal_in_view(self) -> None:
        model = self._model
        waiting = [row.path for row in (model.photo(model.index(n)) for n in self.visible_rows()) if row.waiting]
        if waiting:
            self.in_view.emit(waiting)

    def _on_thumbnail(self, key: str) -> None:
        for row in self._model.store.rows_of(key):
            place = self._model.position(row)
            if place is not None and place in self.visible_rows():
                self.update(self._model.index(place))

    # Tags

    def selected_photos(self) -> list[PhotoRow]:
        """Return the selected photos, or the current one if none is selected."""
        # In runs: with all photos of a large folder selected, an index for each takes too long for a key.
        selection, listed = self.selectionModel().selection(), self._model.listed
        places = sorted((part.top(), part.bottom()) for part in map(selection.at, range(selection.count())))
        photos = [row for first, last in places for row in listed[first : last + 1]]
        return photos or [row for row in (self.current_photo(),) if row is not None]

    def within_reach(self, rows: Iterable[PhotoRow]) -> list[PhotoRow]:
        """Return those of some photos that are in view or selected, which the next key or click can mean."""
        selection, position = self.selectionModel().selection(), self._model.position
        parts = map(selection.at, range(selection.count()))
        reach = [self.visible_rows(), *(range(part.top(), part.bottom() + 1) for part in parts)]
        return [row for row in rows if (place := position(row)) is not None and any(place in part for part in reach)]

    def current_photo(self) -> PhotoRow | None:
        """Return the current photo, None if there is none."""
        index = self.currentIndex()
        return self._model.photo(index) if index.isValid() else None

    def note_seen(self) -> None:
        """Note that the current photo is painted, here or in the loupe: a key that is held may go on from it."""
        self.seen = self.current_photo()

    def go_to(self, index: QModelIndex) -> None:
        """Make a photo the current one, select it alone, and bring it into view."""
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.scrollTo(index)

    def select_photos(self, photos: list[PhotoRow]) -> None:
        """Select these photos, as far as they are shown, besides those that are selected."""
        places = sorted(place for row in photos if (place := self._model.position(row)) is not None)
        selection = QItemSelection()
        for first, last in runs(places):
            selection.select(self._model.index(first), self._model.index(last))
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.Select)

    def select_folder(self) -> None:
        """Select the listed photos that are in the folder of the current one, wherever they are in the list."""
        current = self.current_photo()
        if current is not None:
            self.clearSelection()
            self.select_photos([row for row in self._model.listed if row.folder == current.folder])

    def tag_rect(self, index: QModelIndex) -> QRect:
        """Return where the tag of a photo is, in the coordinates of the viewport."""
        return self.delegate.tag_rect(self.visualRect(index), self._model.photo(index))

    def _index_of_tag_at(self, point: QPoint) -> QModelIndex:
        index = self.indexAt(point)
        if index.isValid() and self.tag_rect(index).contains(point):
            return index
        return QModelIndex()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember a press on a tag; elsewhere, select."""
        self._dragged_out = False
        if event.button() == Qt.MouseButton.LeftButton and not event.modifiers():
            index = self._index_of_tag_at(event.position().toPoint())
            row = self._model.photo(index) if index.isValid() else None
            label = None if row is None else self.delegate.shown_label(row)
            if row is not None and label is not None:
                self._pressed = row, label, self.tag_rect(index)
                # Scrolling the photo into view would move its tag away from the mouse.
                self.setAutoScroll(False)
                self.setCurrentIndex(index)
                self.setAutoScroll(True)
                return
        # A picture is dragged out; around it, and between the photos, a rubber band begins.
        at = self.indexAt(event.position().toPoint())
        on_picture = at.isValid() and self.delegate.picture_rect(self.visualRect(at)).contains(
            event.position().toPoint()
        )
        self.setDragEnabled(on_picture and event.button() == Qt.MouseButton.LeftButton)
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Emit a click if the button was pressed on the same tag, which may have changed its words since."""
        pressed, self._pressed = self._pressed, None
        self._dragged = None
        if self._dragged_out:
            # Where the drag itself has not taken this event, it would select a single photo.
            self._dragged_out = False
            return
        if pressed is None:
            super().mouseReleaseEvent(event)
            return
        row, label, rect = pressed
        point = event.position().toPoint()
        index = self.indexAt(point)
        if index.isValid() and self._model.photo(index) is row and rect.united(self.tag_rect(index)).contains(point):
            self.tag_clicked.emit(row, label)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Treat a double-click on a tag as two clicks."""
        if self._index_of_tag_at(event.position().toPoint()).isValid():
            self.mousePressEvent(event)
        elif self.indexAt(event.position().toPoint()).isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.open_pressed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show that the tag under the mouse can be clicked."""
        if self._pressed is not None or self._dragged_out:
            return
        if event.buttons():
            self._dragged = event.clone()
        self._set_hot(self._index_of_tag_at(event.position().toPoint()))
        super().mouseMoveEvent(event)

    def startDrag(self, _actions: Qt.DropAction) -> None:
        """Let the selected photos be dragged to other programs."""
        self._dragged = None
        self._dragged_out = True
        self.drag_wanted.emit()

    def leaveEvent(self, event: object) -> None:
        """The mouse is no longer over a tag."""
        self._set_hot(QModelIndex())
        super().leaveEvent(event)  # type: ignore[arg-type]

    def _set_hot(self, index: QModelIndex) -> None:
        hot = self._model.photo(index) if index.isValid() else None
        if hot is not self.delegate.hot:
            self.delegate.hot = hot
            self.viewport().update()
        if hot is not None:
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.viewport().unsetCursor()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle the keys that act on photos; all other keys work as in any list."""
        if event.isAutoRepeat() and event.key() in _KEYS_ONCE:
            return
        plain, letter = keys.is_plain(event), keys.letter(event)
        if plain and event.key() == Qt.Key.Key_Space:
            self.flip_pressed.emit()
        elif plain and event.key() == Qt.Key.Key_Backspace:
            self.remove_pressed.emit()
        elif keys.is_delete(event):
            self.delete_pressed.emit()
        elif plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_pressed.emit()
        elif letter is not None:
            if not letter.repeated or self.seen is self.current_photo():
                self.letter_pressed.emit(letter)
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Do nothing: searching by typing would use the keys that tag photos."""

    # Empty

    def set_empty_text(self, words: str) -> None:
        """Set the text to show if there are no photos: a title, then lines with details."""
        self._empty_text = words
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the photos, or the text if there are none."""
        super().paintEvent(event)
        self.note_seen()
        self.delegate.forget_all_but([self._model.photo(self._model.index(place)) for place in self.visible_rows()])
        if self._empty_text and not self._model.rowCount():
            paint_empty(self.viewport(), self._empty_text, self.font(), self._theme.colors)
