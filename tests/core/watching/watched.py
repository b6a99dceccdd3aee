"""A watch that runs in a thread, with short delays for tests, and records its events."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from alpacasorter.core.events import Placed
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.watching.events import Arrived, Gone, Renamed, Unusable, WatchEvent, WatchState
from alpacasorter.core.watching.observer import Hints, ObserverError
from alpacasorter.core.watching.watch import Timing, Watch

LIMIT_S = 20.0
FAST = Timing(
    settle=0.05,
    settle_most=0.3,
    stable=0.2,
    empty=0.6,
    grace=0.3,
    check=0.1,
    poll=0.2,
    reconcile=600.0,
    after_burst=0.2,
)


class DeafObserver:
    """An observer that tells nothing: everything is lost."""

    def __init__(self, places: Sequence[tuple[str, str]], recursive: bool, hints: Hints) -> None:
        self.places = places
        self.alive = True
        self.closed = False
        self.missed: set[int] = set()

    def is_alive(self) -> bool:
        return self.alive

    def misses(self, folders: Iterable[int]) -> bool:
        return not self.missed.isdisjoint(folders)

    def close(self) -> None:
        self.closed = True


class Observers:
    """Makes deaf observers, and remembers them; fails with each of `errors` first."""

    def __init__(self, *errors: ObserverError) -> None:
        self.made: list[DeafObserver] = []
        self._errors = list(errors)

    def __call__(self, places: Sequence[tuple[str, str]], recursive: bool, hints: Hints) -> DeafObserver:
        if self._errors:
            raise self._errors.pop(0)
        self.made.append(DeafObserver(places, recursive, hints))
        return self.made[-1]


def file_of(path: Path) -> PhotoFile:
    status = path.stat()
    return PhotoFile(path, status.st_size, status.st_mtime_ns)


def placed(before: Path, after: Path, *, kept: bool = False) -> Placed:
    status = after.stat()
    return Placed(before, after, kept, status.st_size, status.st_mtime_ns, None)


class Watched:
    """Runs a watch in a thread until the block is left."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.events: list[WatchEvent] = []
        self._thread = threading.Thread(target=self._run, name="watched")

    def __enter__(self) -> Self:
        self._thread.start()
        self.until(lambda: bool(self.states) and (not self.states[0].online or self.has_looked()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.stop()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        for event in self.watch.run():
            self.events.append(event)

    def has_looked(self) -> bool:
        """Tell whether the whole folder was checked: until then, files are known only by their size and time."""
        return self.watch._full_seconds > 0

    def stop(self) -> float:
        """Stop it; return how long that took."""
        started = time.monotonic()
        self.watch.stop()
        self._thread.join(LIMIT_S)
        return time.monotonic() - started

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, self.events
            time.sleep(0.01)

    def settle(self, seconds: float = 0.6) -> None:
        """Wait for longer than anything takes that is on its way."""
        time.sleep(seconds)

    @property
    def states(self) -> list[WatchState]:
        return [event for event in self.events if isinstance(event, WatchState)]

    @property
    def changes(self) -> list[WatchEvent]:
        return [event for event in self.events if not isinstance(event, WatchState)]

    @property
    def arrived(self) -> list[Path]:
        return [file.path for event in self.events if isinstance(event, Arrived) for file in event.files]

    @property
    def renamed(self) -> list[tuple[Path, Path]]:
        return [
            (before, file.path) for event in self.events if isinstance(event, Renamed) for before, file in event.files
        ]

    @property
    def gone(self) -> list[Path]:
        return [path for event in self.events if isinstance(event, Gone) for path in event.paths]

    @property
    def unusable(self) -> dict[Path, str]:
        return {path: why for event in self.events if isinstance(event, Unusable) for path, why in event.problems}

    def shown(self, first: Iterable[Path] = ()) -> set[Path]:
        """Return the photos that a window would show, having shown `first`."""
        shown = set(first)
        for event in self.events:
            match event:
                case Arrived():
                    shown.update(file.path for file in event.files)
                case Renamed():
                    for before, file in event.files:
                        assert before in shown, f"{before} was never shown"
                        shown.remove(before)
                        shown.add(file.path)
                case Gone():
                    shown.difference_update(event.paths)
                case _:
                    pass
        return shown

    def assert_once(self) -> None:
        """Check that no photo arrived twice."""
        assert not [path for path, count in Counter(self.arrived).items() if count > 1]
