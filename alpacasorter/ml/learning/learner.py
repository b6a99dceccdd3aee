"""Learning from corrections: each click gives the exact optimum for all corrections together.

Learning starts from the shipped head and departs from it as little as the corrections allow. How far the shipped head
may move is a normal distribution around it: its spread is small in the directions in which the photos of the replay set
differ, above all those that the shipped head is unsure about, and large in the others. The optimum of the corrections'
log-loss and the distance from the shipped head, measured by this distribution, is convex and unique; without
corrections, it is the shipped head itself, however that was trained.

The distribution depends only on the bundle, so it is computed once. What remains has one unknown for each correction,
and a click takes a few milliseconds however large the replay set is. With hundreds of corrections, the optimum is kept,
and a click only leads on to the next one (`kept_optimum`).

A tag changes only if the head that has learned is sure of it (see `Hysteresis`): without that, photos that the shipped
head was nearly unsure about would change their tags on no evidence. How sure, and the other settings:
docs/decisions/0015-corrections-that-do-no-harm.md.

`self_check` measures what learning has gained. A head is right about what it was just told, so that proves nothing:
each correction is judged by a head that has learned only from the others, without shots of the same scene, because a
burst would answer for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.corrections import Vector
from alpacasorter.ml.learning.folds import SIMILARITY, assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.kept_optimum import KeptOptimum
from alpacasorter.ml.learning.logistic import Float, fit_gram
from alpacasorter.ml.learning.versions import SelfCheck
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head, sigmoid

_LEAST_CURVATURE = 1e-3
"""Of the log-loss of a photo of the replay set: one that the shipped head is very sure about still holds it."""

_TOLERANCE = 1e-8
"""The largest gradient accepted, relative to the total weight of the corrections."""

_MOST_UNUSED = 512
"""If there are more samples than these and twice the corrections, those left out are forgotten for good."""

_FEW = 256
_FEWEST_NUMBERS_EACH = 5
"""Up to so many photos with corrections, or one for so many numbers each has, are fitted in their inner products."""


class Spread:
    """How far the shipped head of a bundle may move: the normal distribution of its weights. It never changes.

    Its precision is the curvature of the replay set's log-loss at the shipped head, plus the regularization.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Compute it; takes about 0.3 s for 1,800 photos of 1,280 numbers.

        It keeps two tables of the numbers by the numbers, 13 MB each; with fewer photos than numbers, one of the photos
        by the numbers and one of the photos by the photos.
        """
        replay, settings = bundle.replay, bundle.learning
        samples = replay.embeddings.astype(np.float64)
        share = sigmoid(samples @ bundle.head.weights + bundle.head.bias)
        curvature = replay.weights * np.maximum(share * (1.0 - share), _LEAST_CURVATURE)
        samples *= np.sqrt(settings.replay_weight * curvature)[:, np.newaxis]
        self._ridge = settings.stiffness * settings.l2
        self._samples: Float | None = None
        if samples.shape[0] < samples.shape[1]:
            self._samples = samples
            self._inverse = np.linalg.inv(self._plus_ridge(samples @ samples.T))
        else:
            self.precision = self._plus_ridge(samples.T @ samples)
            self._inverse = np.linalg.inv(self.precision)

    def _plus_ridge(self, inner: Float) -> Float:
        inner[np.diag_indices_from(inner)] += self._ridge
        return inner

    @cached_property
    def precision(self) -> Float:
        """The inverse of the covariance, (p, p)."""
        assert self._samples is not None
        return self._plus_ridge(self._samples.T @ self._samples)

    def covariance(self) -> Float:
        """Return the covariance, (p, p), as a new array."""
        if self._samples is None:
            return np.array(self._inverse)
        found = self._samples.T @ (self._inverse @ self._samples)
        found /= -self._ridge
        found[np.diag_indices_from(found)] += 1.0 / self._ridge
        return found

    def directions(self, samples: Float) -> Float:
        """Return the product of the covariance with each sample, (m, p) to (m, p)."""
        if self._samples is None:
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
        self._size = (bundle.embedding_size,)
        self._few = max(_FEW, bundle.embedding_size // _FEWEST_NUMBERS_EACH)
        self._forget(np.zeros(bundle.embedding_size))

    def _forget(self, added: Float) -> None:
        """Forget all corrections, but not what was added to the weights for them."""
        size = self._bundle.embedding_size
        # Looking a vector up by its bytes takes long with thousands, and those of corrections stay the same objects.
        # These are kept here, so that no others can get their ids.
        self._known: dict[int, tuple[Vector, int]] = {}
        self._row: dict[bytes, int] = {}
        self._samples: list[Vector] = []
        self._table = self._directions = np.empty((0, size))
        self._gram = np.empty((0, 0))
        self._duals = np.empty(0)
        self._kept: KeptOptimum | None = None
        self._added = added

    def learn(
        self,
        embeddings: npt.NDArray[np.floating] | Sequence[npt.NDArray[np.floating]],
        labels: npt.NDArray[np.uint8] | npt.NDArray[np.bool_],
    ) -> Head:
        """Return the head for all corrections; one that is left out is forgotten.

        Without corrections, this is the shipped head. The order of the corrections and what was learned earlier only
        affect the last digits.

        Args:
            embeddings: of the corrected photos, m of float (embedding size,); they are rounded to float16, as in the
                library. The numbers in them must never change.
            labels: the user's labels, (m,), 1 for the positive class.

        Raises:
            ValueError: the shapes don't fit, a label is not 0 or 1, or an embedding is not finite.
        """
        given = np.asarray(labels, dtype=np.float64)
        shape = embeddings.shape if isinstance(embeddings, np.ndarray) else (len(embeddings), *self._size)
        if shape != (len(embeddings), *self._size) or given.shape != shape[:1]:
            raise ValueError(f"corrections of shape {shape} and labels of shape {given.shape} don't fit")
        if not np.isin(given, (0.0, 1.0)).all():
            raise ValueError("labels must be 0 or 1")
        if not len(given):
            return self._bundle.head
        rows, shipped = self._rows_of(embeddings), self._bundle.head
        if len(self._samples) > _MOST_UNUSED + 2 * len(rows):
            self._forget(self._added)
            rows = self._rows_of(embeddings)
        count = np.bincount(rows, minlength=len(self._samples))
        # Copies of a photo count as one that weighs more; if they are called differently, its target is in between.
        targets = np.asarray(np.bincount(rows, given, len(self._samples)) / np.maximum(count, 1))
        weights = np.asarray(self._bundle.learning.correction_weight * count)
        if self._kept is None and np.count_nonzero(count) <= self._few:
            self._added = self._through_inner_products(targets, weights)
        else:
            self._added = self._from_the_last(targets, weights)
        return self._bundle.learned_head(shipped.weights + self._added, shipped.bias, self._bundle.margin)

    def _rows_of(self, embeddings: Iterable[npt.NDArray[np.floating]]) -> npt.NDArray[np.int64]:
        """Return the number of each photo among the samples, to which new ones are added."""
        vectors = list(embeddings)
        keys = list(map(id, vectors))
        unknown = {key: vector for key, vector in zip(keys, vectors, strict=True) if key not in self._known}
        rounded = [np.asarray(vector, dtype=np.float16) for vector in unknown.values()]
        if any(one.shape != self._size or not np.isfinite(one).all() for one in rounded):
            raise ValueError(f"embeddings must be of shape {self._size} each and finite, or they don't fit")
        for (key, vector), one in zip(unknown.items(), rounded, strict=True):
            row = self._row.setdefault(one.tobytes(), len(self._samples))
            if row == len(self._samples):
                self._samples.append(one)
            self._known[key] = vector, row
        if len(self._known) > _MOST_UNUSED + 2 * len(keys):
            self._known = {key: self._known[key] for key in keys}
        return np.array([self._known[key][1] for key in keys], dtype=np.int64)

    def _through_inner_products(self, targets: Float, weights: Float) -> Float:
        """Return what is added to the shipped weights: a combination of the corrected photos' directions."""
        if len(self._gram) < len(self._samples):
            samples = np.stack(self._samples[len(self._gram) :]).astype(np.float64)
            directions = self.spread.directions(samples)
            known = directions @ self._table.T
            self._gram = np.block([[self._gram, known.T], [known, directions @ samples.T]])
            self._table = np.concatenate([self._table, samples])
            self._directions = np.concatenate([self._directions, directions])
            self._duals = np.append(self._duals, np.zeros(len(directions)))
        rows, shipped = np.flatnonzero(weights), self._bundle.head
        found = fit_gram(
            self._gram[np.ix_(rows, rows)],
            targets[rows],
            weights[rows],
            offset=self._table[rows] @ shipped.weights + shipped.bias,
            start=self._duals[rows],
            with_bias=False,
            tolerance=_TOLERANCE,
        )
        self._duals[:] = 0.0
        self._duals[rows] = found.duals
        return np.asarray(found.duals @ self._directions[rows])

    def _from_the_last(self, targets: Float, weights: Float) -> Float:
        """Return what is added to the shipped weights, found from what was added last."""
        if self._kept is None:
            self._kept = KeptOptimum(self.spread.precision, self.spread.covariance(), self._added)
            # Their numbers would grow with the square of the corrections.
            self._table, self._directions, self._gram = self._table[:0], self._directions[:0], self._gram[:0, :0]
        new, shipped = self._samples[self._kept.count :], self._bundle.head
        if new:
            samples = np.stack(new)
            self._kept.add(samples, samples.astype(np.float64) @ shipped.weights + shipped.bias)
        return self._kept.fit(targets, weights, _TOLERANCE * float(weights.sum()))


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
