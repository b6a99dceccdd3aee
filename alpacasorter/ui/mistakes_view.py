"""The gallery of photos that the model judged wrong: what each is, what the model says, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from alpacasorter.core.files import display_path
from alpacasorter.core.labels import percent
from alpacasorter.ui import tag as tags
from alpacasorter.ui.icons import paint_icon
from alpacasorter.ui.theme import RADIUS, Theme
from alpacasorter.ui.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_TILE = QSize(184, 144)
_PAD = 8
_GAP = 6
_ICON = 32
_ONE_LINE = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


@dataclass(frozen=True, slots=True)
class WrongPhoto:
    """A photo that was judged wrong.

    Attributes:
        path: where it is.
        key: content key.
        truth: what it is, as people read it.
        said: what the model says, as people read it.
        confidence: how sure the model is, 0 to 1.
        said_positive: whether it says the positive class.
    """

    path: Path
    key: str
    truth: str
    said: str
    confidence: float
    said_positive: bool

    def describe(self) -> str:
        """Return all of it in one line, for tool tips and screen readers."""
        name = display_path(self.path.name)
        return f"{name}: is {self.truth.lower()}, the model says {self.said.lower()}, {percent(self.confidence)} sure"


class MistakesModel(QAbstractListModel):
    """The photos that were judged wrong, in the order given."""

    PhotoRole = Qt.ItemDataRole.UserRole + 1

    def __init__(self, parent: QObject | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self.photos: Sequence[WrongPhoto] = ()

    def set_photos(self, photos: Sequence[WrongPhoto]) -> None:
        """Show these photos."""
        self.beginResetModel()
        self.photos = photos
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many photos there are."""
        return 0 if parent.isValid() else len(self.photos)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a photo (PhotoRole), its name, or what a screen reader and a tool tip say of it."""
        if not index.isValid():
            return None
        photo = self.photos[index.row()]
        if role == self.PhotoRole:
            return photo
        if role == Qt.ItemDataRole.DisplayRole:
            return display_path(photo.path.name)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return photo.describe()
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{photo.describe()}\n{display_path(photo.path)}"
        return None


class _Delegate(QStyledItemDelegate):
    """Paints one photo with the tag that the model gave it, and what it is."""

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the size of a cell; all are of one size."""
        lines = 2 * QFontMetrics(option.font).height()
        return QSize(_TILE.width() + 2 * (_PAD + _GAP), _TILE.height() + tags.HEIGHT + lines + 4 * _PAD + 2 * _GAP - 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one photo."""
        photo: WrongPhoto = index.data(MistakesModel.PhotoRole)
        colours, metrics = self._theme.colours, QFontMetrics(option.font)
        painter.save()
        card = QRect(option.rect.topLeft(), self.sizeHint(option, index)).adjusted(_GAP, _GAP, -_GAP, -_GAP)
        self._paint_card(painter, card, option.state)
        picture = QRect(card.topLeft() + QPoint(_PAD, _PAD), _TILE)
        self._paint_picture(painter, picture, photo)
        font = tags.tag_font(option.font)
        tag = tags.Tag(f"{photo.said}  {percent(photo.confidence)}", "", photo.said_positive)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(picture.left(), picture.bottom() + 1 + _PAD)
        tag.draw(painter, tag.size(QFontMetrics(font), _TILE.width()), font, colours)
        painter.restore()
        painter.setFont(option.font)
        line = QRect(picture.left(), picture.bottom() + 1 + 2 * _PAD + tags.HEIGHT - 3, _TILE.width(), metrics.height())
        for colour, words in ((colours.text, f"in fact: {photo.truth.lower()}"), (colours.muted, index.data())):
            painter.setPen(QColor(colour))
            shown = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, line.width())
            painter.drawText(line, _ONE_LINE, shown)
            line.translate(0, metrics.height() + 1)
        painter.restore()

    def _paint_card(self, painter: QPainter, card: QRect, state: QStyle.StateFlag) -> None:
        colours = self._theme.colours
        selected = bool(state & QStyle.StateFlag.State_Selected)
        marked = selected or bool(state & QStyle.StateFlag.State_HasFocus)
        width = 2.0 if marked else 1.0
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(colours.accent_soft if selected else colours.card))
        painter.setPen(QPen(QColor(colours.accent if marked else colours.border), width))
        painter.drawRoundedRect(QRectF(card).adjusted(width / 2, width / 2, -width / 2, -width / 2), RADIUS, RADIUS)

    def _paint_picture(self, painter: QPainter, area: QRect, photo: WrongPhoto) -> None:
        colours = self._theme.colours
        pixmap = self._thumbnails.get(photo.key, photo.path)
        if pixmap is None or pixmap.isNull():
            painter.fillRect(area, QColor(colours.raised))
            icon = QRectF(0, 0, _ICON, _ICON)
            icon.moveCenter(QRectF(area).center())
            paint_icon(painter, "picture", colours.muted, icon)
            return
        size = pixmap.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(QPoint(0, 0), size)
        target.moveCenter(area.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(target, pixmap)


class MistakesView(QListView):
    """Shows the photos that were judged wrong; `activated` (Enter, double click) asks for one to be opened."""

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        # The style sheet dresses every grid of photos by this name.
        self.setObjectName("grid")
        self.setAccessibleName("Photos that were judged wrong")
        self.photos = MistakesModel(self)
        self._thumbnails = thumbnails
        self.setModel(self.photos)
        self.setItemDelegate(_Delegate(thumbnails, theme, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.verticalScrollBar().setSingleStep(48)
        thumbnails.ready.connect(self.viewport().update)
        theme.changed.connect(self.viewport().update)

    def show_photos(self, photos: Sequence[WrongPhoto]) -> None:
        """Show these photos, the first one chosen."""
        self._thumbnails.set_size(_TILE, self.devicePixelRatioF())
        self.photos.set_photos(photos)
        if photos:
            self.setCurrentIndex(self.photos.index(0))
