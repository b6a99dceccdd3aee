"""Carries out a plan, resumes a sort that was interrupted at any moment, and undoes one; the same for the trash.

Forward, `run_sort` writes the plan to the journal, and then the files are handled unit by unit, several units as one
batch (`session.Run.do`, `batch.Batch`). Each unit is checked first (`checks`). If a file of a unit can't be sorted, the
rest of the unit is put back, so that companions stay together.

Back, an undo goes through the journal from its end in the same way, and then removes the folders that the sort created.

Before either, `_settle` looks on the disk for the files whose intent is in the journal but whose result is not, and
brings each to one end or the other.
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
from alpacasorter.core.sorting.execution.jobs import End, FileJob, job_of, leftover
from alpacasorter.core.sorting.execution.made_folders import make_folders, remove_folders
from alpacasorter.core.sorting.execution.session import ProgressMeter, Run, carried_out, folder_locks, sort_lock
from alpacasorter.core.sorting.execution.trash import Trash
from alpacasorter.core.sorting.execution.trashing import TrashRun, is_restored, settle_trashed, tidy_up_after
from alpacasorter.core.sorting.journal import IN_FLIGHT, Journal, Sort, Step, StepState
from alpacasorter.core.sorting.plan import SortPlan
from alpacasorter.core.store.library import Library
from alpacasorter.i18n import _

_TO_DO: Final = frozenset((StepState.PLANNED, StepState.FAILED))
_TO_UNDO: Final = frozenset((StepState.DONE, StepState.LEFT))
_RETURNING: Final = frozenset((StepState.RETURNING, StepState.RECOPIED))
_SETTLED_AT_ONCE: Final = 256


# What can be done with a sort


def run_sort(
    plan: SortPlan, library: Library, *, stopped: Callable[[], bool] = lambda: False
) -> Generator[SortEvent, None, None]:
    """Sort: move, copy or link each file of a plan whose outcome is GO.

    Nothing happens before the first event is requested. Closing it early leaves the sort open and consistent.

    Args:
        plan: what was shown to the user.
        library: holds the journal.
        stopped: called often, even in the middle of a large file; the sort stops once it returns True.

    Yields:
        SortBegan first, SortEnded last.

    Raises:
        SortError: there is nothing to do.
        SortBusy: another sort is running.
        LibraryError: the journal can't be written; nothing was done.
    """
    if not plan.files_to_do:
        raise SortError(_("There is nothing to sort: every photo stays where it is."))
    with sort_lock(library), folder_locks(plan.folder, plan.options.destination):
        journal = Journal(library)
        ended = yield from _sort(journal, journal.begin(plan), stopped)
    yield ended


def trash_photos(
    plan: SortPlan, library: Library, trash: Trash, *, stopped: Callable[[], bool] = lambda: False
) -> Generator[SortEvent, None, None]:
    """Move each file of a plan of `planning.trashing` whose outcome is GO to the trash; otherwise like `run_sort`.

    Args:
        plan: what the user has agreed to.
        library: holds the journal.
        trash: where the files go.
        stopped: as in `run_sort`.

    Yields:
        SortBegan first, SortEnded last.

    Raises:
        SortError, SortBusy, LibraryError: as `run_sort` does.
    """
    if not plan.files_to_do:
        raise SortError(_("There is nothing to move to the trash."))
    with sort_lock(library), folder_locks(plan.folder):
        journal = Journal(library)
        ended = yield from _sort(journal, journal.begin(plan), stopped, trash)
    yield ended


def resume_sort(
    number: int, library: Library, *, stopped: Callable[[], bool] = lambda: False, trash: Trash | None = None
) -> Generator[SortEvent, None, None]:
    """Resume an interrupted sort or undo; in a finished sort, try the failed files again.

    Closing it early leaves the sort open and consistent.

    Args:
        number: of the sort.
        library: holds the journal.
        stopped: called often; the sort stops once it returns True.
        trash: where files go that were to be moved to the trash; None where only the window can do that.

    Yields:
        SortBegan first, SortEnded last.

    Raises:
        SortError: there is no such sort, it was undone, or it can't be resumed without `trash`.
        SortBusy: another sort is running.
        LibraryError: the journal can't be read or written.
    """
    with sort_lock(library):
        journal = Journal(library)
        sort = journal.sort(number)
        if sort.record.state is SortState.UNDONE:
            raise SortError(
                _("Sort {number} was undone. Make a new plan to sort these photos again.").format(number=number)
            )
        if sort.record.trashed and trash is None and sort.record.state is not SortState.UNDOING:
            raise SortError(
                _("Sort {number} moves photos to the trash. Resume it in the window, or undo it.").format(number=number)
            )
        with folder_locks(sort.record.folder, sort.record.destination):
            if sort.record.state is SortState.UNDOING:
                ended = yield from _undo(journal, sort, stopped)
            else:
                ended = yield from _sort(journal, sort, stopped, trash)
    yield ended


def undo_sort(
    number: int, library: Library, *, stopped: Callable[[], bool] = lambda: False
) -> Generator[SortEvent, None, None]:
    """Undo a sort, whether it was finished or interrupted; in an undone sort, try the files again that were left.

    Closing it early leaves the sort open, so that the undo can be resumed.

    Args:
        number: of the sort.
        library: holds the journal.
        stopped: called often; the undo stops once it returns True.

    Yields:
        SortBegan first, SortEnded last.

    Raises:
        SortError: there is no such sort, or nothing is left to be undone.
        SortBusy: another sort is running.
        LibraryError: the journal can't be read or written.
    """
    with sort_lock(library):
        journal = Journal(library)
        sort = journal.sort(number)
        if sort.record.state is SortState.UNDONE and not sort.record.left:
            raise SortError(_("Sort {number} was already undone.").format(number=number))
        with folder_locks(sort.record.folder, sort.record.destination):
            ended = yield from _undo(journal, sort, stopped)
    yield ended


def _run(journal: Journal, sort: Sort, stopped: Callable[[], bool], states: frozenset[StepState]) -> Run:
    counts = [count for state, count in journal.counts(sort.uid).items() if state in states]
    meter = ProgressMeter(sum(files for files, _size in counts), sum(size for _files, size in counts))
    return Run(journal, sort, stopped, meter)


# Forward


def _sort(
    journal: Journal, sort: Sort, stopped: Callable[[], bool], trash: Trash | None = None
) -> Generator[SortEvent, None, SortEnded]:
    """Do what is left of a sort; return the last event, to be yielded once the locks are released."""
    run = _run(journal, sort, stopped, _TO_DO | IN_FLIGHT)

    def work() -> Iterator[SortEvent]:
        if any(run.journal.counts(run.uid).get(state) for state in (StepState.DONE, *IN_FLIGHT)):
            # Otherwise the folders of a disconnected drive would be created where it is usually mounted.
            check_folders_there(sort.record)
        _settle(run, forward=True)
        yield from run.events()
        if trash is not None and sort.record.trashed:
            yield from _go_to_trash(run, trash)
        else:
            yield from _go_forward(run)

    return (
        yield from carried_out(
            run, work, during=SortState.RUNNING, interrupted=SortState.STOPPED, finished=SortState.FINISHED
        )
    )


def _go_forward(run: Run) -> Iterator[SortEvent]:
    """Sort each file that is not at its target yet; raises Halt, LibraryError or SortError."""
    make_folders(run.journal, run.uid)
    waiting: list[list[FileJob]] = []
    done_before: dict[int, list[Step]] = {}
    for unit in run.journal.units(run.uid):
        wanted = [step for step in unit if step.state in _TO_DO]
        if not wanted:
            continue
        if run.stopped():
            run.interrupted = True
            return
        if waiting and _needs_place_of(wanted, waiting):
            yield from _do(run, waiting, done_before)
            waiting = []
        before = [step for step in unit if step.state is StepState.DONE]
        jobs = _forward_jobs(run, wanted)
        if jobs is None:
            run.journal.mark(run.uid, wanted)
            yield from _put_unit_back(run, before, wanted)
            yield from run.events()
            continue
        done_before[unit[0].unit] = before
        waiting.append(jobs)
        if is_full(waiting):
            yield from _do(run, waiting, done_before)
            waiting = []
    if waiting:
        yield from _do(run, waiting, done_before)


def _go_to_trash(run: Run, trash: Trash) -> Iterator[SortEvent]:
    """Throw away each file that is not in the trash yet; raises Halt, LibraryError or SortError."""
    for done, failed in TrashRun(run, trash).go():
        yield from _put_unit_back(run, done, failed)
        yield from run.events()
    tidy_up_after(run)


def _forward_jobs(run: Run, steps: Sequence[Step]) -> list[FileJob] | None:
    """Return the jobs of a unit; None if one of its files can't be sorted, and then each step has a reason."""
    jobs: list[FileJob] = []
    for step in steps:
        try:
            jobs.append(forward_job(run.uid, run.sort.record, step))
        except FileFault as fault:
            check_folders_there(run.sort.record)
            for other in steps:
                other.state = StepState.FAILED
                other.reason = str(fault) if other is step else reasons.left_with(display_path(step.source.name))
                run.report_failed(other.source, other.reason)
                run.meter.done(1, other.size)
            return None
    return jobs


def _do(run: Run, units: Sequence[Sequence[FileJob]], done_before: dict[int, list[Step]]) -> Iterator[SortEvent]:
    yield from run.do(units)
    for unit in units:
        if any(job.end is End.FAILED for job in unit):
            check_folders_there(run.sort.record)
            done = done_before[unit[0].step.unit] + [job.step for job in unit if job.end is End.COMPLETE]
            yield from _put_unit_back(run, done, [job.step for job in unit if job.end is End.FAILED])


def _put_unit_back(run: Run, done: Sequence[Step], failed: Sequence[Step]) -> Iterator[SortEvent]:
    """Undo what was done of a unit after another of its files failed, so that companions are never separated."""
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
            run.report_failed(job.step.source, because)


def _needs_place_of(steps: Sequence[Step], waiting: Sequence[Sequence[FileJob]]) -> bool:
    """Return whether a file goes where another one is that is about to leave."""
    leaving = {job.step.source for unit in waiting for job in unit}
    return any(step.target in leaving for step in steps)


# Back


def _undo(journal: Journal, sort: Sort, stopped: Callable[[], bool]) -> Generator[SortEvent, None, SortEnded]:
    """Undo what is left of a sort; return the last event, to be yielded once the locks are released."""
    run = _run(journal, sort, stopped, _TO_UNDO | IN_FLIGHT)

    def work() -> Iterator[SortEvent]:
        _settle(run, forward=False)
        yield from run.events()
        yield from _go_back(run)
        tidy_up_after(run)

    return (
        yield from carried_out(
            run, work, during=SortState.UNDOING, interrupted=SortState.UNDOING, finished=SortState.UNDONE
        )
    )


def _go_back(run: Run) -> Iterator[SortEvent]:
    """Restore each file that is at its target, and remove the folders that are then empty.

    Raises:
        Halt, LibraryError, SortError: the undo has to stop.
    """
    waiting: list[list[FileJob]] = []
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
            run.interrupted = True
            return
        if waiting and _goes_back_to_place_of(wanted, waiting):
            yield from do()
        jobs = _backward_jobs(run, wanted)
        run.journal.mark(run.uid, [step for step in wanted if all(job.step is not step for job in jobs)])
        if jobs:
            waiting.append(jobs)
        if is_full(waiting):
            yield from do()
        yield from run.events()
    if waiting:
        yield from do()
    if not run.interrupted:
        run.record_cleared()
        remove_folders(run.journal, run.uid, emptied)


def _backward_jobs(run: Run, steps: Sequence[Step]) -> list[FileJob]:
    """Return the jobs that restore a unit; steps without a job have a reason, or had nothing to be undone."""
    jobs: list[FileJob] = []
    blocking: Step | None = None
    for step in reversed(steps):
        try:
            if run.sort.record.trashed and is_restored(step):
                raise Unneeded
            jobs.append(backward_job(run.uid, run.sort.record, step))
        except Unneeded:
            step.state, step.reason = StepState.BACK, None
            run.meter.done(1, step.size)
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
    run.report_failed(step.target, reason)
    run.meter.done(1, step.size)


def _goes_back_to_place_of(steps: Sequence[Step], waiting: Sequence[Sequence[FileJob]]) -> bool:
    """Return whether a file goes back to where another one is that is about to leave."""
    leaving = {job.step.target for unit in waiting for job in unit}
    return any(step.source in leaving for step in steps)


# After an interruption


def _settle(run: Run, *, forward: bool) -> None:
    """Bring each file that was in flight when the app ended to one end or the other.

    Args:
        run: the run.
        forward: which end to bring it to if both are possible.
    """
    if run.sort.record.trashed:
        settle_trashed(run)
    steps = run.journal.unsettled(run.uid)
    if any(step.state in IN_FLIGHT for step in steps):
        for folder in (run.sort.record.folder, run.sort.record.destination):
            check_disk_there(folder)
    for start in range(0, len(steps), _SETTLED_AT_ONCE):
        some = steps[start : start + _SETTLED_AT_ONCE]
        for step in some:
            if step.state in IN_FLIGHT:
                _settle_step(run, step, forward=forward)
        run.journal.mark(run.uid, some)
        # Not before the journal is written: until then a second name proves that a file is ours.
        cleared = [step for step in some if step.state not in IN_FLIGHT and _remove_leftover(step)]
        run.journal.mark(run.uid, cleared)


def _settle_step(run: Run, step: Step, *, forward: bool) -> None:
    back = step.state in _RETURNING
    job = job_of(run.uid, run.sort.record.action, step, back=back, because=step.reason if back else None)
    try:
        job.end = _end_of(job, forward=forward or back)
        step.reason = step.reason if back else None
    except FileFault as fault:
        job.fail(str(fault))
    if job.end is End.UNSETTLED:
        run.report_failed(job.shown, reasons.UNSETTLED)
        return
    if job.transfer is not None:
        for folder in {job.transfer.goal.parent, job.transfer.origin.parent}:
            sync_names(folder)
    temp = step.temp
    job.close()
    # A leftover under this name is removed once the journal has the result.
    step.temp = temp
    if job.end is End.COMPLETE:
        run.report_placed(job.placed(run.sort.record.action))
        if job.back is not forward:
            run.meter.done(1, step.size)
    elif job.end is End.FAILED:
        run.report_failed(job.shown, step.reason or reasons.UNSETTLED)


def _end_of(job: FileJob, *, forward: bool) -> End:
    """Return how an interrupted job ended; raises FileFault if it can never be completed or rolled back."""
    transfer = job.transfer
    if transfer is None:
        return End.WITHDRAWN if os.path.lexists(job.step.target) else End.COMPLETE
    reason: str | None = None
    for onward in (True, False) if forward else (False,):
        try:
            complete = transfer.settle(forward=onward)
        except (OSError, Halt) as error:
            reason = reason or _reason_of(error, job)
            continue
        if complete:
            return End.COMPLETE
        if reason is None:
            return End.WITHDRAWN
        raise FileFault(reason)
    return End.UNSETTLED


def _reason_of(error: OSError | Halt, job: FileJob) -> str:
    if isinstance(error, OSError):
        try:
            with removing(job.shown):
                raise error
        except (FileFault, Halt) as told:
            return str(told)
    return str(error)


def _remove_leftover(step: Step) -> bool:
    """Remove a temporary name that is no longer needed; return whether it is gone."""
    found = leftover(step)
    if found is None:
        return False
    temp, goal = found
    if not temp.parent.is_dir():
        # Its drive may be connected again later.
        return False
    is_placed = step.state in (StepState.DONE, StepState.BACK)
    with contextlib.suppress(OSError):
        if step.state is StepState.PLANNED or same_file(temp, goal) or (is_placed and os.path.lexists(goal)):
            remove(temp)
    if os.path.lexists(temp):
        return False
    step.temp = None
    return True
