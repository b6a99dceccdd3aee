"""Finds photos among 100,000 at every key: what matches a query, how many each filter has, and bars for the histograms.

A table of arrays is made of the rows of the store, and made again when they have changed. With it each question takes
milliseconds, on the GUI thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photo_query import Query
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]

_AT_ONCE = 500
"""How many photos are prepared between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Bars:
    """How many photos there are in each bin of a histogram.

    Attributes:
        counts: for each bin: photos of the positive class, of the negative one, and those without a tag.
        outside: photos that have no value, such as no date.
    """

    counts: Sequence[tuple[int, int, int]]
    outside: int


class Finder:
    """Answers questions about a store; `store` may change in between."""

    def __init__(self, store: PhotoStore) -> None:
        """Find photos of `store`."""
        self._store = store
        self._table: _Table | None = None
        self._prepared: tuple[object, int] = (None, 0)

    def prepare(self, seconds: float) -> bool:
        """Work ahead for so long, so that the first key typed takes no longer than the others.

        Returns:
            Whether there is more to do.
        """
        until = time.perf_counter() + seconds
        store, (version, place) = self._store, self._prepared
        if version != store.names_version:
            place = 0
        rows = store.rows
        while place < len(rows) and time.perf_counter() < until:
            for row in rows[place : place + _AT_ONCE]:
                store.sought(row)
                store.seconds(row)
            place += _AT_ONCE
        self._prepared = store.names_version, place
        return place < len(rows)

    def matching(self, view: View) -> list[PhotoRow]:
        """Return the rows that a view lists, in its order."""
        if not view.query:
            return self._store.matching(view)
        import numpy as np

        table = self._current()
        mask = table.of_filter(view.filter) & table.of_query(view.query)
        places = np.flatnonzero(mask)
        if view.sorted_by is Order.FOLDER:
            places = places[::-1] if view.reversed else places
        else:
            ranks = table.ranks(View(order=view.sorted_by, descending=view.descending))
            places = places[np.argsort(ranks[places])]
        # Of 100,000 rows this takes a fifth of the time of a list comprehension.
        return list(itemgetter(*places.tolist())(table.rows)) if len(places) > 1 else [table.rows[n] for n in places]

    def counts(self, query: Query) -> dict[Filter, int]:
        """Return how many of the photos that are found each filter lists."""
        table = self._current()
        found = table.of_query(query)
        return {which: int((table.of_filter(which) & found).sum()) for which in Filter}

    def dated(self) -> tuple[float, float] | None:
        """Return the first and the last moment at which a photo was taken, seconds since 1970; None without dates."""
        import numpy as np

        seconds = self._current().seconds
        known = seconds[~np.isnan(seconds)]
        return (float(known.min()), float(known.max())) if len(known) else None

    def by_date(self, view: View, edges: Sequence[float]) -> Bars:
        """Return the photos that a view lists, whatever the range of dates in it, by when they were taken.

        Args:
            view: which photos.
            edges: of the bins, seconds since 1970, one more than there are bins.
        """
        table, query = self._current(), replace(view.query, taken=None, undated=False)
        return table.bars(table.of_filter(view.filter) & table.of_query(query), table.seconds, edges)

    def by_probability(self, view: View, edges: Sequence[float]) -> Bars:
        """Return the photos that a view lists, whatever the range of probabilities in it, by probability (0 to 1)."""
        table, query = self._current(), replace(view.query, probability=None)
        return table.bars(table.of_filter(view.filter) & table.of_query(query), table.probability, edges)

    def _current(self) -> _Table:
        store = self._store
        state = store.version, store.labels
        if self._table is None or self._table.state != state:
            self._table = _Table(store, state, self._table)
        return self._table


class _Table:
    """The rows of a store as arrays, as they are now."""

    def __init__(self, store: PhotoStore, state: tuple[Any, ...], before: _Table | None) -> None:
        """Read the rows; `before`: the table until now, whose names and dates may still hold."""
        import numpy as np

        self._store = store
        self.state = state
        self.rows = rows = list(store.rows)
        nan = float("nan")
        self.probability = np.array([nan if (p := row.probability) is None else p for row in rows], dtype=float)
        labels, threshold = store.labels, store.labels.threshold
        likely = self.probability >= threshold
        said = [(place, label) for place, row in enumerate(rows) if (label := row.correction) is not None]
        for place, label in said:
            if labels.is_corrected(label):
                likely[place] = label == labels.positive
        self._judged: Mask = ~np.isnan(self.probability)
        self._positive: Mask = self._judged & likely
        self._negative: Mask = self._judged & ~likely
        self._corrected: Mask = np.zeros(len(rows), dtype=bool)
        self._corrected[[place for place, _label in said]] = True
        self._names = store.names_version
        same = before if before is not None and before._names == self._names else None
        self._seconds: npt.NDArray[np.float64] | None = same._seconds if same is not None else None
        self._sought: list[str] = same._sought if same is not None else [store.sought(row) for row in rows]
        self._words: tuple[tuple[str, ...], Mask] = (
            same._words if same is not None else ((), np.ones(len(rows), dtype=bool))
        )
        self._filters: dict[Filter, Mask] = {}
        self._ranks: dict[View, npt.NDArray[np.int64]] = {}

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """When the photos were taken, seconds since 1970; worked out only for who asks, as dates take their time."""
        import numpy as np

        if self._seconds is None:
            self._seconds = np.array([self._store.seconds(row) for row in self.rows], dtype=float)
        return self._seconds

    def of_filter(self, which: Filter) -> Mask:
        """Return which rows a filter lists."""
        if which not in self._filters:
            self._filters[which] = self._make_filter(which)
        return self._filters[which]

    def _make_filter(self, which: Filter) -> Mask:
        import numpy as np

        match which:
            case Filter.ALL:
                return np.ones(len(self.rows), dtype=bool)
            case Filter.POSITIVE:
                return self._positive
            case Filter.NEGATIVE:
                return self._negative
            case Filter.CORRECTED:
                return self._corrected
            case Filter.UNSURE:
                likely = self.probability >= self._store.labels.threshold
                sure = np.where(likely, self.probability, 1 - self.probability) >= self._store.unsure_below
                return np.logical_and(self._judged & ~self._corrected, ~sure)
        if not self._store.counts[which]:
            return np.zeros(len(self.rows), dtype=bool)
        matches, view = self._store.matches, View(which)
        return np.array([matches(row, view) for row in self.rows], dtype=bool)

    def of_query(self, query: Query) -> Mask:
        """Return which rows are found."""
        mask = self._with_words(query.words)
        if query.taken is not None:
            mask = mask & (self.seconds >= query.taken[0]) & (self.seconds < query.taken[1])
        if query.undated:
            # Only "not a number" differs from itself.
            mask = mask & (self.seconds != self.seconds)
        if query.probability is not None:
            least, most = query.probability
            mask = mask & (self.probability >= least)
            if most < 1.0:
                mask = mask & (self.probability < most)
        return mask

    def _with_words(self, words: tuple[str, ...]) -> Mask:
        import numpy as np

        before, mask = self._words
        if words == before:
            return mask
        # What is typed mostly goes on with what was there, and then only what was found until now can be found.
        is_narrower = all(any(old in new for new in words) for old in before)
        places: Sequence[int] = np.flatnonzero(mask).tolist() if before and is_narrower else range(len(self.rows))
        sought = self._sought
        for word in sorted(words, key=len, reverse=True):
            places = [place for place in places if word in sought[place]]
        mask = np.zeros(len(self.rows), dtype=bool)
        mask[places] = True
        self._words = words, mask
        return mask

    def ranks(self, view: View) -> npt.NDArray[np.int64]:
        """Return the position of each row in the order of a view."""
        import numpy as np

        if view not in self._ranks:
            key: Callable[[PhotoRow], Any] = self._store.sort_key(view)
            keys = [key(row) for row in self.rows]
            ranks = np.empty(len(keys), dtype=np.int64)
            ranks[sorted(range(len(keys)), key=keys.__getitem__, reverse=view.reversed)] = np.arange(len(keys))
            self._ranks[view] = ranks
        return self._ranks[view]

    def bars(self, mask: Mask, values: npt.NDArray[np.float64], edges: Sequence[float]) -> Bars:
        """Return how many of some rows have a value in each bin; the last bin includes its end."""
        import numpy as np

        bins = len(edges) - 1
        known = mask & ~np.isnan(values)
        places = np.searchsorted(np.asarray(edges), values, side="right") - 1
        places[values == edges[-1]] = bins - 1
        inside = known & (places >= 0) & (places < bins)
        kinds = (self._positive, self._negative, ~self._judged)
        counted = [np.bincount(places[inside & kind], minlength=bins).tolist() for kind in kinds]
        return Bars(list(zip(*counted, strict=True)), int((mask & ~known).sum()))
