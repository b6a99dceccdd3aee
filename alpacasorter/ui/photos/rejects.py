"""Which photos the user rejects in the grid, and which one is current once they are dealt with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QItemSelectionModel

from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel


class Rejects:
    """The selected photos of a grid, to be moved to the trash.

    Attributes:
        replace: shows others in place of photos that are compared, and returns whether it could; None while none are.
    """

    def __init__(self, grid: PhotoGrid, model: PhotoModel) -> None:
        """Act on the selection of `grid`, which shows `model`."""
        self._grid = grid
        self._model = model
        self.replace: Callable[[Collection[PhotoRow]], bool] | None = None
        self._leaving: set[PhotoRow] = set()
        model.modelReset.connect(self._leaving.clear)

    def chosen(self) -> list[PhotoRow]:
        """Return the selected photos, or the current one, without those that are gone."""
        return [row for row in self._grid.selected_photos() if not row.gone]

    def move_on(self, rows: Sequence[PhotoRow]) -> None:
        """Make the photo after these the current one, or the one before them if there is none.

        The user may have moved on meanwhile: then nothing changes but the selection, which they leave.
        """
        # Those before are not in the trash yet if the key is pressed faster than the disk works.
        leaving = self._leaving
        leaving.update(rows)
        if self.replace is not None and self.replace(leaving):
            return
        grid, model = self._grid, self._model
        places = [place for row in rows if (place := model.position(row)) is not None]
        if not places:
            return
        index = grid.currentIndex()
        if not index.isValid() or model.photo(index) in leaving:
            listed = model.listed
            after = range(max(places) + 1, len(listed))
            before = range(min(places) - 1, -1, -1)
            between = range(min(places), max(places))
            stays = (at for part in (after, before, between) for at in part)
            at = next((at for at in stays if listed[at] not in leaving and not listed[at].gone), None)
            if at is None:
                return
            index = model.index(at)
        flag = QItemSelectionModel.SelectionFlag
        grid.selectionModel().setCurrentIndex(index, flag.ClearAndSelect)
        grid.scrollTo(index)
