"""Has the system tell of changes: the watchdog library, its limits, and whether it is still alive.

What the system told of changes, until somebody looks. Nothing here is believed: a hint only says where to look.

How a folder is watched: because the system tells of changes, or by looking every few seconds where it doesn't.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, Protocol

from alpacasorter.core.files import display_path
from alpacasorter.core.photos.listing import OUTPUT_MARKER, is_passed_by

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

_MOST_CLOSED: Final = 50_000
_MOST_TOUCHED: Final = 20_000


class Hints:
    """Folders in which something happened, and files that were closed. Thread-safe.

    Names that come in thousands cost a set entry each; what does not fit is dropped and only makes things later.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._condition = threading.Condition()
        self._folders: set[str] = set()
        self._closed: set[str] = set()
        self._touched: dict[tuple[str, str], float] = {}
        self._first = self._last = 0.0
        self._count = 0
        self._is_woken = False

    def note(self, path: str, *, closed: bool = False, is_folder: bool = False) -> None:
        """Something happened to a file or folder.

        Args:
            path: absolute, as the photos of the folder are named.
            closed: whether somebody who wrote into it is done, or moved it into its place.
            is_folder: whether it is (or was) a folder: then what is in it may be new, too.
        """
        folder, name = os.path.split(path)
        now = time.monotonic()
        with self._condition:
            if not self._folders:
                self._first = now
                self._condition.notify_all()
            self._last = now
            self._folders.add(folder)
            if is_folder:
                self._folders.add(path)
            elif closed and len(self._closed) < _MOST_CLOSED:
                self._closed.add(path)
            if len(self._touched) >= _MOST_TOUCHED:
                self._touched.clear()
            self._touched[_unit(folder, name)] = now

    def heard(self) -> None:
        """Count something that was heard, whatever it is about."""
        with self._condition:
            self._count += 1

    def wait(self, seconds: float) -> None:
        """Wait for the first hint after `take()`, or until `wake()`; at most as long."""
        with self._condition:
            if not self._is_woken:
                self._condition.wait(seconds if seconds < threading.TIMEOUT_MAX else None)
            self._is_woken = False

    def wake(self) -> None:
        """End the `wait()` that is going on, or the next one."""
        with self._condition:
            self._is_woken = True
            self._condition.notify_all()

    def due(self, settle: float, most: float) -> float:
        """Return when to look, by `time.monotonic()`: `settle` seconds after the last hint, `most` after the first."""
        with self._condition:
            return min(self._last + settle, self._first + most) if self._folders else float("inf")

    def take(self) -> tuple[set[str], set[str]]:
        """Return and forget the folders to look at, and the files that were closed."""
        with self._condition:
            folders, self._folders = self._folders, set()
            closed, self._closed = self._closed, set()
            return folders, closed

    def take_count(self) -> int:
        """Return how much was heard since this was asked last."""
        with self._condition:
            count, self._count = self._count, 0
            return count

    @property
    def count(self) -> int:
        """How much was heard since `take_count`."""
        return self._count

    def quiet_for(self, path: str) -> float:
        """Return for how many seconds nothing was heard of a file nor of those that share its name up to the dot."""
        with self._condition:
            touched = self._touched.get(_unit(*os.path.split(path)))
        return float("inf") if touched is None else time.monotonic() - touched


def _unit(folder: str, name: str) -> tuple[str, str]:
    return folder, name.partition(".")[0].casefold()


_log = logging.getLogger(__name__)

_LIMIT_CODES: Final = frozenset((errno.ENOSPC, errno.EMFILE, errno.ENFILE))
_NOWHERE: Final = logging.NullHandler()
_DESCRIPTORS: Final = Path("/proc/self/fdinfo")


class ObservingError(Exception):
    """The system does not tell of changes in the folder.

    Attributes:
        is_limit: whether it would, but for how many folders it watches already.
    """

    def __init__(self, why: str, *, is_limit: bool) -> None:
        super().__init__(why)
        self.is_limit = is_limit


class Observer(Protocol):
    """Something that tells of changes, such as `Observing`."""

    def is_alive(self) -> bool:
        """Tell whether it still does."""

    def misses(self, folders: Iterable[int]) -> bool:
        """Tell whether it surely misses some of these folders, given by their numbers (inodes)."""

    def close(self) -> None:
        """End it with its threads; blocks until then."""


Observe = Callable[[Sequence[tuple[str, str]], bool, Hints], Observer]
"""Starts an observer: given folders as (real path, path as the photos are named), whether recursive, and the hints."""


class Observing:
    """An observer of watchdog on some folders."""

    def __init__(self, places: Sequence[tuple[str, str]], recursive: bool, hints: Hints) -> None:
        """Begin to note hints.

        Raises:
            ObservingError: it can't be done; nothing is left running.
        """
        # Only here: watching is the one who needs it, and importing it takes its time.
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer as SystemObserver

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                note(event, places, hints)

        self._root = places[0][0]
        # Unless somebody listens it would say on the screen what the user is told anyway.
        logging.getLogger("watchdog").addHandler(_NOWHERE)
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        before = _watched_by_descriptor()
        self._observer: Any = None
        try:
            self._observer = SystemObserver()
            for real, _ in places:
                self._observer.schedule(Handler(), real, recursive=recursive, event_filter=_wanted())
            self._observer.start()
        except Exception as error:
            # Besides OSError its backends raise what their systems do.
            self.close()
            _log.info("%s can't be observed: %r", display_path(places[0][0]), error)
            is_limit = isinstance(error, OSError) and error.errno in _LIMIT_CODES
            raise ObservingError(str(error), is_limit=is_limit) from error
        self._descriptors = [number for number in _watched_by_descriptor() if number not in before]

    def is_alive(self) -> bool:
        """Tell whether all of its threads are."""
        observer = self._observer
        # watchdog keeps the thread that reads from the system to itself; where it has none, the others say enough.
        reader = getattr(observer, "_inotify_fd", None)
        threads = [observer, *observer.emitters, *([reader] if isinstance(reader, threading.Thread) else [])]
        return all(thread.is_alive() for thread in threads)

    def misses(self, folders: Iterable[int]) -> bool:
        """Tell whether Linux watches fewer folders than these: watchdog passes over those beyond the limit."""
        if not self._descriptors:
            return False
        watched: set[int] = set().union(*_watched_by_descriptor(self._descriptors).values())
        try:
            root = os.stat(self._root).st_ino  # noqa: PTH116
        except OSError:
            return False
        # Some file systems give Linux other numbers than they show.
        return root in watched and not watched.issuperset(folders)

    def close(self) -> None:
        """End it; it may take half a second where something was just moved out of the folder."""
        observer = self._observer
        if observer is None:
            return
        with contextlib.suppress(OSError):
            observer.stop()
        # One that could not be started has no thread to wait for.
        with contextlib.suppress(RuntimeError):
            observer.join()


def note(event: FileSystemEvent, places: Sequence[tuple[str, str]], hints: Hints) -> None:
    """Turn an event into hints, under the names by which the photos go.

    Args:
        event: of watchdog.
        places: the folders observed: their real paths, and the paths by which the photos are named.
        hints: where it goes.
    """
    hints.heard()
    ends = [(event.src_path, event.event_type == "closed")]
    if event.dest_path:
        # Nobody moves a file into its place before it is whole.
        ends.append((event.dest_path, True))
    for raw, closed in ends:
        path = os.fsdecode(raw)
        # A folder may be reached in several ways: the innermost knows best.
        found = [place for place in places if path == place[0] or path.startswith(place[0].rstrip(os.sep) + os.sep)]
        if not path or not found:
            continue
        real, shown = max(found, key=lambda place: len(place[0]))
        inner = path[len(real) :].strip(os.sep)
        if any(is_passed_by(name) and name != OUTPUT_MARKER for name in PurePath(inner).parts):
            continue
        # Of a folder itself there is nothing to tell but that it should be looked at.
        name = shown.rstrip(os.sep) + os.sep + (inner or ".")
        hints.note(name, closed=closed, is_folder=event.is_directory and bool(inner))


def _wanted() -> list[type[FileSystemEvent]]:
    from watchdog import events

    wanted: list[type[FileSystemEvent]] = [
        events.FileCreatedEvent,
        events.FileDeletedEvent,
        events.FileMovedEvent,
        events.FileClosedEvent,
        events.DirCreatedEvent,
        events.DirDeletedEvent,
        events.DirMovedEvent,
    ]
    # Linux says when a file is closed, so each write need not be told of: that would flood its queue.
    return wanted if sys.platform == "linux" else [*wanted, events.FileModifiedEvent]


def _watched_by_descriptor(numbers: Iterable[str] | None = None) -> dict[str, set[int]]:
    """Return the numbers (inodes) of what this process has Linux watch, by file descriptor."""
    watched: dict[str, set[int]] = {}
    with contextlib.suppress(OSError):
        for number in [path.name for path in _DESCRIPTORS.iterdir()] if numbers is None else numbers:
            with contextlib.suppress(OSError):
                lines = (_DESCRIPTORS / number).read_text(encoding="ascii", errors="replace").splitlines()
                found = [line for line in lines if line.startswith("inotify ")]
                if found:
                    watched[number] = {int(line.split("ino:", 1)[1].split(" ", 1)[0], 16) for line in found}
    return watched


NETWORK: Final = "This folder, or one that it links to, is on a network drive, which doesn't tell of changes"
LIMIT: Final = "This system watches only so many folders"
FAILED: Final = "This system doesn't tell of changes here"

_MOST_LINKS: Final = 16
_TOO_SOON_SECONDS: Final = 60.0
_COUNT_SECONDS: Final = 60.0


class Eyes:
    """Starts the observer, sees to it that it lives, and knows why one has to look oneself.

    Attributes:
        why: why the folder is looked at every few seconds, without a full stop; empty where it need not be.
    """

    def __init__(
        self,
        root: str,
        *,
        recursive: bool,
        hints: Hints,
        observe: Observe,
        is_silent: Callable[[Path], bool],
        try_again: float,
    ) -> None:
        """Prepare; nothing runs before `open`. It is tried again after `try_again` seconds where it can't be done."""
        self.why = ""
        self._root = root
        self._recursive = recursive
        self._hints = hints
        self._observe = observe
        self._is_silent = is_silent
        self._try_again = try_again
        self._observer: Observer | None = None
        self._links: list[str] = []
        self._opened_at = 0.0
        self._missed = False
        self._counted = -1
        self._count_at = 0.0

    def open(self, links: Sequence[str]) -> None:
        """Start to observe, anew where it was done already; `links` are paths of links to folders to watch, too."""
        self.close()
        self._links = list(links)
        self._opened_at = time.monotonic()
        self._missed, self._counted = False, -1
        if any(self._is_silent(Path(path)) for path in (self._root, *links)):
            self.why = NETWORK
            return
        # The system is told of real folders: of a link it would watch the link itself.
        places = [(os.path.realpath(path), path) for path in (self._root, *links[:_MOST_LINKS])]
        try:
            self._observer = self._observe(places, self._recursive, self._hints)
        except ObservingError as error:
            self.why = LIMIT if error.is_limit else FAILED
        else:
            # Each of them costs a thread.
            self.why = LIMIT if len(links) > _MOST_LINKS else ""

    def check(self, links: Sequence[str], numbers: Callable[[], list[int]]) -> bool:
        """See to the observer.

        Args:
            links: as for `open`.
            numbers: returns the numbers (inodes) of the folders that should be watched.

        Returns:
            Whether it was started anew, so that something may have been missed.
        """
        lived = time.monotonic() - self._opened_at
        if self._observer is None:
            if self.why == NETWORK or lived < self._try_again:
                return False
            self.open(links)
            return not self.why
        if not self._observer.is_alive():
            if lived < _TOO_SOON_SECONDS:
                self.close()
                self.why = FAILED
            else:
                self.open(links)
            return True
        if list(links) != self._links:
            self.open(links)
            return True
        self._see_to_the_limit(self._observer, numbers())
        return False

    def _see_to_the_limit(self, observer: Observer, numbers: list[int]) -> None:
        now = time.monotonic()
        if len(self._links) > _MOST_LINKS or (len(numbers) == self._counted and now < self._count_at):
            return
        # A folder may be new, and its turn about to come: only what is missed twice is.
        missed = observer.misses(numbers)
        self.why = LIMIT if missed and self._missed else ""
        self._counted = -1 if missed != self._missed else len(numbers)
        self._missed = missed
        self._count_at = now + _COUNT_SECONDS

    def close(self) -> None:
        """Stop observing; blocks until its threads have ended."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.close()
