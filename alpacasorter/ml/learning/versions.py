"""The versions of one bundle's head: stored with the corrections each has learned from, listed, and gone back to.

A version is a set of corrections, for the head follows from them. To go back to one means to learn from just the
corrections it had learned from, as far as they stand: one that was taken back since stays taken back, and one whose
label is another now counts as made since. Corrections made since keep their labels, which outrank every prediction, but
are set aside from learning; those made afterwards are learned from on top.

A burst of corrections makes one version: until `settle`, each replaces the one before.

What the model has learned, in plain data: its versions, and how right it is on the user's own corrections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from alpacasorter.core.store.library import HeadVersion, Library
from alpacasorter.ml.learning.corrections import Lessons, fits
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head

SHIPPED = 0
"""Number of the version that has learned from no correction: the model as it came."""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """How right the model is on the corrections it learned from.

    Attributes:
        corrections: how many those are.
        before: how many of them the shipped model gets right.
        after: how many are judged right by what is learned from the others, each by a head that has learned neither
            from it nor from a shot of the same scene; None where all are of one scene, so that nothing can be told.
        still_wrong: how many the model gets wrong although it learned from them.
    """

    corrections: int
    before: int
    after: int | None
    still_wrong: int

    def measurements(self) -> dict[str, float]:
        """Return this as numbers by name, as a head version stores it."""
        found = {"corrections": self.corrections, "before": self.before, "still_wrong": self.still_wrong}
        return {**found, **({} if self.after is None else {"after": self.after})}

    @classmethod
    def read(cls, measurements: Mapping[str, float]) -> SelfCheck | None:
        """Return what `measurements()` gave, or None where it was not measured, or not by this."""
        try:
            after = measurements.get("after")
            return cls(
                int(measurements["corrections"]),
                int(measurements["before"]),
                None if after is None else int(after),
                int(measurements["still_wrong"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Version:
    """A stored head, learned from a certain set of corrections.

    Attributes:
        id: its number in the library; SHIPPED for the model as it came.
        made_at: when, ISO 8601 in UTC; empty for the model as it came.
        corrections: how many it learned from.
        check: how right it is on them; None as long as that was not measured.
        current: whether it is the one in use.
    """

    id: int
    made_at: str
    corrections: int
    check: SelfCheck | None
    current: bool


@dataclass(frozen=True, slots=True)
class LearningState:
    """What is learned from, and the versions one can go back to.

    Attributes:
        corrections: how many there are, in all folders.
        learned: how many of them the model in use has learned from.
        set_aside: how many were made after the version that was gone back to, and are not learned from.
        waiting: how many are of photos that this model has not seen yet; it learns from them when it does.
        versions: the newest first, the model as it came last.
    """

    corrections: int
    learned: int
    set_aside: int
    waiting: int
    versions: tuple[Version, ...]

    @property
    def current(self) -> Version | None:
        """The version in use, or None while it is not stored yet."""
        return next((version for version in self.versions if version.current), None)


class VersionGone(Exception):
    """The version can't be gone back to; the message is a sentence for the user."""


class Versions:
    """The stored heads of one bundle. Every method may raise LibraryError; for one thread at a time."""

    def __init__(self, library: Library, bundle: Bundle) -> None:
        """Work on the heads of `bundle` in `library`."""
        self._library = library
        self._bundle = bundle
        self._unsettled: int | None = None

    def head(self, lessons: Lessons) -> Head | None:
        """Return the head that was learned from just these corrections, if it is stored."""
        if not lessons.labels:
            return None
        found = self._library.head_of(self._bundle.bundle_id, lessons.digest)
        return None if found is None else self._usable(found)

    def save(self, head: Head, lessons: Lessons) -> None:
        """Store a head, unless it is stored already, in place of the one stored since `settle`."""
        known = self._library.head_of(self._bundle.bundle_id, lessons.digest)
        stored = known is not None and known.members is not None and self._usable(known) is not None
        if stored or not lessons.labels:
            # As before the burst, such as after an undo: that version, or the shipped one, serves again.
            if self._unsettled is not None and (known is None or self._unsettled != known.id):
                self._library.forget_head_version(self._unsettled)
                self._unsettled = None
            return
        version = HeadVersion(
            id=None,
            bundle_id=self._bundle.bundle_id,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            corrections=len(lessons.labels),
            corrections_digest=lessons.digest,
            weights=head.weights.astype("<f8").tobytes(),
            bias=float(head.bias),
            measurements={},
            members=lessons.labels,
        )
        self._unsettled = self._library.add_head_version(version, replacing=self._unsettled)

    def settle(self) -> None:
        """Let the version stored last stand for good: the burst of corrections is over."""
        self._unsettled = None

    def is_checked(self, lessons: Lessons) -> bool:
        """Tell whether the version that learned from these corrections is measured, or not stored at all."""
        found = self._library.head_of(self._bundle.bundle_id, lessons.digest)
        return found is None or SelfCheck.read(found.measurements) is not None

    def note(self, lessons: Lessons, check: SelfCheck) -> None:
        """Store what was measured of the version that learned from these corrections."""
        found = self._library.head_of(self._bundle.bundle_id, lessons.digest)
        if found is not None and found.id is not None:
            self._library.set_measurements(found.id, {**found.measurements, **check.measurements()})

    def members(self, version: int) -> tuple[str, Mapping[str, str]]:
        """Return when a version was made, and the corrections it had learned from.

        Raises:
            VersionGone: it is not there, or it can't be told what it had learned from.
        """
        if version == SHIPPED:
            return "", {}
        for head in self._library.head_versions(self._bundle.bundle_id):
            if head.id == version and head.members is not None:
                return head.made_at, head.members
        raise VersionGone("That version is no longer stored. Choose another one.")

    def listed(self, lessons: Lessons) -> tuple[Version, ...]:
        """Return the versions that can be gone back to, the newest first; `lessons` are those of the one in use."""
        found: dict[str, Version] = {}
        for head in self._library.head_versions(self._bundle.bundle_id):
            # Two windows may have stored the same; and an older app did not store what it had learned from.
            if head.id is not None and head.members is not None and head.corrections_digest not in found:
                found[head.corrections_digest] = Version(
                    head.id,
                    head.made_at,
                    head.corrections,
                    SelfCheck.read(head.measurements),
                    head.corrections_digest == lessons.digest,
                )
        shipped = Version(SHIPPED, "", 0, None, not lessons.labels)
        return (*found.values(), shipped)

    def _usable(self, version: HeadVersion) -> Head | None:
        weights = np.frombuffer(version.weights, dtype="<f8")
        return replace(self._bundle.head, weights=weights, bias=version.bias) if fits(weights, self._bundle) else None
