"""Labels from a file that was written on another machine: our JSON document, lines of JSON, or a table.

The file may have been edited, saved again by a spreadsheet, cut short, or be something else entirely.

From labels in a file to corrections in the library: what they would change, and changing it, all or nothing.
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
from alpacasorter.core.photo import content_key
from alpacasorter.core.reasons import for_file, sentence

if TYPE_CHECKING:
    from alpacasorter.core.store.cache import Cache
    from alpacasorter.core.store.library import Library

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
        raise _refusal(
            path, sentence(for_file(error)).replace("This is a folder, not a photo.", "it is a folder.")
        ) from error
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


_BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Which labels are taken.

    Attributes:
        all_labels: those that only a model gave, too.
        min_confidence: of those, the least confidence, 0 to 1.
        folder: where photos are looked for whose content key the file does not tell; None for not at all.
    """

    all_labels: bool = False
    min_confidence: float = 0.0
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import would do.

    Attributes:
        new: label by content key, of photos without a correction.
        same: how many corrections are there already.
        differing: label by content key, of photos that the user calls otherwise.
        earlier: what the user calls those.
        not_corrected: labels passed over because only a model gave them, or with too little confidence.
        unknown: labels passed over because the model in use has no such class.
        unknown_names: the names of such classes, a few.
        contradictory: photos passed over because the file calls them both.
        not_found: labels passed over because nothing tells which photo they belong to.
        unlabelled: photos in the file that have no label.
        broken: rows that make no sense.
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
    unlabelled: int = 0
    broken: int = 0

    @property
    def usable(self) -> int:
        """How many photos the file has a usable label for."""
        return len(self.new) + self.same + len(self.differing)

    def changes(self, *, replace: bool) -> dict[str, str]:
        """Return the corrections to make; `replace`: also where the user said otherwise."""
        return {**self.new, **self.differing} if replace else dict(self.new)


def summarise(
    file: LabelFile,
    labels: LabelSet,
    corrections: Mapping[str, str],
    options: ImportOptions,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> ImportSummary:
    """Return what an import would do. Nothing is changed.

    Args:
        file: what was read.
        labels: the classes of the model in use.
        corrections: what the user said, label by content key.
        options: which labels are taken.
        stopped: asked before each photo that has to be opened; where it says so, the rest counts as not found.

    Raises:
        LabelFileError: the file has labels, but of other classes than the model.
    """
    if file.classes is not None and sorted(file.classes) != sorted(labels.names):
        raise _other_classes(file, file.classes, labels)
    names = {name.casefold(): name for name in labels.names}
    names |= {labels.display(name).casefold(): name for name in reversed(labels.names)} | names
    unknown: dict[str, int] = {}
    said: dict[str, dict[str, bool]] = {}
    passed_over = not_found = 0
    for row in file.rows:
        label = names.get(row.label.casefold())
        if label is None:
            unknown[row.label] = unknown.get(row.label, 0) + 1
            continue
        if not _is_wanted(row, options):
            passed_over += 1
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
        # What somebody said outranks what a model said of a copy.
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
        not_corrected=passed_over,
        unknown=sum(unknown.values()),
        unknown_names=tuple(list(unknown)[:3]),
        contradictory=contradictory,
        not_found=not_found,
        unlabelled=file.unlabelled,
        broken=file.broken,
    )


def _is_wanted(row: LabelRow, options: ImportOptions) -> bool:
    if row.corrected:
        return True
    return options.all_labels and (row.confidence or 0.0) >= options.min_confidence


def _key_of(row: LabelRow, folder: Path | None) -> str | None:
    """Return the content key of a photo in a folder; None where it is not there."""
    # Imported here: the window knows this module before it shows, and decoders take their time.
    from alpacasorter.core.photo import Unreadable, read_photo

    for path in _candidates(row, folder) if folder is not None else ():
        try:
            return content_key(read_photo(path))
        except (Unreadable, ValueError):
            continue
    return None


def _candidates(row: LabelRow, folder: Path) -> Iterator[Path]:
    """Yield where in a folder a photo may be: where the file says, or under its name. Never outside the folder."""
    for place in row.places:
        # The file may come from a system with other paths than this one's.
        parts = [part for part in re.split(r"[/\\]", place) if part not in ("", ".")]
        if not parts or ".." in parts:
            continue
        if not place.startswith(("/", "\\")) and ":" not in parts[0]:
            yield folder.joinpath(*parts)
        yield folder / parts[-1]


def _other_classes(file: LabelFile, names: tuple[str, ...], labels: LabelSet) -> LabelFileError:
    theirs = " and ".join(f"“{display_path(name[:40])}”" for name in names[:3])
    ours = " and ".join(f"“{name}”" for name in labels.names)
    return LabelFileError(
        f"{display_path(file.path.name)} can't be imported: its labels are {theirs}, and those of the model in use are "
        f"{ours}. Use a model with those classes first."
    )


def take_in(
    library: Library,
    cache: Cache,
    label_set: str,
    changes: Mapping[str, str | None],
    *,
    backbone_id: str,
    embedding_size: int,
) -> None:
    """Make corrections (None takes one back), all or none. They are on the disk when this returns.

    Of photos that this machine has seen, the embeddings are kept with them, so that they are learned from at once.
    Others are learned from as soon as a scan comes upon them.

    Raises:
        LibraryError: they could not be written; none of them was.
    """
    wanted = [key for key, label in changes.items() if label is not None]
    embeddings: dict[str, bytes] = {}
    for start in range(0, len(wanted), _BATCH):
        found, rows = cache.load_embeddings(
            wanted[start : start + _BATCH], backbone_id=backbone_id, size=embedding_size
        )
        embeddings |= {key: row.tobytes() for key, row in zip(found, rows, strict=True)}
    library.set_corrections(label_set, changes, embeddings=embeddings, backbone_id=backbone_id)
