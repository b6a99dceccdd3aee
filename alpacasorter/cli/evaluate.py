"""`alpacasorter evaluate DATASET`: measures the model on class folders."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from pathlib import Path

from alpacasorter.cli.console import Device, ProgressBar, engine, guarded
from alpacasorter.cli.usage import named_folder
from alpacasorter.core.events import Progress
from alpacasorter.core.files import display_path
from alpacasorter.ml.evaluate import Evaluation, evaluate

_DIGITS = 6
_SHOWN_MISTAKES = 20


def run(dataset: Path, *, as_json: bool, device: Device, quiet: bool) -> int:
    """Measure the model; return the exit code."""
    named = named_folder(dataset)
    if named is None:
        return 2
    return guarded(lambda: _evaluate(named, as_json=as_json, device=device, quiet=quiet))


def _evaluate(dataset: Path, *, as_json: bool, device: Device, quiet: bool) -> int:
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
        print(json.dumps(_object(evaluation, bundle.threshold)) if as_json else _words(evaluation))
    return 0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _object(evaluation: Evaluation, threshold: float) -> dict[str, object]:
    metrics = evaluation.metrics
    return {
        "n": metrics.n,
        "accuracy": _rounded(metrics.accuracy),
        "balanced_accuracy": _rounded(metrics.balanced_accuracy),
        "auc": _rounded(metrics.auc),
        "ece": _rounded(metrics.ece),
        "threshold": threshold,
        "confusion": asdict(metrics.confusion),
        "unreadable": evaluation.unreadable,
        "trained_on": evaluation.trained_on,
        "mistakes": [
            {"path": str(mistake.path), "probability": round(mistake.probability, _DIGITS)}
            for mistake in evaluation.mistakes
        ],
    }


def _words(evaluation: Evaluation) -> str:
    metrics, counts = evaluation.metrics, evaluation.metrics.confusion
    lines = [
        f"photos             {metrics.n:>8,}  ({evaluation.unreadable:,} more could not be read)",
        f"right              {_share(metrics.accuracy)}",
        f"balanced           {_share(metrics.balanced_accuracy)}",
        f"AUC                {'    none' if metrics.auc is None else f'{metrics.auc:>8.4f}'}",
        f"calibration error  {'    none' if metrics.ece is None else f'{metrics.ece:>8.4f}'}",
        f"found {counts.tp:,} of {counts.tp + counts.fn:,}, {counts.fp:,} false of {counts.fp + counts.tn:,}",
    ]
    if evaluation.trained_on:
        lines.append(f"The model was trained on {evaluation.trained_on:,} of these photos; on others expect less.")
    if evaluation.mistakes:
        lines.append("mistakes, the most confident first, with the probability of the positive class:")
        lines += [f"  {m.probability:.3f}  {display_path(m.path)}" for m in evaluation.mistakes[:_SHOWN_MISTAKES]]
        more = len(evaluation.mistakes) - _SHOWN_MISTAKES
        if more > 0:
            lines.append(f"  and {more:,} more; --json lists all")
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "    none" if value is None else f"{value:>8.2%}"
