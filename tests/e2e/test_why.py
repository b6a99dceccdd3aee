"""Why a photo has its tag, in the real window with the real model: by key, while stepping and learning, and zoomed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from alpacasorter.core.events import Explained
from tests.e2e.conftest import User
from tests.picture_files import make_picture, picture_bytes, turned

Key = Qt.Key
PHOTOS = {"a.jpg": (640, 480), "b.jpg": (480, 640), "c.jpg": (1200, 300)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, (name, size) in enumerate(PHOTOS.items()):
        make_picture(folder / name, size=size, seed=seed)
    (folder / "d.jpg").write_bytes(turned(picture_bytes(seed=9, size=(640, 480))))
    return folder


def wait_for(user: User, name: str) -> Explained:
    why, row = user.page.why, user.row(name)
    user.wait(lambda: why.answer is not None and why.answer.content_key == row.key)
    assert why.answer is not None
    return why.answer


def colors(image: QImage) -> int:
    """Return how many places of an image have a color of their own, out of 400."""
    count = 0
    for x in range(20):
        for y in range(20):
            color = image.pixelColor(x * image.width() // 20, y * image.height() // 20)
            count += max(color.red(), color.green(), color.blue()) - min(color.red(), color.green(), color.blue()) > 24
    return count


def test_a_look_at_why(start: Callable[..., User], photos: Path) -> None:
    user = start()
    user.open(photos)
    user.select("a.jpg")
    user.press(Key.Key_W)
    first = wait_for(user, "a.jpg")
    assert first.map is not None
    panel = user.page.preview.why
    assert panel.isVisible()
    assert panel.sentence.text()
    assert panel.training.text()
    assert panel.nothing.isVisible()
    # It stays on, whatever the shape and orientation of the next photo.
    for name in ("b.jpg", "c.jpg", "d.jpg"):
        user.press(Key.Key_Right)
        assert wait_for(user, name).map is not None
    # What the user labels is learned, shown as alike, and changes the map.
    user.select("a.jpg")
    wait_for(user, "a.jpg")
    user.click_tag("a.jpg")
    user.wait(lambda: user.page.why.answer is not None and user.page.why.answer.probability != first.probability)
    user.select("b.jpg")
    (neighbor,) = wait_for(user, "b.jpg").neighbors
    assert neighbor.path == photos / "a.jpg"
    assert user.label("a.jpg") == neighbor.label
    QTest.mouseClick(panel.neighbors[0], Qt.MouseButton.LeftButton)
    assert user.page.grid.current_photo() is user.row("a.jpg")
    # The same in the loupe, and not of the photo before.
    user.press(Key.Key_Return)
    loupe = user.page.closeups.loupe
    user.wait(lambda: loupe.view.is_sharp)
    assert loupe.why.isVisible()
    wait_for(user, "a.jpg")
    assert loupe.view.accessibleDescription() == loupe.why.sentence.text() != ""
    shown = loupe.view.grab().toImage()
    QTest.keyClick(loupe, Key.Key_W)
    user.wait(lambda: not loupe.why.isVisible())
    # Noise is colorful; with the map over it, only what speaks has a color.
    user.wait(lambda: loupe.view.is_sharp)
    assert colors(shown) < colors(loupe.view.grab().toImage())
    QTest.keyClick(loupe, Key.Key_W)
    QTest.keyClick(loupe, Key.Key_Right)
    assert loupe.row is user.row("b.jpg")
    wait_for(user, "b.jpg")
    assert loupe.why.sentence.text()
    QTest.keyClick(loupe, Key.Key_Escape)
    user.wait(lambda: panel.isVisible())
    assert user.page.grid.current_photo() is user.row("b.jpg")
