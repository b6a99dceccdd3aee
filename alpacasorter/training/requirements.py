"""Whether TensorFlow is here, and what it computes on.

What can be told before any photo is opened: whether a bundle can go there, and be called so.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

from alpacasorter import paths
from alpacasorter.core.files import display_path
from alpacasorter.ml.models.bundle import CARD, KERAS_WEIGHTS, METADATA, REQUIRED, BundleError, Fields

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


_OF_A_BUNDLE = frozenset({METADATA, CARD, KERAS_WEIGHTS, *REQUIRED})


def problem_with_out(out: Path, dataset: Path) -> str:
    """Return why a new bundle can't take the place `out`, as a sentence; empty where it can.

    A folder that is there must be empty or a bundle with nothing else in it, for it is replaced whole.

    Raises:
        OSError: the folder can't be looked into.
    """
    if out.resolve().is_relative_to(dataset.resolve()):
        return (
            f"{display_path(out)} is inside the folder of the photos, where it would count as a class. "
            "Choose another place."
        )
    if not out.exists() and not out.is_symlink():
        return ""
    if not out.is_dir() or out.is_symlink():
        return f"{display_path(out)} is there already and is no model folder. Choose another name."
    names = {entry.name for entry in out.iterdir()}
    if not names:
        return ""
    if METADATA not in names:
        return f"{display_path(out)} is there already and is no model folder. Choose another name."
    if others := sorted(names - _OF_A_BUNDLE):
        return (
            f"The model folder {display_path(out)} also holds {display_path(others[0])}, which would be lost. "
            "Move it away, or choose another name."
        )
    return ""


def problem_with_class_names(class_names: tuple[str, str], name: str) -> str:
    """Return why a bundle can't have these classes and this name, as a sentence; empty where it can."""
    fields = Fields(Path(name), {"class_names": list(class_names), "name": name})
    try:
        fields.class_names()
    except BundleError:
        return (
            f"The sub-folders “{display_path(class_names[0])}” and “{display_path(class_names[1])}” can't give the "
            "classes their names: names must be at most 64 characters, fit for a folder on every system, and differ in "
            "more than capital letters. Rename them."
        )
    try:
        fields.text("name")
    except BundleError:
        return "The name of the model is too long or can't be printed. Choose another one."
    return ""
