"""Writes the keyword of photos into the JPEG files themselves, or takes it out again, as a generator of events.

Only on request, because photos are otherwise never changed. Each change is in a record before the file is replaced,
with the bytes that are taken out, so that an undo gives back the file as it was, to the byte.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.exchange.exiftool import ExifTool, ExifToolError, find_exiftool, is_jpeg, is_same_picture
from alpacasorter.core.exchange.keyword_records import LIMIT, Records, Splice, digest_of
from alpacasorter.core.exchange.sidecars import Change, SidecarFailed, SidecarOptions, tags_of
from alpacasorter.core.files import is_cloud_only, is_write_protected
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.safe_write import ChangedMeanwhile, replacing, settle
from alpacasorter.i18n import _

if TYPE_CHECKING:
    from alpacasorter.core.store.library import Library

T = TypeVar("T")

_MAX_FAILURES: Final = 500


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
    `options.remove` that is all that is done. From a photo that another program changed since, only the keyword is
    removed, by ExifTool.

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
        raise ExifToolError(_("ExifTool is not installed, or is older than version 12."))
    records = Records(library.path.parent)
    known, standing = records.by_content(), _Standing(records)

    def change(result: LabeledPhoto, record: Callable[[Splice], int]) -> tuple[Change, int | None]:
        photo = result.path
        tags = tags_of(result, labels, options)
        ours = standing.of(photo, result.picture_key)
        if tags is None and result.content_key not in known and not ours:
            return Change.NONE, None
        status, data = _read(photo)
        if not is_jpeg(data):
            return Change.NONE, None
        digest = digest_of(data)
        earlier = known.get(digest)
        if result.content_key not in (digest, earlier.before if earlier is not None else ""):
            # What was judged was another picture, perhaps.
            raise ChangedMeanwhile
        if earlier is not None and tags is not None and earlier.keyword == tags.keyword:
            return Change.SAME, None
        before = data if earlier is None else earlier.undone(data)
        if before is None:
            raise ExifToolError(reasons.PHOTO_CHANGED)
        outdated = [one for one in ours if tags is None or one[1].keyword != tags.keyword]
        before = _without(before, [splice for _number, splice in outdated if splice.after != digest], tool)
        if tags is None or tool is None:
            if not options.dry_run:
                if before != data:
                    _replace(photo, before, status)
                for number, splice in outdated:
                    records.mark_taken_back(number, splice)
            return Change.NONE if before == data else Change.CLEARED, None
        changed = tool.with_keyword(before, tags.keyword)
        if changed.data == data:
            return Change.SAME, None
        if options.dry_run:
            return Change.CHANGED, None
        batch = record(Splice.between(photo, before, changed.data, tags.keyword, changed.lists))
        _replace(photo, changed.data, status)
        for number, splice in outdated:
            records.mark_taken_back(number, splice)
        return Change.CHANGED, batch

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

    taken_back = records.taken_back(number)

    def change(splice: Splice) -> tuple[Change, None]:
        status, data = _read(splice.photo)
        before = splice.undone(data)
        if before is None and (taken_back is None or splice.after in taken_back):
            # The keyword that may be there now is not ours.
            return Change.SAME, None
        if before is None:
            before = _without(data, [splice], find_exiftool())
        if before != data:
            _replace(splice.photo, before, status)
        records.mark_taken_back(number, splice)
        return Change.SAME if before == data else Change.CLEARED, None

    with contextlib.ExitStack() as stack:
        from alpacasorter.core.sorting.execution.session import sort_lock

        stack.enter_context(sort_lock(library))
        ended = yield from _each(reversed(records.splices(number)), lambda one: one.photo, change, stopped)
        if not ended.failed and not ended.stopped:
            with contextlib.suppress(OSError):
                records.mark_undone(number, made_at)
    yield ended


class _Standing:
    """What was written into photos and not taken back, by the photo: where it was then, or by its picture."""

    def __init__(self, records: Records) -> None:
        self._all = records.standing()
        self._places: dict[str, list[int]] = {}
        for place, (_number, splice) in enumerate(self._all):
            for name in {os.fspath(splice.photo), splice.picture} - {""}:
                self._places.setdefault(name, []).append(place)

    def of(self, photo: Path, picture: str | None) -> list[tuple[int, Splice]]:
        """Return the changes of a photo, in their order, each with the number of its export."""
        if not self._all:
            return []
        places = {*self._places.get(os.fspath(photo), ()), *self._places.get(picture or "", ())}
        return [self._all[place] for place in sorted(places)]


def _without(data: bytes, splices: Sequence[Splice], tool: ExifTool | None) -> bytes:
    """Return a photo that another program changed without the keywords that were added; raises ExifToolError."""
    digest = digest_of(data)
    for splice in takewhile(lambda one: one.before != digest, splices):
        if tool is None:
            raise ExifToolError(
                _("Another program changed the photo, so removing the keyword needs ExifTool 12 or newer.")
            )
        data = tool.without_keyword(data, splice.keyword, splice.lists).data
    return data


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
        raise ExifToolError(reasons.PHOTO_WRITE_PROTECTED)
    if not stat.S_ISREG(status.st_mode):
        raise ExifToolError(reasons.NOT_REGULAR)
    if is_cloud_only(status):
        raise ExifToolError(reasons.CLOUD_ONLY)
    if status.st_size > LIMIT:
        raise ExifToolError(reasons.EXIFTOOL_FAILED)
    data = photo.read_bytes()
    if len(data) != status.st_size:
        raise ChangedMeanwhile
    if is_jpeg(data) and is_write_protected(photo, status):
        raise ExifToolError(reasons.PHOTO_WRITE_PROTECTED)
    if is_jpeg(data) and status.st_nlink > 1:
        # Replacing it would leave the other names with the file as it was.
        raise ExifToolError(reasons.PHOTO_HARD_LINKED)
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
