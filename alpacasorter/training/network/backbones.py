"""The networks that can be the backbone, each built in code, and where the weights of each come from.

Whatever a network of `keras.applications` was made to read, here every one reads RGB in [-1, 1], the one scaling of the
app (`ml.preprocess`): what else it needs is part of its graph, so that a bundle never tells the app how to prepare a
photo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alpacasorter import paths
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.training.network.mobilenet import WeightsError, read_weights, set_weights
from alpacasorter.training.recipe import KERAS, RANDOM, SHIPPED

_SHIPPED_FILE = "mobilenet_v2.npz"
_RED_GREEN_BLUE_MEANS: Final = (123.68, 116.779, 103.939)
"""Of the ImageNet photos, in 0..255: what ResNet-50 reads is the difference from these, blue first."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A network: its name for people, how its model is made, and what stands before it."""

    title: str
    make: Callable[..., Any]
    prepare: Callable[[Any], Any]


def build_backbone(name: str, side: int, *, weights: str | None = None) -> Any:
    """Return a network of BACKBONES without its top, for float32 pictures (n, side, side, 3) as `prepare` gives them.

    Args:
        name: of the network.
        side: pixels a side of its input.
        weights: None for random ones, "imagenet" to have Keras download them.
    """
    return _KINDS[name].make(input_shape=(side, side, 3), include_top=False, weights=weights)


def prepare(name: str, pixels: Any) -> Any:
    """Return what the network `name` reads, from a Keras tensor of RGB pictures (n, side, side, 3) in [-1, 1]."""
    return _KINDS[name].prepare(pixels)


def title(name: str) -> str:
    """Return what people call the network."""
    return _KINDS[name].title


def load_backbone(name: str, weights: str, side: int) -> Any:
    """Return the network with its weights.

    Args:
        name: one of BACKBONES.
        weights: SHIPPED, KERAS, RANDOM, or the path of an .h5 or .npz file, as in the recipe.
        side: pixels a side of its input.

    Raises:
        WeightsError: the weights can't be had, or are not those of this network.
        BundleError: the weights that come with the app are missing or were changed.
    """
    if weights == KERAS:
        return _downloaded(name, side)
    network = build_backbone(name, side)
    if weights != RANDOM:
        path = shipped_weights() if weights == SHIPPED else Path(weights).expanduser()
        set_weights(network, read_weights(path), origin=path.name, title=title(name))
    return network


def shipped_weights() -> Path:
    """Return the file of MobileNetV2's weights that comes with the app.

    Raises:
        BundleError: it is the bundled model's, and that is missing or was changed.
    """
    general = paths.models_dir() / _SHIPPED_FILE
    return general if general.is_file() else load_bundle(paths.bundled_model()).keras_weights_path()


def _downloaded(name: str, side: int) -> Any:
    try:
        return build_backbone(name, side, weights="imagenet")
    except Exception as error:
        # Keras wraps whatever urllib raises in a bare Exception.
        raise WeightsError(
            f"The ImageNet weights of {title(name)} could not be downloaded ({error}). Look whether this computer is "
            "online, or give the path of a weights file (.h5 or .npz) that you have."
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

    # Its own scaling turns 0..255 into [-1, 1], where the pixels are already.
    return keras.applications.MobileNetV3Large(include_preprocessing=False, **given)


def _efficientnet_v2_b0(**given: Any) -> Any:
    import keras

    return keras.applications.EfficientNetV2B0(include_preprocessing=True, **given)


def _as_they_are(pixels: Any) -> Any:
    return pixels


def _caffe(pixels: Any) -> Any:
    import keras

    offsets = [127.5 - mean for mean in _RED_GREEN_BLUE_MEANS]
    centred = keras.layers.Rescaling(127.5, offset=offsets, name="centred")(pixels)
    return keras.ops.flip(centred, axis=-1)


def _bytes(pixels: Any) -> Any:
    import keras

    return keras.layers.Rescaling(127.5, offset=127.5, name="bytes")(pixels)


_KINDS: Final[Mapping[str, _Kind]] = {
    "mobilenet_v2": _Kind("MobileNetV2 (alpha 1.0)", _mobilenet_v2, _as_they_are),
    "resnet50": _Kind("ResNet-50", _resnet50, _caffe),
    "inception_v3": _Kind("Inception v3", _inception_v3, _as_they_are),
    "mobilenet_v3_large": _Kind("MobileNetV3 large", _mobilenet_v3_large, _as_they_are),
    "efficientnet_v2_b0": _Kind("EfficientNetV2-B0", _efficientnet_v2_b0, _bytes),
}
