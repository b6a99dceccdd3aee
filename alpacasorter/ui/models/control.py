"""Opens the dialogs of the models and of the test of a model, and closes them before the engine is shut down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMainWindow

from alpacasorter.core.events import Learned
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts, VariantsFacts

if TYPE_CHECKING:
    from alpacasorter.ui.models.dialog import ModelsDialog
    from alpacasorter.ui.models.evaluate_dialog import EvaluateDialog

_MAX_LETTERS = 32
"""How many letters of a model's name the status bar shows."""


class ModelsControl(WindowControl):
    """Opens the dialog of the models.

    Attributes:
        button: shows the model in use, and opens the dialog.

    Signals:
        train: the user wants to train a model.
        variant_chosen(str): the user wants this variant of the model in use.
        told(str): something went wrong while the dialog is not shown; a sentence for the user.
    """

    train = Signal()
    variant_chosen = Signal(str)

    def __init__(self, window: QMainWindow, engine: Engine) -> None:
        """Add the button to the status bar of the window."""
        super().__init__(window)
        self._engine = engine
        self._variants: VariantsFacts | None = None
        self._models = self._launcher(self._make)
        self.button = self._status_button(_("Choose, add, share or remove models"))
        self.button.clicked.connect(self.open_dialog)
        self.button.setText(_("Models…"))
        engine.ready.connect(self._on_ready)
        engine.variants.changed.connect(self._on_variants)
        engine.failed.connect(lambda _sentence: self.button.setText(_("Models…")))
        engine.models.failed.connect(self._on_failed)

    @property
    def dialog(self) -> ModelsDialog | None:
        """The dialog; None until it is first opened."""
        return self._models.dialog

    def open_dialog(self) -> None:
        """Show the dialog, or raise it if it is open."""
        if self.dialog is not None and not self.dialog.isVisible():
            self.dialog.begin()
        self._models.show()

    def _make(self) -> ModelsDialog:
        from alpacasorter.ui.models.dialog import ModelsDialog

        dialog = ModelsDialog(self._engine, self._window)
        dialog.train.connect(self.train)
        dialog.variant_chosen.connect(self.variant_chosen)
        dialog.show_variants(self._variants)
        return dialog

    def use_new(self, path: Path) -> None:
        """Add a model that was just trained, and use it."""
        if self.dialog is not None and self.dialog.isVisible():
            self.dialog.say(_("Adding the new model…"))
        self._engine.models.add(path, use=True)

    def close_down(self) -> None:
        """Close the dialog and stop a running export; blocks until then."""
        if self.dialog is not None:
            self.dialog.exporter.close()
        super().close_down()

    def _on_ready(self, model: ModelFacts) -> None:
        name = f"{model.name} {model.version}"
        shown = name if len(name) <= _MAX_LETTERS else f"{name[: _MAX_LETTERS - 1].rstrip()}…"
        self.button.setText(_("Model: {name}").format(name=shown.replace("&", "&&")))
        self._on_variants(model.variants)

    def _on_variants(self, variants: VariantsFacts | None) -> None:
        self._variants = variants
        tip = _("Choose, add, share or remove models")
        self.button.setToolTip(tip if variants is None else f"{tip}\n{text.variant(variants.setting, variants.title)}")
        if self.dialog is not None:
            self.dialog.show_variants(variants)

    def _on_failed(self, sentence: str) -> None:
        if not self._models.is_visible:
            self.told.emit(sentence)


class EvaluateControl(WindowControl):
    """Opens the dialog that tests the model in use."""

    def __init__(self, window: QMainWindow, engine: Engine, theme: Theme) -> None:
        """Test the model that `engine` has open, in a non-modal dialog of `window`."""
        super().__init__(window)
        self._engine = engine
        self._theme = theme
        self._labels: LabelSet | None = None
        self._test = self._launcher(self._make)
        engine.ready.connect(self._on_ready)
        engine.model_changing.connect(self._forget)
        engine.learned.connect(self._on_learned)

    @property
    def dialog(self) -> EvaluateDialog | None:
        """The dialog while it is open, else None."""
        return self._test.dialog

    def open_dialog(self) -> None:
        """Show the dialog, or raise it if it is open."""
        self._test.show()

    def _make(self) -> EvaluateDialog:
        from alpacasorter.ui.models.evaluate_dialog import EvaluateDialog

        dialog = EvaluateDialog(self._engine, self._labels, self._theme, self._window)
        dialog.closed.connect(self._test.discard)
        return dialog

    def _on_ready(self, model: ModelFacts) -> None:
        self._labels = model.labels
        if self.dialog is not None:
            self.dialog.set_labels(model.labels)

    def _on_learned(self, event: Learned) -> None:
        if event.variant is not None:
            # What was tested was another meaning of the classes.
            self._forget()

    def _forget(self) -> None:
        if self.dialog is not None:
            self.dialog.forget()
