"""From the Keras backbone to the LiteRT file the app runs: one photo in, embedding and last feature map out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.runtime.backbone import EMBEDDING_OUTPUT, FEATURE_MAP_OUTPUT, SIGNATURE, CpuBackbone, scale_pixels


def two_outputs(network: Any) -> Any:
    """Return a Keras model with the outputs {"embedding": (n, c), "feature_map": (n, h, w, c)}.

    Args:
        network: from pictures (n, side, side, 3) to the last feature map, whose mean is the embedding.
    """
    import keras

    embedding = keras.layers.GlobalAveragePooling2D(name="pool")(network.output)
    return keras.Model(network.input, {EMBEDDING_OUTPUT: embedding, FEATURE_MAP_OUTPUT: network.output})


def convert(network: Any) -> bytes:
    """Return the LiteRT flatbuffer of a backbone with both outputs, float32, batch 1, as `convert_model` does."""
    return convert_model(two_outputs(network))


def convert_model(model: Any) -> bytes:
    """Return the LiteRT flatbuffer of a Keras model of pictures (n, side, side, 3), float32, batch 1.

    Its signature "serving_default" takes `pixels` (1, side, side, 3), and gives what the model gives, under the same
    names.
    """
    import keras
    import tensorflow as tf

    side = int(model.input_shape[1])
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
    """Return how far LiteRT's embeddings of model inputs, uint8 (side, side, 3), are from the backbone's at most."""
    return model_difference(two_outputs(network), flatbuffer, inputs)


def model_difference(
    model: Any, flatbuffer: bytes, inputs: Sequence[npt.NDArray[np.uint8]], *, relative: bool = False
) -> float:
    """Return how far LiteRT's embeddings of model inputs, uint8 (side, side, 3), are from the Keras model's at most.

    Args:
        model: gives {"embedding": (n, e), ...}.
        flatbuffer: what it was converted to.
        inputs: to compare on.
        relative: divide by the largest number among the embeddings, where that is above 1: other networks than
            MobileNetV2 have numbers of any size.
    """
    backbone = CpuBackbone(flatbuffer)
    largest, scale = 0.0, 1.0
    for pixels in inputs:
        expected = np.asarray(model(scale_pixels(pixels)[np.newaxis], training=False)[EMBEDDING_OUTPUT])[0]
        largest = max(largest, float(np.abs(expected - backbone.embed(pixels)).max()))
        scale = max(scale, float(np.abs(expected).max()))
    return largest / scale if relative else largest
