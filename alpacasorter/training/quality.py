"""How good the head is on photos it has not seen: cross-validation, near-duplicates in one fold, several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.evaluation.metrics import Metrics, auc, measure
from alpacasorter.ml.learning.folds import assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import Float, fit_logistic, sigmoid
from alpacasorter.training.calibration import cross_calibrated
from alpacasorter.training.dataset import Embedded, Example

SEEDS = 5
STRENGTHS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
"""Regularisations to choose from."""

_TOLERANCE = 1e-6
_ARTICLE_SHARE = 0.2
_ARTICLE_SEEDS = (42, *range(9))


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """One round of cross-validation.

    Attributes:
        fold: int64 (n,), the fold each photo was judged in.
        logits: float64 (n,), uncalibrated, from a head that saw neither the photo nor a near-duplicate.
    """

    fold: npt.NDArray[np.int64]
    logits: Float


def out_of_fold(
    x: Float,
    y: npt.NDArray[np.int64],
    *,
    groups: npt.NDArray[np.int64],
    strata: npt.NDArray[np.int64],
    l2: float,
    seed: int,
) -> OutOfFold:
    """Judge every photo by a head fitted to the other folds: embeddings (n, p), targets, groups and strata (n,)."""
    fold = assign_folds(groups, strata, seed=seed)
    logits = np.empty(len(y))
    for train, judge in splits(fold):
        head = fit_logistic(x[train], y[train], None, l2, tolerance=_TOLERANCE)
        logits[judge] = x[judge] @ head.weights + head.bias
    return OutOfFold(fold, logits)


def log_loss(probabilities: Float, y: npt.NDArray[np.int64]) -> float:
    """Return the mean negative log-likelihood of targets 0/1 (n,) under probabilities (n,)."""
    given = np.where(y == 1, probabilities, 1.0 - probabilities)
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())


class CrossValidation:
    """Cross-validation of heads on one embedded dataset; the folds depend on the seed alone."""

    def __init__(self, data: Embedded, *, seeds: int = SEEDS) -> None:
        """Find the near-duplicates of the dataset."""
        self._data = data
        self._x = data.embeddings.astype(np.float64)
        self._y = data.targets
        self._groups = groups_of_near_duplicates(data.embeddings)
        order = {source: place for place, source in enumerate(data.sources)}
        self._strata = data.targets + 2 * np.array([order[e.source] for e in data.examples], dtype=np.int64)
        self._seeds = range(seeds)

    def rounds(self, l2: float, *, only: npt.NDArray[np.bool_] | None = None) -> list[OutOfFold]:
        """Return one round for each seed, on all photos or on those in `only` (n,)."""
        pick = np.ones(len(self._y), dtype=np.bool_) if only is None else only
        # Renumbered, for assign_folds counts on groups without gaps.
        groups = np.unique(self._groups[pick], return_inverse=True)[1].astype(np.int64)
        return [
            out_of_fold(self._x[pick], self._y[pick], groups=groups, strata=self._strata[pick], l2=l2, seed=seed)
            for seed in self._seeds
        ]

    def choose_l2(self) -> float:
        """Return the regularisation with the least loss out of fold, of the calibrated probability that is shown."""

        def loss(l2: float) -> float:
            rounds = self.rounds(l2)
            calibrated = [cross_calibrated(round_.logits, self._y, round_.fold) for round_ in rounds]
            return float(np.mean([log_loss(probabilities, self._y) for probabilities in calibrated]))

        return min(STRENGTHS, key=loss)

    def near_duplicates(self) -> dict[str, int]:
        """Return how many photos have a near-duplicate, and in how many groups."""
        counts = np.bincount(self._groups)
        return {"photos": int(counts[counts > 1].sum()), "groups": int((counts > 1).sum())}

    def report(self, rounds: Sequence[OutOfFold], l2: float) -> dict[str, Any]:
        """Return the figures for model.json: everything and each source out of fold, and each source alone."""
        figures = {"all": mean_figures([judged(round_, self._y) for round_ in rounds])}
        alone: dict[str, Any] = {}
        split: dict[str, Any] = {}
        for source in self._data.sources:
            of_source = self._data.of_source(source)
            figures[source] = mean_figures([judged(round_, self._y, of_source) for round_ in rounds])
            if len(np.unique(self._y[of_source])) == 2:
                own = self.rounds(l2, only=of_source)
                alone[source] = mean_figures([judged(round_, self._y[of_source]) for round_ in own])
                split[source] = self._article_split(of_source, l2)
        return {"out_of_fold": figures, "trained_alone_out_of_fold": alone, "trained_alone_article_split": split}

    def _article_split(self, of_source: npt.NDArray[np.bool_], l2: float) -> dict[str, Any]:
        """Judge by the article's rule: shuffled file list, the last fifth held out. It lets near-duplicates cross."""
        rows = article_order(self._data.examples, of_source)
        held = int(_ARTICLE_SHARE * len(rows))
        results = []
        for seed in _ARTICLE_SEEDS:
            shuffled = rows.copy()
            np.random.RandomState(seed).shuffle(shuffled)
            train, judge = shuffled[:-held], shuffled[-held:]
            if not held or len(np.unique(self._y[train])) < 2:
                return {}
            head = fit_logistic(self._x[train], self._y[train], None, l2)
            logits = self._x[judge] @ head.weights + head.bias
            results.append(measure(self._y[judge], np.asarray(sigmoid(logits), dtype=np.float64)))
        # The article calibrates nothing, and so few photos say nothing of calibration.
        uncalibrated = [replace(result, ece=None) for result in results]
        return {**mean_figures(uncalibrated), "accuracy_seed_42": _rounded(results[0].accuracy)}


def article_order(examples: Sequence[Example], pick: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the rows of the photos in `pick` (n,), in the order in which Keras lists a folder: by class, then name."""
    rows = np.flatnonzero(pick).tolist()
    return np.array(sorted(rows, key=lambda row: (examples[row].path.parent.name, examples[row].path.name)))


def judged(round_: OutOfFold, y: npt.NDArray[np.int64], pick: npt.NDArray[np.bool_] | None = None) -> Metrics:
    """Return the figures of one round, of all photos or of those in `pick` (n,)."""
    probabilities = cross_calibrated(round_.logits, y, round_.fold)
    rows = np.flatnonzero(np.ones(len(y), dtype=np.bool_) if pick is None else pick)
    figures = measure(y[rows], probabilities[rows])
    # Ranked by logit: the calibration of each fold is another, that of a bundle is one and changes no rank.
    return replace(figures, auc=auc(y[rows], round_.logits[rows]))


def mean_figures(results: Sequence[Metrics]) -> dict[str, Any]:
    """Return mean and standard deviation of the figures of several rounds, by name, rounded to four digits."""
    figures: dict[str, Any] = {"n": results[0].n}
    for name in ("accuracy", "balanced_accuracy", "auc", "ece"):
        values = [asdict(result)[name] for result in results]
        if None not in values:
            figures[name] = _rounded(float(np.mean(values)))
            figures[f"{name}_sd"] = _rounded(float(np.std(values)))
    return figures


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
