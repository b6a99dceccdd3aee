"""The tags that changed while the app learned: what they were, what they are, and how the user answered."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, confidence
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore

Index = QModelIndex | QPersistentModelIndex


class Answer(enum.Enum):
    """What the user wants with a changed tag."""

    KEEP = enum.auto()
    UNDO = enum.auto()


@dataclass(frozen=True, slots=True)
class _Done:
    """A changed tag that was answered: what it was about, and the answer."""

    change: str
    answer: Answer


class ChangedModel(QAbstractListModel):
    """The photos whose tags have changed, in the order of the folder.

    While the strip is shown, none leaves its place: more are added at the end, and those that were answered stay.
    """

    def __init__(self, store: PhotoStore, is_pending: Callable[[str], bool], parent: QObject) -> None:
        """List nothing yet; `is_pending`: whether the user has labeled the photo with a content key just now."""
        super().__init__(parent)
        self._store = store
        self._is_pending = is_pending
        self._rows: list[PhotoRow] = []
        self._known: set[str | None] = set()
        self._done: dict[str | None, _Done] = {}

    def begin(self) -> None:
        """List the tags that are changed now, and nothing else."""
        self.beginResetModel()
        self._rows = self._store.changed_rows()
        self._known = {row.key for row in self._rows}
        self._done.clear()
        self.endResetModel()

    def clear(self) -> None:
        """List nothing, and hold on to no photo."""
        self.beginResetModel()
        self._rows, self._known = [], set()
        self._done.clear()
        self.endResetModel()

    def follow(self) -> None:
        """Add tags that have changed since, and show what became of the others."""
        more = [row for row in self._store.changed_rows() if row.key not in self._known]
        if more:
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(more) - 1)
            self._rows += more
            self._known.update(row.key for row in more)
            self.endInsertRows()
        for key in [key for key in self._done if self._is_still_open(key)]:
            # It was undone, or it has changed again.
            del self._done[key]

    def note(self, rows: Sequence[PhotoRow], answer: Answer) -> None:
        """Remember how changed tags were answered, while what they were is still known."""
        for row in rows:
            if change := self._change(row):
                self._done[row.key] = _Done(change, answer)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many there are."""
        return 0 if parent.isValid() else len(self._rows)

    def photo(self, index: Index) -> PhotoRow:
        """Return the photo at an index."""
        return self._rows[index.row()]

    def is_open(self, row: PhotoRow) -> bool:
        """Return whether a tag is changed and was not answered."""
        return self._is_still_open(row.key)

    def _is_still_open(self, key: str | None) -> bool:
        # What was answered becomes a label a moment later; until then, a second answer would be another one.
        return self._store.is_changed(key) and not (key in self._done and self._is_pending(key or ""))

    def next_open(self, place: int) -> int | None:
        """Return the place of the nearest tag that was not answered: after `place` if there is one, else before it."""
        places = chain(range(place + 1, len(self._rows)), range(place, -1, -1))
        return next((at for at in places if self.is_open(self._rows[at])), None)

    def change(self, row: PhotoRow) -> str:
        """Return the tag before and after, as in "Alpaca 73% → Not alpaca 81%"."""
        done = self._done.get(row.key)
        return done.change if done is not None else self._change(row)

    def state(self, row: PhotoRow) -> str:
        """Return what became of a tag that is not to be answered any more; else nothing."""
        if self.is_open(row):
            return ""
        done = self._done.get(row.key)
        if done is None:
            return _("Labeled by you") if row.correction is not None else _("Back to its earlier tag")
        return _("Kept") if done.answer is Answer.KEEP else _("Undone")

    def _change(self, row: PhotoRow) -> str:
        earlier, labels = self._store.earlier_tag(row), self._store.labels
        if earlier is None or row.probability is None:
            return ""
        label = labels.label(row.probability, row.correction)
        # Translators: the tag of a photo before and after it changed, as in "Alpaca 73% → Not alpaca 81%".
        return _("{before} {was} → {after} {now}").format(
            before=labels.display(earlier.label),
            was=confidence(earlier.confidence),
            after=labels.display(label),
            now=confidence(labels.confidence(row.probability, label)),
        )

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the photo, its name, or what a screen reader says."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        name = display_path(row.path.name)
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{name}\n{self.change(row)}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(filter(None, (name, self.change(row), self.state(row))))
        return None
