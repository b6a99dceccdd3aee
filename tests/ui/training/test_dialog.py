"""The training dialog, with a fake training process."""

import json
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QMessageBox, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.core import reasons
from alpacasorter.training.events import sentence
from alpacasorter.training.recipe import AUGMENTATIONS, BACKBONE_TITLES, BACKBONES, KERAS, Recipe
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.training import dialog as train_dialog
from alpacasorter.ui.training.control import TrainControl
from alpacasorter.ui.training.dialog import TrainDialog
from alpacasorter.ui.training.options import augmentation_words
from alpacasorter.ui.widgets.banners import BannerBar
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers import training
from alpacasorter.workers.training import Trainer
from tests.engines import run_python
from tests.picture_files import make_picture
from tests.workers.fake_training import FAKE, PREPARED

WAIT_MS = 20_000


class User:
    """A user of the dialog."""

    def __init__(self, dialog: TrainDialog, qtbot: QtBot) -> None:
        self.dialog = dialog
        self.page = dialog.settings_page
        self.options = dialog.settings_page.options
        self.progress = dialog.progress_page
        self.buttons = dialog.buttons
        self.qtbot = qtbot
        self.status: list[str] = []
        self.ended: list[str] = []
        self.ready: list[str] = []
        self.used: list[Path] = []
        dialog.status.connect(self.status.append)
        dialog.ended.connect(self.ended.append)
        dialog.ready.connect(self.ready.append)
        dialog.use_model.connect(self.used.append)

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=WAIT_MS)

    def click(self, button: QPushButton) -> None:
        assert button.isVisible(), button.text()
        assert button.isEnabled(), button.text()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    @property
    def shown(self) -> QWidget:
        return self.dialog._pages[self.dialog.stack.currentIndex()]

    def choose(self, folder: Path) -> None:
        self.page.dataset.set_folder(folder)
        self.wait(lambda: self.page.dataset._found is not None)

    def train(self, how: str = "") -> None:
        if how:
            self.play(how)
        self.click(self.buttons.train)
        assert self.shown is self.progress

    def play(self, how: str) -> None:
        self.dialog.trainer._command[-1] = how

    def train_until_two_epochs(self, how: str = "waits") -> None:
        self.train(how)
        self.wait(lambda: len(self.progress.curves.epochs) == 2)

    def wait_for(self, page: QWidget) -> None:
        self.wait(lambda: self.shown is page)


def answer(button: str, seen: list[str]) -> None:
    """Press a button of the question that the next call asks."""

    def act() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.append(f"{box.text()} {box.informativeText()}".strip())
        pressed = next((b for b in box.buttons() if b.text() == button), None)
        if pressed is None:
            box.reject()
        else:
            pressed.click()

    QTimer.singleShot(50, act)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


Make = Callable[[], User]


@pytest.fixture
def make(qtbot: QtBot, qapp: QApplication, settings: Settings, clock: list[float]) -> Iterator[Make]:
    made: list[TrainDialog] = []

    def trainer() -> Trainer:
        return Trainer([sys.executable, str(FAKE), "good"], grace_ms=300, close_ms=300)

    def make() -> User:
        dialog = TrainDialog(settings, Theme(qapp, "light"), make_trainer=trainer, clock=lambda: clock[0])
        made.append(dialog)
        user = User(dialog, qtbot)
        dialog.present()
        qtbot.waitExposed(dialog)
        return user

    yield make
    for dialog in made:
        dialog.close_down()
        dialog.hide()
        dialog.deleteLater()
    qapp.setStyleSheet("")


@pytest.fixture
def user(make: Make) -> User:
    return make()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "my photos"
    for name, count in (("alpaca", 2), ("not_alpaca", 3)):
        (folder / name).mkdir(parents=True)
        for n in range(count):
            make_picture(folder / name / f"{n}.jpg", seed=n, size=(24, 24))
    return folder


# First page


def test_at_first_only_a_folder_is_missing(user: User, dataset: Path) -> None:
    assert not user.buttons.train.isEnabled()
    assert user.buttons.train.property("primary") is False, "nothing invites a click that does nothing"
    assert user.page.dataset.feedback.text() == "No folder chosen yet."
    assert not user.options.isVisible()
    user.choose(dataset)
    feedback = user.page.dataset.feedback.text()
    for part in ("Alpaca: 2", "Not alpaca: 3", "only 2 photos of “Alpaca”"):
        assert part in feedback
    assert user.buttons.train.isEnabled()
    assert user.page.positive.currentText() == "Alpaca"
    assert user.page.name.placeholderText() == "My alpaca"
    recipe = user.page.recipe()
    assert recipe == Recipe(positive="alpaca"), "everything else has its default"


def test_problems_of_the_folder(user: User, dataset: Path, tmp_path: Path) -> None:
    user.choose(tmp_path / "nothing here")
    assert "can't be opened" in user.page.dataset.feedback.text()
    assert user.page.dataset.feedback.property("role") == "warning"
    assert not user.buttons.train.isEnabled()
    assert json.loads(user.page.state())["dataset"] == "", "it is not offered again"
    (dataset / "third").mkdir()
    user.choose(dataset)
    assert "3 (alpaca, not_alpaca, third)" in user.page.dataset.feedback.text()
    assert not user.buttons.train.isEnabled()
    (dataset / "third").rmdir()
    user.page.dataset.recount()
    user.wait(user.buttons.train.isEnabled)
    assert json.loads(user.page.state())["dataset"] == str(dataset)


def test_a_path_can_be_typed(user: User, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dataset.parent)
    user.qtbot.keyClicks(user.page.dataset.path, "my photo")
    assert user.page.dataset.feedback.text() == "Counting photos…"
    user.wait(lambda: "can't be opened" in user.page.dataset.feedback.text())
    user.qtbot.keyClicks(user.page.dataset.path, "s")
    user.wait(user.buttons.train.isEnabled)
    assert user.page.folder == dataset, "the training process runs elsewhere: the path must be absolute"
    user.page.dataset.path.setText("~nobody-here/photos")
    user.wait(lambda: "can't be opened" in user.page.dataset.feedback.text())


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_a_folder_whose_name_is_no_text(user: User, dataset: Path) -> None:
    odd = dataset.rename(dataset.with_name("odd \udcff"))
    user.choose(odd)
    assert user.buttons.train.isEnabled()
    assert user.page.folder == odd
    again = json.loads(user.page.state())
    assert Path(again["dataset"]) == odd


def test_folder_is_dropped(user: User, dataset: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(dataset))])
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), action, data, button, keys)
    QApplication.sendEvent(user.page, enter)
    assert enter.isAccepted()
    assert user.page.dataset.property("hot") is True
    QApplication.sendEvent(user.page, QDropEvent(QPointF(5, 5), action, data, button, keys))
    assert user.page.dataset.property("hot") is False
    user.wait(user.buttons.train.isEnabled)
    assert user.page.folder == dataset
    data.setUrls([QUrl.fromLocalFile(str(dataset / "alpaca" / "0.jpg"))])
    photo = QDragEnterEvent(QPoint(5, 5), action, data, button, keys)
    QApplication.sendEvent(user.page, photo)
    QApplication.sendEvent(user.page, QDropEvent(QPointF(5, 5), action, data, button, keys))
    [box] = user.page.findChildren(QMessageBox)
    assert "0.jpg" in box.text(), "a photo is no dataset"
    box.close()
    assert user.page.folder == dataset


def test_the_class_to_find_can_be_chosen(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.page.positive.setCurrentIndex(user.page.positive.findData("not_alpaca"))
    assert user.page.recipe().positive == "not_alpaca"
    user.page.dataset.recount()
    user.qtbot.wait(100)
    assert user.page.recipe().positive == "not_alpaca", "counting again does not reset it"


# More settings


def test_every_setting_arrives_in_the_recipe_and_comes_back(user: User, make: Make, dataset: Path) -> None:
    user.choose(dataset)
    user.click(user.page.more)
    wanted = Recipe(
        backbone="resnet50",
        weights=KERAS,
        side=160,
        batch_size=8,
        validation_share=0.3,
        seed=7,
        epochs=3,
        patience=0,
        learning_rate=0.0003,
        dropout=0.45,
        dense=(128, 16),
        augmentation=frozenset(AUGMENTATIONS) - {"flip"},
        retrain_layers=12,
        retrain_epochs=4,
        retrain_rate=2e-6,
        positive="not_alpaca",
        name="Mine",
    )
    options = user.options
    options.show_recipe(wanted)
    user.page.name.setText("Mine")
    user.page.positive.setCurrentIndex(user.page.positive.findData("not_alpaca"))
    assert user.page.recipe() == wanted
    assert user.buttons.train.isEnabled()
    user.click(next(b for b in user.buttons.currentWidget().findChildren(QPushButton) if b.text() == "&Close"))
    again = make()
    again.wait(again.buttons.train.isEnabled)
    assert again.page.folder == dataset
    assert again.page.recipe() == wanted


@pytest.mark.parametrize(
    "kept", ["", "nonsense", "{}", '{"dataset": 3, "recipe": []}', '{"dataset": "", "recipe": {"side": 9}}']
)
def test_settings_that_can_not_be_read_count_as_none(settings: Settings, make: Make, kept: str) -> None:
    settings.training = kept
    assert make().page.recipe() == Recipe()


def test_problems_are_shown_beside_their_field(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.click(user.page.more)
    options = user.options

    def wrong(key: str) -> str:
        field = options.field(key)
        assert field.wrong.isVisible() == bool(field.problem)
        assert user.buttons.train.isEnabled() == (not field.problem)
        return field.problem

    options.backbone.setCurrentIndex(options.backbone.findData("resnet50"))
    assert "don't come with the app" in wrong("weights")
    options.weights.setCurrentIndex(options.weights.findData("file"))
    assert options.file.isVisible()
    assert wrong("weights") == "Choose the file with the weights."
    options.file.setText("/somewhere/weights.txt")
    assert "must be an .h5 or .npz file" in wrong("weights")
    options.file.setText("/somewhere/weights.H5")
    assert wrong("weights") == ""
    assert user.page.recipe().weights == "/somewhere/weights.H5"
    options.side.setValue(8)
    assert "between 32 and 1,024, not 8" in wrong("side")
    options.side.setValue(0)
    options.dense.setText("128, many")
    assert "whole numbers" in wrong("dense")
    options.dense.setText("1,2,3,4,5")
    assert "four" in wrong("dense")
    options.dense.setText("")
    for text, said in (("quick", "a number"), ("7", "not 7"), ("nan", "nan"), ("0,001", "")):
        options.rate.setEditText(text)
        assert said in wrong("learning_rate") if said else wrong("learning_rate") == ""
    options.retrain_rate.setEditText("x")
    assert wrong("retrain_rate") == "", "it does not matter while nothing is retrained"
    options.retrain.setChecked(True)
    assert "a number" in wrong("retrain_rate")
    user.click(user.page.more)
    assert "a number" in user.page.wrong.text(), "where the field is hidden, it is said below"
    assert user.page.wrong.isVisible()
    kept = Recipe.from_json(json.dumps(json.loads(user.page.state())["recipe"]))
    assert kept.weights == "/somewhere/weights.H5", "the rest is kept"


def test_every_choice_has_a_name(user: User) -> None:
    assert set(BACKBONE_TITLES) == set(BACKBONES)
    assert set(augmentation_words()) == set(AUGMENTATIONS)
    assert user.options.backbone.count() == len(BACKBONES)


def test_the_tab_key_goes_down_the_page(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.click(user.page.more)
    user.options.retrain.setChecked(True)
    user.page.dataset.path.setFocus()
    places = []
    for _ in range(34):
        here = QApplication.focusWidget()
        if here is None or not user.page.isAncestorOf(here):
            break
        places.append(here.mapTo(user.page, here.rect().center()).y())
        user.qtbot.keyClick(here, Qt.Key.Key_Tab)
    # What stands side by side is not always of one height.
    assert all(after > before - 6 for before, after in pairwise(places)), places
    assert len(places) == 30, "none is left out"
    assert user.buttons.isAncestorOf(QApplication.focusWidget())


def test_the_wheel_scrolls_and_changes_no_value(user: User) -> None:
    user.click(user.page.more)
    spin = user.options.epochs
    assert isinstance(spin, QSpinBox)
    none, no_phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    point = QPointF(5, 5)

    def turn() -> None:
        event = QWheelEvent(
            point,
            spin.mapToGlobal(point),
            QPoint(),
            QPoint(0, -120),
            none,
            Qt.KeyboardModifier.NoModifier,
            no_phase,
            False,
        )
        QApplication.sendEvent(spin, event)

    turn()
    assert spin.value() == 20
    spin.setFocus()
    turn()
    assert spin.value() == 19, "the one that was clicked into takes it"


def test_preview_shows_examples(user: User, dataset: Path) -> None:
    user.click(user.page.more)
    assert not user.options.preview.isEnabled()
    user.choose(dataset)
    user.options.preview.click()
    assert user.page.examples.words.text() == "Preparing the preview…"
    user.wait(user.page.examples.picture.isVisible)
    assert user.page.examples.picture.sizeHint().width() == 600
    assert not user.dialog.training
    user.wait(lambda: not user.dialog.previewer.running)


def test_training_does_not_wait_for_a_preview(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.click(user.page.more)
    user.options.preview.click()
    user.train("good")
    assert not user.dialog.previewer.running
    user.wait_for(user.dialog.result_page)


# Second page


def test_progress_is_shown(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.train("waits")
    assert not user.buttons.finish.isEnabled(), "there is nothing yet to make a model of"
    user.wait(lambda: len(user.progress.curves.epochs) == 2)
    assert user.progress.stage.text() == "Training: 2 of 12 epochs done"
    assert (user.progress.bar.value(), user.progress.bar.maximum()) == (2, 12)
    assert user.progress.left.text() == "About 40 s left, less if it stops early"
    for part in ("262 photos", "65 other photos", "processor"):
        assert part in user.progress.about.text()
    assert user.progress.warnings.text() == sentence(PREPARED.warnings[0])
    assert "2 files" in user.progress.left_out_button.text()
    assert not user.progress.left_out.isVisible()
    user.click(user.progress.left_out_button)
    why = reasons.sentence(reasons.TRUNCATED)
    assert f"/photos/alpaca/broken.jpg: {why}" in user.progress.left_out.toPlainText()
    assert user.progress.left_out.isVisible()
    user.wait(user.progress.examples.picture.isVisible)
    assert user.buttons.finish.isEnabled()


def test_time_left_while_retraining_is_still_to_come(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.click(user.page.more)
    user.options.retrain.setChecked(True)
    user.options.retrain_epochs.setValue(4)
    user.train_until_two_epochs()
    assert user.progress.left.text() == "About 24 s until retraining begins"


def test_finish_now_makes_a_model(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.train_until_two_epochs()
    user.click(user.buttons.finish)
    assert user.progress.stage.text() == "Finishing after this epoch…"
    assert not user.buttons.finish.isEnabled()
    user.wait_for(user.dialog.result_page)


@pytest.mark.parametrize("how", ["waits", "deaf"])
def test_stop_leads_back_and_nothing_is_made(user: User, dataset: Path, how: str) -> None:
    user.choose(dataset)
    user.train_until_two_epochs(how)
    user.click(user.buttons.stop)
    user.wait_for(user.page)
    assert not user.dialog.training
    assert not paths.user_models_dir().exists()
    user.train("good")
    assert user.progress.curves.epochs == (), "nothing is left of the last one"
    user.wait_for(user.dialog.result_page)


def test_much_work_is_not_discarded_without_asking(user: User, dataset: Path, clock: list[float]) -> None:
    user.choose(dataset)
    user.train_until_two_epochs()
    clock[0] = 190.0
    asked: list[str] = []
    answer("Keep training", asked)
    user.click(user.buttons.stop)
    assert "3 min of work would be lost" in asked[0]
    assert "Finish now" in asked[0]
    assert user.dialog.training
    answer("Stop", asked)
    user.click(user.buttons.stop)
    user.wait_for(user.page)
    assert len(asked) == 2


def test_hidden_it_continues_and_reports(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.train_until_two_epochs()
    user.qtbot.keyClick(user.dialog, Qt.Key.Key_Escape)
    assert not user.dialog.isVisible()
    assert user.dialog.training
    assert user.status[-1] == "Training: 2 of 12 epochs done"
    user.dialog.trainer.finish()
    user.wait(lambda: bool(user.ready))
    assert user.ready == ["Your model is ready. 97% of the 65 held-out photos were judged correctly."]
    assert user.status[-1] == "Your model is ready"
    user.dialog.present()
    assert user.status[-1] == ""
    assert user.shown is user.dialog.result_page, "the result waits until it is seen"
    user.qtbot.keyClick(user.dialog, Qt.Key.Key_Escape)
    user.dialog.present()
    assert user.shown is user.page, "and makes room once it was"


@pytest.mark.qt_log_ignore("does not support raise", extend=True)
def test_shown_again_while_it_continues(user: User, dataset: Path) -> None:
    user.choose(dataset)
    user.train_until_two_epochs()
    user.dialog.close()
    user.dialog.present()
    assert user.shown is user.progress
    assert user.dialog.training
    user.dialog.present()
    assert user.dialog.isVisible()


# Last page


def test_the_result(user: User, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url) or True)
    user.choose(dataset)
    user.page.name.setText("My first: model")
    user.train()
    user.wait_for(user.dialog.result_page)
    page = user.dialog.result_page
    assert page.verdict.text() == "97% of the 65 held-out photos were judged correctly."
    assert "Balanced accuracy: 96%" in page.figures.text()
    assert "0.995" in page.figures.text() or "0.994" in page.figures.text()
    assert "after 12 epochs" in page.figures.text()
    assert page.remarks.isVisible()
    for part in ("do not help", "64 of the 65", "this one 63"):
        assert part in page.remarks.text()
    model = paths.user_models_dir() / "my-first-model"
    assert (model / "model.json").is_file()
    assert len(page.curves.epochs) == 12
    user.click(user.buttons.report)
    assert [Path(url.toLocalFile()) for url in opened] == [paths.user_data_dir() / "reports" / "my-first-model.html"]
    user.click(user.buttons.use)
    assert user.used == [model]
    assert user.buttons.use.text() == "Switching…"
    user.dialog.used("It can't be opened.")
    assert page.problem.text() == "It can't be opened."
    user.click(user.buttons.use)
    user.dialog.used("")
    assert user.buttons.use.text() == "In use"
    assert not page.problem.isVisible()
    assert not user.buttons.use.isEnabled()
    user.click(user.buttons.again)
    assert user.shown is user.page
    assert user.page.name.text() == "My first: model"
    user.train()
    user.wait_for(user.dialog.result_page)
    assert page.about_curves.isVisible()
    assert (paths.user_models_dir() / "my-first-model-2").is_dir(), "the first one is not written over"
    assert user.buttons.use.isEnabled()


def test_a_switch_to_another_model_is_ignored(user: User) -> None:
    user.dialog.used("Something about another model.")
    assert user.dialog.result_page.problem.text() == ""


@pytest.mark.parametrize(("how", "said"), [("fails", "no photo of the class alpaca"), ("crashes", "unexpectedly")])
def test_a_failure_loses_nothing(user: User, dataset: Path, how: str, said: str) -> None:
    user.choose(dataset)
    user.click(user.page.more)
    user.options.seed.setValue(99)
    before = user.page.recipe()
    user.train(how)
    user.wait_for(user.dialog.failure_page)
    assert said in user.dialog.failure_page.reason.text()
    user.click(user.buttons.back)
    assert user.shown is user.page
    assert user.page.recipe() == before
    user.train("good")
    user.wait_for(user.dialog.result_page)


@pytest.mark.parametrize("size", [14, 20])
def test_it_fits_a_small_screen_with_large_letters(user: User, dataset: Path, size: int, qapp: QApplication) -> None:
    usual = qapp.font()
    large = qapp.font()
    large.setPointSize(size)
    qapp.setFont(large)
    try:
        user.choose(dataset)
        user.click(user.page.more)
        user.dialog.resize(620, 440)
        for page in user.dialog._pages:
            user.dialog._show_page(page)
            user.qtbot.wait(20)
            assert user.dialog.width() <= 640
            assert user.dialog.height() <= 480
            for button in user.buttons.currentWidget().findChildren(QPushButton):
                assert user.dialog.rect().contains(button.mapTo(user.dialog, button.rect().bottomRight()))
    finally:
        qapp.setFont(usual)


# The window behind


class Window(QMainWindow):
    pass


@pytest.fixture
def control(
    qtbot: QtBot, qapp: QApplication, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TrainControl]:
    def trainer(*_: Any, **__: Any) -> Trainer:
        return Trainer([sys.executable, str(FAKE), "waits"], grace_ms=300, close_ms=300)

    original = TrainDialog.__init__

    def init(self: TrainDialog, *args: Any) -> None:
        original(self, *args, make_trainer=trainer)

    monkeypatch.setattr(TrainDialog, "__init__", init)
    window = Window()
    qtbot.addWidget(window)
    theme = Theme(qapp, "light")
    bar = BannerBar(theme)
    made = TrainControl(window, settings, theme, bar)
    window.setCentralWidget(bar)
    window.show()
    yield made
    made.close_down()
    qapp.setStyleSheet("")


def test_the_window_shows_the_progress(control: TrainControl, dataset: Path, qtbot: QtBot) -> None:
    told: list[str] = []
    control.told.connect(told.append)
    control.open_dialog()
    assert control.dialog is not None
    user = User(control.dialog, qtbot)
    user.choose(dataset)
    assert control.may_close(), "nothing to ask"
    user.train_until_two_epochs()
    assert not control.button.isVisible(), "the dialog itself says it"
    control.dialog.reject()
    assert control.button.isVisible()
    assert control.button.text() == "Training: 2 of 12 epochs done"
    user.click(control.button)
    assert control.dialog.isVisible()
    assert not control.button.isVisible()
    control.dialog.reject()
    control.dialog.trainer.finish()
    user.wait(control.banner.isVisible)
    assert control.banner.words.text().startswith("Your model is ready. ")
    assert control.button.text() == "Your model is ready"
    used: list[object] = []
    control.use_model.connect(used.append)
    QTest.mouseClick(control.banner.answers[0], Qt.MouseButton.LeftButton)
    assert len(used) == 1, "it can be used at once"
    assert not control.banner.wanted
    assert told == []
    user.click(control.button)
    assert user.shown is control.dialog.result_page
    assert not control.button.isVisible()
    control.dialog.reject()
    assert not control.button.isVisible()


def test_closing_asks_during_training(control: TrainControl, dataset: Path, qtbot: QtBot) -> None:
    control.open_dialog()
    assert control.dialog is not None
    user = User(control.dialog, qtbot)
    user.choose(dataset)
    user.train_until_two_epochs()
    asked: list[str] = []
    answer("Keep training", asked)
    assert not control.may_close()
    answer("Esc", asked)
    assert not control.may_close()
    answer("Stop and quit", asked)
    assert control.may_close()
    assert len(asked) == 3
    assert all("is being trained" in question for question in asked)
    control.close_down()
    assert not control.dialog.training
    assert not control.dialog.isVisible()


@pytest.mark.parametrize("frozen", [False, True])
def test_without_tensorflow_the_user_is_told_how_to_get_it(
    control: TrainControl, monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    monkeypatch.setattr(training, "training_available", lambda: False)
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    seen: list[str] = []
    answer("OK", seen)
    control.open_dialog()
    assert "needs TensorFlow" in seen[0]
    assert ("“with-training”" in seen[0]) == frozen
    assert control.dialog is None


def test_nothing_heavy_is_imported_by_the_dialog() -> None:
    heavy = ("tensorflow", "keras", "numpy", "PIL")
    script = f"import sys, {train_dialog.__name__}; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(script).stdout.strip() == "[]"
