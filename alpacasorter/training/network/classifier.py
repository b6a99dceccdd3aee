"""The network that is trained: backbone, average pooling, further dense layers, dropout and one sigmoid unit.

It is made of two Keras models. The backbone is always called in inference mode, so that its batch normalisation keeps
the statistics it was trained with, also while its last layers are retrained on a few photos. The head is a model of its
own on the pooled output, so that with a frozen backbone nothing else is in the graph that learns.

Pooling with a focus: the embedding listens more to some places of a photo than to others.

The mean over the whole photo drowns an animal that fills a hundredth of it. Here a second voice is mixed in, in equal
parts: a mean weighted by how much each place looks like something that matters, which one 1 × 1 convolution decides and
training finds. The weighted feature map is what the network gives out as its last feature map, so that the embedding is
still the mean of it, and the map of what spoke for the answer is still exact.

Made of Keras's own layers only: a file of the network needs no code of ours to be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.models.bundle import Bundle, BundleError
from alpacasorter.ml.runtime.backbone import EMBEDDING_OUTPUT, FEATURE_MAP_OUTPUT
from alpacasorter.training.network.backbones import build_backbone, prepare, title
from alpacasorter.training.network.mobilenet import Weights, WeightsError, get_weights, read_weights, set_weights
from alpacasorter.training.recipe import Recipe, RecipeError

DENSE = "further_dense_{}"
"""Names of the further dense layers, from 1, in the network and in a bundle's weights."""

_BATCH_NORM = "BatchNormalization"


@dataclass(frozen=True, eq=False)
class Network:
    """Backbone and head.

    Attributes:
        backbone: name, one of BACKBONES.
        side: pixels a side of the input.
        base: Keras model, from prepared pictures to the last feature map.
        features: Keras model, from pictures (n, side, side, 3) in [-1, 1] to the last feature map (n, h, w, c).
        pooled: Keras model, from the same to its mean (n, c).
        head: Keras model, from the mean (n, c) to the probability of the positive class (n, 1).
    """

    backbone: str
    side: int
    base: Any
    features: Any
    pooled: Any
    head: Any

    @property
    def dense(self) -> list[Any]:
        """The further dense layers of the head, in order."""
        return [layer for layer in self.head.layers if layer.name.startswith(DENSE.format(""))]

    def classifier(self) -> Any:
        """Return the whole as one Keras model, from pictures (n, side, side, 3) in [-1, 1] to (n, 1)."""
        import keras

        return keras.Model(self.pooled.input, self.head(self.pooled.output))

    def two_outputs(self, *, dense: bool = True) -> Any:
        """Return the Keras model that is exported: {"embedding": (n, e), "feature_map": (n, h, w, c)}.

        The embedding is the output of the last further dense layer, or the pooled output without such layers and where
        `dense` is False.
        """
        import keras

        feature_map = self.features.output
        embedding = keras.layers.GlobalAveragePooling2D(name="pool")(feature_map)
        for layer in self.dense if dense else ():
            embedding = layer(embedding)
        return keras.Model(self.features.input, {EMBEDDING_OUTPUT: embedding, FEATURE_MAP_OUTPUT: feature_map})

    def weights(self) -> Weights:
        """Return the arrays of the backbone and of the further dense layers by "layer/variable"."""
        found = get_weights(self.base)
        for layer in self.dense:
            for variable in layer.weights:
                found[f"{layer.name}/{variable.name}"] = np.asarray(variable.value.numpy(), dtype=np.float32)
        return found

    def set_dense(self, weights: Mapping[str, npt.NDArray[np.float32]], *, origin: str) -> None:
        """Fill the further dense layers from `weights`.

        Raises:
            WeightsError: an array is missing, has another shape, or is not finite.
        """
        for layer in self.dense:
            for variable in layer.weights:
                name = f"{layer.name}/{variable.name}"
                array = weights.get(name)
                if array is None or array.shape != tuple(variable.shape) or not np.isfinite(array).all():
                    raise WeightsError(f"{origin} does not hold a usable {name}.")
                variable.assign(array)

    def freeze(self) -> None:
        """Let nothing of the backbone learn."""
        self.base.trainable = False

    def count_trainable(self, last: int) -> int:
        """Return how many of the backbone's last layers can learn at all; it is frozen afterwards."""
        count = self.unfreeze(last) if last else 0
        self.freeze()
        return count

    def unfreeze(self, last: int) -> int:
        """Let the last layers of the backbone learn, but no batch normalisation; return how many layers then do."""
        self.base.trainable = True
        first = max(0, len(self.base.layers) - last)
        for place, layer in enumerate(self.base.layers):
            layer.trainable = place >= first and type(layer).__name__ != _BATCH_NORM
        return sum(bool(layer.trainable_weights) for layer in self.base.layers)


def assemble(base: Any, backbone: str, side: int, *, dense: Sequence[int] = (), dropout: float = 0.0) -> Network:
    """Return the network on a backbone from `build_backbone`, frozen; Keras's random seed decides the rest."""
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
    output = keras.layers.Dense(1, activation="sigmoid", name="probability")(output)
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
    """Return the network of a bundle, built in code and, if `filled`, filled with the arrays in it.

    Raises:
        BundleError, WeightsError: the bundle does not hold what that needs.
    """
    # Bundles from before there were other backbones say nothing: they have this one.
    facts = bundle.network or {"backbone": "mobilenet_v2", "dense": []}
    backbone, dense, pooling = facts.get("backbone"), facts.get("dense", []), facts.get("pooling", "mean")
    try:
        # A stranger's bundle may say anything here; the recipe knows what is possible.
        if (
            not isinstance(backbone, str)
            or pooling not in ("mean", FOCUS)
            or not all(type(units) is int for units in dense)
        ):
            raise RecipeError("")
        Recipe(backbone=backbone, weights="", dense=tuple(dense))
    except (RecipeError, TypeError) as error:
        raise BundleError(
            f"The model “{bundle.path.name}” has a network that this AlpacaSorter can't build. Update AlpacaSorter."
        ) from error
    base = build_backbone(backbone, bundle.input_size)
    if pooling == FOCUS:
        base = with_focus(base)
    network = assemble(base, backbone, bundle.input_size, dense=dense)
    if not filled:
        return network
    weights = read_weights(bundle.keras_weights_path())
    set_weights(base, weights, origin=f"The model “{bundle.path.name}”", title=title(backbone))
    network.set_dense(weights, origin=f"The model “{bundle.path.name}”")
    return network


FOCUS: Final = "focus"
"""What a bundle calls this way of pooling."""
LAYER: Final = "focus"
"""Name of the convolution; its kernel is (1, 1, c, 1)."""

_SHARE: Final = 0.5


def focused(feature_map: Any) -> Any:
    """Return the Keras tensor (n, h, w, c) whose mean over h and w is the focused embedding."""
    import keras

    height, width, _ = feature_map.shape[1:]
    places = height * width
    # Zeros: it begins as the plain mean.
    scores = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="zeros", name=LAYER)(feature_map)
    shares = keras.layers.Softmax(name=f"{LAYER}_shares")(keras.layers.Reshape((places,))(scores))
    weights = keras.layers.Rescaling(_SHARE * places, offset=1.0 - _SHARE, name=f"{LAYER}_weights")(shares)
    return keras.layers.Multiply(name=f"{LAYER}_map")([feature_map, keras.layers.Reshape((height, width, 1))(weights)])


def with_focus(network: Any) -> Any:
    """Return a Keras backbone, pictures to feature map, with the focus on top; layers are shared."""
    import keras

    return keras.Model(network.input, focused(network.output), name=network.name)
