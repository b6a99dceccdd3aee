"""Between the main window and results out, labels in: opens the dialogs, and has an import be undone like a click."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand
from PySide6.QtWidgets import QFileDialog, QMainWindow

from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.ui.photos.row import labeled
from alpacasorter.ui.photos.store import Filter, PhotoRow
from alpacasorter.ui.settings import Settings
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts

if TYPE_CHECKING:
    from alpacasorter.ui.exchange.export_dialog import Choice, ExportDialog
    from alpacasorter.ui.exchange.import_dialog import ImportDialog
    from alpacasorter.ui.photos.page import BrowsePage

_FILES: Final = "Labels (*.json *.jsonl *.csv *.txt);;All files (*)"


class ExchangeControl(QObject):
    """Owns the two dialogs, which are made when they are first asked for.

    Attributes:
        exporting: the dialog that exports, once it was opened.
        importing: the dialog that imports, once it was opened.

    Signals:
        told(str): what came of an import; a sentence for the user.
    """

    told = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        page: BrowsePage,
        settings: Settings,
        folder: Callable[[], Path | None],
    ) -> None:
        """Connect the actions of a window; `folder` returns the open folder."""
        super().__init__(window)
        self._window = window
        self._engine = engine
        self._page = page
        self._settings = settings
        self._folder = folder
        self._model: ModelFacts | None = None
        self._last = Path.home()
        self._under_way: deque[bool] = deque()
        self.exporting: ExportDialog | None = None
        self.importing: ImportDialog | None = None
        page.actions_.export.triggered.connect(self.open_export)
        page.actions_.import_labels.triggered.connect(self.choose_file)
        engine.ready.connect(self._on_ready)
        engine.exchange.imported.connect(self._on_imported)
        engine.exchange.import_failed.connect(self._on_import_failed)

    def _on_ready(self, model: ModelFacts) -> None:
        self._model = model

    # Results out

    def open_export(self) -> None:
        """Show the dialog that exports the photos of the open folder."""
        # Imported here, as the other dialog: the first window need not wait for it.
        from alpacasorter.core.exchange.results import Source
        from alpacasorter.ui.exchange.export_dialog import ExportDialog

        folder, model = self._folder(), self._model
        if folder is None or model is None:
            return
        if self.exporting is None:
            self.exporting = ExportDialog(self._engine.exchange, self._settings, self._window)
        source = Source(folder, model.name, model.version, model.labels)
        waiting = sum(row.waiting for row in self._page.store.rows)
        self.exporting.begin(source, self._choices(model.labels), waiting, lambda: self._engine.sorting.busy)
        self.exporting.show()

    def _choices(self, labels: LabelSet) -> list[Choice]:
        from alpacasorter.ui.exchange.export_dialog import Choice

        page = self._page
        model = page.model
        offered: list[tuple[str, list[PhotoRow]]] = [("All photos of the folder", page.store.rows)]
        if model.filter is not Filter.ALL:
            shown = [model.photo(model.index(place)) for place in range(model.rowCount())]
            offered.append(("The photos that are shown now", shown))
        selected = page.grid.selected_photos()
        if len(selected) > 1:
            offered.append(("The selected photos", selected))
        known = ((words, [row for row in rows if not row.waiting]) for words, rows in offered)
        return [Choice(words, len(rows), partial(results_of, rows, labels)) for words, rows in known]

    # Labels in

    def choose_file(self) -> None:
        """Let the user choose a file with labels, and say what it would change."""
        chosen, _ = QFileDialog.getOpenFileName(self._window, "Import labels", str(self._last), _FILES)
        if chosen:
            self._last = Path(chosen).parent
            self.look_into(Path(chosen))

    def look_into(self, path: Path) -> None:
        """Say what a file with labels would change."""
        from alpacasorter.ui.exchange.import_dialog import ImportDialog

        if self.importing is None:
            self.importing = ImportDialog(self._engine.exchange, self._window)
            self.importing.agreed.connect(self._import)
        self.importing.begin(path)
        self.importing.show()

    def _import(self, changes: Mapping[str, str], before: Mapping[str, str]) -> None:
        self._page.corrections.stack.push(_Import(self._take_in, changes, before))

    def _take_in(self, changes: Mapping[str, str | None], undone: bool) -> None:
        self._under_way.append(undone)
        self._engine.exchange.take_in(changes)

    def _on_imported(self, made: int, unseen: int) -> None:
        undone = self._under_way.popleft() if self._under_way else False
        self.told.emit("The import was undone." if undone else imported_words(made, unseen))

    def _on_import_failed(self, words: str) -> None:
        self._under_way.clear()
        # What was to be stored is not: nothing of it may be left in the history.
        self._page.corrections.stack.clear()
        self.told.emit(f"The labels could not be imported. {words}")

    def close_down(self) -> None:
        """Close the dialogs; what is being written is stopped."""
        self._engine.exchange.stop()
        for dialog in (self.exporting, self.importing):
            if dialog is not None:
                dialog.hide()


class _Import(QUndoCommand):
    """Corrections that came from a file."""

    def __init__(
        self,
        take_in: Callable[[Mapping[str, str | None], bool], None],
        after: Mapping[str, str],
        before: Mapping[str, str],
    ) -> None:
        super().__init__(f"import of {text.count(len(after), 'label')}")
        self._take_in = take_in
        self._after = dict(after)
        self._before = {key: before.get(key) for key in after}

    def redo(self) -> None:
        """Make the corrections; called when the command is pushed, too."""
        self._take_in(self._after, False)

    def undo(self) -> None:
        """Put back what was before."""
        self._take_in(self._before, True)


def results_of(rows: Sequence[PhotoRow], labels: LabelSet) -> list[LabeledPhoto]:
    """Return what the window shows of photos; those that have not been judged yet are left out."""
    return [photo for row in rows if (photo := labeled(row, labels)) is not None]


def imported_words(made: int, unseen: int) -> str:
    """Return what came of an import; of `unseen` of the labels the photo was not looked at here yet."""
    said = f"{text.count(made, 'label')} {'was' if made == 1 else 'were'} imported."
    if unseen == 1:
        said += " The photo of one was not looked at here yet; it is learned from as soon as that happens."
    elif unseen:
        said += f" The photos of {unseen:,} were not looked at here yet; they are learned from as soon as that happens."
    return said
