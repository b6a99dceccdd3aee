"""The photos with which the program was started: they are selected as a scan finds them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel

from alpacasorter.ui.photo_grid import PhotoGrid
from alpacasorter.ui.photo_model import PhotoModel

_Flag = QItemSelectionModel.SelectionFlag


class Wanted:
    """Selects photos of one grid."""

    def __init__(self, grid: PhotoGrid, model: PhotoModel) -> None:
        """Nothing is wanted yet."""
        self._grid = grid
        self._model = model
        self._paths: list[Path] = []
        self._is_first = True

    def begin(self, paths: Iterable[Path]) -> None:
        """Want these photos, and no others any more."""
        self._paths = list(paths)
        self._is_first = True

    def choose(self) -> None:
        """Select those that are there by now; the first of them is shown, too."""
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
