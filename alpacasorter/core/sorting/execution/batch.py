"""Handles several files together, so that the journal and the folders are written to the disk once for all of them.

The order: commit all intents; make and verify the copies; make the new names; sync their folders; only then remove the
old names; commit the results. If a file fails, its whole unit is rolled back.
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
from alpacasorter.core.sorting.execution.jobs import End, FileJob
from alpacasorter.core.sorting.execution.transfer import Transfer, TransferKind
from alpacasorter.core.sorting.journal import Journal, Step
from alpacasorter.core.store.library import LibraryError

FILES: Final = 64
BYTES: Final = 32 << 20
"""How many files and copied bytes make a batch; only a single unit may have more."""


def is_full(units: Sequence[Sequence[FileJob]]) -> bool:
    """Return whether these units are enough for a batch."""
    jobs = [job for unit in units for job in unit]
    copied = sum(job.step.size for job in jobs if job.transfer is not None and job.transfer.copies)
    return len(jobs) >= FILES or copied >= BYTES


class KnownWays:
    """The ways that turned out to work between two folders, so that those that don't are tried only once."""

    def __init__(self) -> None:
        """Start with none."""
        self._known: Final[dict[tuple[TransferKind, Path, Path], tuple[TransferKind, How]]] = {}

    def choose(self, transfer: Transfer) -> None:
        """Make a transfer use the way that worked last."""
        known = self._known.get((transfer.kind, transfer.origin.parent, transfer.goal.parent))
        if known is not None:
            transfer.kind, transfer.how = known

    def learn(self, wanted: TransferKind, transfer: Transfer) -> None:
        """Remember the way that worked for a transfer."""
        self._known[wanted, transfer.origin.parent, transfer.goal.parent] = transfer.kind, transfer.how


class Batch:
    """Units of jobs that are done together.

    Attributes:
        cleared: steps whose temporary name was removed; the next write to the journal may include them.
    """

    def __init__(
        self,
        journal: Journal,
        uid: bytes,
        units: Sequence[Sequence[FileJob]],
        ways: KnownWays,
        stopped: Callable[[], bool],
    ) -> None:
        """Prepare; each job was checked, and nothing was done yet."""
        self._journal: Final = journal
        self._uid: Final = uid
        self._units: Final = units
        self._ways: Final = ways
        self._stopped: Final = stopped
        self.cleared: list[Step] = []

    def run(self) -> Generator[int, None, None]:
        """Do the jobs; yields how many bytes were copied from time to time.

        Afterwards each job has its end, and the journal has them all. If this is interrupted, everything that was not
        complete is rolled back.

        Raises:
            Halt, LibraryError, SortError: the sort has to stop.
        """
        for job in self._jobs():
            job.intend()
        self._mark()
        try:
            yield from self._copy()
            yield from self._place()
            self._sync(lambda job: job.transfer.goal if job.transfer is not None else None, is_needed=True)
            self._take_away()
            self._sync(self._removed)
            for job in self._open():
                job.end = End.COMPLETE
        except BaseException:
            # Also if the caller closes this generator, or the user presses Ctrl+C.
            for job in self._jobs():
                job.withdraw(None)
            with contextlib.suppress(LibraryError, SortError):
                self._finish()
            raise
        self._finish()

    def _jobs(self) -> Iterator[FileJob]:
        return (job for unit in self._units for job in unit)

    def _open(self) -> Iterator[FileJob]:
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

    def _copy_one(self, job: FileJob, transfer: Transfer) -> Generator[int, None, None]:
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

    def _place_one(self, job: FileJob, transfer: Transfer) -> Generator[int, None, None]:
        wanted = transfer.kind
        while True:
            try:
                job.touched = True
                transfer.place()
                break
            except FileFault:
                # The file at the goal is not ours.
                job.touched = False
                raise
            except Unsupported:
                transfer.another_way()
            except OtherDisk as error:
                job.touched = False
                if transfer.kind is not TransferKind.MOVE:
                    raise FileFault(reasons.NOT_WRITTEN) from error
                transfer.kind, transfer.how = TransferKind.CARRY, FIRST
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

    def _sync(self, place: Callable[[FileJob], Path | None], *, is_needed: bool = False) -> None:
        places = {place(job) for job in self._open()}
        for folder in {path.parent for path in places if path is not None}:
            sync_names(folder, is_needed=is_needed)

    @staticmethod
    def _removed(job: FileJob) -> Path | None:
        """Return the name that a job removed."""
        if job.transfer is None:
            return job.step.target
        return job.transfer.origin if job.transfer.takes_away else None


def _fail(unit: Sequence[FileJob], culprit: FileJob, reason: str, *, began: bool = False) -> None:
    """Fail a job and roll back the other jobs of its unit."""
    if began or culprit.touched or (culprit.transfer is not None and culprit.transfer.copied):
        culprit.withdraw(reason)
    else:
        culprit.fail(reason)
    for job in unit:
        if job is not culprit:
            job.withdraw(reasons.left_with(display_path(culprit.step.source.name)))
