"""Opening a picture with Pillow: the one plugin for its container, its EXIF, and its pixels as 8-bit sRGB.

Pixels become 8-bit sRGB in two steps, because the first must see the whole picture and the second is slow, so it gets
the reduced one. Nothing that runs before the first window may import this module.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import os
import re
import struct
import threading
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, ImageCms, _imaging
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from alpacasorter.core.files import is_cloud_only
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.containers import Layout, Parts, lay_out
from alpacasorter.core.photos.exif import ExifFacts, read_camera_name, read_exif, with_texts
from alpacasorter.core.photos.formats import SNIFF_BYTES, sniff
from alpacasorter.core.photos.heif import lay_out_heif, with_size_of_alpha
from alpacasorter.core.photos.reading import read_file

# NOCACHE: otherwise LittleCMS keeps the last pixel in the transform, which several threads share here.
_FLAGS: Final = ImageCms.Flags.NOCACHE | ImageCms.Flags.BLACKPOINTCOMPENSATION
_PROFILE_SPACES: Final = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_EIGHT_BIT: Final = frozenset(("RGB", "RGBA", "L", "LA", "CMYK", "LAB"))
_PROFILES_KEPT: Final = 16
_LARGEST_KEPT_PROFILE: Final = 4 * 1024 * 1024
# The value of white in gray pictures of type f(loat) and i(nteger): the smallest of these that covers every value.
_FULL_SCALES: Final = {"f": (1.0, 255.0, 65535.0), "i": (255.0, 65535.0)}
_SMALLEST_RANGE: Final = 1e-30

_D50: Final = (0.96420, 1.0, 0.82491)
_SRGB_PRIMARIES: Final = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_SRGB_GAMMA: Final = 0.45455
_SAME: Final = 0.005
# From XYZ to what the three kinds of cones see.
_BRADFORD: Final = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))

_profile_lock: Final = threading.Lock()


def to_eight_bit(image: Image.Image, reduction: int = 1) -> Image.Image:
    """Return the picture as 8-bit RGB, RGBA, L, LA, CMYK or LAB, both sides divided by `reduction`.

    16-bit gray keeps its full range, floating-point and 32-bit gray are scaled to the range of their values, palettes
    are resolved, and a transparent color becomes an alpha channel.

    Raises:
        ValueError: Pillow can't convert this kind of pixel to RGB.
    """
    if image.mode in ("I", "F"):  # reduced first: the scaling takes several times the memory of the picture
        return Image.fromarray(scale_to_eight_bit(np.asarray(_reduced(image, reduction))))
    return _reduced(_with_plain_channels(image), reduction)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an 8-bit picture as RGB in the sRGB color space, on white where it is transparent.

    Args:
        image: as `to_eight_bit` returns it.
        profile: the ICC profile in the file. A broken one, or one for another kind of pixel, is ignored.
    """
    if image.mode in ("RGBA", "LA"):
        image = _on_white(image)
    transform = None
    if image.mode == "LAB":
        transform = _lab_transform()
    elif profile:
        # A large one is not kept: sixteen of them would fill the memory.
        build = _transform if len(profile) <= _LARGEST_KEPT_PROFILE else _transform.__wrapped__
        transform = build(profile, image.mode)
    if transform is not None:
        converted = ImageCms.applyTransform(image, transform)
        if converted is not None:
            return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _with_plain_channels(image: Image.Image) -> Image.Image:
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("RGB", "L") and "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in _EIGHT_BIT:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray(scale_to_eight_bit(np.asarray(image)))
    target = {"1": "L", "La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGB")
    return image.convert(target)


def _reduced(image: Image.Image, reduction: int) -> Image.Image:
    return image.reduce(reduction) if reduction > 1 else image


def scale_to_eight_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale gray values to 8 bits: by the range of their type if that is clear, else by the range of the values.

    Args:
        values: uint16, int32 or float32 (height, width).
    """
    if values.dtype.kind == "u":
        return (values >> 8).astype(np.uint8, copy=False)
    # float32 is enough for 8 bits, at half the memory of float64.
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if low >= 0:
        low = 0.0
        high = next((scale for scale in _FULL_SCALES[values.dtype.kind] if high <= scale), high)
    numbers -= low
    numbers *= 255.0 / max(high - low, _SMALLEST_RANGE)
    return np.rint(numbers).clip(0, 255).astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    opaque = image.mode.removesuffix("A")
    ground = Image.new(opaque, image.size, "white")
    ground.paste(image.convert(opaque), mask=image.getchannel("A"))
    return ground


@lru_cache(maxsize=_PROFILES_KEPT)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from a profile to sRGB; None if none is needed or the profile is unusable.

    Cached: a folder of photos has a handful of profiles, and building a transform costs as much as using it.
    """
    try:
        with _profile_lock:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() != _PROFILE_SPACES.get(mode):
                return None
            if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
                return None
            return _build(source, mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    with _profile_lock:
        return _build(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def profile_of(gamma: float, primaries: tuple[float, ...] | None, *, gray: bool) -> bytes:
    """Return the ICC profile for what a PNG says about its colors; b"" if it is as good as sRGB, or makes no sense.

    Args:
        gamma: the exponent that the colors were encoded with, such as 0.45455.
        primaries: x and y of white, red, green and blue; None for those of sRGB.
        gray: whether the profile is for gray.
    """
    if not 0.01 < gamma < 10 or (abs(gamma - _SRGB_GAMMA) < _SAME and (gray or _is_srgb(primaries))):
        return b""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, min(round(256 / gamma), 0xFFFF)) + bytes(2)
    tags = {b"wtpt": _xyz(_D50)}
    if gray:
        tags[b"kTRC"] = curve
    else:
        try:
            columns = _adapted(primaries if primaries is not None else _SRGB_PRIMARIES).T
        except np.linalg.LinAlgError:
            return b""
        if not np.isfinite(columns).all() or np.abs(columns).max() > 100:
            return b""
        for name, column in zip(b"rgb", columns, strict=True):
            tags[bytes((name,)) + b"XYZ"] = _xyz(column)
            tags[bytes((name,)) + b"TRC"] = curve
    at = 128 + 4 + 12 * len(tags)
    index, body = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        index += tag + struct.pack(">II", at + len(body), len(value))
        body += value
    space = b"GRAY" if gray else b"RGB "
    head = struct.pack(">I4xI4s4s4s", at + len(body), 0x02400000, b"mntr", space, b"XYZ ") + bytes(12)
    return (head + b"acsp" + bytes(28) + _xyz(_D50)[8:]).ljust(128, b"\x00") + index + body


def _xyz(value: Iterable[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(part) * 65536) for part in value))


def _is_srgb(primaries: tuple[float, ...] | None) -> bool:
    return primaries is None or bool(np.allclose(primaries, _SRGB_PRIMARIES, atol=_SAME))


def _adapted(primaries: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the colors of full red, green and blue as columns, XYZ, seen under D50."""
    with np.errstate(all="ignore"):
        places = np.array(primaries).reshape(4, 2)
        xyz = np.stack([places[:, 0], places[:, 1], 1 - places.sum(axis=1)]) / places[:, 1]
        white, colors = xyz[:, 0], xyz[:, 1:]
        colors = colors * np.linalg.solve(colors, white)
        scale = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white)
        return cast("NDArray[np.float64]", np.linalg.solve(_BRADFORD, scale[:, np.newaxis] * (_BRADFORD @ colors)))


def _build(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=_FLAGS,
    )


MAX_PIXELS: Final = 128_000_000
"""The largest photo that is decoded in full, which uses 0.4 to 1 GB of memory."""

_PLUGINS: Final[dict[str, type[ImageFile]]] = {
    "JPEG": JpegImageFile,  # also for MPO, whose first picture is a plain JPEG
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "AVIF": AvifImageFile,
}

# Some plugins allocate memory while they open a file, before its size can be checked. Pillow refuses twice this number.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
# Pillow warns about every oddity in a file. Set once for the process: catch_warnings is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())
# The scan already decodes one photo per thread.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def open_picture(layout: Layout, container: str) -> ImageFile:
    """Open a picture with the plugin for the container that `sniff` found; no other plugin ever sees the bytes.

    The pixels are not decoded yet. Raises whatever the plugin raises.
    """
    file = cast("IO[bytes]", Parts(layout.parts))
    if container == "HEIF":
        return _heif_plugin()(file)
    if container == "AVIF":
        return _open_avif(file.read())
    if container == "TIFF":
        _silence_libtiff()
    return _PLUGINS[container](file)


def _open_avif(data: bytes) -> ImageFile:
    # Only this plugin has Pillow read EXIF while it opens a file. Renamed, it is no EXIF.
    hidden = data.replace(b"Exif", b"free", 1)
    try:
        return AvifImageFile(io.BytesIO(hidden))
    except (SyntaxError, ValueError):
        lenient = with_size_of_alpha(hidden)
        if lenient is None:
            raise
        return AvifImageFile(io.BytesIO(lenient))


def exif_facts(image: ImageFile | None, layout: Layout, data: bytes, container: str) -> ExifFacts:
    """Read the header from where each container stores it.

    Args:
        image: opened; needed for HEIC and AVIF only.
        layout: of the file.
        data: the file.
        container: of the file.
    """
    texts = _texts(image, layout, container)
    facts = read_exif(exif_block(image, layout, data, container))
    if container == "AVIF":
        turned = texts.get("exif")  # made by the plugin, from how the container says the picture is turned
        facts = replace(facts, orientation=read_exif(turned).orientation if isinstance(turned, bytes) else 1)
    return with_texts(facts, texts)


def exif_block(image: ImageFile | None, layout: Layout, data: bytes, container: str) -> bytes:
    """Return the EXIF block for `read_exif`, empty without one; the arguments are those of `exif_facts`."""
    if container == "TIFF":
        return data
    if container == "AVIF":
        found = _BLOCK.search(data)
        return data[found.end() :] if found is not None else b""
    block = _texts(image, layout, container).get("exif") if container == "HEIF" else layout.exif
    return block if isinstance(block, bytes) else b""


def _texts(image: ImageFile | None, layout: Layout, container: str) -> Mapping[Any, Any]:
    return image.info if image is not None and container in ("HEIF", "AVIF") else layout.texts


@cache
def _silence_libtiff() -> None:
    """Have libtiff keep its words about damaged files to itself; it is the only decoder that prints any.

    Its own function for that is called, through the part of Pillow that is linked with it; Pillow offers no other way.
    Where it can't be called from outside, as on Windows, nothing changes.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


@cache
def _heif_plugin() -> type[ImageFile]:
    # Imported for the first HEIC: its codecs take as long to load as all of Pillow.
    import pillow_heif

    # One thread, as above; and images that are not shown need not be parsed.
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    plugin: type[ImageFile] = pillow_heif.HeifImageFile
    return plugin


BEGINNING: Final = 256 * 1024
"""Bytes at the start of a file that almost always have its whole header."""

_BLOCK: Final = re.compile(rb"Exif\x00\x00(?=II\*\x00|MM\x00\*)")
_TIFF: Final = (b"II*\x00", b"MM\x00*")


def read_beginning(path: Path) -> bytes:
    """Return the first BEGINNING bytes of a file. Never blocks on a pipe and never downloads a file from the cloud.

    Raises:
        OSError: it can't be read.
    """
    # Non-blocking, in case a pipe has replaced the file; binary, for Windows.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if is_cloud_only(path.stat()):
        raise BlockingIOError
    with os.fdopen(os.open(path, flags), "rb") as file:
        return file.read(BEGINNING)


def read_camera(path: Path) -> str | None:
    """Return the camera of a photo, such as "Canon EOS R6"; None if the file does not say or can't be read."""
    try:
        data = read_beginning(path)
    except OSError:
        return None
    # The block is almost always at the start; RAW files begin like TIFF files.
    found = _BLOCK.search(data)
    block = data if data.startswith(_TIFF) else data[found.end() :] if found is not None else b""
    if block and (camera := read_camera_name(block)) is not None:
        return camera
    container = sniff(data[:SNIFF_BYTES])
    if container in (None, "GIF", "BMP", "JPEG") or (container == "TIFF" and len(data) < BEGINNING):
        return None
    return _read_whole(path, container)


def _read_whole(path: Path, container: str | None) -> str | None:
    """Read the camera from a PNG, WebP, HEIC or TIFF, which may store it anywhere in the file."""
    try:
        data = read_file(path)
        if container == "TIFF":
            return read_camera_name(data)
        if container in ("HEIF", "AVIF"):
            with open_picture(lay_out_heif(data), container) as picture:
                picture_exif = picture.info.get("exif")
        else:
            picture_exif = lay_out(data, container or "").exif
    except Unreadable:
        return None
    except Exception:  # noqa: BLE001 - decoders raise almost anything on damaged files, which must not stop a plan
        return None
    return read_camera_name(picture_exif) if isinstance(picture_exif, bytes) else None
