"""Between the main window and results out, labels in: opens the dialogs, and has an import be undone like a click."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QUndoCommand, QUndoStack
from PySide6.QtWidgets import QFileDialog, QMainWindow

from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts

if TYPE_CHECKING:
    from alpacasorter.core.exchange.results import Result
    from alpacasorter.ui.exchange.export_dialog import Choice, ExportDialog
    from alpacasorter.ui.exchange.import_dialog import ImportDialog

_FILES: Final = "Labels (*.json *.jsonl *.csv *.txt);;All files (*)"


class ExchangeControl(WindowControl):
    """Opens the two dialogs.

    Signals:
        told(str): what came of an import; a sentence for the user.
    """

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        actions: Actions,
        stack: QUndoStack,
        store: PhotoStore,
        settings: Settings,
        folder: Callable[[], Path | None],
        *,
        filtered: Callable[[], list[PhotoRow] | None],
        selected: Callable[[], list[PhotoRow]],
    ) -> None:
        """Connect the actions.

        Args:
            window: the window.
            engine: reads and writes the files.
            actions: those of the window.
            stack: on which an import can be undone.
            store: the photos of the open folder.
            settings: where the choices are kept.
            folder: returns the open folder.
            filtered: returns the photos that are shown; None if these are all.
            selected: returns the selected photos.
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
        self._under_way: deque[bool] = deque()
        self._export = self._launcher(self._make_exporting)
        self._import = self._launcher(self._make_importing)
        actions.export.triggered.connect(self.open_export)
        actions.import_labels.triggered.connect(self.choose_file)
        engine.ready.connect(self._on_ready)
        engine.exchange.imported.connect(self._on_imported)
        engine.exchange.import_failed.connect(self._on_import_failed)

    def _on_ready(self, model: ModelFacts) -> None:
        self._model = model

    # Results out

    @property
    def exporting(self) -> ExportDialog | None:
        """The dialog that exports; None until it is first opened."""
        return self._export.dialog

    def _make_exporting(self) -> ExportDialog:
        from alpacasorter.ui.exchange.export_dialog import ExportDialog

        return ExportDialog(self._engine.exchange, self._settings, self._window)

    def open_export(self) -> None:
        """Show the dialog that exports the photos of the open folder."""
        # Imported here: the first window need not wait for it.
        from alpacasorter.core.exchange.results import Source

        folder, model = self._folder(), self._model
        if folder is None or model is None:
            return
        source = Source(folder, model.name, model.version, model.labels)
        waiting = sum(row.waiting for row in self._store.rows)
        choices = self._choices(model.labels)
        self._export.made().begin(source, choices, waiting, lambda: self._engine.sorting.busy)
        self._export.show()

    def _choices(self, labels: LabelSet) -> list[Choice]:
        from alpacasorter.ui.exchange.export_dialog import Choice

        offered: list[tuple[str, list[PhotoRow]]] = [("All photos of the folder", self._store.rows)]
        shown = self._filtered()
        if shown is not None:
            offered.append(("The photos that are shown now", shown))
        selected = self._selected()
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
        self._import.made().begin(path)
        self._import.show()

    @property
    def importing(self) -> ImportDialog | None:
        """The dialog that imports; None until it is first opened."""
        return self._import.dialog

    def _make_importing(self) -> ImportDialog:
        from alpacasorter.ui.exchange.import_dialog import ImportDialog

        dialog = ImportDialog(self._engine.exchange, self._window)
        dialog.agreed.connect(self._on_agreed)
        return dialog

    def _on_agreed(self, changes: Mapping[str, str], before: Mapping[str, str]) -> None:
        self._stack.push(_Import(self._take_in, changes, before))

    def _take_in(self, changes: Mapping[str, str | None], undone: bool) -> None:
        self._under_way.append(undone)
        self._engine.exchange.take_in(changes)

    def _on_imported(self, made: int, unseen: int) -> None:
        undone = self._under_way.popleft() if self._under_way else False
        self.told.emit("The import was undone." if undone else imported_words(made, unseen))

    def _on_import_failed(self, words: str) -> None:
        self._under_way.clear()
        # What was to be stored is not: nothing of it may be left in the history.
        self._stack.clear()
        self.told.emit(f"The labels could not be imported. {words}")

    def close_down(self) -> None:
        """Close the dialogs; what is being written is stopped."""
        self._engine.exchange.stop()
        for dialog in (self.exporting, self.importing):
            if dialog is not None:
                # Hidden and not closed, which would only ask again for what is being written to stop.
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


def results_of(rows: Sequence[PhotoRow], labels: LabelSet) -> list[Result]:
    """Return what the window shows of photos, as results; those that nobody has looked at yet are left out."""
    from alpacasorter.core.exchange.results import Result

    results: list[Result] = []
    for row in rows:
        if row.reason is not None:
            results.append(Result(row.path, reason=row.reason))
        elif row.probability is not None:
            label, facts = labels.label(row.probability, row.correction), row.facts
            results.append(
                Result(
                    path=row.path,
                    content_key=row.key,
                    label=label,
                    probability=row.probability,
                    confidence=labels.confidence(row.probability, label),
                    corrected=row.correction in labels.names,
                    width=None if facts is None else facts.width,
                    height=None if facts is None else facts.height,
                    taken_at=None if facts is None else facts.taken_at,
                )
            )
    return results


def imported_words(made: int, unseen: int) -> str:
    """Return what came of an import; of `unseen` of the labels the photo was not looked at here yet."""
    said = f"{text.count(made, 'label')} {'was' if made == 1 else 'were'} imported."
    if unseen == 1:
        said += " The photo of one was not looked at here yet; it is learned from as soon as that happens."
    elif unseen:
        said += f" The photos of {unseen:,} were not looked at here yet; they are learned from as soon as that happens."
    return said
