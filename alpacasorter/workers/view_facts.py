"""What the window says about the engine: model, device, and errors in plain words."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alpacasorter.core.labels import LabelSet

_log = logging.getLogger(__name__)

UNEXPECTED = "Something unexpected went wrong. Your photos and corrections are safe. Please start AlpacaSorter again."


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the window says about the model.

    Attributes:
        name, version: of the bundle.
        labels: its classes.
        corrections: how many it has learned from.
        card: the file that describes it; it may be missing.
    """

    name: str
    version: str
    labels: LabelSet
    corrections: int
    card: Path


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the window says about the device.

    Attributes:
        kind: "cpu" or "gpu".
        threads: photos worked on at once.
        milliseconds: a photo, 0.0 where unknown.
        note: why this device.
    """

    kind: Literal["cpu", "gpu"]
    threads: int
    milliseconds: float
    note: str


def sentence(error: Exception) -> str:
    """Return what to tell the user: our own errors are sentences, others are logged and get a general one."""
    if type(error).__module__.startswith("alpacasorter."):
        return str(getattr(error, "reason", error))
    _log.error("Unexpected error", exc_info=error)
    return UNEXPECTED
