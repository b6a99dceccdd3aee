"""How good the head is on photos it has not seen: cross-validation, near-duplicates in one fold, several seeds.

From logits to honest probabilities: one number, fitted on logits of photos that the head had not seen.

What must hold before a bundle is written: the converted backbone is the original, and the head is the optimum.

From which cosine two embeddings show the same scene: for each network another number, found from its own photos.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.evaluation.metrics import Metrics, auc, measure
from alpacasorter.ml.learning.folds import SIMILARITY, assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import Float, Solution, fit_logistic, sigmoid
from alpacasorter.ml.models.head import Calibration
from alpacasorter.training.data.dataset import Embedded, Example
from alpacasorter.training.recipe import SHIPPED, Recipe

_RIDGE = 1e-3
"""Keeps the scale finite where the logits separate the classes perfectly."""


def fit_calibration(logits: npt.NDArray[np.float64], targets: npt.NDArray[np.int64]) -> Calibration:
    """Return the scale by which out-of-fold logits (n,) fit targets 0/1 (n,) best, in likelihood; the offset is 0.

    A scale alone, so that calibrating changes no label: an offset as well (Platt) made the calibration error no
    smaller and cost accuracy out of fold. Where the logits fit upside down or not at all, nothing is changed.
    """
    # Each photo and its mirror image: by symmetry the best offset of these is 0.
    mirrored = np.concatenate([logits, -logits])[:, np.newaxis]
    found = fit_logistic(mirrored, np.concatenate([targets, 1 - targets]), None, _RIDGE)
    scale = float(found.weights[0])
    return Calibration(scale, 0.0) if scale > 0 else Calibration()


def calibrate(logits: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Return the probabilities (n,) that calibrated logits (n,) stand for."""
    return np.asarray(sigmoid(calibration.scale * logits + calibration.offset), dtype=np.float64)


def cross_calibrated(
    logits: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], fold: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return probabilities (n,) of out-of-fold logits, each fold calibrated on the others: an honest error."""
    probabilities = np.empty(len(logits))
    for number in np.unique(fold):
        judged = fold == number
        calibration = fit_calibration(logits[~judged], targets[~judged])
        probabilities[judged] = calibrate(logits[judged], calibration)
    return probabilities


BACKBONE_TOLERANCE = 1e-4
HEAD_TOLERANCE = 1e-5


class CheckFailed(Exception):
    """A bundle would not be what it claims. The message is one sentence for the user."""


def require_same_backbone(difference: float) -> None:
    """Raise CheckFailed if LiteRT's embeddings differ from Keras's by more than 1e-4 anywhere."""
    if not difference <= BACKBONE_TOLERANCE:
        raise CheckFailed(
            f"The converted backbone differs from the original by {difference:.1e}, more than "
            f"{BACKBONE_TOLERANCE:.0e}; the versions of TensorFlow and LiteRT do not fit together."
        )


def solver_difference(x: Float, y: npt.NDArray[np.int64], l2: float, head: Solution) -> float:
    """Return the largest difference in weights and bias between `head` and scikit-learn's optimum.

    Raises:
        CheckFailed: scikit-learn is not installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise CheckFailed(
            "scikit-learn, which checks the head, is not installed; install it, or give --skip-solver-check."
        )
    from sklearn.linear_model import LogisticRegression

    # newton-cg: lbfgs gives up a few 1e-6 short of the optimum.
    other = LogisticRegression(C=1.0 / l2, solver="newton-cg", tol=1e-12, max_iter=10_000)
    other.fit(x, y)
    return max(float(np.abs(other.coef_[0] - head.weights).max()), abs(float(other.intercept_[0]) - head.bias))


def require_optimum(difference: float) -> None:
    """Raise CheckFailed if the head differs from the independent solver's by more than 1e-5 anywhere."""
    if not difference <= HEAD_TOLERANCE:
        raise CheckFailed(
            f"The head differs from scikit-learn's optimum by {difference:.1e}, more than {HEAD_TOLERANCE:.0e}."
        )


YIELD_SIMILARITY: Final = 0.6
"""For the weights that come with the app, chosen by benchmarks/personal.py."""

_SHARE: Final = 0.9998
"""Share of the pairs from opposite classes that are less alike than a correction reaches.

For the first bundled model 0.6 was chosen by benchmarks/personal.py; 19 of its 116,312 such pairs are more alike."""
_STEP: Final = 0.25
"""How far from there to 1 near-duplicates begin: 0.7 where a correction reaches to 0.6, as chosen for that model."""
_MOST: Final = 0.999
_LEAST: Final = 0.05
_PHOTOS: Final = 3000


@dataclass(frozen=True, slots=True)
class Likeness:
    """Cosines of two embeddings.

    Attributes:
        yields: from this on a photo trained on that is called otherwise yields to a correction.
        near_duplicate: from this on two photos count as shots of one scene.
    """

    yields: float
    near_duplicate: float


def find_likeness(embeddings: npt.NDArray[np.floating], targets: npt.NDArray[np.int64]) -> Likeness:
    """Return the cosines for embeddings (n, e) with targets 0/1 (n,), both there.

    Photos of opposite classes are never shots of one scene, so how alike they are tells what likeness means nothing to
    this network: a correction reaches what is more alike than all but 1 in 5,000 such pairs.
    """
    vectors = _unit(embeddings)
    sides = []
    for target in (0, 1):
        of_class = vectors[targets == target]
        sides.append(of_class[:: max(1, -(-len(of_class) // _PHOTOS))])
    cosines = sides[0] @ sides[1].T
    yields = min(max(float(np.quantile(cosines, _SHARE)), _LEAST), _MOST)
    return Likeness(yields, min(yields + _STEP * (1.0 - yields), _MOST))


def likeness_of(
    recipe: Recipe, embeddings: npt.NDArray[np.floating], targets: npt.NDArray[np.int64], *, trained: bool = False
) -> Likeness:
    """Return the cosines for the network of a recipe, from embeddings (n, e) with targets 0/1 (n,), both there.

    Args:
        recipe: for the weights that come with the app the cosines are known, however few the photos.
        embeddings, targets: of the photos.
        trained: whether these embeddings were trained, and so are other ones than the backbone's.
    """
    if recipe.weights == SHIPPED and not trained:
        return Likeness(YIELD_SIMILARITY, SIMILARITY)
    return find_likeness(embeddings, targets)


def count_across(held_out: npt.NDArray[np.floating], trained_on: npt.NDArray[np.floating], likeness: Likeness) -> int:
    """Return how many of the embeddings (m, e) held out have a near-duplicate among those (n, e) trained on."""
    cosines = _unit(held_out) @ _unit(trained_on).T
    return int((cosines.max(axis=1, initial=-1.0) >= likeness.near_duplicate).sum())


def _unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    numbers = vectors.astype(np.float32)
    lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
    return np.asarray(numbers / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)


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
