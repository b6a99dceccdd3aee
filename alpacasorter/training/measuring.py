"""How good a head is on photos it was not fitted to, and whether it is the optimum.

Cross-validation keeps near-duplicates in one fold and is averaged over several seeds; which cosine similarity makes two
photos near-duplicates differs from network to network (`data.similarity`). Calibration is one scale, fitted to logits
of photos that the head was not fitted to.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.evaluation.metrics import Metrics, auc, measure
from alpacasorter.ml.learning.folds import assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import TOLERANCE, Float, Solution, fit_logistic
from alpacasorter.ml.models.head import Calibration, sigmoid
from alpacasorter.training.data.dataset import Embedded, Example
from alpacasorter.training.network.convert import CheckFailed

_RIDGE = 1e-3
"""Keeps the scale finite if the logits separate the classes perfectly."""


def fit_calibration(logits: npt.NDArray[np.float64], targets: npt.NDArray[np.int64]) -> Calibration:
    """Return the scale by which out-of-fold logits (n,) fit targets 0/1 (n,) with maximum likelihood; the offset is 0.

    Only a scale, so that calibrating changes no label: with an offset as well (Platt), the calibration error was no
    smaller and out-of-fold accuracy dropped. If the logits fit upside down or not at all, the scale is 1.
    """
    # Each photo and its mirror image: by symmetry the best offset of these is 0.
    mirrored = np.concatenate([logits, -logits])[:, np.newaxis]
    found = fit_logistic(mirrored, np.concatenate([targets, 1 - targets]), None, _RIDGE)
    scale = float(found.weights[0])
    return Calibration(scale, 0.0) if scale > 0 else Calibration()


def calibrate(logits: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Return the probabilities (n,) for logits (n,) after calibration."""
    return np.asarray(sigmoid(calibration.scale * logits + calibration.offset), dtype=np.float64)


def cross_calibrated(
    logits: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], fold: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return probabilities (n,) for out-of-fold logits, each fold calibrated on the others."""
    probabilities = np.empty(len(logits))
    for number in np.unique(fold):
        judged = fold == number
        calibration = fit_calibration(logits[~judged], targets[~judged])
        probabilities[judged] = calibrate(logits[judged], calibration)
    return probabilities


HEAD_TOLERANCE = 1e-5


def solver_difference(x: Float, y: npt.NDArray[np.int64], l2: float, head: Solution) -> float:
    """Return the largest difference in weights and bias between `head` and scikit-learn's optimum.

    Raises:
        CheckFailed: scikit-learn is not installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise CheckFailed(
            "scikit-learn, which checks the head, is not installed. Install it, or pass --skip-solver-check."
        )
    from sklearn.linear_model import LogisticRegression

    # newton-cg: lbfgs stops a few 1e-6 short of the optimum.
    other = LogisticRegression(C=1.0 / l2, solver="newton-cg", tol=1e-12, max_iter=10_000)
    other.fit(x, y)
    return max(float(np.abs(other.coef_[0] - head.weights).max()), abs(float(other.intercept_[0]) - head.bias))


def require_optimum(difference: float) -> None:
    """Check a head against scikit-learn's.

    Args:
        difference: from `solver_difference`.

    Raises:
        CheckFailed: it is more than HEAD_TOLERANCE.
    """
    if not difference <= HEAD_TOLERANCE:
        raise CheckFailed(
            f"The head differs from scikit-learn's optimum by {difference:.1e}, more than {HEAD_TOLERANCE:.0e}."
        )


SEEDS = 5
STRENGTHS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
"""Regularizations to choose from."""

_TOLERANCE = 1e-6
_ARTICLE_SHARE = 0.2
_ARTICLE_SEEDS = (42, *range(9))


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """One round of cross-validation.

    Attributes:
        fold: int64 (n,), the fold in which each photo was judged.
        logits: float64 (n,), uncalibrated, from a head fitted to neither the photo nor a near-duplicate.
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
    views: Sequence[npt.NDArray[np.floating]] = (),
) -> OutOfFold:
    """Judge every photo with a head fitted to the other folds.

    Args:
        x: embeddings, (n, p).
        y: targets, 0 or 1, (n,).
        groups: (n,); photos of the same group are in the same fold.
        strata: (n,); each fold gets about the same share of each.
        l2: regularization.
        seed: of the folds.
        views: embeddings of the same photos after augmentation, each (n, p); photos are only learned from them.
    """
    fold = assign_folds(groups, strata, seed=seed)
    logits = np.empty(len(y))
    for train, judge in splits(fold):
        head = fit_views([x[train], *(view[train] for view in views)], y[train], l2, tolerance=_TOLERANCE)
        logits[judge] = x[judge] @ head.weights + head.bias
    return OutOfFold(fold, logits)


def fit_views(
    views: Sequence[npt.NDArray[np.floating]], y: npt.NDArray[np.int64], l2: float, *, tolerance: float = TOLERANCE
) -> Solution:
    """Return the head for photos of which there are one or more views, which share the weight of the photo.

    Args:
        views: embeddings, each (n, p), with the photos in the same order.
        y: targets of the photos, 0 or 1, (n,).
        l2: regularization.
        tolerance: as for `fit_logistic`.
    """
    count = len(views)
    shares = None if count == 1 else np.full(count * len(y), 1.0 / count)
    return fit_logistic(np.concatenate(views), np.tile(y, count), shares, l2, tolerance=tolerance)


def log_loss(probabilities: Float, y: npt.NDArray[np.int64]) -> float:
    """Return the mean negative log-likelihood of targets 0/1 (n,) under probabilities (n,)."""
    given = np.where(y == 1, probabilities, 1.0 - probabilities)
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())


class CrossValidation:
    """Cross-validation of heads on one embedded dataset; the folds depend only on the seed."""

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
        """Return one round per seed, on all photos or on those in the mask `only`, (n,)."""
        pick = np.ones(len(self._y), dtype=np.bool_) if only is None else only
        # Renumbered, because assign_folds needs groups without gaps.
        groups = np.unique(self._groups[pick], return_inverse=True)[1].astype(np.int64)
        return [
            out_of_fold(self._x[pick], self._y[pick], groups=groups, strata=self._strata[pick], l2=l2, seed=seed)
            for seed in self._seeds
        ]

    def choose_l2(self) -> float:
        """Return the regularization with the lowest out-of-fold loss of the calibrated probabilities."""

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
        """Return the figures for model.json: out of fold, for all photos and by source, and for each source alone."""
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
        """Evaluate with the article's split: a shuffled file list, the last fifth held out, near-duplicates ignored."""
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
        # The article calibrates nothing, and so few photos tell nothing about calibration.
        uncalibrated = [replace(result, ece=None) for result in results]
        return {**mean_figures(uncalibrated), "accuracy_seed_42": _rounded(results[0].accuracy)}


def article_order(examples: Sequence[Example], pick: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the rows of the photos in the mask `pick`, (n,), in the order in which Keras lists them: class, name."""
    rows = np.flatnonzero(pick).tolist()
    return np.array(sorted(rows, key=lambda row: (examples[row].path.parent.name, examples[row].path.name)))


def judged(round_: OutOfFold, y: npt.NDArray[np.int64], pick: npt.NDArray[np.bool_] | None = None) -> Metrics:
    """Return the figures of one round, of all photos or of those in the mask `pick`, (n,)."""
    probabilities = cross_calibrated(round_.logits, y, round_.fold)
    rows = np.flatnonzero(np.ones(len(y), dtype=np.bool_) if pick is None else pick)
    figures = measure(y[rows], probabilities[rows])
    # Ranked by logit: each fold has its own calibration, but a bundle has one, which changes no rank.
    return replace(figures, auc=auc(y[rows], round_.logits[rows]))


def mean_figures(results: Sequence[Metrics]) -> dict[str, Any]:
    """Return mean and standard deviation ("…_sd") of the figures of several rounds by name, rounded to four digits."""
    figures: dict[str, Any] = {"n": results[0].n}
    for name in ("accuracy", "balanced_accuracy", "auc", "ece"):
        values = [asdict(result)[name] for result in results]
        if None not in values:
            figures[name] = _rounded(float(np.mean(values)))
            figures[f"{name}_sd"] = _rounded(float(np.std(values)))
    return figures


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
