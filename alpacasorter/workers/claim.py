"""Of several starts, one has the window that later ones are handed to: it holds a lock from its start to its end.

The lock is taken before the window is made, which takes half a second: of two starts at the same moment the one without
it waits until the other listens.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QDir, QLockFile

from alpacasorter.workers.instance import forget_dead, hand_over, is_ours, listens

STARTING_SECONDS: Final = 10.0
"""How long one start waits for the window of another that is being opened."""
_POLL_SECONDS: Final = 0.05


class Claim:
    """The right to be found by later starts.

    Attributes:
        name: the address, from `instance.server_name`.
    """

    def __init__(self, name: str) -> None:
        """Prepare; `take()` takes it."""
        self.name = name
        self._path = os.path.join(QDir.tempPath(), f"{name}.lock") if sys.platform == "win32" else f"{name}.lock"  # noqa: PTH118
        self._lock = QLockFile(self._path)
        # However old it is; that of a process which was killed is never in the way.
        self._lock.setStaleLockTime(0)

    @property
    def held(self) -> bool:
        """Whether it was taken."""
        return self._lock.isLocked()

    def take(self) -> bool:
        """Take it unless another window has it; return whether it is held now."""
        if not self.held and self._lock.tryLock(0):
            # Whoever listened there was killed.
            forget_dead(self.name)
        return self.held

    def is_elsewhere(self) -> bool:
        """Tell whether another process of this user has it, after `take` failed."""
        return self._lock.error() == QLockFile.LockError.LockFailedError and is_ours(self._path, stat.S_ISREG)

    def release(self) -> None:
        """Leave it to others. Releasing twice is fine."""
        self._lock.unlock()


def hand_over_or_claim(
    claim: Claim, folder: Path | None, photos: Sequence[str] = (), *, seconds: float = STARTING_SECONDS
) -> bool:
    """Hand a folder to the window that is open or is being opened; where there is none, take the claim.

    Args:
        claim: of this start.
        folder: absolute, or None to have the window come to the front only.
        photos: names of those in it that are to be selected.
        seconds: how long to wait for a window that is being opened.

    Returns:
        Whether a window has it. Where not, this start opens one of its own; `claim.held` says whether later starts
        find that one: not where there is another one that is busy.
    """
    until = time.monotonic() + seconds
    while True:
        there = listens(claim.name)
        if hand_over(claim.name, folder, photos):
            return True
        if claim.take() or there or not claim.is_elsewhere() or time.monotonic() >= until:
            return False
        time.sleep(_POLL_SECONDS)
