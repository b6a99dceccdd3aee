"""Build a bundle from a backbone and class folders: `python -m alpacasorter.training.build_bundle --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alpacasorter.ml.models.bundle import BundleError
from alpacasorter.training.building import Options, build, say
from alpacasorter.training.data.dataset import DatasetError
from alpacasorter.training.measuring import SEEDS, YIELD_SIMILARITY, CheckFailed
from alpacasorter.training.network.mobilenet import WeightsError
from alpacasorter.training.report_text import CORRECTION_WEIGHT
from alpacasorter.training.requirements import NO_TENSORFLOW, has_tensorflow, keep_quiet


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
    add("--retrain", action="store_true", help="retrain the last blocks of the backbone too; takes half an hour")
    add("--work", type=Path, metavar="DIR", help="keep what retraining does here, so that it can go on after a break")
    add("--kinds", type=Path, metavar="FILE.csv", help="columns photo and kind, for figures by kind of photo")
    add(
        "--skip-solver-check",
        action="store_false",
        dest="check_solver",
        help="do not compare the head with scikit-learn's",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 when the bundle was written, else 1 with the reason on standard error."""
    given = vars(_parser().parse_args(arguments))
    options = Options(**{**given, "data": tuple(given["data"]), "lookalikes": tuple(given["lookalikes"])})
    keep_quiet()
    if not has_tensorflow():
        say(f"No bundle was built: {NO_TENSORFLOW}")
        return 1
    try:
        bundle = build(options)
    except (DatasetError, WeightsError, CheckFailed, BundleError, OSError) as error:
        say(f"No bundle was built: {error}")
        return 1
    say(f"{bundle.path}: {bundle.name} {bundle.version}, bundle {bundle.bundle_id}, backbone {bundle.backbone_id}")
    say(f"Use it by: alpacasorter --model {bundle.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
