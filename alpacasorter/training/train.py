"""The whole training, from class folders to a bundle, as a generator of events.

Nothing is written before everything is there and checked; what stood in its place until then stays as it is, whatever
happens.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from alpacasorter.core.files import display_path
from alpacasorter.ml.evaluation.report import ReportError
from alpacasorter.ml.models.bundle import BundleError
from alpacasorter.training import report_text
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.data.dataset import DatasetError, read_dataset
from alpacasorter.training.data.reading import Listed, only_prepared, prepared, read_photos
from alpacasorter.training.data.split import split_examples
from alpacasorter.training.events import Event, Failed, Stage, Stopped
from alpacasorter.training.finish import finish
from alpacasorter.training.fit import Asked, Course, Rounds, StopAsked, TrainingError, look
from alpacasorter.training.measuring import CheckFailed
from alpacasorter.training.network.backbones import load_backbone
from alpacasorter.training.network.classifier import assemble
from alpacasorter.training.network.convert import FrozenBackbone
from alpacasorter.training.network.mobilenet import WeightsError
from alpacasorter.training.recipe import Recipe
from alpacasorter.training.requirements import (
    NO_TENSORFLOW,
    has_tensorflow,
    keep_quiet,
    problem_with_class_names,
    problem_with_out,
    start,
)

_KNOWN: Final = (DatasetError, WeightsError, CheckFailed, BundleError, ReportError, TrainingError)
_NO_SPACE: Final = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name))
_NO_MEMORY: Final = "The memory is not enough for this training. Choose a smaller batch size or input size."
_DISK_FULL: Final = (
    "The disk is full, so the model could not be saved. Nothing was changed. Free some space and try again."
)
_NOTHING_TO_RETRAIN: Final = (
    "The last {} layers of the backbone have nothing that can be trained, so it stays as it is. Choose more layers."
)


@dataclass(frozen=True, slots=True)
class _Job:
    """What `train` was given."""

    dataset: Path
    out: Path | None
    recipe: Recipe
    report: Path | None
    preview: Path | None
    asked: Asked


def train(
    dataset: Path,
    out: Path | None,
    recipe: Recipe,
    *,
    report: Path | None = None,
    preview: Path | None = None,
    asked: Asked = lambda: "",
) -> Generator[Event, None, None]:
    """Train a model; the last event is Trained, Failed or Stopped.

    Args:
        dataset: folder with one sub-folder per class.
        out: where the bundle goes; what is there already is replaced in the end. None to end after Prepared, without
            training: then the photos are counted, but only those of the preview are opened.
        recipe: what to train and how.
        report: where the HTML report goes; None for none.
        preview: where a PNG of some training examples goes; None for none.
        asked: what the user wants by now; looked at before every batch.
    """
    try:
        yield from _train(_Job(dataset, out, recipe, report, preview, asked))
    except StopAsked:
        yield Stopped()
    except _KNOWN as error:
        yield Failed(str(error))
    except OSError as error:
        yield Failed(_in_words(error))
    except MemoryError:
        yield Failed(_NO_MEMORY)
    except Exception as error:
        # TensorFlow's own, known by its name only; its message is a list of addresses.
        if type(error).__name__ != "ResourceExhaustedError":
            raise
        yield Failed(_NO_MEMORY)


def _in_words(error: OSError) -> str:
    if error.errno in _NO_SPACE:
        return _DISK_FULL
    where = f" {display_path(error.filename)}" if isinstance(error.filename, str) else ""
    return f"Nothing was made: the system refused to read or write{where} ({error.strerror or error})."


def _train(job: _Job) -> Generator[Event, None, None]:
    begun = time.monotonic()
    recipe = job.recipe
    course = Course(recipe.epochs + (recipe.retrain_epochs if recipe.retrain_layers else 0))

    def check() -> None:
        look(course, job.asked)

    if not has_tensorflow():
        raise TrainingError(NO_TENSORFLOW)
    if job.out is not None and (problem := problem_with_out(job.out, job.dataset)):
        raise TrainingError(problem)
    yield Stage("Looking for the photos")
    check()
    listed = _list_photos(job)
    yield Stage("Starting TensorFlow")
    check()
    keep_quiet()
    device = start(recipe.seed)
    with PhotoStore([example.path for example in listed.dataset.examples], recipe.input_side) as store:
        if job.out is None:
            yield only_prepared(listed, store, recipe, device=device, preview=job.preview)
            return
        yield Stage("Preparing the network")
        check()
        base = load_backbone(recipe.backbone, recipe.weights, recipe.input_side)
        network = assemble(base, recipe.backbone, recipe.input_side, dense=recipe.dense, dropout=recipe.dropout)
        layers = network.count_trainable(recipe.retrain_layers)
        if not layers:
            course.total = recipe.epochs
        check()
        with FrozenBackbone(network, device) as backbone:
            photos = yield from read_photos(listed, store, backbone, check)
            useless = (
                (_NOTHING_TO_RETRAIN.format(recipe.retrain_layers),) if recipe.retrain_layers and not layers else ()
            )
            told = prepared(photos, store, recipe, device=device, preview=job.preview, more=useless)
            yield told
            rounds = Rounds(photos, store, network, recipe, course, job.asked)
            probabilities = yield from rounds.train_head(backbone)
            unchanged = backbone.flatbuffer
        if layers and not course.finishing:
            unchanged = None
            probabilities = yield from rounds.retrain()
        yield Stage("Making the model")
        check()
        yield finish(
            photos,
            store,
            network,
            recipe=recipe,
            told=told,
            course=course,
            as_trained=probabilities,
            unchanged=None if recipe.dense else unchanged,
            layers=layers,
            out=job.out,
            report=job.report,
            check=check,
            begun=begun,
        )


def _list_photos(job: _Job) -> Listed:
    recipe = job.recipe
    dataset = read_dataset([job.dataset], positive=recipe.positive or None)
    if problem := problem_with_class_names(dataset.class_names, report_text.model_name(recipe, dataset)):
        raise DatasetError(problem)
    split = split_examples(dataset, share=recipe.validation_share, seed=recipe.seed)
    return Listed(dataset, np.array([example.target for example in dataset.examples], dtype=np.int64), split)
