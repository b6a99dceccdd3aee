"""The list model of the grid: which rows of the store are shown, and which of them have changed."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise
from pathlib import Path

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from alpacasorter.core import reasons
from alpacasorter.core.events import Found, Judged, Learned, Problems
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, confidence
from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photo_finder import Finder
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.wording import text

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_ALL = View()
_BY_TAG = (Order.CONFIDENCE, Order.DOUBTFUL)
_MOST_SIGNALED = 200
"""If more rows than this change, `many_changed` replaces their `dataChanged`: on that signal a list view visits every
row (10 ms for 10,000), although it stores nothing for a row and repaints only what is in view."""


@dataclass(frozen=True, slots=True)
class OutOfDate:
    """How the list differs from what the filter and the order would show now.

    Attributes:
        more: photos that belong in the list and wait.
        fewer: photos that are listed and no longer belong.
        order: whether the photos are no longer in the order that was chosen.
    """

    more: int = 0
    fewer: int = 0
    order: bool = False

    def __bool__(self) -> bool:
        """Return whether there is any difference."""
        return bool(self.more or self.fewer or self.order)


class PhotoModel(QAbstractListModel):
    """Lists the photos of a store that matched a filter when the user last asked, in their order then.

    What is listed stays where it is until `show` is called again. Photos that match later because the app has learned
    wait; see `out_of_date`. Photos that a scan or the watched folder adds go to the end. A photo that no longer matches
    stays, so that a wrong click can be clicked back.

    Photos that appear in the open folder or disappear from it are in the store and its counts at once, but are listed
    or removed here only by `settle`, which is called when the user is not about to click. Until then the card of a
    photo that disappeared says so.

    Attributes:
        store: all photos of the open folder.
        changes: how often what is listed has changed.

    Signals:
        counts_changed: the counts of the store have changed.
        many_changed: so many rows look different that the whole view should be repainted.
        unsettled: there is something for `settle` to do.
    """

    counts_changed = Signal()
    many_changed = Signal()
    unsettled = Signal()

    RowRole = Qt.ItemDataRole.UserRole + 1
    ViewRole = Qt.ItemDataRole.UserRole + 2
    FolderRole = Qt.ItemDataRole.UserRole + 3

    def __init__(self, store: PhotoStore, parent: QObject | None = None) -> None:
        """Show all photos of `store`."""
        super().__init__(parent)
        self.store = store
        self.finder = Finder(store)
        self._view = View()
        self._shown: list[PhotoRow] = []
        self._places: dict[PhotoRow, int] | None = {}
        self._starts: list[int] | None = []
        self.changes = 0
        # Photos that match and are not listed: until the user asks, or until the model settles; each once.
        self._waiting: dict[PhotoRow, None] = {}
        self._arriving: dict[PhotoRow, None] = {}
        self._in_order = True
        self._leaving: set[PhotoRow] = set()
        self._folder_names: dict[Path, str] = {}

    # Qt's interface

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many photos are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done with a photo: it can be selected and dragged to other programs."""
        usual = super().flags(index)
        return usual | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else usual

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a role asks for.

        That is the row of a photo (RowRole), filter and order (ViewRole), the name of the photo's folder if several are
        listed and not one below the other (FolderRole), or the name or description of the photo.
        """
        if not index.isValid():
            return None
        row = self._shown[index.row()]
        if role == self.RowRole:
            return row
        if role == self.ViewRole:
            return self._view
        if role == self.FolderRole:
            mixed = self._view.sorted_by is not Order.FOLDER and self.has_several_folders
            return self.folder_name(row.folder) if mixed else ""
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            words = _tooltip(row, self.store)
            if not self.has_several_folders:
                return words
            return _("{description} Folder: {folder}").format(description=words, folder=text.folder(row.folder))
        return None

    # What is shown

    @property
    def view(self) -> View:
        """What is listed, and in which order."""
        return self._view

    @property
    def filter(self) -> Filter:
        """The filter in use."""
        return self._view.filter

    def photo(self, index: Index) -> PhotoRow:
        """Return the photo at an index of this model."""
        return self._shown[index.row()]

    @property
    def listed(self) -> Sequence[PhotoRow]:
        """The photos that are listed; after `show`, another sequence."""
        return self._shown

    def filtered(self) -> list[PhotoRow] | None:
        """Return the photos that are shown; None if the filter shows all and nothing is searched for."""
        return None if self._view.filter is Filter.ALL and not self._view.query else list(self._shown)

    def show(self, view: View) -> None:
        """Show the photos that belong to a view now, in its order. If only its query differs, the same rows stay."""
        rows = self.finder.matching(view)
        if rows == self._shown and view == replace(self._view, query=view.query):
            # As after most keys of a search, which 100,000 photos need not be laid out for.
            self._view, self._waiting, self._arriving, self._in_order = view, {}, {}, True
            return
        self.beginResetModel()
        self._view = view
        self._set_shown(rows)
        self.endResetModel()

    def clear(self, view: View = _ALL, labels: LabelSet | None = None, *, again: bool = False) -> None:
        """Remove all photos; from now on, list what is found and belongs to `view`. `again`: see `PhotoStore.clear`."""
        self.beginResetModel()
        self.store.clear(again=again)
        if labels is not None:
            self.store.labels = labels
        self._view = view
        self._folder_names = {}
        self._set_shown([])
        self.endResetModel()
        self.counts_changed.emit()

    def _set_shown(self, rows: list[PhotoRow]) -> None:
        self._shown = rows
        self._places = None
        self._starts = None
        self.changes += 1
        self._waiting = {}
        self._arriving = {}
        self._in_order = True
        self._leaving = set()

    def position(self, row: PhotoRow) -> int | None:
        """Return the position at which a row is shown; None if it is not."""
        return self._all_places().get(row)

    def _all_places(self) -> dict[PhotoRow, int]:
        if self._places is None:
            self._places = dict(zip(self._shown, range(len(self._shown)), strict=True))
        return self._places

    def index_of(self, row: PhotoRow) -> QModelIndex:
        """Return the index of a photo; invalid if it is not shown."""
        place = self.position(row)
        return QModelIndex() if place is None else self.index(place)

    def neighbors(self, row: PhotoRow) -> Iterator[PhotoRow]:
        """Return a row that is shown and all others, by nearness: those after it, then those before it, backwards.

        They are the neighbors of now, also if other photos are shown by the time they are asked for.
        """
        place = self.position(row) or 0
        return chain(islice(self._shown, place, None), reversed(self._shown[:place]))

    # Folders

    @property
    def sections(self) -> Sequence[int]:
        """The places at which the photos of another folder begin; empty if there is one, or the order is another."""
        return self._folder_starts() if self._view.sorted_by is Order.FOLDER and self.has_several_folders else ()

    @property
    def has_several_folders(self) -> bool:
        """Whether photos of several folders are listed."""
        return len(self._folder_starts()) > 1

    def _folder_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = _starts(self._shown, 0, None)
        return self._starts

    def folder_name(self, folder: Path) -> str:
        """Return the name of a folder of photos, relative to the one that is open."""
        name = self._folder_names.get(folder)
        if name is None:
            root = self.store.root
            inside = root is not None and folder != root and folder.is_relative_to(root)
            name = display_path(folder.relative_to(root or folder)) if inside else display_path(folder.name or folder)
            self._folder_names[folder] = name
        return name

    # Events of a scan and of learning

    def on_found(self, event: Found) -> None:
        """List photos that were found."""
        self._append(self._matching(self.store.add(file.path for file in event.files)))
        self.counts_changed.emit()

    def on_judged(self, event: Judged, *, live: bool = False) -> None:
        """Show predictions. `live`: those of photos that appeared while the folder is open; see `settle`."""
        self._refresh(self.store.judge(event.photos, event.head_version), self._arriving if live else None)

    def on_problems(self, event: Problems, *, live: bool = False) -> None:
        """Show photos and folders that can't be read. `live`: as above."""
        changed, added = self.store.fail(event.problems, new=live)
        self._refresh([*changed, *added], self._arriving if live else None)

    def on_learned(self, event: Learned) -> None:
        """Show new predictions for all photos."""
        different = self.store.learn(event)
        # Another percentage alone makes no photo belong into a list that no percentages were chosen for.
        self._refresh(different, self._waiting, None if self._view.query else self.store.crossed_rows)

    def review(self) -> None:
        """Find out again which photos wait, after the meaning of the filter has changed."""
        self._arriving = dict.fromkeys(self._matching(self._arriving))
        listed = self._arriving.keys() | set(self._shown)
        matching = self.finder.matching(View(self._view.filter, query=self._view.query))
        self._waiting = dict.fromkeys(row for row in matching if row not in listed)
        self.counts_changed.emit()

    # Events of the watched folder

    def on_arrived(self, event: Found) -> None:
        """Add photos that arrived."""
        self._refresh(self.store.add((file.path for file in event.files), new=True), self._arriving)

    def on_gone(self, paths: Iterable[Path], reason: str = reasons.VANISHED) -> None:
        """Mark photos that no longer exist here; `reason`: why, a code of `core.reasons`."""
        self._grey_out(self.store.remove(paths, reason))

    def on_moved(self, files: Iterable[tuple[Path, Path]]) -> None:
        """Update photos that were moved (path before, path after); they stay where they are shown."""
        moved, replaced = self.store.move(files)
        if moved and self._view.sorted_by is Order.NAME:
            self._in_order = False
        self._repaint(moved)
        self._grey_out(replaced)

    def settle(self, keep: Collection[PhotoRow] = ()) -> None:
        """List the photos that arrived and remove those that are gone, except `keep`, which are removed next time."""
        leaving = self._leaving.difference(keep)
        self._leaving -= leaving
        self._remove(leaving)
        coming, self._arriving = self._arriving, {}
        self._append([row for row in self._matching(coming) if self.position(row) is None])
        self.counts_changed.emit()

    @property
    def out_of_date(self) -> OutOfDate:
        """How the list differs from what the filter and the order would show now."""
        more, view = len(self._waiting) + len(self._arriving), self._view
        listed = len(self._shown) - len(self._leaving)
        counts = self.finder.counts(view.query) if view.query else self.store.counts
        return OutOfDate(more, listed + more - counts[view.filter], not self._in_order)

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
            self._waiting.pop(row, None)
            if self.position(row) is not None:
                self._leaving.add(row)
        self._signal_changes()

    # Changes of what is shown

    def _matching(self, rows: Iterable[PhotoRow]) -> list[PhotoRow]:
        return [row for row in rows if self.store.matches(row, self._view)]

    def _refresh(
        self,
        rows: Sequence[PhotoRow],
        waiting: dict[PhotoRow, None] | None,
        matching: Sequence[PhotoRow] | None = None,
    ) -> None:
        """Show that rows have changed.

        Args:
            rows: the rows; each once if there is `matching`.
            waiting: where those go that match now and are not listed; None for the list.
            matching: those of them that may match or no longer match, None for all.
        """
        if matching is None:
            rows = list(dict.fromkeys(rows))
        others = self._repaint(rows)
        by, learned = self._view.sorted_by, waiting is self._waiting
        if len(others) < len(rows) and (by in _BY_TAG or (by is Order.TAKEN and not learned)):
            self._in_order = False
        if matching is not None and others:
            others = [row for row in matching if self.position(row) is None]
        fresh: list[PhotoRow] = []
        for row in others:
            known = row in self._arriving or row in self._waiting
            if not self.store.matches(row, self._view):
                self._arriving.pop(row, None)
                self._waiting.pop(row, None)
            elif not known:
                fresh.append(row)
        if waiting is None:
            self._append(fresh)
        else:
            waiting |= dict.fromkeys(fresh)
        self._signal_changes()

    def _signal_changes(self) -> None:
        self.counts_changed.emit()
        if not self.is_settled:
            self.unsettled.emit()

    def _repaint(self, rows: Iterable[PhotoRow]) -> list[PhotoRow]:
        """Have the view repaint the rows that are shown; return the others."""
        places_of = self._all_places()
        rows = list(rows)
        others = [row for row in rows if row not in places_of]
        if len(rows) - len(others) > _MOST_SIGNALED:
            self.many_changed.emit()
        else:
            for first, last in runs(places_of[row] for row in rows if row in places_of):
                self.dataChanged.emit(self.index(first), self.index(last))
        return others

    def _append(self, rows: list[PhotoRow]) -> None:
        """List rows at the end, where they move no other."""
        if not rows:
            return
        key, descending = self.store.sort_key(self._view), self._view.reversed
        last = next((row for row in reversed(self._shown) if not row.gone), None)
        rows.sort(key=key, reverse=descending)
        if last is not None:
            one, next_one = (rows[0], last) if descending else (last, rows[0])
            self._in_order = self._in_order and key(one) <= key(next_one)
        self._insert(len(self._shown), rows)

    def bring_back(self, rows: Iterable[PhotoRow]) -> None:
        """List photos that the user wants to see, whether they match or not, in their place if there are only a few."""
        missing = [row for row in dict.fromkeys(rows) if not row.gone and self.position(row) is None]
        for row in missing:
            self._waiting.pop(row, None)
            self._arriving.pop(row, None)
        if len(missing) > _MOST_INSERTED or not self._in_order or self._leaving:
            self._append(missing)
        else:
            key, descending = self.store.sort_key(self._view), self._view.reversed
            for row in missing:
                ascending = self._shown[::-1] if descending else self._shown
                place = bisect.bisect_right(ascending, key(row), key=key)
                self._insert(len(ascending) - place if descending else place, [row])
        self.counts_changed.emit()

    def _insert(self, at: int, rows: list[PhotoRow]) -> None:
        self.beginInsertRows(QModelIndex(), at, at + len(rows) - 1)
        self.changes += 1
        if at < len(self._shown):
            self._places = self._starts = None
        else:
            if self._places is not None:
                self._places.update(zip(rows, range(at, at + len(rows)), strict=True))
            if self._starts is not None:
                self._starts = [*self._starts, *_starts(rows, at, self._shown[-1] if at else None)]
        self._shown[at:at] = rows
        self.endInsertRows()

    def _remove(self, rows: Iterable[PhotoRow]) -> None:
        places = [place for row in rows if (place := self.position(row)) is not None]
        for first, last in reversed(runs(places)):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._shown[first : last + 1]
            self._places = self._starts = None
            self.changes += 1
            self.endRemoveRows()


_MOST_INSERTED = 50
"""If more photos than this are listed again, they go to the end: after each insertion the view lays out all photos."""


def _starts(rows: Sequence[PhotoRow], at: int, before: PhotoRow | None) -> list[int]:
    """Return where another folder begins in rows that are listed from the place `at` on, after the row `before`."""
    found, folder = [], None if before is None else before.folder
    for place, row in enumerate(rows, at):
        # Photos of one folder share one object.
        if row.folder is not folder and row.folder != folder:
            folder = row.folder
            found.append(place)
    return found


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers."""
    ordered = sorted(numbers)
    if not ordered:
        return []
    breaks = [(a, b) for a, b in pairwise(ordered) if b != a + 1]
    firsts = [ordered[0], *(b for _, b in breaks)]
    lasts = [*(a for a, _ in breaks), ordered[-1]]
    return list(zip(firsts, lasts, strict=True))


def change_of(row: PhotoRow, store: PhotoStore) -> str:
    """Return how the tag of a photo has changed: "Alpaca 73% → Not alpaca 81%"; empty if it has not."""
    earlier, label, now = store.earlier_tag(row), store.label(row), store.confidence(row)
    if earlier is None or label is None or now is None:
        return ""
    # Translators: the tag and confidence of a photo before and after learning, as in "Alpaca 73% → Not alpaca 81%".
    return _("{earlier} {earlier_confidence} → {label} {confidence}").format(
        earlier=store.labels.display(earlier.label),
        earlier_confidence=confidence(earlier.confidence),
        label=store.labels.display(label),
        confidence=confidence(now),
    )


def _tooltip(row: PhotoRow, store: PhotoStore) -> str:
    """Return a description of a photo in one line, for tooltips and screen readers."""
    words = [_describe(row, store)]
    if change := change_of(row, store):
        words.append(_("Changed: {change}.").format(change=change))
    if row.path.parent != row.found_at.parent:
        words.append(_("It is now in {folder}.").format(folder=text.folder(row.path.parent)))
    return " ".join(words)


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
