"""The part of the backbone that stays as it is, run once over all views of all photos; training reuses what it gives.

Retraining changes the last blocks only. What comes before them is three quarters of the work of a step and gives the
same result every time, so it is stored: float16, 48 kB a view of 256 px.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.decode import decode, model_input
from alpacasorter.core.photo import Unreadable, read_photo
from alpacasorter.core.views import CLOSE, SOURCE_SIDE, WIDE, view
from alpacasorter.ml.preprocess import scale_pixels

LAST_LAYER: Final = "block_12_add"
"""The last layer that stays as it is: from the next on, MobileNetV2 works at a 32nd of the input's resolution."""

VIEWS: Final = 24
SMALL_VIEWS: Final = 8

_SEED: Final = 1000
_BATCH: Final = 32
_AHEAD: Final = 8

Maps = npt.NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class FrontMaps:
    """What the front gives for each photo.

    Attributes:
        large: float16 (n, 2 + views, h, w, c): as the app shows the photo, its mirror image, then other views.
        small: float16 (n, small views, h / 2, w / 2, c): views at half the side, for scenes of several.
        readable: (n,), whether the photo could be read; the maps of others are 0.
    """

    large: Maps
    small: Maps
    readable: npt.NDArray[np.bool_]


def front_model(network: Any) -> Any:
    """Return the part of a Keras MobileNetV2 up to LAST_LAYER, as a model."""
    import keras

    return keras.Model(network.input, network.get_layer(LAST_LAYER).output)


def front_maps(
    paths: Sequence[Path],
    network: Any,
    small_network: Any,
    *,
    views: int = VIEWS,
    small_views: int = SMALL_VIEWS,
    file: Path | None = None,
) -> FrontMaps:
    """Run the front over all views of all photos; takes half a second a photo, on two cores.

    Args:
        paths: the photos.
        network, small_network: the same Keras MobileNetV2, built for a side and for half of it.
        views, small_views: how many of each beside the plain one and its mirror image; a photo's are always the same.
        file: where to keep the large maps instead of in memory (about 1.3 MB a photo).
    """
    runs = [_runner(front_model(each)) for each in (network, small_network)]
    side, small_side = int(network.input_shape[1]), int(small_network.input_shape[1])
    shapes = [tuple(each.get_layer(LAST_LAYER).output.shape[1:]) for each in (network, small_network)]
    large = _room((len(paths), 2 + views, *shapes[0]), file)
    small = np.zeros((len(paths), small_views, *shapes[1]), dtype=np.float16)
    readable = np.zeros(len(paths), dtype=np.bool_)

    def pictures(place: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]] | None:
        try:
            pixels = decode(read_photo(paths[place]), min_side=SOURCE_SIDE).pixels
        except Unreadable:
            return None
        shown = model_input(pixels, side)
        random = np.random.default_rng(_SEED + place)
        whole = [shown, shown[:, ::-1], *(view(pixels, side, random, CLOSE) for _ in range(views))]
        random = np.random.default_rng(_SEED + place)
        parts = [view(pixels, small_side, random, WIDE) for _ in range(small_views)]
        return np.stack(whole), np.stack(parts) if parts else np.empty((0, small_side, small_side, 3), dtype=np.uint8)

    for place, made in enumerate(_ahead(pictures, len(paths))):
        if made is not None:
            readable[place] = True
            large[place], small[place] = (run(part) for run, part in zip(runs, made, strict=True))
    return FrontMaps(large, small, readable)


def _room(shape: tuple[int, ...], file: Path | None) -> Maps:
    if file is None:
        return np.zeros(shape, dtype=np.float16)
    return np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)


def _ahead(make: Any, count: int) -> Iterator[Any]:
    """Yield make(0), make(1), …, made on threads a few photos ahead: the views of all photos would fill the memory."""
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(make, place) for place in range(min(_AHEAD, count))]
        for place in range(count):
            yield waiting.pop(0).result()
            if place + _AHEAD < count:
                waiting.append(pool.submit(make, place + _AHEAD))


def _runner(model: Any) -> Any:
    import tensorflow as tf

    size, channels = model.input_shape[1], model.output_shape[1:]
    # A batch of any length: otherwise each new length is traced anew.
    traced = tf.function(
        lambda pixels: model(pixels, training=False), input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)]
    )

    def run(pictures: npt.NDArray[np.uint8]) -> Maps:
        parts = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
        made = [traced(scale_pixels(part)).numpy().astype(np.float16) for part in parts]
        return np.concatenate(made) if made else np.empty((0, *channels), dtype=np.float16)

    return run
