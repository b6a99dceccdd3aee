"""The events of a sort or an undo, and the record that the history keeps of each sort."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.events import Placed
from alpacasorter.core.sorting.options import Action


class SortError(Exception):
    """A sort can't start or continue; the message is a translated sentence for the user."""


class SortBusy(SortError):
    """Another window or command is currently sorting or writing sidecars."""


class SortState(enum.StrEnum):
    """The state of a sort in the journal.

    Attributes:
        RUNNING: it is running, or was when the app ended unexpectedly.
        STOPPED: the user stopped it, or it could not continue.
        FINISHED: every file was sorted, or failed with a reason.
        UNDOING: it is being undone, or was when the app ended unexpectedly.
        UNDONE: it was undone, as far as that was possible.
    """

    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class SortRecord:
    """A sort as the history lists it.

    Attributes:
        number: identifies it for the user; counts up.
        made_at: when it began, ISO 8601 in UTC.
        folder: the folder that was sorted.
        destination: the folder that it was sorted into.
        action: what was done with each file.
        state: how far it is.
        files: files in the plan, including companions.
        done: files that are at their target now; after an undo, those that could not be restored.
        failed: files that could not be sorted.
        left: files that could not be restored by an undo.
        trashed: whether the files were moved to the system's trash. `destination` is the same as `folder` then.
    """

    number: int
    made_at: str
    folder: Path
    destination: Path
    action: Action
    state: SortState
    files: int
    done: int
    failed: int
    left: int
    trashed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it was interrupted, so that it can be resumed or undone."""
        return self.state in (SortState.RUNNING, SortState.STOPPED, SortState.UNDOING)


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that could not be sorted or restored, and why: a code of `core.reasons`."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class SortBegan:
    """The plan is in the journal; from now on the sort can be resumed or undone whatever happens."""

    number: int
    undoing: bool
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FilesPlaced:
    """Files that were sorted or restored and are recorded as such in the journal."""

    files: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class FilesFailed:
    """Files that could not be sorted or restored; the sort continues."""

    failures: tuple[FileFailure, ...]


@dataclass(frozen=True, slots=True)
class SortProgress:
    """How far a sort is: files and bytes, finished and in all; `seconds_left` is None while unknown."""

    done: int
    total: int
    bytes_done: int
    bytes_total: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class SortEnded:
    """The end of a sort or of an undo.

    Attributes:
        record: the record in the history now.
        failures: the first few hundred files that this run could not sort or restore.
        stopped: whether the user stopped it, or it could not continue; then it can be resumed or undone.
        problem: why it could not continue, a translated sentence for the user; empty otherwise.
        seconds: wall-clock time.
    """

    record: SortRecord
    failures: tuple[FileFailure, ...]
    stopped: bool
    problem: str
    seconds: float


SortEvent = SortBegan | FilesPlaced | FilesFailed | SortProgress | SortEnded
