"""The dialog to import labels: shows what a file would change before anything is changed."""

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
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.exchange.label_import import ImportOptions, ImportSummary
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.widgets.fields import percentage
from alpacasorter.ui.widgets.layouts import keep_texts_whole
from alpacasorter.wording.exchange import import_summary, skipped_labels
from alpacasorter.workers.exchanging import ExchangeKeeper

_LEAST: Final = 90


class ImportDialog(QDialog):
    """Shows what a file would change, and asks whether to import it.

    Signals:
        agreed(dict, dict): the new corrections by content key, and the previous corrections that they replace.
    """

    agreed = Signal(dict, dict)

    def __init__(self, keeper: ExchangeKeeper, parent: QWidget | None = None) -> None:
        """Read files through `keeper`."""
        super().__init__(parent)
        self.setWindowTitle(_("Import labels"))
        self.setWindowModality(Qt.WindowModality.ApplicationModal)
        self._keeper = keeper
        self._path = Path()
        self._summary: ImportSummary | None = None
        self.file = _label(self, heading=True)
        self.summary = _label(self)
        self.skipped = _label(self, muted=True)
        # Translators: a field with a percentage follows.
        self.all_labels = QCheckBox(_("Also import labels from a &model with a confidence of at least"), self)
        self.least = percentage(self, 50, 99, self.all_labels)
        self.least.setValue(_LEAST)
        self.keep = QRadioButton(_("&Keep my corrections"), self)
        self.replace = QRadioButton(_("&Replace my corrections with the labels in the file"), self)
        self.keep.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.keep)
        group.addButton(self.replace)
        self.note = _label(self, muted=True)
        undo = _(
            "Imported labels count as your corrections in all folders. You can undo the import until you open another"
            " folder."
        )
        unseen = _(
            "If a photo has not been scanned on this computer yet, AlpacaSorter learns from its label when it is."
        )
        self.note.setText(f"{undo} {unseen}")
        self.cancel_button = QPushButton(_("&Cancel"), self)
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.reject)
        self.import_button = QPushButton(self)
        self.import_button.setProperty("primary", True)
        self.import_button.setDefault(True)
        self.import_button.clicked.connect(self._agree)
        self._assemble()
        keep_texts_whole(self)
        self.all_labels.toggled.connect(self._read)
        self.all_labels.toggled.connect(self.least.setEnabled)
        self.least.valueChanged.connect(self._read)
        self.replace.toggled.connect(lambda _on: self._show_button())
        keeper.previewed.connect(self._on_summary)
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
        layout.addWidget(self.skipped)
        layout.addWidget(self.note)
        layout.addStretch(1)
        layout.addLayout(below)
        self.resize(520, 340)

    def begin(self, path: Path) -> None:
        """Read a file and show what it would change."""
        self._path = path
        self.file.setText(display_path(path.name))
        self.keep.setChecked(True)
        self.all_labels.blockSignals(True)
        self.all_labels.setChecked(False)
        self.all_labels.blockSignals(False)
        self.least.setEnabled(False)
        self._keeper.forget_file()
        self._read()

    def _read(self) -> None:
        self._show_summary(None, _("Reading…"))
        least = self.least.value() / 100
        self._keeper.preview_import(self._path, ImportOptions(self.all_labels.isChecked(), least))

    def _on_summary(self, summary: ImportSummary) -> None:
        self._show_summary(summary, import_summary(summary))

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
        skipped = skipped_labels(summary) if summary is not None else []
        self.skipped.setText("\n".join(skipped))
        self.skipped.setVisible(bool(skipped))
        self._show_choices(True)
        self._show_button()

    def _show_choices(self, shown: bool) -> None:
        for widget in (self.all_labels, self.least, self.note):
            widget.setVisible(shown)

    def _show_button(self) -> None:
        changes = self._changes()
        self.import_button.setEnabled(bool(changes))
        words = ngettext("&Import {count} label", "&Import {count} labels", len(changes)) if changes else _("&Import")
        self.import_button.setText(words.format(count=number(len(changes))))

    def _changes(self) -> dict[str, str]:
        return {} if self._summary is None else self._summary.changes(replace=self.replace.isChecked())

    def _agree(self) -> None:
        changes, summary = self._changes(), self._summary
        self.accept()
        if changes and summary is not None:
            self.agreed.emit(changes, dict(summary.earlier))

    def done(self, code: int) -> None:
        """Close, and discard the file."""
        super().done(code)
        self._keeper.forget_file()


def _label(parent: QWidget, *, muted: bool = False, heading: bool = False) -> QLabel:
    label = QLabel(parent)
    label.setWordWrap(True)
    # Names of files and classes may look like markup.
    label.setTextFormat(Qt.TextFormat.PlainText)
    if muted or heading:
        label.setProperty("role", "muted" if muted else "heading")
    return label
