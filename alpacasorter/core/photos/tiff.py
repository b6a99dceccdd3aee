"""TIFF files, reduced to their first picture; and the kinds of pixels that Pillow does not know.

A TIFF is a list of tags. Most say where something is in the file: pixels, but also layers, previews and notes.
Pillow and libtiff read them all. They get a new, small directory instead, with the tags that describe the pixels, and
behind it the strips or tiles. Where Pillow does not know the kind of number that a pixel is, it gets each row as
plain bytes to unpack, and NumPy does the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.containers import MAX_PROFILE_BYTES, Layout, Part, lay_out

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_COLORS, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 320, 322, 323, 324, 325
_XMP: Final = 700
_EXTRA, _FORMAT, _JPEG, _JPEG_BYTES, _SUBSAMPLING, _PROFILE = 338, 339, 513, 514, 530, 34675
_KEPT: Final = frozenset(
    (
        *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, 274, _SAMPLES, _ROWS, _PLANAR, 292, 293),
        *(_PREDICTOR, _COLORS, _TILE_WIDTH, _TILE_HEIGHT, 332, 334, _EXTRA, _FORMAT, 347, 512, _JPEG, _JPEG_BYTES),
        *(515, 517, 518, 519, 520, 521, 529, _SUBSAMPLING, 531, 532),
    )
)
_NO_COMPRESSION, _OLD_JPEG, _NEW_JPEG = 1, 6, 7
_BYTEWISE: Final = frozenset((1, 5, 8, 32773, 32946, 34925, 50000))
"""Compressions that know only bytes, whatever the pixels are."""
_CODES: Final = {1: "B", 2: "B", 3: "H", 4: "L", 6: "B", 7: "B", 8: "H", 9: "L", 13: "L", 16: "Q", 18: "Q"}
_PAIRS: Final = {5: 8, 10: 8, 11: 4, 12: 8}
"""Fractions and floating-point numbers, kept as bytes, and how many each has."""

_CHANNELS: Final = {2: 3, 5: 4}
"""Colors by what TIFF calls the photometric interpretation; all others that are read here are gray."""
_RARE: Final = frozenset((32809, 34676, 34677, 50001))
_MAX_ENTRIES: Final = 4096
_MAX_PIECES: Final = 200_000
_MAX_UNCOMPRESSED_TILES: Final = 50_000
_MAX_VALUE_BYTES: Final = 1024 * 1024
_LARGEST_TILE: Final = 1024 * 1024
_MOST_SCANS: Final = 12
_UNPACKED_AT_ONCE: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class Numbers:
    """Pixels that Pillow unpacks as bytes.

    Attributes:
        kind: of the number, in NumPy's notation, such as ">u4".
        size: width and height in pixels.
        samples: numbers per pixel, with those that are not shown.
        photometric: what they mean: 0 and 1 for gray, 2 for RGB, 5 for CMYK.
        alpha: whether the first one beyond the colors is opacity.
        predictor: 2 if each number is stored as the difference to the one at its left.
        planar: whether all first numbers come first, then all second ones, and so on.
        packed: the bits of a number if they are not whole bytes, else 0; each row begins with a new byte.
    """

    kind: str
    size: tuple[int, int]
    samples: int
    photometric: int
    alpha: bool
    predictor: int
    planar: bool
    packed: int = 0

    def picture(self, rows: Image.Image, scale: Callable[[NDArray[Any]], NDArray[np.uint8]]) -> Image.Image:
        """Return the picture in these bytes; `scale` makes 8 bits of gray values."""
        width, height = self.size
        shape = (self.samples * height, width, 1) if self.planar else (height, width, self.samples)
        if self.packed:
            stored = _unpacked(np.asarray(rows), shape[1] * shape[2], self.packed).reshape(shape)
        else:
            stored = np.asarray(rows).view(self.kind).reshape(shape)
        values: NDArray[Any] = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        if self.predictor == 2:
            values = np.add.accumulate(values, axis=1, dtype=values.dtype)
        if self.planar:
            values = np.moveaxis(values.reshape(self.samples, height, width), 0, 2)
        colors = _CHANNELS.get(self.photometric, 1)
        if self.samples < colors:
            raise Unreadable(reasons.DAMAGED)
        if values.dtype.kind == "i" and values.dtype.itemsize <= 2 and int(values.min()) >= 0:
            # The positive half of a short number is its full range.
            values = values.view(f"u{values.dtype.itemsize}") << 1
        if colors == 1 and not self.alpha and values.dtype.kind != "u":
            return Image.fromarray(np.ascontiguousarray(values[:, :, 0], np.float32))
        channels = [values[:, :, :colors], values[:, :, colors : colors + self.alpha]]
        eight = [_eight_bit(part, scale) for part in channels if part.size]
        shown = np.dstack(eight)
        mode = {(1, 1): "L", (1, 2): "LA", (3, 3): "RGB", (3, 4): "RGBA", (4, 4): "CMYK"}[colors, shown.shape[2]]
        return Image.frombytes(mode, self.size, shown.tobytes())


def _unpacked(rows: NDArray[np.uint8], width: int, bits: int) -> NDArray[np.uint16]:
    """Return numbers of up to 16 bits, scaled to 16 bits, as uint16 (height, `width`).

    Args:
        rows: bytes (height, bytes of a row), the highest bit first whatever the order of bytes in the file.
        width: numbers in a row.
        bits: of a number.
    """
    found = np.empty((rows.shape[0], width), np.uint16)
    # A bit takes a byte meanwhile.
    step = max(1, _UNPACKED_AT_ONCE // (width * bits))
    for top in range(0, len(rows), step):
        each = np.unpackbits(rows[top : top + step], axis=1, count=width * bits).reshape(-1, width, bits)
        numbers = np.zeros(each.shape[:2], np.uint32)
        for bit in range(bits):
            numbers = numbers << 1 | each[:, :, bit]
        found[top : top + step] = numbers * 65535 // ((1 << bits) - 1)
    return found


def _eight_bit(values: NDArray[Any], scale: Callable[[NDArray[Any]], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    if values.dtype.kind != "u":
        return scale(values.astype(np.float32))
    bits = 8 * values.dtype.itemsize
    # Other programs show the full range, but measurements of fewer bits are stored like this, too.
    highest = int(values.max())
    if bits >= 32:
        bits = next(fewer for fewer in (8, 16, 24, bits) if highest < 1 << fewer)
    return (values >> (bits - 8)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """What a decoder needs of a TIFF.

    Attributes:
        layout: the file to decode.
        container: of that: "TIFF", or "JPEG" where that is all there is in the TIFF.
        size: width and height in pixels, as stored.
        inverted: whether the decoded gray is to be inverted.
        numbers: how to read the decoded bytes; None if they are pixels.
        is_rare: whether it is compressed in a way that libtiff may not know.
    """

    layout: Layout
    container: str = "TIFF"
    size: tuple[int, int] = (0, 0)
    inverted: bool = False
    numbers: Numbers | None = None
    is_rare: bool = False


class _Directory:
    """The tags of the first picture: numbers, or bytes where the meaning does not matter here."""

    def __init__(self, data: bytes) -> None:
        self.order = order = "<" if data.startswith(b"II") else ">"
        self._data = data
        big = data[2:4] in (b"+\x00", b"\x00+")
        start = struct.unpack_from(order + ("Q" if big else "L"), data, 8 if big else 4)[0]
        count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
        if count > _MAX_ENTRIES:
            raise Unreadable(reasons.DAMAGED)
        self.values: dict[int, tuple[int, ...]] = {}
        self.raw: dict[int, tuple[int, bytes]] = {}
        self.profile: bytes | None = None
        self.texts: dict[str, bytes | str] = {}
        wide, inline = (20, 8) if big else (12, 4)
        for at in range(start + (8 if big else 2), start + (8 if big else 2) + count * wide, wide):
            tag, kind, many = struct.unpack_from(order + ("HHQ" if big else "HHL"), data, at)
            length = many * (_PAIRS.get(kind) or struct.calcsize("=" + _CODES.get(kind, "B")))
            place = at + wide - inline
            if length > inline:
                place = struct.unpack_from(order + ("Q" if big else "L"), data, place)[0]
            self._keep(tag, kind, many, place, length)

    def _keep(self, tag: int, kind: int, many: int, place: int, length: int) -> None:
        pieces = tag in (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES)
        if tag == _XMP and length <= _MAX_VALUE_BYTES:
            self.texts["xmp"] = self._data[place : place + length]
        if tag == _PROFILE and length <= MAX_PROFILE_BYTES:
            self.profile = self._data[place : place + length]
        if tag not in _KEPT and not pieces:
            return
        if place + length > len(self._data):
            raise Unreadable(reasons.TRUNCATED)
        if (many > _MAX_PIECES) if pieces else (length > _MAX_VALUE_BYTES):
            raise Unreadable(reasons.TOO_COMPLEX)
        if kind in _CODES and kind != 7:
            self.values[tag] = struct.unpack_from(f"{self.order}{many}{_CODES[kind]}", self._data, place)
            if kind not in (3, 4, 16) and not pieces:
                self.raw[tag] = kind, self._data[place : place + length]
        elif kind in _PAIRS or kind == 7:
            self.raw[tag] = kind, self._data[place : place + length]

    def number(self, tag: int, otherwise: int) -> int:
        """Return the first number of a tag."""
        return (self.values.get(tag) or (otherwise,))[0]

    def written(self, at: int) -> bytes:
        """Return the directory for the offset `at`, followed by the values that do not fit into it."""
        entries, rest = [], b""
        tags = sorted(self.values.keys() | self.raw.keys())
        behind = at + 2 + 12 * len(tags) + 4
        for tag in tags:
            if tag in self.raw:
                kind, body = self.raw[tag]
                many = len(body) // (_PAIRS.get(kind) or struct.calcsize("=" + _CODES[kind]))
            else:
                numbers = self.values[tag]
                kind = (
                    3
                    if tag not in (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES) and max(numbers, default=0) < 65536
                    else 4
                )
                many = len(numbers)
                body = struct.pack(f"{self.order}{many}{'H' if kind == 3 else 'L'}", *numbers)
            if len(body) > 4:
                entries.append(struct.pack(self.order + "HHLL", tag, kind, many, behind + len(rest)))
                rest += body + bytes(len(body) % 2)
            else:
                entries.append(struct.pack(self.order + "HHL", tag, kind, many) + body.ljust(4, b"\x00"))
        return struct.pack(self.order + "H", len(tags)) + b"".join(entries) + bytes(4) + rest


def lay_out_tiff(data: bytes) -> TiffLayout:
    """Return what a decoder needs of a TIFF.

    Raises:
        Unreadable: it is damaged, incomplete, or made of more pieces than any photo.
    """
    try:
        return _lay_out(data)
    except struct.error as error:  # something begins behind the end of the file
        raise Unreadable(reasons.TRUNCATED) from error


def _lay_out(data: bytes) -> TiffLayout:
    tags = _Directory(data)
    width, height = tags.number(_WIDTH, 0), tags.number(_HEIGHT, 0)
    if width < 1 or height < 1:
        raise Unreadable(reasons.DAMAGED)
    compression = tags.number(_COMPRESSION, _NO_COMPRESSION)
    if compression not in TiffImagePlugin.COMPRESSION_INFO:
        raise Unreadable(reasons.UNKNOWN_KIND)
    found = TiffLayout(Layout([]), size=(width, height), is_rare=compression in _RARE)
    if compression == _OLD_JPEG:
        return _old_jpeg(data, tags, found)
    tiled = _TILES in tags.values
    offsets = tags.values.get(_TILES if tiled else _STRIPS, ())
    lengths = tags.values.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
    across, down = width, min(tags.number(_ROWS, height), height)
    if tiled:
        across, down = tags.number(_TILE_WIDTH, 0), tags.number(_TILE_HEIGHT, 0)
        if across * down > max(4 * width * height, _LARGEST_TILE):
            raise Unreadable(reasons.TOO_COMPLEX)
    if not offsets or across < 1 or down < 1:
        raise Unreadable(reasons.DAMAGED)
    samples = tags.number(_SAMPLES, 1)
    bits = tags.values.get(_BITS, (1,))
    bits = bits * samples if len(bits) == 1 and samples <= 64 else bits[:samples]
    planes = samples if tags.number(_PLANAR, 1) == 2 and samples <= 64 else 1
    pieces = -(-width // across) * -(-height // down) * planes
    if pieces > _MAX_PIECES or (compression == _NO_COMPRESSION and tiled and pieces > _MAX_UNCOMPRESSED_TILES):
        raise Unreadable(reasons.TOO_COMPLEX)
    offsets = offsets[:pieces]
    row = -(-across * (bits[0] if planes > 1 else sum(bits)) // 8)
    plain = compression == _NO_COMPRESSION and (tags.number(_PHOTOMETRIC, 1) != 6 or _SUBSAMPLING not in tags.values)
    if plain:
        full = [row * (down if tiled else min(down, height - at * down)) for at in range(-(-height // down))]
        lengths = tuple(full[at % len(full)] if not tiled else row * down for at in range(len(offsets)))
    elif len(lengths) < len(offsets):
        lengths = (*lengths, *(len(data) - at for at in offsets[len(lengths) :]))
    if sum(lengths[: len(offsets)]) > 2 * len(data) + row * height * planes:
        raise Unreadable(reasons.TOO_COMPLEX)
    view = memoryview(data)
    parts: list[Part] = [view[at : at + length] for at, length in zip(offsets, lengths, strict=False)]
    if plain and sum(map(len, parts)) < sum(lengths):
        raise Unreadable(reasons.TRUNCATED)
    numbers = _numbers(tags, compression, (width, height), samples, bits, planar=planes > 1)
    if numbers is not None and numbers.planar and (tiled or (not plain and height % down)):
        numbers = None
    if numbers is None and 8 < bits[0] < 16:
        # Pillow takes them for numbers of 16 bits, which leaves almost no light.
        raise Unreadable(reasons.UNKNOWN_KIND)
    inverted = tags.number(_PHOTOMETRIC, 1) == 0 and (numbers is not None or bits[0] > 8)
    if inverted:
        tags.values[_PHOTOMETRIC] = (1,)
    if numbers is not None:
        each = bits[0] * (1 if numbers.planar else samples)
        height *= planes
        planes = 1
        tags.values |= {
            _WIDTH: (-(-width * each // 8),),
            _BITS: (8,),
            _SAMPLES: (1,),
            _PHOTOMETRIC: (1,),
            _PREDICTOR: (1,),
        }
        tags.values |= {_HEIGHT: (height,), _PLANAR: (1,), _ROWS: (down,)}
        tags.values |= {_TILE_WIDTH: (across * each // 8,)} if tiled else {}
        for tag in (_EXTRA, _FORMAT, _COLORS, _FILL_ORDER):
            tags.values.pop(tag, None)
    if plain and not tiled and (planes == 1 or len(offsets) > planes):
        # As many strips as planes: Pillow takes ten microseconds for each.
        tags.values[_ROWS] = (height,)
        joined = len(offsets) // planes
        sizes = [sum(map(len, parts[at : at + joined])) for at in range(0, len(parts), joined)]
    else:
        sizes = [len(part) for part in parts]
    passes = 0.0
    if compression == _NEW_JPEG:
        scans = sum(bytes(part).count(b"\xff\xda") for part in parts) / len(parts)
        passes = scans if scans > _MOST_SCANS else 0.0
    head = _written(tags, tiled, sizes)
    layout = Layout([head, *parts], profile=tags.profile, texts=tags.texts, passes=passes)
    return replace(found, layout=layout, inverted=inverted, numbers=numbers)


def _written(tags: _Directory, tiled: bool, sizes: Sequence[int]) -> bytes:
    """Return the header and the directory of a TIFF whose strips or tiles have these sizes and follow at once."""
    place, size = (_TILES, _TILE_BYTES) if tiled else (_STRIPS, _STRIP_BYTES)
    for tag in (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES):
        tags.values.pop(tag, None)
        tags.raw.pop(tag, None)
    tags.values |= {place: (0,) * len(sizes), size: tuple(sizes)}
    start = 8 + len(tags.written(8))
    at = start
    offsets = []
    for length in sizes:
        offsets.append(at)
        at += length
    tags.values[place] = tuple(offsets)
    return _header(tags.order, 8) + tags.written(8)


def _header(order: str, at: int) -> bytes:
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HL", 42, at)


def _old_jpeg(data: bytes, tags: _Directory, found: TiffLayout) -> TiffLayout:
    at = tags.number(_JPEG, 0)
    if at and data[at : at + 3] == b"\xff\xd8\xff":
        return replace(found, layout=lay_out(data[at:], "JPEG"), container="JPEG")
    # Its tables are anywhere in the file, so that stays as it is, and the directory goes behind it.
    end = len(data) + len(data) % 2
    parts: list[Part] = [_header(tags.order, end), memoryview(data)[8:], bytes(end - len(data)), tags.written(end)]
    return replace(found, layout=Layout(parts, profile=tags.profile, texts=tags.texts))


def _numbers(
    tags: _Directory,
    compression: int,
    size: tuple[int, int],
    samples: int,
    bits: tuple[int, ...],
    *,
    planar: bool,
) -> Numbers | None:
    """Return how to read the pixels if they are of a kind that Pillow does not know, but NumPy does."""
    forms = tags.values.get(_FORMAT, (1,))
    extra = tags.values.get(_EXTRA, ())
    photometric = tags.number(_PHOTOMETRIC, 1)
    prefix = b"II" if tags.order == "<" else b"MM"
    key = (prefix, photometric, forms if len(set(forms)) > 1 else forms[:1], tags.number(_FILL_ORDER, 1), bits, extra)
    odd = bits[0] % 8 != 0
    known = (
        key in TiffImagePlugin.OPEN_INFO
        and not (bits == (32,) and forms[0] == 1)
        and not (bits in ((8,), (16,)) and forms[0] == 2)
        and (bits[0] <= 8 or not (planar or odd))
    )
    kind = {1: "u", 2: "i", 3: "f"}.get(forms[0], "")
    if (
        known
        or photometric not in (0, 1, 2, 5)
        or compression not in _BYTEWISE
        or len(set(forms)) > 1
        or len(set(bits)) != 1
        or (bits[0] not in (8, 16, 32, 64) and not (odd and bits[0] < 16))
        or (odd and (kind != "u" or tags.number(_FILL_ORDER, 1) != 1 or tags.number(_PREDICTOR, 1) != 1))
        or (odd and _TILES in tags.values and tags.number(_TILE_WIDTH, 0) * samples * bits[0] % 8)
        or not kind
        or (kind == "f" and bits[0] == 8)
        or tags.number(_PREDICTOR, 1) not in (1, 2)
    ):
        return None
    return Numbers(
        kind="u2" if odd else f"{tags.order}{kind}{bits[0] // 8}",
        size=size,
        samples=samples,
        photometric=photometric,
        alpha=photometric != 5 and bool(extra) and extra[0] in (1, 2),
        predictor=tags.number(_PREDICTOR, 1),
        planar=planar,
        packed=bits[0] if odd else 0,
    )
