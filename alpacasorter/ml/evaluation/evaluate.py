"""Measures a bundle on a dataset of one sub-folder per class.

From what was measured on labelled photos to the report of it.
"""

from __future__ import annotations

import contextlib
import platform
import re
from collections.abc import Generator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

import alpacasorter
from alpacasorter.core import os_errors, reasons
from alpacasorter.core.events import Found, Problem, Problems, Progress
from alpacasorter.core.files import display_path
from alpacasorter.core.photo import PhotoFile, Unreadable
from alpacasorter.core.photos.walk import FolderUnavailable, walk
from alpacasorter.core.store.cache import Cache
from alpacasorter.ml.evaluation.metrics import Metrics, measure, mistakes
from alpacasorter.ml.evaluation.report import Report, share
from alpacasorter.ml.learning.learner import SAME_PHOTO
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.scan import Embed, Embedded, EmbeddedPhoto, Scan

__all__ = ["DatasetError", "Evaluation", "Judgement", "Mistake", "evaluate"]

_COUNTED_AT_ONCE = 1000
_NAMED = 3
"""Folders that an error names, so that it stays short."""


class DatasetError(Exception):
    """The dataset can't be measured on; `str()` is a plain sentence."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A photo whose prediction is not its folder's class.

    Attributes:
        path: the photo.
        probability: calibrated probability of the positive class.
        content_key: hash of its bytes.
    """

    path: Path
    probability: float
    content_key: str = ""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What one head made of the photos.

    Attributes:
        probabilities: float32 (n,), calibrated probability of the positive class.
        metrics: of all photos.
        mistakes: the most confident first.
    """

    probabilities: npt.NDArray[np.float32]
    metrics: Metrics
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured, photo by photo in the order of `paths`.

    Attributes:
        class_names: what people read for targets 0 and 1.
        threshold: probability from which a photo is called positive.
        paths, keys: the readable photos and their content keys.
        targets: (n,), 0 or 1: the class whose folder the photo is in.
        shipped: what the bundle's own head says.
        learned: what the head says that has learned from corrections; None where none was given.
        problems: photos that could not be read, and folders, with the reason.
        left_out: sub-folders that are named after neither class.
        trained_on: how many of the photos the model was trained on; on those it is better than on any others.
    """

    class_names: tuple[str, str]
    threshold: float
    paths: tuple[Path, ...]
    keys: tuple[str, ...]
    targets: npt.NDArray[np.int64]
    shipped: Judgement
    learned: Judgement | None
    problems: tuple[Problem, ...]
    left_out: tuple[str, ...]
    trained_on: int

    @property
    def metrics(self) -> Metrics:
        """The figures of the bundle's own head."""
        return self.shipped.metrics

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The mistakes of the bundle's own head."""
        return self.shipped.mistakes

    @property
    def unreadable(self) -> int:
        """How many photos, or folders, could not be read."""
        return len(self.problems)


def evaluate(
    dataset: Path, *, bundle: Bundle, cache: Cache, embed: Embed, threads: int, learned: Head | None = None
) -> Generator[Progress | Evaluation, None, None]:
    """Judge all photos of a dataset with the bundle as it was shipped; yield progress, then the evaluation.

    Corrections play no part in that: the figure is the bundle's, the same on every machine. A head that has learned
    from corrections is measured beside it where one is given.

    Raises:
        DatasetError: there are no such folders, or no photo in them can be read.
    """
    folders, left_out = _class_folders(dataset, bundle)
    photos: list[EmbeddedPhoto] = []
    vectors: list[npt.NDArray[np.float16]] = []
    targets: list[int] = []
    problems: list[Problem] = []
    # Counted beforehand, or the bar would be full after the first folder and fall back with the second.
    total = done_before = 0
    try:
        for _, folder in folders:
            for item in walk(folder, recursive=True):
                if isinstance(item, PhotoFile):
                    total += 1
                    # Whoever wants to stop it can do so here.
                    if total % _COUNTED_AT_ONCE == 0:
                        yield Progress(0, total, 0.0, None)
        for target, folder in folders:
            scan = Scan(
                folder,
                recursive=True,
                cache=cache,
                backbone_id=bundle.backbone_id,
                embedding_size=bundle.embedding_size,
                embed=embed,
                input_size=bundle.input_size,
                threads=threads,
            )
            found = 0
            with contextlib.closing(scan.run()) as events:
                for event in events:
                    if isinstance(event, Found):
                        found += len(event.files)
                    elif isinstance(event, Embedded):
                        photos += event.photos
                        targets += [target] * len(event.photos)
                        vectors.append(event.embeddings)
                    elif isinstance(event, Problems):
                        problems += event.problems
                    elif isinstance(event, Progress):
                        yield _overall(event, done_before, total)
            done_before += found
    except (FolderUnavailable, Unreadable) as error:
        raise DatasetError(reasons.sentence(error.reason)) from error
    if not photos:
        raise DatasetError(f"There are no photos in the class folders of {display_path(dataset)}.")
    embeddings = np.concatenate(vectors).astype(np.float32)
    paths, keys = tuple(photo.path for photo in photos), tuple(photo.content_key for photo in photos)
    truth = np.array(targets, dtype=np.int64)

    def judged_by(head: Head) -> Judgement:
        probabilities = head.probability(embeddings)
        wrong = mistakes(truth, probabilities, threshold=bundle.threshold)
        return Judgement(
            probabilities,
            measure(truth, probabilities, threshold=bundle.threshold),
            tuple(Mistake(paths[n], float(probabilities[n]), keys[n]) for n in wrong),
        )

    yield Evaluation(
        class_names=(_display(bundle, bundle.negative_label), _display(bundle, bundle.positive_label)),
        threshold=bundle.threshold,
        paths=paths,
        keys=keys,
        targets=truth,
        shipped=judged_by(bundle.head),
        learned=judged_by(learned) if learned is not None else None,
        problems=tuple(problems),
        left_out=left_out,
        trained_on=_trained_on(embeddings, bundle),
    )


def _overall(event: Progress, done_before: int, total: int) -> Progress:
    """Return how far all folders are, from how far one is; there may be more photos by now than were counted."""
    done = done_before + event.done
    total = max(total, done_before + event.total)
    seconds_left = (total - done) / event.per_second if event.per_second else None
    return Progress(done, total, event.per_second, seconds_left)


def _display(bundle: Bundle, name: str) -> str:
    return bundle.display_names.get(name) or name.replace("_", " ").capitalize()


def _trained_on(embeddings: npt.NDArray[np.float32], bundle: Bundle) -> int:
    """Return how many of the embeddings (n, embedding size) are in the bundle's replay set, but for rounding."""
    replay = bundle.replay.embeddings.astype(np.float32)
    similarity = _unit(embeddings) @ _unit(replay).T
    return int((similarity.max(axis=1, initial=-1.0) >= SAME_PHOTO).sum())


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)


def _class_folders(dataset: Path, bundle: Bundle) -> tuple[list[tuple[int, Path]], tuple[str, ...]]:
    try:
        subfolders = sorted(entry for entry in dataset.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise DatasetError(
            f"{display_path(dataset)} can't be opened. {reasons.sentence(os_errors.for_folder(error))}"
        ) from error
    target_of = {_plain(name): target for target, name in enumerate(bundle.class_names)}
    target_of |= {_plain(_display(bundle, name)): target_of[_plain(name)] for name in bundle.class_names}
    folders = [(target_of[_plain(f.name)], f) for f in subfolders if _plain(f.name) in target_of]
    others = tuple(f.name for f in subfolders if _plain(f.name) not in target_of)
    if not folders:
        raise DatasetError(_how_to_name(dataset, bundle, others, is_class=_plain(dataset.name) in target_of))
    return folders, others


def _how_to_name(dataset: Path, bundle: Bundle, others: tuple[str, ...], *, is_class: bool) -> str:
    names = " and ".join(f"“{name}”" for name in reversed(bundle.class_names))
    what = f"{display_path(dataset)} has no sub-folders named {names}."
    if is_class:
        return f"{what} It seems to hold one class: choose the folder that it is in."
    if not others:
        return f"{what} Make one sub-folder for each class."
    listed = ", ".join(f"“{display_path(name)}”" for name in others[:_NAMED])
    more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
    return f"{what} Make one sub-folder for each class, or rename those that are there: {listed}{more}."


def _plain(name: str) -> str:
    """A folder may be called "Not alpaca", "not-alpaca" or "not_alpaca"."""
    return re.sub(r"[\s_-]+", "_", name.strip()).lower()


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
            *((problem.path, reasons.sentence(problem.reason)) for problem in evaluation.problems),
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
