"""Watches a folder: photos that arrive, change, move and go, as events.

`Watch` compares the known photos with those that exist (`tree`, `known`): right away in folders where the system
reported a change (`observer`); in all folders from time to time; and in all folders every few seconds if the system
doesn't report changes. A photo is passed on once no program is writing it. docs/decisions/0009-watching.md says why.

A watch that runs behind a window takes a rest after each short piece of work (`Throttle`). Python runs one thread at a
time: a thread that works without a pause makes every other one wait for some milliseconds each time that it comes back
from reading, drawing or calculating, which makes it several times slower. Short pieces are hardly noticed.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.core.events import Placed
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.photos.walk import rooted
from alpacasorter.core.watching.events import WatchEvent, WatchState
from alpacasorter.core.watching.known import KnownPhotos, PendingPhotos, take_differences
from alpacasorter.core.watching.observer import Hints, StartObserver, Supervisor, WatchdogObserver, WhyPolling
from alpacasorter.core.watching.tree import Root, Tree, is_silent
from alpacasorter.i18n import _, ngettext, number

_PIECE_SECONDS: Final = 0.002
# The length of a rest, in times of the piece of work before it: the least, the first once others wait, and the most.
_LEAST: Final = 0.05
_FIRST: Final = 1.0
_MOST: Final = 4.0
# Threads that learn or draw wait for us only now and then, so rests get shorter slowly.
_SHORTER: Final = 0.9
_LATE_SECONDS: Final = 0.0005
_LONGEST_SECONDS: Final = 0.03

_BURST: Final = 1000
_NEVER: Final = float("inf")
# The pause after a full look, and after a look at some folders, in times of what it took.
_REST_POLLING: Final = 20.0
_REST: Final = 50.0
_REST_PARTIAL: Final = 4.0


@dataclass(frozen=True, slots=True)
class Timing:
    """How soon a watch does things, in seconds.

    Attributes:
        settle: time to look after the last of several changes.
        settle_most: time to look after the first of them, if that is earlier.
        stable: how long a photo must not change before it is complete, unless it is known to be closed.
        empty: the same for an empty file.
        grace: how long a photo must be missing before it is gone: many programs replace files by new ones.
        check: interval between checks of the folder itself and of the observer.
        poll: interval between full looks if the system doesn't report changes.
        reconcile: interval between full looks if it does; also between attempts to start an observer that failed.
        after_burst: delay before a full rescan after very many changes, because the system may have dropped some.
    """

    settle: float = 0.4
    settle_most: float = 2.0
    stable: float = 1.0
    empty: float = 10.0
    grace: float = 2.0
    check: float = 2.0
    poll: float = 10.0
    reconcile: float = 300.0
    after_burst: float = 5.0


def state_of(offline: str, why: WhyPolling | None, seconds: float) -> WatchState:
    """Return how a folder is watched.

    Args:
        offline: why it is not there, in sentences for the user; empty if it is there.
        why: why it is polled; None if it isn't.
        seconds: interval of polling.
    """
    if offline:
        return WatchState(online=False, polling=why is not None, notice=offline)
    if why is None:
        return WatchState(online=True, polling=False, notice="")
    match why:
        case WhyPolling.NETWORK:
            reason = _("This folder, or one that it links to, is on a network drive, which doesn't report changes.")
        case WhyPolling.LIMIT:
            reason = _("This system can't watch that many folders.")
        case WhyPolling.FAILED:
            reason = _("This system doesn't report changes here.")
    return WatchState(online=True, polling=True, notice=reason + " " + every(seconds))


def every(seconds: float) -> str:
    """Return a sentence for the user: how often the folder is checked."""
    if seconds < 50:
        # In steps, so that the notice doesn't change with each second that a look takes longer.
        steps = max(5, 5 * round(seconds / 5))
        return ngettext(
            "AlpacaSorter checks it every {count} second.", "AlpacaSorter checks it every {count} seconds.", steps
        ).format(count=number(steps))
    minutes = round(seconds / 60)
    if minutes <= 1:
        return _("AlpacaSorter checks it every minute.")
    return ngettext(
        "AlpacaSorter checks it every {count} minute.", "AlpacaSorter checks it every {count} minutes.", minutes
    ).format(count=number(minutes))


class Throttle:
    """Makes one thread rest. The rests get longer if other threads are busy, which shows in waking up late."""

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
            rests: whether to rest at all.
            now: returns the time in seconds.
            worked: returns for how many seconds this thread has worked; waiting for a drive is not work.
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
        """Start to measure the work."""
        self._began = self._piece_began = self._now()
        self._worked_before = self._worked()
        self._rested = 0.0

    def seconds(self) -> float:
        """Return how many seconds the work has taken, without the rests."""
        return self._now() - self._began - self._rested

    def take(self) -> None:
        """Rest if a piece of work has ended; to be called often."""
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


class Watch:
    """Watches one folder, once.

    One thread takes the events, by `run()` or `step()`, and does all the work in these calls. `stop`, `expect` and
    `hold` may be called from any thread. Whatever happens in the folder raises no exception: if it is missing at the
    start, that is an event, too.

    Attributes:
        root: the folder, absolute.
        exclusion: what the user leaves out.
    """

    def __init__(
        self,
        root: Path,
        *,
        recursive: bool,
        known: Iterable[PhotoFile] | None = None,
        unusable: Iterable[Path] = (),
        gentle: bool = False,
        exclusion: Exclusion = NOTHING,
        pace: Timing | None = None,
        observe: StartObserver = WatchdogObserver,
        silent: Callable[[Path], bool] = is_silent,
    ) -> None:
        """Prepare; nothing is checked before the first event is requested.

        Args:
            root: the folder.
            recursive: whether to look into its subfolders.
            known: the photos that the user already sees, as a scan found them (`Found`). What differs from these is
                reported at once, so nothing is missed between the scan and the watch. None: the photos that exist at
                the start count as known, and are not reported. Photos elsewhere, and those in folders that the app
                sorted into, are ignored: they may be known because they followed a sort.
            unusable: photos that the user already knows can't be used (the `Problems` of a scan).
            gentle: whether to take rests, for the sake of a window (see `Throttle`).
            exclusion: what the user leaves out.
            pace: how soon things are done.
            observe: starts an observer that reports changes.
            silent: returns whether the system never reports changes in a folder.
        """
        self.root = root.absolute()
        self.exclusion = rooted(exclusion, root)
        self._pace = pace = pace or Timing()
        self._hints = Hints()
        self._stop = threading.Event()
        self._held = threading.Event()
        self._placed: deque[Placed] = deque()
        self._pending = PendingPhotos(stable=pace.stable, empty=pace.empty, now=time.monotonic)
        self._known = KnownPhotos(time.monotonic)
        self._root = Root(self.root, self.exclusion)
        self._tree = Tree(
            str(self.root),
            recursive=recursive,
            known=self._known,
            pending=self._pending,
            exclusion=self.exclusion,
        )
        self._observer = Supervisor(
            str(self.root),
            recursive=recursive,
            hints=self._hints,
            observe=observe,
            is_silent=silent,
            try_again=pace.reconcile,
        )
        self._throttle = Throttle(rests=gentle)
        self._silently = known is None
        # Recorded as known by the thread that takes the events: there may be very many.
        self._scanned: tuple[tuple[PhotoFile, ...], tuple[Path, ...]] | None = (tuple(known or ()), tuple(unusable))
        self._state: WatchState | None = None
        self._next_check = 0.0
        self._next_full = _NEVER
        self._rest_until = 0.0
        self._full_seconds = 0.0

    # From any thread

    def stop(self) -> None:
        """End `run()` and `step()`: at once if they wait, else after the current file."""
        self._stop.set()
        self._hints.wake()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def expect(self, files: Iterable[Placed]) -> None:
        """Record files that the app itself has sorted or restored, so that they cause no events."""
        self._placed.extend(files)
        self._hints.wake()

    def hold(self, on: bool) -> None:
        """Pause while the app itself sorts files here, until all of them are expected; or continue."""
        if on:
            self._held.set()
        else:
            self._held.clear()
        self._hints.wake()

    def quiet_for(self, photo: Path) -> float:
        """Return for how many seconds the system reported no change of a photo, nor of files next to it named like it.

        Infinite if it never reported any, as is always so while `polls_every` is not 0.
        """
        return self._hints.quiet_for(str(photo))

    @property
    def polls_every(self) -> float:
        """Seconds between two full looks if the system doesn't report changes; 0.0 if it does."""
        return max(self._pace.poll, _REST_POLLING * self._full_seconds) if self._observer.why else 0.0

    # From the thread that takes the events

    def run(self) -> Generator[WatchEvent, None, None]:
        """Yield the events, a WatchState first, until `stop()`. Blocks in between; closing it ends all threads."""
        try:
            while not self.stopped:
                yield from self.step()
        finally:
            self.close()

    def step(self, wait: float = _NEVER) -> list[WatchEvent]:
        """Return the next events: none once it is stopped, or if nothing happens within `wait` seconds.

        For callers that have something else to do in between; they have to call `close()` in the end.
        """
        until = time.monotonic() + wait
        while not self.stopped:
            now, due = time.monotonic(), self._due()
            if due <= now:
                events = self._look()
                if events:
                    return events
            elif now >= until:
                break
            else:
                self._hints.wait(min(due, until) - now)
        return []

    def close(self) -> None:
        """Stop, and end the threads of the observer; blocks until then."""
        self.stop()
        self._observer.close()

    def _due(self) -> float:
        if self._root.offline or self._held.is_set() or self._state is None:
            return self._next_check
        missing = min(self._known.missing.values(), default=_NEVER) + self._pace.grace
        partial = min(self._hints.due(self._pace.settle, self._pace.settle_most), missing)
        return min(self._next_check, self._next_full, max(partial, self._rest_until), self._pending.due())

    def _look(self) -> list[WatchEvent]:
        events: list[WatchEvent] = []
        self._record_scanned()
        if time.monotonic() >= self._next_check:
            self._check()
            events += self._state_if_new()
        if self._root.offline or self._held.is_set() or events:
            # The state is reported before a look at the whole folder, which may take long.
            return events
        self._record_placed()
        now = time.monotonic()
        expired = [path for path, since in self._known.missing.items() if since + self._pace.grace <= now]
        if now >= self._next_full:
            if not self._look_everywhere():
                return events
        elif expired or max(self._hints.due(self._pace.settle, self._pace.settle_most), self._rest_until) <= now:
            self._look_at_some(expired)
        self._record_placed()
        if self.stopped or not self._is_root_the_same():
            return events
        differences = take_differences(self._known, self._pending, self._tree.take_unusable(), expired)
        return events + differences + self._state_if_new()

    def _look_everywhere(self) -> bool:
        """Compare all folders; return whether that was finished."""
        self._throttle.begin()
        # Taken before anything is listed: there are new hints for what happens after that.
        self._hints.take_count()
        _folders, closed = self._hints.take()
        first = self._root.list()
        if first is None:
            self._next_check = 0.0
            return False
        if not self._tree.compare_all(first, closed, self._is_interrupted, silently=self._silently):
            return False
        self._silently = False
        self._full_seconds = self._throttle.seconds()
        now = time.monotonic()
        self._next_full = now + (self.polls_every or max(self._pace.reconcile, _REST * self._full_seconds))
        if self._observer.check(self._tree.links(), self._tree.folder_numbers):
            self._next_full = now
        return True

    def _look_at_some(self, expired: list[str]) -> None:
        started = time.monotonic()
        folders, closed = self._hints.take()
        folders.update(os.path.split(path)[0] for path in expired)
        # Without rests: the user waits for the photos that have arrived.
        self._tree.compare(folders, closed, lambda: self.stopped)
        self._rest_until = time.monotonic() + _REST_PARTIAL * (time.monotonic() - started)

    def _rest(self) -> bool:
        """Rest if it is time to, unless photos have arrived and are waiting; return whether to stop."""
        if not len(self._pending):
            self._throttle.take()
        return self.stopped

    def _is_interrupted(self) -> bool:
        """Rest if it is time to; return whether to end a full look: it starts again after the app has sorted files."""
        return self._rest() or self._held.is_set()

    def _record_scanned(self) -> None:
        if self._scanned is not None:
            self._throttle.begin()
            self._known.put_scanned(str(self.root), *self._scanned, self._rest)
            self._scanned = None

    def _record_placed(self) -> None:
        """Record the files that the app itself has sorted as known."""
        while self._placed:
            placed = self._placed.popleft()
            if not placed.kept:
                self._known.forget(str(placed.before))
            if placed.after is not None:
                self._known.expect(str(placed.after), placed.size, placed.mtime_ns)
                if placed.after.is_relative_to(self.root):
                    self._hints.note(str(placed.after))

    # The folder itself

    def _check(self) -> None:
        """Check whether the folder is there and whether the observer is alive."""
        self._next_check = time.monotonic() + self._pace.check
        came = self._root.check(is_anything_known=bool(len(self._known)))
        if self._root.offline:
            self._known.missing.clear()
            self._observer.close()
        elif came:
            self._observer.open(self._tree.links())
            self._next_full = time.monotonic()
        elif self._observer.check(self._tree.links(), self._tree.folder_numbers):
            self._next_full = time.monotonic()
        elif self._hints.count > _BURST:
            soon = time.monotonic() + max(self._pace.after_burst, _REST * self._full_seconds)
            self._next_full = min(self._next_full, soon)

    def _is_root_the_same(self) -> bool:
        if self._root.is_same():
            return True
        self._next_check = 0.0
        return False

    def _state_if_new(self) -> list[WatchEvent]:
        state = state_of(self._root.offline, self._observer.why, self.polls_every)
        if state == self._state:
            return []
        if state.polling and state.online:
            self._next_full = min(self._next_full, time.monotonic() + self.polls_every)
        self._state = state
        return [state]
