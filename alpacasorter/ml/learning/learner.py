"""Learning from corrections: each click gives the exact optimum for the replay set and all corrections together.

Learning starts from the shipped head and departs from it as little as the corrections allow. On the photos of the
replay set, the head should keep saying what the shipped one says; on the corrected photos, what the user said; and its
weights should stay near those of the shipped head. Together these are one convex objective, whose optimum without
corrections is the shipped head itself, however it was trained, including together with its backbone.

A correction counts as much as several photos of the replay set, and photos that look much like it but have the opposite
label are ignored: the user's idea of a class outranks the training data. How much and how alike:
docs/decisions/0006-learning-from-the-shipped-head.md.

`self_check` measures what learning has gained. A head is right about what it was just told, so that proves nothing:
each correction is judged by a head that has learned only from the others, without shots of the same scene, because a
burst would answer for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.folds import SIMILARITY, assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import Float, Solution, fit_gram, fit_logistic
from alpacasorter.ml.learning.versions import SelfCheck
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head, sigmoid

SAME_PHOTO = 0.9995
"""Cosine similarity of embeddings from which they are of the same photo: more than any two shots of a burst have, but
low enough to allow for rounding."""

_LEAST_LENGTH = 1e-12
_ROOM = 64
_GRAM_LIMIT = 2
_TOLERANCE = 1e-8


class Learner:
    """Refits the head of a bundle to the user's corrections. For one thread at a time.

    It keeps what it has computed for earlier corrections, so the next click is fast.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Prepare the replay set; takes about 0.05 s for that of the bundled model."""
        self._bundle = bundle
        replay = bundle.replay
        self._replayed = len(replay.labels)
        self._weights = replay.weights.astype(np.float64)
        self._labels = replay.labels.astype(np.float64)
        samples = replay.embeddings.astype(np.float64)
        self._samples = _Samples(samples, bundle.learning.l2, bundle.head)
        # What the shipped head says, not the labels: so the shipped head is the optimum without corrections.
        self._targets = sigmoid(samples @ bundle.head.weights + bundle.head.bias).astype(np.float64)
        self._row: dict[bytes, int] = {}
        self._yielding: dict[int, npt.NDArray[np.int64]] = {}

    def learn(
        self, embeddings: npt.NDArray[np.floating], labels: npt.NDArray[np.uint8] | npt.NDArray[np.bool_]
    ) -> Head:
        """Return the head for all corrections; one that is left out is forgotten.

        A correction of a photo in the replay set replaces it there. Without corrections, this is the shipped head. The
        order of the corrections and what was learned earlier only affect the last digits.

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
        rows = self._rows(rounded, given)
        weights = np.zeros(len(self._targets))
        weights[: self._replayed] = self._weights
        for row in np.unique(rows):
            weights[self._yielding[int(row)]] = 0.0
        np.add.at(weights, rows, self._bundle.learning.correction_weight)
        found, bias = self._samples.fit(self._targets, weights)
        return replace(self._bundle.head, weights=found, bias=bias)

    def _rows(self, rounded: npt.NDArray[np.float16], given: Float) -> npt.NDArray[np.int64]:
        """Return the row of each correction among the samples, adding the new ones."""
        # The label is part of the key: two copies of a photo with different labels are two corrections.
        keys = [vector.tobytes() + bytes([int(label)]) for vector, label in zip(rounded, given, strict=True)]
        new = {key: place for place, key in enumerate(keys) if key not in self._row}
        if new:
            places = list(new.values())
            first = len(self._targets)
            products, lengths = self._samples.add(rounded[places].astype(np.float64))
            self._targets = np.concatenate([self._targets, given[places]])
            for offset, (key, place) in enumerate(new.items()):
                self._row[key] = first + offset
                cosines = products[: self._replayed, offset] / np.maximum(
                    lengths[: self._replayed] * lengths[first + offset], _LEAST_LENGTH
                )
                opposite = self._labels != given[place]
                alike = opposite & (cosines >= self._bundle.learning.yield_similarity)
                self._yielding[first + offset] = np.flatnonzero(alike | (cosines >= SAME_PHOTO))
        return np.array([self._row[key] for key in keys], dtype=np.int64)


class _Samples:
    """The photos to learn from, their inner products, and the last optimum, from which the next search starts.

    Photos are only added; one that no longer counts gets the weight 0.
    """

    def __init__(self, samples: Float, l2: float, head: Head) -> None:
        self._count = 0
        self._l2 = l2
        self._shipped = head
        self._samples = np.empty((0, samples.shape[1]))
        self._gram = np.empty((0, 0))
        self._lengths = np.empty(0)
        self._offsets = np.empty(0)
        self._duals: Float | None = None
        self._last = Solution(np.zeros(samples.shape[1]), 0.0, 0, True)
        self.add(samples)

    def add(self, samples: Float) -> tuple[Float, Float]:
        """Append samples (k, p); return their inner products with all samples (n, k) and the lengths of all (n,)."""
        first, self._count = self._count, self._count + len(samples)
        if self._count > len(self._samples):
            room = self._count + _ROOM + self._count // 8
            self._samples = _resized(self._samples, (room, samples.shape[1]))
            self._gram = _resized(self._gram, (room, room) if self._through_gram else (0, 0))
        self._samples[first : self._count] = samples
        products = self._samples[: self._count] @ samples.T
        if self._through_gram:
            self._gram[: self._count, first : self._count] = products
            self._gram[first : self._count, : self._count] = products.T
        self._lengths = np.concatenate([self._lengths, np.linalg.norm(samples, axis=1)])
        self._offsets = np.concatenate([self._offsets, samples @ self._shipped.weights + self._shipped.bias])
        return products, self._lengths

    @property
    def _through_gram(self) -> bool:
        # With more samples than numbers per sample, the inner products are larger than the samples themselves.
        return self._count <= _GRAM_LIMIT * self._samples.shape[1]

    def fit(self, targets: Float, weights: Float) -> tuple[Float, float]:
        """Return the optimum's weights (p,) and bias for targets from 0 to 1 and weights, both (n,)."""
        samples = self._samples[: self._count]
        if self._through_gram:
            self._last = self._fit_gram(samples, targets, weights)
        else:
            self._last = fit_logistic(
                samples,
                targets,
                weights,
                self._l2,
                offset=self._offsets,
                start=self._last,
                tolerance=_TOLERANCE,
            )
        return self._shipped.weights + self._last.weights, self._shipped.bias + self._last.bias

    def _fit_gram(self, samples: Float, targets: Float, weights: Float) -> Solution:
        start = np.zeros(self._count)
        if self._duals is not None:
            start[: len(self._duals)] = self._duals
        found = fit_gram(
            self._gram[: self._count, : self._count],
            targets,
            weights,
            self._l2,
            offset=self._offsets,
            start_duals=start,
            start_bias=self._last.bias,
            tolerance=_TOLERANCE,
        )
        self._duals = found.duals
        return Solution(samples.T @ found.duals, found.bias, found.iterations, found.converged)


def _resized(array: Float, shape: tuple[int, int]) -> Float:
    """Return an array of `shape` that contains `array`, as far as it fits; the other values are undefined."""
    larger = np.empty(shape)
    rows, columns = min(array.shape[0], shape[0]), min(array.shape[1], shape[1])
    larger[:rows, :columns] = array[:rows, :columns]
    return larger


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
