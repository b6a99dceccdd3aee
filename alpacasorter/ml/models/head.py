"""The head: one calibrated sigmoid unit on the embedding, with an exact map of where its answer comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_UNSURE = 1e-3


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of a logit: scale * logit + offset.

    Attributes:
        scale: above 0, so that calibration never changes the order of photos.
        offset: in logits.
    """

    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, eq=False)
class Hysteresis:
    """What keeps a head that has learned from changing a tag on little evidence.

    A photo keeps the tag that the shipped head gave it until the learned logit is `margin` beyond the boundary. Up to
    there, its confidence is the lowest; from there on, it rises.

    Attributes:
        weights, bias: of the shipped head, as in `Head`.
        boundary: uncalibrated logit from which a photo counts as positive.
        margin: in uncalibrated logits, 0 or more.
    """

    weights: npt.NDArray[np.float64]
    bias: float
    boundary: float
    margin: float

    def apply(self, shipped: npt.NDArray[np.float64], learned: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the logits to judge by, given those of the shipped and the learned head, all (n,).

        They rise with the learned ones and jump nowhere.
        """
        side = np.where(shipped >= self.boundary, 1.0, -1.0)
        kept = side * (learned - self.boundary)
        # Within the margin they still rise a little, so that the order of unsure photos means something.
        unsure = _UNSURE * (1.0 + kept / self.margin) if self.margin else kept
        return self.boundary + side * np.where(kept > -self.margin, np.maximum(kept, unsure), kept + self.margin)


@dataclass(frozen=True, eq=False)
class Head:
    """The head of a bundle, or one that has learned.

    Attributes:
        weights: float64 (embedding size,).
        bias: logit of an embedding of zeros.
        calibration: applied before the sigmoid; learning does not change it.
        hysteresis: when a tag may change; None for a shipped head.
    """

    weights: npt.NDArray[np.float64]
    bias: float
    calibration: Calibration = field(default_factory=Calibration)
    hysteresis: Hysteresis | None = None

    def logits(self, embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the uncalibrated logit of each embedding (n, embedding size) as (n,).

        float16 and float32 embeddings are multiplied in float32: the error of about 1e-5 logits is far too small to be
        seen, and 10,000 photos take half the time.
        """
        logits = self._product(embeddings, self.weights) + self.bias
        if self.hysteresis is None:
            return logits
        return self.hysteresis.apply(self._product(embeddings, self.hysteresis.weights) + self.hysteresis.bias, logits)

    @staticmethod
    def _product(embeddings: npt.NDArray[np.floating], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if embeddings.dtype == np.float64:
            return np.asarray(embeddings @ weights, dtype=np.float64)
        product = np.asarray(embeddings, dtype=np.float32) @ weights.astype(np.float32)
        return np.asarray(product, dtype=np.float64)

    def probability(self, embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the calibrated probability of the positive class, float32 (n,), for embeddings (n, embedding size)."""
        calibrated = self.calibration.scale * self.logits(embeddings) + self.calibration.offset
        return sigmoid(calibrated).astype(np.float32)

    def learned(self, weights: npt.NDArray[np.float64], bias: float, threshold: float, margin: float) -> Head:
        """Return a head that has learned, with this margin in uncalibrated logits around the tags of this one.

        Args:
            weights, bias: of the new head; the calibration stays.
            threshold: probability from which a photo counts as positive.
            margin: 0 or more.
        """
        boundary = (log_odds(threshold) - self.calibration.offset) / self.calibration.scale
        # With a calibration beyond all reason, there is no such margin.
        usable = margin > 0.0 and math.isfinite(boundary + margin)
        hysteresis = Hysteresis(self.weights, self.bias, boundary, margin) if usable else None
        return Head(weights, bias, self.calibration, hysteresis)

    def activation_map(self, feature_map: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.float64], float]:
        """Return the share that each position of a feature map has in the photo's calibrated logit.

        The embedding is the mean of the feature map, so this is exact: shares and rest add up to the calibrated logit.

        Args:
            feature_map: (h, w, embedding size).

        Returns:
            The shares (h, w), in calibrated logits: positive ones count for the positive class, negative ones against
            it; and the rest, which no position accounts for: the bias, the offset of the calibration, and what
            hysteresis adds.
        """
        positions = feature_map.astype(np.float64)
        shares = np.asarray(positions @ self.weights, dtype=np.float64)
        shares *= self.calibration.scale / shares.size
        logit = float(self.logits(positions.mean(axis=(0, 1))[np.newaxis])[0])
        return shares, self.calibration.scale * logit + self.calibration.offset - float(shares.sum())


def log_odds(share: float) -> float:
    """Return the logit of a probability between 0 and 1."""
    return math.log(share) - math.log1p(-share)


def sigmoid(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return 1 / (1 + exp(-logits)) in the given precision, without overflow."""
    small = np.exp(-np.abs(logits))
    shares: npt.NDArray[np.floating] = np.where(logits >= 0, 1.0, small) / (1.0 + small)
    return shares
