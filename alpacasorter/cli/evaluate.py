"""`alpacasorter evaluate DATASET`: measures the model on a folder with one subfolder per class."""

from __future__ import annotations

import argparse
import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter.cli.console import Device, ProgressBar, engine, guarded
from alpacasorter.cli.usage import (
    absolute,
    complain,
    device_option,
    exclusion,
    exclusion_options,
    exit_codes,
    given_path,
    leaves_out_inside,
    model_option,
    named_folder,
    quiet_option,
    variant_option,
    version_option,
)
from alpacasorter.core import os_errors, reasons
from alpacasorter.core.events import Progress
from alpacasorter.core.files import display_path
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.i18n import _, decimal, ngettext, number, share

if TYPE_CHECKING:
    from alpacasorter.ml.engine import OpenEngine
    from alpacasorter.ml.evaluation.evaluate import Evaluation
    from alpacasorter.ml.models.bundle import Bundle

_DIGITS = 6
_MAX_MISTAKES = 20


def run(
    dataset: Path,
    *,
    as_json: bool,
    report: Path | None,
    device: Device,
    quiet: bool,
    leaves_out: Exclusion = NOTHING,
    variant: str | None = None,
) -> int:
    """Measure the model, and write a report if one is requested; return the exit code."""
    named = named_folder(dataset)
    if named is None or (report is not None and not _may_be_report(report)):
        return 2

    def work() -> int:
        with engine(device, library_required=False, variant=variant) as opened:
            return _evaluate(named, opened, as_json=as_json, report=report, quiet=quiet, leaves_out=leaves_out)

    return guarded(work)


def _may_be_report(report: Path) -> bool:
    """Return whether a file can be the report, or complain: before the work, not after it."""
    shown = display_path(report)
    try:
        if report.suffix.lower() not in (".html", ".htm"):
            # A typing error must not replace a photo.
            complain(_("The report can't be written to {file}. Its name must end in .html.").format(file=shown))
        elif report.is_dir():
            complain(_("The report can't be written to {file}. It is a folder.").format(file=shown))
        elif not report.parent.is_dir():
            folder = display_path(report.parent)
            complain(
                _("The report can't be written to {file}. The folder {folder} does not exist.").format(
                    file=shown, folder=folder
                )
            )
        else:
            return True
    except OSError as error:
        # Translators: {reason} is a sentence.
        message = _("The report can't be written to {file}. {reason}")
        complain(message.format(file=shown, reason=reasons.sentence(os_errors.for_saving(error))))
    return False


def _evaluate(
    dataset: Path, opened: OpenEngine, *, as_json: bool, report: Path | None, quiet: bool, leaves_out: Exclusion
) -> int:
    from alpacasorter.ml.evaluation.evaluate import evaluate, evaluation_report
    from alpacasorter.ml.evaluation.report import write_report

    bundle, session = opened.bundle, opened.session
    with ProgressBar(quiet=quiet) as bar:
        measured = evaluate(
            dataset,
            bundle=bundle,
            cache=opened.cache,
            embed=session.embed,
            threads=session.device.threads,
            exclusion=leaves_out,
        )
        # Closed before the engine, however the loop ends.
        with contextlib.closing(measured) as events:
            for event in events:
                if isinstance(event, Progress):
                    bar.update(event)
                    continue
                for name in event.left_out:
                    message = _("The subfolder {name} is not named after a class and was left out.")
                    bar.say(message.format(name=display_path(name)))
                evaluation = event
    if report is not None:
        device = session.device.kind
        write_report(report, evaluation_report(evaluation, dataset=dataset, model=bundle.title, device=device))
        if not quiet:
            complain(_("The report is in {file}.").format(file=display_path(report)))
    print(json.dumps(_object(evaluation, bundle)) if as_json else _words(evaluation))
    return 0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _object(evaluation: Evaluation, bundle: Bundle) -> dict[str, object]:
    from alpacasorter.ml.evaluation.metrics import class_figures, log_loss

    metrics = evaluation.metrics
    return {
        "n": metrics.n,
        "accuracy": _rounded(metrics.accuracy),
        "balanced_accuracy": _rounded(metrics.balanced_accuracy),
        "auc": _rounded(metrics.auc),
        "ece": _rounded(metrics.ece),
        "log_loss": _rounded(log_loss(evaluation.targets, evaluation.shipped.probabilities)),
        "threshold": evaluation.threshold,
        "confusion": asdict(metrics.confusion),
        "classes": {
            name: {
                "n": of_class.n,
                "precision": _rounded(of_class.precision),
                "recall": _rounded(of_class.recall),
            }
            for name, of_class in zip(bundle.class_names, class_figures(metrics.confusion), strict=True)
        },
        "unreadable": evaluation.unreadable,
        "trained_on": evaluation.trained_on,
        "both_classes": [[str(path) for path in files] for files in evaluation.both],
        "variant": bundle.variant or None,
        "mistakes": [
            {"path": str(mistake.path), "probability": round(mistake.probability, _DIGITS)}
            for mistake in evaluation.mistakes
        ],
    }


def _words(evaluation: Evaluation) -> str:
    from alpacasorter.ml.evaluation.evaluate import warnings
    from alpacasorter.ml.evaluation.metrics import class_figures

    metrics = evaluation.metrics
    unreadable = ngettext(
        "({count} more could not be read)", "({count} more could not be read)", evaluation.unreadable
    ).format(count=number(evaluation.unreadable))
    rows = (
        (_("Photos"), number(metrics.n), unreadable),
        (_("Accuracy"), share(metrics.accuracy, 2), ""),
        (_("Balanced accuracy"), share(metrics.balanced_accuracy, 2), ""),
        (_("Ranking quality (AUC)"), _decimals(metrics.auc), ""),
        (_("Calibration error (ECE)"), _decimals(metrics.ece), ""),
    )
    width = max(len(name) for name, _value, _note in rows)
    lines = [f"{name:<{width}}  {value:>8}  {note}".rstrip() for name, value, note in rows]
    for name, of_class in reversed(list(zip(evaluation.class_names, class_figures(metrics.confusion), strict=True))):
        if of_class.n or of_class.called:
            # Translators: {name} is a class, {recall} and {precision} are percentages.
            words = _("{name}: {found} of {count} found ({recall}); {precision} of {predicted} predictions correct")
            lines.append(
                words.format(
                    name=name,
                    found=number(of_class.found),
                    count=number(of_class.n),
                    recall=share(of_class.recall),
                    precision=share(of_class.precision),
                    predicted=number(of_class.called),
                )
            )
    lines += warnings(evaluation, 0)
    if evaluation.mistakes:
        heading = _("Mistakes, most confident first, with the probability of “{name}”:")
        lines.append(heading.format(name=evaluation.class_names[1]))
        shown = evaluation.mistakes[:_MAX_MISTAKES]
        lines += [f"  {decimal(mistake.probability, 3)}  {display_path(mistake.path)}" for mistake in shown]
        more = len(evaluation.mistakes) - len(shown)
        if more > 0:
            words = ngettext("and {count} more; --json lists all", "and {count} more; --json lists all", more)
            lines.append(f"  {words.format(count=number(more))}")
    return "\n".join(lines)


def _decimals(value: float | None) -> str:
    return share(None) if value is None else decimal(value, 4)


def evaluate_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter evaluate`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter evaluate",
        description=_(
            "Test the model on a folder with one subfolder per class, named after the class. What the model learned "
            "from your corrections is not used."
        ),
        epilog=exit_codes(),
        parents=[
            device_option(),
            model_option(),
            variant_option(),
            exclusion_options(),
            quiet_option(),
            version_option(),
        ],
    )
    parser.add_argument("dataset", metavar="DATASET", type=given_path, help=_("folder with the subfolders"))
    parser.add_argument("--json", action="store_true", help=_("print one JSON object"))
    parser.add_argument(
        "--report", metavar="FILE.html", type=given_path, help=_("write a report with charts and mistakes to FILE.html")
    )
    parser.set_defaults(command=_run)
    return parser


def _run(options: argparse.Namespace) -> int:
    if not leaves_out_inside(vars(options), absolute(options.dataset)):
        return 2
    return run(
        options.dataset,
        as_json=options.json,
        report=options.report,
        device=options.device,
        quiet=options.quiet,
        leaves_out=exclusion(vars(options)),
        variant=options.variant,
    )
