"""Last page of a training: how good the model is, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from alpacasorter.training.events import Epoch, Prepared, Trained
from alpacasorter.ui import text
from alpacasorter.ui.learning_curves import LearningCurves
from alpacasorter.ui.theme import Theme
from alpacasorter.ui.train_fields import note


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
