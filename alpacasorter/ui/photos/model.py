"""The list model of the grid: which rows of the store are shown, and which of them changed."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Iterable, Set
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from alpacasorter.core.events import Found, Judged, Learned, Problems
from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.photo_row import Filter, Order, PhotoRow
from alpacasorter.ui.photo_store import PhotoStore, describe

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_MOST_SIGNALLED = 200
"""Where more rows than this changed, `many_changed` stands for their `dataChanged`: at that signal a list view visits
every row (10 ms for 10,000), although it keeps nothing of any row and repaints only what is in view."""


class PhotoModel(QAbstractListModel):
    """Shows the photos of a store that match a filter.

    A label never resets the model: rows that changed are repainted, rows that match the filter only now are
    inserted. A photo that no longer matches stays until the filter is chosen again, so that nothing moves away under
    the mouse and a wrong click can be clicked back.

    Photos that arrive or vanish by themselves are in the store and its counts at once, but are put in or taken out here
    only by `settle`: whoever calls it knows when nobody is about to click. Until then one that vanished says so.

    Signals:
        counts_changed: the store's counts are other ones.
        many_changed: so many rows look different that the view should be repainted as a whole.
        unsettled: there is something for `settle` to do.
    """

    counts_changed = Signal()
    many_changed = Signal()
    unsettled = Signal()

    RowRole = Qt.ItemDataRole.UserRole + 1

    def __init__(self, store: PhotoStore, parent: QObject | None = None) -> None:
        """Show all photos of `store`."""
        super().__init__(parent)
        self.store = store
        self._filter = Filter.ALL
        self._order = Order.FOLDER
        self._shown: list[PhotoRow] = []
        self._places: dict[PhotoRow, int] | None = {}
        # In the order in which they came, each once.
        self._coming: dict[PhotoRow, None] = {}
        self._going: set[PhotoRow] = set()

    # Qt's interface

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many photos are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a photo's row (RowRole), its name, or what a screen reader and a tool tip say of it."""
        if not index.isValid():
            return None
        row = self._shown[index.row()]
        if role == self.RowRole:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return describe(row, self.store)
        return None

    # What is shown

    @property
    def filter(self) -> Filter:
        """The filter in use."""
        return self._filter

    @property
    def order(self) -> Order:
        """The order in use."""
        return self._order

    def photo(self, index: Index) -> PhotoRow:
        """Return the photo at an index of this model."""
        return self._shown[index.row()]

    def filtered(self) -> list[PhotoRow] | None:
        """Return the photos that are shown; None if the filter shows all."""
        return None if self._filter is Filter.ALL else list(self._shown)

    def show(self, which: Filter, order: Order | None = None) -> None:
        """Show the photos that match a filter now, in an order."""
        self.beginResetModel()
        self._filter = which
        self._order = order or self._order
        self._set_shown(self.store.matching(which, self._order))
        self.endResetModel()

    def clear(self, labels: LabelSet | None = None, *, again: bool = False) -> None:
        """Forget all photos; show what is to come in full. `again`: see `PhotoStore.clear`."""
        self.beginResetModel()
        self.store.clear(again=again)
        if labels is not None:
            self.store.labels = labels
        self._filter = Filter.ALL
        self._set_shown([])
        self.endResetModel()
        self.counts_changed.emit()

    def _set_shown(self, rows: list[PhotoRow]) -> None:
        self._shown = rows
        self._places = None
        self._coming = {}
        self._going = set()

    def position(self, row: PhotoRow) -> int | None:
        """Return at which place a row is shown, or None."""
        if self._places is None:
            self._places = {shown: place for place, shown in enumerate(self._shown)}
        return self._places.get(row)

    def index_of(self, row: PhotoRow) -> QModelIndex:
        """Return the index of a photo; invalid where it isn't shown."""
        place = self.position(row)
        return QModelIndex() if place is None else self.index(place)

    # Events of a scan, and of learning

    def on_found(self, event: Found) -> None:
        """Show photos that were found."""
        self._insert(self._matching(self.store.add(file.path for file in event.files)))
        self.counts_changed.emit()

    def on_judged(self, event: Judged, *, live: bool = False) -> None:
        """Take over predictions. `live`: of photos that arrived by themselves; see `settle`."""
        self._refresh(self.store.judge(event.photos, event.head_version), live=live)

    def on_problems(self, event: Problems, *, live: bool = False) -> None:
        """Take over photos and folders that can't be read. `live`: as above."""
        changed, added = self.store.fail(event.problems, new=live)
        self._refresh([*changed, *added], live=live)

    def on_learned(self, event: Learned) -> None:
        """Take over new predictions for everything."""
        self._refresh(self.store.learn(event))

    # What happens by itself

    def on_arrived(self, event: Found) -> None:
        """Take over photos that arrived."""
        self._refresh(self.store.add((file.path for file in event.files), new=True), live=True)

    def on_gone(self, paths: Iterable[Path]) -> None:
        """Take over that photos are no longer there."""
        self._grey_out(self.store.remove(paths))

    def on_moved(self, files: Iterable[tuple[Path, Path]]) -> None:
        """Take over that photos (before, after) are somewhere else now; they stay where they are shown."""
        moved, replaced = self.store.move(files)
        self._repaint(moved)
        self._grey_out(replaced)

    def settle(self, keep: Collection[PhotoRow] = ()) -> None:
        """Put in what arrived, take out what is gone, but for the rows to `keep`; those go next time."""
        leaving = self._going.difference(keep)
        self._going -= leaving
        self._take_out(leaving)
        coming, self._coming = self._coming, {}
        self._insert([row for row in self._matching(coming) if not row.gone and self.position(row) is None])

    @property
    def leaving(self) -> Set[PhotoRow]:
        """The rows that are gone and still shown."""
        return self._going

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing for `settle` to do."""
        return not self._coming and not self._going

    def _grey_out(self, gone: list[PhotoRow]) -> None:
        self._repaint(gone)
        for row in gone:
            self._coming.pop(row, None)
            if self.position(row) is not None:
                self._going.add(row)
        self._tell()

    # Changes of what is shown

    def _matching(self, rows: Iterable[PhotoRow]) -> list[PhotoRow]:
        return [row for row in rows if self.store.matches(row, self._filter)]

    def _refresh(self, rows: Iterable[PhotoRow], *, live: bool = False) -> None:
        fresh = [row for row in self._repaint(dict.fromkeys(rows)) if row not in self._coming]
        if live:
            self._coming |= dict.fromkeys(self._matching(fresh))
        else:
            self._insert(self._matching(fresh))
        self._tell()

    def _tell(self) -> None:
        self.counts_changed.emit()
        if not self.is_settled:
            self.unsettled.emit()

    def _repaint(self, rows: Iterable[PhotoRow]) -> list[PhotoRow]:
        """Have the view paint those of the rows that are shown; return the others."""
        places: list[int] = []
        others: list[PhotoRow] = []
        for row in rows:
            place = self.position(row)
            if place is None:
                others.append(row)
            else:
                places.append(place)
        if len(places) > _MOST_SIGNALLED:
            self.many_changed.emit()
        else:
            for first, last in _runs(places):
                self.dataChanged.emit(self.index(first), self.index(last))
        return others

    def _sort_key(self) -> Callable[[PhotoRow], Any] | None:
        """Return by what a row that comes to be shown finds its place; None where it comes last."""
        if self._filter is Filter.NEW:
            return self.store.doubt
        return _rank if self._order is Order.FOLDER else None

    def _insert(self, rows: list[PhotoRow]) -> None:
        """Show rows that match only now: in their place in folder order and among new ones, at the end otherwise."""
        key = self._sort_key()
        if key is not None:
            rows.sort(key=key)
            self._line_up()
        parts: list[tuple[int, list[PhotoRow]]] = []
        for row in rows:
            last = parts[-1][0] if parts else 0
            end = len(self._shown)
            at = end if key is None or last == end else bisect.bisect_right(self._shown, key(row), last, key=key)
            if parts and at == last:
                parts[-1][1].append(row)
            else:
                parts.append((at, [row]))
        # From behind, so that the places of the other parts stay right.
        for at, part in reversed(parts):
            self.beginInsertRows(QModelIndex(), at, at + len(part) - 1)
            if at < len(self._shown):
                self._places = None
            elif self._places is not None:
                self._places.update(zip(part, range(at, at + len(part)), strict=True))
            self._shown[at:at] = part
            self.endInsertRows()

    def _line_up(self) -> None:
        """Rank rows that the store knows no more after those they are shown after."""
        places = [place for row in self._going if (place := self.position(row)) is not None]
        for place in sorted(places):
            self._shown[place].rank = self._shown[place - 1].rank if place else -1

    def _take_out(self, rows: Iterable[PhotoRow]) -> None:
        places = [place for row in rows if (place := self.position(row)) is not None]
        for first, last in reversed(_runs(places)):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._shown[first : last + 1]
            self._places = None
            self.endRemoveRows()


_rank = attrgetter("rank")


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers."""
    ordered = sorted(numbers)
    if not ordered:
        return []
    breaks = [(a, b) for a, b in pairwise(ordered) if b != a + 1]
    firsts = [ordered[0], *(b for _, b in breaks)]
    lasts = [*(a for a, _ in breaks), ordered[-1]]
    return list(zip(firsts, lasts, strict=True))
