"""The picture key: the same for all files that show the same picture, whatever other programs have written into them.

A keyword, a rating or a turned orientation changes the bytes of a file and so its content key, but not the picture that
the user has labeled. The picture key is a hash of only those parts of a file that its picture is made from. Color
profiles are not among them, nor is anything else that says how to show the picture and not what is on it.

Each container has its own reader, which knows just enough of the structure to find these parts. Files come from
strangers, so a reader trusts nothing: it raises UnusualFile or runs into an error at whatever it does not expect, and
then the whole file is its picture. Besides hashing each byte once, none does more than a bounded number of steps.

BLAKE3 is as hard to forge as SHA-256 and four to eight times as fast, which is why the scan can afford a second hash.
docs/decisions/0014-labels-follow-the-picture.md has the reasons and the numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import numpy as np
from blake3 import blake3

from alpacasorter.core.photos.formats import SNIFF_BYTES, sniff
from alpacasorter.core.photos.iso_media import Items, UnusualFile

_MAX_PARTS: Final = 1 << 16
"""How many segments, chunks, strips or items are looked at; a PNG of 512 MB has as many."""
_MAX_GIF_PARTS: Final = 1 << 18
"""Parts of a GIF have 255 bytes at most, so 64 MB of pixels."""


def picture_key(data: bytes, content: str) -> str:
    """Return the picture key of a file as 64 hexadecimal digits.

    Never raises, and takes a quarter of a millisecond for each megabyte.

    Args:
        data: the bytes of the file.
        content: their content key, which is returned if the whole file must count as the picture: because nothing else
            can be in it, or because it is damaged or of a kind that is not known here.
    """
    reader = _READERS.get(sniff(data[:SNIFF_BYTES]) or "")
    if reader is None:
        return content
    digest = _Digest()
    try:
        reader(data, digest)
    except (UnusualFile, struct.error, ArithmeticError, LookupError, ValueError):
        return content
    return digest.hexdigest()


class _Digest:
    """A hash of named parts. Names and lengths are hashed too, so that no two lists of parts look alike."""

    def __init__(self) -> None:
        self._hash = blake3()

    def add_rest(self, part: memoryview) -> None:
        """Add a last part, whose length need not be known before."""
        self._hash.update(part)

    def hexdigest(self) -> str:
        """Return the hash of all parts."""
        return self._hash.hexdigest()

    def add(self, name: bytes, *parts: bytes | memoryview) -> None:
        """Add a part, which may come in several pieces."""
        self._hash.update(b"%b\x00%d\x00" % (name, sum(map(len, parts))))
        for part in parts:
            self._hash.update(part)


def _need(condition: object) -> None:
    if not condition:
        raise UnusualFile


# JPEG

_SOS: Final = 0xDA
_END: Final = int.from_bytes(b"\xff\xd9", "little")
_BLOCK: Final = 1 << 18


def _read_jpeg(data: bytes, digest: _Digest) -> None:
    """Add all segments but APPn and COM, up to the end of the first picture.

    What comes after that end is not the picture: the second ones of MPF, videos of motion photos, makers' trailers.
    """
    view = memoryview(data)
    digest.add(b"JPEG")
    at = 2
    for _ in range(_MAX_PARTS):
        _need(data[at] == 0xFF)
        marker = data[at + 1]
        if marker == 0xFF:  # filler
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        # Others than these have no length and can't be here.
        _need((0xC0 <= marker <= 0xCF or marker >= _SOS) and at + 4 <= end <= len(data))
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            digest.add(b"segment", view[at:end])
        if marker == _SOS:
            digest.add_rest(view[end : _end_of_jpeg(data, end)])
            return
        at = end
    raise UnusualFile


def _end_of_jpeg(data: bytes, at: int) -> int:
    """Return the offset of the first end marker from `at` on; the end of the data if there is none.

    In coded pixels the two bytes of a marker never stand together. Comparing pairs of bytes as numbers takes an eighth
    of the time that `bytes.find` does.
    """
    for start in range(at, len(data), _BLOCK):
        found = []
        for place in (start, start + 1):
            count = min(len(data) - place, _BLOCK) // 2
            hits = np.frombuffer(data, "<u2", count, place) == _END if count > 0 else np.empty(0, bool)
            if hits.any():
                found.append(place + 2 * int(hits.argmax()))
        if found:
            return min(found)
    return len(data)


# PNG

_PNG_BEFORE: Final = (b"IHDR", b"PLTE", b"tRNS")
_PNG_ANIMATION: Final = (b"acTL", b"fcTL", b"fdAT")


def _read_png(data: bytes, digest: _Digest) -> None:
    """Add the chunks that pixels are made from; how the pixels are divided into chunks does not matter."""
    view = memoryview(data)
    digest.add(b"PNG")
    at = 8
    pixels: list[memoryview] = []
    for _ in range(_MAX_PARTS):
        length, name = struct.unpack_from(">L4s", data, at)
        start, end = at + 8, at + 8 + length
        _need(end + 4 <= len(data))
        if name == b"IEND":
            _need(pixels)
            digest.add(b"IDAT", *pixels)
            return
        if name == b"IDAT":
            pixels.append(view[start:end])
        elif name in _PNG_BEFORE or name in _PNG_ANIMATION:
            digest.add(name, view[start:end])
        else:
            _need(name[0] & 0x20)  # a critical chunk that is not known here can't be skipped
        at = end + 4
    raise UnusualFile


# WebP

_WEBP_PICTURE: Final = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")


def _read_webp(data: bytes, digest: _Digest) -> None:
    """Add the chunks with pixels. The header says which other chunks there are, so only an animation needs its size."""
    view = memoryview(data)
    digest.add(b"WEBP")
    at, stop = 12, 8 + int.from_bytes(data[4:8], "little")
    _need(stop <= len(data))
    size = b""
    found = False
    for _ in range(_MAX_PARTS):
        if at + 8 > stop:
            _need(found)
            return
        name, length = struct.unpack_from("<4sL", data, at)
        start, end = at + 8, at + 8 + length
        _need(end <= stop)
        if name == b"VP8X":
            size = data[start + 4 : end]
        elif name in _WEBP_PICTURE:
            digest.add(name, size if name == b"ANIM" else b"", view[start:end])
            found = True
        at = end + length % 2
    raise UnusualFile


# GIF

_GIF_EXTENSION, _GIF_FRAME, _GIF_END = 0x21, 0x2C, 0x3B
_GIF_DRAWN: Final = (0x01, 0xF9)
"""Extensions that change what is seen: text, and how to show the next frame. Others are comments and metadata."""


def _read_gif(data: bytes, digest: _Digest) -> None:
    """Add the screen and all frames. The version does not count: metadata makes an 89a of an 87a."""
    view = memoryview(data)
    at = 13 + _gif_colors(data[10])
    digest.add(b"GIF", view[6:at])
    found = False
    left = _MAX_GIF_PARTS
    while data[at] != _GIF_END:
        start, kind = at, data[at]
        if kind == _GIF_EXTENSION:
            is_drawn, at = data[at + 1] in _GIF_DRAWN, at + 2
        else:
            _need(kind == _GIF_FRAME)
            is_drawn = found = True
            at += 11 + _gif_colors(data[at + 9])
        while (length := data[at]) and left:
            at += 1 + length
            left -= 1
        _need(left)
        at += 1
        left -= 1
        if is_drawn:
            digest.add(b"block", view[start:at])
    _need(found)


def _gif_colors(flags: int) -> int:
    """Return the length of a color table in bytes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


# TIFF

_NEW_SUBFILE: Final = 254
_COMPRESSION: Final = 259
_STRIPS: Final = (273, 279)
_TILES: Final = (324, 325)
_DNG_VERSION: Final = 50706
_OLD_JPEG: Final = 6
# Size, bits, compression, photometric, fill order, samples, rows a strip, planes, fax options, predictor, palette, tile
# size, inks, extra samples, sample format, JPEG tables, and how YCbCr is made. Not orientation, and no profile.
_TIFF_LOOK: Final = (
    *(256, 257, 258, _COMPRESSION, 262, 266, 277, 278, 284, 292, 293, 317, 320, 322, 323, 332, 338, 339, 347),
    *(529, 530, 532),
)
_TIFF_READ: Final = frozenset((*_TIFF_LOOK, *_STRIPS, *_TILES, _NEW_SUBFILE, _DNG_VERSION))
_TIFF_NUMBERS: Final = {1: "B", 3: "H", 4: "L", 13: "L", 16: "Q"}
_TIFF_SIZES: Final = {2: 1, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 17: 8, 18: 8}


class _Tags:
    """The first directory of a TIFF."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.order = "<" if data.startswith(b"I") else ">"
        self._is_big = struct.unpack_from(self.order + "H", data, 2)[0] == 43
        count_code, self._entry = ("Q", "HHQ8s") if self._is_big else ("H", "HHL4s")
        (at,) = struct.unpack_from(self.order + ("Q" if self._is_big else "L"), data, 8 if self._is_big else 4)
        (count,) = struct.unpack_from(self.order + count_code, data, at)
        _need(0 < count <= 4096)
        at += struct.calcsize(self.order + count_code)
        size = struct.calcsize(self.order + self._entry)
        self._places: dict[int, int] = {}
        for place in range(at, at + count * size, size):
            tag = struct.unpack_from(self.order + "H", data, place)[0]
            # If one that counts is there twice, which one a decoder takes is not known.
            _need(tag not in self._places or tag not in _TIFF_READ)
            self._places[tag] = place

    def __contains__(self, tag: int) -> bool:
        return tag in self._places

    def raw(self, tag: int) -> bytes:
        """Return the value of a tag: numbers as text, because their width may change; others as they are stored."""
        kind, count, data = self._value(tag)
        code = _TIFF_NUMBERS.get(kind)
        return data if code is None else repr(struct.unpack(f"{self.order}{count}{code}", data)).encode()

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the whole numbers of a tag, none if it is missing."""
        if tag not in self._places:
            return ()
        kind, count, data = self._value(tag)
        return struct.unpack(f"{self.order}{count}{_TIFF_NUMBERS[kind]}", data)

    def _value(self, tag: int) -> tuple[int, int, bytes]:
        _tag, kind, count, here = struct.unpack_from(self.order + self._entry, self._data, self._places[tag])
        code = _TIFF_NUMBERS.get(kind)
        size = count * (_TIFF_SIZES[kind] if code is None else struct.calcsize("<" + code))
        _need(count <= _MAX_PARTS)
        if size <= len(here):
            return kind, count, here[:size]
        at = int.from_bytes(here, "little" if self.order == "<" else "big")
        _need(at + size <= len(self._data))
        return kind, count, self._data[at : at + size]


def _read_tiff(data: bytes, digest: _Digest) -> None:
    """Add the pixels of the first picture, and the tags that say how to make a picture from them."""
    view = memoryview(data)
    tags = _Tags(data)
    # What is first in a RAW file is a small preview.
    _need(_DNG_VERSION not in tags and not any(number & 1 for number in tags.numbers(_NEW_SUBFILE)))
    _need(tags.numbers(_COMPRESSION) != (_OLD_JPEG,))
    offsets, lengths = next(
        (tags.numbers(where), tags.numbers(how_long))
        for where, how_long in (_STRIPS, _TILES, (0, 0))
        if where in tags or not where
    )
    _need(0 < len(offsets) == len(lengths) <= _MAX_PARTS and sum(lengths) <= len(data))
    _need(not (_STRIPS[0] in tags and _TILES[0] in tags))
    digest.add(b"TIFF", tags.order.encode())
    for tag in _TIFF_LOOK:
        if tag in tags:
            digest.add(b"%d" % tag, tags.raw(tag))
    for offset, length in zip(offsets, lengths, strict=True):
        _need(offset + length <= len(data))
        digest.add(b"pixels", view[offset : offset + length])


# HEIC and AVIF

_MAX_PROPERTY_BYTES: Final = 1 << 24


def _read_iso_media(data: bytes, digest: _Digest) -> None:
    """Add the data of the primary item, of the tiles it is made from, and of what adds to it."""
    view = memoryview(data)
    items = Items(data)
    digest.add(b"ISO")
    # Each byte once: tiles that lie on each other would make a small file take hours. Tiles share their properties.
    left, left_for_properties = len(data), _MAX_PROPERTY_BYTES
    for item in items.needed():
        properties = items.properties(item)
        places = items.extents(item)
        left -= sum(length for _offset, length in places)
        left_for_properties -= sum(map(len, properties))
        _need(left >= 0 and left_for_properties >= 0)
        _need(all(length and offset + length <= len(data) for offset, length in places))
        digest.add(b"item", items.kinds[item], *properties)
        digest.add(b"data", *(view[offset : offset + length] for offset, length in places))


_READERS: Final[dict[str, Callable[[bytes, _Digest], None]]] = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "WEBP": _read_webp,
    "GIF": _read_gif,
    "TIFF": _read_tiff,
    "HEIF": _read_iso_media,
    "AVIF": _read_iso_media,
}
