"""What the user does with the selected photos: tag them, open them, show where they are, copy their paths."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QWidget

from alpacasorter.core.files import display_path
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.corrections import Corrections
from alpacasorter.ui.desktop import file_url, show_in_file_manager
from alpacasorter.ui.photo_grid import PhotoGrid
from alpacasorter.ui.photo_model import PhotoModel
from alpacasorter.ui.photo_store import PhotoStore


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
