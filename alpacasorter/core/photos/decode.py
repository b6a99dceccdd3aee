"""Decodes photos: the bytes of a file in, an upright RGB picture at reduced scale and its facts out.

Thumbnails, predictions and training all decode here, so that they see the same pixels. Before a decoder sees the bytes,
what decoders don't check (whether the file is complete, and how much memory it needs) is read from them, and a budget
limits how much memory all threads together may use.

Everything here may be called from many threads at once; Pillow releases the GIL while it decodes and scales. Nothing
that runs before the first window may import this module, because it imports Pillow.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.photo import Unreadable, read_photo
from alpacasorter.core.photos.exif import ExifFacts
from alpacasorter.core.photos.formats import SNIFF_BYTES, describe_unsupported, sniff
from alpacasorter.core.photos.picture import (
    BEGINNING,
    MAX_PIXELS,
    exif_facts,
    open_picture,
    read_beginning,
    to_eight_bit,
    to_srgb,
)
from alpacasorter.core.taken import DateSource


class Budget:
    """Lets threads hold units up to a common limit; a thread that needs more than the limit holds them alone."""

    def __init__(self, limit: int) -> None:
        """Let all threads together hold up to `limit` units."""
        self._limit = limit
        self._held = 0
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, units: int) -> Iterator[None]:
        """Wait until so many units fit, or until no other thread holds any; hold them while the block runs."""
        # Threads wait in line: otherwise ones that need little could keep one that needs a lot waiting.
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + units <= self._limit)
            self._held += units
        try:
            yield
        finally:
            with self._changed:
                self._held -= units
                self._changed.notify_all()


_PNG_SIZE_AT: Final = 16
_BOX_HEADER: Final = 8
_LARGE_BOX_HEADER: Final = 16
_PICTURE_BOXES: Final = frozenset((b"ftyp", b"meta", b"mdat", b"idat", b"moov"))

_JPEG_SEQUENTIAL: Final = frozenset((0xC0, 0xC1))
_JPEG_BUFFERED: Final = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_JPEG_SCAN: Final = 0xDA


def is_cut_short(data: bytes, container: str) -> bool:
    """Tell whether a HEIC, AVIF or WebP file is shorter than its own structure says.

    Their decoders show a file that is missing half its data without any error, gray where the pixels are lost.
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
        if size < _BOX_HEADER:  # 0 means "up to the end"; anything else is not a box but bytes added after the picture
            return False
        at += size
        if at > len(data):
            return name in _PICTURE_BOXES
    return False


def png_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels according to the header of a PNG; 0 if it is truncated."""
    width, height = data[_PNG_SIZE_AT : _PNG_SIZE_AT + 4], data[_PNG_SIZE_AT + 4 : _PNG_SIZE_AT + 8]
    return int.from_bytes(width, "big"), int.from_bytes(height, "big")


def is_streamed_jpeg(data: bytes) -> bool:
    """Tell whether a JPEG can be decoded row by row.

    For a progressive one, or one that stores each color in a scan of its own, the decoder holds the coefficients of the
    whole picture at whatever scale it decodes.
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


MAX_BYTES: Final = 1024 * 1024 * 1024
"""The most memory that decoding one photo may use: enough for about 50 (WebP) to 128 megapixels."""
MAX_STREAMED_PIXELS: Final = 1_000_000_000
"""The largest JPEG that is decoded row by row at reduced scale, so that it is never in memory as a whole."""
BYTES_AT_ONCE: Final = 1024 * 1024 * 1024
"""The most memory that all threads together may use to decode; a photo that needs more is decoded alone."""
THUMBNAIL_QUALITY: Final = 82

_MAX_DRAFT: Final = 8
_LONGEST: Final = 128
_BLOCK: Final = 1024 * 1024
# The peak memory of the decoders, measured and rounded up: the picture, and what it is made from.
_BYTES_PER_PIXEL: Final = 8
_BYTES_NEEDED: Final = {"HEIF": 10, "AVIF": 12, "WEBP": 18}
_decoding: Final = Budget(BYTES_AT_ONCE)
# The decoders of these return upright pixels: rotating those by the EXIF orientation would rotate them twice.
_UPRIGHT_ALREADY: Final = frozenset(("HEIF", "TIFF"))
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPhoto:
    """One photo, decoded once for every use.

    Attributes:
        pixels: uint8 (height, width, 3), RGB in sRGB, upright, reduced; read-only.
        width, height: pixels of the full photo, upright.
        taken_at: ISO 8601 time of capture, with the UTC offset if the camera wrote one, or None.
        taken_from: where that is from.
        camera: that took it, as in `ExifFacts`, or None.
        format: the container found in the bytes: "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF" or "AVIF".
        thumbnail: JPEG, upright sRGB, without metadata; None if none was asked for.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    taken_at: str | None
    taken_from: DateSource
    camera: str | None
    format: str
    thumbnail: bytes | None


def decode(data: bytes, *, min_side: int, thumbnail_side: int | None = None) -> DecodedPhoto:
    """Decode a photo at reduced scale. The bytes decide what it is, not the name of the file.

    Of an animation or a file with several pages, the first picture is used.

    Args:
        data: all bytes of the file.
        min_side: pixels, 1 or more. The shorter side of the result is at least this long if the photo is, and less
            only if the longer side would be over 128 times this; at most about twice this.
        thumbnail_side: pixels of the thumbnail's longer side (never enlarged); None for no thumbnail.

    Raises:
        Unreadable: the bytes can't be shown. No bytes raise anything else.
        ValueError: a side is below 1.
    """
    if min_side < 1 or (thumbnail_side is not None and thumbnail_side < 1):
        raise ValueError("min_side and thumbnail_side must be 1 or more")
    container = sniff(data[:SNIFF_BYTES])
    if container is None:
        raise Unreadable(_why_not_a_picture(data))
    try:
        return _decode(data, container, min_side, thumbnail_side)
    except Unreadable:
        raise
    # Decoders raise almost anything on damaged input: OSError, ValueError, SyntaxError, struct.error, IndexError,
    # KeyError, TypeError, ZeroDivisionError, MemoryError, and whatever their next versions add.
    except Exception as error:
        raise Unreadable(os_errors.for_decoder(error)) from error


def read_header(path: Path) -> ExifFacts | None:
    """Return what the header of a photo file says, read from as little of it as possible; None if it can't be read."""
    try:
        data = read_beginning(path)
        container = sniff(data[:SNIFF_BYTES])
        if container is None:
            return None
        if container != "JPEG" and len(data) == BEGINNING:
            data = read_photo(path)
        if container == "PNG":  # it may have its header after the pixels
            photo = decode(data, min_side=1)
            return ExifFacts(taken_at=photo.taken_at, source=photo.taken_from, camera=photo.camera)
        return exif_facts(open_picture(data, container), data, container)
    except Exception:  # noqa: BLE001 - as above
        return None


def model_input(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return the input of the backbone for a photo: the whole photo, squeezed into a square.

    The only preprocessing in training and app: any change invalidates every bundle built before it.

    Args:
        pixels: uint8 (height, width, 3), RGB, as `decode` returns them.
        side: side of the square in pixels.

    Returns:
        uint8 (side, side, 3), read-only; bilinear, each target pixel averaging all that it covers.
    """
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))


def _decode(data: bytes, container: str, min_side: int, thumbnail_side: int | None) -> DecodedPhoto:
    if is_cut_short(data, container):
        raise Unreadable(reasons.TRUNCATED)
    if container == "PNG":  # the plugin may render a whole frame of an animation while it opens the file
        _require(_pixels(png_size(data)) <= MAX_PIXELS)
    image = open_picture(data, container)
    full = held = image.size
    _require(_pixels(full) <= MAX_STREAMED_PIXELS)
    reduction = _reduction(full, min_side, thumbnail_side)
    # At least one row at a time: otherwise Pillow copies the start of a long row again and again.
    image.decodermaxblock = max(_BLOCK, full[0] * _BYTES_PER_PIXEL)
    if container == "JPEG":
        # All at once: the decoder takes the GIL again for each block.
        image.decodermaxblock = len(data)
        reduction = _draft(image, reduction)
        held = image.size if is_streamed_jpeg(data) else full
    elif container == "HEIF":
        image.draft(None, _smallest(full, min_side, thumbnail_side))
        reduction = _reduction(image.size, min_side, thumbnail_side)
        held = image.size
    needed = _pixels(held) * _BYTES_NEEDED.get(container, _BYTES_PER_PIXEL)
    _require(needed <= MAX_BYTES)

    with _decoding.hold(needed):
        image.load()
        facts = exif_facts(image, data, container)
        profile = image.info.get("icc_profile")
        reduced = to_eight_bit(image, reduction)
        del image  # frees the full picture
    turn = None if container in _UPRIGHT_ALREADY else _TURNS.get(facts.orientation)
    if turn is not None:
        reduced = reduced.transpose(turn)
        full = full[::-1] if facts.orientation >= 5 else full
    reduced = to_srgb(reduced, profile)
    return DecodedPhoto(
        pixels=np.asarray(reduced),
        width=full[0],
        height=full[1],
        taken_at=facts.taken_at,
        taken_from=facts.source,
        camera=facts.camera,
        format=container,
        thumbnail=None if thumbnail_side is None else _thumbnail(reduced, thumbnail_side),
    )


def _smallest(size: tuple[int, int], min_side: int, thumbnail_side: int | None) -> tuple[int, int]:
    """Return the smallest size with the aspect of `size` that still is enough for both `pixels` and thumbnail."""
    scale = max(min_side / min(size), (thumbnail_side or 1) / max(size))
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


def _reduction(size: tuple[int, int], min_side: int, thumbnail_side: int | None) -> int:
    """Return the whole number to divide both sides by: 1, 2, 4 or a multiple of 8; any number for thin strips.

    The same for every container, so that a photo looks the same to the model in whichever it is stored.
    """
    most = min(min(size) // min_side, max(size) // (thumbnail_side or 1))
    reduction = most // _MAX_DRAFT * _MAX_DRAFT or _draft_factor(most)
    # Otherwise a strip of a million by two hundred pixels would not be reduced at all and fill the queue's memory.
    return max(reduction, math.ceil(max(size) / (_LONGEST * min_side)))


def _draft_factor(most: int) -> int:
    """Return the largest reduction that the JPEG decoder offers up to `most`."""
    return next(factor for factor in (8, 4, 2, 1) if factor <= max(most, 1))


def _draft(image: ImageFile, reduction: int) -> int:
    """Let the JPEG decoder do as much of the reduction as it can; return the reduction that is left."""
    factor = _draft_factor(reduction)
    if factor > 1:
        width, height = image.size
        image.draft(None, (width // factor, height // factor))
    return reduction // factor


def _thumbnail(image: Image.Image, side: int) -> bytes:
    longest = max(image.size)
    if longest > side:
        width, height = (max(1, round(length * side / longest)) for length in image.size)
        # Hamming: as sharp as bicubic when scaling down, as fast as bilinear.
        image = image.resize((width, height), Image.Resampling.HAMMING)
    else:
        image = image.copy()
    image.info = {}  # otherwise a comment in the photo would be written into the thumbnail
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY)
    return buffer.getvalue()


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _require(fits: bool) -> None:
    if not fits:
        raise Unreadable(reasons.TOO_MANY_PIXELS)


def _why_not_a_picture(data: bytes) -> str:
    if not data:
        return reasons.EMPTY
    if not data.strip(b"\x00"):
        return reasons.BLANK
    return reasons.not_a_picture(describe_unsupported(data[:SNIFF_BYTES]))
