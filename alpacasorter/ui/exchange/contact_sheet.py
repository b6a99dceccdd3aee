"""The dialog *Contact sheet*: which photos, how they are laid out, and the progress of the PDF document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QLocale, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from alpacasorter import i18n
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.dialogs import choose_file_to_write
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.wording import text
from alpacasorter.workers.contact_sheets import ContactSheets, SheetLayout, SheetPhoto, pages_of

_COLUMNS = (2, 8)


class ContactSheetDialog(QDialog):
    """Lets the user make a contact sheet. Closing it while one is being made stops that.

    Signals:
        saved(Path): a contact sheet was saved as this document.
    """

    saved = Signal(object)

    def __init__(
        self,
        sheets: ContactSheets,
        store: PhotoStore,
        settings: Settings,
        listed: Callable[[], Sequence[PhotoRow]],
        selected: Callable[[], Sequence[PhotoRow]],
        parent: QWidget | None,
    ) -> None:
        """Prepare.

        Args:
            sheets: makes them.
            store: what is known about the photos.
            settings: keep the choices.
            listed: returns the photos that are listed, in their order.
            selected: returns the selected photos.
            parent: the main window.
        """
        super().__init__(parent)
        self.setWindowTitle(_("Contact sheet"))
        self._sheets = sheets
        self._store = store
        self._settings = settings
        self._listed = listed
        self._selected = selected
        self._folder = Path()
        self.which = QComboBox(self)
        self.paper = QComboBox(self)
        self.paper.addItem(_("A4"), "A4")
        self.paper.addItem(_("Letter"), "Letter")
        self.columns = QSpinBox(self)
        self.columns.setRange(*_COLUMNS)
        self.captions = {
            "name": QCheckBox(_("File name"), self),
            "tag": QCheckBox(_("Tag"), self),
            "confidence": QCheckBox(_("Confidence"), self),
            "date": QCheckBox(_("Date taken"), self),
        }
        self.extent = QLabel(self)
        self.message = sentence_label(self, "warning")
        self.bar = QProgressBar(self)
        self.bar.setAccessibleName(_("Progress"))
        self.save = QPushButton(_("&Save as PDF…"), self)
        self.save.setProperty("primary", True)
        self.save.setDefault(True)
        self.stop = QPushButton(_("S&top"), self)
        self.close_button = QPushButton(_("C&lose"), self)
        self._restore()
        self._lay_out()
        self._connect()
        self._show_busy(False)

    def _restore(self) -> None:
        chosen = self._settings.contact_sheet
        paper = chosen.get("paper") or ("Letter" if _uses_letter() else "A4")
        self.paper.setCurrentIndex(max(0, self.paper.findData(paper)))
        columns = chosen.get("columns", "")
        self.columns.setValue(int(columns) if columns.isdecimal() else 4)
        shown = chosen.get("captions", "name tag").split()
        for name, box in self.captions.items():
            box.setChecked(name in shown)

    def _keep(self) -> None:
        shown = " ".join(name for name, box in self.captions.items() if box.isChecked())
        self._settings.contact_sheet = {
            "paper": self.paper.currentData(),
            "columns": str(self.columns.value()),
            "captions": shown,
        }

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(_("P&hotos"), self.which)
        form.addRow(_("&Paper"), self.paper)
        form.addRow(_("&Columns"), self.columns)
        captions = QVBoxLayout()
        for box in self.captions.values():
            captions.addWidget(box)
        form.addRow(_("Captions"), captions)
        form.addRow("", self.extent)
        buttons = QHBoxLayout()
        buttons.addWidget(self.bar, 1)
        for button in (self.stop, self.save, self.close_button):
            buttons.addWidget(button)
        # The row does not jump when the bar is shown.
        kept = self.bar.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(kept)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(16)
        column.addLayout(form)
        column.addWidget(self.message)
        column.addLayout(buttons)
        self.message.hide()
        self.setMinimumWidth(460)

    def _connect(self) -> None:
        for changed in (
            self.which.currentIndexChanged,
            self.paper.currentIndexChanged,
            self.columns.valueChanged,
            *(box.toggled for box in self.captions.values()),
        ):
            changed.connect(self._show_extent)
        self.save.clicked.connect(self._save)
        self.stop.clicked.connect(self._sheets.stop)
        self.close_button.clicked.connect(self.reject)
        self._sheets.progress.connect(self._on_progress)
        self._sheets.written.connect(self._on_written)
        self._sheets.stopped.connect(self._on_stopped)
        self._sheets.failed.connect(self._on_failed)

    def begin(self, folder: Path) -> None:
        """Offer the photos of the open folder: those that are selected if there are several, else all listed."""
        if self._sheets.busy:
            return
        self._folder = folder
        selected, listed = len(self._chosen("selected")), len(self._chosen("listed"))
        self.which.blockSignals(True)
        self.which.clear()
        if selected:
            words = ngettext("The selected photo", "The {count} selected photos", selected)
            self.which.addItem(words.format(count=number(selected)), "selected")
        words = ngettext("The photo in the list", "All {count} photos in the list", listed)
        self.which.addItem(words.format(count=number(listed)), "listed")
        self.which.setCurrentIndex(0 if selected > 1 else self.which.count() - 1)
        self.which.blockSignals(False)
        self._say("")
        self._show_extent()

    def _chosen(self, which: str) -> list[PhotoRow]:
        rows = self._selected() if which == "selected" else self._listed()
        return [row for row in rows if not row.gone]

    def _layout(self) -> SheetLayout:
        lines = self.captions["name"].isChecked() + any(
            self.captions[name].isChecked() for name in ("tag", "confidence", "date")
        )
        title = display_path(Path(self._folder.name or self._folder))
        # Translators: at the bottom of a page; keep both fields.
        words = _("Page {page} of {pages}")
        return SheetLayout(self.paper.currentData(), self.columns.value(), title, int(lines), words)

    def _show_extent(self, _value: object = None) -> None:
        count = len(self._chosen(self.which.currentData() or "listed"))
        pages = pages_of(self._layout(), count)
        said = ngettext("{photos} on {count} page", "{photos} on {count} pages", pages)
        self.extent.setText(said.format(photos=text.photos(count), count=number(pages)))
        self.save.setEnabled(count > 0 and not self._sheets.busy)

    def _lines(self, row: PhotoRow) -> tuple[str, ...]:
        """Return the caption of a photo: its name, and below what else is chosen."""
        shown = {name for name, box in self.captions.items() if box.isChecked()}
        label, sure, taken = self._store.label(row), self._store.confidence(row), row.taken(self._store.clocks)
        about = []
        if "tag" in shown and label is not None:
            about.append(self._store.labels.display(label))
        if "confidence" in shown and sure is not None:
            about.append(_("labeled by you") if row.correction is not None else i18n.confidence(sure))
        if "date" in shown and taken is not None:
            about.append(i18n.day(taken.moment.date()))
        first = (row.name,) if "name" in shown else ()
        return (*first, text.BETWEEN.join(about)) if shown - {"name"} else first

    def _save(self) -> None:
        rows = self._chosen(self.which.currentData())
        if not rows or self._sheets.busy:
            return
        name = _("{folder} contact sheet.pdf").format(folder=display_path(self._folder.name) or "AlpacaSorter")
        kinds = _("PDF documents (*.pdf)")
        out, problem = choose_file_to_write(self, _("Save contact sheet"), name, kinds, (".pdf",))
        if out is None:
            self._say(problem)
            return
        self.write(out, rows)

    def write(self, out: Path, rows: Sequence[PhotoRow]) -> None:
        """Make the contact sheet of some photos."""
        self._keep()
        self._say("")
        self.bar.setRange(0, len(rows))
        self.bar.setValue(0)
        self._sheets.make(out, [SheetPhoto(row.path, self._lines(row)) for row in rows], self._layout())
        self._show_busy(True)

    def _show_busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.stop.setVisible(busy)
        self.save.setVisible(not busy)
        for field in (self.which, self.paper, self.columns, *self.captions.values()):
            field.setEnabled(not busy)
        if busy:
            self.stop.setFocus()

    def _on_progress(self, done: int, _total: int) -> None:
        self.bar.setValue(done)

    def _on_written(self, out: Path) -> None:
        self._show_busy(False)
        self.accept()
        self.saved.emit(out)

    def _on_stopped(self) -> None:
        self._show_busy(False)
        self._say(_("Stopped. Nothing was saved."))

    def _on_failed(self, sentence: str) -> None:
        self._show_busy(False)
        self._say(sentence)

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.setVisible(bool(words))

    def reject(self) -> None:
        """Close; a sheet that is being made is stopped."""
        self._sheets.stop()
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close, as Esc does."""
        event.accept()
        self.reject()


def _uses_letter() -> bool:
    """Return whether people here print on Letter paper."""
    return QLocale().territory() in (
        QLocale.Country.UnitedStates,
        QLocale.Country.Canada,
        QLocale.Country.Mexico,
        QLocale.Country.Philippines,
        QLocale.Country.Colombia,
        QLocale.Country.Chile,
        QLocale.Country.Venezuela,
        QLocale.Country.PuertoRico,
    )
