"""Second page of a training: how far it is, what the user should know, and the curves as they grow.

Last page of a training: how good the model is, or why there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from alpacasorter.core.files import display_path
from alpacasorter.training.events import Epoch, Prepared, Stage, Trained
from alpacasorter.training.recipe import Recipe
from alpacasorter.ui.training.curves import LearningCurves
from alpacasorter.ui.training.examples import ExamplesView
from alpacasorter.ui.widgets.fields import note
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text

_LATEST: Final = 5
"""Epochs whose mean tells how long the next ones take."""
_LINES: Final = 6
"""Files left out that are seen at once."""


class TrainProgress(QWidget):
    """Shows one training while it goes on.

    Attributes:
        words: the stage, one line, for the status bar of the window too.
    """

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self._recipe = Recipe()
        self.prepared: Prepared | None = None
        self.stage = QLabel(self)
        self.stage.setProperty("role", "heading")
        self.stage.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Training")
        self.left = note(self, "muted")
        self.facts = note(self, "muted")
        self.warnings = note(self, "warning")
        self.left_out_button = QPushButton(self)
        self.left_out_button.setProperty("flat", True)
        self.left_out_button.setAutoDefault(False)
        self.left_out_button.setCheckable(True)
        self.left_out = QPlainTextEdit(self)
        self.left_out.setReadOnly(True)
        self.left_out.setTabChangesFocus(True)
        self.left_out.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.left_out.setAccessibleName("Photos left out")
        self.left_out_button.toggled.connect(self._show_left_out)
        self.curves = LearningCurves(theme, self)
        self.examples = ExamplesView(theme, self)
        row = QHBoxLayout()
        row.addWidget(self.left_out_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 12)
        column.setSpacing(10)
        for widget in (self.stage, self.bar, self.left, self.facts, self.warnings):
            column.addWidget(widget)
        column.addLayout(row)
        column.addWidget(self.left_out)
        column.addWidget(self.curves)
        column.addWidget(self.examples)
        column.addStretch(1)

    @property
    def words(self) -> str:
        """What is being done, one line."""
        return self.stage.text()

    def begin(self, recipe: Recipe) -> None:
        """Show that a training has been started."""
        self._recipe = recipe
        self.prepared = None
        self._stage("Starting…", 0, 0)
        self.left.setText("At first the photos are read.")
        for label in (self.facts, self.warnings):
            label.hide()
        self.left_out_button.setChecked(False)
        self.left_out_button.hide()
        self.left_out.hide()
        self.curves.clear()
        self.examples.clear()

    def show_stage(self, event: Stage) -> None:
        """Show what is being done now."""
        self._stage(event.text, event.done, event.total)
        if self.curves.epochs:
            self.left.clear()

    def show_prepared(self, event: Prepared) -> None:
        """Show what the dataset came to."""
        self.prepared = event
        training, held_out = sum(event.training), sum(event.validation)
        self.facts.setText(
            f"Learns from {text.count(training, 'photo')}, tested on {text.count(held_out, 'other')}. "
            f"Runs on the {event.device}."
        )
        self.facts.show()
        self.warnings.setText("\n".join(event.warnings))
        self.warnings.setVisible(bool(event.warnings))
        if event.left_out:
            self.left_out.setPlainText("\n".join(f"{display_path(path)}: {why}" for path, why in event.left_out))
            lines = min(_LINES, len(event.left_out)) + 2
            self.left_out.setFixedHeight(lines * self.fontMetrics().lineSpacing())
            self.left_out_button.show()
            self._show_left_out(self.left_out_button.isChecked())
        if event.preview:
            self.examples.load(Path(event.preview))

    def show_epoch(self, event: Epoch) -> None:
        """Show how well one more epoch went."""
        self.curves.add(event)
        what = "Retraining" if event.phase == "retrain" else "Training"
        self._stage(f"{what}: {event.number} of {text.count(event.total, 'epoch')} done", event.number, event.total)
        self.left.setText(self._time_left(event))

    def tell(self, words: str) -> None:
        """Say what the user asked for, until the next event."""
        self._stage(words, 0, 0)
        self.left.clear()

    def close_threads(self) -> None:
        """End the threads; the page is not used any more."""
        self.examples.close_loader()

    def _stage(self, words: str, done: int, total: int) -> None:
        self.stage.setText(words)
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _time_left(self, event: Epoch) -> str:
        if event.number >= event.total:
            return ""
        phase = [epoch for epoch in self.curves.epochs if epoch.phase == event.phase][-_LATEST:]
        mean = sum(epoch.seconds for epoch in phase) / len(phase)
        remaining = event.total - event.number
        if event.phase == "head" and self._recipe.retrain_layers:
            # How long the epochs of retraining take is not known before the first one.
            remaining = max(0, remaining - self._recipe.retrain_epochs)
            return f"About {text.duration(remaining * mean)} until the backbone is retrained" if remaining else ""
        sooner = ", less if it stops early" if self._recipe.patience else ""
        return f"About {text.duration(remaining * mean)} left{sooner}"

    def _show_left_out(self, shown: bool) -> None:
        many = len(self.prepared.left_out) if self.prepared else 0
        verb = "was" if many == 1 else "were"
        self.left_out_button.setText(f"{text.count(many, 'file')} {verb} left out – {'hide' if shown else 'why?'}")
        self.left_out.setVisible(shown)


def verdict(event: Trained, prepared: Prepared | None) -> str:
    """Return how good the model is, in a sentence."""
    of = text.count(sum(prepared.validation), "photo") if prepared else "photos"
    return f"{share(event.accuracy)} of the {of} held out {'is' if of == '1 photo' else 'are'} right."


def share(value: float) -> str:
    """Return a measured share as "97%"; 100% only where all are right."""
    return f"{100 if value >= 1 else min(99, int(value * 100 + 0.5))}%"


class TrainResult(QWidget):
    """Says how good the new model is."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        """Say nothing yet."""
        super().__init__(parent)
        self.title = QLabel("Your model is ready", self)
        self.title.setProperty("role", "title")
        self.title.setWordWrap(True)
        self.verdict = note(self, "heading")
        self.figures = note(self, "")
        self.place = note(self, "muted")
        self.problem = note(self, "warning")
        self.curves = LearningCurves(theme, self)
        self.about_curves = note(self, "muted")
        self.about_curves.setText(
            "The curves show the training. The figures above are those of the model as the app uses it: its last layer "
            "has been fitted exactly since then."
        )
        _stack(self, self.title, self.verdict, self.figures, self.place, self.problem, self.curves, self.about_curves)

    def show_result(self, event: Trained, prepared: Prepared | None, epochs: Sequence[Epoch], place: str) -> None:
        """Say how good the model is, and where it lies."""
        self.verdict.setText(verdict(event, prepared))
        lines = [f"With both kinds counting alike: {share(event.balanced_accuracy)}."]
        if event.auc is not None:
            lines.append(f"How well it puts them in order (AUC): {event.auc:.3f}, where 1 is perfect.")
        if event.stopped_early:
            lines.append(f"It ended after {text.count(len(epochs), 'epoch')}; the best one was kept.")
        self.figures.setText("\n".join(lines))
        self.problem.hide()
        self.place.setText(f"Kept in {place}")
        self.curves.show_epochs(epochs)
        for widget in (self.curves, self.about_curves):
            widget.setVisible(bool(epochs))


class TrainFailure(QWidget):
    """Says why there is no model."""

    def __init__(self, parent: QWidget) -> None:
        """Say nothing yet."""
        super().__init__(parent)
        title = QLabel("No model was made", self)
        title.setProperty("role", "title")
        title.setWordWrap(True)
        self.reason = note(self, "")
        kept = note(self, "muted")
        kept.setText("Your photos are as they were, and your settings are kept: Back leads to them.")
        _stack(self, title, self.reason, kept)


def _stack(page: QWidget, *widgets: QWidget) -> None:
    column = QVBoxLayout(page)
    column.setContentsMargins(20, 20, 20, 12)
    column.setSpacing(12)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch(1)
