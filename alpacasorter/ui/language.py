"""The language of the window: its messages, numbers and dates, and the texts that Qt brings itself."""

from __future__ import annotations

import os
import re
from datetime import date, datetime
from typing import Final

from PySide6.QtCore import QCoreApplication, QDate, QLibraryInfo, QLocale, QTime, QTranslator

from alpacasorter import i18n
from alpacasorter.i18n import pgettext

_SEPARATORS: Final = " ,،⹁、"
_WEEKDAY: Final = re.compile(rf"[{_SEPARATORS}]*dddd?(?!d)[{_SEPARATORS}]*")
"""The name of the weekday in a date format of Qt, with what separates it from the day."""


def use_language(application: QCoreApplication, chosen: str) -> str:
    """Choose the language of the window and of Qt, before any widget is made; return its code.

    Args:
        application: the application.
        chosen: the language in the settings; empty for that of the system. ALPACASORTER_LANGUAGE takes precedence,
            because it is set for this run.
    """
    language = i18n.use(None if os.environ.get(i18n.LANGUAGE_VARIABLE) else chosen or None)
    system = QLocale.system()
    i18n.set_formats(formats_of(language, system))
    QLocale.setDefault(locale_of(language, system))
    translator = qt_translator(language)
    if translator is not None:
        translator.setParent(application)
        application.installTranslator(translator)
    return language


def qt_translator(language: str) -> QTranslator | None:
    """Return the translator of Qt's own buttons and menus; None for English and if Qt has no translation."""
    if language == i18n.ENGLISH:
        return None
    translator = QTranslator()
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    return translator if translator.load(QLocale(language), "qtbase", "_", folder) else None


def locale_of(language: str, system: QLocale) -> QLocale:
    """Return the locale for a language: that of the system if it has this language, because it knows the region.

    Not if there are messages for the region of the system, too, and others were chosen: someone who wants British
    English on an American system wants British dates.
    """
    own = QLocale(language)
    if system.language() != own.language():
        return own
    of_region = i18n.fitting(system.name())
    return own if of_region != language and QLocale(of_region).name() == system.name() else system


def formats_of(language: str, system: QLocale) -> LocaleFormats | None:
    """Return the number and date formats for a language; None for those of the command line.

    These are for English on a system in another language or none, which does not say American or British.
    """
    locale = locale_of(language, system)
    return None if language == i18n.ENGLISH and locale is not system else LocaleFormats(locale)


class LocaleFormats(i18n.CatalogFormats):
    """The formats of a locale of Qt; the catalog says where the sign of a percentage stands."""

    def __init__(self, locale: QLocale) -> None:
        """Use the formats of `locale`."""
        self._locale = locale
        # Qt has only a short format, all digits, and a long one with the weekday, which is more than we need.
        pattern = locale.dateFormat(QLocale.FormatType.LongFormat)
        self._day = _WEEKDAY.sub(" ", pattern).strip(_SEPARATORS)

    def number(self, value: int) -> str:
        """Return a whole number with its digits grouped."""
        return self._locale.toString(value)

    def decimal(self, value: float, digits: int) -> str:
        """Return a number with so many digits after the point."""
        return self._locale.toString(value, "f", digits)

    def day(self, when: date) -> str:
        """Return a day with the name of the month."""
        return self._locale.toString(QDate(when.year, when.month, when.day), self._day)

    def moment(self, when: datetime) -> str:
        """Return a day and a time of day."""
        time = self._locale.toString(QTime(when.hour, when.minute), QLocale.FormatType.ShortFormat)
        return pgettext("date", "{day}, {time}").format(day=self.day(when), time=time)
