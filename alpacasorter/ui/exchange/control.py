"""Connects the main window with exports and imports: opens their dialogs, and makes an import an undoable command."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QUndoCommand, QUndoStack
from PySide6.QtWidgets import QFileDialog, QMainWindow

from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import PhotoRow, labeled
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.banners import BannerBar, Choice, ChoiceBanner, Rank
from alpacasorter.ui.widgets.desktop import open_file, show_in_file_manager
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.wording import text
from alpacasorter.wording.exchange import imported
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts, VariantsFacts

if TYPE_CHECKING:
    from alpacasorter.ui.exchange.contact_sheet import ContactSheetDialog
    from alpacasorter.ui.exchange.export_dialog import ExportDialog, PhotoSelection
    from alpacasorter.ui.exchange.import_dialog import ImportDialog
    from alpacasorter.workers.contact_sheets import ContactSheets


class ExchangeControl(WindowControl):
    """Opens the export and import dialogs.

    Signals:
        told(str): the result of an import, as a sentence for the user.
        revisited(list): an import was undone or redone; the content keys of its photos.
    """

    revisited = Signal(list)

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        actions: Actions,
        stack: QUndoStack,
        store: PhotoStore,
        settings: Settings,
        bar: BannerBar,
        folder: Callable[[], Path | None],
        *,
        filtered: Callable[[], list[PhotoRow] | None],
        selected: Callable[[], list[PhotoRow]],
        listed: Callable[[], Sequence[PhotoRow]],
    ) -> None:
        """Connect the actions.

        Args:
            window: the window.
            engine: reads and writes the files.
            actions: those of the window.
            stack: the undo stack, to which imports are pushed.
            store: the photos of the open folder.
            settings: where the choices are stored.
            bar: where messages are shown.
            folder: returns the open folder.
            filtered: returns the photos that are shown; None if these are all.
            selected: returns the selected photos.
            listed: returns the photos that are listed, in their order.
        """
        super().__init__(window)
        self._engine = engine
        self._stack = stack
        self._store = store
        self._settings = settings
        self._folder = folder
        self._filtered = filtered
        self._selected = selected
        self._model: ModelFacts | None = None
        self._last = Path.home()
        self._pending: deque[bool] = deque()
        self._listed = listed
        self._sheets: ContactSheets | None = None
        self._export = self._launcher(self._make_exporting)
        self.saved = ChoiceBanner(bar, Rank.NEWS)
        self._sheet = self._launcher(self._make_sheet)
        actions.contact_sheet.triggered.connect(self.open_contact_sheet)
        self._import = self._launcher(self._make_importing)
        actions.export.triggered.connect(self.open_export)
        actions.import_labels.triggered.connect(self.choose_file)
        engine.ready.connect(self._on_ready)
        engine.variants.changed.connect(self._on_variant)
        engine.exchange.imported.connect(self._on_imported)
        engine.exchange.import_failed.connect(self._on_import_failed)

    def _on_ready(self, model: ModelFacts) -> None:
        self._model = model

    def _on_variant(self, variants: VariantsFacts) -> None:
        if self._model is not None:
            self._model = replace(self._model, variants=variants)

    # Contact sheets

    @property
    def contact_sheet(self) -> ContactSheetDialog | None:
        """The dialog that makes contact sheets; None until it is first opened."""
        return self._sheet.dialog

    def _make_sheet(self) -> ContactSheetDialog:
        from alpacasorter.ui.exchange.contact_sheet import ContactSheetDialog
        from alpacasorter.workers.contact_sheets import ContactSheets

        self._sheets = ContactSheets(self)
        dialog = ContactSheetDialog(
            self._sheets, self._store, self._settings, self._listed, self._selected, self._window
        )
        dialog.saved.connect(self._on_saved)
        return dialog

    def _on_saved(self, out: Path) -> None:
        """Say that a contact sheet is saved, and open it; that nothing opens it is only a hint."""
        hints: list[str] = []
        open_file(out, self, hints.append)
        said = _("Saved {file}.").format(file=display_path(out.name))
        show = Choice(
            _("Show in file manager"), lambda: show_in_file_manager(out, self, self.told.emit), text.folder(out.parent)
        )
        self.saved.offer(" ".join([said, *hints]), [show])

    def open_contact_sheet(self) -> None:
        """Show the dialog that makes a contact sheet of the photos in the open folder."""
        folder = self._folder()
        if folder is not None:
            self._sheet.made().begin(folder)
            self._sheet.show()

    # Export

    @property
    def exporting(self) -> ExportDialog | None:
        """The export dialog; None until it is first opened."""
        return self._export.dialog

    def _make_exporting(self) -> ExportDialog:
        from alpacasorter.ui.exchange.export_dialog import ExportDialog

        return ExportDialog(self._engine.exchange, self._settings, self._window)

    def open_export(self) -> None:
        """Show the dialog to export the photos in the open folder."""
        # Imported here: the window starts faster without it.
        from alpacasorter.core.exchange.results import Source

        folder, model = self._folder(), self._model
        if folder is None or model is None:
            return
        variant = "" if model.variants is None else model.variants.current
        source = Source(folder, model.name, model.version, model.labels, variant)
        choices = self._choices(model.labels)
        self._export.made().begin(source, choices, self._remark(), lambda: self._engine.sorting.busy)
        self._export.show()

    def _remark(self) -> str:
        """Return what the user should know before exporting."""
        said = []
        if waiting := sum(row.waiting for row in self._store.rows):
            message = ngettext(
                "{count} photo has not been judged yet and is left out.",
                "{count} photos have not been judged yet and are left out.",
                waiting,
            )
            said.append(message.format(count=number(waiting)))
        again = self._engine.versions.again
        if again is not None and again.running:
            said += [text.learning_again(again), text.until_learned_again()]
        return " ".join(said)

    def _choices(self, labels: LabelSet) -> list[PhotoSelection]:
        from alpacasorter.ui.exchange.export_dialog import PhotoSelection

        # Translators: {count} photos.
        offered = [(_("All photos in the folder ({count})"), self._store.rows)]
        shown = self._filtered()
        if shown is not None:
            # Translators: {count} photos.
            offered.append((_("Photos shown now ({count})"), shown))
        selected = self._selected()
        if len(selected) > 1:
            # Translators: {count} photos.
            offered.append((_("Selected photos ({count})"), selected))
        judged = ((words, [row for row in rows if not row.waiting]) for words, rows in offered)
        return [
            PhotoSelection(words.format(count=number(len(rows))), partial(results_of, rows, labels))
            for words, rows in judged
        ]

    # Import

    def choose_file(self) -> None:
        """Let the user choose a file with labels, and show what it would change."""
        files = ";;".join((_("Labels (*.json *.jsonl *.csv *.txt)"), _("All files (*)")))
        chosen, _kind = QFileDialog.getOpenFileName(self._window, _("Import labels"), str(self._last), files)
        if chosen:
            self._last = Path(chosen).parent
            self.preview(Path(chosen))

    def preview(self, path: Path) -> None:
        """Show what a file with labels would change."""
        self._import.made().begin(path)
        self._import.show()

    @property
    def importing(self) -> ImportDialog | None:
        """The import dialog; None until it is first opened."""
        return self._import.dialog

    def _make_importing(self) -> ImportDialog:
        from alpacasorter.ui.exchange.import_dialog import ImportDialog

        dialog = ImportDialog(self._engine.exchange, self._window)
        dialog.agreed.connect(self._on_agreed)
        return dialog

    def _on_agreed(self, changes: Mapping[str, str], before: Mapping[str, str]) -> None:
        self._stack.push(_Import(self._import_labels, self.revisited.emit, changes, before))

    def _import_labels(self, changes: Mapping[str, str | None], undone: bool) -> None:
        self._pending.append(undone)
        self._engine.exchange.import_labels(changes)

    def _on_imported(self, made: int, unseen: int) -> None:
        undone = self._pending.popleft() if self._pending else False
        self.told.emit(_("The import was undone.") if undone else imported(made, unseen))

    def _on_import_failed(self, words: str) -> None:
        self._pending.clear()
        # Nothing was stored, so there is nothing to undo.
        self._stack.clear()
        said = _("The labels could not be imported.")
        self.told.emit(f"{said} {words}")

    def close_down(self) -> None:
        """Close the dialogs, and stop a running export or contact sheet."""
        self._engine.exchange.stop()
        if self._sheets is not None:
            self._sheets.close()
        for dialog in (self.exporting, self.importing):
            if dialog is not None:
                # Hidden instead of closed: closing would only stop the export again.
                dialog.hide()


class _Import(QUndoCommand):
    """Imported corrections."""

    def __init__(
        self,
        import_labels: Callable[[Mapping[str, str | None], bool], None],
        revisited: Callable[[list[str]], None],
        after: Mapping[str, str],
        before: Mapping[str, str],
    ) -> None:
        # Translators: follows “Undo” or “Redo” in a menu.
        words = ngettext("Import of {count} label", "Import of {count} labels", len(after))
        super().__init__(words.format(count=number(len(after))))
        self._import_labels = import_labels
        self._revisited = revisited
        self._is_first = True
        self._after = dict(after)
        self._before = {key: before.get(key) for key in after}

    def redo(self) -> None:
        """Store the corrections; also called when the command is pushed."""
        self._import_labels(self._after, False)
        if not self._is_first:
            self._revisited(list(self._after))
        self._is_first = False

    def undo(self) -> None:
        """Restore the previous corrections."""
        self._import_labels(self._before, True)
        self._revisited(list(self._after))


def results_of(rows: Sequence[PhotoRow], labels: LabelSet) -> list[LabeledPhoto]:
    """Return the results for photos in the window; photos that have not been judged yet are left out."""
    return [photo for row in rows if (photo := labeled(row, labels)) is not None]
