"""Paints one photo of the grid: thumbnail, tag and file name; and knows where its tag is.

Cards and tags are painted once and copied from then on, because a screen full of them must scroll smoothly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Hashable, Iterable
from functools import lru_cache

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from alpacasorter.core import reasons, trash_reasons
from alpacasorter.i18n import _, confidence
from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.widgets import tag as tags
from alpacasorter.ui.widgets.theme import RADIUS, Theme, paint_icon
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text

Index = QModelIndex | QPersistentModelIndex

GAP = 6
"""Distance of a card from the edge of its cell, pixels."""
_PAD = 8
_ICON = 32
_ASPECT = 0.78
"""Height of the thumbnail area divided by its width: a compromise between landscape and portrait."""
_FOLDER_SHARE = 0.4
"""Share of the line with the name of a photo that its folder may take if there is not enough space for both."""
_FADED = 0.3
"""Opacity of the thumbnail of a photo that no longer exists."""
_ONE_LINE = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


class PhotoDelegate(QStyledItemDelegate):
    """Paints photos as cards. The tag behaves like a button: see `tag_rect` and `hot`.

    What a click or key means is what the user sees, and that is what was painted last, even if something has been
    learned since: see `shown_tag`.

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
        self._height = round(self._tile * _ASPECT)
        self._pixmaps = _PixmapCache()
        # Writing a date takes longer than painting it.
        self._moment = lru_cache(_MOST_PIXMAPS)(text.taken_moment)
        self.hot: PhotoRow | None = None
        self._painted: dict[PhotoRow, tags.Tag | None] = {}
        self.set_font(QFont())
        theme.changed.connect(self._pixmaps.clear)

    # Geometry

    def set_font(self, font: QFont) -> None:
        """Use another font."""
        self._font = font
        self._metrics = QFontMetrics(font)
        self._tag_font = tags.tag_font(font)
        self._tag_metrics = QFontMetrics(self._tag_font)
        self._pixmaps.clear()

    def set_tile(self, width: int) -> None:
        """Set the width of the thumbnail area, pixels."""
        self._tile = width
        self._height = round(width * _ASPECT)

    def lower_tile(self, by: int, *, least: int) -> int:
        """Make a cell lower, pixels, and return the width of the thumbnail area.

        That shrinks too, but not below `least`, and never so far that a tag or its earlier value is cut off.
        """
        labels = self._store.labels
        shown = [labels.display(name) for name in labels.names]
        tag = max(tags.Tag(f"{name}  100%", "question", True).size(self._tag_metrics, 1000).width() for name in shown)
        before = max(
            self._metrics.horizontalAdvance(_("was {label} {confidence}").format(label=name, confidence="100%"))
            for name in shown
        )
        lowest = round(least * _ASPECT)
        height = max(lowest, self._height - by)
        self._tile = min(self._tile, max(least, int(height / _ASPECT), tag, before))
        self._height = height
        return self._tile

    @staticmethod
    def cell_width(tile: int) -> int:
        """Return the width of a cell with a thumbnail area of the width `tile`."""
        return tile + 2 * (_PAD + GAP)

    def cell_size(self) -> QSize:
        """Return the size of a cell, without the space that the grid adds to fill the view."""
        height = self.picture_size().height() + tags.HEIGHT + self._metrics.height() + 4 * _PAD + 2 * GAP - 4
        return QSize(self.cell_width(self._tile), height)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the size of a cell; all have the same size."""
        return self.cell_size()

    def picture_size(self) -> QSize:
        """Return the size of the thumbnail area."""
        return QSize(self._tile, self._height)

    def tag_rect(self, cell: QRect, row: PhotoRow) -> QRect:
        """Return where the tag is in a cell; empty if the photo has none."""
        tag = self.shown_tag(row)
        return QRect() if tag is None else QRect(self._line(self.card_rect(cell)).topLeft(), self._tag_size(tag))

    def _tag_size(self, tag: tags.Tag) -> QSize:
        return tag.size(self._tag_metrics, self._tile)

    def card_rect(self, cell: QRect) -> QRect:
        """Return where the card is in a cell."""
        width = self._tile + 2 * _PAD
        left = cell.left() + (cell.width() - width) // 2
        return QRect(left, cell.top() + GAP, width, cell.height() - 2 * GAP)

    def picture_rect(self, cell: QRect) -> QRect:
        """Return where the thumbnail is in a cell."""
        return QRect(self.card_rect(cell).topLeft() + QPoint(_PAD, _PAD), self.picture_size())

    def _line(self, card: QRect) -> QRect:
        top = card.top() + _PAD + self.picture_size().height() + _PAD
        return QRect(card.left() + _PAD, top, self._tile, tags.HEIGHT)

    # What the user sees

    def shown_tag(self, row: PhotoRow) -> tags.Tag | None:
        """Return the tag that is painted for a photo; for one that is not in view, the tag that it has."""
        return self._painted[row] if row in self._painted else tag_of(row, self._store)

    def shown_label(self, row: PhotoRow) -> str | None:
        """Return the label that a photo is shown with; None if it is shown without a tag."""
        tag, labels = self.shown_tag(row), self._store.labels
        return None if tag is None else labels.positive if tag.positive else labels.negative

    def keep_shown(self, rows: Iterable[PhotoRow]) -> None:
        """Note that these photos are about to get another tag, which is seen only after the next paint."""
        for row in rows:
            self._painted.setdefault(row, tag_of(row, self._store))

    def forget_shown(self, rows: Iterable[PhotoRow]) -> None:
        """Note that the user knows the tag of these photos without seeing it painted, because they chose it."""
        for row in rows:
            self._painted.pop(row, None)

    def current_tag(self, row: PhotoRow, *, hot: bool = False) -> tags.Tag | None:
        """Return the tag that a photo has now, whether it is painted already or not."""
        return tag_of(row, self._store, hot=hot)

    def note_shown(self, row: PhotoRow, *, hot: bool = False) -> tags.Tag | None:
        """Return the tag that a photo has now, which the caller paints: from now on that is what the user sees."""
        tag = self._painted[row] = tag_of(row, self._store, hot=hot)
        return tag

    def forget_all_but(self, in_view: Collection[PhotoRow]) -> None:
        """Forget what was painted for photos that are no longer in view."""
        if not self._painted.keys() <= set(in_view):
            self._painted = {row: self._painted[row] for row in in_view if row in self._painted}

    # Painting

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one photo."""
        row: PhotoRow = index.data(PhotoModel.RowRole)
        colors = self._theme.colors
        painter.setFont(self._font)
        card = self.card_rect(option.rect)
        self._paint_card(painter, card, option.state)
        self._paint_picture(painter, self.picture_rect(option.rect), row)
        line = self._line(card)
        tag = self.note_shown(row, hot=row is self.hot)
        if tag is not None:
            self._paint_tag(painter, line, tag)
        else:
            painter.setPen(QColor(colors.muted if row.reason is None or row.gone else colors.warning))
            painter.drawText(line, _ONE_LINE, _status(row))
        # What the photos are listed for is worth more than the file name, which the tool tip and the preview show too.
        view: View = index.data(PhotoModel.ViewRole)
        below = was(row, self._store) if view.filter is Filter.CHANGED else ""
        if not below and view.sorted_by is Order.TAKEN:
            below = self._when(row)
        name = QRect(line.left(), line.bottom() + 1 + _PAD - 4, line.width(), self._metrics.height())
        painter.setPen(QColor(colors.muted))
        words = below or self._name(row.name, str(index.data(PhotoModel.FolderRole)), name.width())
        painter.drawText(name, _ONE_LINE, self._metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, name.width()))

    def _when(self, row: PhotoRow) -> str:
        """Return when a photo was taken, or that it has no date; empty while that is not known yet."""
        taken = row.taken(self._store.clocks)
        if taken is not None:
            return self._moment(taken)
        return "" if row.waiting else _("No date")

    def _name(self, name: str, folder: str, room: int) -> str:
        """Return the name of a photo, behind its folder unless that is empty; each is shortened to its share."""
        width = self._metrics.horizontalAdvance
        if not folder or width(folder + os.sep + name) <= room:
            return folder + os.sep + name if folder else name
        share = max(round(room * _FOLDER_SHARE), room - width(os.sep + name))
        # The end of a path tells more than its beginning.
        folder = self._metrics.elidedText(folder, Qt.TextElideMode.ElideLeft, share) + os.sep
        return folder + self._metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room - width(folder))

    def _paint_card(self, painter: QPainter, card: QRect, state: QStyle.StateFlag) -> None:
        colors = self._theme.colors
        selected = bool(state & QStyle.StateFlag.State_Selected)
        marked = selected or bool(state & QStyle.StateFlag.State_HasFocus)

        def draw(painter: QPainter) -> None:
            width = 2.0 if marked else 1.0
            painter.setBrush(QColor(colors.accent_soft if selected else colors.card))
            painter.setPen(QPen(QColor(colors.accent if marked else colors.border), width))
            body = QRectF(0, 0, card.width(), card.height())
            painter.drawRoundedRect(body.adjusted(width / 2, width / 2, -width / 2, -width / 2), RADIUS, RADIUS)

        # On the color of the view, because a card with transparent corners takes several times as long to paint.
        ground = QColor(colors.window)
        self._pixmaps.paint(painter, card.topLeft(), card.size(), ("card", selected, marked), draw, ground)

    def _paint_tag(self, painter: QPainter, line: QRect, tag: tags.Tag) -> None:
        colors, size = self._theme.colors, self._tag_size(tag)
        self._pixmaps.paint(
            painter, line.topLeft(), size, tag, lambda painter: tag.draw(painter, size, self._tag_font, colors)
        )
        after = line.adjusted(size.width() + _PAD, 0, 0, 0)
        # Translators: beside a tag that the user gave, as in "Alpaca by you".
        by_you = _("by you") if tag.icon == "person" else ""
        if by_you and self._metrics.horizontalAdvance(by_you) <= after.width():
            painter.setPen(QColor(colors.muted))
            painter.drawText(after, _ONE_LINE, by_you)

    def _paint_picture(self, painter: QPainter, area: QRect, row: PhotoRow) -> None:
        colors = self._theme.colors
        readable = row.reason is None or row.gone
        pixmap = self._thumbnails.get(row.key, row.path, row.key_before) if row.key and readable else None
        if pixmap is not None and not pixmap.isNull():
            size = pixmap.size().toSizeF().scaled(area.size().toSizeF(), Qt.AspectRatioMode.KeepAspectRatio)
            # On whole pixels, so that a thumbnail of the right size is copied without being blurred.
            target = QRect(0, 0, round(size.width()), round(size.height()))
            target.moveTopLeft(
                area.topLeft() + QPoint((area.width() - target.width()) // 2, (area.height() - target.height()) // 2)
            )
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.setOpacity(_FADED if row.gone else 1.0)
            painter.drawPixmap(target, pixmap)
            painter.setOpacity(1.0)
            return
        painter.fillRect(area, QColor(colors.raised))
        icon = QRectF(0, 0, _ICON, _ICON)
        if readable:
            icon.moveCenter(QRectF(area).center())
            paint_icon(painter, "picture", colors.muted, icon)
            return
        words = reasons.sentence(row.reason or "")
        self._pixmaps.paint(
            painter,
            area.topLeft(),
            area.size(),
            words,
            lambda painter: self._paint_problem(painter, area.size(), words),
        )

    def _paint_problem(self, painter: QPainter, size: QSize, words: str) -> None:
        """Paint why a photo can't be shown, below a sign if there is space for both; every line is whole."""
        colors, metrics = self._theme.colors, self._metrics
        area = QRect(QPoint(0, 0), size).adjusted(_PAD // 2, 4, -_PAD // 2, -4)
        below = area.adjusted(0, _ICON + 10, 0, 0)
        lines = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        needed = metrics.boundingRect(below, lines, words).height()
        if needed <= below.height():
            icon = QRectF(0, 0, _ICON, _ICON)
            icon.moveCenter(QPointF(area.center().x(), area.top() + 22))
            paint_icon(painter, "warning", colors.warning, icon)
            area = below
        else:
            while words and metrics.boundingRect(area, lines, words).height() > area.height():
                words = words.rstrip("…").rpartition(" ")[0].rstrip(" ,;.") + "…" if " " in words else ""
        painter.setFont(self._font)
        painter.setPen(QColor(colors.text))
        painter.drawText(area, lines, words)


def tag_of(row: PhotoRow, store: PhotoStore, *, hot: bool = False) -> tags.Tag | None:
    """Return the tag of a photo; None without a prediction. `hot`: whether the mouse is over it."""
    if row.probability is None:
        return None
    labels = store.labels
    label = labels.label(row.probability, row.correction)
    shown = labels.display(label)
    positive = label == labels.positive
    if row.correction is not None:
        return tags.Tag(shown, "person", positive, hot)
    # Translators: what a tag says, as in "Alpaca  97%".
    words = _("{label}  {confidence}").format(
        label=shown, confidence=confidence(labels.confidence(row.probability, label))
    )
    return tags.Tag(words, "question" if store.is_unsure(row) else "", positive, hot, shown)


def was(row: PhotoRow, store: PhotoStore) -> str:
    """Return the tag that a photo had before it changed: "was Alpaca 73%"; empty if it has not changed."""
    earlier = store.earlier_tag(row)
    if earlier is None:
        return ""
    # Translators: the tag of a photo before it changed, as in "was Alpaca 73%".
    return _("was {label} {confidence}").format(
        label=store.labels.display(earlier.label), confidence=confidence(earlier.confidence)
    )


def _status(row: PhotoRow) -> str:
    """Return what stands in place of the tag."""
    if row.gone:
        return _("In the trash") if row.reason == trash_reasons.IN_TRASH else _("No longer exists")
    return _("Waiting…") if row.reason is None else _("Can't be read")


_MOST_PIXMAPS = 600
"""More than the tags and cards on any screen: two labels, a hundred confidences, sure, unsure, labeled by the user."""


class _PixmapCache:
    """Small pictures by everything that makes them look different."""

    def __init__(self) -> None:
        """Start with none."""
        self._pixmaps: dict[Hashable, QPixmap] = {}

    def clear(self) -> None:
        """Forget all, for other colors or fonts."""
        self._pixmaps.clear()

    def paint(
        self,
        painter: QPainter,
        place: QPoint,
        size: QSize,
        look: Hashable,
        draw: Callable[[QPainter], None],
        ground: QColor | Qt.GlobalColor = Qt.GlobalColor.transparent,
    ) -> None:
        """Paint a picture.

        Args:
            painter: paints it.
            place: its top left corner.
            size: its size.
            look: everything that makes it look different from others of its size.
            draw: draws it at (0, 0); called only for a look that is not cached.
            ground: what it is drawn on.
        """
        ratio = painter.device().devicePixelRatioF()
        key = (look, size.width(), size.height(), ratio)
        pixmap = self._pixmaps.get(key)
        if pixmap is None:
            if len(self._pixmaps) >= _MOST_PIXMAPS:
                self._pixmaps.clear()
            pixmap = QPixmap(size * ratio)
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(ground)
            inner = QPainter(pixmap)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw(inner)
            inner.end()
            self._pixmaps[key] = pixmap
        painter.drawPixmap(place, pixmap)
