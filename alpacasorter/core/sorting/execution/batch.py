"""Does some files together, so that the journal and the folders are written to the disk once for all of them.

In this order: all intents are committed; copies are made and compared; new names are made; the folders they are in are
synced; only then the old names are taken away; the results are committed. What fails takes its whole unit back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.safe_write import FIRST, How, OtherDisk, Unsupported
from alpacasorter.core.sorting.events import SortError
from alpacasorter.core.sorting.execution.copying import CopyStopped, sync_names
from alpacasorter.core.sorting.execution.errors import FileFault
from alpacasorter.core.sorting.execution.jobs import End, Job
from alpacasorter.core.sorting.execution.transfer import Kind, Transfer
from alpacasorter.core.sorting.journal import Journal, Step
from alpacasorter.core.store.library import LibraryError

FILES: Final = 64
BYTES: Final = 32 << 20
"""How many files, and bytes to be copied, are done together; more than that only in one unit."""


def is_full(units: Sequence[Sequence[Job]]) -> bool:
    """Tell whether these units are enough for a batch."""
    jobs = [job for unit in units for job in unit]
    copied = sum(job.step.size for job in jobs if job.transfer is not None and job.transfer.copies)
    return len(jobs) >= FILES or copied >= BYTES


class Ways:
    """Which ways turned out to work between two folders, so that one that doesn't is tried once."""

    def __init__(self) -> None:
        """Begin with knowing nothing."""
        self._known: Final[dict[tuple[Kind, Path, Path], tuple[Kind, How]]] = {}

    def choose(self, transfer: Transfer) -> None:
        """Have a transfer take the way that worked last."""
        known = self._known.get((transfer.kind, transfer.origin.parent, transfer.goal.parent))
        if known is not None:
            transfer.kind, transfer.how = known

    def learn(self, wanted: Kind, transfer: Transfer) -> None:
        """Remember the way that a transfer took."""
        self._known[wanted, transfer.origin.parent, transfer.goal.parent] = transfer.kind, transfer.how


class Batch:
    """Units of jobs that are done together."""

    def __init__(
        self,
        journal: Journal,
        uid: bytes,
        units: Sequence[Sequence[Job]],
        ways: Ways,
        stopped: Callable[[], bool],
    ) -> None:
        """Take the jobs; each was checked, and nothing was done yet."""
        self._journal: Final = journal
        self._uid: Final = uid
        self._units: Final = units
        self._ways: Final = ways
        self._stopped: Final = stopped
        # Steps whose temporary name is gone by now; that is noted with whatever is noted next.
        self.cleared: list[Step] = []

    def run(self) -> Generator[int, None, None]:
        """Do them; yields how many bytes were copied now and then.

        Afterwards each job says what became of it, and so does the journal. Where this is broken off, everything that
        was not complete is withdrawn.

        Raises:
            Halt, LibraryError, SortError: nothing more can be done.
        """
        for job in self._jobs():
            job.intend()
        self._mark()
        try:
            yield from self._copy()
            yield from self._place()
            self._sync(lambda job: job.transfer.goal if job.transfer is not None else None, is_needed=True)
            self._take_away()
            self._sync(self._left)
            for job in self._open():
                job.end = End.COMPLETE
        except BaseException:
            # Also where the caller closes this generator, or the user presses Ctrl+C.
            for job in self._jobs():
                job.withdraw(None)
            with contextlib.suppress(LibraryError, SortError):
                self._finish()
            raise
        self._finish()

    def _jobs(self) -> Iterator[Job]:
        return (job for unit in self._units for job in unit)

    def _open(self) -> Iterator[Job]:
        return (job for job in self._jobs() if job.end is End.OPEN)

    def _mark(self) -> None:
        self._journal.mark(self._uid, [job.step for job in self._jobs()])

    def _finish(self) -> None:
        for job in self._jobs():
            job.close()
        self._mark()
        for job in self._jobs():
            if job.end is End.COMPLETE and job.step.temp is not None and job.transfer is not None:
                job.transfer.drop_temp()
                job.step.temp = None
                self.cleared.append(job.step)

    def _copy(self) -> Generator[int, None, None]:
        made = False
        for unit in self._units:
            try:
                for job in unit:
                    if job.transfer is not None and job.transfer.copies:
                        yield from self._copy_one(job, job.transfer)
                        made = True
            except CopyStopped:
                for job in unit:
                    job.withdraw(None)
            except FileFault as fault:
                _fail(unit, job, str(fault))
        if made:
            self._mark()

    def _copy_one(self, job: Job, transfer: Transfer) -> Generator[int, None, None]:
        if self._stopped():
            raise CopyStopped
        yield from transfer.make_copy(self._stopped)
        job.note()

    def _place(self) -> Generator[int, None, None]:
        for unit in self._units:
            for job in unit:
                if job.end is not End.OPEN or job.transfer is None:
                    continue
                try:
                    yield from self._place_one(job, job.transfer)
                except CopyStopped:
                    for other in unit:
                        other.withdraw(None)
                except FileFault as fault:
                    _fail(unit, job, str(fault))

    def _place_one(self, job: Job, transfer: Transfer) -> Generator[int, None, None]:
        wanted = transfer.kind
        while True:
            try:
                job.touched = True
                transfer.place()
                break
            except FileFault:
                # What is there is not ours.
                job.touched = False
                raise
            except Unsupported:
                transfer.another_way()
            except OtherDisk as error:
                job.touched = False
                if transfer.kind is not Kind.MOVE:
                    raise FileFault(reasons.NOT_WRITTEN) from error
                transfer.kind, transfer.how = Kind.CARRY, FIRST
                job.note()
                self._journal.mark(self._uid, [job.step])
                yield from self._copy_one(job, transfer)
            job.note()
            self._journal.mark(self._uid, [job.step])
            self._ways.learn(wanted, transfer)
        job.note()

    def _take_away(self) -> None:
        for unit in self._units:
            for job in unit:
                if job.end is End.OPEN:
                    try:
                        job.take_away()
                    except FileFault as fault:
                        _fail(unit, job, str(fault), began=True)

    def _sync(self, place: Callable[[Job], Path | None], *, is_needed: bool = False) -> None:
        places = {place(job) for job in self._open()}
        for folder in {path.parent for path in places if path is not None}:
            sync_names(folder, is_needed=is_needed)

    @staticmethod
    def _left(job: Job) -> Path | None:
        """Where a job took a name away."""
        if job.transfer is None:
            return job.step.target
        return job.transfer.origin if job.transfer.takes_away else None


def _fail(unit: Sequence[Job], culprit: Job, reason: str, *, began: bool = False) -> None:
    """Have a job fail, and the rest of its unit with it."""
    if began or culprit.touched or (culprit.transfer is not None and culprit.transfer.copied):
        culprit.withdraw(reason)
    else:
        culprit.fail(reason)
    for job in unit:
        if job is not culprit:
            job.withdraw(reasons.left_with(display_path(culprit.step.source.name)))
