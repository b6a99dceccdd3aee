"""How good a model is: accuracy, ranking and calibration. Only NumPy, so that `evaluate` works in the packaged app."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 15
_MIN_PROBABILITY = 1e-7
"""The log loss clips probabilities to this, because a single certain mistake would make it infinite."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Numbers of photos by actual and predicted class.

    Attributes:
        tp, fp, tn, fn: true positives, false positives, true negatives, false negatives.
    """

    tp: int
    fp: int
    tn: int
    fn: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one evaluation. Metrics that are not defined for these photos are None.

    Attributes:
        n: number of photos.
        accuracy: share judged correctly; None without photos.
        balanced_accuracy: mean over the classes present of the share judged correctly; None without photos.
        auc: chance that a positive photo gets a higher probability than a negative one; None unless both classes are
            present.
        ece: expected calibration error; None without photos.
        confusion: counts at the threshold.
    """

    n: int
    accuracy: float | None
    balanced_accuracy: float | None
    auc: float | None
    ece: float | None
    confusion: Confusion


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is recognized. Figures that are not defined for these photos are None.

    Attributes:
        n: photos of the class.
        found: those of them that were predicted as the class.
        called: photos that were predicted as the class, correctly or not.
        precision: share of the predicted photos that are of the class; None if none was predicted.
        recall: share of the class that was predicted as such; None if there is no photo of it.
    """

    n: int
    found: int
    called: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Photos whose probability of the positive class lies in one interval.

    Attributes:
        low, high: the ends of the interval; a probability on an end belongs to the lower interval, 0 to the first.
        n: photos in the interval.
        mean: their mean probability; None without photos.
        share: the share of them that are positive; None without photos.
    """

    low: float
    high: float
    n: int
    mean: float | None
    share: float | None


def measure(
    targets: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], *, threshold: float = 0.5
) -> Metrics:
    """Return all metrics for targets 0 or 1 (n,) and probabilities of the positive class (n,) in [0, 1]."""
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
    """Count photos by actual and predicted class; a probability of exactly `threshold` counts as positive."""
    truth = np.asarray(targets) == 1
    called = np.asarray(probabilities) >= threshold
    return Confusion(
        tp=int((truth & called).sum()),
        fp=int((~truth & called).sum()),
        tn=int((~truth & ~called).sum()),
        fn=int((truth & ~called).sum()),
    )


def accuracy(counts: Confusion) -> float | None:
    """Return the share judged correctly, or None without photos."""
    n = counts.tp + counts.fp + counts.tn + counts.fn
    return (counts.tp + counts.tn) / n if n else None


def balanced_accuracy(counts: Confusion) -> float | None:
    """Return the mean over the classes present of the share judged correctly, or None without photos."""
    recalls = [
        right / total
        for right, total in ((counts.tp, counts.tp + counts.fn), (counts.tn, counts.tn + counts.fp))
        if total
    ]
    return sum(recalls) / len(recalls) if recalls else None


def auc(targets: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> float | None:
    """Return the area under the ROC curve, where a tie counts half; None unless both classes are present."""
    truth = np.asarray(targets) == 1
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return None
    _values, place, count = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    # Tied scores share their mean rank.
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
    """Return the expected calibration error (ECE) of the confidence; None without photos.

    The confidence is the probability of the predicted class. Photos are put in `bins` equal bins of confidence over
    [0, 1], a value on an edge in the lower bin. The error is the mean over photos of |share judged correctly - mean
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


def log_loss(targets: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating]) -> float | None:
    """Return the mean negative logarithm of the probability given to each photo's actual class; None without photos."""
    truth = np.asarray(targets) == 1
    if not truth.size:
        return None
    probability = np.asarray(probabilities, dtype=np.float64)
    right = np.where(truth, probability, 1.0 - probability)
    return float(-np.log(np.clip(right, _MIN_PROBABILITY, 1.0)).mean())


def class_figures(counts: Confusion) -> tuple[ClassFigures, ClassFigures]:
    """Return the figures of the negative and the positive class, in this order (that of targets 0 and 1)."""
    return (
        _class_figures(counts.tn, counts.tn + counts.fp, counts.tn + counts.fn),
        _class_figures(counts.tp, counts.tp + counts.fn, counts.tp + counts.fp),
    )


def _class_figures(found: int, n: int, called: int) -> ClassFigures:
    return ClassFigures(n, found, called, found / called if called else None, found / n if n else None)


def roc_curve(
    targets: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Return the ROC curve: false and true positive rates, both (k,), from (0, 0) to (1, 1).

    There is one point for each score that occurs, so ties give a slope. None unless both classes are present.
    """
    truth = np.asarray(targets) == 1
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return None
    score = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    found = np.cumsum(truth[order])[last_of_tie]
    false = 1 + last_of_tie - found
    start = np.zeros(1)
    return np.concatenate([start, false / negative]), np.concatenate([start, found / positive])


def reliability(
    targets: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], *, bins: int = BINS
) -> tuple[Bin, ...]:
    """Return how often photos are positive by predicted probability, in `bins` equal intervals over [0, 1]."""
    probability = np.asarray(probabilities, dtype=np.float64)
    place = np.clip(np.ceil(probability * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins).tolist()
    sums = np.bincount(place, weights=probability, minlength=bins).tolist()
    positive = np.bincount(place, weights=(np.asarray(targets) == 1).astype(np.float64), minlength=bins).tolist()
    return tuple(
        Bin(
            low=n / bins,
            high=(n + 1) / bins,
            n=counts[n],
            mean=sums[n] / counts[n] if counts[n] else None,
            share=positive[n] / counts[n] if counts[n] else None,
        )
        for n in range(bins)
    )


def mistakes(
    targets: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], *, threshold: float = 0.5
) -> npt.NDArray[np.int64]:
    """Return the indices (k,) of the photos that are judged wrong, the most confident first."""
    probability = np.asarray(probabilities, dtype=np.float64)
    called = probability >= threshold
    wrong = np.flatnonzero(called != (np.asarray(targets) == 1))
    confidence = np.where(called, probability, 1.0 - probability)[wrong]
    return np.asarray(wrong[np.argsort(-confidence, kind="stable")], dtype=np.int64)
