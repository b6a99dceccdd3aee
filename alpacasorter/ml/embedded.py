"""Photos with their embeddings, on their way to the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.events import Problem, Problems
from alpacasorter.core.photo import PhotoFacts
from alpacasorter.core.store.cache import CacheEntry


@dataclass(frozen=True, slots=True)
class EmbeddedPhoto:
    """A photo on its way to the head."""

    path: Path
    content_key: str
    facts: PhotoFacts


@dataclass(frozen=True, slots=True)
class Embedded:
    """Photos with their embeddings, float16 (n, embedding size), row by row."""

    photos: tuple[EmbeddedPhoto, ...]
    embeddings: npt.NDArray[np.float16]


def sorted_out(batch: Sequence[CacheEntry]) -> tuple[Embedded, Problems]:
    """Return the photos that could be judged, and why the others could not."""
    photos: list[EmbeddedPhoto] = []
    vectors: list[bytes] = []
    problems: list[Problem] = []
    for entry in batch:
        if entry.content_key and entry.facts and entry.embedding:
            photos.append(EmbeddedPhoto(entry.file.path, entry.content_key, entry.facts))
            vectors.append(entry.embedding)
        else:
            problems.append(Problem(entry.file.path, entry.reason or "It can't be judged."))
    matrix = np.frombuffer(b"".join(vectors), dtype="<f2").astype(np.float16, copy=False)
    return Embedded(tuple(photos), matrix.reshape(len(photos), -1) if photos else matrix.reshape(0, 0)), Problems(
        tuple(problems)
    )
