"""From logits to honest probabilities: one number, fitted on logits of photos that the head had not seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.logistic import fit_logistic, sigmoid
from alpacasorter.ml.models.head import Calibration

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
