"""The photos to select in a folder that is being opened."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel

from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel

_Flag = QItemSelectionModel.SelectionFlag


class ToSelect:
    """The photos to select, given when a folder is opened, as they are found."""

    def __init__(self, grid: PhotoGrid, model: PhotoModel) -> None:
        """Select nothing until it is told what."""
        self._grid = grid
        self._model = model
        self._paths: list[Path] = []
        self._is_first = True

    def begin(self, paths: Iterable[Path]) -> None:
        """Select these photos from now on, and no others."""
        self._paths = list(paths)
        self._is_first = True

    def select_found(self) -> None:
        """Select those that have been found; the first one becomes the current photo."""
        selection = self._grid.selectionModel()
        for path in list(self._paths):
            row = self._model.store.row_of(path)
            if row is None or not (index := self._model.index_of(row)).isValid():
                continue
            self._paths.remove(path)
            if self._is_first:
                selection.setCurrentIndex(index, _Flag.ClearAndSelect)
                self._grid.scrollTo(index)
                self._is_first = False
            else:
                selection.select(index, _Flag.Select)
