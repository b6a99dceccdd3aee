"""A bundle as one file for other programs: the whole classifier, from pixels to calibrated probability.

Its input is pictures as RGB in 0..255, float32 (n, side, side, 3), as any decoder returns them: the scaling of the app
and everything else the backbone needs is inside. Its output is float32 (n, 1).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter import paths
from alpacasorter.core.safe_write import replacing
from alpacasorter.i18n import _
from alpacasorter.ml.models.bundle import Bundle, load_bundle
from alpacasorter.ml.models.store import ModelStore
from alpacasorter.ml.runtime.backbone import SIGNATURE, CpuBackbone
from alpacasorter.training.network.classifier import rebuild
from alpacasorter.training.network.convert import CheckFailed, convert_model

TOLERANCE: Final = 1e-4
"""Largest allowed difference of a probability from the app's."""

_PICTURES: Final = 4


def export_keras(bundle_path: Path, out: Path, *, variant: str | None = None) -> Bundle:
    """Write a bundle as a .keras file, which `keras.models.load_model` reads in its safe mode; return it.

    Args:
        bundle_path: the bundle.
        out: the file.
        variant: name of the variant to write; None for the one that the user has chosen.

    Raises:
        BundleError, WeightsError: the bundle can't be used, or lacks what is needed.
        CheckFailed: the file computes something different from the app.
        OSError: it can't be written. An existing file is kept.
    """
    bundle = _load(bundle_path, variant)
    model = _classifier(bundle)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out, suffix=".keras") as temporary:
        model.save(temporary)
        # Into a network built in code, as with any file: what a file says about its layers is never executed.
        copy = _classifier(bundle, filled=False)
        copy.load_weights(temporary)
        _require_same(bundle, lambda pictures: np.asarray(copy.predict_on_batch(pictures)))
    return bundle


def export_tflite(bundle_path: Path, out: Path, *, variant: str | None = None) -> Bundle:
    """Write a bundle as a .tflite file, float32, one picture at a time; return it.

    Its signature "serving_default" maps `pixels` (1, side, side, 3) to `probability` (1, 1).

    Args:
        bundle_path: the bundle.
        out: the file.
        variant: name of the variant to write; None for the one that the user has chosen.

    Raises:
        BundleError, WeightsError: the bundle can't be used, or lacks what is needed.
        CheckFailed: the file computes something different from the app.
        OSError: it can't be written. An existing file is kept.
    """
    import keras

    bundle = _load(bundle_path, variant)
    model = _classifier(bundle)
    flatbuffer = convert_model(keras.Model(model.input, {"probability": model.output}))
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as temporary:
        temporary.write_bytes(flatbuffer)
        written = temporary.read_bytes()
        _require_same(bundle, lambda pictures: _run_tflite(written, pictures))
    return bundle


def _load(path: Path, variant: str | None) -> Bundle:
    bundle = load_bundle(path)
    name = variant if variant is not None else ModelStore(paths.user_data_dir()).chosen_variant(bundle)
    return bundle if name is None else bundle.with_variant(name)


def _classifier(bundle: Bundle, *, filled: bool = True) -> Any:
    """Return the Keras model from pictures in 0..255 to the calibrated probability.

    Args:
        bundle: its last layer is the bundle's head, including the calibration.
        filled: whether to use the bundle's weights; if not, they are random.
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
            _(
                "The probabilities of the exported model differ from the app's by {difference}, so it was not kept. "
                "The versions of TensorFlow and LiteRT are incompatible, or the model folder is inconsistent."
            ).format(difference=f"{difference:.1e}")
        )


def _run_tflite(flatbuffer: bytes, pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=flatbuffer).get_signature_runner(SIGNATURE)
    return np.concatenate([runner(pixels=picture[np.newaxis])["probability"] for picture in pictures])
