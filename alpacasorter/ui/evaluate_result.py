"""The outcome of a test: the figures in plain words, the gallery of mistakes, and what was left out."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.files import display_path
from alpacasorter.ui import text
from alpacasorter.ui.mistakes_view import MistakesView, WrongPhoto
from alpacasorter.ui.theme import Theme
from alpacasorter.ui.thumbnails import Thumbnails
from alpacasorter.workers.evaluating import Outcome
from alpacasorter.workers.pictures import ThumbnailLoader

_VERSIONS = (("The model as it is now", True), ("The model as it was shipped", False))


class ResultPanel(QWidget):
    """Shows the outcome of a test.

    Signals:
        open_photo(Path): the user wants to see a photo.
    """

    open_photo = Signal(object)

    def __init__(self, pictures: ThumbnailLoader, theme: Theme, parent: QWidget | None = None) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self._outcome: Outcome | None = None
        self.headline = self._label("heading")
        self.comparison = self._label("muted")
        self.warnings = self._label("warning")
        self.version = QComboBox(self)
        self.version.setAccessibleName("Whose mistakes are shown")
        for words, learned in _VERSIONS:
            self.version.addItem(words, learned)
        self.version.currentIndexChanged.connect(self._show_version)
        self.mistakes = MistakesView(Thumbnails(pictures, self), theme, self)
        self.mistakes.activated.connect(self._on_activated)
        self.faultless = QLabel("Every photo was judged right.", self)
        self.faultless.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.gallery = QStackedWidget(self)
        self.gallery.addWidget(self.mistakes)
        self.gallery.addWidget(self.faultless)
        self.left_out = QListWidget(self)
        self.left_out.setAccessibleName("Left out")
        self.left_out.setWordWrap(True)
        self.left_out.setSpacing(3)
        self.left_out.setFrameShape(QListWidget.Shape.NoFrame)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.gallery, "Mistakes")
        self.tabs.addTab(self.left_out, "Left out")
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self.headline, 1)
        top.addWidget(self.version, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.comparison)
        layout.addWidget(self.warnings)
        layout.addWidget(self.tabs, 1)
        self.setFocusProxy(self.tabs.tabBar())

    def _label(self, role: str) -> QLabel:
        label = QLabel(self)
        label.setProperty("role", role)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def focus_order(self) -> tuple[QWidget, ...]:
        """Return what the Tab key goes through, as the eye does."""
        return (self.version, self.tabs.tabBar(), self.mistakes, self.left_out)

    @property
    def shows_learned(self) -> bool:
        """Whether the version of the model is shown that has learned from corrections."""
        return self._outcome is not None and self._outcome.evaluation.learned is not None and self.version.currentData()

    def show_result(self, outcome: Outcome) -> None:
        """Show the outcome of a test."""
        self._outcome = outcome
        self.version.setVisible(outcome.evaluation.learned is not None)
        self.version.blockSignals(True)
        self.version.setCurrentIndex(0)
        self.version.blockSignals(False)
        self._show_left_out(outcome)
        self._show_version()
        self.tabs.setCurrentIndex(0)
        self.setFocusProxy(self.mistakes if self.mistakes.photos.photos else self.tabs.tabBar())

    def _show_version(self) -> None:
        # NumPy is there by now, since the engine measured with it; the first window does not wait for it.
        from alpacasorter.ml.evaluation.evaluate import warnings
        from alpacasorter.ml.evaluation.report import in_words

        outcome = self._outcome
        if outcome is None:
            return
        evaluation = outcome.evaluation
        learned = evaluation.learned if self.shows_learned else None
        shown = learned or evaluation.shipped
        names = evaluation.class_names
        self.headline.setText(in_words(shown.metrics.confusion, names))
        other = evaluation.shipped if learned is not None else evaluation.learned
        if other is not None:
            whose = "As it was shipped" if learned is not None else "As it is now, with your corrections"
            self.comparison.setText(f"{whose}: {in_words(other.metrics.confusion, names)}")
        self.comparison.setVisible(other is not None)
        cautions = warnings(evaluation, outcome.corrected if learned is not None else 0)
        self.warnings.setText("\n".join(cautions))
        self.warnings.setVisible(bool(cautions))
        photos = []
        for mistake in shown.mistakes:
            positive = mistake.probability >= evaluation.threshold
            confidence = mistake.probability if positive else 1.0 - mistake.probability
            truth, said = names[not positive], names[positive]
            photos.append(WrongPhoto(mistake.path, mistake.content_key, truth, said, confidence, positive))
        self.mistakes.show_photos(photos)
        self.gallery.setCurrentWidget(self.mistakes if photos else self.faultless)
        self.tabs.setTabText(0, text.count(len(photos), "mistake") if photos else "No mistakes")

    def _show_left_out(self, outcome: Outcome) -> None:
        self.left_out.clear()
        evaluation = outcome.evaluation
        for name in evaluation.left_out:
            self.left_out.addItem(f"{display_path(name)}: this sub-folder is named after neither class.")
        for problem in evaluation.problems:
            self.left_out.addItem(f"{_within(problem.path, outcome.dataset)}: {problem.reason}")
        count = self.left_out.count()
        self.tabs.setTabText(1, f"{count:,} left out")
        self.tabs.setTabVisible(1, count > 0)

    def _on_activated(self, index: QModelIndex) -> None:
        self.open_photo.emit(self.mistakes.photos.photos[index.row()].path)


def _within(path: Path, folder: Path) -> str:
    """Return a path as seen from a folder that it is in."""
    try:
        return display_path(path.relative_to(folder))
    except ValueError:
        return display_path(path)
