"""Builds a bundle from a backbone and class folders: `python -m tools.model_maker.build_bundle --help`.

The backbone is used as it is, or its last blocks are retrained.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.core import reasons
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.ml.evaluation import metrics
from alpacasorter.ml.learning.folds import FOLDS
from alpacasorter.ml.learning.logistic import fit_logistic
from alpacasorter.ml.models.bundle import Bundle, Replay
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.models.metadata import BundleError
from alpacasorter.ml.runtime import backbone as preprocess
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training.card import model_card
from alpacasorter.training.data.dataset import (
    MIN_SIDE,
    DatasetError,
    Embedded,
    embed_dataset,
    embed_photos,
    find_photos,
    read_dataset,
)
from alpacasorter.training.data.similarity import YIELD_SIMILARITY
from alpacasorter.training.finish import write_bundle
from alpacasorter.training.measuring import SEEDS, CrossValidation, fit_calibration, require_optimum, solver_difference
from alpacasorter.training.network.backbones import load_backbone
from alpacasorter.training.network.classifier import FOCUS
from alpacasorter.training.network.convert import CheckFailed, convert, largest_difference, require_same_backbone
from alpacasorter.training.network.weights import WeightsError, get_weights
from alpacasorter.training.report_text import CORRECTION_WEIGHT, THRESHOLD, readable
from alpacasorter.training.requirements import has_tensorflow, keep_quiet, no_tensorflow
from tools.model_maker.last_blocks import Plan
from tools.model_maker.retraining import retrain

_CHECKED_PHOTOS = 32
_LEARNING_L2 = 32.0
"""How strongly learning holds on to a head that was trained with its backbone (benchmarks/personal.py)."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.model_maker.build_bundle",
        description="Build a model folder (bundle) from a MobileNetV2 backbone and folders of photos.",
    )
    add = parser.add_argument
    add(
        "--backbone", required=True, metavar="keras|FILE.h5", help="ImageNet weights from Keras, or a local .h5 or .npz"
    )
    add("--data", required=True, action="append", type=Path, metavar="DIR", help="one subfolder per class; repeatable")
    add(
        "--out",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder for the bundle; an existing one is replaced once all checks pass",
    )
    add(
        "--lookalikes",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="photos that are only reported on; repeatable",
    )
    add("--positive", metavar="CLASS", help="the positive class (default: X of X and not_X, else the last by name)")
    add("--name", help="shown in the app (default: from the positive class)")
    add("--version", default="1.0.0")
    add("--created", default="", metavar="YYYY-MM-DD", help="default: today")
    add("--about", type=Path, metavar="FILE.md", help="text for the model card: origins, licenses, limits")
    add(
        *("--licenses", "--licences"),
        dest="licenses",
        default="",
        metavar="TEXT",
        help="licenses of backbone and photos, in a sentence",
    )
    add("--input-size", type=int, default=224, metavar="PX", dest="side")
    add("--l2", type=float, help="regularization of the head (default: chosen by cross-validation)")
    add(
        "--correction-weight",
        type=float,
        default=CORRECTION_WEIGHT,
        help="weight of a correction in learning",
    )
    add(
        "--yield-similarity",
        type=float,
        default=YIELD_SIMILARITY,
        metavar="COSINE",
        help="similarity of photos that are much alike, which decides what counts as one scene",
    )
    add("--seeds", type=int, default=SEEDS, help="rounds of cross-validation")
    add("--retrain", action="store_true", help="also retrain the last blocks of the backbone; takes half an hour")
    add("--work", type=Path, metavar="DIR", help="keep intermediate results here, so that retraining can be resumed")
    add("--kinds", type=Path, metavar="FILE.csv", help="columns photo and kind, for figures by kind of photo")
    add(
        "--skip-solver-check",
        action="store_false",
        dest="check_solver",
        help="don't compare the head with scikit-learn's",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 if the bundle was written, else 1 with the reason on standard error."""
    given = vars(_parser().parse_args(arguments))
    options = Options(**{**given, "data": tuple(given["data"]), "lookalikes": tuple(given["lookalikes"])})
    keep_quiet()
    if not has_tensorflow():
        say(f"No bundle was built: {no_tensorflow()}")
        return 1
    try:
        bundle = build(options)
    except (DatasetError, WeightsError, CheckFailed, BundleError, OSError) as error:
        say(f"No bundle was built: {error}")
        return 1
    say(f"{bundle.path}: {bundle.name} {bundle.version}, bundle {bundle.bundle_id}, backbone {bundle.backbone_id}")
    say(f"Use it: alpacasorter --model {bundle.path}")
    return 0


@dataclass(frozen=True, slots=True)
class Options:
    """What to build; see the help of the command."""

    backbone: str
    data: tuple[Path, ...]
    out: Path
    lookalikes: tuple[Path, ...] = ()
    positive: str | None = None
    name: str | None = None
    version: str = "1.0.0"
    created: str = ""
    about: Path | None = None
    licenses: str = ""
    side: int = 224
    l2: float | None = None
    correction_weight: float = CORRECTION_WEIGHT
    yield_similarity: float = YIELD_SIMILARITY
    seeds: int = SEEDS
    check_solver: bool = True
    retrain: bool = False
    plan: Plan = Plan()  # noqa: RUF009  # frozen, so it can be shared
    work: Path | None = None
    kinds: Path | None = None


def build(options: Options) -> Bundle:
    """Build, check and write the bundle; progress goes to standard error.

    Raises:
        DatasetError, WeightsError, CheckFailed, BundleError, OSError: nothing was written; what is at `options.out` is
            unchanged.
    """
    return _build_retrained(options) if options.retrain else _build_frozen(options)


def _build_frozen(options: Options) -> Bundle:
    """Build the bundle of a backbone as it is, with the optimal head for it."""
    dataset = read_dataset(options.data, positive=options.positive)
    about = options.about.read_text(encoding="utf-8") if options.about else ""
    say(f"{len(dataset.examples)} photos, {dataset.class_names[1]} versus {dataset.class_names[0]}")
    network = load_backbone("mobilenet_v2", options.backbone, options.side)
    flatbuffer = convert(network)
    backbone = CpuBackbone(flatbuffer)
    data = embed_dataset(dataset, side=options.side, embed=backbone.embed)
    for path, reason in data.problems:
        say(f"left out: {path}: {reasons.sentence(reason)}")
    difference = largest_difference(network, flatbuffer, _some_inputs(data, options.side))
    require_same_backbone(difference)
    say(f"LiteRT versus Keras: {difference:.1e}")

    validation = CrossValidation(data, seeds=options.seeds)
    l2 = options.l2 if options.l2 is not None else validation.choose_l2()
    rounds = validation.rounds(l2)
    say(f"regularization {l2:g}; {validation.near_duplicates()['photos']} photos have a near-duplicate")
    logits = np.concatenate([round_.logits for round_ in rounds])
    calibration = fit_calibration(logits, np.tile(data.targets, len(rounds)))
    x = data.embeddings.astype(np.float64)
    solution = fit_logistic(x, data.targets, None, l2)
    solver = solver_difference(x, data.targets, l2, solution) if options.check_solver else None
    if solver is None:
        say("the head was NOT checked against scikit-learn")
    else:
        require_optimum(solver)
        say(f"head versus scikit-learn: {solver:.1e}")
    head = Head(solution.weights, solution.bias, calibration)

    quality = {
        "protocol": {
            "folds": FOLDS,
            "seeds": options.seeds,
            "ece_bins": metrics.BINS,
            "near_duplicates": validation.near_duplicates(),
        },
        **validation.report(rounds, l2),
        "lookalikes": _lookalikes(options, backbone, head),
        "checks": {"litert_keras_embedding": difference, "head_scikit_learn": solver},
    }
    metadata = _metadata(options, data, dataset.class_names, l2, quality)
    return write_bundle(
        options.out,
        metadata=metadata,
        backbone=flatbuffer,
        head=head,
        replay=Replay(data.embeddings, data.targets.astype(np.uint8), np.ones(len(data.targets), dtype=np.float32)),
        keras_weights=get_weights(network),
        card=model_card(metadata, about=about),
    )


def _build_retrained(options: Options) -> Bundle:
    """Build the bundle of a backbone whose last blocks are retrained, with the head that is trained with them.

    The exact optimum for the embeddings, as for a frozen backbone, would be worse here: the retrained blocks have seen
    these photos and separate them too well (docs/decisions/0007-a-better-model.md).
    """
    dataset = read_dataset(options.data, positive=options.positive)
    about = options.about.read_text(encoding="utf-8") if options.about else ""
    lookalikes = tuple(path for folder in options.lookalikes for path in find_photos(folder)[0])
    with contextlib.ExitStack() as stack:
        made = retrain(
            dataset,
            lookalikes,
            backbone=options.backbone,
            side=options.side,
            plan=options.plan,
            seeds=options.seeds,
            work=options.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alpacasorter-"))),
            kinds=read_kinds(options.kinds),
            say=say,
        )
    flatbuffer = convert(made.network)
    backbone = CpuBackbone(flatbuffer)
    data = embed_dataset(dataset, side=options.side, embed=backbone.embed)
    difference = largest_difference(made.network, flatbuffer, _some_inputs(data, options.side))
    require_same_backbone(difference)
    say(f"LiteRT versus Keras: {difference:.1e}")
    head = Head(made.weights, made.bias, made.calibration)
    quality = {
        **made.quality,
        "lookalikes": _lookalikes(options, backbone, head),
        "checks": {"litert_keras_embedding": difference},
    }
    l2 = options.l2 if options.l2 is not None else _LEARNING_L2
    metadata = {
        **_metadata(options, data, dataset.class_names, l2, quality),
        "network": {"backbone": "mobilenet_v2", "side": options.side, "dense": [], "pooling": FOCUS},
    }
    return write_bundle(
        options.out,
        metadata=metadata,
        backbone=flatbuffer,
        head=head,
        replay=Replay(data.embeddings, data.targets.astype(np.uint8), np.ones(len(data.targets), dtype=np.float32)),
        keras_weights=get_weights(made.network),
        card=model_card(metadata, about=about),
    )


def read_kinds(file: Path | None) -> dict[str, str]:
    """Return the kind of each photo by file name without suffix, from a CSV file with the columns photo and kind."""
    if file is None:
        return {}
    with file.open(encoding="utf-8", newline="") as stream:
        return {row["photo"]: row["kind"] for row in csv.DictReader(stream)}


def say(text: str) -> None:
    """Print on standard error."""
    print(text, file=sys.stderr, flush=True)


def _some_inputs(data: Embedded, side: int) -> list[npt.NDArray[np.uint8]]:
    step = max(1, len(data.examples) // _CHECKED_PHOTOS)
    paths = [example.path for example in data.examples[::step]][:_CHECKED_PHOTOS]
    return [model_input(decode(read_photo(path), min_side=MIN_SIDE).pixels, side) for path in paths]


def _lookalikes(options: Options, backbone: CpuBackbone, head: Head) -> dict[str, dict[str, int]]:
    """Count how many look-alikes the head labels positive, by the first word of their names."""
    kinds: dict[str, dict[str, int]] = {}
    for folder in options.lookalikes:
        paths, _problems = find_photos(folder)
        for path, vector in zip(paths, embed_photos(paths, side=options.side, embed=backbone.embed), strict=True):
            if isinstance(vector, str):
                continue
            counts = kinds.setdefault(path.stem.split("_")[0], {"n": 0, "called_positive": 0})
            counts["n"] += 1
            counts["called_positive"] += int(head.probability(vector[np.newaxis])[0] >= THRESHOLD)
    return kinds


def _metadata(
    options: Options, data: Embedded, class_names: tuple[str, str], l2: float, quality: dict[str, Any]
) -> dict[str, Any]:
    photos = {}
    for source in data.sources:
        targets = data.targets[data.of_source(source)]
        photos[source] = {"positive": int((targets == 1).sum()), "negative": int((targets == 0).sum())}
    origin = "keras.applications (ImageNet)" if options.backbone == "keras" else Path(options.backbone).name
    return {
        "name": options.name or readable(class_names[1]),
        "version": options.version,
        "created": options.created or date.today().isoformat(),  # noqa: DTZ011  # in the local time zone
        "class_names": list(class_names),
        "display_names": {name: readable(name) for name in class_names},
        "input_size": options.side,
        "preprocessing": preprocess.NAME,
        "threshold": THRESHOLD,
        "head": {"l2": l2},
        "learning": {
            "correction_weight": options.correction_weight,
            "yield_similarity": options.yield_similarity,
        },
        "licences": options.licenses,
        "training": {"backbone": origin, "photos": photos, "unreadable": len(data.problems)},
        "quality": quality,
    }


if __name__ == "__main__":
    sys.exit(main())
