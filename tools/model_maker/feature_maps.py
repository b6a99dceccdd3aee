"""Runs the early layers of the backbone once on many views of each photo; retraining reuses the feature maps.

Retraining changes only the last blocks. The layers before them are three quarters of the work of a training step and
give the same result every time, so their output is stored: float16, 48 kB per view of 256 px.

Views are other framings, angles and light than those of the photo. Unlike `alpacasorter.training.data.augment`, which
transforms a finished model input, they are cut from a larger picture, so that a closer framing shows more detail, and
they are made only once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.ml.runtime.backbone import scale_pixels

LAST_EARLY_LAYER: Final = "block_12_add"
"""The last layer that is not retrained: after it, MobileNetV2 works at a 32nd of the input's resolution."""

VIEWS: Final = 24
SMALL_VIEWS: Final = 8

SOURCE_SIDE: Final = 512
"""Shorter side to which photos are decoded: twice a model input, for framings twice as close."""
CLOSE: Final = (0.5, 1.15)
"""Share of the picture's sides that a view shows; above 1, the remainder is filled by reflection."""
WIDE: Final = (0.8, 1.25)
"""The same for the small views that scenes are composed of."""

_SEED: Final = 1000
_BATCH: Final = 32
_PREPARED: Final = 8
"""Photos whose views are prepared in advance: the views of all photos would not fit in memory."""

_STRETCH: Final = 0.12
_MAX_SHARE: Final = 1.25
_ROTATION: Final = 8.0
_SHEAR: Final = 0.06
_SHIFT: Final = 0.12
_LIGHT: Final = ((ImageEnhance.Brightness, 0.2), (ImageEnhance.Contrast, 0.2), (ImageEnhance.Color, 0.3))
_MIN_SIDE: Final = 8

Maps = npt.NDArray[np.float16]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The output of the early layers for each photo.

    Attributes:
        large: float16 (n, 2 + views, h, w, c): the photo as the app sees it, its mirror image, then other views.
        small: float16 (n, small views, h / 2, w / 2, c): views at half the size, for scenes of several photos.
        readable: bool (n,), whether the photo could be read; the maps of unreadable photos are 0.
    """

    large: Maps
    small: Maps
    readable: npt.NDArray[np.bool_]


def early_layers(network: Any) -> Any:
    """Return a Keras MobileNetV2 up to LAST_EARLY_LAYER, as a model."""
    import keras

    return keras.Model(network.input, network.get_layer(LAST_EARLY_LAYER).output)


def compute_maps(
    paths: Sequence[Path],
    network: Any,
    small_network: Any,
    *,
    views: int = VIEWS,
    small_views: int = SMALL_VIEWS,
    file: Path | None = None,
) -> FeatureMaps:
    """Return the feature maps of all views of all photos; takes half a second per photo on two cores.

    Args:
        paths: the photos.
        network, small_network: the same Keras MobileNetV2, built for one input size and for half of it.
        views, small_views: how many there are besides the photo and its mirror image; the same ones every time.
        file: where to keep the large maps instead of in memory (about 1.3 MB per photo).
    """
    runs = [_runner(early_layers(each)) for each in (network, small_network)]
    side, small_side = int(network.input_shape[1]), int(small_network.input_shape[1])
    shapes = [tuple(each.get_layer(LAST_EARLY_LAYER).output.shape[1:]) for each in (network, small_network)]
    large = _allocate((len(paths), 2 + views, *shapes[0]), file)
    small = np.zeros((len(paths), small_views, *shapes[1]), dtype=np.float16)
    readable = np.zeros(len(paths), dtype=np.bool_)

    def pictures(row: int) -> tuple[Pixels, Pixels] | None:
        try:
            pixels = decode(read_photo(paths[row]), min_side=SOURCE_SIDE).pixels
        except Unreadable:
            return None
        shown = model_input(pixels, side)
        random = np.random.default_rng(_SEED + row)
        whole = [shown, shown[:, ::-1], *(view(pixels, side, random, CLOSE) for _ in range(views))]
        random = np.random.default_rng(_SEED + row)
        parts = [view(pixels, small_side, random, WIDE) for _ in range(small_views)]
        return np.stack(whole), np.stack(parts) if parts else np.empty((0, small_side, small_side, 3), dtype=np.uint8)

    for row, made in enumerate(_prepared(pictures, len(paths))):
        if made is not None:
            readable[row] = True
            large[row], small[row] = (run(part) for run, part in zip(runs, made, strict=True))
    return FeatureMaps(large, small, readable)


def _allocate(shape: tuple[int, ...], file: Path | None) -> Maps:
    if file is None:
        return np.zeros(shape, dtype=np.float16)
    return np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)


def _prepared(make: Any, count: int) -> Iterator[Any]:
    """Yield make(0), make(1), …, prepared on threads in advance."""
    with ThreadPoolExecutor() as pool:
        pending = [pool.submit(make, row) for row in range(min(_PREPARED, count))]
        for row in range(count):
            yield pending.pop(0).result()
            if row + _PREPARED < count:
                pending.append(pool.submit(make, row + _PREPARED))


def _runner(model: Any) -> Any:
    import tensorflow as tf

    size, channels = model.input_shape[1], model.output_shape[1:]
    # For batches of any length: otherwise TensorFlow traces the function again for each new length.
    traced = tf.function(
        lambda pixels: model(pixels, training=False), input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)]
    )

    def run(pictures: Pixels) -> Maps:
        parts = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
        made = [traced(scale_pixels(part)).numpy().astype(np.float16) for part in parts]
        return np.concatenate(made) if made else np.empty((0, *channels), dtype=np.float16)

    return run


def view(pixels: Pixels, side: int, random: np.random.Generator, shares: tuple[float, float]) -> Pixels:
    """Return a view of a picture, uint8 (side, side, 3).

    Args:
        pixels: the picture, upright, uint8 (h, w, 3).
        side: width and height of the view, pixels.
        random: determines everything.
        shares: the smallest and the largest share of the picture's sides that the view shows.
    """
    share = random.uniform(*shares)
    stretch = np.exp(random.uniform(-_STRETCH, _STRETCH))
    width = max(_MIN_SIDE, round(side / min(share * stretch, _MAX_SHARE)))
    height = max(_MIN_SIDE, round(side / min(share / stretch, _MAX_SHARE)))
    # First reduced to the scale of the view, with anti-aliasing, which the affine transformation lacks.
    scaled = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    margin = side // 2
    mode = "reflect" if min(width, height) > margin else "edge"
    padded = np.pad(scaled, ((margin, margin), (margin, margin), (0, 0)), mode=mode)  # type: ignore[call-overload]
    center = np.array(
        [
            margin + length / 2 + random.uniform(-0.5, 0.5) * max(length - side, _SHIFT * side)
            for length in (width, height)
        ]
    )
    angle, shear = np.deg2rad(random.normal(0, _ROTATION)), random.normal(0, _SHEAR)
    mirror = -1.0 if random.random() < 0.5 else 1.0
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[mirror, shear], [0.0, 1.0]])
    shift = center - matrix @ np.array([side / 2, side / 2])
    seen = Image.fromarray(padded).transform(
        (side, side),
        Image.Transform.AFFINE,
        (matrix[0, 0], matrix[0, 1], shift[0], matrix[1, 0], matrix[1, 1], shift[1]),
        Image.Resampling.BILINEAR,
    )
    for enhance, most in _LIGHT:
        seen = enhance(seen).enhance(random.uniform(1 - most, 1 + most))
    return np.asarray(seen)
