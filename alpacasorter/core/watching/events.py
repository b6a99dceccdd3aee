"""What watching a folder yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.photo import PhotoFile


@dataclass(frozen=True, slots=True)
class Arrived:
    """Photos that are new, or whose bytes changed, and that are whole by now."""

    files: tuple[PhotoFile, ...]


@dataclass(frozen=True, slots=True)
class Renamed:
    """Photos that are somewhere else in the folder now: (before, after) with the same bytes."""

    files: tuple[tuple[Path, PhotoFile], ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """Photos that are no longer there."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """Photos that arrived and can't be used as they are, such as one that is only in the cloud: path and reason."""

    problems: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class WatchState:
    """How the folder is watched now; comes first, and whenever it changes.

    Attributes:
        online: whether the folder is there. One that is missing is offline: its photos are not gone.
        polling: whether it is looked at every few seconds, because the system can't tell of changes.
        notice: why, a sentence for the user; empty where all is well.
    """

    online: bool
    polling: bool
    notice: str


WatchEvent = Arrived | Renamed | Gone | Unusable | WatchState
