"""What a photo counts as: label, confidence and whether it is unsure, with the user's correction on top.

The only place where these are worked out. Lists, sorts, exports and the window ask a `LabelSet`. A label follows the
picture to other files that show it (`SamePictures`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.taken import BY_CAMERA, Clock, DateSource, Taken, clock_of, when_taken


@dataclass(frozen=True, slots=True)
class LabeledPhoto:
    """A photo and what it counts as: what lists, sorts and exports are made from.

    Attributes:
        path: where it is, absolute.
        content_key: hash of its bytes; None if it could not be read, like everything below except `reason`.
        label: what it counts as.
        confidence: of that label, 0 to 1.
        corrected: whether the label is the user's.
        taken_at: ISO 8601 local time of capture as its header says, or None; `taken` knows more.
        reason: why it could not be read, a code (see `core.reasons`); None if it could.
        probability: calibrated probability of the positive class, 0 to 1.
        width, height: pixels of the full photo, upright.
        taken_from: where `taken_at` is from, as in `PhotoFacts`.
        camera: that took it, as in `PhotoFacts`.
        picture_key: the same for all files with this picture, if known (see `core.photos.picture_key`).
    """

    path: Path
    content_key: str | None = None
    label: str | None = None
    confidence: float | None = None
    corrected: bool = False
    taken_at: str | None = None
    reason: str | None = None
    probability: float | None = field(default=None, kw_only=True)
    width: int | None = field(default=None, kw_only=True)
    height: int | None = field(default=None, kw_only=True)
    taken_from: DateSource | None = field(default=None, kw_only=True)
    camera: str | None = field(default=None, kw_only=True)
    picture_key: str | None = field(default=None, kw_only=True)

    def taken(self, clocks: Iterable[Clock] = ()) -> Taken | None:
        """Return when it was taken, with the clocks of cameras put right; None if neither header nor name says so."""
        return when_taken(self.taken_at, self.taken_from, self.path.name, camera=self.camera, clocks=clocks)

    def clock(self, clocks: Iterable[Clock]) -> Clock | None:
        """Return which of the clocks its date is put right by."""
        taken = self.taken(clocks)
        return clock_of(self.camera, clocks) if taken is not None and taken.source in BY_CAMERA else None

    def is_sure(self, least: float) -> bool:
        """Tell whether the label is the user's, or its confidence is at least `least`."""
        return self.corrected or (self.confidence is not None and self.confidence >= least)


def unreadable(problem: Problem) -> LabeledPhoto:
    """Return a photo, or a folder, that could not be read."""
    return LabeledPhoto(problem.path, reason=problem.reason)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The two classes of a bundle and the threshold between them.

    Attributes:
        negative, positive: class names as in folder names, such as "not_alpaca" and "alpaca".
        display_names: by class name what people read, such as "Not alpaca".
        threshold: probability of the positive class from which a photo counts as positive, 0 to 1.
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
        """Return the label that the probability alone gives."""
        return self.positive if probability >= self.threshold else self.negative

    def label(self, probability: float, correction: str | None) -> str:
        """Return what a photo counts as: a correction outranks every prediction."""
        return correction if correction is not None and self.is_corrected(correction) else self.predicted(probability)

    def is_corrected(self, correction: str | None) -> bool:
        """Tell whether a correction is one of these classes, so that the label is the user's."""
        return correction == self.positive or correction == self.negative

    def is_unsure(self, probability: float, correction: str | None, below: float) -> bool:
        """Tell whether a photo without a correction has a confidence below `below`."""
        if self.is_corrected(correction):
            return False
        # Written out, because it runs for every photo whenever the line is moved.
        return (probability if probability >= self.threshold else 1.0 - probability) < below

    def labeled(self, photo: JudgedPhoto) -> LabeledPhoto:
        """Return a judged photo with what it counts as."""
        label = self.label(photo.probability, photo.correction)
        return LabeledPhoto(
            photo.path,
            photo.content_key,
            label,
            self.confidence(photo.probability, label),
            self.is_corrected(photo.correction),
            photo.facts.taken_at,
            probability=photo.probability,
            width=photo.facts.width,
            height=photo.facts.height,
            taken_from=photo.facts.taken_from,
            camera=photo.facts.camera,
            picture_key=photo.picture_key,
        )

    def confidence(self, probability: float, label: str) -> float:
        """Return the calibrated probability of `label`, 0 to 1."""
        return probability if label == self.positive else 1.0 - probability

    def other(self, label: str) -> str:
        """Return the other label."""
        return self.negative if label == self.positive else self.positive

    def display(self, label: str) -> str:
        """Return what people read for a class name. It comes from the model and is not translated."""
        return self.display_names.get(label) or label.replace("_", " ").capitalize()


def usual_positive(names: Sequence[str]) -> str:
    """Return the class to use as the positive one unless the user names it: X of "X" and "not X", else the last.

    "Not alpaca", "not-alpaca" and "not_alpaca" count as the same.
    """
    plain = {name: re.sub(r"[\s_-]+", " ", name).strip().casefold() for name in names}
    return next((name for name in names if f"not {plain[name]}" in plain.values()), names[-1])


class SamePictures:
    """Content keys by their picture key (see `core.photos.picture_key`). Not thread-safe.

    Files with the same picture key differ only in what other programs wrote into them.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._picture: dict[str, str] = {}
        # Almost all pictures have one key, and a tuple takes less time and memory than a list.
        self._keys: dict[str, tuple[str, ...]] = {}

    def note(self, key: str, picture: str | None) -> None:
        """Record the picture key of a content key; None says nothing."""
        if picture is not None and key not in self._picture:
            self._picture[key] = picture
            self._keys[picture] = (*self._keys.get(picture, ()), key)

    def picture(self, key: str) -> str | None:
        """Return the picture key of a content key, None if it is not known."""
        return self._picture.get(key)

    def same(self, key: str) -> Sequence[str]:
        """Return all content keys of the same picture, this one included."""
        picture = self._picture.get(key)
        return (key,) if picture is None else self._keys[picture]
