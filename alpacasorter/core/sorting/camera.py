"""Which camera took a photo, from its EXIF: read only where the pattern asks for it. Imports Pillow."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from PIL import Image

from alpacasorter.core.formats import SNIFF_BYTES, sniff
from alpacasorter.core.photo import Unreadable, read_photo
from alpacasorter.core.plugins import open_picture

_MAKE, _MODEL = 0x010F, 0x0110
_BEGINNING: Final = 256 * 1024
_BLOCK: Final = re.compile(rb"Exif\x00\x00(?=II\*\x00|MM\x00\*)")
_TIFF: Final = (b"II*\x00", b"MM\x00*")
_LONGEST: Final = 64
_SPACES: Final = re.compile(r"[\s\x00]+")
# Words that makers put behind their name and nobody says.
_FIRM: Final = frozenset(
    ("ag", "camera", "co", "company", "corp", "corporation", "electronics", "gmbh", "imaging", "inc", "ltd", "optical")
)


def read_camera(path: Path) -> str | None:
    """Return the camera of a photo, such as "Canon EOS R6"; None where the file does not say or can't be read."""
    try:
        # Not blocking, in case a pipe took the place of the file; binary, for Windows.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            data = file.read(_BEGINNING)
    except OSError:
        return None
    # Nearly always the block is at the beginning; RAW files are TIFF files by their first bytes.
    found = _BLOCK.search(data)
    block = data if data.startswith(_TIFF) else data[found.end() :] if found is not None else b""
    if block and (camera := _camera(block)) is not None:
        return camera
    container = sniff(data[:SNIFF_BYTES])
    if container in (None, "GIF", "BMP", "JPEG") or (container == "TIFF" and len(data) < _BEGINNING):
        return None
    return _read_whole(path, container)


def camera_name(make: str, model: str) -> str | None:
    """Return maker and model as people say them, with the maker once; None where both are blank."""
    make, model = (_SPACES.sub(" ", text).strip()[:_LONGEST] for text in (make, model))
    words = make.split(" ")
    while len(words) > 1 and words[-1].strip(".,").lower() in _FIRM:
        words.pop()
    brand = " ".join(words).rstrip(",")
    known = {word.strip(".,").casefold() for word in make.split(" ")}
    first = re.split(r"[ _-]", model, maxsplit=1)[0].casefold()
    if model and (first in known or model.casefold().startswith(brand.casefold())):
        return model
    return f"{brand} {model}".strip() or None


def _read_whole(path: Path, container: str | None) -> str | None:
    """Look where PNG, WebP, HEIC and TIFF may have it besides: anywhere in the file."""
    try:
        data = read_photo(path)
        if container == "TIFF":
            return _camera(data)
        with open_picture(data, container or "") as picture:
            picture_exif = picture.info.get("exif")
    except Unreadable:
        return None
    except Exception:  # noqa: BLE001 - decoders raise nearly everything on damaged files, and a name must not cost a plan
        return None
    return _camera(picture_exif) if isinstance(picture_exif, bytes) else None


def _camera(block: bytes) -> str | None:
    exif = Image.Exif()
    try:
        exif.load(block if block.startswith(b"Exif") else b"Exif\x00\x00" + block)
        make, model = (exif.get(tag) for tag in (_MAKE, _MODEL))
    except Exception:  # noqa: BLE001 - broken EXIF raises nearly everything, too
        return None
    return camera_name(*(text if isinstance(text, str) else "" for text in (make, model)))
