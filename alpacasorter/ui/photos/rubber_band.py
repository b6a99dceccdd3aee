"""Which photos of a grid a rubber band touches, by arithmetic: 100,000 of them are not looked at one by one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractItemModel, QItemSelection, QPoint, QRect


def touched(band: QRect, model: QAbstractItemModel, cards: Sequence[QRect], line_height: int) -> QItemSelection:
    """Return the photos whose cards touch a rubber band.

    Args:
        band: a rectangle of the viewport, whose corners may be in any order.
        model: the photos.
        cards: where the cards of the first line are.
        line_height: distance of two lines, pixels.
    """
    found, count, columns = QItemSelection(), model.rowCount(), len(cards)
    if not columns:
        return found
    band = QRect(
        QPoint(min(band.left(), band.right()), min(band.top(), band.bottom())),
        QPoint(max(band.left(), band.right()), max(band.top(), band.bottom())),
    )
    inside = [n for n, card in enumerate(cards) if card.left() <= band.right() and card.right() >= band.left()]
    first_line = max(0, -(-(band.top() - cards[0].bottom()) // line_height))
    last_line = min((count - 1) // columns, (band.bottom() - cards[0].top()) // line_height)
    if not inside:
        return found
    if len(inside) == columns and first_line <= last_line:
        last = min(count, (last_line + 1) * columns) - 1
        found.select(model.index(first_line * columns, 0), model.index(last, 0))
        return found
    for line in range(first_line, last_line + 1):
        first, last = line * columns + inside[0], min(line * columns + inside[-1], count - 1)
        if first <= last:
            found.select(model.index(first, 0), model.index(last, 0))
    return found
