"""Goes on with a sort that was broken off, at whatever moment: to its end, or back to where everything was.

First each file of which the journal has the intent but no result is looked for on the disk (`settle`); then the sort
goes on as any other.

Does what a plan says, exactly that, and so that it can be finished or taken back whatever happens.

Puts files in their places, unit by unit, as the journal says.

Takes back what a sort did, the last first, and then the folders that it made.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path, same_file
from alpacasorter.core.sorting.events import SortEnded, SortError, SortEvent, SortState
from alpacasorter.core.sorting.execution.batch import is_full
from alpacasorter.core.sorting.execution.checks import (
    PartOfUnit,
    Unneeded,
    backward_job,
    check_disk_there,
    check_folders_there,
    forward_job,
)
from alpacasorter.core.sorting.execution.copying import remove, sync_names
from alpacasorter.core.sorting.execution.errors import FileFault, Halt, removing
from alpacasorter.core.sorting.execution.jobs import End, Job, job_of, leftover
from alpacasorter.core.sorting.execution.made_folders import make_folders, remove_folders
from alpacasorter.core.sorting.execution.session import Pace, Run, alone, carried_out, undisturbed
from alpacasorter.core.sorting.journal import IN_FLIGHT, Journal, Sort, Step, StepState
from alpacasorter.core.sorting.plan import SortPlan
from alpacasorter.core.store.library import Library


def run_sort(
    plan: SortPlan, library: Library, *, stopped: Callable[[], bool] = lambda: False
) -> Generator[SortEvent, None, None]:
    """Sort: move, copy or link each file of a plan that is to go.

    Nothing is done before this is first iterated. Closing it early leaves the sort open and consistent.

    Args:
        plan: what was shown to the user.
        library: holds the journal.
        stopped: asked now and then, also in the middle of a large file; where it says so the sort stops.

    Yields:
        SortBegan first, SortEnded last.

    Raises:
        SortError: there is nothing to do.
        SortBusy: another one is at work.
        LibraryError: the journal can't be written; nothing was done.
    """
    if not plan.files_to_do:
        raise SortError("There is nothing to sort: every photo stays where it is.")
    with alone(library), undisturbed(plan.folder, plan.options.destination):
        journal = Journal(library)
        ended = yield from forward(journal, journal.begin(plan), stopped)
    yield ended


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
    run = _run(journal, sort, stopped, _TO_DO | IN_FLIGHT)

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
    run = _run(journal, sort, stopped, _TO_UNDO | IN_FLIGHT)

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
        run.tell_failed(job.shown, reasons.UNSETTLED)
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
        run.tell_failed(job.shown, step.reason or reasons.UNSETTLED)


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
            with removing(job.shown):
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


_TO_DO: Final = frozenset((StepState.PLANNED, StepState.FAILED))


def go_forward(run: Run) -> Iterator[SortEvent]:
    """Do each file that is not in its place yet; raises Halt, LibraryError or SortError."""
    make_folders(run.journal, run.uid)
    waiting: list[list[Job]] = []
    done_before: dict[int, list[Step]] = {}
    for unit in run.journal.units(run.uid):
        wanted = [step for step in unit if step.state in _TO_DO]
        if not wanted:
            continue
        if run.stopped():
            run.broke_off = True
            return
        if waiting and _needs_place_of(wanted, waiting):
            yield from _do(run, waiting, done_before)
            waiting = []
        before = [step for step in unit if step.state is StepState.DONE]
        jobs = _jobs_forward(run, wanted)
        if jobs is None:
            run.journal.mark(run.uid, wanted)
            yield from _take_unit_back(run, before, wanted)
            yield from run.events()
            continue
        done_before[unit[0].unit] = before
        waiting.append(jobs)
        if is_full(waiting):
            yield from _do(run, waiting, done_before)
            waiting = []
    if waiting:
        yield from _do(run, waiting, done_before)


def _jobs_forward(run: Run, steps: Sequence[Step]) -> list[Job] | None:
    """Return the jobs of a unit; None where one of its files can't be done, and then each says why it isn't."""
    jobs: list[Job] = []
    for step in steps:
        try:
            jobs.append(forward_job(run.uid, run.sort.record, step))
        except FileFault as fault:
            check_folders_there(run.sort.record)
            for other in steps:
                other.state = StepState.FAILED
                other.reason = str(fault) if other is step else reasons.left_with(display_path(step.source.name))
                run.tell_failed(other.source, other.reason)
                run.pace.done(1, other.size)
            return None
    return jobs


def _do(run: Run, units: Sequence[Sequence[Job]], done_before: dict[int, list[Step]]) -> Iterator[SortEvent]:
    yield from run.do(units)
    for unit in units:
        if any(job.end is End.FAILED for job in unit):
            check_folders_there(run.sort.record)
            done = done_before[unit[0].step.unit] + [job.step for job in unit if job.end is End.COMPLETE]
            yield from _take_unit_back(run, done, [job.step for job in unit if job.end is End.FAILED])


def _take_unit_back(run: Run, done: Sequence[Step], failed: Sequence[Step]) -> Iterator[SortEvent]:
    """Take back what was done of a unit of which another file could not be, so that companions never part."""
    because = reasons.left_with(display_path(failed[0].source.name))
    jobs = []
    for step in reversed(done):
        try:
            jobs.append(backward_job(run.uid, run.sort.record, step, because))
        except (FileFault, Unneeded):
            continue
    if not jobs:
        return
    yield from run.do([jobs], to_the_end=True)
    for job in jobs:
        if job.end is End.COMPLETE:
            run.tell_failed(job.step.source, because)


def _needs_place_of(steps: Sequence[Step], waiting: Sequence[Sequence[Job]]) -> bool:
    """Tell whether a file goes where another is that is about to leave."""
    leaving = {job.step.source for unit in waiting for job in unit}
    return any(step.target in leaving for step in steps)


_TO_UNDO: Final = frozenset((StepState.DONE, StepState.LEFT))


def go_back(run: Run) -> Iterator[SortEvent]:
    """Take back each file that is in its place, and the folders that are empty then.

    Raises:
        Halt, LibraryError, SortError: nothing more can be done.
    """
    waiting: list[list[Job]] = []
    emptied: set[Path] = set()

    def do() -> Iterator[SortEvent]:
        yield from run.do(waiting)
        emptied.update(job.step.target.parent for one in waiting for job in one if job.end is End.COMPLETE)
        waiting.clear()

    for unit in run.journal.units(run.uid, backwards=True):
        wanted = [step for step in unit if step.state in _TO_UNDO]
        if not wanted:
            continue
        if run.stopped():
            run.broke_off = True
            return
        if waiting and _goes_back_to_place_of(wanted, waiting):
            yield from do()
        jobs = _jobs_backward(run, wanted)
        run.journal.mark(run.uid, [step for step in wanted if all(job.step is not step for job in jobs)])
        if jobs:
            waiting.append(jobs)
        if is_full(waiting):
            yield from do()
        yield from run.events()
    if waiting:
        yield from do()
    if not run.broke_off:
        run.note_cleared()
        remove_folders(run.journal, run.uid, emptied)


def _jobs_backward(run: Run, steps: Sequence[Step]) -> list[Job]:
    """Return the jobs that take a unit back; the others of its files say why they are left, or that they are gone."""
    jobs: list[Job] = []
    blocking: Step | None = None
    for step in reversed(steps):
        try:
            jobs.append(backward_job(run.uid, run.sort.record, step))
        except Unneeded:
            step.state, step.reason = StepState.BACK, None
            run.pace.done(1, step.size)
        except FileFault as fault:
            check_disk_there(run.sort.record.destination)
            _leave(run, step, str(fault))
            if isinstance(fault, PartOfUnit):
                blocking = step
    if blocking is None:
        return jobs
    for job in jobs:
        _leave(run, job.step, reasons.stays_with(display_path(blocking.target.name)))
    return []


def _leave(run: Run, step: Step, reason: str) -> None:
    step.state, step.reason = StepState.LEFT, reason
    run.tell_failed(step.target, reason)
    run.pace.done(1, step.size)


def _goes_back_to_place_of(steps: Sequence[Step], waiting: Sequence[Sequence[Job]]) -> bool:
    """Tell whether a file goes where another is that is about to leave."""
    leaving = {job.step.target for unit in waiting for job in unit}
    return any(step.source in leaving for step in steps)
