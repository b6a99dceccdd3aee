"""A photo on disk: its path, what its header says, and why it can't be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.taken import DateSource


class Unreadable(Exception):
    """A photo that can't be read.

    Attributes:
        reason: why, a code (see `core.reasons`).
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo that was found and not yet opened.

    Attributes:
        path: absolute path.
        size: bytes.
        mtime_ns: last change, nanoseconds since the epoch. A file with the same path, size and mtime is unchanged.
    """

    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What the header of a photo says.

    Attributes:
        width, height: pixels of the full photo, upright.
        taken_at: ISO 8601 local time of capture (with the UTC offset if the camera wrote one), or None.
        format: Pillow's name for the container found in the bytes, such as "JPEG".
        taken_from: where `taken_at` is from; None if an earlier version read the header, and left out some of it.
        camera: such as "Canon EOS R6 #0123", with the serial number if there is one, or None.
    """

    width: int
    height: int
    taken_at: str | None
    format: str
    taken_from: DateSource | None = None
    camera: str | None = None
