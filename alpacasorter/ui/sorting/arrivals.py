"""Sorting new photos automatically: the dialog that turns it on, and the button in the status bar that turns it off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.events import SortEnded
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.i18n import _
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.ui.widgets.dialogs import enable_primary
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.ui.widgets.layouts import keep_texts_whole
from alpacasorter.workers.engine import Engine

if TYPE_CHECKING:
    from alpacasorter.ui.sorting.control import SortControl


class ArrivalsControl(WindowControl):
    """Opens the dialog, and shows a button while new photos are sorted.

    Attributes:
        button: visible while new photos are sorted; a click turns that off.
    """

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        actions: Actions,
        store: PhotoStore,
        settings: Settings,
        sorting: SortControl,
        folder: Callable[[], Path | None],
        *,
        place: int = 0,
    ) -> None:
        """Connect the action, and add the hidden button to the status bar.

        Args:
            window: the window.
            engine: watches the folder.
            actions: of the window.
            store: the photos of the open folder.
            settings: store the choices.
            sorting: shows what was sorted.
            folder: returns the open folder.
            place: index of the button in the status bar.
        """
        super().__init__(window)
        self._watching = engine.watching
        self._engine = engine
        self._actions = actions
        self._store = store
        self._settings = settings
        self._sorting = sorting
        self._folder = folder
        self._choices = self._launcher(self._make)
        self.button = self._status_button(place=place)
        self.button.setAccessibleName(_("Stop sorting new photos"))
        self.button.clicked.connect(self.turn_off)
        self.button.hide()
        actions.arrivals.triggered.connect(self.open_dialog)
        # A folder was opened or closed, or is no longer watched, which ends the sorting.
        actions.arrivals.changed.connect(self.refresh)
        actions.watch.toggled.connect(self.refresh)
        self._watching.state.connect(self.refresh)
        self._watching.failed.connect(self.refresh)
        self._watching.sort_event.connect(self._on_sort_event)

    @property
    def options(self) -> SortOptions | None:
        """How new photos are sorted; None if they are not."""
        is_on = self._folder() is not None and self._watching.is_watching
        return self._watching.arrivals if is_on else None

    @property
    def dialog(self) -> ArrivalsDialog | None:
        """The dialog; None until it is first opened."""
        return self._choices.dialog

    def open_dialog(self) -> None:
        """Show the dialog."""
        if self._folder() is not None:
            self._choices.made().begin(self._store.labels, self.options)
            self._choices.show()

    def _make(self) -> ArrivalsDialog:
        dialog = ArrivalsDialog(self._settings, self._window)
        dialog.turned_on.connect(self.turn_on)
        dialog.turned_off.connect(self.turn_off)
        return dialog

    def turn_on(self, options: SortOptions) -> None:
        """Sort new photos from now on. The folder is watched for that."""
        self._watching.set_arrivals(options)
        if self._actions.watch.isChecked():
            self._engine.watch_folder()
        else:
            self._actions.watch.setChecked(True)
        self.refresh()

    def turn_off(self) -> None:
        """Stop sorting new photos. The folder is still watched."""
        self._watching.set_arrivals(None)
        self.refresh()

    def refresh(self, _event: object = None) -> None:
        """Show or hide the button."""
        options = self.options
        self.button.setVisible(options is not None)
        if options is not None:
            # Imported here, because the first window does not need it.
            from alpacasorter.wording import arrivals, sorts

            self.button.setText(_("Sorting new photos ✕"))
            self.button.setToolTip(sorts.tip(arrivals.arriving(options)))
        elif self.dialog is not None and self._folder() is None:
            self.dialog.close()

    def _on_sort_event(self, event: object) -> None:
        if isinstance(event, SortEnded) and (event.record.done or event.failures or event.problem):
            from alpacasorter.wording import arrivals

            self._sorting.show_outcome(arrivals.arrived(event), event.record)


USUAL_SURE: Final = 0.95
_SIZE: Final = QSize(520, 640)
_SHARE: Final = 0.9


class ArrivalsDialog(QDialog):
    """The dialog *Sort new photos…*: whether and how new photos in the open folder are sorted automatically.

    Signals:
        turned_on(SortOptions): sort new photos like this from now on.
        turned_off: no longer sort new photos.
    """

    turned_on = Signal(object)
    turned_off = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Show the last choices without the destination, which the user chooses every time."""
        super().__init__(parent)
        self.setWindowTitle(_("Sort new photos"))
        self._settings = settings
        self._on: SortOptions | None = None
        self.explanation = sentence_label(self, "")
        explanation = _(
            "Photos that arrive in this folder are sorted right away if the model is certain enough. All others stay,"
            " and are listed under “New”. Each sort is in the sort history and can be undone."
        )
        self.explanation.setText(explanation)
        self.ends = sentence_label(self, "muted")
        self.ends.setText(_("This stops when the folder is closed. Photos that are already here stay where they are."))
        # Imported here, so that the first window does not wait for it.
        from alpacasorter.ui.sorting.form import SortForm

        self.form = SortForm(self, arriving=True)
        self.form.set_sure(USUAL_SURE)
        self.form.restore(settings.arrivals)
        self.why = sentence_label(self, "muted")
        self.why.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.off_button = QPushButton(_("Turn o&ff"), self)
        self.on_button = QPushButton(_("Turn &on"), self)
        self.on_button.setProperty("primary", True)
        self.close_button = QPushButton(_("Close"), self)
        for button in (self.off_button, self.on_button, self.close_button):
            button.setAutoDefault(False)
        self._lay_out()
        keep_texts_whole(self)
        self.form.changed.connect(self._show)
        self.on_button.clicked.connect(self._turn_on)
        self.off_button.clicked.connect(self._turn_off)
        self.close_button.clicked.connect(self.reject)
        self.resize(_SIZE.boundedTo(self.screen().availableSize() * _SHARE))
        self._show()

    def _lay_out(self) -> None:
        area = QScrollArea(self)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.form)
        # It scrolls to the field that has the focus; it would be a stop of the Tab key without a name.
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        top = QVBoxLayout()
        top.setContentsMargins(20, 20, 20, 0)
        top.setSpacing(8)
        top.addWidget(self.explanation)
        top.addWidget(self.ends)
        below = QHBoxLayout()
        below.setContentsMargins(20, 0, 20, 0)
        below.addWidget(self.why, 1)
        for button in (self.off_button, self.close_button, self.on_button):
            below.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 16)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(area, 1)
        column.addLayout(below)

    def begin(self, labels: LabelSet, now: SortOptions | None) -> None:
        """Show the current choices.

        Args:
            labels: of the model.
            now: how new photos are sorted at the moment; None if they are not.
        """
        self._on = now
        self.form.set_labels(labels)
        self.form.clocks.set_clocks(self._settings.clocks)
        self._show()
        self.form.destination.choose_button.setFocus()

    def _show(self) -> None:
        options = self.form.options()
        on = self._on is not None
        self.off_button.setVisible(on)
        self.on_button.setText(_("Apply changes") if on else _("Turn &on"))
        enable_primary(self.on_button, options is not None and options != self._on)
        self.on_button.setDefault(options is not None)
        if self.form.problem:
            self.why.setText(self.form.unsaid)
        else:
            self.why.setText(_("New photos are being sorted.") if on and options == self._on else "")

    def _turn_on(self) -> None:
        options = self.form.options()
        if options is not None:
            self._keep()
            self.turned_on.emit(options)
            super().reject()

    def _turn_off(self) -> None:
        self._on = None
        self.turned_off.emit()
        self._show()

    def _keep(self) -> None:
        self._settings.arrivals = self.form.state()

    def reject(self) -> None:
        """Close; sorting continues if it is on."""
        self._keep()
        super().reject()
