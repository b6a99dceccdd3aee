"""Learns from the system which folders have changed, by the watchdog library, if the system reports changes at all.

`Hints` collects what the system reports, until the watch looks; a hint is never trusted, it only says where to look.
`WatchdogObserver` is the library's observer on some folders. `Supervisor` starts it, restarts it, and knows why a
folder has to be polled instead.
"""

from __future__ import annotations

import contextlib
import enum
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
from alpacasorter.core.photos import companions
from alpacasorter.core.photos.exclusion import NOMEDIA, is_passed_over
from alpacasorter.core.photos.walk import OUTPUT_MARKER

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

_log = logging.getLogger(__name__)

_MOST_CLOSED: Final = 50_000
_MOST_TOUCHED: Final = 20_000
_MOST_LINKS: Final = 16
_MARKERS: Final = (OUTPUT_MARKER, NOMEDIA)
_TOO_SOON_SECONDS: Final = 60.0
_COUNT_SECONDS: Final = 60.0
_LIMIT_CODES: Final = frozenset((errno.ENOSPC, errno.EMFILE, errno.ENFILE))
_NOWHERE: Final = logging.NullHandler()
_DESCRIPTORS: Final = Path("/proc/self/fdinfo")


class WhyPolling(enum.Enum):
    """Why a folder is polled.

    Attributes:
        NETWORK: it, or a folder that it links to, is on a network drive, which doesn't report changes.
        LIMIT: the system limits how many folders can be watched.
        FAILED: the system doesn't report changes for another reason.
    """

    NETWORK = enum.auto()
    LIMIT = enum.auto()
    FAILED = enum.auto()


class Hints:
    """Folders in which something happened, and files that were closed. Thread-safe.

    Each name takes an entry in a set; those beyond the limit are dropped, which only means that changes are noticed
    later.
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
        """Record that something happened to a file or folder.

        Args:
            path: absolute, spelled like the paths of the photos.
            closed: whether a program has finished writing it, or moved it into its place.
            is_folder: whether it is (or was) a folder, so that its contents may be new, too.
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

    def count_event(self) -> None:
        """Count an event of the system, whatever it is about."""
        with self._condition:
            self._count += 1

    def wait(self, seconds: float) -> None:
        """Wait for the first hint after `take()` or for `wake()`, but at most for some seconds."""
        with self._condition:
            if not self._is_woken:
                self._condition.wait(seconds if seconds < threading.TIMEOUT_MAX else None)
            self._is_woken = False

    def wake(self) -> None:
        """End the current `wait()`, or the next one."""
        with self._condition:
            self._is_woken = True
            self._condition.notify_all()

    def due(self, settle: float, most: float) -> float:
        """Return the `time.monotonic()` to look at: `settle` seconds after the last hint, `most` after the first."""
        with self._condition:
            return min(self._last + settle, self._first + most) if self._folders else float("inf")

    def take(self) -> tuple[set[str], set[str]]:
        """Return the folders to look at and the files that were closed, and forget them."""
        with self._condition:
            folders, self._folders = self._folders, set()
            closed, self._closed = self._closed, set()
            return folders, closed

    def take_count(self) -> int:
        """Return the number of events since the last call."""
        with self._condition:
            count, self._count = self._count, 0
            return count

    @property
    def count(self) -> int:
        """The number of events since `take_count`."""
        return self._count

    def quiet_for(self, path: str) -> float:
        """Return for how many seconds there was no hint about a file, nor about others that may belong to it."""
        with self._condition:
            touched = self._touched.get(_unit(*os.path.split(path)))
        return float("inf") if touched is None else time.monotonic() - touched


def _unit(folder: str, name: str) -> tuple[str, str]:
    return folder, companions.nearby(name)


class ObserverError(Exception):
    """The system does not report changes in the folder.

    Attributes:
        is_limit: whether that is because it already watches too many folders.
    """

    def __init__(self, why: str, *, is_limit: bool) -> None:
        super().__init__(why)
        self.is_limit = is_limit


class Observer(Protocol):
    """Something that reports changes, such as `WatchdogObserver`."""

    def is_alive(self) -> bool:
        """Return whether it still reports changes."""

    def misses(self, folders: Iterable[int]) -> bool:
        """Return whether it certainly misses some of these folders, given by their inode numbers."""

    def close(self) -> None:
        """End it and its threads; blocks until then."""


StartObserver = Callable[[Sequence[tuple[str, str]], bool, Hints], Observer]
"""Starts an observer on folders, given as (real path, path as the photos are spelled); whether recursively; hints."""


class WatchdogObserver:
    """An observer of the watchdog library on some folders."""

    def __init__(self, places: Sequence[tuple[str, str]], recursive: bool, hints: Hints) -> None:
        """Start to record hints.

        Args:
            places: the folders: (real path, path as the photos are spelled).
            recursive: whether folders below them are observed, too.
            hints: gets the hints.

        Raises:
            ObserverError: it can't be started; nothing is left running.
        """
        # Imported here, because only watching needs it and importing it takes time.
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer as LibraryObserver

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                note(event, places, hints)

        self._root = places[0][0]
        # Without a handler it would print what the user is told anyway.
        logging.getLogger("watchdog").addHandler(_NOWHERE)
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        before = _watched_by_descriptor()
        self._observer: Any = None
        try:
            self._observer = LibraryObserver()
            for real, _ in places:
                self._observer.schedule(Handler(), real, recursive=recursive, event_filter=_wanted())
            self._observer.start()
        except Exception as error:
            # Its backends raise other errors than OSError, too.
            self.close()
            _log.info("%s can't be observed: %r", display_path(places[0][0]), error)
            is_limit = isinstance(error, OSError) and error.errno in _LIMIT_CODES
            raise ObserverError(str(error), is_limit=is_limit) from error
        self._descriptors = [number for number in _watched_by_descriptor() if number not in before]

    def is_alive(self) -> bool:
        """Return whether all of its threads are alive."""
        observer = self._observer
        # The thread that reads from the system is private in watchdog; not every backend has one.
        reader = getattr(observer, "_inotify_fd", None)
        threads = [observer, *observer.emitters, *([reader] if isinstance(reader, threading.Thread) else [])]
        return all(thread.is_alive() for thread in threads)

    def misses(self, folders: Iterable[int]) -> bool:
        """Return whether Linux watches fewer folders than these: watchdog ignores those beyond the limit."""
        if not self._descriptors:
            return False
        watched: set[int] = set().union(*_watched_by_descriptor(self._descriptors).values())
        try:
            root = os.stat(self._root).st_ino  # noqa: PTH116
        except OSError:
            return False
        # Some file systems report other numbers to Linux than they show.
        return root in watched and not watched.issuperset(folders)

    def close(self) -> None:
        """End it; that may take half a second if something was just moved out of the folder."""
        observer = self._observer
        if observer is None:
            return
        with contextlib.suppress(OSError):
            observer.stop()
        # An observer that could not be started has no thread to wait for.
        with contextlib.suppress(RuntimeError):
            observer.join()


def note(event: FileSystemEvent, places: Sequence[tuple[str, str]], hints: Hints) -> None:
    """Turn an event into hints, with paths spelled like those of the photos.

    Args:
        event: of watchdog.
        places: the observed folders: (real path, path as the photos are spelled).
        hints: gets the hints.
    """
    hints.count_event()
    ends = [(event.src_path, event.event_type == "closed")]
    if event.dest_path:
        # Programs move a file into its place only once it is complete.
        ends.append((event.dest_path, True))
    for raw, closed in ends:
        path = os.fsdecode(raw)
        # A folder may be reached in several ways: the innermost place is the right one.
        found = [place for place in places if path == place[0] or path.startswith(place[0].rstrip(os.sep) + os.sep)]
        if not path or not found:
            continue
        real, shown = max(found, key=lambda place: len(place[0]))
        inner = path[len(real) :].strip(os.sep)
        if any(is_passed_over(name) and name not in _MARKERS for name in PurePath(inner).parts):
            continue
        # An event of a place itself only means that it should be looked at.
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
    # Linux reports when a file is closed, so single writes aren't needed, which would flood its queue.
    return wanted if sys.platform == "linux" else [*wanted, events.FileModifiedEvent]


def _watched_by_descriptor(numbers: Iterable[str] | None = None) -> dict[str, set[int]]:
    """Return the inode numbers of what Linux watches for this process, by file descriptor."""
    watched: dict[str, set[int]] = {}
    with contextlib.suppress(OSError):
        for number in [path.name for path in _DESCRIPTORS.iterdir()] if numbers is None else numbers:
            with contextlib.suppress(OSError):
                lines = (_DESCRIPTORS / number).read_text(encoding="ascii", errors="replace").splitlines()
                found = [line for line in lines if line.startswith("inotify ")]
                if found:
                    watched[number] = {int(line.split("ino:", 1)[1].split(" ", 1)[0], 16) for line in found}
    return watched


class Supervisor:
    """Starts the observer, restarts it when it dies, and knows why the folder has to be polled.

    Attributes:
        why: why the folder has to be polled; None if it doesn't.
    """

    def __init__(
        self,
        root: str,
        *,
        recursive: bool,
        hints: Hints,
        observe: StartObserver,
        is_silent: Callable[[Path], bool],
        try_again: float,
    ) -> None:
        """Prepare; nothing runs before `open`.

        Args:
            root: absolute path of the watched folder.
            recursive: whether folders below it are watched, too.
            hints: gets the hints.
            observe: starts an observer.
            is_silent: returns whether the system never reports changes in a folder.
            try_again: seconds after which an observer that could not be started is tried again.
        """
        self.why: WhyPolling | None = None
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
        """Start or restart the observer; `links` are paths of links to folders that are watched, too."""
        self.close()
        self._links = list(links)
        self._opened_at = time.monotonic()
        self._missed, self._counted = False, -1
        if any(self._is_silent(Path(path)) for path in (self._root, *links)):
            self.why = WhyPolling.NETWORK
            return
        # The real folders are observed: for a link, the system would watch the link itself.
        places = [(os.path.realpath(path), path) for path in (self._root, *links[:_MOST_LINKS])]
        try:
            self._observer = self._observe(places, self._recursive, self._hints)
        except ObserverError as error:
            self.why = WhyPolling.LIMIT if error.is_limit else WhyPolling.FAILED
        else:
            # Each link takes a thread.
            self.why = WhyPolling.LIMIT if len(links) > _MOST_LINKS else None

    def check(self, links: Sequence[str], numbers: Callable[[], list[int]]) -> bool:
        """Check the observer, and restart it if necessary.

        Args:
            links: as for `open`.
            numbers: returns the inode numbers of the folders that should be watched.

        Returns:
            Whether changes may have been missed.
        """
        lived = time.monotonic() - self._opened_at
        if self._observer is None:
            if self.why is WhyPolling.NETWORK or lived < self._try_again:
                return False
            self.open(links)
            return self.why is None
        if not self._observer.is_alive():
            if lived < _TOO_SOON_SECONDS:
                self.close()
                self.why = WhyPolling.FAILED
            else:
                self.open(links)
            return True
        if list(links) != self._links:
            self.open(links)
            return True
        self._check_limit(self._observer, numbers())
        return False

    def _check_limit(self, observer: Observer, numbers: list[int]) -> None:
        now = time.monotonic()
        if len(self._links) > _MOST_LINKS or (len(numbers) == self._counted and now < self._count_at):
            return
        # A new folder may not be observed yet: only folders that are missed twice count.
        missed = observer.misses(numbers)
        self.why = WhyPolling.LIMIT if missed and self._missed else None
        self._counted = -1 if missed != self._missed else len(numbers)
        self._missed = missed
        self._count_at = now + _COUNT_SECONDS

    def close(self) -> None:
        """Stop observing; blocks until its threads have ended."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.close()
