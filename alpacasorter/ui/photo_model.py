"""The list model of the grid: which rows of the store are shown, and which of them changed."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from itertools import pairwise

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from alpacasorter.core.events import Found, Judged, Learned, Problems
from alpacasorter.core.labels import LabelSet
from alpacasorter.ui import text
from alpacasorter.ui.photo_store import Filter, Order, PhotoRow, PhotoStore

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

    Signals:
        counts_changed: the store's counts are other ones.
        many_changed: so many rows look different that the view should be repainted as a whole.
    """

    counts_changed = Signal()
    many_changed = Signal()

    RowRole = Qt.ItemDataRole.UserRole + 1

    def __init__(self, store: PhotoStore, parent: QObject | None = None) -> None:
        """Show all photos of `store`."""
        super().__init__(parent)
        self.store = store
        self._filter = Filter.ALL
        self._order = Order.FOLDER
        self._shown: list[int] = []
        self._place: dict[int, int] | None = {}

    # Qt's interface

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many photos are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a photo's row (RowRole), its name, or what a screen reader and a tool tip say of it."""
        if not index.isValid():
            return None
        row = self.store.rows[self._shown[index.row()]]
        if role == self.RowRole:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return text.describe(row, self.store)
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
        return self.store.rows[self._shown[index.row()]]

    def show(self, which: Filter, order: Order | None = None) -> None:
        """Show the photos that match a filter now, in an order."""
        self.beginResetModel()
        self._filter = which
        self._order = order or self._order
        self._shown = self.store.matching(which, self._order)
        self._place = None
        self.endResetModel()

    def clear(self, labels: LabelSet | None = None) -> None:
        """Forget all photos; show what is to come in full."""
        self.beginResetModel()
        self.store.clear()
        if labels is not None:
            self.store.labels = labels
        self._filter = Filter.ALL
        self._shown = []
        self._place = {}
        self.endResetModel()
        self.counts_changed.emit()

    def position(self, number: int) -> int | None:
        """Return at which place the row with this number in the store is shown, or None."""
        if self._place is None:
            self._place = {n: place for place, n in enumerate(self._shown)}
        return self._place.get(number)

    def index_of(self, row: PhotoRow) -> QModelIndex:
        """Return the index of a photo; invalid where it isn't shown."""
        number = self.store.number_of(row.path)
        place = None if number is None else self.position(number)
        return QModelIndex() if place is None else self.index(place)

    # Events

    def on_found(self, event: Found) -> None:
        """Append photos that were found."""
        self._append(self.store.add(file.path for file in event.files))

    def on_judged(self, event: Judged) -> None:
        """Take over predictions."""
        self._refresh(self.store.judge(event.photos, event.head_version))

    def on_problems(self, event: Problems) -> None:
        """Take over photos and folders that can't be read."""
        changed, new = self.store.fail(event.problems)
        self._append(new)
        self._refresh([*changed, *new] if self._filter is not Filter.ALL else changed)

    def on_learned(self, event: Learned) -> None:
        """Take over new predictions for everything."""
        self._refresh(self.store.learn(event))

    def _append(self, numbers: range) -> None:
        if not numbers:
            return
        if self._filter is Filter.ALL:
            first = len(self._shown)
            self.beginInsertRows(QModelIndex(), first, first + len(numbers) - 1)
            self._shown.extend(numbers)
            if self._place is not None:
                self._place.update({n: first + i for i, n in enumerate(numbers)})
            self.endInsertRows()
        self.counts_changed.emit()

    def _refresh(self, numbers: Sequence[int]) -> None:
        shown: list[int] = []
        fresh: list[int] = []
        for number in numbers:
            place = self.position(number)
            if place is not None:
                shown.append(place)
            elif self.store.matches(self.store.rows[number], self._filter):
                fresh.append(number)
        if len(shown) > _MOST_SIGNALLED:
            self.many_changed.emit()
        else:
            for first, last in _runs(shown):
                self.dataChanged.emit(self.index(first), self.index(last))
        self._insert(fresh)
        self.counts_changed.emit()

    def _insert(self, numbers: list[int]) -> None:
        """Show rows that match only now: in their place in folder order, at the end in other orders."""
        for first, last in _runs(numbers):
            run = range(first, last + 1)
            if self._order is Order.FOLDER:
                at = bisect.bisect_left(self._shown, first)
                # Rows already shown between two of the run would break the order: then one at a time.
                parts = [run] if bisect.bisect_left(self._shown, last) == at else [range(n, n + 1) for n in run]
            else:
                parts = [run]
            for part in parts:
                at = bisect.bisect_left(self._shown, part[0]) if self._order is Order.FOLDER else len(self._shown)
                self.beginInsertRows(QModelIndex(), at, at + len(part) - 1)
                self._shown[at:at] = part
                self._place = None
                self.endInsertRows()


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers."""
    ordered = sorted(numbers)
    if not ordered:
        return []
    breaks = [(a, b) for a, b in pairwise(ordered) if b != a + 1]
    firsts = [ordered[0], *(b for _, b in breaks)]
    lasts = [*(a for a, _ in breaks), ordered[-1]]
    return list(zip(firsts, lasts, strict=True))
