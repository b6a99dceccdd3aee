"""Makes real image files for tests, good and bad ones, of every kind that the app may encounter.

    make_picture(tmp_path / "a.jpg")                              a good JPEG
    make_picture(tmp_path / "b.heic", kind="heic", size=(64, 48))
    make_picture(tmp_path / "c.jpg", kind="truncated_jpeg")       a bad one
    make_picture(tmp_path / "d.jpg", seed=4)                      a good one with pixels of its own

Shown upright, a good picture without a seed has a field of one color in each corner (`CORNERS`), by which a test sees
whether it was rotated, mirrored or shown in the wrong colors. Gray kinds show the same fields in gray.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

Size = tuple[int, int]

CORNERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
"""Colors at top left, top right, bottom left and bottom right."""

TRANSPARENT_CORNER = 3
"""Index in `CORNERS` of the one that is transparent in the kinds with transparency."""

# How to store a picture so that the EXIF orientation turns it upright: the opposite turn.
_UNTURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_ORIENTATION_TAG, _EXIF_TAG, _TAKEN_TAG, _OFFSET_TAG = 0x0112, 0x8769, 0x9003, 0x9011


def make_picture(
    path: Path,
    *,
    kind: str = "jpeg",
    size: Size = (96, 64),
    seed: int | None = None,
    image: Image.Image | None = None,
) -> Path:
    """Write a picture file and return its path.

    Args:
        path: where to write; the extension need not fit the kind.
        kind: one of `GOOD_KINDS` or `BAD_KINDS`.
        size: width and height in pixels of the picture shown upright.
        seed: replaces the colored corners by noise, the same for the same seed.
        image: an RGB picture to write in place of either.
    """
    path.write_bytes(picture_bytes(kind, size=size, seed=seed, image=image))
    return path


def picture_bytes(
    kind: str = "jpeg", *, size: Size = (96, 64), seed: int | None = None, image: Image.Image | None = None
) -> bytes:
    """Return what `make_picture` writes."""
    if image is None:
        image = corner_picture(size) if seed is None else noise_picture(size, seed)
    return _WRITERS[kind](image)


def corner_picture(size: Size = (96, 64)) -> Image.Image:
    """Return an RGB picture of four fields in the colors of `CORNERS`."""
    width, height = size
    pixels = np.empty((height, width, 3), np.uint8)
    top, left = slice(None, height // 2), slice(None, width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    for (rows, columns), color in zip(
        ((top, left), (top, right), (bottom, left), (bottom, right)), CORNERS, strict=True
    ):
        pixels[rows, columns] = color
    return Image.fromarray(pixels)


def noise_picture(size: Size, seed: int) -> Image.Image:
    """Return an RGB picture of soft noise: coarse enough to survive JPEG, different for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def corner_colors(pixels: NDArray[np.uint8]) -> list[tuple[int, int, int]]:
    """Return the colors in the middle of the quarters of uint8 (height, width, 3), ordered as `CORNERS`."""
    height, width = pixels.shape[:2]
    places = [(row, column) for row in (height // 4, 3 * height // 4) for column in (width // 4, 3 * width // 4)]
    return [(int(red), int(green), int(blue)) for red, green, blue in (pixels[place] for place in places)]


def turned(jpeg: bytes, orientation: int = 6) -> bytes:
    """Return a JPEG with another orientation flag, as programs turn photos; all else stays as it is."""
    block = exif_block(orientation=orientation).tobytes()
    return jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]


def exif_block(*, orientation: int | None = None, taken: str | None = None, offset: str | None = None) -> Image.Exif:
    """Return EXIF for Pillow's `save(exif=...)`; `taken` as cameras write it: "2024:05:01 12:30:00"."""
    exif = Image.Exif()
    if orientation is not None:
        exif[_ORIENTATION_TAG] = orientation
    details = {tag: text for tag, text in ((_TAKEN_TAG, taken), (_OFFSET_TAG, offset)) if text is not None}
    if details:
        exif[_EXIF_TAG] = details
    return exif


def can_write(kind: str) -> bool:
    """Tell whether this machine has the encoder for a kind; all but HEIC and AVIF can be written anywhere."""
    if kind == "avif":
        return bool(features.check("avif"))
    if kind == "heic":
        import pillow_heif

        return bool(pillow_heif.libheif_info()["HEIF"])
    return True


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return a picture in one of Pillow's formats."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _with_transparency(image: Image.Image) -> Image.Image:
    """Make the quarter of `TRANSPARENT_CORNER` transparent."""
    image = image.convert("RGBA")
    alpha = np.full((image.height, image.width), 255, np.uint8)
    alpha[image.height // 2 :, image.width // 2 :] = 0
    image.putalpha(Image.fromarray(alpha))
    return image


def _cmyk(image: Image.Image) -> Image.Image:
    return image.convert("CMYK")


def _heic(image: Image.Image) -> bytes:
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=90)
    return buffer.getvalue()


def _palette_with_transparency(image: Image.Image) -> bytes:
    colors = image.convert("RGB").quantize(16)
    indices = np.asarray(colors).copy()
    hole = int(indices.max()) + 1
    indices[image.height // 2 :, image.width // 2 :] = hole
    palette = Image.fromarray(indices)
    palette.putpalette([*(colors.getpalette() or [])[: 3 * hole], 255, 0, 255])
    return encode(palette, "PNG", transparency=hole)


def _sixteen_bit(image: Image.Image) -> NDArray[np.uint16]:
    """Return uint16 (height, width, 3) over the full range: 255 becomes 65535."""
    return np.asarray(image.convert("RGB")).astype(np.uint16) * 257


def png_chunk(name: bytes, body: bytes) -> bytes:
    """Return one chunk of a PNG, with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png_16bit(image: Image.Image) -> bytes:
    rows = _sixteen_bit(image).astype(">u2")
    raw = b"".join(b"\x00" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", image.width, image.height, 16, 2, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(raw)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _tiff_16bit(image: Image.Image) -> bytes:
    strip = _sixteen_bit(image).astype("<u2").tobytes()
    depths_at = 8 + len(strip)
    directory_at = depths_at + 6
    entries = (
        (256, 4, 1, image.width),
        (257, 4, 1, image.height),
        (258, 3, 3, depths_at),
        (259, 3, 1, 1),  # not compressed
        (262, 3, 1, 2),  # RGB
        (273, 4, 1, 8),
        (277, 3, 1, 3),
        (278, 4, 1, image.height),
        (279, 4, 1, len(strip)),
    )
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHI", b"II", 42, directory_at) + strip + struct.pack("<3H", 16, 16, 16) + directory + bytes(4)


def _gray_16bit(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _gray_float(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.float32) / 255)


def _animation(form: str) -> Callable[[Image.Image], bytes]:
    def write(image: Image.Image) -> bytes:
        second = Image.new("RGB", image.size, "black")
        return encode(image, form, save_all=True, append_images=[second], duration=100)

    return write


def _rotated(orientation: int) -> Callable[[Image.Image], bytes]:
    def write(image: Image.Image) -> bytes:
        stored = image.transpose(_UNTURN[orientation])
        return encode(stored, "JPEG", quality=95, exif=exif_block(orientation=orientation))

    return write


def _plain(form: str, **options: Any) -> Callable[[Image.Image], bytes]:
    return lambda image: encode(image, form, **options)


_GOOD: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg": _plain("JPEG", quality=95),
    "jpeg_progressive": _plain("JPEG", quality=95, progressive=True),
    "jpeg_gray": lambda image: encode(image.convert("L"), "JPEG", quality=95),
    "jpeg_cmyk": lambda image: encode(_cmyk(image), "JPEG", quality=95),
    "jpeg_of_two": _animation("MPO"),
    "png": _plain("PNG"),
    "png_alpha": lambda image: encode(_with_transparency(image), "PNG"),
    "png_gray_alpha": lambda image: encode(_with_transparency(image).convert("LA"), "PNG"),
    "png_palette_transparent": _palette_with_transparency,
    "png_1bit": lambda image: encode(image.convert("1", dither=Image.Dither.NONE), "PNG"),
    "png_16bit": _png_16bit,
    "png_16bit_gray": lambda image: encode(_gray_16bit(image), "PNG"),
    "png_animated": _animation("PNG"),
    "webp": _plain("WEBP", quality=95),
    "webp_alpha": lambda image: encode(_with_transparency(image), "WEBP", lossless=True),
    "webp_animated": _animation("WEBP"),
    "tiff": _plain("TIFF"),
    "tiff_lzw": _plain("TIFF", compression="tiff_lzw"),
    "tiff_cmyk": lambda image: encode(_cmyk(image), "TIFF"),
    "tiff_16bit": _tiff_16bit,
    "tiff_16bit_gray": lambda image: encode(_gray_16bit(image), "TIFF"),
    "tiff_float": lambda image: encode(_gray_float(image), "TIFF"),
    "tiff_of_two": _animation("TIFF"),
    "gif": _plain("GIF"),
    "gif_animated": _animation("GIF"),
    "bmp": _plain("BMP"),
    "heic": _heic,
    "avif": _plain("AVIF", quality=95),
    **{f"rotated_{orientation}": _rotated(orientation) for orientation in _UNTURN},
}


def _shortened(form: str) -> Callable[[Image.Image], bytes]:
    def write(image: Image.Image) -> bytes:
        data = encode(image, form)
        return data[: len(data) * 6 // 10]

    return write


def _bomb_png(_: Image.Image) -> bytes:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 6, 0, 0, 0)
    chunks = (
        png_chunk(b"IHDR", header),
        png_chunk(b"IDAT", zlib.compress(bytes(1000))),
        png_chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _bomb_jpeg(*, width: int, height: int, progressive: bool) -> Callable[[Image.Image], bytes]:
    """A good JPEG whose header claims another size."""

    def write(image: Image.Image) -> bytes:
        data = encode(image, "JPEG", progressive=progressive)
        at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
        return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]

    return write


def _bomb_gif(image: Image.Image) -> bytes:
    """A screen and a first frame of 65,535 by 65,535 pixels that is cleared after it was shown."""
    data = _animation("GIF")(image)
    huge = struct.pack("<HH", 0xFFFF, 0xFFFF)
    at = data.index(b"\x2c\x00\x00\x00\x00") + 5
    return data[:6] + huge + data[10:at] + huge + data[at + 4 :]


def _garbage_after_header(form: str, keep: int) -> Callable[[Image.Image], bytes]:
    def write(image: Image.Image) -> bytes:
        noise = np.random.default_rng(7).integers(0, 256, 4000, np.uint8).tobytes()
        return encode(image, form)[:keep] + noise

    return write


_BAD: dict[str, Callable[[Image.Image], bytes]] = {
    "empty": lambda _: b"",
    "zeros": lambda _: bytes(5000),
    "text": lambda _: b"Dear diary, today I saw an alpaca.\n" * 20,
    "video": lambda _: b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(500),
    "pdf": lambda _: b"%PDF-1.7\n" + bytes(500),
    "truncated_jpeg": _shortened("JPEG"),
    "truncated_png": _shortened("PNG"),
    "truncated_webp": _shortened("WEBP"),
    "truncated_tiff": _shortened("TIFF"),
    "truncated_gif": _shortened("GIF"),
    "truncated_bmp": _shortened("BMP"),
    "header_only_jpeg": lambda image: encode(image, "JPEG")[:20],
    "header_only_png": lambda image: encode(image, "PNG")[:30],
    "garbage_png": _garbage_after_header("PNG", 45),
    "garbage_jpeg": _garbage_after_header("JPEG", 30),
    "garbage_webp": _garbage_after_header("WEBP", 20),
    "bomb_png": _bomb_png,
    "bomb_jpeg": _bomb_jpeg(width=65_500, height=65_500, progressive=False),
    "bomb_jpeg_progressive": _bomb_jpeg(width=20_000, height=20_000, progressive=True),
    "bomb_gif": _bomb_gif,
}
_WRITERS = _GOOD | _BAD

GOOD_KINDS = tuple(_GOOD)
"""Every kind of `make_picture` that the app must show."""

BAD_KINDS = tuple(_BAD)
"""Every kind of `make_picture` that the app must report as unreadable."""
