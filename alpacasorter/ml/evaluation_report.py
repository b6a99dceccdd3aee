"""From what was measured on labelled photos to the report of it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import alpacasorter
from alpacasorter.core.files import display_path
from alpacasorter.ml.evaluate import Evaluation
from alpacasorter.ml.metrics import Metrics
from alpacasorter.ml.report import Report
from alpacasorter.ml.summary import share

_PACKAGES: Final = {"ai-edge-litert": "LiteRT", "numpy": "NumPy", "pillow": "Pillow"}


def evaluation_report(
    evaluation: Evaluation, *, dataset: Path, model: str, device: str, corrected: int | None = None
) -> Report:
    """Return the report of a test.

    Args:
        evaluation: what was measured.
        dataset: the folder with the class folders.
        model: name and version of the bundle.
        device: what judged the photos.
        corrected: None to report on the model as it was shipped. Else on the head that has learned, and of how many
            of these photos it was told what they are.

    Raises:
        ValueError: a report on the head that has learned is asked for, and none was measured.
    """
    if corrected is None:
        judgement, state = evaluation.shipped, "as it was shipped; what it learned from corrections plays no part"
        beside = ("The model as it is now", evaluation.learned.metrics) if evaluation.learned else None
    elif evaluation.learned is not None:
        judgement, state = evaluation.learned, "as it is now, after what it learned from your corrections"
        beside = ("The model as it was shipped", evaluation.shipped.metrics)
    else:
        raise ValueError("no head that has learned was measured")
    return Report(
        title=f"Test of {model} on {display_path(dataset.name or dataset)}",
        class_names=evaluation.class_names,
        paths=evaluation.paths,
        targets=evaluation.targets,
        probabilities=judgement.probabilities,
        threshold=evaluation.threshold,
        introduction=f"This measures the model {state}. The folder that a photo is in says what it is.",
        comparisons=_comparisons(judgement.metrics, beside),
        settings=(
            ("model", model),
            ("photos in", display_path(dataset)),
            ("called positive from probability", f"{evaluation.threshold:g}"),
        ),
        environment=environment(device),
        warnings=warnings(evaluation, corrected or 0),
        left_out=(
            *((name, "A sub-folder that is named after no class.") for name in evaluation.left_out),
            *((problem.path, problem.reason) for problem in evaluation.problems),
        ),
    )


def warnings(evaluation: Evaluation, corrected: int) -> tuple[str, ...]:
    """Return what to know before trusting the figures.

    Args:
        evaluation: what was measured.
        corrected: of how many of the photos the model was told what they are; 0 for the model as it was shipped.
    """
    found = []
    total = len(evaluation.paths)
    if evaluation.trained_on:
        found.append(
            f"The model was trained on {evaluation.trained_on:,} of these {total:,} photos; on others expect less."
        )
    if corrected:
        found.append(f"You corrected {corrected:,} of these {total:,} photos; the model has learned from those.")
    for target, name in enumerate(evaluation.class_names):
        if not (evaluation.targets == target).any():
            found.append(f"There is no photo of “{name}” among them, so mistakes of that kind can't show.")
    return tuple(found)


def environment(device: str) -> tuple[tuple[str, str], ...]:
    """Return name and version of what the figures were made with."""
    rows = [("AlpacaSorter", alpacasorter.__version__), ("Python", platform.python_version())]
    for package, name in _PACKAGES.items():
        try:
            rows.append((name, version(package)))
        except PackageNotFoundError:
            # The packaged app does not carry what says so.
            continue
    return (*rows, ("system", platform.platform()), ("photos judged by", device))


def _comparisons(metrics: Metrics, beside: tuple[str, Metrics] | None) -> tuple[tuple[str, str], ...]:
    counts = metrics.confusion
    largest = max(counts.tp + counts.fn, counts.tn + counts.fp)
    rows = []
    if beside is not None:
        name, other = beside
        rows.append((name, f"{share(other.accuracy)} right, {share(other.balanced_accuracy)} balanced"))
    rows.append(("Always saying what most of the photos are", f"{share(largest / metrics.n)} right"))
    return tuple(rows)
