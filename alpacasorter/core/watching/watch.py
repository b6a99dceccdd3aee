"""Watches a folder: what arrives, changes, moves and goes, as events.

The photos that are known are compared with those that are there (tree.py): where the system told of a change, at once;
everywhere now and then; and everywhere every few seconds where the system can't tell. A photo is passed on when nobody
writes it any more (waiting.py). docs/decisions/0009-watching.md says why.

How soon things are done while a folder is watched.

What the user is told of how a folder is watched.

Rests between short pieces of work, for what runs behind a window.

Python runs one thread at a time. One that works without a pause has each of the others wait some milliseconds whenever
that comes back from reading, drawing or calculating, which makes it several times slower; one that works in pieces
shorter than that is hardly noticed.
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

from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.sorting.events import Placed
from alpacasorter.core.watching.events import WatchEvent, WatchState
from alpacasorter.core.watching.known import Known, WaitingRoom, take_differences
from alpacasorter.core.watching.observer import Eyes, Hints, Observe, Observing
from alpacasorter.core.watching.tree import Root, Tree, is_silent


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon things are done, in seconds.

    Attributes:
        settle: after the last of several changes one looks;
        settle_most: or after the first of them.
        stable: for how long a photo must not change before it is whole, unless it is known to be closed.
        empty: the same for an empty file.
        grace: how long a photo must be missing before it is gone: many programs replace files by new ones.
        check: how often the folder itself and the observer are looked after.
        poll: how often everything is looked at where the system doesn't tell of changes.
        reconcile: how often where it does; also, when observing is tried again where it could not be done.
        after_burst: when everything is looked at after very many changes, of which the system may have dropped some.
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


def state_of(offline: str, why: str, seconds: float) -> WatchState:
    """Return how a folder is watched.

    Args:
        offline: why it is not there, a sentence; empty where it is.
        why: why it is looked at every few seconds, without a full stop; empty where it need not be.
        seconds: how often that is.
    """
    if offline:
        return WatchState(online=False, polling=bool(why), notice=offline)
    if why:
        return WatchState(online=True, polling=True, notice=f"{why}, so AlpacaSorter looks {every(seconds)} instead.")
    return WatchState(online=True, polling=False, notice="")


def every(seconds: float) -> str:
    """Return how often that is, in words."""
    if seconds < 50:
        # In steps, so that nobody is told of each second it takes longer.
        return f"every {max(5, 5 * round(seconds / 5))} seconds"
    minutes = round(seconds / 60)
    return "every minute" if minutes <= 1 else f"every {minutes} minutes"


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


_BURST: Final = 1000
_NEVER: Final = float("inf")
# A full look takes its time; this many times as long passes before the next one.
_REST_POLLING: Final = 20.0
_REST: Final = 50.0
_REST_PARTIAL: Final = 4.0


class Watch:
    """Watches one folder, once.

    One thread takes the events, by `run()` or `step()`; all work is done there, while it asks. `stop`, `expect` and
    `hold` may be called from any thread. Never raises because of what happens in the folder: also where it is missing
    at the start, that is an event.

    Attributes:
        root: the folder, absolute.
    """

    def __init__(
        self,
        root: Path,
        *,
        recursive: bool,
        known: Iterable[PhotoFile] | None = None,
        unusable: Iterable[Path] = (),
        gentle: bool = False,
        pace: Pace | None = None,
        observe: Observe = Observing,
        silent: Callable[[Path], bool] = is_silent,
    ) -> None:
        """Prepare; nothing is looked at before the first event is asked for.

        Args:
            root: the folder.
            recursive: whether to look into its sub-folders.
            known: the photos that the user knows of, as a scan found them (`Found`). What differs from these is told
                at once, so nothing that happens between scan and watching is missed. None: those that are there at
                the start count as known, and nothing is said of them. Photos elsewhere, and those in folders into
                which the app sorted, are passed over: they may be known because they followed a sort.
            unusable: photos of which the user knows that they can't be used (the `Problems` of a scan).
            gentle: whether to look at everything in short pieces with rests in between (breath.py).
            pace: how soon things are done.
            observe: has the system tell of changes.
            silent: tells of a folder whether the system never does.
        """
        self.root = root.absolute()
        self._pace = pace = pace or Pace()
        self._hints = Hints()
        self._stop = threading.Event()
        self._held = threading.Event()
        self._placed: deque[Placed] = deque()
        self._room = WaitingRoom(stable=pace.stable, empty=pace.empty, now=time.monotonic)
        self._known = Known(time.monotonic)
        self._root = Root(self.root)
        self._tree = Tree(str(self.root), recursive=recursive, known=self._known, room=self._room)
        self._eyes = Eyes(
            str(self.root),
            recursive=recursive,
            hints=self._hints,
            observe=observe,
            is_silent=silent,
            try_again=pace.reconcile,
        )
        self._breath = Breath(rests=gentle)
        self._silently = known is None
        # Taken in by the thread that takes the events: there may be very many.
        self._scanned: tuple[tuple[PhotoFile, ...], tuple[Path, ...]] | None = (tuple(known or ()), tuple(unusable))
        self._told: WatchState | None = None
        self._next_check = 0.0
        self._next_full = _NEVER
        self._rest_until = 0.0
        self._full_seconds = 0.0

    # From any thread

    def stop(self) -> None:
        """End `run()` and `step()`: at once where they wait, else after the file that is being looked at."""
        self._stop.set()
        self._hints.wake()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def expect(self, files: Iterable[Placed]) -> None:
        """Take over what the app itself has done with files: there are no events for that."""
        self._placed.extend(files)
        self._hints.wake()

    def hold(self, on: bool) -> None:
        """Look at nothing while the app itself moves files here, until all of them are expected; or go on."""
        if on:
            self._held.set()
        else:
            self._held.clear()
        self._hints.wake()

    def quiet_for(self, photo: Path) -> float:
        """Return for how many seconds nothing was heard of a photo nor of files named like it beside it.

        Infinite where nothing was heard of them at all, as is so while `polls_every` is not 0.
        """
        return self._hints.quiet_for(str(photo))

    @property
    def polls_every(self) -> float:
        """Seconds between two looks where the system doesn't tell of changes; 0.0 where it does."""
        return max(self._pace.poll, _REST_POLLING * self._full_seconds) if self._eyes.why else 0.0

    # From the thread that takes the events

    def run(self) -> Generator[WatchEvent, None, None]:
        """Yield what happens, a WatchState first, until `stop()`. Blocks in between; closing it ends all threads."""
        try:
            while not self.stopped:
                yield from self.step()
        finally:
            self.close()

    def step(self, wait: float = _NEVER) -> list[WatchEvent]:
        """Return what happened: none once it is stopped, or where nothing happens within `wait` seconds.

        For those who have something else to do in between; they call `close()` in the end.
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
        """Stop, and end the threads that observe; blocks until then."""
        self.stop()
        self._eyes.close()

    def _due(self) -> float:
        if self._root.offline or self._held.is_set() or self._told is None:
            return self._next_check
        missing = min(self._known.missing.values(), default=_NEVER) + self._pace.grace
        partial = min(self._hints.due(self._pace.settle, self._pace.settle_most), missing)
        return min(self._next_check, self._next_full, max(partial, self._rest_until), self._room.due())

    def _look(self) -> list[WatchEvent]:
        events: list[WatchEvent] = []
        self._take_scanned()
        if time.monotonic() >= self._next_check:
            self._check()
            events += self._state_if_new()
        if self._root.offline or self._held.is_set() or events:
            # Whoever is told how the folder is watched is not kept waiting for a look at all of it.
            return events
        self._take_over()
        now = time.monotonic()
        expired = [path for path, since in self._known.missing.items() if since + self._pace.grace <= now]
        if now >= self._next_full:
            if not self._look_everywhere():
                return events
        elif expired or max(self._hints.due(self._pace.settle, self._pace.settle_most), self._rest_until) <= now:
            self._look_at_some(expired)
        self._take_over()
        if self.stopped or not self._is_root_the_same():
            return events
        differences = take_differences(self._known, self._room, self._tree.take_unusable(), expired)
        return events + differences + self._state_if_new()

    def _look_everywhere(self) -> bool:
        """Compare all folders; return whether that came to an end."""
        self._breath.begin()
        # Taken before anything is listed: of what happens after that there are new ones.
        self._hints.take_count()
        _, closed = self._hints.take()
        first = self._root.list()
        if first is None:
            self._next_check = 0.0
            return False
        if not self._tree.look_at_all(first, closed, self._breaks_off, silently=self._silently):
            return False
        self._silently = False
        self._full_seconds = self._breath.seconds()
        now = time.monotonic()
        self._next_full = now + (self.polls_every or max(self._pace.reconcile, _REST * self._full_seconds))
        if self._eyes.check(self._tree.links(), self._tree.folder_numbers):
            self._next_full = now
        return True

    def _look_at_some(self, expired: list[str]) -> None:
        started = time.monotonic()
        folders, closed = self._hints.take()
        folders.update(os.path.split(path)[0] for path in expired)
        # Without rests: somebody waits for what has arrived.
        self._tree.look_at(folders, closed, lambda: self.stopped)
        self._rest_until = time.monotonic() + _REST_PARTIAL * (time.monotonic() - started)

    def _breathe(self) -> bool:
        """Asked all the while: rest now and then, unless photos that arrived wait, and return whether to stop."""
        if not len(self._room):
            self._breath.take()
        return self.stopped

    def _breaks_off(self) -> bool:
        """The same; a look at everything also ends where the app begins to move files, and begins anew after that."""
        return self._breathe() or self._held.is_set()

    def _take_scanned(self) -> None:
        if self._scanned is not None:
            self._breath.begin()
            self._known.put_scanned(str(self.root), *self._scanned, self._breathe)
            self._scanned = None

    def _take_over(self) -> None:
        """Let the app's own work count as known."""
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
        """See whether the folder is there, and whether the observer lives."""
        self._next_check = time.monotonic() + self._pace.check
        came = self._root.check(is_anything_known=bool(len(self._known)))
        if self._root.offline:
            self._known.missing.clear()
            self._eyes.close()
        elif came:
            self._eyes.open(self._tree.links())
            self._next_full = time.monotonic()
        elif self._eyes.check(self._tree.links(), self._tree.folder_numbers):
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
        state = state_of(self._root.offline, self._eyes.why, self.polls_every)
        if state == self._told:
            return []
        if state.polling and state.online:
            self._next_full = min(self._next_full, time.monotonic() + self.polls_every)
        self._told = state
        return [state]
