"""Between the main window and the sorting of arrivals: the dialog, and a button that says it is on and turns it off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow, QPushButton

from alpacasorter.core.sorting.events import SortEnded
from alpacasorter.ui.settings import Settings
from alpacasorter.workers.engine import Engine

if TYPE_CHECKING:
    from alpacasorter.core.sorting.options import SortOptions
    from alpacasorter.ui.arrivals_dialog import ArrivalsDialog
    from alpacasorter.ui.browse import BrowsePage
    from alpacasorter.ui.sort_control import SortControl


class ArrivalsControl(QObject):
    """Owns the dialog, which is made when it is first asked for.

    Attributes:
        button: shown while photos are sorted as they arrive; one click turns it off.
        dialog: the choices, once it was opened.
    """

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        page: BrowsePage,
        settings: Settings,
        sorting: SortControl,
        folder: Callable[[], Path | None],
        *,
        place: int = 0,
    ) -> None:
        """Connect the action, and put the button into the status bar, hidden for now.

        Args:
            window: the window.
            engine: what watches.
            page: the photos, and the actions.
            settings: where the choices are kept.
            sorting: says what was sorted.
            folder: returns the open folder.
            place: of the button in the status bar.
        """
        super().__init__(window)
        self._window = window
        self._watching = engine.watching
        self._engine = engine
        self._page = page
        self._settings = settings
        self._sorting = sorting
        self._folder = folder
        self.dialog: ArrivalsDialog | None = None
        self.button = QPushButton(window)
        self.button.setProperty("flat", True)
        self.button.setAutoDefault(False)
        self.button.setAccessibleName("Stop sorting new photos")
        self.button.clicked.connect(self.turn_off)
        window.statusBar().insertPermanentWidget(place, self.button)
        self.button.hide()
        actions = page.actions_
        actions.arrivals.triggered.connect(self.open_dialog)
        # The folder was opened or closed, or is watched no more: with that it ends.
        actions.arrivals.changed.connect(self.refresh)
        actions.watch.toggled.connect(self.refresh)
        page.begun.connect(self.refresh)
        self._watching.state.connect(self.refresh)
        self._watching.failed.connect(self.refresh)
        self._watching.sort_event.connect(self._on_sort_event)

    @property
    def options(self) -> SortOptions | None:
        """How photos are sorted as they arrive now; None where they are not."""
        is_on = self._folder() is not None and self._watching.is_watching
        return self._watching.arrivals if is_on else None

    def open_dialog(self) -> None:
        """Show the choices."""
        # Imported here: the first window need not wait for it.
        from alpacasorter.ui.arrivals_dialog import ArrivalsDialog

        if self._folder() is None:
            return
        if self.dialog is None:
            self.dialog = ArrivalsDialog(self._settings, self._window)
            self.dialog.turned_on.connect(self.turn_on)
            self.dialog.turned_off.connect(self.turn_off)
        self.dialog.begin(self._page.store.labels, self.options)
        self.dialog.show()
        self.dialog.raise_()

    def turn_on(self, options: SortOptions) -> None:
        """Sort the photos that arrive from now on; the folder is watched for that."""
        self._watching.set_arrivals(options)
        if self._page.actions_.watch.isChecked():
            self._engine.watch_folder()
        else:
            self._page.actions_.watch.setChecked(True)
        self.refresh()

    def turn_off(self) -> None:
        """Sort no more; the folder is watched on."""
        self._watching.set_arrivals(None)
        self.refresh()

    def close_down(self) -> None:
        """Close the dialog."""
        if self.dialog is not None:
            self.dialog.close()

    def refresh(self, _event: object = None) -> None:
        """Have the button say whether it is on."""
        options = self.options
        self.button.setVisible(options is not None)
        if options is not None:
            from alpacasorter.ui import sort_words  # the first window has nothing to tell of sorts

            self.button.setText("Sorting new photos ✕")
            self.button.setToolTip(sort_words.tip(sort_words.arriving(options)))
        elif self.dialog is not None and self._folder() is None:
            self.dialog.close()

    def _on_sort_event(self, event: object) -> None:
        if isinstance(event, SortEnded) and (event.record.done or event.failures or event.problem):
            from alpacasorter.ui import sort_words

            self._sorting.tell_outcome(sort_words.arrived(event), event.record)
