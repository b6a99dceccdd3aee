"""From logits to honest probabilities: Platt's two numbers, fitted on logits of photos that the head had not seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.head import Calibration
from alpacasorter.ml.logistic import fit_logistic
from alpacasorter.ml.newton import sigmoid

_RIDGE = 1e-3
"""Keeps the scale finite where the logits separate the classes perfectly."""


def fit_calibration(logits: npt.NDArray[np.float64], targets: npt.NDArray[np.int64]) -> Calibration:
    """Return scale and offset by which out-of-fold logits (n,) fit targets 0/1 (n,) best, in likelihood.

    Where they fit best upside down or not at all (noise, one class), nothing is changed: order must be kept.
    """
    found = fit_logistic(logits[:, np.newaxis], targets, None, _RIDGE)
    scale = float(found.weights[0])
    return Calibration(scale, found.bias) if scale > 0 else Calibration()


def calibrate(logits: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Return the probabilities (n,) that calibrated logits (n,) stand for."""
    return np.asarray(sigmoid(calibration.scale * logits + calibration.offset), dtype=np.float64)


def cross_calibrated(
    logits: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], fold: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return probabilities (n,) of out-of-fold logits, each fold calibrated on the others, so that the error is honest."""
    probabilities = np.empty(len(logits))
    for number in np.unique(fold):
        judged = fold == number
        probabilities[judged] = calibrate(logits[judged], fit_calibration(logits[~judged], targets[~judged]))
    return probabilities
