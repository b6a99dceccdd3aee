"""From a prediction to what a photo counts as: label and confidence, with the user's correction on top."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The two classes of a bundle and where the line between them is drawn.

    Attributes:
        negative, positive: class names as in folder names, such as "not_alpaca" and "alpaca".
        display_names: class name to what people read, such as "Not alpaca".
        threshold: probability of the positive class from which a photo counts as positive.
    """

    negative: str
    positive: str
    display_names: Mapping[str, str]
    threshold: float = 0.5

    @property
    def names(self) -> tuple[str, str]:
        """Negative, positive."""
        return (self.negative, self.positive)

    def predicted(self, probability: float) -> str:
        """Return the label that a probability alone gives."""
        return self.positive if probability >= self.threshold else self.negative

    def label(self, probability: float, correction: str | None) -> str:
        """Return what the photo counts as: a correction outranks every prediction."""
        return correction if correction in self.names else self.predicted(probability)

    def confidence(self, probability: float, label: str) -> float:
        """Return the calibrated probability of `label`, 0 to 1."""
        return probability if label == self.positive else 1.0 - probability

    def other(self, label: str) -> str:
        """Return the label that `label` is not."""
        return self.negative if label == self.positive else self.positive

    def display(self, label: str) -> str:
        """Return what people read for a class name."""
        return self.display_names.get(label) or label.replace("_", " ").capitalize()


def percent(confidence: float) -> str:
    """Return a confidence, 0 to 1, as "97%". It never says 100%: no model is that sure."""
    return f"{min(99, int(confidence * 100 + 0.5))}%"


def usual_positive(names: Sequence[str]) -> str:
    """Return the class to look for unless another is asked for: X of X and not X, else the last of `names`.

    "Not alpaca", "not-alpaca" and "not_alpaca" are the same to people.
    """
    plain = {name: re.sub(r"[\s_-]+", " ", name).strip().casefold() for name in names}
    return next((name for name in names if f"not {plain[name]}" in plain.values()), names[-1])
