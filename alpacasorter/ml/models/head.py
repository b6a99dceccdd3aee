"""The head: one calibrated sigmoid unit on the embedding, with an exact map of where its answer comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


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
class Head:
    """The head of a bundle, or one that has learned.

    Attributes:
        weights: float64 (embedding size,).
        bias: logit of an embedding of zeros.
        calibration: applied before the sigmoid; learning does not change it.
    """

    weights: npt.NDArray[np.float64]
    bias: float
    calibration: Calibration = field(default_factory=Calibration)

    def logits(self, embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the uncalibrated logit of each embedding (n, embedding size) as (n,).

        float16 and float32 embeddings are multiplied in float32: the error of about 1e-5 logits is far too small to be
        seen, and 10,000 photos take half the time.
        """
        if embeddings.dtype == np.float64:
            return np.asarray(embeddings @ self.weights + self.bias, dtype=np.float64)
        product = np.asarray(embeddings, dtype=np.float32) @ self.weights.astype(np.float32)
        return product.astype(np.float64) + self.bias

    def probability(self, embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the calibrated probability of the positive class, float32 (n,), for embeddings (n, embedding size)."""
        calibrated = self.calibration.scale * self.logits(embeddings) + self.calibration.offset
        return sigmoid(calibrated).astype(np.float32)

    def activation_map(self, feature_map: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the uncalibrated logit of each position, (h, w), for a feature map (h, w, embedding size).

        The embedding is the mean of the feature map, so the mean of the result is exactly the photo's logit: positive
        values count for the positive class, negative ones against it.
        """
        return np.asarray(feature_map.astype(np.float64) @ self.weights + self.bias, dtype=np.float64)


def sigmoid(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return 1 / (1 + exp(-logits)) in the given precision, without overflow."""
    small = np.exp(-np.abs(logits))
    shares: npt.NDArray[np.floating] = np.where(logits >= 0, 1.0, small) / (1.0 + small)
    return shares
