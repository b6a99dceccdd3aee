"""The language of the window: as set, or as the system has it; Qt's own buttons, too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QLocale, QSettings, QTranslator
from PySide6.QtWidgets import QApplication, QDialogButtonBox
from pytestqt.qtbot import QtBot

from alpacasorter import i18n
from alpacasorter.i18n import pgettext
from alpacasorter.ui.language import qt_translator, use_language
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.settings_dialog import SettingsDialog


@pytest.fixture
def application(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[QApplication]:
    """The application, which speaks English again in the end."""
    monkeypatch.setenv("ALPACASORTER_LANGUAGE", "")
    monkeypatch.setattr(QLocale, "system", lambda: QLocale("en_US"))
    before = QLocale()
    yield qapp
    for translator in qapp.findChildren(QTranslator):
        qapp.removeTranslator(translator)
        translator.deleteLater()
    QLocale.setDefault(before)
    i18n.set_formats(None)
    i18n.use("en")


def name() -> str:
    return pgettext("the name of this language", "English")


def test_what_is_set_is_spoken(application: QApplication) -> None:
    assert use_language(application, "en_GB") == "en_GB"
    assert name() == "English (UK)"
    assert QLocale().name() == "en_US", "the region is that of the system"
    assert i18n.day("2026-03-12") == "March 12, 2026"
    assert len(application.findChildren(QTranslator)) == 1


@pytest.mark.parametrize("wanted", ["", "en", "xx", "../en_GB"])
def test_english_is_spoken_otherwise(application: QApplication, wanted: str) -> None:
    assert use_language(application, wanted) == "en"
    assert name() == "English"
    assert application.findChildren(QTranslator) == []


def test_language_of_the_environment_counts_more(application: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPACASORTER_LANGUAGE", "en")
    assert use_language(application, "en_GB") == "en"


def test_qt_speaks_it_too(application: QApplication) -> None:
    translator = qt_translator("de")
    assert translator is not None
    QCoreApplication.installTranslator(translator)
    try:
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        assert box.button(QDialogButtonBox.StandardButton.Cancel).text() == "Abbrechen"
        box.deleteLater()
    finally:
        QCoreApplication.removeTranslator(translator)
    assert qt_translator("en") is None
    assert qt_translator("eo") is None


def test_language_is_chosen_in_the_settings(qtbot: QtBot, tmp_path: Path) -> None:
    settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    dialog = SettingsDialog(settings, None)
    qtbot.addWidget(dialog)
    box = dialog.language
    choices = [(box.itemData(n), box.itemText(n)) for n in range(box.count())]
    assert choices == [("", "System"), ("en", "English"), ("en_GB", "English (UK)")]
    assert box.currentData() == ""
    assert dialog.later.isHidden()
    box.setCurrentIndex(2)
    assert settings.language == "en_GB"
    assert not dialog.later.isHidden(), "it takes effect at the next start"
    again = SettingsDialog(settings, None)
    qtbot.addWidget(again)
    assert again.language.currentData() == "en_GB"
    assert again.later.isHidden()
