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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, join, number, pick
from alpacasorter.ml.models.arrays import ArraysError, Shape, TooLarge, read_npz
from alpacasorter.ml.models.head import Calibration, Head, log_odds
from alpacasorter.ml.models.metadata import (
    BACKBONE,
    CARD,
    FORMAT,
    HEAD,
    KERAS_WEIGHTS,
    REPLAY,
    REQUIRED,
    BundleError,
    Fields,
    changed,
    incomplete,
    missing,
    read_metadata,
    refusal,
    too_large,
)
from alpacasorter.ml.models.variants import Described, Variant, Variants, read_calibration, read_description
from alpacasorter.ml.runtime import backbone

_MOST_WEIGHT: Final = 1e6
_MOST_L2: Final = 1e12
_LEAST_L2: Final = 1e-9
_LEAST_STIFFNESS: Final = 1e-6
_LEAST_WEIGHT: Final = 1e-9
"""With less, learning would divide by numbers that are nearly 0."""
_LARGEST_EMBEDDING: Final = 65504.0
"""The largest number of an embedding, which is float16."""
_LARGEST_LOGIT: Final = float(np.finfo(np.float32).max)
_CHUNK: Final = 1 << 20


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
        l2: L2 regularization strength, the same that the shipped head was fitted with, unless it was trained together
            with its backbone.
        correction_weight: of one correction in the log-loss.
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
        head: the shipped head, with its calibration; that of the variant in use.
        learning, replay: what learning from corrections needs.
        quality: the measured quality, as in the model card.
        created: the day it was built, YYYY-MM-DD.
        files: SHA-256 and length in bytes of each file.
        network: how training rebuilds the network in code (backbone, input size, extra dense layers); empty in bundles
            from before there was a choice. The app itself does not need it.
        variants: heads with other ideas of the positive class (see `variants`); None if there is only one.
        variant: name of the variant in use, which `head` and `replay` belong to; empty if there are none.
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
    variants: Variants | None = None
    variant: str = ""

    @property
    def head_id(self) -> str:
        """Identifies the shipped head in use; learned heads belong to it. Without variants it is the bundle's id."""
        is_usual = self.variants is None or self.variant == self.variants.default
        return self.bundle_id if is_usual else f"{self.bundle_id}:{self.variant}"

    @property
    def title(self) -> str:
        """Name, version and the variant in use, for the user."""
        title = f"{self.name} {self.version}".rstrip()
        variant = None if self.variants is None else self.variants.find(self.variant)
        if self.variants is None or variant is None:
            return title
        # Translators: {setting} and {choice} come from the model, for example "Ponies count as" and "Horse".
        message = _("{model} ({setting}: {choice})")
        return message.format(model=title, setting=pick(self.variants.setting), choice=pick(variant.title))

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

    def heads(self) -> list[Head]:
        """Return the shipped heads of all variants; the one head of a bundle without any."""
        return [self.head] if self.variants is None else [variant.head for variant in self.variants.choices]

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

    def with_variant(self, name: str) -> Bundle:
        """Return this bundle with another variant in use.

        Raises:
            BundleError: it has no variant of this name; the message names those that it has.
        """
        chosen = self.variants.find(name) if self.variants is not None else None
        if self.variants is None:
            raise BundleError(_("The model “{name}” has no variants to choose from.").format(name=self.name))
        if chosen is None:
            message = _("The model “{name}” has no variant “{variant}”. Choose one of these: {variants}.")
            names = join(list(self.variants.names), "or")
            raise BundleError(message.format(name=self.name, variant=display_path(name[:80]), variants=names))
        replay = Replay(self.replay.embeddings, chosen.labels, chosen.weights)
        return replace(self, head=chosen.head, replay=replay, variant=name)

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
    calibration = read_calibration(fields)
    described = read_description(fields)
    # Those of the default have no suffix.
    others = [] if described is None else [one for one in described.choices if one.name != described.default]
    calibrations = {"": calibration, **{f".{one.name}": one.calibration or Calibration() for one in others}}
    heads = _read_heads(path, size, calibrations)
    replays = _read_replays(path, size, tuple(calibrations))
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
        head=heads[""],
        learning=LearningSettings(
            l2=fields.number("head", "l2", above=_LEAST_L2, below=_MOST_L2),
            correction_weight=fields.number("learning", "correction_weight", above=_LEAST_WEIGHT, below=_MOST_WEIGHT),
            yield_similarity=fields.number("learning", "yield_similarity", above=0.0, below=1.0),
            replay_weight=fields.number(
                "learning", "replay_weight", above=_LEAST_WEIGHT, below=_MOST_WEIGHT, default=_REPLAY_WEIGHT
            ),
            stiffness=fields.number(
                "learning", "stiffness", above=_LEAST_STIFFNESS, below=_MOST_WEIGHT, default=_STIFFNESS
            ),
            flip_confidence=fields.number("learning", "flip_confidence", above=0.5, below=1, default=_FLIP_CONFIDENCE),
        ),
        replay=replays[""],
        quality=fields.get("quality", dict),
        created=fields.text("created"),
        files=files,
        network=fields.table("network"),
        variants=None if described is None else _variants(described, heads, replays),
        variant="" if described is None else described.default,
    )


def _variants(described: Described, heads: Mapping[str, Head], replays: Mapping[str, Replay]) -> Variants:
    choices = []
    for one in described.choices:
        suffix = "" if one.name == described.default else f".{one.name}"
        replay = replays[suffix]
        choices.append(
            Variant(one.name, one.title, heads[suffix], replay.labels, replay.weights, one.question, one.answer)
        )
    return Variants(described.default, described.setting, tuple(choices), described.first_question)


def _read_heads(path: Path, size: int, calibrations: Mapping[str, Calibration]) -> dict[str, Head]:
    """Return a head for each suffix that the names of its arrays have."""
    wanted: dict[str, tuple[str, Shape]] = {}
    for suffix in calibrations:
        wanted |= {f"weights{suffix}": ("float64", (None,)), f"bias{suffix}": ("float64", ())}
    arrays = read_arrays(path, HEAD, wanted)
    heads = {}
    for suffix, calibration in calibrations.items():
        weights, bias = arrays[f"weights{suffix}"], float(arrays[f"bias{suffix}"])
        if weights.shape != (size,):
            why = _("{file} does not fit embeddings of {count} numbers.").format(file=HEAD, count=number(size))
            raise refusal(path, why)
        with np.errstate(over="ignore"):
            furthest = float(np.abs(weights).sum()) * _LARGEST_EMBEDDING + abs(bias)
            calibrated = calibration.scale * furthest + abs(calibration.offset)
        # Embeddings are multiplied as float32. Beyond that, some photo's answer would not be a number.
        if not (furthest < _LARGEST_LOGIT and math.isfinite(calibrated)):
            raise refusal(path, _invalid_numbers(HEAD, f"weights{suffix}"))
        heads[suffix] = Head(weights, bias, calibration)
    return heads


def _read_replays(path: Path, size: int, suffixes: Sequence[str]) -> dict[str, Replay]:
    """Return the replay set for each suffix that the names of its labels and weights have."""
    wanted: dict[str, tuple[str, Shape]] = {"embeddings": ("float16", (None, None))}
    for suffix in suffixes:
        wanted |= {f"labels{suffix}": ("uint8", (None,)), f"weights{suffix}": ("float32", (None,))}
    arrays = read_arrays(path, REPLAY, wanted)
    embeddings = arrays["embeddings"]
    n = embeddings.shape[0]
    replays = {}
    for suffix in suffixes:
        labels, weights = arrays[f"labels{suffix}"], arrays[f"weights{suffix}"]
        if embeddings.shape[1] != size or labels.shape != (n,) or weights.shape != (n,):
            raise refusal(path, _("{file} does not fit {other}.").format(file=REPLAY, other=HEAD))
        if (labels > 1).any() or (weights < 0).any() or (weights > _MOST_WEIGHT).any():
            raise refusal(path, _("The labels or weights in {file} are invalid.").format(file=REPLAY))
        replays[suffix] = Replay(embeddings, labels, weights)
    return replays
