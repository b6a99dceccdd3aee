"""A whole training run, from class folders to a bundle, as a generator of events.

Nothing is replaced until everything new is complete and checked; what is there already stays as it is if the run fails.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from alpacasorter.core import os_errors
from alpacasorter.core.files import display_path
from alpacasorter.ml.evaluation.report import ReportError
from alpacasorter.ml.models.metadata import BundleError
from alpacasorter.training import events, report_text
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.data.dataset import DatasetError, read_dataset
from alpacasorter.training.data.reading import Listed, only_prepared, prepared, read_photos
from alpacasorter.training.data.split import split_examples
from alpacasorter.training.events import Event, Failed, Stage, Stopped
from alpacasorter.training.finish import finish
from alpacasorter.training.fit import Course, Fitting, Orders, StopOrdered, TrainingError, obey
from alpacasorter.training.network.backbones import load_backbone
from alpacasorter.training.network.classifier import assemble
from alpacasorter.training.network.convert import CheckFailed, FrozenBackbone
from alpacasorter.training.network.weights import WeightsError
from alpacasorter.training.recipe import Recipe
from alpacasorter.training.requirements import (
    has_tensorflow,
    keep_quiet,
    no_tensorflow,
    problem_with_class_names,
    problem_with_out,
    start,
)

_WORDED: Final = (DatasetError, WeightsError, CheckFailed, BundleError, ReportError, TrainingError)
"""Errors whose message is a code or a sentence for the user."""


@dataclass(frozen=True, slots=True)
class _Request:
    """The arguments of `train`."""

    dataset: Path
    out: Path | None
    recipe: Recipe
    report: Path | None
    preview: Path | None
    orders: Orders


def train(
    dataset: Path,
    out: Path | None,
    recipe: Recipe,
    *,
    report: Path | None = None,
    preview: Path | None = None,
    orders: Orders = lambda: "",
) -> Generator[Event, None, None]:
    """Train a model; the last event is Trained, Failed or Stopped.

    Args:
        dataset: folder with one subfolder per class.
        out: folder for the bundle; a bundle that is there is replaced at the end. None to end after Prepared, without
            training: then the photos are counted, but only those of the preview are decoded.
        recipe: the settings.
        report: where the HTML report goes; None for none.
        preview: where a PNG of some training examples goes; None for none.
        orders: returns what the user has ordered; called before every batch.
    """
    try:
        yield from _train(_Request(dataset, out, recipe, report, preview, orders))
    except StopOrdered:
        yield Stopped()
    except _WORDED as error:
        yield Failed(str(error))
    except OSError as error:
        yield Failed(_reason(error))
    except MemoryError:
        yield Failed(events.NO_MEMORY)
    except Exception as error:
        # TensorFlow's own, recognized by name because TensorFlow may not be installed.
        if type(error).__name__ != "ResourceExhaustedError":
            raise
        yield Failed(events.NO_MEMORY)


def _reason(error: OSError) -> str:
    if os_errors.is_full(error):
        return events.DISK_FULL
    place = display_path(error.filename) if isinstance(error.filename, str) else ""
    return events.refused(error.strerror or str(error), place)


def _train(request: _Request) -> Generator[Event, None, None]:
    begun = time.monotonic()
    recipe = request.recipe
    course = Course(recipe.epochs + (recipe.retrain_epochs if recipe.retrain_layers else 0))

    def check() -> None:
        obey(course, request.orders)

    if not has_tensorflow():
        raise TrainingError(no_tensorflow())
    if request.out is not None and (problem := problem_with_out(request.out, request.dataset)):
        raise TrainingError(problem)
    yield Stage(events.FINDING)
    check()
    listed = _list_photos(request)
    yield Stage(events.STARTING)
    check()
    keep_quiet()
    device = start(recipe.seed)
    with PhotoStore([example.path for example in listed.dataset.examples], recipe.input_side) as store:
        if request.out is None:
            yield from only_prepared(listed, store, check, recipe, device=device, preview=request.preview)
            return
        yield Stage(events.PREPARING)
        check()
        base = load_backbone(recipe.backbone, recipe.weights, recipe.input_side)
        network = assemble(base, recipe.backbone, recipe.input_side, dense=recipe.dense, dropout=recipe.dropout)
        layers = network.count_trainable(recipe.retrain_layers)
        if not layers:
            course.total = recipe.epochs
        check()
        with FrozenBackbone(network, device) as backbone:
            photos = yield from read_photos(listed, store, backbone, check, recipe)
            useless = (
                (events.nothing_to_retrain(recipe.retrain_layers),) if recipe.retrain_layers and not layers else ()
            )
            told = prepared(photos, store, recipe, device=device, preview=request.preview, more=useless)
            yield told
            fitting = Fitting(photos, store, network, recipe, course, request.orders)
            probabilities = yield from fitting.train_head(backbone)
            frozen = backbone.flatbuffer
        if layers and not course.finishing:
            probabilities = yield from fitting.retrain()
        yield Stage(events.SAVING)
        check()
        yield finish(
            photos,
            store,
            network,
            recipe=recipe,
            prepared=told,
            course=course,
            as_trained=probabilities,
            views=fitting.views,
            retrained=fitting.retrained,
            unchanged=frozen,
            layers=layers,
            out=request.out,
            report=request.report,
            check=check,
            begun=begun,
        )


def _list_photos(request: _Request) -> Listed:
    recipe = request.recipe
    dataset = read_dataset([request.dataset], positive=recipe.positive or None, exclusion=recipe.exclusion)
    if problem := problem_with_class_names(dataset.class_names, report_text.model_name(recipe, dataset)):
        raise DatasetError(problem)
    split = split_examples(dataset, share=recipe.validation_share, seed=recipe.seed)
    return Listed(dataset, np.array([example.target for example in dataset.examples], dtype=np.int64), split)
