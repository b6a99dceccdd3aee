"""A model is trained in the real window by the real process and used; another run is stopped halfway."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.training.events import STARTING, sentence
from alpacasorter.training.recipe import RANDOM
from alpacasorter.ui.training.dialog import TrainDialog
from tests.e2e.conftest import User
from tests.engines import is_running
from tests.training.pictures import class_folders

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]

WAIT_MS = 120_000


class Trainee:
    """The training dialog, opened from the menu of the window."""

    def __init__(self, user: User, qtbot: QtBot, dataset: Path) -> None:
        user.window.page.actions_.train.trigger()
        dialog = user.window.training.dialog
        assert dialog is not None
        self.dialog: TrainDialog = dialog
        self._qtbot = qtbot
        page = dialog.settings_page
        page.dataset.set_folder(dataset)
        options = page.options
        options.weights.setCurrentIndex(options.weights.findData(RANDOM))
        options.side.setValue(32)
        options.batch.setValue(8)
        options.patience.setValue(0)
        page.name.setText("Tiny")
        self.wait(dialog.buttons.train.isEnabled)

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def click(self, button: QPushButton) -> None:
        assert button.isEnabled()
        self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    @property
    def page(self) -> int:
        return self.dialog.stack.currentIndex()

    @property
    def process(self) -> int:
        return self.dialog.trainer._process.processId()

    def train(self, epochs: int) -> None:
        self.dialog.settings_page.options.epochs.setValue(epochs)
        self.click(self.dialog.buttons.train)
        assert self.dialog.training

    def train_until_the_first_epoch(self) -> None:
        self.train(1000)
        self.wait(lambda: bool(self.dialog.progress_page.curves.epochs) or self.page != 1)
        assert self.page == 1, self.dialog.failure_page.reason.text()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = class_folders(tmp_path / "dataset", names=("not_thing", "thing"))
    (folder / "thing" / "broken.jpg").write_bytes(b"no picture")
    return folder


def made() -> list[Path]:
    """Return all of the user's models and reports."""
    folders = (paths.user_models_dir(), paths.user_data_dir() / "reports")
    return [entry for folder in folders if folder.is_dir() for entry in folder.iterdir()]


def answer_next_question(words: str) -> None:
    """Press a button of the question that the next call asks."""

    def act() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        next(button for button in box.buttons() if button.text() == words).click()

    QTimer.singleShot(50, act)


def test_a_model_is_trained_and_used(start: Callable[[], User], folder: Path, dataset: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    trainee = Trainee(user, qtbot, dataset)
    dialog = trainee.dialog
    settings = dialog.settings_page
    assert settings.positive.currentData() == "thing"
    trainee.click(settings.more)
    trainee.click(settings.options.preview)
    trainee.wait(lambda: settings.examples.picture.isVisible() or "Preparing" not in settings.examples.words.text())
    assert settings.examples.picture.isVisible(), settings.examples.words.text()
    assert made() == []
    trainee.train(2)
    # The window keeps responding in the meantime.
    user.select(user.shown()[0])
    user.press(Qt.Key.Key_Right)
    trainee.wait(lambda: trainee.page != 1)
    assert trainee.page == 2, dialog.failure_page.reason.text()
    progress = dialog.progress_page
    assert len(progress.curves.epochs) == 2
    assert progress.prepared is not None
    assert sum(progress.prepared.training) + sum(progress.prepared.validation) == 24
    assert [Path(path).name for path, _ in progress.prepared.left_out] == ["broken.jpg"]
    trainee.wait(lambda: not progress.examples.picture.sizeHint().isEmpty())
    [model, report] = sorted(made(), key=lambda path: path.suffix)
    assert (model, report.name) == (paths.user_models_dir() / "tiny", "tiny.html")
    bundle = load_bundle(model)
    assert (bundle.name, bundle.input_size) == ("Tiny", 32)
    trainee.click(dialog.buttons.use)
    trainee.wait(lambda: dialog.buttons.use.text() == "In use" or bool(dialog.result_page.problem.text()))
    assert dialog.result_page.problem.text() == ""
    assert "Tiny" in user.window.models.button.text()
    user.wait(lambda: user.store.labels.positive == "thing")
    user.wait(lambda: all(user.store.label(row) in ("thing", "not_thing") for row in user.store.rows))


def test_stopped_halfway_nothing_is_made(start: Callable[[], User], dataset: Path, qtbot: QtBot) -> None:
    user = start()
    trainee = Trainee(user, qtbot, dataset)
    trainee.train_until_the_first_epoch()
    first = trainee.process
    trainee.click(trainee.dialog.buttons.stop)
    trainee.wait(lambda: trainee.page == 0)
    assert not is_running(first)
    assert made() == []

    trainee.train(1000)
    trainee.wait(lambda: trainee.dialog.progress_page.stage.text() == sentence(STARTING))
    second = trainee.process
    answer_next_question("Keep training")
    user.window.close()
    assert user.window.isVisible()
    assert trainee.dialog.training
    answer_next_question("Stop and quit")
    user.window.close()
    assert not user.window.isVisible()
    assert not is_running(second)
    assert made() == []
