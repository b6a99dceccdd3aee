"""Runs a decoder on a separate thread, so that a caller never waits for one that hangs.

A decoder in C can't be interrupted. It can be given up: its caller goes on with another photo, and what the decoder
returns in the end is dropped. The threads don't keep the process alive; a process in which one was given up must end
without the interpreter's own cleaning up, which would take away what the decoder is still using (`exit_at_once`).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable

_T = TypeVar("_T")

SECONDS: Final = 2.0
SECONDS_PER_PIXEL: Final = 40e-9
"""A photo may take `SECONDS` and this for each of its pixels."""

_POLL_SECONDS: Final = 0.05
_MOST_PATIENCE: Final = 8.0
_PATIENCE_WHEN_BUSY: Final = 3.0
"""How many times longer a decoder that works on threads of its own may take if this program keeps all cores busy, as it
does with a software GPU; the load that the system reports takes a minute to show that."""
_IDLE: Final = 0.02
"""A decoder that worked for a smaller share of the time does not work at all."""

_running: Final[set[threading.Thread]] = set()
_lock: Final = threading.Lock()


class DecodingStopped(Exception):
    """The caller no longer wants the photo."""


class Allowance:
    """How much time a decoder has left, and whether a caller still waits. Created on its thread, read on another."""

    def __init__(self) -> None:
        """Start the clock, for a photo without pixels."""
        self.given_up = False
        self._clock = _clock_of_this_thread()
        self._seconds: float | None = None
        self._since = self._worked_before = self._program_before = 0.0
        self.begin(0)

    def pause(self) -> None:
        """Stop the clock while the decoder itself waits for others."""
        self._seconds = None

    def begin(self, pixels: int) -> None:
        """Restart the clock for a photo with this many pixels.

        Raises:
            DecodingStopped: no caller is waiting anymore.
        """
        if self.given_up:
            raise DecodingStopped
        self._since, self._worked_before = time.monotonic(), self._worked() or 0.0
        self._program_before = time.process_time()
        self._seconds = SECONDS + SECONDS_PER_PIXEL * pixels

    def is_used_up(self) -> bool:
        """Tell whether the time is over: that which the decoder worked, as far as the system says how long that is.

        Other programs may be busy, too. One that does not work at all hangs, or works on threads of its own.
        """
        seconds, passed = self._seconds, time.monotonic() - self._since
        if seconds is None or passed <= seconds:
            return False
        worked = self._worked()
        if worked is None or worked - self._worked_before < _IDLE * passed:
            busy = (time.process_time() - self._program_before) / (passed * (os.cpu_count() or 1))
            return passed > seconds * max(_patience(), 1.0 + _PATIENCE_WHEN_BUSY * busy)
        return worked - self._worked_before > seconds or passed > seconds * _MOST_PATIENCE

    def _worked(self) -> float | None:
        """Return how many seconds the decoder's thread has worked; None if the system does not say."""
        if self._clock is None:
            return None
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # the thread has just ended
            return None


def _clock_of_this_thread() -> int | None:
    try:
        return time.pthread_getcpuclockid(threading.get_ident())
    except (AttributeError, OSError):  # macOS and Windows
        return None


def _patience() -> float:
    """Return how much longer everything takes because other programs are busy, too."""
    try:
        load = os.getloadavg()[0]
    except (OSError, AttributeError):  # Windows does not say
        return 1.0
    return min(max(load / (os.cpu_count() or 1), 1.0), _MOST_PATIENCE)


def run_bounded(work: Callable[[Allowance], _T], *, stopped: Callable[[], bool]) -> _T:
    """Return what `work` returns; raise what it raises.

    Args:
        work: gets its allowance, and tells it how many pixels the photo has as soon as that is known.
        stopped: called every 50 ms; once it returns True, the caller stops waiting.

    Raises:
        Unreadable: it did not come back in time.
        DecodingStopped: `stopped` returned True.
    """
    allowances: list[Allowance] = []
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            allowances.append(Allowance())
            results.append(work(allowances[0]))
        except BaseException as error:  # noqa: BLE001  # raised again where the result is awaited
            errors.append(error)
        finally:
            with _lock:
                _running.discard(thread)

    thread = threading.Thread(target=run, name="decoder", daemon=True)
    with _lock:
        _running.add(thread)
    try:
        thread.start()
    except BaseException:  # the system allows no more threads
        with _lock:
            _running.discard(thread)
        raise
    try:
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
            if thread.is_alive() and stopped():
                raise DecodingStopped
            if thread.is_alive() and any(allowance.is_used_up() for allowance in allowances):
                raise Unreadable(reasons.TOO_SLOW)
    finally:  # also after Ctrl+C
        for allowance in allowances:
            allowance.given_up = True
    if errors:
        raise errors[0]
    return results[0]


def exit_at_once(code: int) -> None:
    """End the process here if a decoder that was given up is still running; otherwise return.

    For the very end of a program, after everything is stored and closed.
    """
    with _lock:
        if not _running:
            return
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or missing
            continue
    os._exit(code)
