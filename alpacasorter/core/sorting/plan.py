"""A plan: what a sort will do, file by file. Made by planner.py, shown to the user, then done as it is by runner.py."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.sorting.options import SortOptions

SortPhoto = LabeledPhoto


class PlanError(Exception):
    """No plan can be made; the message is a sentence for the user."""


class PlanStopped(Exception):
    """The user did not wait for the plan."""


class Outcome(enum.StrEnum):
    """What the plan says of a photo with its companions.

    Attributes:
        GO: it is moved, copied or linked.
        THERE: the same bytes are where it would go, so there is nothing to do.
        IN_PLACE: it already is where it would go.
        STAYS: it is left where it is, as the user said.
        BLOCKED: it can't go; `reason` says why and what to do.
    """

    GO = "go"
    THERE = "there"
    IN_PLACE = "in place"
    STAYS = "stays"
    BLOCKED = "blocked"


class Group(enum.StrEnum):
    """Under which heading a photo is shown: its label, or what takes the place of one."""

    LABEL = "label"
    UNSURE = "unsure"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a unit.

    Attributes:
        source: where it is, absolute.
        target: where it will be, absolute; None where it goes nowhere.
        size: bytes, when the plan was made.
        mtime_ns: last change then, nanoseconds since the epoch.
        content_key: hash of its bytes where that is known: of photos, not of companions.
        there: whether the same bytes are at the target already, so that nothing is done with this file.
    """

    source: Path
    target: Path | None
    size: int
    mtime_ns: int
    content_key: str | None = None
    there: bool = False


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """A photo with its companions, which go together.

    Attributes:
        photo: the photo that decides where the unit goes.
        files: the photo first, then its companions by name.
        group, outcome: see there.
        reason: why it stays, is blocked or is there already; a sentence, or None.
        renamed: why the name is another one at the target ("Another file there has this name."), or None.
    """

    photo: SortPhoto
    files: tuple[PlannedFile, ...]
    group: Group
    outcome: Outcome
    reason: str | None = None
    renamed: str | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something the user should know before they say Sort.

    Attributes:
        sentence: in plain words.
        serious: whether the sort can't succeed as a whole (too little space, nothing can be written).
        paths: which files or folders it is about, at most a few.
    """

    sentence: str
    serious: bool = False
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SortPlan:
    """What will be done: exactly this, or less.

    Attributes:
        folder: the folder that was scanned.
        options: what the user wanted.
        units: in the order in which they are done.
        new_folders: folders to be made, parents first, the destination among them where it is missing.
        output_folders: those of `new_folders` that are marked as the app's own output (walk.OUTPUT_MARKER).
        bytes_to_write: bytes that will be written at the destination: of copies, and of moves across disks.
        bytes_free: free there; None where that can't be told.
        other_disk: whether any file goes to another disk than it is on.
        remarks: what is odd.
    """

    folder: Path
    options: SortOptions
    units: tuple[PlannedUnit, ...]
    new_folders: tuple[Path, ...]
    output_folders: tuple[Path, ...]
    bytes_to_write: int
    bytes_free: int | None
    other_disk: bool
    remarks: tuple[Remark, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """Return how many photos have this outcome."""
        return sum(unit.outcome is outcome for unit in self.units)

    @property
    def files_to_do(self) -> int:
        """How many files, companions included, something is done with."""
        return sum(
            file.target is not None and not file.there
            for unit in self.units
            if unit.outcome is Outcome.GO
            for file in unit.files
        )
