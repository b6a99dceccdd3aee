"""What an export says of a photo, and of where it all comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.labels import LabelSet

COLUMNS: Final = (
    "path",
    "content_key",
    "status",
    "reason",
    "label",
    "probability",
    "confidence",
    "corrected",
    "width",
    "height",
    "taken_at",
    "relative_path",
)
"""As `alpacasorter scan` names them, and where in the folder the photo is."""

READABLE, UNREADABLE = "ok", "unreadable"
"""What stands in the column `status`."""

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Result:
    """One photo.

    Attributes:
        path: where it is, absolute.
        content_key: hash of its bytes; None where it could not be read, as all that follows but the reason.
        label: what it counts as.
        probability: calibrated probability of the positive class, 0 to 1.
        confidence: of the label, 0 to 1.
        corrected: whether the label is the user's.
        width, height: pixels, upright.
        taken_at: ISO 8601 local time of capture, or None.
        reason: why it could not be read, a sentence; None where it could.
    """

    path: Path
    content_key: str | None = None
    label: str | None = None
    probability: float | None = None
    confidence: float | None = None
    corrected: bool = False
    width: int | None = None
    height: int | None = None
    taken_at: str | None = None
    reason: str | None = None

    def is_sure(self, least: float) -> bool:
        """Tell whether the label is the user's, or its confidence at least `least`."""
        return self.corrected or (self.confidence is not None and self.confidence >= least)


@dataclass(frozen=True, slots=True)
class Source:
    """Where results come from.

    Attributes:
        folder: the folder that was looked at.
        model, version: name and version of the model that judged.
        labels: its classes.
    """

    folder: Path
    model: str
    version: str
    labels: LabelSet


def judged_result(photo: JudgedPhoto, labels: LabelSet) -> Result:
    """Return the result of a photo that was judged."""
    label = labels.label(photo.probability, photo.correction)
    return Result(
        path=photo.path,
        content_key=photo.content_key,
        label=label,
        probability=photo.probability,
        confidence=labels.confidence(photo.probability, label),
        corrected=photo.correction in labels.names,
        width=photo.facts.width,
        height=photo.facts.height,
        taken_at=photo.facts.taken_at,
    )


def unreadable_result(problem: Problem) -> Result:
    """Return the result of a photo, or a folder, that could not be read."""
    return Result(problem.path, reason=problem.reason)


def row_of(result: Result, folder: Path) -> Mapping[str, object]:
    """Return what stands in each of the columns."""
    return {
        "path": str(result.path),
        "content_key": result.content_key,
        "status": READABLE if result.reason is None else UNREADABLE,
        "reason": result.reason,
        "label": result.label,
        "probability": _rounded(result.probability),
        "confidence": _rounded(result.confidence),
        "corrected": result.corrected,
        "width": result.width,
        "height": result.height,
        "taken_at": result.taken_at,
        "relative_path": _relative(result.path, folder),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, _DIGITS)


def _relative(path: Path, folder: Path) -> str | None:
    """Return where below the folder a file is, with / on every system; None where it is somewhere else."""
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return None
