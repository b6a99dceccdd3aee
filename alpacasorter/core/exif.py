"""The two facts the app wants from EXIF: which way up a photo is, and when it was taken.

Cameras and editors write broken EXIF often, and it must never cost a photo. This reader looks at a handful of
entries and gives up in silence; Pillow's reads every tag, warns on stderr and takes ten times as long.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_ORIENTATION: Final = 0x0112
_EXIF_IFD: Final = 0x8769
_TAKEN: Final = 0x9003
_TAKEN_OFFSET: Final = 0x9011

_SHORT: Final = 3
_LONG: Final = 4
_MAX_ENTRIES: Final = 1000
_MAX_TEXT: Final = 64

_WHEN: Final = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d|Z")


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """What EXIF says of a photo.

    Attributes:
        orientation: 1 to 8 as EXIF counts them; 1, upright, where nothing sensible is said.
        taken_at: ISO 8601 time of capture, with the offset where there is one, or None.
    """

    orientation: int = 1
    taken_at: str | None = None


def read_exif(block: bytes) -> ExifFacts:
    """Return the facts in an EXIF block, with or without "Exif" in front, or in a TIFF file. Never raises."""
    while block.startswith(b"Exif\x00\x00"):
        block = block[6:]
    if block[:4] not in (b"II*\x00", b"MM\x00*"):
        return ExifFacts()
    order = "<" if block.startswith(b"II") else ">"
    main = _entries(block, order, _number(block, order + "L", 4))
    orientation = _integer(block, order, main.get(_ORIENTATION))
    details = _entries(block, order, _integer(block, order, main.get(_EXIF_IFD)))
    return ExifFacts(
        orientation=orientation if orientation in range(1, 9) else 1,
        taken_at=_moment(_text(block, order, details.get(_TAKEN)), _text(block, order, details.get(_TAKEN_OFFSET))),
    )


def _entries(block: bytes, order: str, at: int) -> dict[int, int]:
    """Return where the entry of each tag lies in the directory at `at`, where that is inside."""
    if at <= 0:
        return {}
    count = min(_number(block, order + "H", at), _MAX_ENTRIES)
    places = range(at + 2, at + 2 + 12 * count, 12)
    return {_number(block, order + "H", place): place for place in places if place + 12 <= len(block)}


def _number(block: bytes, code: str, at: int) -> int:
    """Return one unsigned number of the block, 0 where the block ends before it."""
    try:
        value: int = struct.unpack_from(code, block, at)[0]
    except struct.error:
        return 0
    return value


def _integer(block: bytes, order: str, entry: int | None) -> int:
    if entry is None:
        return 0
    kind = _number(block, order + "H", entry + 2)
    if kind == _SHORT:
        return _number(block, order + "H", entry + 8)
    return _number(block, order + "L", entry + 8) if kind == _LONG else 0


def _text(block: bytes, order: str, entry: int | None) -> str:
    if entry is None:
        return ""
    length = min(_number(block, order + "L", entry + 4), _MAX_TEXT)
    at = entry + 8 if length <= 4 else _number(block, order + "L", entry + 8)
    return block[at : at + length].split(b"\x00")[0].decode("ascii", "replace").strip()


def _moment(when: str, offset: str) -> str | None:
    match = _WHEN.match(when)
    if match is None:
        return None
    moment = "{}-{}-{}T{}:{}:{}".format(*match.groups())
    try:
        datetime.fromisoformat(moment)
    except ValueError:  # "0000:00:00 00:00:00", as cameras without a set clock write it
        return None
    return moment + (offset if _OFFSET.fullmatch(offset) else "")
