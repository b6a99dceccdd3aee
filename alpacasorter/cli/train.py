"""`alpacasorter train DATASET --out DIR`: trains a model, with progress on standard error and the result on output.

The arguments of `alpacasorter train` and `alpacasorter export-model`.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Never

from tqdm import tqdm

from alpacasorter.cli.console import guarded, without_chatter
from alpacasorter.cli.usage import complain, given_path, named_folder, quiet_option, version_option
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.training.events import Epoch, Event, Failed, Prepared, Stage, Stopped, Trained, to_line
from alpacasorter.training.recipe import AUGMENTATIONS, BACKBONES, KERAS, RANDOM, SHIPPED, Recipe, RecipeError
from alpacasorter.training.requirements import NO_TENSORFLOW, has_tensorflow, keep_quiet, problem_with_out

_SHOWN_LEFT_OUT = 20
_INTERRUPTED = 130
_SETTINGS = (
    *("backbone", "side", "batch_size", "validation_share", "seed", "epochs", "patience", "learning_rate", "dropout"),
    *("dense", "retrain_layers", "retrain_epochs", "retrain_rate", "positive", "name"),
)


def run(options: argparse.Namespace) -> int:
    """Train as the options say; return the exit code."""
    dataset = named_folder(options.dataset)
    if dataset is None:
        return 2
    try:
        recipe = _recipe(options)
        out, report, preview = (
            None if p is None else plain_absolute(p) for p in (options.out, options.report, options.preview)
        )
        problem = _problem(dataset, out, report, preview)
        if out is not None and not recipe.name:
            # By the name of its folder it is found again among other models.
            recipe = replace(recipe, name=LabelSet("", "", {}).display(display_path(out.name)))
    except (RecipeError, RuntimeError, OSError) as error:
        problem = str(error)
    if problem:
        complain(problem)
        return 2
    if not has_tensorflow():
        complain(NO_TENSORFLOW)
        return 1
    if report is None and out is not None:
        report = out.with_name(f"{out.name}.report.html")
    return guarded(lambda: _train(dataset, out, recipe, report, preview, as_json=options.json, quiet=options.quiet))


def _recipe(options: argparse.Namespace) -> Recipe:
    weights = options.weights or (SHIPPED if options.backbone == "mobilenet_v2" else KERAS)
    given = {name: getattr(options, name) for name in _SETTINGS}
    return Recipe(**given, weights=weights, augmentation=options.augment)


def _problem(dataset: Path, out: Path | None, report: Path | None, preview: Path | None) -> str:
    """Return why the places can't be written to, before anything is done; empty where they can."""
    if out is None and preview is None:
        return (
            "There is nothing to make. Give --out DIR for a model, or --preview FILE.png for a picture of the photos."
        )
    for path, suffix in ((report, ".html"), (preview, ".png")):
        if path is None:
            continue
        if path.suffix.lower() != suffix:
            # A slip of the hand must not replace a photo.
            return f"{display_path(path)} can't be written. Its name must end in {suffix}."
        if path.is_dir():
            return f"{display_path(path)} can't be written. It is a folder."
        if path is preview and not path.parent.is_dir():
            return f"{display_path(path)} can't be written. The folder {display_path(path.parent)} is not there."
    return "" if out is None else problem_with_out(out, dataset)


def _train(
    dataset: Path,
    out: Path | None,
    recipe: Recipe,
    report: Path | None,
    preview: Path | None,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    keep_quiet()
    with without_chatter(), _Teller(trains=out is not None, as_json=as_json, quiet=quiet) as teller:
        from alpacasorter.training.train import train

        last: Event | None = None
        # Closed whatever ends the loop, Ctrl+C too: so nothing half-written stays behind.
        with contextlib.closing(train(dataset, out, recipe, report=report, preview=preview)) as events:
            for last in events:
                teller.tell(last)
    if isinstance(last, Failed):
        complain(last.reason)
        return 1
    if isinstance(last, Stopped):
        complain("Stopped. Nothing was made.")
        return _INTERRUPTED
    return 0


class _Teller:
    """Shows events: a bar and sentences on standard error, the result on standard output."""

    def __init__(self, *, trains: bool, as_json: bool, quiet: bool) -> None:
        self._trains = trains
        self._as_json, self._quiet = as_json, quiet or sys.stderr is None
        self._bar: tqdm[Never] | None = None
        self._what = ""

    def __enter__(self) -> _Teller:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_bar()

    def tell(self, event: Event) -> None:
        """Show one event."""
        if self._as_json:
            print(to_line(event), flush=True)
        if isinstance(event, Stage):
            self._stage(event)
        elif isinstance(event, Epoch):
            self._epoch(event)
        elif isinstance(event, Prepared):
            self._end_bar()
            self._prepared(event)
        elif isinstance(event, Trained):
            self._end_bar()
            if not self._as_json:
                print(_result(event), flush=True)

    def _stage(self, event: Stage) -> None:
        if event.total:
            self._progress(event.text, event.done, event.total, " photos")
        else:
            self._end_bar()
            self._say(f"{event.text}…")

    def _epoch(self, event: Epoch) -> None:
        self._progress("Epochs", event.number, event.total, " epochs")
        self._say(
            f"epoch {event.number:>3} {'(retraining) ' if event.phase == 'retrain' else ''}"
            f"loss {event.loss:.4f}, accuracy {event.accuracy:.1%}; held out: loss {event.validation_loss:.4f}, "
            f"accuracy {event.validation_accuracy:.1%} ({event.seconds:.1f} s)"
        )

    def _prepared(self, event: Prepared) -> None:
        shown = zip(event.class_names, event.training, event.validation, strict=True)
        lines = [f"{name}: {trained:,} to train on, {held:,} held out" for name, trained, held in shown]
        if self._as_json:
            lines = []
        if event.preview:
            self._say(f"The preview is in {display_path(event.preview)}; the class that is looked for comes first.")
        if self._trains:
            self._say(f"Training on the {event.device}.")
        for path, reason in event.left_out[:_SHOWN_LEFT_OUT]:
            complain(f"{display_path(path)} is left out. {reason}")
        if len(event.left_out) > _SHOWN_LEFT_OUT:
            complain(f"{len(event.left_out) - _SHOWN_LEFT_OUT:,} more files are left out; the report lists all.")
        for warning in event.warnings:
            complain(warning)
        if lines:
            print("\n".join(lines), flush=True)

    def _say(self, sentence: str) -> None:
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.clear()
        complain(sentence)
        if self._bar is not None:
            self._bar.refresh()

    def _progress(self, what: str, done: int, total: int, unit: str) -> None:
        if self._quiet:
            return
        if self._what != what:
            self._end_bar()
            self._what = what
            # Otherwise a thread watches over bars that stand still, which no one needs and which outlives them.
            tqdm.monitor_interval = 0
            self._bar = tqdm(total=total, unit=unit, file=sys.stderr, dynamic_ncols=True, leave=False)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._what = None, ""


def _result(event: Trained) -> str:
    lines = [
        f"right on the photos held out  {event.accuracy:.1%} (balanced {event.balanced_accuracy:.1%}"
        + (")" if event.auc is None else f", AUC {event.auc:.4f})"),
        *(["The training ended early, when it no longer helped."] if event.stopped_early else []),
        f"report                        {display_path(event.report)}",
        f"model                         {display_path(event.bundle)}",
        "These figures are of the last layer as the app uses it, the best there is for what the network sees;",
        "those after each epoch are of the layer that was trained step by step.",
        f"Use it once by:        alpacasorter --model {display_path(event.bundle)}",
        f"Keep it in the app by: alpacasorter models add {display_path(event.bundle)}",
    ]
    return "\n".join(lines)


_EXIT_CODES = "exit codes: 0 the work was done, 1 it failed, 2 wrong usage, 130 after Ctrl+C (nothing is written then)"
_DEFAULT = Recipe()


def train_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter train`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter train",
        parents=[quiet_option(), version_option()],
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
    parser.set_defaults(command=_run_train_command, model=None)
    return parser


def export_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter export-model`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter export-model",
        parents=[version_option()],
        description="Write a model as one file for other programs. It takes pictures as RGB numbers from 0 to 255, "
        "float32 (n, side, side, 3), and gives the probability of the class that is looked for, float32 (n, 1).",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("bundle", metavar="DIR", type=given_path, help="the folder of the model")
    parser.add_argument("--keras", metavar="FILE.keras", type=given_path, help="for Keras 3")
    parser.add_argument(
        "--tflite", metavar="FILE.tflite", type=given_path, help="for LiteRT (TensorFlow Lite), one picture at a time"
    )
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


def _run_train_command(options: argparse.Namespace) -> int:

    return run(options)


def _export(options: argparse.Namespace) -> int:
    from alpacasorter.cli.export_model import run

    return run(options.bundle, keras=options.keras, tflite=options.tflite)
