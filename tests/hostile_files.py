"""Small files that ask their decoder for a lot of time or memory, of every format that is opened.

    hostile("scans", 100)        a JPEG with a hundred scans more than it needs

Each kind is made from a harmless picture and grows with a number that says how much of the harm is in it.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from PIL import Image

from tests.picture_files import corner_picture, encode, picture_bytes, png_chunk

SIZE = (96, 64)
_RATIONAL, _LONG, _BYTE = 5, 4, 1


def hostile(kind: str, amount: int) -> bytes:
    """Return a file of one of `KINDS`."""
    return _MAKERS[kind](amount)


def _jpeg(**options: object) -> bytes:
    return encode(corner_picture(SIZE), "JPEG", **options)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment of a JPEG, the coded pixels with their scan."""
    at = 2
    while data[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xDA:
            while not (data[end] == 0xFF and data[end + 1] and not 0xD0 <= data[end + 1] <= 0xD7):
                end += 1
        yield data[at + 1], at, end
        at = end


def with_scans(amount: int, side: int, between: bytes = b"") -> bytes:
    """Return a gray progressive JPEG whose last scan is repeated, with something between two of them."""
    data = encode(Image.new("L", (side, side), 128), "JPEG", progressive=True, quality=50)
    start, end = [place for marker, *place in jpeg_segments(data) if marker == 0xDA][-1]
    return data[:-2] + (between + data[start:end]) * amount + data[-2:]


def _with_segments(segment: bytes) -> Callable[[int], bytes]:
    def make(amount: int) -> bytes:
        data = _jpeg()
        return data[:2] + segment * amount + data[2:]

    return make


def exif_bomb(entries: int) -> bytes:
    """Return EXIF whose entries all have nearly the whole block as their value."""
    length = 60_000
    body = b"".join(struct.pack("<HHLL", 0x9000 + n % 0x1000, 7, length, 8) for n in range(entries))
    return (b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<H", entries) + body).ljust(65_000, b"\x00")


def _png(*chunks: bytes, behind: bytes = b"") -> bytes:
    data = picture_bytes("png", size=SIZE)
    at = data.index(b"IDAT") - 4
    end = data.index(b"IEND") - 4
    return data[:at] + b"".join(chunks) + data[at:end] + behind + data[end:]


@cache
def _unpacks_to(amount: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(amount)) + packer.flush()


def _png_pixels(amount: int) -> bytes:
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", head), png_chunk(b"IDAT", _unpacks_to(amount)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _apng(amount: int) -> bytes:
    frame = png_chunk(b"fcTL", struct.pack(">5L2H2B", 0, *SIZE, 0, 0, 1, 10, 0, 0))
    return _png(png_chunk(b"acTL", struct.pack(">2L", amount, 0)), frame, behind=frame * amount)


def _gif(between: bytes) -> Callable[[int], bytes]:
    def make(amount: int) -> bytes:
        data = picture_bytes("gif", size=SIZE)
        at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
        return data[:at] + between * amount + data[at:]

    return make


def _gif_of_small_blocks(amount: int) -> bytes:
    """Clear codes, one byte a block."""
    head = b"GIF89a\x10\x00\x10\x00\x80\x00\x00" + bytes(6) + b"\x2c" + bytes(4) + b"\x10\x00\x10\x00\x00\x02"
    return head + b"\x01\x24" * amount + b"\x00\x3b"


def _webp_chunks(amount: int) -> bytes:
    data = picture_bytes("webp", size=SIZE)
    extended = (
        b"VP8X\x0a\x00\x00\x00" + bytes(4) + (SIZE[0] - 1).to_bytes(3, "little") + (SIZE[1] - 1).to_bytes(3, "little")
    )
    body = b"WEBP" + extended + b"ABCD\x00\x00\x00\x00" * amount + data[12:]
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _webp_frames(amount: int) -> bytes:
    frame = corner_picture((512, 512))
    return encode(
        frame,
        "WEBP",
        save_all=True,
        append_images=[Image.new("RGB", (512, 512), (n % 256, 0, 0)) for n in range(amount)],
        quality=20,
    )


def tiff(tags: dict[int, tuple[int, int, bytes]], behind: bytes = b"", following: int = 0) -> bytes:
    """Return a little-endian TIFF: type, count and value of each tag, and where the next directory is."""
    at = 8 + 2 + 12 * len(tags) + 4
    entries, rest = b"", b""
    for tag, (kind, count, value) in sorted(tags.items()):
        if len(value) > 4:
            entries += struct.pack("<HHLL", tag, kind, count, at + len(rest))
            rest += value
        else:
            entries += struct.pack("<HHL", tag, kind, count) + value.ljust(4, b"\x00")
    head = b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags)) + entries + struct.pack("<L", following)
    return head + rest + behind


def long(*values: int) -> tuple[int, int, bytes]:
    """Return a tag of numbers, for `tiff`."""
    return _LONG, len(values), struct.pack(f"<{len(values)}L", *values)


def gray_tags(width: int, height: int, start: int, length: int) -> dict[int, tuple[int, int, bytes]]:
    """Return the tags of an uncompressed gray TIFF."""
    sizes = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 277: 1, 278: height, 273: start, 279: length}
    return {tag: long(value) for tag, value in sizes.items()}


def _tiff_tags(amount: int) -> bytes:
    """Tags that all have the same megabyte as their value, which begins in the middle of it."""
    pixels = bytes(96 * 64) + bytes(1 << 20)
    tags = gray_tags(*SIZE, 0, 96 * 64)
    many = {40_000 + n: (7, 1 << 20, struct.pack("<L", 60_000)) for n in range(amount)}
    start = 8 + 2 + 12 * (len(tags) + len(many)) + 4
    data = bytearray(tiff(tags | {273: long(start)} | dict.fromkeys(many, (7, 1 << 20, b"")), pixels))
    for n in range(len(tags), len(tags) + len(many)):
        data[10 + 12 * n + 8 : 10 + 12 * n + 12] = struct.pack("<L", start)
    return bytes(data)


def _tiff_chain(amount: int) -> bytes:
    tags = gray_tags(*SIZE, 8 + 2 + 12 * 9 + 4, 96 * 64)
    end = 8 + 2 + 12 * 9 + 4 + 96 * 64
    chain = b"".join(struct.pack("<HL", 0, end + 6 * (n + 1)) for n in range(amount))
    return tiff(tags, bytes(96 * 64) + chain + bytes(6), following=end)


def _tiff_strips(amount: int) -> bytes:
    tags = gray_tags(1, amount, 0, 0) | {278: long(1), 273: long(*(8,) * amount), 279: long(*(1,) * amount)}
    return tiff(tags)


def _tiff_tiles(amount: int) -> bytes:
    """Compressed tiles that are all the same bytes."""
    tile = zlib.compress(bytes(256 * 256))
    tags = gray_tags(256 * amount, 256, 0, 0) | {259: long(8), 322: long(256), 323: long(256)}
    for tag in (273, 278, 279):
        del tags[tag]
    at = 8 + 2 + 12 * 10 + 4 + 8 * amount
    return tiff(tags | {324: long(*(at,) * amount), 325: long(*(len(tile),) * amount)}, tile)


def _tiff_large_tile(amount: int) -> bytes:
    tags = gray_tags(16, 16, 0, 0) | {322: long(1024 * amount), 323: long(1024)}
    for tag in (273, 278, 279):
        del tags[tag]
    packed = _unpacks_to(amount)
    return tiff(tags | {259: long(8), 324: long(8 + 2 + 12 * 10 + 4), 325: long(len(packed))}, packed)


def _tiff_scans(amount: int) -> bytes:
    data = with_scans(amount, 2000)
    tags = gray_tags(2000, 2000, 8 + 2 + 12 * 9 + 4, len(data)) | {259: long(7)}
    return tiff(tags, data)


def _bmp_runs(body: bytes) -> Callable[[int], bytes]:
    def make(amount: int) -> bytes:
        side = amount
        pixels = body * (side * side // max(body[0], 1)) if body[0] else body * side
        head = struct.pack("<LllHHLLllLL", 40, side, side, 1, 8, 1, len(pixels), 0, 0, 256, 0)
        start = 14 + 40 + 1024
        return b"BM" + struct.pack("<LLL", start + len(pixels), 0, start) + head + bytes(1024) + pixels + b"\x00\x01"

    return make


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">L4s", len(body) + 8, name) + body


def heif_overlay(amount: int, side: int = 1000, container: str = "heic") -> bytes:
    """Return a picture that is made by laying the same picture over itself, again and again."""
    import pillow_heif

    buffer = io.BytesIO()
    picture = Image.new("RGB", (side, side), (200, 100, 50))
    if container == "avif":
        coded = encode(picture, "AVIF", quality=50)
    else:
        pillow_heif.from_pillow(picture).save(buffer, quality=50)
        coded = buffer.getvalue()
    name = b"av1C" if container == "avif" else b"hvcC"
    config_at = coded.index(name) - 4
    config = coded[config_at : config_at + int.from_bytes(coded[config_at : config_at + 4], "big")]
    data = coded[coded.index(b"mdat") + 4 :]
    item = b"av01" if container == "avif" else b"hvc1"
    infe = b"".join(
        _box(b"infe", b"\x02\x00\x00\x00", struct.pack(">HH", number, 0), kind, b"\x00")
        for number, kind in ((1, item), (2, b"iovl"))
    )
    overlay = bytes(2) + bytes(8) + struct.pack(">HH", side, side) + bytes(4 * amount)
    references = struct.pack(">HH", 2, amount) + struct.pack(">H", 1) * amount
    properties = _box(
        b"iprp",
        _box(b"ipco", config, _box(b"ispe", bytes(4), struct.pack(">LL", side, side))),
        _box(b"ipma", bytes(4), struct.pack(">L", 2), b"\x00\x01\x02\x81\x02", b"\x00\x02\x01\x02"),
    )

    def meta(at: int) -> bytes:
        places = struct.pack(">HHHHLLL", 1, 0, 0, 1, at, len(data), 0)[:14]
        places = struct.pack(">HHHLL", 1, 0, 1, at, len(data))
        places += struct.pack(">HHHLL", 2, 0, 1, at + len(data), len(overlay))
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8), b"pict", bytes(13)),
            _box(b"pitm", bytes(4), struct.pack(">H", 2)),
            _box(b"iinf", bytes(4), struct.pack(">H", 2), infe),
            _box(b"iref", bytes(4), _box(b"dimg", references)),
            properties,
            _box(b"iloc", bytes(4), b"\x44\x00", struct.pack(">H", 2), places),
        )

    ftyp = _box(
        b"ftyp",
        b"avif" if container == "avif" else b"heic",
        bytes(4),
        b"mif1",
        b"avif" if container == "avif" else b"heic",
    )
    at = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(at) + _box(b"mdat", data, overlay)


def _heif_metadata(amount: int) -> bytes:
    """EXIF items that are all the same megabyte."""
    data = picture_bytes("heic", size=SIZE)
    return _with_items(data, amount)


def _with_items(data: bytes, amount: int) -> bytes:
    """Add EXIF items to a HEIC: its `meta` is marked as free, and written anew at the end."""
    at = data.index(b"meta") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    inner, boxes = at + 12, {}
    while inner < at + size:
        length = int.from_bytes(data[inner : inner + 4], "big")
        boxes[data[inner + 4 : inner + 8]] = data[inner + 8 : inner + length]
        inner += length
    place = len(data) + 8
    iinf, iloc, iref = boxes[b"iinf"], boxes[b"iloc"], boxes.get(b"iref", bytes(4))
    count = int.from_bytes(iinf[4:6], "big")
    numbers = range(1000, 1000 + amount)
    infe = b"".join(
        _box(b"infe", b"\x02\x00\x00\x01", struct.pack(">HH", number, 0), b"Exif", b"\x00") for number in numbers
    )
    boxes[b"iinf"] = iinf[:4] + struct.pack(">H", count + amount) + iinf[6:] + infe
    items = int.from_bytes(iloc[6:8], "big")
    base, index = iloc[5] >> 4, iloc[5] & 15 if iloc[0] else 0
    offset, length = iloc[4] >> 4, iloc[4] & 15
    more = b"".join(
        struct.pack(">H", number)
        + (b"\x00\x00" if iloc[0] else b"")
        + b"\x00\x00"
        + bytes(base)
        + b"\x00\x01"
        + bytes(index)
        + place.to_bytes(offset, "big")
        + (1 << 20).to_bytes(length, "big")
        for number in numbers
    )
    boxes[b"iloc"] = iloc[:6] + struct.pack(">H", items + amount) + iloc[8:] + more
    primary = struct.unpack(">H", boxes[b"pitm"][4:6])[0]
    boxes[b"iref"] = iref + b"".join(_box(b"cdsc", struct.pack(">HHH", number, 1, primary)) for number in numbers)
    anew = _box(b"meta", bytes(4), *(_box(name, body) for name, body in boxes.items()))
    return data[: at + 4] + b"free" + data[at + 8 :] + _box(b"mdat", bytes(1 << 20)) + anew


_MAKERS: dict[str, Callable[[int], bytes]] = {
    "jpeg_scans": lambda amount: with_scans(amount, 4000),
    "jpeg_scans_behind_a_false_end": lambda amount: with_scans(amount, 4000, b"\xff\xfe\x00\x04\xff\xd9"),
    "jpeg_segments": _with_segments(b"\xff\xef\x00\x02"),
    "jpeg_comments": _with_segments(b"\xff\xfe\xff\xff" + bytes(65_533)),
    "jpeg_tables": _with_segments(b"\xff\xdb\x00\x43\x00" + bytes((16,)) * 64),
    "jpeg_fill": _with_segments(b"\xff" * 1000),
    "jpeg_noise": _with_segments(b"\x00\x01" * 500),
    "jpeg_exif": lambda entries: _jpeg(exif=exif_bomb(entries)),
    "jpeg_exif_segments": _with_segments(b"\xff\xe1\xff\xff" + exif_bomb(10).ljust(65_533, b"\x00")),
    "jpeg_profile": lambda amount: _jpeg(icc_profile=bytes(65_000) * amount),
    "jpeg_zeros": lambda amount: b"\xff\xd8\xff\xe0" + bytes(amount),
    "png_chunks": lambda amount: _png(png_chunk(b"abCd", b"") * amount),
    "png_pixel_chunks": lambda amount: _png(png_chunk(b"IDAT", b"") * amount),
    "png_texts": lambda amount: _png(png_chunk(b"tEXt", b"a\x00b") * amount),
    "png_ztxt": lambda amount: _png(png_chunk(b"zTXt", b"Raw profile type exif\x00\x00" + _unpacks_to(amount))),
    "png_itxt": lambda amount: _png(png_chunk(b"iTXt", b"a\x00\x01\x00\x00\x00" + _unpacks_to(amount))),
    "png_profile": lambda amount: _png(png_chunk(b"iCCP", b"a\x00\x00" + _unpacks_to(amount))),
    "png_pixels": _png_pixels,
    "png_frames": _apng,
    "png_exif": lambda entries: _png(png_chunk(b"eXIf", exif_bomb(entries)[6:])),
    "gif_zeros": lambda amount: b"GIF89a\x10\x00\x10\x00\x80\x00\x00" + bytes(amount),
    "gif_empty_blocks": _gif(b"\x21\xfe\x00"),
    "gif_small_comments": _gif(b"\x21\xfe" + b"\x01a" * 100 + b"\x00"),
    "gif_frames": lambda amount: encode(
        corner_picture(SIZE),
        "GIF",
        save_all=True,
        append_images=[corner_picture(SIZE).rotate(n) for n in range(amount)],
    ),
    "gif_small_blocks": _gif_of_small_blocks,
    "webp_chunks": _webp_chunks,
    "webp_frames": _webp_frames,
    "webp_exif": lambda entries: encode(corner_picture(SIZE), "WEBP", exif=exif_bomb(entries)),
    "tiff_tags": _tiff_tags,
    "tiff_chain": _tiff_chain,
    "tiff_strips": _tiff_strips,
    "tiff_tiles": _tiff_tiles,
    "tiff_large_tile": _tiff_large_tile,
    "tiff_scans": _tiff_scans,
    "bmp_runs": _bmp_runs(b"\x01\x07"),
    "bmp_short_rows": _bmp_runs(b"\x00\x00"),
    "heic_overlay": heif_overlay,
    "heic_metadata": _heif_metadata,
    "avif_overlay": lambda amount: heif_overlay(amount, container="avif"),
    "avif_exif": lambda entries: encode(corner_picture(SIZE), "AVIF", exif=exif_bomb(entries)),
}

KINDS = tuple(_MAKERS)
