"""The tag of a photo: its text, size and look."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen

from alpacasorter.ui.widgets.theme import Colors, paint_icon

HEIGHT = 26
_ICON = 14
_MARGIN = 10
_OUTLINE = 1.5


@dataclass(frozen=True, slots=True)
class Tag:
    """Everything that makes a tag look as it does.

    Attributes:
        words: the label, with the confidence unless the user gave it.
        label: the part of the words that is shortened if there is no space for all of them.
        icon: "person" if the user gave the label, "question" if the model is unsure, or empty. Thus neither state
            relies on color alone.
        positive: whether it is the label of the positive class.
        hot: whether the mouse is over it.
    """

    words: str
    icon: str
    positive: bool
    hot: bool = False
    label: str = ""

    def size(self, metrics: QFontMetrics, room: int) -> QSize:
        """Return its size, at most `room` pixels wide; `metrics` are those of `tag_font`."""
        width = metrics.horizontalAdvance(self.words) + 2 * _MARGIN + (_ICON + 4 if self.icon else 0)
        return QSize(min(width, room), HEIGHT)

    def draw(self, painter: QPainter, size: QSize, font: QFont, colors: Colors) -> None:
        """Draw it at (0, 0)."""
        ground = colors.positive if self.positive else colors.negative
        ink = colors.on_positive if self.positive else colors.on_negative
        outline: QPen | Qt.PenStyle = Qt.PenStyle.NoPen
        if self.icon == "question":
            ground, ink = colors.card, colors.warning
            outline = QPen(QColor(colors.warning), _OUTLINE, Qt.PenStyle.DashLine)
        if self.hot:
            outline = QPen(QColor(colors.text), _OUTLINE)
        painter.setPen(outline)
        painter.setBrush(QColor(ground))
        inset = _OUTLINE / 2
        body = QRectF(0, 0, size.width(), size.height()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(body, body.height() / 2, body.height() / 2)
        left = _MARGIN
        if self.icon:
            paint_icon(painter, self.icon, ink, QRectF(left - 2, (size.height() - _ICON) / 2, _ICON, _ICON))
            left += _ICON + 2
        painter.setFont(font)
        painter.setPen(QColor(ink))
        area = QRect(left, 0, size.width() - left - 4, size.height())
        shown = self._shorten(QFontMetrics(font), area.width() + 2)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)

    def _shorten(self, metrics: QFontMetrics, room: int) -> str:
        """Return the words as far as there is space for them; the confidence is whole as long as there is any."""
        over, label = metrics.horizontalAdvance(self.words) - room, metrics.horizontalAdvance(self.label)
        words = self.words
        if self.label and over > -2:
            shorter = metrics.elidedText(self.label, Qt.TextElideMode.ElideRight, max(0, label - over - 2))
            words = self.words.replace(self.label, shorter, 1).strip()
        return metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)


def tag_font(font: QFont) -> QFont:
    """Return the font of tags in a view with this font."""
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold
