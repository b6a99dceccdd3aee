"""The optimum of the head: L2-regularized logistic regression by Newton's method, in NumPy and float64.

The objective is

    sum_i c_i * (log(1 + exp(f_i)) - t_i * f_i) + (l2 / 2) * |w|^2,      f_i = o_i + x_i . w + b

with targets t, sample weights c, an unregularized bias b, and offsets o, which are usually 0. With targets of 0 and 1,
scikit-learn's `LogisticRegression` with C = 1 / l2 has the same objective. It is convex, so there is one optimum, and
Newton steps with a line search always reach it.

Offsets are the logits of an existing head: then w and b are what is added to it, and l2 pulls toward that head instead
of toward zero.

With fewer samples than numbers per sample, the solution is a combination of the samples, w = X' a. Then only a is
unknown, and the samples are needed only in their inner products (the Gram matrix), to which a learner adds a row for
each correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.models.head import sigmoid

Float = npt.NDArray[np.float64]

MAX_ITERATIONS = 100
_TRIALS = 40
_SHORTEST = 1e-15
_FLAT = 0.01


class Problem(Protocol):
    """A convex objective for Newton's method.

    `at` are the unknowns, with the bias last. `mixed` are the logits that follow from them, with the offsets but
    without the bias.
    """

    targets: Float
    weights: Float

    def project(self, at: Float) -> Float:
        """Return `mixed` for `at`."""
        ...

    def evaluate(self, at: Float, mixed: Float) -> float:
        """Compute the gradient and return its length."""
        ...

    def step(self) -> tuple[Float, Float]:
        """Return the Newton step from the point last evaluated, and what it adds to `mixed`."""
        ...

    def penalty(self, at: Float, step: Float, mixed_step: Float) -> tuple[float, float]:
        """Return the first and second derivative of the penalty along `step`."""
        ...


def minimize(problem: Problem, at: Float, tolerance: float) -> tuple[Float, int, bool]:
    """Minimize from `at` until the gradient is at most `tolerance` long.

    Returns:
        The point, the number of steps, and whether it converged.
    """
    mixed = problem.project(at)
    for iteration in range(MAX_ITERATIONS):
        if problem.evaluate(at, mixed) <= tolerance:
            return at, iteration, True
        step, mixed_step = problem.step()
        first, second = problem.penalty(at, step, mixed_step)
        change = mixed_step + step[-1]
        length = step_length(mixed + at[-1], change, problem.targets, problem.weights, first, second)
        at, mixed = at + length * step, mixed + length * mixed_step
    return at, MAX_ITERATIONS, problem.evaluate(at, mixed) <= tolerance


def step_length(logits: Float, change: Float, targets: Float, weights: Float, first: float, second: float) -> float:
    """Return how far to go along a step: approximately to where the objective stops falling.

    The line search needs no product with the samples, while a Newton step does, so it pays to search carefully. A photo
    that was confidently misclassified makes the full step overshoot many times over.

    Args:
        logits, change: of each sample, and what the full step adds to them, (n,).
        targets, weights: of each sample, (n,).
        first, second: first and second derivative of the penalty along the step.
    """
    low, high, length = 0.0, np.inf, 1.0
    initial = None
    for trial in (0.0, *[1.0] * _TRIALS):
        where = trial * length
        share = sigmoid(logits + where * change)
        slope = float((weights * (share - targets)) @ change) + first + where * second
        if initial is None:
            initial = abs(slope)
            continue
        if abs(slope) <= _FLAT * initial:
            break
        low, high = (length, high) if slope < 0 else (low, length)
        curvature = float((weights * share * (1.0 - share)) @ change**2) + second
        target = length - slope / curvature if curvature > 0 else np.inf
        if not low < target < high:
            # If every photo is saturated, the step may be too long by many powers of ten: halve the exponent.
            target = float(np.sqrt(max(low, _SHORTEST) * high)) if high < np.inf else 4 * length
        length = target
    return length


TOLERANCE = 1e-9
_LEAST_CURVATURE = 1e-12


class NotFinite(ValueError):
    """The samples, weights or start contain numbers that are not finite, so there is no optimum."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The optimum of one problem.

    Attributes:
        weights: float64 (p,).
        bias: the unregularized offset.
        iterations: number of Newton steps.
        converged: whether the gradient fell below the tolerance.
    """

    weights: Float
    bias: float
    iterations: int
    converged: bool


@dataclass(frozen=True, eq=False)
class GramSolution:
    """The optimum in terms of the samples: weights = samples.T @ duals.

    Attributes:
        duals: float64 (n,).
        bias, iterations, converged: as in `Solution`.
    """

    duals: Float
    bias: float
    iterations: int
    converged: bool


def fit_logistic(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    l2: float = 1.0,
    *,
    tolerance: float = TOLERANCE,
) -> Solution:
    """Return the optimum for samples x (n, p) and targets y (n,).

    Separable, repeated and zero-weight samples are allowed. With only one class, the best bias would be infinite: then
    the weights are 0, and the bias is the log-odds of the class shares with half a sample added to each class (0
    without samples).

    Args:
        x: real numbers (n, p); n may be 0.
        y: from 0 to 1, (n,); a value in between is the share of such samples that are 1.
        sample_weight: (n,), 0 or more; 1 by default.
        l2: regularization strength, above 0.
        tolerance: the largest gradient accepted, relative to the total sample weight.

    Raises:
        ValueError: shapes, targets, weights, l2 or tolerance are not as above (`NotFinite` for numbers that are not
            finite).
    """
    samples = np.ascontiguousarray(x, dtype=np.float64)
    if samples.ndim != 2:
        raise ValueError(f"samples must be a table (n, p), not of shape {samples.shape}")
    targets, weights, _offsets = _checked(samples.shape[0], y, sample_weight, None, l2, tolerance)
    if not np.isfinite(samples).all():
        raise NotFinite("a sample contains a number that is not finite")
    if samples.shape[0] < samples.shape[1]:
        found = fit_gram(samples @ samples.T, targets, weights, l2, tolerance=tolerance)
        return Solution(samples.T @ found.duals, found.bias, found.iterations, found.converged)
    only_bias = _for_one_class(targets, weights)
    if only_bias is not None:
        return Solution(np.zeros(samples.shape[1]), only_bias, 0, True)
    problem = _Primal(samples, targets, weights, l2)
    at = np.zeros(samples.shape[1] + 1)
    at[-1] = _log_odds(targets, weights)
    at, iterations, converged = minimize(problem, at, tolerance * float(weights.sum()))
    return Solution(at[:-1], float(at[-1]), iterations, converged)


def fit_gram(
    gram: Float,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    l2: float = 1.0,
    *,
    offset: npt.ArrayLike | None = None,
    start: Float | None = None,
    with_bias: bool = True,
    tolerance: float = TOLERANCE,
) -> GramSolution:
    """Return the optimum for samples given by their inner products: gram, float64 (n, n), symmetric.

    The other arguments, and the exceptions, are those of `fit_logistic`.

    Args:
        offset: logits added to those of the samples, (n,); 0 by default.
        start: duals to start from, (n,), for example those of a similar problem. The result does not depend on them.
        with_bias: if not, the bias stays 0, and samples of one class have an optimum like any others.
    """
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise ValueError(f"the inner products must be a square table, not of shape {gram.shape}")
    n = gram.shape[0]
    targets, weights, offsets = _checked(n, y, sample_weight, offset, l2, tolerance)
    # One number that is not finite makes the sum not finite, so no Boolean array of this size is needed.
    if not np.isfinite(gram.sum()):
        raise NotFinite("a sample contains a number that is not finite")
    at = np.zeros(n + 1)
    if with_bias:
        only_bias = _for_one_class(targets, weights)
        if only_bias is not None:
            return GramSolution(np.zeros(n), only_bias, 0, True)
        at[-1] = _log_odds(targets, weights)
    if start is not None:
        at[:-1] = start
    if not np.isfinite(at).all():
        raise NotFinite("the start contains a number that is not finite")
    problem = _Dual(gram, targets, weights, offsets, l2, with_bias)
    at, iterations, converged = minimize(problem, at, tolerance * float(weights.sum()))
    return GramSolution(at[:-1], float(at[-1]), iterations, converged)


def _checked(
    n: int,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    offset: npt.ArrayLike | None,
    l2: float,
    tolerance: float,
) -> tuple[Float, Float, Float]:
    targets = np.asarray(y, dtype=np.float64)
    weights = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    offsets = np.zeros(n) if offset is None else np.asarray(offset, dtype=np.float64)
    if targets.shape != (n,) or weights.shape != (n,) or offsets.shape != (n,):
        raise ValueError(f"{n} samples need as many targets, weights and offsets, not {targets.shape}, {weights.shape}")
    if not ((targets >= 0.0) & (targets <= 1.0)).all():
        raise ValueError("targets must be from 0 to 1")
    if not (np.isfinite(weights).all() and np.isfinite(offsets).all()):
        raise NotFinite("a sample weight or offset is not finite")
    if (weights < 0).any():
        raise ValueError("sample weights must not be negative")
    if not (np.isfinite(l2) and l2 > 0 and tolerance > 0):
        raise ValueError("l2 and tolerance must be above 0")
    return targets, weights, offsets


def _for_one_class(targets: Float, weights: Float) -> float | None:
    positive = float(weights @ targets)
    negative = float(weights @ (1.0 - targets))
    if positive > 0 and negative > 0:
        return None
    return float(np.log(positive + 0.5) - np.log(negative + 0.5))


def _log_odds(targets: Float, weights: Float) -> float:
    return float(np.log(weights @ targets) - np.log(weights @ (1.0 - targets)))


class _Primal:
    """The problem in (weights, bias), for many samples."""

    def __init__(self, samples: Float, targets: Float, weights: Float, l2: float) -> None:
        self._x = np.hstack([samples, np.ones((samples.shape[0], 1))])
        self.targets, self.weights = targets, weights
        self._ridge = np.append(np.full(samples.shape[1], l2), 0.0)

    def project(self, at: Float) -> Float:
        return np.asarray(self._x[:, :-1] @ at[:-1])

    def evaluate(self, at: Float, mixed: Float) -> float:
        self._share = sigmoid(mixed + at[-1])
        self._gradient = self._x.T @ (self.weights * (self._share - self.targets)) + self._ridge * at
        return float(np.linalg.norm(self._gradient))

    def step(self) -> tuple[Float, Float]:
        scaled = self._x * np.sqrt(self.weights * self._share * (1.0 - self._share))[:, np.newaxis]
        hessian = scaled.T @ scaled
        # The bias is not regularized: if every sample is saturated, its curvature would vanish.
        hessian[np.diag_indices_from(hessian)] += _LEAST_CURVATURE
        hessian[np.diag_indices_from(hessian)] += self._ridge
        step = -np.linalg.solve(hessian, self._gradient)
        return step, self._x[:, :-1] @ step[:-1]

    def penalty(self, at: Float, step: Float, mixed_step: Float) -> tuple[float, float]:
        penalized = self._ridge * step
        return float(at @ penalized), float(step @ penalized)


class _Dual:
    """The problem in (duals, bias), weights = samples.T @ duals, for fewer samples than numbers per sample.

    With the Gram matrix K, the residuals r = c (t - p) and S = sqrt(c p (1 - p)), the stationary point is l2 a = r,
    sum r = 0, and the Newton step solves (l2 I + S^2 K) da + S^2 1 db = r - l2 a. Written in terms of A = l2 I + S K S,
    whose eigenvalues are at least l2, nothing is divided by S, which is 0 for saturated samples and for samples with
    weight 0.
    """

    def __init__(self, gram: Float, targets: Float, weights: Float, offsets: Float, l2: float, with_bias: bool) -> None:
        self.targets, self.weights = targets, weights
        self._gram, self._offsets, self._l2, self._with_bias = gram, offsets, l2, with_bias

    def project(self, at: Float) -> Float:
        return self._offsets + self._gram @ at[:-1]

    def evaluate(self, at: Float, mixed: Float) -> float:
        share = sigmoid(mixed + at[-1])
        residual = self.weights * (self.targets - share)
        self._lack = residual - self._l2 * at[:-1]
        self._lack_mixed = self._gram @ self._lack
        self._root = np.sqrt(self.weights * share * (1.0 - share))
        self._surplus = float(residual.sum()) if self._with_bias else 0.0
        # The gradient in (weights, bias) is (-samples.T @ lack, -surplus); its length follows from inner products.
        return float(np.sqrt(max(float(self._lack @ self._lack_mixed), 0.0) + self._surplus**2))

    def step(self) -> tuple[Float, Float]:
        root, curvature = self._root, self._root**2
        right = np.stack([root * self._lack_mixed, root], axis=1)
        matrix = self._gram * root
        matrix *= root[:, np.newaxis]
        matrix[np.diag_indices_from(matrix)] += self._l2
        solved = root[:, np.newaxis] * np.linalg.solve(matrix, right)
        # The step of the duals is the first column minus `bias_step` times the second.
        both = np.stack([(self._lack - solved[:, 0]) / self._l2, solved[:, 1]], axis=1)
        mixed = self._gram @ both
        bias_step = 0.0
        if self._with_bias:
            numerator = self._surplus - float(curvature @ mixed[:, 0])
            bias_step = numerator / max(float(curvature.sum() - curvature @ mixed[:, 1]), _LEAST_CURVATURE)
        split = np.array([1.0, -bias_step])
        duals_step = both @ split
        return np.append(duals_step, bias_step), mixed @ split

    def penalty(self, at: Float, step: Float, mixed_step: Float) -> tuple[float, float]:
        return self._l2 * float(at[:-1] @ mixed_step), self._l2 * float(step[:-1] @ mixed_step)
