"""Views of a photo to train on: other framings, angles and light than the one it was taken in.

They differ from `training.augment`, which turns a finished model input: these are cut from the larger picture, so that
a closer framing shows more detail, as if one had gone nearer, and are made once and kept.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

Pixels = npt.NDArray[np.uint8]

SOURCE_SIDE: Final = 512
"""Shorter side that photos are decoded to: twice a model input, for framings twice as close."""

CLOSE: Final = (0.5, 1.15)
"""Share of the picture's sides that a view shows; above 1 the rest is filled by reflection."""
WIDE: Final = (0.8, 1.25)
"""The same for the small views that scenes are put together from."""

_STRETCH: Final = 0.12
_MOST: Final = 1.25
_TURN: Final = 8.0
_SHEAR: Final = 0.06
_WANDER: Final = 0.12
_LIGHT: Final = ((ImageEnhance.Brightness, 0.2), (ImageEnhance.Contrast, 0.2), (ImageEnhance.Color, 0.3))
_LEAST_SIDE: Final = 8


def view(pixels: Pixels, side: int, random: np.random.Generator, shares: tuple[float, float]) -> Pixels:
    """Return one view of the picture, uint8 (h, w, 3), as uint8 (side, side, 3).

    Args:
        pixels: the picture, upright.
        side: of the view.
        random: decides everything.
        shares: the least and the greatest part of the picture's sides that it shows.
    """
    share = random.uniform(*shares)
    stretch = np.exp(random.uniform(-_STRETCH, _STRETCH))
    width = max(_LEAST_SIDE, round(side / min(share * stretch, _MOST)))
    height = max(_LEAST_SIDE, round(side / min(share / stretch, _MOST)))
    # Reduced to the scale of the view first, with anti-aliasing, which the turning itself lacks.
    scaled = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    margin = side // 2
    mode = "reflect" if min(width, height) > margin else "edge"
    padded = np.pad(scaled, ((margin, margin), (margin, margin), (0, 0)), mode=mode)  # type: ignore[call-overload]
    centre = np.array(
        [
            margin + length / 2 + random.uniform(-0.5, 0.5) * max(length - side, _WANDER * side)
            for length in (width, height)
        ]
    )
    turn, shear = np.deg2rad(random.normal(0, _TURN)), random.normal(0, _SHEAR)
    mirror = -1.0 if random.random() < 0.5 else 1.0
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ np.array([[mirror, shear], [0.0, 1.0]])
    shift = centre - matrix @ np.array([side / 2, side / 2])
    seen = Image.fromarray(padded).transform(
        (side, side),
        Image.Transform.AFFINE,
        (matrix[0, 0], matrix[0, 1], shift[0], matrix[1, 0], matrix[1, 1], shift[1]),
        Image.Resampling.BILINEAR,
    )
    for enhance, most in _LIGHT:
        seen = enhance(seen).enhance(random.uniform(1 - most, 1 + most))
    return np.asarray(seen)
