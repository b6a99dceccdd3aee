"""The learning curves: loss and accuracy after each epoch, on the photos trained on and on those held out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from alpacasorter.training.events import Epoch
from alpacasorter.ui.widgets.theme import Theme

_GAP: Final = 16
_TICKS: Final = 5
_NARROW_EMS: Final = 42
"""Width in letters "m" below which the two plots stand one above the other."""
_DOT: Final = 2.5
_LEAST_EPOCHS: Final = 4
"""Epochs that there is room for from the start, so that the first points don't fill the plot."""


class Axis(NamedTuple):
    """A vertical axis.

    Attributes:
        low, high: values at its ends.
        ticks: values that are written beside it, ascending.
    """

    low: float
    high: float
    ticks: tuple[float, ...]


def nice_step(span: float, count: int) -> float:
    """Return a step of 1, 2 or 5 times a power of ten that divides `span` into about `count` parts."""
    raw = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(raw))
    return power * next((factor for factor in (1, 2, 5) if factor * power >= raw * 0.999), 10)


def axis(values: Sequence[float], *, least: float, most: float | None = None) -> Axis:
    """Return an axis on which all finite values can be drawn.

    Args:
        values: what is drawn.
        least: value at the lower end.
        most: value at the upper end; None for a round one above all values.
    """
    finite = [value for value in values if math.isfinite(value)]
    top = most if most is not None else max([*finite, least + 1e-6])
    step = nice_step(top - least, _TICKS)
    high = most if most is not None else least + step * math.ceil((top - least) / step - 1e-9)
    count = math.floor((high - least) / step + 1e-9)
    return Axis(least, high, tuple(least + n * step for n in range(count + 1)))


def epoch_ticks(last: int) -> tuple[int, ...]:
    """Return the epochs that are written below a plot that ends with `last`: the first, and round numbers."""
    step = max(1, round(nice_step(last, _TICKS)))
    return tuple(dict.fromkeys((1, *range(step, last + 1, step))))


class LearningCurves(QWidget):
    """Paints the curves of the epochs it is given."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start with no epoch."""
        super().__init__(parent)
        self._theme = theme
        self._epochs: tuple[Epoch, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Learning curves")
        theme.changed.connect(self.update)
        self.clear()

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """What is drawn."""
        return self._epochs

    def clear(self) -> None:
        """Start anew."""
        self.show_epochs(())

    def add(self, epoch: Epoch) -> None:
        """Draw one more epoch."""
        self.show_epochs((*self._epochs, epoch))

    def show_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Draw these epochs, instead of any before."""
        self._epochs = tuple(epochs)
        self.setAccessibleDescription(describe(self._epochs))
        self.setToolTip(describe(self._epochs))
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size at which both plots can be read."""
        em = self.fontMetrics().horizontalAdvance("m")
        return QSize(_NARROW_EMS * em, self.heightForWidth(_NARROW_EMS * em))

    def minimumSizeHint(self) -> QSize:
        """Return the size of one narrow plot."""
        em = self.fontMetrics().horizontalAdvance("m")
        return QSize(18 * em, 12 * self.fontMetrics().height())

    def hasHeightForWidth(self) -> bool:
        """Where it is narrow, it is higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of one plot, or of two where they stand one above the other."""
        line = self.fontMetrics().height()
        return 13 * line if self._beside(width) else 24 * line

    def _beside(self, width: float) -> bool:
        return width >= _NARROW_EMS * self.fontMetrics().horizontalAdvance("m")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint legend and plots."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        line = QFontMetricsF(self.font()).height()
        self._paint_legend(painter, QRectF(area.left(), area.top(), area.width(), line))
        area.setTop(area.top() + 1.4 * line)
        if self._beside(area.width()):
            width = (area.width() - _GAP) / 2
            places = [QRectF(area.left() + n * (width + _GAP), area.top(), width, area.height()) for n in range(2)]
        else:
            height = (area.height() - _GAP / 2) / 2
            places = [QRectF(area.left(), area.top() + n * (height + _GAP / 2), area.width(), height) for n in range(2)]
        losses = [(e.loss, e.validation_loss) for e in self._epochs]
        rates = [(e.accuracy, e.validation_accuracy) for e in self._epochs]
        low = 0.5 if all(not value < 0.5 for pair in rates for value in pair) else 0.0
        self._paint_plot(
            painter,
            places[0],
            "Loss after each epoch",
            losses,
            axis([v for p in losses for v in p] or [1.0], least=0.0),
            _number,
        )
        self._paint_plot(
            painter, places[1], "Accuracy after each epoch", rates, axis([], least=low, most=1.0), _percent
        )
        painter.end()

    def _pens(self) -> tuple[QPen, QPen]:
        """Return the pens of training and validation, as in the report; they differ in more than the colour."""
        colours = self._theme.colours
        training = QPen(QColor(colours.accent), 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        return training, QPen(QColor(colours.warning), 2.0, Qt.PenStyle.DashLine)

    def _paint_legend(self, painter: QPainter, area: QRectF) -> None:
        metrics = QFontMetricsF(self.font())
        x, middle = area.left() + 2, area.center().y()
        for pen, words in zip(self._pens(), ("Photos trained on", "Photos held out"), strict=True):
            painter.setPen(pen)
            painter.drawLine(QPointF(x, middle), QPointF(x + 24, middle))
            painter.setPen(QColor(self._theme.colours.text))
            painter.drawText(QPointF(x + 32, middle + metrics.capHeight() / 2), words)
            x += 32 + metrics.horizontalAdvance(words) + 24
        if any(epoch.phase == "retrain" for epoch in self._epochs):
            painter.setPen(self._mark())
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(QColor(self._theme.colours.text))
            painter.drawText(QPointF(x + 8, middle + metrics.capHeight() / 2), "Retraining begins")

    def _paint_plot(
        self,
        painter: QPainter,
        place: QRectF,
        title: str,
        pairs: Sequence[tuple[float, float]],
        values: Axis,
        shown: Callable[[float], str],
    ) -> None:
        metrics, colours = QFontMetricsF(self.font()), self._theme.colours
        line = metrics.height()
        label_width = max(metrics.horizontalAdvance(shown(tick)) for tick in values.ticks)
        plot = place.adjusted(label_width + 8, 1.3 * line, -metrics.averageCharWidth() * 2, -1.3 * line)
        last = max(_LEAST_EPOCHS, *(e.number for e in self._epochs), 0)

        def at(number: float, value: float) -> QPointF:
            x = plot.left() + (number - 1) / (last - 1) * plot.width()
            return QPointF(x, plot.bottom() - (value - values.low) / (values.high - values.low) * plot.height())

        painter.setPen(QColor(colours.text))
        painter.drawText(QPointF(plot.left(), place.top() + metrics.ascent()), title)
        for tick in values.ticks:
            y = at(1, tick).y()
            painter.setPen(QPen(QColor(colours.border), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(colours.muted))
            box = QRectF(place.left(), y - line / 2, label_width, line)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), shown(tick))
        self._paint_epoch_ticks(painter, plot, last, at)
        self._paint_retraining(painter, plot, at)
        for which, pen in enumerate(self._pens()):
            points = [
                at(epoch.number, min(max(pair[which], values.low), values.high))
                for epoch, pair in zip(self._epochs, pairs, strict=True)
                if math.isfinite(pair[which])
            ]
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(points))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(pen.color())
            for point in points if which or len(points) == 1 else points[-1:]:
                painter.drawEllipse(point, _DOT, _DOT)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_epoch_ticks(
        self, painter: QPainter, plot: QRectF, last: int, at: Callable[[float, float], QPointF]
    ) -> None:
        line = QFontMetricsF(self.font()).height()
        painter.setPen(QColor(self._theme.colours.muted))
        for number in epoch_ticks(last):
            box = QRectF(at(number, 0).x() - 3 * line, plot.bottom() + 3, 6 * line, line)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), str(number))

    def _paint_retraining(self, painter: QPainter, plot: QRectF, at: Callable[[float, float], QPointF]) -> None:
        first = next((epoch.number for epoch in self._epochs if epoch.phase == "retrain"), None)
        if first is None:
            return
        # Between the last epoch of the head and the first of retraining.
        x = at(max(1.0, first - 0.5), 0).x()
        painter.setPen(self._mark())
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))

    def _mark(self) -> QPen:
        return QPen(QColor(self._theme.colours.muted), 1.4, Qt.PenStyle.DotLine)


def describe(epochs: Sequence[Epoch]) -> str:
    """Return what the curves say, in words, for tool tips and screen readers."""
    if not epochs:
        return "No epoch is done yet."
    last = epochs[-1]
    words = (
        f"After epoch {last.number}: loss {_number(last.loss)} in training and {_number(last.validation_loss)} on the "
        f"photos held out; {_percent(last.accuracy)} right in training and {_percent(last.validation_accuracy)} of "
        "those held out."
    )
    first = next((epoch.number for epoch in epochs if epoch.phase == "retrain"), None)
    return words if first is None else f"{words} The backbone is retrained from epoch {first} on."


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "unknown"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"


def _percent(value: float) -> str:
    return f"{round(value * 100)}%" if math.isfinite(value) else "unknown"
