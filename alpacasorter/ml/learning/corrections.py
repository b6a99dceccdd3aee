"""The user's corrections, by the photos that they are of, and which of them the head learns from.

A correction is stored with the content key that its photo had then, and is found by any file with the same picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from alpacasorter.core.labels import SamePictures
from alpacasorter.core.store.library import Library
from alpacasorter.ml.models.bundle import Bundle

Vector = npt.NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class Examples:
    """The corrections that one head has learned from: a snapshot.

    Attributes:
        labels: label by content key, in the order of the keys.
        vectors: embeddings in the same order, float16 (embedding size,) each.
        digest: identifies this set of corrections.
    """

    labels: Mapping[str, str]
    vectors: tuple[Vector, ...]
    digest: str

    def embeddings(self) -> npt.NDArray[np.float32]:
        """Return the embeddings, float32 (n, embedding size); there must be at least one."""
        return np.stack(self.vectors).astype(np.float32)

    def targets(self, positive: str) -> npt.NDArray[np.uint8]:
        """Return 1 for each that is labeled `positive` and 0 for the others, uint8 (n,)."""
        return np.array([label == positive for label in self.labels.values()], dtype=np.uint8)


class Resolved(NamedTuple):
    """Corrections of pictures.

    Attributes:
        stored: the label by content key as it is to be stored, one for each picture; None removes a correction.
        shown: the label that each file with one of these pictures has then, by content key.
        places: the content key with which the correction of each file is stored.
    """

    stored: dict[str, str | None]
    shown: dict[str, str | None]
    places: dict[str, str]


class Pictures(SamePictures):
    """Which photos are the same picture, and where the correction of each is stored. The owner locks."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self._places: dict[str, str] = {}

    def store_at(self, key: str) -> None:
        """Record that the correction of this picture is stored with this content key, even after it was removed."""
        if (picture := self.picture(key)) is not None:
            self._places[picture] = key

    def place(self, key: str) -> str:
        """Return the content key with which the correction of this picture is, was or is to be stored."""
        return self._places.get(self.picture(key) or "", key)


@dataclass(slots=True)
class Corrections:
    """All corrections, one for each picture. Not thread-safe; the owner locks.

    Attributes:
        labels: label by content key.
        vectors: embedding by content key, float16 (embedding size,), of the photos that this backbone has processed.
        set_aside: content keys of the corrections that are not learned from.
        pictures: by which they are found for files with other content keys.
        hints: where the photos were when they were corrected, by content key, as far as that is known.
        outdated: content keys of earlier corrections that are stored for the pictures of others in `labels`.
        without_picture: where the photos are thought to be whose picture keys the library does not have, by content
            key.
    """

    labels: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)
    set_aside: set[str] = field(default_factory=set)
    pictures: Pictures = field(default_factory=Pictures)
    hints: dict[str, Path] = field(default_factory=dict)
    outdated: set[str] = field(default_factory=set)
    without_picture: dict[str, Path | None] = field(default_factory=dict)

    @classmethod
    def read(cls, library: Library, bundle: Bundle, pictures: Pictures | None = None) -> Corrections:
        """Return the corrections that a library has for the classes of a bundle.

        Args:
            library: where they are stored.
            bundle: the model that learns from them.
            pictures: what is known already; what the library knows is added to it.

        Raises:
            LibraryError: it can't be read.
        """
        stored = library.corrections(bundle.label_set)
        data = library.embeddings(bundle.label_set, bundle.backbone_id)
        set_aside = library.set_aside(bundle.label_set)
        found = cls(pictures=pictures or Pictures())
        for key, one in stored.items():
            if one.picture_key is not None:
                found.pictures.note(key, one.picture_key)
        # The latest first: if two are of the same picture, it counts.
        for key, one in reversed(stored.items()):
            if one.label not in bundle.class_names:
                continue
            if one.picture_key is None:
                found.without_picture[key] = one.path_hint
            if found.key_of(key) is not None:
                found.outdated.add(key)
            else:
                found.labels[key] = one.label
                found.pictures.store_at(key)
                if one.path_hint is not None:
                    found.hints[key] = one.path_hint
        known = {key: np.frombuffer(bytes_, dtype="<f2") for key, bytes_ in data.items() if key in found.labels}
        # A damaged one is ignored until a scan comes across the photo again.
        found.vectors = {key: vector for key, vector in known.items() if fits(vector, bundle)}
        found.set_aside = set_aside & found.labels.keys()
        return found

    def key_of(self, key: str) -> str | None:
        """Return the content key with which the correction of a photo is stored, None if it has none."""
        if key in self.labels:
            return key
        same = self.pictures.same(key)
        # Almost every picture is in one file.
        return next((one for one in same if one in self.labels), None) if len(same) > 1 else None

    def label(self, key: str) -> str | None:
        """Return the user's label of a photo, None if it has none."""
        stored = self.key_of(key)
        return None if stored is None else self.labels.get(stored)

    def shown(self) -> dict[str, str]:
        """Return the labels of all photos that are known to have one, by each of their content keys."""
        return {same: label for key, label in self.labels.items() for same in self.pictures.same(key)}

    def resolve(self, changes: Mapping[str, str | None]) -> Resolved:
        """Return corrections of files, by content key, as corrections of their pictures; the last of a picture counts.

        Args:
            changes: label by content key; None removes a correction.
        """
        resolved = Resolved({}, {}, {})
        places: dict[str, str] = {}
        for key, label in changes.items():
            place = self.key_of(key) or self.pictures.place(key)
            picture = self.pictures.picture(key)
            if picture is not None:
                place = places.setdefault(picture, place)
            same = self.pictures.same(key)
            resolved.places[key] = place
            resolved.stored.update({one: None for one in same if one in self.outdated})
            resolved.stored[place] = label
            resolved.shown.update(dict.fromkeys(same, label))
        return resolved

    def apply(self, changes: Mapping[str, str | None], vectors: Mapping[str, Vector]) -> None:
        """Apply resolved corrections that were just made (with the embeddings of their photos) or removed (None)."""
        for key, label in changes.items():
            self.set_aside.discard(key)
            self.outdated.discard(key)
            if label is None:
                self.labels.pop(key, None)
                self.vectors.pop(key, None)
                self.without_picture.pop(key, None)
            else:
                self.labels[key] = label
                self.vectors[key] = vectors[key]
                self.pictures.store_at(key)

    def learn_only_from(self, members: Mapping[str, str] | None) -> None:
        """Set aside all corrections except `members`, as `Library.learn_only_from` does; with None, set aside none."""
        labels = self.labels.items()
        self.set_aside = set() if members is None else {key for key, label in labels if members.get(key) != label}

    def keys_learned(self) -> Collection[str]:
        """Return the content keys of the corrections that are learned from."""
        return self.vectors.keys() - self.set_aside

    def waiting(self) -> dict[str, Path | None]:
        """Return the corrections that can't be learned from yet, as this backbone has not processed their photos.

        Returns:
            Where the photos were when they were corrected, None if that is not known, by content key.
        """
        return {key: self.hints.get(key) for key in self.labels.keys() - self.vectors.keys() - self.set_aside}

    def examples(self) -> Examples:
        """Return the corrections that are learned from, as they are now."""
        keys = sorted(self.keys_learned())
        labels = {key: self.labels[key] for key in keys}
        digest = hashlib.sha256("".join(f"{key}={label}\n" for key, label in labels.items()).encode()).hexdigest()
        return Examples(labels, tuple(self.vectors[key] for key in keys), digest)


def fits(vector: npt.NDArray[np.floating], bundle: Bundle) -> bool:
    """Return whether an embedding, or the weights of a head, have the bundle's size and are finite."""
    return vector.shape == (bundle.embedding_size,) and bool(np.isfinite(vector).all())


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str | None]:
    """Return the labels, by content key, that are others now; None for those that are gone."""
    return {key: now.get(key) for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
