"""The events of watching a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core.photo import PhotoFile


@dataclass(frozen=True, slots=True)
class Arrived:
    """Photos that are new or have changed, and that are complete by now.

    Attributes:
        files: the photos.
        changed: paths of those that were there before, with other bytes.
    """

    files: tuple[PhotoFile, ...]
    changed: frozenset[Path] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Renamed:
    """Photos that are in another place in the folder now, unchanged: (path before, photo)."""

    files: tuple[tuple[Path, PhotoFile], ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """Photos that no longer exist."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """Photos that arrived but can't be used, such as one that is only in the cloud: (path, code of `core.reasons`)."""

    problems: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class WatchState:
    """How the folder is watched now; the first event, and again whenever that changes.

    Attributes:
        online: whether the folder is there. While it is missing, its photos are not reported as gone.
        polling: whether it is checked periodically, because the system doesn't report changes.
        notice: why it is offline or polled, in translated sentences for the user; empty otherwise.
    """

    online: bool
    polling: bool
    notice: str


WatchEvent = Arrived | Renamed | Gone | Unusable | WatchState
