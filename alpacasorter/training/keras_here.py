"""Whether TensorFlow is here, and what it computes on."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Final

from alpacasorter import paths

_NOT_INSTALLED: Final = (
    "Training needs TensorFlow, which is not installed. There is TensorFlow for Python 3.11 to 3.13 on Linux, on "
    "Windows (64-bit Intel or AMD) and on macOS (Apple silicon). Everything else works without it."
)

_NOT_PACKAGED: Final = (
    "Training is not part of this package; it would make it several times as large. Take the package that is named "
    "“with-training”, or install AlpacaSorter with Python, as its README says; models made there can be used here. "
    "Everything else works without it."
)
NO_TENSORFLOW: Final = _NOT_PACKAGED if getattr(sys, "frozen", False) else _NOT_INSTALLED
"""Why there is no training here, and how to get it; begins with the word “Training”."""

PROCESSOR: Final = "processor"


def has_tensorflow() -> bool:
    """Tell whether TensorFlow is installed, without importing it."""
    return importlib.util.find_spec("tensorflow") is not None


def keep_quiet() -> None:
    """Have TensorFlow keep to itself which drivers it did not find, and Keras keep its files among those of the app.

    Works only before their first import.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Where it keeps downloaded weights; otherwise a folder .keras appears in the user's home.
    os.environ.setdefault("KERAS_HOME", str(paths.user_cache_dir() / "keras"))


def start(seed: int) -> str:
    """Get Keras ready for a training that gives the same result again for the same seed; return what it computes on.

    Returns:
        PROCESSOR, or "graphics card: NAME".
    """
    import keras
    import tensorflow as tf

    # The names that Keras makes up by counting, and what earlier networks hold on to.
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    cards = tf.config.list_physical_devices("GPU")
    if not cards:
        return PROCESSOR
    # A graphics card adds up in whatever order is fastest, unless told not to. The processor never does.
    tf.config.experimental.enable_op_determinism()
    name = tf.config.experimental.get_device_details(cards[0]).get("device_name") or cards[0].name
    return f"graphics card: {name}"
