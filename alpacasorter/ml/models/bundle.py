"""Reading a model folder ("bundle"): all of it is checked before any of it is used, and nothing in it is executed.

`alpacasorter.training.finish` writes it, and refuses to put in place what does not load here.

What reading a model folder is made of: typed metadata, verified files, arrays without pickle.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.models.head import Calibration, Head
from alpacasorter.ml.runtime import backbone

FORMAT: Final = 1
METADATA: Final = "model.json"
BACKBONE: Final = "backbone.tflite"
HEAD: Final = "head.npz"
REPLAY: Final = "replay.npz"
KERAS_WEIGHTS: Final = "keras_weights.npz"
CARD: Final = "MODEL_CARD.md"

REQUIRED: Final = (BACKBONE, HEAD, REPLAY)
KNOWN: Final = (*REQUIRED, KERAS_WEIGHTS, CARD)
METADATA_LIMIT: Final = 1 << 20
_FILE_LIMIT: Final = 1 << 30
_CHUNK: Final = 1 << 20
_ANOTHER: Final = "Choose the folder of a model."
_FOLDER_UNSAFE: Final = frozenset('/\\<>:"|?*')


class BundleError(Exception):
    """The model folder can't be used. The message says what, why and what to do, for the user.

    Attributes:
        why: the reason alone, which goes on after a colon.
    """

    def __init__(self, message: str, why: str = "") -> None:
        """Say `message`; `why` is its reason, the message itself where none is given."""
        super().__init__(message)
        self.why = why or message


def refusal(path: Path, why: str, remedy: str = "Choose another model, or install AlpacaSorter again.") -> BundleError:
    """Return the error for the folder `path`; `why` goes on after a colon."""
    return BundleError(f"The model “{path.name}” can't be used: {why}. {remedy}", why)


def read_metadata(path: Path) -> bytes:
    """Return the bytes of model.json.

    Raises:
        BundleError: there is none, or it is absurdly large.
    """
    file = path / METADATA
    if not file.is_file():
        raise refusal(path, f"it has no {METADATA}, so it is no model folder", _ANOTHER)
    if file.stat().st_size > METADATA_LIMIT:
        raise refusal(path, f"its {METADATA} is absurdly large")
    return file.read_bytes()


class Fields:
    """Typed access to the metadata; a missing or odd value is a refusal that names it."""

    def __init__(self, path: Path, data: object) -> None:
        self._path = path
        if not isinstance(data, dict):
            raise refusal(path, f"its {METADATA} is not a table of names and values")
        self._data = data

    def get(self, name: str, kind: type[Any]) -> Any:
        value = self._data.get(name)
        # bool is an int in Python; a format of `true` is not one.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._odd(name)
        return value

    def text(self, name: str) -> str:
        value = self.get(name, str)
        if not 0 < len(value) <= 200 or not value.isprintable():
            raise self._odd(name)
        return str(value)

    def whole(self, name: str, least: int, most: int) -> int:
        value = int(self.get(name, int))
        if not least <= value <= most:
            raise self._odd(name)
        return value

    def number(self, *names: str, above: float = -math.inf, below: float = math.inf) -> float:
        value: object = self._data
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not above < value < below:
            raise self._odd(".".join(names))
        return float(value)

    def table(self, name: str) -> dict[str, Any]:
        """An optional table of names and values; empty where there is none."""
        return dict(self.get(name, dict)) if name in self._data else {}

    def class_names(self) -> tuple[str, str]:
        names = self.get("class_names", list)
        if len(names) != 2 or not all(isinstance(name, str) and _is_folder_name(name) for name in names):
            raise self._odd("class_names")
        # They become folder names when photos are sorted, also where case does not count.
        if names[0].casefold() == names[1].casefold():
            raise self._odd("class_names")
        return names[0], names[1]

    def display_names(self, names: tuple[str, str]) -> dict[str, str]:
        shown = self.get("display_names", dict)
        for name in names:
            text = shown.get(name)
            if not isinstance(text, str) or not 0 < len(text) <= 100 or not text.isprintable():
                raise self._odd("display_names")
        return {name: shown[name] for name in names}

    def files(self) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        for name, facts in self.get("files", dict).items():
            if name not in KNOWN:
                raise refusal(self._path, f"it lists a file that no model has ({name[:80]!r})")
            digest = facts.get("sha256") if isinstance(facts, dict) else None
            length = facts.get("bytes") if isinstance(facts, dict) else None
            if not isinstance(digest, str) or not isinstance(length, int) or not 0 < length <= _FILE_LIMIT:
                raise self._odd(f"files.{name}")
            found[name] = (digest, length)
        for name in REQUIRED:
            if name not in found:
                raise refusal(self._path, f"it does not list {name}")
        return found

    def _odd(self, name: str) -> BundleError:
        return refusal(self._path, f"“{name}” in its {METADATA} is missing or makes no sense")


def _is_folder_name(name: str) -> bool:
    return (
        0 < len(name) <= 64
        and name.isprintable()
        and not _FOLDER_UNSAFE.intersection(name)
        and name == name.strip(". ")
    )


def verify(path: Path, name: str, digest: str, length: int) -> None:
    """Raise BundleError unless the file has this SHA-256 and length in bytes."""
    file = path / name
    if not file.is_file():
        raise refusal(path, f"{name} is missing")
    if file.stat().st_size != length:
        raise refusal(path, f"{name} is not complete, or was changed")
    hasher = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    if hasher.hexdigest() != digest:
        raise refusal(path, f"{name} was changed after the model was made")


def read_arrays(path: Path, name: str, wanted: Mapping[str, tuple[str, int]]) -> dict[str, npt.NDArray[Any]]:
    """Read an .npz; `wanted` tells each array's dtype and number of dimensions."""
    with zipfile.ZipFile(path / name) as archive:
        if sum(member.file_size for member in archive.infolist()) > _FILE_LIMIT:
            raise refusal(path, f"{name} would unpack to an absurd size")
    arrays: dict[str, npt.NDArray[Any]] = {}
    with np.load(path / name, allow_pickle=False) as loaded:
        for key, (dtype, dimensions) in wanted.items():
            if key not in loaded.files:
                raise refusal(path, f"{name} lacks “{key}”")
            array = loaded[key]
            if array.dtype != np.dtype(dtype) or array.ndim != dimensions:
                raise refusal(path, f"“{key}” in {name} has the wrong form")
            if not np.isfinite(array).all():
                raise refusal(path, f"“{key}” in {name} holds numbers that are not finite")
            arrays[key] = array
    return arrays


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
    if fields.text("preprocessing") != backbone.NAME:
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
