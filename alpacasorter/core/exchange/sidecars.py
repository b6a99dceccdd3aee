"""Writes the XMP sidecars of a folder's photos, or removes what was written, as a generator of events.

Finds the sidecar of each photo and edits it without losing anything that other programs wrote.
"""

from __future__ import annotations

import contextlib
import enum
import os
import stat
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.exchange.keywords import BLANK, Tags, tagged, untagged
from alpacasorter.core.exchange.xmp import SidecarError
from alpacasorter.core.files import is_cloud_only, is_write_protected
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.core.safe_write import ChangedMeanwhile, delete, is_ours, settle, sweep, write_new, write_over

if TYPE_CHECKING:
    from alpacasorter.core.store.library import Library

SUFFIX: Final = ".xmp"
_LIMIT: Final = 64 << 20

_MAX_STARS: Final = 5
_STARS_FROM: Final = 0.5
_MAX_FAILURES: Final = 500
"""Failures listed in the last event."""


class Naming(enum.StrEnum):
    """The name of a new sidecar.

    Attributes:
        FULL: IMG_1.jpg.xmp, as in digiKam and darktable.
        STEM: IMG_1.xmp, as in Adobe's programs. Photos that would share it get the full name instead.
    """

    FULL = "full"
    STEM = "stem"


class Change(enum.StrEnum):
    """What happened to a sidecar.

    Attributes:
        NEW: it was created.
        CHANGED: it was edited.
        SAME: it was already up to date.
        CLEARED: what AlpacaSorter wrote earlier was removed.
        DELETED: it was deleted because it contained nothing else.
        NONE: there is none, and none is needed.
    """

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    CLEARED = "cleared"
    DELETED = "deleted"
    NONE = "none"


class FolderNames:
    """The file names in one folder: existing sidecars, and photos that would share one.

    Attributes:
        folder: the folder.
        incomplete: incomplete files of ours, possibly left over from a crash.
        is_elsewhere: whether it is outside the exported folder and only reached through a link.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        """List a folder. One that can't be listed counts as empty; writing to it then fails with the reason.

        Args:
            folder: a folder with photos.
            root: the exported folder.
        """
        self.folder: Final = folder
        try:
            names = os.listdir(folder)  # noqa: PTH208  # only names are needed
        except OSError:
            names = []
        self.incomplete: Final = [folder / name for name in names if is_ours(name)]
        self._sidecars: dict[str, str] = {}
        for name in names:
            stem, extension = os.path.splitext(name)  # noqa: PTH122
            if extension.lower() == SUFFIX and (stem not in self._sidecars or extension == SUFFIX):
                self._sidecars[stem] = name
        self._pictures: dict[str, int] = {}
        for name in names:
            stem, extension = os.path.splitext(name)  # noqa: PTH122
            if extension[1:].lower() in PICTURE_EXTENSIONS:
                self._pictures[stem] = self._pictures.get(stem, 0) + 1
        self.is_elsewhere: Final = not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root))

    def existing(self, photo: Path) -> list[Path]:
        """Return the sidecars of a photo, the one with its full name first.

        A sidecar with only the stem does not count if other photos have that stem. A RAW file with the same stem is
        the same shot, so it does not matter.
        """
        names = [self._sidecars.get(photo.name)]
        if photo.suffix and not self._shared(photo):
            names.append(self._sidecars.get(photo.stem))
        return [self.folder / name for name in names if name is not None]

    def new(self, photo: Path, naming: Naming) -> Path:
        """Return the path for a new sidecar."""
        if naming is Naming.STEM and photo.suffix and not self._shared(photo):
            return self.folder / (photo.stem + SUFFIX)
        return self.folder / (photo.name + SUFFIX)

    def _shared(self, photo: Path) -> bool:
        others = self._pictures.get(photo.stem, 0) - (photo.suffix[1:].lower() in PICTURE_EXTENSIONS)
        return others > 0


def update(sidecar: Path, change: Callable[[bytes], bytes], *, dry_run: bool = False) -> Change:
    """Edit an existing sidecar, or delete it if nothing is left but the frame that AlpacaSorter made.

    Args:
        sidecar: the file.
        change: turns the old contents into the new ones.
        dry_run: write nothing.

    Returns:
        CHANGED, SAME or DELETED.

    Raises:
        SidecarError: it can't be read, edited safely or written; it was left unchanged.
    """
    try:
        status = sidecar.lstat()
        _check(sidecar.stat())
        before = sidecar.read_bytes()
    except OSError as error:
        raise SidecarError(os_errors.for_file(error)) from error
    after = change(before)
    if after == before:
        return Change.SAME
    if stat.S_ISLNK(status.st_mode):
        raise SidecarError(reasons.SIDECAR_IS_LINK)
    if is_write_protected(sidecar, status):
        raise SidecarError(reasons.SIDECAR_WRITE_PROTECTED)
    outcome = Change.DELETED if after == BLANK else Change.CHANGED
    if dry_run:
        return outcome
    try:
        if outcome is Change.DELETED:
            delete(sidecar, expected=status)
        else:
            write_over(sidecar, [after], expected=status)
    except ChangedMeanwhile as error:
        raise SidecarError(reasons.SIDECAR_CHANGED) from error
    except OSError as error:
        raise SidecarError(os_errors.for_saving(error)) from error
    return outcome


def make(sidecar: Path, photo: Path, data: bytes, *, dry_run: bool = False) -> Change:
    """Create a sidecar.

    Raises:
        SidecarError: it can't be written, already exists, or the photo is no longer there.
    """
    try:
        photo.lstat()
    except OSError as error:
        raise SidecarError(reasons.SIDECAR_NO_PHOTO) from error
    if dry_run:
        return Change.NEW
    try:
        # If the app is killed in between, what is left is a sidecar without properties, not an invalid empty file.
        write_new(sidecar, [data], guard=BLANK)
    except FileExistsError as error:
        raise SidecarError(reasons.SIDECAR_CHANGED) from error
    except OSError as error:
        raise SidecarError(os_errors.for_saving(error)) from error
    return Change.NEW


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SidecarError(reasons.SIDECAR_NOT_REGULAR)
    if status.st_size > _LIMIT:
        raise SidecarError(reasons.SIDECAR_TOO_LARGE)
    if is_cloud_only(status):
        raise SidecarError(reasons.SIDECAR_CLOUD_ONLY)


@dataclass(frozen=True, slots=True)
class SidecarOptions:
    """What to write into sidecars.

    Attributes:
        both: also write a keyword for the negative class.
        rating: also write stars for the positive class.
        min_confidence: skip photos below this confidence, 0 to 1, unless the user labeled them.
        naming: name of new sidecars.
        remove: write nothing, but remove everything that was written earlier.
        dry_run: only report what would be done.
    """

    both: bool = False
    rating: bool = False
    min_confidence: float = 0.0
    naming: Naming = Naming.FULL
    remove: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class SidecarDone:
    """A photo whose sidecar is now up to date; `sidecar` is None if it needs none."""

    photo: Path
    sidecar: Path | None
    change: Change


@dataclass(frozen=True, slots=True)
class SidecarFailed:
    """A photo whose sidecar could not be written, and the reason as a code."""

    photo: Path
    sidecar: Path | None
    reason: str


@dataclass(frozen=True, slots=True)
class SidecarsEnded:
    """The last event.

    Attributes:
        photos: number of photos processed.
        counts: number of photos by what happened to their sidecar.
        failed: number of sidecars that could not be written.
        failures: the first few hundred of these.
        stopped: whether the user stopped the export; sidecars already written stay.
        dry_run: whether nothing was actually written.
    """

    photos: int
    counts: Mapping[Change, int]
    failed: int = 0
    failures: tuple[SidecarFailed, ...] = field(default=())
    stopped: bool = False
    dry_run: bool = False

    def count(self, *changes: Change) -> int:
        """Return the number of sidecars to which any of these happened."""
        return sum(self.counts.get(change, 0) for change in changes)


SidecarEvent = SidecarDone | SidecarFailed | SidecarsEnded


def stars(result: LabeledPhoto, labels: LabelSet) -> int | None:
    """Return the rating of a photo: 1 to 5 stars for the positive class, None for the negative class.

    A confidence of 50% or more gives one star, 90% or more five. A correction always gives five.
    """
    if result.label != labels.positive or result.confidence is None:
        return None
    if result.corrected:
        return _MAX_STARS
    # Not by division: rounding could lose a star at exactly 60%.
    steps = (_STARS_FROM + step / 10 for step in range(1, _MAX_STARS))
    return 1 + sum(result.confidence >= round(step, 6) for step in steps)


def write_sidecars(
    folder: Path,
    results: Sequence[LabeledPhoto],
    labels: LabelSet,
    options: SidecarOptions,
    *,
    library: Library | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[SidecarEvent, None, None]:
    """Write the sidecars of photos; yield one event per photo, and SidecarsEnded last.

    Photos themselves are never opened. If a photo no longer gets a keyword, the one written earlier is removed, so
    exporting again after corrections brings everything up to date.

    Args:
        folder: the scanned folder; nothing is written outside it.
        results: the photos; unreadable ones are skipped.
        labels: the classes.
        options: what to write.
        library: holds the journal of sorts; while sidecars are written, no sort can move the photos. None if no sort
            is possible.
        stopped: called before each photo; stops the export when it returns True.

    Raises:
        SortBusy: a sort is running; nothing was done.
        LibraryError: the library can't be read; nothing was done.
    """
    with contextlib.ExitStack() as stack:
        if library is not None and not options.dry_run:
            # Imported here to keep sqlite3 out of the start of the window.
            from alpacasorter.core.sorting.execution.session import folder_locks, sort_lock

            stack.enter_context(sort_lock(library))
            stack.enter_context(folder_locks(folder))
        ended = yield from _all(folder, results, labels, options, stopped)
    yield ended


def _all(
    folder: Path,
    results: Sequence[LabeledPhoto],
    labels: LabelSet,
    options: SidecarOptions,
    stopped: Callable[[], bool],
) -> Generator[SidecarDone | SidecarFailed, None, SidecarsEnded]:
    """Yield an event for each photo; return the last event, which is yielded once sorts are allowed again."""
    counts: Counter[Change] = Counter()
    failures: list[SidecarFailed] = []
    names: FolderNames | None = None
    failed = photos = 0
    touched: set[Path] = set()
    was_stopped = False
    for result in results:
        if stopped():
            was_stopped = True
            break
        if result.content_key is None:
            continue
        photos += 1
        parent = result.path.parent
        if names is None or names.folder != parent:
            names = FolderNames(parent, folder)
            if not options.dry_run and not names.is_elsewhere:
                sweep(names.incomplete)
        event = _one(result, tags_of(result, labels, options), names, options)
        if isinstance(event, SidecarFailed):
            failed += 1
            if len(failures) < _MAX_FAILURES:
                failures.append(event)
        else:
            counts[event.change] += 1
            if event.change not in (Change.SAME, Change.NONE) and not options.dry_run:
                touched.add(parent)
        yield event
    settle(touched)
    return SidecarsEnded(photos, counts, failed, tuple(failures), was_stopped, options.dry_run)


def tags_of(result: LabeledPhoto, labels: LabelSet, options: SidecarOptions) -> Tags | None:
    """Return what to write into the sidecar of a photo; None for nothing."""
    if options.remove or result.label is None or result.confidence is None or result.content_key is None:
        return None
    if not result.is_sure(options.min_confidence) or (result.label != labels.positive and not options.both):
        return None
    return Tags(
        keyword=labels.display(result.label),
        label=result.label,
        confidence=result.confidence,
        corrected=result.corrected,
        content_key=result.content_key,
        rating=stars(result, labels) if options.rating else None,
    )


def _one(
    result: LabeledPhoto, tags: Tags | None, names: FolderNames, options: SidecarOptions
) -> SidecarDone | SidecarFailed:
    photo = result.path
    there = names.existing(photo)
    sidecar = there[0] if there else None
    try:
        if tags is not None:
            if names.is_elsewhere:
                raise SidecarError(reasons.SIDECAR_ELSEWHERE)
            if sidecar is not None:
                change = update(sidecar, lambda data: tagged(data, tags), dry_run=options.dry_run)
            else:
                sidecar = names.new(photo, options.naming)
                change = make(sidecar, photo, tagged(BLANK, tags), dry_run=options.dry_run)
            return SidecarDone(photo, sidecar, change)
        done = SidecarDone(photo, None, Change.NONE)
        for sidecar in () if names.is_elsewhere else there:
            change = update(sidecar, untagged, dry_run=options.dry_run)
            if change is not Change.SAME:
                change = Change.CLEARED if change is Change.CHANGED else change
                done = replace(done, sidecar=sidecar, change=change)
        return done
    except SidecarError as error:
        return SidecarFailed(photo, sidecar, error.reason)
