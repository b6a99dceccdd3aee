"""The app comes with a new model that has another backbone: what a user with corrections sees, and the way back."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.ml.engine import Session
from alpacasorter.ui.models.dialog import ModelsDialog
from tests.e2e.conftest import WAIT_MS, User
from tests.models import other_backbone
from tests.picture_files import make_picture

Start = Callable[[], User]


def history(dialog: ModelsDialog) -> list[list[str]]:
    table = dialog.versions.table
    items = [table.topLevelItem(row) for row in range(table.topLevelItemCount())]
    return [[item.text(column) for column in (1, 3)] for item in items]


def open_history(user: User, qtbot: QtBot) -> ModelsDialog:
    qtbot.mouseClick(user.window.models.button, Qt.MouseButton.LeftButton)
    dialog = user.window.models.dialog
    assert dialog is not None
    dialog.tabs.setCurrentIndex(1)
    user.wait(lambda: "Loading" not in dialog.versions.summary.text())
    return dialog


@pytest.mark.qt_log_ignore("This plugin does not support raise")
def test_an_update_with_another_backbone(
    start: Start, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    shipped_before = other_backbone(tmp_path / "shipped before", name="Alpaca", version="1.0")
    with monkeypatch.context() as before:
        before.setattr(paths, "bundled_model", lambda: shipped_before)
        user = start()
        user.open(folder)
        names = ["photo0.jpg", "photo1.jpg", "photo2.jpg"]
        for name in names:
            user.click_tag(name)
        said = {name: user.label(name) for name in names}
        tagged = {row.path.name: row.probability for row in user.store.rows}
        user.window.close()

    # Slow, so that it can be watched.
    embed = Session.embed

    def embed_slowly(session: Session, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        time.sleep(0.8)
        return embed(session, pixels)

    monkeypatch.setattr(Session, "embed", embed_slowly)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    make_picture(elsewhere / "new.jpg", seed=70, size=(320, 240))
    user = start()
    user.window.open_folder(elsewhere)
    banner, button = user.window.models.banner, user.window.models.button
    user.wait(banner.isVisible)
    assert "Learning your 3 corrections again" in banner.words.text()
    assert "labels stay" in banner.words.text()
    assert ", learning again: " in button.text()
    user.wait(lambda: bool(user.learned) and user.learned[-1].corrections == 3)
    user.wait(lambda: not banner.isVisible())
    user.wait(lambda: "again" not in button.text())
    monkeypatch.setattr(Session, "embed", embed)

    # The labels are as they were, in their folder; the versions of the earlier model are listed and can't be chosen.
    user.open(folder)
    assert {name: user.label(name) for name in names} == said
    assert all(user.row(name).correction for name in names)
    dialog = open_history(user, qtbot)
    user.wait(lambda: len(history(dialog)) == 3)
    assert history(dialog) == [
        ["3 corrections", "In use"],
        ["no corrections", ""],
        ["3 corrections", "Of an earlier model"],
    ]
    earlier = dialog.versions.table.topLevelItem(2)
    place = dialog.versions.table.visualItemRect(earlier).center()
    qtbot.mouseClick(dialog.versions.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert dialog.versions.table.currentItem() is not earlier
    assert not dialog.versions.back_button.isEnabled()

    # The earlier model, added as one of the user's own, is as it was then.
    user.click_tag("photo5.jpg")
    dialog.tabs.setCurrentIndex(0)
    dialog.add(shipped_before)
    user.wait(lambda: dialog.list.topLevelItemCount() == 2)
    user.wait(lambda: dialog.list.chosen() is not None and dialog.list.chosen().title == "Alpaca 1.0")
    user.wait(dialog.use_button.isEnabled)
    finished = len(user.finished)
    with qtbot.waitSignal(user.window.engine.ready, timeout=WAIT_MS):
        qtbot.mouseClick(dialog.use_button, Qt.MouseButton.LeftButton)
    user.wait(lambda: len(user.finished) > finished)
    assert user.finished[-1].opened == 0, "its numbers for these photos are still in the cache"
    user.wait(lambda: user.learned[-1].corrections == 4)
    dialog.tabs.setCurrentIndex(1)
    user.wait(lambda: sum(not words.startswith("Of ") for _count, words in history(dialog)) == 3)
    then = next(row for row, (count, words) in enumerate(history(dialog)) if count == "3 corrections" and not words)
    dialog.versions.table.setCurrentItem(dialog.versions.table.topLevelItem(then))
    learned = len(user.learned)
    qtbot.mouseClick(dialog.versions.back_button, Qt.MouseButton.LeftButton)
    user.wait(lambda: len(user.learned) > learned)
    now = {row.path.name: row.probability for row in user.store.rows}
    assert now == pytest.approx(tagged, abs=1e-4)
