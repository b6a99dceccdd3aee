"""What every run of a sort shares: its locks, its progress and events, and how it ends; also the history of sorts."""

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
from alpacasorter.core.events import Placed
from alpacasorter.core.files import lock_file
from alpacasorter.core.sorting.events import (
    FileFailure,
    FilesFailed,
    FilesPlaced,
    SortBegan,
    SortBusy,
    SortEnded,
    SortError,
    SortEvent,
    SortProgress,
    SortRecord,
    SortState,
)
from alpacasorter.core.sorting.execution.batch import Batch, KnownWays
from alpacasorter.core.sorting.execution.errors import Halt
from alpacasorter.core.sorting.execution.jobs import End, FileJob
from alpacasorter.core.sorting.journal import IN_FLIGHT, Journal, Sort, Step, StepState
from alpacasorter.core.store.database import Failure, exclusive, failure_of
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.core.store.library_schema import library_problem
from alpacasorter.i18n import _

INTERVAL_S: Final = 0.1
"""Shortest time between two events of progress."""
FAILURES_TOLD: Final = 300
"""How many failures the last event of a run lists at most."""

_WAIT_S: Final = 2.0
_PROBE_S: Final = 0.2
_FIRST_ESTIMATE_S: Final = 1.0
_BYTES_PER_FILE: Final = 200_000
"""About what a file costs in time besides its bytes, in bytes."""
_ALL: Final = 1_000_000


# Locks


@contextlib.contextmanager
def sort_lock(library: Library, *, seconds: float = _WAIT_S) -> Iterator[None]:
    """Hold the lock that allows one sort at a time, across all processes that use this library.

    The lock is released when the block is left or the process ends.

    Args:
        library: the library.
        seconds: how long to wait for the lock.

    Raises:
        SortBusy: another process or thread holds it.
        LibraryError: the lock can't be taken.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(exclusive(library.path.with_name("sort.lock"), seconds=seconds))
        except sqlite3.Error as error:
            failure = failure_of(error)
            if failure is Failure.BUSY:
                raise _busy() from error
            raise LibraryError(library_problem(failure, library.path)) from error
        yield


@contextlib.contextmanager
def folder_locks(*folders: Path) -> Iterator[None]:
    """Hold locks that keep sorts with another library out of these folders, on systems that have such locks.

    The locks are released when the block is left or the process ends.

    Raises:
        SortBusy: another process is sorting there.
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
                            raise _busy()
        yield


def _busy() -> SortBusy:
    return SortBusy(
        _("Another AlpacaSorter window or command is currently sorting or writing sidecars. Wait until it finishes.")
    )


# A run


class ProgressMeter:
    """Measures the progress of one run over a number of files and bytes."""

    def __init__(self, files: int, size: int) -> None:
        """Start now."""
        self.files: Final = files
        self.bytes: Final = size
        self._began: Final = time.monotonic()
        self._last_event = self._began
        self._files_done = 0
        self._bytes_done = 0
        # Bytes of files that are not finished yet.
        self._bytes_copied = 0

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self._began

    def copied(self, size: int) -> None:
        """Count bytes of a file that is being copied."""
        self._bytes_copied += size

    def done(self, files: int, size: int) -> None:
        """Count files that are finished."""
        self._files_done = min(self._files_done + files, self.files)
        self._bytes_done = min(self._bytes_done + size, self.bytes)
        self._bytes_copied = 0

    def is_time(self) -> bool:
        """Return whether the next events are due, and if so start the interval to those after them."""
        now = time.monotonic()
        if now - self._last_event < INTERVAL_S:
            return False
        self._last_event = now
        return True

    def progress(self) -> SortProgress:
        """Return the event that says how far the run is."""
        size = min(self._bytes_done + self._bytes_copied, self.bytes)
        weight = size + self._files_done * _BYTES_PER_FILE
        whole = self.bytes + self.files * _BYTES_PER_FILE
        seconds = self.seconds
        left = seconds * (whole - weight) / weight if weight and seconds >= _FIRST_ESTIMATE_S else None
        return SortProgress(self._files_done, self.files, size, self.bytes, left)


class Run:
    """One run over a sort of the journal, forward or back: does jobs, and collects the events about them.

    Attributes:
        journal: holds the sort.
        sort: the sort.
        stopped: called often; returns whether the user stopped the run.
        meter: measures the progress.
        ways: what was learned about the disks.
        failures: the first few hundred files that could not be sorted or restored.
        interrupted: whether something was left undone because the user stopped the run.
    """

    def __init__(self, journal: Journal, sort: Sort, stopped: Callable[[], bool], meter: ProgressMeter) -> None:
        """Prepare; the caller holds the locks."""
        self.journal: Final = journal
        self.sort = sort
        self.stopped: Final = stopped
        self.meter: Final = meter
        self.ways: Final = KnownWays()
        self.failures: Final[list[FileFailure]] = []
        self.interrupted = False
        self._placed: list[Placed] = []
        self._failed: list[FileFailure] = []
        self._cleared: list[Step] = []

    @property
    def uid(self) -> bytes:
        """The identifier of the sort."""
        return self.sort.uid

    def do(self, units: Sequence[Sequence[FileJob]], *, to_the_end: bool = False) -> Iterator[SortEvent]:
        """Do some units as one batch, and yield the events that are due; raises what `Batch.run` does.

        Args:
            units: the jobs of each unit.
            to_the_end: whether a stop has to wait until they are done.
        """
        for job in (job for unit in units for job in unit):
            if job.transfer is not None:
                self.ways.choose(job.transfer)
        batch = Batch(self.journal, self.uid, units, self.ways, _never if to_the_end else self.stopped)
        try:
            # Closed before anything else happens, because that rolls back what was started.
            with contextlib.closing(batch.run()) as sizes:
                for size in sizes:
                    self.meter.copied(size)
                    yield from self.events()
        finally:
            self._cleared += batch.cleared
            for job in (job for unit in units for job in unit):
                if job.end is End.COMPLETE:
                    self.report_placed(job.placed(self.sort.record.action))
                elif job.end in (End.FAILED, End.UNSETTLED):
                    self.report_failed(job.shown, job.step.reason or reasons.UNSETTLED)
                if job.end is End.WITHDRAWN:
                    self.interrupted = True
                elif job.because is None:
                    self.meter.done(1, job.step.size)
        yield from self.events()

    def report_placed(self, placed: Placed) -> None:
        """Report a file that was sorted or restored; the journal already has it."""
        self._placed.append(placed)

    def report_failed(self, path: Path, reason: str) -> None:
        """Report a file that could not be sorted or restored."""
        failure = FileFailure(path, reason)
        self._failed.append(failure)
        if len(self.failures) < FAILURES_TOLD:
            self.failures.append(failure)

    def events(self, *, at_once: bool = False) -> Iterator[SortEvent]:
        """Yield what was reported and the progress, if the next events are due or are to come at once."""
        if not at_once and not self.meter.is_time():
            return
        if self._placed:
            placed, self._placed = self._placed, []
            yield FilesPlaced(tuple(placed))
        if self._failed:
            failed, self._failed = self._failed, []
            yield FilesFailed(tuple(failed))
        yield self.meter.progress()

    def record_cleared(self) -> None:
        """Record in the journal which temporary names were removed."""
        cleared, self._cleared = self._cleared, []
        self.journal.mark(self.uid, cleared)


def _never() -> bool:
    return False


def carried_out(
    run: Run,
    work: Callable[[], Iterator[SortEvent]],
    *,
    during: SortState,
    interrupted: SortState,
    finished: SortState,
) -> Generator[SortEvent, None, SortEnded]:
    """Do the work of a run, and record how it ended, even if the caller closes this or the library fails.

    Args:
        run: the run.
        work: does the work and yields its events.
        during: state of the sort while this is running.
        interrupted: state of the sort if it could not be finished.
        finished: state of the sort if it was finished.

    Returns:
        The last event, which the caller yields once the locks are released.
    """
    run.sort = run.journal.set_state(run.sort, during)
    problem, stopped, failed = "", False, False
    try:
        yield SortBegan(run.sort.record.number, during is SortState.UNDOING, run.meter.files, run.meter.bytes)
        yield run.meter.progress()
        yield from work()
        run.record_cleared()
        if any(run.journal.counts(run.uid).get(state) for state in IN_FLIGHT):
            problem = reasons.sentence(reasons.UNSETTLED)
        stopped = run.interrupted
    except Halt as halt:
        problem = reasons.sentence(str(halt))
    except OSError as error:
        # An unexpected one; what was started is rolled back as after any other.
        problem = _("The system reported an error: {error}. Check the disks, then resume or undo the sort.").format(
            error=error.strerror or error
        )
    except (LibraryError, SortError) as error:
        problem, failed = _journal_problem(error), True
    except BaseException:
        # The caller closes this, or the user presses Ctrl+C: what was started is rolled back by now.
        with contextlib.suppress(LibraryError, SortError):
            run.record_cleared()
            run.journal.set_state(run.sort, interrupted)
        raise
    state = interrupted if problem or stopped else finished
    try:
        if not failed:
            run.record_cleared()
        run.sort = run.journal.set_state(run.sort, state)
    except (LibraryError, SortError) as error:
        problem = problem or _journal_problem(error)
        run.sort = replace(run.sort, record=replace(run.sort.record, state=interrupted))
    yield from run.events(at_once=True)
    return SortEnded(run.sort.record, tuple(run.failures), bool(problem) or stopped, problem, run.meter.seconds)


def _journal_problem(error: LibraryError | SortError) -> str:
    if isinstance(error, SortError):
        return str(error)
    return _("The sort stopped because its journal could not be written.") + f" {error}"


# The history


def list_sorts(library: Library, limit: int = 100) -> list[SortRecord]:
    """Return the latest sorts, newest first; raises LibraryError."""
    return [sort.record for sort in Journal(library).sorts(limit)]


def open_sorts(library: Library) -> list[SortRecord]:
    """Return the interrupted sorts, newest first; none while a process or thread is sorting.

    Raises:
        LibraryError: the journal can't be read.
    """
    found = [record for record in list_sorts(library, _ALL) if record.is_open]
    if not found:
        return []
    try:
        with sort_lock(library, seconds=_PROBE_S):
            # A sort that was running a moment ago may have ended.
            return [record for record in list_sorts(library, _ALL) if record.is_open]
    except SortBusy:
        return []


def failures(library: Library, number: int) -> list[FileFailure]:
    """Return the files of a sort that could not be sorted or restored, and why.

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
    """Return the latest finished sort with files at their target, or None; raises LibraryError.

    What was moved to the trash is no sort.
    """
    for record in list_sorts(library, _ALL):
        if record.state is SortState.FINISHED and record.done and not record.trashed:
            return record
    return None
