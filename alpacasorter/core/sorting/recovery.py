"""Goes on with a sort that was broken off, at whatever moment: to its end, or back to where everything was.

First each file of which the journal has the intent but no result is looked for on the disk (`settle`); then the sort
goes on as any other.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator

from alpacasorter.core.library import Library
from alpacasorter.core.sorting import faults
from alpacasorter.core.sorting.backward import WANTED as WANTED_BACK
from alpacasorter.core.sorting.backward import go_back
from alpacasorter.core.sorting.checks import check_disk_there, check_folders_there
from alpacasorter.core.sorting.copying import remove, sync_names
from alpacasorter.core.sorting.events import SortEnded, SortError, SortEvent, SortState
from alpacasorter.core.sorting.faults import FileFault, Halt
from alpacasorter.core.sorting.forward import WANTED as WANTED_FORWARD
from alpacasorter.core.sorting.forward import go_forward
from alpacasorter.core.sorting.jobs import End, Job, job_of, leftover
from alpacasorter.core.sorting.journal import Journal, Sort
from alpacasorter.core.sorting.looking import same_file
from alpacasorter.core.sorting.pace import Pace
from alpacasorter.core.sorting.running import UNSETTLED, Run, alone, carried_out, undisturbed
from alpacasorter.core.sorting.steps import IN_FLIGHT, Step, StepState

_AT_ONCE = 256
_BACK = frozenset((StepState.RETURNING, StepState.RECOPIED))


def finish_sort(
    number: int, library: Library, *, stopped: Callable[[], bool] = lambda: False
) -> Generator[SortEvent, None, None]:
    """Bring a sort to its end: one that was broken off goes on; of a finished one what failed is tried again.

    One that was being taken back goes on being taken back. Closing this early leaves the sort open and consistent.

    Args:
        number: of the sort.
        library: with the journal.
        stopped: asked now and then; where it says so the sort stops.

    Yields:
        SortBegan first, SortEnded last.

    Raises:
        SortError: there is no such sort, or it was taken back.
        SortBusy: another one is at work.
        LibraryError: the journal can't be read or written.
    """
    with alone(library):
        journal = Journal(library)
        sort = journal.sort(number)
        if sort.record.state is SortState.UNDONE:
            raise SortError(f"Sort {number} was taken back. Make a new plan to sort these photos again.")
        with undisturbed(sort.record.folder, sort.record.destination):
            if sort.record.state is SortState.UNDOING:
                ended = yield from _back(journal, sort, stopped)
            else:
                ended = yield from forward(journal, sort, stopped)
    yield ended


def take_back_sort(
    number: int, library: Library, *, stopped: Callable[[], bool] = lambda: False
) -> Generator[SortEvent, None, None]:
    """Take a sort back: roll back one that was broken off, or undo a finished one.

    Of one that was undone, the files that had to be left are tried again. Closing this early leaves it open; then it
    can be gone on with.

    Args:
        number: of the sort.
        library: with the journal.
        stopped: asked now and then; where it says so taking back stops.

    Yields:
        SortBegan first, SortEnded last.

    Raises:
        SortError: there is no such sort, or nothing of it is left to be taken back.
        SortBusy: another one is at work.
        LibraryError: the journal can't be read or written.
    """
    with alone(library):
        journal = Journal(library)
        sort = journal.sort(number)
        if sort.record.state is SortState.UNDONE and not sort.record.left:
            raise SortError(f"Sort {number} was taken back already.")
        with undisturbed(sort.record.folder, sort.record.destination):
            ended = yield from _back(journal, sort, stopped)
    yield ended


def forward(journal: Journal, sort: Sort, stopped: Callable[[], bool]) -> Generator[SortEvent, None, SortEnded]:
    """Do what is left of a sort; returns the last event, for when the lock is free. Raises what `finish_sort` does."""
    run = _run(journal, sort, stopped, WANTED_FORWARD | IN_FLIGHT)

    def work() -> Iterator[SortEvent]:
        if any(run.journal.counts(run.uid).get(state) for state in (StepState.DONE, *IN_FLIGHT)):
            # Else the folders of a drive that is not connected would be made where it should be.
            check_folders_there(sort.record)
        _settle(run, forward=True)
        yield from run.events()
        yield from go_forward(run)

    return (
        yield from carried_out(
            run, work, during=SortState.RUNNING, broken_off=SortState.STOPPED, finished=SortState.FINISHED
        )
    )


def _back(journal: Journal, sort: Sort, stopped: Callable[[], bool]) -> Generator[SortEvent, None, SortEnded]:
    run = _run(journal, sort, stopped, WANTED_BACK | IN_FLIGHT)

    def work() -> Iterator[SortEvent]:
        _settle(run, forward=False)
        yield from run.events()
        yield from go_back(run)

    return (
        yield from carried_out(
            run, work, during=SortState.UNDOING, broken_off=SortState.UNDOING, finished=SortState.UNDONE
        )
    )


def _run(journal: Journal, sort: Sort, stopped: Callable[[], bool], states: frozenset[StepState]) -> Run:
    counts = [count for state, count in journal.counts(sort.uid).items() if state in states]
    return Run(journal, sort, stopped, Pace(sum(files for files, _ in counts), sum(size for _, size in counts)))


def _settle(run: Run, *, forward: bool) -> None:
    """Bring each file of which only the disk can tell how far it came to one end or the other."""
    steps = run.journal.unsettled(run.uid)
    if any(step.state in IN_FLIGHT for step in steps):
        for folder in (run.sort.record.folder, run.sort.record.destination):
            check_disk_there(folder)
    for start in range(0, len(steps), _AT_ONCE):
        some = steps[start : start + _AT_ONCE]
        for step in some:
            if step.state in IN_FLIGHT:
                _settle_one(run, step, forward=forward)
        run.journal.mark(run.uid, some)
        # Only now: until then a second name was the proof that a file is ours.
        cleared = [step for step in some if step.state not in IN_FLIGHT and _drop_leftover(step)]
        run.journal.mark(run.uid, cleared)


def _settle_one(run: Run, step: Step, *, forward: bool) -> None:
    back = step.state in _BACK
    job = job_of(run.uid, run.sort.record.action, step, back=back, because=step.reason if back else None)
    try:
        job.end = _settled(job, forward=forward or back)
        step.reason = step.reason if back else None
    except FileFault as fault:
        job.fail(str(fault))
    if job.end is End.UNSETTLED:
        run.tell_failed(job.shown, UNSETTLED)
        return
    if job.transfer is not None:
        for folder in {job.transfer.goal.parent, job.transfer.origin.parent}:
            sync_names(folder)
    temp = step.temp
    job.close()
    # What is left of it is looked at once the journal has the result.
    step.temp = temp
    if job.end is End.COMPLETE:
        run.tell_placed(job.placed(run.sort.record.action))
        if job.back is not forward:
            run.pace.done(1, step.size)
    elif job.end is End.FAILED:
        run.tell_failed(job.shown, step.reason or UNSETTLED)


def _settled(job: Job, *, forward: bool) -> End:
    """Return what became of a job; raises FileFault where it can't be done for good."""
    transfer = job.transfer
    if transfer is None:
        return End.WITHDRAWN if os.path.lexists(job.step.target) else End.COMPLETE
    reason: str | None = None
    for onward in (True, False) if forward else (False,):
        try:
            complete = transfer.settle(forward=onward)
        except (OSError, Halt) as error:
            reason = reason or _why(error, job)
            continue
        if complete:
            return End.COMPLETE
        if reason is None:
            return End.WITHDRAWN
        raise FileFault(reason)
    return End.UNSETTLED


def _why(error: OSError | Halt, job: Job) -> str:
    if isinstance(error, OSError):
        try:
            with faults.removing(job.shown):
                raise error
        except (FileFault, Halt) as told:
            return str(told)
    return str(error)


def _drop_leftover(step: Step) -> bool:
    """Take away a temporary name that is no longer needed; tell whether it is gone."""
    found = leftover(step)
    if found is None:
        return False
    temp, goal = found
    if not temp.parent.is_dir():
        # The drive it is on may come back.
        return False
    is_placed = step.state in (StepState.DONE, StepState.BACK)
    with contextlib.suppress(OSError):
        if step.state is StepState.PLANNED or same_file(temp, goal) or (is_placed and os.path.lexists(goal)):
            remove(temp)
    if os.path.lexists(temp):
        return False
    step.temp = None
    return True
