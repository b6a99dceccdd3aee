"""The arguments of `alpacasorter train` and `alpacasorter export-model`."""

from __future__ import annotations

import argparse

from alpacasorter.cli.usage import given_path
from alpacasorter.training.recipe import AUGMENTATIONS, BACKBONES, KERAS, RANDOM, SHIPPED, Recipe

_EXIT_CODES = "exit codes: 0 the work was done, 1 it failed, 2 wrong usage, 130 after Ctrl+C (nothing is written then)"
_DEFAULT = Recipe()


def train_parser(version: type[argparse.Action]) -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter train`; `version` is what --version does."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter train",
        description="Train a model on a folder with one sub-folder for each of two classes, "
        "such as alpaca and not_alpaca. Use it by: alpacasorter --model DIR",
        epilog=_EXIT_CODES,
    )
    add = parser.add_argument
    add("dataset", metavar="DATASET", type=given_path, help="the folder with the two sub-folders")
    add(
        "--out",
        metavar="DIR",
        type=given_path,
        help="where the model goes; a model that is there is replaced in the end",
    )
    add("--preview", metavar="FILE.png", type=given_path, help="a picture of some photos as the training sees them")
    add(
        "--report", metavar="FILE.html", type=given_path, help="the report (default: beside the model, DIR.report.html)"
    )
    add("--name", default="", help="of the model (default: that of its folder)")
    add("--positive", default="", metavar="CLASS", help="the class to look for (default: X of X and not X)")
    data = parser.add_argument_group("the photos")
    add = data.add_argument
    add(
        "--validation-share",
        type=float,
        default=_DEFAULT.validation_share,
        metavar="SHARE",
        help=_default("%(default)g"),
    )
    add("--seed", type=int, default=_DEFAULT.seed, metavar="N", help=f"of the split and all chance {_default()}")
    add("--image-size", type=int, default=0, metavar="PX", dest="side", help="default: what the backbone was made for")
    add("--batch-size", type=int, default=_DEFAULT.batch_size, metavar="N", help=_default())
    add(
        "--augment",
        type=_augmentation,
        default=_DEFAULT.augmentation,
        metavar="KINDS",
        help=f"how photos are varied: none, all, or some of {', '.join(AUGMENTATIONS)} (default: flip,rotation)",
    )
    network = parser.add_argument_group("the network")
    add = network.add_argument
    add("--backbone", choices=tuple(BACKBONES), default=_DEFAULT.backbone, help=_default())
    add(
        "--weights",
        metavar="WHICH",
        help=f"of the backbone: {SHIPPED} (come with the app, MobileNetV2 only), {KERAS} (downloaded from Keras), "
        f"{RANDOM}, or an .h5 or .npz file (default: {SHIPPED} where there are some, else {KERAS})",
    )
    add("--dense", type=_units, default=(), metavar="UNITS", help="further ReLU layers in the head, such as 128,64")
    add("--dropout", type=float, default=_DEFAULT.dropout, metavar="SHARE", help=_default())
    course = parser.add_argument_group("the training")
    add = course.add_argument
    add("--epochs", type=int, default=_DEFAULT.epochs, metavar="N", help=_default())
    add(
        "--patience",
        type=int,
        default=_DEFAULT.patience,
        metavar="N",
        help=f"epochs without progress; 0: never stop early {_default()}",
    )
    add("--learning-rate", type=float, default=_DEFAULT.learning_rate, metavar="RATE", help=_default())
    add(
        "--retrain",
        type=int,
        default=0,
        metavar="N",
        dest="retrain_layers",
        help="then also retrain the last N layers of the backbone (default: none)",
    )
    add("--retrain-epochs", type=int, default=_DEFAULT.retrain_epochs, metavar="N", help=_default())
    add("--retrain-rate", type=float, default=_DEFAULT.retrain_rate, metavar="RATE", help=_default())
    parser.add_argument("--json", action="store_true", help="print all that happens, one JSON object a line")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--version", action=version)
    parser.set_defaults(command=_train, model=None)
    return parser


def export_parser(version: type[argparse.Action]) -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter export-model`; `version` is what --version does."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter export-model",
        description="Write a model as one file for other programs. It takes pictures as RGB numbers from 0 to 255, "
        "float32 (n, side, side, 3), and gives the probability of the class that is looked for, float32 (n, 1).",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("bundle", metavar="DIR", type=given_path, help="the folder of the model")
    parser.add_argument("--keras", metavar="FILE.keras", type=given_path, help="for Keras 3")
    parser.add_argument(
        "--tflite", metavar="FILE.tflite", type=given_path, help="for LiteRT (TensorFlow Lite), one picture at a time"
    )
    parser.add_argument("--version", action=version)
    parser.set_defaults(command=_export, model=None)
    return parser


def _default(shown: str = "%(default)s") -> str:
    return f"(default: {shown})"


def _augmentation(text: str) -> frozenset[str]:
    if text == "none":
        return frozenset()
    if text == "all":
        return frozenset(AUGMENTATIONS)
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _units(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers such as 128,64") from error


def _train(options: argparse.Namespace) -> int:
    from alpacasorter.cli.train import run

    return run(options)


def _export(options: argparse.Namespace) -> int:
    from alpacasorter.cli.export_model import run

    return run(options.bundle, keras=options.keras, tflite=options.tflite)
