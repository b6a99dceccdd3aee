"""The steps and folders of a sort as the journal keeps them."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.core.database import blob_to_path, key_to_blob, path_to_blob
from alpacasorter.core.library_sorts import StepRow
from alpacasorter.core.sorting.plan import Outcome, SortPlan


class StepState(enum.StrEnum):
    """How far one file is.

    Attributes:
        PLANNED: nothing was done with it.
        STARTED: something may have been done.
        COPIED: a whole copy was made under a temporary name; more may have been done.
        DONE: it is in its place.
        FAILED: it could not be done, and is where it was.
        RETURNING: it was done, and something may have been done to take it back.
        RECOPIED: so, and a whole copy was made where it came from, under a temporary name.
        BACK: it was taken back.
        LEFT: it could not be taken back, and is in its place.
    """

    PLANNED = "planned"
    STARTED = "started"
    COPIED = "copied"
    DONE = "done"
    FAILED = "failed"
    RETURNING = "returning"
    RECOPIED = "recopied"
    BACK = "back"
    LEFT = "left"


class FolderState(enum.StrEnum):
    """How far a folder is.

    Attributes:
        PLANNED: it is not there.
        STARTED: it was not there, and may have been made by now.
        MADE: it was made.
        FOREIGN: it was there when it was to be made, or could not be made.
        REMOVED: it was made and taken away again, or was left because something is in it.
    """

    PLANNED = "planned"
    STARTED = "started"
    MADE = "made"
    FOREIGN = "foreign"
    REMOVED = "removed"


IN_FLIGHT: Final = frozenset((StepState.STARTED, StepState.COPIED, StepState.RETURNING, StepState.RECOPIED))
"""Of these only the disk can tell how far they came."""


@dataclass(slots=True)
class Step:
    """What is done with one file; a row of the journal.

    Attributes:
        position: its place in the sort, from 0.
        unit: files of one number belong together.
        state: how far it is.
        source, target: where it was, and where it goes.
        size, mtime_ns: what it was like when the plan was made.
        mode: its permissions before.
        placed_mtime_ns: when the file at the target says it was changed.
        digest: SHA-256 of its bytes where that is known.
        way: the kind of transfer and how it makes names, as text.
        temp: a temporary name, without its folder, that may be there.
        real: the file that a link leads to.
        reason: why it could not be done or taken back, a sentence.
    """

    position: int
    unit: int
    state: StepState
    source: Path
    target: Path
    size: int
    mtime_ns: int
    mode: int | None = None
    placed_mtime_ns: int | None = None
    digest: bytes | None = None
    way: str | None = None
    temp: str | None = None
    real: Path | None = None
    reason: str | None = None


@dataclass(slots=True)
class Folder:
    """A folder that a sort makes, and whether it gets the marker of the app's own output."""

    position: int
    path: Path
    marked: bool
    state: FolderState


def planned_steps(plan: SortPlan) -> Iterator[Step]:
    """Yield a step for each file of a plan that something is done with."""
    position = 0
    for number, unit in enumerate(plan.units):
        if unit.outcome is not Outcome.GO:
            continue
        for file in unit.files:
            if file.target is not None and not file.there:
                digest = None if file.content_key is None else key_to_blob(file.content_key)
                places = (file.source, file.target)
                yield Step(position, number, StepState.PLANNED, *places, file.size, file.mtime_ns, digest=digest)
                position += 1


def step_row(uid: bytes, revision: int, step: Step) -> StepRow:
    """Return a step as it is stored."""
    return StepRow(
        sort=uid,
        position=step.position,
        unit=step.unit,
        state=step.state,
        revision=revision,
        size=step.size,
        mtime_ns=step.mtime_ns,
        mode=step.mode,
        placed_mtime_ns=step.placed_mtime_ns,
        digest=step.digest,
        way=step.way,
        temp=step.temp,
        source=path_to_blob(step.source),
        target=path_to_blob(step.target),
        real=None if step.real is None else path_to_blob(step.real),
        reason=step.reason,
    )


def step_of(row: StepRow) -> Step:
    """Return what `step_row` stored."""
    return Step(
        position=row.position,
        unit=row.unit,
        state=StepState(row.state),
        source=blob_to_path(row.source),
        target=blob_to_path(row.target),
        size=row.size,
        mtime_ns=row.mtime_ns,
        mode=row.mode,
        placed_mtime_ns=row.placed_mtime_ns,
        digest=row.digest,
        way=row.way,
        temp=row.temp,
        real=None if row.real is None else blob_to_path(row.real),
        reason=row.reason,
    )
