"""Build a bundle from a backbone and class folders: `python -m alpacasorter.training.build_bundle --help`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.core.decode import decode, model_input, read_photo
from alpacasorter.ml import metrics, preprocess
from alpacasorter.ml.backbone import CpuBackbone
from alpacasorter.ml.bundle import Bundle, BundleError, Replay
from alpacasorter.ml.head import Head
from alpacasorter.ml.logistic import fit_logistic
from alpacasorter.training.calibration import fit_calibration
from alpacasorter.training.card import model_card
from alpacasorter.training.checks import CheckFailed, require_optimum, require_same_backbone, solver_difference
from alpacasorter.training.convert import convert, largest_difference
from alpacasorter.training.dataset import (
    MIN_SIDE,
    DatasetError,
    Embedded,
    embed_dataset,
    embed_photos,
    find_photos,
    read_dataset,
)
from alpacasorter.training.folds import FOLDS
from alpacasorter.training.mobilenet import WeightsError, get_weights, load_backbone
from alpacasorter.training.package import write_bundle
from alpacasorter.training.quality import SEEDS, CrossValidation

CORRECTION_WEIGHT = 3.0
YIELD_SIMILARITY = 0.6
"""Chosen by benchmarks/corrections.py for this backbone (docs/decisions/0003-head-and-learning.md has the table)."""

_CHECKED_PHOTOS = 32


@dataclass(frozen=True, slots=True)
class Options:
    """What to build; see the command's help for each."""

    backbone: str
    data: tuple[Path, ...]
    out: Path
    lookalikes: tuple[Path, ...] = ()
    positive: str | None = None
    name: str | None = None
    version: str = "1.0.0"
    created: str = ""
    about: Path | None = None
    licences: str = ""
    side: int = 224
    l2: float | None = None
    correction_weight: float = CORRECTION_WEIGHT
    yield_similarity: float = YIELD_SIMILARITY
    seeds: int = SEEDS
    check_solver: bool = True


def build(options: Options) -> Bundle:
    """Build, check and write the bundle; say on standard error what is being done.

    Raises:
        DatasetError, WeightsError, CheckFailed, BundleError, OSError: nothing was written; what stood at
            `options.out` still does.
    """
    dataset = read_dataset(options.data, positive=options.positive)
    about = options.about.read_text(encoding="utf-8") if options.about else ""
    _say(f"{len(dataset.examples)} photos, {dataset.class_names[1]} against {dataset.class_names[0]}")
    network = load_backbone(options.backbone, options.side)
    flatbuffer = convert(network)
    backbone = CpuBackbone(flatbuffer)
    data = embed_dataset(dataset, side=options.side, embed=backbone.embed)
    for path, reason in data.problems:
        _say(f"left out: {path}: {reason}")
    difference = largest_difference(network, flatbuffer, _some_inputs(data, options.side))
    require_same_backbone(difference)
    _say(f"LiteRT against Keras: {difference:.1e}")

    validation = CrossValidation(data, seeds=options.seeds)
    l2 = options.l2 if options.l2 is not None else validation.choose_l2()
    rounds = validation.rounds(l2)
    _say(f"regularisation {l2:g}; {validation.near_duplicates()['photos']} photos have a near-duplicate")
    logits = np.concatenate([round_.logits for round_ in rounds])
    calibration = fit_calibration(logits, np.tile(data.targets, len(rounds)))
    x = data.embeddings.astype(np.float64)
    solution = fit_logistic(x, data.targets, None, l2)
    solver = solver_difference(x, data.targets, l2, solution) if options.check_solver else None
    if solver is None:
        _say("the head was NOT checked against scikit-learn")
    else:
        require_optimum(solver)
        _say(f"head against scikit-learn: {solver:.1e}")
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


def _some_inputs(data: Embedded, side: int) -> list[npt.NDArray[np.uint8]]:
    step = max(1, len(data.examples) // _CHECKED_PHOTOS)
    paths = [example.path for example in data.examples[::step]][:_CHECKED_PHOTOS]
    return [model_input(decode(read_photo(path), min_side=MIN_SIDE).pixels, side) for path in paths]


def _lookalikes(options: Options, backbone: CpuBackbone, head: Head) -> dict[str, dict[str, int]]:
    """Count what the head calls positive among photos that are no test of it, by the first word of their names."""
    kinds: dict[str, dict[str, int]] = {}
    for folder in options.lookalikes:
        paths, _ = find_photos(folder)
        for path, vector in zip(paths, embed_photos(paths, side=options.side, embed=backbone.embed), strict=True):
            if isinstance(vector, str):
                continue
            facts = kinds.setdefault(path.stem.split("_")[0], {"n": 0, "called_positive": 0})
            facts["n"] += 1
            facts["called_positive"] += int(head.probability(vector[np.newaxis])[0] >= _THRESHOLD)
    return kinds


_THRESHOLD = 0.5


def _metadata(
    options: Options, data: Embedded, class_names: tuple[str, str], l2: float, quality: dict[str, Any]
) -> dict[str, Any]:
    photos = {}
    for source in data.sources:
        targets = data.targets[data.of_source(source)]
        photos[source] = {"positive": int((targets == 1).sum()), "negative": int((targets == 0).sum())}
    origin = "keras.applications (ImageNet)" if options.backbone == "keras" else Path(options.backbone).name
    return {
        "name": options.name or _readable(class_names[1]),
        "version": options.version,
        "created": options.created or date.today().isoformat(),  # noqa: DTZ011  # the maker's own calendar
        "class_names": list(class_names),
        "display_names": {name: _readable(name) for name in class_names},
        "input_size": options.side,
        "preprocessing": preprocess.NAME,
        "threshold": _THRESHOLD,
        "head": {"l2": l2},
        "learning": {
            "correction_weight": options.correction_weight,
            "yield_similarity": options.yield_similarity,
        },
        "licences": options.licences,
        "training": {"backbone": origin, "photos": photos, "unreadable": len(data.problems)},
        "quality": quality,
    }


def _readable(class_name: str) -> str:
    return class_name.replace("_", " ").strip().capitalize()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpacasorter.training.build_bundle",
        description="Build a model folder (bundle) from a MobileNetV2 backbone and folders of photos.",
    )
    add = parser.add_argument
    add("--backbone", required=True, metavar="keras|FILE.h5", help="ImageNet weights by Keras, or a local .h5 or .npz")
    add("--data", required=True, action="append", type=Path, metavar="DIR", help="one sub-folder per class; repeatable")
    add(
        "--out",
        required=True,
        type=Path,
        metavar="DIR",
        help="the bundle's folder; replaced whole once all checks pass",
    )
    add(
        "--lookalikes",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="photos only reported on; repeatable",
    )
    add("--positive", metavar="CLASS", help="the class to find (default: X of X and not_X, else the last by name)")
    add("--name", help="shown in the app (default: from the positive class)")
    add("--version", default="1.0.0")
    add("--created", default="", metavar="YYYY-MM-DD", help="default: today")
    add("--about", type=Path, metavar="FILE.md", help="text for the model card: origins, licences, limits")
    add("--licences", default="", metavar="TEXT", help="licences of backbone and photos, in a sentence")
    add("--input-size", type=int, default=224, metavar="PX", dest="side")
    add("--l2", type=float, help="regularisation of the head (default: chosen by cross-validation)")
    add(
        "--correction-weight",
        type=float,
        default=CORRECTION_WEIGHT,
        help="training photos that one correction counts as",
    )
    add(
        "--yield-similarity",
        type=float,
        default=YIELD_SIMILARITY,
        metavar="COSINE",
        help="likeness from which training photos called otherwise yield to a correction",
    )
    add("--seeds", type=int, default=SEEDS, help="rounds of cross-validation")
    add(
        "--skip-solver-check",
        action="store_false",
        dest="check_solver",
        help="do not compare the head with scikit-learn's",
    )
    return parser


_NO_TENSORFLOW = (
    "No bundle was built: training needs TensorFlow, which is not installed. There is TensorFlow for Python 3.11 "
    "to 3.13 on Linux, on Windows (64-bit Intel or AMD) and on macOS (Apple silicon). Everything else works without it."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 when the bundle was written, else 1 with the reason on standard error."""
    given = vars(_parser().parse_args(arguments))
    options = Options(**{**given, "data": tuple(given["data"]), "lookalikes": tuple(given["lookalikes"])})
    # TensorFlow tells at length which drivers it did not find.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if importlib.util.find_spec("tensorflow") is None:
        _say(_NO_TENSORFLOW)
        return 1
    try:
        bundle = build(options)
    except (DatasetError, WeightsError, CheckFailed, BundleError, OSError) as error:
        _say(f"No bundle was built: {error}")
        return 1
    _say(f"{bundle.path}: {bundle.name} {bundle.version}, bundle {bundle.bundle_id}, backbone {bundle.backbone_id}")
    _say(f"Use it by: alpacasorter --model {bundle.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
