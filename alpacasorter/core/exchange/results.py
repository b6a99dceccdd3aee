"""What an export says of a photo, and of where it all comes from.

Results as one JSON document or as a table, written piece by piece, so that 100,000 photos need no memory for it.
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

from alpacasorter.core import reasons
from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photos import formats
from alpacasorter.core.safe_write import write_new, write_over

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
)
"""As `alpacasorter scan` names them, and where in the folder the photo is."""

READABLE, UNREADABLE = "ok", "unreadable"
"""What stands in the column `status`."""

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Result:
    """One photo.

    Attributes:
        path: where it is, absolute.
        content_key: hash of its bytes; None where it could not be read, as all that follows but the reason.
        label: what it counts as.
        probability: calibrated probability of the positive class, 0 to 1.
        confidence: of the label, 0 to 1.
        corrected: whether the label is the user's.
        width, height: pixels, upright.
        taken_at: ISO 8601 local time of capture, or None.
        reason: why it could not be read, a sentence; None where it could.
    """

    path: Path
    content_key: str | None = None
    label: str | None = None
    probability: float | None = None
    confidence: float | None = None
    corrected: bool = False
    width: int | None = None
    height: int | None = None
    taken_at: str | None = None
    reason: str | None = None

    def is_sure(self, least: float) -> bool:
        """Tell whether the label is the user's, or its confidence at least `least`."""
        return self.corrected or (self.confidence is not None and self.confidence >= least)


@dataclass(frozen=True, slots=True)
class Source:
    """Where results come from.

    Attributes:
        folder: the folder that was looked at.
        model, version: name and version of the model that judged.
        labels: its classes.
    """

    folder: Path
    model: str
    version: str
    labels: LabelSet


def judged_result(photo: JudgedPhoto, labels: LabelSet) -> Result:
    """Return the result of a photo that was judged."""
    label = labels.label(photo.probability, photo.correction)
    return Result(
        path=photo.path,
        content_key=photo.content_key,
        label=label,
        probability=photo.probability,
        confidence=labels.confidence(photo.probability, label),
        corrected=photo.correction in labels.names,
        width=photo.facts.width,
        height=photo.facts.height,
        taken_at=photo.facts.taken_at,
    )


def unreadable_result(problem: Problem) -> Result:
    """Return the result of a photo, or a folder, that could not be read."""
    return Result(problem.path, reason=problem.reason)


def row_of(result: Result, folder: Path) -> Mapping[str, object]:
    """Return what stands in each of the columns."""
    return {
        "path": str(result.path),
        "content_key": result.content_key,
        "status": READABLE if result.reason is None else UNREADABLE,
        "reason": None if result.reason is None else reasons.sentence(result.reason),
        "label": result.label,
        "probability": _rounded(result.probability),
        "confidence": _rounded(result.confidence),
        "corrected": result.corrected,
        "width": result.width,
        "height": result.height,
        "taken_at": result.taken_at,
        "relative_path": _relative(result.path, folder),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, _DIGITS)


def _relative(path: Path, folder: Path) -> str | None:
    """Return where below the folder a file is, with / on every system; None where it is somewhere else."""
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return None


Form = Literal["json", "csv"]

FORMAT: Final = "alpacasorter-results"
"""Name of the format, in the head of a JSON document."""

FORMAT_VERSION: Final = 1
"""Counts up when an earlier version of the app could not read what is written."""

BOM: Final = "\ufeff"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")
_REPORT_EVERY: Final = 500


class ExportError(Exception):
    """Results can't be written; the message is a sentence for the user."""


class ExportStopped(Exception):
    """The user did not wait for it; nothing was written."""


def json_pieces(source: Source, results: Iterable[Result]) -> Iterator[str]:
    """Yield one JSON document, pure ASCII: a head that says what it is, then a line a photo."""
    labels = source.labels
    head = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "made_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": {"name": source.model, "version": source.version},
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


def csv_pieces(source: Source, results: Iterable[Result]) -> Iterator[str]:
    """Yield a table with a head line, a line a photo, separated by commas.

    No cell is taken for a formula by a spreadsheet, whatever a file or class is called: a relative path that begins
    like one gets "./" in front, which leads to the same file, any other cell an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")

    def line(cells: Sequence[object]) -> str:
        text.seek(0)
        text.truncate()
        writer.writerow(cells)
        return text.getvalue()

    yield line(COLUMNS)
    for result in results:
        row = row_of(result, source.folder)
        yield line([_harmless(column, row[column]) for column in COLUMNS])


def _harmless(column: str, value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    return f"./{value}" if column == "relative_path" else f"'{value}"


def pieces(form: Form, source: Source, results: Iterable[Result]) -> Iterator[str]:
    """Yield the text in a form."""
    return json_pieces(source, results) if form == "json" else csv_pieces(source, results)


def encoded(text: str) -> bytes:
    """Return text as UTF-8. Names that are no text keep their bytes, where the system has such names."""
    return text.encode("utf-8", "surrogateescape" if os.name == "posix" else "replace")


def _why_not_replaced(out: Path) -> str:
    """Return why a file that is there must stay, whatever the user said; empty where it may go."""
    if not os.path.lexists(out):
        return ""
    if not out.is_file() or out.is_symlink():
        return "It is no ordinary file. Choose another name."
    with out.open("rb") as file:
        is_photo = formats.sniff(file.read(formats.SNIFF_BYTES)) is not None
    ending = out.suffix.lower().removeprefix(".")
    if is_photo or ending in formats.PICTURE_EXTENSIONS | formats.RAW_EXTENSIONS | formats.VIDEO_EXTENSIONS:
        return "It is a photo or video. Choose another name."
    return ""


def write_results(
    out: Path,
    form: Form,
    source: Source,
    results: Sequence[Result],
    *,
    replace: bool,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Write results into a file, whole or not at all.

    A table gets the mark by which Excel knows that it is UTF-8.

    Args:
        out: the file.
        form: JSON or CSV.
        source: where the results come from.
        results: a row each.
        replace: whether a file that is there is replaced.
        stopped: asked again and again; where it says so, nothing is written.
        progress: is told how many of how many are done.

    Raises:
        ExportError: it can't be written, or is there and is not to be replaced.
        ExportStopped: the user did not wait.
    """

    def counted() -> Iterator[Result]:
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
            raise ExportError(f"{shown} can't be written. It is a folder.")
        if replace and (wrong := _why_not_replaced(out)):
            raise ExportError(f"{shown} is not replaced. {wrong}")
        if replace:
            write_over(out, chunks())
        else:
            write_new(out, chunks())
    except FileExistsError as error:
        raise ExportError(f"{shown} is there already. Choose another name, or delete it first.") from error
    except OSError as error:
        raise ExportError(f"{shown} can't be written. {reasons.sentence(reasons.for_saving(error))}") from error
