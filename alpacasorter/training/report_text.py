"""What a training leaves in words and figures: the bundle's metadata and the report."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import alpacasorter
from alpacasorter.ml.evaluation.metrics import BINS, Metrics, measure
from alpacasorter.ml.evaluation.report import CurvePoint, Report, share
from alpacasorter.ml.learning.folds import FOLDS
from alpacasorter.ml.runtime import backbone
from alpacasorter.training.data.dataset import Dataset
from alpacasorter.training.events import Epoch, Prepared
from alpacasorter.training.measuring import Likeness, cross_calibrated
from alpacasorter.training.network.backbones import title
from alpacasorter.training.outcome import FittedHead
from alpacasorter.training.recipe import KERAS, RANDOM, SHIPPED, Recipe

THRESHOLD: Final = 0.5
VERSION: Final = "1.0.0"
CORRECTION_WEIGHT: Final = 3.0
"""Photos trained on that one correction counts as, as chosen by benchmarks/personal.py for the bundled model."""

_PACKAGES: Final = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")
_DIGITS: Final = 4


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that is known of a finished training.

    Attributes:
        dataset: what was trained on.
        recipe: how.
        prepared: how the photos were split, and the warnings.
        epochs: the rounds.
        seconds: it took.
        fitted, likeness: the app's head, and what likeness means to this network.
        difference: of LiteRT's embeddings from Keras's.
        paths, targets: of the photos held out.
        as_used, as_trained: probabilities of those (m,), by the app's head and by the unit that Keras trained.
        training_targets: of the photos trained on.
        layers: how many layers of the backbone were retrained.
    """

    dataset: Dataset
    recipe: Recipe
    prepared: Prepared
    epochs: Sequence[Epoch]
    seconds: float
    fitted: FittedHead
    likeness: Likeness
    difference: float
    paths: tuple[Path, ...]
    targets: npt.NDArray[np.int64]
    as_used: npt.NDArray[np.float64]
    as_trained: npt.NDArray[np.float64]
    training_targets: npt.NDArray[np.int64]
    layers: int

    def measured(self) -> Metrics:
        """Return the figures of the photos held out, by the model as the app uses it."""
        return measure(self.targets, self.as_used, threshold=THRESHOLD)


def readable(class_name: str) -> str:
    """Return what people read for a class: "Not alpaca" for not_alpaca."""
    return class_name.replace("_", " ").strip().capitalize() or class_name


def model_name(recipe: Recipe, dataset: Dataset) -> str:
    """Return what the model is called in the app."""
    return recipe.name.strip() or readable(dataset.class_names[1])


def metadata(outcome: Outcome) -> dict[str, Any]:
    """Return everything of model.json that does not follow from the arrays."""
    recipe, dataset, prepared = outcome.recipe, outcome.dataset, outcome.prepared
    negative, positive = prepared.training
    source = dataset.examples[0].source
    return {
        "name": model_name(recipe, dataset),
        "version": VERSION,
        "created": datetime.now().astimezone().date().isoformat(),
        "class_names": list(dataset.class_names),
        "display_names": {name: readable(name)[:100] for name in dataset.class_names},
        "input_size": recipe.input_side,
        "preprocessing": backbone.NAME,
        "threshold": THRESHOLD,
        "head": {"l2": outcome.fitted.l2},
        "learning": {"correction_weight": CORRECTION_WEIGHT, "yield_similarity": outcome.likeness.yields},
        "licences": "",
        "network": {"backbone": recipe.backbone, "side": recipe.input_side, "dense": list(recipe.dense)},
        "training": {
            "backbone": origin(recipe),
            "photos": {source: {"positive": positive, "negative": negative}},
            "unreadable": len(prepared.left_out),
            "settings": dict(settings(recipe)),
            "epochs": len(outcome.epochs),
            "retrained_layers": outcome.layers,
        },
        "quality": _quality(outcome),
    }


def _quality(outcome: Outcome) -> dict[str, Any]:
    rounds = outcome.fitted.rounds
    judged = [
        measure(outcome.training_targets, cross_calibrated(r.logits, outcome.training_targets, r.fold)) for r in rounds
    ]
    return {
        "protocol": {
            "kind": "held out",
            "share": outcome.recipe.validation_share,
            "seed": outcome.recipe.seed,
            "near_duplicates_across": outcome.prepared.across,
            "folds": FOLDS,
            "seeds": len(rounds),
            "ece_bins": BINS,
        },
        "held_out": {
            "as_used": _figures(outcome.measured()),
            "as_trained": _figures(measure(outcome.targets, outcome.as_trained, threshold=THRESHOLD)),
        },
        "out_of_fold": {"all": _mean(judged)} if judged else {},
        "checks": {"litert_keras_embedding": outcome.difference},
    }


def _figures(measured: Metrics) -> dict[str, Any]:
    figures = {name: _rounded(value) for name, value in asdict(measured).items() if name not in ("n", "confusion")}
    return {"n": measured.n, **figures, "confusion": asdict(measured.confusion)}


def _mean(results: Sequence[Metrics]) -> dict[str, Any]:
    figures: dict[str, Any] = {"n": results[0].n}
    for name in ("accuracy", "balanced_accuracy", "auc", "ece"):
        values = [value for result in results if (value := getattr(result, name)) is not None]
        if values:
            figures[name] = _rounded(float(np.mean(values)))
            figures[f"{name}_sd"] = _rounded(float(np.std(values)))
    return figures


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def origin(recipe: Recipe) -> str:
    """Return where the backbone's weights came from, without the folders on this machine."""
    known = {
        SHIPPED: "the weights that come with AlpacaSorter",
        KERAS: "keras.applications (ImageNet)",
        RANDOM: "random numbers",
    }
    return known.get(recipe.weights) or Path(recipe.weights).name


def settings(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Return the settings as (name, value) for people, all of them."""
    retrained = recipe.retrain_layers > 0
    return (
        ("Backbone", title(recipe.backbone)),
        ("Its weights", origin(recipe)),
        ("Input size", f"{recipe.input_side} px"),
        ("Batch size", str(recipe.batch_size)),
        ("Share held out", f"{recipe.validation_share:.0%}"),
        ("Seed", str(recipe.seed)),
        ("Epochs", str(recipe.epochs)),
        ("Patience", f"{recipe.patience} epochs" if recipe.patience else "no early stopping"),
        ("Learning rate", f"{recipe.learning_rate:g}"),
        ("Dropout", f"{recipe.dropout:g}"),
        ("Further dense layers", ", ".join(map(str, recipe.dense)) or "none"),
        ("Augmentation", ", ".join(sorted(recipe.augmentation)) or "none"),
        ("Layers retrained", str(recipe.retrain_layers) if retrained else "none"),
        *((("Epochs of retraining", str(recipe.retrain_epochs)),) if retrained else ()),
        *((("Learning rate of retraining", f"{recipe.retrain_rate:g}"),) if retrained else ()),
    )


def environment(device: str, seconds: float) -> tuple[tuple[str, str], ...]:
    """Return where and when it was trained as (name, value) for people."""
    return (
        ("Date", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")),
        ("Time taken", f"{seconds:.0f} s"),
        ("Device", device),
        ("AlpacaSorter", alpacasorter.__version__),
        ("Python", platform.python_version()),
        *((name, found) for name in _PACKAGES if (found := _version(name))),
        ("System", f"{platform.system()} {platform.release()} ({platform.machine()}, {sys.platform})"),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def report(outcome: Outcome, meta: Mapping[str, Any]) -> Report:
    """Return the report on the photos held out."""
    shown = meta["display_names"]
    negative, positive = outcome.dataset.class_names
    trained = measure(outcome.targets, outcome.as_trained, threshold=THRESHOLD)
    used = outcome.measured()
    return Report(
        title=f"Training of the model “{meta['name']}”",
        class_names=(shown[negative], shown[positive]),
        paths=outcome.paths,
        targets=outcome.targets,
        probabilities=outcome.as_used,
        threshold=THRESHOLD,
        introduction=(
            f"Trained on {sum(outcome.prepared.training):,} photos and measured on {len(outcome.paths):,} others that "
            "were held out. The app uses the exact optimum of the last layer, fitted anew with each correction; "
            "what Keras trained step by step is given beside it."
        ),
        curves=tuple(
            CurvePoint(e.number, e.phase, e.loss, e.accuracy, e.validation_loss, e.validation_accuracy)
            for e in outcome.epochs
        ),
        comparisons=(
            ("As the app uses it: accuracy", share(used.accuracy)),
            ("As trained by Keras: accuracy", share(trained.accuracy)),
            ("As the app uses it: balanced accuracy", share(used.balanced_accuracy)),
            ("As trained by Keras: balanced accuracy", share(trained.balanced_accuracy)),
        ),
        settings=settings(outcome.recipe),
        environment=environment(outcome.prepared.device, outcome.seconds),
        warnings=outcome.prepared.warnings,
        left_out=tuple((path, reason) for path, reason in outcome.prepared.left_out),
    )
