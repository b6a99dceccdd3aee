"""The language for tests: what is changed of a message and what is not, and what counts as not translated."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from alpacasorter import i18n
from alpacasorter.i18n import _, ngettext, pgettext
from tests import literals
from tests.literals import _literals
from tests.pseudo import CODE, Literal, accented, owner, unaccented, write_catalog


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Moved to {folder}, {count:,} photos.", ["{folder}", "{count:,}"]),
        ("<b>Open</b> <a href='https://example.org'>it</a>&nbsp;now", ["<b>", "</b>", "<a href='https://", "&nbsp;"]),
        ("argument %(name)s: %s, %1 and %n", ["%(name)s", "%s", "%1", "%n"]),
        ("&Open folder…", ["&", "…"]),
        ("See https://example.org/page now", ["https://example.org/page"]),
    ],
)
def test_fields_and_markup_stay(message: str, kept: list[str]) -> None:
    said = accented(message)
    assert [part for part in kept if part not in said] == []
    assert unaccented(said) == []


@pytest.mark.parametrize("message", ["Open", "s", "KB", "Every photo gets a tag.", "Rhythm", "{number} photos"])
def test_messages_are_longer_by_two_fifths(message: str) -> None:
    def letters(text: str) -> int:
        return sum(letter.isalpha() for letter in text.replace("{number}", ""))

    assert letters(accented(message)) >= 1.4 * letters(message)
    assert accented(message) == accented(message)


def test_what_has_no_letters_stays() -> None:
    assert [accented(message) for message in (",", "1 + 2", "", "{number}")] == [",", "1 + 2", "", "{number}"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Open it", ["Open", "it"]),
        ("&Open", ["Open"]),
        ("Óþéñ and more", ["and", "more"]),
        ("AlpacaSorter, JPEG, Ctrl+O, F5, 12 × 3", []),
        ("--device auto|cpu|gpu --out DIR FILE.html", []),
        ("/home/somebody/photos and ~/photos", ["and"]),
        ("0001.jpg, a.csv", []),
        ("alpaca alpacas", ["alpacas"]),
        ("<b>Óþéñ</b>&nbsp;{field}", []),
    ],
)
def test_what_is_not_translated_is_found(text: str, words: list[str]) -> None:
    assert unaccented(text, names=["alpaca"]) == words


def test_catalog_has_all_messages_of_the_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_catalog(tmp_path)
    monkeypatch.setenv("ALPACASORTER_LOCALE_DIR", str(tmp_path))
    try:
        assert i18n.use(CODE) == CODE
        assert i18n.size(1) == accented("{number} byte").format(number=1)
        assert i18n.size(2) == accented("{number} bytes").format(number=2)
        assert unaccented(i18n.moment("2026-03-12T14:05")) == []
        assert i18n.number(1200) == "1,200"
        assert i18n.share(None) == accented("none")
    finally:
        i18n.use("en")


def test_catalog_of_messages_that_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = Catalog()
    messages.add("Sort")
    messages.add("Sort", context="noun")
    messages.add(("{n} photo", "{n} photos"))
    write_catalog(tmp_path, messages)
    monkeypatch.setenv("ALPACASORTER_LOCALE_DIR", str(tmp_path))
    try:
        i18n.use(CODE)
        assert _("Sort") == pgettext("noun", "Sort") == accented("Sort")
        assert [ngettext("{n} photo", "{n} photos", n) for n in (1, 2)] == [
            accented("{n} photo"),
            accented("{n} photos"),
        ]
    finally:
        i18n.use("en")


SOURCE = '''
"""A docstring of some words."""
_log = logging.getLogger("a name")

def show(label, name):
    """Show it all."""
    label.setText("Single")
    label.setText(_("This is translated"))
    label.setText(ngettext("{count} photo here", "{count} photos here", 2).format(count=2))
    label.setObjectName("some name here")
    _log.warning("nobody reads this")
    if name == "not shown at all":
        raise ValueError(f"The folder {name} is missing.")
    database.execute("SELECT one, two FROM three")
    return {"Some words": "key_only"}
'''


def test_sentences_that_are_not_wrapped_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(literals, "_PACKAGE", tmp_path)
    (tmp_path / "module.py").write_text(SOURCE, encoding="utf-8")
    found = list(_literals(tmp_path / "module.py"))
    assert [one.text for one, sentence in found if sentence and not one.wrapped] == [
        "Single",
        "The folder",
        "is missing.",
        "Some words",
    ]
    assert [one.text for one, _sentence in found if one.wrapped] == [
        "This is translated",
        "photo here",
        "photos here",
    ]
    assert {one.module for one, _sentence in found} == {"module.py"}


def test_the_module_of_a_text_is_guessed() -> None:
    code = [
        Literal("ui/a.py", 1, "Open", wrapped=False),
        Literal("cli/b.py", 2, "Open", wrapped=False),
        Literal("ui/c.py", 3, "files go into", wrapped=False),
        Literal("ui/d.py", 4, "files go into folders", wrapped=True),
    ]
    assert owner("&Open", code, "ui/") == "ui/a.py:1"
    assert owner("Open", code, "cli/") == "cli/b.py:2"
    assert owner("12 files go into folders", code, "ui/") == "ui/c.py:3"
    assert owner("Nothing like it", code, "ui/") == "?"
