"""The catalogs: up to date with the code, and made in a way that nothing but a message or a translation changes."""

import gettext
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest

from tools import messages as messages_tool

CODE = """
from alpacasorter.i18n import N_, _, ngettext, pgettext

def words(n, name):
    # Translators: a folder.
    _("Moved to the {folder} of "
      "your favorite color.").format(folder=name)
    ngettext("{count} gray photo", "{count} gray photos", n)
    pgettext("verb", "Sort")
    pgettext("noun", "Sort")
    _(name)
    N_("Kept")
    N_("argument %(name)s: %(message)s")
"""


@pytest.fixture
def messages() -> ModuleType:
    return messages_tool


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A program of one module."""
    (tmp_path / "alpacasorter").mkdir()
    (tmp_path / "alpacasorter" / "words.py").write_text(CODE, encoding="utf-8")
    return tmp_path


def begin(checkout: Path, language: str, *translated: tuple[str, str], plural: str = "") -> Path:
    po = checkout / "resources" / "locale" / language / "LC_MESSAGES" / "alpacasorter.po"
    po.parent.mkdir(parents=True)
    lines = [f'msgid "{message}"\nmsgstr "{said}"\n' for message, said in translated]
    head = f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nLast-Translator: Somebody\\n"\n{plural}'
    po.write_text("\n".join([head, *lines]), encoding="utf-8")
    return po


def write(messages: ModuleType, checkout: Path) -> dict[Path, bytes]:
    written: dict[Path, bytes] = messages.files(checkout)
    for path, content in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return written


def read(mo: bytes) -> gettext.GNUTranslations:
    return gettext.GNUTranslations(BytesIO(mo))


def test_what_is_committed_fits_the_code(messages: ModuleType) -> None:
    found = [path.relative_to(messages.ROOT).as_posix() for path in messages.outdated(messages.files())]
    assert not found, f"Run “make messages” and commit what it changes: {', '.join(found)}"


def test_messages_are_found_in_the_code(messages: ModuleType, checkout: Path) -> None:
    found = messages.template(checkout)
    assert {(message.id, message.context) for message in found if message.id} == {
        ("Moved to the {folder} of your favorite color.", None),
        (("{count} gray photo", "{count} gray photos"), None),
        ("Sort", "verb"),
        ("Sort", "noun"),
        ("Kept", None),
        ("argument %(name)s: %(message)s", None),
    }
    assert found.get("Moved to the {folder} of your favorite color.").auto_comments == ["a folder."]


def test_nothing_changes_but_by_a_message(messages: ModuleType, checkout: Path) -> None:
    begin(checkout, "de", ("Kept", "Behalten"))
    first = write(messages, checkout)
    assert messages.outdated(messages.files(checkout), checkout) == []
    module = checkout / "alpacasorter" / "words.py"
    module.write_text("# A line more.\n" + CODE, encoding="utf-8")
    module.rename(module.with_name("other.py"))
    assert messages.files(checkout) == first
    module.write_text('from alpacasorter.i18n import _\n\ndef new(): return _("New")\n', encoding="utf-8")
    assert {path.suffix for path in messages.outdated(messages.files(checkout), checkout)} == {".pot", ".po"}


def test_translations_stay_and_those_of_messages_that_are_gone_go(messages: ModuleType, checkout: Path) -> None:
    po = begin(checkout, "de", ("Kept", "Behalten"), ("Gone", "Weg"))
    written = write(messages, checkout)
    text = po.read_text(encoding="utf-8")
    assert 'msgstr "Behalten"' in text
    assert "Weg" not in text
    assert "Last-Translator: Somebody" in text
    assert read(written[po.with_suffix(".mo")]).gettext("Kept") == "Behalten"


def test_doubtful_translations_are_not_used(messages: ModuleType, checkout: Path) -> None:
    po = begin(checkout, "de", plural='#, fuzzy\nmsgid "Kept"\nmsgstr "Geraten"\n')
    written = write(messages, checkout)
    assert "Geraten" in po.read_text(encoding="utf-8")
    assert read(written[po.with_suffix(".mo")]).gettext("Kept") == "Kept"


@pytest.mark.parametrize("said", ["In {ordner}", "In {folder", "In {0}"])
def test_a_translation_that_would_fail_is_named(messages: ModuleType, checkout: Path, said: str) -> None:
    begin(checkout, "de", ("Moved to the {folder} of your favorite color.", said))
    with pytest.raises(ValueError, match="“In "):
        messages.files(checkout)


def test_a_translation_for_argparse_that_would_fail_is_named(messages: ModuleType, checkout: Path) -> None:
    begin(checkout, "de", ("argument %(name)s: %(message)s", "Argument %(nome)s: %(message)s"))
    with pytest.raises(ValueError, match="argument"):
        messages.files(checkout)


def test_forms_of_plurals_may_leave_the_number_out(messages: ModuleType, checkout: Path) -> None:
    po = begin(
        checkout,
        "de",
        plural='msgid "{count} gray photo"\nmsgid_plural "{count} gray photos"\n'
        'msgstr[0] "ein graues Foto"\nmsgstr[1] "{count} graue Fotos"\n',
    )
    catalog = read(write(messages, checkout)[po.with_suffix(".mo")])
    said = [catalog.ngettext("{count} gray photo", "{count} gray photos", n) for n in (1, 2)]
    assert said == ["ein graues Foto", "{count} graue Fotos"]


def test_a_compiled_catalog_without_its_source_is_named(messages: ModuleType, checkout: Path) -> None:
    po = begin(checkout, "de")
    write(messages, checkout)
    po.unlink()
    assert messages.outdated(messages.files(checkout), checkout) == [po.with_suffix(".mo")]


def test_british_is_filled_in_where_there_is_no_translation(messages: ModuleType, checkout: Path) -> None:
    po = begin(checkout, "en_GB", ("Kept", "Retained"))
    catalog = read(write(messages, checkout)[po.with_suffix(".mo")])
    assert catalog.gettext("Moved to the {folder} of your favorite color.") == (
        "Moved to the {folder} of your favourite colour."
    )
    assert catalog.ngettext("{count} gray photo", "{count} gray photos", 2) == "{count} grey photos"
    assert catalog.gettext("Kept") == "Retained"


@pytest.mark.parametrize(
    ("american", "british"),
    [
        ("Colors and a colored, gray, centered label", "Colours and a coloured, grey, centred label"),
        ("Third-party licenses; licensed under", "Third-party licences; licensed under"),
        ("Labeled by you. Canceled. Normalization.", "Labelled by you. Cancelled. Normalisation."),
        ("The size of a model; labels; dialog", "The size of a model; labels; dialog"),
        ("--color {color} $COLOR color.py <color> .center", "--color {color} $COLOR color.py <color> .center"),
        ("COLOR: Color.", "COLOUR: Colour."),
        ("Catalogs of a catalog", "Catalogues of a catalogue"),
    ],
)
def test_british_spelling(messages: ModuleType, american: str, british: str) -> None:
    assert messages.british(american) == british
    assert messages.british(british) == british


def test_a_language_that_is_none_is_refused(messages: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert messages.main(["klingon!"]) == 2
    assert "klingon!" in capsys.readouterr().err
