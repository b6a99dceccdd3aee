"""Pooling with a focus: the embedding listens more to some places of a photo than to others.

The mean over the whole photo drowns an animal that fills a hundredth of it. Here a second voice is mixed in, in equal
parts: a mean weighted by how much each place looks like something that matters, which one 1 × 1 convolution decides and
training finds. The weighted feature map is what the network gives out as its last feature map, so that the embedding is
still the mean of it, and the map of what spoke for the answer is still exact.

Made of Keras's own layers only: a file of the network needs no code of ours to be read.
"""

from __future__ import annotations

from typing import Any, Final

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
