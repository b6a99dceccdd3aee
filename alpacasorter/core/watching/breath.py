"""Rests between short pieces of work, for what runs behind a window.

Python runs one thread at a time. One that works without a pause has each of the others wait some milliseconds whenever
that comes back from reading, drawing or calculating, which makes it several times slower; one that works in pieces
shorter than that is hardly noticed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_PIECE_SECONDS: Final = 0.002
# A rest is so many times as long as the work before it: where nobody else is at work, as soon as somebody is, at most.
_LEAST: Final = 0.05
_FIRST: Final = 1.0
_MOST: Final = 4.0
# Others who learn or draw wait for us only now and then, so one is slow to believe that they are done.
_SHORTER: Final = 0.9
_LATE_SECONDS: Final = 0.0005
_LONGEST_SECONDS: Final = 0.03


class Breath:
    """Has one thread rest. The rests become longer where others are at work, which is seen by waking up late."""

    def __init__(
        self,
        *,
        rests: bool = True,
        now: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare.

        Args:
            rests: whether there are rests at all.
            now: tells the time in seconds.
            worked: tells for how many seconds this thread has worked; waiting for a drive is not work.
            sleep: waits for some seconds.
        """
        self._rests = rests
        self._now = now
        self._worked = worked
        self._sleep = sleep
        self._times = _LEAST
        self._usually_late = float("inf")
        self.begin()

    def begin(self) -> None:
        """Work begins."""
        self._began = self._piece_began = self._now()
        self._worked_before = self._worked()
        self._rested = 0.0

    def seconds(self) -> float:
        """Return for how many seconds the work has gone on, without the rests."""
        return self._now() - self._began - self._rested

    def take(self) -> None:
        """Rest if it is time to; ask often."""
        if not self._rests or (began := self._now()) - self._piece_began < _PIECE_SECONDS:
            return
        rest = min(self._times * (self._worked() - self._worked_before), _LONGEST_SECONDS)
        self._sleep(rest)
        now = self._now()
        late = now - began - rest
        # Some systems are never on time.
        self._usually_late = min(self._usually_late, late)
        if late > self._usually_late + _LATE_SECONDS:
            self._times = min(max(2 * self._times, _FIRST), _MOST)
        else:
            self._times = max(_SHORTER * self._times, _LEAST)
        self._rested += now - began
        self._piece_began = now
        self._worked_before = self._worked()
