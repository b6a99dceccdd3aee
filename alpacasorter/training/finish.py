"""The last part of a training: the network is exported, the app's head fitted and measured, everything written."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.evaluation.report import write_report
from alpacasorter.ml.models.bundle import Replay
from alpacasorter.training import facts
from alpacasorter.training.batches import PhotoStore
from alpacasorter.training.card import trained_card
from alpacasorter.training.checks import require_same_backbone
from alpacasorter.training.convert import convert_model, model_difference
from alpacasorter.training.events import Prepared, Trained
from alpacasorter.training.fit import Course
from alpacasorter.training.likeness import likeness_of
from alpacasorter.training.network import Network
from alpacasorter.training.outcome import embed, fit_head, rounded
from alpacasorter.training.package import write_bundle
from alpacasorter.training.reading import Photos
from alpacasorter.training.recipe import Recipe

_CHECKED = 16


def finish(
    photos: Photos,
    store: PhotoStore,
    network: Network,
    *,
    recipe: Recipe,
    told: Prepared,
    course: Course,
    as_trained: npt.NDArray[np.float64],
    unchanged: bytes | None,
    layers: int,
    out: Path,
    report: Path | None,
    check: Callable[[], None],
    begun: float,
) -> Trained:
    """Make the bundle and the report, and put both in their places once both are whole.

    Args:
        photos, store, network: trained on, and what was trained.
        recipe: how.
        told: the event about the photos.
        course: the rounds.
        as_trained: Keras's probabilities of the photos held out (m,).
        unchanged: the LiteRT file of the backbone, where what is exported is just that; None where it was trained.
        layers: of the backbone that were retrained.
        out, report: the places; None for no report.
        check: raises where the user wants no model any more.
        begun: `time.monotonic()` when it all began.

    Raises:
        CheckFailed, BundleError, ReportError, OSError: nothing was changed.
    """
    split = photos.split
    model = network.two_outputs()
    flatbuffer = unchanged or convert_model(model)
    check()
    difference = model_difference(model, flatbuffer, list(store.pictures(split.training[:_CHECKED])), relative=True)
    require_same_backbone(difference)
    if unchanged is None:
        training, held_out = (embed(store, rows, flatbuffer, check) for rows in (split.training, split.validation))
    else:
        training, held_out = (rounded(photos.pooled[rows]) for rows in (split.training, split.validation))
    own = bool(recipe.dense) or any(epoch.phase == "retrain" for epoch in course.epochs)
    likeness = likeness_of(recipe, training, photos.trained_on, trained=own)
    fitted = fit_head(
        training, photos.trained_on, likeness, look=check, held_out=(held_out, photos.held_out) if own else None
    )
    outcome = facts.Outcome(
        dataset=photos.dataset,
        recipe=recipe,
        prepared=told,
        epochs=tuple(course.epochs),
        seconds=time.monotonic() - begun,
        fitted=fitted,
        likeness=likeness,
        difference=difference,
        paths=tuple(photos.dataset.examples[row].path for row in split.validation),
        targets=photos.held_out,
        as_used=fitted.head.probability(held_out).astype(np.float64),
        as_trained=as_trained,
        training_targets=photos.trained_on,
        layers=layers,
    )
    metadata = facts.metadata(outcome)
    replay = Replay(training, photos.trained_on.astype(np.uint8), np.ones(len(training), dtype=np.float32))
    check()
    with _written_aside(report, lambda path: write_report(path, facts.report(outcome, metadata))):
        write_bundle(
            out,
            metadata=metadata,
            backbone=flatbuffer,
            head=fitted.head,
            replay=replay,
            keras_weights=network.weights(),
            card=trained_card(metadata),
        )
    measured = outcome.measured()
    return Trained(
        bundle=str(out),
        report="" if report is None else str(report),
        accuracy=measured.accuracy or 0.0,
        balanced_accuracy=measured.balanced_accuracy or 0.0,
        auc=measured.auc,
        stopped_early=len(course.epochs) < course.total,
    )


@contextlib.contextmanager
def _written_aside(path: Path | None, write: Callable[[Path], None]) -> Iterator[None]:
    """Write a file beside its place, and put it there once the block has done its work; else leave no trace of it."""
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}-{secrets.token_hex(6)}.part")
    try:
        write(aside)
        yield
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
