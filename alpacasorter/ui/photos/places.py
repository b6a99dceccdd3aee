"""Where the user was in each folder: what was listed, in which order, the current photo, and what was in view."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QItemSelectionModel

from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.settings import Settings

_MOST: Final = 200
"""Folders that are remembered; then the one that was left first is forgotten."""
_TRANSIENT: Final = (Filter.NEW, Filter.CHANGED)
"""Filters of what happened while the folder was open."""
_Flag = QItemSelectionModel.SelectionFlag


@dataclass(frozen=True, slots=True)
class Place:
    """How a folder was left.

    Attributes:
        view: what was listed, and in which order.
        current: path of the current photo, relative to the folder; empty for none.
        first: path of the first photo in view, likewise.
        above: how much of `first` was above the view, in heights of a cell, 0 to 1.
    """

    view: View
    current: str = ""
    first: str = ""
    above: float = 0.0


class RememberedPlaces:
    """Keeps places in the settings, by folder."""

    def __init__(self, settings: Settings) -> None:
        """Keep them in `settings`."""
        self._settings = settings

    def of(self, folder: Path) -> Place | None:
        """Return how a folder was left; None if that is not known."""
        return _read(self._load().get(str(folder)))

    def keep(self, folder: Path, place: Place) -> None:
        """Remember how a folder was left."""
        places = self._load()
        places.pop(str(folder), None)
        view = place.view
        places[str(folder)] = {
            "filter": view.filter.value,
            "order": view.order.value,
            "descending": view.descending,
            "current": place.current,
            "first": place.first,
            "above": round(place.above, 3),
        }
        self._settings.places = json.dumps(dict(list(places.items())[-_MOST:]))

    def forget(self, folder: Path) -> None:
        """Forget a folder."""
        places = self._load()
        if places.pop(str(folder), None) is not None:
            self._settings.places = json.dumps(places)

    def _load(self) -> dict[str, object]:
        try:
            said = json.loads(self._settings.places)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}


def _read(said: object) -> Place | None:
    """Return a place as it was written; None if someone has edited it into something else."""
    if not isinstance(said, dict):
        return None
    try:
        view = View(Filter(said.get("filter")), Order(said.get("order")), said.get("descending") is True)
    except ValueError:
        return None
    current, first, above = said.get("current"), said.get("first"), said.get("above")
    if not isinstance(current, str) or not isinstance(first, str) or not isinstance(above, int | float):
        return Place(view)
    return Place(view, current, first, min(1.0, max(0.0, float(above))))


class FolderPlaces:
    """Brings the user back to where they were when a folder is opened again, or scanned again.

    The photos are selected as they are found. The view is scrolled only when all of them are there, and only if the
    user has not touched the photos meanwhile.

    Attributes:
        was_restored: whether the folder has just been opened with what was remembered of it.
    """

    def __init__(self, grid: PhotoGrid, model: PhotoModel, settings: Settings) -> None:
        """Restore what `grid` shows of `model`, and remember it in `settings`."""
        self._grid = grid
        self._model = model
        self._settings = settings
        self._remembered = RememberedPlaces(settings)
        self._folder: Path | None = None
        self._place: Place | None = None
        self._to_select: list[Path] = []
        self._is_first = True
        self._arriving = False
        self.was_restored = False

    def begin(self, folder: Path | None, select: Sequence[Path] = (), *, same_folder: bool = False) -> View:
        """Begin with a folder; return what to list.

        Args:
            folder: the folder; None for the one that is open.
            select: photos to select, which are listed whatever was listed before.
            same_folder: whether it is the one that is open.
        """
        if same_folder:
            self._place = place = self._now()
            view = place.view
        else:
            self.leave()
            usual = View(order=self._settings.order, descending=self._settings.descending)
            self._folder = folder
            self._place = None if folder is None else self._remembered.of(folder)
            view = usual if self._place is None else self._place.view
            if view.filter in _TRANSIENT:
                view = replace(view, filter=Filter.ALL)
        self._to_select = list(select)
        self.was_restored = self._place is not None and not same_folder
        if select:
            self._place, view = None, View(Filter.ALL, view.order, view.descending)
        elif self._place is not None and self._place.current:
            self._to_select = [(self._folder or Path()) / self._place.current]
        self._is_first, self._arriving = True, True
        return view

    def leave(self) -> None:
        """Remember how the open folder is left; while its photos still arrive, only what is listed can have changed."""
        if self._folder is not None:
            view = self._model.view
            arriving = replace(self._place, view=view) if self._place is not None else Place(view)
            self._remembered.keep(self._folder, arriving if self._arriving else self._now())

    def close(self) -> None:
        """Leave the open folder without opening another one."""
        self.leave()
        self._folder = None

    def forget(self, folder: Path) -> None:
        """Forget how a folder was left."""
        self._remembered.forget(folder)

    def _now(self) -> Place:
        model, grid = self._model, self._grid
        current = grid.currentIndex()
        first = grid.first_in_view()
        return Place(
            model.view,
            self._relative(model.photo(current)) if current.isValid() else "",
            "" if first is None else self._relative(first[0]),
            0.0 if first is None else first[1],
        )

    def _relative(self, row: PhotoRow) -> str:
        try:
            return str(row.path.relative_to(self._folder or Path()))
        except ValueError:  # it was sorted into another folder
            return ""

    def select_found(self) -> None:
        """Select those photos to select that have been found; the first one becomes the current photo."""
        selection = self._grid.selectionModel()
        for path in list(self._to_select):
            row = self._model.store.row_of(path)
            if row is None or not (index := self._model.index_of(row)).isValid():
                continue
            self._to_select.remove(path)
            if self._is_first:
                selection.setCurrentIndex(index, _Flag.ClearAndSelect)
                self._grid.scrollTo(index)
                self._is_first = False
            else:
                selection.select(index, _Flag.Select)

    def end(self, touched: bool) -> None:
        """All photos are listed: scroll to what was in view, unless the user has worked with the photos (`touched`)."""
        self.select_found()
        self._to_select = []
        place, folder = self._place, self._folder
        if not touched and place is not None and place.first:
            row = self._model.store.row_of((folder or Path()) / place.first)
            if row is not None:
                self._grid.scroll_to_top(row, place.above)
        self._arriving = False
