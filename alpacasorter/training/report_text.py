"""The metadata of a trained bundle, and the report on the run."""

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
from alpacasorter import i18n
from alpacasorter.i18n import _, duration, moment, ngettext, number, percent, pgettext, share
from alpacasorter.ml.evaluation.metrics import BINS, Metrics, measure
from alpacasorter.ml.evaluation.report import CurvePoint, Report
from alpacasorter.ml.learning.folds import FOLDS
from alpacasorter.ml.runtime import backbone
from alpacasorter.training.data.dataset import Dataset
from alpacasorter.training.data.similarity import Similarity
from alpacasorter.training.events import (
    AUGMENTATION_UNUSED,
    NAMED,
    RETRAINING_UNUSED,
    Epoch,
    Prepared,
    device_name,
    plain_compared,
    sentence,
    worded,
)
from alpacasorter.training.measuring import cross_calibrated
from alpacasorter.training.outcome import FittedHead
from alpacasorter.training.recipe import BACKBONE_TITLES, KERAS, RANDOM, SHIPPED, Recipe, setting_names

THRESHOLD: Final = 0.5
VERSION: Final = "1.0.0"
CORRECTION_WEIGHT: Final = 3.0
"""Weight of a correction in learning; chosen by benchmarks/personal.py for the bundled model."""

_PACKAGES: Final = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")
_DIGITS: Final = 4
_AND_MORE: Final = "\n…"


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """Everything known about a finished run.

    Attributes:
        dataset: what was trained on.
        recipe: the settings.
        prepared: how the photos were split, and the warnings.
        epochs: those done.
        seconds: how long the run took.
        fitted: the app's head.
        similarity: from which similarity embeddings of this network are related.
        difference: largest difference of an embedding value between LiteRT and Keras.
        paths, targets: of the held-out photos; targets (m,), 0 or 1.
        as_used, as_trained: probabilities of those, (m,), from the app's head and from the unit that Keras trained.
        as_plain: the same from a plain model, without augmentation, extra layers and retraining; None where that is
            this model.
        training_targets: of the training photos, (n,), 0 or 1.
        layers: how many layers of the backbone were retrained.
        tried_to_retrain: whether there was an epoch of retraining.
    """

    dataset: Dataset
    recipe: Recipe
    prepared: Prepared
    epochs: Sequence[Epoch]
    seconds: float
    fitted: FittedHead
    similarity: Similarity
    difference: float
    paths: tuple[Path, ...]
    targets: npt.NDArray[np.int64]
    as_used: npt.NDArray[np.float64]
    as_trained: npt.NDArray[np.float64]
    as_plain: npt.NDArray[np.float64] | None
    training_targets: npt.NDArray[np.int64]
    layers: int
    tried_to_retrain: bool

    def measured(self) -> Metrics:
        """Return the figures of the held-out photos, with the model as the app uses it."""
        return measure(self.targets, self.as_used, threshold=THRESHOLD)

    def measured_plain(self) -> Metrics | None:
        """Return the figures of the held-out photos with a plain model; None where that is this model."""
        return None if self.as_plain is None else measure(self.targets, self.as_plain, threshold=THRESHOLD)

    def remarks(self) -> tuple[str, ...]:
        """Return what the user should know about the settings, as codes."""
        found: list[str] = []
        if self.tried_to_retrain and not self.layers:
            found.append(RETRAINING_UNUSED)
        if self.fitted.varied is False:
            found.append(AUGMENTATION_UNUSED)
        if self.as_plain is not None:
            used, plain = (
                int(((judged >= THRESHOLD) == (self.targets == 1)).sum()) for judged in (self.as_used, self.as_plain)
            )
            found.append(plain_compared(plain, used, len(self.targets)))
        return tuple(found)


def readable(class_name: str) -> str:
    """Return a class name as it is displayed: "Not alpaca" for not_alpaca."""
    return class_name.replace("_", " ").strip().capitalize() or class_name


def model_name(recipe: Recipe, dataset: Dataset) -> str:
    """Return the name of the model in the app."""
    return recipe.name.strip() or readable(dataset.class_names[1])


def metadata(run: TrainingRun) -> dict[str, Any]:
    """Return everything in model.json that can't be derived from the arrays, in English."""
    recipe, dataset, prepared = run.recipe, run.dataset, run.prepared
    negative, positive = prepared.training
    source = dataset.examples[0].source
    with i18n.english():
        shown_settings, weights = dict(settings(recipe)), origin(recipe)
    return {
        "name": model_name(recipe, dataset),
        "version": VERSION,
        "created": datetime.now().astimezone().date().isoformat(),
        "class_names": list(dataset.class_names),
        "display_names": {name: readable(name)[:100] for name in dataset.class_names},
        "input_size": recipe.input_side,
        "preprocessing": backbone.NAME,
        "threshold": THRESHOLD,
        "head": {"l2": run.fitted.l2, **({} if run.fitted.varied is None else {"varied": run.fitted.varied})},
        "learning": {"correction_weight": CORRECTION_WEIGHT, "yield_similarity": run.similarity.yields},
        "licences": "",
        "network": {"backbone": recipe.backbone, "side": recipe.input_side, "dense": list(recipe.dense)},
        "training": {
            "backbone": weights,
            "photos": {source: {"positive": positive, "negative": negative}},
            "unreadable": len(prepared.left_out),
            "settings": shown_settings,
            "epochs": len(run.epochs),
            "retrained_layers": run.layers,
        },
        "quality": _quality(run),
    }


def _quality(run: TrainingRun) -> dict[str, Any]:
    rounds = run.fitted.rounds
    judged = [measure(run.training_targets, cross_calibrated(r.logits, run.training_targets, r.fold)) for r in rounds]
    return {
        "protocol": {
            "kind": "held out",
            "share": run.recipe.validation_share,
            "seed": run.recipe.seed,
            "near_duplicates_across": run.prepared.across,
            "folds": FOLDS,
            "seeds": len(rounds),
            "ece_bins": BINS,
        },
        "held_out": {
            "as_used": _figures(run.measured()),
            "as_trained": _figures(measure(run.targets, run.as_trained, threshold=THRESHOLD)),
            **({} if (plain := run.measured_plain()) is None else {"plain": _figures(plain)}),
        },
        "out_of_fold": {"all": _mean(judged)} if judged else {},
        "checks": {"litert_keras_embedding": run.difference},
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
    """Return where the backbone's weights came from, without the folders of this machine."""
    known = {
        SHIPPED: _("the weights that come with AlpacaSorter"),
        KERAS: "keras.applications (ImageNet)",
        RANDOM: _("random numbers"),
    }
    return known.get(recipe.weights) or Path(recipe.weights).name


def settings(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Return all settings as (name, value), for tables."""
    none = pgettext("settings", "none")
    patience = ngettext("{count} epoch without progress", "{count} epochs without progress", recipe.patience)
    shown = {
        "backbone": BACKBONE_TITLES[recipe.backbone],
        "weights": origin(recipe),
        "side": f"{recipe.input_side} px",
        "batch_size": str(recipe.batch_size),
        "validation_share": percent(recipe.validation_share),
        "seed": str(recipe.seed),
        "epochs": str(recipe.epochs),
        "patience": patience.format(count=number(recipe.patience))
        if recipe.patience
        else pgettext("settings", "never"),
        "learning_rate": f"{recipe.learning_rate:g}",
        "dropout": f"{recipe.dropout:g}",
        "dense": ", ".join(map(str, recipe.dense)) or none,
        "augmentation": ", ".join(sorted(recipe.augmentation)) or none,
        "exclude": ", ".join(recipe.exclude) or none,
        "retrain_layers": str(recipe.retrain_layers) if recipe.retrain_layers else none,
        "retrain_epochs": str(recipe.retrain_epochs),
        "retrain_rate": f"{recipe.retrain_rate:g}",
    }
    unused = () if recipe.retrain_layers else ("retrain_epochs", "retrain_rate")
    unused = (*unused, *(() if recipe.exclude else ("exclude",)))
    return tuple((name, shown[key]) for key, name in setting_names().items() if key not in unused)


def environment(device: str, seconds: float) -> tuple[tuple[str, str], ...]:
    """Return where and when a run took place as (name, value), for tables.

    Args:
        device: from `Prepared.device`.
        seconds: how long it took.
    """
    return (
        (_("Date"), moment(datetime.now().astimezone())),
        (_("Time taken"), duration(seconds)),
        (_("Device"), device_name(device)),
        ("AlpacaSorter", alpacasorter.__version__),
        ("Python", platform.python_version()),
        *((name, found) for name in _PACKAGES if (found := _version(name))),
        (_("System"), f"{platform.system()} {platform.release()} ({platform.machine()}, {sys.platform})"),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def report(run: TrainingRun, meta: Mapping[str, Any]) -> Report:
    """Return the report on the held-out photos.

    Args:
        run: the run.
        meta: from `metadata`.
    """
    told = worded(run.prepared)
    shown = meta["display_names"]
    negative, positive = run.dataset.class_names
    trained = measure(run.targets, run.as_trained, threshold=THRESHOLD)
    used, plain = run.measured(), run.measured_plain()
    return Report(
        title=_("Training of the model “{name}”").format(name=meta["name"]),
        class_names=(shown[negative], shown[positive]),
        paths=run.paths,
        targets=run.targets,
        probabilities=run.as_used,
        threshold=THRESHOLD,
        introduction=_introduction(run, sum(told.training)),
        curves=tuple(
            CurvePoint(e.number, e.phase, e.loss, e.accuracy, e.validation_loss, e.validation_accuracy)
            for e in run.epochs
        ),
        comparisons=(
            (_("As the app uses it: accuracy"), share(used.accuracy)),
            (_("As trained by Keras: accuracy"), share(trained.accuracy)),
            (_("As the app uses it: balanced accuracy"), share(used.balanced_accuracy)),
            (_("As trained by Keras: balanced accuracy"), share(trained.balanced_accuracy)),
            *(
                ()
                if plain is None
                else (
                    (_("A plain model: accuracy"), share(plain.accuracy)),
                    (_("A plain model: balanced accuracy"), share(plain.balanced_accuracy)),
                )
            ),
        ),
        settings=settings(run.recipe),
        environment=environment(run.prepared.device, run.seconds),
        warnings=(*_warnings(told), *(sentence(remark) for remark in run.remarks())),
        left_out=told.left_out,
    )


def _warnings(told: Prepared) -> tuple[str, ...]:
    """Return the warnings, with all pictures that are in both classes (a warning names only the first)."""
    more = "".join(f"\n{' = '.join(files)}" for files in told.both_classes[NAMED:])
    return tuple(
        f"{words.removesuffix(_AND_MORE)}{more}" if words.endswith(_AND_MORE) else words for words in told.warnings
    )


def _introduction(run: TrainingRun, training: int) -> str:
    held_out = len(run.paths)
    trained = ngettext("Trained on {count} photo.", "Trained on {count} photos.", training)
    measured = ngettext(
        "Measured on {count} other photo, which was held out.",
        "Measured on {count} other photos, which were held out.",
        held_out,
    )
    about = (
        _(
            "The app uses the last layer as it was trained together with the layers before it, calibrated on the "
            "held-out photos."
        )
        if run.recipe.dense or run.layers
        else _(
            "The app uses the exact optimum of the last layer, which is refitted after each correction; the figures "
            "for the layer that Keras trained step by step are given for comparison."
        )
    )
    return " ".join((trained.format(count=number(training)), measured.format(count=number(held_out)), about))
