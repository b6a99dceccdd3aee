"""The frozen backbone as a function: on the processor by LiteRT, as in the app, on a graphics card by TensorFlow.

It computes the same either way. On the processor LiteRT takes half the time or less, and nearly all the time of a
training with augmentation goes into the frozen backbone.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.runtime.backbone import CpuBackbone, scale_pixels
from alpacasorter.training.checks import require_same_backbone
from alpacasorter.training.convert import convert_model, model_difference
from alpacasorter.training.keras_here import PROCESSOR
from alpacasorter.training.network import Network

Pictures = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]


class FrozenBackbone:
    """From pictures to the backbone's pooled outputs.

    To be used in a `with` statement, which ends its threads.
    """

    def __init__(self, network: Network, device: str) -> None:
        """Convert or compile the backbone as it is now.

        Args:
            network: what it belongs to.
            device: what computes, from `keras_here.start`.

        Raises:
            CheckFailed: LiteRT computes something else than Keras.
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
        """Return the pooled outputs float32 (n, c) of pictures uint8 (n, side, side, 3)."""
        if self._pool is None:
            found: Vectors = self._compiled(pictures)
            return found
        return np.stack(list(self._pool.map(self._backbone.embed, pictures)))


def compiled(model: Any) -> Any:
    """Return a Keras model in inference mode as a function from pictures uint8 (n, side, side, 3) to float32."""
    import tensorflow as tf

    run = tf.function(
        lambda pixels: model(pixels, training=False),
        input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)],
        autograph=False,
    )
    return lambda pictures: np.asarray(run(scale_pixels(pictures)), dtype=np.float32)
