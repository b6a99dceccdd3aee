"""Which tags changed while the app learned, since the folder was opened or they were marked as seen. No Qt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alpacasorter.core.labels import LabelSet


@dataclass(frozen=True, slots=True)
class EarlierTag:
    """What the model said about a photo before: a label, and its confidence (0 to 1)."""

    label: str
    confidence: float


class TagChanges:
    """Compares what the model says about each photo now with what it said when the photo was first shown.

    A photo that flips and flips back is not changed, and neither is one with the user's label.
    """

    def __init__(self) -> None:
        """Know no photo."""
        self._earlier: dict[str, float] = {}
        self._changed: set[str] = set()

    def __contains__(self, key: object) -> bool:
        """Return whether the tag of the photo with this content key has changed."""
        return key in self._changed

    def __iter__(self) -> Iterator[str]:
        """Iterate over the content keys of the photos whose tags have changed."""
        return iter(self._changed)

    def forget(self) -> None:
        """Forget all photos, for another folder or another model."""
        self._earlier.clear()
        self._changed.clear()

    def clear(self) -> None:
        """Forget which tags have changed, but not what they were: the same photos are judged again."""
        self._changed.clear()

    def meet(self, key: str, probability: float) -> None:
        """Remember what the model says about a photo, unless it is known already."""
        self._earlier.setdefault(key, probability)

    def follow(self, key: str, probability: float | None, correction: str | None, labels: LabelSet) -> bool:
        """Note what a photo counts as now (None: nothing); return whether its tag counts as changed."""
        before = self._earlier.get(key)
        if (
            before is None
            or probability is None
            or correction is not None
            or (before >= labels.threshold) == (probability >= labels.threshold)
        ):
            self._changed.discard(key)
            return False
        self._changed.add(key)
        return True

    def see(self, key: str, probability: float) -> None:
        """Compare with this probability from now on."""
        self._earlier[key] = probability
        self._changed.discard(key)

    def earlier(self, key: str, labels: LabelSet) -> EarlierTag | None:
        """Return the tag that a photo had before; None if it has not changed."""
        if key not in self._changed:
            return None
        probability = self._earlier[key]
        label = labels.predicted(probability)
        return EarlierTag(label, labels.confidence(probability, label))
