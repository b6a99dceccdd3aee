"""A plan: what a sort will do, file by file.

`planning.planner` makes it, the user sees it, and `execution.run` carries it out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core import reasons
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.taken import Taken


class PlanError(Exception):
    """No plan can be made; the message is a translated sentence for the user."""


class PlanStopped(Exception):
    """The user canceled the plan."""


class Outcome(enum.StrEnum):
    """What the plan does with a photo and its companions.

    Attributes:
        GO: it is moved, copied or linked.
        THERE: the same bytes are already where it would go, so there is nothing to do.
        IN_PLACE: it already is where it would go.
        STAYS: it is left where it is, as the user chose.
        BLOCKED: it can't be sorted; `reason` says why and what to do.
    """

    GO = "go"
    THERE = "there"
    IN_PLACE = "in place"
    STAYS = "stays"
    BLOCKED = "blocked"


class Group(enum.StrEnum):
    """The heading that a photo is shown under: its label, or what replaces one."""

    LABEL = "label"
    UNSURE = "unsure"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a unit.

    Attributes:
        source: where it is, absolute.
        target: where it will be, absolute; None if it stays.
        size: bytes when the plan was made.
        mtime_ns: modification time then, nanoseconds since the epoch.
        content_key: hash of its bytes if known: for photos, not for companions.
        there: whether the same bytes are already at the target, so that nothing is done with this file.
    """

    source: Path
    target: Path | None
    size: int
    mtime_ns: int
    content_key: str | None = None
    there: bool = False


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """A photo and its companions, which stay together.

    Attributes:
        photo: the photo that decides where the unit goes.
        files: the photo first, then its companions by name.
        group: the heading that it is shown under.
        outcome: what is done with it.
        reason: why it stays, is blocked or is already there, a code of `core.reasons`; None if nothing is to be said.
        renamed: why it gets another name at the target, a code of `core.reasons`; None if it keeps its name.
        taken: when the photo was taken, if that decides about its folder; None if it doesn't, or isn't known.
    """

    photo: LabeledPhoto
    files: tuple[PlannedFile, ...]
    group: Group
    outcome: Outcome
    reason: str | None = None
    renamed: str | None = None
    taken: Taken | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something the user should know before starting the sort.

    Attributes:
        reason: what it is, a code of `core.reasons`.
        serious: whether the sort as a whole can't succeed (not enough space, the destination is read-only).
        paths: a few of the files or folders that it is about.
    """

    reason: str
    serious: bool = False
    paths: tuple[Path, ...] = ()

    @property
    def sentence(self) -> str:
        """The remark in words, in the language in use."""
        return reasons.sentence(self.reason)


@dataclass(frozen=True, slots=True)
class SortPlan:
    """What a sort will do: exactly this, or less.

    Attributes:
        folder: the folder that was scanned.
        options: the user's choices.
        units: in the order in which they are sorted.
        new_folders: folders to be created, parents first, including the destination if it is missing.
        output_folders: those of `new_folders` that are marked as the app's own output (walk.OUTPUT_MARKER).
        bytes_to_write: bytes that will be written at the destination: by copies, and by moves to another disk.
        bytes_free: free bytes there; None if unknown.
        other_disk: whether any file goes to another disk than the one it is on.
        remarks: what the user should know.
        different_tags: how many units have photos with different tags, which `options.different_tags` is about.
        left_out: how many files and folders the user leaves out; 0 where it is not known.
        trashes: whether the files go to the system's trash (`planning.trashing`). Their targets are the same as their
            sources then, because only the system knows where it puts them.
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
    different_tags: int = 0
    left_out: int = 0
    trashes: bool = False

    def count(self, outcome: Outcome) -> int:
        """Return how many photos have this outcome."""
        return sum(unit.outcome is outcome for unit in self.units)

    @property
    def question(self) -> Remark | None:
        """The remark about units whose photos have different tags, which `options.different_tags` answers."""
        codes = (reasons.TAGS_DIFFER, reasons.TAGS_DIFFER_APART, reasons.TAGS_DIFFER_LEFT)
        return next((remark for remark in self.remarks if remark.reason.partition(" ")[0] in codes), None)

    @property
    def files_to_do(self) -> int:
        """How many files, including companions, are moved, copied or linked."""
        return sum(
            file.target is not None and not file.there
            for unit in self.units
            if unit.outcome is Outcome.GO
            for file in unit.files
        )
