"""One file on its way to another place: each step of it, and what the disk says of how far it came.

A transfer never replaces a file, and takes nothing away of which there is not a second name, or a second copy that was
read and compared. `settle` finds out from the disk alone how far one came that was broken off at any moment.
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


class Kind(enum.StrEnum):
    """What is done with the file.

    Attributes:
        MOVE: it goes to its new place on the same disk.
        CARRY: it is copied to another disk, and taken away here.
        COPY: it is copied.
        HARDLINK: it gets a second name.
        SYMLINK: a link to it is made.
    """

    MOVE = "move"
    CARRY = "carry"
    COPY = "copy"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"


_COPIES: Final = frozenset((Kind.CARRY, Kind.COPY))
_TAKES_AWAY: Final = frozenset((Kind.MOVE, Kind.CARRY))


@dataclass(slots=True)
class Transfer:
    """A file that goes somewhere.

    Attributes:
        kind, how: what is done with it, and how the new name is made.
        origin: where it is; for links the real file, without links on the way.
        goal: where it will be.
        spare: what a copy, if one is made, is called until it is whole.
        size, mtime_ns: what it must be like to be the file that was meant.
        guard: what is written into a guard.
        stamp: what a copy gets instead of the original's time and permissions.
        digest: SHA-256 of its bytes as far as known; of a copy, once that is made.
        copied: whether the whole copy is on the disk, under its temporary name at first.
        placed_mtime_ns: when the file at the goal says it was changed.
        is_origin_kept: whether what is at the origin, changed as it may be, is known not to have been taken away.
    """

    kind: Kind
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
        """The temporary name of the copy; None where none is made."""
        return self.spare if self.copies else None

    @property
    def takes_away(self) -> bool:
        """Whether the file is no longer at its origin in the end."""
        return self.kind in _TAKES_AWAY

    def make_copy(self, stopped: Callable[[], bool]) -> Generator[int, None, None]:
        """Make the copy under its temporary name, if there is to be one; yields bytes, raises what `copy` does."""
        if self.temp is not None and not self.copied:
            made = yield from copy(self.origin, self.temp, self.size, self.mtime_ns, stamp=self.stamp, stopped=stopped)
            self.digest, self.placed_mtime_ns, self.copied = made.digest, made.mtime_ns, True

    def place(self) -> None:
        """Make the name at the goal.

        Raises:
            Unsupported: another way has to be taken, see `another_way`.
            OtherDisk: it has to be copied.
            FileFault, Halt: it can't be done.
        """
        with writing(self.goal):
            if self.kind is Kind.SYMLINK:
                self.goal.symlink_to(self.origin)
            elif self.kind is Kind.HARDLINK:
                self._link()
            else:
                give_name(self.temp or self.origin, self.goal, self.how, self.guard)
                if self.kind is Kind.MOVE and self.how is How.LINK and not same_file(self.origin, self.goal):
                    # Some network drives don't tell which names are of one file, and nothing could be proved then.
                    self._unlink_link()
                    raise Unsupported
        if self.placed_mtime_ns is None:
            self.placed_mtime_ns = self.mtime_ns

    def another_way(self) -> None:
        """Take the next way to make the name; raises FileFault where there is none."""
        ways = list(How)
        at = ways.index(self.how) + 1
        if at == len(ways):
            raise FileFault(reasons.NOT_WRITTEN)
        self.how = ways[at]

    def take_origin(self) -> None:
        """Take the file away at its origin, if that is to be. The names at the goal are on the disk by now.

        Raises:
            FileFault, Halt: it can't be taken away.
        """
        if not self.takes_away:
            return
        with removing(self.origin):
            if self.kind is Kind.MOVE:
                # Whoever saved the file anew meanwhile has put another in its place: that one is not ours to take.
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
        """Take the temporary name away, as far as that can be done. The file is at the goal by now."""
        if self.temp is not None and os.path.lexists(self.goal):
            with contextlib.suppress(OSError):
                remove(self.temp)

    def settle(self, *, forward: bool) -> bool:
        """Find out how far this came, and bring it to one end or the other.

        Args:
            forward: which end to bring it to where both are possible.

        Returns:
            Whether the file is in its new place (True) or as if nothing had been done (False).

        Raises:
            FileFault: neither can be said, and never will be.
            Halt, OSError: it can't be found out or done now.
        """
        match self.kind:
            case Kind.SYMLINK:
                return self._settle_link(links_to(self.goal, self.origin), forward=forward)
            case Kind.HARDLINK:
                return self._settle_link(is_second_name(self.origin, self.goal), forward=forward)
            case Kind.MOVE:
                return self._settle_move(forward=forward)
        return self._settle_copy(forward=forward)

    def put_back(self) -> None:
        """Put a file that was moved on one disk to its origin again; raises FileFault, Halt, Unsupported, OtherDisk."""
        with writing(self.origin):
            give_name(self.goal, self.origin, self.how, self.guard)
        sync_names(self.origin.parent, is_needed=True)
        if self.how is How.LINK:
            with removing(self.goal):
                if is_second_name(self.origin, self.goal):
                    self.goal.unlink()

    def _unlink_link(self) -> None:
        """Take away a link that was just made, but nothing that somebody put in its place."""
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
            # It is there, and here is another that came since.
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
            # The copy was not whole yet, so nothing else can have been done.
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
        # What was made is all there is of it now.
        self.place()
        return True

    def _vanished(self) -> FileFault | Halt:
        """Return why there is nothing at either end: it is gone, or a drive is."""
        for folder in (self.origin.parent, self.goal.parent):
            if not folder.is_dir():
                return folder_gone(folder)
        return FileFault(reasons.VANISHED)

    def _settle_published(self, here: os.stat_result | None, *, forward: bool) -> bool:
        if here is None:
            return True
        if not self._is_original(here):
            if not self.is_origin_kept:
                # The original was changed, or it was taken away and another file has its place by now: either way the
                # copy may be the last of its kind.
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
        """Tell whether what is at the origin is what was copied, and not the copy under another name."""
        there = look(self.goal)
        if not stat.S_ISREG(here.st_mode) or there is None or is_same(here, there):
            return False
        return self._is_as_meant(here) or (here.st_size == self.size and self._digest_at_origin() == self.digest)

    def _is_as_placed(self) -> bool:
        """Tell whether the copy is at the goal as it was put there."""
        there = look(self.goal)
        if there is None or not stat.S_ISREG(there.st_mode):
            return False
        made = look(self.spare)
        if made is not None and not is_same(made, there):
            return False
        return there.st_size == self.size and there.st_mtime_ns == self.placed_mtime_ns

    def _is_published(self, made: os.stat_result | None) -> bool:
        """Whether the file at the goal is the copy that was made."""
        there = look(self.goal)
        if there is None or not stat.S_ISREG(there.st_mode):
            return False
        if made is not None and is_same(there, made):
            return True
        # Its temporary name became its name, or the disk doesn't tell which names are of one file: its bytes can tell.
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
