"""A photo decoded to be looked at from near: any part of it at any scale."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from PIL import Image

from alpacasorter.core.photos.exif import Shot

_LARGE: Final = 16_000_000
"""From so many pixels on, what is shown much smaller is rendered from a quarter of the size."""
_QUARTER: Final = 4
BYTES_PER_PIXEL: Final = 4.25
"""The memory that a closeup uses for each of its pixels."""


class Closeup:
    """The pixels of a photo, upright and in sRGB, with what its header says. May be used from several threads.

    Attributes:
        width, height: of the full photo, pixels; the pixels that are held may be fewer.
        shot: how it was taken.
    """

    def __init__(self, image: Image.Image, width: int, height: int, shot: Shot) -> None:
        """Hold a picture, RGB and perhaps reduced, of a photo with this size."""
        self._image = image
        self.width, self.height = width, height
        self.shot = shot

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pixels that are held."""
        return self._image.size

    def render(self, box: tuple[float, float, float, float], size: tuple[int, int], *, blocks: bool = False) -> bytes:
        """Return a part of the photo at another scale.

        Args:
            box: left, top, right and bottom of the part, pixels of the full photo; clipped to it.
            size: width and height of the result, pixels.
            blocks: whether pixels that are enlarged are shown as they are, without smoothing.

        Returns:
            RGB, 8 bits each, row by row without padding.
        """
        image = self._image
        across, down = image.width / self.width, image.height / self.height
        wanted = (box[2] - box[0]) * across / size[0]
        if wanted >= _QUARTER and image.width * image.height >= _LARGE:
            image = self._quarter
            across, down = image.width / self.width, image.height / self.height
        left, top = max(0.0, box[0] * across), max(0.0, box[1] * down)
        right, bottom = min(image.width, box[2] * across), min(image.height, box[3] * down)
        # A box must not be empty.
        left, top = min(left, image.width - 1), min(top, image.height - 1)
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        x, y = round(left), round(top)
        if (round(right) - x, round(bottom) - y) == size:
            return image.crop((x, y, x + size[0], y + size[1])).tobytes()
        scale = size[0] / (right - left)
        method = Image.Resampling.HAMMING if scale <= 1 else Image.Resampling.BICUBIC
        if blocks and scale > 1:
            method = Image.Resampling.NEAREST
        return image.resize(size, method, box=(left, top, right, bottom)).tobytes()

    @cached_property
    def _quarter(self) -> Image.Image:
        return self._image.reduce(_QUARTER)
