"""Takes back what a sort did, the last first, and then the folders that it made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from alpacasorter.core.sorting.batch import is_full
from alpacasorter.core.sorting.checks import PartOfUnit, Unneeded, backward_job, check_disk_there
from alpacasorter.core.sorting.events import SortEvent
from alpacasorter.core.sorting.faults import FileFault, left_together
from alpacasorter.core.sorting.jobs import End, Job
from alpacasorter.core.sorting.made_folders import remove_folders
from alpacasorter.core.sorting.running import Run
from alpacasorter.core.sorting.steps import Step, StepState

WANTED: Final = frozenset((StepState.DONE, StepState.LEFT))


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
        wanted = [step for step in unit if step.state in WANTED]
        if not wanted:
            continue
        if run.stopped():
            run.broke_off = True
            return
        if waiting and _depends(wanted, waiting):
            yield from do()
        jobs = _checked(run, wanted)
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


def _checked(run: Run, steps: Sequence[Step]) -> list[Job]:
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
        _leave(run, job.step, left_together(blocking.target))
    return []


def _leave(run: Run, step: Step, reason: str) -> None:
    step.state, step.reason = StepState.LEFT, reason
    run.tell_failed(step.target, reason)
    run.pace.done(1, step.size)


def _depends(steps: Sequence[Step], waiting: Sequence[Sequence[Job]]) -> bool:
    """Tell whether a file goes where another is that is about to leave."""
    leaving = {job.step.target for unit in waiting for job in unit}
    return any(step.source in leaving for step in steps)
