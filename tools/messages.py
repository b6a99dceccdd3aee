"""Brings the catalogs of translations up to date: `make messages`. With a language, it starts one: `ARGS=de`.

All messages of the program go into `resources/locale/alpacasorter.pot`, each language's `.po` gets those that are new
and loses those that are gone, and the `.mo` files, which the program reads, are made of them. All of it is committed:
a wheel, a checkout and the packaged program need no Babel.

Neither line numbers nor dates are written, so that a file changes only when a message or a translation does.
"""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message, TranslationError
from babel.messages.checkers import python_format
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).resolve().parent.parent
DOMAIN: Final = "alpacasorter"
BRITISH: Final = "en_GB"

_KEYWORDS: Final = {"_": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
_COMMENTS: Final = ("Translators:",)
_WIDTH: Final = 110
_CHANGING: Final = ("POT-Creation-Date", "PO-Revision-Date", "Generated-By")
_HEADER: Final = """\
# {what} of AlpacaSorter.
# This file is distributed under the same license as AlpacaSorter.
#"""

_SPELLINGS: Final = {
    r"analyz": "analys",
    r"artifact": "artefact",
    r"behavior": "behaviour",
    r"cancel(ed|ing)": r"cancell\1",
    r"catalog(s?)(?!u)": r"catalogue\1",
    r"center(ed|ing)": r"centr\1",
    r"center": "centre",
    r"color": "colour",
    r"favorite": "favourite",
    r"gray": "grey",
    r"label(ed|ing)": r"labell\1",
    # Not "licensed": there the noun and the verb differ.
    r"license(s?)(?![dr])": r"licence\1",
    r"model(ed|ing)": r"modell\1",
    r"neighbor": "neighbour",
    r"(custom|initial|minim|maxim|normal|optim|organ|recogn|summar|synchron|util)iz(e|ing|ation)": r"\1is\2",
}
_AMERICAN: Final = re.compile(
    # Not in fields, options, variables, markup or names of files.
    r"(?<![-{</._$\w])(?:" + "|".join(f"(?:{one})" for one in _SPELLINGS) + r")[a-z]*(?!\w|\.\w)",
    re.IGNORECASE,
)

_Said = str | tuple[str, ...] | list[str] | None
"""A message or a translation as Babel has it: one text, or those of the plural forms."""


class _Dateless(Catalog):
    """A catalog whose header says nothing that changes by itself."""

    def __iter__(self) -> Iterator[Message]:
        """Yield the header, and then all messages."""
        for message in super().__iter__():
            if not message.id and isinstance(message.string, str):
                lines = [line for line in message.string.splitlines() if not line.startswith(_CHANGING)]
                message.string = "\n".join(lines) + "\n"
            yield message


def locale_dir(root: Path = ROOT) -> Path:
    """Return the folder of the catalogs."""
    return root / "resources" / "locale"


def template(root: Path = ROOT) -> Catalog:
    """Return all messages of the program, as they stand in the code."""
    found = _new(None, "Messages")
    package = root / "alpacasorter"
    for _file, _line, message, comments, context in extract_from_dir(
        package, method_map=[("**.py", "python")], keywords=_KEYWORDS, comment_tags=_COMMENTS, strip_comment_tags=True
    ):
        found.add(message, auto_comments=comments, context=context)
    return found


def files(root: Path = ROOT) -> dict[Path, bytes]:
    """Return what the template and the catalogs of all languages should hold.

    Raises:
        ValueError: a translation can't be used; `str()` names it.
    """
    messages = template(root)
    written = {locale_dir(root) / f"{DOMAIN}.pot": _po(messages)}
    for po in sorted(locale_dir(root).glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        catalog = updated(po, messages)
        written[po] = _po(catalog)
        written[po.with_suffix(".mo")] = compiled(catalog)
    return written


def updated(po: Path, messages: Catalog) -> Catalog:
    """Return the catalog of a language with the messages of the template and the translations that it has of them."""
    language = po.parent.parent.name
    with po.open("rb") as stream:
        before = read_po(stream, locale=language.partition("@")[0], abort_invalid=True)
    after = _new(language, "Translations")
    after.last_translator, after.language_team = before.last_translator, before.language_team
    for message in messages:
        if not message.id:
            continue
        known = before.get(_first(message), message.context)
        said: _Said = known.string if known is not None and _same_kind(known, message) else ""
        if language == BRITISH and not any(_forms(said)):
            said = _british(message)
        problem = misfit(message, said)
        if problem:
            raise ValueError(f"{po}: {problem}")
        after.add(
            message.id,
            said,
            flags=known.flags & {"fuzzy"} if known is not None else (),
            auto_comments=message.auto_comments,
            user_comments=known.user_comments if known is not None else (),
            context=message.context,
        )
    return after


def misfit(message: Message, said: _Said) -> str:
    """Return what is wrong with a translation, which would fail when it is shown; nothing where all is well."""
    allowed = {field for one in _forms(message.id) for field in _fields(one)}
    for form in filter(None, _forms(said)):
        try:
            unknown = sorted(_fields(form) - allowed)
        except ValueError as error:
            return f"“{form}” has a bracket too many or too few ({error})."
        if unknown:
            return f"“{form}” has a field that “{_first(message)}” has not: {{{unknown[0]}}}."
    try:
        python_format(None, Message(message.id, said or "", flags=message.flags))
    except TranslationError as error:
        return f"“{_first(message)}” is not translated right. {error}."
    return ""


def compiled(catalog: Catalog) -> bytes:
    """Return a catalog as the program reads it; what is not translated, or not surely, is left out."""
    into = BytesIO()
    write_mo(into, catalog)
    return into.getvalue()


def outdated(wanted: Mapping[Path, bytes], root: Path = ROOT) -> list[Path]:
    """Return the files that don't hold what they should, which `files` tells."""
    stray = set(locale_dir(root).glob(f"*/LC_MESSAGES/{DOMAIN}.mo")) - wanted.keys()
    return sorted([path for path, content in wanted.items() if _content(path) != content] + list(stray))


def british(words: str) -> str:
    """Return American words in British spelling."""
    return _AMERICAN.sub(lambda found: _respelled(found[0]), words)


def _respelled(word: str) -> str:
    for american, spelling in _SPELLINGS.items():
        found = re.match(american, word, re.IGNORECASE)
        if found:
            other = found.expand(spelling) + word[found.end() :]
            if word.isupper():
                return other.upper()
            return other[0].upper() + other[1:] if word[0].isupper() else other
    return word


def _british(message: Message) -> str | tuple[str, ...]:
    """Return a message as Britons spell it; nothing where they spell it as Americans do."""
    before = _forms(message.id)
    after = tuple(british(one) for one in before)
    if after == before:
        return ("", "") if message.pluralizable else ""
    return after if message.pluralizable else after[0]


def _new(language: str | None, what: str) -> Catalog:
    return _Dateless(
        locale=None if language is None else language.partition("@")[0],
        domain=DOMAIN,
        header_comment=_HEADER.format(what=what),
        project="AlpacaSorter",
        version="1",
        msgid_bugs_address="none",
        last_translator="none",
        language_team="none",
        fuzzy=False,
    )


def _po(catalog: Catalog) -> bytes:
    into = BytesIO()
    write_po(into, catalog, width=_WIDTH, no_location=True, sort_output=True, ignore_obsolete=True)
    return into.getvalue()


def _forms(said: _Said) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said or ())


def _first(message: Message) -> str:
    return _forms(message.id)[0]


def _same_kind(one: Message, other: Message) -> bool:
    return _forms(one.id) == _forms(other.id)


def _fields(words: str) -> set[str]:
    return {re.split(r"[.\[]", name)[0] for _text, name, _spec, _conversion in string.Formatter().parse(words) if name}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def main(arguments: Sequence[str]) -> int:
    """Write the files, with catalogs for the languages named; return the exit code."""
    for language in arguments:
        try:
            Locale.parse(language.partition("@")[0])
        except (UnknownLocaleError, ValueError):
            print(f"{language} is not a language; write it like de, pt_BR or sr@latin.", file=sys.stderr)
            return 2
        po = locale_dir() / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        if not po.exists():
            po.parent.mkdir(parents=True, exist_ok=True)
            po.write_bytes(_po(_new(language, "Translations")))
    try:
        wanted = files()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for path in outdated(wanted):
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[path])
            print(f"{path.relative_to(ROOT)} is up to date now.")
        else:
            path.unlink()
            print(f"{path.relative_to(ROOT)} had no .po beside it and is deleted.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
