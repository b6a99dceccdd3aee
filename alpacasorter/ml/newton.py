"""Newton's method with a careful line search, for the convex objectives of a logistic regression."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

MAX_ITERATIONS = 100
_TRIALS = 40
_SHORTEST = 1e-15
_FLAT = 0.01


def sigmoid(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return 1 / (1 + exp(-logits)) in the precision given, without overflow at either end."""
    small = np.exp(-np.abs(logits))
    shares: npt.NDArray[np.floating] = np.where(logits >= 0, 1.0, small) / (1.0 + small)
    return shares


class Problem(Protocol):
    """A convex objective that Newton's method can walk down.

    `at` is the unknowns with the bias last; `mixed` is the logits that follow from them, without the bias and
    with the offsets.
    """

    targets: Float
    weights: Float

    def project(self, at: Float) -> Float:
        """Return `mixed` for `at`."""
        ...

    def look(self, at: Float, mixed: Float) -> float:
        """Work out the gradient and return its length."""
        ...

    def step(self) -> tuple[Float, Float]:
        """Return the Newton step from where `look` looked, and what it adds to `mixed`."""
        ...

    def penalty(self, at: Float, step: Float, mixed_step: Float) -> tuple[float, float]:
        """Return the first and second derivative of the penalty along `step`."""
        ...


def minimise(problem: Problem, at: Float, tolerance: float) -> tuple[Float, int, bool]:
    """Walk down from `at` until the gradient is no longer than `tolerance`; return where, the steps, and if it is."""
    mixed = problem.project(at)
    for iteration in range(MAX_ITERATIONS):
        if problem.look(at, mixed) <= tolerance:
            return at, iteration, True
        step, mixed_step = problem.step()
        length = _length(problem, at, mixed, step, mixed_step)
        at, mixed = at + length * step, mixed + length * mixed_step
    return at, MAX_ITERATIONS, problem.look(at, mixed) <= tolerance


def _length(problem: Problem, at: Float, mixed: Float, step: Float, mixed_step: Float) -> float:
    """Return how far to go along a step: to where the objective stops falling, near enough.

    A search along the line costs no product with the samples, a Newton step does; so it is done with care. A photo
    that was called wrong with confidence makes the full step overshoot many times over.
    """
    first, second = problem.penalty(at, step, mixed_step)
    logits, logits_step = mixed + at[-1], mixed_step + step[-1]
    low, high, length = 0.0, np.inf, 1.0
    initial = None
    for trial in (0.0, *[1.0] * _TRIALS):
        where = trial * length
        share = sigmoid(logits + where * logits_step)
        pull = problem.weights * (share - problem.targets)
        slope = float(pull @ logits_step) + first + where * second
        if initial is None:
            initial = abs(slope)
            continue
        if abs(slope) <= _FLAT * initial:
            break
        low, high = (length, high) if slope < 0 else (low, length)
        curvature = float((problem.weights * share * (1.0 - share)) @ logits_step**2) + second
        target = length - slope / curvature if curvature > 0 else np.inf
        if not low < target < high:
            # Where every photo is saturated the step may be too long by many powers of ten: halve the exponent.
            target = float(np.sqrt(max(low, _SHORTEST) * high)) if high < np.inf else 4 * length
        length = target
    return length
