"""BMP files of the kinds that Pillow does not read, or not in bounded time: bit fields, and run-length encoding."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable

_FILE_HEADER: Final = 14
_INFO_HEADER: Final = 40
_WITH_MASKS, _WITH_ALPHA = 52, 56
_OS2_HEADERS: Final = frozenset((16, 64))
_RLE8, _RLE4, _FIELDS, _ALPHA_FIELDS = 1, 2, 3, 6
_ROWS_AT_ONCE: Final = 256
# A run takes half a microsecond, so there may be this many of them, and one for every twelve pixels.
_SPARE_RUNS: Final = 250_000
_PIXELS_PER_RUN: Final = 12


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A BMP to decode here.

    Attributes:
        size: width and height in pixels.
        bits: per pixel.
        compression: as the file numbers it.
        top_down: whether the first row is at the top.
        start: where the pixels begin.
        masks: the bits that are red, green, blue and opacity.
        palette: red, green and blue of each color.
    """

    size: tuple[int, int]
    bits: int
    compression: int
    top_down: bool
    start: int
    masks: tuple[int, ...]
    palette: bytes

    def picture(self, data: bytes) -> Image.Image:
        """Decode the file.

        Raises:
            Unreadable: it is incomplete, or has more runs than a photo.
        """
        if self.compression in (_RLE8, _RLE4):
            picture = Image.fromarray(self._turned(self._unpack_runs(data)))
            picture.putpalette(self.palette)
            return picture
        return self._from_fields(data)

    def _turned(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return rows if self.top_down else rows[::-1]

    def _from_fields(self, data: bytes) -> Image.Image:
        width, height = self.size
        stride = (width * self.bits + 31) // 32 * 4
        if self.start + stride * height > len(data):
            raise Unreadable(reasons.TRUNCATED)
        kind = np.dtype("<u2" if self.bits == 16 else "<u4")
        stored = np.frombuffer(data, kind, stride // kind.itemsize * height, self.start).reshape(height, -1)[:, :width]
        pixels = np.empty((height, width, 4 if self.masks[3] else 3), np.uint8)
        for top in range(0, height, _ROWS_AT_ONCE):
            rows = stored[top : top + _ROWS_AT_ONCE].astype(np.uint32)
            for channel in range(pixels.shape[2]):
                pixels[top : top + _ROWS_AT_ONCE, :, channel] = _field(rows, self.masks[channel])
        if self.masks[3] and not pixels[:, :, 3].any():  # a fully transparent picture is a mistake
            pixels = np.ascontiguousarray(pixels[:, :, :3])
        return Image.fromarray(self._turned(pixels))

    def _unpack_runs(self, data: bytes) -> NDArray[np.uint8]:
        width, height = self.size
        rows = bytearray(width * height)
        x = y = 0
        at = self.start
        halves = self.compression == _RLE4
        for _ in range(width * height // _PIXELS_PER_RUN + _SPARE_RUNS):
            if y >= height:
                break
            if at + 2 > len(data):
                raise Unreadable(reasons.TRUNCATED)
            count, value = data[at], data[at + 1]
            at += 2
            if count == 0 and value == 0:
                x, y = 0, y + 1
                continue
            if count == 0 and value == 1:
                break
            if count == 0 and value == 2:
                x, y = x + int.from_bytes(data[at : at + 1]), y + int.from_bytes(data[at + 1 : at + 2])
                at += 2
                continue
            if count:
                colors = (bytes((value >> 4, value & 15)) * 128)[:count] if halves else bytes((value,)) * count
            else:
                length = (value + 1) // 2 if halves else value
                colors = data[at : at + length]
                if halves:
                    colors = bytes(part for byte in colors for part in (byte >> 4, byte & 15))[:value]
                at += length + length % 2
            colors = colors[: max(width - x, 0)]
            rows[y * width + x : y * width + x + len(colors)] = colors
            x += len(colors)
        else:
            raise Unreadable(reasons.TOO_COMPLEX)
        return np.frombuffer(rows, np.uint8).reshape(height, width)


def read_bitmap(data: bytes) -> Bitmap | None:
    """Return a BMP that is to be decoded here; None if Pillow does it.

    Raises:
        Unreadable: its header is damaged.
    """
    header = int.from_bytes(data[_FILE_HEADER : _FILE_HEADER + 4], "little")
    if header < _INFO_HEADER or header in _OS2_HEADERS or len(data) < _FILE_HEADER + _INFO_HEADER:
        return None
    width, height, _planes, bits, compression = struct.unpack_from("<iiHHI", data, _FILE_HEADER + 4)
    fields = compression in (_FIELDS, _ALPHA_FIELDS) and bits in (16, 32)
    if not fields and (compression, bits) not in ((_RLE8, 8), (_RLE4, 4)):
        return None
    if width < 1 or height == 0:
        raise Unreadable(reasons.DAMAGED)
    count = 4 if compression == _ALPHA_FIELDS or header >= _WITH_ALPHA else 3
    masks = struct.unpack(f"<{count}I", data[_FILE_HEADER + _INFO_HEADER :][: 4 * count]) if fields else ()
    colors = struct.unpack_from("<I", data, _FILE_HEADER + 32)[0] or 1 << bits
    table = data[_FILE_HEADER + header :][: 4 * min(colors, 1 << bits)]
    return Bitmap(
        size=(width, abs(height)),
        bits=bits,
        compression=compression,
        top_down=height < 0,
        start=int.from_bytes(data[10:14], "little"),
        masks=(*masks, 0, 0, 0, 0)[:4] if any(masks[:3]) else (0xFF0000, 0xFF00, 0xFF, 0),
        palette=b"".join(table[at : at + 3][::-1] for at in range(0, len(table) - 3, 4)).ljust(3, b"\x00"),
    )


def _field(rows: NDArray[np.uint32], mask: int) -> NDArray[np.uint8]:
    """Return the numbers in the bits of a mask, scaled to 8 bits."""
    if not mask:
        return np.zeros(rows.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    width = (mask >> shift).bit_length()
    values = (rows & np.uint32(mask)) >> np.uint32(shift)
    if width > 8:
        return (values >> np.uint32(width - 8)).astype(np.uint8)
    most = (1 << width) - 1
    return ((values * np.uint32(255) + np.uint32(most // 2)) // np.uint32(most)).astype(np.uint8)
