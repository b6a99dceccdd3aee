"""Labels from a file that was written on another machine: our JSON document, lines of JSON, or a table.

The file may have been edited, saved again by a spreadsheet, cut short, or be something else entirely.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alpacasorter.core.exchange.result_files import BOM, FORMAT, FORMAT_VERSION
from alpacasorter.core.files import display_path
from alpacasorter.core.reasons import for_file

_LIMIT: Final = 128 << 20
_LIMIT_WORDS: Final = "128 MB"
_LONGEST_CELL: Final = 1 << 20
_NUL: Final = "\x00"
_KEY: Final = re.compile("[0-9a-f]{64}")
_SAID_YES: Final = frozenset(("true", "1", "yes", "wahr", "vrai"))
_SAID_NO: Final = frozenset(("false", "0", "no", "", "falsch", "faux"))
_WIDE: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DELIMITERS: Final = (",", ";", "\t")

_EXPECTED: Final = (
    "AlpacaSorter reads what “Export results…”, “alpacasorter export” and “alpacasorter scan” write as JSON or CSV."
)


class LabelFileError(Exception):
    """No labels can be read from a file; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label as the file has it, its class not checked yet.

    Attributes:
        content_key: hash of the photo's bytes; None where the file does not tell.
        label: the class name.
        corrected: whether somebody said so, or only a model.
        confidence: of the label, 0 to 1; None where the file does not tell.
        places: where the photo may be found, as the file has it; the first is the likeliest.
    """

    content_key: str | None
    label: str
    corrected: bool
    confidence: float | None
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What a file holds.

    Attributes:
        path: the file.
        classes: class names, where the file tells them.
        rows: its labels.
        unlabelled: how many photos have no label, such as those that could not be read.
        broken: how many rows make no sense.
    """

    path: Path
    classes: tuple[str, ...] | None
    rows: tuple[LabelRow, ...]
    unlabelled: int
    broken: int


class _Broken(Exception):
    """A row makes no sense."""


def read_labels(path: Path) -> LabelFile:
    """Read a file.

    Raises:
        LabelFileError: it can't be read, or holds nothing of the kind.
    """
    text = _text(path)
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return _from_json(path, text)
    return _from_table(path, text)


def _refusal(path: Path, why: str) -> LabelFileError:
    return LabelFileError(f"{display_path(path.name)} can't be imported: {why}")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as error:
        raise _refusal(path, for_file(error).replace("This is a folder, not a photo.", "it is a folder.")) from error
    if len(data) > _LIMIT:
        raise _refusal(path, f"it is larger than {_LIMIT_WORDS}.")
    codec = next((codec for mark, codec in _WIDE if data.startswith(mark)), None)
    try:
        # Names of files need not be text, and come back as they were written.
        text = data.decode("utf-8", "surrogateescape") if codec is None else data.decode(codec)
    except UnicodeError as error:
        raise _refusal(path, "it is cut short, or damaged.") from error
    text = text.removeprefix(BOM)
    if _NUL in text:
        raise _refusal(path, f"it is no text. {_EXPECTED}")
    if not text.strip():
        raise _refusal(path, "it is empty.")
    return text


# JSON


def _from_json(path: Path, text: str) -> LabelFile:
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise _refusal(path, f"it is other JSON than AlpacaSorter's. {_EXPECTED}") from error
    except ValueError as error:
        return _from_lines(path, text, error)
    if isinstance(document, dict) and document.get("format") == FORMAT:
        return _from_document(path, document)
    if isinstance(document, dict) and _is_row(document):
        # A single photo, a line of `scan --json`.
        return _labelled(path, None, iter([document]))
    raise _refusal(path, f"it is other JSON than AlpacaSorter's. {_EXPECTED}")


def _from_document(path: Path, document: Mapping[str, Any]) -> LabelFile:
    version = document.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise _refusal(path, "it does not say in which version of the format it is.")
    if version > FORMAT_VERSION:
        raise _refusal(path, "a later version of AlpacaSorter wrote it. Install that version here, too.")
    photos, classes = document.get("photos"), document.get("classes")
    if not isinstance(photos, list) or not isinstance(classes, dict):
        raise _refusal(path, "parts of it are missing.")
    return _labelled(path, tuple(classes), iter(photos))


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
            raise _refusal(path, "it is cut short, or damaged. Export it again.") from cause
        raise _refusal(path, f"it is other JSON than AlpacaSorter's, or damaged. {_EXPECTED}") from cause
    return _labelled(path, None, rows())


def _is_row(row: Mapping[str, Any]) -> bool:
    return "label" in row and ("content_key" in row or "path" in row)


# Tables


def _from_table(path: Path, text: str) -> LabelFile:
    head = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        names = [name.strip() for name in next(reader)]
        if not _is_row(dict.fromkeys(names)):
            raise _refusal(path, f"it has no columns “content_key” and “label”. {_EXPECTED}")
        return _labelled(path, None, _cells(reader, names))
    except csv.Error as error:
        raise _refusal(path, "it is damaged, or no table.") from error


def _cells(reader: Iterator[list[str]], names: list[str]) -> Iterator[object]:
    for line in reader:
        if not line:
            continue
        # Longer or shorter than the head: something was lost, and nobody knows what.
        yield dict(zip(names, map(_plain, line), strict=True)) if len(line) == len(names) else None


def _plain(cell: str) -> str | None:
    """Return a cell without the apostrophe that kept it from being a formula; None for an empty one."""
    return cell.removeprefix("'") or None


# Rows


def _labelled(path: Path, classes: tuple[str, ...] | None, rows: Iterator[object]) -> LabelFile:
    found: list[LabelRow] = []
    unlabelled = broken = 0
    for row in rows:
        try:
            label = _row(row)
        except _Broken:
            broken += 1
            continue
        if label is None:
            unlabelled += 1
        else:
            found.append(label)
    return LabelFile(path, classes, tuple(found), unlabelled, broken)


def _row(row: object) -> LabelRow | None:
    """Return the label in a row; None where it has none."""
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
    places = tuple(place for name in ("relative_path", "path") if isinstance(place := row.get(name), str) and place)
    # A list that somebody made by hand need not say that they mean it.
    corrected = _truth(row["corrected"]) if "corrected" in row else True
    return LabelRow(key, label.strip(), corrected, _share(row.get("confidence")), places)


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = "" if value is None else str(value).strip().casefold()
    if word in _SAID_YES:
        return True
    if word in _SAID_NO:
        return False
    raise _Broken


def _share(value: object) -> float | None:
    """Return a number from 0 to 1; None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Broken
    try:
        # A spreadsheet in another language writes a comma.
        number = float(value.replace(",", ".")) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError) as error:
        raise _Broken from error
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise _Broken
    return number
