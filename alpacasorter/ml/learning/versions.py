"""The versions of one shipped head, stored with the corrections that each has learned from, and their accuracy.

A version is a set of corrections, because the head follows from them. Going back to a version means learning only from
its corrections, as far as they still hold: a correction that was removed since stays removed, and one whose label has
changed since counts as made later. Later corrections keep their labels, which outrank every prediction, but are set
aside from learning; new ones are learned from in addition.

A burst of corrections makes one version: until `settle`, each replaces the previous one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from alpacasorter.core.store.library import HeadVersion, Library
from alpacasorter.i18n import _
from alpacasorter.ml.learning.corrections import Examples, fits
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head

SHIPPED = 0
"""Number of the version that has learned from no corrections: the model as shipped."""
_MARGIN = "margin"


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """How accurate the model is on the corrections it has learned from.

    Attributes:
        corrections: how many there are.
        before: how many of them the shipped model gets right.
        after: how many of them a head gets right that has learned from the others only, without other shots of the same
            scene; None if all corrections are of one scene, because then nothing can be measured.
        still_wrong: how many the model gets wrong although it has learned from them.
    """

    corrections: int
    before: int
    after: int | None
    still_wrong: int

    def measurements(self) -> dict[str, float]:
        """Return the numbers by name, as they are stored with a head version."""
        found = {"corrections": self.corrections, "before": self.before, "still_wrong": self.still_wrong}
        return {**found, **({} if self.after is None else {"after": self.after})}

    @classmethod
    def read(cls, measurements: Mapping[str, float]) -> SelfCheck | None:
        """Return what `measurements()` returned earlier; None if this was not measured."""
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
        id: its number in the library; SHIPPED for the model as shipped.
        made_at: when it was made, ISO 8601 in UTC; empty for the model as shipped.
        corrections: how many it has learned from.
        check: how accurate it is on them; None until that is measured.
        current: whether it is the one in use.
        bundle_id: of the model that it is a version of.
    """

    id: int
    made_at: str
    corrections: int
    check: SelfCheck | None
    current: bool
    bundle_id: str = ""


@dataclass(frozen=True, slots=True)
class LearningState:
    """What the model has learned from, and the versions that the user can go back to.

    Attributes:
        corrections: how many there are, in all folders.
        learned: how many of them the model in use has learned from.
        set_aside: how many are not learned from, because the user went back to an earlier version.
        waiting: how many are of photos that this model has not processed yet; it learns from them when it does.
        versions: the newest first, the model as shipped last.
        others: versions of other models with the same classes, the newest first. The user can go back to them only
            while that model is in use.
    """

    corrections: int
    learned: int
    set_aside: int
    waiting: int
    versions: tuple[Version, ...]
    others: tuple[Version, ...] = ()

    @property
    def current(self) -> Version | None:
        """The version in use, or None if it is not stored yet."""
        return next((version for version in self.versions if version.current), None)


def model_of(bundle_id: str) -> str:
    """Return the bundle that a version belongs to; behind a colon, it may say to which of several heads of that."""
    return bundle_id.partition(":")[0]


class VersionGone(Exception):
    """The user can't go back to the version; `str()` is a sentence for the user."""


class Versions:
    """The stored heads of one bundle in one variant, for one thread at a time. Every method may raise LibraryError."""

    def __init__(self, library: Library, bundle: Bundle) -> None:
        """Use the heads in `library` that were learned from the shipped head of `bundle`, in its variant."""
        self._library = library
        self._bundle = bundle
        self._unsettled: int | None = None

    def head(self, examples: Examples) -> Head | None:
        """Return the head that has learned from exactly these corrections, if it is stored."""
        if not examples.labels:
            return None
        found = self._library.head_of(self._bundle.head_id, examples.digest)
        return None if found is None else self._usable(found)

    def save(self, head: Head, examples: Examples) -> None:
        """Store a head, unless it is stored already; it replaces the one stored since `settle`."""
        known = self._library.head_of(self._bundle.head_id, examples.digest)
        stored = known is not None and known.members is not None and self._usable(known) is not None
        if stored or not examples.labels:
            # The same corrections as before the burst, for example after an undo: that version is in use again.
            if self._unsettled is not None and (known is None or self._unsettled != known.id):
                self._library.forget_head_version(self._unsettled)
                self._unsettled = None
            return
        version = HeadVersion(
            id=None,
            bundle_id=self._bundle.head_id,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            corrections=len(examples.labels),
            corrections_digest=examples.digest,
            weights=head.weights.astype("<f8").tobytes(),
            bias=float(head.bias),
            measurements={_MARGIN: 0.0 if head.hysteresis is None else head.hysteresis.margin},
            members=examples.labels,
        )
        self._unsettled = self._library.add_head_version(version, replacing=self._unsettled)

    def settle(self) -> None:
        """Keep the version stored last for good: the burst of corrections is over."""
        self._unsettled = None

    def is_checked(self, examples: Examples) -> bool:
        """Return whether the version that has learned from these corrections is measured, or not stored at all."""
        found = self._library.head_of(self._bundle.head_id, examples.digest)
        return found is None or SelfCheck.read(found.measurements) is not None

    def note(self, examples: Examples, check: SelfCheck) -> None:
        """Store the measurement of the version that has learned from these corrections."""
        found = self._library.head_of(self._bundle.head_id, examples.digest)
        if found is not None and found.id is not None:
            self._library.set_measurements(found.id, {**found.measurements, **check.measurements()})

    def members(self, version: int) -> tuple[str, Mapping[str, str]]:
        """Return when a version was made, and the corrections that it has learned from.

        Raises:
            VersionGone: it is not stored, or stored without its corrections.
        """
        if version == SHIPPED:
            return "", {}
        for head in self._library.head_versions(self._bundle.head_id):
            if head.id == version and head.members is not None:
                return head.made_at, head.members
        raise VersionGone(_("This version is no longer stored. Choose another one."))

    def listed(self, examples: Examples) -> tuple[Version, ...]:
        """Return the versions to go back to, the newest first; `examples` are those of the version in use."""
        versions = _distinct(self._library.head_versions(self._bundle.head_id), examples.digest)
        return (*versions, Version(SHIPPED, "", 0, None, not examples.labels, self._bundle.bundle_id))

    def of_others(self) -> tuple[Version, ...]:
        """Return the versions of other models with the same classes, the newest first."""
        names = set(self._bundle.class_names)
        heads = self._library.head_versions(self._bundle.bundle_id, others=True)
        return _distinct([head for head in heads if head.members and set(head.members.values()) <= names], None)

    def _usable(self, version: HeadVersion) -> Head | None:
        weights = np.frombuffer(version.weights, dtype="<f8")
        # Heads from before there was a margin judge as they did then.
        margin = version.measurements.get(_MARGIN, 0.0)
        if not fits(weights, self._bundle) or not 0.0 <= margin < math.inf:
            return None
        return self._bundle.learned_head(weights, version.bias, margin)


def _distinct(heads: Iterable[HeadVersion], current: str | None) -> tuple[Version, ...]:
    """Return the versions to list; `current` is the digest of the one in use."""
    found: dict[tuple[str, str], Version] = {}
    for head in heads:
        key = head.bundle_id, head.corrections_digest
        # Two windows may have stored the same version, and old versions of the app did not store the corrections.
        if head.id is not None and head.members is not None and key not in found:
            check = SelfCheck.read(head.measurements)
            is_current = head.corrections_digest == current
            found[key] = Version(head.id, head.made_at, head.corrections, check, is_current, head.bundle_id)
    return tuple(found.values())
