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
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.watching.events import Gone, Renamed, WatchState
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import error_sentence

if TYPE_CHECKING:
    from alpacasorter.core.sorting.options import SortOptions
    from alpacasorter.core.watching.watch import Watch
    from alpacasorter.ml.engine import OpenEngine

_log = logging.getLogger(__name__)


class WatchService(QObject):
    """Watches one folder at a time. All methods but `expect` are called on the GUI thread; all but `close` return
    immediately. When watching stops, for example because another folder is opened, pending events are dropped.

    The window starts it with `Engine.watch_folder()`. If the same folder is opened again, watching resumes after the
    scan.

    Signals:
        state(WatchState): how the folder is watched; emitted first, and whenever it changes.
        found(Found): photos that arrived or changed. For each, `judged` or `problems` follows, as in a scan. The window
            may already show a photo at the same path.
        judged(Judged): photos that arrived, with predictions by the latest head.
        problems(Problems): photos that arrived and can't be judged or read.
        renamed(Renamed): photos that were renamed or moved within the folder.
        gone(Gone): photos that are no longer there.
        sort_event(SortEvent): events of sorting new photos (FilesPlaced is one of them).
        failed(str): watching ended because of an error; a sentence for the user.
        folder_checked(Path, bool): whether a folder exists; the answer to `check_folder`.
    """

    state = Signal(object)
    found = Signal(object)
    judged = Signal(object)
    problems = Signal(object)
    renamed = Signal(object)
    gone = Signal(object)
    sort_event = Signal(object)
    failed = Signal(str)
    folder_checked = Signal(object, bool)

    _event = Signal(int, object)
    _crashed = Signal(int, str)

    def __init__(
        self,
        opened: Callable[[], OpenEngine | None],
        learned: Callable[[Learned], None],
        rejudge: Callable[[Judged], Judged],
        parent: QObject | None = None,
    ) -> None:
        """Prepare.

        Args:
            opened: returns the open engine; None if it is not open yet.
            learned: called on the watching thread if something was learned from photos that arrived.
            rejudge: returns an event with the predictions of the latest head.
            parent: owner of this object.
        """
        super().__init__(parent)
        self._opened = opened
        self._learned = learned
        self._rejudge = rejudge
        self._lane = Lane("watch")
        self._generation = 0
        self._watch: Watch | None = None
        self._arrivals: SortOptions | None = None
        self._folder: tuple[Path, bool] | None = None
        self._exclusion = NOTHING
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
        self._event.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._crashed.connect(self._deliver_failure, Qt.ConnectionType.QueuedConnection)

    @property
    def is_watching(self) -> bool:
        """Whether a folder is watched, or will be after its scan."""
        return self._watch is not None or self._is_asked

    @property
    def arrivals(self) -> SortOptions | None:
        """How new photos are sorted; None if they are not."""
        return self._arrivals

    def watch(
        self,
        folder: Path,
        recursive: bool,
        known: Iterable[PhotoFile] | None,
        unusable: Iterable[Path] = (),
        exclusion: Exclusion = NOTHING,
    ) -> None:
        """Watch a folder instead of the previous one; `state` follows.

        Args:
            folder: the one that was scanned last.
            recursive: whether to include subfolders.
            known: photos that the window shows; only differences from these are reported. None: all photos that are
                there count as known.
            unusable: photos that the window knows to be unusable.
            exclusion: what the user leaves out.
        """
        from alpacasorter.core.watching.watch import Watch

        self.stop()
        self._watch = Watch(
            folder, recursive=recursive, known=known, unusable=unusable, gentle=True, exclusion=exclusion
        )
        self._watch.hold(self._is_held)
        self._lane.submit(partial(self._run, self._generation, self._watch))

    def stop(self) -> None:
        """Stop watching. New photos are no longer sorted, but `arrivals` is kept."""
        self._generation += 1
        self._is_asked = False
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def check_folder(self, folder: Path) -> None:
        """Check whether a folder exists; `folder_checked` follows, which may take long on a dead drive."""
        self._lane.submit(partial(self._check_folder, folder))

    def set_arrivals(self, options: SortOptions | None) -> None:
        """Sort new photos, including those that arrived since watching started; or no longer sort them if None."""
        self._arrivals = options

    def expect(self, placed: FilesPlaced) -> None:
        """Note that a sort has placed these files, so that they are not reported. May be called from any thread."""
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
        """Pause watching while a sort moves files, or resume it."""
        self._is_held = on
        if self._watch is not None:
            self._watch.hold(on)

    def close(self) -> None:
        """Stop watching and end the thread; blocks until then, which takes a moment."""
        self.stop()
        self._lane.close()

    # For the engine, which scans the folder

    def begin(self, folder: Path | None, recursive: bool, exclusion: Exclusion = NOTHING) -> None:
        """Stop watching and forget all photos, because a folder was opened or closed.

        If it is the same folder, watching resumes after its scan.
        """
        is_same = self._folder is not None and folder == self._folder[0]
        goes_on = is_same and self.is_watching
        self.stop()
        if not is_same:
            self._arrivals = None
        self._folder = None if folder is None else (folder, recursive)
        self._exclusion = exclusion
        self._is_scanned = False
        self._is_asked = goes_on
        with self._lock:
            self._known.clear()
            self._unusable.clear()

    def note(self, event: object) -> None:
        """Note the events of the scan of the open folder."""
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
            self._is_scanned, self._is_whole = True, not event.canceled
            if self._is_asked:
                self.watch_open()

    def watch_open(self) -> None:
        """Watch the open folder, now or after its scan (`Engine.watch_folder`)."""
        if self._folder is None or self._watch is not None:
            return
        if not self._is_scanned:
            self._is_asked = True
            return
        with self._lock:
            # After a scan that was stopped, it is unknown which photos are new.
            known = list(self._known.values()) if self._is_whole else None
            unusable = list(self._unusable)
        self.watch(*self._folder, known, unusable, self._exclusion)

    # On the watching thread

    def _check_folder(self, folder: Path) -> None:
        try:
            is_there = folder.is_dir()
        except OSError:
            is_there = False
        self.folder_checked.emit(folder, is_there)

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
                        self._event.emit(generation, event)
        except Exception as error:  # noqa: BLE001  # whatever happens, the user gets a message
            _log.exception("Watching failed")
            self._crashed.emit(generation, error_sentence(error))

    # On the GUI thread

    def _deliver(self, generation: int, event: object) -> None:
        if generation != self._generation:
            return
        self.note(event)
        if isinstance(event, Judged):
            event = self._rejudge(event)
        emit = self._signal_of.get(type(event))
        if emit is None:
            self.sort_event.emit(event)
        else:
            emit(event)

    def _deliver_failure(self, generation: int, why: str) -> None:
        if generation == self._generation:
            self.stop()
            self.failed.emit(why)
