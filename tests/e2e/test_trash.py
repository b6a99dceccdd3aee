"""A photo is rejected in the real window, comes back with Ctrl+Z, and keeps its label."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.e2e.conftest import User
from tests.picture_files import make_picture

Start = Callable[..., User]


@pytest.mark.skipif(os.name != "posix", reason="the trash of this test is that of freedesktop.org")
def test_a_rejected_photo_comes_back_with_its_label(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    folder = tmp_path / "hike"
    folder.mkdir()
    for n in range(4):
        make_picture(folder / f"{n}.jpg", seed=n, size=(320, 240))
    (folder / "1.xmp").write_text("<x/>", encoding="utf-8")
    before = sorted(path.name for path in folder.iterdir())
    user = start()
    user.open(folder)
    user.select("1.jpg")
    flipped = (
        user.store.labels.negative if user.label("1.jpg") == user.store.labels.positive else user.store.labels.positive
    )
    user.click_tag("1.jpg")
    user.press(Qt.Key.Key_Delete)
    control = user.window.sorting.trash
    user.wait(lambda: control.question is not None and control.question.isVisible())
    assert control.question is not None
    QTest.keyClick(control.question.defaultButton(), Qt.Key.Key_Return)
    user.wait(lambda: sorted(path.name for path in folder.iterdir()) == ["0.jpg", "2.jpg", "3.jpg"])
    user.wait(lambda: not user.window.engine.sorting.busy)
    assert user.model.photo(user.grid.currentIndex()).path.name == "2.jpg"
    scans = len(user.finished)
    user.wait(lambda: "trash" in user.page.actions_.undo.text())
    user.window.activateWindow()
    user.wait(user.window.isActiveWindow)
    user.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    user.wait(lambda: sorted(path.name for path in folder.iterdir()) == before)
    user.wait(lambda: len(user.finished) > scans and user.store.row_of(folder / "1.jpg") is not None)
    user.wait(lambda: user.row("1.jpg").correction is not None)
    assert user.label("1.jpg") == flipped
    user.wait(lambda: user.model.photo(user.grid.currentIndex()).path.name == "1.jpg")
