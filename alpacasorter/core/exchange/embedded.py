"""Writes the keyword of photos into the JPEG files themselves, or takes it out again, as a generator of events.

Only on request, because photos are otherwise never changed. Each change is in a record before the file is replaced,
with the bytes that are taken out, so that an undo gives back the file as it was, to the byte.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import logging
import os
import stat
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self, TypeVar

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.exchange.exiftool import ExifTool, ExifToolError, find_exiftool, is_jpeg, is_same_picture
from alpacasorter.core.exchange.sidecars import Change, SidecarFailed, SidecarOptions, tags_of
from alpacasorter.core.files import flush, is_cloud_only
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.safe_write import ChangedMeanwhile, replacing, settle
from alpacasorter.core.session_paths import private_file, private_folder

if TYPE_CHECKING:
    from alpacasorter.core.store.library import Library

T = TypeVar("T")

FOLDER: Final = "keywords-in-photos"
"""The folder of the records, in the user's data folder."""

_LIMIT: Final = 256 << 20
_MAX_FAILURES: Final = 500
_SUFFIX: Final = ".jsonl"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbedDone:
    """A photo that is now as it should be."""

    photo: Path
    change: Change


@dataclass(frozen=True, slots=True)
class EmbedEnded:
    """The last event.

    Attributes:
        counts: number of photos by what happened: CHANGED, SAME, CLEARED, or NONE for what is no JPEG or needs nothing.
        failed: number of photos that could not be changed.
        failures: the first few hundred of these, with `sidecar` None.
        batch: number of the record by which this can be undone; None if nothing was changed.
        stopped: whether the user stopped it; what was already written stays.
        dry_run: whether nothing was actually written.
    """

    counts: Mapping[Change, int]
    failed: int = 0
    failures: tuple[SidecarFailed, ...] = field(default=())
    batch: int | None = None
    stopped: bool = False
    dry_run: bool = False

    def count(self, change: Change) -> int:
        """Return the number of photos to which this happened."""
        return self.counts.get(change, 0)


EmbedEvent = EmbedDone | SidecarFailed | EmbedEnded


@dataclass(frozen=True, slots=True)
class Splice:
    """How a file was before a change: its bytes from `start` to `end` bytes before its end were `removed`.

    Attributes:
        photo: the file.
        before, after: SHA-256 of the file before and after.
        start, end: bytes that are the same at the beginning and at the end.
        removed: what was between them.
        keyword: the keyword that was added.
        lists: the lists it was added to.
    """

    photo: Path
    before: str
    after: str
    start: int
    end: int
    removed: bytes
    keyword: str
    lists: tuple[str, ...]

    @classmethod
    def between(cls, photo: Path, before: bytes, after: bytes, keyword: str, lists: tuple[str, ...]) -> Self:
        """Return what undoes a change."""
        shorter = min(len(before), len(after))
        start = _alike(before, after, shorter)
        end = _alike(before[::-1], after[::-1], shorter - start)
        removed = before[start : len(before) - end]
        return cls(photo, _hash(before), _hash(after), start, end, removed, keyword, lists)

    def undone(self, data: bytes) -> bytes | None:
        """Return the file before the change; None if these are not the bytes after it."""
        if _hash(data) != self.after:
            return None
        before = data[: self.start] + self.removed + data[len(data) - self.end :]
        return before if _hash(before) == self.before else None

    def line(self) -> dict[str, object]:
        """Return it for the record."""
        return {
            "photo": str(self.photo),
            "before": self.before,
            "after": self.after,
            "start": self.start,
            "end": self.end,
            "removed": base64.b64encode(zlib.compress(self.removed)).decode("ascii"),
            "keyword": self.keyword,
            "lists": list(self.lists),
        }

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        """Return what was recorded; raises ValueError, KeyError, TypeError or zlib.error for anything else."""
        unpacking = zlib.decompressobj()
        removed = unpacking.decompress(base64.b64decode(line["removed"], validate=True), _LIMIT)
        return cls(
            photo=Path(line["photo"]),
            before=str(line["before"]),
            after=str(line["after"]),
            start=int(line["start"]),
            end=int(line["end"]),
            removed=removed,
            keyword=str(line["keyword"]),
            lists=tuple(map(str, line["lists"])),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """A recorded export.

    Attributes:
        number: by which it can be named.
        made_at: when, ISO 8601.
        folder: the exported folder.
        photos: number of photos that were changed.
        undone: whether it was undone.
    """

    number: int
    made_at: str
    folder: Path
    photos: int
    undone: bool


class Records:
    """The records in a data folder, one file for each export that changed photos."""

    def __init__(self, data: Path) -> None:
        """Use the data folder `data`; nothing is created yet."""
        self.folder: Final = data / FOLDER

    def batches(self) -> list[Batch]:
        """Return all exports, the newest first; what can't be read is left out."""
        found = [batch for number in self._numbers() if (batch := self._batch(number)) is not None]
        return sorted(found, key=lambda one: -one.number)

    def splices(self, number: int) -> list[Splice]:
        """Return the changes of an export in the order in which they were made."""
        return [splice for line in self._lines(number) if (splice := _splice(line)) is not None]

    def by_content(self) -> dict[str, Splice]:
        """Return all changes by the SHA-256 of the file after them, the latest if there are several."""
        return {splice.after: splice for number in self._numbers() for splice in self.splices(number)}

    @contextlib.contextmanager
    def begin(self, made_at: str, folder: Path) -> Iterator[Callable[[Splice], int]]:
        """Yield a function that records a change and returns the number of the export; nothing is made before it.

        Raises:
            OSError: from the function: it can't be recorded.
        """
        with contextlib.ExitStack() as stack:
            opened: list[tuple[int, IO[bytes]]] = []

            def record(splice: Splice) -> int:
                if not opened:
                    opened.append(self._create())
                    stack.enter_context(opened[0][1])
                    _write(opened[0][1], {"format": 1, "made_at": made_at, "folder": str(folder)})
                _write(opened[0][1], splice.line())
                return opened[0][0]

            yield record

    def mark_undone(self, number: int, made_at: str) -> None:
        """Record that an export was undone.

        Raises:
            OSError: it can't be recorded.
        """
        with self._path(number).open("ab") as file:
            _write(file, {"undone_at": made_at})

    def _create(self) -> tuple[int, IO[bytes]]:
        private_folder(self.folder)
        number = max(self._numbers(), default=0) + 1
        while True:
            try:
                return number, open(self._path(number), "xb", opener=private_file)
            except FileExistsError:
                number += 1

    def _numbers(self) -> list[int]:
        try:
            names = [path.name.removesuffix(_SUFFIX) for path in self.folder.iterdir() if path.suffix == _SUFFIX]
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 10)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}{_SUFFIX}"

    def _batch(self, number: int) -> Batch | None:
        lines = list(self._lines(number))
        try:
            head = lines[0]
            photos = sum("after" in line for line in lines)
            undone = any("undone_at" in line for line in lines)
            return Batch(number, str(head["made_at"]), Path(head["folder"]), photos, undone)
        except (LookupError, TypeError) as error:
            _log.warning("A record of keywords can't be read: %s", error)
            return None

    def _lines(self, number: int) -> Iterator[dict[str, Any]]:
        with contextlib.suppress(OSError), self._path(number).open("rb") as file:
            for line in file:
                # The last one may be cut off by a power failure.
                with contextlib.suppress(ValueError, RecursionError):
                    read = json.loads(line)
                    if isinstance(read, dict):
                        yield read


def _alike(one: bytes, other: bytes, most: int) -> int:
    """Return how many bytes at the beginning are the same, `most` at most."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _splice(line: Mapping[str, Any]) -> Splice | None:
    if "after" not in line:
        return None
    try:
        return Splice.read(line)
    except (ValueError, KeyError, TypeError, zlib.error, binascii.Error) as error:
        _log.warning("A recorded change of a photo can't be read: %s", error)
        return None


def _write(file: IO[bytes], line: Mapping[str, object]) -> None:
    """Append a line; it is on the disk when this returns."""
    file.write(json.dumps(line).encode() + b"\n")
    file.flush()
    flush(file.fileno())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def embed_keywords(
    folder: Path,
    results: Sequence[LabeledPhoto],
    labels: LabelSet,
    options: SidecarOptions,
    *,
    library: Library,
    made_at: str,
    tool: ExifTool | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[EmbedEvent, None, None]:
    """Write the keyword of photos into their JPEG files; yield one event per photo, and EmbedEnded last.

    A photo that no longer gets a keyword, or another one, gets back what was written earlier first; with
    `options.remove` that is all that is done.

    Args:
        folder: the scanned folder.
        results: the photos; unreadable ones are skipped.
        labels: the classes.
        options: as for sidecars; `rating` and `naming` do not apply.
        library: whose data folder has the records; no sort can move the photos meanwhile.
        made_at: the time for the record, ISO 8601.
        tool: ExifTool; looked for if not given.
        stopped: called before each photo; stops the export when it returns True.

    Raises:
        ExifToolError: there is no ExifTool; nothing was done.
        SortBusy: a sort is running; nothing was done.
        LibraryError: the library can't be read; nothing was done.
    """
    tool = tool or find_exiftool()
    if tool is None and not options.remove:
        raise ExifToolError(reasons.EXIFTOOL_MISSING)
    records = Records(library.path.parent)
    known = records.by_content()

    def change(result: LabeledPhoto, record: Callable[[Splice], int]) -> tuple[Change, int | None]:
        photo = result.path
        tags = tags_of(result, labels, options)
        if tags is None and result.content_key not in known:
            return Change.NONE, None
        status, data = _read(photo)
        if not is_jpeg(data):
            return Change.NONE, None
        digest = _hash(data)
        earlier = known.get(digest)
        if result.content_key not in (digest, earlier.before if earlier is not None else ""):
            # What was judged was another picture, perhaps.
            raise ChangedMeanwhile
        if earlier is not None and tags is not None and earlier.keyword == tags.keyword:
            return Change.SAME, None
        before = data if earlier is None else earlier.undone(data)
        if before is None:
            raise ExifToolError(reasons.PHOTO_CHANGED)
        if tags is None or tool is None:
            if not options.dry_run:
                _replace(photo, before, status)
            return Change.CLEARED, None
        changed = tool.with_keyword(before, tags.keyword)
        if not changed.lists and earlier is None:
            return Change.SAME, None
        if options.dry_run:
            return Change.CHANGED, None
        number = record(Splice.between(photo, before, changed.data, tags.keyword, changed.lists))
        _replace(photo, changed.data, status)
        return Change.CHANGED, number

    with contextlib.ExitStack() as stack:
        if not options.dry_run:
            # Imported here to keep sqlite3 out of the start of the window.
            from alpacasorter.core.sorting.execution.session import folder_locks, sort_lock

            stack.enter_context(sort_lock(library))
            stack.enter_context(folder_locks(folder))
        record = stack.enter_context(records.begin(made_at, folder))
        photos = [one for one in results if one.content_key is not None]
        ended = yield from _each(
            photos, lambda one: one.path, lambda one: change(one, record), stopped, dry_run=options.dry_run
        )
    yield ended


def undo_keywords(
    number: int, *, library: Library, made_at: str, stopped: Callable[[], bool] = lambda: False
) -> Generator[EmbedEvent, None, None]:
    """Give the photos of an earlier export back as they were; yield one event per photo, and EmbedEnded last.

    From a photo that another program changed since, only the keyword is removed, by ExifTool.

    Raises:
        SortBusy: a sort is running; nothing was done.
        LibraryError: the library can't be read; nothing was done.
    """
    records = Records(library.path.parent)

    def change(splice: Splice) -> tuple[Change, None]:
        status, data = _read(splice.photo)
        if _hash(data) == splice.before:
            return Change.SAME, None
        before = splice.undone(data)
        if before is None:
            tool = find_exiftool()
            if tool is None:
                raise ExifToolError(reasons.PHOTO_CHANGED)
            changed = tool.without_keyword(data, splice.keyword, splice.lists)
            if not changed.lists:
                return Change.SAME, None
            before = changed.data
        _replace(splice.photo, before, status)
        return Change.CLEARED, None

    with contextlib.ExitStack() as stack:
        from alpacasorter.core.sorting.execution.session import sort_lock

        stack.enter_context(sort_lock(library))
        ended = yield from _each(reversed(records.splices(number)), lambda one: one.photo, change, stopped)
        if not ended.failed and not ended.stopped:
            with contextlib.suppress(OSError):
                records.mark_undone(number, made_at)
    yield ended


def _each(
    todo: Iterable[T],
    path_of: Callable[[T], Path],
    change: Callable[[T], tuple[Change, int | None]],
    stopped: Callable[[], bool],
    *,
    dry_run: bool = False,
) -> Generator[EmbedDone | SidecarFailed, None, EmbedEnded]:
    """Change one photo after the other; yield an event for each, and return the last event."""
    counts: Counter[Change] = Counter()
    failures: list[SidecarFailed] = []
    touched: set[Path] = set()
    batch: int | None = None
    failed = 0
    was_stopped = False
    for one in todo:
        if stopped():
            was_stopped = True
            break
        path = path_of(one)
        try:
            done, number = change(one)
        except (ExifToolError, ChangedMeanwhile, OSError) as error:
            event = SidecarFailed(path, None, _reason(error))
            failed += 1
            if len(failures) < _MAX_FAILURES:
                failures.append(event)
            yield event
            continue
        counts[done] += 1
        batch = batch or number
        if done in (Change.CHANGED, Change.CLEARED) and not dry_run:
            touched.add(path.parent)
        yield EmbedDone(path, done)
    settle(touched)
    return EmbedEnded(counts, failed, tuple(failures), batch, was_stopped, dry_run)


def _reason(error: ExifToolError | ChangedMeanwhile | OSError) -> str:
    if isinstance(error, ExifToolError):
        return error.reason
    return reasons.PHOTO_CHANGED if isinstance(error, ChangedMeanwhile) else os_errors.for_saving(error)


def _read(photo: Path) -> tuple[os.stat_result, bytes]:
    """Return the status and the bytes of a photo that may be replaced; raises ExifToolError or OSError."""
    try:
        status = photo.lstat()
    except FileNotFoundError as error:
        raise ExifToolError(reasons.SIDECAR_NO_PHOTO) from error
    if stat.S_ISLNK(status.st_mode):
        raise ExifToolError(reasons.PHOTO_IS_LINK)
    if not stat.S_ISREG(status.st_mode):
        raise ExifToolError(reasons.NOT_REGULAR)
    if is_cloud_only(status):
        raise ExifToolError(reasons.CLOUD_ONLY)
    if status.st_size > _LIMIT:
        raise ExifToolError(reasons.EXIFTOOL_FAILED)
    # Replacing it only needs permission for the folder, but a user who write-protects a file wants it kept as it is.
    if not os.access(photo, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ExifToolError(reasons.PHOTO_WRITE_PROTECTED)
    data = photo.read_bytes()
    if len(data) != status.st_size:
        raise ChangedMeanwhile
    return status, data


def _replace(photo: Path, data: bytes, status: os.stat_result) -> None:
    """Replace a photo that is still as it was when it was read; its date of modification stays.

    For many photos that date is the only one there is.
    """
    if not is_same_picture(photo.read_bytes(), data):
        raise ExifToolError(reasons.PICTURE_WOULD_CHANGE)
    with replacing(photo, expected=status) as temporary:
        temporary.write_bytes(data)
        os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
