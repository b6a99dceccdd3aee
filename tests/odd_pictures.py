"""Pictures in rare forms of their formats, which other programs show; written byte by byte.

Each shows the fields of `corner_picture`, or those fields in gray.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.picture_files import corner_picture, encode, png_chunk

SIZE = (96, 64)


def corner_pixels() -> NDArray[np.uint8]:
    """Return the picture as uint8 (height, width, 3)."""
    return np.asarray(corner_picture(SIZE))


def gray_pixels() -> NDArray[np.uint8]:
    """Return the picture in gray as uint8 (height, width)."""
    return np.asarray(corner_picture(SIZE).convert("L"))


# TIFF


def tiff_of(
    values: NDArray[Any],
    photometric: int,
    *,
    order: str = "<",
    compression: int = 1,
    predictor: int = 1,
    rows: int | None = None,
    tile: int | None = None,
    planar: bool = False,
    extra: Sequence[int] = (),
    big: bool = False,
    more: dict[int, tuple[int, tuple[int, ...]]] | None = None,
) -> bytes:
    """Return a TIFF of numbers (height, width) or (height, width, samples), stored as the type that they have.

    Args:
        values: the numbers.
        photometric: what they mean, as TIFF numbers it.
        order: "<" or ">".
        compression: 1 for none, 8 for deflate.
        predictor: 2 for the difference to the number at the left.
        rows: how many a strip has; None for all.
        tile: the side of tiles, in place of strips.
        planar: whether each sample is stored apart.
        extra: what the samples beyond the colors mean.
        big: whether to write a BigTIFF.
        more: tags to add: their type and values.
    """
    values = values.reshape(values.shape[0], values.shape[1], -1)
    height, width, samples = values.shape
    planes = [values[:, :, n : n + 1] for n in range(samples)] if planar else [values]
    pieces = []
    for plane in planes:
        if tile:
            for top in range(0, height, tile):
                for left in range(0, width, tile):
                    full = np.zeros((tile, tile, plane.shape[2]), plane.dtype)
                    part = plane[top : top + tile, left : left + tile]
                    full[: part.shape[0], : part.shape[1]] = part
                    pieces.append(full)
        else:
            pieces += [plane[top : top + (rows or height)] for top in range(0, height, rows or height)]
    stored = []
    for piece in pieces:
        if predictor == 2:
            piece = np.concatenate([piece[:, :1], np.diff(piece, axis=1)], axis=1)
        raw = piece.astype(piece.dtype.newbyteorder(order)).tobytes()
        stored.append(zlib.compress(raw) if compression == 8 else raw)
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags: dict[int, tuple[int, tuple[int, ...]]] = {
        256: (3, (width,)),
        257: (3, (height,)),
        258: (3, (8 * values.dtype.itemsize,) * samples),
        259: (3, (compression,)),
        262: (3, (photometric,)),
        277: (3, (samples,)),
        284: (3, (2 if planar else 1,)),
        317: (3, (predictor,)),
        339: (3, (kind,) * samples),
    }
    if extra:
        tags[338] = 3, tuple(extra)
    places = (324, 325) if tile else (273, 279)
    tags |= {322: (3, (tile,)), 323: (3, (tile,))} if tile else {278: (3, (rows or height,))}
    tags |= more or {}
    lengths = tuple(map(len, stored))
    tags |= {places[0]: (16 if big else 4, (0,) * len(stored)), places[1]: (4, lengths)}
    start = len(_directory(tags, order, big=big))
    tags[places[0]] = tags[places[0]][0], tuple(start + sum(lengths[:n]) for n in range(len(lengths)))
    return _directory(tags, order, big=big) + b"".join(stored)


def _directory(tags: dict[int, tuple[int, tuple[int, ...]]], order: str, *, big: bool) -> bytes:
    word, inline, head = ("Q", 8, 16) if big else ("L", 4, 8)
    codes = {1: "B", 3: "H", 4: "L", 7: "B", 16: "Q"}
    at = head + (8 if big else 2) + (20 if big else 12) * len(tags) + inline
    entries, rest = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        body = struct.pack(f"{order}{len(values)}{codes[kind]}", *values)
        entries += struct.pack(f"{order}HH{word}", tag, kind, len(values))
        if len(body) > inline:
            entries += struct.pack(order + word, at + len(rest))
            rest += body
        else:
            entries += body.ljust(inline, b"\x00")
    mark = b"II" if order == "<" else b"MM"
    start = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HL", 42, 8))
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    return start + count + entries + bytes(inline) + rest


def _tiff_kinds() -> dict[str, Callable[[], bytes]]:
    gray8, rgb8 = gray_pixels(), corner_pixels()
    gray16, rgb16 = gray8.astype(np.uint16) * 257, rgb8.astype(np.uint16) * 257
    gray32, rgb32 = gray8.astype(np.uint32) * 0x1010101, rgb8.astype(np.uint32) * 0x1010101
    gray_float, rgb_float = (gray8 / 255).astype(np.float32), (rgb8 / 255).astype(np.float32)
    opaque16 = np.dstack([gray16, np.full_like(gray16, 65535)])
    cmyk = np.asarray(corner_picture(SIZE).convert("CMYK"))
    return {
        "gray_inverted_8": lambda: tiff_of(255 - gray8, 0),
        "gray_inverted_16": lambda: tiff_of(65535 - gray16, 0),
        "gray_inverted_16_deflate": lambda: tiff_of(65535 - gray16, 0, compression=8),
        "gray_inverted_32": lambda: tiff_of(0xFFFFFFFF - gray32, 0),
        "gray_inverted_float": lambda: tiff_of(1 - gray_float, 0),
        "gray_unsigned_32": lambda: tiff_of(gray32, 1),
        "gray_unsigned_32_big_endian": lambda: tiff_of(gray32, 1, order=">"),
        "gray_unsigned_32_deflate": lambda: tiff_of(gray32, 1, compression=8),
        "gray_unsigned_32_predicted": lambda: tiff_of(gray32, 1, compression=8, predictor=2),
        "gray_unsigned_32_tiled": lambda: tiff_of(gray32, 1, tile=16),
        "gray_unsigned_32_tiled_uneven": lambda: tiff_of(gray32, 1, tile=80, compression=8),
        "gray_float_64": lambda: tiff_of(gray_float.astype(np.float64), 1),
        "gray_float_16": lambda: tiff_of(gray_float.astype(np.float16), 1),
        "gray_16_big_endian": lambda: tiff_of(gray16, 1, order=">"),
        "gray_16_strips": lambda: tiff_of(gray16, 1, rows=5),
        "gray_16_alpha": lambda: tiff_of(opaque16, 1, extra=[2]),
        "gray_8_big_tiff": lambda: tiff_of(gray8, 1, big=True, rows=7),
        "rgb_unsigned_32": lambda: tiff_of(rgb32, 2),
        "rgb_float": lambda: tiff_of(rgb_float, 2),
        "rgb_float_deflate": lambda: tiff_of(rgb_float, 2, compression=8, order=">"),
        "rgb_16": lambda: tiff_of(rgb16, 2, rows=9),
        "rgb_16_big_endian": lambda: tiff_of(rgb16, 2, order=">"),
        "rgb_16_deflate_predicted": lambda: tiff_of(rgb16, 2, compression=8, predictor=2),
        "rgb_16_alpha": lambda: tiff_of(np.dstack([rgb16, np.full_like(gray16, 65535)]), 2, extra=[2]),
        "rgb_8_strips": lambda: tiff_of(rgb8, 2, rows=3),
        "rgb_8_planar": lambda: tiff_of(rgb8, 2, planar=True),
        "rgb_8_planar_strips": lambda: tiff_of(rgb8, 2, planar=True, rows=7),
        "rgb_8_planar_deflate": lambda: tiff_of(rgb8, 2, planar=True, rows=7, compression=8),
        "rgb_8_tiled": lambda: tiff_of(rgb8, 2, tile=32),
        "rgb_8_tiled_uneven": lambda: tiff_of(rgb8, 2, tile=80),
        "rgb_8_tiled_deflate": lambda: tiff_of(rgb8, 2, tile=48, compression=8, predictor=2),
        "rgb_8_big_tiff": lambda: tiff_of(rgb8, 2, big=True, order=">", rows=7),
        "rgb_16_planar": lambda: tiff_of(rgb16, 2, planar=True, rows=9),
        "rgb_16_planar_deflate": lambda: tiff_of(rgb16, 2, planar=True, rows=8, compression=8, predictor=2),
        "rgb_float_planar": lambda: tiff_of(rgb_float, 2, planar=True),
        "cmyk_8": lambda: tiff_of(cmyk, 5),
        "cmyk_16": lambda: tiff_of(cmyk.astype(np.uint16) * 257, 5),
        "cmyk_8_deflate": lambda: tiff_of(cmyk, 5, compression=8, rows=4),
        "lab": lambda: encode(corner_picture(SIZE), "TIFF"),
        "jpeg": lambda: encode(corner_picture(SIZE), "TIFF", compression="jpeg", quality=95),
        "old_jpeg": _old_jpeg,
        "lzw": lambda: encode(corner_picture(SIZE), "TIFF", compression="tiff_lzw"),
        "packbits": lambda: encode(corner_picture(SIZE), "TIFF", compression="packbits"),
    }


def _old_jpeg() -> bytes:
    body = encode(corner_picture(SIZE), "JPEG", quality=95, subsampling=0)
    rgb = np.zeros((64, 96, 3), np.uint8)
    empty = tiff_of(rgb, 6)
    head = len(empty) - rgb.nbytes + 24
    tags = {513: (4, (head,)), 514: (4, (len(body),))}
    found = tiff_of(rgb, 6, compression=6, more=tags)[: -rgb.nbytes]
    assert len(found) == head
    return found + body


TIFF_KINDS = _tiff_kinds()


# BMP


def bmp_of(
    pixels: bytes,
    *,
    bits: int,
    compression: int,
    header: int = 40,
    masks: Sequence[int] = (),
    palette: bytes = b"",
    top_down: bool = False,
    size: tuple[int, int] = SIZE,
) -> bytes:
    """Return a BMP: rows of `pixels` from the bottom to the top, or from the top if `top_down`."""
    width, height = size
    colors = len(palette) // (3 if header == 12 else 4)
    if header == 12:
        info = struct.pack("<LHHHH", 12, width, height, 1, bits)
    else:
        sides = width, -height if top_down else height
        info = struct.pack("<LllHHLLllLL", 40, *sides, 1, bits, compression, len(pixels), 0, 0, colors, 0)
        info += struct.pack(f"<{len(masks)}L", *masks)
        info = struct.pack("<L", header) + info.ljust(max(header, len(info)), b"\x00")[4:]
    start = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<LLL", start + len(pixels), 0, start) + info + palette + pixels


def _fields(masks: Sequence[int], bits: int, *, alpha: int | None = None, top_down: bool = False) -> bytes:
    """Return the rows of the picture, each channel in the bits of its mask."""
    rgb = corner_pixels().astype(np.uint64)
    rows = np.zeros(rgb.shape[:2], np.uint64)
    channels = [rgb[:, :, n] for n in range(3)]
    if alpha is not None:
        channels.append(np.full(rows.shape, alpha, np.uint64))
    for channel, mask in zip(channels, masks, strict=False):
        shift = (mask & -mask).bit_length() - 1
        most = mask >> shift
        rows |= (channel * most // 255) << np.uint64(shift)
    stored = rows.astype("<u2" if bits == 16 else "<u4")
    return (stored if top_down else stored[::-1]).tobytes()


def _runs(four: bool) -> tuple[bytes, bytes]:
    """Return run-length encoded rows, with each kind of run, and the palette."""
    palette = b"".join(
        bytes((blue, green, red, 0)) for red, green, blue in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
    )

    def run(count: int, color: int) -> bytes:
        return bytes((count, color * 17 if four else color))

    def literal(count: int, color: int) -> bytes:
        body = bytes((color * 17,)) * ((count + 1) // 2) if four else bytes((color,)) * count
        return bytes((0, count)) + body + bytes(len(body) % 2)

    rows = b""
    for row in range(64):  # from the bottom
        left, right = (2, 3) if row < 32 else (0, 1)
        rows += run(20, left) + literal(28, left) + literal(5, right) + run(43, right) + b"\x00\x00"
    return rows + b"\x00\x01", palette


_565, _555, _444 = (0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0xF00, 0xF0, 0xF)
_TEN = (0x3FF00000, 0xFFC00, 0x3FF)
_ODD = (0xFF, 0xFF0000, 0xFF00)


def _bmp_kinds() -> dict[str, Callable[[], bytes]]:
    turned = corner_pixels()[::-1]
    return {
        "bmp_565": lambda: bmp_of(_fields(_565, 16), bits=16, compression=3, masks=_565),
        "bmp_555": lambda: bmp_of(_fields(_555, 16), bits=16, compression=3, masks=_555),
        "bmp_444": lambda: bmp_of(_fields(_444, 16), bits=16, compression=3, masks=_444),
        "bmp_444_top_down": lambda: bmp_of(
            _fields(_444, 16, top_down=True), bits=16, compression=3, masks=_444, top_down=True
        ),
        "bmp_10_bit": lambda: bmp_of(_fields(_TEN, 32), bits=32, compression=3, masks=_TEN),
        "bmp_odd_masks": lambda: bmp_of(_fields(_ODD, 32), bits=32, compression=3, masks=_ODD),
        "bmp_v5_odd_alpha": lambda: bmp_of(
            _fields((*_ODD, 0xFF000000), 32, alpha=255), bits=32, compression=3, header=124, masks=(*_ODD, 0xFF000000)
        ),
        "bmp_v4_4444": lambda: bmp_of(
            _fields((*_444, 0xF000), 16, alpha=255), bits=16, compression=3, header=108, masks=(*_444, 0xF000)
        ),
        "bmp_v3": lambda: bmp_of(_fields(_TEN, 32), bits=32, compression=3, header=56, masks=(*_TEN, 0)),
        "bmp_v2": lambda: bmp_of(_fields(_TEN, 32), bits=32, compression=3, header=52, masks=_TEN),
        "bmp_alpha_fields": lambda: bmp_of(
            _fields((*_ODD, 0xFF000000), 32, alpha=255), bits=32, compression=6, masks=(*_ODD, 0xFF000000)
        ),
        "bmp_no_alpha_at_all": lambda: bmp_of(
            _fields((*_ODD, 0xFF000000), 32, alpha=0), bits=32, compression=3, header=124, masks=(*_ODD, 0xFF000000)
        ),
        "bmp_32_plain": lambda: bmp_of(
            np.dstack([turned[:, :, ::-1], np.zeros((64, 96, 1), np.uint8)]).tobytes(), bits=32, compression=0
        ),
        "bmp_24_os2": lambda: bmp_of(turned[:, :, ::-1].tobytes(), bits=24, compression=0, header=12),
        "bmp_24_os2_v2": lambda: bmp_of(turned[:, :, ::-1].tobytes(), bits=24, compression=0, header=64),
        "bmp_rle8": lambda: bmp_of(_runs(False)[0], bits=8, compression=1, palette=_runs(False)[1]),
        "bmp_rle4": lambda: bmp_of(_runs(True)[0], bits=4, compression=2, palette=_runs(True)[1]),
    }


BMP_KINDS = _bmp_kinds()


# PNG


def png_with(*chunks: bytes, image: Image.Image | None = None) -> bytes:
    """Return a PNG with chunks before its pixels."""
    data = encode(image or corner_picture(SIZE), "PNG")
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(chunks) + data[at:]


def with_wrong_sum(chunk: bytes) -> bytes:
    """Return a chunk of a PNG with a check sum that does not fit."""
    return chunk[:-4] + bytes(byte ^ 0xFF for byte in chunk[-4:])


def png_gamma(gamma: float) -> bytes:
    """Return the chunk that says with what exponent colors are stored."""
    return png_chunk(b"gAMA", struct.pack(">L", round(gamma * 100_000)))


def png_primaries(*places: float) -> bytes:
    """Return the chunk that says which colors white, red, green and blue are."""
    return png_chunk(b"cHRM", struct.pack(">8L", *(round(place * 100_000) for place in places)))


# AVIF


def avif_with_alpha_of_no_size() -> bytes:
    """Return an AVIF whose alpha channel does not say how large it is, as some encoders write it.

    The property is there, but the item does not refer to it.
    """
    picture = corner_picture(SIZE).convert("RGBA")
    alpha = Image.new("L", SIZE, 255)
    alpha.putpixel((0, 0), 0)  # without it, the encoder would leave all of it out
    picture.putalpha(alpha)
    data = bytearray(encode(picture, "AVIF", quality=95))
    sizes = _places_of(data, b"ispe")
    at = data.index(b"ipma") + 12
    at += 3 + data[at + 2]  # the second item is the alpha channel
    count = data[at + 2]
    for place in range(at + 3, at + 3 + count):
        if (data[place] & 0x7F) - 1 in sizes:
            # In place of it, the property before it a second time.
            data[place] = data[at + 3 + (1 if place == at + 3 else 0)] if count > 1 else 0
    return bytes(data)


def _places_of(data: bytes, name: bytes) -> list[int]:
    """Return which of the properties have a name, counted from 0."""
    at = data.index(b"ipco") + 4
    end = at - 8 + int.from_bytes(data[at - 8 : at - 4], "big")
    found, number = [], 0
    while at < end:
        if data[at + 4 : at + 8] == name:
            found.append(number)
        at += int.from_bytes(data[at : at + 4], "big")
        number += 1
    return found
