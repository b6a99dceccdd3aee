"""The last part of a training: the network is exported, the app's head fitted and measured, everything written.

Writing a bundle folder, whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.core.safe_write import replacing
from alpacasorter.ml.evaluation.report import write_report
from alpacasorter.ml.models.bundle import (
    BACKBONE,
    CARD,
    FORMAT,
    HEAD,
    KERAS_WEIGHTS,
    METADATA,
    REPLAY,
    Bundle,
    Replay,
    load_bundle,
)
from alpacasorter.ml.models.head import Head
from alpacasorter.training import report_text
from alpacasorter.training.card import trained_card
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.data.reading import Photos
from alpacasorter.training.events import Prepared, Trained
from alpacasorter.training.fit import Course
from alpacasorter.training.measuring import likeness_of, require_same_backbone
from alpacasorter.training.network.classifier import Network
from alpacasorter.training.network.convert import convert_model, model_difference
from alpacasorter.training.outcome import embed, fit_head, rounded
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
    outcome = report_text.Outcome(
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
    metadata = report_text.metadata(outcome)
    replay = Replay(training, photos.trained_on.astype(np.uint8), np.ones(len(training), dtype=np.float32))
    check()
    with _written_aside(report, lambda path: write_report(path, report_text.report(outcome, metadata))):
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
    with replacing(path) as temporary:
        write(temporary)
        yield


def write_bundle(
    out: Path,
    *,
    metadata: Mapping[str, Any],
    backbone: bytes,
    head: Head,
    replay: Replay,
    keras_weights: Mapping[str, npt.NDArray[np.float32]] | None,
    card: str,
) -> Bundle:
    """Write a bundle to the folder `out` and return it as the app will load it.

    It is built beside `out`, loaded with every check, and only then takes the place of what was there.

    Args:
        metadata: everything of model.json that does not follow from the other arguments.
        keras_weights: float32 arrays by "layer/variable", or None for a bundle that can't be retrained more deeply.

    Raises:
        BundleError: what was to be written makes no valid bundle. `out` is as before.
        OSError: it can't be written. `out` is as before.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        (folder / BACKBONE).write_bytes(backbone)
        np.savez(folder / HEAD, weights=head.weights, bias=np.float64(head.bias))
        np.savez(folder / REPLAY, embeddings=replay.embeddings, labels=replay.labels, weights=replay.weights)
        if keras_weights is not None:
            # The names hold a slash, which np.savez takes as they are: members of the archive, never paths on disk.
            arrays: dict[str, Any] = dict(keras_weights)
            np.savez(folder / KERAS_WEIGHTS, **arrays)
        (folder / CARD).write_text(card, encoding="utf-8", newline="\n")
        files = {path.name: _facts(path) for path in sorted(folder.iterdir())}
        complete = {
            "format": FORMAT,
            **metadata,
            "embedding_size": int(head.weights.size),
            "backbone_id": files[BACKBONE]["sha256"][:16],
            "calibration": {"scale": head.calibration.scale, "offset": head.calibration.offset},
            "files": files,
        }
        text = json.dumps(complete, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / METADATA).write_text(text, encoding="utf-8", newline="\n")
        load_bundle(folder)
        _swap(folder, out, Path(scratch) / "previous")
    return load_bundle(out)


def _facts(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _swap(new: Path, out: Path, aside: Path) -> None:
    """Put `new` in the place of `out`; no system replaces a folder with something in it, so that steps aside first."""
    if not out.exists():
        new.rename(out)
        return
    out.rename(aside)
    try:
        new.rename(out)
    except BaseException:
        # Whatever it was, Ctrl+C included: the folder is gone and must come back.
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)
