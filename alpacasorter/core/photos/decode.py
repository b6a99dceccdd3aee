"""Decodes photos: the bytes of a file in, an upright RGB picture at reduced scale and its facts out.

Thumbnails, predictions and training all decode here, so that they see the same pixels. Before a decoder sees the bytes,
what decoders don't check (whether the file is complete, and how much time and memory it needs) is read from them; a
budget limits how much memory all threads together may use; and a decoder that takes too long is given up.

Everything here may be called from many threads at once; Pillow releases the GIL while it decodes and scales. Nothing
that runs before the first window may import this module, because it imports Pillow.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.bitmap import Bitmap, read_bitmap
from alpacasorter.core.photos.bounded import (
    SECONDS,
    SECONDS_PER_PIXEL,
    Allowance,
    DecodingStopped,
    run_bounded,
)
from alpacasorter.core.photos.closeup import Closeup
from alpacasorter.core.photos.containers import Layout, lay_out
from alpacasorter.core.photos.exif import ExifFacts, read_shot
from alpacasorter.core.photos.formats import SNIFF_BYTES, sniff
from alpacasorter.core.photos.heif import lay_out_heif
from alpacasorter.core.photos.picture import (
    BEGINNING,
    exif_block,
    exif_facts,
    open_picture,
    profile_of,
    read_beginning,
    scale_to_eight_bit,
    to_eight_bit,
    to_srgb,
)
from alpacasorter.core.photos.reading import read_photo, why_not_a_picture
from alpacasorter.core.photos.tiff import TiffLayout, lay_out_tiff
from alpacasorter.core.taken import DateSource

_T = TypeVar("_T")


class Budget:
    """Lets threads hold units up to a common limit; a thread that needs more than the limit holds them alone."""

    def __init__(self, limit: int, *, small: int = 0) -> None:
        """Let all threads together hold up to `limit` units; what needs at most `small` neither waits nor counts."""
        self._limit = limit
        self._small = small
        self._held = 0
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, units: int) -> Iterator[None]:
        """Wait until so many units fit, or until no other thread holds any; hold them while the block runs."""
        if units <= self._small:
            yield
            return
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


MAX_BYTES: Final = 1024 * 1024 * 1024
"""The most memory that decoding one photo may use: enough for about 50 (WebP) to 128 megapixels."""
MAX_STREAMED_PIXELS: Final = 1_000_000_000
"""The largest JPEG that is decoded row by row at reduced scale, so that it is never in memory as a whole."""
BYTES_AT_ONCE: Final = 1024 * 1024 * 1024
"""The most memory that all threads together may use to decode; a photo that needs more is decoded alone."""
THUMBNAIL_QUALITY: Final = 82

# What may be missing at the end of a JPEG; and what to add, to see what is missing.
_MOST_MISSING: Final = 0.02
_ANYTHING: Final = bytes(range(1, 255)) * 16
_GRAY: Final = 128

_MAX_DRAFT: Final = 8
_LONGEST: Final = 128
_BLOCK: Final = 1024 * 1024
# The peak memory of the decoders, measured and rounded up: the picture, and what it is made from.
_BYTES_PER_PIXEL: Final = 8
_BYTES_NEEDED: Final = {"HEIF": 10, "AVIF": 12, "WEBP": 18}
_decoding: Final = Budget(BYTES_AT_ONCE, small=64 * 1024 * 1024)
# A pass over the samples of a progressive JPEG takes 1.3 ms a megapixel, and the photo itself up to 16.
_SECONDS_PER_PASS: Final = 1.4e-9
_SECONDS_OF_PASSES, _SECONDS_OF_PASSES_PER_PIXEL = 0.6 * SECONDS, 0.6 * SECONDS_PER_PIXEL
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


def decode(
    data: bytes, *, min_side: int, thumbnail_side: int | None = None, stopped: Callable[[], bool] = lambda: False
) -> DecodedPhoto:
    """Decode a photo at reduced scale. The bytes decide what it is, not the name of the file.

    Of an animation or a file with several pages, the first picture is used.

    Args:
        data: all bytes of the file.
        min_side: pixels, 1 or more. The shorter side of the result is at least this long if the photo is, and less
            only if the longer side would be over 128 times this; at most about twice this.
        thumbnail_side: pixels of the thumbnail's longer side (never enlarged); None for no thumbnail.
        stopped: called repeatedly; once it returns True, decoding is abandoned.

    Raises:
        Unreadable: the bytes can't be shown, or not within 2 seconds and 40 ms a megapixel. No bytes raise anything
            else.
        DecodingStopped: `stopped` returned True.
        ValueError: a side is below 1.
    """
    if min_side < 1 or (thumbnail_side is not None and thumbnail_side < 1):
        raise ValueError("min_side and thumbnail_side must be 1 or more")

    def finish(picture: _Picture) -> DecodedPhoto:
        thumbnail = None if thumbnail_side is None else _thumbnail(picture.image, thumbnail_side)
        width, height = picture.size
        facts = picture.facts
        pixels = np.asarray(picture.image)
        return DecodedPhoto(
            pixels, width, height, facts.taken_at, facts.source, facts.camera, picture.container, thumbnail
        )

    return _bounded(data, min_side, thumbnail_side, finish, stopped)


def decode_closeup(data: bytes, *, min_side: int, stopped: Callable[[], bool] = lambda: False) -> Closeup:
    """Decode a photo to be looked at from near; the arguments, and what is raised, are those of `decode`."""
    if min_side < 1:
        raise ValueError("min_side must be 1 or more")

    def finish(picture: _Picture) -> Closeup:
        return Closeup(picture.image, *picture.size, read_shot(picture.exif))

    return _bounded(data, min_side, None, finish, stopped)


def _bounded(
    data: bytes,
    min_side: int,
    thumbnail_side: int | None,
    finish: Callable[[_Picture], _T],
    stopped: Callable[[], bool],
) -> _T:
    """Decode on a thread of its own, and return what `finish` makes of the picture there."""
    container = sniff(data[:SNIFF_BYTES])
    if container is None:
        raise Unreadable(why_not_a_picture(data))

    def work(allowance: Allowance) -> _T:
        return finish(_decode(data, container, min_side, thumbnail_side, allowance))

    try:
        return run_bounded(work, stopped=stopped)
    except (Unreadable, DecodingStopped):
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
        return run_bounded(lambda _allowance: _header(data, container), stopped=lambda: False)
    except Exception:  # noqa: BLE001 - as above
        return None


def _header(data: bytes, container: str) -> ExifFacts:
    if container in ("HEIF", "AVIF"):
        layout = lay_out_heif(data)
        return exif_facts(open_picture(layout, container), layout, data, container)
    layout = lay_out_tiff(data).layout if container == "TIFF" else lay_out(data, container, only_header=True)
    return exif_facts(None, layout, data, container)


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


@dataclass(frozen=True, slots=True)
class _Opened:
    """A picture whose pixels are not decoded yet.

    Attributes:
        layout: what its decoder gets.
        container: the plugin for it.
        image: from that plugin; None for a BMP that is decoded without one.
        bitmap: that BMP.
        tiff: a TIFF.
        size: of the full picture, as stored.
    """

    layout: Layout
    container: str
    image: ImageFile | None
    bitmap: Bitmap | None
    tiff: TiffLayout | None
    size: tuple[int, int]

    def load(self, data: bytes) -> Image.Image:
        """Decode the pixels."""
        if self.bitmap is not None:
            return self.bitmap.picture(data)
        if self.image is None:
            raise Unreadable(reasons.DAMAGED)
        drafted = self.image.size
        try:
            self.image.load()
        except OSError as error:
            if self.tiff is not None and self.tiff.is_rare:
                raise Unreadable(reasons.UNKNOWN_KIND) from error
            if self.container == "JPEG" and os_errors.for_decoder(error) == reasons.TRUNCATED:
                return _nearly_whole(self.layout, drafted)
            raise
        if self.tiff is not None and self.tiff.numbers is not None:
            return self.tiff.numbers.picture(self.image, scale_to_eight_bit)
        return self.image


def _nearly_whole(layout: Layout, size: tuple[int, int]) -> Image.Image:
    """Decode a JPEG that lacks its end, which other programs show, if no more than a few pixels are missing.

    The decoder fills up with gray what is missing; so what depends on what is added to the file is missing.

    Raises:
        Unreadable: more is missing.
    """
    pictures = []
    for ending in (b"", _ANYTHING):
        image = open_picture(Layout([*layout.parts, ending + b"\xff\xd9"]), "JPEG")
        image.draft(None, size)
        image.load()
        pictures.append(image)
    shown, other = (np.asarray(picture).reshape(*size[::-1], -1) for picture in pictures)
    missing = (shown != other).any(axis=2)
    rows = np.flatnonzero(missing.any(axis=1))
    if rows.size:
        # After the next restart marker, the gray is the same in both.
        missing[rows[0] :] |= (shown[rows[0] :] == _GRAY).all(axis=2)
    if missing.mean() > _MOST_MISSING:
        raise Unreadable(reasons.TRUNCATED)
    return pictures[0]


def _open(data: bytes, container: str) -> _Opened:
    if container == "BMP" and (bitmap := read_bitmap(data)) is not None:
        return _Opened(Layout([]), container, None, bitmap, None, bitmap.size)
    tiff = None
    if container == "TIFF":
        tiff = lay_out_tiff(data)
        _require(_pixels(tiff.size) <= MAX_STREAMED_PIXELS)
        layout, container = tiff.layout, tiff.container
    elif container in ("HEIF", "AVIF"):
        layout = lay_out_heif(data)
    else:
        layout = lay_out(data, container)
    image = open_picture(layout, container)
    size = image.size
    if tiff is not None and tiff.numbers is not None:
        size = tiff.size
    return _Opened(layout, container, image, None, tiff, size)


@dataclass(frozen=True, slots=True)
class _Picture:
    """A decoded picture.

    Attributes:
        image: RGB in sRGB, upright, reduced.
        size: of the full picture, upright.
        facts: from its header.
        exif: the block with them.
        container: it was stored in.
    """

    image: Image.Image
    size: tuple[int, int]
    facts: ExifFacts
    exif: bytes
    container: str


def _decode(data: bytes, container: str, min_side: int, thumbnail_side: int | None, allowance: Allowance) -> _Picture:
    opened = _open(data, container)
    layout, image, full = opened.layout, opened.image, opened.size
    _require(_pixels(full) <= MAX_STREAMED_PIXELS)
    held = full
    reduction = reduction_of(full, min_side, thumbnail_side)
    if image is not None:
        # At least one row at a time: otherwise Pillow copies the start of a long row again and again.
        image.decodermaxblock = max(_BLOCK, full[0] * _BYTES_PER_PIXEL)
    if image is not None and opened.container == "JPEG":
        # All at once: the decoder takes the GIL again for each block.
        image.decodermaxblock = len(data)
        reduction = _draft(image, reduction)
        held = image.size if layout.streamed else full
    elif image is not None and container == "HEIF":
        image.draft(None, _smallest(full, min_side, thumbnail_side))
        reduction = reduction_of(image.size, min_side, thumbnail_side)
        held = image.size
    needed = _pixels(held) * _BYTES_NEEDED.get(container, _BYTES_PER_PIXEL)
    _require(needed <= MAX_BYTES)
    inverted = opened.tiff is not None and opened.tiff.inverted
    passes = layout.passes * _pixels(full) * _SECONDS_PER_PASS
    if passes > _SECONDS_OF_PASSES + _SECONDS_OF_PASSES_PER_PIXEL * _pixels(full):
        raise Unreadable(reasons.TOO_COMPLEX)

    allowance.pause()
    with _decoding.hold(needed):
        allowance.begin(_pixels(full))
        loaded = opened.load(data)
        profile = layout.profile
        facts, exif = exif_facts(image, layout, data, container), exif_block(image, layout, data, container)
        if image is not None and container in ("HEIF", "AVIF"):
            profile = image.info.get("icc_profile")
        reduced = to_eight_bit(loaded, reduction)
        del image, opened, loaded  # frees the full picture
    turn = None if container in _UPRIGHT_ALREADY else _TURNS.get(facts.orientation)
    if turn is not None:
        reduced = reduced.transpose(turn)
        full = full[::-1] if facts.orientation >= 5 else full
    if inverted:
        reduced = ImageChops.invert(reduced)
    if layout.gamma is not None:
        profile = profile_of(layout.gamma, layout.primaries, gray=reduced.mode in ("L", "LA"))
    reduced = to_srgb(reduced, profile)
    return _Picture(reduced, full, facts, exif, container)


def _smallest(size: tuple[int, int], min_side: int, thumbnail_side: int | None) -> tuple[int, int]:
    """Return the smallest size with the aspect of `size` that still is enough for both `pixels` and thumbnail."""
    scale = max(min_side / min(size), (thumbnail_side or 1) / max(size))
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


def reduction_of(size: tuple[int, int], min_side: int, thumbnail_side: int | None) -> int:
    """Return by which whole number `decode` divides both sides: 1, 2, 4 or a multiple of 8; any for thin strips.

    The same for every container, so that a photo looks the same to the model in whichever it is stored.

    Args:
        size: width and height of the full photo, pixels.
        min_side, thumbnail_side: as for `decode`.
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
