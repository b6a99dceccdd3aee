"""The dialog to export results: which photos, in which format, its progress and its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
    QInputDialog,
    QLabel,
    QListWidget,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core import reasons
from alpacasorter.core.exchange.embedded import EmbedEnded
from alpacasorter.core.exchange.keyword_records import Batch
from alpacasorter.core.exchange.results import Format, Source
from alpacasorter.core.exchange.sidecars import Naming, SidecarFailed, SidecarOptions, SidecarsEnded
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.i18n import _, moment, number, percent
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.desktop import show_in_file_manager
from alpacasorter.ui.widgets.dialogs import choose_file_to_write, say
from alpacasorter.ui.widgets.fields import percentage
from alpacasorter.ui.widgets.messages import ProgressStrip
from alpacasorter.wording import text
from alpacasorter.wording.exchange import embedded_summary, sidecar_summary
from alpacasorter.workers.exchanging import ExchangeKeeper, KeywordsInPhotos

_LIST_HEIGHT: Final = 110
_SCREEN_SHARE: Final = 0.9
"""Maximum share of the screen that the dialog covers."""
_INDENT: Final = 22


@dataclass(frozen=True, slots=True)
class PhotoSelection:
    """A selection of photos that can be exported.

    Attributes:
        words: description with the number of photos, for the user.
        results: returns the results for the photos.
    """

    words: str
    results: Callable[[], list[LabeledPhoto]]


class ExportDialog(QDialog):
    """Lets the user choose what to export, and exports it. The rest of the window is blocked while it is open."""

    def __init__(self, keeper: ExchangeKeeper, settings: Settings, parent: QWidget | None = None) -> None:
        """Export through `keeper`, starting with the last choices in `settings`."""
        super().__init__(parent)
        self.setWindowTitle(_("Export results"))
        self.setWindowModality(Qt.WindowModality.ApplicationModal)
        self._keeper = keeper
        self._source: Source | None = None
        self._choices: Sequence[PhotoSelection] = ()
        self._sorting: Callable[[], bool] = lambda: False
        self._remark = ""
        self._batches: tuple[Batch, ...] = ()
        self._to_embed: tuple[list[LabeledPhoto], SidecarOptions] | None = None
        self._said = ""
        self._failed: tuple[SidecarFailed, ...] = ()
        self._written: Path | None = None
        self.photos = QComboBox(self)
        self.form = ExportChoices(settings)
        # With a list of failures below it, the form may not fit on a small screen.
        self.room = QScrollArea(self)
        self.room.setWidgetResizable(True)
        self.room.setFrameShape(QFrame.Shape.NoFrame)
        self.room.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.room.setWidget(self.form)
        # It scrolls to the field that has the focus; it would be a stop of the Tab key without a name.
        self.room.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.progress = ProgressStrip(self)
        self.progress.stop_button.setToolTip(_("Stop. Sidecars that are already written are kept."))
        self.progress.stop_button.setAutoDefault(False)
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.failures = QListWidget(self)
        self.failures.setAccessibleName(_("Sidecars that could not be written"))
        self.failures.setWordWrap(True)
        self.failures.setMaximumHeight(_LIST_HEIGHT)
        self.remove_button = self._button(_("&Remove keywords"), self._remove)
        self.remove_button.setToolTip(_("Remove everything that AlpacaSorter wrote to the sidecars"))
        self.undo_button = self._button(_("&Undo keywords in photos…"), self._undo)
        self.undo_button.setToolTip(_("Restore the photos of an earlier export as they were before"))
        self.show_button = self._button(_("&Show in file manager"), self._show_written)
        self.close_button = self._button(_("&Close"), self.reject)
        self.export_button = self._button(_("&Export…"), self._export)
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
        above.addRow(_("&Photos:"), self.photos)
        below = QHBoxLayout()
        below.addWidget(self.remove_button)
        below.addWidget(self.undo_button)
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
        size = QSize(560, 470).boundedTo(self.screen().availableSize() * _SCREEN_SHARE)
        self.resize(size)

    def _connect(self) -> None:
        keeper = self._keeper
        self.form.form_changed.connect(self._on_form)
        self.photos.currentIndexChanged.connect(lambda _index: self._show_result(""))
        self.progress.stop.connect(keeper.stop)
        keeper.progress.connect(self.progress.update_progress)
        keeper.written.connect(self._on_written)
        keeper.sidecars_ended.connect(self._on_sidecars)
        keeper.embedded.connect(self._on_embedded)
        keeper.keywords_ready.connect(self._on_keywords_ready)
        keeper.stopped.connect(lambda: self._on_over(_("Stopped. Nothing was written.")))
        keeper.failed.connect(self._on_over)

    def begin(
        self, source: Source, choices: Sequence[PhotoSelection], remark: str, sorting: Callable[[], bool]
    ) -> None:
        """Prepare the dialog.

        Args:
            source: where the results come from.
            choices: the selections of photos to choose from; the first is the default.
            remark: what the user should know before exporting; may be empty.
            sorting: tells whether a sort is running.
        """
        self._source, self._choices, self._remark, self._sorting = source, choices, remark, sorting
        self.form.set_labels(source.labels)
        self.photos.clear()
        for choice in choices:
            self.photos.addItem(choice.words)
        self._show_result("")
        self._keeper.look_for_exiftool()
        self.export_button.setFocus()

    def _on_form(self) -> None:
        with_sidecars = self.form.form == "xmp"
        self.remove_button.setVisible(with_sidecars)
        self.undo_button.setVisible(with_sidecars and bool(self._batches))
        self.export_button.setText(_("&Write sidecars") if with_sidecars else _("&Export…"))
        self._show_result("")

    def _show_result(self, words: str, written: Path | None = None) -> None:
        self._written = written
        self.show_button.setVisible(written is not None)
        self.failures.hide()
        self.message.setText(words or self._remark)
        self.message.setVisible(bool(words or self._remark))

    # The export

    def _results(self) -> list[LabeledPhoto]:
        index = self.photos.currentIndex()
        return self._choices[index].results() if 0 <= index < len(self._choices) else []

    def _export(self) -> None:
        self.form.keep()
        if self.form.form == "xmp":
            self.write_sidecars(self.form.sidecar_options)
            return
        if self._source is None:
            return
        form: Format = "json" if self.form.form == "json" else "csv"
        # Translators: the name of a file.
        name = _("{folder} results").format(folder=display_path(self._source.folder.name))
        kind = _("JSON (*.json)") if form == "json" else _("CSV table (*.csv)")
        out, problem = choose_file_to_write(self, _("Export results"), f"{name}.{form}", kind, (f".{form}",))
        if out is not None:
            self.write_file(out, form)
        elif problem:
            self._show_result(problem)

    def write_file(self, out: Path, form: Format) -> None:
        """Write a file. If there is one already, the user has agreed to replace it."""
        if self._source is None:
            return
        least = self.form.min_confidence
        results = [one for one in self._results() if one.reason is not None or one.is_sure(least)]
        self._start()
        self._keeper.export_file(out, form, self._source, results)

    def write_sidecars(self, options: SidecarOptions) -> None:
        """Write sidecars, unless a sort is running."""
        if self._source is None:
            return
        if self._sorting():
            self._show_result(_("A sort is running. Write the sidecars after it finishes."))
            return
        results = self._results()
        # Asked for each time, and only with this very tick: photos are otherwise never changed.
        self._to_embed = (results, options) if self.form.embed.isChecked() and self.form.embed.isEnabled() else None
        self._start()
        self._keeper.export_sidecars(self._source.folder, results, self._source.labels, options)

    def _remove(self) -> None:
        self.write_sidecars(SidecarOptions(remove=True))

    def _start(self) -> None:
        self._show_result("")
        self.message.hide()
        self.progress.bar.setRange(0, 0)
        self.progress.words.setText(_("Writing…"))
        self.progress.show()
        self._set_enabled(False)
        self.progress.stop_button.setFocus()

    def _set_enabled(self, enabled: bool) -> None:
        buttons = (self.export_button, self.remove_button, self.undo_button, self.close_button)
        for widget in (self.photos, self.form, *buttons):
            widget.setEnabled(enabled)

    def _on_over(self, words: str, written: Path | None = None) -> None:
        self.progress.hide()
        self._set_enabled(True)
        self._show_result(words, written)
        self.close_button.setFocus()

    def _on_written(self, out: Path) -> None:
        self._on_over(_("Results saved to {file}.").format(file=text.folder(out)), out)

    def _on_sidecars(self, ended: SidecarsEnded) -> None:
        self._said, self._failed = sidecar_summary(ended), ended.failures
        to_embed, self._to_embed = self._to_embed, None
        if to_embed is None or ended.stopped or self._source is None:
            self._show_ended()
        else:
            results, options = to_embed
            self._keeper.embed_keywords(self._source.folder, results, self._source.labels, options)

    def _on_embedded(self, ended: EmbedEnded) -> None:
        self._said = f"{self._said}\n{embedded_summary(ended)}".strip()
        self._failed = (*self._failed, *ended.failures)
        self.form.embed.setChecked(False)
        self._show_ended()
        self._keeper.look_for_exiftool()

    def _on_keywords_ready(self, known: KeywordsInPhotos) -> None:
        self.form.set_embedding(possible=known.possible)
        self._batches = known.batches
        self.undo_button.setVisible(self.form.form == "xmp" and bool(known.batches))

    def _undo(self) -> None:
        """Let the user choose an earlier export, and undo what it did to photos."""
        words = [
            # Translators: an earlier export: its place in the list, its time, the folder and the number of photos.
            _("{place}. {time}, {folder} ({count})").format(
                place=place, time=moment(one.made_at), folder=text.folder(one.folder), count=number(one.photos)
            )
            for place, one in enumerate(self._batches, 1)
        ]
        chosen, agreed = QInputDialog.getItem(
            self, _("Undo keywords in photos"), _("Restore the photos of this export:"), words, 0, editable=False
        )
        if agreed and chosen in words:
            self.undo_batch(self._batches[words.index(chosen)].number)

    def undo_batch(self, batch: int) -> None:
        """Undo what an earlier export did to photos."""
        self._start()
        self._said, self._failed = "", ()
        self._keeper.undo_keywords(batch)

    def _show_ended(self) -> None:
        self._on_over(self._said)
        self.failures.clear()
        for failure in self._failed:
            self.failures.addItem(
                f"{display_path((failure.sidecar or failure.photo).name)}: {reasons.sentence(failure.reason)}"
            )
        self.failures.setVisible(bool(self._failed))

    def _show_written(self) -> None:
        if self._written is not None:
            show_in_file_manager(self._written, self, partial(say, self))

    def reject(self) -> None:
        """Close; if an export is running, stop it instead, and then show its result."""
        if self._keeper.busy:
            self._keeper.stop()
        else:
            super().reject()


_FORMS: Final = ("csv", "json", "xmp")


def _form_words(form: str) -> tuple[str, str]:
    """Return the name of a format and what it is good for."""
    return {
        "csv": (_("&Table (CSV)"), _("For spreadsheets: one row per photo.")),
        "json": (_("&JSON"), _("For scripts, and for “Import labels…” on another computer.")),
        "xmp": (
            _("&Keywords in XMP sidecars"),
            _("For digiKam, darktable and others: a small file next to each photo. Lightroom reads them for RAW only."),
        ),
    }[form]


class ExportChoices(QWidget):
    """The choices for an export, starting with the last ones.

    Signals:
        form_changed(): another format is chosen.
    """

    form_changed = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Show the choices stored in `settings`."""
        super().__init__(parent)
        self._settings = settings
        # Translators: a field with a percentage follows.
        self.sure = QCheckBox(_("&Leave out photos with a confidence below"), self)
        self.least = percentage(self, 50, 99, self.sure)
        self.buttons = QButtonGroup(self)
        self.both = QCheckBox(self)
        self.rating = QCheckBox(self)
        self.rating.setToolTip(
            _(
                "One star from {low} confidence, five stars from {high} and for photos you labeled. Your own ratings"
                " are kept."
            ).format(low=percent(0.5), high=percent(0.9))
        )
        self.naming = QComboBox(self)
        self.naming.addItem(_("IMG_1.jpg.xmp (digiKam, darktable)"), Naming.FULL)
        self.naming.addItem(_("IMG_1.xmp (Lightroom, for RAW, and others)"), Naming.STEM)
        self.embed = QCheckBox(_("Also &write the keyword into JPEG files (with ExifTool)"), self)
        self.set_embedding(possible=False)
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
        for place, kind in enumerate(_FORMS):
            words, about = _form_words(kind)
            button = QRadioButton(words, self)
            self.buttons.addButton(button, place)
            explained = muted(self, about)
            explained.setContentsMargins(_INDENT, 0, 0, 6)
            layout.addWidget(button)
            layout.addWidget(explained)
        form = QFormLayout(self.sidecars)
        form.setContentsMargins(_INDENT, 0, 0, 0)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow(self.both)
        form.addRow(self.rating)
        form.addRow(_("&New sidecars:"), self.naming)
        form.addRow(self.embed)
        promise = _(
            "Photos are changed only if you check the last box, and then only their keywords, which you can undo."
            " In existing sidecars, only what AlpacaSorter wrote is replaced."
        )
        form.addRow(muted(self, promise))
        layout.addWidget(self.sidecars)
        layout.addStretch(1)

    def set_embedding(self, *, possible: bool) -> None:
        """Say whether keywords can be written into photos."""
        self.embed.setEnabled(possible)
        self.embed.setToolTip(
            _("For Lightroom and other programs that don't read sidecars of JPEGs. Pixels and dates don't change.")
            if possible
            else _("This needs ExifTool 12 or newer (exiftool.org), which was not found on this computer.")
        )

    def set_labels(self, labels: LabelSet) -> None:
        """Show the names of the classes in the choices."""
        negative, positive = (labels.display(name).replace("&", "&&") for name in labels.names)
        self.both.setText(_("Also write a keyword for “{label}”").format(label=negative))
        self.rating.setText(_("Rate “{label}” with 1 to 5 stars: more stars = more certain").format(label=positive))

    @property
    def form(self) -> str:
        """The format: "csv", "json" or "xmp"."""
        return _FORMS[max(0, self.buttons.checkedId())]

    def choose(self, form: str) -> None:
        """Choose a format."""
        self.buttons.button(_FORMS.index(form)).setChecked(True)

    @property
    def min_confidence(self) -> float:
        """Minimum confidence of photos without a correction, 0 to 1."""
        return self.least.value() / 100 if self.sure.isChecked() else 0.0

    @property
    def sidecar_options(self) -> SidecarOptions:
        """What to write to sidecars."""
        return SidecarOptions(
            both=self.both.isChecked(),
            rating=self.rating.isChecked(),
            min_confidence=self.min_confidence,
            naming=Naming(self.naming.currentData()),
        )

    def keep(self) -> None:
        """Store the choices for the next time."""
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
        self.choose(kept["form"] if kept.get("form") in _FORMS else _FORMS[0])
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
    """Return a label in a muted color."""
    label = QLabel(words, parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", "muted")
    return label
