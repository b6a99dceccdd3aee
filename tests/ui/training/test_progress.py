"""The learning curves: axes that can be read, a picture with both curves in it, and the same in words."""

import math

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter.training.events import Epoch
from alpacasorter.ui.training.curves import LearningCurves, axis, describe, epoch_ticks, nice_step
from alpacasorter.ui.widgets.theme import Theme
from tests.workers.fake_training import epochs

WIDE, NARROW = QSize(900, 260), QSize(300, 500)


@pytest.fixture
def curves(qtbot: QtBot, qapp: QApplication) -> LearningCurves:
    widget = LearningCurves(Theme(qapp, "light"))
    qtbot.addWidget(widget)
    return widget


def painted(widget: LearningCurves, size: QSize = WIDE) -> QImage:
    widget.resize(size)
    return widget.grab().toImage()


def has_colour(image: QImage, colour: str, columns: range) -> bool:
    wanted = QColor(colour).rgb()
    return any(image.pixel(x, y) == wanted for x in columns for y in range(40, image.height()))


@pytest.mark.parametrize(("span", "step"), [(1.0, 0.2), (0.5, 0.1), (0.8, 0.2), (7, 2), (20, 5), (1e-3, 2e-4)])
def test_steps_are_round(span: float, step: float) -> None:
    assert nice_step(span, 5) == pytest.approx(step)


def test_an_axis_holds_all_values_and_starts_where_it_should() -> None:
    made = axis([0.3, 0.71, math.nan, math.inf], least=0.0)
    assert (made.low, made.high) == (0.0, pytest.approx(0.8))
    assert made.ticks == pytest.approx((0, 0.2, 0.4, 0.6, 0.8))
    fixed = axis([0.99], least=0.5, most=1.0)
    assert fixed.ticks == pytest.approx((0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    for odd in ([], [0.0], [math.nan]):
        empty = axis(odd, least=0.0)
        assert empty.high > empty.low


@pytest.mark.parametrize(
    ("last", "ticks"), [(4, (1, 2, 3, 4)), (8, (1, 2, 4, 6, 8)), (20, (1, 5, 10, 15, 20)), (137, (1, 50, 100))]
)
def test_epochs_are_written_below(last: int, ticks: tuple[int, ...]) -> None:
    assert epoch_ticks(last) == ticks


def test_in_words() -> None:
    assert describe([]) == "No epoch is done yet."
    words = describe(epochs(2, 0))
    assert words.startswith("After epoch 2: loss 0.42 in training and 0.53 on the photos held out;")
    assert "81% right in training and 78% of those held out" in words
    assert "retrained" not in words
    assert describe(epochs(2, 1)).endswith("retrained from epoch 3 on.")
    broken = Epoch("head", 1, 5, math.nan, 0.5, math.inf, 0.5, 1.0)
    assert "loss unknown in training and unknown" in describe([broken])


def test_both_curves_are_painted_on_both_plots(curves: LearningCurves, qapp: QApplication) -> None:
    theme = curves._theme
    halves = (range(60, 440), range(520, 890))
    empty = painted(curves)
    for half in halves:
        assert not has_colour(empty, theme.colours.accent, half)
    for epoch in epochs():
        curves.add(epoch)
    for scheme in ("light", "dark"):
        theme.use(scheme)
        image = painted(curves)
        for half in halves:
            assert has_colour(image, theme.colours.accent, half), "the photos held out"
            assert has_colour(image, theme.colours.warning, half), "the photos trained on"


def test_where_it_is_narrow_the_plots_stand_one_above_the_other(curves: LearningCurves) -> None:
    curves.show_epochs(epochs())
    assert curves.heightForWidth(NARROW.width()) > 1.5 * curves.heightForWidth(WIDE.width())
    image = painted(curves, NARROW)
    wanted = QColor(curves._theme.colours.accent).rgb()
    rows = {y for y in range(40, image.height()) for x in range(60, image.width()) if image.pixel(x, y) == wanted}
    assert any(y < 240 for y in rows)
    assert any(y > 270 for y in rows)


def test_a_higher_value_is_painted_higher(curves: LearningCurves) -> None:
    def end_of_curve(accuracy: float) -> int:
        made = [Epoch("head", n, 4, 0.5, accuracy, 0.5, 0.6, 1.0) for n in (1, 2, 3, 4)]
        curves.show_epochs(made)
        image = painted(curves)
        wanted = QColor(curves._theme.colours.accent).rgb()
        return min(y for y in range(40, image.height()) if image.pixel(700, y) == wanted)

    assert end_of_curve(0.95) < end_of_curve(0.75) - 40


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 0.0])
def test_odd_values_harm_nothing(curves: LearningCurves, value: float) -> None:
    curves.show_epochs([Epoch("head", n, 3, value, value, value, value, value) for n in (1, 2, 3)])
    assert not painted(curves).isNull()
    assert not painted(curves, NARROW).isNull()


def test_screen_readers_hear_of_it(curves: LearningCurves) -> None:
    curves.show_epochs(epochs(1, 0))
    assert curves.accessibleDescription() == describe(curves.epochs)
    curves.clear()
    assert curves.accessibleDescription() == "No epoch is done yet."
