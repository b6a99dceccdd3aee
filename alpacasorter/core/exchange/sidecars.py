"""Which sidecar belongs to a photo, and how it is written without losing what is in it.

Writing the sidecars of a folder's photos, or taking out again what was written: a generator of events.
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

from alpacasorter.core.exchange.keywords import BLANK, Tags, tagged, untagged
from alpacasorter.core.exchange.results import Result
from alpacasorter.core.exchange.xmp import SidecarError
from alpacasorter.core.files import is_cloud_only
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.core.reasons import VANISHED, for_file, for_saving, sentence
from alpacasorter.core.safe_write import (
    ChangedMeanwhile,
    delete,
    is_ours,
    settle,
    sweep,
    write_new,
    write_over,
)

if TYPE_CHECKING:
    from alpacasorter.core.store.library import Library

SUFFIX: Final = ".xmp"
_LIMIT: Final = 64 << 20

_LINK: Final = "The sidecar is a link to another file. It was left as it is."
_NOT_REGULAR: Final = "What has the name of the sidecar is no file. It was left as it is."
_TOO_LARGE: Final = "The sidecar is larger than 64 MB. It was left as it is."
_PROTECTED: Final = "The sidecar is write-protected. It was left as it is."
_CLOUD: Final = "The sidecar is only in the cloud; download it first."
_MEANWHILE: Final = (
    "Another program changed the sidecar at the same moment. It was left as that wrote it. Export again."
)
ELSEWHERE: Final = "The photo is reached through a link out of the folder. Nothing is written there."


class Naming(enum.StrEnum):
    """How a new sidecar is called.

    Attributes:
        FULL: IMG_1.jpg.xmp, as digiKam and darktable have it.
        STEM: IMG_1.xmp, as Adobe's programs have it. Where several photos would share it, they get the other name.
    """

    FULL = "full"
    STEM = "stem"


class Change(enum.StrEnum):
    """What was done with a sidecar.

    Attributes:
        NEW: it was made.
        CHANGED: it says something else now.
        SAME: it says what it should already.
        CLEARED: what was written earlier was taken out.
        DELETED: nothing but what was written earlier was in it.
        NONE: there is none, and nothing to say.
    """

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    CLEARED = "cleared"
    DELETED = "deleted"
    NONE = "none"


class Neighbours:
    """The names in one folder: which sidecars there are, and which photos would share one.

    Attributes:
        folder: the folder.
        halves: files that were not whole when the folder was listed, and may have been left so.
        is_elsewhere: whether links lead to it from the folder that is exported, and it lies outside.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        """List a folder; one that can't be listed counts as empty, and writing there will say why.

        Args:
            folder: where photos are.
            root: the folder that is exported, below which nothing but links leads elsewhere.
        """
        self.folder: Final = folder
        try:
            names = os.listdir(folder)  # noqa: PTH208  # names and not paths are wanted
        except OSError:
            names = []
        self.halves: Final = [folder / name for name in names if is_ours(name)]
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
        """Return the sidecars of a photo, that of its full name first.

        One of the stem is not its own where other photos have the stem, too. A RAW file of this stem is the same shot.
        """
        names = [self._sidecars.get(photo.name)]
        if photo.suffix and not self._shared(photo):
            names.append(self._sidecars.get(photo.stem))
        return [self.folder / name for name in names if name is not None]

    def new(self, photo: Path, naming: Naming) -> Path:
        """Return how a sidecar that is not there yet is called."""
        if naming is Naming.STEM and photo.suffix and not self._shared(photo):
            return self.folder / (photo.stem + SUFFIX)
        return self.folder / (photo.name + SUFFIX)

    def _shared(self, photo: Path) -> bool:
        others = self._pictures.get(photo.stem, 0) - (photo.suffix[1:].lower() in PICTURE_EXTENSIONS)
        return others > 0


def update(sidecar: Path, change: Callable[[bytes], bytes], *, dry_run: bool = False) -> Change:
    """Change a sidecar that is there; one in which nothing is left but what AlpacaSorter made is deleted.

    Args:
        sidecar: the file.
        change: from what is in it to what is to be in it.
        dry_run: whether nothing is written.

    Returns:
        CHANGED, SAME or DELETED.

    Raises:
        SidecarError: it can't be read, be added to safely, or be written; it is as it was.
    """
    try:
        status = sidecar.lstat()
        _check(sidecar.stat())
        before = sidecar.read_bytes()
    except OSError as error:
        raise SidecarError(sentence(for_file(error)).replace("this file", "the sidecar")) from error
    after = change(before)
    if after == before:
        return Change.SAME
    if stat.S_ISLNK(status.st_mode):
        raise SidecarError(_LINK)
    # Its folder alone decides whether it can be replaced, but whoever protected it meant something by that.
    if not os.access(sidecar, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise SidecarError(_PROTECTED)
    outcome = Change.DELETED if after == BLANK else Change.CHANGED
    if dry_run:
        return outcome
    try:
        if outcome is Change.DELETED:
            delete(sidecar, expected=status)
        else:
            write_over(sidecar, [after], expected=status)
    except ChangedMeanwhile as error:
        raise SidecarError(_MEANWHILE) from error
    except OSError as error:
        raise SidecarError(f"The sidecar can't be written. {sentence(for_saving(error))}") from error
    return outcome


def make(sidecar: Path, photo: Path, data: bytes, *, dry_run: bool = False) -> Change:
    """Make a sidecar that is not there yet.

    Raises:
        SidecarError: it can't be written, or the photo is no longer there.
    """
    try:
        photo.lstat()
    except OSError as error:
        raise SidecarError(sentence(VANISHED)) from error
    if dry_run:
        return Change.NEW
    try:
        # Should the app be killed in between, a sidecar that says nothing is left where an empty file would be damaged.
        write_new(sidecar, [data], guard=BLANK)
    except FileExistsError as error:
        raise SidecarError(_MEANWHILE) from error
    except OSError as error:
        raise SidecarError(f"The sidecar can't be written. {sentence(for_saving(error))}") from error
    return Change.NEW


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SidecarError(_NOT_REGULAR)
    if status.st_size > _LIMIT:
        raise SidecarError(_TOO_LARGE)
    if is_cloud_only(status):
        raise SidecarError(_CLOUD)


_MOST_STARS: Final = 5
_STARS_FROM: Final = 0.5
_NAMED: Final = 500
"""Failures that the last event names."""


@dataclass(frozen=True, slots=True)
class SidecarOptions:
    """What is written.

    Attributes:
        both: whether photos of the negative class get its name as a keyword, too, and not only the others theirs.
        rating: whether photos of the positive class get stars.
        min_confidence: confidence below which a photo without a correction gets neither.
        naming: how new sidecars are called.
        remove: whether nothing is written, but all that was written earlier is taken out.
        dry_run: whether it is only told what would be done.
    """

    both: bool = False
    rating: bool = False
    min_confidence: float = 0.0
    naming: Naming = Naming.FULL
    remove: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class SidecarDone:
    """A photo whose sidecar is as it should be; `sidecar` is None where there is none and need not be."""

    photo: Path
    sidecar: Path | None
    change: Change


@dataclass(frozen=True, slots=True)
class SidecarFailed:
    """A photo whose sidecar could not be written, and why."""

    photo: Path
    sidecar: Path | None
    reason: str


@dataclass(frozen=True, slots=True)
class SidecarsEnded:
    """The end.

    Attributes:
        photos: photos that were looked at.
        counts: how many sidecars ended in which way.
        failed: how many could not be written.
        failures: those, the first few hundred.
        stopped: whether the user stopped it; what was written stays.
        dry_run: whether nothing was written in truth.
    """

    photos: int
    counts: Mapping[Change, int]
    failed: int = 0
    failures: tuple[SidecarFailed, ...] = field(default=())
    stopped: bool = False
    dry_run: bool = False

    def count(self, *changes: Change) -> int:
        """Return how many sidecars ended in one of these ways."""
        return sum(self.counts.get(change, 0) for change in changes)


SidecarEvent = SidecarDone | SidecarFailed | SidecarsEnded


def stars(result: Result, labels: LabelSet) -> int | None:
    """Return how many stars a photo gets: of the positive class 1 to 5, the surer the more; none of the other.

    From 50 to 60% one, up to five from 90% on. A correction is as sure as can be.
    """
    if result.label != labels.positive or result.confidence is None:
        return None
    if result.corrected:
        return _MOST_STARS
    # Not by dividing, whose rounding would take a star from 60% sharp.
    steps = (_STARS_FROM + step / 10 for step in range(1, _MOST_STARS))
    return 1 + sum(result.confidence >= round(step, 6) for step in steps)


def write_sidecars(
    folder: Path,
    results: Sequence[Result],
    labels: LabelSet,
    options: SidecarOptions,
    *,
    library: Library | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[SidecarEvent, None, None]:
    """Write the sidecars of photos; yield an event a photo, SidecarsEnded last.

    A photo is never written, opened or looked into. A photo that gets no keyword (any more) loses what was written
    earlier; so exporting again after corrections puts everything right.

    Args:
        folder: the folder that was scanned; nothing is written outside it.
        results: the photos; those that could not be read are passed over.
        labels: the classes.
        options: what is written.
        library: where the journal of sorts is: no sort takes the photos away meanwhile. None where that can't be.
        stopped: asked before each photo.

    Raises:
        SortBusy: a sort is under way; nothing was done.
        LibraryError: that can't be found out; nothing was done.
    """
    with contextlib.ExitStack() as stack:
        if library is not None and not options.dry_run:
            # Imported here: the window knows this module before it shows, and does without databases until then.
            from alpacasorter.core.sorting.execution.session import alone, undisturbed

            stack.enter_context(alone(library))
            stack.enter_context(undisturbed(folder))
        ended = yield from _all(folder, results, labels, options, stopped)
    yield ended


def _all(
    folder: Path, results: Sequence[Result], labels: LabelSet, options: SidecarOptions, stopped: Callable[[], bool]
) -> Generator[SidecarDone | SidecarFailed, None, SidecarsEnded]:
    """Yield what becomes of each photo; return the last event, to be told when sorts may go on."""
    counts: Counter[Change] = Counter()
    failures: list[SidecarFailed] = []
    neighbours: Neighbours | None = None
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
        if neighbours is None or neighbours.folder != parent:
            neighbours = Neighbours(parent, folder)
            if not options.dry_run and not neighbours.is_elsewhere:
                sweep(neighbours.halves)
        event = _one(result, tags_of(result, labels, options), neighbours, options)
        if isinstance(event, SidecarFailed):
            failed += 1
            if len(failures) < _NAMED:
                failures.append(event)
        else:
            counts[event.change] += 1
            if event.change not in (Change.SAME, Change.NONE) and not options.dry_run:
                touched.add(parent)
        yield event
    settle(touched)
    return SidecarsEnded(photos, counts, failed, tuple(failures), was_stopped, options.dry_run)


def tags_of(result: Result, labels: LabelSet, options: SidecarOptions) -> Tags | None:
    """Return what the sidecar of a photo is to say; None where it is to say nothing."""
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
    result: Result, tags: Tags | None, neighbours: Neighbours, options: SidecarOptions
) -> SidecarDone | SidecarFailed:
    photo = result.path
    there = neighbours.existing(photo)
    sidecar = there[0] if there else None
    try:
        if tags is not None:
            if neighbours.is_elsewhere:
                raise SidecarError(ELSEWHERE)
            if sidecar is not None:
                change = update(sidecar, lambda data: tagged(data, tags), dry_run=options.dry_run)
            else:
                sidecar = neighbours.new(photo, options.naming)
                change = make(sidecar, photo, tagged(BLANK, tags), dry_run=options.dry_run)
            return SidecarDone(photo, sidecar, change)
        done = SidecarDone(photo, None, Change.NONE)
        for sidecar in () if neighbours.is_elsewhere else there:
            change = update(sidecar, untagged, dry_run=options.dry_run)
            if change is not Change.SAME:
                change = Change.CLEARED if change is Change.CHANGED else change
                done = replace(done, sidecar=sidecar, change=change)
        return done
    except SidecarError as error:
        return SidecarFailed(photo, sidecar, str(error))
