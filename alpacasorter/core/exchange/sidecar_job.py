"""Writing the sidecars of a folder's photos, or taking out again what was written: a generator of events."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.core.exchange.keywords import BLANK, Tags, tagged, untagged
from alpacasorter.core.exchange.landing import settle, sweep
from alpacasorter.core.exchange.results import Result
from alpacasorter.core.exchange.sidecars import ELSEWHERE, Change, Naming, Neighbours, make, update
from alpacasorter.core.exchange.xmp import SidecarError
from alpacasorter.core.labels import LabelSet

if TYPE_CHECKING:
    from alpacasorter.core.library import Library

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
            from alpacasorter.core.sorting.running import alone, undisturbed

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
