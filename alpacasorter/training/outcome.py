"""From a trained network to a bundle: the app's own head on its embeddings, calibrated, with honest figures.

The bundle's head is not the unit that Keras trained but the exact optimum of the same problem, L2-regularised logistic
regression on the embeddings of the photos trained on. Learning from corrections solves that problem again with the
corrections added; were the shipped head another one, the first correction would change all photos at once, whatever it
said. Both are measured on the photos held out, so that one sees what the exchange does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.folds import FOLDS, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import Float, fit_logistic
from alpacasorter.ml.models.head import Calibration, Head
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.measuring import (
    STRENGTHS,
    CheckFailed,
    Likeness,
    OutOfFold,
    cross_calibrated,
    log_loss,
    out_of_fold,
)

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
        l2: regularisation it was fitted with.
        rounds: cross-validation of the photos trained on; empty where they are too few.
    """

    head: Head
    l2: float
    rounds: tuple[OutOfFold, ...]


def embed(store: PhotoStore, rows: npt.NDArray[np.int64], flatbuffer: bytes, look: Callable[[], None]) -> Embeddings:
    """Return the embeddings (n, e) of these photos as the app will compute and keep them, by LiteRT and rounded.

    Args:
        store: the photos.
        rows: which.
        flatbuffer: the exported network.
        look: called now and then; may raise to end it.

    Raises:
        CheckFailed: an embedding holds numbers that can't be kept.
    """
    backbone = CpuBackbone(flatbuffer)
    vectors: list[npt.NDArray[np.float32]] = []
    with ThreadPoolExecutor(thread_name_prefix="embed") as pool:
        for _, pictures in store.batches(rows, _BATCH):
            look()
            vectors += pool.map(backbone.embed, pictures)
    return rounded(np.stack(vectors))


def rounded(embeddings: npt.NDArray[np.float32]) -> Embeddings:
    """Return embeddings as they are kept.

    Raises:
        CheckFailed: they hold numbers that can't be kept.
    """
    if not (np.abs(embeddings) < np.finfo(np.float16).max).all():
        raise CheckFailed(
            "The network gives numbers too large to be kept. Its weights do not fit it, or it did not learn; choose "
            "other weights or a smaller learning rate."
        )
    return embeddings.astype(np.float16)


def fit_head(
    embeddings: Embeddings,
    targets: Targets,
    likeness: Likeness,
    *,
    look: Callable[[], None],
    held_out: tuple[Embeddings, Targets] | None = None,
) -> FittedHead:
    """Return the exact and calibrated head for the photos trained on.

    Regularisation and calibration come from cross-validation, with near-duplicates in one fold. Where the embedding
    itself was trained on these photos (further dense layers, a retrained backbone), their out-of-fold logits are
    too good to be true, and the calibration comes from the photos held out: one number, which changes no label of them.

    Args:
        embeddings: float16 (n, e) of the photos trained on.
        targets: 0 or 1, (n,), both there.
        likeness: from which cosine photos are near-duplicates.
        look: called now and then; may raise to end it.
        held_out: embeddings and targets of the photos held out, given where the embedding itself was trained.
    """
    x = embeddings.astype(np.float64)
    spread = float(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean())
    scale = spread / _SPREAD
    groups = _groups(embeddings, targets, likeness)
    rounds: tuple[OutOfFold, ...] = ()
    if groups is None:
        l2 = max(_USUAL_STRENGTH * scale, _LEAST_STRENGTH)
    else:
        seeds = range(1 if len(x) > _MANY else _SEEDS)
        tried: dict[float, tuple[OutOfFold, ...]] = {}
        losses: dict[float, float] = {}
        for strength in STRENGTHS:
            look()
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


def _groups(embeddings: Embeddings, targets: Targets, likeness: Likeness) -> npt.NDArray[np.int64] | None:
    """Return groups for cross-validation (n,), or None where the photos are too few for it."""
    if np.bincount(targets, minlength=2).min() < _ENOUGH:
        return None
    from alpacasorter.ml.learning.folds import assign_folds

    groups = groups_of_near_duplicates(embeddings, similarity=likeness.near_duplicate)
    for seed in range(_SEEDS):
        fold = assign_folds(groups, targets, seed=seed)
        if len(np.unique(fold)) < FOLDS or any(len(np.unique(targets[train])) < 2 for train, _ in splits(fold)):
            # All photos are alike to this network: keeping them together would leave nothing to train on.
            return np.arange(len(targets), dtype=np.int64)
    return groups


def calibrate_modestly(rounds: Sequence[Float], targets: Targets) -> Calibration:
    """Return the scale by which logits fit targets 0/1 (n,) best; the offset is 0, so that no label changes.

    Dozens of photos may well be told apart without a mistake, and then no scale is large enough. So each class counts
    as if one more of its photos had been called rightly and one wrongly, which is Platt's rule: 60 photos without a
    mistake make a model that is 97 % sure of them, and not one that is certain.

    Args:
        rounds: logits (n,) of the same photos by one head or several that did not learn from them.
        targets: what the photos are.
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
