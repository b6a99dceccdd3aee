"""No dialog can be made so small that its sentences are cut off or lie on each other."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QDialog, QLabel
from pytestqt.qtbot import QtBot

from alpacasorter.core.session_paths import Places
from alpacasorter.ui.exchange.import_dialog import ImportDialog
from alpacasorter.ui.models.dialog import ModelsDialog
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.arrivals import ArrivalsDialog
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.engine import Engine

LONG = "A sentence that is long enough to need several lines in a narrow dialog. " * 3


@pytest.fixture
def engine(qapp: QApplication, tmp_path: Path) -> Iterator[Engine]:
    Theme(qapp)
    engine = Engine(Places(None, tmp_path / "data", tmp_path / "cache"), "cpu")
    yield engine
    engine.shutdown()


def arrivals(engine: Engine, folder: Path) -> QDialog:
    return ArrivalsDialog(Settings(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)))


def labels(engine: Engine, folder: Path) -> QDialog:
    dialog = ImportDialog(engine.exchange)
    dialog.summary.setText(LONG)
    dialog.skipped.setText(LONG)
    return dialog


def history(engine: Engine, folder: Path) -> QDialog:
    dialog = ModelsDialog(engine)
    dialog.tabs.setCurrentIndex(1)
    dialog.versions.summary.setText(LONG)
    dialog.versions.show_trouble(LONG)
    return dialog


@pytest.mark.parametrize("make", [arrivals, labels, history])
def test_sentences_are_whole(
    engine: Engine, tmp_path: Path, qtbot: QtBot, make: Callable[[Engine, Path], QDialog]
) -> None:
    dialog = make(engine, tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    for _ in range(2):
        dialog.resize(1, 1)
        qtbot.wait(50)
    wrapped = [label for label in dialog.findChildren(QLabel) if label.isVisible() and label.wordWrap()]
    assert len(wrapped) >= 2
    assert [label.text() for label in wrapped if label.height() < label.heightForWidth(label.width())] == []
