"""Opening a picture with the one decoder for its container, and finding its EXIF. For `decode` alone."""

from __future__ import annotations

import io
import logging
import warnings
from functools import cache
from typing import Final

from PIL import AvifImagePlugin, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from alpacasorter.core.exif import ExifFacts, read_exif

MAX_PIXELS: Final = 128_000_000
"""The largest photo that is decoded in full, which takes 0.4 to 1 GB meanwhile."""

_PLUGINS: Final[dict[str, type[ImageFile]]] = {
    "JPEG": JpegImageFile,  # also for MPO, whose first picture is a plain JPEG
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "AVIF": AvifImageFile,
}

# Some plugins allocate while they open, before anyone can look at the size. Pillow refuses twice this number.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
# Pillow remarks on every oddity of a file. Set once and for all: catch_warnings is not safe with threads.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())
# The scan has threads of its own, one photo each.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def open_picture(data: bytes, container: str) -> ImageFile:
    """Open a picture with the one plugin for the container that `sniff` found: no other ever sees the bytes.

    The pixels are not decoded yet. Raises whatever the plugin raises.
    """
    if container == "HEIF":
        return _heif_plugin()(io.BytesIO(data))
    try:
        return _PLUGINS[container](io.BytesIO(data))
    except (SyntaxError, ValueError):
        if container != "AVIF":
            raise
        # This plugin alone parses EXIF while it opens, and fails if it is broken. Renamed, it is passed by.
        return AvifImageFile(io.BytesIO(data.replace(b"Exif", b"free", 1)))


def exif_facts(image: ImageFile, data: bytes, container: str) -> ExifFacts:
    """Read EXIF from where each container keeps it; after `load`, for PNG may have it behind the pixels."""
    if container == "TIFF":
        return read_exif(data)
    block = image.info.get("exif")
    if isinstance(block, bytes):
        return read_exif(block)
    text = image.info.get("Raw profile type exif")  # ImageMagick's way in PNG: hexadecimal after three lines
    if not isinstance(text, str):
        return ExifFacts()
    try:
        return read_exif(bytes.fromhex("".join(text.split("\n")[3:])))
    except ValueError:
        return ExifFacts()


@cache
def _heif_plugin() -> type[ImageFile]:
    # Imported with the first HEIC: its library of codecs takes as long to load as all of Pillow.
    import pillow_heif

    # One thread, as above; and what is not shown need not be parsed.
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    plugin: type[ImageFile] = pillow_heif.HeifImageFile
    return plugin
