"""Reading a model folder ("bundle"): all of it is checked before any of it is used, and nothing in it is executed.

`alpacasorter.training.package` writes it, and refuses to put in place what does not load here.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.ml import preprocess
from alpacasorter.ml.bundle_files import (
    BACKBONE,
    CARD,
    FORMAT,
    HEAD,
    KERAS_WEIGHTS,
    REPLAY,
    REQUIRED,
    BundleError,
    Fields,
    read_arrays,
    read_metadata,
    refusal,
    verify,
)
from alpacasorter.ml.head import Calibration, Head

_NO_FOLDER = "Choose another one, such as those that “alpacasorter models” lists."

__all__ = ["Bundle", "BundleError", "LearningSettings", "Replay", "load_bundle"]


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How corrections count beside the replay set; chosen by measurement (benchmarks/personal.py).

    Attributes:
        l2: regularisation, the same that the shipped head was fitted with.
        correction_weight: one correction counts as much as this many photos of the replay set.
        yield_similarity: cosine of two embeddings from which a photo of the replay set that is called otherwise
            yields to a correction; depends on the backbone.
    """

    l2: float
    correction_weight: float
    yield_similarity: float


@dataclass(frozen=True, eq=False)
class Replay:
    """The training photos, as far as learning needs them.

    Attributes:
        embeddings: float16 (n, embedding size).
        labels: uint8 (n,), 1 for the positive class.
        weights: float32 (n,), none negative.
    """

    embeddings: npt.NDArray[np.float16]
    labels: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified model folder.

    Attributes:
        path: the folder.
        bundle_id: 16 hexadecimal digits; another for any other content.
        name, version: for people.
        class_names: names of target values 0 and 1; the second is the positive class.
        display_names: what to show for each class name.
        input_size: pixels a side of the backbone's input.
        embedding_size: numbers an embedding.
        backbone_id: 16 hexadecimal digits; cached embeddings belong to it.
        threshold: probability from which a photo counts as positive.
        head: the shipped head, with its calibration.
        learning, replay: what learning from corrections needs.
        quality: the measured figures, as in the model card.
        created: day it was built, YYYY-MM-DD.
        network: how training rebuilds the network in code (backbone, input size, further dense layers); empty in
            bundles from before there was a choice. The app itself never needs it.
    """

    path: Path
    bundle_id: str
    name: str
    version: str
    class_names: tuple[str, str]
    display_names: Mapping[str, str]
    input_size: int
    embedding_size: int
    backbone_id: str
    threshold: float
    head: Head
    learning: LearningSettings
    replay: Replay
    quality: Mapping[str, Any]
    created: str
    files: Mapping[str, tuple[str, int]]
    network: Mapping[str, Any]

    @property
    def negative_label(self) -> str:
        """Class name of target value 0."""
        return self.class_names[0]

    @property
    def positive_label(self) -> str:
        """Class name of target value 1, the class whose probability the head gives."""
        return self.class_names[1]

    @property
    def label_set(self) -> str:
        """The sorted class names joined by "|": corrections made under another set do not apply."""
        return "|".join(sorted(self.class_names))

    @property
    def calibration(self) -> Calibration:
        """The calibration of the shipped head, which learned heads keep."""
        return self.head.calibration

    @property
    def backbone_path(self) -> Path:
        """The LiteRT file, verified when the bundle was loaded."""
        return self.path / BACKBONE

    @property
    def card_path(self) -> Path:
        """The model card in Markdown; it may be missing."""
        return self.path / CARD

    def keras_weights_path(self) -> Path:
        """Return the file for deeper retraining, verified now: it is large, and the app alone never needs it.

        Raises:
            BundleError: it is missing or was changed.
        """
        if KERAS_WEIGHTS not in self.files:
            raise refusal(self.path, f"it has no {KERAS_WEIGHTS}, which retraining the backbone needs")
        verify(self.path, KERAS_WEIGHTS, *self.files[KERAS_WEIGHTS])
        return self.path / KERAS_WEIGHTS


def load_bundle(path: Path) -> Bundle:
    """Read and verify the model folder at `path`. Takes about 20 ms for the shipped one.

    Raises:
        BundleError: anything at all is wrong with it.
    """
    try:
        return _load(path)
    except BundleError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        MemoryError,
        RecursionError,
        zipfile.BadZipFile,
    ) as error:
        raise refusal(path, f"it can't be read ({error or type(error).__name__})") from error


def _load(path: Path) -> Bundle:
    if path.is_file():
        raise refusal(path, "it is a file, and not the folder of a model", "Add it by “alpacasorter models add” first.")
    if not path.is_dir():
        raise refusal(path, "there is no such folder", _NO_FOLDER)
    raw = read_metadata(path)
    fields = Fields(path, json.loads(raw))
    version = fields.get("format", int)
    if version > FORMAT:
        raise refusal(path, "it was made by a newer AlpacaSorter", "Update AlpacaSorter, or choose another model.")
    if version != FORMAT:
        raise refusal(path, f"its format {version} is unknown")
    if fields.text("preprocessing") != preprocess.NAME:
        raise refusal(
            path, "it wants its photos prepared in a way this AlpacaSorter doesn't know", "Update AlpacaSorter."
        )
    files = fields.files()
    for name in REQUIRED:
        verify(path, name, *files[name])
    backbone_id = fields.text("backbone_id")
    if backbone_id != files[BACKBONE][0][:16]:
        raise refusal(path, "its backbone is not the one it names")
    size = fields.whole("embedding_size", 1, 1 << 16)
    calibration = Calibration(fields.number("calibration", "scale", above=0.0), fields.number("calibration", "offset"))
    return Bundle(
        path=path,
        bundle_id=hashlib.sha256(raw).hexdigest()[:16],
        name=fields.text("name"),
        version=fields.text("version"),
        class_names=(names := fields.class_names()),
        display_names=fields.display_names(names),
        input_size=fields.whole("input_size", 32, 1024),
        embedding_size=size,
        backbone_id=backbone_id,
        threshold=fields.number("threshold", above=0.0, below=1.0),
        head=_read_head(path, size, calibration),
        learning=LearningSettings(
            l2=fields.number("head", "l2", above=0.0),
            correction_weight=fields.number("learning", "correction_weight", above=0.0),
            yield_similarity=fields.number("learning", "yield_similarity", above=0.0, below=1.0),
        ),
        replay=_read_replay(path, size),
        quality=fields.get("quality", dict),
        created=fields.text("created"),
        files=files,
        network=fields.table("network"),
    )


def _read_head(path: Path, size: int, calibration: Calibration) -> Head:
    arrays = read_arrays(path, HEAD, {"weights": ("float64", 1), "bias": ("float64", 0)})
    if arrays["weights"].shape != (size,):
        raise refusal(path, f"its head does not fit embeddings of {size} numbers")
    return Head(arrays["weights"], float(arrays["bias"]), calibration)


def _read_replay(path: Path, size: int) -> Replay:
    arrays = read_arrays(
        path, REPLAY, {"embeddings": ("float16", 2), "labels": ("uint8", 1), "weights": ("float32", 1)}
    )
    embeddings, labels, weights = arrays["embeddings"], arrays["labels"], arrays["weights"]
    n = embeddings.shape[0]
    if embeddings.shape[1] != size or labels.shape != (n,) or weights.shape != (n,):
        raise refusal(path, "the photos in its replay set do not fit its head")
    if (labels > 1).any() or (weights < 0).any():
        raise refusal(path, "the labels or weights in its replay set make no sense")
    return Replay(embeddings, labels, weights)
