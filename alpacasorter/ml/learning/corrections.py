"""The user's corrections, and which of them the head learns from."""

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


@dataclass(slots=True)
class Corrections:
    """All corrections. Not thread-safe; the owner locks.

    Attributes:
        labels: label by content key.
        vectors: embedding by content key, float16 (embedding size,), of the photos that this backbone has processed.
        set_aside: content keys of the corrections that are not learned from.
    """

    labels: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)
    set_aside: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, library: Library, bundle: Bundle) -> Corrections:
        """Return the corrections that a library has for the classes of a bundle.

        Raises:
            LibraryError: it can't be read.
        """
        stored = library.corrections(bundle.label_set)
        data = library.embeddings(bundle.label_set, bundle.backbone_id)
        labels = {key: one.label for key, one in stored.items() if one.label in bundle.class_names}
        known = {key: np.frombuffer(bytes_, dtype="<f2") for key, bytes_ in data.items() if key in labels}
        # A damaged one is ignored until a scan comes across the photo again.
        vectors = {key: vector for key, vector in known.items() if fits(vector, bundle)}
        return cls(labels, vectors, library.set_aside(bundle.label_set) & labels.keys())

    def apply(self, changes: Mapping[str, str | None], vectors: Mapping[str, Vector]) -> None:
        """Apply corrections that were just made (with the embeddings of their photos) or removed (None)."""
        for key, label in changes.items():
            self.set_aside.discard(key)
            if label is None:
                self.labels.pop(key, None)
                self.vectors.pop(key, None)
            else:
                self.labels[key] = label
                self.vectors[key] = vectors[key]

    def learn_only_from(self, members: Mapping[str, str] | None) -> None:
        """Set aside all corrections except `members`, as `Library.learn_only_from` does; with None, set aside none."""
        labels = self.labels.items()
        self.set_aside = set() if members is None else {key for key, label in labels if members.get(key) != label}

    def keys_learned(self) -> Collection[str]:
        """Return the content keys of the corrections that are learned from."""
        return self.vectors.keys() - self.set_aside

    def examples(self) -> Examples:
        """Return the corrections that are learned from, as they are now."""
        keys = sorted(self.keys_learned())
        labels = {key: self.labels[key] for key in keys}
        digest = hashlib.sha256()
        for key, label in labels.items():
            digest.update(f"{key}={label}\n".encode())
        return Examples(labels, tuple(self.vectors[key] for key in keys), digest.hexdigest())


def fits(vector: npt.NDArray[np.floating], bundle: Bundle) -> bool:
    """Return whether an embedding, or the weights of a head, have the bundle's size and are finite."""
    return vector.shape == (bundle.embedding_size,) and bool(np.isfinite(vector).all())
