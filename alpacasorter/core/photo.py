"""What the app knows of one photo on disk: where it is, which bytes it holds, and what its header says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo as the walker found it, not yet opened.

    Attributes:
        path: absolute path.
        size: bytes.
        mtime_ns: last change, nanoseconds since the epoch. Path, size and mtime together tell an unchanged file.
    """

    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What the header of a photo says.

    Attributes:
        width, height: pixels of the full photo, upright.
        taken_at: ISO 8601 local time of capture (with offset where the camera wrote one), or None.
        format: Pillow's name of the container found in the bytes, such as "JPEG".
    """

    width: int
    height: int
    taken_at: str | None
    format: str


def content_key(data: bytes) -> str:
    """Return the content key of a file: the SHA-256 of its bytes as 64 hexadecimal digits.

    SHA-256 and not a faster hash: with the SHA instructions of current processors it is as fast as any in hashlib
    (2.5 ms for 4 MB), and a label must never follow a collision.
    """
    return hashlib.sha256(data).hexdigest()
