"""Reviewing real photos in the loupe, and comparing them."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.e2e.conftest import User
from tests.picture_files import make_picture

Key, Mod = Qt.Key, Qt.KeyboardModifier
Start = Callable[..., User]


def test_photos_are_reviewed_in_the_loupe_one_key_each(start: Start, folder: Path, qtbot: QtBot) -> None:
    exif = Image.Exif()
    exif[0x0110] = "Canon EOS R6"
    Image.open(folder / "photo0.jpg").save(folder / "photo0.jpg", exif=exif)
    make_picture(folder / "photo8.jpg", kind="truncated_jpeg")
    user = start()
    user.open(folder)
    loupe = user.page.closeups.loupe
    painted: list[Path] = []
    loupe.sharp_painted.connect(painted.append)
    user.select("photo0.jpg")
    user.press(Key.Key_Return)
    user.wait(lambda: painted == [folder / "photo0.jpg"])
    assert "Canon EOS R6" in loupe.facts.text()

    def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Mod.NoModifier) -> None:
        qtbot.keyClick(loupe, key, modifier)

    # Each key labels the photo and goes on to the next one, which was decoded ahead.
    for n in range(1, 4):
        ahead = user.row(f"photo{n}.jpg")
        user.wait(lambda ahead=ahead: loupe.is_decoded(ahead))
        press(Key.Key_N)
        assert loupe.row is ahead
        assert loupe.view.is_sharp
    user.wait(lambda: all(user.row(f"photo{n}.jpg").correction is not None for n in range(3)))
    press(Key.Key_C)
    user.wait(lambda: user.row("photo3.jpg").correction is not None)

    # 100 %, and back.
    assert loupe.row is user.row("photo4.jpg")
    user.wait(lambda: loupe.view.is_sharp)
    press(Key.Key_1)
    user.wait(lambda: loupe.view.is_sharp)
    assert loupe.view.photo_rect().width() * loupe.devicePixelRatioF() == 320
    press(Key.Key_0)

    # One that can't be read says why; one that has gone since, too.
    loupe.go_to(user.shown().index("photo8.jpg"))
    assert loupe.view.words
    (folder / "photo6.jpg").unlink()
    loupe.go_to(user.shown().index("photo6.jpg"))
    user.wait(lambda: "no longer there" in loupe.view.words)
    (folder / "photo5.jpg").write_bytes((folder / "photo4.jpg").read_bytes())
    loupe.go_to(user.shown().index("photo5.jpg"))
    user.wait(lambda: loupe.notice.isVisible())
    assert "changed" in loupe.notice.text()

    press(Key.Key_Escape)
    assert user.grid.isVisible()
    assert user.grid.current_photo() is user.row("photo5.jpg")
    assert user.grid.selected_photos() == [user.row("photo5.jpg")]

    # Compare two of them.
    user.select("photo1.jpg", "photo2.jpg")
    user.press(Key.Key_X)
    compare = user.page.closeups.compare
    user.wait(lambda: compare.isVisible() and all(pane.view.is_sharp for pane in compare.panes))
    before = len(user.learned)
    qtbot.keyClick(compare, Key.Key_A)
    user.wait(lambda: len(user.learned) > before)
    assert user.label("photo1.jpg") == user.store.labels.positive
    assert compare.rows == [user.row("photo1.jpg"), user.row("photo2.jpg")]
    qtbot.keyClick(compare, Key.Key_Escape)
    assert user.grid.selected_photos() == [user.row("photo1.jpg"), user.row("photo2.jpg")]
