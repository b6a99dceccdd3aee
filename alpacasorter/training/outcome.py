"""The head of a trained bundle, calibrated.

If only the head was trained, the bundle's head is not the output unit that Keras trained but the exact optimum of the
same problem: L2-regularized logistic regression on the embeddings of the training photos. No number of epochs does
better. Whether photos varied by augmentation are learned too is decided by cross-validation on the photos as they are:
on a frozen backbone they seldom help (docs/decisions/0016-what-the-training-switches-are-worth.md).

If the embedding itself was trained, by extra dense layers or by retraining the backbone, it separates the photos that
it was trained on too well: an optimum for them says little about others. Then the head is the output unit that was
trained together with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from alpacasorter.i18n import _
from alpacasorter.ml.learning.folds import FOLDS, assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import Float, fit_logistic
from alpacasorter.ml.models.head import Calibration, Head
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.data.similarity import Similarity
from alpacasorter.training.measuring import STRENGTHS, OutOfFold, cross_calibrated, fit_views, log_loss, out_of_fold
from alpacasorter.training.network.convert import CheckFailed

_SPREAD = 216.0
"""Mean squared distance from the mean of the embeddings that STRENGTHS was chosen for: MobileNetV2's of 753 photos."""
_USUAL_STRENGTH = 5.0
_TRAINED_STRENGTH = 32.0
"""How strongly learning holds on to a head that was trained together with its embedding (decision 6)."""
MAX_SAMPLES: Final = 3000
"""Photos times views up to which augmented views are tried in cross-validation: it takes minutes beyond that."""
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
        l2: regularization it was fitted with, and with which learning departs from it.
        rounds: cross-validation on the training photos; empty where there are too few, or the embedding was trained.
        varied: whether it was fitted to augmented views too; None if that was not tried.
    """

    head: Head
    l2: float
    rounds: tuple[OutOfFold, ...]
    varied: bool | None = None


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
    views: Sequence[Embeddings] = (),
) -> FittedHead:
    """Return the exact, calibrated head for the training photos, on an embedding that was not trained on them.

    Regularization and calibration come from cross-validation, with near-duplicates in one fold, and so does whether
    the augmented views are used.

    Args:
        embeddings: float16 (n, e) of the training photos.
        targets: 0 or 1, (n,), with both present.
        similarity: tells which photos are near-duplicates.
        check: called between fits; may raise to stop.
        views: embeddings of the same photos after augmentation, each (n, e).
    """
    x = embeddings.astype(np.float64)
    scale = _scale(x)
    groups = _groups(embeddings, targets, similarity)
    if groups is None:
        l2 = max(_USUAL_STRENGTH * scale, _LEAST_STRENGTH)
        solution = fit_logistic(x, targets, None, l2)
        return FittedHead(Head(solution.weights, solution.bias), l2, ())
    seeds = range(1 if len(x) * (len(views) + 1) > _MANY else _SEEDS)
    tried: dict[tuple[float, bool], tuple[OutOfFold, ...]] = {}
    losses: dict[tuple[float, bool], float] = {}

    def attempt(l2: float, varied: bool) -> None:
        check()
        given = [view.astype(np.float64) for view in views] if varied else []
        tried[l2, varied] = tuple(
            out_of_fold(x, targets, groups=groups, strata=targets, l2=l2, seed=seed, views=given) for seed in seeds
        )
        losses[l2, varied] = float(
            np.mean([log_loss(cross_calibrated(r.logits, targets, r.fold), targets) for r in tried[l2, varied]])
        )

    strengths = [max(strength * scale, _LEAST_STRENGTH) for strength in STRENGTHS]
    for l2 in strengths:
        attempt(l2, False)
    l2 = min(losses, key=lambda choice: losses[choice])[0]
    if views and len(x) * (len(views) + 1) <= MAX_SAMPLES:
        # With views, the best regularization is about the same.
        place = strengths.index(l2)
        for near in strengths[max(0, place - 1) : place + 2]:
            attempt(near, True)
    choice = min(losses, key=lambda choice: losses[choice])
    l2, varied = choice
    solution = fit_views([x, *(view.astype(np.float64) for view in views)] if varied else [x], targets, l2)
    calibration = calibrate_modestly([r.logits for r in tried[choice]], targets)
    was_tried = any(with_views for _l2, with_views in tried)
    return FittedHead(
        Head(solution.weights, solution.bias, calibration), l2, tried[choice], varied if was_tried else None
    )


def trained_head(
    weights: Float, bias: float, embeddings: Embeddings, held_out: tuple[Embeddings, Targets]
) -> FittedHead:
    """Return the output unit that was trained together with the embedding, calibrated.

    It is calibrated on the held-out photos, because logits of photos that the embedding was trained on are too
    optimistic: one scale, which changes none of their labels.

    Args:
        weights, bias: of the unit; weights float (e,).
        embeddings: float16 (n, e) of the training photos.
        held_out: embeddings and targets of the held-out photos.
    """
    found, targets = held_out
    head = Head(np.asarray(weights, dtype=np.float64), float(bias))
    calibration = calibrate_modestly([head.logits(found.astype(np.float64))], targets)
    l2 = max(_TRAINED_STRENGTH * _scale(embeddings.astype(np.float64)), _LEAST_STRENGTH)
    return FittedHead(replace(head, calibration=calibration), l2, ())


def plain_head(embeddings: npt.NDArray[np.floating], targets: Targets) -> Head:
    """Return the exact head of the usual regularization, not calibrated, for embeddings (n, e) and targets (n,)."""
    x = embeddings.astype(np.float64)
    found = fit_logistic(x, targets, None, max(_USUAL_STRENGTH * _scale(x), _LEAST_STRENGTH))
    return Head(found.weights, found.bias)


def _scale(x: Float) -> float:
    """Return by how much regularization must be stronger for embeddings (n, e) than for MobileNetV2's."""
    return float(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean()) / _SPREAD


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
