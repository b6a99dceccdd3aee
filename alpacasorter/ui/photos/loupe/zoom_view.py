"""One photo, fitted or zoomed, that can be dragged. It only copies pixels; `workers.closeups` makes them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from alpacasorter.ui.photos.loupe.overlay import Overlay
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.closeups import MOST_FULL_PIXELS, Fit, Part, Picture

_WHEEL_STEP: Final = 1.25
_KEY_STEP: Final = 1.5
_LARGEST: Final = 8.0
_SAME: Final = 0.001
_MARGIN: Final = 0.2
"""How much more than what is in view is rendered on each side, as a share of the view, so that it can be dragged."""


class ZoomView(QLabel):
    """Shows one photo.

    What is painted first is the best there is: the thumbnail, the picture of the whole photo, the part of it that is in
    view. `wanted` says what is missing. Scales are in pixels of the screen for each pixel of the photo.

    Signals:
        wants_changed: `wanted` may return something else.
        moved: the user has zoomed or dragged the photo.
        pressed: the user has pressed a button of the mouse on it.
        sharp_painted(Path): the photo was painted sharp, for the first time since it is shown.

    Attributes:
        most_pixels: see `Part`.
    """

    wants_changed = Signal()
    moved = Signal()
    pressed = Signal()
    sharp_painted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Show nothing."""
        super().__init__(parent)
        # Only so that a screen reader hears that this is a picture; what is painted is below.
        self.setPixmap(QPixmap(1, 1))
        self._theme = theme
        self._path: Path | None = None
        self._key: str | None = None
        self._full: tuple[int, int] | None = None
        self._coarse = QImage()
        self._enlarged = QImage()
        self._fit: Picture | None = None
        self._part: Picture | None = None
        self._words = ""
        self._scale: float | None = None
        self._center = (0.5, 0.5)
        self._overlay = Overlay()
        self._dragged: QPointF | None = None
        self._is_new = False
        self.most_pixels = MOST_FULL_PIXELS
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(80, 60))
        theme.changed.connect(self.update)

    # What is shown

    def show_photo(self, path: Path | None, key: str | None, full: tuple[int, int] | None) -> None:
        """Show another photo, with the same zoom at the same place of it; nothing is painted until there is something.

        Args:
            path, key: the photo; None for none.
            full: its size, pixels, if that is known.
        """
        self._path, self._key, self._full = path, key, full
        self._coarse = self._enlarged = QImage()
        self._fit = self._part = None
        self._words = ""
        self.setAccessibleDescription("")
        self._is_new = True
        self._overlay.set(None)
        self._show_cursor()
        self.update()

    def show_thumbnail(self, pixmap: QPixmap) -> None:
        """Show this until there is something better."""
        self._coarse, self._enlarged = pixmap.toImage(), QImage()
        if self._fit is None:
            self.update()

    def show_picture(self, picture: Picture) -> None:
        """Show a picture that was wanted; others are ignored."""
        wanted = picture.wanted
        if wanted.path != self._path or wanted.key != self._key:
            return
        known, self._full = self._full, (picture.width, picture.height)
        if isinstance(wanted, Fit):
            if self._fit is None or wanted in self.wanted() or self._fit.wanted not in self.wanted():
                self._fit = picture
        elif self._part is None or self._part.wanted != self._wanted_part():
            # Otherwise it is one that was wanted before, and comes late.
            self._part = picture
        self._words = ""
        self.update()
        if known != self._full:
            self.wants_changed.emit()

    def show_words(self, words: str) -> None:
        """Show this text in place of the photo."""
        self._words = words
        self.setAccessibleDescription(words)
        self._fit = self._part = None
        self._coarse = self._enlarged = QImage()
        self.update()

    @property
    def path(self) -> Path | None:
        """The photo that is shown."""
        return self._path

    @property
    def words(self) -> str:
        """The text in place of the photo."""
        return self._words

    def set_overlay(self, overlay: QImage | None) -> None:
        """Paint a picture with transparency over the whole photo, stretched to it, or none; until the next photo."""
        self._overlay.set(overlay)
        self.update()

    @property
    def whole(self) -> Picture | None:
        """The picture of the whole photo; None until there is one."""
        return self._fit

    @property
    def is_sharp(self) -> bool:
        """Whether what is in view is painted from as many pixels as the screen and the photo have."""
        if self._words:
            return True
        if self._fit is None:
            return False
        if self._scale is None:
            return self._fit.wanted == self._wanted_fit()
        return self._part is not None and self._part.wanted == self._wanted_part()

    def wanted(self) -> list[Fit | Part]:
        """Return what should be painted, the most urgent first."""
        if self._path is None:
            return []
        fit = self._wanted_fit()
        part = self._wanted_part()
        return [one for one in (fit, part) if one is not None]

    def wanted_for(self, path: Path, key: str | None, full: tuple[int, int] | None) -> list[Fit | Part]:
        """Return what should be painted if this photo were shown."""
        width, height = self._room()
        wanted: list[Fit | Part] = [Fit(path, key, width, height, full)]
        if self._scale is not None and full is not None:
            wanted.append(self._part_around(path, key, full, self._scale))
        return wanted

    def _wanted_fit(self) -> Fit | None:
        if self._path is None:
            return None
        width, height = self._room()
        return Fit(self._path, self._key, width, height, self._full)

    def _wanted_part(self) -> Part | None:
        if self._scale is None or self._full is None or self._path is None:
            return None
        part, view = self._part, self._in_view()
        if part is not None and isinstance(part.wanted, Part) and part.wanted.scale == self._scale:
            at = part.wanted
            if QRect(at.left, at.top, at.width, at.height).contains(view):
                return at
        return self._part_around(self._path, self._key, self._full, self._scale)

    def _part_around(self, path: Path, key: str | None, full: tuple[int, int], scale: float) -> Part:
        view = self._in_view(full)
        across, down = round(view.width() * _MARGIN), round(view.height() * _MARGIN)
        whole = QRect(0, 0, max(1, round(full[0] * scale)), max(1, round(full[1] * scale)))
        part = view.adjusted(-across, -down, across, down).intersected(whole)
        return Part(path, key, scale, part.left(), part.top(), part.width(), part.height(), full, self.most_pixels)

    # Geometry, in pixels of the screen

    def _room(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, math.floor(self.width() * ratio)), max(1, math.floor(self.height() * ratio))

    def _size(self) -> tuple[int, int]:
        """Return the size of the photo; of its thumbnail until the size is known."""
        if self._full is not None:
            return self._full
        return (self._coarse.width(), self._coarse.height()) if not self._coarse.isNull() else (3, 2)

    def fit_scale(self) -> float:
        """Return the scale at which the whole photo is as large as it fits."""
        width, height = self._size()
        across, down = self._room()
        return min(across / width, down / height)

    @property
    def scale(self) -> float:
        """The scale at which the photo is shown."""
        return self.fit_scale() if self._scale is None else self._scale

    @property
    def is_fitted(self) -> bool:
        """Whether the photo is as large as it fits, whatever the size of the window."""
        return self._scale is None

    @property
    def place(self) -> tuple[float | None, tuple[float, float]]:
        """The scale, None if fitted, and which place of the photo is in the middle, each coordinate from 0 to 1."""
        return self._scale, self._center

    def set_place(self, scale: float | None, center: tuple[float, float]) -> None:
        """Show this place at this scale, as in `place`. `moved` is not emitted."""
        before = self._scale
        self._scale, self._center = scale, center
        self._hold_in()
        self._show_cursor()
        self.update()
        if before != scale or scale is not None:
            self.wants_changed.emit()

    def _target(self, full: tuple[int, int] | None = None) -> QRect:
        """Return where the photo is, in pixels of the screen from the corner of the view."""
        width, height = full or self._size()
        across, down = self._room()
        scale = min(across / width, down / height) if self._scale is None else self._scale
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        left = _side(across, wide, self._center[0])
        top = _side(down, high, self._center[1])
        return QRect(left, top, wide, high)

    def _in_view(self, full: tuple[int, int] | None = None) -> QRect:
        """Return which part of the photo is in view, from its corner."""
        target = self._target(full)
        return QRect(QPoint(0, 0), QSize(*self._room())).intersected(target).translated(-target.topLeft())

    def photo_rect(self) -> QRectF:
        """Return where the photo is in the view, also beyond its edges."""
        target, ratio = self._target(), self.devicePixelRatioF()
        return QRectF(target.x() / ratio, target.y() / ratio, target.width() / ratio, target.height() / ratio)

    def _hold_in(self) -> None:
        """Keep the photo in view: no space beside it that it could fill."""
        width, height = self._size()
        across, down = self._room()
        self._center = (
            _within(self._center[0], across / (width * self.scale)),
            _within(self._center[1], down / (height * self.scale)),
        )

    # Zoom

    def zoom_to(self, scale: float | None, around: QPointF | None = None) -> None:
        """Zoom, None to fit; the place of the photo at a point of the view stays there."""
        if self._full is None or self._words:
            return
        fitted = self.fit_scale()
        if scale is not None:
            scale = max(min(fitted, 1.0), min(max(_LARGEST, fitted), scale))
            if abs(scale / fitted - 1) < _SAME:
                scale = None
        point = QPointF(self.rect().center()) if around is None else around
        before = self.photo_rect()
        at = (
            (point.x() - before.x()) / before.width(),
            (point.y() - before.y()) / before.height(),
        )
        self._scale = scale
        if scale is None:
            self._center = (0.5, 0.5)
        else:
            ratio, (width, height) = self.devicePixelRatioF(), self._full
            middle = QPointF(self.width() / 2, self.height() / 2)
            self._center = (
                at[0] + (middle.x() - point.x()) * ratio / (width * scale),
                at[1] + (middle.y() - point.y()) * ratio / (height * scale),
            )
        self._hold_in()
        self._after_move()

    def zoom_in(self) -> None:
        """Zoom a step in."""
        self._step(_KEY_STEP, None)

    def zoom_out(self) -> None:
        """Zoom a step out."""
        self._step(1 / _KEY_STEP, None)

    def zoom_fit(self) -> None:
        """Show the whole photo."""
        self.zoom_to(None)

    def zoom_full(self, around: QPointF | None = None) -> None:
        """Show one pixel of the photo in each of the screen."""
        self.zoom_to(1.0, around)

    def toggle(self, around: QPointF | None = None) -> None:
        """Switch between the whole photo and 100 %."""
        if self._scale is None:
            self.zoom_full(around)
        else:
            self.zoom_fit()

    def _step(self, factor: float, around: QPointF | None) -> None:
        before, fitted = self.scale, self.fit_scale()
        after = before * factor
        for stop in (fitted, 1.0):  # on the way, not past it
            if min(before, after) < stop * (1 - _SAME) and max(before, after) > stop * (1 + _SAME):
                after = stop
                break
        if factor < 1 and after <= min(fitted, 1.0):
            after = min(fitted, 1.0)
        self.zoom_to(after, around)

    def pan(self, across: float, down: float) -> None:
        """Move the photo, in pixels of the view."""
        target, ratio = self._target(), self.devicePixelRatioF()
        before = self._center
        self._center = (
            self._center[0] - across * ratio / target.width(),
            self._center[1] - down * ratio / target.height(),
        )
        self._hold_in()
        if self._center != before:
            self._after_move()

    def _after_move(self) -> None:
        self._show_cursor()
        self.update()
        self.wants_changed.emit()
        self.moved.emit()

    @property
    def can_pan(self) -> bool:
        """Whether a part of the photo is out of view."""
        target = self._target()
        across, down = self._room()
        return self._scale is not None and (target.width() > across or target.height() > down)

    def _show_cursor(self) -> None:
        if self._dragged is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self.can_pan:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.unsetCursor()

    # Events

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer."""
        turned = event.angleDelta().y()
        if turned:
            self._step(_WHEEL_STEP ** (turned / 120), event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Zoom with two fingers on a touchpad."""
        if isinstance(event, QNativeGestureEvent) and event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom_to(self.scale * (1 + event.value()), event.position())
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to drag."""
        self.pressed.emit()
        if event.button() == Qt.MouseButton.LeftButton and self.can_pan:
            self._dragged = event.position()
            self._show_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the photo."""
        if self._dragged is not None:
            way, self._dragged = event.position() - self._dragged, event.position()
            self.pan(way.x(), way.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stop dragging."""
        self._dragged = None
        self._show_cursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Switch between the whole photo and 100 % at the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.toggle(event.position())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for pictures of the new size."""
        super().resizeEvent(event)
        self._hold_in()
        self._enlarged = QImage()
        self._show_cursor()
        self.wants_changed.emit()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the best there is. No scaling that smooths, which takes ten times as long as all else here."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(self._theme.colors.window))
        if self._words:
            painter.setPen(QColor(self._theme.colors.text))
            area = QRectF(self.rect()).adjusted(24, 24, -24, -24)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap), self._words)
            painter.end()
            self._was_painted()
            return
        ratio = self.devicePixelRatioF()
        painter.scale(1 / ratio, 1 / ratio)
        target = self._target()
        part = self._part
        covers = False
        if part is not None and isinstance(part.wanted, Part) and self._scale is not None:
            at = part.wanted
            covers = at.scale == self._scale and QRect(at.left, at.top, at.width, at.height).contains(self._in_view())
        if not covers:
            self._paint_whole(painter, target)
        if part is not None and isinstance(part.wanted, Part) and self._scale is not None:
            self._paint_part(painter, target, part.image, part.wanted, self._scale)
        self._overlay.paint(painter, self._in_view(), target)
        painter.end()
        self._was_painted()

    def _was_painted(self) -> None:
        if self._is_new and self._path is not None and self.is_sharp:
            self._is_new = False
            self.sharp_painted.emit(self._path)

    def _paint_whole(self, painter: QPainter, target: QRect) -> None:
        image = self._fit.image if self._fit is not None else self._coarse_for(target)
        if image.isNull():
            return
        if image.size() == target.size():
            painter.drawImage(target.topLeft(), self._overlay.toned(image))
        else:
            painter.drawImage(QRectF(target), self._overlay.toned(image), QRectF(image.rect()))

    def _coarse_for(self, target: QRect) -> QImage:
        """Return the thumbnail, smooth at half the size: what is left is quick, and nearly as good."""
        if self._enlarged.isNull() and not self._coarse.isNull():
            half = QSize(min(target.width(), self._room()[0]) // 2, min(target.height(), self._room()[1]) // 2)
            size = self._coarse.size().scaled(half, Qt.AspectRatioMode.KeepAspectRatio)
            self._enlarged = self._coarse
            if size.width() > self._coarse.width():
                smooth = Qt.TransformationMode.SmoothTransformation
                self._enlarged = self._coarse.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
        return self._enlarged

    def _paint_part(self, painter: QPainter, target: QRect, image: QImage, at: Part, scale: float) -> None:
        if at.scale == scale:
            painter.drawImage(target.topLeft() + QPoint(at.left, at.top), self._overlay.toned(image))
            return
        zoomed = scale / at.scale
        place = QRectF(at.left * zoomed, at.top * zoomed, at.width * zoomed, at.height * zoomed)
        painter.drawImage(place.translated(QPointF(target.topLeft())), self._overlay.toned(image), QRectF(image.rect()))


def _side(room: int, size: int, center: float) -> int:
    """Return where a photo begins: in the middle if it fits, else so that a place of it, 0 to 1, is in the middle."""
    return (room - size) // 2 if size <= room else max(room - size, min(0, round(room / 2 - center * size)))


def _within(center: float, share: float) -> float:
    """Return the place in the middle of the view, held so that a photo of which a share is in view fills it."""
    return 0.5 if share >= 1 else max(share / 2, min(1 - share / 2, center))
