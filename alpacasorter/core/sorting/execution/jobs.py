"""A job: one step of the journal together with the transfer that carries it out, or undoes it, on the disk."""

from __future__ import annotations

import contextlib
import enum
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.core.events import Placed
from alpacasorter.core.files import look
from alpacasorter.core.safe_write import FIRST, How, OtherDisk, Unsupported
from alpacasorter.core.sorting.execution.copying import Stamp, remove, sync_names
from alpacasorter.core.sorting.execution.errors import FileFault, Halt, removing
from alpacasorter.core.sorting.execution.transfer import Transfer, TransferKind
from alpacasorter.core.sorting.journal import Step, StepState
from alpacasorter.core.sorting.options import Action

_BACK: Final = "-back"


class End(enum.Enum):
    """How a job ended.

    Attributes:
        OPEN: it has not ended.
        COMPLETE: it was done.
        WITHDRAWN: it was rolled back, because it was stopped.
        FAILED: it was rolled back, because it could not be done.
        UNSETTLED: unknown until the disk can be checked again.
    """

    OPEN = enum.auto()
    COMPLETE = enum.auto()
    WITHDRAWN = enum.auto()
    FAILED = enum.auto()
    UNSETTLED = enum.auto()


@dataclass(slots=True)
class FileJob:
    """What is done with one file now.

    Attributes:
        step: its row in the journal.
        transfer: how the file gets to where it goes; None if the file at the target is only deleted.
        back: whether the step is undone.
        because: why it is undone although the sort goes on; then it counts as failed in the end.
        end: how it ended.
        touched: whether something may have been done at the goal.
        check: raises FileFault if the file at the target must not be deleted; called just before that is done.
    """

    step: Step
    transfer: Transfer | None
    back: bool
    because: str | None = None
    end: End = End.OPEN
    touched: bool = False
    check: Callable[[], None] | None = None

    @property
    def shown(self) -> Path:
        """The path by which the user knows the file now."""
        return self.step.target if self.back else self.step.source

    def intend(self) -> None:
        """Record in the step what is about to be done."""
        self.step.state = StepState.RETURNING if self.back else StepState.STARTED
        self.step.reason = self.because
        self.note()

    def note(self) -> None:
        """Record in the step how far the transfer is."""
        transfer, step = self.transfer, self.step
        if transfer is None:
            return
        step.way = f"{transfer.kind}/{transfer.how}"
        step.temp = None if transfer.temp is None else transfer.temp.name
        if transfer.copied:
            step.digest = transfer.digest
            step.state = StepState.RECOPIED if self.back else StepState.COPIED
        if not self.back and transfer.placed_mtime_ns is not None:
            step.placed_mtime_ns = transfer.placed_mtime_ns

    def take_away(self) -> None:
        """Remove the file from where it was; raises FileFault or Halt."""
        self.touched = True
        if self.transfer is not None:
            self.transfer.take_origin()
            return
        if self.check is not None:
            self.check()
        with removing(self.step.target):
            remove(self.step.target)

    def fail(self, reason: str) -> None:
        """Record why it could not be done."""
        self.end = End.FAILED
        self.step.reason = reason

    def withdraw(self, reason: str | None) -> None:
        """Roll back what was done, as far as possible.

        Args:
            reason: why the job failed; None if it was only stopped.
        """
        if self.end is not End.OPEN:
            return
        try:
            complete = self._is_complete()
        except FileFault as fault:
            self.fail(str(fault))
            return
        except (Halt, OSError):
            self.end = End.UNSETTLED
            return
        if self.touched and self.transfer is not None:
            with contextlib.suppress(Halt):
                sync_names(self.transfer.goal.parent)
        if complete:
            self.end = End.COMPLETE
        elif reason is None:
            self.end = End.WITHDRAWN
        else:
            self.fail(reason)

    def close(self) -> None:
        """Record in the step how the job ended."""
        step = self.step
        match self.end:
            case End.COMPLETE if not self.back:
                step.state, step.reason = StepState.DONE, None
                if self.transfer is not None and self.transfer.placed_mtime_ns is not None:
                    step.placed_mtime_ns = self.transfer.placed_mtime_ns
            case End.COMPLETE:
                step.state = StepState.BACK if self.because is None else StepState.FAILED
            case End.WITHDRAWN:
                step.state, step.reason = StepState.DONE if self.back else StepState.PLANNED, None
            case End.FAILED if not self.back:
                step.state = StepState.FAILED
            case End.FAILED:
                # If the sort goes on, the file counts as sorted, as before.
                step.state = StepState.LEFT if self.because is None else StepState.DONE
        transfer = self.transfer
        if self.end in (End.WITHDRAWN, End.FAILED) and transfer is not None and not os.path.lexists(transfer.spare):
            step.temp = None

    def placed(self, action: Action) -> Placed:
        """Return the event for a job that is complete."""
        step = self.step
        key = None if step.digest is None else step.digest.hex()
        mtime_ns = step.placed_mtime_ns if step.placed_mtime_ns is not None else step.mtime_ns
        if not self.back:
            kept = action is not Action.MOVE
            return Placed(step.source, step.target, kept, step.size, mtime_ns, key)
        if self.transfer is None:
            return Placed(step.target, None, False, step.size, mtime_ns, key)
        if self.transfer.placed_mtime_ns is not None:
            mtime_ns = self.transfer.placed_mtime_ns
        return Placed(step.target, step.source, False, step.size, mtime_ns, key)

    def _is_complete(self) -> bool:
        transfer = self.transfer
        if transfer is None:
            return look(self.step.target) is None
        if not self.touched:
            if transfer.temp is not None:
                remove(transfer.temp)
            return False
        if not transfer.settle(forward=False):
            return False
        if transfer.kind is not TransferKind.MOVE:
            return True
        try:
            transfer.put_back()
        except (FileFault, Halt, Unsupported, OtherDisk):
            return transfer.settle(forward=True)
        return False


def job_of(uid: bytes, action: Action, step: Step, *, back: bool, because: str | None = None) -> FileJob:
    """Return the job that the journal says was started, or a new one if none was.

    Args:
        uid: identifies the sort.
        action: what the sort does.
        step: what is done or undone.
        back: whether it is undone.
        because: as in `FileJob`.
    """
    if back and action is not Action.MOVE:
        return FileJob(step, None, back, because)
    kind, how = _way(step.way, action)
    origin, goal = (step.target, step.source) if back else (step.source, step.target)
    ending = _BACK if back else ""
    mtime_ns = step.mtime_ns
    stamp = None
    if back:
        if step.placed_mtime_ns is not None:
            mtime_ns = step.placed_mtime_ns
        stamp = Stamp(step.mtime_ns, step.mode)
    elif kind in (TransferKind.HARDLINK, TransferKind.SYMLINK) and step.real is not None:
        origin = step.real
    # The names and the text in a guard are found again after a crash: they must not change between versions.
    transfer = Transfer(
        kind,
        origin,
        goal,
        goal.with_name(f".alpacasorter-{uid.hex()[:16]}-{step.position}{ending}.part"),
        step.size,
        mtime_ns,
        f"AlpacaSorter is moving a file here ({uid.hex()}-{step.position}{ending}).\n".encode(),
        how,
        stamp,
        step.digest,
        copied=step.state in (StepState.COPIED, StepState.RECOPIED),
    )
    return FileJob(step, transfer, back, because)


def leftover(step: Step) -> tuple[Path, Path] | None:
    """Return the temporary name that a step may have left, and the name that the file was to get from it."""
    if step.temp is None:
        return None
    goal = step.source if step.temp.endswith(f"{_BACK}.part") else step.target
    return goal.with_name(step.temp), goal


def _way(stored: str | None, action: Action) -> tuple[TransferKind, How]:
    kind, _, how = (stored or "").partition("/")
    return (TransferKind(kind), How(how)) if how else (TransferKind(action.value), FIRST)
