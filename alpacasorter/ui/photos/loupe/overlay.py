"""Colors over a photo that is zoomed: why it has its tag."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from alpacasorter.ui.photos.why import GrayPhotos


class Overlay:
    """A picture with transparency that is stretched over the whole photo, however it is zoomed."""

    def __init__(self) -> None:
        """Start with none."""
        self._image = QImage()
        self._made: tuple[QRect, QSize, QImage] | None = None
        self._grays = GrayPhotos()

    def set(self, image: QImage | None) -> None:
        """Use another picture, or none."""
        self._image = QImage() if image is None else image
        self._made = None
        self._grays.forget()

    def toned(self, photo: QImage) -> QImage:
        """Return a picture of the photo as it is painted: gray below the colors, so that none is taken for another."""
        return photo if self._image.isNull() else self._grays.of(photo)

    def paint(self, painter: QPainter, view: QRect, target: QRect) -> None:
        """Paint what is in view: smooth at half the size, which is quick and looks the same.

        Args:
            painter: in pixels of the screen.
            view: the part of the photo that is in view, in such pixels from the corner of the photo.
            target: where the whole photo is.
        """
        image = self._image
        if image.isNull() or view.isEmpty():
            return
        if self._made is None or self._made[:2] != (view, target.size()):
            across, down = image.width() / target.width(), image.height() / target.height()
            source = QRectF(view.x() * across, view.y() * down, view.width() * across, view.height() * down)
            around = source.toAlignedRect().adjusted(-1, -1, 1, 1).intersected(image.rect())
            half = QSize(max(1, round(around.width() / across / 2)), max(1, round(around.height() / down / 2)))
            smooth = Qt.TransformationMode.SmoothTransformation
            part = image.copy(around).scaled(half, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
            cut = QRectF(
                (source.x() - around.x()) * half.width() / around.width(),
                (source.y() - around.y()) * half.height() / around.height(),
                source.width() * half.width() / around.width(),
                source.height() * half.height() / around.height(),
            )
            made = part.copy(cut.toAlignedRect()).convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
            self._made = view, target.size(), made
        painter.drawImage(QRectF(view.translated(target.topLeft())), self._made[2], QRectF(self._made[2].rect()))
