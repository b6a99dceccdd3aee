"""A small picture in each supported format, for the self-test: four colored quarters."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE: Final = (64, 48)
"""Width and height in pixels."""

_CORNERS: Final = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
_TOLERANCE: Final = 60
"""Maximum difference of a color value, 0 to 255, after lossy compression."""

# Encoded in advance, because not every computer has encoders for these two formats.
_HEIC: Final = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9j"
    "AAAAAERAAAEAAQAAAAABoQABAAAAAAAAAJsAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/Wlw"
    "cnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AA"
    "AAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAA"
    "QAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWB"
    "AgMFhAAAAKNtZGF0AAAAlygBrxOA5TH3/8ONP+mfT/XcmZOoMQv/M+PvDqr/CXLEG46eJ+UhP99tP9ediCjQL2sa1OvZaqW1ea6kzb0oHR+k"
    "gkT8pViO3db9LV3/dk/9ynEP8qcoQARjUi/lwJBwB/iMTj8jFyQo9/WeeR/0NKyOiDLSLyBRn/x3HXM6UZslLpYJWhN2gqru/Wu11dQ6VDdz"
    "0/ns6oY="
)
_AVIF: Final = (
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAO"
    "cGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAOwAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAA"
    "AABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAQAAAADAAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAG"
    "gAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAQ21kYXQSAAoJGBV/vaICGg0IMixGUeHhiGHnnnmgAADPzEjIVeLpW2kwrpXzULOXJoLGQ1Vg"
    "lrBJFN3XmAgKjw=="
)


def _encoded(form: str) -> Callable[[], bytes]:
    def write() -> bytes:
        buffer = io.BytesIO()
        _picture().save(buffer, form)
        return buffer.getvalue()

    return write


_WRITERS: Final[dict[str, Callable[[], bytes]]] = {
    **{form: _encoded(form) for form in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")},
    "HEIF": lambda: base64.b64decode(_HEIC),
    "AVIF": lambda: base64.b64decode(_AVIF),
}

FORMATS: Final = tuple(_WRITERS)
"""Names of the formats, as in `DecodedPhoto.format`."""


def sample(form: str) -> bytes:
    """Return the picture as a file in one of `FORMATS`."""
    return _WRITERS[form]()


def looks_right(pixels: NDArray[np.uint8]) -> bool:
    """Tell whether decoded pixels, uint8 (height, width, 3) RGB, show the picture upright and in the right colors."""
    height, width = pixels.shape[:2]
    places = [(row, column) for row in (height // 4, 3 * height // 4) for column in (width // 4, 3 * width // 4)]
    seen = np.array([pixels[place] for place in places], np.int64)
    return bool(np.abs(seen - np.array(_CORNERS)).max() <= _TOLERANCE)


def _picture() -> Image.Image:
    width, height = SIZE
    quarters = np.array(_CORNERS, np.uint8).reshape(2, 2, 3)
    return Image.fromarray(quarters.repeat(height // 2, axis=0).repeat(width // 2, axis=1))
