"""Exports results as a JSON document or a CSV table.

Both are written in pieces, so that exporting 100,000 photos does not need all of the text in memory.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos import formats
from alpacasorter.core.safe_write import sweep_folder, write_new, write_over
from alpacasorter.i18n import _, english

COLUMNS: Final = (
    "path",
    "content_key",
    "status",
    "reason",
    "label",
    "probability",
    "confidence",
    "corrected",
    "width",
    "height",
    "taken_at",
    "relative_path",
    "taken_from",
    "picture_key",
)
"""The columns of `alpacasorter scan`, and the path within the folder. New ones come last."""

READABLE, UNREADABLE = "ok", "unreadable"
"""Values of the column `status`."""

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Source:
    """Where results come from.

    Attributes:
        folder: the scanned folder.
        model, version: name and version of the model.
        labels: its classes.
        variant: name of the variant in use; empty if it has none.
    """

    folder: Path
    model: str
    version: str
    labels: LabelSet
    variant: str = ""


def columns(photo: LabeledPhoto) -> dict[str, object]:
    """Return the value for each of the columns except `relative_path`. The reason is a sentence."""
    taken = photo.taken()
    return {
        "path": str(photo.path),
        "content_key": photo.content_key,
        "status": READABLE if photo.reason is None else UNREADABLE,
        "reason": None if photo.reason is None else reasons.sentence(photo.reason),
        "label": photo.label,
        "probability": _rounded(photo.probability),
        "confidence": _rounded(photo.confidence),
        "corrected": photo.corrected,
        "width": photo.width,
        "height": photo.height,
        "taken_at": None if taken is None else taken.at,
        "taken_from": None if taken is None else taken.source,
        "picture_key": photo.picture_key,
    }


def row_of(photo: LabeledPhoto, folder: Path) -> Mapping[str, object]:
    """Return the value for each of the columns, in English."""
    with english():
        row = columns(photo) | {"relative_path": _relative(photo.path, folder)}
    return {name: row[name] for name in COLUMNS}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, _DIGITS)


def _relative(path: Path, folder: Path) -> str | None:
    """Return the path of a file within the folder, with / on every system; None if it is outside."""
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return None


Format = Literal["json", "csv"]

FORMAT: Final = "alpacasorter-results"
"""Name of the format, in the header of a JSON document."""

FORMAT_VERSION: Final = 1
"""Increased when earlier versions of the app can no longer read the format."""

BOM: Final = "\ufeff"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With what a cell begins that a spreadsheet takes for a formula; in East Asian ones also the wide forms."""
_REPORT_EVERY: Final = 500


class ExportError(Exception):
    """Results can't be written; the message is a translated sentence for the user."""


class ExportStopped(Exception):
    """The user stopped the export; nothing was written."""


def json_pieces(source: Source, results: Iterable[LabeledPhoto]) -> Iterator[str]:
    """Yield a JSON document in ASCII: a header that identifies it, then one line per photo."""
    labels = source.labels
    head = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "made_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": {"name": source.model, "version": source.version, "variant": source.variant or None},
        "classes": {name: labels.display(name) for name in labels.names},
        "positive": labels.positive,
        "folder": str(source.folder),
    }
    yield json.dumps(head, indent=1)[: -len("\n}")] + ',\n "photos": ['
    comma = ""
    for result in results:
        yield f"{comma}\n  {json.dumps(row_of(result, source.folder))}"
        comma = ","
    yield "\n ]\n}\n"


def csv_pieces(source: Source, results: Iterable[LabeledPhoto]) -> Iterator[str]:
    """Yield a CSV table: a header line, then one line per photo."""
    line = CsvLines(COLUMNS, "\r\n")
    yield line.header()
    for result in results:
        yield line.of(row_of(result, source.folder))


class CsvLines:
    """The lines of a CSV table, for every table that the app writes.

    No spreadsheet takes a cell for a formula, even if a file or class is named like one: a relative path that starts
    like a formula is prefixed with "./", which leads to the same file, and any other cell with an apostrophe.
    """

    def __init__(self, columns: Sequence[str], end: str) -> None:
        """Prepare a table with these columns, whose lines end like this."""
        self._columns = columns
        self._end = end
        self._text = io.StringIO()
        # Any other end of lines would leave a carriage return in a cell without quotation marks.
        self._writer = csv.writer(self._text, lineterminator="\r\n")

    def header(self) -> str:
        """Return the first line."""
        return self._line(self._columns)

    def of(self, row: Mapping[str, object]) -> str:
        """Return the line for the values by column."""
        return self._line([_harmless(column, row[column]) for column in self._columns])

    def _line(self, cells: Sequence[object]) -> str:
        self._text.seek(0)
        self._text.truncate()
        self._writer.writerow(cells)
        return self._text.getvalue().removesuffix("\r\n") + self._end


def _harmless(column: str, value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    return f"./{value}" if column == "relative_path" else f"'{value}"


def pieces(form: Format, source: Source, results: Iterable[LabeledPhoto]) -> Iterator[str]:
    """Yield the text in a format."""
    return json_pieces(source, results) if form == "json" else csv_pieces(source, results)


def encoded(text: str) -> bytes:
    """Return text as UTF-8. On POSIX, file names that are not UTF-8 keep their bytes."""
    return text.encode("utf-8", "surrogateescape" if os.name == "posix" else "replace")


def _why_not_replaced(out: Path) -> str:
    """Return why an existing file must not be replaced, even if the user asked for it; empty if it may be."""
    if not os.path.lexists(out):
        return ""
    if not out.is_file() or out.is_symlink():
        return _("It is not an ordinary file. Choose another name.")
    with out.open("rb") as file:
        is_photo = formats.sniff(file.read(formats.SNIFF_BYTES)) is not None
    ending = out.suffix.lower().removeprefix(".")
    if is_photo or ending in formats.PICTURE_EXTENSIONS | formats.RAW_EXTENSIONS | formats.VIDEO_EXTENSIONS:
        return _("It is a photo or video. Choose another name.")
    return ""


def write_results(
    out: Path,
    form: Format,
    source: Source,
    results: Sequence[LabeledPhoto],
    *,
    replace: bool,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Write results to a file, completely or not at all.

    A CSV file starts with a byte order mark, from which Excel recognizes UTF-8.

    Args:
        out: the file.
        form: "json" or "csv".
        source: where the results come from.
        results: one row each.
        replace: replace an existing file.
        stopped: called regularly; stops the export when it returns True, and nothing is written.
        progress: called with the number of rows done and their total.

    Raises:
        ExportError: the file can't be written, or exists and must not be replaced.
        ExportStopped: `stopped` returned True.
    """

    def counted() -> Iterator[LabeledPhoto]:
        for number, result in enumerate(results):
            if number % _REPORT_EVERY == 0:
                if stopped():
                    raise ExportStopped
                progress(number, len(results))
            yield result
        progress(len(results), len(results))

    def chunks() -> Iterator[bytes]:
        if form == "csv":
            yield encoded(BOM)
        yield from map(encoded, pieces(form, source, counted()))

    shown = display_path(out)
    try:
        if out.is_dir():
            raise ExportError(_("{file} can't be written. It is a folder.").format(file=shown))
        if replace and (wrong := _why_not_replaced(out)):
            raise ExportError(" ".join((_("{file} can't be replaced.").format(file=shown), wrong)))
        sweep_folder(out.parent)
        if replace:
            write_over(out, chunks())
        else:
            write_new(out, chunks())
    except FileExistsError as error:
        raise ExportError(
            _("{file} already exists. Choose another name, or delete it first.").format(file=shown)
        ) from error
    except OSError as error:
        why = reasons.sentence(os_errors.for_saving(error))
        raise ExportError(" ".join((_("{file} can't be written.").format(file=shown), why))) from error
