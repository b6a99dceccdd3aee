"""Stamps: small pictures drawn once and copied from then on, since a screen full of cards must scroll smoothly."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QPainter, QPixmap

_MOST = 600
"""More than the tags and cards on any screen: two labels, a hundred confidences, sure, unsure, corrected."""


class Stamps:
    """Pixmaps by whatever makes them look different."""

    def __init__(self) -> None:
        """Start with none."""
        self._pixmaps: dict[Hashable, QPixmap] = {}

    def clear(self) -> None:
        """Forget all, for other colours or fonts."""
        self._pixmaps.clear()

    def put(
        self, painter: QPainter, place: QPoint, size: QSize, look: Hashable, draw: Callable[[QPainter], None]
    ) -> None:
        """Paint a stamp.

        Args:
            painter: where to.
            place: its top left corner.
            size: of the stamp.
            look: all that makes this stamp look different from others of its size.
            draw: draws it at (0, 0), called only for a look not seen before.
        """
        ratio = painter.device().devicePixelRatioF()
        key = (look, size.width(), size.height(), ratio)
        pixmap = self._pixmaps.get(key)
        if pixmap is None:
            if len(self._pixmaps) >= _MOST:
                self._pixmaps.clear()
            pixmap = QPixmap(size * ratio)
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            inner = QPainter(pixmap)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw(inner)
            inner.end()
            self._pixmaps[key] = pixmap
        painter.drawPixmap(place, pixmap)
