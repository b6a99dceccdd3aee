"""A model with variants: the setting, the two questions, undo, and what is remembered; with keys and the mouse."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox

from alpacasorter import paths
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ui.models.dialog import ModelsDialog
from alpacasorter.ui.settings_dialog import SettingsDialog
from tests.e2e.conftest import User, known_photos
from tests.models import with_ponies

pytestmark = [pytest.mark.model, pytest.mark.qt_log_ignore("This plugin does not support")]
Start = Callable[..., User]
CTRL = Qt.KeyboardModifier.ControlModifier
HORSES, PONIES, GOATS = 12, 10, 8


class Herd:
    """A folder of horses, ponies and goats: both variants tag the first positive and the last negative."""

    def __init__(self, place: Path, ponies: npt.NDArray[np.float32]) -> None:
        bundle = load_bundle(paths.bundled_model()).with_variant("wide")
        known = bundle.replay.embeddings.astype(np.float32)
        says = bundle.head.probability(known)
        positive, negative = known[says > 0.97], known[says < 0.03]
        horses = {f"horse{n}.jpg": positive[n] for n in range(HORSES)}
        others = {f"pony{n}.jpg": positive[HORSES + n] + ponies for n in range(PONIES)}
        others |= {f"goat{n}.jpg": negative[n] for n in range(GOATS)}
        self.folder = known_photos(place / "herd", horses | others)
        self.horses = known_photos(place / "horses", horses)


Made = tuple[Path, npt.NDArray[np.float32]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Make each model once."""

    @functools.cache
    def make(default: str, *, asks_first: bool) -> Made:
        folder = tmp_path_factory.mktemp("models") / "ponies"
        return folder, with_ponies(folder, default=default, asks_first=asks_first)

    return make


@pytest.fixture
def use(models: Callable[..., Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Herd]:
    """Have the app come with a model with variants."""

    def use_model(default: str = "wide", *, asks_first: bool = False) -> Herd:
        folder, ponies = models(default, asks_first=asks_first)
        monkeypatch.setattr(paths, "bundled_model", lambda: folder)
        return Herd(tmp_path, ponies)

    return use_model


@pytest.fixture
def herd(use: Callable[..., Herd]) -> Herd:
    return use(asks_first=True)


@pytest.fixture
def unasked(use: Callable[..., Herd]) -> Herd:
    """Its model has no first question."""
    return use()


def tags(user: User, kind: str) -> set[str | None]:
    return {user.store.label(row) for row in user.store.rows if row.path.name.startswith(kind) and not row.correction}


def click(user: User, button: QAbstractButton) -> None:
    assert button.isVisible()
    user._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def answer(user: User, words: str) -> QAbstractButton:
    [button] = [one for one in user.window.variants.question.answers if one.text() == words]
    return button


def click_and_learn(user: User, button: QAbstractButton) -> None:
    before = len(user.learned)
    click(user, button)
    user.wait(lambda: len(user.learned) > before)


def settled(user: User) -> None:
    """Wait until what follows from the last event has happened."""
    done: list[object] = []
    user.window.engine.variants.previewed.connect(lambda *_: done.append(1))
    user.window.engine.variants.preview("narrow")
    user.wait(lambda: bool(done))
    QApplication.processEvents()


def test_the_first_question_is_asked_where_it_matters_and_once(start: Start, herd: Herd) -> None:
    user = start(asks=True)
    question = user.window.variants.question
    user.open(herd.horses)
    settled(user)
    assert not question.isVisible(), "no photo is concerned"
    user.open(herd.folder)
    user.wait(question.isVisible)
    assert "What do ponies count as for you?" in question.words.text()
    assert f"{PONIES} photos" in question.words.text()
    assert [button.text() for button in question.answers] == ["Alpaca", "Not alpaca"]
    assert user.grid.hasFocus(), "it is in nobody's way"
    click_and_learn(user, answer(user, "Not alpaca"))
    assert not question.isVisible()
    assert tags(user, "pony") == {"not_alpaca"}
    assert tags(user, "horse") == {"alpaca"}
    assert tags(user, "goat") == {"not_alpaca"}
    user.window.close()
    again = start(asks=True)
    again.open(herd.folder)
    settled(again)
    assert tags(again, "pony") == {"not_alpaca"}, "it is remembered"
    assert not again.window.variants.question.isVisible()


def test_the_answer_can_be_given_and_undone_with_keys(start: Start, herd: Herd) -> None:
    user = start(asks=True)
    user.open(herd.folder)
    question = user.window.variants.question
    user.wait(question.isVisible)
    for _ in range(30):
        if QApplication.focusWidget() is answer(user, "Not alpaca"):
            break
        QTest.keyClick(user.window.windowHandle(), Qt.Key.Key_Tab)
    before = len(user.learned)
    QTest.keyClick(user.window.windowHandle(), Qt.Key.Key_Space)
    user.wait(lambda: len(user.learned) > before)
    assert tags(user, "pony") == {"not_alpaca"}
    assert user.grid.hasFocus()
    banner = user.page.banners.learned
    assert "Ponies & donkeys count as: Not alpaca." in banner.words.text()
    assert f"{PONIES} tags changed" in banner.words.text()
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert tags(user, "pony") == {"alpaca"}
    user.press_and_learn(Qt.Key.Key_Y, CTRL)
    assert tags(user, "pony") == {"not_alpaca"}
    click_and_learn(user, banner.undo_button)
    assert tags(user, "pony") == {"alpaca"}


def test_a_closed_question_does_not_come_back(start: Start, herd: Herd) -> None:
    user = start(asks=True)
    user.open(herd.folder)
    user.wait(user.window.variants.question.isVisible)
    click(user, user.window.variants.question.close_button)
    user.open(herd.folder)
    settled(user)
    assert not user.window.variants.question.isVisible()
    user.window.close()
    again = start(asks=True)
    again.open(herd.folder)
    settled(again)
    assert not again.window.variants.question.isVisible()
    assert tags(again, "pony") == {"alpaca"}


def test_the_second_correction_offers_the_other_variant(start: Start, unasked: Herd) -> None:
    user = start(asks=True)
    user.open(unasked.folder)
    question = user.window.variants.question
    user.click_tag("goat0.jpg")
    user.click_tag("pony0.jpg")
    settled(user)
    assert not question.isVisible(), "one may be a slip"
    user.click_tag("pony1.jpg")
    user.wait(question.isVisible)
    before = {row.path.name: user.store.label(row) for row in user.store.rows}
    asked = question.words.text()
    assert "Are ponies not alpacas for you?" in asked
    click_and_learn(user, answer(user, "Ponies are not alpacas"))
    after = {row.path.name: user.store.label(row) for row in user.store.rows}
    changed = sum(before[name] != label for name, label in after.items())
    assert changed > 0
    assert f" {changed} other tag" in asked
    assert f"{changed} tag" in user.page.banners.learned.words.text()
    assert tags(user, "pony") == {"not_alpaca"}
    assert user.label("goat0.jpg") == "alpaca", "corrections stay"
    assert not question.isVisible()
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert {row.path.name: user.store.label(row) for row in user.store.rows} == before
    assert user.row("pony1.jpg").correction == "not_alpaca"
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert user.row("pony1.jpg").correction is None


def test_no_is_an_answer(start: Start, unasked: Herd) -> None:
    user = start(asks=True)
    user.open(unasked.folder)
    user.click_tag("pony0.jpg")
    user.click_tag("pony1.jpg")
    user.wait(user.window.variants.question.isVisible)
    click(user, answer(user, "No"))
    assert not user.window.variants.question.isVisible()
    user.click_tag("pony2.jpg")
    settled(user)
    assert not user.window.variants.question.isVisible()
    user.window.close()
    again = start(asks=True)
    again.open(unasked.folder)
    again.click_tag("pony3.jpg")
    settled(again)
    assert not again.window.variants.question.isVisible()


def test_the_other_direction(start: Start, use: Callable[..., Herd]) -> None:
    """The model counts them out, and the user counts them in."""
    herd = use("narrow")
    user = start(asks=True)
    user.open(herd.folder)
    assert tags(user, "pony") == {"not_alpaca"}
    user.click_tag("pony0.jpg")
    user.click_tag("pony1.jpg")
    user.wait(user.window.variants.question.isVisible)
    assert "Are ponies alpacas for you?" in user.window.variants.question.words.text()
    click_and_learn(user, answer(user, "Ponies are alpacas"))
    assert tags(user, "pony") == {"alpaca"}
    assert tags(user, "goat") == {"not_alpaca"}


def test_undoing_the_correction_withdraws_the_question(start: Start, unasked: Herd) -> None:
    user = start(asks=True)
    user.open(unasked.folder)
    user.click_tag("pony0.jpg")
    user.click_tag("pony1.jpg")
    user.wait(user.window.variants.question.isVisible)
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert not user.window.variants.question.isVisible()
    user.click_tag("pony1.jpg")
    user.wait(user.window.variants.question.isVisible)


def test_the_setting_takes_effect_in_the_open_window(start: Start, herd: Herd) -> None:
    user = start(asks=True)
    user.open(herd.folder)
    scans = len(user.finished)
    said: list[str] = []

    def choose() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, SettingsDialog)
        assert isinstance(dialog.variant, QComboBox)
        said.append(dialog.variant.currentText())
        before = len(user.learned)
        dialog.variant.setFocus()
        QTest.keyClick(dialog.variant, Qt.Key.Key_Down)
        user.wait(lambda: len(user.learned) > before)
        said.append(dialog.variant.currentText())
        assert tags(user, "pony") == {"not_alpaca"}
        dialog.reject()

    QTimer.singleShot(0, user.window, choose)
    user.page.actions_.settings.trigger()
    assert said == ["Alpaca", "Not alpaca"]
    assert len(user.finished) == scans, "nothing is scanned"
    assert not user.window.variants.question.isVisible(), "it is answered"
    assert "Ponies & donkeys count as: Not alpaca" in user.window.summary.text()
    assert "Not alpaca" in user.window.models.button.toolTip()
    user.window.models.open_dialog()
    dialog = user.window.models.dialog
    assert isinstance(dialog, ModelsDialog)
    user.wait(dialog.variant.isVisible)
    assert dialog.variant.currentText() == "Not alpaca"
    click_and_learn(user, user.page.banners.learned.undo_button)
    assert tags(user, "pony") == {"alpaca"}
    assert dialog.variant.currentText() == "Alpaca"
    before = len(user.learned)
    QTest.keyClick(dialog.variant, Qt.Key.Key_Down)
    user.wait(lambda: len(user.learned) > before)
    assert tags(user, "pony") == {"not_alpaca"}
