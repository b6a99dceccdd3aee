"""Has the system tell of changes: the watchdog library, its limits, and whether it is still alive."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, Protocol

from alpacasorter.core.files import display_path
from alpacasorter.core.listing import OUTPUT_MARKER, is_passed_by
from alpacasorter.core.watching.hints import Hints

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

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
