"""In which form results are exported: the choices, and what they come to."""

from __future__ import annotations

import json
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.exchange.sidecars import Naming, SidecarOptions
from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.settings import Settings

_FORMS: Final = (
    ("csv", "&Table (CSV)", "For spreadsheets: a line for each photo."),
    ("json", "&JSON", "For scripts, and for “Import labels…” on another computer."),
    ("xmp", "&Keywords in XMP sidecars", "For digiKam, Lightroom, darktable and others: a small file by each photo."),
)
_NAMINGS: Final = (
    (Naming.FULL, "IMG_1.jpg.xmp (digiKam, darktable)"),
    (Naming.STEM, "IMG_1.xmp (Lightroom and others)"),
)
_PROMISE: Final = (
    "The photos themselves are never changed. A sidecar that is there keeps all that is in it; only the keyword that "
    "was written from here is replaced."
)
_STARS_TIP: Final = (
    "From 50% sure one star, from 90% and for what you said yourself five. A rating of yours stays as it is."
)
_INDENT: Final = 22


class ExportForm(QWidget):
    """Lets the user choose, beginning with what was chosen last.

    Signals:
        form_changed: another form is chosen.
    """

    form_changed = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Show what `settings` keep."""
        super().__init__(parent)
        self._settings = settings
        self.sure = QCheckBox("&Leave out photos that are", self)
        self.least = QSpinBox(self)
        self.least.setRange(50, 99)
        self.least.setPrefix("less than ")
        self.least.setSuffix("% sure")
        self.buttons = QButtonGroup(self)
        self.both = QCheckBox(self)
        self.rating = QCheckBox(self)
        self.rating.setToolTip(_STARS_TIP)
        self.naming = QComboBox(self)
        for naming, words in _NAMINGS:
            self.naming.addItem(words, naming)
        self.sidecars = QWidget(self)
        self._assemble()
        self._load()
        self.buttons.idToggled.connect(self._on_toggled)
        self.sure.toggled.connect(self.least.setEnabled)

    def _assemble(self) -> None:
        sure = QHBoxLayout()
        sure.addWidget(self.sure)
        sure.addWidget(self.least)
        sure.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(sure)
        layout.addSpacing(8)
        for number, (_, words, about) in enumerate(_FORMS):
            button = QRadioButton(words, self)
            self.buttons.addButton(button, number)
            explained = muted(self, about)
            explained.setContentsMargins(_INDENT, 0, 0, 6)
            layout.addWidget(button)
            layout.addWidget(explained)
        form = QFormLayout(self.sidecars)
        form.setContentsMargins(_INDENT, 0, 0, 0)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow(self.both)
        form.addRow(self.rating)
        form.addRow("&New sidecars:", self.naming)
        form.addRow(muted(self, _PROMISE))
        layout.addWidget(self.sidecars)
        layout.addStretch(1)

    def set_labels(self, labels: LabelSet) -> None:
        """Name the choices after the classes of a model."""
        negative, positive = (labels.display(name).replace("&", "&&") for name in labels.names)
        self.both.setText(f"Keyword for “{negative}”, too")
        self.rating.setText(f"Stars for “{positive}”: 1 to 5, the surer the more")

    @property
    def form(self) -> str:
        """The form: "csv", "json" or "xmp"."""
        return _FORMS[max(0, self.buttons.checkedId())][0]

    def choose(self, form: str) -> None:
        """Choose a form."""
        self.buttons.button([name for name, _, _ in _FORMS].index(form)).setChecked(True)

    @property
    def min_confidence(self) -> float:
        """Confidence below which photos without a correction are left out, 0 to 1."""
        return self.least.value() / 100 if self.sure.isChecked() else 0.0

    @property
    def sidecar_options(self) -> SidecarOptions:
        """What is written into sidecars."""
        return SidecarOptions(
            both=self.both.isChecked(),
            rating=self.rating.isChecked(),
            min_confidence=self.min_confidence,
            naming=Naming(self.naming.currentData()),
        )

    def keep(self) -> None:
        """Keep what is chosen, for the next time."""
        self._settings.export = json.dumps(
            {
                "form": self.form,
                "both": self.both.isChecked(),
                "rating": self.rating.isChecked(),
                "sure": self.sure.isChecked(),
                "least": self.least.value(),
                "naming": self.naming.currentData(),
            }
        )

    def _load(self) -> None:
        try:
            kept = json.loads(self._settings.export)
        except (ValueError, RecursionError):
            kept = {}
        kept = kept if isinstance(kept, dict) else {}
        forms = [form for form, _, _ in _FORMS]
        self.choose(kept["form"] if kept.get("form") in forms else forms[0])
        self.both.setChecked(kept.get("both") is True)
        self.rating.setChecked(kept.get("rating") is True)
        self.sure.setChecked(kept.get("sure") is True)
        least = kept.get("least")
        usual = round(self._settings.unsure_below * 100)
        self.least.setValue(least if isinstance(least, int) and 0 <= least <= 100 else usual)
        self.least.setEnabled(self.sure.isChecked())
        self.naming.setCurrentIndex(1 if kept.get("naming") == Naming.STEM else 0)
        self.sidecars.setVisible(self.form == "xmp")

    def _on_toggled(self, _number: int, on: bool) -> None:
        if on:
            self.sidecars.setVisible(self.form == "xmp")
            self.form_changed.emit()


def muted(parent: QWidget, words: str) -> QLabel:
    """Return words that stand back."""
    label = QLabel(words, parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", "muted")
    return label
