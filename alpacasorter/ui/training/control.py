"""Connects the main window with the training dialog: opens it, shows its progress, and asks before it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMainWindow, QMessageBox

from alpacasorter.i18n import _
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.banners import BannerBar, Choice, ChoiceBanner, Rank
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.ui.widgets.dialogs import confirmed
from alpacasorter.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from alpacasorter.ui.training.dialog import TrainDialog


class TrainControl(WindowControl):
    """Opens the training dialog.

    Attributes:
        banner: says that a model is ready, and offers to use it.

    Signals:
        use_model(Path): the user wants to use this bundle.
        told(str): training has made no model while the dialog was hidden; a sentence for the user.
    """

    use_model = Signal(object)

    def __init__(self, window: QMainWindow, settings: Settings, theme: Theme, bar: BannerBar) -> None:
        """Add a button that shows the progress to the window's status bar, hidden for now; messages are in `bar`."""
        super().__init__(window)
        self._settings = settings
        self._theme = theme
        self.banner = ChoiceBanner(bar, Rank.OFFER)
        self._training = self._launcher(self._make)
        self.button = self._status_button(_("Show the training"))
        self.button.clicked.connect(self.open_dialog)
        self.button.hide()

    @property
    def dialog(self) -> TrainDialog | None:
        """The dialog; None until it is first opened."""
        return self._training.dialog

    def open_dialog(self) -> None:
        """Show the dialog, or what is needed for training."""
        # Imported here: the first window does without it.
        from alpacasorter.workers.training import training_available

        if self.dialog is None and not training_available():
            self._explain()
        else:
            self._training.made().present()

    def _make(self) -> TrainDialog:
        from alpacasorter.ui.training.dialog import TrainDialog

        dialog = TrainDialog(self._settings, self._theme, self._window)
        dialog.use_model.connect(self.use_model)
        dialog.ended.connect(self.told)
        dialog.ready.connect(self._on_made)
        dialog.status.connect(self._show_status)
        return dialog

    def on_model_ready(self) -> None:
        """A model is in use: the new one, if the user has just asked for it."""
        if self.dialog is not None:
            self.dialog.used("")

    def on_model_failed(self, problem: str) -> None:
        """A model can't be used, for this reason."""
        if self.dialog is not None:
            self.dialog.used(problem)

    def may_close(self) -> bool:
        """Ask whether the app may be closed, if that would stop a training run."""
        if self.dialog is None or not self.dialog.training:
            return True
        question = _("A model is being trained. Stop the training and quit AlpacaSorter?")
        return confirmed(self._window, _("Quit AlpacaSorter?"), question, "", _("Stop and quit"), _("Keep training"))

    def close_down(self) -> None:
        """Stop training and threads; blocks until they have ended."""
        if self.dialog is not None:
            self.dialog.close_down()
            self.dialog.hide()

    def _on_made(self, words: str) -> None:
        dialog = self.dialog
        assert dialog is not None
        choices = [
            Choice(_("Use this model"), dialog.use, _("Judge all photos with the new model from now on")),
            Choice(_("Show the result"), self.open_dialog),
        ]
        self.banner.offer(words, choices)

    def _show_status(self, words: str) -> None:
        hidden = self.dialog is not None and not self.dialog.isVisible()
        if not hidden:
            # The dialog itself offers it.
            self.banner.hide()
        self.button.setText(words)
        self.button.setVisible(bool(words) and hidden)

    def _explain(self) -> None:
        from alpacasorter.training.requirements import no_tensorflow

        box = QMessageBox(self._window)
        box.setWindowTitle(_("Train a model"))
        box.setText(no_tensorflow())
        box.exec()
        box.deleteLater()
