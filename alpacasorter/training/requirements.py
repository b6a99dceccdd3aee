"""What a training run needs: TensorFlow, and a place and class names that a bundle can have.

All of it is checked before a photo is opened.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alpacasorter import paths
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, number
from alpacasorter.training.events import GRAPHICS_CARD, PROCESSOR

_SHOWN: Final = 4
"""Subfolders named in a sentence, at most."""


def has_tensorflow() -> bool:
    """Tell whether TensorFlow is installed, without importing it."""
    return importlib.util.find_spec("tensorflow") is not None


def no_tensorflow(*, exporting: bool = False) -> str:
    """Return why a model can't be trained here, or exported, and how to make that possible."""
    if getattr(sys, "frozen", False):
        how = _(
            "It would make the program several times as large. Get the package named “with-training”, or install "
            "AlpacaSorter with Python as described in its README. Models made there can be used here, and everything "
            "else works without it."
        )
    else:
        how = _(
            "TensorFlow is available for Python 3.11 to 3.13 on Linux, on Windows (64-bit Intel or AMD) and on macOS "
            "(Apple silicon). Everything else works without it."
        )
    what = (
        _("Exporting a model needs TensorFlow, which is not part of this installation.")
        if exporting
        else _("Training needs TensorFlow, which is not part of this installation.")
    )
    return f"{what} {how}"


def keep_quiet() -> None:
    """Keep TensorFlow from reporting missing drivers, and have Keras keep its files in the app's cache folder.

    Has no effect after they have been imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Where downloaded weights go; by default that is a folder .keras in the user's home.
    os.environ.setdefault("KERAS_HOME", str(paths.user_cache_dir() / "keras"))


def start(seed: int) -> str:
    """Prepare Keras for a training run that gives the same result again for the same seed.

    Returns:
        What it computes on: PROCESSOR, or GRAPHICS_CARD with the name of the card.
    """
    import keras
    import tensorflow as tf

    # Resets the counters that Keras names layers by, and frees earlier networks.
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    cards = tf.config.list_physical_devices("GPU")
    if not cards:
        return PROCESSOR
    # A graphics card adds up in whatever order is fastest, unless told not to. The processor never does.
    tf.config.experimental.enable_op_determinism()
    name = tf.config.experimental.get_device_details(cards[0]).get("device_name") or cards[0].name
    return f"{GRAPHICS_CARD}{name}"


def problem_with_out(out: Path, dataset: Path) -> str:
    """Return why a new bundle can't be written to the folder `out`, as a sentence; empty where it can.

    A folder that exists must be empty or hold a bundle and nothing else, because it is replaced as a whole.

    Raises:
        OSError: the folder can't be listed.
    """
    # Imported here: the help of the command does without NumPy.
    from alpacasorter.ml.models.metadata import CARD, KERAS_WEIGHTS, METADATA, REQUIRED

    if out.resolve().is_relative_to(dataset.resolve()):
        return _(
            "{folder} is inside the folder with the photos, where it would count as a class. Choose another place."
        ).format(folder=display_path(out))
    if not out.exists() and not out.is_symlink():
        return ""
    names = {entry.name for entry in out.iterdir()} if out.is_dir() and not out.is_symlink() else {""}
    if names and METADATA not in names:
        return _("{folder} exists and is not a model folder. Choose another name.").format(folder=display_path(out))
    if others := sorted(names - {METADATA, CARD, KERAS_WEIGHTS, *REQUIRED}):
        return _(
            "The model folder {folder} also contains {file}, which would be lost. Move it, or choose another name."
        ).format(folder=display_path(out), file=display_path(others[0]))
    return ""


def problem_with_class_names(class_names: tuple[str, str], name: str) -> str:
    """Return why a bundle can't have these classes and this name, as a sentence; empty where it can."""
    from alpacasorter.ml.models.metadata import BundleError, Fields

    fields = Fields(Path(name), {"class_names": list(class_names), "name": name})
    try:
        fields.class_names()
    except BundleError:
        return _(
            "The subfolders “{first}” and “{second}” can't be class names: names must have at most 64 characters, be "
            "valid folder names on every system, and differ in more than case. Rename them."
        ).format(first=display_path(class_names[0]), second=display_path(class_names[1]))
    try:
        fields.text("name")
    except BundleError:
        return _("The name of the model is too long or can't be displayed. Choose another one.")
    return ""


def not_two_classes(names: Sequence[str]) -> str:
    """Return why a folder with these subfolders can't be trained on, as a sentence: there must be two.

    Args:
        names: of the subfolders; any number but two.
    """
    if not names:
        return _(
            "The folder has no subfolders. Put the photos into two subfolders, one per class, such as alpaca and "
            "not_alpaca."
        )
    if len(names) == 1:
        return _(
            "The folder must have two subfolders, one per class, but there is only “{name}”. Make another one for "
            "photos of anything else, such as “not_{name}”."
        ).format(name=display_path(names[0]))
    shown = [display_path(name) for name in names[:_SHOWN]]
    return _(
        "The folder must have two subfolders, one per class, but there are {count} ({names}). A model distinguishes "
        "only two classes, so put everything that is not the positive class into one subfolder."
    ).format(count=number(len(names)), names=", ".join([*shown, *(["…"] if len(names) > _SHOWN else [])]))
