"""What the user does with the selected photos: tag them, with undo and redo; open, show or copy their paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QModelIndex, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QUndoCommand, QUndoStack
from PySide6.QtWidgets import QWidget

from alpacasorter.core.events import Learned
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_store import PhotoRow, PhotoStore
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.widgets.desktop import open_file, show_in_file_manager
from alpacasorter.wording import text

Changes = Mapping[str, str | None]


class Corrections(QObject):
    """Turns clicks and keys into corrections that can be undone.

    A tag shows a correction only after the engine has stored it. Until then it is pending here, so that a second click
    in the meantime means the opposite of the first.

    Signals:
        requested(dict, dict): labels to store by content key, None to remove one; and paths by content key.
    """

    requested = Signal(dict, dict)

    def __init__(self, store: PhotoStore, parent: QObject | None = None) -> None:
        """Correct photos of `store`."""
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self._store = store
        self._pending: dict[str, list[str | None]] = {}

    def flip(self, shown: Mapping[PhotoRow, str | None]) -> None:
        """Tag each photo with the other label than the one shown; photos shown without a tag are skipped."""
        self._push(
            {
                row.key: (row, self._store.labels.other(self._flipped(row, label)))
                for row, label in shown.items()
                if row.key is not None and row.probability is not None and label is not None
            }
        )

    def _flipped(self, row: PhotoRow, shown: str) -> str:
        """Return the label that a flip starts from: a pending one, which the user has just given, or the one shown."""
        pending = self._pending.get(row.key or "")
        if not pending or row.probability is None:
            return shown
        return self._store.labels.label(row.probability, pending[-1])

    def is_pending(self, key: str) -> bool:
        """Return whether the user has just labeled the photo with this content key, and it is not stored yet."""
        return key in self._pending

    def set(self, rows: Iterable[PhotoRow], label: str | None) -> None:
        """Tag photos, or remove the user's labels with None. Photos without a prediction are skipped."""
        self._push(
            {
                row.key: (row, label)
                for row in rows
                if row.key is not None and row.probability is not None and self._current(row) != label
            }
        )

    def _push(self, labels: Mapping[str, tuple[PhotoRow, str | None]]) -> None:
        if not labels:
            return
        after = {key: label for key, (_row, label) in labels.items()}
        before = {key: self._current(row) for key, (row, _label) in labels.items()}
        paths = {key: row.path for key, (row, _label) in labels.items()}
        # Translators: what can be undone; it follows "Undo:" in the menu.
        name = ngettext("tag of {count} photo", "tags of {count} photos", len(labels)).format(count=number(len(labels)))
        self.stack.push(_Correction(self, after, before, paths, name))

    def ask(self, changes: Changes, paths: Mapping[str, Path]) -> None:
        """Ask the engine to store corrections."""
        for key, label in changes.items():
            self._pending.setdefault(key, []).append(label)
        self.requested.emit(dict(changes), dict(paths))

    def on_learned(self, event: Learned) -> None:
        """Corrections are stored."""
        self._settle(event.changes)

    def on_failed(self, changes: Changes) -> None:
        """Corrections could not be stored: remove them from the history too."""
        self._settle(changes)
        self.stack.clear()

    def forget_pending(self) -> None:
        """Forget the pending corrections, because the engine will not store them any more."""
        self._pending.clear()

    def clear(self) -> None:
        """Forget the history, for another folder or a model with other labels. The corrections stay."""
        self.stack.clear()
        self._pending.clear()

    def _settle(self, changes: Changes) -> None:
        # The engine merges corrections that follow quickly; the last one for each photo counts.
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
    """Corrections that were made together."""

    def __init__(
        self, owner: Corrections, after: Changes, before: Changes, paths: Mapping[str, Path], name: str
    ) -> None:
        super().__init__(name)
        self._owner = owner
        self._after = after
        self._before = before
        self._paths = paths

    def redo(self) -> None:
        """Store the corrections; also called when the command is pushed."""
        self._owner.ask(self._after, self._paths)

    def undo(self) -> None:
        """Restore the labels before."""
        self._owner.ask(self._before, self._paths)


class PhotoCommands(QObject):
    """Connects the actions for photos with the keys, clicks and context menu of the grid.

    Signals:
        failed(str): something could not be done; a sentence for the user.
    """

    failed = Signal(str)

    def __init__(
        self, actions: Actions, grid: PhotoGrid, model: PhotoModel, corrections: Corrections, parent: QWidget
    ) -> None:
        """Act on the selection of `grid`, which shows `model`."""
        super().__init__(parent)
        self._grid = grid
        self._model = model
        self._store: PhotoStore = model.store
        self._corrections = corrections
        self._menu = actions.photo_menu(parent)
        self._actions = actions
        grid.tag_clicked.connect(lambda row, label: corrections.flip({row: label}))
        grid.flip_pressed.connect(self._flip)
        grid.remove_pressed.connect(actions.remove_label.trigger)
        grid.letter_pressed.connect(self._on_letter)
        grid.activated.connect(self._open)
        grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        grid.customContextMenuRequested.connect(self._open_menu)
        actions.positive.triggered.connect(lambda: self.label(self._store.labels.positive))
        actions.negative.triggered.connect(lambda: self.label(self._store.labels.negative))
        actions.remove_label.triggered.connect(lambda: self.label(None))
        actions.flip.triggered.connect(self._flip)
        actions.open_photo.triggered.connect(lambda: self._open(grid.currentIndex()))
        actions.show_in_folder.triggered.connect(self._show_in_folder)
        actions.copy_path.triggered.connect(self._copy_path)
        actions.select_all.triggered.connect(grid.selectAll)
        actions.larger.triggered.connect(lambda: grid.step_tile(1))
        actions.smaller.triggered.connect(lambda: grid.step_tile(-1))

    def label(self, label: str | None) -> None:
        """Tag the selected photos, or remove the user's labels with None."""
        self._corrections.set(self._grid.selected_photos(), label)

    def _flip(self) -> None:
        shown = self._grid.delegate.shown_label
        self._corrections.flip({photo: shown(photo) for photo in self._grid.selected_photos()})

    def _on_letter(self, printed: str, placed: str) -> None:
        labels, actions = self._store.labels, self._actions
        keys = {
            text.key_for(labels, labels.positive): actions.positive,
            text.key_for(labels, labels.negative): actions.negative,
        }
        action = keys.get(printed) or keys.get(placed)
        if action is not None:
            action.trigger()

    def _open_menu(self, point: QPoint) -> None:
        if self._grid.indexAt(point).isValid():
            self._menu.popup(self._grid.viewport().mapToGlobal(point))

    def _open(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        path = self._model.photo(index).path
        if path.exists():
            open_file(path, self, self.failed.emit)
        else:
            missing = _("{photo} no longer exists. Rescan the folder (F5).")
            self.failed.emit(missing.format(photo=display_path(path.name)))

    def _show_in_folder(self) -> None:
        current = self._grid.currentIndex()
        if current.isValid():
            show_in_file_manager(self._model.photo(current).path, self, self.failed.emit)

    def _copy_path(self) -> None:
        paths = [display_path(photo.path) for photo in self._grid.selected_photos()]
        QGuiApplication.clipboard().setText("\n".join(paths))
