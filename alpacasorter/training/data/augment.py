"""Augmentation of a batch of training photos, the same for every backbone, and a picture of some examples of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.safe_write import write_over
from alpacasorter.training.data.batches import PhotoStore, Pictures
from alpacasorter.training.recipe import AUGMENTATIONS, Recipe

# Strengths: so that photos still look like photos that somebody could have taken. The article's rotation, up to a fifth
# of a turn, takes a photo about as far from itself, to the backbone, as any other photo of its class is
# (docs/decisions/0016-what-the-training-switches-are-worth.md).
TURN: Final = 0.03
_SHEAR: Final = 0.1
_ZOOM: Final = 0.15
_SHIFT: Final = 0.08
_BRIGHTNESS: Final = 0.15
_CONTRAST: Final = 0.2
_SATURATION: Final = (0.5, 1.5)
_TINT: Final = (0.9, 1.1)
_GRAY: Final = (0.299, 0.587, 0.114)
_WHITE: Final = 255.0


def augmenter(switches: Collection[str], seed: int, *, turn: float = TURN) -> Callable[[Pictures], Pictures]:
    """Return a function from pictures uint8 (n, side, side, 3) to augmented ones of the same shape and type.

    The output is not scaled: the app's own scaling comes afterward. Each picture of a batch is changed differently, and
    each call continues the sequence of random numbers. Areas left empty by a rotation or shift are filled by
    reflection.

    Args:
        switches: which of AUGMENTATIONS are on; with none, the pictures are returned unchanged.
        seed: the same seed gives the same pictures.
        turn: how far "rotation" turns, at most, in either direction, in turns.
    """
    import tensorflow as tf

    # In one order, so that the same switches and seed always give the same pictures.
    steps = [_step(name, seed + 101 * place, turn) for place, name in enumerate(AUGMENTATIONS, 1) if name in switches]

    def augment(pictures: Any) -> Any:
        pixels = tf.cast(pictures, tf.float32)
        for step in steps:
            pixels = step(pixels)
        return tf.cast(tf.round(tf.clip_by_value(pixels, 0.0, _WHITE)), tf.uint8)

    # For batches of any length: otherwise TensorFlow traces the function again for each new length.
    traced = tf.function(augment, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)], autograph=False)
    return lambda pictures: traced(pictures).numpy()


def _step(name: str, seed: int, turn: float) -> Callable[[Any], Any]:
    import keras

    scale = (0.0, _WHITE)
    layers = keras.layers
    if name == "color":
        return _color(seed)
    layer: Any = {
        "flip": lambda: layers.RandomFlip("horizontal", seed=seed),
        "mirror": lambda: layers.RandomFlip("vertical", seed=seed),
        "rotation": lambda: layers.RandomRotation(turn, seed=seed),
        "shear": lambda: layers.RandomShear(_SHEAR, _SHEAR, seed=seed),
        "zoom": lambda: layers.RandomZoom((-_ZOOM, _ZOOM), seed=seed),
        "shift": lambda: layers.RandomTranslation(_SHIFT, _SHIFT, seed=seed),
        "brightness": lambda: layers.RandomBrightness(_BRIGHTNESS, value_range=scale, seed=seed),
        "contrast": lambda: layers.RandomContrast(_CONTRAST, value_range=scale, seed=seed),
    }[name]()
    return partial(layer, training=True)


def _color(seed: int) -> Callable[[Any], Any]:
    """Return a step that changes saturation and tint, as another camera or time of day would.

    Keras's layers for hue and saturation are not used: some expect 0..1 and some 0..255.
    """
    import keras
    import tensorflow as tf

    numbers = keras.random.SeedGenerator(seed)

    def step(pixels: Any) -> Any:
        count = tf.shape(pixels)[0]
        saturation = keras.random.uniform((count, 1, 1, 1), *_SATURATION, seed=numbers)
        tint = keras.random.uniform((count, 1, 1, 3), *_TINT, seed=numbers)
        gray = tf.reduce_sum(pixels * tf.constant(_GRAY), axis=-1, keepdims=True)
        return (gray + (pixels - gray) * saturation) * tint

    return step


COLUMNS = 4
ROWS_PER_CLASS = 2
_TILE = 160
_GAP = 6
_BETWEEN = 18


def choose_examples(training: npt.NDArray[np.int64], targets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the rows to show, 8 of the positive class and then 8 of the negative one.

    If a class has fewer, its photos are repeated, each time augmented differently.

    Args:
        training: rows of the training photos, (n,).
        targets: 0 or 1 by row.
    """
    count = COLUMNS * ROWS_PER_CLASS
    chosen = []
    for target in (1, 0):
        rows = training[targets[training] == target]
        step = max(1, len(rows) // count)
        # Spread over the folder: neighbors are often shots of the same scene.
        chosen.append(np.resize(rows[::step][:count], count))
    return np.concatenate(chosen)


def write_preview(path: Path, store: PhotoStore, rows: npt.NDArray[np.int64], recipe: Recipe) -> None:
    """Write a PNG of augmented photos: 4 in a row, two rows per class, the positive class above.

    An existing file is replaced once the new one is complete.

    Args:
        path: the PNG.
        store: the photos.
        rows: from `choose_examples`.
        recipe: the augmentation.

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
    path.parent.mkdir(parents=True, exist_ok=True)
    write_over(path, [tf.io.encode_png(_grid(pixels)).numpy()])


def _grid(tiles: npt.NDArray[np.uint8]) -> Any:
    """Return tiles (n, t, t, 3) side by side on a transparent background, (h, w, 4)."""
    side = tiles.shape[1]
    lines = math.ceil(len(tiles) / COLUMNS)
    width = COLUMNS * (side + _GAP) - _GAP
    height = lines * (side + _GAP) - _GAP + _BETWEEN - _GAP
    grid = np.zeros((height, width, 4), dtype=np.uint8)
    for place, pixels in enumerate(tiles):
        line, column = divmod(place, COLUMNS)
        top = line * (side + _GAP) + (_BETWEEN - _GAP if line >= ROWS_PER_CLASS else 0)
        left = column * (side + _GAP)
        grid[top : top + side, left : left + side, :3] = pixels
        grid[top : top + side, left : left + side, 3] = 255
    return grid
