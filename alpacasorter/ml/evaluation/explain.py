"""Why a photo has its prediction: the exact map of where in it the answer comes from, and the photos most like it.

The embedding is the mean of the backbone's last feature map, so each cell of that map has a share in the logit, and no
approximation is needed (`Head.activation_map`). That the feature map really belongs to the embedding that was judged is
checked for each photo, because a model may come from anyone, and a file may have changed since.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.events import FILE_CHANGED, NO_EXACT_MAP, ActivationMap, Explained, Neighbor
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.decode import decode, model_input, reduction_of
from alpacasorter.core.photos.reading import content_key, read_photo
from alpacasorter.core.reasons import MODEL_FAILED, NOT_JUDGED
from alpacasorter.core.store.cache import Cache
from alpacasorter.ml.learning.corrections import Examples
from alpacasorter.ml.learning.personal_head import PersonalHead
from alpacasorter.ml.models.bundle import Bundle, Replay
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.runtime.backbone import BackboneError
from alpacasorter.ml.scan import DECODE_SIDE, THUMBNAIL_SIDE

Pixels = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]
FeatureMap = Callable[[Pixels], npt.NDArray[np.float32]]

NEIGHBORS: Final = 3
FULL: Final = 64.0
"""Where the scale of the map ends: the log-odds if the whole photo looked like a cell of that color. The strongest
cells of a clear photo come near it (0.6 to 1 of it in alpacas); photos of other things are pale (up to 0.2)."""

_POINTS_PER_CELL: Final = 16
_KEPT: Final = 16
"""Feature maps that are kept, 330 kB each: after a correction, and for the photo before, none is computed again."""
_SAME: Final = 0.01
"""Largest relative difference of embeddings of the same pixels, computed on a CPU and a GPU and stored as float16."""
_SAME_FILE: Final = 0.1
"""The same, if decoders have changed since the photo was judged but its bytes have not."""
_BLOCK: Final = 4096
_KEPT_TRAINING: Final = 8192
"""Training photos up to which their embeddings are kept as they are compared: 5 kB each."""


@dataclass(slots=True)
class _Seen:
    """What is known about a photo whichever head is in use.

    Attributes:
        feature_map: (h, w, embedding size).
        embedding: the one it belongs to.
    """

    feature_map: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]


class Explainer:
    """Explains photos with the head in use. For one thread at a time."""

    def __init__(self, learning: PersonalHead, cache: Cache, feature_map: FeatureMap) -> None:
        """Explain what `learning` says.

        Args:
            learning: the head in use, and what it has learned from.
            cache: what is known about photos and where they are.
            feature_map: returns the last feature map, float32 (h, w, c), of a model input.
        """
        self._learning = learning
        self._cache = cache
        self._feature_map = feature_map
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._labeled = _LabeledPhotos()
        self._training = _TrainingPhotos()

    def explain(
        self,
        path: Path,
        key: str,
        embedding: npt.NDArray[np.floating] | None,
        pixels: Pixels | None,
        *,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Explained:
        """Return why a photo has its prediction.

        Args:
            path: where it is.
            key: its content key.
            embedding: the one that is judged; None to ask the cache.
            pixels: the photo as it was decoded to be shown, uint8 (height, width, 3), or None. If it is not what the
                model saw, the file is read instead.
            stopped: polled; once it returns True, decoding is abandoned.

        Raises:
            DecodingStopped: `stopped` returned True.
        """
        bundle, head = self._learning.bundle, self._learning.head
        known = self._cache.known_content(key, backbone_id=bundle.backbone_id, size=bundle.embedding_size)
        if embedding is None and known is not None:
            embedding = np.frombuffer(known.embedding, dtype="<f2")
        if embedding is None:
            return Explained(path, key, 0.5, None, NOT_JUDGED, (), 0, None)
        vector = embedding.astype(np.float32)
        if pixels is not None:
            facts = None if known is None else known.facts
            pixels = pixels if facts and _is_as_scanned(pixels, (facts.width, facts.height)) else None
        found, problem = None, None
        try:
            found = activation_map(head, self._look(bundle, path, key, vector, pixels, stopped))
        except Unreadable as error:
            problem = error.reason
        except BackboneError:
            problem = MODEL_FAILED
        neighbors, labeled = self._neighbors(key, vector)
        return Explained(
            path,
            key,
            float(head.probability(vector[np.newaxis])[0]),
            found,
            problem,
            neighbors,
            labeled,
            self._training.nearest(bundle, vector),
        )

    def _look(
        self,
        bundle: Bundle,
        path: Path,
        key: str,
        vector: npt.NDArray[np.float32],
        pixels: Pixels | None,
        stopped: Callable[[], bool],
    ) -> npt.NDArray[np.float32]:
        """Return the feature map of a photo.

        Raises:
            Unreadable: the photo can't be read, is no longer what was judged, or the model has no exact map.
            BackboneError: the model can't be run.
        """
        if bundle.network.get("dense"):
            raise Unreadable(NO_EXACT_MAP)
        seen = self._seen.get(key)
        if seen is not None and np.array_equal(seen.embedding, vector):
            self._seen.move_to_end(key)
            return seen.feature_map
        found = None
        if pixels is not None:
            found = self._feature_map(model_input(pixels, bundle.input_size))
            found = found if _difference(found, vector) <= _SAME else None
        if found is None:
            data = read_photo(path)
            photo = decode(data, min_side=DECODE_SIDE, thumbnail_side=THUMBNAIL_SIDE, stopped=stopped)
            found = self._feature_map(model_input(photo.pixels, bundle.input_size))
            difference = _difference(found, vector)
            # Hashing takes as long as a fifth of the rest, and is needed only if something is not as it was.
            if difference > _SAME and content_key(data) != key:
                raise Unreadable(FILE_CHANGED)
            if difference > _SAME_FILE:
                raise Unreadable(NO_EXACT_MAP)
        self._seen[key] = _Seen(found, vector)
        self._seen.move_to_end(key)
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        return found

    def _neighbors(self, key: str, vector: npt.NDArray[np.float32]) -> tuple[tuple[Neighbor, ...], int]:
        """Return the labeled photos most like one, the nearest first, and how many there are to choose from."""
        examples = self._learning.examples
        if not examples.labels:
            return (), 0
        similar = self._labeled.units(examples) @ _units(vector[np.newaxis])[0]
        same = set(self._learning.same_picture(key)[0])
        keys = list(examples.labels)
        found: list[Neighbor] = []
        # One more than needed: the photo itself may be among them.
        for place in _largest(similar, NEIGHBORS + len(same)):
            one = keys[place]
            if one not in same and len(found) < NEIGHBORS:
                files, hint = self._learning.same_picture(one)
                files = (one, *(file for file in files if file != one))
                path = next((path for file in files for path in self._cache.paths_of(file)), hint)
                found.append(Neighbor(files, path, examples.labels[one], float(similar[place])))
        return tuple(found), len(keys) - sum(one in examples.labels for one in same)


class _LabeledPhotos:
    """The embeddings of the photos that the user labeled, as they are compared."""

    def __init__(self) -> None:
        self._examples: Examples | None = None
        self._units: Vectors = np.empty((0, 0), dtype=np.float32)
        self._row: dict[str, int] = {}

    def units(self, examples: Examples) -> Vectors:
        """Return the embeddings, in the order of the examples, of which there is at least one, with length 1."""
        if self._examples is not examples:
            keys = list(examples.labels)
            units = np.empty((len(keys), len(examples.vectors[0])), dtype=np.float32)
            fresh = [row for row, key in enumerate(keys) if key not in self._row]
            known = [row for row, key in enumerate(keys) if key in self._row]
            # After a correction only one is new, and what belongs to a content key never changes.
            if known:
                units[known] = self._units[[self._row[keys[row]] for row in known]]
            if fresh:
                units[fresh] = _units(np.stack([examples.vectors[row] for row in fresh]).astype(np.float32))
            self._examples, self._units = examples, units
            self._row = {key: row for row, key in enumerate(keys)}
        return self._units


class _TrainingPhotos:
    """The training photos in a bundle, to find the most similar one among them."""

    def __init__(self) -> None:
        self._replay: Replay | None = None
        self._units: list[Vectors] = []

    def nearest(self, bundle: Bundle, vector: npt.NDArray[np.float32]) -> tuple[str, float] | None:
        """Return class and cosine similarity of the most similar one that counts; None if there is none."""
        replay = bundle.replay
        counts = replay.weights > 0
        if not counts.any():
            return None
        if self._replay is not replay:
            # Converting them takes ten times as long as comparing them; but a model may have 200,000.
            self._replay = replay
            self._units = [_units(block) for block in _blocks(replay)] if len(counts) <= _KEPT_TRAINING else []
        unit = _units(vector[np.newaxis])[0]
        blocks = self._units or (_units(block) for block in _blocks(replay))
        similar = np.where(counts, np.concatenate([block @ unit for block in blocks]), -np.inf)
        place = int(similar.argmax())
        return bundle.class_names[int(replay.labels[place])], float(similar[place])


def _blocks(replay: Replay) -> Iterator[Vectors]:
    for start in range(0, len(replay.labels), _BLOCK):
        yield replay.embeddings[start : start + _BLOCK].astype(np.float32)


def activation_map(head: Head, feature_map: npt.NDArray[np.floating]) -> ActivationMap:
    """Return where in a photo the answer of a head comes from.

    Raises:
        Unreadable: the feature map does not fit the head.
    """
    if feature_map.ndim != 3 or feature_map.shape[2:] != head.weights.shape or not feature_map.size:
        raise Unreadable(NO_EXACT_MAP)
    shares, rest = head.activation_map(feature_map)
    points = np.clip(_interpolated(shares) * (shares.size / FULL), -1.0, 1.0)
    levels = np.rint(128.0 + 127.0 * points).astype(np.uint8)
    return ActivationMap(
        tuple(tuple(row) for row in shares.tolist()), rest, levels.tobytes(), levels.shape[1], levels.shape[0]
    )


def _interpolated(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the shares, linear between the centers of cells; beyond the outermost centers they stay as they are."""
    for axis in (0, 1):
        count = shares.shape[axis]
        at = (np.arange(count * _POINTS_PER_CELL) + 0.5) / _POINTS_PER_CELL - 0.5
        at = np.clip(at, 0.0, count - 1.0)
        first = np.minimum(at.astype(np.intp), max(count - 2, 0))
        part = np.expand_dims(at - first, 1 - axis)
        after = np.minimum(first + 1, count - 1)
        shares = shares.take(first, axis) * (1.0 - part) + shares.take(after, axis) * part
    return shares


def _is_as_scanned(pixels: Pixels, full: tuple[int, int]) -> bool:
    """Tell whether a photo of this full width and height was decoded to the size in which the scan saw it."""
    reduction = reduction_of(full, DECODE_SIDE, THUMBNAIL_SIDE)
    return pixels.shape[1::-1] == tuple(-(-side // reduction) for side in full)


def _difference(feature_map: npt.NDArray[np.floating], vector: npt.NDArray[np.float32]) -> float:
    """Return how far the mean of a feature map is from an embedding, relative to its length."""
    if feature_map.ndim != 3 or feature_map.shape[2:] != vector.shape:
        raise Unreadable(NO_EXACT_MAP)
    length = float(np.linalg.norm(vector))
    return float(np.linalg.norm(feature_map.mean(axis=(0, 1)) - vector)) / max(length, float(np.finfo(np.float32).tiny))


def _units(vectors: Vectors) -> Vectors:
    """Return vectors (n, size) with length 1, or 0 where they have none."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def _largest(values: npt.NDArray[np.float32], count: int) -> list[int]:
    """Return the places of the largest values, the largest first."""
    places = np.argpartition(-values, count)[:count] if count < len(values) else np.arange(len(values))
    return [int(place) for place in places[np.argsort(-values[places], kind="stable")]]
