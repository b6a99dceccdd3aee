"""Opens the dialog that tests the model, one at a time, and closes it before the engine goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.theme import Theme
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts

if TYPE_CHECKING:
    from alpacasorter.ui.evaluate_dialog import EvaluateDialog


class EvaluateControl(QObject):
    """The test of a window's model.

    Attributes:
        dialog: the dialog while it is open, else None.
    """

    def __init__(self, window: QWidget, engine: Engine, theme: Theme) -> None:
        """Test the model that `engine` has open, in a dialog beside `window`."""
        super().__init__(window)
        self._window = window
        self._engine = engine
        self._theme = theme
        self._labels: LabelSet | None = None
        self.dialog: EvaluateDialog | None = None
        engine.ready.connect(self._on_ready)
        engine.model_changing.connect(self._on_model_changing)

    def open_dialog(self) -> None:
        """Show the dialog; one that is open comes to the front."""
        # It brings what the first window does without.
        from alpacasorter.ui.evaluate_dialog import EvaluateDialog

        if self.dialog is None:
            self.dialog = EvaluateDialog(self._engine, self._labels, self._theme, self._window)
            self.dialog.closed.connect(self._on_closed)
            self.dialog.show()
        else:
            self.dialog.raise_()
            self.dialog.activateWindow()

    def close_down(self) -> None:
        """Close the dialog and end its threads; blocks until the photos being judged are done."""
        if self.dialog is not None:
            self.dialog.close()

    def _on_ready(self, model: ModelFacts) -> None:
        self._labels = model.labels
        if self.dialog is not None:
            self.dialog.set_labels(model.labels)

    def _on_model_changing(self) -> None:
        if self.dialog is not None:
            self.dialog.forget()

    def _on_closed(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None
