"""What decoders do not check of a file's structure, read from its bytes before any decoder sees them."""

from __future__ import annotations

from typing import Final

_PNG_SIZE_AT: Final = 16
_BOX_HEADER: Final = 8
_LARGE_BOX_HEADER: Final = 16
_PICTURE_BOXES: Final = frozenset((b"ftyp", b"meta", b"mdat", b"idat", b"moov"))

_JPEG_SEQUENTIAL: Final = frozenset((0xC0, 0xC1))
_JPEG_BUFFERED: Final = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_JPEG_SCAN: Final = 0xDA


def is_cut_short(data: bytes, container: str) -> bool:
    """Tell whether a HEIC, AVIF or WebP file says itself that it was longer once.

    Their decoders show a file of which half is missing, with grey where the rest was, and do not complain.
    """
    if container == "WEBP":
        return 8 + int.from_bytes(data[4:8], "little") > len(data)
    if container not in ("HEIF", "AVIF"):
        return False
    at = 0
    while at + _BOX_HEADER <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + _BOX_HEADER : at + _LARGE_BOX_HEADER], "big")
        if size < _BOX_HEADER:  # 0 is "up to the end"; anything else is no box, but bytes added behind the picture
            return False
        at += size
        if at > len(data):
            return name in _PICTURE_BOXES
    return False


def png_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels as the header of a PNG says; 0 where it is cut short."""
    width, height = data[_PNG_SIZE_AT : _PNG_SIZE_AT + 4], data[_PNG_SIZE_AT + 4 : _PNG_SIZE_AT + 8]
    return int.from_bytes(width, "big"), int.from_bytes(height, "big")


def is_streamed_jpeg(data: bytes) -> bool:
    """Tell whether a JPEG can be decoded row by row.

    One that is progressive, or keeps its colours in scans of their own, makes the decoder hold the
    coefficients of the whole picture, at whatever scale it is decoded.
    """
    at, channels = 2, 0
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # filler
            at += 1
            continue
        if marker in _JPEG_BUFFERED:
            return False
        if marker in _JPEG_SEQUENTIAL:
            channels = data[at + 9]
        if marker == _JPEG_SCAN:
            return data[at + 4] == channels
        at += 2 + length
    return False
