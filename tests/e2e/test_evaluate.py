"""Testing the model from the window, with the real engine and model."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from alpacasorter.ui.models.evaluate_dialog import EvaluateDialog
from tests.e2e.conftest import User
from tests.engines import fill
from tests.picture_files import make_picture

Start = Callable[[], User]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    place = tmp_path / "labeled"
    fill(place / "Alpaca", 3)
    fill(place / "Not alpaca", 3, first=3)
    fill(place / "llama", 1, first=9)
    make_picture(place / "Alpaca" / "bad.jpg", kind="truncated_jpeg")
    return place


def open_dialog(user: User) -> EvaluateDialog:
    user.page.actions_.test_model.trigger()
    dialog = user.window.testing.dialog
    assert dialog is not None
    assert dialog.isVisible()
    assert not dialog.isModal(), "the window stays usable"
    return dialog


def test_from_the_menu_to_the_report(start: Start, folder: Path, dataset: Path, tmp_path: Path, qtbot: QtBot) -> None:
    user = start()
    dialog = open_dialog(user)
    assert "“Alpaca” and “Not alpaca”" in dialog.explanation.text()
    dialog.test(dataset)
    # The window stays usable meanwhile.
    assert user.open(folder).judged == 12
    user.wait(dialog.panel.isVisible)
    assert "of 6 photos judged correctly" in dialog.panel.headline.text()
    assert dialog.panel.mistakes.photos.rowCount() > 0, "noise is no alpaca"
    assert dialog.panel.left_out.count() == 2
    place = tmp_path / "report.html"
    dialog.write_report(place)
    user.wait(dialog.open_button.isEnabled)
    assert "bad.jpg" in place.read_text(encoding="utf-8")
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert user.window.testing.dialog is None


def test_corrections_show_in_the_figures(start: Start, dataset: Path) -> None:
    user = start()
    user.open(dataset)
    mistaken = next(row for row in user.store.rows if row.path.parent.name == "Alpaca" and row.key)
    user.select(mistaken.path.name)
    user.press_and_learn(Qt.Key.Key_A)
    dialog = open_dialog(user)
    dialog.test(dataset)
    user.wait(dialog.panel.isVisible)
    assert dialog.panel.shows_learned
    assert "You corrected 1 of these 6 photos" in dialog.panel.warnings.text()
    assert "Before learning" in dialog.panel.comparison.text()


@pytest.mark.parametrize("what", ["dialog", "window"])
def test_closed_in_the_middle(
    start: Start, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    user = start()
    opened = user.window.engine.opened
    assert opened is not None
    reached, go_on = threading.Event(), threading.Event()
    embed = opened.session.embed

    def slow(pixels: object) -> object:
        reached.set()
        assert go_on.wait(20)
        return embed(pixels)  # type: ignore[arg-type]

    monkeypatch.setattr(opened.session, "embed", slow)
    dialog = open_dialog(user)
    dialog.test(dataset)
    user.wait(reached.is_set)
    threading.Timer(0.05, go_on.set).start()
    (dialog if what == "dialog" else user.window).close()
    assert user.window.testing.dialog is None
    assert not any(thread.name == "lane-evaluating" for thread in threading.enumerate())


@pytest.mark.qt_log_ignore("This plugin does not support raise")
def test_opening_it_twice_gives_one_dialog(start: Start) -> None:
    user = start()
    dialog = open_dialog(user)
    assert open_dialog(user) is dialog
    dialog.close()
    assert open_dialog(user) is not dialog
