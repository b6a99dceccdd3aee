"""What the model has learned, in plain data: its versions, and how right it is on the user's own corrections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
