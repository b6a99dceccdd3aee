"""Which tags learning changes: at each step, and since the folder was opened or they were marked as seen. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

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


def learn(
    by_key: Mapping[str, Sequence[_Row]], learned: Learned, lines: Sequence[float]
) -> tuple[list[_Row], list[_Row]]:
    """Store the outcome of corrections.

    Args:
        by_key: the rows of each content key.
        learned: the outcome; rows that a newer head has judged are skipped.
        lines: probabilities, 0 to 1, at which the look of a photo changes; the first is that between the two labels.

    Returns:
        The rows that look different now, and those of them for which the model gives the other label.
    """
    # Imported here for the first window. By now NumPy is loaded, because the engine made this event with it.
    import numpy as np

    changes, version = learned.changes, learned.head_version
    # Two lists instead of pairs: thousands of new tuples that refer to rows would trigger a garbage collection of
    # everything, which takes longer than all of this.
    rows: list[_Row] = []
    places: list[int] = []
    for place, key in enumerate(learned.keys):
        for row in by_key.get(key, ()):
            if row.probability is not None and row.head_version <= version:
                rows.append(row)
                places.append(place)
    looks_different: list[_Row] = []
    flipped: list[_Row] = []
    if rows:
        before = np.array([row.probability for row in rows])
        after = learned.probabilities[places].astype(float)
        different = np.abs(before - after) >= _SAME_PERCENTAGE
        for line in lines:
            different |= (before >= line) != (after >= line)
        different |= np.array([learned.keys[place] in changes for place in places])
        looks_different = [rows[n] for n in np.flatnonzero(different).tolist()]
        crossed = (before >= lines[0]) != (after >= lines[0])
        flipped = [rows[n] for n in np.flatnonzero(crossed).tolist()]
        for row, probability in zip(rows, after.tolist(), strict=True):
            row.probability = probability
            row.head_version = version
    for key, label in changes.items():
        for row in by_key.get(key, ()):
            if row.probability is not None:
                row.correction = label
    return looks_different, flipped


def count_labels(rows: Iterable[JudgedRow], labels: LabelSet, unsure_below: float) -> dict[Filter, int]:
    """Return the counts of the filters that depend on labels, which are those that a correction can change."""
    import numpy as np

    names, judged = labels.names, [row for row in rows if row.probability is not None]
    probability = np.array([row.probability for row in judged], dtype=float)
    said = np.array([names.index(row.correction) if row.correction in names else -1 for row in judged], dtype=int)
    likely = probability >= labels.threshold
    positive = np.where(said < 0, likely, said == 1)
    unsure = (said < 0) & (np.where(likely, probability, 1.0 - probability) < unsure_below)
    return {
        Filter.POSITIVE: int(positive.sum()),
        Filter.NEGATIVE: len(judged) - int(positive.sum()),
        Filter.CORRECTED: int((said >= 0).sum()),
        Filter.UNSURE: int(unsure.sum()),
    }
