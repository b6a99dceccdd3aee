"""The network that is trained: backbone, average pooling, extra dense layers, dropout and one sigmoid unit.

It consists of two Keras models. The backbone is always called in inference mode, so that its batch normalization keeps
the statistics it was trained with, even while its last layers are retrained on a few photos. The head is a separate
model on the pooled output, so that with a frozen backbone nothing else is in the graph that is trained.

Pooling can have a focus, which gives some places of a photo more weight. In a mean over the whole photo, an animal that
fills a hundredth of it is lost. So half of the embedding is a weighted mean, with weights from a 1 × 1 convolution
that training learns. The weighted feature map is what the network returns as its last feature map: the embedding is
still the mean of that, and so the class-activation map is still exact.

Only Keras's own layers are used, so that a file of the network can be read without this code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.metadata import BundleError
from alpacasorter.ml.runtime.backbone import EMBEDDING_OUTPUT, FEATURE_MAP_OUTPUT
from alpacasorter.training.network.backbones import build_backbone, prepare
from alpacasorter.training.network.weights import Weights, WeightsError, get_weights, read_weights, set_weights
from alpacasorter.training.recipe import Recipe, RecipeError

DENSE = "further_dense_{}"
"""Names of the extra dense layers, from 1, in the network and in a bundle's weights."""

OUTPUT: Final = "probability"
"""Name of the output unit."""

_BATCH_NORM = "BatchNormalization"


@dataclass(frozen=True, eq=False)
class Network:
    """Backbone and head.

    Attributes:
        backbone: name, one of BACKBONES.
        side: width and height of the input, pixels.
        base: Keras model from prepared pictures to the last feature map.
        features: Keras model from pictures (n, side, side, 3) in [-1, 1] to the last feature map (n, h, w, c).
        pooled: Keras model from the same pictures to the mean of the feature map (n, c).
        head: Keras model from that mean (n, c) to the probability of the positive class (n, 1).
    """

    backbone: str
    side: int
    base: Any
    features: Any
    pooled: Any
    head: Any

    @property
    def dense(self) -> list[Any]:
        """The extra dense layers of the head, in order."""
        return [layer for layer in self.head.layers if layer.name.startswith(DENSE.format(""))]

    def classifier(self) -> Any:
        """Return the whole network as one Keras model, from pictures (n, side, side, 3) in [-1, 1] to (n, 1)."""
        import keras

        return keras.Model(self.pooled.input, self.head(self.pooled.output))

    def two_outputs(self, *, dense: bool = True) -> Any:
        """Return the Keras model that is exported; its outputs are {"embedding": (n, e), "feature_map": (n, h, w, c)}.

        Args:
            dense: whether the embedding is the output of the last extra dense layer, if there is one, rather than the
                pooled output.
        """
        import keras

        feature_map = self.features.output
        embedding = keras.layers.GlobalAveragePooling2D(name="pool")(feature_map)
        for layer in self.dense if dense else ():
            embedding = layer(embedding)
        return keras.Model(self.features.input, {EMBEDDING_OUTPUT: embedding, FEATURE_MAP_OUTPUT: feature_map})

    def weights(self) -> Weights:
        """Return the arrays of the backbone and of the extra dense layers by "layer/variable"."""
        found = get_weights(self.base)
        for layer in self.dense:
            for variable in layer.weights:
                found[f"{layer.name}/{variable.name}"] = np.asarray(variable.value.numpy(), dtype=np.float32)
        return found

    def set_dense(self, weights: Mapping[str, npt.NDArray[np.float32]], *, origin: str) -> None:
        """Fill the extra dense layers from `weights`.

        Args:
            weights: arrays by "layer/variable".
            origin: name of the bundle, for messages.

        Raises:
            WeightsError: an array is missing, has another shape, or is not finite.
        """
        for layer in self.dense:
            for variable in layer.weights:
                name = f"{layer.name}/{variable.name}"
                array = weights.get(name)
                if array is None or array.shape != tuple(variable.shape) or not np.isfinite(array).all():
                    raise WeightsError(
                        _("The model “{name}” does not contain a usable array {array}.").format(name=origin, array=name)
                    )
                variable.assign(array)

    def output(self) -> tuple[npt.NDArray[np.float64], float]:
        """Return weights (e,) and bias of the output unit."""
        kernel, bias = self.head.get_layer(OUTPUT).get_weights()
        return kernel[:, 0].astype(np.float64), float(bias[0])

    def set_output(self, weights: npt.NDArray[np.float64], bias: float) -> None:
        """Set weights (e,) and bias of the output unit."""
        self.head.get_layer(OUTPUT).set_weights([weights[:, np.newaxis], np.array([bias])])

    def freeze(self) -> None:
        """Make the backbone not trainable."""
        self.base.trainable = False

    def count_trainable(self, last: int) -> int:
        """Return how many of the last `last` layers of the backbone can be trained; it is frozen afterward."""
        count = self.unfreeze(last) if last else 0
        self.freeze()
        return count

    def unfreeze(self, last: int) -> int:
        """Make the last `last` layers of the backbone trainable, except batch normalizations; return how many are."""
        self.base.trainable = True
        first = max(0, len(self.base.layers) - last)
        for place, layer in enumerate(self.base.layers):
            layer.trainable = place >= first and type(layer).__name__ != _BATCH_NORM
        return sum(bool(layer.trainable_weights) for layer in self.base.layers)


def assemble(base: Any, backbone: str, side: int, *, dense: Sequence[int] = (), dropout: float = 0.0) -> Network:
    """Return the network on a frozen backbone; the weights of the head depend on Keras's random seed.

    Args:
        base: from `build_backbone`.
        backbone: its name, one of BACKBONES.
        side: width and height of the input, pixels.
        dense: units of the extra dense layers, in order.
        dropout: share of the embedding dropped in training, 0 to 1.
    """
    import keras

    pixels = keras.Input((side, side, 3), name="pixels")
    feature_map = base(prepare(backbone, pixels), training=False)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(feature_map)
    size = int(feature_map.shape[-1])
    embedding = keras.Input((size,), name="embedding")
    output = embedding
    for place, units in enumerate(dense, 1):
        output = keras.layers.Dense(units, activation="relu", name=DENSE.format(place))(output)
    output = keras.layers.Dropout(dropout, name="dropout")(output)
    output = keras.layers.Dense(1, activation="sigmoid", name=OUTPUT)(output)
    network = Network(
        backbone=backbone,
        side=side,
        base=base,
        features=keras.Model(pixels, feature_map),
        pooled=keras.Model(pixels, pooled),
        head=keras.Model(embedding, output, name="head"),
    )
    network.freeze()
    return network


def rebuild(bundle: Bundle, *, filled: bool = True) -> Network:
    """Return the network of a bundle, built in code.

    Args:
        bundle: the bundle.
        filled: whether to fill it with the bundle's weights.

    Raises:
        BundleError, WeightsError: the bundle lacks what is needed.
    """
    # Bundles from before there were other backbones don't name theirs.
    name = display_path(bundle.path.name)
    network = bundle.network or {"backbone": "mobilenet_v2", "dense": []}
    backbone, dense, pooling = network.get("backbone"), network.get("dense", []), network.get("pooling", "mean")
    try:
        # The bundle may come from anyone; the recipe checks what is possible.
        if (
            not isinstance(backbone, str)
            or pooling not in ("mean", FOCUS)
            or not all(type(units) is int for units in dense)
        ):
            raise RecipeError("")
        Recipe(backbone=backbone, weights="", dense=tuple(dense))
    except (RecipeError, TypeError) as error:
        raise BundleError(
            _(
                "This version of AlpacaSorter can't build the network of the model “{name}”. Update AlpacaSorter."
            ).format(name=name)
        ) from error
    base = build_backbone(backbone, bundle.input_size)
    if pooling == FOCUS:
        base = with_focus(base)
    built = assemble(base, backbone, bundle.input_size, dense=dense)
    if filled:
        weights = read_weights(bundle.keras_weights_path(), packed=False)
        set_weights(base, weights, origin=name, backbone=backbone)
        built.set_dense(weights, origin=name)
    return built


FOCUS: Final = "focus"
"""The name of this kind of pooling in a bundle."""
LAYER: Final = "focus"
"""Name of the convolution; its kernel is (1, 1, c, 1)."""

_SHARE: Final = 0.5


def focused(feature_map: Any) -> Any:
    """Return the Keras tensor (n, h, w, c) whose mean over h and w is the focused embedding."""
    import keras

    height, width = feature_map.shape[1:3]
    places = height * width
    # Zeros: it starts as the plain mean.
    scores = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="zeros", name=LAYER)(feature_map)
    shares = keras.layers.Softmax(name=f"{LAYER}_shares")(keras.layers.Reshape((places,))(scores))
    weights = keras.layers.Rescaling(_SHARE * places, offset=1.0 - _SHARE, name=f"{LAYER}_weights")(shares)
    return keras.layers.Multiply(name=f"{LAYER}_map")([feature_map, keras.layers.Reshape((height, width, 1))(weights)])


def with_focus(network: Any) -> Any:
    """Return a Keras backbone, from pictures to feature map, with the focus on top; the layers are shared."""
    import keras

    return keras.Model(network.input, focused(network.output), name=network.name)
