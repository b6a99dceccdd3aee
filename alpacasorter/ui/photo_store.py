"""The photos of the open folder as the window knows them: rows, filters, counts. Plain Python, no Qt."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from pathlib import Path

from alpacasorter.core.events import JudgedPhoto, Learned, Problem
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFacts


class Filter(enum.Enum):
    """Which photos are shown."""

    ALL = "all"
    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNSURE = "unsure"
    CORRECTED = "corrected"
    PROBLEMS = "problems"
    CHANGED = "changed"


class Order(enum.Enum):
    """In which order photos are shown."""

    FOLDER = "folder"
    TAKEN = "taken"
    DOUBTFUL = "doubtful"


_SHOWN_ALIKE = 5e-4
"""Probabilities closer than this are shown as the same per cent, but for one in twenty, which the next paint shows."""


class PhotoRow:
    """One photo, or folder that can't be read.

    Attributes:
        path: where it is.
        name: what is shown for its file name.
        key: content key; None until judged.
        probability: calibrated probability of the positive class; None until judged.
        correction: the user's label; None without one.
        facts: from its header; None until judged.
        reason: why it can't be judged; None where it can.
        head_version: of the head that judged it.
    """

    __slots__ = ("correction", "facts", "head_version", "key", "name", "path", "probability", "reason")

    def __init__(self, path: Path) -> None:
        """A photo that was found and not yet opened."""
        self.path = path
        self.name = display_path(path.name)
        self.key: str | None = None
        self.probability: float | None = None
        self.correction: str | None = None
        self.facts: PhotoFacts | None = None
        self.reason: str | None = None
        self.head_version = -1

    @property
    def waiting(self) -> bool:
        """Whether nothing is known of it yet."""
        return self.probability is None and self.reason is None


class PhotoStore:
    """All rows of the open folder, their filters and counts.

    Counts are kept up to date row by row, since a folder may have 100,000 photos and a click changes a few.
    """

    def __init__(self, *, unsure_below: float = 0.8) -> None:
        """Start empty; photos whose confidence is below `unsure_below` (0.5 to 1) are unsure."""
        self.labels = LabelSet("negative", "positive", {})
        self.rows: list[PhotoRow] = []
        self.counts: dict[Filter, int] = dict.fromkeys(Filter, 0)
        self._unsure_below = unsure_below
        self._by_path: dict[Path, int] = {}
        self._by_key: dict[str, list[int]] = {}
        self._changed: set[str] = set()

    def clear(self) -> None:
        """Forget all photos."""
        self.rows = []
        self._by_path = {}
        self._by_key = {}
        self._changed = set()
        self.counts = dict.fromkeys(Filter, 0)

    # What a row counts as

    def label(self, row: PhotoRow) -> str | None:
        """Return the label of a judged photo, None for others."""
        return None if row.probability is None else self.labels.label(row.probability, row.correction)

    def confidence(self, row: PhotoRow) -> float | None:
        """Return the confidence of a judged photo's label, 0 to 1, None for others."""
        if row.probability is None:
            return None
        return self.labels.confidence(row.probability, self.labels.label(row.probability, row.correction))

    def is_unsure(self, row: PhotoRow) -> bool:
        """Tell whether the app is unsure of a photo that the user has not settled."""
        if row.probability is None or row.correction is not None:
            return False
        # Written out instead of confidence(): this runs for every photo at every click.
        p = row.probability
        return (p if p >= self.labels.threshold else 1.0 - p) < self._unsure_below

    def matches(self, row: PhotoRow, which: Filter) -> bool:
        """Tell whether a filter shows a photo."""
        match which:
            case Filter.ALL:
                return True
            case Filter.POSITIVE:
                return self.label(row) == self.labels.positive
            case Filter.NEGATIVE:
                return self.label(row) == self.labels.negative
            case Filter.UNSURE:
                return self.is_unsure(row)
            case Filter.CORRECTED:
                return row.correction is not None
            case Filter.PROBLEMS:
                return row.reason is not None
            case Filter.CHANGED:
                return row.key in self._changed

    def matching(self, which: Filter, order: Order = Order.FOLDER) -> list[int]:
        """Return the numbers of the rows a filter shows, in an order."""
        if which is Filter.ALL:
            numbers = list(range(len(self.rows)))
        else:
            numbers = [n for n, row in enumerate(self.rows) if self.matches(row, which)]
        key = self._sort_key(order)
        if key is not None:
            numbers.sort(key=key)
        return numbers

    def _sort_key(self, order: Order) -> Callable[[int], tuple[object, ...]] | None:
        rows = self.rows
        if order is Order.TAKEN:
            return lambda n: (rows[n].facts.taken_at or "9999" if rows[n].facts else "9999", n)  # type: ignore[union-attr]
        if order is Order.DOUBTFUL:

            def doubt(n: int) -> tuple[object, ...]:
                row = rows[n]
                confidence = self.confidence(row)
                return (row.correction is not None, 2.0 if confidence is None else confidence, n)

            return doubt
        return None

    @property
    def unsure_below(self) -> float:
        """Confidence below which a photo is unsure."""
        return self._unsure_below

    def set_unsure_below(self, confidence: float) -> None:
        """Draw the line between sure and unsure anew."""
        self._unsure_below = confidence
        self.counts[Filter.UNSURE] = sum(map(self.is_unsure, self.rows))

    # Events

    def add(self, paths: Iterable[Path]) -> range:
        """Append photos; return the numbers of the new rows. Paths that are there already are passed over."""
        first = len(self.rows)
        for path in paths:
            if path not in self._by_path:
                self._by_path[path] = len(self.rows)
                self.rows.append(PhotoRow(path))
        self.counts[Filter.ALL] = len(self.rows)
        return range(first, len(self.rows))

    def judge(self, photos: Iterable[JudgedPhoto], head_version: int) -> list[int]:
        """Take over predictions; return the numbers of the rows that changed. Late predictions are dropped."""
        changed = []
        for photo in photos:
            number = self._by_path.get(photo.path)
            if number is None:
                continue
            row = self.rows[number]
            if head_version < row.head_version:
                continue
            self._count(row, -1)
            if row.key is None:
                self._by_key.setdefault(photo.content_key, []).append(number)
            row.key = photo.content_key
            row.facts = photo.facts
            row.probability = photo.probability
            row.correction = photo.correction
            row.reason = None
            row.head_version = head_version
            self._count(row, +1)
            changed.append(number)
        return changed

    def fail(self, problems: Iterable[Problem]) -> tuple[list[int], range]:
        """Take over problems; return the numbers of the rows that changed and of those that are new."""
        problems = list(problems)
        new = self.add(problem.path for problem in problems)
        changed = []
        for problem in problems:
            number = self._by_path[problem.path]
            row = self.rows[number]
            self._count(row, -1)
            row.reason = problem.reason
            row.probability = None
            # The library keeps it; it is shown again once the photo can be read.
            row.correction = None
            self._count(row, +1)
            if number not in new:
                changed.append(number)
        return changed, new

    def learn(self, learned: Learned) -> list[int]:
        """Take over the outcome of corrections; return the numbers of the rows that look different now.

        By arrays and not row by row: it runs on the GUI thread at every click, on all photos of the folder.
        """
        # NumPy is there by now, since the engine made this event with it; the first window does not wait for it.
        import numpy as np

        rows, changes, version = self.rows, learned.changes, learned.head_version
        pairs = [(n, i) for i, key in enumerate(learned.keys) for n in self._by_key.get(key, ())]
        pairs = [(n, i) for n, i in pairs if rows[n].probability is not None and rows[n].head_version <= version]
        if pairs:
            numbers, places = np.array(pairs).T
            before = np.array([rows[n].probability for n, _ in pairs])
            after = learned.probabilities[places].astype(float)
            different = np.abs(before - after) >= _SHOWN_ALIKE
            for line in (self.labels.threshold, self._unsure_below, 1.0 - self._unsure_below):
                different |= (before >= line) != (after >= line)
            different |= np.array([learned.keys[i] in changes for _, i in pairs])
            looks_different: list[int] = numbers[different].tolist()
            for n, probability in zip(numbers.tolist(), after.tolist(), strict=True):
                rows[n].probability = probability
                rows[n].head_version = version
        else:
            looks_different = []
        for key, label in changes.items():
            for n in self._by_key.get(key, ()):
                if rows[n].probability is not None:
                    rows[n].correction = label
        self._recount()
        self._set_changed(learned.changed)
        return looks_different

    def _recount(self) -> None:
        import numpy as np

        names, judged = self.labels.names, [row for row in self.rows if row.probability is not None]
        probability = np.array([row.probability for row in judged], dtype=float)
        said = np.array([names.index(row.correction) if row.correction in names else -1 for row in judged], dtype=int)
        likely = probability >= self.labels.threshold
        positive = np.where(said < 0, likely, said == 1)
        unsure = (said < 0) & (np.where(likely, probability, 1.0 - probability) < self._unsure_below)
        self.counts[Filter.POSITIVE] = int(positive.sum())
        self.counts[Filter.NEGATIVE] = len(judged) - int(positive.sum())
        self.counts[Filter.CORRECTED] = int((said >= 0).sum())
        self.counts[Filter.UNSURE] = int(unsure.sum())

    def _set_changed(self, keys: Iterable[str]) -> None:
        self._changed = {key for key in keys if key in self._by_key}
        self.counts[Filter.CHANGED] = sum(len(self._by_key[key]) for key in self._changed)

    def numbers_of(self, key: str) -> list[int]:
        """Return the rows that hold the photo with this content key (copies have one key)."""
        return self._by_key.get(key, [])

    def number_of(self, path: Path) -> int | None:
        """Return the number of the row of a path, or None."""
        return self._by_path.get(path)

    def _count(self, row: PhotoRow, by: int) -> None:
        counts = self.counts
        if row.reason is not None:
            counts[Filter.PROBLEMS] += by
        elif row.probability is not None:
            positive = self.labels.label(row.probability, row.correction) == self.labels.positive
            counts[Filter.POSITIVE if positive else Filter.NEGATIVE] += by
            if row.correction is not None:
                counts[Filter.CORRECTED] += by
            elif self.is_unsure(row):
                counts[Filter.UNSURE] += by
