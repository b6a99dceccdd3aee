"""Numbers and dates in the window follow the system, or the language in use."""

from datetime import date, datetime

import pytest
from PySide6.QtCore import QLocale

from alpacasorter.ui.widgets.locale_formats import LocaleFormats, formats_of, locale_of


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
        # Unicode has several spaces that don't break a line, and its tables change from one to another.
        return " ".join(words.split())

    assert said(formats.number(1200)) == number
    assert said(formats.decimal(1234.5, 2)) == decimal
    assert said(formats.day(date(2026, 3, 12))) == day
    assert said(formats.moment(datetime(2026, 3, 12, 14, 5))) == moment  # noqa: DTZ001  # as the clock here says
    assert said(formats.percent(97.2, 1)) == percent


def test_no_locale_has_its_weekday_left_in_a_day() -> None:
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
        ("en", "de_DE", "en_US", False),
        ("en", "C", "en_US", False),
        ("en_GB", "de_DE", "en_GB", True),
        ("de", "de_CH", "de_CH", True),
        ("de", "C", "de_DE", True),
    ],
)
def test_region_of_the_system_counts_where_it_is_in_the_language(
    language: str, system: str, locale: str, formats: bool
) -> None:
    assert locale_of(language, QLocale(system)).name() == locale
    assert (formats_of(language, QLocale(system)) is not None) == formats
