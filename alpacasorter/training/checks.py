"""What must hold before a bundle is written: the converted backbone is the original, and the head is the optimum."""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.logistic import Float, Solution

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
