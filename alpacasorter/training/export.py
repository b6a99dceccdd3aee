"""A bundle as one file for other programs: the whole classifier, from the pixels to the calibrated probability.

It takes pictures as RGB in 0..255, float32 (n, side, side, 3), because that is what any decoder gives: the scaling of
the app and whatever else the backbone needs is inside. It gives float32 (n, 1).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.safe_write import replacing
from alpacasorter.ml.models.bundle import Bundle, load_bundle
from alpacasorter.ml.runtime.backbone import SIGNATURE, CpuBackbone
from alpacasorter.training.measuring import CheckFailed
from alpacasorter.training.network.classifier import rebuild
from alpacasorter.training.network.convert import convert_model

TOLERANCE: Final = 1e-4
"""Largest difference of a probability from the app's that is allowed."""

_PICTURES: Final = 4


def export_keras(bundle_path: Path, out: Path) -> None:
    """Write a bundle as a .keras file, which `keras.models.load_model` reads in its safe mode.

    Raises:
        BundleError, WeightsError: the bundle can't be used, or lacks what this needs.
        CheckFailed: the file would say something else than the app.
        OSError: it can't be written. A file that is there stays.
    """
    bundle = load_bundle(bundle_path)
    model = _classifier(bundle)
    with _written_aside(out, ".keras") as aside:
        model.save(aside)
        # Into a network built in code, as with any file: what a file says of its layers is never executed.
        copy = _classifier(bundle, filled=False)
        copy.load_weights(aside)
        _require_same(bundle, lambda pictures: np.asarray(copy.predict_on_batch(pictures)))


def export_tflite(bundle_path: Path, out: Path) -> None:
    """Write a bundle as a .tflite file, float32, one picture at a time.

    Its signature "serving_default" takes `pixels` (1, side, side, 3) and gives `probability` (1, 1).

    Raises:
        BundleError, WeightsError: the bundle can't be used, or lacks what this needs.
        CheckFailed: the file would say something else than the app.
        OSError: it can't be written. A file that is there stays.
    """
    import keras

    bundle = load_bundle(bundle_path)
    model = _classifier(bundle)
    flatbuffer = convert_model(keras.Model(model.input, {"probability": model.output}))
    with _written_aside(out, ".tflite") as aside:
        aside.write_bytes(flatbuffer)
        written = aside.read_bytes()
        _require_same(bundle, lambda pictures: _run_tflite(written, pictures))


def _classifier(bundle: Bundle, *, filled: bool = True) -> Any:
    """Return the Keras model from pictures in 0..255 to the calibrated probability.

    The last layer is the app's head with its calibration worked in; not `filled`, it and all others are random.
    """
    import keras

    network = rebuild(bundle, filled=filled)
    embedding = network.two_outputs()
    pixels = keras.Input((bundle.input_size, bundle.input_size, 3), name="pixels")
    scaled = keras.layers.Rescaling(1.0 / 127.5, offset=-1.0, name="scaled")(pixels)
    unit = keras.layers.Dense(1, activation="sigmoid", name="probability")
    model = keras.Model(pixels, unit(embedding(scaled)["embedding"]), name="alpacasorter")
    if filled:
        scale, offset = bundle.calibration.scale, bundle.calibration.offset
        weights = (scale * bundle.head.weights).astype(np.float32)[:, np.newaxis]
        unit.set_weights([weights, np.array([scale * bundle.head.bias + offset], dtype=np.float32)])
    return model


def _require_same(bundle: Bundle, judge: Any) -> None:
    pictures = np.random.default_rng(1).integers(
        0, 256, (_PICTURES, bundle.input_size, bundle.input_size, 3), dtype=np.uint8
    )
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    expected = bundle.head.probability(np.stack([backbone.embed(picture) for picture in pictures]))
    difference = float(np.abs(judge(pictures.astype(np.float32)).reshape(-1) - expected).max())
    if not difference <= TOLERANCE:
        raise CheckFailed(
            f"The exported model differs from the app's by {difference:.1e} in its probabilities, so it was not kept. "
            "The versions of TensorFlow and LiteRT do not fit together, or the model folder is inconsistent."
        )


def _run_tflite(flatbuffer: bytes, pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=flatbuffer).get_signature_runner(SIGNATURE)
    return np.concatenate([runner(pixels=picture[np.newaxis])["probability"] for picture in pictures])


@contextlib.contextmanager
def _written_aside(out: Path, suffix: str) -> Iterator[Path]:
    """Give a place beside `out`, and put what was written there in its place once the block has checked it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out, suffix=suffix) as temporary:
        yield temporary
