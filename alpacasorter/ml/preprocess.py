"""From the loader's picture to the numbers the backbone reads: the one scaling, for training and app alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NAME = "mobilenet_v2: rgb/127.5-1, bilinear squash"
"""What a bundle must declare: the scaling below on a picture from `core.decode.model_input`."""


def scale_pixels(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return pixels 0..255 of any shape as float32 in [-1, 1].

    Raises:
        TypeError: the pixels are not uint8. Floats could be in 0..1 or 0..255, and a wrong guess would judge wrongly
            in silence.
    """
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels must be uint8, not {pixels.dtype}")
    scaled = pixels.astype(np.float32)
    scaled /= np.float32(127.5)
    scaled -= np.float32(1.0)
    return scaled
