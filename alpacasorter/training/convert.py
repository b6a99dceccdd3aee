"""From the Keras backbone to the LiteRT file the app runs: one photo in, embedding and last feature map out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.backbone import EMBEDDING_OUTPUT, FEATURE_MAP_OUTPUT, SIGNATURE, CpuBackbone
from alpacasorter.ml.preprocess import scale_pixels
from alpacasorter.training.mobilenet import FEATURES


def two_outputs(network: Any) -> Any:
    """Return a Keras model of `network` with the outputs {"embedding": (n, c), "feature_map": (n, h, w, c)}."""
    import keras

    feature_map = network.get_layer(FEATURES).output
    embedding = keras.layers.GlobalAveragePooling2D(name="pool")(feature_map)
    return keras.Model(network.input, {EMBEDDING_OUTPUT: embedding, FEATURE_MAP_OUTPUT: feature_map})


def convert(network: Any) -> bytes:
    """Return the LiteRT flatbuffer of `network`, float32, batch 1.

    Its signature "serving_default" takes `pixels` (1, side, side, 3) in [-1, 1] and gives `embedding` and
    `feature_map`.
    """
    import keras
    import tensorflow as tf

    side = int(network.input_shape[1])
    model = two_outputs(network)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        SIGNATURE,
        # training=False keeps the batch normalisation on its stored statistics.
        lambda pixels: model(pixels, training=False),
        input_signature=[tf.TensorSpec((1, side, side, 3), tf.float32, name="pixels")],
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        return bytes(converter.convert())


def largest_difference(network: Any, flatbuffer: bytes, inputs: Sequence[npt.NDArray[np.uint8]]) -> float:
    """Return how far LiteRT's embeddings of model inputs, uint8 (side, side, 3), are from Keras's at most."""
    model = two_outputs(network)
    backbone = CpuBackbone(flatbuffer)
    largest = 0.0
    for pixels in inputs:
        expected = np.asarray(model(scale_pixels(pixels)[np.newaxis], training=False)[EMBEDDING_OUTPUT])[0]
        largest = max(largest, float(np.abs(expected - backbone.embed(pixels)).max()))
    return largest
