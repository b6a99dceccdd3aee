"""Paints one photo of the grid: thumbnail, tag, file name. And knows where in it the tag is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from alpacasorter.core.labels import percent
from alpacasorter.ui.icons import paint_icon
from alpacasorter.ui.photo_model import PhotoModel
from alpacasorter.ui.photo_store import PhotoRow, PhotoStore
from alpacasorter.ui.theme import RADIUS, Theme
from alpacasorter.ui.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex

GAP = 6
"""Distance of a card from the edge of its cell."""
_PAD = 8
_TAG_HEIGHT = 26
_ICON = 14
_ASPECT = 0.78
"""Height of the picture area over its width: a compromise between photos that lie and photos that stand."""


class PhotoDelegate(QStyledItemDelegate):
    """Paints photos as cards. The tag is a button in all but name: see `tag_rect` and `hot`.

    Attributes:
        hot: the photo whose tag the mouse is over.
    """

    def __init__(self, store: PhotoStore, thumbnails: Thumbnails, theme: Theme, parent: QObject | None = None) -> None:
        """Paint the photos of `store`."""
        super().__init__(parent)
        self._store = store
        self._thumbnails = thumbnails
        self._theme = theme
        self._tile = 184
        self.hot: PhotoRow | None = None

    # Geometry

    @property
    def tile(self) -> int:
        """Width of the picture area."""
        return self._tile

    def set_tile(self, width: int) -> None:
        """Set the width of the picture area."""
        self._tile = width

    @staticmethod
    def cell_width(tile: int) -> int:
        """Return the width of a cell whose picture area has the width `tile`."""
        return tile + 2 * (_PAD + GAP)

    def cell_size(self, font: QFont) -> QSize:
        """Return the size of a cell, without what the grid adds to fill the view."""
        height = self.picture_size().height() + _TAG_HEIGHT + QFontMetrics(font).height() + 4 * _PAD + 2 * GAP - 4
        return QSize(self.cell_width(self._tile), height)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the least size of a cell; all are of one size."""
        return self.cell_size(option.font)

    def tag_rect(self, cell: QRect, row: PhotoRow, font: QFont) -> QRect:
        """Return where in a cell the tag is, empty where the photo has none."""
        if row.probability is None:
            return QRect()
        card = self._card(cell)
        metrics = QFontMetrics(_bold(font))
        width = metrics.horizontalAdvance(self._tag_text(row)) + 20 + (_ICON + 4 if self._tag_icon(row) else 0)
        top = card.top() + _PAD + self.picture_size().height() + _PAD
        return QRect(card.left() + _PAD, top, min(width, card.width() - 2 * _PAD), _TAG_HEIGHT)

    def picture_size(self) -> QSize:
        """Return the size of the picture area."""
        return QSize(self._tile, round(self._tile * _ASPECT))

    def _card(self, cell: QRect) -> QRect:
        width = self._tile + 2 * _PAD
        left = cell.left() + (cell.width() - width) // 2
        return QRect(left, cell.top() + GAP, width, cell.height() - 2 * GAP)

    # Painting

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one photo."""
        row = index.data(PhotoModel.RowRole)
        cell: QRect = option.rect
        state: QStyle.StateFlag = option.state
        font: QFont = option.font
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font)
        card = self._card(cell)
        self._paint_card(painter, card, state)
        picture = QRect(card.topLeft() + QPoint(_PAD, _PAD), self.picture_size())
        self._paint_picture(painter, picture, row)
        line = QRect(picture.left(), picture.bottom() + 1 + _PAD, picture.width(), _TAG_HEIGHT)
        if row.reason is not None:
            painter.setPen(QColor(self._theme.colours.warning))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, "Can't be read")
        elif row.probability is None:
            painter.setPen(QColor(self._theme.colours.muted))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, "Waiting…")
        else:
            self._paint_tag(painter, self.tag_rect(cell, row, font), row, font)
            if row.correction is not None:
                self._paint_by_you(painter, line, self.tag_rect(cell, row, font).right())
        name = QRect(line.left(), line.bottom() + 1 + _PAD - 4, line.width(), QFontMetrics(font).height())
        painter.setPen(QColor(self._theme.colours.muted))
        shown = QFontMetrics(font).elidedText(row.name, Qt.TextElideMode.ElideMiddle, name.width())
        painter.drawText(name, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)
        painter.restore()

    def _paint_card(self, painter: QPainter, card: QRect, state: QStyle.StateFlag) -> None:
        colours = self._theme.colours
        selected = bool(state & QStyle.StateFlag.State_Selected)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        painter.setBrush(QColor(colours.accent_soft if selected else colours.card))
        width = 2.0 if selected or focused else 1.0
        painter.setPen(QPen(QColor(colours.accent if selected or focused else colours.border), width))
        painter.drawRoundedRect(QRectF(card).adjusted(width / 2, width / 2, -width / 2, -width / 2), RADIUS, RADIUS)

    def _paint_picture(self, painter: QPainter, area: QRect, row: PhotoRow) -> None:
        colours = self._theme.colours
        pixmap = self._thumbnails.get(row.key, row.path) if row.key and row.reason is None else None
        if pixmap is not None and not pixmap.isNull():
            size = pixmap.size().toSizeF().scaled(area.size().toSizeF(), Qt.AspectRatioMode.KeepAspectRatio)
            # On whole pixels, so that a thumbnail of the right size is copied and not blurred.
            target = QRect(0, 0, round(size.width()), round(size.height()))
            target.moveTopLeft(
                area.topLeft() + QPoint((area.width() - target.width()) // 2, (area.height() - target.height()) // 2)
            )
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(target, pixmap)
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.raised))
        painter.drawRoundedRect(area, 4, 4)
        icon = QRectF(0, 0, 32, 32)
        if row.reason is None:
            icon.moveCenter(QRectF(area).center())
            paint_icon(painter, "picture", colours.muted, icon)
            return
        icon.moveCenter(QPointF(area.center().x(), area.top() + 26))
        paint_icon(painter, "warning", colours.warning, icon)
        painter.setPen(QColor(colours.text))
        words = area.adjusted(_PAD, 46, -_PAD, -4)
        lines = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.save()
        painter.setClipRect(words)
        painter.drawText(words, lines, row.reason)
        painter.restore()

    def _tag_text(self, row: PhotoRow) -> str:
        label, confidence = self._store.label(row), self._store.confidence(row)
        if label is None or confidence is None:
            return ""
        shown = self._store.labels.display(label)
        return shown if row.correction is not None else f"{shown}  {percent(confidence)}"

    def _tag_icon(self, row: PhotoRow) -> str:
        if row.correction is not None:
            return "person"
        return "question" if self._store.is_unsure(row) else ""

    def _paint_tag(self, painter: QPainter, tag: QRect, row: PhotoRow, font: QFont) -> None:
        colours = self._theme.colours
        positive = self._store.label(row) == self._store.labels.positive
        ground = colours.positive if positive else colours.negative
        ink = colours.on_positive if positive else colours.on_negative
        outline: QPen | Qt.PenStyle = Qt.PenStyle.NoPen
        if self._store.is_unsure(row):
            ground, ink = colours.card, colours.warning
            outline = QPen(QColor(colours.warning), 1.5, Qt.PenStyle.DashLine)
        if row is self.hot:
            outline = QPen(QColor(colours.text), 1.5)
        painter.setPen(outline)
        painter.setBrush(QColor(ground))
        body = QRectF(tag).adjusted(0.75, 0.75, -0.75, -0.75)
        painter.drawRoundedRect(body, body.height() / 2, body.height() / 2)
        left = tag.left() + 10
        icon = self._tag_icon(row)
        if icon:
            top = tag.top() + (tag.height() - _ICON) / 2
            paint_icon(painter, icon, ink, QRectF(left - 2, top, _ICON, _ICON))
            left += _ICON + 4 - 2
        painter.setFont(_bold(font))
        painter.setPen(QColor(ink))
        words = QRect(left, tag.top(), tag.right() - left - 4, tag.height())
        shown = QFontMetrics(painter.font()).elidedText(
            self._tag_text(row), Qt.TextElideMode.ElideRight, words.width() + 2
        )
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)
        painter.setFont(font)

    def _paint_by_you(self, painter: QPainter, line: QRect, after: int) -> None:
        place = QRect(after + 8, line.top(), line.right() - after - 8, line.height())
        words = "by you"
        if QFontMetrics(painter.font()).horizontalAdvance(words) <= place.width():
            painter.setPen(QColor(self._theme.colours.muted))
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, words)


def _bold(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold
