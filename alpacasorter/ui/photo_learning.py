"""Rows after a correction, by arrays and not row by row: it runs on the GUI thread at every click, on all photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from alpacasorter.core.events import Learned
from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.photo_row import Filter, PhotoRow

_SHOWN_ALIKE = 5e-4
"""Probabilities closer than this are shown as the same per cent, but for one in twenty, which the next paint shows."""


def learn(by_key: Mapping[str, Sequence[PhotoRow]], learned: Learned, lines: Iterable[float]) -> list[PhotoRow]:
    """Take over the outcome of corrections; return the rows that look different now.

    Args:
        by_key: the rows of each content key.
        learned: the outcome; what it says of rows that a newer head judged is passed over.
        lines: probabilities, 0 to 1, at which a photo comes to look different.
    """
    # NumPy is there by now, since the engine made this event with it; the first window does not wait for it.
    import numpy as np

    changes, version = learned.changes, learned.head_version
    # Two lists and no pairs: thousands of new tuples that hold rows would set the garbage collector going over
    # everything there is, which takes longer than all of this.
    rows: list[PhotoRow] = []
    places: list[int] = []
    for place, key in enumerate(learned.keys):
        for row in by_key.get(key, ()):
            if row.probability is not None and row.head_version <= version:
                rows.append(row)
                places.append(place)
    looks_different: list[PhotoRow] = []
    if rows:
        before = np.array([row.probability for row in rows])
        after = learned.probabilities[places].astype(float)
        different = np.abs(before - after) >= _SHOWN_ALIKE
        for line in lines:
            different |= (before >= line) != (after >= line)
        different |= np.array([learned.keys[place] in changes for place in places])
        looks_different = [rows[n] for n in np.flatnonzero(different).tolist()]
        for row, probability in zip(rows, after.tolist(), strict=True):
            row.probability = probability
            row.head_version = version
    for key, label in changes.items():
        for row in by_key.get(key, ()):
            if row.probability is not None:
                row.correction = label
    return looks_different


def count_labels(rows: Iterable[PhotoRow], labels: LabelSet, unsure_below: float) -> dict[Filter, int]:
    """Return how many rows the filters show that go by labels: those that a correction can change."""
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
