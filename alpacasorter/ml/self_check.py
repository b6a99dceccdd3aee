"""Before and after, honestly: how right the head is on the user's own corrections, each judged without it.

A head is right on what it has just been told, so that says nothing. Here each correction is judged by a head that has
learned from the others only; and not from those of the same scene either, for a burst would answer for itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from alpacasorter.core.versions import SelfCheck
from alpacasorter.ml.folds import SIMILARITY, assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning import Learner

ALL_ALONE = 20
"""Up to this many scenes, each is left out by itself; beyond, they are left out in FOLDS parts."""
FOLDS = 10

_SEED = 0


def self_check(
    learner: Learner,
    embeddings: npt.NDArray[np.floating],
    labels: npt.NDArray[np.uint8],
    *,
    threshold: float,
    similarity: float = SIMILARITY,
    stopped: Callable[[], bool] = lambda: False,
) -> SelfCheck | None:
    """Return how right the head is on these corrections, before and after learning; the same every time.

    Args:
        learner: learns from parts of them; one that is used for nothing else, so that the last digits don't depend on
            what it did before.
        embeddings: of the corrected photos, float (n, embedding size).
        labels: what the user said, uint8 (n,), 1 for the positive class.
        threshold: probability from which a photo counts as positive.
        similarity: cosine of two embeddings from which photos count as shots of one scene.
        stopped: asked before each part; where it is true, None is returned.

    Raises:
        ValueError: shapes, labels or embeddings are not as `Learner.learn` wants them.
    """
    said = labels.astype(np.bool_)

    def right(learned: npt.NDArray[np.int64], judged: npt.NDArray[np.int64]) -> int:
        head = learner.learn(embeddings[learned], labels[learned])
        return int(((head.probability(embeddings[judged]) >= threshold) == said[judged]).sum())

    everyone, nobody = np.arange(len(labels)), np.arange(0)
    if stopped():
        return None
    before = right(nobody, everyone)
    still_wrong = len(labels) - right(everyone, everyone)
    scenes = groups_of_near_duplicates(embeddings, similarity=similarity)
    count = int(scenes.max(initial=-1)) + 1
    if count < 2:
        return SelfCheck(len(labels), before, None, still_wrong)
    folds = scenes if count <= ALL_ALONE else assign_folds(scenes, labels.astype(np.int64), seed=_SEED, folds=FOLDS)
    after = 0
    for learned, judged in splits(folds):
        if stopped():
            return None
        after += right(learned, judged)
    return SelfCheck(len(labels), before, after, still_wrong)
