"""Folds for cross-validation that keep near-duplicates together: no head judges a photo whose duplicate it has seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.duplicates import linked

FOLDS = 5
SIMILARITY = 0.70
"""Cosine similarity of embeddings from which photos count as one scene (docs/decisions/0003-head-and-learning.md)."""

_STEP = 0.25
_BLOCK = 1024


def scene_similarity(yield_similarity: float) -> float:
    """Return the cosine similarity from which photos count as one scene, for the backbone of a bundle.

    Args:
        yield_similarity: the bundle's similarity from which photos are much alike, which differs between backbones.
            The result lies a fixed fraction of the way from there to 1: 0.6 gives SIMILARITY.
    """
    return yield_similarity + _STEP * (1.0 - yield_similarity)


def groups_of_near_duplicates(
    embeddings: npt.NDArray[np.floating], *, similarity: float = SIMILARITY
) -> npt.NDArray[np.int64]:
    """Return a group number for each embedding, (n, p) to (n,); photos linked by a chain of near-duplicates share one.

    Unlike a perceptual hash, embeddings also join the shots of a burst in which the animal or the camera moved.
    """
    vectors = embeddings.astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def close() -> Iterator[npt.NDArray[np.int64]]:
        for start in range(0, len(vectors), _BLOCK):
            yield np.argwhere(vectors[start : start + _BLOCK] @ vectors.T >= similarity) + np.array((start, 0))

    return linked(len(vectors), close())


def assign_folds(
    groups: npt.NDArray[np.int64], strata: npt.NDArray[np.int64], *, seed: int, folds: int = FOLDS
) -> npt.NDArray[np.int64]:
    """Return a fold number 0..folds-1 for each photo (n,), with whole groups and evenly spread strata.

    Args:
        groups: group number of each photo (n,).
        strata: what to spread evenly, for example the class within each source (n,).
        seed: of the order in which groups are assigned.
        folds: how many.
    """
    kinds = np.unique(strata)
    counts = (strata[:, np.newaxis] == kinds).astype(np.int64)
    sizes = np.zeros((int(groups.max(initial=-1)) + 1, len(kinds)), dtype=np.int64)
    np.add.at(sizes, groups, counts)
    order = np.random.default_rng(seed).permutation(len(sizes))
    # Large groups first: the small ones then even out the differences.
    order = order[np.argsort(-sizes[order].sum(axis=1), kind="stable")]
    filled = np.zeros((folds, len(kinds)), dtype=np.int64)
    fold_of_group = np.zeros(len(sizes), dtype=np.int64)
    share = np.maximum(sizes.sum(axis=0), 1)
    for group in order:
        # The fold that has the least of what this group adds.
        lack = (filled / share) @ sizes[group]
        fold = int(np.lexsort((filled.sum(axis=1), lack))[0])
        fold_of_group[group] = fold
        filled[fold] += sizes[group]
    return fold_of_group[groups]


def splits(fold: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield (rows to train on, rows to judge) for each fold in turn."""
    for number in np.unique(fold):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
