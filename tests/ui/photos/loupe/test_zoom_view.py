"""A photo in the zoom view: what is painted, by wheel, drag, double click and keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter.ui.photos.loupe.zoom_view import ZoomView
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.closeups import CloseupLoader

SIZE = (1200, 800)


class Viewer:
    """A view of 400 × 300 pixels with a photo of 1200 × 800: red on the left half, blue on the right."""

    def __init__(self, view: ZoomView, loader: CloseupLoader, qtbot: QtBot) -> None:
        self.view, self.loader, self.qtbot = view, loader, qtbot
        view.wants_changed.connect(lambda: loader.want(view.wanted()))
        loader.loaded.connect(view.show_picture)

    def show(self, path: Path) -> None:
        self.view.show_photo(path, None, SIZE)
        self.loader.want(self.view.wanted())
        self.sharpen()

    def sharpen(self) -> None:
        self.qtbot.waitUntil(lambda: self.view.is_sharp, timeout=20_000)

    def color(self, x: int, y: int) -> str:
        return QColor(self.view.grab().toImage().pixel(x, y)).name()

    def wheel(self, at: QPoint, notches: int) -> None:
        none = Qt.MouseButton.NoButton
        place, turned = QPointF(at), QPoint(0, 120 * notches)
        phase, modifiers = Qt.ScrollPhase.NoScrollPhase, Qt.KeyboardModifier.NoModifier
        event = QWheelEvent(place, self.view.mapToGlobal(place), QPoint(), turned, none, modifiers, phase, False)
        QApplication.sendEvent(self.view, event)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    picture = Image.new("RGB", SIZE, "red")
    picture.paste("blue", (600, 0, 1200, 800))
    picture.save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture
def viewer(qapp: QApplication, qtbot: QtBot) -> Iterator[Viewer]:
    view, loader = ZoomView(Theme(qapp)), CloseupLoader()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    yield Viewer(view, loader, qtbot)
    loader.close()


def test_a_photo_is_fitted_at_first(viewer: Viewer, photo: Path) -> None:
    viewer.show(photo)
    rect = viewer.view.photo_rect()
    assert (rect.x(), rect.width(), rect.height()) == (0, 400, 267)
    assert viewer.color(190, 150) == "#ff0000"
    assert viewer.color(210, 150) == "#0000ff"
    assert viewer.color(200, 5) not in ("#ff0000", "#0000ff"), "above it there is nothing"


def test_a_double_click_shows_the_place_at_actual_size_and_another_one_all(viewer: Viewer, photo: Path) -> None:
    viewer.show(photo)
    at = QPoint(300, 150)
    before = viewer.view.photo_rect()
    QTest.mouseDClick(viewer.view, Qt.MouseButton.LeftButton, pos=at)
    after = viewer.view.photo_rect()
    assert (after.width(), after.height()) == SIZE
    share = (at.x() - before.x()) / before.width()
    assert (at.x() - after.x()) / after.width() == pytest.approx(share, abs=0.002)
    viewer.sharpen()
    assert viewer.color(10, 150) == "#0000ff"
    QTest.mouseDClick(viewer.view, Qt.MouseButton.LeftButton, pos=at)
    assert viewer.view.photo_rect() == before


def test_the_wheel_zooms_around_the_pointer_and_stops_at_the_whole_photo(viewer: Viewer, photo: Path) -> None:
    viewer.show(photo)
    at = QPoint(100, 120)
    before = viewer.view.photo_rect()
    viewer.wheel(at, 3)
    after = viewer.view.photo_rect()
    assert after.width() > 1.5 * before.width()
    assert (at.x() - after.x()) / after.width() == pytest.approx((at.x() - before.x()) / before.width(), abs=0.005)
    viewer.wheel(at, -30)
    assert viewer.view.is_fitted
    viewer.wheel(at, 100)
    assert viewer.view.scale == 1, "it stops at the actual size on the way"
    viewer.wheel(at, 100)
    assert viewer.view.scale == 8


def test_dragging_moves_the_photo_and_never_past_its_edge(viewer: Viewer, photo: Path) -> None:
    viewer.show(photo)
    viewer.view.zoom_full()
    viewer.sharpen()
    assert viewer.color(190, 150) == "#ff0000"
    assert viewer.color(210, 150) == "#0000ff"
    left = viewer.view.photo_rect().x()
    QTest.mousePress(viewer.view, Qt.MouseButton.LeftButton, pos=QPoint(300, 150))
    QTest.mouseMove(viewer.view, QPoint(200, 150))
    assert viewer.view.photo_rect().x() == left - 100
    assert viewer.color(110, 150) == "#0000ff"
    assert viewer.color(90, 150) == "#ff0000"
    for _ in range(9):
        QTest.mouseMove(viewer.view, QPoint(390, 150))
        QTest.mouseMove(viewer.view, QPoint(10, 150))
        QTest.mouseRelease(viewer.view, Qt.MouseButton.LeftButton, pos=QPoint(10, 150))
        QTest.mousePress(viewer.view, Qt.MouseButton.LeftButton, pos=QPoint(390, 150))
    QTest.mouseMove(viewer.view, QPoint(10, 150))
    assert viewer.view.photo_rect().right() >= 400
    viewer.sharpen()
    assert viewer.color(399, 150) == "#0000ff"


def test_the_next_photo_keeps_zoom_and_place(viewer: Viewer, photo: Path) -> None:
    viewer.show(photo)
    viewer.view.zoom_full(QPointF(390, 150))
    place = viewer.view.photo_rect()
    other = photo.with_name("b.png")
    other.write_bytes(photo.read_bytes())
    viewer.show(other)
    assert viewer.view.photo_rect() == place


def is_gray(name: str) -> bool:
    red, green, blue = (name[at : at + 2] for at in (1, 3, 5))
    return red == green == blue


def test_an_overlay_is_stretched_over_the_photo_also_when_zoomed(viewer: Viewer, photo: Path) -> None:
    viewer.show(photo)
    overlay = QImage(2, 1, QImage.Format.Format_ARGB32)
    overlay.setPixelColor(0, 0, QColor(0, 255, 0, 255))
    overlay.setPixelColor(1, 0, QColor(0, 0, 0, 0))
    viewer.view.set_overlay(overlay)
    assert viewer.color(20, 150) == "#00ff00"
    # Where it lets the photo through, that has no colors of its own, which could be taken for those above it.
    assert is_gray(viewer.color(380, 150))
    assert viewer.color(20, 5) != "#00ff00"
    viewer.view.zoom_full(QPointF(0, 150))
    viewer.sharpen()
    assert viewer.color(20, 150) == "#00ff00"
    viewer.view.pan(-2000, 0)
    viewer.sharpen()
    assert is_gray(viewer.color(380, 150))
    viewer.view.set_overlay(None)
    viewer.view.zoom_fit()
    assert viewer.color(20, 150) == "#ff0000"
