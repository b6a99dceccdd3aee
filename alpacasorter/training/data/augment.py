"""Augmentation: the switches of a recipe as one function on a batch of training photos, the same for every backbone.

A picture of some training examples as the network will see them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.safe_write import write_over
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.recipe import AUGMENTATIONS, Recipe

# How far each goes. Rotation is the article's: up to a fifth of a turn either way.
_TURN: Final = 0.2
_SHEAR: Final = 0.15
_ZOOM: Final = 0.2
_SHIFT: Final = 0.1
_BRIGHTNESS: Final = 0.2
_CONTRAST: Final = 0.3
_SATURATION: Final = (0.5, 1.5)
_TINT: Final = (0.9, 1.1)
_GREY: Final = (0.299, 0.587, 0.114)
_WHITE: Final = 255.0


Pictures = npt.NDArray[np.uint8]


def augmenter(switches: Collection[str], seed: int) -> Callable[[Pictures], Pictures]:
    """Return a function from pictures uint8 (n, side, side, 3) to others of the same shape and type.

    They stay what a camera gives, whole numbers from 0 to 255, so that the app's own scaling comes after. Each picture
    of a batch is changed in another way, and each call goes on with the random numbers where the last one left off.
    What a turn or a shift leaves empty is filled by reflection.

    Args:
        switches: which of AUGMENTATIONS are on; with none the pictures stay as they are.
        seed: the same one gives the same pictures.
    """
    import tensorflow as tf

    # In one order, so that the same switches and seed always give the same pictures.
    steps = [_step(name, seed + 101 * place) for place, name in enumerate(AUGMENTATIONS, 1) if name in switches]

    def augment(pictures: Any) -> Any:
        pixels = tf.cast(pictures, tf.float32)
        for step in steps:
            pixels = step(pixels)
        return tf.cast(tf.round(tf.clip_by_value(pixels, 0.0, _WHITE)), tf.uint8)

    # A batch of any length: otherwise each new length is traced anew.
    traced = tf.function(augment, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)], autograph=False)
    return lambda pictures: traced(pictures).numpy()


def _step(name: str, seed: int) -> Callable[[Any], Any]:
    import keras

    scale = (0.0, _WHITE)
    layers = keras.layers
    if name == "colour":
        return _colour(seed)
    layer: Any = {
        "flip": lambda: layers.RandomFlip("horizontal", seed=seed),
        "mirror": lambda: layers.RandomFlip("vertical", seed=seed),
        "rotation": lambda: layers.RandomRotation(_TURN, seed=seed),
        "shear": lambda: layers.RandomShear(_SHEAR, _SHEAR, seed=seed),
        "zoom": lambda: layers.RandomZoom((-_ZOOM, _ZOOM), seed=seed),
        "shift": lambda: layers.RandomTranslation(_SHIFT, _SHIFT, seed=seed),
        "brightness": lambda: layers.RandomBrightness(_BRIGHTNESS, value_range=scale, seed=seed),
        "contrast": lambda: layers.RandomContrast(_CONTRAST, value_range=scale, seed=seed),
    }[name]()
    return partial(layer, training=True)


def _colour(seed: int) -> Callable[[Any], Any]:
    """Return what makes colours stronger or paler and tints the light, as another camera or time of day would.

    Own, because Keras's layers for hue and saturation expect 0..1 in one place and 0..255 in another.
    """
    import keras
    import tensorflow as tf

    numbers = keras.random.SeedGenerator(seed)

    def step(pixels: Any) -> Any:
        count = tf.shape(pixels)[0]
        saturation = keras.random.uniform((count, 1, 1, 1), *_SATURATION, seed=numbers)
        tint = keras.random.uniform((count, 1, 1, 3), *_TINT, seed=numbers)
        grey = tf.reduce_sum(pixels * tf.constant(_GREY), axis=-1, keepdims=True)
        return (grey + (pixels - grey) * saturation) * tint

    return step


COLUMNS = 4
ROWS_A_CLASS = 2
_TILE = 160
_GAP = 6
_BETWEEN = 18


def choose(training: npt.NDArray[np.int64], targets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the rows to show, 8 of the positive class and then 8 of the negative one.

    Where a class has fewer, its photos are shown again, each time changed in another way.
    """
    count = COLUMNS * ROWS_A_CLASS
    chosen = []
    for target in (1, 0):
        rows = training[targets[training] == target]
        step = max(1, len(rows) // count)
        # Spread over the folder: neighbours are often shots of one scene.
        chosen.append(np.resize(rows[::step][:count], count))
    return np.concatenate(chosen)


def write_preview(path: Path, store: PhotoStore, rows: npt.NDArray[np.int64], recipe: Recipe) -> None:
    """Write a PNG of the photos in `rows` from `choose`: 4 a row, two rows of each class, the positive one above.

    A file that is there is replaced once the new one is whole.

    Raises:
        DatasetError: a photo can no longer be read.
        OSError: it can't be written.
    """
    import tensorflow as tf

    augment = augmenter(recipe.augmentation, recipe.seed)
    seen = augment(store.pictures(rows))
    tile = min(store.side, _TILE)
    small = tf.image.resize(seen, (tile, tile), antialias=True)
    pixels = np.clip(np.rint(np.asarray(small)), 0, 255).astype(np.uint8)
    _write(path, tf.io.encode_png(_grid(pixels)).numpy())


def _grid(tiles: npt.NDArray[np.uint8]) -> Any:
    """Return tiles (n, t, t, 3) side by side on a see-through ground, (h, w, 4)."""
    side = tiles.shape[1]
    lines = math.ceil(len(tiles) / COLUMNS)
    width = COLUMNS * (side + _GAP) - _GAP
    height = lines * (side + _GAP) - _GAP + _BETWEEN - _GAP
    ground = np.zeros((height, width, 4), dtype=np.uint8)
    for place, pixels in enumerate(tiles):
        line, column = divmod(place, COLUMNS)
        top = line * (side + _GAP) + (_BETWEEN - _GAP if line >= ROWS_A_CLASS else 0)
        left = column * (side + _GAP)
        ground[top : top + side, left : left + side, :3] = pixels
        ground[top : top + side, left : left + side, 3] = 255
    return ground


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_over(path, [data])
