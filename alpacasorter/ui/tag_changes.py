"""Which tags learning changes: at each step, and since the folder was opened or they were marked as seen. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from alpacasorter.core.events import Learned
from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.photo_filters import Filter


class JudgedRow(Protocol):
    """What learning changes in a row of `photo_store`, which uses this module."""

    probability: float | None
    correction: str | None
    head_version: int


class KeyedRow(JudgedRow, Protocol):
    """A row that knows its content key."""

    key: str | None


_Row = TypeVar("_Row", bound=JudgedRow)
_Keyed = TypeVar("_Keyed", bound=KeyedRow)


@dataclass(frozen=True, slots=True)
class EarlierTag:
    """What the model said about a photo before: a label, and its confidence (0 to 1)."""

    label: str
    confidence: float


class TagChanges:
    """Compares what the model says about each photo now with what it said when the photo was first shown.

    A photo that flips and flips back is not changed, and neither is one with the user's label.

    Attributes:
        keys: content keys of the photos whose tags have changed.
        said: what the model said about each photo when it was first shown or marked as seen, by content key: the
            probability of the positive class, 0 to 1.
    """

    def __init__(self) -> None:
        """Know no photo."""
        self.said: dict[str, float] = {}
        self.keys: set[str] = set()

    def forget(self) -> None:
        """Forget all photos, for another folder or another model."""
        self.said.clear()
        self.keys.clear()

    def clear(self) -> None:
        """Forget which tags have changed, but not what they were: the same photos are judged again."""
        self.keys.clear()

    def follow(self, key: str, probability: float | None, correction: str | None, labels: LabelSet) -> bool:
        """Note what a photo counts as now (None: nothing); return whether its tag counts as changed."""
        before = self.said.get(key)
        if (
            before is None
            or probability is None
            or correction is not None
            or (before >= labels.threshold) == (probability >= labels.threshold)
        ):
            self.keys.discard(key)
            return False
        self.keys.add(key)
        return True

    def see(self, key: str, probability: float) -> None:
        """Compare with this probability from now on."""
        self.said[key] = probability
        self.keys.discard(key)

    def first_of(self, rows: Iterable[_Keyed]) -> list[_Keyed]:
        """Return those of `rows` whose tags have changed, the first one of each content key."""
        keys, found = self.keys, dict[str | None, _Keyed]()
        for row in rows if keys else ():
            if row.key in keys and row.probability is not None:
                found.setdefault(row.key, row)
        return list(found.values())

    def earlier(self, key: str, labels: LabelSet) -> EarlierTag | None:
        """Return the tag that a photo had before; None if it has not changed."""
        if key not in self.keys:
            return None
        probability = self.said[key]
        label = labels.predicted(probability)
        return EarlierTag(label, labels.confidence(probability, label))


_SAME_PERCENTAGE = 5e-4
"""Closer probabilities are shown as the same percentage, except for one in twenty, which the next paint corrects."""


class LearnedRows(Generic[_Row]):
    """The rows that the results of learning belong to, and what they say now, as arrays.

    A folder may have 100,000 photos, and all of them are judged again after each key that labels one, on the thread of
    the window. So which rows are meant is looked up only once for as long as the same photos are judged, and Python
    touches only the rows of photos that are said something else about.
    """

    def __init__(self) -> None:
        """Know no rows yet."""
        # Imported here for the first window. By now NumPy is loaded, because the engine learns with it.
        import numpy as np

        self._keys: tuple[str, ...] = ()
        self._version = -1
        self._rows: list[_Row] = []
        self._at: dict[_Row, int] = {}
        self._without: set[str] = set()
        self._is_complete = True
        self._places = np.array((), dtype=np.intp)
        self._said = np.array((), dtype=float)
        self._given = np.array((), dtype=np.int8)

    def follow(self, learned: Learned, by_key: Mapping[str, Sequence[_Row]], labels: LabelSet) -> bool:
        """Look up the rows of the photos that a result has more than the one before; rows of a newer head are skipped.

        Returns:
            Whether that is possible. If not, another object has to look up all rows.
        """
        import numpy as np

        known, keys = len(self._keys), tuple(learned.keys)
        # Almost always the keys are the same objects, which makes this quick.
        if not self._is_complete or learned.head_version < self._version or keys[:known] != self._keys:
            return False
        rows: list[_Row] = []
        places: list[int] = []
        for place, key in enumerate(keys[known:], known):
            found = by_key.get(key)
            if not found:
                self._without.add(key)
                continue
            for row in found:
                if row.probability is None or row.head_version > learned.head_version:
                    self._is_complete = False
                else:
                    rows.append(row)
                    places.append(place)
        if places:
            self._at.update(zip(rows, range(len(self._rows), len(self._rows) + len(rows)), strict=True))
            self._rows += rows
            said = [row.probability for row in rows]
            given = [_number(row.correction, labels) for row in rows]
            self._places = np.concatenate((self._places, np.array(places, dtype=np.intp)))
            self._said = np.concatenate((self._said, np.array(said, dtype=float)))
            self._given = np.concatenate((self._given, np.array(given, dtype=np.int8)))
        self._keys = keys
        return True

    def has_missed(self, row: _Row, key: str) -> bool:
        """Return whether a row that was just judged should be among these, or is otherwise than they have it."""
        return row in self._at or key in self._without

    def leave(self) -> None:
        """Note in the rows which head has judged them last."""
        for row in self._rows:
            row.head_version = self._version

    def apart(self, learned: Learned, by_key: Mapping[str, Sequence[_Row]]) -> list[_Row]:
        """Return the rows that were labeled and about which a result says nothing else."""
        labeled = [row for key in learned.changes for row in by_key.get(key, ()) if row.probability is not None]
        return [row for row in labeled if row not in self._at]

    def take(
        self, learned: Learned, by_key: Mapping[str, Sequence[_Row]], labels: LabelSet, unsure_below: float
    ) -> Taken[_Row]:
        """Store a result in the rows that were looked up for it; return what has changed."""
        import numpy as np

        before, after = self._said, learned.probabilities[self._places].astype(float)
        different = np.abs(before - after) >= _SAME_PERCENTAGE
        flipped = (before >= labels.threshold) != (after >= labels.threshold)
        crossed = flipped.copy()
        for line in (unsure_below, 1.0 - unsure_below):
            crossed |= (before >= line) != (after >= line)
        counts = self._count(labels, unsure_below)
        changed = np.flatnonzero(before != after).tolist()
        rows, said = self._rows, after.tolist()
        for n in changed:
            rows[n].probability = said[n]
        self._said, self._version = after, learned.head_version
        for key, label in learned.changes.items():
            for row in by_key.get(key, ()):
                at = self._at.get(row)
                if at is not None:
                    row.correction = label
                    self._given[at] = _number(label, labels)
                    crossed[at] = True
        now = self._count(labels, unsure_below)
        return Taken(
            [rows[n] for n in np.flatnonzero(different | crossed).tolist()],
            [rows[n] for n in np.flatnonzero(crossed).tolist()],
            [rows[n] for n in np.flatnonzero(flipped).tolist()],
            {which: now[which] - counts[which] for which in now},
        )

    def _count(self, labels: LabelSet, unsure_below: float) -> dict[Filter, int]:
        """Return the counts of the filters that depend on labels, which are those that a correction can change."""
        import numpy as np

        said, given = self._said, self._given
        likely = said >= labels.threshold
        positive = int(np.where(given < 0, likely, given == 1).sum())
        unsure = (given < 0) & (np.where(likely, said, 1.0 - said) < unsure_below)
        return {
            Filter.POSITIVE: positive,
            Filter.NEGATIVE: len(self._rows) - positive,
            Filter.CORRECTED: int((given >= 0).sum()),
            Filter.UNSURE: int(unsure.sum()),
        }


@dataclass(frozen=True, slots=True)
class Taken(Generic[_Row]):
    """What a result of learning has changed.

    Attributes:
        different: the rows that look different now.
        crossed: those of them that other filters may show now.
        flipped: those of them for which the model gives the other label.
        counts: by how much the counts of filters have changed.
    """

    different: list[_Row]
    crossed: list[_Row]
    flipped: list[_Row]
    counts: dict[Filter, int]


def _number(label: str | None, labels: LabelSet) -> int:
    """Return a label as a number: 0 and 1 for the negative and the positive one, -1 for none of them."""
    return labels.names.index(label) if label in labels.names else -1
