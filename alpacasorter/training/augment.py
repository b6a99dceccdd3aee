"""Augmentation: the switches of a recipe as one function on a batch of training photos, the same for every backbone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.training.recipe import AUGMENTATIONS

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
