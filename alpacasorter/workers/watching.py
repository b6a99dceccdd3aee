"""Watches the open folder in the background, for the window."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from alpacasorter.core.events import Finished, Found, Judged, Learned, Problems
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.watching.events import Gone, Renamed, WatchState
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import sentence

if TYPE_CHECKING:
    from alpacasorter.core.sorting.options import SortOptions
    from alpacasorter.core.watching.watch import Watch
    from alpacasorter.ml.engine import Engine as OpenEngine

_log = logging.getLogger(__name__)


class WatchKeeper(QObject):
    """Watches one folder at a time. All methods but `expect` are called on the GUI thread; all but `close` return at
    once. What is still on its way when watching stops, because another folder is opened for example, never arrives.

    `Engine.watch_folder()` is how the window begins. Opening the same folder again goes on watching it after the scan.

    Signals:
        state(WatchState): how the folder is watched now; comes first, and whenever it changes.
        found(Found): photos that arrived, or that were there and have changed; a `judged` or a `problems` follows for
            each, as in a scan. A path may be one that is shown already.
        judged(Judged): photos that arrived, with their predictions by the newest head.
        problems(Problems): photos that arrived and can't be judged, or not be used.
        renamed(Renamed): photos that are somewhere else in the folder now.
        gone(Gone): photos that are no longer there.
        sort_event(SortEvent): what the sorting of arrivals does (FilesPlaced is one of them).
        failed(str): watching ended because of an error; a sentence for the user.
        looked(Path, bool): whether a folder is there: the answer to `look_for`.
    """

    state = Signal(object)
    found = Signal(object)
    judged = Signal(object)
    problems = Signal(object)
    renamed = Signal(object)
    gone = Signal(object)
    sort_event = Signal(object)
    failed = Signal(str)
    looked = Signal(object, bool)

    _told = Signal(int, object)
    _broke = Signal(int, str)

    def __init__(
        self,
        opened: Callable[[], OpenEngine | None],
        learned: Callable[[Learned], None],
        anew: Callable[[Judged], Judged],
        parent: QObject | None = None,
    ) -> None:
        """Prepare.

        Args:
            opened: returns what is open.
            learned: is told where something was learned from what arrived; called on the thread that watches.
            anew: returns predictions as the newest head makes them.
            parent: the owner.
        """
        super().__init__(parent)
        self._opened = opened
        self._learned = learned
        self._anew = anew
        self._lane = Lane("watch")
        self._generation = 0
        self._watch: Watch | None = None
        self._arrivals: SortOptions | None = None
        self._folder: tuple[Path, bool] | None = None
        self._is_scanned = False
        self._is_asked = False
        self._is_whole = True
        self._is_held = False
        self._lock = threading.Lock()
        self._known: dict[Path, PhotoFile] = {}
        self._unusable: set[Path] = set()
        self._signal_of: dict[type, Callable[[object], None]] = {
            WatchState: self.state.emit,
            Found: self.found.emit,
            Judged: self.judged.emit,
            Problems: self.problems.emit,
            Renamed: self.renamed.emit,
            Gone: self.gone.emit,
        }
        self._told.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._broke.connect(self._deliver_failure, Qt.ConnectionType.QueuedConnection)

    @property
    def is_watching(self) -> bool:
        """Whether a folder is watched, or will be as soon as its scan is done."""
        return self._watch is not None or self._is_asked

    @property
    def arrivals(self) -> SortOptions | None:
        """How photos are sorted as they arrive; None where they are not."""
        return self._arrivals

    def watch(
        self, folder: Path, recursive: bool, known: Iterable[PhotoFile] | None, unusable: Iterable[Path] = ()
    ) -> None:
        """Watch a folder, in place of the one watched so far; `state` follows.

        Args:
            folder: the one that was scanned last.
            recursive: whether with its sub-folders.
            known: photos that the window knows; what differs from these is told. None: whatever is there is known.
            unusable: photos of which the window knows that they can't be used.
        """
        from alpacasorter.core.watching.watch import Watch

        self.stop()
        self._watch = Watch(folder, recursive=recursive, known=known, unusable=unusable, gentle=True)
        self._watch.hold(self._is_held)
        self._lane.submit(partial(self._run, self._generation, self._watch))

    def stop(self) -> None:
        """Stop watching. Photos are not sorted as they arrive any more; the way they were is remembered."""
        self._generation += 1
        self._is_asked = False
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def look_for(self, folder: Path) -> None:
        """See whether a folder is there, while none is watched; `looked` follows, on a dead drive after a long time."""
        self._lane.submit(partial(self._look_for, folder))

    def set_arrivals(self, options: SortOptions | None) -> None:
        """Sort photos as they arrive from now on, or no longer; those that arrived since watching began are meant."""
        self._arrivals = options

    def expect(self, placed: FilesPlaced) -> None:
        """Take files that a sort has placed for the app's own work. May be called from any thread."""
        watch = self._watch
        if watch is not None:
            watch.expect(placed.files)
        with self._lock:
            for file in placed.files:
                before = self._known.get(file.before)
                if not file.kept:
                    self._known.pop(file.before, None)
                if before is not None and file.after is not None:
                    self._known[file.after] = PhotoFile(file.after, file.size, file.mtime_ns)

    def hold(self, on: bool) -> None:
        """Have nothing looked at while a sort moves files about, or go on."""
        self._is_held = on
        if self._watch is not None:
            self._watch.hold(on)

    def close(self) -> None:
        """Stop watching and end the thread; blocks until then, which is a moment."""
        self.stop()
        self._lane.close()

    # What the engine tells of its scan

    def begin(self, folder: Path | None, recursive: bool) -> None:
        """Another folder is open now, or none: stop, and know nothing. The same folder is watched after its scan."""
        is_same = self._folder is not None and folder == self._folder[0]
        goes_on = is_same and self.is_watching
        self.stop()
        if not is_same:
            self._arrivals = None
        self._folder = None if folder is None else (folder, recursive)
        self._is_scanned = False
        self._is_asked = goes_on
        with self._lock:
            self._known.clear()
            self._unusable.clear()

    def note(self, event: object) -> None:
        """Take in what the scan of the open folder says."""
        with self._lock:
            match event:
                case Found():
                    self._known.update((file.path, file) for file in event.files)
                    self._unusable.difference_update(file.path for file in event.files)
                case Problems():
                    paths = [problem.path for problem in event.problems if problem.path not in self._known]
                    self._unusable.update(paths)
                case Renamed():
                    for before, file in event.files:
                        self._known.pop(before, None)
                        self._known[file.path] = file
                case Gone():
                    for path in event.paths:
                        self._known.pop(path, None)
                        self._unusable.discard(path)
                case _:
                    pass
        if isinstance(event, Finished):
            self._is_scanned, self._is_whole = True, not event.cancelled
            if self._is_asked:
                self.watch_open()

    def watch_open(self) -> None:
        """Watch the folder that is open: `Engine.watch_folder`."""
        if self._folder is None or self._watch is not None:
            return
        if not self._is_scanned:
            self._is_asked = True
            return
        with self._lock:
            # After a scan that was broken off nobody knows what is new.
            known = list(self._known.values()) if self._is_whole else None
            unusable = list(self._unusable)
        self.watch(*self._folder, known, unusable)

    # On the thread that watches

    def _look_for(self, folder: Path) -> None:
        try:
            is_there = folder.is_dir()
        except OSError:
            is_there = False
        self.looked.emit(folder, is_there)

    def _run(self, generation: int, watch: Watch) -> None:
        opened = self._opened()
        if opened is None or generation != self._generation:
            return
        try:
            from alpacasorter.ml.watch_and_sort import live

            def is_over() -> bool:
                return generation != self._generation

            with contextlib.closing(live(opened, watch, arrivals=lambda: self._arrivals, stopped=is_over)) as events:
                for event in events:
                    if is_over():
                        return
                    if isinstance(event, Learned):
                        self._learned(event)
                    else:
                        self._told.emit(generation, event)
        except Exception as error:  # noqa: BLE001  # whatever it is, the user gets a sentence
            _log.exception("Watching failed")
            self._broke.emit(generation, sentence(error))

    # On the GUI thread

    def _deliver(self, generation: int, event: object) -> None:
        if generation != self._generation:
            return
        self.note(event)
        if isinstance(event, Judged):
            event = self._anew(event)
        emit = self._signal_of.get(type(event))
        if emit is None:
            self.sort_event.emit(event)
        else:
            emit(event)

    def _deliver_failure(self, generation: int, why: str) -> None:
        if generation == self._generation:
            self.stop()
            self.failed.emit(why)
