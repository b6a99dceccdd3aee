"""The film strip below the loupe: the photos around the one that is shown."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from alpacasorter.i18n import _
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.delegate import tag_of
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.widgets.theme import Theme, paint_icon
from alpacasorter.ui.widgets.thumbnails import Thumbnails

_CELL: Final = QSize(84, 64)
_GAP: Final = 3
_LINE: Final = 4
"""Height of the line in the color of the tag below a photo, pixels."""
_ICON: Final = 14
_KEPT: Final = 300


class FilmStrip(QWidget):
    """Shows the photos of a model around one, which stays in the middle.

    Signals:
        chosen(int): the user has clicked on the photo at this position of the model.
        stepped(int): the user has turned the wheel: 1 for the next photo, -1 for the one before.
    """

    chosen = Signal(int)
    stepped = Signal(int)

    def __init__(self, model: PhotoModel, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        """Show nothing."""
        super().__init__(parent)
        self._model = model
        self._thumbnails = thumbnails
        self._theme = theme
        self._place = 0
        self._turned = 0
        self._small: OrderedDict[tuple[int, float], QPixmap] = OrderedDict()
        self.setFixedHeight(_CELL.height())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_("Film strip"))
        thumbnails.ready.connect(self._on_thumbnail)
        theme.changed.connect(self.update)

    def show_place(self, place: int) -> None:
        """Show the photos around the one at this position."""
        self._place = place
        self.update()

    def _cells(self) -> range:
        """Return the positions in view; beyond the ends of the list there is nothing."""
        beside = (self.width() // 2 + _CELL.width()) // _CELL.width()
        return range(max(0, self._place - beside), min(self._model.rowCount(), self._place + beside + 1))

    def _cell(self, place: int) -> QRect:
        left = (self.width() - _CELL.width()) // 2 + (place - self._place) * _CELL.width()
        return QRect(QPoint(left, 0), _CELL).adjusted(_GAP, _GAP, -_GAP, -_GAP)

    def _place_at(self, point: QPoint) -> int | None:
        return next((place for place in self._cells() if self._cell(place).contains(point)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Show the photo that is clicked."""
        place = self._place_at(event.position().toPoint())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(place)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Go to the next photo, or the one before."""
        self._turned += event.angleDelta().y() or event.angleDelta().x()
        steps = int(self._turned / 120)
        if steps:
            self._turned -= steps * 120
            self.stepped.emit(-1 if steps > 0 else 1)
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Say in a tooltip which photo the mouse is over."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self._place_at(event.pos())
            words = "" if place is None else str(self._model.index(place).data(Qt.ItemDataRole.ToolTipRole))
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def _on_thumbnail(self, key: str) -> None:
        if self.isVisible() and any(self._model.listed[place].key == key for place in self._cells()):
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the photos in view."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(self._theme.colors.card))
        for place in self._cells():
            self._paint(painter, self._cell(place), self._model.listed[place], current=place == self._place)
        painter.end()

    def _paint(self, painter: QPainter, cell: QRect, row: PhotoRow, *, current: bool) -> None:
        colors = self._theme.colors
        area = cell.adjusted(0, 0, 0, -_LINE)
        readable = row.key is not None and row.reason is None
        thumbnail = self._thumbnails.get(row.key or "", row.path, row.key_before) if readable else None
        if thumbnail is not None and not thumbnail.isNull():
            small = self._scaled(thumbnail, area.size())
            size = small.deviceIndependentSize().toSize()
            painter.drawPixmap(
                area.topLeft() + QPoint((area.width() - size.width()) // 2, (area.height() - size.height()) // 2),
                small,
            )
        else:
            painter.fillRect(area, QColor(colors.raised))
            icon = QRectF(0, 0, _ICON, _ICON)
            icon.moveCenter(QRectF(area).center())
            failed = row.reason is not None
            paint_icon(painter, "warning" if failed else "picture", colors.warning if failed else colors.muted, icon)
        tag = tag_of(row, self._model.store)
        if tag is not None:
            line = QRect(cell.left(), cell.bottom() + 1 - _LINE + 1, cell.width(), _LINE - 1)
            unsure = tag.icon == "question"
            ground = colors.warning if unsure else colors.positive if tag.positive else colors.outline
            painter.fillRect(line, QColor(ground))
            if tag.icon:
                badge = QRectF(area.right() - _ICON - 1, area.top() + 2, _ICON, _ICON)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(colors.card))
                painter.drawEllipse(badge.adjusted(-1, -1, 1, 1))
                paint_icon(painter, tag.icon, colors.warning if unsure else colors.text, badge)
        if current:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colors.accent), 3))
            painter.drawRect(cell.adjusted(-1, -1, 1, 1))

    def _scaled(self, pixmap: QPixmap, size: QSize) -> QPixmap:
        """Return a thumbnail at the size of a cell, made once."""
        ratio = self.devicePixelRatioF()
        at = pixmap.cacheKey(), ratio
        small = self._small.get(at)
        if small is None:
            small = pixmap.scaled(
                size * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            small.setDevicePixelRatio(ratio)
            self._small[at] = small
            if len(self._small) > _KEPT:
                self._small.popitem(last=False)
        return small
