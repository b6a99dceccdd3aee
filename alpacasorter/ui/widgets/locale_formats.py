"""Numbers and dates in the window: as the user has set in the system, or as is usual in the language in use."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from PySide6.QtCore import QDate, QLocale, QTime

from alpacasorter.i18n import ENGLISH, CatalogFormats, pgettext

_APART: Final = " ,،⹁、"
_WEEKDAY: Final = re.compile(rf"[{_APART}]*dddd?(?!d)[{_APART}]*")
"""The name of the weekday in a pattern of Qt, with what sets it apart from the day."""


class LocaleFormats(CatalogFormats):
    """Formats of a locale of Qt; the sign of a percentage is where the catalog has it."""

    def __init__(self, locale: QLocale) -> None:
        """Write as `locale` does."""
        self._locale = locale
        # Qt has only a short format, of digits, and a long one with the weekday, which is more than anybody asks for.
        self._day = _WEEKDAY.sub(" ", locale.dateFormat(QLocale.FormatType.LongFormat)).strip(_APART)

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


def locale_of(language: str, system: QLocale) -> QLocale:
    """Return the locale for a language: that of the system where it is in this language, for it knows the region."""
    own = QLocale(language)
    return system if system.language() == own.language() else own


def formats_of(language: str, system: QLocale) -> LocaleFormats | None:
    """Return the formats for a language; None where those of the command line serve.

    That is English in a system of another language, or of none: nobody said whether it is American or British.
    """
    locale = locale_of(language, system)
    return None if language == ENGLISH and locale is not system else LocaleFormats(locale)
