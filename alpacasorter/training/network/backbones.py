"""The networks that can be the backbone, each built in code, and where their weights come from.

Whatever input a network of `keras.applications` was designed for, here it reads RGB in [-1, 1], the only scaling the
app knows (`ml.runtime.backbone`): anything else it needs is part of its graph, so that a bundle never has to tell the
app how to prepare a photo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alpacasorter import paths
from alpacasorter.i18n import _
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.training.network.weights import WeightsError, read_weights, set_weights
from alpacasorter.training.recipe import BACKBONE_TITLES, KERAS, RANDOM, SHIPPED

_SHIPPED_FILE = "mobilenet_v2.npz"
_RED_GREEN_BLUE_MEANS: Final = (123.68, 116.779, 103.939)
"""Means of the ImageNet photos, 0..255: ResNet-50 reads the difference from these, in BGR order."""


@dataclass(frozen=True, slots=True)
class _Builder:
    """How the model of a network is built, and what prepares its input."""

    make: Callable[..., Any]
    prepare: Callable[[Any], Any]


def build_backbone(name: str, side: int, *, weights: str | None = None) -> Any:
    """Return a network without its top, a Keras model of float32 pictures (n, side, side, 3) from `prepare`.

    Args:
        name: one of BACKBONES.
        side: width and height of its input, pixels.
        weights: None for random ones, "imagenet" to have Keras download them.
    """
    return _BUILDERS[name].make(input_shape=(side, side, 3), include_top=False, weights=weights)


def prepare(name: str, pixels: Any) -> Any:
    """Return the input of the network `name` for a Keras tensor of RGB pictures (n, side, side, 3) in [-1, 1]."""
    return _BUILDERS[name].prepare(pixels)


def load_backbone(name: str, weights: str, side: int) -> Any:
    """Return the network with its weights.

    Args:
        name: one of BACKBONES.
        weights: SHIPPED, KERAS, RANDOM, or the path of an .h5 or .npz file, as in the recipe.
        side: width and height of its input, pixels.

    Raises:
        WeightsError: the weights can't be read or downloaded, or are those of another network.
        BundleError: the weights that come with the app are missing or were changed.
    """
    if weights == KERAS:
        return _downloaded(name, side)
    network = build_backbone(name, side)
    if weights != RANDOM:
        path = shipped_weights() if weights == SHIPPED else Path(weights).expanduser()
        set_weights(network, read_weights(path), origin=path.name, backbone=name)
    return network


def shipped_weights() -> Path:
    """Return the file with MobileNetV2's weights that comes with the app: its own, or that of the bundled model.

    Raises:
        BundleError: the bundled model is missing or was changed.
    """
    general = paths.models_dir() / _SHIPPED_FILE
    return general if general.is_file() else load_bundle(paths.bundled_model()).keras_weights_path()


def _downloaded(name: str, side: int) -> Any:
    try:
        return build_backbone(name, side, weights="imagenet")
    except Exception as error:
        # Keras wraps whatever urllib raises in a bare Exception.
        raise WeightsError(
            _(
                "The ImageNet weights of {backbone} could not be downloaded ({error}). Check your internet connection, "
                "or use a weights file (.h5 or .npz)."
            ).format(backbone=BACKBONE_TITLES[name], error=error)
        ) from error


def _mobilenet_v2(**given: Any) -> Any:
    import keras

    return keras.applications.MobileNetV2(alpha=1.0, **given)


def _resnet50(**given: Any) -> Any:
    import keras

    return keras.applications.ResNet50(**given)


def _inception_v3(**given: Any) -> Any:
    import keras

    return keras.applications.InceptionV3(**given)


def _mobilenet_v3_large(**given: Any) -> Any:
    import keras

    # Its own scaling maps 0..255 to [-1, 1], which the pixels already are.
    return keras.applications.MobileNetV3Large(include_preprocessing=False, **given)


def _efficientnet_v2_b0(**given: Any) -> Any:
    import keras

    return keras.applications.EfficientNetV2B0(include_preprocessing=True, **given)


def _unchanged(pixels: Any) -> Any:
    return pixels


def _caffe(pixels: Any) -> Any:
    import keras

    offsets = [127.5 - mean for mean in _RED_GREEN_BLUE_MEANS]
    centered = keras.layers.Rescaling(127.5, offset=offsets, name="centred")(pixels)
    return keras.ops.flip(centered, axis=-1)


def _bytes(pixels: Any) -> Any:
    import keras

    return keras.layers.Rescaling(127.5, offset=127.5, name="bytes")(pixels)


_BUILDERS: Final[Mapping[str, _Builder]] = {
    "mobilenet_v2": _Builder(_mobilenet_v2, _unchanged),
    "resnet50": _Builder(_resnet50, _caffe),
    "inception_v3": _Builder(_inception_v3, _unchanged),
    "mobilenet_v3_large": _Builder(_mobilenet_v3_large, _unchanged),
    "efficientnet_v2_b0": _Builder(_efficientnet_v2_b0, _bytes),
}
