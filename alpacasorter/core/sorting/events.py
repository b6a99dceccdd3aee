"""What a sort, an undo or a rollback yields, from runner.py up to the window; and what the history says of each."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.sorting.options import Action


class SortError(Exception):
    """A sort can't begin or go on; the message is a sentence for the user."""


class SortBusy(SortError):
    """Another window or command is sorting, or writing sidecars, just now."""


class SortState(enum.StrEnum):
    """How far a sort in the journal is.

    Attributes:
        RUNNING: it is being done, or was when the app ended unexpectedly.
        STOPPED: the user stopped it, or it could not go on.
        FINISHED: each file was done, or failed with a reason.
        UNDOING: it is being taken back, or was when the app ended unexpectedly.
        UNDONE: it was taken back, as far as that could be done.
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
        number: what the user calls it by; counts up.
        made_at: when it began, ISO 8601 in UTC.
        folder: the folder that was sorted.
        destination: where to.
        action: what was done with each file.
        state: how far it is.
        files: files in the plan, companions included.
        done: files that are in their place now; of an undone sort, those that could not be taken back.
        failed: files that could not be done.
        left: files that could not be taken back.
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

    @property
    def is_open(self) -> bool:
        """Whether it was broken off, so that it can be finished or rolled back."""
        return self.state in (SortState.RUNNING, SortState.STOPPED, SortState.UNDOING)


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that is in another place now, or in one more.

    Attributes:
        before: where it was. For a copy or link that was taken back: where that was.
        after: where it is; None for a copy or link that was taken back.
        kept: whether it is at `before`, too.
        size: bytes.
        mtime_ns: last change of the file at `after`, nanoseconds since the epoch.
        content_key: hash of its bytes where that is known.
    """

    before: Path
    after: Path | None
    kept: bool
    size: int
    mtime_ns: int
    content_key: str | None


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that could not be done or taken back, and why, in plain words."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class SortBegan:
    """The journal has the plan; from now on the sort can be finished or rolled back whatever happens."""

    number: int
    undoing: bool
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FilesPlaced:
    """Files that were done and are in the journal as such."""

    files: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class FilesFailed:
    """Files that could not be done; the sort goes on."""

    failures: tuple[FileFailure, ...]


@dataclass(frozen=True, slots=True)
class SortProgress:
    """How far a sort is: files and bytes, done of all; `seconds_left` is None while unknown."""

    done: int
    total: int
    bytes_done: int
    bytes_total: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class SortEnded:
    """The end of a sort or of taking one back.

    Attributes:
        record: what the history says of it now.
        failures: files of this run that could not be done, the first few hundred.
        stopped: whether the user stopped it, or it could not go on; then it can be finished or rolled back.
        problem: why it could not go on, a sentence; empty otherwise.
        seconds: wall-clock time.
    """

    record: SortRecord
    failures: tuple[FileFailure, ...]
    stopped: bool
    problem: str
    seconds: float


SortEvent = SortBegan | FilesPlaced | FilesFailed | SortProgress | SortEnded
