"""Connects the main window with sorting: opens the dialogs, and shows how a sort ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QMainWindow

from alpacasorter.core.events import LearningAgain, Problems
from alpacasorter.core.sorting.events import FilesPlaced, SortRecord, SortState
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.follow_up import RescanAfterSort
from alpacasorter.ui.sorting.misplaced import MisplacedPhotos
from alpacasorter.ui.sorting.trash import Rejected, TrashControl
from alpacasorter.ui.widgets.banners import BannerBar, Choice, ChoiceBanner, Rank
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.ui.widgets.dialogs import confirmed, say
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine

if TYPE_CHECKING:
    from alpacasorter.core.sorting.plan import SortPlan
    from alpacasorter.ui.sorting.dialog import SortDialog
    from alpacasorter.ui.sorting.history import SortHistory
    from alpacasorter.ui.sorting.run_state import SortInput, SortRun


class SortControl(WindowControl):
    """Opens the dialogs that sort photos and list the sorts.

    Attributes:
        strip: shows how the last sort ended.
        misplaced: offers to move what was relabeled after a sort.
        offer: asks what to do about a sort that was interrupted.
        trash: moves photos to the trash.

    Signals:
        told(str): how a sort ended, a sentence for the status bar; empty when the next one starts.
        placed(FilesPlaced): files were moved, or moved back.
        rescan_needed(list): a sort or an undo has put photos into the open folder that are not listed; the paths of
            those to be selected.
    """

    placed = Signal(object)
    rescan_needed = Signal(list)

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        actions: Actions,
        store: PhotoStore,
        settings: Settings,
        bar: BannerBar,
        folder: Callable[[], Path | None],
        stack: QUndoStack,
        rejected: Rejected,
        filtered: Callable[[], Sequence[PhotoRow] | None] = lambda: None,
    ) -> None:
        """Connect the actions, and add a hidden button for a running sort to the status bar.

        Args:
            window: gets the dialogs.
            engine: sorts.
            actions: of the window.
            store: the photos of the open folder.
            settings: what was chosen before.
            theme: colors.
            folder: returns the open folder.
            stack: where moving photos to the trash can be undone.
            rejected: the photos that are selected, which go to the trash, but are not the only ones that are sorted.
            filtered: returns the photos that are listed; None if these are all. All are sorted, and the dialog says so.
        """
        super().__init__(window)
        self._engine = engine
        self._actions = actions
        self._store = store
        self._settings = settings
        self._folder = folder
        self._filtered = filtered
        self._rejected = rejected
        self._unlisted: set[Path] = set()
        self._has_checked = False
        self._sort = self._launcher(self._make)
        self._sorts = self._launcher(self._make_history)
        self.strip = ChoiceBanner(bar, Rank.NEWS)
        self.offer = ChoiceBanner(bar, Rank.QUESTION, "notice")
        self.button = self._status_button(_("Show the sort"))
        self.button.clicked.connect(self.open_dialog)
        self.button.hide()
        self._rescan = RescanAfterSort(engine.sorting, actions.stop, store, settings, folder, self)
        self.trash = TrashControl(window, engine.sorting, actions, settings, folder, rejected, stack)
        self._rescan.rescan_needed.connect(lambda: self.rescan_needed.emit(self.trash.take_restored()))
        self.misplaced = MisplacedPhotos(engine.sorting, actions, store, bar, folder, self._carry_out, self)
        self._connect()

    def _connect(self) -> None:
        actions, engine, service = self._actions, self._engine, self._engine.sorting
        actions.sort.triggered.connect(self.open_dialog)
        actions.sort_history.triggered.connect(self.open_history)
        # A folder was opened or closed.
        actions.arrivals.changed.connect(self._on_folder)
        engine.ready.connect(self._on_ready)
        engine.problems.connect(self._on_problems)
        engine.finished.connect(self._on_photos_changed)
        engine.finished.connect(self._rescan.on_finished)
        engine.learned.connect(self._on_photos_changed)
        engine.learned.connect(self.misplaced.on_learned)
        engine.versions.learning_again.connect(self._on_learning_again)
        service.placed.connect(self._on_placed)
        service.began.connect(self._on_began)
        service.ended.connect(self._on_over)
        service.refused.connect(self._on_over)
        service.interrupted.connect(self._on_interrupted)
        self.trash.told.connect(self.told)
        self.trash.refused.connect(self._on_refused)
        self.trash.ended.connect(self.show_outcome)
        self.refresh()

    # Dialogs

    @property
    def dialog(self) -> SortDialog | None:
        """The sort dialog; None until it is first opened."""
        return self._sort.dialog

    @property
    def history(self) -> SortHistory | None:
        """The sort history; None until it is first opened."""
        return self._sorts.dialog

    def open_dialog(self) -> None:
        """Show the sort dialog with the form, or with the running sort."""
        self._sort.made().present()

    def open_history(self) -> None:
        """Show the sort history."""
        is_visible = self._sorts.is_visible
        history = self._sorts.show()
        if not is_visible:
            history.begin()

    def _make(self) -> SortDialog:
        from alpacasorter.ui.sorting.dialog import SortDialog

        dialog = SortDialog(self._engine.sorting, self._settings, self.input, self._window)
        dialog.status.connect(self._show_status)
        dialog.ended.connect(self._on_ended)
        dialog.put_off.connect(self._on_put_off)
        dialog.plan_page.changed.connect(self._take_clocks)
        return dialog

    def _take_clocks(self) -> None:
        """Let the order by date and the preview go by the clocks of the sort dialog from now on."""
        if self._sort.dialog is not None:
            self._store.clocks = self._sort.dialog.plan_page.form.clocks.clocks

    def _make_history(self) -> SortHistory:
        from alpacasorter.ui.sorting.history import SortHistory

        history = SortHistory(self._engine.sorting, self._window)
        history.resume.connect(self._resume)
        history.undo.connect(self._undo)
        return history

    def input(self) -> SortInput | None:
        """Return what there is to sort now; None if no folder is open."""
        from alpacasorter.ui.sorting.run_state import sort_input

        folder = self._folder()
        if folder is None:
            return None
        store = self._store
        scanning = self._actions.stop.isEnabled()
        found = sort_input(folder, store.rows, store.labels, self._unlisted, scanning=scanning)
        shown = self._filtered()
        listed = None if shown is None else len(shown)
        selected = len(self._rejected.chosen())
        return replace(found, again=self._engine.versions.again, listed=listed, selected=selected)

    # Closing the window

    def may_close(self) -> bool:
        """Ask whether the app may be closed while a sort is running."""
        if not self._engine.sorting.busy:
            return True
        more = _("The sort stops between two files, and nothing is lost. At the next start you can resume or undo it.")
        return confirmed(
            self._window, _("Quit?"), _("Stop sorting and quit?"), more, _("Stop and quit"), _("Keep sorting")
        )

    def close_down(self) -> None:
        """Close the dialogs. The engine stops the sort between two files."""
        if self.dialog is not None:
            self.dialog.close_down()
        self._sorts.close()

    # Events

    def refresh(self) -> None:
        """Enable sorting if there are photos to sort."""
        counts = self._store.counts
        known = counts[Filter.POSITIVE] + counts[Filter.NEGATIVE] + counts[Filter.PROBLEMS]
        self._actions.sort.setEnabled(self._folder() is not None and known > 0)

    def _on_ready(self) -> None:
        if not self._has_checked:
            self._has_checked = True
            self._engine.sorting.find_interrupted()
        self._on_photos_changed()

    def _on_problems(self, event: Problems) -> None:
        self._unlisted.update(problem.path for problem in event.problems if problem.is_folder)

    def _on_photos_changed(self, _event: object = None) -> None:
        if self.dialog is not None:
            self.dialog.on_photos_changed()

    def _on_learning_again(self, event: LearningAgain) -> None:
        if not event.running:
            self._on_photos_changed()

    def _on_folder(self) -> None:
        self.misplaced.on_folder()
        if self._folder() is None and self.dialog is not None:
            self.dialog.on_folder_closed()

    def _on_placed(self, event: FilesPlaced) -> None:
        self.placed.emit(event)
        self._rescan.note(event)

    def _on_began(self, _event: object) -> None:
        self.strip.hide()
        self.offer.hide()
        self.told.emit("")
        # A scan would find files twice, or not at all, while they are being moved.
        self._actions.rescan.setEnabled(False)

    def _on_over(self, _event: object) -> None:
        self._actions.rescan.setEnabled(self._folder() is not None)
        self._rescan.on_over()

    def _on_ended(self, run: SortRun) -> None:
        record = run.record
        if record is None:
            return
        words = run.outcome
        if run.ended is not None and run.ended.problem:
            words = f"{words} {run.ended.problem}"
        self.show_outcome(words, record)

    def show_outcome(self, words: str, record: SortRecord) -> None:
        """Show how a sort ended, with buttons for what the user can do now."""
        choices: list[Choice] = []
        if record.is_open:
            choices.append(Choice(_("Resume"), partial(self._resume, record)))
        if record.state in (SortState.FINISHED, SortState.STOPPED, SortState.RUNNING) and record.done:
            if record.trashed:
                choices.append(Choice(_("Restore from trash"), partial(self.trash.restore, record)))
            else:
                choices.append(Choice(_("Undo sort"), partial(self._undo, record)))
        if record.failed or record.left:
            choices.append(Choice(_("Sort history"), self.open_history))
        if record.state is not SortState.UNDONE and not record.trashed:
            choices.append(Choice(_("Show in file manager"), partial(self._show, record.destination)))
        self.strip.offer(words, choices)
        self.told.emit(words)

    def _on_refused(self, words: str) -> None:
        self.strip.offer(words, [])
        self.told.emit(words)

    def _on_put_off(self, number: int) -> None:
        self._settings.sorts_put_off |= {number}

    def _on_interrupted(self, records: list[SortRecord]) -> None:
        from alpacasorter.wording import sorts

        known = self._settings.sorts_put_off & {record.number for record in records}
        self._settings.sorts_put_off = known
        # A sort that the user has put off is only in the history, and one that is running needs no offer.
        left = [record for record in records if record.number not in known]
        if not left or self._engine.sorting.busy:
            return
        record, more = left[0], len(left) - 1
        words = sorts.interrupted(record)
        if more:
            said = ngettext("{count} more is in the sort history.", "{count} more are in the sort history.", more)
            words = f"{words} {said.format(count=number(more))}"
        undoing = record.state is SortState.UNDOING
        choices = [Choice(_("Finish undo") if undoing else _("Resume"), partial(self._resume, record))]
        if not undoing:
            choices.append(Choice(_("Undo sort"), partial(self._undo, record)))
        choices.append(Choice(_("Later"), self.offer.hide))
        if more:
            choices.append(Choice(_("Show all"), self.open_history))
        self.offer.offer(words, choices)

    def _carry_out(self, plan: SortPlan) -> None:
        self._sort.made().carry_out(plan)

    def _resume(self, record: SortRecord) -> None:
        self._sort.made().resume(record)

    def _undo(self, record: SortRecord) -> None:
        self._sort.made().undo(record)

    def _show_status(self, words: str) -> None:
        self.button.setText(words.replace("&", "&&"))
        self.button.setVisible(bool(words))

    def _show(self, folder: Path) -> None:
        if folder.is_dir():
            show_folder(folder, self._window, partial(say, self._window))
        else:
            said = _("The folder {folder} does not exist. If it is on a removable drive, connect the drive.")
            say(self._window, said.format(folder=text.folder(folder)))
