"""Plans sorts, does them, finishes and takes back earlier ones, for the window.

Two lanes: one on which files are moved, one for plans and for what the history says, which must not wait for it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal

from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.events import (
    FilesFailed,
    FilesPlaced,
    SortBegan,
    SortEnded,
    SortEvent,
    SortProgress,
)
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import sentence

if TYPE_CHECKING:
    from alpacasorter.core.sorting.options import SortOptions
    from alpacasorter.core.sorting.plan import SortPhoto, SortPlan
    from alpacasorter.core.store.library import Library
    from alpacasorter.ml.engine import Engine as OpenEngine

    Work = Callable[[Library, Callable[[], bool]], Generator[SortEvent, None, None]]

_log = logging.getLogger(__name__)

_NOT_OPEN: Final = "AlpacaSorter is still starting. Try again in a moment."
_LISTED: Final = 1000
"""Sorts that the history shows."""


class SortKeeper(QObject):
    """Does one sort at a time. All methods are called on the GUI thread; all but `close` return at once.

    Signals:
        planned(SortPlan): the plan asked for last.
        plan_failed(str): it can't be made; a sentence for the user.
        began, placed, files_failed, progress, ended: the events of the sort that runs.
        refused(str): a sort can't begin or go on; a sentence for the user. No `ended` follows.
        history(list, frozenset): sorts as SortRecord, newest first; numbers of those that were broken off and that
            nobody is at work on.
        failures(int, list): files of a sort, by its number, that could not be done or taken back, as FileFailure.
        history_failed(str): neither can be told; a sentence for the user.
        interrupted(list): sorts that were broken off, as SortRecord; only where there are any.
    """

    planned = Signal(object)
    plan_failed = Signal(str)
    began = Signal(object)
    placed = Signal(object)
    files_failed = Signal(object)
    progress = Signal(object)
    ended = Signal(object)
    refused = Signal(str)
    history = Signal(list, object)
    failures = Signal(int, list)
    history_failed = Signal(str)
    interrupted = Signal(list)

    _plan_told = Signal(int, object)
    _run_told = Signal(object)

    def __init__(
        self,
        opened: Callable[[], OpenEngine | None],
        expect: Callable[[FilesPlaced], None],
        parent: QObject | None = None,
    ) -> None:
        """Prepare; no thread runs before something is asked for.

        Args:
            opened: returns what is open.
            expect: is told of files that were placed, on the lane, before anybody else: so that who watches the
                folder takes them for the app's own work.
            parent: owner of this object.
        """
        super().__init__(parent)
        self._opened = opened
        self._expect = expect
        self._asked = 0
        self._closing = False
        self._busy = False
        self._stop = threading.Event()
        self._sort_lane = Lane("sorting")
        self._plan_lane = Lane("sort-plans")
        self._signal_of: dict[type, Callable[[object], None]] = {
            SortBegan: self.began.emit,
            FilesPlaced: self.placed.emit,
            FilesFailed: self.files_failed.emit,
            SortProgress: self.progress.emit,
        }
        self._plan_told.connect(self._deliver_plan, Qt.ConnectionType.QueuedConnection)
        self._run_told.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether a sort runs, from being asked for until `ended` or `refused`."""
        return self._busy

    def plan(self, folder: Path, photos: Sequence[SortPhoto], options: SortOptions, labels: LabelSet) -> None:
        """Make a plan in place of one being made; `planned` or `plan_failed` follows. Nothing is created."""
        self._asked += 1
        self._plan_lane.submit(partial(self._plan, self._asked, folder, photos, options, labels))

    def drop_plan(self) -> None:
        """Give up the plan being made: what was wanted has changed. No signal follows."""
        self._asked += 1

    def sort(self, plan: SortPlan) -> None:
        """Do what a plan says; `began` and the others follow. Does nothing while another sort runs."""

        def work(library: Library, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
            from alpacasorter.core.sorting.execution.run import run_sort

            return run_sort(plan, library, stopped=stopped)

        self._begin(work)

    def finish(self, number: int) -> None:
        """Go on with a sort that was broken off, or try files again that failed; as `sort` otherwise."""

        def work(library: Library, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
            from alpacasorter.core.sorting.execution.run import finish_sort

            return finish_sort(number, library, stopped=stopped)

        self._begin(work)

    def take_back(self, number: int) -> None:
        """Put back what a sort has done, whether or not it was finished; as `sort` otherwise."""

        def work(library: Library, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
            from alpacasorter.core.sorting.execution.run import take_back_sort

            return take_back_sort(number, library, stopped=stopped)

        self._begin(work)

    def stop(self) -> None:
        """Stop the sort between two files; `ended` follows, and the sort can be finished or taken back."""
        self._stop.set()

    def ask_history(self) -> None:
        """Ask which sorts there were; `history` or `history_failed` follows."""
        self._plan_lane.submit(self._tell_history)

    def ask_failures(self, number: int) -> None:
        """Ask for the files of a sort that could not be done; `failures` or `history_failed` follows."""
        self._plan_lane.submit(partial(self._tell_failures, number))

    def look_for_interrupted(self) -> None:
        """Look for sorts that were broken off and that no other window is at work on; `interrupted` may follow."""
        self._plan_lane.submit(self._tell_interrupted)

    def close(self) -> None:
        """Stop between two files and end the threads; blocks until then. The sort can be finished at the next start."""
        self._closing = True
        self._asked += 1
        self._stop.set()
        self._plan_lane.close()
        self._sort_lane.close()

    def _begin(self, work: Work) -> None:
        if self._busy or self._closing:
            return
        self._busy = True
        self._stop = threading.Event()
        self._sort_lane.submit(partial(self._run, work, self._stop))

    # On the lane for plans

    def _plan(
        self, number: int, folder: Path, photos: Sequence[SortPhoto], options: SortOptions, labels: LabelSet
    ) -> None:
        if number != self._asked:
            return
        # Imported here, as all of core.sorting but its events: the first window need not wait for it.
        from alpacasorter.core.sorting.plan import PlanStopped

        try:
            from alpacasorter.core.sorting.planning.planner import plan_sort

            plan = plan_sort(folder, photos, options, labels, stopped=lambda: number != self._asked)
        except PlanStopped:
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the user gets a sentence
            self._plan_told.emit(number, sentence(error))
        else:
            self._plan_told.emit(number, plan)

    def _tell_history(self) -> None:
        opened = self._opened()
        if opened is None:
            self.history_failed.emit(_NOT_OPEN)
            return
        try:
            from alpacasorter.core.sorting.execution.session import list_sorts, open_sorts

            records = list_sorts(opened.library, limit=_LISTED)
            left = frozenset(record.number for record in open_sorts(opened.library))
        except Exception as error:  # noqa: BLE001
            self.history_failed.emit(sentence(error))
        else:
            self.history.emit(records, left)

    def _tell_failures(self, number: int) -> None:
        opened = self._opened()
        if opened is None:
            return
        try:
            from alpacasorter.core.sorting.execution.session import failures

            found = failures(opened.library, number)
        except Exception as error:  # noqa: BLE001
            self.history_failed.emit(sentence(error))
        else:
            self.failures.emit(number, found)

    def _tell_interrupted(self) -> None:
        opened = self._opened()
        if opened is None:
            return
        try:
            from alpacasorter.core.sorting.execution.session import open_sorts

            records = open_sorts(opened.library)
        except Exception as error:  # noqa: BLE001  # the history says so as soon as it is looked at
            _log.warning("Whether a sort was broken off can't be told: %s", error)
            return
        if records:
            self.interrupted.emit(records)

    # On the lane for sorts

    def _run(self, work: Work, stop: threading.Event) -> None:
        opened = self._opened()
        if opened is None:
            self._run_told.emit(_NOT_OPEN)
            return
        try:
            with contextlib.closing(work(opened.library, stop.is_set)) as events:
                for event in events:
                    if isinstance(event, FilesPlaced):
                        self._follow(opened, event)
                    self._run_told.emit(event)
        except Exception as error:  # noqa: BLE001
            self._run_told.emit(sentence(error))

    def _follow(self, opened: OpenEngine, event: FilesPlaced) -> None:
        """Let who watches and the cache follow the files. Neither is worth a sort: both find the files by themselves.

        The cache looks into a file it does not know at the next scan.
        """
        try:
            self._expect(event)
            opened.cache.follow(event.files)
        except Exception:  # noqa: BLE001
            _log.exception("Files were sorted, but not followed")

    # On the GUI thread

    def _deliver_plan(self, number: int, told: object) -> None:
        if number != self._asked:
            return
        if isinstance(told, str):
            self.plan_failed.emit(told)
        else:
            self.planned.emit(told)

    def _deliver(self, event: object) -> None:
        if isinstance(event, SortEnded):
            self._busy = False
            self.ended.emit(event)
        elif isinstance(event, str):
            self._busy = False
            self.refused.emit(event)
        else:
            self._signal_of[type(event)](event)
