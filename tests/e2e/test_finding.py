"""Searching and labeling with the real model: the list stays while the app learns, the bars follow."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from alpacasorter.ui.photo_filters import Filter
from tests.e2e.conftest import User

LEFT, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
PROBABILITIES = [0.35, 0.62, 0.30, 0.58, 0.95, 0.33, 0.55, 0.05, 0.57, 0.31] * 2


def test_find_label_and_go_back(start: Callable[[], User], scene: Callable[[Sequence[float]], Path]) -> None:
    user = start()
    folder = scene(PROBABILITIES)
    user.open(folder)
    panel, key = user.page.finding.panel, user.window.windowHandle()
    everything = user.shown()
    wanted = [name for name in everything if "1" in name]

    QTest.keyClick(key, Qt.Key.Key_F4)
    QTest.keyClick(key, Qt.Key.Key_F, CTRL)
    QTest.keyClicks(QApplication.focusWidget(), "1")
    user.wait(lambda: user.shown() == wanted)
    QTest.keyClick(key, Qt.Key.Key_Return)
    before, bars = len(user.learned), panel.sureness.bars
    QTest.keyClick(key, Qt.Key.Key_N)
    user.wait(lambda: len(user.learned) > before and panel.sureness.bars != bars)
    assert user.shown() == wanted, "nothing has moved"
    assert [row.path.name for row in user.store.rows if row.correction is not None] == wanted[:1]

    histogram, plot = panel.sureness, panel.sureness.plot()
    middle = plot.center().y()
    QTest.mousePress(histogram, LEFT, pos=QPoint(round(histogram.x_of(0.51)), middle))
    QTest.mouseMove(histogram, QPoint(round(histogram.x_of(0.75)), middle))
    QTest.mouseMove(histogram, QPoint(round(histogram.x_of(0.99)), middle))
    QTest.mouseRelease(histogram, LEFT, pos=QPoint(round(histogram.x_of(0.99)), middle))
    user.wait(lambda: len(user.shown()) < len(wanted))
    assert all((row.probability or 0.0) >= 0.5 for row in user.model.listed)
    assert user.page.filters.button(Filter.ALL).text().count(str(len(user.shown()))) >= 1

    user.window.rescan()
    user.wait(lambda: len(user.finished) > 1)
    assert set(user.shown()) < set(wanted), "the same folder again keeps the search"

    QTest.mouseClick(panel.clear_all, LEFT)
    user.wait(lambda: user.shown() == everything)
