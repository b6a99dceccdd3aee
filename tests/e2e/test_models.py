"""Several models in the real window: switching to another and back keeps what the user did."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.ml.models.archive import pack
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ui.models.dialog import ModelsDialog
from alpacasorter.ui.photo_filters import Filter
from tests.e2e.conftest import WAIT_MS, User
from tests.models import GOATS, other_model

Start = Callable[[], User]


@pytest.fixture
def goats() -> Path:
    """A model of the user's own that has other classes."""
    return other_model(paths.user_models_dir() / "goats", **GOATS)


@pytest.fixture
def mine() -> Path:
    """A model of the user's own that has the classes of the bundled one."""
    return other_model(paths.user_models_dir() / "mine", name="Mine", version="2")


def open_models(user: User, qtbot: QtBot, count: int) -> ModelsDialog:
    """Open the dialog by the status bar; wait until it lists so many models."""
    qtbot.mouseClick(user.window.models.button, Qt.MouseButton.LeftButton)
    dialog = user.window.models.dialog
    assert dialog is not None
    user.wait(lambda: dialog.list.topLevelItemCount() == count)
    return dialog


def use(user: User, qtbot: QtBot, dialog: ModelsDialog, row: int) -> None:
    """Choose a model, have it serve, and wait until the open folder is judged by it."""
    dialog.list.setCurrentItem(dialog.list.topLevelItem(row))
    before = len(user.finished)
    with qtbot.waitSignal(user.window.engine.ready, timeout=WAIT_MS):
        qtbot.mouseClick(dialog.use_button, Qt.MouseButton.LeftButton)
    if user.window.folder is not None:
        user.wait(lambda: len(user.finished) > before)


def status(user: User) -> str:
    return user.window.models.button.text()


def test_the_status_bar_says_which_model_serves(start: Start) -> None:
    user = start()
    bundle = load_bundle(paths.bundled_model())
    assert status(user) == f"Model: {bundle.name} {bundle.version}"
    assert "Model" not in user.window.device_label.text()


def test_another_model_takes_over_and_back(start: Start, folder: Path, goats: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    first = user.shown()[0]
    label = user.label(first)
    user.click_tag(first)
    assert user.window.page.corrections.stack.canUndo()
    thumbnails = thumbnail_count()
    dialog = open_models(user, qtbot, 2)
    use(user, qtbot, dialog, 1)
    # Its classes are shown everywhere, nothing is opened again, and no corrections of other models count.
    assert user.finished[-1].opened == 0
    assert thumbnail_count() == thumbnails
    assert len(user.shown()) == 12
    assert {user.label(name) for name in user.shown()} <= {"goat", "other"}
    assert user.store.counts[Filter.CORRECTED] == 0
    assert user.page.filters.button(Filter.POSITIVE).text().startswith("Goat  ")
    assert user.page.actions_.positive.text().split("\t")[0] == "Tag as Goat"
    assert user.page.preview.positive.text().startswith("Goat")
    assert not user.window.page.corrections.stack.canUndo()
    assert status(user) == "Model: Goats 0.3"
    assert dialog.message.text() == "“Goats 0.3” is in use."
    learned = user.click_tag(first)
    assert set(learned.changes.values()) <= {"goat", "other"}
    before = len(user.finished)
    user.wait(dialog.bundled_button.isEnabled)
    with qtbot.waitSignal(user.window.engine.ready, timeout=WAIT_MS):
        qtbot.mouseClick(dialog.bundled_button, Qt.MouseButton.LeftButton)
    user.wait(lambda: len(user.finished) > before)
    # The correction from before is there again.
    assert user.label(first) != label
    assert user.row(first).correction is not None
    assert user.store.counts[Filter.CORRECTED] == 1


def thumbnail_count() -> int:
    with sqlite3.connect(paths.user_cache_dir() / "cache.sqlite") as connection:
        count: int = connection.execute("SELECT count(*) FROM thumbnails").fetchone()[0]
    connection.close()
    return count


def test_same_classes_keep_corrections_history_and_filter(start: Start, folder: Path, mine: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    first = user.shown()[0]
    label = user.label(first)
    user.click_tag(first)
    qtbot.mouseClick(user.page.filters.button(Filter.CORRECTED), Qt.MouseButton.LeftButton)
    dialog = open_models(user, qtbot, 2)
    use(user, qtbot, dialog, 1)
    assert status(user) == "Model: Mine 2"
    assert user.shown() == [first]
    assert user.model.filter is Filter.CORRECTED
    assert user.row(first).correction is not None
    stack = user.window.page.corrections.stack
    assert stack.canUndo()
    before = len(user.learned)
    stack.undo()
    user.wait(lambda: len(user.learned) > before)
    assert user.label(first) == label
    assert user.row(first).correction is None


def test_the_choice_is_kept_for_the_next_start(start: Start, folder: Path, goats: Path, qtbot: QtBot) -> None:
    user = start()
    use(user, qtbot, open_models(user, qtbot, 2), 1)
    user.window.close()
    again = start()
    assert status(again) == "Model: Goats 0.3"
    again.open(folder)
    assert {again.label(name) for name in again.shown()} <= {"goat", "other"}


def test_a_model_from_a_file(
    start: Start, folder: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "from a friend.alpacamodel"
    pack(load_bundle(other_model(tmp_path / "theirs", **GOATS)), file)
    user = start()
    user.open(folder)
    dialog = open_models(user, qtbot, 1)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    dialog.add_file()
    user.wait(lambda: dialog.list.topLevelItemCount() == 2)
    assert dialog.message.text() == "“Goats 0.3” was added."
    assert status(user).startswith("Model: Alpaca"), "added is not used"
    use(user, qtbot, dialog, 1)
    assert status(user) == "Model: Goats 0.3"


def test_a_model_that_cannot_be_used_changes_nothing(start: Start, folder: Path, goats: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    dialog = open_models(user, qtbot, 2)
    dialog.list.setCurrentItem(dialog.list.topLevelItem(1))
    # It breaks after the list was made.
    (goats / "head.npz").write_bytes(b"odd")
    with qtbot.waitSignal(user.window.engine.models.failed, timeout=WAIT_MS):
        qtbot.mouseClick(dialog.use_button, Qt.MouseButton.LeftButton)
    assert "head.npz" in dialog.message.text()
    assert len(user.shown()) == 12
    assert len(user.finished) == 1
    user.click_tag(user.shown()[0])
    assert status(user).startswith("Model: Alpaca")


@pytest.mark.parametrize("what", ["damaged", "gone", "unknown"])
def test_a_start_with_a_chosen_model_that_cannot_be_used(
    start: Start, folder: Path, goats: Path, what: str, qtbot: QtBot
) -> None:
    choice = paths.user_data_dir() / "model-in-use.json"
    choice.write_text(json.dumps({"model": "goats"}) if what != "unknown" else "{")
    if what == "damaged":
        (goats / "head.npz").write_bytes(b"odd")
    elif what == "gone":
        shutil.rmtree(goats)
    user = start()
    user.open(folder)
    user.wait(lambda: not user.window.notice.isHidden())
    assert "bundled model is used" in user.window.notice.words.text()
    assert len(user.shown()) == 12
    assert status(user).startswith("Model: Alpaca")


def test_a_new_model_is_used_at_once(start: Start, folder: Path, tmp_path: Path) -> None:
    """As after a training: the dialog that trains says where it lies."""
    user = start()
    user.open(folder)
    user.window.training.use_model.emit(other_model(tmp_path / "trained", **GOATS))
    user.wait(lambda: len(user.finished) == 2)
    assert status(user) == "Model: Goats 0.3"
    assert (paths.user_models_dir() / "goats").is_dir()


def test_a_new_model_that_cannot_be_added_is_said(start: Start, tmp_path: Path) -> None:
    user = start()
    user.window.training.use_model.emit(tmp_path)
    user.wait(lambda: not user.window.notice.isHidden())
    assert "can't be used" in user.window.notice.words.text()


def test_closing_with_the_dialog_open(start: Start, folder: Path, goats: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    dialog = open_models(user, qtbot, 2)
    dialog.list.setCurrentItem(dialog.list.topLevelItem(1))
    qtbot.mouseClick(dialog.use_button, Qt.MouseButton.LeftButton)
    user.window.close()
    assert not dialog.isVisible()
