"""From which cosine similarity two photos are shots of the same scene, which differs from network to network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.folds import SIMILARITY
from alpacasorter.training.recipe import SHIPPED, Recipe

YIELD_SIMILARITY: Final = 0.6
"""For the weights that come with the app, chosen by benchmarks/personal.py."""

_SHARE: Final = 0.9998
"""Share of the pairs from opposite classes that are less similar than the reach of a correction.

For the first bundled model benchmarks/personal.py chose 0.6; 19 of its 116,312 such pairs are more similar."""
_STEP: Final = 0.25
"""How far from there to 1 near-duplicates begin: at 0.7 if a correction reaches down to 0.6, as for that model."""
_MOST: Final = 0.999
_LEAST: Final = 0.05
_PHOTOS: Final = 3000


@dataclass(frozen=True, slots=True)
class Similarity:
    """The cosine similarities, -1 to 1, from which two embeddings of a network are related.

    Attributes:
        yields: the photos are much alike; `yield_similarity` in the bundle.
        near_duplicate: the photos count as shots of the same scene.
    """

    yields: float
    near_duplicate: float


def find_similarity(embeddings: npt.NDArray[np.floating], targets: npt.NDArray[np.int64]) -> Similarity:
    """Return the similarities for embeddings (n, e) with targets 0/1 (n,), both present.

    Photos of opposite classes are never shots of the same scene, so their similarities show what is meaningless for
    this network: a correction reaches what is more similar than all but 1 in 5,000 such pairs.
    """
    vectors = _unit(embeddings)
    sides = []
    for target in (0, 1):
        of_class = vectors[targets == target]
        sides.append(of_class[:: max(1, -(-len(of_class) // _PHOTOS))])
    cosines = sides[0] @ sides[1].T
    yields = min(max(float(np.quantile(cosines, _SHARE)), _LEAST), _MOST)
    return Similarity(yields, min(yields + _STEP * (1.0 - yields), _MOST))


def similarity_of(
    recipe: Recipe, embeddings: npt.NDArray[np.floating], targets: npt.NDArray[np.int64], *, trained: bool = False
) -> Similarity:
    """Return the similarities for the network of a recipe.

    Args:
        recipe: its weights; for those that come with the app the similarities are known, even with few photos.
        embeddings: of the photos, (n, e).
        targets: of the photos, 0 or 1, (n,), with both present.
        trained: whether the embeddings were trained, and so differ from the backbone's.
    """
    if recipe.weights == SHIPPED and not trained:
        return Similarity(YIELD_SIMILARITY, SIMILARITY)
    return find_similarity(embeddings, targets)


def count_across(
    held_out: npt.NDArray[np.floating], trained_on: npt.NDArray[np.floating], similarity: Similarity
) -> int:
    """Return how many of the held-out embeddings (m, e) have a near-duplicate among the training embeddings (n, e)."""
    cosines = _unit(held_out) @ _unit(trained_on).T
    return int((cosines.max(axis=1, initial=-1.0) >= similarity.near_duplicate).sum())


def _unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    numbers = vectors.astype(np.float32)
    lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
    return np.asarray(numbers / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)
