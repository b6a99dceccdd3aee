"""Corrections with undo and redo: from what the user does to what the engine is asked.

What the user does with the selected photos: tag them, open them, show where they are, copy their paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QModelIndex, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QUndoCommand, QUndoStack
from PySide6.QtWidgets import QWidget

from alpacasorter.core.events import Learned
from alpacasorter.core.files import display_path
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.widgets.desktop import file_url, show_in_file_manager
from alpacasorter.wording import text

Changes = Mapping[str, str | None]


class Corrections(QObject):
    """Turns clicks and keys into corrections that can be undone.

    A tag shows a correction only when the engine has stored it. Until then it is pending here, so that a second click
    within that moment means the opposite of the first and not the same again.

    Signals:
        requested(dict, dict): corrections by content key to store, and paths by content key.
    """

    requested = Signal(dict, dict)

    def __init__(self, store: PhotoStore, parent: QObject | None = None) -> None:
        """Correct photos of `store`."""
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self._store = store
        self._pending: dict[str, list[str | None]] = {}

    def flip(self, rows: Iterable[PhotoRow]) -> None:
        """Say that each photo is the other thing."""
        labels = self._store.labels
        self._push(
            {
                row.key: (row, labels.other(labels.label(row.probability, self._current(row))))
                for row in rows
                if row.key is not None and row.probability is not None
            }
        )

    def set(self, rows: Iterable[PhotoRow], label: str | None) -> None:
        """Say what photos are, or take the corrections back with None. Photos that can't be judged are passed over."""
        self._push(
            {
                row.key: (row, label)
                for row in rows
                if row.key is not None and row.probability is not None and self._current(row) != label
            }
        )

    def _push(self, wanted: Mapping[str, tuple[PhotoRow, str | None]]) -> None:
        if not wanted:
            return
        after = {key: label for key, (_, label) in wanted.items()}
        before = {key: self._current(row) for key, (row, _) in wanted.items()}
        paths = {key: row.path for key, (row, _) in wanted.items()}
        words = f"tag of {text.count(len(wanted), 'photo')}"
        self.stack.push(_Correction(self, after, before, paths, words))

    def ask(self, changes: Changes, paths: Mapping[str, Path]) -> None:
        """Ask the engine to store corrections."""
        for key, label in changes.items():
            self._pending.setdefault(key, []).append(label)
        self.requested.emit(dict(changes), dict(paths))

    def on_learned(self, event: Learned) -> None:
        """Corrections are stored."""
        self._settle(event.changes)

    def on_failed(self, changes: Changes) -> None:
        """Corrections could not be stored: nothing of them is left, neither shown nor in the history."""
        self._settle(changes)
        self.stack.clear()

    def forget_pending(self) -> None:
        """Nothing that was asked is under way any more."""
        self._pending.clear()

    def clear(self) -> None:
        """Another folder is open, or a model with other labels: forget the history (the corrections stay)."""
        self.stack.clear()
        self._pending.clear()

    def _settle(self, changes: Changes) -> None:
        # The engine merges what it is asked in quick succession, the last word on each photo wins.
        for key, label in changes.items():
            pending = self._pending.get(key)
            while pending and pending.pop(0) != label:
                pass
            if not pending:
                self._pending.pop(key, None)

    def _current(self, row: PhotoRow) -> str | None:
        pending = self._pending.get(row.key or "")
        return pending[-1] if pending else row.correction


class _Correction(QUndoCommand):
    """Corrections made together."""

    def __init__(
        self, owner: Corrections, after: Changes, before: Changes, paths: Mapping[str, Path], words: str
    ) -> None:
        super().__init__(words)
        self._owner = owner
        self._after = after
        self._before = before
        self._paths = paths

    def redo(self) -> None:
        """Store the corrections; called when the command is pushed, too."""
        self._owner.ask(self._after, self._paths)

    def undo(self) -> None:
        """Put back what was before."""
        self._owner.ask(self._before, self._paths)


class PhotoCommands(QObject):
    """Connects the actions of the photos, the grid's keys and its menu.

    Signals:
        trouble(str): what could not be done, in a sentence.
    """

    trouble = Signal(str)

    def __init__(
        self, actions: Actions, grid: PhotoGrid, model: PhotoModel, corrections: Corrections, parent: QWidget
    ) -> None:
        """Act on what is selected in `grid`, which shows `model`."""
        super().__init__(parent)
        self._grid = grid
        self._model = model
        self._store: PhotoStore = model.store
        self._corrections = corrections
        self._menu = actions.photo_menu(parent)
        grid.tag_clicked.connect(lambda index: corrections.flip([model.photo(index)]))
        grid.flip_pressed.connect(self._flip)
        grid.activated.connect(self._open)
        grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        grid.customContextMenuRequested.connect(self._open_menu)
        actions.positive.triggered.connect(lambda: self.label(self._store.labels.positive))
        actions.negative.triggered.connect(lambda: self.label(self._store.labels.negative))
        actions.take_back.triggered.connect(lambda: self.label(None))
        actions.flip.triggered.connect(self._flip)
        actions.open_photo.triggered.connect(lambda: self._open(grid.currentIndex()))
        actions.show_in_folder.triggered.connect(self._show_in_folder)
        actions.copy_path.triggered.connect(self._copy_path)
        actions.select_all.triggered.connect(grid.selectAll)
        actions.larger.triggered.connect(lambda: grid.step_tile(1))
        actions.smaller.triggered.connect(lambda: grid.step_tile(-1))

    def label(self, label: str | None) -> None:
        """Say what the selected photos are, or take the corrections back with None."""
        self._corrections.set(self._grid.selected_photos(), label)

    def _flip(self) -> None:
        self._corrections.flip(self._grid.selected_photos())

    def _open_menu(self, point: QPoint) -> None:
        if self._grid.indexAt(point).isValid():
            self._menu.popup(self._grid.viewport().mapToGlobal(point))

    def _open(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        path = self._model.photo(index).path
        if path.exists():
            QDesktopServices.openUrl(file_url(path))
        else:
            self.trouble.emit(f"{display_path(path.name)} is no longer there. Look again (F5) to see what is.")

    def _show_in_folder(self) -> None:
        current = self._grid.currentIndex()
        if current.isValid():
            show_in_file_manager(self._model.photo(current).path)

    def _copy_path(self) -> None:
        paths = [display_path(photo.path) for photo in self._grid.selected_photos()]
        QGuiApplication.clipboard().setText("\n".join(paths))
