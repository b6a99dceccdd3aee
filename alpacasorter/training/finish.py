"""The last stage of a run: exports the network, fits and measures the app's head, and writes bundle and report.

Both are written beside their destinations and moved there only when both are complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter import paths
from alpacasorter.core.safe_write import replacing
from alpacasorter.core.session_paths import private_folder
from alpacasorter.ml.evaluation.report import write_report
from alpacasorter.ml.models.bundle import Bundle, Replay, load_bundle
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.models.metadata import BACKBONE, CARD, FORMAT, HEAD, KERAS_WEIGHTS, METADATA, REPLAY
from alpacasorter.ml.models.variants import Variant, Variants, description
from alpacasorter.training import report_text
from alpacasorter.training.card import trained_card
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.data.reading import Photos
from alpacasorter.training.data.similarity import similarity_of
from alpacasorter.training.events import Prepared, Trained
from alpacasorter.training.fit import Course
from alpacasorter.training.network.classifier import Network
from alpacasorter.training.network.convert import convert_model, model_difference, require_same_backbone
from alpacasorter.training.outcome import embed, fit_head, plain_head, rounded, trained_head
from alpacasorter.training.recipe import Recipe

_CHECKED = 16


def finish(
    photos: Photos,
    store: PhotoStore,
    network: Network,
    *,
    recipe: Recipe,
    prepared: Prepared,
    course: Course,
    as_trained: npt.NDArray[np.float64],
    views: Sequence[npt.NDArray[np.float32]],
    retrained: bool,
    unchanged: bytes | None,
    layers: int,
    out: Path,
    report: Path | None,
    check: Callable[[], None],
    begun: float,
) -> Trained:
    """Write the bundle and the report.

    Args:
        photos, store: what was trained on.
        network: what was trained.
        recipe: the settings.
        prepared: the event about the photos.
        course: the epochs.
        as_trained: Keras's probabilities of the held-out photos, (m,).
        views: outputs of the frozen backbone for the training photos after augmentation, each (n, c).
        retrained: whether retraining has changed the backbone.
        unchanged: the LiteRT file of the frozen backbone, where there is one.
        layers: how many layers of the backbone were trained in the retraining phase.
        out, report: where they go; None for no report.
        check: called between the steps; raises if the user no longer wants a model.
        begun: `time.monotonic()` at the start of the run.

    Raises:
        CheckFailed, BundleError, ReportError, OSError: nothing was changed.
    """
    split = photos.split
    own = bool(recipe.dense) or retrained
    unchanged = None if own else unchanged
    model = network.two_outputs()
    flatbuffer = unchanged or convert_model(model)
    check()
    difference = model_difference(model, flatbuffer, list(store.pictures(split.training[:_CHECKED])), relative=True)
    require_same_backbone(difference)
    if unchanged is None:
        training, held_out = (embed(store, rows, flatbuffer, check) for rows in (split.training, split.validation))
    else:
        training, held_out = (rounded(photos.pooled[rows]) for rows in (split.training, split.validation))
    similarity = similarity_of(recipe, training, photos.trained_on, trained=own)
    if own:
        fitted = trained_head(*network.output(), training, (held_out, photos.held_out))
    else:
        fitted = fit_head(training, photos.trained_on, similarity, check=check, views=[rounded(view) for view in views])
    plain = None
    if own or fitted.varied:
        trained_on, others = (photos.pooled[rows] for rows in (split.training, split.validation))
        plain = plain_head(trained_on, photos.trained_on).probability(others.astype(np.float64)).astype(np.float64)
    run = report_text.TrainingRun(
        dataset=photos.dataset,
        recipe=recipe,
        prepared=prepared,
        epochs=tuple(course.epochs),
        seconds=time.monotonic() - begun,
        fitted=fitted,
        similarity=similarity,
        difference=difference,
        paths=tuple(photos.dataset.examples[row].path for row in split.validation),
        targets=photos.held_out,
        as_used=fitted.head.probability(held_out).astype(np.float64),
        as_trained=as_trained,
        as_plain=plain,
        training_targets=photos.trained_on,
        layers=layers if retrained else 0,
        tried_to_retrain=any(epoch.phase == "retrain" for epoch in course.epochs),
    )
    metadata = report_text.metadata(run)
    replay = Replay(training, photos.trained_on.astype(np.uint8), np.ones(len(training), dtype=np.float32))
    check()
    with _written_aside(report, lambda path: write_report(path, report_text.report(run, metadata))):
        write_bundle(
            out,
            metadata=metadata,
            backbone=flatbuffer,
            head=fitted.head,
            replay=replay,
            keras_weights=network.weights(),
            card=trained_card(metadata),
        )
    measured, compared = run.measured(), run.measured_plain()
    return Trained(
        bundle=str(out),
        report="" if report is None else str(report),
        accuracy=measured.accuracy or 0.0,
        balanced_accuracy=measured.balanced_accuracy or 0.0,
        auc=measured.auc,
        stopped_early=len(course.epochs) < course.total,
        plain_accuracy=None if compared is None else compared.accuracy,
        remarks=run.remarks(),
    )


@contextlib.contextmanager
def _written_aside(path: Path | None, write: Callable[[Path], None]) -> Iterator[None]:
    """Write a file beside `path`, and move it there if the block succeeds; else delete it."""
    if path is None:
        yield
        return
    _make_parent(path)
    with replacing(path) as temporary:
        write(temporary)
        yield


def _make_parent(out: Path) -> None:
    if out.is_relative_to(paths.user_data_dir()):
        private_folder(out.parent)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)


def write_bundle(
    out: Path,
    *,
    metadata: Mapping[str, Any],
    backbone: bytes,
    head: Head,
    replay: Replay,
    keras_weights: Mapping[str, npt.NDArray[np.float32]] | None,
    card: str,
    variants: Variants | None = None,
) -> Bundle:
    """Write a bundle to the folder `out` and return it as the app will load it.

    It is built beside `out` and loaded with every check before it replaces what is there.

    Args:
        out: the folder of the bundle.
        metadata: everything in model.json that can't be derived from the other arguments.
        backbone: the LiteRT file.
        head: the app's head; with variants, that of the default.
        replay: the replay set; with variants, the labels and weights in it are those of the default.
        keras_weights: float32 arrays by "layer/variable"; None for a bundle whose backbone can't be retrained.
        card: the model card, Markdown.
        variants: heads with other ideas of the positive class on the same backbone, the default included.

    Raises:
        ValueError: `head` and `replay` are not those of the default variant.
        BundleError: this would not be a valid bundle. `out` is unchanged.
        OSError: it can't be written. `out` is unchanged.
    """
    others = [] if variants is None else _others(variants, head, replay)
    _make_parent(out)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        (folder / BACKBONE).write_bytes(backbone)
        heads: dict[str, Any] = {"weights": head.weights, "bias": np.float64(head.bias)}
        columns: dict[str, Any] = {"labels": replay.labels, "weights": replay.weights}
        for one in others:
            heads |= {f"weights.{one.name}": one.head.weights, f"bias.{one.name}": np.float64(one.head.bias)}
            columns |= {f"labels.{one.name}": one.labels, f"weights.{one.name}": one.weights}
        np.savez(folder / HEAD, **heads)
        np.savez(folder / REPLAY, embeddings=replay.embeddings, **columns)
        if keras_weights is not None:
            # The slash in the names is no problem: they are members of the archive, never paths on disk.
            arrays: dict[str, Any] = dict(keras_weights)
            np.savez(folder / KERAS_WEIGHTS, **arrays)
        (folder / CARD).write_text(card, encoding="utf-8", newline="\n")
        files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
        complete = {
            "format": FORMAT,
            **metadata,
            "embedding_size": int(head.weights.size),
            "backbone_id": files[BACKBONE]["sha256"][:16],
            "calibration": {"scale": head.calibration.scale, "offset": head.calibration.offset},
            **({} if variants is None else {"variants": description(variants)}),
            "files": files,
        }
        text = json.dumps(complete, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / METADATA).write_text(text, encoding="utf-8", newline="\n")
        load_bundle(folder)
        _swap(folder, out, Path(scratch) / "previous")
    return load_bundle(out)


def _others(variants: Variants, head: Head, replay: Replay) -> list[Variant]:
    """Return the variants that are not the default."""
    default = variants.find(variants.default)
    if default is None:
        raise ValueError(f"there is no variant {variants.default!r}")
    same_head = np.array_equal(default.head.weights, head.weights) and default.head.bias == head.bias
    same_replay = np.array_equal(default.labels, replay.labels) and np.array_equal(default.weights, replay.weights)
    if not same_head or default.head.calibration != head.calibration or not same_replay:
        raise ValueError(f"head and replay set are not those of the variant {variants.default!r}")
    return [variant for variant in variants.choices if variant is not default]


def _entry(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _swap(new: Path, out: Path, aside: Path) -> None:
    """Rename the folder `new` to `out`, moving aside what is there: no system can replace a folder that isn't empty."""
    if not out.exists():
        new.rename(out)
        return
    out.rename(aside)
    try:
        new.rename(out)
    except BaseException:
        # Also after Ctrl+C: the folder is gone and must come back.
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)
