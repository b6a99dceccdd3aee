"""How good a way of training is on photos from sources it has never seen: the figures of the model card.

In each round of cross-validation every photo is judged by a model that was trained without its source and without its
near-duplicates. Probabilities are calibrated on the other folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from alpacasorter.ml.evaluation.metrics import auc, log_loss
from alpacasorter.ml.learning.logistic import Float, fit_logistic
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Calibration, sigmoid
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training.data.dataset import embed_photos
from tools.model_maker.photo_table import LABELED, Integers, Mask, PhotoTable

BINS: Final = 15
_RIDGE: Final = 1e-3
_NEW: Final = "extra"
_DRAWS: Final = 1000
_INTERVAL: Final = (2.5, 97.5)

KINDS: Final = {
    "dark alpacas": "dark",
    "shorn alpacas": "shorn",
    "young alpacas (crias)": "cria",
    "alpacas with people": "people",
    "alpacas far away": "far",
    "alpacas behind bars or wire": "bars",
    "alpacas in knitwear or harness": "coat",
}
"""Kinds of photos of alpacas and look-alikes, by their names in `benchmarks/camelids.csv`."""
OTHER_KINDS: Final = {
    "camels": ("camel",),
    "dogs": ("dog",),
    "goats": ("goat",),
    "sheep": ("sheep",),
    "other animals (all animals of `more`)": ("other animals", "other_animal"),
    "toys": ("toy",),
    "people and food": ("people and food", "food"),
    "outdoors and other": ("outdoors and other", "outdoor", "other"),
}
"""Kinds of all other photos, by their names in the two tables of kinds."""

Figures = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Round:
    """One round of cross-validation.

    Attributes:
        fold: in which each photo was judged, (n,).
        logits: out of fold, (n, variants), not calibrated.
    """

    fold: Integers
    logits: Float


def fit_platt(logits: Float, targets: Integers) -> Calibration:
    """Return the scale and offset by which logits (n,) fit targets 0/1 (n,) with maximum likelihood.

    The offset is needed because scenes show the positive class more often than photos do. Each class counts by the root
    of its size: the result is for folders between those here, with a quarter alpacas, and one with as many alpacas as
    others. Fitted to all photos alike, it would be for ours, and miss more alpacas elsewhere.
    """
    counts = np.bincount(targets, minlength=2)
    weights = 1.0 / np.sqrt(np.maximum(counts, 1))[targets]
    weights *= len(targets) / weights.sum()
    found = fit_logistic(logits[:, np.newaxis], targets, weights, _RIDGE)
    scale = float(found.weights[0])
    return Calibration(scale, found.bias) if scale > 0 else Calibration()


def out_of_fold_probabilities(logits: Float, targets: Integers, fold: Integers, fitted: Mask) -> Float:
    """Return probabilities (n,) for out-of-fold logits (n,), each fold calibrated on the others.

    Args:
        logits: not calibrated, (n,).
        targets: 0 or 1 where `fitted`, (n,).
        fold: in which each photo was judged, (n,).
        fitted: the photos that calibration is fitted to, (n,).
    """
    probabilities = np.empty(len(logits))
    for number in np.unique(fold):
        others = fitted & (fold != number)
        calibration = fit_platt(logits[others], targets[others])
        judged = fold == number
        probabilities[judged] = sigmoid(calibration.scale * logits[judged] + calibration.offset)
    return probabilities


def equal_mass_error(targets: Integers, probabilities: Float, *, bins: int = BINS) -> float:
    """Return the expected calibration error over bins that have equally many photos.

    Args:
        targets: 0 or 1, (n,).
        probabilities: of 1, (n,).
        bins: how many.
    """
    order = np.argsort(probabilities, kind="stable")
    gaps = [
        abs(float((targets[part] - probabilities[part]).sum())) for part in np.array_split(order, bins) if len(part)
    ]
    return sum(gaps) / len(targets)


def measure(photos: PhotoTable, rounds: Sequence[Round], groups: Integers) -> Figures:
    """Return the figures of a way of training, means over the rounds.

    Args:
        photos: all photos.
        rounds: of cross-validation.
        groups: the photos of one group are never on both sides of a split, (n,); intervals draw whole groups.
    """
    labels = photos.in_alpaca_folder
    usual = [out_of_fold_probabilities(each.logits[:, 0], labels, each.fold, photos.labeled) for each in rounds]
    logits = [each.logits[:, 0] for each in rounds]
    parts: dict[str, Mask] = {"all": photos.labeled}
    parts |= {name: photos.labeled & photos.under(name) for name in LABELED}
    parts["without the llamas among them"] = photos.labeled & ~photos.llamas & ~photos.of_species("none")
    figures: Figures = {
        name: _figures(labels, usual, logits, rows, groups if name == "all" else None) for name, rows in parts.items()
    }
    return {"out_of_fold": figures, "by_kind": _by_kind(photos, usual), "variants": _variants(photos, rounds, groups)}


def _figures(
    labels: Integers, probabilities: Sequence[Float], logits: Sequence[Float], rows: Mask, groups: Integers | None
) -> Figures:
    functions: dict[str, Callable[[Mask | Integers, int], float]] = {
        "accuracy": lambda pick, k: float(((probabilities[k][pick] >= 0.5) == (labels[pick] == 1)).mean()),
        "balanced_accuracy": lambda pick, k: _balanced(labels[pick], probabilities[k][pick]),
        "auc": lambda pick, k: float(auc(labels[pick], logits[k][pick]) or 0.0),
        "log_loss": lambda pick, k: float(log_loss(labels[pick], probabilities[k][pick]) or 0.0),
        "ece": lambda pick, k: equal_mass_error(labels[pick], probabilities[k][pick]),
    }
    figures: Figures = {"n": int(rows.sum())}
    for name, function in functions.items():
        values = [function(rows, k) for k in range(len(probabilities))]
        figures[name] = round(float(np.mean(values)), 4)
        figures[f"{name}_sd"] = round(float(np.std(values)), 4)
    if groups is not None:
        for name in ("balanced_accuracy", "auc"):
            drawn = [functions[name](each, 0) for each in resampled(groups, rows)]
            figures[f"{name}_95"] = [round(float(end), 4) for end in np.percentile(drawn, _INTERVAL)]
    return figures


def resampled(groups: Integers, rows: Mask) -> list[Integers]:
    """Return samples of the photos in the mask, each drawn by group with replacement."""
    random = np.random.default_rng(0)
    members = [np.flatnonzero(rows & (groups == group)) for group in np.unique(groups[rows])]
    return [
        np.concatenate([members[place] for place in random.integers(0, len(members), len(members))])
        for _draw in range(_DRAWS)
    ]


def _balanced(labels: Integers, probabilities: Float) -> float:
    called = probabilities >= 0.5
    shares = [float((called[labels == label] == bool(label)).mean()) for label in (0, 1) if (labels == label).any()]
    return float(np.mean(shares))


def _by_kind(photos: PhotoTable, probabilities: Sequence[Float]) -> Mapping[str, Figures]:
    alpacas = photos.labeled & (photos.in_alpaca_folder == 1) & photos.of_species("alpaca")
    rows = {name: alpacas & photos.of_kind(kind) for name, kind in KINDS.items()}
    others = photos.labeled & (photos.in_alpaca_folder == 0)
    for name, kinds in OTHER_KINDS.items():
        rows[f"no alpaca: {name}"] = others & np.any([photos.of_kind(kind) for kind in kinds], axis=0)
    right = np.mean([(each >= 0.5) == (photos.in_alpaca_folder == 1) for each in probabilities], axis=0)
    return {
        name: {"n": int(pick.sum()), "right": round(float(right[pick].mean()), 4)}
        for name, pick in rows.items()
        if pick.any()
    }


def _variants(photos: PhotoTable, rounds: Sequence[Round], groups: Integers) -> list[Figures]:
    """Return, for each variant, what share of alpacas, of llamas and of everything else is right."""
    table = photos.targets()
    alpaca, llama = photos.of_species("alpaca"), photos.llamas
    neither = photos.labeled & (photos.in_alpaca_folder == 0)
    found = []
    for column, targets in enumerate(table.T):
        fitted = photos.labeled & (targets >= 0)
        each = [
            out_of_fold_probabilities(one.logits[:, column], np.maximum(targets, 0), one.fold, fitted) for one in rounds
        ]
        right = np.mean([(one >= 0.5) == (targets == 1) for one in each], axis=0)
        of = {"alpacas": alpaca & (targets >= 0), "llamas and vicuñas": llama, "everything else": neither}
        figures: Figures = {
            name: {"n": int(pick.sum()), "right": round(float(right[pick].mean()), 4)} for name, pick in of.items()
        }
        for name, pick in of.items():
            drawn = [float(right[sample].mean()) for sample in resampled(groups, pick)]
            figures[name]["right_95"] = [round(float(end), 4) for end in np.percentile(drawn, _INTERVAL)]
        found.append(figures)
    return found


def split_figures(labels: Integers, logits: Float) -> Figures:
    """Return the figures of photos that were held out, not calibrated, as in the article.

    Args:
        labels: 0 or 1, (n,).
        logits: of the usual variant, (n,).
    """
    called = logits >= 0.0
    return {
        "n": len(labels),
        "accuracy": float((called == (labels == 1)).mean()),
        "balanced_accuracy": _balanced(labels, np.asarray(sigmoid(logits), dtype=np.float64)),
        "auc": float(auc(labels, logits) or 0.0),
    }


def multiply_adds(network: Any) -> int:
    """Return how many multiplications with additions one picture takes in the convolutions of a Keras network."""
    total = 0
    for layer in network.layers:
        if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D"):
            height, width = layer.output.shape[1:3]
            total += height * width * int(np.prod(layer.kernel.shape))
    return total


def earlier_bundle(bundle: Bundle, photos: PhotoTable) -> Figures:
    """Return how good an earlier bundle is on the photos of `extra`, on which none of them was trained.

    Args:
        bundle: as it was shipped.
        photos: all photos.
    """
    rows = np.flatnonzero(photos.labeled & photos.under(_NEW))
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    made = embed_photos([photos.paths[row] for row in rows], side=bundle.input_size, embed=backbone.embed)
    read = [place for place, vector in enumerate(made) if not isinstance(vector, str)]
    embeddings = np.stack([vector for vector in made if not isinstance(vector, str)])
    labels = photos.in_alpaca_folder[rows[read]]
    probabilities = bundle.head.probability(embeddings).astype(np.float64)
    return {
        "name": f"{bundle.name} {bundle.version}",
        "n": len(read),
        "side": bundle.input_size,
        "bytes": bundle.backbone_path.stat().st_size,
        "accuracy": float(((probabilities >= 0.5) == (labels == 1)).mean()),
        "balanced_accuracy": _balanced(labels, probabilities),
        "auc": float(auc(labels, probabilities) or 0.0),
        "log_loss": float(log_loss(labels, probabilities) or 0.0),
        "ece": equal_mass_error(labels, probabilities),
    }
