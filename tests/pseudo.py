"""A language for tests: every letter accented, every message longer by 40 %.

What comes out without accents was never translated, and what is cut off would be in German. By hand:

    python -m tests.pseudo run [FOLDER]         look at the window in this language
    python -m tests.pseudo window [ROOM ...]    go through window and dialogs; list what is not translated or cut off
    python -m tests.pseudo cut                  list what will be cut off; what is not translated is made longer, too
    python -m tests.pseudo commands [ROOM ...]  the same for what the commands print
    python -m tests.pseudo literals [ROOM ...]  list sentences of the code that are in no call of _(); nothing is run

A ROOM is a folder or module below alpacasorter/, such as ui/sorting or cli; without one all is listed.
The catalog is made from the code as it is, so `make messages` need not have been run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT: Final = Path(__file__).resolve().parent.parent
TEMPLATE: Final = ROOT / "resources" / "locale" / "alpacasorter.pot"
CODE: Final = "en_XA"
"""The code of the language, as other makers of software write it."""

_LONGER: Final = 0.4
_PLAIN: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ACCENTED: Final = str.maketrans(_PLAIN, "áḃçðéƒĝĥíĵķļɱñóþǫŕšţúṽŵẋýžÁḂÇÐÉƑĜĤÍĴĶĻṀÑÓÞǪŔŠŢÚṼŴẊÝŽ")
_KEPT: Final = re.compile(
    r"\{[^{}]*\}"  # fields
    r"|</?[a-zA-Z][^<>]*>|&[a-z]+;"  # markup
    r"|%\(\w+\)[a-z]|%L?[\dn]|%[rsd](?!\w)"  # fields of argparse and Qt
    r"|https?://\S+"
)

_NAMES: Final = frozenset(
    (
        # This program and what it is made of, formats, parts of a computer.
        *("AlpacaSorter", "alpacasorter", "TensorFlow", "Keras", "LiteRT", "Python", "Qt", "PySide", "SQLite"),
        *("MobileNetV", "EfficientNetV", "ResNet", "Inception", "ImageNet"),
        *("Windows", "Linux", "macOS", "Debian", "Ubuntu"),
        *("CPU", "GPU", "AUC", "RGB", "MIT", "URL", "UTC"),
        *("JPEG", "JPG", "PNG", "HEIC", "HEIF", "TIFF", "WebP", "WEBP", "GIF", "BMP", "AVIF", "RAW", "CR", "DNG"),
        *("XMP", "EXIF", "IPTC", "JSON", "CSV", "HTML", "INI", "ZIP"),
        # A language, in itself.
        "English",
        # Keys, which Qt names.
        *("Ctrl", "Shift", "Alt", "Meta", "Del", "Ins", "Esc", "Return", "Enter", "Backspace", "Space", "Tab"),
        *("Home", "End", "PgUp", "PgDown", "Up", "Down", "Left", "Right"),
    )
)
_NOT_WORDS: Final = re.compile(
    r"https?://\S+|www\.\S+"
    r"|(?<![\w-])--?[a-zA-Z][\w-]*(?:[= ]\[?[A-Z][A-Z_|]*(?:\.[a-z]+)?\]?)?"  # options, with what they take
    r"|\w[\w-]*(?:\|\w[\w-]*)+"  # one of several
    r"|\b[A-Z][A-Z_]{2,}(?:\.[a-z]{2,6})?\b"  # what the command line takes, and names of variables
    r"|[~.]?(?:/[^\s/:;,|()“”]+)+/?|[A-Z]:\\\S+"  # paths
    r"|\*?\.[a-zA-Z0-9]{2,6}\b|\b\w+\.(?:jpg|png|sqlite|json|csv|html|npz|h5|zip|log|tflite|keras|xmp|ini)\b"  # files
    r"|</?[a-zA-Z][^<>]*>|&[a-z]+;"
    r"|\{[^{}]*\}|%\(\w+\)[a-z]|%\w\b"
    r"|\bF\d{1,2}\b|\b[A-Z]\d\b"
)
_WORD: Final = re.compile(r"(?<![^\W\d_])[A-Za-z]{2,}")


# The language


def accented(message: str) -> str:
    """Return a message with accents on its letters, and longer; fields, markup and the marks of keys stay."""
    parts: list[str] = []
    place = letters = added = 0
    last = -1
    for kept in [*_KEPT.finditer(message), None]:
        until = kept.start() if kept is not None else len(message)
        for letter in message[place:until]:
            other = letter.translate(_ACCENTED)
            if other != letter:
                letters += 1
                # Longer words, and not only longer sentences: those are wrapped where there is no room.
                if letter.lower() in "aeiou":
                    other += other.lower()
                    added += 1
                last = len(parts)
            parts.append(other)
        if kept is not None:
            parts.append(kept[0])
            place = kept.end()
    missing = -int(-letters * _LONGER // 1) - added
    if missing > 0 and last >= 0:
        parts[last] += "ö" * missing
    return "".join(parts)


def write_catalog(folder: Path, messages: Catalog | None = None) -> None:
    """Write the compiled catalog below `folder`, for ALPACASORTER_LOCALE_DIR.

    Args:
        folder: made where it is not there.
        messages: all messages; those of the template where None is given.
    """
    if messages is None:
        with TEMPLATE.open("rb") as stream:
            messages = read_po(stream)
    catalog = Catalog(locale="en", fuzzy=False)
    for message in messages:
        if message.id:
            said = tuple(map(accented, message.id)) if message.pluralizable else accented(message.id)
            catalog.add(message.id, said, context=message.context)
    file = folder / CODE / "LC_MESSAGES" / "alpacasorter.mo"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        write_mo(stream, catalog)


def unaccented(text: str, names: Collection[str] = ()) -> list[str]:
    """Return the words of a text that did not come through the catalog.

    Args:
        text: what the user sees.
        names: what the user has named, such as files, or a stranger, such as the classes of a model.
    """
    text = re.sub(r"&(?![a-z]+;)", "", text)
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text)
    return [word for word in _WORD.findall(_NOT_WORDS.sub(" ", text)) if word not in _NAMES]


# What was seen, and whose it is


@dataclass(frozen=True)
class Seen:
    """A text that was shown.

    Attributes:
        where: the command, or the place in the window.
        text: what was read there.
        words: those of its words that no catalog has changed.
        cut: why not all of it is seen; empty where all is.
    """

    where: str
    text: str
    words: list[str] = field(default_factory=list, compare=False)
    cut: str = ""


@dataclass(frozen=True)
class Literal:
    """A text that stands in the code.

    Attributes:
        module: its file, below alpacasorter/.
        line: where it stands there.
        text: it, without fields.
        wrapped: whether it is given to _() or one of its kin.
    """

    module: str
    line: int
    text: str
    wrapped: bool


def owner(text: str, literals: Iterable[Literal], layer: str) -> str:
    """Return the module and line that a text on the screen most likely comes from; "?" where none is like it.

    Args:
        text: what was seen.
        literals: all texts of the code.
        layer: the part of the code that it comes from where two parts say the same.
    """
    # What stands in columns comes from several places.
    parts = [" ".join(part.split()) for part in re.split(r"\s{2,}|\n", text.replace("&", ""))]
    best, most = "?", (0, False, False)
    for one in literals:
        if one.wrapped:
            continue
        for part in parts:
            same = one.text == part
            if same or (min(len(one.text), len(part)) > 3 and (one.text in part or part in one.text)):
                like = (min(len(one.text), len(part)), same, one.module.startswith(layer))
                if like > most:
                    best, most = f"{one.module}:{one.line}", like
    return best


def report(offenders: Iterable[tuple[str, str]], rooms: Collection[str]) -> int:
    """Write (module and line, what is wrong there) by module, and return how many there are in some rooms."""
    shown = sorted({one for one in offenders if not rooms or one[0].startswith(tuple(rooms))})
    before, lines = "", list[str]()
    for place, wrong in shown:
        module = place.partition(":")[0]
        if module != before:
            lines.append(f"\n{module}")
            before = module
        lines.append(f"  {place.partition(':')[2] or '-'}: {wrong}")
    sys.stdout.write("\n".join([*lines, f"\n{len(shown)} found.\n"]))
    return len(shown)


# By hand


def _use(folder: Path) -> None:
    """Have this process speak the language, in a home of its own below `folder`."""
    sys.path.insert(0, str(ROOT / "tools"))
    write_catalog(folder / "locale", importlib.import_module("messages").template())
    os.environ |= {
        "ALPACASORTER_LOCALE_DIR": str(folder / "locale"),
        "ALPACASORTER_LANGUAGE": CODE,
        "ALPACASORTER_DATA_DIR": str(folder / "data"),
        "ALPACASORTER_CACHE_DIR": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "settings"),
    }


def _found(what: str, folder: Path) -> Iterator[tuple[str, str]]:
    from tests import literals

    if what == "literals":
        yield from ((f"{one.module}:{one.line}", one.text) for one in literals.sentences())
        return
    index = literals.all_literals()
    layer = "cli/" if what == "commands" else "ui/"
    if what == "commands":
        from tests import command_tour

        seen = command_tour.tour(folder)
    else:
        os.environ |= {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false"}
        from tests import window_tour

        seen = window_tour.tour(folder, stretched=what == "cut")
    for one in seen:
        if one.words and what != "cut":
            yield owner(one.text, index, layer), f"{one.where}: {one.text!r} has {', '.join(one.words[:6])}"
        elif one.cut:
            yield "cut off", f"{one.where}: {one.text!r} {one.cut}"


def main() -> int:
    """Do what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "window", "cut", "commands", "literals"))
    parser.add_argument("where", nargs="*", metavar="FOLDER | ROOM")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pseudo-", ignore_cleanup_errors=True) as name:
        if options.what != "literals":
            _use(Path(name))
        if options.what == "run":
            from alpacasorter.cli import main as start

            return start(["--new-window", *options.where])
        rooms = [room.removeprefix("alpacasorter/") for room in options.where]
        return 1 if report(_found(options.what, Path(name)), rooms) else 0


if __name__ == "__main__":
    sys.exit(main())
