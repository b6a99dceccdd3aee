"""From which cosine two embeddings show the same scene: for each network another number, found from its own photos."""

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
"""Share of the pairs from opposite classes that are less alike than a correction reaches.

For the first bundled model 0.6 was chosen by benchmarks/personal.py; 19 of its 116,312 such pairs are more alike."""
_STEP: Final = 0.25
"""How far from there to 1 near-duplicates begin: 0.7 where a correction reaches to 0.6, as chosen for that model."""
_MOST: Final = 0.999
_LEAST: Final = 0.05
_PHOTOS: Final = 3000


@dataclass(frozen=True, slots=True)
class Likeness:
    """Cosines of two embeddings.

    Attributes:
        yields: from this on a photo trained on that is called otherwise yields to a correction.
        near_duplicate: from this on two photos count as shots of one scene.
    """

    yields: float
    near_duplicate: float


def find_likeness(embeddings: npt.NDArray[np.floating], targets: npt.NDArray[np.int64]) -> Likeness:
    """Return the cosines for embeddings (n, e) with targets 0/1 (n,), both there.

    Photos of opposite classes are never shots of one scene, so how alike they are tells what likeness means nothing to
    this network: a correction reaches what is more alike than all but 1 in 5,000 such pairs.
    """
    vectors = _unit(embeddings)
    sides = []
    for target in (0, 1):
        of_class = vectors[targets == target]
        sides.append(of_class[:: max(1, -(-len(of_class) // _PHOTOS))])
    cosines = sides[0] @ sides[1].T
    yields = min(max(float(np.quantile(cosines, _SHARE)), _LEAST), _MOST)
    return Likeness(yields, min(yields + _STEP * (1.0 - yields), _MOST))


def likeness_of(
    recipe: Recipe, embeddings: npt.NDArray[np.floating], targets: npt.NDArray[np.int64], *, trained: bool = False
) -> Likeness:
    """Return the cosines for the network of a recipe, from embeddings (n, e) with targets 0/1 (n,), both there.

    Args:
        recipe: for the weights that come with the app the cosines are known, however few the photos.
        embeddings, targets: of the photos.
        trained: whether these embeddings were trained, and so are other ones than the backbone's.
    """
    if recipe.weights == SHIPPED and not trained:
        return Likeness(YIELD_SIMILARITY, SIMILARITY)
    return find_likeness(embeddings, targets)


def count_across(held_out: npt.NDArray[np.floating], trained_on: npt.NDArray[np.floating], likeness: Likeness) -> int:
    """Return how many of the embeddings (m, e) held out have a near-duplicate among those (n, e) trained on."""
    cosines = _unit(held_out) @ _unit(trained_on).T
    return int((cosines.max(axis=1, initial=-1.0) >= likeness.near_duplicate).sum())


def _unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    numbers = vectors.astype(np.float32)
    lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
    return np.asarray(numbers / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)
