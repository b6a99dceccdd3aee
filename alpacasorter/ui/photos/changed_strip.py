"""The strip of changed tags: each with its photo and the tag before and after, to be kept or undone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.i18n import _
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.changed_model import Answer, ChangedModel
from alpacasorter.ui.widgets.messages import FittedText
from alpacasorter.ui.widgets.theme import RADIUS, Theme, icon
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text

Index = QModelIndex | QPersistentModelIndex
_CELL = QSize(296, 108)
_PICTURE = 92
_GAP = 8
_BATCH = 5000
_ONE_LINE = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
_FADED = 0.45


class _Delegate(QStyledItemDelegate):
    """Paints a changed tag: the photo, its name, the tag before and after, and two buttons or the answer."""

    def __init__(self, model: ChangedModel, thumbnails: Thumbnails, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self._thumbnails = thumbnails
        self._theme = theme
        self.hot: tuple[int, Answer] | None = None

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the size of every cell."""
        return _CELL

    def buttons(self, cell: QRect) -> dict[Answer, QRect]:
        """Return where the two buttons of a cell are."""
        area = self._words(cell)
        top, height, width = area.bottom() - 25, 26, (area.width() - 6) // 2
        keep, undo = QRect(area.left(), top, width, height), QRect(area.left() + width + 6, top, width, height)
        return {Answer.KEEP: keep, Answer.UNDO: undo}

    def answer_at(self, cell: QRect, index: Index, point: QPoint) -> Answer | None:
        """Return which button of a cell is at a point."""
        if not self._model.is_open(self._model.photo(index)):
            return None
        return next((answer for answer, area in self.buttons(cell).items() if area.contains(point)), None)

    def _words(self, cell: QRect) -> QRect:
        return cell.adjusted(_GAP + _PICTURE + _GAP, _GAP, -_GAP, -_GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one."""
        model, colors, cell = self._model, self._theme.colors, option.rect
        row = model.photo(index)
        is_open = model.is_open(row)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_current = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.setPen(QPen(QColor(colors.accent if is_current else colors.border), 2 if is_current else 1))
        painter.setBrush(QColor(colors.card))
        painter.drawRoundedRect(cell.adjusted(3, 3, -3, -3), RADIUS, RADIUS)
        painter.setOpacity(1.0 if is_open else _FADED)
        self._paint_picture(painter, row, QRect(cell.left() + _GAP, cell.top() + _GAP, _PICTURE, _PICTURE))
        painter.setOpacity(1.0)
        area, metrics = self._words(cell), option.fontMetrics
        line = QRect(area.left(), area.top(), area.width(), metrics.height())
        painter.setPen(QColor(colors.muted))
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(line, _ONE_LINE, name)
        line.translate(0, metrics.lineSpacing())
        painter.setPen(QColor(colors.text if is_open else colors.muted))
        change = model.change(row)
        if metrics.horizontalAdvance(change) > line.width():
            change = change.replace("→ ", "→\n")
        for part in change.split("\n"):
            painter.drawText(line, _ONE_LINE, metrics.elidedText(part, Qt.TextElideMode.ElideRight, line.width()))
            line.translate(0, metrics.lineSpacing())
        if is_open:
            for answer, place in self.buttons(cell).items():
                self._paint_button(painter, place, answer, hot=self.hot == (index.row(), answer))
        else:
            painter.setPen(QColor(colors.muted))
            painter.drawText(area, Qt.AlignmentFlag.AlignBottom | Qt.TextFlag.TextSingleLine, model.state(row))
        painter.restore()

    def _paint_picture(self, painter: QPainter, row: PhotoRow, area: QRect) -> None:
        pixmap = self._thumbnails.get(row.key, row.path) if row.key is not None else None
        if pixmap is None or pixmap.isNull():
            painter.fillRect(area, QColor(self._theme.colors.raised))
            return
        size = pixmap.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
        shown = QRect(QPoint(), size)
        shown.moveCenter(area.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(shown, pixmap)

    def _paint_button(self, painter: QPainter, area: QRect, answer: Answer, *, hot: bool) -> None:
        colors = self._theme.colors
        painter.setPen(QPen(QColor(colors.border), 1))
        painter.setBrush(QColor(colors.accent_soft if hot else colors.raised))
        painter.drawRoundedRect(area, 6, 6)
        painter.setPen(QColor(colors.text))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, _answer_words(answer))


def _answer_words(answer: Answer) -> str:
    return _("Keep") if answer is Answer.KEEP else _("Undo")


class _View(QListView):
    """One line of changed tags that scrolls sideways.

    Signals:
        answered(PhotoRow, Answer): the user wants to keep a tag, or to undo its change.
        shown(PhotoRow): the user wants to see a photo.
        left: the user wants to see the strip no longer.
    """

    answered = Signal(object, object)
    shown = Signal(object)
    left = Signal()

    def __init__(self, model: ChangedModel, delegate: _Delegate, parent: QWidget) -> None:
        super().__init__(parent)
        self._changes = model
        self._delegate = delegate
        self.setModel(model)
        self.setItemDelegate(delegate)
        self.setObjectName("grid")
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        # With very many, the first are shown at once, and the others are laid out bit by bit.
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(_BATCH)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there, so that the strip has one height.
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        # A click leaves the focus with the photos, as everywhere in the window.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(_("Changed tags"))
        self.setAccessibleDescription(_("K keeps a tag, U undoes its change, Enter shows the photo."))
        self.setFixedHeight(_CELL.height() + self.horizontalScrollBar().sizeHint().height() + 2)

    def answer(self, index: Index, answer: Answer) -> None:
        """Answer a changed tag."""
        row = self._changes.photo(index)
        if self._changes.is_open(row):
            self.answered.emit(row, answer)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Answer the current one and go to the next, or show its photo."""
        index, key = self.currentIndex(), event.key()
        answers = {
            Qt.Key.Key_K: Answer.KEEP,
            Qt.Key.Key_U: Answer.UNDO,
            Qt.Key.Key_Backspace: Answer.UNDO,
        }
        if index.isValid() and key in answers and not event.modifiers():
            place = index.row()
            if not event.isAutoRepeat():
                self.answer(index, answers[Qt.Key(key)])
                following = self._changes.next_open(place)
                if following is not None:
                    self.setCurrentIndex(self._changes.index(following))
            return
        if key == Qt.Key.Key_Escape:
            self.left.emit()
            return
        if index.isValid() and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.shown.emit(self._changes.photo(index))
            return
        super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Answer a tag if one of its buttons was clicked; else show the photo."""
        super().mouseReleaseEvent(event)
        index, point = self.indexAt(event.position().toPoint()), event.position().toPoint()
        if event.button() != Qt.MouseButton.LeftButton or not index.isValid():
            return
        answer = self._delegate.answer_at(self.visualRect(index), index, point)
        if answer is not None:
            self.answer(index, answer)
        else:
            self.shown.emit(self._changes.photo(index))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Highlight the button under the mouse."""
        super().mouseMoveEvent(event)
        point = event.position().toPoint()
        index = self.indexAt(point)
        answer = self._delegate.answer_at(self.visualRect(index), index, point) if index.isValid() else None
        self._set_hot((index.row(), answer) if answer is not None else None)

    def leaveEvent(self, event: QEvent) -> None:
        """Highlight nothing."""
        super().leaveEvent(event)
        self._set_hot(None)

    def _set_hot(self, hot: tuple[int, Answer] | None) -> None:
        if hot != self._delegate.hot:
            self._delegate.hot = hot
            self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll sideways with an ordinary wheel too."""
        moved = event.angleDelta()
        if moved.x() or not moved.y():
            super().wheelEvent(event)
            return
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - moved.y())
        event.accept()


class ChangedStrip(QFrame):
    """The tags that changed while the app learned: all, some or one of them can be kept or undone.

    Signals:
        kept(list): the user wants these photos to keep the tags they have now: PhotoRow.
        undone(list): the user wants these photos to have their tags from before: PhotoRow.
        shown(PhotoRow): the user wants to see a photo.
        closed: the user wants to see the strip no longer.
        opened(bool): the strip was opened, or closed.
    """

    kept = Signal(list)
    undone = Signal(list)
    shown = Signal(object)
    closed = Signal()
    opened = Signal(bool)

    def __init__(
        self,
        store: PhotoStore,
        is_pending: Callable[[str], bool],
        thumbnails: Thumbnails,
        theme: Theme,
        parent: QWidget,
    ) -> None:
        """Start hidden; `is_pending`: whether the user has labeled the photo with a content key just now."""
        super().__init__(parent)
        self._store = store
        self._theme = theme
        self._wanted = self._is_low = False
        self._told = 0
        self.setObjectName("changed")
        self.model = ChangedModel(store, is_pending, self)
        self.view = _View(self.model, _Delegate(self.model, thumbnails, theme, self), self)
        self.words = FittedText(self)
        self.keep_button = self._button(
            _("Keep all"), _("Label each of these photos with the tag it has now. The app learns from these labels.")
        )
        self.restore_button = self._button(
            _("Undo all"), _("Label each of these photos with the tag it had before. The app learns from these labels.")
        )
        self.close_button = QToolButton(self)
        self.close_button.setToolTip(_("Close"))
        self.close_button.setAccessibleName(_("Close the changed tags"))
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        head = QHBoxLayout()
        head.setContentsMargins(12, 2, 6, 2)
        head.setSpacing(6)
        head.addWidget(self.words, 1)
        for button in (self.keep_button, self.restore_button, self.close_button):
            head.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.view)
        self.keep_button.clicked.connect(self._keep_all)
        self.restore_button.clicked.connect(self._undo_all)
        self.close_button.clicked.connect(self.closed)
        self.view.answered.connect(self._answer)
        self.view.shown.connect(self.shown)
        self.view.left.connect(self.closed)
        thumbnails.ready.connect(self._on_thumbnail)
        theme.changed.connect(self._set_icon)
        self._set_icon()
        self.hide()

    def _button(self, words: str, tip: str) -> QPushButton:
        button = QPushButton(words, self)
        button.setProperty("flat", True)
        button.setAutoDefault(False)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    @property
    def controls(self) -> list[QWidget]:
        """What the Tab key comes to, in order."""
        return [self.view, self.keep_button, self.restore_button, self.close_button]

    def _set_icon(self) -> None:
        self.close_button.setIcon(icon("close", self._theme.colors.muted))

    def set_low(self, low: bool) -> None:
        """In a low window, leave the space to the photos: only the buttons for all remain."""
        self._is_low = low
        self._lay_out_view()

    def _lay_out_view(self) -> None:
        # One line is enough to say that there is nothing.
        self.view.setHidden(self._is_low or not self.model.rowCount())

    def show_strip(self, wanted: bool) -> None:
        """Show or hide it. While the mouse is over it, it stays, so that no photo comes under the mouse."""
        if wanted and (not self._wanted or self.isHidden()):
            self.model.begin()
            self._lay_out_view()
            self.show()
            self.opened.emit(True)
            first = self.model.next_open(-1)
            if first is not None:
                self.view.setCurrentIndex(self.model.index(first))
        self._wanted = wanted
        if not wanted and not self.underMouse():
            self._go()

    def leaveEvent(self, event: QEvent) -> None:
        """Go now, if it had to stay because of the mouse."""
        super().leaveEvent(event)
        if not self._wanted:
            self._go()

    def _go(self) -> None:
        if not self.isHidden():
            self.hide()
            self.model.clear()
            self.opened.emit(False)

    def tell(self, changed: int) -> None:
        """Say how many tags have changed, and show which."""
        if self.isHidden():
            return
        if changed > self._told:
            self.follow()
            self._lay_out_view()
        self._told = changed
        # Not through the model, for which the view would lay out all of them again.
        self.view.viewport().update()
        self.words.setText(text.to_review(changed))
        self.keep_button.setVisible(changed > 0)
        self.restore_button.setVisible(changed > 0)

    def follow(self) -> None:
        """Show what has changed since."""
        if not self.isHidden():
            self.model.follow()
            self.view.viewport().update()

    def _keep_all(self) -> None:
        rows = self._store.changed_rows()
        self.model.note(rows, Answer.KEEP)
        self.kept.emit(rows)

    def _undo_all(self) -> None:
        rows = self._store.changed_rows()
        self.model.note(rows, Answer.UNDO)
        self.undone.emit(rows)

    def _answer(self, row: PhotoRow, answer: Answer) -> None:
        self.model.note([row], answer)
        if answer is Answer.KEEP:
            self.kept.emit([row])
        else:
            self.undone.emit([row])

    def _on_thumbnail(self, _key: str) -> None:
        if not self.isHidden():
            self.view.viewport().update()
