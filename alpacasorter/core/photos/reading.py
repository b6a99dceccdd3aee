"""Reads photo files: their bytes, unless there are far more than the pixels can need, and their content key."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from pathlib import Path
from typing import IO, Final

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import is_cloud_only
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.formats import SNIFF_BYTES, describe_unsupported, sniff

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
LARGE_BYTES: Final = 256 * 1024 * 1024
"""A larger file is read only if it has so many pixels that these explain its size."""
_BYTES_PER_PIXEL: Final = 16
_HEAD_BYTES: Final = 1024 * 1024
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_photo(path: Path) -> bytes:
    """Return all bytes of a photo file that is to be decoded, as `read_file` does.

    Raises:
        Unreadable: it can't be read, or is large and has few pixels.
    """
    try:
        if path.stat().st_size > LARGE_BYTES and (reason := _why_not_to_read(path)) is not None:
            raise Unreadable(reason)
    except OSError as error:
        raise Unreadable(os_errors.for_file(error)) from error
    return read_file(path)


def read_file(path: Path) -> bytes:
    """Return all bytes of a photo file. Never blocks on a pipe and never downloads a file from the cloud.

    Raises:
        Unreadable: the file is missing, empty, not a regular file, over 512 MB or only in the cloud, or it can't be
            opened or read.
    """
    try:
        status = path.stat()
        if (reason := _why_not_to_open(status)) is not None:
            raise Unreadable(reason)
        # Non-blocking, in case a pipe has replaced the file since; binary, for Windows.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb", buffering=0) as file:
            data = file.read()
    except OSError as error:
        raise Unreadable(os_errors.for_file(error)) from error
    except MemoryError as error:
        raise Unreadable(reasons.NO_MEMORY) from error
    if not data:
        raise Unreadable(reasons.EMPTY)
    return data


def content_key(data: bytes) -> str:
    """Return the content key of a file: the SHA-256 of its bytes as 64 hexadecimal digits.

    SHA-256 rather than a weaker hash: with the SHA instructions of current processors it is as fast as any in hashlib
    (2.5 ms for 4 MB), and a collision would give a photo the label of another one.
    """
    return hashlib.sha256(data).hexdigest()


def why_not_a_picture(data: bytes) -> str:
    """Return the reason for bytes that no picture begins with."""
    if not data:
        return reasons.EMPTY
    if not data.strip(b"\x00"):
        return reasons.BLANK
    return reasons.not_a_picture(describe_unsupported(data[:SNIFF_BYTES]))


def _why_not_to_open(status: os.stat_result) -> str | None:
    if stat.S_ISDIR(status.st_mode):
        return reasons.IS_FOLDER
    if not stat.S_ISREG(status.st_mode):
        return reasons.NOT_REGULAR
    if is_cloud_only(status):
        return reasons.CLOUD_ONLY
    if status.st_size > MAX_FILE_BYTES:
        return reasons.TOO_MANY_BYTES
    return reasons.EMPTY if status.st_size == 0 else None


def _why_not_to_read(path: Path) -> str | None:
    # Non-blocking, in case a pipe has replaced the file; binary, for Windows.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        head = file.read(_HEAD_BYTES)
        container = sniff(head[:SNIFF_BYTES])
        if container is None:
            return why_not_a_picture(head)
        if not head[SNIFF_BYTES:].strip(b"\x00"):  # what a card leaves of a photo that it lost
            return reasons.DAMAGED
        try:
            pixels = _pixels(head, container, file)
        except (struct.error, IndexError, OverflowError):
            return reasons.DAMAGED
        size = os.fstat(file.fileno()).st_size
    return reasons.TOO_COMPLEX if size > LARGE_BYTES + _BYTES_PER_PIXEL * pixels else None


def _pixels(head: bytes, container: str, file: IO[bytes]) -> int:
    """Return how many pixels the header of a file claims; 0 if it is none of those that may be large."""
    match container:
        case "PNG":
            width, height = struct.unpack_from(">LL", head, 16)
        case "BMP":
            width, height = (abs(side) for side in struct.unpack_from("<ll", head, 18))
        case "JPEG":
            height, width = _jpeg_size(head)
        case "TIFF":
            width, height = _tiff_size(head, file)
        case _:
            return 0
    return int(width * height)


def _jpeg_size(head: bytes) -> tuple[int, int]:
    at = 2
    while head[at] == 0xFF:
        marker, length = struct.unpack_from(">BH", head, at + 1)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return height, width
        if length < 2:
            break
        at += 2 + length
    return 0, 0


def _tiff_size(head: bytes, file: IO[bytes]) -> tuple[int, int]:
    order = "<" if head.startswith(b"II") else ">"
    big = head[2:4] in (b"+\x00", b"\x00+")
    file.seek(struct.unpack_from(order + ("Q" if big else "L"), head, 8 if big else 4)[0])
    directory = file.read(_HEAD_BYTES)
    count = struct.unpack_from(order + ("Q" if big else "H"), directory)[0]
    start, wide = (8, 20) if big else (2, 12)
    sizes = {256: 0, 257: 0}
    for at in range(start, min(start + count * wide, len(directory) - wide + 1), wide):
        tag, kind = struct.unpack_from(order + "HH", directory, at)
        if tag in sizes:
            value_at = at + wide - (8 if big else 4)
            sizes[tag] = struct.unpack_from(order + ("H" if kind == 3 else "L"), directory, value_at)[0]
    return sizes[256], sizes[257]
