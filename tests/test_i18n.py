"""Translations and formats: which language is used, and how English looks."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from alpacasorter import i18n
from alpacasorter.i18n import _, ngettext, pgettext

MakeCatalog = Callable[..., None]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeCatalog]:
    """Make catalogs in a folder of their own, which is the one in use."""
    monkeypatch.setenv("ALPACASORTER_LOCALE_DIR", str(tmp_path))
    for name in ("ALPACASORTER_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)

    def make_catalog(code: str, *, locale: str | None = None, **translated: str) -> None:
        catalog = Catalog(locale=locale or code.partition("@")[0])
        catalog.add("Open", translated.get("open", f"Open in {code}"))
        catalog.add("Open", "Offen", context="state")
        catalog.add("{number}%", "{number} %", context="percentage")
        catalog.add(",", "\N{NO-BREAK SPACE}", context="number")
        catalog.add(".", ",", context="number")
        catalog.add("{day} {month} {year}", "{day}. {month} {year}", context="date")
        catalog.add("March", "März", context="month")
        catalog.add("{before} and {name}", "{before} und {name}", context="list")
        catalog.add("{number} MB", "{number} Mo")
        catalog.add("English", translated.get("name", ""), context="the name of this language")
        forms = [f"{{count}} form {n}" for n in range(catalog.num_plurals)]
        catalog.add(("{count} photo", "{count} photos"), forms)
        file = tmp_path / code / "LC_MESSAGES" / "alpacasorter.mo"
        file.parent.mkdir(parents=True)
        with file.open("wb") as stream:
            write_mo(stream, catalog)

    yield make_catalog
    i18n.use("en")


def photos(count: int) -> str:
    return ngettext("{count} photo", "{count} photos", count).format(count=i18n.number(count))


# Languages


def test_messages_are_those_of_the_language_in_use(make: MakeCatalog) -> None:
    make("de")
    assert (_("Open"), pgettext("state", "Open"), photos(1), photos(2)) == ("Open", "Open", "1 photo", "2 photos")
    assert i18n.use("de") == i18n.language() == "de"
    assert (_("Open"), pgettext("state", "Open"), photos(1), photos(2)) == (
        "Open in de",
        "Offen",
        "1 form 0",
        "2 form 1",
    )
    assert _("Not translated") == i18n.N_("Not translated") == "Not translated"
    assert i18n.use("en") == "en"
    assert _("Open") == "Open"


def test_plural_forms_are_those_of_the_language(make: MakeCatalog) -> None:
    make("pl")
    i18n.use("pl")
    assert [photos(count).split()[-1] for count in (0, 1, 2, 5, 22)] == ["2", "0", "1", "2", "1"]


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"LANG": "de_AT.UTF-8"}, "de"),
        ({"LANG": "de_AT@euro"}, "de"),
        ({"LANG": "pt_BR.UTF-8"}, "pt_BR"),
        ({"LANG": "pt_PT.UTF-8"}, "en"),
        ({"LANG": "sr_RS.UTF-8@latin"}, "sr@latin"),
        ({"LANG": "de_DE", "LC_MESSAGES": "pt_BR"}, "pt_BR"),
        ({"LANG": "de_DE", "LC_MESSAGES": "pt_BR", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE", "LANGUAGE": "xx:pt_BR:de"}, "pt_BR"),
        ({"LANG": "de_DE", "LANGUAGE": "en_US:de"}, "en"),
        ({"LANG": "de_DE", "LANGUAGE": "xx"}, "de"),
        ({"LANG": "C", "LANGUAGE": "de"}, "en"),
        ({"LANGUAGE": "de"}, "de"),
        ({"LANG": "POSIX"}, "en"),
        ({"LANG": "xx_YY"}, "en"),
        ({"LANG": ".UTF-8"}, "en"),
        ({"LANG": "de_DE", "ALPACASORTER_LANGUAGE": "pt-br"}, "pt_BR"),
        ({"ALPACASORTER_LANGUAGE": "zh-Hans-CN"}, "zh_CN"),
        ({"ALPACASORTER_LANGUAGE": "../de"}, "en"),
        ({}, "en"),
    ],
)
def test_language_of_the_environment(
    make: MakeCatalog, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], found: str
) -> None:
    for code in ("de", "pt_BR", "zh_CN"):
        make(code)
    make("sr@latin", locale="sr_Latn")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    assert i18n.use() == found
    assert i18n.use("de") == "de", "what the user has chosen in the app comes first"


def test_languages_of_windows_and_macos(make: MakeCatalog, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    import plistlib

    make("de")
    for platform, name in (("win32", "_windows_languages"), ("darwin", "_mac_languages")):
        monkeypatch.setattr(sys, "platform", platform)
        with monkeypatch.context() as patch:
            patch.setattr(i18n, name, lambda: ["xx-YY", "de-DE"])
            assert i18n.use() == "de"
    assert i18n._mac_languages() == []
    preferences = home / "Library" / "Preferences" / ".GlobalPreferences.plist"
    preferences.parent.mkdir(parents=True)
    preferences.write_bytes(plistlib.dumps({"AppleLanguages": ["de-DE", "en-DE"]}, fmt=plistlib.FMT_BINARY))
    assert i18n._mac_languages() == ["de-DE", "en-DE"]
    for nonsense in (b"", b"bplist00", plistlib.dumps(["a list"])):
        preferences.write_bytes(nonsense)
        assert i18n._mac_languages() == []
    if not hasattr(__import__("ctypes"), "windll"):
        assert i18n._windows_languages() == []


@pytest.mark.parametrize("content", [b"", b"not a catalog", b"\xde\x12\x04\x95" + b"\xff" * 40])
def test_a_broken_catalog_counts_as_none(make: MakeCatalog, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "de" / "LC_MESSAGES" / "alpacasorter.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert i18n.use("de") == "en"
    assert [one.code for one in i18n.languages()] == ["en"]


def test_languages_that_can_be_chosen(make: MakeCatalog) -> None:
    make("pl")
    make("de", name="Deutsch")
    assert [(one.code, one.name) for one in i18n.languages()] == [("de", "Deutsch"), ("en", "English"), ("pl", "pl")]


def test_texts_that_come_with_their_translations(make: MakeCatalog) -> None:
    texts = {"en": "Color", "en_GB": "Colour", "de": "Farbe", "pt_BR": "Cor", "fr": "Couleur"}
    for code in ("de", "en_GB", "pt_BR", "pt", "pl"):
        make(code)
    for wanted, said in {
        "de": "Farbe",
        "de_AT": "Farbe",
        "en_GB": "Colour",
        "en": "Color",
        "pt_BR": "Cor",
        "pt": "Color",
        "pl": "Color",
        # There are no messages in French, and one language is better than two.
        "fr": "Color",
    }.items():
        i18n.use(wanted)
        assert i18n.pick(texts) == said, wanted
    i18n.use("de")
    with i18n.english():
        assert i18n.pick(texts) == "Color"


def test_languages_that_are_shipped() -> None:
    assert [(one.code, one.name) for one in i18n.languages()] == [("en", "English"), ("en_GB", "English (UK)")]


def test_english_holds_for_its_block_and_thread(make: MakeCatalog) -> None:
    make("de")
    i18n.use("de")
    with i18n.english():
        assert (_("Open"), photos(2), i18n.language(), i18n.decimal(0.5)) == ("Open", "2 photos", "en", "0.5")
        seen: list[str] = []
        other = threading.Thread(target=lambda: seen.append(_("Open")))
        other.start()
        other.join()
        assert seen == ["Open in de"]
    assert _("Open") == "Open in de"
    with pytest.raises(ZeroDivisionError), i18n.english():
        raise ZeroDivisionError
    assert _("Open") == "Open in de"


def test_in_english_nothing_is_loaded() -> None:
    code = "import sys; from alpacasorter import i18n; i18n.use('en'); i18n._('Open'); i18n.moment('2026-03-12');"
    done = subprocess.run(
        [sys.executable, "-c", f"{code} print('gettext' in sys.modules, 'babel' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "False"]


# Formats


def test_numbers_in_english() -> None:
    assert [i18n.number(n) for n in (0, 999, 1200, -1234567)] == ["0", "999", "1,200", "-1,234,567"]
    assert [i18n.decimal(0.5), i18n.decimal(1234.56), i18n.decimal(0.98765, 4)] == ["0.5", "1,234.6", "0.9877"]
    assert [i18n.percent(0.974), i18n.percent(1), i18n.percent(0.9725, 1)] == ["97%", "100%", "97.2%"]


def test_the_model_is_never_quite_sure() -> None:
    assert [i18n.confidence(p) for p in (0.5, 0.974, 0.975, 0.994, 0.9999, 1.0)] == [
        *("50%", "97%", "98%", "99%", "99%", "99%"),
    ]


def test_all_and_nothing_are_said_of_nothing_else() -> None:
    assert [i18n.share(p) for p in (0.0, 0.00001, 0.9724, 0.99999, 1.0, None)] == [
        *("0%", "0.1%", "97.2%", "99.9%", "100%", "none"),
    ]
    assert [i18n.share(p, 0) for p in (0.0, 0.001, 0.974, 0.999, 1.0)] == ["0%", "1%", "97%", "99%", "100%"]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (3_400_000, "3.4 MB"),
        (12_340_000, "12 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.0 GB"),
        (120_000_000_000, "120 GB"),
        (5_000_000_000_000_000, "5,000 TB"),
    ],
)
def test_sizes(count: int, said: str) -> None:
    assert i18n.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.1, "1 s"),
        (8.4, "8 s"),
        (59.7, "1 min"),
        (200, "3 min"),
        (3599, "1 h 0 min"),
        (4800, "1 h 20 min"),
        (7199, "2 h 0 min"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert i18n.duration(seconds) == said


def test_days_and_moments() -> None:
    at = datetime(2026, 3, 12, 14, 5).astimezone()
    for when in (at, at.isoformat(), "2026-03-12T14:05"):
        assert i18n.moment(when) == "12 March 2026, 14:05"
        assert i18n.day(when) == "12 March 2026"
    assert i18n.day(date(2026, 12, 1)) == "1 December 2026"
    for nonsense in ("", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00"):
        assert i18n.moment(nonsense) == i18n.day(nonsense) == nonsense


def test_lists() -> None:
    assert [i18n.join(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c", "d"])] == [
        *("", "a", "a and b", "a, b, c and d"),
    ]
    assert i18n.join(["a", "b", "{c}"], last="or") == "a, b or {c}"


def test_formats_of_a_catalog(make: MakeCatalog) -> None:
    make("de")
    i18n.use("de")
    assert i18n.decimal(1234.5) == "1\N{NO-BREAK SPACE}234,5"
    assert i18n.confidence(0.9) == "90 %"
    assert i18n.size(3_400_000) == "3,4 Mo"
    assert i18n.day("2026-03-12") == "12. März 2026"
    assert i18n.join("abc") == "a, b und c"


class Shouting(i18n.CatalogFormats):
    """Formats that can be told from all others."""

    def number(self, value: int) -> str:
        return f"<{value}>"


def test_formats_of_the_window_are_used_but_not_in_english() -> None:
    i18n.set_formats(Shouting())
    try:
        assert i18n.number(1200) == "<1200>"
        assert i18n.size(5) == "<5> bytes"
        with i18n.english():
            assert i18n.number(1200) == "1,200"
    finally:
        i18n.set_formats(None)
    assert i18n.number(1200) == "1,200"
