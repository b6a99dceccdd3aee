"""What the user has said, and which of it is learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from alpacasorter.core.store.library import Library
from alpacasorter.ml.models.bundle import Bundle

Vector = npt.NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class Lessons:
    """The corrections that one head is learned from, as they were at one moment.

    Attributes:
        labels: label by content key, in the order of the keys.
        vectors: embeddings in the same order, float16 (embedding size,) each.
        digest: another one for any other set of corrections.
    """

    labels: Mapping[str, str]
    vectors: tuple[Vector, ...]
    digest: str

    def embeddings(self) -> npt.NDArray[np.float32]:
        """Return the embeddings, float32 (n, embedding size); there must be one at least."""
        return np.stack(self.vectors).astype(np.float32)

    def targets(self, positive: str) -> npt.NDArray[np.uint8]:
        """Return 1 for each that is called `positive` and 0 for the others, (n,)."""
        return np.array([label == positive for label in self.labels.values()], dtype=np.uint8)


@dataclass(slots=True)
class Taught:
    """The corrections there are. Not thread-safe; its owner locks.

    Attributes:
        corrections: label by content key.
        vectors: embeddings of corrected photos, float16 (embedding size,), as far as this backbone has seen them.
        set_aside: content keys of those that are not learned from.
    """

    corrections: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)
    set_aside: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, library: Library, bundle: Bundle) -> Taught:
        """Return what a library holds for a bundle.

        Raises:
            LibraryError: it can't be read.
        """
        stored = library.corrections(bundle.label_set)
        data = library.embeddings(bundle.label_set, bundle.backbone_id)
        corrections = {key: one.label for key, one in stored.items() if one.label in bundle.class_names}
        known = {key: np.frombuffer(bytes_, dtype="<f2") for key, bytes_ in data.items() if key in corrections}
        # One that is damaged is forgotten, until a scan comes upon the photo again.
        vectors = {key: vector for key, vector in known.items() if fits(vector, bundle)}
        return cls(corrections, vectors, library.set_aside(bundle.label_set) & corrections.keys())

    def apply(self, changes: Mapping[str, str | None], vectors: Mapping[str, Vector]) -> None:
        """Take in corrections that were just made (with the embeddings of their photos) or taken back (None)."""
        for key, label in changes.items():
            self.set_aside.discard(key)
            if label is None:
                self.corrections.pop(key, None)
                self.vectors.pop(key, None)
            else:
                self.corrections[key] = label
                self.vectors[key] = vectors[key]

    def learn_only_from(self, members: Mapping[str, str] | None) -> None:
        """Set aside all corrections but these, as `Library.learn_only_from` does; with None, none."""
        said = self.corrections.items()
        self.set_aside = set() if members is None else {key for key, label in said if members.get(key) != label}

    def keys_learned(self) -> Collection[str]:
        """Return the content keys of the corrections that are learned from."""
        return self.vectors.keys() - self.set_aside

    def lessons(self) -> Lessons:
        """Return the corrections that are learned from, as they are now."""
        keys = sorted(self.keys_learned())
        labels = {key: self.corrections[key] for key in keys}
        digest = hashlib.sha256()
        for key, label in labels.items():
            digest.update(f"{key}={label}\n".encode())
        return Lessons(labels, tuple(self.vectors[key] for key in keys), digest.hexdigest())


def fits(vector: npt.NDArray[np.floating], bundle: Bundle) -> bool:
    """Tell whether an embedding, or the weights of a head, are of the bundle's size and finite."""
    return vector.shape == (bundle.embedding_size,) and bool(np.isfinite(vector).all())
