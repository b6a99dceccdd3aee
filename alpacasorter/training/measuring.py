"""How good a head is on photos it was not fitted to.

Cross-validation keeps near-duplicates in one fold; which cosine similarity makes two photos near-duplicates differs
from network to network (`data.similarity`). Calibration is one scale, fitted to logits of photos that the head was not
fitted to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.folds import assign_folds, splits
from alpacasorter.ml.learning.logistic import TOLERANCE, Float, Solution, fit_logistic
from alpacasorter.ml.models.head import Calibration, sigmoid

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


STRENGTHS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
"""Regularizations to choose from."""

_TOLERANCE = 1e-6


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
    """Return the head fitted to one or more views of each photo; the views of a photo share its weight.

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
