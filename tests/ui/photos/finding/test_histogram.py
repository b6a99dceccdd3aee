"""A histogram alone: what the mouse takes hold of, and what the bars look like."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter.ui.photo_finder import Bars
from alpacasorter.ui.photo_query import Range
from alpacasorter.ui.photos.finding.histogram import Histogram
from alpacasorter.ui.photos.finding.scales import ProbabilityScale
from alpacasorter.ui.widgets.theme import Scheme, Theme
from tests.ui.test_photo_store import LABELS

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp)


@pytest.fixture
def histogram(theme: Theme, qtbot: QtBot) -> Histogram:
    shown = Histogram("How sure", theme)
    shown.resize(516, 80)
    qtbot.addWidget(shown)
    shown.show_bars(ProbabilityScale(LABELS, 0.8), Bars([(n % 3, n % 5, 0) for n in range(50)], 0))
    shown.show()
    return shown


def at(histogram: Histogram, value: float) -> QPoint:
    return QPoint(round(histogram.x_of(value)), histogram.plot().center().y())


def drag(histogram: Histogram, first: float, last: float) -> None:
    QTest.mousePress(histogram, LEFT, pos=at(histogram, first))
    QTest.mouseMove(histogram, at(histogram, (first + last) / 2))
    QTest.mouseMove(histogram, at(histogram, last))
    QTest.mouseRelease(histogram, LEFT, pos=at(histogram, last))


def near(range_: Range | None) -> Range | None:
    return None if range_ is None else (pytest.approx(range_[0]), pytest.approx(range_[1]))  # type: ignore[return-value]


def test_pressing_and_dragging_makes_a_range_in_either_direction(histogram: Histogram) -> None:
    drag(histogram, 0.31, 0.57)
    assert histogram.values == near((0.30, 0.58))
    histogram.clear()
    drag(histogram, 0.57, 0.31)
    assert histogram.values == near((0.30, 0.58))


def test_ends_and_the_range_can_be_dragged(histogram: Histogram) -> None:
    drag(histogram, 0.31, 0.57)
    drag(histogram, 0.30, 0.10)
    assert histogram.values == near((0.10, 0.58))
    drag(histogram, 0.58, 0.90)
    assert histogram.values == near((0.10, 0.90))
    drag(histogram, 0.50, 0.56)
    assert histogram.values == near((0.16, 0.96))
    drag(histogram, 0.50, 0.99)
    assert histogram.values == near((0.20, 1.0)), "it keeps its width at the end of the scale"


def test_an_end_stops_before_the_other_one(histogram: Histogram) -> None:
    drag(histogram, 0.31, 0.57)
    drag(histogram, 0.30, 0.90)
    assert histogram.values == near((0.56, 0.58))


def test_the_ends_of_the_scale_can_be_dragged_too(histogram: Histogram) -> None:
    drag(histogram, 1.0, 0.8)
    assert histogram.values == near((0.0, 0.8))
    drag(histogram, 0.8, 1.0)
    assert histogram.values is None, "all values are no range"


def test_a_click_chooses_a_bar_and_a_double_click_removes_the_range(histogram: Histogram) -> None:
    QTest.mouseClick(histogram, LEFT, pos=at(histogram, 0.43))
    assert histogram.values == near((0.42, 0.44))
    QTest.mouseDClick(histogram, LEFT, pos=at(histogram, 0.8))
    assert histogram.values is None


def test_other_buttons_do_nothing(histogram: Histogram) -> None:
    QTest.mouseClick(histogram, Qt.MouseButton.RightButton, pos=at(histogram, 0.43))
    assert histogram.values is None


def test_bars_that_change_while_the_mouse_drags_leave_the_scale(histogram: Histogram) -> None:
    QTest.mousePress(histogram, LEFT, pos=at(histogram, 0.31))
    QTest.mouseMove(histogram, at(histogram, 0.5))
    before = histogram.scale
    histogram.show_bars(ProbabilityScale(LABELS, 0.6), Bars([(1, 0, 0)] * 50, 0))
    assert histogram.scale is before
    QTest.mouseRelease(histogram, LEFT, pos=at(histogram, 0.5))


def test_hiding_it_while_the_mouse_drags_lets_go(histogram: Histogram) -> None:
    QTest.mousePress(histogram, LEFT, pos=at(histogram, 0.31))
    QTest.mouseMove(histogram, at(histogram, 0.5))
    histogram.hide()
    histogram.show()
    other = ProbabilityScale(LABELS, 0.6)
    histogram.show_bars(other, Bars([(1, 0, 0)] * 50, 0))
    assert histogram.scale is other


def test_the_bar_under_the_mouse(histogram: Histogram) -> None:
    pointed: list[int] = []
    histogram.pointed.connect(pointed.append)
    QTest.mouseMove(histogram, at(histogram, 0.43))
    QApplication.processEvents()
    assert pointed[-1] == 21


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_labels_and_the_unsure_ones_can_be_seen(histogram: Histogram, theme: Theme, scheme: Scheme) -> None:
    theme.use(scheme)
    histogram.show_bars(ProbabilityScale(LABELS, 0.8), Bars([(1, 1, 0)] * 50, 0))
    picture, colors = histogram.grab().toImage(), theme.colors
    shown = {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}
    assert {colors.positive, colors.outline, colors.warning} <= shown


def test_nothing_to_show(theme: Theme, qtbot: QtBot) -> None:
    empty = Histogram("Date taken", theme)
    qtbot.addWidget(empty)
    empty.show_bars(None, Bars((), 3))
    empty.show()
    QTest.mouseClick(empty, LEFT, pos=QPoint(50, 20))
    QTest.mouseMove(empty, QPoint(60, 20))
    assert not empty.grab().isNull()
    assert empty.values is None
