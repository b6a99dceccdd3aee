"""The list model of the grid: which rows of the store are shown, and which of them have changed."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Iterable, Set
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from alpacasorter.core import reasons
from alpacasorter.core.events import Found, Judged, Learned, Problems
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, confidence
from alpacasorter.ui.photo_filters import Filter, Order
from alpacasorter.ui.photo_store import PhotoRow, PhotoStore
from alpacasorter.wording import text

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_MOST_SIGNALED = 200
"""If more rows than this change, `many_changed` replaces their `dataChanged`: on that signal a list view visits every
row (10 ms for 10,000), although it stores nothing for a row and repaints only what is in view."""


class PhotoModel(QAbstractListModel):
    """Shows the photos of a store that match a filter.

    A new label never resets the model: rows that changed are repainted, and rows that now match the filter are
    inserted. A photo that no longer matches stays until the filter is chosen again, so that nothing moves under the
    mouse and a wrong click can be clicked back.

    Photos that appear in the folder or disappear from it are in the store and its counts at once, but are inserted or
    removed here only by `settle`, which is called when the user is not about to click. Until then the card of a photo
    that disappeared says so.

    Signals:
        counts_changed: the counts of the store have changed.
        many_changed: so many rows look different that the whole view should be repainted.
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
        # In order of arrival, each once.
        self._arriving: dict[PhotoRow, None] = {}
        self._leaving: set[PhotoRow] = set()

    # Qt's interface

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many photos are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the row of a photo (RowRole), its name, or its description for tooltips and screen readers."""
        if not index.isValid():
            return None
        row = self._shown[index.row()]
        if role == self.RowRole:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return _tooltip(row, self.store)
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
        """Show the photos that match a filter now, in an order; None keeps the order."""
        self.beginResetModel()
        self._filter = which
        self._order = order or self._order
        self._set_shown(self.store.matching(which, self._order))
        self.endResetModel()

    def clear(self, labels: LabelSet | None = None, *, again: bool = False) -> None:
        """Remove all photos, and show all that are found from now on. `again`: see `PhotoStore.clear`."""
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
        self._arriving = {}
        self._leaving = set()

    def position(self, row: PhotoRow) -> int | None:
        """Return the position at which a row is shown; None if it is not."""
        if self._places is None:
            self._places = {shown: place for place, shown in enumerate(self._shown)}
        return self._places.get(row)

    def index_of(self, row: PhotoRow) -> QModelIndex:
        """Return the index of a photo; invalid if it is not shown."""
        place = self.position(row)
        return QModelIndex() if place is None else self.index(place)

    def neighbors(self, row: PhotoRow) -> list[PhotoRow]:
        """Return a row that is shown and all others, by nearness: those after it, then those before it, backwards."""
        place = self.position(row) or 0
        return [*self._shown[place:], *reversed(self._shown[:place])]

    # Events of a scan and of learning

    def on_found(self, event: Found) -> None:
        """Show photos that were found."""
        self._insert(self._matching(self.store.add(file.path for file in event.files)))
        self.counts_changed.emit()

    def on_judged(self, event: Judged, *, live: bool = False) -> None:
        """Show predictions. `live`: those of photos that appeared while the folder is open; see `settle`."""
        self._refresh(self.store.judge(event.photos, event.head_version), live=live)

    def on_problems(self, event: Problems, *, live: bool = False) -> None:
        """Show photos and folders that can't be read. `live`: as above."""
        changed, added = self.store.fail(event.problems, new=live)
        self._refresh([*changed, *added], live=live)

    def on_learned(self, event: Learned) -> None:
        """Show new predictions for all photos."""
        self._refresh(self.store.learn(event))

    # Events of the watched folder

    def on_arrived(self, event: Found) -> None:
        """Add photos that arrived."""
        self._refresh(self.store.add((file.path for file in event.files), new=True), live=True)

    def on_gone(self, paths: Iterable[Path]) -> None:
        """Mark photos that no longer exist."""
        self._grey_out(self.store.remove(paths))

    def on_moved(self, files: Iterable[tuple[Path, Path]]) -> None:
        """Update photos that were moved (path before, path after); they stay where they are shown."""
        moved, replaced = self.store.move(files)
        self._repaint(moved)
        self._grey_out(replaced)

    def settle(self, keep: Collection[PhotoRow] = ()) -> None:
        """Insert the photos that arrived and remove those that are gone, except `keep`, which are removed next time."""
        leaving = self._leaving.difference(keep)
        self._leaving -= leaving
        self._remove(leaving)
        coming, self._arriving = self._arriving, {}
        self._insert([row for row in self._matching(coming) if not row.gone and self.position(row) is None])

    @property
    def leaving(self) -> Set[PhotoRow]:
        """The rows of photos that are gone and still shown."""
        return self._leaving

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing for `settle` to do."""
        return not self._arriving and not self._leaving

    def _grey_out(self, gone: list[PhotoRow]) -> None:
        self._repaint(gone)
        for row in gone:
            self._arriving.pop(row, None)
            if self.position(row) is not None:
                self._leaving.add(row)
        self._signal_changes()

    # Changes of what is shown

    def _matching(self, rows: Iterable[PhotoRow]) -> list[PhotoRow]:
        return [row for row in rows if self.store.matches(row, self._filter)]

    def _refresh(self, rows: Iterable[PhotoRow], *, live: bool = False) -> None:
        fresh = [row for row in self._repaint(dict.fromkeys(rows)) if row not in self._arriving]
        if live:
            self._arriving |= dict.fromkeys(self._matching(fresh))
        else:
            self._insert(self._matching(fresh))
        self._signal_changes()

    def _signal_changes(self) -> None:
        self.counts_changed.emit()
        if not self.is_settled:
            self.unsettled.emit()

    def _repaint(self, rows: Iterable[PhotoRow]) -> list[PhotoRow]:
        """Have the view repaint the rows that are shown; return the others."""
        places: list[int] = []
        others: list[PhotoRow] = []
        for row in rows:
            place = self.position(row)
            if place is None:
                others.append(row)
            else:
                places.append(place)
        if len(places) > _MOST_SIGNALED:
            self.many_changed.emit()
        else:
            for first, last in runs(places):
                self.dataChanged.emit(self.index(first), self.index(last))
        return others

    def _sort_key(self) -> Callable[[PhotoRow], Any] | None:
        """Return the sort key by which a row is inserted; None if it is appended."""
        if self._filter is Filter.NEW:
            return self.store.uncertainty
        return _rank if self._order is Order.FOLDER else None

    def _insert(self, rows: list[PhotoRow]) -> None:
        """Show rows that match now: at their place in folder order and among new photos, otherwise at the end."""
        key = self._sort_key()
        if key is not None:
            rows.sort(key=key)
            self._rank_leaving()
        parts: list[tuple[int, list[PhotoRow]]] = []
        for row in rows:
            last = parts[-1][0] if parts else 0
            end = len(self._shown)
            at = end if key is None or last == end else bisect.bisect_right(self._shown, key(row), last, key=key)
            if parts and at == last:
                parts[-1][1].append(row)
            else:
                parts.append((at, [row]))
        # From the end, so that the positions of the other parts stay valid.
        for at, part in reversed(parts):
            self.beginInsertRows(QModelIndex(), at, at + len(part) - 1)
            if at < len(self._shown):
                self._places = None
            elif self._places is not None:
                self._places.update(zip(part, range(at, at + len(part)), strict=True))
            self._shown[at:at] = part
            self.endInsertRows()

    def _rank_leaving(self) -> None:
        """Rank the rows that the store no longer has by the rows before them."""
        places = [place for row in self._leaving if (place := self.position(row)) is not None]
        for place in sorted(places):
            self._shown[place].rank = self._shown[place - 1].rank if place else -1

    def _remove(self, rows: Iterable[PhotoRow]) -> None:
        places = [place for row in rows if (place := self.position(row)) is not None]
        for first, last in reversed(runs(places)):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._shown[first : last + 1]
            self._places = None
            self.endRemoveRows()


_rank = attrgetter("rank")


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers."""
    ordered = sorted(numbers)
    if not ordered:
        return []
    breaks = [(a, b) for a, b in pairwise(ordered) if b != a + 1]
    firsts = [ordered[0], *(b for _, b in breaks)]
    lasts = [*(a for a, _ in breaks), ordered[-1]]
    return list(zip(firsts, lasts, strict=True))


def _tooltip(row: PhotoRow, store: PhotoStore) -> str:
    """Return a description of a photo in one line, for tooltips and screen readers."""
    words = _describe(row, store)
    if row.path.parent == row.found_at.parent:
        return words
    moved = _("It is now in {folder}.").format(folder=text.folder(row.path.parent))
    return f"{words} {moved}"


def _describe(row: PhotoRow, store: PhotoStore) -> str:
    if row.reason is not None:
        return _("{photo}: {problem}").format(photo=row.name, problem=reasons.sentence(row.reason))
    label, probability = store.label(row), store.confidence(row)
    if label is None or probability is None:
        return _("{photo}: not judged yet.").format(photo=row.name)
    shown = store.labels.display(label)
    if row.correction is not None:
        return _("{photo}: {label}, labeled by you.").format(photo=row.name, label=shown)
    if store.is_unsure(row):
        words = _("{photo}: unsure, probably {label} ({confidence}).")
    else:
        words = _("{photo}: {label} ({confidence}).")
    return words.format(photo=row.name, label=shown, confidence=confidence(probability))
