"""A backbone whose last blocks were retrained, with everything that was measured on the way.

What is measured is the whole of it: in each fold the blocks are retrained anew, without the photos that are judged.
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
from alpacasorter.training.network.backbones import load_backbone
from alpacasorter.training.network.classifier import with_focus
from alpacasorter.training.network.weights import set_weights
from tools.model_maker.front import FrontMaps, front_maps
from tools.model_maker.tail import Plan, Tail
from tools.model_maker.tail_jobs import Job, Outcome, Shop, small_network

ARTICLE_SEEDS: Final = (42, 0, 1)
_ARTICLE_SHARE: Final = 0.2
_FINAL_SEED: Final = 7

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Photos:
    """The photos of the dataset.

    Attributes:
        examples: of the dataset.
        targets: 0 or 1, (n,).
    """

    examples: tuple[Example, ...]
    targets: npt.NDArray[np.int64]

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the data folders, in order."""
        return tuple(dict.fromkeys(example.source for example in self.examples))

    def of_source(self, source: str) -> npt.NDArray[np.bool_]:
        """Return which photos of the dataset came with a data folder, (n,)."""
        return np.array([example.source == source for example in self.examples], dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Retrained:
    """What `retrain` returns.

    Attributes:
        network: the focused Keras backbone with its new weights.
        weights, bias: of the output unit that was trained with it; the bias already corrected, see `_centred`.
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
    """Retrain the last blocks on all photos, and in folds to know how good that is.

    Takes about half an hour for 750 photos on two cores. What is done is kept in the folder `work`.

    Args:
        dataset: what to train on.
        lookalikes: photos that are only embedded, for experiments with corrections.
        backbone: source of the pre-trained weights, as `load_backbone` takes it.
        side: pixels a side of the model's input.
        plan: how to retrain.
        seeds: rounds of cross-validation.
        work: folder to keep what is done in.
        kinds: kind of photo by the name of the file without its ending, for figures by kind.
        say: is told how far it is.
    """
    work.mkdir(parents=True, exist_ok=True)
    network = load_backbone("mobilenet_v2", backbone, side)
    targets = np.array([example.target for example in dataset.examples], dtype=np.int64)
    shop = Shop(work, backbone, side, targets, plan)
    paths = [*(example.path for example in dataset.examples), *lookalikes]
    maps = shop.stored_maps() or _new_maps(shop, paths, network, say)
    if len(maps.readable) != len(paths) or not maps.readable.all():
        raise DatasetError(
            f"A photo could not be read, or {work} belongs to other photos; remove either and try again."
        )
    photos = Photos(dataset.examples, targets)
    focused = with_focus(network)
    plain = Tail(focused).embed(maps.large[: len(targets), 0])
    groups = groups_of_near_duplicates(plain)
    folds, jobs = fold_jobs(photos, groups, seeds)
    say(f"{len(jobs)} retrainings in folds, then {len(ARTICLE_SEEDS)} on the article's split and one on all photos")
    done = shop.do(jobs, tell=say)
    rounds = [(fold, done[FOLDS * seed : FOLDS * (seed + 1)]) for seed, fold in enumerate(folds)]
    logits = [_out_of_fold(fold, outcomes) for fold, outcomes in rounds]
    offset = _centred(np.concatenate(logits), np.tile(targets, seeds))
    calibration = fit_calibration(np.concatenate(logits) + offset, np.tile(targets, seeds))
    judgements = [
        OutOfFold(fold, _centred_across(each, targets, fold)) for (fold, _), each in zip(rounds, logits, strict=True)
    ]
    counts = np.bincount(groups)
    quality: dict[str, Any] = {
        "protocol": {
            "folds": FOLDS,
            "seeds": seeds,
            "ece_bins": BINS,
            "near_duplicates": {"photos": int(counts[counts > 1].sum()), "groups": int((counts > 1).sum())},
        },
        "out_of_fold": _figures(photos, judgements),
        "by_kind": _by_kind(photos, judgements, kinds),
        "article_split": _article_split(shop, photos, offset, say),
        "plan": asdict(plan),
    }
    final = shop.do([Job("all", np.arange(len(targets)), _FINAL_SEED)], with_network=True, tell=say)[0]
    set_weights(focused, final.network, origin="the retrained network")
    return Retrained(focused, final.weights, final.bias + offset, calibration, quality)


def fold_jobs(
    photos: Photos, groups: npt.NDArray[np.int64], seeds: int
) -> tuple[list[npt.NDArray[np.int64]], list[Job]]:
    """Return the fold of each photo, round by round, and the retrainings that leave out one fold each, in order."""
    strata = photos.targets + 2 * np.array([photos.sources.index(example.source) for example in photos.examples])
    folds = [assign_folds(groups, strata, seed=seed) for seed in range(seeds)]
    jobs = [
        Job(f"round{seed}-fold{number}", train, 100 * seed + number)
        for seed, fold in enumerate(folds)
        for number, (train, _) in enumerate(splits(fold))
    ]
    return folds, jobs


def _new_maps(shop: Shop, paths: list[Path], network: Any, say: Say) -> FrontMaps:
    say(f"looking at {len(paths)} photos in many views")
    maps = front_maps(paths, network, small_network(network, shop.side), file=shop.large_file)
    shop.store_maps(maps)
    return maps


def _out_of_fold(fold: npt.NDArray[np.int64], outcomes: list[Outcome]) -> Float:
    """Return the logit of each photo of the dataset, (n,), by the outcome that was not trained on it."""
    logits = np.empty(len(fold))
    for (_, judge), outcome in zip(splits(fold), outcomes, strict=True):
        logits[judge] = outcome.logits()[judge]
    return logits


def _centred(logits: Float, targets: npt.NDArray[np.int64]) -> float:
    """Return what to add to logits (n,) so that the even odds of a photo the network has not seen are at 0.

    Scenes hold more of the positive class than the photos do, so the output unit comes out too fond of it.
    """
    found = fit_logistic(logits[:, np.newaxis], targets, None, 1e-3)
    scale = float(found.weights[0])
    return found.bias / scale if scale > 0 else 0.0


def _centred_across(logits: Float, targets: npt.NDArray[np.int64], fold: npt.NDArray[np.int64]) -> Float:
    """Return out-of-fold logits (n,), each fold centred by the others: an honest error."""
    centred = np.empty(len(logits))
    for train, judge in splits(fold):
        centred[judge] = logits[judge] + _centred(logits[train], targets[train])
    return centred


def _figures(photos: Photos, judgements: list[OutOfFold]) -> dict[str, Any]:
    figures = {"all": mean_figures([judged(each, photos.targets) for each in judgements])}
    for source in photos.sources:
        pick = photos.of_source(source)
        figures[source] = mean_figures([judged(each, photos.targets, pick) for each in judgements])
    return figures


def _by_kind(photos: Photos, judgements: list[OutOfFold], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return, for each kind of photo, how many there are and which share is judged right out of fold."""
    kind = np.array([kinds.get(example.path.stem, "") for example in photos.examples])
    right = np.mean(
        [
            (cross_calibrated(each.logits, photos.targets, each.fold) >= 0.5) == (photos.targets == 1)
            for each in judgements
        ],
        axis=0,
    )
    names = [name for name in dict.fromkeys(kind.tolist()) if name]
    return {
        name: {"n": int((kind == name).sum()), "right": round(float(right[kind == name].mean()), 4)} for name in names
    }


def _article_split(shop: Shop, photos: Photos, offset: float, say: Say) -> dict[str, Any]:
    """Judge the first data folder by the article's rule, trained on all other photos; it lets near-duplicates cross."""
    found: dict[str, Any] = {}
    source = photos.sources[0]
    rows = article_order(photos.examples, photos.of_source(source))
    held = int(_ARTICLE_SHARE * len(rows))
    if not held:
        return found
    jobs, judges = [], []
    for seed in ARTICLE_SEEDS:
        shuffled = rows.copy()
        np.random.RandomState(seed).shuffle(shuffled)
        judge = shuffled[-held:]
        judges.append(judge)
        jobs.append(Job(f"split{seed}", np.setdiff1d(np.arange(len(photos.targets)), judge), 1000 + seed))
    results = []
    for outcome, judge in zip(shop.do(jobs, tell=say), judges, strict=True):
        logits = outcome.logits()[judge] + offset
        figures = measure(photos.targets[judge], np.asarray(sigmoid(logits), dtype=np.float64))
        results.append(replace(figures, ece=None, auc=auc(photos.targets[judge], logits)))
    found[source] = {**mean_figures(results), "accuracy_seed_42": mean_figures(results[:1])["accuracy"]}
    return found
