"""The head of a trained bundle: fitted to the embeddings of the training photos, and calibrated.

The bundle's head is not the output unit that Keras trained but the exact optimum of the same problem, L2-regularized
logistic regression on the embeddings of the training photos. Learning from corrections solves that problem again with
the corrections added; with any other head in the bundle, the first correction would change all photos at once, no
matter what it says. Both are measured on the held-out photos, to show what the replacement does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alpacasorter.i18n import _
from alpacasorter.ml.learning.folds import FOLDS, assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import Float, fit_logistic
from alpacasorter.ml.models.head import Calibration, Head
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.data.similarity import Similarity
from alpacasorter.training.measuring import STRENGTHS, OutOfFold, cross_calibrated, log_loss, out_of_fold
from alpacasorter.training.network.convert import CheckFailed

_SPREAD = 216.0
"""Mean squared distance from the mean of the embeddings that STRENGTHS was chosen for: MobileNetV2's of 753 photos."""
_USUAL_STRENGTH = 5.0
_LEAST_STRENGTH = 1e-6
_ENOUGH = 2 * FOLDS
_SEEDS = 3
_RIDGE = 1e-9
_MANY = 1500
_BATCH = 32

Embeddings = npt.NDArray[np.float16]
Targets = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FittedHead:
    """The head that the app will use.

    Attributes:
        head: calibrated.
        l2: regularization it was fitted with.
        rounds: cross-validation on the training photos; empty where there are too few.
    """

    head: Head
    l2: float
    rounds: tuple[OutOfFold, ...]


def embed(store: PhotoStore, rows: npt.NDArray[np.int64], flatbuffer: bytes, check: Callable[[], None]) -> Embeddings:
    """Return the embeddings (n, e) of photos as the app computes and stores them: by LiteRT, rounded to float16.

    Args:
        store: the photos.
        rows: which of them, (n,).
        flatbuffer: the exported network.
        check: called between batches; may raise to stop.

    Raises:
        CheckFailed: an embedding is too large for float16.
    """
    backbone = CpuBackbone(flatbuffer)
    vectors: list[npt.NDArray[np.float32]] = []
    with ThreadPoolExecutor(thread_name_prefix="embed") as pool:
        for _rows, pictures in store.batches(rows, _BATCH):
            check()
            vectors += pool.map(backbone.embed, pictures)
    return rounded(np.stack(vectors))


def rounded(embeddings: npt.NDArray[np.float32]) -> Embeddings:
    """Return embeddings (n, e) rounded to float16, as they are stored.

    Raises:
        CheckFailed: one is too large for float16.
    """
    if not (np.abs(embeddings) < np.finfo(np.float16).max).all():
        raise CheckFailed(
            _(
                "The network's outputs are too large to be stored: its weights don't fit it, or training diverged. "
                "Choose other weights or a smaller learning rate."
            )
        )
    return embeddings.astype(np.float16)


def fit_head(
    embeddings: Embeddings,
    targets: Targets,
    similarity: Similarity,
    *,
    check: Callable[[], None],
    held_out: tuple[Embeddings, Targets] | None = None,
) -> FittedHead:
    """Return the exact, calibrated head for the training photos.

    Regularization and calibration come from cross-validation, with near-duplicates in one fold. If the embedding
    itself was trained on these photos (extra dense layers, a retrained backbone), their out-of-fold logits are too
    optimistic, and the calibration comes from the held-out photos: one scale, which changes none of their labels.

    Args:
        embeddings: float16 (n, e) of the training photos.
        targets: 0 or 1, (n,), with both present.
        similarity: tells which photos are near-duplicates.
        check: called between fits; may raise to stop.
        held_out: embeddings and targets of the held-out photos; given if the embedding itself was trained.
    """
    x = embeddings.astype(np.float64)
    spread = float(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean())
    scale = spread / _SPREAD
    groups = _groups(embeddings, targets, similarity)
    rounds: tuple[OutOfFold, ...] = ()
    if groups is None:
        l2 = max(_USUAL_STRENGTH * scale, _LEAST_STRENGTH)
    else:
        seeds = range(1 if len(x) > _MANY else _SEEDS)
        tried: dict[float, tuple[OutOfFold, ...]] = {}
        losses: dict[float, float] = {}
        for strength in STRENGTHS:
            check()
            l2 = max(strength * scale, _LEAST_STRENGTH)
            tried[l2] = tuple(out_of_fold(x, targets, groups=groups, strata=targets, l2=l2, seed=s) for s in seeds)
            losses[l2] = float(
                np.mean([log_loss(cross_calibrated(r.logits, targets, r.fold), targets) for r in tried[l2]])
            )
        l2 = min(losses, key=lambda l2: losses[l2])
        rounds = tried[l2]
    solution = fit_logistic(x, targets, None, l2)
    if held_out is not None:
        logits = held_out[0].astype(np.float64) @ solution.weights + solution.bias
        calibration = calibrate_modestly([logits], held_out[1])
        rounds = ()
    elif rounds:
        calibration = calibrate_modestly([r.logits for r in rounds], targets)
    else:
        calibration = Calibration()
    return FittedHead(Head(solution.weights, solution.bias, calibration), l2, rounds)


def _groups(embeddings: Embeddings, targets: Targets, similarity: Similarity) -> npt.NDArray[np.int64] | None:
    """Return groups for cross-validation, (n,), or None if there are too few photos for it."""
    if np.bincount(targets, minlength=2).min() < _ENOUGH:
        return None
    groups = groups_of_near_duplicates(embeddings, similarity=similarity.near_duplicate)
    for seed in range(_SEEDS):
        fold = assign_folds(groups, targets, seed=seed)
        if len(np.unique(fold)) < FOLDS or any(len(np.unique(targets[train])) < 2 for train, _ in splits(fold)):
            # To this network all photos look alike: keeping them together would leave nothing to train on.
            return np.arange(len(targets), dtype=np.int64)
    return groups


def calibrate_modestly(rounds: Sequence[Float], targets: Targets) -> Calibration:
    """Return the scale by which logits fit the targets best; the offset is 0, so that no label changes.

    A few dozen photos may be classified without a mistake, and then no scale is large enough. So each class counts as
    if one more of its photos had been classified correctly and one wrongly, which is Platt's rule: 60 photos without a
    mistake make a model that is 97% sure of them, not one that is certain.

    Args:
        rounds: logits (n,) of the same photos, each from a head that was not fitted to them.
        targets: of the photos, 0 or 1, (n,).
    """
    counts = np.bincount(targets, minlength=2).astype(np.float64)
    share = np.where(targets == 1, (counts[1] + 1.0) / (counts[1] + 2.0), 1.0 / (counts[0] + 2.0))
    logits = np.concatenate(rounds)
    weights = np.tile(share, len(rounds)) / len(rounds)
    rest = 1.0 / len(rounds) - weights
    # Each photo and its mirror image: by symmetry the best offset of these is 0.
    x = np.concatenate([logits, logits, -logits, -logits])[:, np.newaxis]
    y = np.repeat([1, 0, 0, 1], len(logits))
    found = fit_logistic(x, y, np.concatenate([weights, rest, weights, rest]), _RIDGE)
    scale = float(found.weights[0])
    return Calibration(scale, 0.0) if scale > 0 else Calibration()
