"""Imports labels from a file: reads it, says what would change, and stores the labels as corrections.

The file is a JSON document or CSV table of an export, or the output of a scan, usually from another computer. It may
have been edited, saved again by a spreadsheet, cut short, or be something else entirely.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alpacasorter.core.exchange.results import BOM, FORMAT, FORMAT_VERSION
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.os_errors import for_file
from alpacasorter.core.photo import Unreadable, content_key, read_photo
from alpacasorter.core.reasons import sentence
from alpacasorter.i18n import _, join, size

if TYPE_CHECKING:
    from alpacasorter.core.store.cache import Cache
    from alpacasorter.core.store.library import Library

_LIMIT: Final = 128 << 20
_LONGEST_CELL: Final = 1 << 20
_NUL: Final = "\x00"
_KEY: Final = re.compile("[0-9a-f]{64}")
_SAID_YES: Final = frozenset(("true", "1", "yes", "wahr", "vrai"))
_SAID_NO: Final = frozenset(("false", "0", "no", "", "falsch", "faux"))
_WIDE: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DELIMITERS: Final = (",", ";", "\t")
_SHOWN_NAMES: Final = 3
_SHOWN_LETTERS: Final = 40
_BATCH: Final = 2000


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
    """

    content_key: str | None
    label: str
    corrected: bool
    confidence: float | None
    places: tuple[str, ...] = ()


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


def _refusal(path: Path, why: str) -> LabelFileError:
    """Return the error for a file; `why` is one or more sentences."""
    said = _("{file} can't be imported.").format(file=display_path(path.name))
    return LabelFileError(f"{said} {why}")


def _refusal_of_other(path: Path, why: str) -> LabelFileError:
    """Return the error for a file that does not look like an export, with a hint at what does."""
    hint = _("AlpacaSorter imports JSON and CSV files made by “Export results…” or by its export and scan commands.")
    return _refusal(path, f"{why} {hint}")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as error:
        # Windows reports a folder as a file without permission.
        if isinstance(error, FileNotFoundError):
            why = _("There is no such file.")
        else:
            why = _("It is a folder.") if path.is_dir() else sentence(for_file(error))
        raise _refusal(path, why) from error
    if len(data) > _LIMIT:
        raise _refusal(path, _("It is larger than {size}.").format(size=size(_LIMIT)))
    codec = next((codec for mark, codec in _WIDE if data.startswith(mark)), None)
    try:
        # File names that are not UTF-8 keep their bytes.
        text = data.decode("utf-8", "surrogateescape") if codec is None else data.decode(codec)
    except UnicodeError as error:
        raise _refusal(path, _("The file is incomplete or damaged.")) from error
    text = text.removeprefix(BOM)
    if _NUL in text:
        raise _refusal_of_other(path, _("It is not a text file."))
    if not text.strip():
        raise _refusal(path, _("The file is empty."))
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
        raise _refusal(path, _("Its format version is missing."))
    if version > FORMAT_VERSION:
        raise _refusal(path, _("It was made by a newer version of AlpacaSorter. Update AlpacaSorter on this computer."))
    photos, classes = document.get("photos"), document.get("classes")
    if not isinstance(photos, list) or not isinstance(classes, dict):
        raise _refusal(path, _("Parts of the file are missing."))
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
            raise _refusal(path, _("The file is incomplete or damaged. Export it again.")) from cause
        raise _refusal_of_other(path, _("The JSON is damaged or not from AlpacaSorter.")) from cause
    return _label_file(path, None, rows())


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
            raise _refusal_of_other(path, _("It has no columns “content_key” and “label”."))
        return _label_file(path, None, _cells(reader, names))
    except csv.Error as error:
        raise _refusal(path, _("The file is damaged or is not a CSV table.")) from error


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
    places = tuple(place for name in ("relative_path", "path") if isinstance(place := row.get(name), str) and place)
    # A list written by hand has no such column; its labels were given by a person.
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
    """Return a number from 0 to 1; None for an empty value."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Broken
    try:
        # Spreadsheets write a decimal comma in some languages.
        number = float(value.replace(",", ".")) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError) as error:
        raise _Broken from error
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise _Broken
    return number


# What an import would change


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Which labels to import.

    Attributes:
        all_labels: also import labels given by a model.
        min_confidence: minimum confidence of those, 0 to 1.
        folder: where to look for photos without a content key in the file; None to skip those.
    """

    all_labels: bool = False
    min_confidence: float = 0.0
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import would change.

    Attributes:
        new: labels by content key, for photos without a correction.
        same: number of labels that match an existing correction.
        differing: labels by content key, for photos with a different correction.
        earlier: the existing corrections of those.
        not_corrected: number of labels skipped because they are from a model, or below the minimum confidence.
        unknown: number of labels skipped because the model in use has no such class.
        unknown_names: the names of some of these classes.
        contradictory: number of photos skipped because the file gives them two labels.
        not_found: number of labels skipped because they can't be matched to a photo.
        unlabeled: number of photos in the file without a label.
        broken: number of invalid rows.
    """

    new: Mapping[str, str]
    same: int
    differing: Mapping[str, str]
    earlier: Mapping[str, str]
    not_corrected: int = 0
    unknown: int = 0
    unknown_names: tuple[str, ...] = field(default=())
    contradictory: int = 0
    not_found: int = 0
    unlabeled: int = 0
    broken: int = 0

    @property
    def usable(self) -> int:
        """Number of photos for which the file has a usable label."""
        return len(self.new) + self.same + len(self.differing)

    def changes(self, *, replace: bool) -> dict[str, str]:
        """Return the corrections to store; `replace`: also those that differ from the user's."""
        return {**self.new, **self.differing} if replace else dict(self.new)


def summarize(
    file: LabelFile,
    labels: LabelSet,
    corrections: Mapping[str, str],
    options: ImportOptions,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> ImportSummary:
    """Return what an import would change. Nothing is changed yet.

    Args:
        file: the labels.
        labels: the classes of the model in use.
        corrections: the user's labels by content key.
        options: which labels to import.
        stopped: called before each photo that has to be opened; once it returns True, the others count as not found.

    Raises:
        LabelFileError: all labels in the file are of other classes than those of the model.
    """
    if file.classes is not None and sorted(file.classes) != sorted(labels.names):
        raise _other_classes(file, file.classes, labels)
    names = {name.casefold(): name for name in labels.names}
    names |= {labels.display(name).casefold(): name for name in reversed(labels.names)} | names
    unknown: dict[str, int] = {}
    said: dict[str, dict[str, bool]] = {}
    skipped = not_found = 0
    for row in file.rows:
        label = names.get(row.label.casefold())
        if label is None:
            unknown[row.label] = unknown.get(row.label, 0) + 1
            continue
        if not _is_wanted(row, options):
            skipped += 1
            continue
        key = row.content_key or (None if stopped() else _key_of(row, options.folder))
        if key is None:
            not_found += 1
            continue
        about = said.setdefault(key, {})
        about[label] = about.get(label, False) or row.corrected
    if file.rows and sum(unknown.values()) == len(file.rows):
        raise _other_classes(file, tuple(unknown), labels)
    new: dict[str, str] = {}
    differing: dict[str, str] = {}
    same = contradictory = 0
    for key, about in said.items():
        # For copies of a photo, a person's label outranks a model's.
        likely = [label for label, corrected in about.items() if corrected] or list(about)
        if len(likely) > 1:
            contradictory += 1
        elif key not in corrections:
            new[key] = likely[0]
        elif corrections[key] == likely[0]:
            same += 1
        else:
            differing[key] = likely[0]
    return ImportSummary(
        new=new,
        same=same,
        differing=differing,
        earlier={key: corrections[key] for key in differing},
        not_corrected=skipped,
        unknown=sum(unknown.values()),
        unknown_names=tuple(list(unknown)[:_SHOWN_NAMES]),
        contradictory=contradictory,
        not_found=not_found,
        unlabeled=file.unlabeled,
        broken=file.broken,
    )


def _is_wanted(row: LabelRow, options: ImportOptions) -> bool:
    if row.corrected:
        return True
    return options.all_labels and (row.confidence or 0.0) >= options.min_confidence


def _key_of(row: LabelRow, folder: Path | None) -> str | None:
    """Return the content key of a photo in a folder; None if it is not there."""
    for path in _candidates(row, folder) if folder is not None else ():
        try:
            return content_key(read_photo(path))
        except (Unreadable, ValueError):
            continue
    return None


def _candidates(row: LabelRow, folder: Path) -> Iterator[Path]:
    """Yield possible paths of a photo in a folder: its path in the file, then its name. Never outside the folder."""
    for place in row.places:
        # The file may be from a system with other path separators.
        parts = [part for part in re.split(r"[/\\]", place) if part not in ("", ".")]
        if not parts or ".." in parts:
            continue
        if not place.startswith(("/", "\\")) and ":" not in parts[0]:
            yield folder.joinpath(*parts)
        yield folder / parts[-1]


def _other_classes(file: LabelFile, names: tuple[str, ...], labels: LabelSet) -> LabelFileError:
    return _refusal(
        file.path,
        _(
            "Its labels are {theirs}, but those of the model in use are {ours}. Choose a model with these labels first."
        ).format(
            theirs=join([_quoted(name) for name in names[:_SHOWN_NAMES]]),
            ours=join([_quoted(name) for name in labels.names]),
        ),
    )


def _quoted(name: str) -> str:
    # Translators: quotation marks around the name of a class.
    return _("“{name}”").format(name=display_path(name[:_SHOWN_LETTERS]))


def store_corrections(
    library: Library,
    cache: Cache,
    label_set: str,
    changes: Mapping[str, str | None],
    *,
    backbone_id: str,
    embedding_size: int,
) -> None:
    """Store corrections, all or none. They are on disk when this returns.

    The cached embeddings of photos that were scanned on this computer are stored too, so that the model can learn from
    them at once. It learns from the others when they are scanned.

    Args:
        library: the library to store them in.
        cache: the cache with the embeddings.
        label_set: key of the classes.
        changes: labels by content key; None removes a correction.
        backbone_id: ID of the backbone that made the embeddings.
        embedding_size: numbers per embedding.

    Raises:
        LibraryError: the library can't be written; nothing was stored.
    """
    wanted = [key for key, label in changes.items() if label is not None]
    embeddings: dict[str, bytes] = {}
    for start in range(0, len(wanted), _BATCH):
        found, rows = cache.load_embeddings(
            wanted[start : start + _BATCH], backbone_id=backbone_id, size=embedding_size
        )
        embeddings |= {key: row.tobytes() for key, row in zip(found, rows, strict=True)}
    library.set_corrections(label_set, changes, embeddings=embeddings, backbone_id=backbone_id)
