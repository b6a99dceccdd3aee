"""Import labels: what a file holds and what it would change, before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.exchange.label_import import ImportOptions, ImportSummary
from alpacasorter.core.files import display_path
from alpacasorter.wording import text
from alpacasorter.workers.exchanging import ExchangeKeeper

_LEAST: Final = 90
_UNDO: Final = (
    "Imported labels count as your own corrections, for photos in all folders. “Undo” takes the import back until you "
    "open another folder."
)
_UNSEEN: Final = "Photos that were not looked at here yet are learned from as soon as they are."


class ImportDialog(QDialog):
    """Says what a file would change, and asks whether it shall.

    Signals:
        agreed(dict, dict): the corrections to make, label by content key, and what the user said of those photos.
    """

    agreed = Signal(dict, dict)

    def __init__(self, keeper: ExchangeKeeper, parent: QWidget | None = None) -> None:
        """Look into files by `keeper`."""
        super().__init__(parent)
        self.setWindowTitle("Import labels")
        self.setWindowModality(Qt.WindowModality.ApplicationModal)
        self._keeper = keeper
        self._path = Path()
        self._summary: ImportSummary | None = None
        self.file = _label(self, heading=True)
        self.summary = _label(self)
        self.passed_over = _label(self, muted=True)
        self.all_labels = QCheckBox("Take what only a &model said, too, where it is", self)
        self.least = QSpinBox(self)
        self.least.setRange(50, 99)
        self.least.setValue(_LEAST)
        self.least.setPrefix("at least ")
        self.least.setSuffix("% sure")
        self.keep = QRadioButton("&Keep my own corrections", self)
        self.replace = QRadioButton("&Replace them with those of the file", self)
        self.keep.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.keep)
        group.addButton(self.replace)
        self.note = _label(self, muted=True)
        self.note.setText(f"{_UNDO} {_UNSEEN}")
        self.cancel_button = QPushButton("&Cancel", self)
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.reject)
        self.import_button = QPushButton(self)
        self.import_button.setProperty("primary", True)
        self.import_button.setDefault(True)
        self.import_button.clicked.connect(self._agree)
        self._assemble()
        self.all_labels.toggled.connect(self._look)
        self.all_labels.toggled.connect(self.least.setEnabled)
        self.least.valueChanged.connect(self._look)
        self.replace.toggled.connect(lambda _: self._show_button())
        keeper.summarised.connect(self._on_summary)
        keeper.unreadable.connect(self._on_unreadable)

    def _assemble(self) -> None:
        models = QHBoxLayout()
        models.addWidget(self.all_labels)
        models.addWidget(self.least)
        models.addStretch(1)
        below = QHBoxLayout()
        below.addStretch(1)
        below.addWidget(self.cancel_button)
        below.addWidget(self.import_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 14)
        layout.setSpacing(10)
        layout.addWidget(self.file)
        layout.addWidget(self.summary)
        layout.addWidget(self.keep)
        layout.addWidget(self.replace)
        layout.addLayout(models)
        layout.addWidget(self.passed_over)
        layout.addWidget(self.note)
        layout.addStretch(1)
        layout.addLayout(below)
        self.resize(520, 340)

    def begin(self, path: Path) -> None:
        """Look into a file."""
        self._path = path
        self.file.setText(display_path(path.name))
        self.keep.setChecked(True)
        self.all_labels.blockSignals(True)
        self.all_labels.setChecked(False)
        self.all_labels.blockSignals(False)
        self.least.setEnabled(False)
        self._keeper.forget_file()
        self._look()

    def _look(self) -> None:
        self._show_summary(None, "Reading…")
        least = self.least.value() / 100
        self._keeper.look_into(self._path, ImportOptions(self.all_labels.isChecked(), least))

    def _on_summary(self, summary: ImportSummary) -> None:
        self._show_summary(summary, summary_words(summary))

    def _on_unreadable(self, words: str) -> None:
        self._show_summary(None, words)
        self._show_choices(False)
        self.cancel_button.setFocus()

    def _show_summary(self, summary: ImportSummary | None, words: str) -> None:
        self._summary = summary
        self.summary.setText(words)
        differs = summary is not None and bool(summary.differing)
        self.keep.setVisible(differs)
        self.replace.setVisible(differs)
        rest = passed_over_words(summary) if summary is not None else ""
        self.passed_over.setText(rest)
        self.passed_over.setVisible(bool(rest))
        self._show_choices(True)
        self._show_button()

    def _show_choices(self, shown: bool) -> None:
        for widget in (self.all_labels, self.least, self.note):
            widget.setVisible(shown)

    def _show_button(self) -> None:
        changes = self._changes()
        self.import_button.setEnabled(bool(changes))
        self.import_button.setText(f"&Import {text.count(len(changes), 'label')}" if changes else "&Import")

    def _changes(self) -> dict[str, str]:
        return {} if self._summary is None else self._summary.changes(replace=self.replace.isChecked())

    def _agree(self) -> None:
        changes, summary = self._changes(), self._summary
        self.accept()
        if changes and summary is not None:
            self.agreed.emit(changes, dict(summary.earlier))

    def done(self, code: int) -> None:
        """Close, and forget the file."""
        super().done(code)
        self._keeper.forget_file()


def summary_words(summary: ImportSummary) -> str:
    """Return what a file would change: "41 corrections: 38 new, 2 the same as yours, 1 differs from yours."."""
    if not summary.usable:
        return "There are no corrections in this file."
    parts = [f"{len(summary.new):,} new"]
    if summary.same:
        parts.append(f"{summary.same:,} the same as yours")
    if differing := len(summary.differing):
        parts.append(f"{differing:,} {'differs' if differing == 1 else 'differ'} from yours")
    return f"{text.count(summary.usable, 'correction')}: {', '.join(parts)}."


def passed_over_words(summary: ImportSummary) -> str:
    """Return what of a file is not taken, and why, a line each."""
    names = ", ".join(map(display_path, summary.unknown_names))
    lines = (
        (
            summary.not_corrected,
            "was said by a model only, or is not sure enough.",
            "were said by a model only, or are not sure enough.",
        ),
        (
            summary.unknown,
            f"is of a class that the model in use has not: {names}.",
            f"are of classes that the model in use has not: {names}.",
        ),
        (summary.contradictory, "contradicts another one of the same photo.", "contradict others of the same photos."),
        (summary.not_found, "does not say which photo it is of.", "do not say which photos they are of."),
        (summary.broken, "makes no sense.", "make no sense."),
    )
    said = [f"{text.count(number, 'label')} {one if number == 1 else many}" for number, one, many in lines if number]
    return "\n".join(["Not taken:", *said]) if said else ""


def _label(parent: QWidget, *, muted: bool = False, heading: bool = False) -> QLabel:
    label = QLabel(parent)
    label.setWordWrap(True)
    # The name of the file, and of classes in it, may look like markup.
    label.setTextFormat(Qt.TextFormat.PlainText)
    if muted or heading:
        label.setProperty("role", "muted" if muted else "heading")
    return label
