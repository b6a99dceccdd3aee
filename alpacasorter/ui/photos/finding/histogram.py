"""A histogram with a range: bars of photos by a value, with the two labels stacked, and two ends that can be moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QSlider, QWidget

from alpacasorter.i18n import _
from alpacasorter.ui.photo_finder import Bars
from alpacasorter.ui.photo_query import Range
from alpacasorter.ui.photos.finding.scales import Scale, place_of
from alpacasorter.ui.widgets import keys
from alpacasorter.ui.widgets.theme import Colors, Theme

_SIDE: Final = 8
"""Space on either side, so that the ends of the range can be seen and hit, pixels."""
_REACH: Final = 7
"""How near to an end the mouse moves it, pixels."""
_LEAST_BAR: Final = 2.0
"""Height of a bar of few photos, pixels."""
_FAINT: Final = 0.28
"""How opaque the bars outside of the range are."""
_GAP: Final = 14
"""Least space between two marks, pixels."""


class Histogram(QWidget):
    """Bars of photos, and the range of values that is chosen.

    The height of a bar grows with the square root of its photos: most photos are at the ends of the scale, and the few
    in between are those that one looks for. Pressing and dragging makes a range, its ends and the range itself can be
    dragged, a click chooses a bar, and a double click removes the range. With the keyboard, each end is a slider.

    Signals:
        chosen(object): the user chose a range, a pair of values; None for all. Emitted at each step while dragging.
        pointed(int): the mouse is over a bar; -1: over none.
        dragging(bool): the user began or ended dragging.
    """

    chosen = Signal(object)
    pointed = Signal(int)
    dragging = Signal(bool)

    def __init__(self, name: str, theme: Theme, parent: QWidget | None = None, *, empty_text: str = "") -> None:
        """Show nothing yet.

        Args:
            name: what it shows photos by.
            theme: its colors.
            parent: the widget around it.
            empty_text: what it says without a scale.
        """
        super().__init__(parent)
        self._theme = theme
        self._empty_text = empty_text
        self._scale: Scale | None = None
        self._bars = Bars((), 0)
        self._range: Range | None = None
        self._is_low = False
        self._pressed: tuple[float, tuple[float, float]] | None = None
        self._grip = ""
        self._moved = False
        self._bar = -1
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # Translators: one end of the range that a histogram shows; {histogram} is "Date taken", for example.
        first, last = _("{histogram}: from"), _("{histogram}: to")
        self.handles = (_Handle(first.format(histogram=name), self), _Handle(last.format(histogram=name), self))
        for handle in self.handles:
            handle.valueChanged.connect(lambda _place, handle=handle: self._on_handle(handle))
            handle.left.connect(self.clear)
        theme.changed.connect(self.update)

    # What is shown

    @property
    def values(self) -> Range | None:
        """The range that is chosen; None for all values."""
        return self._range

    @property
    def scale(self) -> Scale | None:
        """The scale; None if there is nothing to show."""
        return self._scale

    @property
    def bars(self) -> Bars:
        """The bars that are shown."""
        return self._bars

    @property
    def bar(self) -> int:
        """The bar that the mouse is over; -1 for none."""
        return self._bar

    def show_bars(self, scale: Scale | None, bars: Bars) -> None:
        """Show bars on a scale, without one nothing. While the user drags, the scale stays as it is."""
        if self._pressed is None:
            self._scale = scale
            self._place_handles()
        if self._scale is scale or (scale is not None and self._scale is not None and scale.edges == self._scale.edges):
            self._bars = bars
        self.update()

    def set_range(self, values: Range | None) -> None:
        """Show a range, without a signal."""
        self._range = values
        self._place_handles()
        self.update()

    def set_low(self, low: bool) -> None:
        """Be lower in a low window."""
        if low != self._is_low:
            self._is_low = low
            self.updateGeometry()

    def clear(self) -> None:
        """Remove the range, as a double click does."""
        if self._range is not None:
            self._choose(None)

    # Geometry

    def sizeHint(self) -> QSize:
        """Return a size at which bars can be told apart."""
        return QSize(240, (28 if self._is_low else 58) + self._metrics().height())

    def minimumSizeHint(self) -> QSize:
        """Return the smallest size."""
        return QSize(120, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move the ends."""
        super().resizeEvent(event)
        self._place_handles()

    def plot(self) -> QRect:
        """Return where the bars are."""
        return self.rect().adjusted(_SIDE, 4, -_SIDE, -self._metrics().height() - 4)

    def x_of(self, value: float) -> float:
        """Return where a value is, pixels from the left."""
        assert self._scale is not None
        return self._x(place_of(self._scale.edges, value))

    def _x(self, place: float) -> float:
        plot = self.plot()
        return plot.left() + place * plot.width() / max(1, self._count)

    def _place_at(self, x: float) -> float:
        plot = self.plot()
        return min(max((x - plot.left()) * self._count / max(1, plot.width()), 0.0), float(self._count))

    @property
    def _count(self) -> int:
        return len(self._scale.edges) - 1 if self._scale is not None else 0

    def _places(self) -> tuple[float, float]:
        """Return the ends of the range, in bars from the left."""
        if self._scale is None:
            return 0.0, 0.0
        if self._range is None:
            return 0.0, float(self._count)
        return place_of(self._scale.edges, self._range[0]), place_of(self._scale.edges, self._range[1])

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(self._font())

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.85)
        return font

    def _place_handles(self) -> None:
        plot = self.plot()
        for handle, place in zip(self.handles, self._places(), strict=True):
            handle.setVisible(self._scale is not None)
            handle.setGeometry(
                QRect(QPoint(round(self._x(place)) - _REACH, plot.top()), QSize(2 * _REACH, plot.height()))
            )
            handle.show_place(round(place), self._count)
            if self._scale is not None and self._count:
                words = self._scale.name_end(self._scale.edges[min(round(place), self._count)])
                handle.set_words(words)

    # Choosing

    def _choose(self, values: Range | None) -> None:
        if values != self._range:
            self.set_range(values)
            self.chosen.emit(values)

    def _choose_places(self, first: float, last: float) -> None:
        """Choose the range between two ends of bars; all of them are no range."""
        if self._scale is None or self._count == 0:
            return
        least, most = round(first), round(last)
        edges = self._scale.edges
        is_all = least <= 0 and most >= self._count
        self._choose(None if is_all else (edges[max(0, least)], edges[min(self._count, most)]))

    def _on_handle(self, handle: _Handle) -> None:
        first, last = (one.value() for one in self.handles)
        if handle is self.handles[0]:
            first = min(first, last - 1)
        else:
            last = max(last, first + 1)
        self._choose_places(first, last)
        # If it was moved beyond the other one.
        self._place_handles()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of an end, of the range, or begin a new range."""
        if event.button() != Qt.MouseButton.LeftButton or self._count == 0:
            return
        x = event.position().x()
        self._pressed, self._moved, self._grip = (self._place_at(x), self._places()), False, self._grip_at(x)
        self._update_cursor(x)

    def _grip_at(self, x: float) -> str:
        """Return what is held at a place: "first", "last", "range", or "new" for none of them."""
        first, last = (self._x(place) for place in self._places())
        by_nearness = sorted((("first", first), ("last", last)), key=lambda end: abs(end[1] - x))
        if abs(by_nearness[0][1] - x) <= _REACH:
            return by_nearness[0][0]
        return "range" if self._range is not None and first < x < last else "new"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag what is held; say which bar the mouse is over."""
        x = event.position().x()
        place = self._place_at(x)
        self._point_at(min(int(place), self._count - 1))
        if self._pressed is None:
            self._update_cursor(x)
            return
        start, (first, last) = self._pressed
        if not self._moved:
            if abs(self._x(start) - x) < QApplication.startDragDistance() / 2:
                return
            self._moved = True
            self.dragging.emit(True)
        match self._grip:
            case "first":
                self._choose_places(min(round(place), round(last) - 1), last)
            case "last":
                self._choose_places(first, max(round(place), round(first) + 1))
            case "range":
                by = min(max(round(place - start), -round(first)), self._count - round(last))
                self._choose_places(round(first) + by, round(last) + by)
            case _:
                least, most = sorted((start, place))
                # All bars that the mouse has touched.
                self._choose_places(int(least), min(self._count, int(most) + 1))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go; a click chooses the bar under the mouse."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        (start, _places), self._pressed = self._pressed, None
        if self._moved:
            self.dragging.emit(False)
        elif self._grip == "new":
            bar = min(int(start), self._count - 1)
            self._choose_places(bar, bar + 1)
        self._update_cursor(event.position().x())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Remove the range."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = None
            self.clear()

    def leaveEvent(self, event: QEvent) -> None:
        """The mouse is over no bar."""
        self._point_at(-1)
        super().leaveEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Let go of what is held."""
        self._pressed = None
        super().hideEvent(event)

    def _point_at(self, bar: int) -> None:
        if bar != self._bar:
            self._bar = bar
            self.pointed.emit(bar)
            self.update()

    def _update_cursor(self, x: float) -> None:
        shape = Qt.CursorShape
        shapes = {"first": shape.SplitHCursor, "last": shape.SplitHCursor, "new": shape.CrossCursor}
        grip = self._grip if self._pressed is not None else self._grip_at(x)
        self.setCursor(shapes.get(grip, shape.ClosedHandCursor if self._pressed is not None else shape.OpenHandCursor))

    # Painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the bars, the range and what is written below."""
        painter = QPainter(self)
        colors, plot = self._theme.colors, self.plot()
        painter.setPen(QColor(colors.border))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        if self._scale is None or not self._count:
            painter.setPen(QColor(colors.muted))
            painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, self._empty_text)
            return
        self._paint_bars(painter, colors)
        self._paint_lines(painter, colors, self._scale.lines)
        self._paint_marks(painter, colors)

    def _paint_bars(self, painter: QPainter, colors: Colors) -> None:
        most = max((sum(bar) for bar in self._bars.counts), default=0)
        if not most:
            return
        plot, places = self.plot(), self._places()
        height, bottom = plot.height() - 2, plot.bottom()
        for n, bar in enumerate(self._bars.counts):
            total = sum(bar)
            if not total:
                continue
            # Whole pixels, so that neighbors neither overlap nor leave a line between them.
            left, right = round(self._x(n)), round(self._x(n + 1))
            width = max(1, right - left - (1 if right - left > 3 else 0))
            full = max(_LEAST_BAR, height * (total / most) ** 0.5)
            painter.setOpacity(1.0 if places[0] <= n + 0.5 <= places[1] else _FAINT)
            base = float(bottom)
            for count, color in zip(bar, (colors.positive, colors.outline, colors.border), strict=True):
                part = full * count / total
                painter.fillRect(QRectF(left, base - part, width, part), QColor(color))
                base -= part
            if n == self._bar:
                painter.setPen(QColor(colors.text))
                painter.drawRect(QRectF(left - 0.5, bottom - full - 0.5, width, full))
        painter.setOpacity(1.0)

    def _paint_lines(self, painter: QPainter, colors: Colors, lines: Sequence[float]) -> None:
        plot = self.plot()
        painter.setPen(QPen(QColor(colors.warning), 1, Qt.PenStyle.DashLine))
        for value in lines:
            x = round(self.x_of(value)) + 0.5
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))

    def _paint_marks(self, painter: QPainter, colors: Colors) -> None:
        assert self._scale is not None
        painter.setFont(self._font())
        painter.setPen(QColor(colors.muted))
        metrics, plot = self._metrics(), self.plot()
        taken: list[tuple[float, float]] = []
        for mark in self._scale.marks:
            width, x = metrics.horizontalAdvance(mark.words), self.x_of(mark.value)
            left = min(max(x - width / 2, 0.0), self.width() - width)
            # Each has its tick, so those near the left edge may move only a little.
            if all(left + width + _GAP <= start or left >= end + _GAP for start, end in taken):
                taken.append((left, left + width))
                painter.drawText(QPointF(left, plot.bottom() + 3 + metrics.ascent()), mark.words)
                painter.drawLine(QPointF(x, plot.bottom() + 1), QPointF(x, plot.bottom() + 3))


class _Handle(QSlider):
    """One end of the range, for the keyboard and for screen readers. The mouse goes to the histogram.

    Signals:
        left: the user pressed Esc.
    """

    left = Signal()

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._name = name
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setPageStep(10)
        self.setAccessibleName(name)

    def show_place(self, place: int, most: int) -> None:
        """Stand at a place, in bars from the left, without a signal."""
        self.blockSignals(True)
        self.setRange(0, most)
        self.setValue(place)
        self.blockSignals(False)

    def set_words(self, words: str) -> None:
        """Say which value it stands at."""
        # A slider's value is a number to a screen reader, so the name says what it means.
        # Translators: one end of a range and where it stands, as in "Date taken: from 3 March 2026".
        said = _("{end} {value}").format(end=self._name, value=words)
        if said != self.accessibleName():
            self.setAccessibleName(said)
            self.setAccessibleDescription(words)

    def event(self, event: QEvent) -> bool:
        """Keep Esc, which would stop the scan."""
        if keys.keeps_escape(event):
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the end, or remove the range."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the end: a line with a grip; with the focus, larger and framed."""
        parent = self.parentWidget()
        assert isinstance(parent, Histogram)
        colors = parent._theme.colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.width() / 2
        shown = parent.values is not None or self.hasFocus()
        painter.setPen(QPen(QColor(colors.accent if shown else colors.outline), 1.5 if shown else 1))
        painter.drawLine(QPointF(middle, 0), QPointF(middle, self.height()))
        grip = QRectF(middle - 4, self.height() / 2 - 9, 8, 18)
        painter.setBrush(QColor(colors.accent if self.hasFocus() else colors.card))
        painter.drawRoundedRect(grip, 3, 3)
