"""What a decoder needs of a picture file, found without decoding: JPEG, PNG, GIF and WebP.

Decoders believe what a file says about itself. A few bytes can make them pass over all pixels a thousand times, read
millions of empty segments one by one, or unpack gigabytes of comments. So the file is walked first, in few and bounded
steps, and the decoder gets the parts that make up the picture, and nothing else: no metadata, no other frames.
EXIF and color profile are found on the way.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable

MAX_STEPS: Final = 100_000
"""How many segments, chunks or blocks may be looked at in one file. A photo has up to some ten thousand."""
MAX_PROFILE_BYTES: Final = 16 * 1024 * 1024
"""The largest color profile that is used; that of a printer may have several megabytes."""
_MAX_EXIF_BYTES: Final = 1024 * 1024
_MAX_TEXT_BYTES: Final = 1024 * 1024

Part = bytes | memoryview


class Parts:
    """A file made of parts of another one, which are not copied; for Pillow to read."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """Join the parts."""
        self._parts = [part for part in parts if len(part)]
        self._ends = list(accumulate(map(len, self._parts)))
        self._at = 0

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes: so many, or all."""
        end = self._ends[-1] if self._ends else 0
        stop = end if size is None or size < 0 else min(self._at + size, end)
        found: list[Part] = []
        index = bisect_right(self._ends, self._at)
        while self._at < stop:
            start = self._ends[index] - len(self._parts[index])
            part = self._parts[index][self._at - start : stop - start]
            found.append(part)
            self._at += len(part)
            index += 1
        return bytes(found[0]) if len(found) == 1 else b"".join(found)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a place."""
        self._at = offset + (0, self._at, self._ends[-1] if self._ends else 0)[whence]
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at


@dataclass(frozen=True, slots=True)
class Layout:
    """What a decoder needs of a file.

    Attributes:
        parts: the picture alone, in the same format; the whole file if only its decoder can take it apart.
        exif: the EXIF block; None if there is none, or if only the decoder can find it.
        profile: the ICC profile; None as for `exif`.
        streamed: whether it can be decoded row by row (JPEG).
        passes: how often the decoder passes over all samples of the picture, beyond what any photo needs (JPEG).
        texts: what else says when the photo was taken, as Pillow names it: "xmp", or by the keyword of a PNG; and
            "photoshop", the block of a JPEG with the IPTC.
        gamma, primaries: how a PNG encodes colors: the exponent, and x and y of white, red, green and blue.
    """

    parts: Sequence[Part]
    exif: bytes | None = None
    profile: bytes | None = None
    streamed: bool = False
    passes: float = 0.0
    gamma: float | None = None
    primaries: tuple[float, ...] | None = None
    texts: Mapping[str, bytes | str] = field(default_factory=dict)


def lay_out(data: bytes, container: str, *, only_header: bool = False) -> Layout:
    """Return what a decoder needs of a file of the container that `sniff` found.

    Args:
        data: the file; or, of a JPEG, its beginning.
        container: JPEG, PNG, GIF or WEBP; others are left as they are.
        only_header: whether only what the file says about the photo matters, so that a JPEG may be incomplete.

    Raises:
        Unreadable: it is damaged, incomplete, or made of more pieces than any photo.
    """
    match container:
        case "JPEG":
            return _jpeg(data, only_header=only_header)
        case "PNG":
            return _png(data)
        case "GIF":
            return _gif(data)
        case "WEBP":
            return _webp(data)
    return Layout([data])


def _bound(steps: int) -> None:
    if steps > MAX_STEPS:
        raise Unreadable(reasons.TOO_COMPLEX)


# JPEG

_JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_JPEG_PHOTOSHOP: Final = b"Photoshop 3.0\x00"
_MAX_PHOTOSHOP_BYTES: Final = 1024 * 1024
_SEGMENT: Final = re.compile(rb"\xff[^\x00\xff]")
_END_OF_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN: Final = b"\xff\xda"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL: Final = frozenset((0xC0, 0xC1, 0xC9))
_ARITHMETIC: Final = frozenset((0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
# Lossless and hierarchical ones.
_RARE_FRAMES: Final = frozenset((0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF))
_TABLES: Final = frozenset((0xC4, 0xCC, 0xDB, 0xDD))
_BARE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
# How much of a file may be none of its segments, and how much of it tables. Photos have a few hundred bytes.
_MOST_JUNK: Final = 1024 * 1024
_MOST_TABLES: Final = 64 * 1024
_SCANS_OF_ANY_PHOTO: Final = 12
_SLOWER_BY_ARITHMETIC: Final = 4


def _jpeg(data: bytes, *, only_header: bool) -> Layout:
    view = memoryview(data)
    parts: list[Part] = [data[:2]]
    profile: dict[int, Part] = {}
    texts: dict[str, bytes | str] = {}
    photoshop = bytearray()
    exif = None
    frame, marker_of_frame = b"", 0
    at, steps, junk, tables = 2, 0, _MOST_JUNK, 0
    try:
        while True:
            found = _SEGMENT.search(data, at, at + junk + 2)
            steps += 1
            _bound(steps)
            if found is None:
                raise Unreadable(reasons.DAMAGED)
            junk -= found.start() - at
            at, marker = found.start(), data[found.start() + 1]
            if marker in _BARE:
                at += 2
                continue
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == 0xD9 or end < at + 4:
                raise Unreadable(reasons.DAMAGED)
            if end > len(data):
                raise Unreadable(reasons.TRUNCATED if frame else reasons.DAMAGED)
            if marker == _START_OF_SCAN[1]:
                break
            body = view[at + 4 : end]
            if marker in _FRAMES:
                if marker in _RARE_FRAMES or bytes(body[:1]) not in (b"", b"\x08"):
                    raise Unreadable(reasons.UNKNOWN_KIND)
                frame, marker_of_frame = bytes(body), marker
                tables += len(body)
                parts.append(view[at:end])
            elif marker in _TABLES:
                tables += len(body)
                parts.append(view[at:end])
            elif marker == 0xE1 and exif is None and data.startswith(b"Exif\x00\x00", at + 4):
                exif = bytes(body)
            elif marker == 0xE1 and data.startswith(_JPEG_XMP, at + 4):
                texts.setdefault("xmp", bytes(body[len(_JPEG_XMP) :]))
            elif marker == 0xED and data.startswith(_JPEG_PHOTOSHOP, at + 4) and len(photoshop) < _MAX_PHOTOSHOP_BYTES:
                # A large block goes on in the next segment.
                photoshop += body[len(_JPEG_PHOTOSHOP) :]
            elif marker == 0xE2 and data.startswith(b"ICC_PROFILE\x00", at + 4) and len(body) > 14:
                profile.setdefault(body[12], body[14:])
            elif marker == 0xEE and data.startswith(b"Adobe", at + 4) and len(body) < _MOST_TABLES:
                tables += len(body)
                parts.append(view[at:end])
            elif marker == 0xE0 and data.startswith(b"JFIF", at + 4):
                # Without the thumbnail that may follow.
                parts += (b"\xff\xe0\x00\x10", body[:12], b"\x00\x00") if len(body) >= 14 else ()
            if tables > _MOST_TABLES:
                raise Unreadable(reasons.TOO_COMPLEX)
            at = end
    except Unreadable:
        if only_header:
            return Layout([], exif=exif, texts=_with_photoshop(texts, photoshop))
        raise
    streamed = marker_of_frame in _SEQUENTIAL and len(frame) > 5 and data[at + 4] == frame[5]
    passes = 0.0 if streamed else _passes(data, at, frame)
    if marker_of_frame in _ARITHMETIC:
        passes *= _SLOWER_BY_ARITHMETIC
    parts.append(view[at:])
    icc = b"".join(profile[number] for number in sorted(profile))
    texts = _with_photoshop(texts, photoshop)
    return Layout(parts, exif=exif, profile=icc or None, texts=texts, streamed=streamed, passes=passes)


def _with_photoshop(texts: dict[str, bytes | str], block: bytearray) -> dict[str, bytes | str]:
    return texts | {"photoshop": bytes(block)} if block else texts


def _passes(data: bytes, at: int, frame: bytes) -> float:
    """Return how often the scans from `at` on pass over the picture, each component by its share of the samples."""
    # The two bytes begin every scan, and by chance something else; most photos need no closer look.
    if data.count(_START_OF_SCAN, at) <= _SCANS_OF_ANY_PHOTO:
        return 0.0
    sampling = {frame[i]: (frame[i + 1] >> 4) * (frame[i + 1] & 15) for i in range(6, len(frame) - 2, 3)}
    largest = max(sampling.values(), default=1) or 1
    passes, steps = 0.0, 0
    while at + 5 <= len(data):
        steps += 1
        _bound(steps)
        marker = data[at + 1]
        if marker == 0xD9:
            break
        if marker == _START_OF_SCAN[1]:
            chosen = data[at + 5 : at + 5 + 2 * min(data[at + 4], 4) : 2]
            passes += sum(sampling.get(name, largest) for name in chosen) / largest
        found = _END_OF_SCAN.search(data, at + 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2))
        if found is None:
            break
        at = found.start()
    return passes


# PNG

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_RAW_PROFILE_EXIF: Final = "Raw profile type exif"  # how ImageMagick writes it: hexadecimal after three lines
_KEPT_ANCILLARY: Final = frozenset((b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"))
_TEXTS: Final = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_MAX_TEXTS: Final = 64
_MAX_KEYWORD: Final = 79


def _png(data: bytes) -> Layout:
    view = memoryview(data)
    head: list[Part] = [_PNG_SIGNATURE]
    pixels: list[Part] = []
    kept: dict[bytes, bytes] = {}
    texts: dict[str, bytes | str] = {}
    at, steps = len(_PNG_SIGNATURE), 0
    while at + 8 <= len(data):
        steps += 1
        _bound(steps)
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if name == b"IDAT":
            pixels.append(view[at + 8 : at + 8 + length])
        elif name == b"IEND":
            break
        elif name in (b"IHDR", b"PLTE"):
            if name not in kept:
                kept[name] = b""
                head.append(view[at:end])
        elif name in _KEPT_ANCILLARY and name not in kept and length <= MAX_PROFILE_BYTES and end <= len(data):
            body = data[at + 8 : at + 8 + length]
            # A wrong check sum means that this chunk is damaged, not the picture: it is left out, as browsers do.
            if zlib.crc32(name + body) == int.from_bytes(data[end - 4 : end], "big"):
                kept[name] = body
        elif name in _TEXTS and len(texts) < _MAX_TEXTS and length <= _MAX_TEXT_BYTES:
            texts |= _png_text(name, data[at + 8 : at + 8 + length])
        at = end
    if b"tRNS" in kept:
        head.append(_png_chunk(b"tRNS", kept[b"tRNS"]))
    length = sum(map(len, pixels))
    # All pixels as one chunk. Its check sum is not looked at; that of the compressed data is what counts.
    frame = [length.to_bytes(4, "big") + b"IDAT", *pixels, bytes(4), _png_chunk(b"IEND", b"")]
    gamma, primaries = _png_colors(kept)
    return Layout(
        [*head, *frame],
        exif=kept.get(b"eXIf") or _png_exif(texts.get(_RAW_PROFILE_EXIF)),
        texts=texts,
        profile=_unpacked(kept.get(b"iCCP", b""), MAX_PROFILE_BYTES),
        gamma=gamma,
        primaries=primaries,
    )


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def _unpacked(body: bytes, most: int) -> bytes | None:
    """Unpack what follows a name, a zero and the method of compression; None if there is nothing, or too much."""
    start = body.find(b"\x00") + 2
    if start < 2:
        return None
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(body[start:], most)
    except zlib.error:
        return None
    return found if unpacker.eof else None


def _png_text(name: bytes, body: bytes) -> dict[str, bytes | str]:
    """Return keyword and text of a chunk; nothing if it is of no use."""
    keyword, zero, text = body.partition(b"\x00")
    if not zero or len(keyword) > _MAX_KEYWORD:
        return {}
    found: bytes | None = text
    if name == b"zTXt":
        found = _unpacked(body, _MAX_TEXT_BYTES)
    elif name == b"iTXt":
        is_packed, rest = text[:1] == b"\x01", text[2:].split(b"\x00", 2)[-1]
        found = _unpacked(b"\x00\x00" + rest, _MAX_TEXT_BYTES) if is_packed else rest
    return {} if found is None else {keyword.decode("latin-1"): found.decode("utf-8", "replace")}


def _png_exif(text: object) -> bytes | None:
    try:
        return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else None
    except ValueError:
        return None


def _png_colors(kept: dict[bytes, bytes]) -> tuple[float | None, tuple[float, ...] | None]:
    if b"sRGB" in kept or b"iCCP" in kept or len(kept.get(b"gAMA", b"")) != 4:
        return None, None
    gamma = int.from_bytes(kept[b"gAMA"], "big") / 100_000
    places = kept.get(b"cHRM", b"")
    numbers = tuple(int.from_bytes(places[at : at + 4], "big") / 100_000 for at in range(0, len(places), 4))
    return gamma or None, numbers if len(numbers) == 8 else None


# GIF

_GIF_BLOCK: Final = re.compile(rb"[\x21\x2c\x3b]")
_GIF_XMP: Final = b"\xff\x0bXMP DataXMP"
_GIF_STEPS: Final = 1_000_000


def _gif(data: bytes) -> Layout:
    flags = data[10] if len(data) > 10 else 0
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    head: Part = data[:at]
    control = b""
    texts: dict[str, bytes | str] = {}
    blocks, steps = 0, 0
    while True:
        blocks += 1
        _bound(blocks)
        # Some programs pad with zeros; anything else does not belong here.
        found = _GIF_BLOCK.search(data, at, at + _MOST_JUNK)
        if found is None or data[at : found.start()].strip(b"\x00"):
            raise Unreadable(reasons.DAMAGED if at < len(data) else reasons.TRUNCATED)
        at = found.start()
        if data[at] == 0x3B:
            raise Unreadable(reasons.DAMAGED)
        if data[at] == 0x2C:
            return Layout([head, control, memoryview(data)[at:]], texts=texts)
        if data[at + 1 : at + 3] == b"\xf9\x04":
            control = data[at : at + 8]
        elif data.startswith(_GIF_XMP, at + 1):
            texts["xmp"] = data[at : at + _MAX_TEXT_BYTES]
        at += 2
        while at < len(data) and (length := data[at]):
            at += length + 1
            steps += 1
            if steps > _GIF_STEPS:
                raise Unreadable(reasons.TOO_COMPLEX)
        at += 1


# WebP

_VP8X_ANIMATION, _VP8X_ALPHA = 0x02, 0x10


def _webp(data: bytes) -> Layout:
    if 8 + int.from_bytes(data[4:8], "little") > len(data):  # its decoder would show gray for what is missing
        raise Unreadable(reasons.TRUNCATED)
    view = memoryview(data)
    kept: dict[bytes, memoryview] = {}
    at, steps = 12, 0
    while at + 8 <= len(data):
        steps += 1
        _bound(steps)
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        kept.setdefault(name, view[at:end])
        if name in (b"VP8 ", b"VP8L") and b"VP8X" not in kept:
            break
        at = end
    frame = [kept[name] for name in (b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L") if name in kept]
    if b"VP8X" in kept:
        animated = b"ANMF" in kept
        flags = kept[b"VP8X"][8] & (_VP8X_ALPHA | (_VP8X_ANIMATION if animated else 0))
        frame = [part for part in frame if animated == (bytes(part[:4]) in (b"ANIM", b"ANMF"))]
        extended = bytes(kept[b"VP8X"][:8]) + bytes((flags,)) + bytes(kept[b"VP8X"][9:])
        frame.insert(0, memoryview(extended))
    length = 4 + sum(map(len, frame))
    exif, profile = (bytes(kept[name][8:]) if name in kept else None for name in (b"EXIF", b"ICCP"))
    return Layout(
        [b"RIFF" + length.to_bytes(4, "little") + b"WEBP", *frame],
        exif=exif,
        profile=profile if profile is not None and len(profile) <= MAX_PROFILE_BYTES else None,
        texts={"xmp": bytes(kept[b"XMP "][8 : 8 + _MAX_TEXT_BYTES])} if b"XMP " in kept else {},
    )
