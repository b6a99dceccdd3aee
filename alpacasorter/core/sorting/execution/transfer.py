"""The transfer of one file to another place, step by step.

A transfer never replaces a file, and never removes one unless it has a second name, or a second copy that was read back
and compared. `settle` finds out from the disk alone how far a transfer got that was interrupted at any moment.
"""

from __future__ import annotations

import contextlib
import enum
import os
import stat
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import is_same, is_second_name, links_to, look, same_file
from alpacasorter.core.safe_write import FIRST, How, OtherDisk, Unsupported, give_name, is_guard
from alpacasorter.core.sorting.execution.copying import Stamp, copy, digest_of, remove, sync_names
from alpacasorter.core.sorting.execution.errors import FileFault, Halt, folder_gone, reading, removing, writing


class TransferKind(enum.StrEnum):
    """What is done with the file.

    Attributes:
        MOVE: it is moved on the same disk.
        CARRY: it is moved to another disk: copied, then removed here.
        COPY: it is copied.
        HARDLINK: it gets a second name.
        SYMLINK: a link to it is created.
    """

    MOVE = "move"
    CARRY = "carry"
    COPY = "copy"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"


_COPIES: Final = frozenset((TransferKind.CARRY, TransferKind.COPY))
_TAKES_AWAY: Final = frozenset((TransferKind.MOVE, TransferKind.CARRY))


@dataclass(slots=True)
class Transfer:
    """A file that is moved, copied or linked.

    Attributes:
        kind: what is done with it.
        how: how its new name is made.
        origin: where it is; for links the real file, with all links resolved.
        goal: where it will be.
        spare: the name of a copy until it is complete.
        size: bytes that the file must have to be the one that was meant.
        mtime_ns: modification time that it must have.
        guard: what is written into a guard.
        stamp: what a copy gets instead of the original's time and permissions.
        digest: SHA-256 of its bytes if known; of a copy, once that is made.
        copied: whether the complete copy is on the disk, at first under its temporary name.
        placed_mtime_ns: modification time of the file at the goal.
        is_origin_kept: whether the file at the origin, even if it has changed, is known not to have been removed.
    """

    kind: TransferKind
    origin: Path
    goal: Path
    spare: Path
    size: int
    mtime_ns: int
    guard: bytes
    how: How = FIRST
    stamp: Stamp | None = None
    digest: bytes | None = None
    copied: bool = False
    placed_mtime_ns: int | None = None
    is_origin_kept: bool = False

    @property
    def copies(self) -> bool:
        """Whether bytes are written."""
        return self.kind in _COPIES

    @property
    def temp(self) -> Path | None:
        """The temporary name of the copy; None if no copy is made."""
        return self.spare if self.copies else None

    @property
    def takes_away(self) -> bool:
        """Whether the file is removed from its origin in the end."""
        return self.kind in _TAKES_AWAY

    def make_copy(self, stopped: Callable[[], bool]) -> Generator[int, None, None]:
        """Make the copy under its temporary name, if one is needed; yields and raises what `copy` does."""
        if self.temp is not None and not self.copied:
            made = yield from copy(self.origin, self.temp, self.size, self.mtime_ns, stamp=self.stamp, stopped=stopped)
            self.digest, self.placed_mtime_ns, self.copied = made.digest, made.mtime_ns, True

    def place(self) -> None:
        """Give the file its name at the goal.

        Raises:
            Unsupported: another way is needed, see `another_way`.
            OtherDisk: the file has to be copied.
            FileFault, Halt: it can't be done.
        """
        with writing(self.goal):
            if self.kind is TransferKind.SYMLINK:
                self.goal.symlink_to(self.origin)
            elif self.kind is TransferKind.HARDLINK:
                self._link()
            else:
                give_name(self.temp or self.origin, self.goal, self.how, self.guard)
                if self.kind is TransferKind.MOVE and self.how is How.LINK and not same_file(self.origin, self.goal):
                    # Some network drives don't say which names belong to one file: nothing could be proved then.
                    self._unlink_link()
                    raise Unsupported
        if self.placed_mtime_ns is None:
            self.placed_mtime_ns = self.mtime_ns

    def another_way(self) -> None:
        """Choose the next way to make the name; raises FileFault if there is none."""
        ways = list(How)
        at = ways.index(self.how) + 1
        if at == len(ways):
            raise FileFault(reasons.NOT_WRITTEN)
        self.how = ways[at]

    def take_origin(self) -> None:
        """Remove the file from its origin if it is moved. Its name at the goal is on the disk by now.

        Raises:
            FileFault, Halt: it can't be removed.
        """
        if not self.takes_away:
            return
        with removing(self.origin):
            if self.kind is TransferKind.MOVE:
                # A program that saved the file meanwhile has replaced it by another one, which is not ours to remove.
                if self.how is How.LINK and is_second_name(self.origin, self.goal):
                    self.origin.unlink()
                return
            status = look(self.origin)
            if status is None:
                return
            if not self._is_as_meant(status):
                self.is_origin_kept = stat.S_ISREG(status.st_mode)
                raise FileFault(reasons.CHANGED)
            if not self._is_as_placed():
                raise FileFault(reasons.COPY_GONE)
            remove(self.origin)

    def drop_temp(self) -> None:
        """Remove the temporary name if possible. The file is at the goal by now."""
        if self.temp is not None and os.path.lexists(self.goal):
            with contextlib.suppress(OSError):
                remove(self.temp)

    def settle(self, *, forward: bool) -> bool:
        """Find out how far an interrupted transfer got, and complete it or roll it back.

        Args:
            forward: whether to complete it if both are possible.

        Returns:
            Whether the file is at the goal (True) or as if nothing had been done (False).

        Raises:
            FileFault: it is neither, and never will be.
            Halt, OSError: it can't be found out or done now.
        """
        match self.kind:
            case TransferKind.SYMLINK:
                return self._settle_link(links_to(self.goal, self.origin), forward=forward)
            case TransferKind.HARDLINK:
                return self._settle_link(is_second_name(self.origin, self.goal), forward=forward)
            case TransferKind.MOVE:
                return self._settle_move(forward=forward)
        return self._settle_copy(forward=forward)

    def put_back(self) -> None:
        """Move a file back that was moved on one disk; raises FileFault, Halt, Unsupported or OtherDisk."""
        with writing(self.origin):
            give_name(self.goal, self.origin, self.how, self.guard)
        sync_names(self.origin.parent, is_needed=True)
        if self.how is How.LINK:
            with removing(self.goal):
                if is_second_name(self.origin, self.goal):
                    self.goal.unlink()

    def _unlink_link(self) -> None:
        """Remove a link that was just made, but not a file that another program put in its place."""
        there, here = look(self.goal), look(self.origin)
        if there is None or here is None:
            return
        if (there.st_size, there.st_mtime_ns) != (here.st_size, here.st_mtime_ns):
            raise FileFault(reasons.TAKEN)
        self.goal.unlink()

    def _link(self) -> None:
        try:
            give_name(self.origin, self.goal, How.LINK, b"")
        except Unsupported as error:
            raise FileFault(reasons.NO_HARD_LINKS) from error
        except OtherDisk as error:
            raise FileFault(reasons.LINK_ACROSS_DISKS) from error

    def _settle_link(self, is_ours: bool, *, forward: bool) -> bool:
        if is_ours and not forward:
            self.goal.unlink()
            return False
        if is_ours:
            self.placed_mtime_ns = self.mtime_ns
        return is_ours

    def _settle_move(self, *, forward: bool) -> bool:
        there, here = look(self.goal), look(self.origin)
        if there is not None and here is not None:
            if self.how is How.LINK and is_second_name(self.origin, self.goal):
                stays, goes = (self.goal, self.origin) if forward else (self.origin, self.goal)
                sync_names(stays.parent, is_needed=True)
                goes.unlink()
                self.placed_mtime_ns = self.mtime_ns
                return forward
            if self.how is How.GUARD and is_guard(self.goal, self.guard):
                self.goal.unlink()
                return False
            # The file is at the goal, and the one at the origin was created later.
            if self._is_as_meant(there) and not self._is_as_meant(here):
                self.placed_mtime_ns = self.mtime_ns
                return True
            return False
        if here is not None:
            return False
        if there is None:
            raise self._vanished()
        if not self._is_as_meant(there):
            raise FileFault(reasons.CHANGED)
        self.placed_mtime_ns = self.mtime_ns
        return True

    def _settle_copy(self, *, forward: bool) -> bool:
        temp = self.temp
        if temp is None or not self.copied:
            # The copy was not complete yet, so nothing else can have been done.
            if temp is not None:
                remove(temp)
            return False
        here, made = look(self.origin), look(temp)
        if self._is_published(made):
            return self._settle_published(here, forward=forward)
        if self.how is How.GUARD and is_guard(self.goal, self.guard):
            self.goal.unlink()
        if here is not None:
            remove(temp)
            return False
        if made is None:
            raise self._vanished()
        # The copy is the only one left.
        self.place()
        return True

    def _vanished(self) -> FileFault | Halt:
        """Return why the file is at neither end: it is gone, or a drive is."""
        for folder in (self.origin.parent, self.goal.parent):
            if not folder.is_dir():
                return folder_gone(folder)
        return FileFault(reasons.VANISHED)

    def _settle_published(self, here: os.stat_result | None, *, forward: bool) -> bool:
        if here is None:
            return True
        if not self._is_original(here):
            if not self.is_origin_kept:
                # The original was changed, or it was removed and another file took its place: either way the copy may
                # be the only one left.
                return True
            self._check_copy()
            self._drop_copy()
            raise FileFault(reasons.CHANGED)
        self._check_copy()
        if not forward:
            self._drop_copy()
            return False
        if self.takes_away:
            sync_names(self.goal.parent, is_needed=True)
            remove(self.origin)
        return True

    def _check_copy(self) -> None:
        with reading(self.goal):
            if digest_of(self.goal) != self.digest:
                raise FileFault(reasons.CHANGED_THERE)

    def _is_original(self, here: os.stat_result) -> bool:
        """Return whether the file at the origin is the one that was copied, and not the copy under another name."""
        there = look(self.goal)
        if not stat.S_ISREG(here.st_mode) or there is None or is_same(here, there):
            return False
        return self._is_as_meant(here) or (here.st_size == self.size and self._digest_at_origin() == self.digest)

    def _is_as_placed(self) -> bool:
        """Return whether the copy is at the goal and unchanged."""
        there = look(self.goal)
        if there is None or not stat.S_ISREG(there.st_mode):
            return False
        made = look(self.spare)
        if made is not None and not is_same(made, there):
            return False
        return there.st_size == self.size and there.st_mtime_ns == self.placed_mtime_ns

    def _is_published(self, made: os.stat_result | None) -> bool:
        """Return whether the file at the goal is the copy that was made."""
        there = look(self.goal)
        if there is None or not stat.S_ISREG(there.st_mode):
            return False
        if made is not None and is_same(there, made):
            return True
        # The copy was renamed, or the disk doesn't say which names belong to one file: compare the bytes.
        return there.st_size == self.size and digest_of(self.goal) == self.digest

    def _digest_at_origin(self) -> bytes:
        with reading(self.origin):
            return digest_of(self.origin)

    def _drop_copy(self) -> None:
        remove(self.goal)
        if self.temp is not None:
            remove(self.temp)
        sync_names(self.goal.parent)

    def _is_as_meant(self, status: os.stat_result) -> bool:
        return stat.S_ISREG(status.st_mode) and status.st_size == self.size and status.st_mtime_ns == self.mtime_ns
