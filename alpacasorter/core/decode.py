"""The one loader: bytes of a photo in, an upright reduced RGB picture and its facts out.

Thumbnails, judging and training all decode here, so that they see the same pixels. Nothing that runs before
the first window may import this module: it imports Pillow.

Everything here may be called from many threads at once; Pillow releases the GIL while it decodes and scales.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from alpacasorter.core import containers, reasons
from alpacasorter.core.budget import Budget
from alpacasorter.core.colour import to_eight_bit, to_srgb
from alpacasorter.core.formats import SNIFF_BYTES, describe_unsupported, sniff
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.plugins import MAX_PIXELS, exif_facts, open_picture

MAX_BYTES: Final = 1024 * 1024 * 1024
"""The most memory that decoding one photo may take: a photo of about 50 (WebP) to 128 megapixels."""
MAX_STREAMED_PIXELS: Final = 1_000_000_000
"""The largest JPEG: where it can be decoded row by row at reduced scale, the whole is never held."""
BYTES_AT_ONCE: Final = 1024 * 1024 * 1024
"""The most memory that all threads together may take to decode; a photo that needs more is decoded alone."""
THUMBNAIL_QUALITY: Final = 82

_MAX_DRAFT: Final = 8
_LONGEST: Final = 128
_BLOCK: Final = 1024 * 1024
# What decoders hold at their peak, measured and rounded up: the picture, and what it was made from.
_BYTES_PER_PIXEL: Final = 8
_BYTES_NEEDED: Final = {"HEIF": 10, "AVIF": 12, "WEBP": 18}
_decoding: Final = Budget(BYTES_AT_ONCE)
# These give pixels that are upright already: turning them by their EXIF would turn them twice.
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
    """One photo, decoded once for everything it is needed for.

    Attributes:
        pixels: uint8 (height, width, 3), RGB in sRGB, upright, reduced; read-only.
        width, height: pixels of the full photo, upright.
        taken_at: ISO 8601 time of capture, with the offset where the camera wrote one, or None.
        format: container found in the bytes: "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF" or "AVIF".
        thumbnail: JPEG, upright sRGB, without metadata; None if none was asked for.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    taken_at: str | None
    format: str
    thumbnail: bytes | None


def decode(data: bytes, *, min_side: int, thumbnail_side: int | None = None) -> DecodedPhoto:
    """Decode a photo at reduced scale. What the bytes hold decides, not the name of the file.

    Of an animation or a file of several pages the first picture counts.

    Args:
        data: all bytes of the file.
        min_side: pixels, 1 or more. The shorter side of the result is at least this, where the photo has as
            much; less where the longer side would be over 128 times this. About twice it at most.
        thumbnail_side: pixels of the thumbnail's longer side (never enlarged); None for no thumbnail.

    Raises:
        Unreadable: for whatever bytes that can't be shown, and nothing else.
        ValueError: a side below 1.
    """
    if min_side < 1 or (thumbnail_side is not None and thumbnail_side < 1):
        raise ValueError("min_side and thumbnail_side must be 1 or more")
    container = sniff(data[:SNIFF_BYTES])
    if container is None:
        raise Unreadable(_why_no_picture(data))
    try:
        return _decode(data, container, min_side, thumbnail_side)
    except Unreadable:
        raise
    # Decoders raise nearly everything on damaged input: OSError, ValueError, SyntaxError, struct.error,
    # IndexError, KeyError, TypeError, ZeroDivisionError, MemoryError, and what their next versions add.
    except Exception as error:
        raise Unreadable(reasons.for_decoder(error)) from error


def model_input(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return what the backbone sees of a photo: the whole of it, squashed to a square.

    The one preprocessing of training and app: any change makes every bundle built before it wrong.

    Args:
        pixels: uint8 (height, width, 3), RGB, as `decode` gives them.
        side: pixels of the square.

    Returns:
        uint8 (side, side, 3), read-only; bilinear, each target pixel averaging all it covers.
    """
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))


def _decode(data: bytes, container: str, min_side: int, thumbnail_side: int | None) -> DecodedPhoto:
    if containers.is_cut_short(data, container):
        raise Unreadable(reasons.TRUNCATED)
    if container == "PNG":  # the plugin may paint a whole frame of an animation while it opens
        _require(_pixels(containers.png_size(data)) <= MAX_PIXELS)
    image = open_picture(data, container)
    full = held = image.size
    _require(_pixels(full) <= MAX_STREAMED_PIXELS)
    reduction = _reduction(full, min_side, thumbnail_side)
    # At least a row at a time: otherwise Pillow copies the beginning of a long row again and again.
    image.decodermaxblock = max(_BLOCK, full[0] * _BYTES_PER_PIXEL)
    if container == "JPEG":
        # All at once: the decoder asks for the GIL again with each block.
        image.decodermaxblock = len(data)
        reduction = _draft(image, reduction)
        held = image.size if containers.is_streamed_jpeg(data) else full
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
        del image  # the full picture need not be held any longer
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
        format=container,
        thumbnail=None if thumbnail_side is None else _thumbnail(reduced, thumbnail_side),
    )


def _smallest(size: tuple[int, int], min_side: int, thumbnail_side: int | None) -> tuple[int, int]:
    """Return the smallest size with the aspect of `size` that still serves both `pixels` and thumbnail."""
    scale = max(min_side / min(size), (thumbnail_side or 1) / max(size))
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


def _reduction(size: tuple[int, int], min_side: int, thumbnail_side: int | None) -> int:
    """Return by which whole number to divide both sides: 1, 2, 4, a multiple of 8; any for thin strips.

    The same for every container, so that a photo looks the same to the model whichever it is kept in.
    """
    most = min(min(size) // min_side, max(size) // (thumbnail_side or 1))
    reduction = most // _MAX_DRAFT * _MAX_DRAFT or _draft_factor(most)
    # A strip of a million pixels by two hundred would be reduced not at all, and fill the memory of the queue.
    return max(reduction, math.ceil(max(size) / (_LONGEST * min_side)))


def _draft_factor(most: int) -> int:
    """Return the largest reduction the JPEG decoder has that is not above `most`."""
    return next(factor for factor in (8, 4, 2, 1) if factor <= max(most, 1))


def _draft(image: ImageFile, reduction: int) -> int:
    """Let the JPEG decoder do as much of the reduction as it can, and return what is left to do."""
    factor = _draft_factor(reduction)
    if factor > 1:
        width, height = image.size
        image.draft(None, (width // factor, height // factor))
    return reduction // factor


def _thumbnail(image: Image.Image, side: int) -> bytes:
    longest = max(image.size)
    if longest > side:
        width, height = (max(1, round(length * side / longest)) for length in image.size)
        # Hamming: as sharp as bicubic when making smaller, at the cost of bilinear.
        image = image.resize((width, height), Image.Resampling.HAMMING)
    else:
        image = image.copy()
    image.info = {}  # otherwise a comment of the photo would be written into the thumbnail
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY)
    return buffer.getvalue()


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _require(fits: bool) -> None:
    if not fits:
        raise Unreadable(reasons.TOO_MANY_PIXELS)


def _why_no_picture(data: bytes) -> str:
    if not data:
        return reasons.EMPTY
    if not data.strip(b"\x00"):
        return reasons.BLANK
    return reasons.not_a_picture(describe_unsupported(data[:SNIFF_BYTES]))
