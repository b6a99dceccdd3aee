"""Export results: which photos, in which form; progress and what came of it.

In which form results are exported: the choices, and what they come to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core import reasons
from alpacasorter.core.exchange.results import Form, Source
from alpacasorter.core.exchange.sidecars import Change, Naming, SidecarOptions, SidecarsEnded
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.desktop import show_in_file_manager
from alpacasorter.ui.widgets.dialogs import place_to_write
from alpacasorter.ui.widgets.messages import ProgressStrip
from alpacasorter.wording import text
from alpacasorter.workers.exchanging import ExchangeKeeper

_FILTERS: Final = {"csv": "Table (*.csv)", "json": "JSON (*.json)"}
_LIST_HEIGHT: Final = 110
_SHARE: Final = 0.9
"""Share of the screen that the dialog takes at most."""
_SORTING: Final = "A sort is under way. Write the sidecars when it is done."


@dataclass(frozen=True, slots=True)
class Choice:
    """Photos that may be exported: in words, how many, and what makes the results of them."""

    words: str
    count: int
    results: Callable[[], list[LabeledPhoto]]


class ExportDialog(QDialog):
    """Asks what is to be exported, and does it. Nothing else can be begun in the window meanwhile."""

    def __init__(self, keeper: ExchangeKeeper, settings: Settings, parent: QWidget | None = None) -> None:
        """Export by `keeper`; the last choices are in `settings`."""
        super().__init__(parent)
        self.setWindowTitle("Export results")
        self.setWindowModality(Qt.WindowModality.ApplicationModal)
        self._keeper = keeper
        self._source: Source | None = None
        self._choices: Sequence[Choice] = ()
        self._sorting: Callable[[], bool] = lambda: False
        self._waiting = 0
        self._written: Path | None = None
        self.photos = QComboBox(self)
        self.form = ExportForm(settings)
        # On a low screen, and with a list of what went wrong below it, there is not room for all of it.
        self.room = QScrollArea(self)
        self.room.setWidgetResizable(True)
        self.room.setFrameShape(QFrame.Shape.NoFrame)
        self.room.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.room.setWidget(self.form)
        self.progress = ProgressStrip(self)
        self.progress.stop_button.setToolTip("Stop. Sidecars that are written already stay.")
        self.progress.stop_button.setAutoDefault(False)
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.failures = QListWidget(self)
        self.failures.setAccessibleName("Sidecars that could not be written")
        self.failures.setWordWrap(True)
        self.failures.setMaximumHeight(_LIST_HEIGHT)
        self.remove_button = self._button("Take keywords &out again", self._remove)
        self.remove_button.setToolTip("Take out of the sidecars all that was written from here")
        self.show_button = self._button("&Show in folder", self._show_written)
        self.close_button = self._button("&Close", self.reject)
        self.export_button = self._button("&Export…", self._export)
        self.export_button.setProperty("primary", True)
        self.export_button.setDefault(True)
        self._assemble()
        self._connect()
        self._on_form()

    def _button(self, words: str, clicked: Callable[[], None]) -> QPushButton:
        button = QPushButton(words, self)
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button

    def _assemble(self) -> None:
        above = QFormLayout()
        above.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        above.addRow("&Photos:", self.photos)
        below = QHBoxLayout()
        below.addWidget(self.remove_button)
        below.addWidget(self.show_button)
        below.addStretch(1)
        below.addWidget(self.close_button)
        below.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 14)
        layout.setSpacing(8)
        layout.addLayout(above)
        layout.addWidget(self.room, 1)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        layout.addWidget(self.failures)
        layout.addLayout(below)
        size = QSize(560, 470).boundedTo(self.screen().availableSize() * _SHARE)
        self.resize(size)

    def _connect(self) -> None:
        keeper = self._keeper
        self.form.form_changed.connect(self._on_form)
        self.photos.currentIndexChanged.connect(lambda _: self._show_result(""))
        self.progress.stop.connect(keeper.stop)
        keeper.progress.connect(self.progress.update_progress)
        keeper.written.connect(lambda out: self._on_over(f"The results are in {text.folder(out)}.", out))
        keeper.sidecars_ended.connect(self._on_sidecars)
        keeper.stopped.connect(lambda: self._on_over("Stopped. Nothing was written."))
        keeper.failed.connect(self._on_over)

    # What is shown

    def begin(self, source: Source, choices: Sequence[Choice], waiting: int, sorting: Callable[[], bool]) -> None:
        """Offer photos.

        Args:
            source: where they come from.
            choices: which; the first is the usual one.
            waiting: how many of the folder were not looked at yet.
            sorting: tells whether a sort is under way.
        """
        self._source, self._choices, self._waiting, self._sorting = source, choices, waiting, sorting
        self.form.set_labels(source.labels)
        self.photos.clear()
        for choice in choices:
            self.photos.addItem(f"{choice.words} ({choice.count:,})")
        self._show_result("")
        self.export_button.setFocus()

    def _on_form(self) -> None:
        with_sidecars = self.form.form == "xmp"
        self.remove_button.setVisible(with_sidecars)
        self.export_button.setText("&Write sidecars" if with_sidecars else "&Export…")
        self._show_result("")

    def _show_result(self, words: str, written: Path | None = None) -> None:
        self._written = written
        self.show_button.setVisible(written is not None)
        self.failures.hide()
        if not words and self._waiting:
            are = "is" if self._waiting == 1 else "are"
            words = f"{text.count(self._waiting, 'photo')} {are} not looked at yet, and left out."
        self.message.setText(words)
        self.message.setVisible(bool(words))

    # The export

    def _results(self) -> list[LabeledPhoto]:
        index = self.photos.currentIndex()
        return self._choices[index].results() if 0 <= index < len(self._choices) else []

    def _export(self) -> None:
        self.form.keep()
        if self.form.form == "xmp":
            self.write_sidecars(self.form.sidecar_options)
            return
        form: Form = "json" if self.form.form == "json" else "csv"
        name = f"{display_path(self._source.folder.name) if self._source else ''} results.{form}".strip()
        out, problem = place_to_write(self, "Export results", name, _FILTERS[form], (f".{form}",))
        if out is not None:
            self.write_file(out, form)
        elif problem:
            self._show_result(problem)

    def write_file(self, out: Path, form: Form) -> None:
        """Write a file, in place of one that the user has agreed to replace."""
        if self._source is None:
            return
        least = self.form.min_confidence
        results = [one for one in self._results() if one.reason is not None or one.is_sure(least)]
        self._start()
        self._keeper.export_file(out, form, self._source, results)

    def write_sidecars(self, options: SidecarOptions) -> None:
        """Write sidecars, unless a sort is moving the photos just now."""
        if self._source is None:
            return
        if self._sorting():
            self._show_result(_SORTING)
            return
        results = self._results()
        self._start()
        self._keeper.export_sidecars(self._source.folder, results, self._source.labels, options)

    def _remove(self) -> None:
        self.write_sidecars(SidecarOptions(remove=True))

    def _start(self) -> None:
        self._show_result("")
        self.message.hide()
        self.progress.bar.setRange(0, 0)
        self.progress.words.setText("Writing…")
        self.progress.show()
        self._set_enabled(False)
        self.progress.stop_button.setFocus()

    def _set_enabled(self, enabled: bool) -> None:
        for widget in (self.photos, self.form, self.export_button, self.remove_button, self.close_button):
            widget.setEnabled(enabled)

    def _on_over(self, words: str, written: Path | None = None) -> None:
        self.progress.hide()
        self._set_enabled(True)
        self._show_result(words, written)
        self.close_button.setFocus()

    def _on_sidecars(self, ended: SidecarsEnded) -> None:
        self._on_over(sidecar_words(ended))
        self.failures.clear()
        for failure in ended.failures:
            self.failures.addItem(
                f"{display_path((failure.sidecar or failure.photo).name)}: {reasons.sentence(failure.reason)}"
            )
        self.failures.setVisible(bool(ended.failures))

    def _show_written(self) -> None:
        if self._written is not None:
            show_in_file_manager(self._written)

    def reject(self) -> None:
        """Close, or stop what is under way; its end is shown then."""
        if self._keeper.busy:
            self._keeper.stop()
        else:
            super().reject()


def sidecar_words(ended: SidecarsEnded) -> str:
    """Return what came of writing sidecars, in words."""
    parts = [
        text.count(ended.count(Change.NEW), "sidecar") + " made",
        f"{ended.count(Change.CHANGED):,} changed",
        f"{ended.count(Change.SAME):,} right already",
    ]
    if cleared := ended.count(Change.CLEARED, Change.DELETED):
        parts.append(f"{cleared:,} cleared of what was written earlier")
    if ended.failed:
        parts.append(f"{ended.failed:,} could not be written")
    said = f"{', '.join(parts)}."
    return f"Stopped. {said}" if ended.stopped else said


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
