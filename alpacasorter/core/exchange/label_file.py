"""Reads labels from a file: a JSON document or CSV table of an export, or the output of a scan.

It usually comes from another computer. It may have been edited, saved again by a spreadsheet, cut short, or be
something else entirely.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import json
import math
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alpacasorter.core.exchange.results import BOM, FORMAT, FORMAT_VERSION
from alpacasorter.core.files import display_path
from alpacasorter.core.os_errors import for_file
from alpacasorter.core.reasons import sentence
from alpacasorter.i18n import _, size

_LIMIT: Final = 128 << 20
_LONGEST_CELL: Final = 1 << 20
_NUL: Final = "\x00"
_KEY: Final = re.compile("[0-9a-f]{64}")
_TRUTH: Final = {
    "true": "false",
    "1": "0",
    "yes": "no",
    "y": "n",
    "ja": "nein",
    "oui": "non",
    "sì": "no",
    "sí": "no",
    "да": "нет",
    "wahr": "falsch",
    "vrai": "faux",
    "vero": "falso",
    "verdadero": "falso",
    "verdadeiro": "falso",
    "истина": "ложь",
    "істина": "хибність",
    "waar": "onwaar",
    "prawda": "fałsz",
    "pravda": "nepravda",
    "sant": "falskt",
    "sand": "falsk",
    "sann": "usann",
    "tosi": "epätosi",
    "igaz": "hamis",
    "adevărat": "fals",
    "doğru": "yanliş",  # as casefold() writes it
    "αληθησ": "ψευδησ",  # Greek, as casefold() writes it
}
"""What spreadsheets make of true and false when they save a table again, in the languages they come in."""
_FALSE: Final = frozenset(("", *_TRUTH.values()))
_WIDE: Final = (
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\0", "utf-16-be"),
)
_NARROW: Final = ("cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "mac-roman")
"""In what Excel saves a table as plain CSV, by the language of the computer."""
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
_DELIMITERS: Final = (",", ";", "\t")
_PLACES: Final = ("relative_path", "path")


class LabelFileError(Exception):
    """No labels can be imported from a file; the message is a translated sentence for the user."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label as read from a file, before its class is checked.

    Attributes:
        content_key: hash of the photo's bytes; None if the file has none.
        label: the class name.
        corrected: whether the label was given by a person rather than a model.
        confidence: confidence in the label, 0 to 1; None if the file has none.
        places: paths where the photo may be, as in the file; the most likely first.
        picture_key: the same for all files with this picture; None if the file has none.
    """

    content_key: str | None
    label: str
    corrected: bool
    confidence: float | None
    places: tuple[str, ...] = ()
    picture_key: str | None = None


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The contents of a file.

    Attributes:
        path: the file.
        classes: class names, if the file has them.
        rows: its labels.
        unlabeled: number of photos without a label, such as those that could not be read.
        broken: number of invalid rows.
    """

    path: Path
    classes: tuple[str, ...] | None
    rows: tuple[LabelRow, ...]
    unlabeled: int
    broken: int


class _Broken(Exception):
    """A row is invalid."""


def read_labels(path: Path) -> LabelFile:
    """Read the labels in a file.

    Raises:
        LabelFileError: it can't be read or has no labels.
    """
    text = _text(path)
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return _from_json(path, text)
    return _from_table(path, text)


def refusal(path: Path, why: str) -> LabelFileError:
    """Return the error for a file; `why` is one or more sentences."""
    said = _("{file} can't be imported.").format(file=display_path(path.name))
    return LabelFileError(f"{said} {why}")


def _refusal_of_other(path: Path, why: str) -> LabelFileError:
    """Return the error for a file that does not look like an export, with a hint at what does."""
    hint = _("AlpacaSorter imports JSON and CSV files made by “Export results…” or by its export and scan commands.")
    return refusal(path, f"{why} {hint}")


def _text(path: Path) -> str:
    try:
        if not path.is_dir() and not stat.S_ISREG(path.stat().st_mode):
            # Opening a pipe would wait for somebody to write to it.
            raise refusal(path, _("It is a device or a pipe, not a file."))
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as error:
        # Windows reports a folder as a file without permission.
        if isinstance(error, FileNotFoundError):
            why = _("There is no such file.")
        else:
            why = _("It is a folder.") if path.is_dir() else sentence(for_file(error))
        raise refusal(path, why) from error
    if len(data) > _LIMIT:
        raise refusal(path, _("It is larger than {size}.").format(size=size(_LIMIT)))
    codec = next((codec for mark, codec in _WIDE if data.startswith(mark)), None)
    if codec is None and data[1:2] == b"\0":
        codec = "utf-16-le"
    try:
        # What is not UTF-8 keeps its bytes: it may be a file name, or all of it may be in an older encoding.
        text = data.decode("utf-8", "surrogateescape") if codec is None else data.decode(codec)
    except UnicodeError as error:
        raise refusal(path, _("The file is incomplete or damaged.")) from error
    text = text.removeprefix(BOM)
    if _NUL in text:
        raise _refusal_of_other(path, _("It is not a text file."))
    if not text.strip():
        raise refusal(path, _("The file is empty."))
    return text


# JSON


def _from_json(path: Path, text: str) -> LabelFile:
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise _refusal_of_other(path, _("The JSON is not from AlpacaSorter.")) from error
    except ValueError as error:
        return _from_lines(path, text, error)
    if isinstance(document, dict) and document.get("format") == FORMAT:
        return _from_document(path, document)
    if isinstance(document, dict) and _is_row(document):
        # A single photo, a line of `scan --json`.
        return _label_file(path, None, iter([document]))
    raise _refusal_of_other(path, _("The JSON is not from AlpacaSorter."))


def _from_document(path: Path, document: Mapping[str, Any]) -> LabelFile:
    version = document.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise refusal(path, _("Its format version is missing."))
    if version > FORMAT_VERSION:
        raise refusal(path, _("It was made by a newer version of AlpacaSorter. Update AlpacaSorter on this computer."))
    photos, classes = document.get("photos"), document.get("classes")
    if not isinstance(photos, list) or not isinstance(classes, dict):
        raise refusal(path, _("Parts of the file are missing."))
    return _label_file(path, tuple(classes), iter(photos))


def _from_lines(path: Path, text: str, cause: ValueError) -> LabelFile:
    def rows() -> Iterator[object]:
        for line in io.StringIO(text):
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    yield None

    first = next(rows(), None)
    if not isinstance(first, dict) or not _is_row(first):
        if FORMAT in text[:200]:
            raise refusal(path, _("The file is incomplete or damaged. Export it again.")) from cause
        raise _refusal_of_other(path, _("The JSON is damaged or not from AlpacaSorter.")) from cause
    return _label_file(path, None, rows())


def _is_row(row: Mapping[str, Any]) -> bool:
    return "label" in row and not row.keys().isdisjoint(("content_key", *_PLACES))


# Tables


def _from_table(path: Path, text: str) -> LabelFile:
    # Excel's own way to say which character separates the cells.
    said = _SEPARATOR_LINE.match(text)
    text = text[said.end() :] if said else text
    head = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    delimiter = said[1] if said and said[1] in _DELIMITERS else max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        names = [name.strip().casefold() for name in next(line for line in reader if line)]
        if not _is_row(dict.fromkeys(names)):
            why = _("It has no columns “label” and “content_key” (or “relative_path” or “path”).")
            raise _refusal_of_other(path, why)
        return _label_file(path, None, _cells(reader, names))
    except csv.Error as error:
        raise refusal(path, _("The file is damaged or is not a CSV table.")) from error


def _cells(reader: Iterator[list[str]], names: list[str]) -> Iterator[object]:
    for line in reader:
        if not line:
            continue
        # More or fewer cells than the header: there is no telling which one is wrong.
        yield dict(zip(names, map(_plain, line), strict=True)) if len(line) == len(names) else None


def _plain(cell: str) -> str | None:
    """Return a cell without the apostrophe that keeps it from being a formula; None if it is empty."""
    return cell.removeprefix("'") or None


# Rows


def _label_file(path: Path, classes: tuple[str, ...] | None, rows: Iterator[object]) -> LabelFile:
    found: list[LabelRow] = []
    unlabeled = broken = 0
    for row in rows:
        try:
            label = _row(row)
        except _Broken:
            broken += 1
            continue
        if label is None:
            unlabeled += 1
        else:
            found.append(label)
    return LabelFile(path, classes, tuple(found), unlabeled, broken)


def _row(row: object) -> LabelRow | None:
    """Return the label in a row; None if it has none."""
    if not isinstance(row, dict):
        raise _Broken
    label = row.get("label")
    if label is None:
        return None
    key = row.get("content_key")
    if isinstance(key, str):
        key = key.strip().lower()
    if (
        not isinstance(label, str)
        or not label.strip()
        or not (key is None or (isinstance(key, str) and _KEY.fullmatch(key)))
    ):
        raise _Broken
    places = tuple(place for name in _PLACES if isinstance(place := row.get(name), str) and place)
    # A list written by hand has no such column; its labels were given by a person.
    corrected = _truth(row["corrected"]) if "corrected" in row else True
    return LabelRow(key, label.strip(), corrected, _share(row.get("confidence")), places, _picture(row))


def _picture(row: Mapping[str, Any]) -> str | None:
    """Return the picture key of a photo; a wrong one says nothing, because the content key does."""
    picture = row.get("picture_key")
    picture = picture.strip().lower() if isinstance(picture, str) else ""
    return picture if _KEY.fullmatch(picture) else None


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = "" if value is None else str(value).strip().casefold()
    for reading in readings(word):
        if reading.casefold() in _TRUTH:
            return True
        if reading.casefold() in _FALSE:
            return False
    raise _Broken


def readings(text: str) -> Iterator[str]:
    """Yield what text from a file may mean: as it is, in other encodings if it is not UTF-8, composed, decomposed."""
    found = [text]
    with contextlib.suppress(UnicodeEncodeError):
        data = text.encode("utf-8", "surrogateescape")
        if not text.isascii() and b"".join(text.encode("utf-8", "ignore").split()) != b"".join(data.split()):
            for codec in _NARROW:
                with contextlib.suppress(UnicodeDecodeError):
                    found.append(data.decode(codec))
    for reading in found:
        yield reading
        # macOS writes names in its own form.
        for form in ("NFC", "NFD") if not reading.isascii() else ():
            if (other := unicodedata.normalize(form, reading)) != reading:
                yield other


def _share(value: object) -> float | None:
    """Return a number from 0 to 1; None for an empty value."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Broken
    try:
        # Spreadsheets write a decimal comma in some languages, or percent.
        text = value.replace(",", ".").strip() if isinstance(value, str) else str(float(value))
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except (ValueError, OverflowError) as error:
        raise _Broken from error
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise _Broken
    return number
