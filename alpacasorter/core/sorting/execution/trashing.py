"""Moves photos to the system's trash, through the journal like a sort, so that they can be restored.

Where the trash puts a file is known only afterwards. So the journal has the intent before a file is touched, and its
place in the trash afterwards; after a crash in between, the file is looked for in the trash (`settle_trashed`). To
restore files is to undo a move: `run` does that.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from typing import Final

from alpacasorter.core import reasons, trash_reasons
from alpacasorter.core.events import Placed
from alpacasorter.core.files import display_path, is_second_name, look
from alpacasorter.core.safe_write import FIRST
from alpacasorter.core.sorting.execution.checks import check_folders_there, check_may_leave
from alpacasorter.core.sorting.execution.copying import sync_names
from alpacasorter.core.sorting.execution.errors import FileFault, reading
from alpacasorter.core.sorting.execution.session import Run
from alpacasorter.core.sorting.execution.transfer import TransferKind
from alpacasorter.core.sorting.execution.trash import NotTrashed, Trash, find_in_trash, tidy_up
from alpacasorter.core.sorting.journal import Step, StepState

FILES: Final = 32
"""How many files are thrown away between two writes to the journal; only a single unit may have more."""

_TO_DO: Final = frozenset((StepState.PLANNED, StepState.FAILED))


class TrashRun:
    """Throws the files of a run away, and leaves each unit whole: all its files go, or none."""

    def __init__(self, run: Run, trash: Trash) -> None:
        """Prepare; the caller holds the locks."""
        self._run: Final = run
        self._trash: Final = trash

    def go(self) -> Iterator[tuple[list[Step], list[Step]]]:
        """Throw away what is left to do.

        Yields:
            For each unit that could not go as a whole, the files that are in the trash already, to be put back now,
            and those that failed. Nothing is yielded for others.

        Raises:
            Halt, LibraryError, SortError: it has to stop.
        """
        run, waiting = self._run, list[list[Step]]()
        for unit in run.journal.units(run.uid):
            wanted = [step for step in unit if step.state in _TO_DO]
            if not wanted:
                continue
            if run.stopped():
                run.interrupted = True
                break
            if not self._are_as_planned(wanted):
                run.journal.mark(run.uid, wanted)
                yield [step for step in unit if step.state is StepState.DONE], wanted
                continue
            waiting.append(wanted)
            if sum(map(len, waiting)) >= FILES:
                yield from self._throw(waiting)
                waiting = []
        if waiting:
            yield from self._throw(waiting)

    def _are_as_planned(self, steps: Sequence[Step]) -> bool:
        """Return whether all files of a unit can go; if not, each has a reason."""
        for step in steps:
            try:
                _check(step)
            except FileFault as fault:
                check_folders_there(self._run.sort.record)
                self._fail(step, steps, str(fault))
                return False
        return True

    def _fail(self, culprit: Step, steps: Sequence[Step], reason: str) -> None:
        for step in steps:
            step.state = StepState.FAILED
            step.reason = reason if step is culprit else reasons.left_with(display_path(culprit.source.name))
            self._run.report_failed(step.source, step.reason)
            self._run.meter.done(1, step.size)

    def _throw(self, units: Sequence[Sequence[Step]]) -> Iterator[tuple[list[Step], list[Step]]]:
        run = self._run
        steps = [step for unit in units for step in unit]
        for step in steps:
            step.state, step.reason, step.way = StepState.STARTED, None, f"{TransferKind.MOVE}/{FIRST}"
        run.journal.mark(run.uid, steps)
        broken: list[tuple[list[Step], list[Step]]] = []
        coming_back: set[int] = set()
        try:
            for unit in units:
                if (failed := self._throw_unit(unit)) is not None:
                    done = [step for step in unit if step.state is StepState.DONE]
                    broken.append((done, failed))
                    coming_back.update(step.position for step in done)
        finally:
            # Also if this is interrupted: what was thrown away is known now, and must not have to be looked for.
            for step in steps:
                if step.state is StepState.STARTED and look(step.source) is not None:
                    step.state = StepState.PLANNED
            self._sync(steps)
            run.journal.mark(run.uid, steps)
            for step in steps:
                if step.state is StepState.DONE:
                    run.meter.done(1, step.size)
                    if step.position not in coming_back:
                        run.report_placed(_trashed(step))
        yield from broken

    def _throw_unit(self, unit: Sequence[Step]) -> list[Step] | None:
        """Throw away the files of a unit; return those that were not if one of them could not be."""
        for at, step in enumerate(unit):
            try:
                self._throw_one(step)
            except FileFault as fault:
                rest = list(unit[at:])
                self._fail(step, rest, str(fault))
                return rest
        return None

    def _throw_one(self, step: Step) -> None:
        try:
            there = self._trash.throw(step.source)
        except NotTrashed as error:
            raise FileFault(_why_not(step)) from error
        if there is not None and look(there) is None:
            there = None
        if there is None and look(step.source) is not None:
            raise FileFault(trash_reasons.NO_TRASH)
        step.state = StepState.DONE
        if there is not None:
            step.target = there
            step.placed_mtime_ns = there.lstat().st_mtime_ns

    def _sync(self, steps: Sequence[Step]) -> None:
        done = [step for step in steps if step.state is StepState.DONE]
        for folder in {path.parent for step in done for path in (step.target, step.source)}:
            sync_names(folder)


def settle_trashed(run: Run) -> None:
    """Find out where the files are that were on their way to the trash when the program ended.

    Raises:
        Halt, LibraryError, SortError: the journal can't be written, or a disk is gone.
    """
    steps = run.journal.in_states(run.uid, (StepState.STARTED,))
    for step in steps:
        there = find_in_trash(step)
        if there is not None and is_second_name(step.source, there):
            # The system gives the file its name in the trash first, and was interrupted before it took the old one.
            there.unlink()
            tidy_up((there,))
            there = None
        if there is not None:
            step.state, step.target, step.placed_mtime_ns = StepState.DONE, there, step.mtime_ns
            run.report_placed(_trashed(step))
        elif look(step.source) is not None:
            step.state = StepState.PLANNED
        else:
            step.state, step.reason = StepState.FAILED, trash_reasons.TRASH_UNKNOWN
            run.report_failed(step.source, step.reason)
    run.journal.mark(run.uid, steps)


def tidy_up_after(run: Run) -> None:
    """Remove what the trash has recorded about files that were restored."""
    if run.sort.record.trashed:
        steps = run.journal.in_states(run.uid, (StepState.BACK, StepState.FAILED))
        tidy_up(step.target for step in steps if step.target != step.source)


def is_restored(step: Step) -> bool:
    """Return whether a file is back already because the user has restored it in the system's trash.

    Raises:
        FileFault: it is neither there nor, as far as is known, in the trash.
    """
    with reading(step.target):
        here = look(step.source)
        if step.target != step.source and look(step.target) is not None:
            return False
    if here is not None and (here.st_size, here.st_mtime_ns) == (step.size, step.mtime_ns):
        return True
    raise FileFault(trash_reasons.TRASH_UNKNOWN if step.target == step.source else trash_reasons.TRASH_EMPTIED)


def _check(step: Step) -> None:
    """Raise FileFault if a file can't be thrown away; restoring one that has changed by then could not be checked."""
    with reading(step.source):
        status = step.source.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise FileFault(trash_reasons.TRASH_LINK)
    if not stat.S_ISREG(status.st_mode):
        raise FileFault(reasons.SORT_NOT_REGULAR)
    if (status.st_size, status.st_mtime_ns) != (step.size, step.mtime_ns):
        raise FileFault(trash_reasons.TRASH_CHANGED)
    check_may_leave(step.source)
    step.mode = stat.S_IMODE(status.st_mode)


def _why_not(step: Step) -> str:
    """Return why the system has not thrown a file away."""
    try:
        _check(step)
    except FileFault as fault:
        return str(fault)
    return trash_reasons.NO_TRASH


def _trashed(step: Step) -> Placed:
    key = None if step.digest is None else step.digest.hex()
    return Placed(step.source, None, False, step.size, step.mtime_ns, key, trashed=True)
