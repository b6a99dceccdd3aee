"""What sorting and taking back have in common: the lock, the events, and how a run ends whatever happens.

How far a run is and how long it may still take, and when to say so.

What the journal tells of sorts, the newest first: for the history, and for the offer after an interruption.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import lock_file
from alpacasorter.core.sorting.events import (
    FileFailure,
    FilesFailed,
    FilesPlaced,
    Placed,
    SortBegan,
    SortBusy,
    SortEnded,
    SortError,
    SortEvent,
    SortProgress,
    SortRecord,
    SortState,
)
from alpacasorter.core.sorting.execution.batch import Batch, Ways
from alpacasorter.core.sorting.execution.errors import Halt
from alpacasorter.core.sorting.execution.jobs import End, Job
from alpacasorter.core.sorting.journal import IN_FLIGHT, Journal, Sort, Step, StepState
from alpacasorter.core.store.database import Failure, exclusive, failure_of
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.core.store.library_schema import sentence

INTERVAL_S: Final = 0.1
"""Events come about this often at most."""

_FIRST_ESTIMATE_S: Final = 1.0
_BYTES_A_FILE: Final = 200_000
"""What a file costs beside its bytes, about, in bytes."""


class Pace:
    """The progress of one run over so many files and bytes."""

    def __init__(self, files: int, size: int) -> None:
        """Begin now."""
        self.files: Final = files
        self.bytes: Final = size
        self._began: Final = time.monotonic()
        self._said = self._began
        self._files_done = 0
        self._bytes_done = 0
        # Bytes of files that are not done yet.
        self._under_way = 0

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def copied(self, size: int) -> None:
        """Count bytes of a file that is being copied."""
        self._under_way += size

    def done(self, files: int, size: int) -> None:
        """Count files that are at their end."""
        self._files_done = min(self._files_done + files, self.files)
        self._bytes_done = min(self._bytes_done + size, self.bytes)
        self._under_way = 0

    def is_time(self) -> bool:
        """Tell whether it is time to say something again; if so, that is now."""
        now = time.monotonic()
        if now - self._said < INTERVAL_S:
            return False
        self._said = now
        return True

    def progress(self) -> SortProgress:
        """Return how far it is."""
        size = min(self._bytes_done + self._under_way, self.bytes)
        weight = size + self._files_done * _BYTES_A_FILE
        whole = self.bytes + self.files * _BYTES_A_FILE
        seconds = self.seconds
        left = seconds * (whole - weight) / weight if weight and seconds >= _FIRST_ESTIMATE_S else None
        return SortProgress(self._files_done, self.files, size, self.bytes, left)


FAILURES_TOLD: Final = 300

_WAIT_S: Final = 2.0
_BUSY: Final = (
    "Another AlpacaSorter window or command is sorting, or writing sidecars, just now. Wait until it is done."
)


@contextlib.contextmanager
def alone(library: Library, *, seconds: float = _WAIT_S) -> Iterator[None]:
    """Let one sort at a time, over all processes that use this library, into the block; it ends with its process.

    Raises:
        SortBusy: another one is at work.
        LibraryError: the lock can't be taken.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(exclusive(library.path.with_name("sort.lock"), seconds=seconds))
        except sqlite3.Error as error:
            failure = failure_of(error)
            if failure is Failure.BUSY:
                raise SortBusy(_BUSY) from error
            raise LibraryError(sentence(failure, library.path)) from error
        yield


@contextlib.contextmanager
def undisturbed(*folders: Path) -> Iterator[None]:
    """Keep sorts that use another library out of these folders, where the system can do that; ends with the process.

    Raises:
        SortBusy: another one is at work there.
    """
    with contextlib.ExitStack() as stack:
        if sys.platform != "win32":
            held: set[tuple[int, int]] = set()
            for folder in folders:
                with contextlib.suppress(OSError):
                    handle = os.open(folder, os.O_RDONLY)
                    stack.callback(os.close, handle)
                    status = os.fstat(handle)
                    if (status.st_dev, status.st_ino) not in held:
                        held.add((status.st_dev, status.st_ino))
                        if not lock_file(handle):
                            raise SortBusy(_BUSY)
        yield


class Run:
    """One run over a sort: events that are due, counts, and the steps of which something is to be noted.

    Attributes:
        journal, sort: what is run.
        stopped: asked now and then.
        pace: how far it is.
        ways: what was learned of the disks.
        failures: files that could not be done, the first few hundred.
        broke_off: whether something was left undone because the user stopped it.
    """

    def __init__(self, journal: Journal, sort: Sort, stopped: Callable[[], bool], pace: Pace) -> None:
        """Begin; `alone` is held."""
        self.journal: Final = journal
        self.sort = sort
        self.stopped: Final = stopped
        self.pace: Final = pace
        self.ways: Final = Ways()
        self.failures: Final[list[FileFailure]] = []
        self.broke_off = False
        self._placed: list[Placed] = []
        self._failed: list[FileFailure] = []
        self._cleared: list[Step] = []

    @property
    def uid(self) -> bytes:
        """What tells the sort from all others."""
        return self.sort.uid

    def tell_placed(self, placed: Placed) -> None:
        """Have the caller told of a file; the journal has it by now."""
        self._placed.append(placed)

    def tell_failed(self, path: Path, reason: str) -> None:
        """Have the caller told of a file that could not be done."""
        failure = FileFailure(path, reason)
        self._failed.append(failure)
        if len(self.failures) < FAILURES_TOLD:
            self.failures.append(failure)

    def events(self, *, at_once: bool = False) -> Iterator[SortEvent]:
        """Yield what is due, if it is time again."""
        if not at_once and not self.pace.is_time():
            return
        if self._placed:
            placed, self._placed = self._placed, []
            yield FilesPlaced(tuple(placed))
        if self._failed:
            failed, self._failed = self._failed, []
            yield FilesFailed(tuple(failed))
        yield self.pace.progress()

    def do(self, units: Sequence[Sequence[Job]], *, to_the_end: bool = False) -> Iterator[SortEvent]:
        """Do some units together, and have the caller told; raises what `Batch.run` does.

        Args:
            units: the jobs.
            to_the_end: whether a stop has to wait.
        """
        for job in (job for unit in units for job in unit):
            if job.transfer is not None:
                self.ways.choose(job.transfer)
        batch = Batch(self.journal, self.uid, units, self.ways, _never if to_the_end else self.stopped)
        try:
            # Closed before anything else is done: what was begun is withdrawn then.
            with contextlib.closing(batch.run()) as sizes:
                for size in sizes:
                    self.pace.copied(size)
                    yield from self.events()
        finally:
            self._cleared += batch.cleared
            for job in (job for unit in units for job in unit):
                if job.end is End.COMPLETE:
                    self.tell_placed(job.placed(self.sort.record.action))
                elif job.end in (End.FAILED, End.UNSETTLED):
                    self.tell_failed(job.shown, job.step.reason or reasons.UNSETTLED)
                if job.end is End.WITHDRAWN:
                    self.broke_off = True
                elif job.because is None:
                    self.pace.done(1, job.step.size)
        yield from self.events()

    def note_cleared(self) -> None:
        """Note of steps that their temporary names are gone."""
        cleared, self._cleared = self._cleared, []
        self.journal.mark(self.uid, cleared)


def _never() -> bool:
    return False


def _why_not_noted(error: LibraryError | SortError) -> str:
    if isinstance(error, SortError):
        return str(error)
    return f"The sort stopped because its journal could not be written. {error}"


def carried_out(
    run: Run,
    work: Callable[[], Iterator[SortEvent]],
    *,
    during: SortState,
    broken_off: SortState,
    finished: SortState,
) -> Generator[SortEvent, None, SortEnded]:
    """Do the work of a run, and write down how it ended, also where the caller closes this or the library fails.

    Returns:
        The last event, which the caller yields once the lock is free.
    """
    run.sort = run.journal.set_state(run.sort, during)
    problem, stopped, failed = "", False, False
    try:
        yield SortBegan(run.sort.record.number, during is SortState.UNDOING, run.pace.files, run.pace.bytes)
        yield run.pace.progress()
        yield from work()
        run.note_cleared()
        if any(run.journal.counts(run.uid).get(state) for state in IN_FLIGHT):
            problem = reasons.sentence(reasons.UNSETTLED)
        stopped = run.broke_off
    except Halt as halt:
        problem = str(halt)
    except OSError as error:
        # Nobody foresaw this one; what was begun is withdrawn as after any other.
        problem = f"The system gave an error: {error.strerror or error}. Check the disks, then finish the sort."
    except (LibraryError, SortError) as error:
        problem, failed = _why_not_noted(error), True
    except BaseException:
        # The caller closes this, or the user presses Ctrl+C: what was begun is withdrawn by now.
        with contextlib.suppress(LibraryError, SortError):
            run.note_cleared()
            run.journal.set_state(run.sort, broken_off)
        raise
    state = broken_off if problem or stopped else finished
    try:
        if not failed:
            run.note_cleared()
        run.sort = run.journal.set_state(run.sort, state)
    except (LibraryError, SortError) as error:
        problem = problem or _why_not_noted(error)
        run.sort = replace(run.sort, record=replace(run.sort.record, state=broken_off))
    yield from run.events(at_once=True)
    return SortEnded(run.sort.record, tuple(run.failures), bool(problem) or stopped, problem, run.pace.seconds)


_ALL = 1_000_000
_PROBE_S = 0.2


def list_sorts(library: Library, limit: int = 100) -> list[SortRecord]:
    """Return the latest sorts, the newest first; raises LibraryError."""
    return [sort.record for sort in Journal(library).sorts(limit)]


def open_sorts(library: Library) -> list[SortRecord]:
    """Return the sorts that were broken off, the newest first; none while another process, or this one, is sorting.

    Raises:
        LibraryError: the journal can't be read.
    """
    found = [record for record in list_sorts(library, _ALL) if record.is_open]
    if not found:
        return []
    try:
        with alone(library, seconds=_PROBE_S):
            # What was at work a moment ago may be at its end now.
            return [record for record in list_sorts(library, _ALL) if record.is_open]
    except SortBusy:
        return []


def failures(library: Library, number: int) -> list[FileFailure]:
    """Return the files of a sort that could not be done, or not be taken back, and why.

    Raises:
        SortError: there is no such sort.
        LibraryError: the journal can't be read.
    """
    journal = Journal(library)
    steps = journal.in_states(journal.sort(number).uid, (StepState.FAILED, StepState.LEFT))
    return [
        FileFailure(step.target if step.state is StepState.LEFT else step.source, step.reason or "") for step in steps
    ]


def latest_undoable(library: Library) -> SortRecord | None:
    """Return the latest finished sort of which something is in place, if there is one; raises LibraryError."""
    for record in list_sorts(library, _ALL):
        if record.state is SortState.FINISHED and record.done:
            return record
    return None
