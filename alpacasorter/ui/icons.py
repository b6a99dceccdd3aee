"""Icons: SVG files in resources/icons, drawn in the colour of the text around them."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from alpacasorter import paths

_PLACEHOLDER = "currentColor"
_SIZES = (16, 24, 32, 48)


@lru_cache(maxsize=64)
def _renderer(name: str, colour: str) -> QSvgRenderer:
    source = (paths.resources_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(source.replace(_PLACEHOLDER, colour).encode()))


def paint_icon(painter: QPainter, name: str, colour: str, rect: QRectF) -> None:
    """Draw an icon into a rectangle."""
    _renderer(name, colour).render(painter, rect)


@lru_cache(maxsize=128)
def icon(name: str, colour: str) -> QIcon:
    """Return the icon `name` in one colour, sharp on every screen."""
    result = QIcon()
    for size in _SIZES:
        pixmap = QPixmap(QSize(size, size))
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        paint_icon(painter, name, colour, QRectF(0, 0, size, size))
        painter.end()
        result.addPixmap(pixmap)
    return result


def app_icon() -> QIcon:
    """Return the icon of the application."""
    return QIcon(str(paths.resources_dir() / "icons" / "alpacasorter.svg"))
