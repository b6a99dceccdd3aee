"""The learning curves: a chart with both curves, and the same in words."""

import math

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter.training.events import Epoch
from alpacasorter.ui.training.progress import LearningCurves, describe
from alpacasorter.ui.widgets.theme import Theme
from tests.workers.fake_training import epochs

WIDE, NARROW = 900, 300


@pytest.fixture
def curves(qtbot: QtBot, qapp: QApplication) -> LearningCurves:
    widget = LearningCurves(Theme(qapp, "light"))
    qtbot.addWidget(widget)
    return widget


def painted(widget: LearningCurves, width: int = WIDE) -> QImage:
    widget.resize(QSize(width, widget.heightForWidth(width)))
    return widget.grab().toImage()


def places_of(image: QImage, color: str) -> set[tuple[int, int]]:
    """Return where a color is in a picture, below the legend."""
    wanted = QColor(color).rgb()
    return {(x, y) for x in range(image.width()) for y in range(40, image.height()) if image.pixel(x, y) == wanted}


def test_in_words() -> None:
    assert describe([]) == "No epoch is done yet."
    words = describe(epochs(2, 0))
    for part in ("epoch 2", "loss 0.42 in training", "0.53 on the held-out", "81% correct", "78% on the held-out"):
        assert part in words
    assert "retrained" not in words
    assert "retrained from epoch 3" in describe(epochs(2, 1))
    broken = Epoch("head", 1, 5, math.nan, 0.5, math.inf, 0.5, 1.0)
    assert "loss unknown in training and unknown" in describe([broken])


def test_both_curves_are_painted_in_both_charts(curves: LearningCurves, qapp: QApplication) -> None:
    theme = curves._theme
    middle = WIDE / 2
    assert not places_of(painted(curves), theme.colors.accent)
    for epoch in epochs():
        curves.add(epoch)
    for scheme in ("light", "dark"):
        theme.use(scheme)
        image = painted(curves)
        for color in (theme.colors.accent, theme.colors.warning):
            found = places_of(image, color)
            assert any(x < middle for x, _ in found)
            assert any(x > middle for x, _ in found)


def test_narrow_charts_are_stacked(curves: LearningCurves) -> None:
    curves.show_epochs(epochs())
    assert curves.heightForWidth(NARROW) > curves.heightForWidth(WIDE)
    image = painted(curves, NARROW)
    half = image.height() / 2
    found = places_of(image, curves._theme.colors.accent)
    assert any(y < half - 10 for _, y in found)
    assert any(y > half + 10 for _, y in found)


def test_charts_fit_the_widget_and_do_not_grow_forever(curves: LearningCurves) -> None:
    for width in (200, NARROW, 640, WIDE, 4000):
        for place in curves._places(width):
            assert place.right() <= width
            assert place.bottom() <= curves.heightForWidth(width) + 1
    assert curves.heightForWidth(4000) == curves.heightForWidth(3000)


def test_a_higher_value_is_painted_higher(curves: LearningCurves) -> None:
    def end_of_curve(accuracy: float) -> int:
        curves.show_epochs([Epoch("head", n, 4, 0.5, accuracy, 0.5, 0.6, 1.0) for n in (1, 2, 3, 4)])
        return min(y for x, y in places_of(painted(curves), curves._theme.colors.accent) if x > 600)

    assert end_of_curve(0.95) < end_of_curve(0.75) - 40


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 0.0])
def test_odd_values_do_no_harm(curves: LearningCurves, value: float) -> None:
    curves.show_epochs([Epoch("head", n, 3, value, value, value, value, value) for n in (1, 2, 3)])
    assert not painted(curves).isNull()
    assert not painted(curves, NARROW).isNull()


def test_screen_readers_get_a_description(curves: LearningCurves) -> None:
    curves.show_epochs(epochs(1, 0))
    assert curves.accessibleDescription() == describe(curves.epochs)
    curves.clear()
    assert curves.accessibleDescription() == describe([])
