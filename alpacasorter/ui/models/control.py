"""Between the main window and the models: the button in the status bar, the dialog, and what is told without it.

Opens the dialog that tests the model, one at a time, and closes it before the engine goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow, QPushButton, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts

if TYPE_CHECKING:
    from alpacasorter.ui.models.dialog import ModelsDialog
    from alpacasorter.ui.models.test_dialog import EvaluateDialog

_LONGEST = 32
"""Letters of a model's name in the status bar."""


class ModelsControl(QObject):
    """Owns the dialog, which is made when it is first asked for.

    Attributes:
        button: says which model serves, and opens the dialog.
        dialog: the dialog, once it was opened.

    Signals:
        train: the user wants to train a model.
        told(str): something went wrong while the dialog is not shown; a sentence for the user.
    """

    train = Signal()
    told = Signal(str)

    def __init__(self, window: QMainWindow, engine: Engine) -> None:
        """Put the button into the status bar of the window."""
        super().__init__(window)
        self._window = window
        self._engine = engine
        self.dialog: ModelsDialog | None = None
        self.button = QPushButton(window)
        self.button.setProperty("flat", True)
        self.button.setAutoDefault(False)
        self.button.setToolTip("Choose, add, share or remove models")
        self.button.clicked.connect(self.open_dialog)
        window.statusBar().addPermanentWidget(self.button)
        self.button.setText("Models…")
        engine.ready.connect(self._on_ready)
        engine.failed.connect(lambda _: self.button.setText("Models…"))
        engine.models.failed.connect(self._on_failed)

    def open_dialog(self) -> None:
        """Show the dialog; one that is open comes to the front."""
        # Imported here: the first window need not wait for it.
        from alpacasorter.ui.models.dialog import ModelsDialog

        if self.dialog is None:
            self.dialog = ModelsDialog(self._engine, self._window)
            self.dialog.train.connect(self.train)
        elif not self.dialog.isVisible():
            self.dialog.begin()
        else:
            self.dialog.raise_()
            self.dialog.activateWindow()
        self.dialog.show()

    def use_new(self, path: Path) -> None:
        """Add a model that was just made, and have it serve."""
        if self.dialog is not None and self.dialog.isVisible():
            self.dialog.say("Adding the new model…")
        self._engine.models.add(path, use=True)

    def close_down(self) -> None:
        """Close the dialog, and give up what it was writing; blocks until then."""
        if self.dialog is not None:
            self.dialog.exporter.close()
            self.dialog.close()

    def _on_ready(self, model: ModelFacts) -> None:
        name = f"{model.name} {model.version}"
        shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1].rstrip()}…"
        self.button.setText(f"Model: {shown}".replace("&", "&&"))

    def _on_failed(self, sentence: str) -> None:
        if self.dialog is None or not self.dialog.isVisible():
            self.told.emit(sentence)


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
        from alpacasorter.ui.models.test_dialog import EvaluateDialog

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
