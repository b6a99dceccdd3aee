"""Between the main window and the dialog that trains: opens it, tells what goes on, asks before it is ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMainWindow, QMessageBox

from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.ui.widgets.dialogs import confirmed
from alpacasorter.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from alpacasorter.ui.training.dialog import TrainDialog

_WITHOUT: Final = "Training needs TensorFlow, which is not part of this installation. Everything else works without it."
_HOW_FROZEN: Final = (
    "It would make the program several times as large. Install AlpacaSorter with Python, as its README says, "
    "or get the edition with training; models made there can be used here."
)
_HOW: Final = (
    "There is TensorFlow for Python 3.11 to 3.13 on Linux, Windows and Macs with Apple's processors. Install "
    "AlpacaSorter with one of those; models made there can be used here."
)


class TrainControl(WindowControl):
    """Opens the dialog that trains.

    Signals:
        use_model(Path): the user wants this bundle to judge.
        told(str): a training has ended while nobody looked; a sentence for the user.
    """

    use_model = Signal(object)

    def __init__(self, window: QMainWindow, settings: Settings, theme: Theme) -> None:
        """Put a button for the training that goes on into the status bar of the window, hidden for now."""
        super().__init__(window)
        self._settings = settings
        self._theme = theme
        self._training = self._launcher(self._make)
        self.button = self._status_button("Show the training")
        self.button.clicked.connect(self.open_dialog)
        self.button.hide()

    @property
    def dialog(self) -> TrainDialog | None:
        """The dialog; None until it is first opened."""
        return self._training.dialog

    def open_dialog(self) -> None:
        """Show the dialog, or how to get one."""
        # Imported here: the first window need not wait for it.
        from alpacasorter.workers.training import training_available

        if self.dialog is None and not training_available():
            self._tell_how()
        else:
            self._training.made().present()

    def _make(self) -> TrainDialog:
        from alpacasorter.ui.training.dialog import TrainDialog

        dialog = TrainDialog(self._settings, self._theme, self._window)
        dialog.use_model.connect(self.use_model)
        dialog.ended.connect(self.told)
        dialog.status.connect(self._show_status)
        return dialog

    def on_model_ready(self) -> None:
        """A model serves: the new one, where the user has just asked for it."""
        if self.dialog is not None:
            self.dialog.used("")

    def on_model_failed(self, problem: str) -> None:
        """A model can't serve, for this reason."""
        if self.dialog is not None:
            self.dialog.used(problem)

    def may_close(self) -> bool:
        """Ask whether the app may be closed where that would end a training."""
        if self.dialog is None or not self.dialog.training:
            return True
        question = "A model is being trained. Close AlpacaSorter and give the training up?"
        return confirmed(self._window, "Close AlpacaSorter?", question, "", "Give it up and close", "Go on training")

    def close_down(self) -> None:
        """End training and threads; blocks until then."""
        if self.dialog is not None:
            self.dialog.close_down()
            self.dialog.hide()

    def _show_status(self, words: str) -> None:
        hidden = self.dialog is not None and not self.dialog.isVisible()
        self.button.setText(words)
        self.button.setVisible(bool(words) and hidden)

    def _tell_how(self) -> None:
        box = QMessageBox(self._window)
        box.setWindowTitle("Train a model")
        box.setText(_WITHOUT)
        box.setInformativeText(_HOW_FROZEN if getattr(sys, "frozen", False) else _HOW)
        box.exec()
        box.deleteLater()
