"""Reading a model folder ("bundle"): all of it is checked before any of it is used, and nothing in it is executed.

The metadata is typed, the files are verified by hash, and arrays are loaded without pickle. Bundles are written by
`alpacasorter.training.finish`, which only puts in place what loads here.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, number
from alpacasorter.ml.models.arrays import ArraysError, Shape, TooLarge, read_npz
from alpacasorter.ml.models.head import Calibration, Head, log_odds
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
_LIMITS: Final = {BACKBONE: 512 << 20, HEAD: 1 << 20, REPLAY: 512 << 20, KERAS_WEIGHTS: 1 << 30, CARD: 1 << 20}
"""Bytes of each file at most; the head has at most 65,536 weights, and 512 MB hold 200,000 photos to learn from."""
_MOST_WEIGHT: Final = 1e6
_MOST_L2: Final = 1e12
_LARGEST_EMBEDDING: Final = 65504.0
"""The largest number of an embedding, which is float16."""
_LARGEST_LOGIT: Final = float(np.finfo(np.float32).max)
_CHUNK: Final = 1 << 20
_FOLDER_UNSAFE: Final = frozenset('/\\<>:"|?*')


class BundleError(Exception):
    """The model can't be used. The message tells the user which model, why, and what to do.

    Attributes:
        why: only the reason, a sentence.
    """

    def __init__(self, message: str, why: str = "") -> None:
        """Create the error; the reason defaults to the whole message."""
        super().__init__(message)
        self.why = why or message


def refusal(path: Path, why: str, remedy: str = "") -> BundleError:
    """Return the error for the model at `path`.

    Args:
        path: its folder or file.
        why: the reason, a sentence.
        remedy: what to do, a sentence; empty for the usual advice.
    """
    remedy = remedy or _("Choose another model, or reinstall AlpacaSorter.")
    # Translators: {reason} and {remedy} are sentences, such as "head.npz is missing." and "Choose another model."
    message = _("The model “{name}” can't be used. {reason} {remedy}")
    return BundleError(message.format(name=display_path(path.name), reason=why, remedy=remedy), why)


def read_metadata(path: Path) -> bytes:
    """Return the bytes of model.json.

    Raises:
        BundleError: there is none, or it is much too large.
    """
    file = path / METADATA
    if not file.is_file():
        why = _("It has no {file}, so it is not a model folder.").format(file=METADATA)
        raise refusal(path, why, _("Choose a model folder."))
    if file.stat().st_size > METADATA_LIMIT:
        raise refusal(path, too_large(METADATA))
    return file.read_bytes()


def too_large(name: str) -> str:
    """Return why a model with this file is refused: the file is much too large."""
    return _("{file} is much too large.").format(file=name)


def missing(name: str) -> str:
    """Return why a model without this file is refused."""
    return _("{file} is missing.").format(file=name)


def incomplete(name: str) -> str:
    """Return why a model whose file has the wrong length is refused."""
    return _("{file} is incomplete or was changed.").format(file=name)


def changed(name: str) -> str:
    """Return why a model whose file has the wrong hash is refused."""
    return _("{file} was changed after the model was made.").format(file=name)


class Fields:
    """Typed access to the metadata; a missing or invalid value is refused with an error that names it."""

    def __init__(self, path: Path, data: object) -> None:
        self._path = path
        if not isinstance(data, dict):
            raise refusal(path, _("{file} is not a JSON object.").format(file=METADATA))
        self._data = data

    def get(self, name: str, kind: type[Any]) -> Any:
        value = self._data.get(name)
        # In Python a bool is an int, but `true` is no format number.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._invalid(name)
        return value

    def text(self, name: str) -> str:
        value = self.get(name, str)
        if not 0 < len(value) <= 200 or not value.isprintable():
            raise self._invalid(name)
        return str(value)

    def whole(self, name: str, least: int, most: int) -> int:
        value = int(self.get(name, int))
        if not least <= value <= most:
            raise self._invalid(name)
        return value

    def number(
        self, *names: str, above: float = -math.inf, below: float = math.inf, default: float | None = None
    ) -> float:
        value: object = self._data
        for name in names:
            value = value.get(name, default) if isinstance(value, dict) else None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not above < value < below:
            raise self._invalid(".".join(names))
        return float(value)

    def table(self, name: str) -> dict[str, Any]:
        """Return an optional JSON object; empty if it is missing."""
        return dict(self.get(name, dict)) if name in self._data else {}

    def class_names(self) -> tuple[str, str]:
        names = self.get("class_names", list)
        if len(names) != 2 or not all(isinstance(name, str) and _is_folder_name(name) for name in names):
            raise self._invalid("class_names")
        # They become folder names when photos are sorted, also on file systems that ignore case.
        if names[0].casefold() == names[1].casefold():
            raise self._invalid("class_names")
        return names[0], names[1]

    def display_names(self, names: tuple[str, str]) -> dict[str, str]:
        shown = self.get("display_names", dict)
        for name in names:
            text = shown.get(name)
            if not isinstance(text, str) or not 0 < len(text) <= 100 or not text.isprintable():
                raise self._invalid("display_names")
        return {name: shown[name] for name in names}

    def files(self) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        for name, entry in self.get("files", dict).items():
            if name not in KNOWN:
                raise refusal(self._path, unknown_file(name))
            digest = entry.get("sha256") if isinstance(entry, dict) else None
            length = entry.get("bytes") if isinstance(entry, dict) else None
            if not isinstance(digest, str) or not isinstance(length, int) or isinstance(length, bool):
                raise self._invalid(f"files.{name}")
            if length > _LIMITS[name]:
                raise refusal(self._path, too_large(name))
            if length < 1:
                raise self._invalid(f"files.{name}")
            found[name] = (digest, length)
        for name in REQUIRED:
            if name not in found:
                raise refusal(self._path, _("{metadata} does not list {file}.").format(metadata=METADATA, file=name))
        return found

    def _invalid(self, name: str) -> BundleError:
        why = _("“{field}” in {file} is missing or invalid.").format(field=name, file=METADATA)
        return refusal(self._path, why)


def unknown_file(name: str) -> str:
    """Return why a model that names a file no model has is refused; only the beginning of a long name is shown."""
    return _("It contains “{file}”, which is not part of a model.").format(file=display_path(name[:80]))


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
        raise refusal(path, missing(name))
    if file.stat().st_size != length:
        raise refusal(path, incomplete(name))
    hasher = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    if hasher.hexdigest() != digest:
        raise refusal(path, changed(name))


def read_arrays(path: Path, name: str, wanted: Mapping[str, tuple[str, Shape]]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz; `wanted` gives the dtype and the shape of each, None in it for any length.

    They take no more memory than the file has bytes: the app packs nothing, so what unpacks to more is an attack.

    Raises:
        BundleError: an array is missing or not as wanted.
    """
    file = path / name
    try:
        arrays = read_npz(file, wanted, limit=file.stat().st_size)
    except TooLarge as error:
        raise refusal(path, too_large(name)) from error
    except ArraysError as error:
        if error.is_missing:
            why = _("{file} lacks the array “{name}”.").format(file=name, name=error.array)
        elif error.array in wanted:
            why = _("The array “{name}” in {file} has the wrong type.").format(file=name, name=error.array)
        else:
            why = changed(name)
        raise refusal(path, why) from error
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise refusal(path, _invalid_numbers(name, key))
    return arrays


def _invalid_numbers(name: str, key: str) -> str:
    return _("The array “{name}” in {file} has invalid numbers.").format(file=name, name=key)


_REPLAY_WEIGHT: Final = 0.1
_STIFFNESS: Final = 0.15
_FLIP_CONFIDENCE: Final = 0.8


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How much corrections count compared with the replay set; chosen by measurement (benchmarks/personal.py).

    Attributes:
        l2: L2 regularization strength, the same that the shipped head was fitted with.
        correction_weight: of one correction, which the following ones are relative to.
        yield_similarity: cosine similarity of embeddings from which photos are much alike; depends on the backbone.
        replay_weight, stiffness: what holds the shipped head: each photo of the replay set; anywhere, as a share of l2.
        flip_confidence: a tag changes only if the learned head is this sure, above 0.5.
    """

    l2: float
    correction_weight: float
    yield_similarity: float
    replay_weight: float = _REPLAY_WEIGHT
    stiffness: float = _STIFFNESS
    flip_confidence: float = _FLIP_CONFIDENCE


@dataclass(frozen=True, eq=False)
class Replay:
    """What learning needs of the training photos.

    Attributes:
        embeddings: float16 (n, embedding size).
        labels: uint8 (n,), 1 for the positive class.
        weights: float32 (n,), 0 or more.
    """

    embeddings: npt.NDArray[np.float16]
    labels: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified model folder.

    Attributes:
        path: the folder.
        bundle_id: 16 hexadecimal digits that identify the content.
        name, version: as shown to the user.
        class_names: names of target values 0 and 1; the second is the positive class.
        display_names: what to show for each class name.
        input_size: pixels per side of the backbone's input.
        embedding_size: numbers per embedding.
        backbone_id: 16 hexadecimal digits; cached embeddings belong to it.
        threshold: probability from which a photo counts as positive.
        head: the shipped head, with its calibration.
        learning, replay: what learning from corrections needs.
        quality: the measured quality, as in the model card.
        created: the day it was built, YYYY-MM-DD.
        files: SHA-256 and length in bytes of each file.
        network: how training rebuilds the network in code (backbone, input size, extra dense layers); empty in bundles
            from before there was a choice. The app itself does not need it.
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
        """The sorted class names joined by "|"; corrections made for other classes do not apply."""
        return "|".join(sorted(self.class_names))

    @property
    def calibration(self) -> Calibration:
        """The calibration of the shipped head; learned heads keep it."""
        return self.head.calibration

    @property
    def margin(self) -> float:
        """How far, in uncalibrated logits, a learned head must contradict the shipped one to change a tag."""
        return log_odds(self.learning.flip_confidence) / self.calibration.scale

    def learned_head(self, weights: npt.NDArray[np.float64], bias: float, margin: float) -> Head:
        """Return a head that has learned, with this margin (see `margin`) around the tags of the shipped one."""
        return self.head.learned(weights, bias, self.threshold, margin)

    @property
    def backbone_path(self) -> Path:
        """The LiteRT file, verified when the bundle was loaded."""
        return self.path / BACKBONE

    @property
    def card_path(self) -> Path:
        """The model card in Markdown; it may be missing."""
        return self.path / CARD

    def keras_weights_path(self) -> Path:
        """Return the file for retraining the backbone.

        It is verified now and not when the bundle is loaded, because it is large and only training needs it.

        Raises:
            BundleError: it is missing or was changed.
        """
        if KERAS_WEIGHTS not in self.files:
            why = _("It has no {file}, which is needed to retrain the backbone.").format(file=KERAS_WEIGHTS)
            raise refusal(self.path, why)
        verify(self.path, KERAS_WEIGHTS, *self.files[KERAS_WEIGHTS])
        return self.path / KERAS_WEIGHTS


def load_bundle(path: Path) -> Bundle:
    """Read and verify the model folder at `path`; takes about 20 ms for the bundled model.

    Raises:
        BundleError: anything is wrong with it.
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
        zlib.error,
        NotImplementedError,
        RuntimeError,
    ) as error:
        detail = display_path(str(error)) or type(error).__name__
        raise refusal(path, _("It can't be read ({detail}).").format(detail=detail)) from error


def _load(path: Path) -> Bundle:
    if path.is_file():
        remedy = _("Add it first with “{command}”.").format(command="alpacasorter models add")
        raise refusal(path, _("It is a file, not a model folder."), remedy)
    if not path.is_dir():
        remedy = _("Choose another one; “{command}” lists them.").format(command="alpacasorter models")
        raise refusal(path, _("The folder does not exist."), remedy)
    raw = read_metadata(path)
    fields = Fields(path, json.loads(raw))
    version = fields.get("format", int)
    if version > FORMAT:
        remedy = _("Update AlpacaSorter, or choose another model.")
        raise refusal(path, _("It was made by a newer version of AlpacaSorter."), remedy)
    if version != FORMAT:
        raise refusal(path, _("Its format ({number}) is unknown.").format(number=version))
    if fields.text("preprocessing") != backbone.NAME:
        why = _("It needs photos to be preprocessed in a way that this version of AlpacaSorter does not support.")
        raise refusal(path, why, _("Update AlpacaSorter."))
    files = fields.files()
    for name in REQUIRED:
        verify(path, name, *files[name])
    backbone_id = fields.text("backbone_id")
    if backbone_id != files[BACKBONE][0][:16]:
        raise refusal(path, _("{file} is not the backbone that the model names.").format(file=BACKBONE))
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
            l2=fields.number("head", "l2", above=0.0, below=_MOST_L2),
            correction_weight=fields.number("learning", "correction_weight", above=0.0, below=_MOST_WEIGHT),
            yield_similarity=fields.number("learning", "yield_similarity", above=0.0, below=1.0),
            replay_weight=fields.number(
                "learning", "replay_weight", above=0, below=_MOST_WEIGHT, default=_REPLAY_WEIGHT
            ),
            stiffness=fields.number("learning", "stiffness", above=0, below=_MOST_WEIGHT, default=_STIFFNESS),
            flip_confidence=fields.number("learning", "flip_confidence", above=0.5, below=1, default=_FLIP_CONFIDENCE),
        ),
        replay=_read_replay(path, size),
        quality=fields.get("quality", dict),
        created=fields.text("created"),
        files=files,
        network=fields.table("network"),
    )


def _read_head(path: Path, size: int, calibration: Calibration) -> Head:
    arrays = read_arrays(path, HEAD, {"weights": ("float64", (None,)), "bias": ("float64", ())})
    weights, bias = arrays["weights"], float(arrays["bias"])
    if weights.shape != (size,):
        why = _("{file} does not fit embeddings of {count} numbers.").format(file=HEAD, count=number(size))
        raise refusal(path, why)
    with np.errstate(over="ignore"):
        furthest = float(np.abs(weights).sum()) * _LARGEST_EMBEDDING + abs(bias)
        calibrated = calibration.scale * furthest + abs(calibration.offset)
    # Embeddings are multiplied as float32. Beyond that, some photo's answer would not be a number.
    if not (furthest < _LARGEST_LOGIT and math.isfinite(calibrated)):
        raise refusal(path, _invalid_numbers(HEAD, "weights"))
    return Head(weights, bias, calibration)


def _read_replay(path: Path, size: int) -> Replay:
    arrays = read_arrays(
        path,
        REPLAY,
        {"embeddings": ("float16", (None, None)), "labels": ("uint8", (None,)), "weights": ("float32", (None,))},
    )
    embeddings, labels, weights = arrays["embeddings"], arrays["labels"], arrays["weights"]
    n = embeddings.shape[0]
    if embeddings.shape[1] != size or labels.shape != (n,) or weights.shape != (n,):
        raise refusal(path, _("{file} does not fit {other}.").format(file=REPLAY, other=HEAD))
    if (labels > 1).any() or (weights < 0).any() or (weights > _MOST_WEIGHT).any():
        raise refusal(path, _("The labels or weights in {file} are invalid.").format(file=REPLAY))
    return Replay(embeddings, labels, weights)
