"""Plans and runs sorts for the window, and resumes and undoes earlier ones.

It uses two threads: one moves files; the other one makes plans and reads the history, which must not wait for it.
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
from alpacasorter.core.os_errors import for_log
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.sorting.events import (
    FilesFailed,
    FilesPlaced,
    SortBegan,
    SortEnded,
    SortEvent,
    SortProgress,
)
from alpacasorter.i18n import _
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import error_sentence

if TYPE_CHECKING:
    from alpacasorter.core.labels import LabeledPhoto
    from alpacasorter.core.sorting.options import SortOptions
    from alpacasorter.core.sorting.plan import SortPlan
    from alpacasorter.core.store.library import Library
    from alpacasorter.ml.engine import OpenEngine

    Work = Callable[[Library, Callable[[], bool]], Generator[SortEvent, None, None]]

_log = logging.getLogger(__name__)

_LISTED: Final = 1000
"""Sorts that the history shows at most."""


class SortService(QObject):
    """Runs one sort at a time. All methods are called on the GUI thread; all but `close` return immediately.

    Attributes:
        exclusion: what the user leaves out of the open folder; such files go with no photo.

    Signals:
        planned(SortPlan): the latest plan that was asked for.
        plan_failed(str): that plan can't be made; a sentence for the user.
        trash_planned(SortPlan): the next of the plans for the trash that were asked for.
        trash_plan_failed(str): it can't be made; a sentence for the user.
        misplaced(list): a SortPlan for each sort whose photos have other tags now; may be empty.
        began, placed, files_failed, progress, ended: the events of the running sort or undo.
        refused(str): a sort can't start or continue; a sentence for the user. `ended` does not follow.
        history(list, frozenset): the sorts as SortRecord, newest first; numbers of those that were interrupted and that
            no window or command is working on.
        failures(int, list): number of a sort, and its files that could not be sorted or undone, as FileFailure.
        history_failed(str): the history or the failures can't be read; a sentence for the user.
        interrupted(list): sorts that were interrupted, as SortRecord; only emitted if there are any.
    """

    planned = Signal(object)
    plan_failed = Signal(str)
    trash_planned = Signal(object)
    trash_plan_failed = Signal(str)
    misplaced = Signal(list)
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

    _plan_done = Signal(int, object)
    _misplaced_found = Signal(int, list)
    _run_event = Signal(object)

    def __init__(
        self,
        opened: Callable[[], OpenEngine | None],
        expect: Callable[[FilesPlaced], None],
        parent: QObject | None = None,
    ) -> None:
        """Prepare. Threads start when they are first needed.

        Args:
            opened: returns the open engine; None if it is not open yet.
            expect: is called first, on the thread that moves files, with files that were placed, so that whatever
                watches the folder knows that the app moved them.
            parent: owner of this object.
        """
        super().__init__(parent)
        self.exclusion = NOTHING
        self._opened = opened
        self._expect = expect
        self._asked = 0
        self._looked = 0
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
        self._plan_done.connect(self._deliver_plan, Qt.ConnectionType.QueuedConnection)
        self._misplaced_found.connect(self._deliver_misplaced, Qt.ConnectionType.QueuedConnection)
        self._run_event.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether a sort or undo runs, from the call that starts it until `ended` or `refused`."""
        return self._busy

    def plan(self, folder: Path, photos: Sequence[LabeledPhoto], options: SortOptions, labels: LabelSet) -> None:
        """Make a plan, and cancel the one being made; `planned` or `plan_failed` follows. Nothing is created."""
        self._asked += 1
        self._plan_lane.submit(partial(self._plan, self._asked, folder, photos, options, labels, self.exclusion))

    def cancel_plan(self) -> None:
        """Cancel the plan being made. No signal follows."""
        self._asked += 1

    def plan_trash(self, folder: Path, photos: Sequence[LabeledPhoto]) -> None:
        """Find out which files go to the trash with some photos; `trash_planned` or `trash_plan_failed` follows."""
        self._plan_lane.submit(partial(self._plan_trash, folder, photos, self.exclusion))

    def throw_away(self, plan: SortPlan) -> None:
        """Move the files of a plan to the trash; otherwise like `sort`."""

        def work(library: Library, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
            from alpacasorter.core.sorting.execution.run import trash_photos
            from alpacasorter.workers.trash import SystemTrash

            return trash_photos(plan, library, SystemTrash(), stopped=stopped)

        self._begin(work)

    def find_misplaced(self, photos: Sequence[LabeledPhoto], labels: LabelSet) -> None:
        """Find out which of these photos lie where a sort put them by another tag; `misplaced` follows, if at all."""
        self._looked += 1
        self._plan_lane.submit(partial(self._find_misplaced, self._looked, photos, labels, self.exclusion))

    def sort(self, plan: SortPlan) -> None:
        """Carry out a plan; `began` and the other events follow. Does nothing while another sort runs."""

        def work(library: Library, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
            from alpacasorter.core.sorting.execution.run import run_sort

            return run_sort(plan, library, stopped=stopped)

        self._begin(work)

    def resume(self, number: int) -> None:
        """Resume an interrupted sort, or try failed files again; otherwise like `sort`."""

        def work(library: Library, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
            from alpacasorter.core.sorting.execution.run import resume_sort
            from alpacasorter.workers.trash import SystemTrash

            return resume_sort(number, library, stopped=stopped, trash=SystemTrash())

        self._begin(work)

    def undo(self, number: int) -> None:
        """Undo a sort, finished or not; otherwise like `sort`."""

        def work(library: Library, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
            from alpacasorter.core.sorting.execution.run import undo_sort

            return undo_sort(number, library, stopped=stopped)

        self._begin(work)

    def stop(self) -> None:
        """Stop the sort between two files; `ended` follows, and the sort can be resumed or undone."""
        self._stop.set()

    def load_history(self) -> None:
        """Read the history; `history` or `history_failed` follows."""
        self._plan_lane.submit(self._read_history)

    def load_failures(self, number: int) -> None:
        """Read which files of a sort failed; `failures` or `history_failed` follows."""
        self._plan_lane.submit(partial(self._read_failures, number))

    def find_interrupted(self) -> None:
        """Find interrupted sorts that no window or command is working on; `interrupted` may follow."""
        self._plan_lane.submit(self._read_interrupted)

    def close(self) -> None:
        """Stop between two files and end the threads; blocks until then. The sort can be resumed at the next start."""
        self._closing = True
        self._asked += 1
        self._looked += 1
        self._stop.set()
        self._plan_lane.close()
        self._sort_lane.close()

    def _begin(self, work: Work) -> None:
        if self._busy or self._closing:
            return
        self._busy = True
        self._stop = threading.Event()
        self._sort_lane.submit(partial(self._run, work, self._stop))

    # On the thread for plans and the history

    def _plan(
        self,
        number: int,
        folder: Path,
        photos: Sequence[LabeledPhoto],
        options: SortOptions,
        labels: LabelSet,
        exclusion: Exclusion,
    ) -> None:
        if number != self._asked:
            return
        # Imported here, like all of core.sorting but its events, so that the first window does not wait for it.
        from alpacasorter.core.sorting.plan import PlanStopped

        try:
            from alpacasorter.core.sorting.planning.planner import plan_sort

            plan = plan_sort(
                folder, photos, options, labels, stopped=lambda: number != self._asked, exclusion=exclusion
            )
        except PlanStopped:
            return
        except Exception as error:  # noqa: BLE001  # whatever happens, the user gets a message
            self._plan_done.emit(number, error_sentence(error))
        else:
            self._plan_done.emit(number, plan)

    def _plan_trash(self, folder: Path, photos: Sequence[LabeledPhoto], exclusion: Exclusion) -> None:
        from alpacasorter.core.sorting.plan import PlanStopped
        from alpacasorter.core.sorting.planning.trashing import plan_trash

        try:
            plan = plan_trash(folder, photos, stopped=lambda: self._closing, exclusion=exclusion)
        except PlanStopped:
            return
        except Exception as error:  # noqa: BLE001  # whatever happens, the user gets a message
            self.trash_plan_failed.emit(error_sentence(error))
        else:
            self.trash_planned.emit(plan)

    def _find_misplaced(
        self, number: int, photos: Sequence[LabeledPhoto], labels: LabelSet, exclusion: Exclusion
    ) -> None:
        opened = self._opened()
        if opened is None or number != self._looked:
            return
        from alpacasorter.core.sorting.plan import PlanStopped

        try:
            from alpacasorter.core.sorting.planning.misplaced import plan_moves

            stopped = lambda: number != self._looked  # noqa: E731
            plans = plan_moves(opened.library, photos, labels, stopped=stopped, exclusion=exclusion)
        except PlanStopped:
            return
        except Exception as error:  # noqa: BLE001  # nothing was asked for, so nothing is said
            _log.warning("Whether photos lie in the folders of earlier tags can't be told: %s", for_log(error))
            plans = []
        self._misplaced_found.emit(number, plans)

    def _deliver_misplaced(self, number: int, plans: list[SortPlan]) -> None:
        if number == self._looked:
            self.misplaced.emit(plans)

    def _read_history(self) -> None:
        opened = self._opened()
        if opened is None:
            self.history_failed.emit(_not_open())
            return
        try:
            from alpacasorter.core.sorting.execution.session import list_sorts, open_sorts

            records = list_sorts(opened.library, limit=_LISTED)
            left = frozenset(record.number for record in open_sorts(opened.library))
        except Exception as error:  # noqa: BLE001
            self.history_failed.emit(error_sentence(error))
        else:
            self.history.emit(records, left)

    def _read_failures(self, number: int) -> None:
        opened = self._opened()
        if opened is None:
            return
        try:
            from alpacasorter.core.sorting.execution.session import failures

            found = failures(opened.library, number)
        except Exception as error:  # noqa: BLE001
            self.history_failed.emit(error_sentence(error))
        else:
            self.failures.emit(number, found)

    def _read_interrupted(self) -> None:
        opened = self._opened()
        if opened is None:
            return
        try:
            from alpacasorter.core.sorting.execution.session import open_sorts

            records = open_sorts(opened.library)
        except Exception as error:  # noqa: BLE001  # the history shows the error when it is opened
            _log.warning("Interrupted sorts can't be read: %s", for_log(error))
            return
        if records:
            self.interrupted.emit(records)

    # On the thread that moves files

    def _run(self, work: Work, stop: threading.Event) -> None:
        opened = self._opened()
        if opened is None:
            self._run_event.emit(_not_open())
            return
        try:
            with contextlib.closing(work(opened.library, stop.is_set)) as events:
                for event in events:
                    if isinstance(event, FilesPlaced):
                        self._follow(opened, event)
                    self._run_event.emit(event)
        except Exception as error:  # noqa: BLE001
            self._run_event.emit(error_sentence(error))

    def _follow(self, opened: OpenEngine, event: FilesPlaced) -> None:
        """Tell the watch and the cache where the files are now. A failure of either must not stop the sort.

        Without that, the watch reports the files as new, and the next scan reads those that the cache does not know.
        """
        try:
            self._expect(event)
            opened.cache.follow(event.files)
        except Exception:  # noqa: BLE001
            _log.exception("Files were sorted, but not followed")

    # On the GUI thread

    def _deliver_plan(self, number: int, result: object) -> None:
        if number != self._asked:
            return
        if isinstance(result, str):
            self.plan_failed.emit(result)
        else:
            self.planned.emit(result)

    def _deliver(self, event: object) -> None:
        if isinstance(event, SortEnded):
            self._busy = False
            self.ended.emit(event)
        elif isinstance(event, str):
            self._busy = False
            self.refused.emit(event)
        else:
            self._signal_of[type(event)](event)


def _not_open() -> str:
    return _("AlpacaSorter is still starting. Try again in a moment.")
