"""`alpacasorter train`: trains a model, with progress on standard error and the result on standard output."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Never

from alpacasorter.cli.usage import (
    complain,
    exclusion,
    exclusion_options,
    given_path,
    named_folder,
    quiet_option,
    version_option,
)
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.i18n import _, decimal, duration, ngettext, number, share
from alpacasorter.training.events import (
    Epoch,
    Event,
    Failed,
    Prepared,
    Stage,
    Stopped,
    Trained,
    runs_on,
    to_line,
    worded,
)
from alpacasorter.training.recipe import AUGMENTATIONS, BACKBONES, KERAS, RANDOM, SHIPPED, Recipe, RecipeError

if TYPE_CHECKING:
    from tqdm import tqdm

_LEFT_OUT_SHOWN = 20
_INTERRUPTED = 130
_SETTINGS = (
    *("backbone", "side", "batch_size", "validation_share", "seed", "epochs", "patience", "learning_rate", "dropout"),
    *("dense", "retrain_layers", "retrain_epochs", "retrain_rate", "positive", "name"),
)


def train_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    usual = Recipe()
    parser = argparse.ArgumentParser(
        prog="alpacasorter train",
        parents=[exclusion_options(), quiet_option(), version_option()],
        description=_(
            "Train a model on a folder with one subfolder for each of two classes, such as alpaca and not_alpaca. To "
            "use the model: alpacasorter --model DIR"
        ),
        epilog=_("exit codes: 0 success, 1 failure, 2 wrong usage, 130 Ctrl+C (nothing is written then)"),
    )
    add = parser.add_argument
    add("dataset", metavar="DATASET", type=given_path, help=_("the folder with the two subfolders"))
    add(
        "--out",
        metavar="DIR",
        type=given_path,
        help=_("folder for the model; an existing model is replaced at the end"),
    )
    add(
        "--preview",
        metavar="FILE.png",
        type=given_path,
        help=_("write an image of some photos after augmentation"),
    )
    add(
        "--report",
        metavar="FILE.html",
        type=given_path,
        help=_("where the report goes (default: next to the model, DIR.report.html)"),
    )
    add("--name", default="", help=_("name of the model (default: the name of its folder)"))
    add(
        "--positive",
        default="",
        metavar="CLASS",
        help=_("the positive class (default: X, if the classes are X and not_X)"),
    )
    add = parser.add_argument_group(_("photos")).add_argument
    add(
        "--validation-share",
        type=float,
        default=usual.validation_share,
        metavar="SHARE",
        help=_("share of the photos to hold out (default: {value})").format(value=usual.validation_share),
    )
    add(
        "--seed",
        type=int,
        default=usual.seed,
        metavar="N",
        help=_("seed of the split and of everything else that is random (default: {value})").format(value=usual.seed),
    )
    add(
        "--image-size",
        type=int,
        default=usual.side,
        metavar="PX",
        dest="side",
        help=_("width and height of the input, pixels (default: what the backbone was designed for)"),
    )
    add(
        "--batch-size",
        type=int,
        default=usual.batch_size,
        metavar="N",
        help=_("photos per step (default: {value})").format(value=usual.batch_size),
    )
    add(
        "--augment",
        type=_augmentation,
        default=usual.augmentation,
        metavar="KINDS",
        help=_("how photos are varied: none, all, or some of {names} (default: {value})").format(
            names=", ".join(AUGMENTATIONS), value=",".join(sorted(usual.augmentation))
        ),
    )
    add = parser.add_argument_group(_("network")).add_argument
    add(
        "--backbone",
        choices=tuple(BACKBONES),
        default=usual.backbone,
        help=_("pretrained network (default: {value})").format(value=usual.backbone),
    )
    add(
        "--weights",
        metavar="WHICH",
        help=_(
            "weights of the backbone: {shipped} (come with the app, MobileNetV2 only), {keras} (downloaded by Keras), "
            "{random}, or an .h5 or .npz file (default: {shipped} for MobileNetV2, else {keras})"
        ).format(shipped=SHIPPED, keras=KERAS, random=RANDOM),
    )
    add("--dense", type=_units, default=usual.dense, metavar="UNITS", help=_("extra ReLU layers, such as 128,64"))
    add(
        "--dropout",
        type=float,
        default=usual.dropout,
        metavar="SHARE",
        help=_("share of the embedding dropped at random (default: {value})").format(value=usual.dropout),
    )
    add = parser.add_argument_group(_("training")).add_argument
    add(
        "--epochs",
        type=int,
        default=usual.epochs,
        metavar="N",
        help=_("maximum number of passes over the photos (default: {value})").format(value=usual.epochs),
    )
    add(
        "--patience",
        type=int,
        default=usual.patience,
        metavar="N",
        help=_("stop after this many epochs without progress; 0: never stop early (default: {value})").format(
            value=usual.patience
        ),
    )
    add(
        "--learning-rate",
        type=float,
        default=usual.learning_rate,
        metavar="RATE",
        help=_("learning rate of Adam (default: {value})").format(value=usual.learning_rate),
    )
    add(
        "--retrain",
        type=int,
        default=usual.retrain_layers,
        metavar="N",
        dest="retrain_layers",
        help=_("then also retrain the last N layers of the backbone (default: none)"),
    )
    add(
        "--retrain-epochs",
        type=int,
        default=usual.retrain_epochs,
        metavar="N",
        help=_("maximum number of passes over the photos during retraining (default: {value})").format(
            value=usual.retrain_epochs
        ),
    )
    add(
        "--retrain-rate",
        type=float,
        default=usual.retrain_rate,
        metavar="RATE",
        help=_("learning rate of retraining (default: {value})").format(value=usual.retrain_rate),
    )
    parser.add_argument("--json", action="store_true", help=_("print every event as a line of JSON"))
    parser.set_defaults(command=_run, model=None)
    return parser


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
        raise argparse.ArgumentTypeError(
            _("“{text}” is not a list of whole numbers such as 128,64").format(text=text)
        ) from error


def _run(options: argparse.Namespace) -> int:
    """Train as the options say; return the exit code."""
    # Imported here: the help needs none of this.
    from alpacasorter.cli.console import guarded
    from alpacasorter.training.requirements import has_tensorflow, no_tensorflow

    dataset = named_folder(options.dataset)
    if dataset is None:
        return 2
    if getattr(options, "positive", None) and not (dataset / options.positive).is_dir():
        complain(_("There is no class “{name}” in the dataset.").format(name=options.positive))
        return 2
    try:
        recipe = _recipe(options)
        out, report, preview = (
            None if p is None else plain_absolute(p) for p in (options.out, options.report, options.preview)
        )
        problem = _problem(dataset, out, report, preview)
        if out is not None and not recipe.name:
            # So that the model can be told from others by the name of its folder.
            recipe = replace(recipe, name=LabelSet("", "", {}).display(display_path(out.name)))
    except (RecipeError, RuntimeError, OSError) as error:
        problem = str(error)
    if problem:
        complain(problem)
        return 2
    if not has_tensorflow():
        complain(no_tensorflow())
        return 1
    if report is None and out is not None:
        report = out.with_name(f"{out.name}.report.html")
    return guarded(lambda: _train(dataset, out, recipe, report, preview, as_json=options.json, quiet=options.quiet))


def _recipe(options: argparse.Namespace) -> Recipe:
    weights = options.weights or (SHIPPED if options.backbone == "mobilenet_v2" else KERAS)
    given = {name: getattr(options, name) for name in _SETTINGS}
    leaves_out = exclusion(vars(options))
    return Recipe(
        **given,
        weights=weights,
        augmentation=options.augment,
        exclude=leaves_out.patterns,
        nomedia=leaves_out.nomedia,
    )


def _problem(dataset: Path, out: Path | None, report: Path | None, preview: Path | None) -> str:
    """Return why the files can't be written, before anything is done; empty if they can."""
    from alpacasorter.training.requirements import problem_with_out

    if out is None and preview is None:
        return _("There is nothing to do. Pass --out DIR to get a model, or --preview FILE.png to preview the photos.")
    for path, suffix in ((report, ".html"), (preview, ".png")):
        if path is None:
            continue
        if path.suffix.lower() != suffix:
            # A typo must not overwrite a photo.
            return _("{file} can't be written. Its name must end in {suffix}.").format(
                file=display_path(path), suffix=suffix
            )
        if path.is_dir():
            return _("{file} can't be written. It is a folder.").format(file=display_path(path))
        if path is preview and not path.parent.is_dir():
            return _("{file} can't be written. The folder {folder} does not exist.").format(
                file=display_path(path), folder=display_path(path.parent)
            )
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
    from alpacasorter.cli.console import without_library_output
    from alpacasorter.training.requirements import keep_quiet

    keep_quiet()
    with without_library_output(), _Output(trains=out is not None, as_json=as_json, quiet=quiet) as output:
        from alpacasorter.training.train import train

        last: Event | None = None
        # Closed however the loop ends, also by Ctrl+C, so that nothing half-written is left behind.
        with contextlib.closing(train(dataset, out, recipe, report=report, preview=preview)) as events:
            for event in events:
                last = worded(event)
                output.show(last)
    if isinstance(last, Failed):
        complain(last.reason)
        return 1
    if isinstance(last, Stopped):
        complain(_("Stopped. No model was made."))
        return _INTERRUPTED
    return 0


class _Output:
    """Prints events: a progress bar and sentences on standard error, the result on standard output."""

    def __init__(self, *, trains: bool, as_json: bool, quiet: bool) -> None:
        self._trains = trains
        self._as_json, self._quiet = as_json, quiet or sys.stderr is None
        self._bar: tqdm[Never] | None = None
        self._unit = ""

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end_bar()

    def show(self, event: Event) -> None:
        """Print one event, which is in words."""
        if self._as_json:
            print(to_line(event), flush=True)
        match event:
            case Stage():
                self._show_stage(event)
            case Epoch():
                self._show_epoch(event)
            case Prepared():
                self._end_bar()
                self._show_prepared(event)
            case Trained():
                self._end_bar()
                if not self._as_json:
                    print(_result(event), flush=True)

    def _show_stage(self, event: Stage) -> None:
        if event.total:
            self._progress(event.done, event.total, _("photos"))
        else:
            self._end_bar()
            self._say(event.text)

    def _show_epoch(self, event: Epoch) -> None:
        self._progress(event.number, event.total, _("epochs"))
        line = (
            _(
                "Epoch {number} (retraining): loss {loss}, accuracy {accuracy}; held out: loss {validation_loss}, "
                "accuracy {validation_accuracy} ({time})"
            )
            if event.phase == "retrain"
            else _(
                "Epoch {number}: loss {loss}, accuracy {accuracy}; held out: loss {validation_loss}, accuracy "
                "{validation_accuracy} ({time})"
            )
        )
        self._say(
            line.format(
                number=number(event.number),
                loss=decimal(event.loss, 4),
                accuracy=share(event.accuracy),
                validation_loss=decimal(event.validation_loss, 4),
                validation_accuracy=share(event.validation_accuracy),
                time=duration(event.seconds),
            )
        )

    def _show_prepared(self, event: Prepared) -> None:
        if event.preview:
            self._say(
                _("The preview is in {file}. The positive class comes first.").format(file=display_path(event.preview))
            )
        if self._trains:
            self._say(runs_on(event.device))
        for path, reason in event.left_out[:_LEFT_OUT_SHOWN]:
            complain(_("{file} is left out. {reason}").format(file=display_path(path), reason=reason))
        more = len(event.left_out) - _LEFT_OUT_SHOWN
        if more > 0:
            complain(
                ngettext(
                    "{count} more file is left out. The report lists all of them.",
                    "{count} more files are left out. The report lists all of them.",
                    more,
                ).format(count=number(more))
            )
        for warning in event.warnings:
            complain(warning)
        if not self._as_json:
            for name, training, held_out in zip(event.class_names, event.training, event.validation, strict=True):
                counts = _("{class_name}: {training} to train on, {held_out} held out").format(
                    class_name=display_path(name), training=number(training), held_out=number(held_out)
                )
                print(counts, flush=True)

    def _say(self, sentence: str) -> None:
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.clear()
        complain(sentence)
        if self._bar is not None:
            self._bar.refresh()

    def _progress(self, done: int, total: int, unit: str) -> None:
        if self._quiet:
            return
        if self._unit != unit:
            from tqdm import tqdm

            self._end_bar()
            self._unit = unit
            # Without the monitor thread, which only refreshes stalled bars and would outlive them.
            tqdm.monitor_interval = 0
            self._bar = tqdm(total=total, unit=f" {unit}", file=sys.stderr, dynamic_ncols=True, leave=False)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._unit = None, ""


def _result(event: Trained) -> str:
    figures = [
        (_("accuracy on held-out photos"), share(event.accuracy)),
        (_("balanced accuracy"), share(event.balanced_accuracy)),
        *([] if event.auc is None else [(_("ranking quality (AUC)"), decimal(event.auc, 4))]),
        (_("report"), display_path(event.report)),
        (_("model"), display_path(event.bundle)),
    ]
    width = max(len(name) for name, _value in figures)
    lines = [f"{name:<{width}}  {value}" for name, value in figures]
    if event.stopped_early:
        lines.append(_("Training stopped early, because it no longer helped."))
    lines += [
        *event.remarks,
        _(
            "These figures are for the model as the app uses it; the figures after each epoch are for the model during "
            "training."
        ),
        _("Use it once:        {command}").format(command=f"alpacasorter --model {display_path(event.bundle)}"),
        _("Add it to the app:  {command}").format(command=f"alpacasorter models add {display_path(event.bundle)}"),
    ]
    return "\n".join(lines)
