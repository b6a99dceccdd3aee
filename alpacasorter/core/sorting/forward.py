"""Puts files in their places, unit by unit, as the journal says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from alpacasorter.core.sorting.batch import is_full
from alpacasorter.core.sorting.checks import Unneeded, backward_job, check_folders_there, forward_job
from alpacasorter.core.sorting.events import SortEvent
from alpacasorter.core.sorting.faults import FileFault, together
from alpacasorter.core.sorting.jobs import End, Job
from alpacasorter.core.sorting.made_folders import make_folders
from alpacasorter.core.sorting.running import Run
from alpacasorter.core.sorting.steps import Step, StepState

WANTED: Final = frozenset((StepState.PLANNED, StepState.FAILED))


def go_forward(run: Run) -> Iterator[SortEvent]:
    """Do each file that is not in its place yet; raises Halt, LibraryError or SortError."""
    make_folders(run.journal, run.uid)
    waiting: list[list[Job]] = []
    done_before: dict[int, list[Step]] = {}
    for unit in run.journal.units(run.uid):
        wanted = [step for step in unit if step.state in WANTED]
        if not wanted:
            continue
        if run.stopped():
            run.broke_off = True
            return
        if waiting and _depends(wanted, waiting):
            yield from _do(run, waiting, done_before)
            waiting = []
        before = [step for step in unit if step.state is StepState.DONE]
        jobs = _checked(run, wanted)
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


def _checked(run: Run, steps: Sequence[Step]) -> list[Job] | None:
    """Return the jobs of a unit; None where one of its files can't be done, and then each says why it isn't."""
    jobs: list[Job] = []
    for step in steps:
        try:
            jobs.append(forward_job(run.uid, run.sort.record, step))
        except FileFault as fault:
            check_folders_there(run.sort.record)
            for other in steps:
                other.state = StepState.FAILED
                other.reason = str(fault) if other is step else together(step.source)
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
    because = together(failed[0].source)
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


def _depends(steps: Sequence[Step], waiting: Sequence[Sequence[Job]]) -> bool:
    """Tell whether a file goes where another is that is about to leave."""
    leaving = {job.step.source for unit in waiting for job in unit}
    return any(step.target in leaving for step in steps)
