"""Converts a Keras backbone to the LiteRT file that the app runs, and runs the frozen backbone in training.

The LiteRT file takes one photo and returns its embedding and last feature map. In training, the frozen backbone runs
on LiteRT on a processor, as in the app, and on TensorFlow on a graphics card. The result is the same; on a processor
LiteRT needs half the time or less, and with augmentation nearly all the time of a run goes into the frozen backbone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from alpacasorter.i18n import _
from alpacasorter.ml.runtime.backbone import EMBEDDING_OUTPUT, FEATURE_MAP_OUTPUT, SIGNATURE, CpuBackbone, scale_pixels
from alpacasorter.training.events import PROCESSOR
from alpacasorter.training.network.classifier import Network

BACKBONE_TOLERANCE = 1e-4


class CheckFailed(Exception):
    """A bundle failed a check. The message is a sentence for the user."""


def require_same_backbone(difference: float) -> None:
    """Check that LiteRT computes the same embeddings as Keras.

    Args:
        difference: largest difference of an embedding value.

    Raises:
        CheckFailed: it is more than BACKBONE_TOLERANCE.
    """
    if not difference <= BACKBONE_TOLERANCE:
        raise CheckFailed(
            _(
                "The converted backbone differs from the original by {difference}, more than {tolerance}. "
                "The versions of TensorFlow and LiteRT are incompatible."
            ).format(difference=f"{difference:.1e}", tolerance=f"{BACKBONE_TOLERANCE:.0e}")
        )


def two_outputs(network: Any) -> Any:
    """Return a Keras model with the outputs {"embedding": (n, c), "feature_map": (n, h, w, c)}.

    Args:
        network: from pictures (n, side, side, 3) to the last feature map, whose mean is the embedding.
    """
    import keras

    embedding = keras.layers.GlobalAveragePooling2D(name="pool")(network.output)
    return keras.Model(network.input, {EMBEDDING_OUTPUT: embedding, FEATURE_MAP_OUTPUT: network.output})


def convert(network: Any) -> bytes:
    """Return the LiteRT flatbuffer of a backbone with both outputs, as `convert_model` does."""
    return convert_model(two_outputs(network))


def convert_model(model: Any) -> bytes:
    """Return the LiteRT flatbuffer of a Keras model, float32, for a batch of 1.

    Its signature "serving_default" takes `pixels` (1, side, side, 3) and has the outputs of the model.

    Args:
        model: its input is pictures (n, side, side, 3), and its outputs have names.
    """
    import tensorflow as tf

    side = int(model.input_shape[1])
    # The same file as from Keras's ExportArchive, which takes much longer: it traces the model several times.
    module = tf.Module()
    module.kept = [variable.value for variable in model.variables]
    module.endpoint = tf.function(
        # training=False: batch normalization uses its stored statistics.
        lambda pixels: model(pixels, training=False),
        input_signature=[tf.TensorSpec((1, side, side, 3), tf.float32, name="pixels")],
        autograph=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: module.endpoint})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        return bytes(converter.convert())


def largest_difference(network: Any, flatbuffer: bytes, inputs: Sequence[npt.NDArray[np.uint8]]) -> float:
    """Return the largest difference between the embeddings of LiteRT and of a Keras backbone.

    Args:
        network: from pictures (n, side, side, 3) to the last feature map.
        flatbuffer: what it was converted to.
        inputs: pictures to compare on, uint8 (side, side, 3).
    """
    return model_difference(two_outputs(network), flatbuffer, inputs)


def model_difference(
    model: Any, flatbuffer: bytes, inputs: Sequence[npt.NDArray[np.uint8]], *, relative: bool = False
) -> float:
    """Return the largest difference between the embeddings of LiteRT and of a Keras model.

    Args:
        model: returns {"embedding": (n, e), ...}.
        flatbuffer: what it was converted to.
        inputs: pictures to compare on, uint8 (side, side, 3).
        relative: divide by the largest value among the embeddings if that is above 1: networks other than MobileNetV2
            can have values of any size.
    """
    backbone = CpuBackbone(flatbuffer)
    largest, scale = 0.0, 1.0
    for pixels in inputs:
        expected = np.asarray(model(scale_pixels(pixels)[np.newaxis], training=False)[EMBEDDING_OUTPUT])[0]
        largest = max(largest, float(np.abs(expected - backbone.embed(pixels)).max()))
        scale = max(scale, float(np.abs(expected).max()))
    return largest / scale if relative else largest


Pictures = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]


class FrozenBackbone:
    """A function from pictures to the backbone's pooled outputs.

    Use it in a `with` statement, which ends its threads.
    """

    def __init__(self, network: Network, device: str) -> None:
        """Convert or compile the backbone with its current weights.

        Args:
            network: the network of the backbone.
            device: from `requirements.start`.

        Raises:
            CheckFailed: LiteRT computes something different from Keras.
        """
        self.flatbuffer: bytes | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._compiled: Any = None
        if device == PROCESSOR:
            model = network.two_outputs(dense=False)
            self.flatbuffer = convert_model(model)
            noise = np.random.default_rng(1).integers(0, 256, (2, network.side, network.side, 3), dtype=np.uint8)
            require_same_backbone(model_difference(model, self.flatbuffer, list(noise), relative=True))
            self._backbone = CpuBackbone(self.flatbuffer)
            self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="backbone")
        else:
            self._compiled = compiled(network.pooled)

    def __enter__(self) -> Self:
        """Return the function."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(self, pictures: Pictures) -> Vectors:
        """Return the pooled outputs, float32 (n, c), of pictures uint8 (n, side, side, 3)."""
        if self._pool is None:
            found: Vectors = self._compiled(pictures)
            return found
        return np.stack(list(self._pool.map(self._backbone.embed, pictures)))


def compiled(model: Any) -> Any:
    """Return a Keras model in inference mode as a function from pictures uint8 (n, side, side, 3) to float32 arrays."""
    import tensorflow as tf

    run = tf.function(
        lambda pixels: model(pixels, training=False),
        input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)],
        autograph=False,
    )
    return lambda pictures: np.asarray(run(scale_pixels(pictures)), dtype=np.float32)
