"""`alpacasorter evaluate DATASET`: measures the model on class folders."""

from __future__ import annotations

import argparse
import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter.cli.console import Device, ProgressBar, engine, guarded
from alpacasorter.cli.usage import (
    complain,
    device_option,
    exit_codes,
    given_path,
    model_option,
    named_folder,
    quiet_option,
    version_option,
)
from alpacasorter.core.events import Progress
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _

if TYPE_CHECKING:
    from alpacasorter.ml.evaluation.evaluate import Evaluation

_DIGITS = 6
_SHOWN_MISTAKES = 20


def run(dataset: Path, *, as_json: bool, report: Path | None, device: Device, quiet: bool) -> int:
    """Measure the model, write a report of it where one is asked for; return the exit code."""
    named = named_folder(dataset)
    if named is None or (report is not None and not _may_be_report(report)):
        return 2
    return guarded(lambda: _evaluate(named, as_json=as_json, report=report, device=device, quiet=quiet))


def _may_be_report(report: Path) -> bool:
    """Tell whether a file can be the report, and complain where not: before the work, not after it."""
    shown = display_path(report)
    try:
        if report.suffix.lower() not in (".html", ".htm"):
            # A slip of the hand must not replace a photo.
            complain(f"{shown} can't be the report. Its name must end in .html.")
        elif report.is_dir():
            complain(f"{shown} can't be the report. It is a folder.")
        elif not report.parent.is_dir():
            complain(f"{shown} can't be the report. The folder {display_path(report.parent)} is not there.")
        else:
            return True
    except OSError as error:
        complain(f"{shown} can't be the report. {error.strerror or error}.")
    return False


def _evaluate(dataset: Path, *, as_json: bool, report: Path | None, device: Device, quiet: bool) -> int:
    from alpacasorter.ml.evaluation.evaluate import evaluate, evaluation_report
    from alpacasorter.ml.evaluation.report import write_report

    with engine(device) as opened:
        bundle, session = opened.bundle, opened.session
        with ProgressBar(quiet=quiet) as bar:
            measured = evaluate(
                dataset, bundle=bundle, cache=opened.cache, embed=session.embed, threads=session.device.threads
            )
            # Closed before the engine is, whatever ends the loop.
            with contextlib.closing(measured) as events:
                for event in events:
                    if isinstance(event, Progress):
                        bar.update(event)
                        continue
                    for name in event.left_out:
                        bar.say(f"The sub-folder {display_path(name)} is named after no class and was left out.")
                    evaluation = event
        if report is not None:
            serving = "graphics processor" if session.device.kind == "gpu" else "processor"
            model = f"{bundle.name} {bundle.version}"
            write_report(report, evaluation_report(evaluation, dataset=dataset, model=model, device=serving))
            if not quiet:
                complain(f"The report is in {display_path(report)}.")
        print(json.dumps(_object(evaluation, bundle.class_names)) if as_json else _words(evaluation))
    return 0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _object(evaluation: Evaluation, class_names: tuple[str, str]) -> dict[str, object]:
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
            for name, of_class in zip(class_names, class_figures(metrics.confusion), strict=True)
        },
        "unreadable": evaluation.unreadable,
        "trained_on": evaluation.trained_on,
        "mistakes": [
            {"path": str(mistake.path), "probability": round(mistake.probability, _DIGITS)}
            for mistake in evaluation.mistakes
        ],
    }


def _words(evaluation: Evaluation) -> str:
    from alpacasorter.ml.evaluation.evaluate import warnings
    from alpacasorter.ml.evaluation.metrics import class_figures
    from alpacasorter.ml.evaluation.report import share

    metrics = evaluation.metrics
    lines = [
        f"photos             {metrics.n:>8,}  ({evaluation.unreadable:,} more could not be read)",
        f"right              {_share(metrics.accuracy)}",
        f"balanced           {_share(metrics.balanced_accuracy)}",
        f"AUC                {'    none' if metrics.auc is None else f'{metrics.auc:>8.4f}'}",
        f"calibration error  {'    none' if metrics.ece is None else f'{metrics.ece:>8.4f}'}",
    ]
    of_classes = zip(evaluation.class_names, class_figures(metrics.confusion), strict=True)
    for name, of in list(of_classes)[::-1]:
        if of.n or of.called:
            lines.append(
                f"{name}: {of.found:,} of {of.n:,} found ({share(of.recall)}); "
                f"{share(of.precision)} of the {of.called:,} called so are"
            )
    lines += warnings(evaluation, 0)
    if evaluation.mistakes:
        lines.append("mistakes, the most confident first, with the probability of the positive class:")
        lines += [f"  {m.probability:.3f}  {display_path(m.path)}" for m in evaluation.mistakes[:_SHOWN_MISTAKES]]
        more = len(evaluation.mistakes) - _SHOWN_MISTAKES
        if more > 0:
            lines.append(f"  and {more:,} more; --json lists all")
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "    none" if value is None else f"{value:>8.2%}"


def evaluate_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter evaluate`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter evaluate",
        description=_(
            "Measure the model on a folder with one subfolder per class, named after the class. What the model learned"
            " from your corrections is not used."
        ),
        epilog=exit_codes(),
        parents=[device_option(), model_option(), quiet_option(), version_option()],
    )
    parser.add_argument("dataset", metavar="DATASET", type=given_path, help=_("folder with the subfolders"))
    parser.add_argument("--json", action="store_true", help=_("print one JSON object"))
    parser.add_argument(
        "--report", metavar="FILE.html", type=given_path, help=_("write a report with charts and mistakes to FILE.html")
    )
    parser.set_defaults(command=_run)
    return parser


def _run(options: argparse.Namespace) -> int:
    return run(options.dataset, as_json=options.json, report=options.report, device=options.device, quiet=options.quiet)
