"""Between the main window and sorting: opens the dialogs, has the photos follow, says what was done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLayout, QMainWindow

from alpacasorter.core.events import Problems
from alpacasorter.core.sorting.events import FilesPlaced, SortRecord, SortState
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import Filter
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.follow_up import Returning, SortStrip
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.ui.widgets.dialogs import confirmed
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.engine import Engine

if TYPE_CHECKING:
    from alpacasorter.ui.sorting.dialog import SortDialog
    from alpacasorter.ui.sorting.history import SortHistory
    from alpacasorter.ui.sorting.run_state import SortRun, Subject

_QUIT: Final = "Stop sorting and quit?"
_QUIT_MORE: Final = (
    "It stops between two files, and nothing is lost. At the next start you can finish the sort or put all back."
)


class SortControl(WindowControl):
    """Opens the dialogs that sort and list the sorts.

    Attributes:
        strip: says what came of the last sort.
        offer: says that a sort was broken off, and asks what is to be done.

    Signals:
        told(str): what came of a sort; a sentence for the status bar. Empty where that is no longer so.
        placed(FilesPlaced): files were moved, or moved back.
        look_again: the open folder holds photos that are not listed, since a sort or an undo has put them there.
    """

    placed = Signal(object)
    look_again = Signal()

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        actions: Actions,
        store: PhotoStore,
        settings: Settings,
        theme: Theme,
        folder: Callable[[], Path | None],
    ) -> None:
        """Connect the actions, and put a button for the sort that goes on into the status bar, hidden for now."""
        super().__init__(window)
        self._engine = engine
        self._actions = actions
        self._store = store
        self._settings = settings
        self._folder = folder
        self._unlisted: set[Path] = set()
        self._looked = False
        self._sort = self._launcher(self._make)
        self._sorts = self._launcher(self._make_history)
        self.strip = SortStrip("banner", theme, window)
        self.offer = SortStrip("notice", theme, window)
        self.button = self._status_button("Show the sort")
        self.button.clicked.connect(self.open_dialog)
        self.button.hide()
        self._returning = Returning(engine.sorting, actions.stop, store, settings, folder, self)
        self._returning.look_again.connect(self.look_again)
        self._connect()

    def _connect(self) -> None:
        actions, engine, keeper = self._actions, self._engine, self._engine.sorting
        actions.sort.triggered.connect(self.open_dialog)
        actions.sort_history.triggered.connect(self.open_history)
        # The folder was opened or closed.
        actions.arrivals.changed.connect(self._on_folder)
        engine.ready.connect(self._on_ready)
        engine.problems.connect(self._on_problems)
        engine.finished.connect(self._on_photos_changed)
        engine.finished.connect(self._returning.on_finished)
        engine.learned.connect(self._on_photos_changed)
        keeper.placed.connect(self._on_placed)
        keeper.began.connect(self._on_began)
        keeper.ended.connect(self._on_over)
        keeper.refused.connect(self._on_over)
        keeper.interrupted.connect(self._on_interrupted)
        self.refresh()

    def place_in(self, layout: QLayout) -> None:
        """Put what is said above the photos into a layout."""
        layout.addWidget(self.offer)
        layout.addWidget(self.strip)

    # Dialogs

    @property
    def dialog(self) -> SortDialog | None:
        """The dialog with choices, progress and result; None until it is first opened."""
        return self._sort.dialog

    @property
    def history(self) -> SortHistory | None:
        """The dialog that lists the sorts; None until it is first opened."""
        return self._sorts.dialog

    def open_dialog(self) -> None:
        """Show the choices, or the sort that goes on."""
        self._sort.made().present()

    def open_history(self) -> None:
        """Show the sorts of before."""
        is_visible = self._sorts.is_visible
        history = self._sorts.show()
        if not is_visible:
            history.begin()

    def _make(self) -> SortDialog:
        from alpacasorter.ui.sorting.dialog import SortDialog

        dialog = SortDialog(self._engine.sorting, self._settings, self.subject, self._window)
        dialog.status.connect(self._show_status)
        dialog.ended.connect(self._on_ended)
        dialog.put_off.connect(self._on_put_off)
        return dialog

    def _make_history(self) -> SortHistory:
        from alpacasorter.ui.sorting.history import SortHistory

        history = SortHistory(self._engine.sorting, self._window)
        history.finish.connect(self._finish)
        history.take_back.connect(self._take_back)
        return history

    def subject(self) -> Subject | None:
        """Return what there is to sort now; None while no folder is open."""
        from alpacasorter.ui.sorting.run_state import subject_of

        folder = self._folder()
        if folder is None:
            return None
        store = self._store
        scanning = self._actions.stop.isEnabled()
        return subject_of(folder, store.rows, store.labels, self._unlisted, scanning=scanning)

    # Closing the window

    def may_close(self) -> bool:
        """Ask whether the app may be closed where a sort is going on."""
        if not self._engine.sorting.busy:
            return True
        return confirmed(self._window, "Quit?", _QUIT, _QUIT_MORE, "Stop and quit", "Go on sorting")

    def close_down(self) -> None:
        """Close the dialogs. The engine ends the sort between two files."""
        if self.dialog is not None:
            self.dialog.close_down()
        self._sorts.close()

    # What happens

    def refresh(self) -> None:
        """Enable sorting if there are photos to sort."""
        counts = self._store.counts
        known = counts[Filter.POSITIVE] + counts[Filter.NEGATIVE] + counts[Filter.PROBLEMS]
        self._actions.sort.setEnabled(self._folder() is not None and known > 0)

    def _on_ready(self) -> None:
        if not self._looked:
            self._looked = True
            self._engine.sorting.look_for_interrupted()
        self._on_photos_changed()

    def _on_problems(self, event: Problems) -> None:
        self._unlisted.update(problem.path for problem in event.problems if problem.is_folder)

    def _on_photos_changed(self, _event: object = None) -> None:
        if self.dialog is not None:
            self.dialog.on_photos_changed()

    def _on_folder(self) -> None:
        if self._folder() is None and self.dialog is not None:
            self.dialog.on_folder_closed()

    def _on_placed(self, event: FilesPlaced) -> None:
        self.placed.emit(event)
        self._returning.note(event)

    def _on_began(self, _event: object) -> None:
        self.strip.hide()
        self.offer.hide()
        self.told.emit("")
        # Files that move while they are looked for would be found twice, or not at all.
        self._actions.rescan.setEnabled(False)

    def _on_over(self, _event: object) -> None:
        self._actions.rescan.setEnabled(self._folder() is not None)
        self._returning.on_over()

    def _on_ended(self, run: SortRun) -> None:
        record = run.record
        if record is None:
            return
        words = run.outcome
        if run.ended is not None and run.ended.problem:
            words = f"{words} {run.ended.problem}"
        self.tell_outcome(words, record)

    def tell_outcome(self, words: str, record: SortRecord) -> None:
        """Say what came of a sort, with what can be done now."""
        choices: list[tuple[str, Callable[[], None]]] = []
        if record.is_open:
            choices.append(("Go on", partial(self._finish, record)))
        if record.state in (SortState.FINISHED, SortState.STOPPED, SortState.RUNNING) and record.done:
            choices.append(("Put all back" if record.is_open else "Undo", partial(self._take_back, record)))
        if record.state is not SortState.UNDONE:
            choices.append(("Show in file manager", partial(_show, record.destination)))
        self.strip.tell(words, choices)
        self.told.emit(words)

    def _on_put_off(self, number: int) -> None:
        self._settings.sorts_put_off |= {number}

    def _on_interrupted(self, records: list[SortRecord]) -> None:
        from alpacasorter.wording import sorts

        known = self._settings.sorts_put_off & {record.number for record in records}
        self._settings.sorts_put_off = known
        # One that the user closed as it is rests in the history; one that is being done is no business of the offer.
        left = [record for record in records if record.number not in known]
        if not left or self._engine.sorting.busy:
            return
        record, more = left[0], len(left) - 1
        words = sorts.broken_off(record)
        if more:
            words += f" {more:,} more {'is' if more == 1 else 'are'} in the sort history."
        undoing = record.state is SortState.UNDOING
        choices: list[tuple[str, Callable[[], None]]] = [
            ("Finish the undo" if undoing else "Finish", partial(self._finish, record))
        ]
        if not undoing:
            choices.append(("Put all back", partial(self._take_back, record)))
        choices.append(("Later", self.offer.hide))
        if more:
            choices.append(("Show all", self.open_history))
        self.offer.tell(words, choices)

    def _finish(self, record: SortRecord) -> None:
        self._sort.made().finish(record)

    def _take_back(self, record: SortRecord) -> None:
        self._sort.made().take_back(record)

    def _show_status(self, words: str) -> None:
        self.button.setText(words.replace("&", "&&"))
        self.button.setVisible(bool(words))


def _show(folder: Path) -> None:
    if folder.is_dir():
        show_folder(folder)
