"""Translations, and how numbers, sizes, dates and durations are written.

A sentence is wrapped where it stands, inside a function and never at import, because the language is chosen after the
modules are loaded:

    _("Moved to {folder}.").format(folder=name)
    ngettext("{count} photo", "{count} photos", n).format(count=number(n))
    pgettext("verb", "Open")

The English text is the key of the catalog, so it must be a literal: no f-string, nothing added to it, and the arguments
as named fields. A sentence is one message; sentences are not put together from pieces, because other languages order
and inflect them differently. A function that calls `_` cannot also use `_` for a value it does not need.

The language is that of the process (`use`). What programs read (JSON, CSV, log lines) is written inside `english()`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from alpacasorter import paths

if TYPE_CHECKING:
    from gettext import GNUTranslations

DOMAIN: Final = "alpacasorter"
ENGLISH: Final = "en"
LANGUAGE_VARIABLE: Final = "ALPACASORTER_LANGUAGE"

_in_english: Final[ContextVar[bool]] = ContextVar("in_english", default=False)
_catalog: GNUTranslations | None = None
_language: str = ENGLISH


# Messages


def _(message: str) -> str:
    """Return a message in the language in use."""
    catalog = _in_use()
    return message if catalog is None else catalog.gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the form of a message that fits a number.

    Args:
        singular: the English message for 1.
        plural: the English message for every other number.
        number: what is counted.
    """
    catalog = _in_use()
    if catalog is None:
        return singular if number == 1 else plural
    return catalog.ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """Return a message whose English words mean different things in different places.

    Args:
        context: tells translators which meaning this is; never shown.
        message: the English message.
    """
    catalog = _in_use()
    return message if catalog is None else catalog.pgettext(context, message)


def N_(message: str) -> str:
    """Return a message as it is, and have it extracted: for tables at module level, translated by `_()` when shown."""
    return message


def _in_use() -> GNUTranslations | None:
    # In this order: without a catalog, which is the usual case, the context variable costs nothing.
    return None if _catalog is None or _in_english.get() else _catalog


@contextmanager
def english() -> Iterator[None]:
    """Write messages and formats in English inside this block: for JSON, CSV and log lines.

    It holds for the thread or task that enters the block, not for threads started inside it.
    """
    token = _in_english.set(True)
    try:
        yield
    finally:
        _in_english.reset(token)


# Languages


@dataclass(frozen=True, slots=True)
class Language:
    """A language the app can be used in.

    Attributes:
        code: as in the folder of its catalog, such as "en_GB".
        name: in that language itself, such as "English (UK)".
    """

    code: str
    name: str


def use(wanted: str | None = None) -> str:
    """Choose the language of this process and return its code; English where there is no catalog for the choice.

    Args:
        wanted: a language such as "de" or "pt-BR"; None for what ALPACASORTER_LANGUAGE names, or else the system.
    """
    global _catalog, _language
    wanted = wanted or os.environ.get(LANGUAGE_VARIABLE)
    _language, _catalog = _first_of([wanted] if wanted else _system_languages())
    return _language


def language() -> str:
    """Return the code of the language in use, such as "en" or "en_GB"."""
    return ENGLISH if _in_english.get() else _language


def pick(texts: Mapping[str, str]) -> str:
    """Return the text in the language in use, for texts that come with their translations.

    Args:
        texts: by language code; the English one is returned if there is none that fits.
    """
    return next((texts[code] for code in _spellings(language()) if code in texts), texts[ENGLISH])


def fitting(name: str) -> str:
    """Return the code of the language that there are messages in for a locale such as "de_AT"."""
    return _first_of([name])[0]


def languages() -> tuple[Language, ...]:
    """Return the languages that can be chosen, in alphabetical order of their own names."""
    found = [Language(ENGLISH, "English")]
    for code in sorted(_shipped()):
        catalog = _read(code)
        if catalog is not None:
            # Translators: the name of your language in your language, such as "Deutsch".
            name = catalog.pgettext("the name of this language", "English")
            found.append(Language(code, name if name != "English" else code))
    return tuple(sorted(found, key=lambda one: one.name.casefold()))


def _first_of(wanted: Sequence[str]) -> tuple[str, GNUTranslations | None]:
    """Return the first of some languages that there is a catalog for; English needs none."""
    for one in wanted:
        for code in _spellings(one):
            if code == ENGLISH:
                return ENGLISH, None
            catalog = _read(code)
            if catalog is not None:
                return code, catalog
    return ENGLISH, None


def _spellings(name: str) -> Iterator[str]:
    """Yield the folder names that fit a language, the closest first.

    Args:
        name: as POSIX writes it ("de_AT.UTF-8@euro") or as BCP 47 does ("zh-Hans-CN").
    """
    if _is_plain(name):
        yield ENGLISH
        return
    plain, _at, modifier = name.partition("@")
    parts = plain.partition(".")[0].replace("-", "_").split("_")
    # A script has four letters and is written "Hans", a region two or three and is written "CN".
    main, rest = parts[0].lower(), [part.title() if len(part) == 4 else part.upper() for part in parts[1:]]
    codes = ["_".join((main, *rest))]
    # Of language, script and region, each of the last two may be left out.
    codes += [f"{main}_{part}" for part in reversed(rest)] if len(rest) > 1 else []
    codes.append(main)
    for code in codes:
        if modifier:
            yield f"{code}@{modifier}"
        yield code


def _is_plain(name: str) -> bool:
    """Say whether this is the locale without a language."""
    return name.partition(".")[0].upper() in ("C", "POSIX")


def _shipped() -> list[str]:
    try:
        return [file.parent.parent.name for file in paths.locale_dir().glob(f"*/LC_MESSAGES/{DOMAIN}.mo")]
    except OSError:
        return []


def _read(code: str) -> GNUTranslations | None:
    """Return the catalog of a language; None where there is none, or none that can be read."""
    if os.sep in code or (os.altsep and os.altsep in code):
        return None
    file = paths.locale_dir() / code / "LC_MESSAGES" / f"{DOMAIN}.mo"
    if not file.is_file():
        return None
    # Imported here, and not above: most people use the app in English.
    from gettext import GNUTranslations
    from struct import error

    try:
        with file.open("rb") as stream:
            return GNUTranslations(stream)
    except (OSError, ValueError, LookupError, error):
        return None


def _system_languages() -> list[str]:
    """Return the languages that the user has chosen in the system, the preferred one first."""
    chosen = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    if _is_plain(chosen):
        # As in other programs: in the locale C, LANGUAGE does not count.
        return [ENGLISH]
    listed = [name for name in os.environ.get("LANGUAGE", "").split(":") if name]
    if listed or chosen:
        return [*listed, *([chosen] if chosen else [])]
    if sys.platform == "win32":
        return _windows_languages()
    if sys.platform == "darwin":
        return _mac_languages()
    return []


def _windows_languages() -> list[str]:
    import ctypes
    import locale

    try:
        number = getattr(ctypes, "windll").kernel32.GetUserDefaultUILanguage()  # noqa: B009 (only Windows has it)
    except (AttributeError, OSError):
        return []
    name = locale.windows_locale.get(number)
    return [name] if name else []


def _mac_languages() -> list[str]:
    import plistlib

    try:
        with (Path.home() / "Library" / "Preferences" / ".GlobalPreferences.plist").open("rb") as stream:
            names = plistlib.load(stream).get("AppleLanguages", [])
    except (OSError, ValueError, RuntimeError, AttributeError, plistlib.InvalidFileException):
        return []
    return [name for name in names if isinstance(name, str)]


# Formats


class Formats(Protocol):
    """How numbers and dates are written; everything else is made of these and of messages."""

    def number(self, value: int) -> str:
        """Return a whole number with its digits grouped: "1,200"."""

    def decimal(self, value: float, digits: int) -> str:
        """Return a number with so many digits after the point: "1,200.5"."""

    def percent(self, value: float, digits: int) -> str:
        """Return a percentage, 0 to 100: "97.2%"."""

    def day(self, when: date) -> str:
        """Return a day: "12 March 2026"."""

    def moment(self, when: datetime) -> str:
        """Return a day and a time of day, as the clock says that `when` holds: "12 March 2026, 14:05"."""


class CatalogFormats:
    """The formats of the command line: those of English, or those that the catalog gives."""

    def number(self, value: int) -> str:
        """Return a whole number with its digits grouped."""
        return _separated(f"{value:,}")

    def decimal(self, value: float, digits: int) -> str:
        """Return a number with so many digits after the point."""
        return _separated(f"{value:,.{digits}f}")

    def percent(self, value: float, digits: int) -> str:
        """Return a percentage."""
        # Translators: a percentage, with the sign where your language has it, such as "{number} %".
        return pgettext("percentage", "{number}%").format(number=self.decimal(value, digits))

    def day(self, when: date) -> str:
        """Return a day."""
        # Translators: a day: {day} is 1 to 31, {month} the name of the month, {month_number} 1 to 12.
        return pgettext("date", "{day} {month} {year}").format(
            day=when.day, month=_months()[when.month - 1], month_number=when.month, year=when.year
        )

    def moment(self, when: datetime) -> str:
        """Return a day and a time of day."""
        # Translators: {time} is as in 14:05.
        return pgettext("date", "{day}, {time}").format(day=self.day(when), time=f"{when:%H:%M}")


_BY_CATALOG: Final[Formats] = CatalogFormats()
_formats: Formats = _BY_CATALOG


def set_formats(formats: Formats | None) -> None:
    """Write numbers and dates as `formats` does, as the window wants it; None for the formats of the command line."""
    global _formats
    _formats = formats or _BY_CATALOG


def _format() -> Formats:
    return _BY_CATALOG if _in_english.get() else _formats


def number(value: int) -> str:
    """Return a whole number with its digits grouped: "1,200"."""
    return _format().number(value)


def decimal(value: float, digits: int = 1) -> str:
    """Return a number with so many digits after the point: "3.4"."""
    return _format().decimal(value, digits)


def percent(ratio: float, digits: int = 0) -> str:
    """Return a ratio, 0 to 1, as a percentage: "97%".

    For how sure the model is there is `confidence`, for measured results `share`: those never round up to 100%.
    """
    value = ratio * 100
    return _format().percent(value if digits else float(int(value + 0.5)), digits)


def confidence(ratio: float) -> str:
    """Return how sure the model is, 0 to 1, as "97%". It never says 100%: no model is that sure."""
    return percent(min(ratio, 0.99))


def share(ratio: float | None, digits: int = 1) -> str:
    """Return a measured share: "97.2%". It says 100% only of all, 0% only of nothing, and "none" of None."""
    if ratio is None:
        # Translators: in place of a percentage that cannot be worked out.
        return pgettext("percentage", "none")
    if not 0.0 < ratio < 1.0:
        return percent(ratio)
    least = 10.0 ** -(digits + 2)
    return percent(min(max(ratio, least), 1.0 - least), digits)


def size(number_of_bytes: int) -> str:
    """Return the size of a file: "1 byte", "812 bytes", "3.4 MB", "120 GB"."""
    if number_of_bytes < 1000:
        return ngettext("{number} byte", "{number} bytes", number_of_bytes).format(number=number(number_of_bytes))
    units = (_("{number} KB"), _("{number} MB"), _("{number} GB"), _("{number} TB"))
    value, unit = number_of_bytes / 1000, 0
    while value >= 999.5 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    return units[unit].format(number=decimal(value, 1 if value < 10 else 0))


def day(when: str | date) -> str:
    """Return a day: "12 March 2026".

    Args:
        when: a date, or a moment as for `moment`.
    """
    if isinstance(when, date) and not isinstance(when, datetime):
        return _format().day(when)
    local = _local(when)
    return str(when) if local is None else _format().day(local.date())


def moment(when: str | datetime) -> str:
    """Return a moment in the time of this place: "12 March 2026, 14:05".

    Args:
        when: ISO 8601, or a datetime; a text that is anything else is returned as it is.
    """
    local = _local(when)
    return str(when) if local is None else _format().moment(local)


def duration(seconds: float) -> str:
    """Return a length of time: "8 s", "3 min", "1 h 20 min"."""
    whole = max(1, round(seconds))
    if whole < 60:
        return _("{number} s").format(number=number(whole))
    minutes = round(seconds / 60)
    if minutes < 60:
        return _("{number} min").format(number=number(minutes))
    return _("{hours} h {minutes} min").format(hours=number(minutes // 60), minutes=number(minutes % 60))


def join(names: Sequence[str], last: Literal["and", "or"] = "and") -> str:
    """Return names as a list in a sentence: "a", "a and b", "a, b and c".

    Args:
        names: what is listed; nothing where it is empty.
        last: the word before the last of them.
    """
    if not names:
        return ""
    said = names[0]
    for name in names[1:-1]:
        said = pgettext("list", "{before}, {name}").format(before=said, name=name)
    if len(names) == 1:
        return said
    if last == "or":
        return pgettext("list", "{before} or {name}").format(before=said, name=names[-1])
    return pgettext("list", "{before} and {name}").format(before=said, name=names[-1])


def _local(when: str | date) -> datetime | None:
    try:
        exact = when if isinstance(when, datetime) else datetime.fromisoformat(str(when))
        # A time without a zone is that of the clock here, or of the camera's clock.
        return exact.astimezone() if exact.tzinfo is not None else exact
    except (ValueError, OSError, OverflowError):
        return None


def _separated(digits: str) -> str:
    """Return a number as Python writes it, with the separators of the language in use."""
    if _in_use() is None:
        return digits
    # Translators: the mark between the thousands, as in 1,200; it may be a (no-break) space.
    thousands = pgettext("number", ",")
    # Translators: the mark before the decimals, as in 3.4.
    point = pgettext("number", ".")
    return digits.translate({ord(","): thousands, ord("."): point})


def _months() -> tuple[str, ...]:
    """Return the names of the months; not those of strftime, which follow another setting than the language in use."""
    return (
        pgettext("month", "January"),
        pgettext("month", "February"),
        pgettext("month", "March"),
        pgettext("month", "April"),
        pgettext("month", "May"),
        pgettext("month", "June"),
        pgettext("month", "July"),
        pgettext("month", "August"),
        pgettext("month", "September"),
        pgettext("month", "October"),
        pgettext("month", "November"),
        pgettext("month", "December"),
    )
