"""Opens the dialogs of the models and of the test of a model, and closes them before the engine is shut down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QMainWindow

from alpacasorter.core.events import Learned, LearningAgain
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, number
from alpacasorter.ui.widgets.banners import Banner, BannerBar, Rank
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
_SOON_MS = 700
"""What takes less than that is not worth a message that comes and goes."""


class ModelsControl(WindowControl):
    """Opens the dialog of the models, and says how far the model is with corrections that were made with another one.

    Attributes:
        button: shows the model in use, and opens the dialog.
        banner: says that corrections are being learned again, and what that means for the tags.

    Signals:
        train: the user wants to train a model.
        variant_chosen(str): the user wants this variant of the model in use.
        told(str): something went wrong while the dialog is not shown; a sentence for the user.
    """

    train = Signal()
    variant_chosen = Signal(str)

    def __init__(self, window: QMainWindow, engine: Engine, bar: BannerBar) -> None:
        """Add the button to the status bar of the window."""
        super().__init__(window)
        self._engine = engine
        self._variants: VariantsFacts | None = None
        self._models = self._launcher(self._make)
        self._name = ""
        self._again: LearningAgain | None = None
        self._learned_before = 0
        self.banner = Banner(bar, Rank.STATE)
        self._is_closed = False
        self.banner.close_button.clicked.connect(self._on_closed)
        self._soon = QTimer(self, singleShot=True, interval=_SOON_MS)
        self._soon.timeout.connect(self._show_banner)
        self.button = self._status_button()
        self.button.clicked.connect(self.open_dialog)
        self._show_model()
        engine.ready.connect(self._on_ready)
        engine.variants.changed.connect(self._on_variants)
        engine.variants.failed.connect(lambda _sentence: self._on_variants(self._variants))
        engine.failed.connect(lambda _sentence: self._forget())
        engine.model_changing.connect(self._forget)
        engine.models.failed.connect(self._on_failed)
        engine.versions.learning_again.connect(self._on_learning_again)

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
        self._soon.stop()
        if self.dialog is not None:
            self.dialog.exporter.close()
        super().close_down()

    def _on_ready(self, model: ModelFacts) -> None:
        name = f"{model.name} {model.version}"
        shown = name if len(name) <= _MAX_LETTERS else f"{name[: _MAX_LETTERS - 1].rstrip()}…"
        self._name = shown.replace("&", "&&")
        self._on_variants(model.variants)

    def _on_variants(self, variants: VariantsFacts | None) -> None:
        self._variants = variants
        self._show_model()
        if self.dialog is not None:
            self.dialog.show_variants(variants)

    def _forget(self) -> None:
        """Another model takes over, or none can be opened."""
        self._name = ""
        self._on_learning_again(None)
        self.banner.hide()

    def _on_learning_again(self, event: LearningAgain | None) -> None:
        before, self._again = self._again, event
        was_running = before is not None and before.running
        if event is not None and event.running:
            if not was_running:
                self._learned_before = event.learned
                self._is_closed = False
                self._soon.start()
            elif not self._soon.isActive():
                self._show_banner()
        else:
            self._soon.stop()
            # What waits is worth a message when others were learned, not at each start; the learning history says it.
            if event is not None and was_running and event.waiting and event.learned > self._learned_before:
                self._say(text.learned_again(event))
            elif was_running:
                self.banner.hide()
        self._show_model()

    def _show_banner(self) -> None:
        if self._again is not None and self._again.running:
            self._say(f"{text.learning_again(self._again)} {text.until_learned_again()}")

    def _say(self, words: str) -> None:
        """Say how far it is, unless the user has closed that: the status bar says the same."""
        if not self._is_closed and words != self.banner.words.text():
            self.banner.say(words)

    def _on_closed(self) -> None:
        self._is_closed = True

    def _show_model(self) -> None:
        """Say in the status bar which model is in use, in which variant, and how far it is."""
        again = self._again
        tip = _("Choose, add, share or remove models")
        if not self._name:
            words = _("Models…")
        elif again is not None and again.running:
            # Translators: in the status bar: the model is learning corrections again that were made with another one.
            words = _("Model: {name}, learning again: {done} of {count}").format(
                name=self._name, done=number(again.learned), count=number(again.total)
            )
            tip = f"{text.learning_again(again)} {text.until_learned_again()}"
        else:
            words = _("Model: {name}").format(name=self._name)
        if self._name and self._variants is not None:
            tip += f"\n{text.variant(self._variants.setting, self._variants.title)}"
        self.button.setText(words)
        self.button.setToolTip(tip)

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
