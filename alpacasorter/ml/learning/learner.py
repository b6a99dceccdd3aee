"""Learning from corrections: each click gives the exact optimum for all corrections together.

Learning starts from the shipped head and departs from it as little as the corrections allow. How far the shipped head
may move is a normal distribution around it: its spread is small in the directions in which the photos of the replay set
differ, above all those that the shipped head is unsure about, and large in the others. The optimum of the corrections'
log-loss and the distance from the shipped head, measured by this distribution, is convex and unique; without
corrections, it is the shipped head itself, however that was trained.

The distribution depends only on the bundle, so it is computed once. What remains has one unknown for each correction,
and a click takes a few milliseconds however large the replay set is.

A tag changes only if the head that has learned is sure of it (see `Hysteresis`): without that, photos that the shipped
head was nearly unsure about would change their tags on no evidence. How sure, and the other settings:
docs/decisions/0015-corrections-that-do-no-harm.md.

`self_check` measures what learning has gained. A head is right about what it was just told, so that proves nothing:
each correction is judged by a head that has learned only from the others, without shots of the same scene, because a
burst would answer for itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.folds import SIMILARITY, assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import Float, fit_gram, fit_with_precision
from alpacasorter.ml.learning.versions import SelfCheck
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head, sigmoid

_LEAST_CURVATURE = 1e-3
"""Of the log-loss of a photo of the replay set: one that the shipped head is very sure about still holds it."""

_TOLERANCE = 1e-8


class Spread:
    """How far the shipped head of a bundle may move: the normal distribution of its weights. It never changes.

    Its precision is the curvature of the replay set's log-loss at the shipped head, plus the regularization.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Compute it; takes about 0.3 s for 1,800 photos of 1,280 numbers.

        It keeps that table and the inverse of its inner products, those of the photos or those of the numbers,
        whichever are fewer: 18 and 13 MB.
        """
        replay, settings = bundle.replay, bundle.learning
        samples = replay.embeddings.astype(np.float64)
        share = sigmoid(samples @ bundle.head.weights + bundle.head.bias)
        curvature = replay.weights * np.maximum(share * (1.0 - share), _LEAST_CURVATURE)
        samples *= np.sqrt(settings.replay_weight * curvature)[:, np.newaxis]
        self._samples = samples
        self._ridge = settings.stiffness * settings.l2
        self._is_wide = samples.shape[0] < samples.shape[1]
        if self._is_wide:
            inner = samples @ samples.T
            inner[np.diag_indices_from(inner)] += self._ridge
            self._inverse = np.linalg.inv(inner)
        else:
            self._inverse = np.linalg.inv(self.precision())

    def precision(self) -> Float:
        """Return the inverse of the covariance, (p, p)."""
        found = self._samples.T @ self._samples
        found[np.diag_indices_from(found)] += self._ridge
        return found

    def directions(self, samples: Float) -> Float:
        """Return the product of the covariance with each sample, (m, p) to (m, p)."""
        if not self._is_wide:
            return np.asarray(samples @ self._inverse)
        held = (samples @ self._samples.T) @ self._inverse
        return (samples - held @ self._samples) / self._ridge


class Learner:
    """Refits the head of a bundle to the user's corrections. For one thread at a time.

    It keeps what it has computed for earlier corrections, so the next click is fast.
    """

    def __init__(self, bundle: Bundle, spread: Spread | None = None) -> None:
        """Prepare learning.

        Args:
            bundle: whose head is to learn.
            spread: that of the bundle, if it is computed already.
        """
        self._bundle = bundle
        self.spread = spread or Spread(bundle)
        self._row: dict[bytes, int] = {}
        self._samples = np.empty((0, bundle.embedding_size))
        self._directions = np.empty((0, bundle.embedding_size))
        self._gram = np.empty((0, 0))
        self._duals: dict[bytes, float] = {}

    def learn(
        self, embeddings: npt.NDArray[np.floating], labels: npt.NDArray[np.uint8] | npt.NDArray[np.bool_]
    ) -> Head:
        """Return the head for all corrections; one that is left out is forgotten.

        Without corrections, this is the shipped head. The order of the corrections and what was learned earlier only
        affect the last digits.

        Args:
            embeddings: of the corrected photos, float (m, embedding size); they are rounded to float16, as in the
                library.
            labels: the user's labels, (m,), 1 for the positive class.

        Raises:
            ValueError: the shapes don't fit, a label is not 0 or 1, or an embedding is not finite.
        """
        rounded = np.asarray(embeddings, dtype=np.float16)
        given = np.asarray(labels, dtype=np.float64)
        if rounded.ndim != 2 or rounded.shape[1] != self._bundle.embedding_size or given.shape != rounded.shape[:1]:
            raise ValueError(f"corrections of shape {rounded.shape} and labels of shape {given.shape} don't fit")
        if not np.isin(given, (0.0, 1.0)).all() or not np.isfinite(rounded).all():
            raise ValueError("labels must be 0 or 1 and embeddings finite")
        if not len(given):
            return self._bundle.head
        shipped = self._bundle.head
        weights = np.full(len(given), self._bundle.learning.correction_weight)
        if len(given) > self._bundle.embedding_size:
            samples = rounded.astype(np.float64)
            offset = samples @ shipped.weights + shipped.bias
            added = fit_with_precision(
                samples, given, weights, self.spread.precision(), offset=offset, tolerance=_TOLERANCE
            ).weights
        else:
            added = self._through_inner_products(rounded, given, weights)
        return self._bundle.learned_head(shipped.weights + added, shipped.bias, self._bundle.margin)

    def _through_inner_products(self, rounded: npt.NDArray[np.float16], given: Float, weights: Float) -> Float:
        """Return what is added to the shipped weights: a combination of the corrected photos' directions."""
        keys = [vector.tobytes() for vector in rounded]
        new = {key: place for place, key in enumerate(keys) if key not in self._row}
        if new:
            self._add(rounded[list(new.values())].astype(np.float64))
            for key in new:
                self._row[key] = len(self._row)
        rows = np.array([self._row[key] for key in keys], dtype=np.int64)
        shipped = self._bundle.head
        start = np.array([self._duals.get(key, 0.0) for key in keys])
        found = fit_gram(
            self._gram[np.ix_(rows, rows)],
            given,
            weights,
            offset=self._samples[rows] @ shipped.weights + shipped.bias,
            start_duals=start,
            with_bias=False,
            tolerance=_TOLERANCE,
        )
        self._duals = dict(zip(keys, found.duals.tolist(), strict=True))
        return np.asarray(found.duals @ self._directions[rows])

    def _add(self, samples: Float) -> None:
        """Append photos (k, p), with their directions and inner products."""
        directions = self.spread.directions(samples)
        known = directions @ self._samples.T
        self._gram = np.block([[self._gram, known.T], [known, directions @ samples.T]])
        self._samples = np.concatenate([self._samples, samples])
        self._directions = np.concatenate([self._directions, directions])


LEAVE_ONE_OUT = 20
"""Up to this many scenes, each is left out in turn; more are split into FOLDS folds."""
FOLDS = 10

_SEED = 0


def self_check(
    learner: Learner,
    embeddings: npt.NDArray[np.floating],
    labels: npt.NDArray[np.uint8],
    *,
    threshold: float,
    similarity: float = SIMILARITY,
    stopped: Callable[[], bool] = lambda: False,
) -> SelfCheck | None:
    """Return how accurate the head is on these corrections before and after learning; the result is reproducible.

    Args:
        learner: learns from parts of the corrections. It must be used for nothing else, so that the last digits don't
            depend on what it did before.
        embeddings: of the corrected photos, float (n, embedding size).
        labels: the user's labels, uint8 (n,), 1 for the positive class.
        threshold: probability from which a photo counts as positive.
        similarity: cosine similarity of embeddings from which photos count as one scene.
        stopped: asked before each part; if it returns True, None is returned.

    Raises:
        ValueError: shapes, labels or embeddings are not as `Learner.learn` needs them.
    """
    given = labels.astype(np.bool_)

    def right(learned: npt.NDArray[np.int64], judged: npt.NDArray[np.int64]) -> int:
        head = learner.learn(embeddings[learned], labels[learned])
        return int(((head.probability(embeddings[judged]) >= threshold) == given[judged]).sum())

    all_rows, no_rows = np.arange(len(labels)), np.arange(0)
    if stopped():
        return None
    before = right(no_rows, all_rows)
    still_wrong = len(labels) - right(all_rows, all_rows)
    scenes = groups_of_near_duplicates(embeddings, similarity=similarity)
    count = int(scenes.max(initial=-1)) + 1
    if count < 2:
        return SelfCheck(len(labels), before, None, still_wrong)
    folds = scenes if count <= LEAVE_ONE_OUT else assign_folds(scenes, labels.astype(np.int64), seed=_SEED, folds=FOLDS)
    after = 0
    for learned, judged in splits(folds):
        if stopped():
            return None
        after += right(learned, judged)
    return SelfCheck(len(labels), before, after, still_wrong)
