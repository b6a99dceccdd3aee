"""How good a model is: accuracy, ranking, calibration. NumPy only, so that `evaluate` works in the packaged app."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 15


@dataclass(frozen=True, slots=True)
class Confusion:
    """Photos by what they are and what they were called; positive is the positive class.

    Attributes:
        tp, fp, tn, fn: true positives, false positives, true negatives, false negatives.
    """

    tp: int
    fp: int
    tn: int
    fn: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of one evaluation. Those that are not defined for the photos at hand are None.

    Attributes:
        n: photos judged.
        accuracy: share called right; None without photos.
        balanced_accuracy: mean over the classes present of the share called right; None without photos.
        auc: chance that a positive photo gets a higher probability than a negative one; None unless both classes are
            there.
        ece: expected calibration error; None without photos.
        confusion: counts at the threshold.
    """

    n: int
    accuracy: float | None
    balanced_accuracy: float | None
    auc: float | None
    ece: float | None
    confusion: Confusion


def measure(
    targets: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], *, threshold: float = 0.5
) -> Metrics:
    """Return all figures for targets 0/1 (n,) and probabilities of the positive class (n,) in [0, 1]."""
    counts = confusion(targets, probabilities, threshold=threshold)
    return Metrics(
        n=len(targets),
        accuracy=accuracy(counts),
        balanced_accuracy=balanced_accuracy(counts),
        auc=auc(targets, probabilities),
        ece=calibration_error(targets, probabilities, threshold=threshold),
        confusion=counts,
    )


def confusion(
    targets: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], *, threshold: float = 0.5
) -> Confusion:
    """Count by truth and call; a probability of exactly `threshold` counts as positive."""
    truth = np.asarray(targets) == 1
    called = np.asarray(probabilities) >= threshold
    return Confusion(
        tp=int((truth & called).sum()),
        fp=int((~truth & called).sum()),
        tn=int((~truth & ~called).sum()),
        fn=int((truth & ~called).sum()),
    )


def accuracy(counts: Confusion) -> float | None:
    """Return the share called right, or None without photos."""
    n = counts.tp + counts.fp + counts.tn + counts.fn
    return (counts.tp + counts.tn) / n if n else None


def balanced_accuracy(counts: Confusion) -> float | None:
    """Return the mean over the classes that are there of the share called right, or None without photos."""
    recalls = [
        right / total
        for right, total in ((counts.tp, counts.tp + counts.fn), (counts.tn, counts.tn + counts.fp))
        if total
    ]
    return sum(recalls) / len(recalls) if recalls else None


def auc(targets: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> float | None:
    """Return the area under the ROC curve, a tie counting half; None unless both classes are there."""
    truth = np.asarray(targets) == 1
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return None
    _, place, count = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    # Tied scores share the mean of the ranks they take up.
    last = np.cumsum(count)
    rank = (last - (count - 1) / 2)[place]
    return float((rank[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def calibration_error(
    targets: npt.NDArray[np.integer],
    probabilities: npt.NDArray[np.floating],
    *,
    threshold: float = 0.5,
    bins: int = BINS,
) -> float | None:
    """Return the expected calibration error (ECE) of the confidence shown; None without photos.

    The confidence is the probability of the label called. Photos are put in `bins` equal bins of confidence over [0,
    1], a value on an edge in the lower one; the error is the mean over photos of |share called right - mean
    confidence| of their bin.
    """
    probability = np.asarray(probabilities, dtype=np.float64)
    if not probability.size:
        return None
    called = probability >= threshold
    confidence = np.where(called, probability, 1.0 - probability)
    right = (called == (np.asarray(targets) == 1)).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / probability.size)
