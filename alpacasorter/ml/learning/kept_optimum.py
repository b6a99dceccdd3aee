"""The optimum for many corrections, kept from one to the next, so that each costs little however many there are.

A few corrections are fitted exactly in their inner products (see `logistic`), but each step of that costs their number
cubed. Here, the weights themselves are the unknowns, and these are kept between corrections:

- the optimum, the logits of the corrected photos there, and the gradient. One more correction changes the gradient by
  its own photo only;
- the inverse of the curvature at the optimum, with which a step leads nearly to the next one. It is not computed again:
  after each step, it takes in the few photos whose curvature has changed most. What it lacks then, the gradients of the
  last steps make up for (limited-memory BFGS), and a line search along each step keeps it from going too far.

The inverse only says where to look next. Whether the optimum is reached is decided by the gradient, to the same
tolerance as everywhere. The photos are multiplied as float32, in which they are exact. The rounding of all that was
added up is estimated, and before it could matter, logits and gradient are computed again in float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.logistic import Float, step_length
from alpacasorter.ml.models.head import sigmoid

_AT_ONCE = 8
"""So many photos does the inverse take in after each step."""
_PENDING = 64
"""So many photos may wait to be worked into the inverse; until then, they are products of their own."""
_LEAST_CHANGE = 2e-2
"""In the curvature of a photo, as a share of its weight; less is not taken in."""
_PATIENCE = 12
"""After so many steps, the inverse is computed anew from all photos."""
_MOST_FAILED = 3
_MANY = 512
"""If more corrections than this change at once, and a quarter of all, it is computed anew at once."""
_BLOCK = 256
_ROUNDING = 5e-8
"""Of sums of float32 in blocks, as a share of the terms' norm; measured: below 2e-8."""
_ROUNDING_OF_LOGITS = 1e-8


class _Inverse:
    """The inverse of the penalty's curvature plus that of photos, which can be added and taken out.

    In float32: with double the numbers, each step would take longer by more than it would lead further.
    """

    def __init__(self, inverse: Float) -> None:
        """Start from an inverse, (p, p)."""
        self._base = inverse.astype(np.float32)
        self._left = self._right = self._base[:0]
        self._room = np.empty((min(_BLOCK, len(inverse)), len(inverse)), dtype=np.float32)

    def times(self, vectors: npt.NDArray[np.floating]) -> Float:
        """Return the product with a vector (p,) or with each row of (k, p)."""
        narrow = vectors.astype(np.float32)
        return (narrow @ self._base - (narrow @ self._left.T) @ self._right).astype(np.float64)

    def add(self, samples: Float, curvatures: Float) -> None:
        """Add the curvatures (k,), negative ones too, of photos (k, p)."""
        found = self.times(samples)
        inner = found @ samples.T
        inner[np.diag_indices_from(inner)] += 1.0 / curvatures
        self._left = np.concatenate([self._left, found], dtype=np.float32, casting="same_kind")
        self._right = np.concatenate(
            [self._right, np.linalg.solve(inner, found)], dtype=np.float32, casting="same_kind"
        )
        if len(self._left) >= _PENDING:
            for start in range(0, len(self._base), _BLOCK):
                rows = slice(start, start + _BLOCK)
                part = self._room[: len(self._base[rows])]
                np.matmul(self._left[:, rows].T, self._right, out=part)
                self._base[rows] -= part
            self._left, self._right = self._left[:0], self._right[:0]


class KeptOptimum:
    """The weights that are added to a head, at the optimum of corrections and a quadratic penalty.

    The objective is that of `logistic.fit_gram` without a bias, with w . precision w / 2 as the penalty.

    Attributes:
        count: how many photos were added.
        rebuilt: how often the inverse was computed from all photos, which takes long.
    """

    def __init__(self, precision: Float, covariance: Float, start: Float) -> None:
        """Start with no corrections.

        Args:
            precision, covariance: of the penalty, (p, p), the inverses of each other.
            start: weights (p,) near the optimum of what will be asked first.
        """
        self._precision = precision
        self._inverse = _Inverse(covariance)
        self._added = start.copy()
        self._table = np.empty((0, len(precision)), dtype=np.float32)
        # Of each photo: the shipped logit, the logit now, target, weight, pull on its logit, curvature in the inverse.
        self._offsets, self._logits, self._targets, self._weights, self._pull, self._held = np.empty((6, 0))
        self.count = 0
        self._gradient = precision @ start
        self._largest = 0.0
        self._doubt = 0.0
        self.rebuilt = 0

    def add(self, samples: npt.NDArray[np.float16], offsets: Float) -> None:
        """Append photos (k, p) with the shipped head's logits (k,); they count only once `fit` gives them a weight."""
        end = self.count + len(samples)
        if end > len(self._table):
            # Room for some more, so that not every correction copies all.
            grown = np.zeros((end + end // 8 + _BLOCK, self._table.shape[1]), dtype=np.float32)
            grown[: self.count] = self._table[: self.count]
            self._table = grown
        new = slice(self.count, end)
        self._table[new] = samples
        wide = samples.astype(np.float64)
        self._largest = max(self._largest, float(np.sqrt((wide**2).sum(axis=1).max(initial=0.0))))
        nothing = np.zeros(len(samples))
        logits = offsets + wide @ self._added
        self._offsets = np.concatenate([self._offsets, offsets])
        self._logits = np.concatenate([self._logits, logits])
        self._targets, self._weights, self._pull, self._held = (
            np.concatenate([known, nothing]) for known in (self._targets, self._weights, self._pull, self._held)
        )
        self.count = end

    def fit(self, targets: Float, weights: Float, tolerance: float) -> Float:
        """Return the weights (p,) at the optimum; what was fitted before only affects the last digits.

        Args:
            targets: from 0 to 1, of each photo added, (n,).
            weights: 0 or more, (n,); photos with 0 do not count.
            tolerance: the largest gradient accepted.
        """
        changed = np.flatnonzero((targets != self._targets) | (weights != self._weights))
        self._targets, self._weights = targets, weights
        if len(changed) > max(_MANY, self.count // 4):
            self._synchronize()
            self._rebuild()
        else:
            before, self._pull = self._pull, self._pulls()
            self._gradient += (self._pull - before)[changed] @ self._table[changed].astype(np.float64)
            if len(changed) > _AT_ONCE:
                self._take_in(len(changed))
        least, failed = np.inf, 0
        # A gradient that falls no further is as small as numbers of this size allow.
        while not self._descend(tolerance) and failed < _MOST_FAILED:
            self._synchronize()
            now = float(np.linalg.norm(self._gradient))
            failed = 0 if now < least / 2 else failed + 1
            least = min(least, now)
            self._rebuild()
        return self._added.copy()

    def _descend(self, tolerance: float) -> bool:
        """Go toward the optimum; return whether it was reached."""
        steps: list[Float] = []
        changes: list[Float] = []
        for _ in range(_PATIENCE):
            if float(np.linalg.norm(self._gradient)) <= tolerance:
                if self._doubt <= tolerance / 2:
                    return True
                self._synchronize()
                continue
            self._take_in(_AT_ONCE)
            step = _direction(self._gradient, self._inverse, steps, changes)
            if float(step @ self._gradient) >= 0:
                return False
            before = self._gradient
            step = self._go(step)
            if float(step @ (change := self._gradient - before)) > 0:
                steps.append(step)
                changes.append(change)
        return False

    def _go(self, step: Float) -> Float:
        """Go along a step as far as the objective falls; return what that adds to the weights."""
        logits_step = (self._table[: self.count] @ step.astype(np.float32)).astype(np.float64)
        penalty_step = self._precision @ step
        length = step_length(
            self._logits,
            logits_step,
            self._targets,
            self._weights,
            float(self._added @ penalty_step),
            float(step @ penalty_step),
        )
        step *= length
        self._added += step
        self._logits += length * logits_step
        before, self._pull = self._pull, self._pulls()
        change = self._pull - before
        self._gradient = self._gradient + length * penalty_step
        narrow = change.astype(np.float32)
        for start in range(0, self.count, _BLOCK):
            rows = slice(start, min(start + _BLOCK, self.count))
            self._gradient += narrow[rows] @ self._table[rows]
        bend = float(np.linalg.norm(self._curvatures())) * self._largest * float(np.linalg.norm(step))
        self._doubt += self._largest * (_ROUNDING * float(np.linalg.norm(change)) + _ROUNDING_OF_LOGITS * bend)
        return step

    def _take_in(self, at_once: int) -> None:
        """Have the inverse follow the photos whose curvature has changed most."""
        change = self._curvatures() - self._held
        most = np.argsort(-np.abs(change), kind="stable")[:at_once]
        most = most[np.abs(change[most]) > _LEAST_CHANGE * self._weights[most]]
        if len(most):
            self._inverse.add(self._table[most].astype(np.float64), change[most])
            self._held[most] += change[most]

    def _synchronize(self) -> None:
        """Compute logits and gradient from the weights, in float64."""
        self._gradient, self._doubt = self._precision @ self._added, 0.0
        for start in range(0, self.count, _BLOCK):
            rows = slice(start, min(start + _BLOCK, self.count))
            samples = self._table[rows].astype(np.float64)
            self._logits[rows] = self._offsets[rows] + samples @ self._added
            self._pull[rows] = self._weights[rows] * (sigmoid(self._logits[rows]) - self._targets[rows])
            self._gradient += self._pull[rows] @ samples

    def _rebuild(self) -> None:
        """Compute the inverse from all photos, and go one Newton step: with extreme settings, float32 is not enough."""
        self.rebuilt += 1
        curvature = self._precision.copy()
        self._held = self._curvatures()
        for start in range(0, self.count, 4 * _BLOCK):
            rows = slice(start, min(start + 4 * _BLOCK, self.count))
            scaled = self._table[rows] * np.sqrt(self._held[rows])[:, np.newaxis]
            curvature += scaled.T @ scaled
        self._go(np.asarray(-np.linalg.solve(curvature, self._gradient)))
        self._inverse = _Inverse(np.asarray(np.linalg.inv(curvature)))

    def _pulls(self) -> Float:
        return np.asarray(self._weights * (sigmoid(self._logits) - self._targets))

    def _curvatures(self) -> Float:
        share = sigmoid(self._logits)
        return np.asarray(self._weights * share * (1.0 - share))


def _direction(gradient: Float, inverse: _Inverse, steps: Sequence[Float], changes: Sequence[Float]) -> Float:
    """Return where the objective falls: by the inverse, and what the gradient's changes along earlier steps tell."""
    rest, shares = gradient.copy(), list[float]()
    for step, change in zip(reversed(steps), reversed(changes), strict=True):
        shares.append(float(step @ rest) / float(step @ change))
        rest -= shares[-1] * change
    found = inverse.times(rest)
    for step, change, share in zip(steps, changes, reversed(shares), strict=True):
        found += step * (share - float(change @ found) / float(step @ change))
    return -found
