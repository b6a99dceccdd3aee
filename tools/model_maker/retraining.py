"""Retrains the last blocks of a backbone, and measures how good the result is.

In each fold of the cross-validation, the blocks are retrained without the photos that are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.evaluation.metrics import BINS, auc, measure
from alpacasorter.ml.learning.folds import FOLDS, assign_folds, groups_of_near_duplicates, splits
from alpacasorter.ml.learning.logistic import Float, fit_logistic
from alpacasorter.ml.models.head import Calibration, sigmoid
from alpacasorter.training.data.dataset import Dataset, DatasetError, Example
from alpacasorter.training.measuring import (
    OutOfFold,
    article_order,
    cross_calibrated,
    fit_calibration,
    judged,
    mean_figures,
)
from alpacasorter.training.network.backbones import build_backbone, load_backbone
from alpacasorter.training.network.classifier import with_focus
from alpacasorter.training.network.weights import set_weights
from tools.model_maker.feature_maps import FeatureMaps, compute_maps
from tools.model_maker.last_blocks import LastBlocks, Plan
from tools.model_maker.tasks import Task, TaskResult, TaskRunner

ARTICLE_SEEDS: Final = (42, 0, 1)
_ARTICLE_SHARE: Final = 0.2
_FINAL_SEED: Final = 7

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Photos:
    """The photos of the dataset.

    Attributes:
        examples: where they are.
        targets: 0 or 1, (n,).
    """

    examples: tuple[Example, ...]
    targets: npt.NDArray[np.int64]

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the data folders, in order."""
        return tuple(dict.fromkeys(example.source for example in self.examples))

    def of_source(self, source: str) -> npt.NDArray[np.bool_]:
        """Return a mask of the photos in the data folder of this name, (n,)."""
        return np.array([example.source == source for example in self.examples], dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Retrained:
    """A retrained backbone.

    Attributes:
        network: the focused Keras backbone with its new weights.
        weights: of the output unit that was trained with it, (c,).
        bias: of the output unit, already corrected, see `_offset`.
        calibration: of their logits.
        quality: the figures for model.json.
    """

    network: Any
    weights: Float
    bias: float
    calibration: Calibration
    quality: dict[str, Any]


def retrain(
    dataset: Dataset,
    lookalikes: tuple[Path, ...],
    *,
    backbone: str,
    side: int,
    plan: Plan,
    seeds: int,
    work: Path,
    kinds: Mapping[str, str],
    say: Say,
) -> Retrained:
    """Retrain the last blocks on all photos, and in folds to measure how good that is.

    Takes about half an hour for 750 photos on two cores. Results are kept in the folder `work`; a second call uses
    them.

    Args:
        dataset: what to train on.
        lookalikes: photos that are only embedded, for experiments with corrections.
        backbone: the pretrained weights, as for `load_backbone`.
        side: width and height of the model's input, pixels.
        plan: how to retrain.
        seeds: rounds of cross-validation.
        work: folder for the results of each retraining.
        kinds: kind of photo by file name without suffix, for figures by kind.
        say: called with a sentence after each step.

    Raises:
        DatasetError: a photo can't be read, or `work` belongs to other photos.
    """
    work.mkdir(parents=True, exist_ok=True)
    network = load_backbone("mobilenet_v2", backbone, side)
    targets = np.array([example.target for example in dataset.examples], dtype=np.int64)
    runner = TaskRunner(work, backbone, side, targets, plan)
    paths = [*(example.path for example in dataset.examples), *lookalikes]
    maps = runner.stored_maps() or _new_maps(runner, paths, network, say)
    if len(maps.readable) != len(paths) or not maps.readable.all():
        raise DatasetError(f"A photo can't be read, or {work} belongs to other photos. Remove either and try again.")
    photos = Photos(dataset.examples, targets)
    focused = with_focus(network)
    plain = LastBlocks(focused).embed(maps.large[: len(targets), 0])
    groups = groups_of_near_duplicates(plain)
    folds, in_folds = fold_tasks(photos, groups, seeds)
    judged_rows, on_splits = _split_tasks(photos)
    on_all = Task("all", np.arange(len(targets)), _FINAL_SEED, with_network=True)
    say(f"{len(in_folds)} retrainings in folds, {len(on_splits)} on the article's split and one on all photos")
    # Together, because starting the processes takes longer than some tasks.
    *done, final = runner.run([*in_folds, *on_splits, on_all], say=say)
    results, split_results = done[: len(in_folds)], done[len(in_folds) :]
    rounds = [(fold, results[FOLDS * seed : FOLDS * (seed + 1)]) for seed, fold in enumerate(folds)]
    logits = [_out_of_fold(fold, of_round) for fold, of_round in rounds]
    offset = _offset(np.concatenate(logits), np.tile(targets, seeds))
    calibration = fit_calibration(np.concatenate(logits) + offset, np.tile(targets, seeds))
    judgments = [OutOfFold(fold, _with_offsets(each, targets, fold)) for fold, each in zip(folds, logits, strict=True)]
    counts = np.bincount(groups)
    quality: dict[str, Any] = {
        "protocol": {
            "folds": FOLDS,
            "seeds": seeds,
            "ece_bins": BINS,
            "near_duplicates": {"photos": int(counts[counts > 1].sum()), "groups": int((counts > 1).sum())},
        },
        "out_of_fold": _figures(photos, judgments),
        "by_kind": _by_kind(photos, judgments, kinds),
        "article_split": _article_split(photos, judged_rows, split_results, offset),
        "plan": asdict(plan),
    }
    set_weights(focused, final.network, origin="the retrained network")
    return Retrained(focused, final.weights, final.bias + offset, calibration, quality)


def fold_tasks(
    photos: Photos, groups: npt.NDArray[np.int64], seeds: int
) -> tuple[list[npt.NDArray[np.int64]], list[Task]]:
    """Return the fold of each photo for each round, and the tasks that leave out one fold each, in order.

    Args:
        photos: the photos.
        groups: of near-duplicates, (n,); each group is kept in one fold.
        seeds: rounds.
    """
    strata = photos.targets + 2 * np.array([photos.sources.index(example.source) for example in photos.examples])
    folds = [assign_folds(groups, strata, seed=seed) for seed in range(seeds)]
    tasks = [
        Task(f"round{seed}-fold{number}", train, 100 * seed + number)
        for seed, fold in enumerate(folds)
        for number, (train, _judge) in enumerate(splits(fold))
    ]
    return folds, tasks


def half_size(network: Any, side: int) -> Any:
    """Return a MobileNetV2 for pictures of half the side, with the weights of `network`."""
    half = build_backbone("mobilenet_v2", side // 2)
    half.set_weights(network.get_weights())
    return half


def _new_maps(runner: TaskRunner, paths: list[Path], network: Any, say: Say) -> FeatureMaps:
    say(f"computing feature maps of {len(paths)} photos in many views")
    maps = compute_maps(paths, network, half_size(network, runner.side), file=runner.large_file)
    runner.store_maps(maps)
    return maps


def _out_of_fold(fold: npt.NDArray[np.int64], results: list[TaskResult]) -> Float:
    """Return the logit of each photo of the dataset, (n,), from the network that was not trained on it."""
    logits = np.empty(len(fold))
    for (_train, judge), result in zip(splits(fold), results, strict=True):
        logits[judge] = result.logits()[judge]
    return logits


def _offset(logits: Float, targets: npt.NDArray[np.int64]) -> float:
    """Return what to add to out-of-fold logits (n,) so that even odds are at 0.

    Scenes show the positive class more often than the photos do, so the output unit is biased toward it.
    """
    found = fit_logistic(logits[:, np.newaxis], targets, None, 1e-3)
    scale = float(found.weights[0])
    return found.bias / scale if scale > 0 else 0.0


def _with_offsets(logits: Float, targets: npt.NDArray[np.int64], fold: npt.NDArray[np.int64]) -> Float:
    """Return out-of-fold logits (n,) plus the offset, which for each fold comes from the others."""
    corrected = np.empty(len(logits))
    for train, judge in splits(fold):
        corrected[judge] = logits[judge] + _offset(logits[train], targets[train])
    return corrected


def _figures(photos: Photos, judgments: list[OutOfFold]) -> dict[str, Any]:
    figures = {"all": mean_figures([judged(each, photos.targets) for each in judgments])}
    for source in photos.sources:
        pick = photos.of_source(source)
        figures[source] = mean_figures([judged(each, photos.targets, pick) for each in judgments])
    return figures


def _by_kind(photos: Photos, judgments: list[OutOfFold], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return, for each kind of photo, how many there are and what share is correct out of fold."""
    kind = np.array([kinds.get(example.path.stem, "") for example in photos.examples])
    right = np.mean(
        [
            (cross_calibrated(each.logits, photos.targets, each.fold) >= 0.5) == (photos.targets == 1)
            for each in judgments
        ],
        axis=0,
    )
    names = [name for name in dict.fromkeys(kind.tolist()) if name]
    return {
        name: {"n": int((kind == name).sum()), "right": round(float(right[kind == name].mean()), 4)} for name in names
    }


def _split_tasks(photos: Photos) -> tuple[list[npt.NDArray[np.int64]], list[Task]]:
    """Return the held-out rows of the article's splits of the first data folder, and the tasks without them.

    All other photos are trained on, also near-duplicates of those held out.
    """
    rows = article_order(photos.examples, photos.of_source(photos.sources[0]))
    count = int(_ARTICLE_SHARE * len(rows))
    held_out: list[npt.NDArray[np.int64]] = []
    tasks: list[Task] = []
    for seed in ARTICLE_SEEDS if count else ():
        shuffled = rows.copy()
        np.random.RandomState(seed).shuffle(shuffled)
        held_out.append(shuffled[-count:])
        training = np.setdiff1d(np.arange(len(photos.targets)), held_out[-1])
        tasks.append(Task(f"split{seed}", training, 1000 + seed))
    return held_out, tasks


def _article_split(
    photos: Photos, held_out: list[npt.NDArray[np.int64]], results: list[TaskResult], offset: float
) -> dict[str, Any]:
    """Return the figures of the article's splits, by the name of the first data folder; empty without splits."""
    figures = []
    for result, judge in zip(results, held_out, strict=True):
        logits = result.logits()[judge] + offset
        measured = measure(photos.targets[judge], np.asarray(sigmoid(logits), dtype=np.float64))
        figures.append(replace(measured, ece=None, auc=auc(photos.targets[judge], logits)))
    if not figures:
        return {}
    mean = {**mean_figures(figures), "accuracy_seed_42": mean_figures(figures[:1])["accuracy"]}
    return {photos.sources[0]: mean}
