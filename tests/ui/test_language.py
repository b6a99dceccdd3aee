"""The language of the window, as set or that of the system: messages, Qt's own buttons, numbers and dates."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QLocale, QSettings, QTranslator
from PySide6.QtWidgets import QApplication, QDialogButtonBox
from pytestqt.qtbot import QtBot

from alpacasorter import i18n
from alpacasorter.i18n import pgettext
from alpacasorter.ui.language import LocaleFormats, formats_of, locale_of, qt_translator, use_language
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.settings_dialog import SettingsDialog


@pytest.fixture
def application(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[QApplication]:
    """The application, which is in English again afterwards."""
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


def test_the_language_in_the_settings_is_used(application: QApplication) -> None:
    assert use_language(application, "en_GB") == "en_GB"
    assert name() == "English (UK)"
    assert QLocale().name() == "en_GB", "British English was chosen, so dates are British too"
    assert i18n.day("2026-03-12") == "12 March 2026"
    assert len(application.findChildren(QTranslator)) == 1


@pytest.mark.parametrize("wanted", ["", "en", "xx", "../en_GB"])
def test_otherwise_it_is_english(application: QApplication, wanted: str) -> None:
    assert use_language(application, wanted) == "en"
    assert name() == "English"
    assert application.findChildren(QTranslator) == []


def test_the_language_in_the_environment_takes_precedence(
    application: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPACASORTER_LANGUAGE", "en")
    assert use_language(application, "en_GB") == "en"


def test_qt_uses_it_too(application: QApplication) -> None:
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


@pytest.mark.parametrize(
    ("locale", "number", "decimal", "percent", "day", "moment"),
    [
        ("en_US", "1,200", "1,234.50", "97.2%", "March 12, 2026", "March 12, 2026, 2:05 PM"),
        ("en_GB", "1,200", "1,234.50", "97.2%", "12 March 2026", "12 March 2026, 14:05"),
        ("de_DE", "1.200", "1.234,50", "97,2%", "12. März 2026", "12. März 2026, 14:05"),
        ("fr_FR", "1 200", "1 234,50", "97,2%", "12 mars 2026", "12 mars 2026, 14:05"),
        ("pt_BR", "1.200", "1.234,50", "97,2%", "12 de março de 2026", "12 de março de 2026, 14:05"),
        ("ja_JP", "1,200", "1,234.50", "97.2%", "2026年3月12日", "2026年3月12日, 14:05"),
    ],
)
def test_formats_of_a_locale(locale: str, number: str, decimal: str, percent: str, day: str, moment: str) -> None:
    formats = LocaleFormats(QLocale(locale))

    def said(words: str) -> str:
        # Unicode has several no-break spaces, and versions of its tables differ in which one they use.
        return " ".join(words.split())

    assert said(formats.number(1200)) == number
    assert said(formats.decimal(1234.5, 2)) == decimal
    assert said(formats.day(date(2026, 3, 12))) == day
    assert said(formats.moment(datetime(2026, 3, 12, 14, 5))) == moment  # noqa: DTZ001  # as the clock here says
    assert said(formats.percent(97.2, 1)) == percent


def test_no_locale_has_a_weekday_in_a_day() -> None:
    any_of = (QLocale.Language.AnyLanguage, QLocale.Script.AnyScript, QLocale.Country.AnyCountry)
    for locale in QLocale.matchingLocales(*any_of):
        formats = LocaleFormats(locale)
        day = formats.day(date(2026, 3, 12))
        assert "ddd" not in formats._day, locale.name()
        assert day == day.strip(" ,،、"), locale.name()
        assert day


@pytest.mark.parametrize(
    ("language", "system", "locale", "formats"),
    [
        ("en", "en_AU", "en_AU", True),
        ("en_GB", "en_AU", "en_AU", True),
        ("en_GB", "en_US", "en_GB", True),
        ("en_GB", "en_GB", "en_GB", True),
        ("en", "en_US", "en_US", True),
        ("en", "en_GB", "en_US", False),
        ("en", "de_DE", "en_US", False),
        ("en", "C", "en_US", False),
        ("en_GB", "de_DE", "en_GB", True),
        ("de", "de_CH", "de_CH", True),
        ("de", "C", "de_DE", True),
    ],
)
def test_the_region_is_that_of_the_system_if_the_language_is(
    language: str, system: str, locale: str, formats: bool
) -> None:
    assert locale_of(language, QLocale(system)).name() == locale
    assert (formats_of(language, QLocale(system)) is not None) == formats
