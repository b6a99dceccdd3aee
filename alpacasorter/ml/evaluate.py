"""Measures a bundle on a dataset of one sub-folder per class."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.cache import Cache
from alpacasorter.core.decode import Unreadable
from alpacasorter.core.events import Found, Problems, Progress
from alpacasorter.core.files import display_path
from alpacasorter.core.reasons import for_folder
from alpacasorter.core.walk import FolderUnavailable
from alpacasorter.ml.bundle import Bundle
from alpacasorter.ml.learning import SAME_PHOTO
from alpacasorter.ml.metrics import Metrics, measure
from alpacasorter.ml.scan import Embed, Embedded, Scan

__all__ = ["DatasetError", "Evaluation", "Mistake", "evaluate"]


class DatasetError(Exception):
    """The dataset can't be measured on; `str()` is a plain sentence."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A photo whose prediction is not its folder's class.

    Attributes:
        path: the photo.
        probability: calibrated probability of the positive class.
    """

    path: Path
    probability: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured.

    Attributes:
        metrics: of the readable photos.
        unreadable: photos that could not be read.
        mistakes: the most confident first.
        left_out: sub-folders that are named after neither class.
        trained_on: how many of the photos the model was trained on; on those it is better than on any others.
    """

    metrics: Metrics
    unreadable: int
    mistakes: tuple[Mistake, ...]
    left_out: tuple[str, ...]
    trained_on: int


def evaluate(
    dataset: Path, *, bundle: Bundle, cache: Cache, embed: Embed, threads: int
) -> Generator[Progress | Evaluation, None, None]:
    """Judge all photos of a dataset with the bundle as it was shipped; yield progress, then the evaluation.

    Corrections play no part: the figure is the bundle's, the same on every machine.

    Raises:
        DatasetError: there are no such folders, or no photo in them can be read.
    """
    folders, left_out = _class_folders(dataset, bundle)
    paths: list[Path] = []
    vectors: list[np.ndarray[tuple[int, ...], np.dtype[np.float16]]] = []
    targets: list[int] = []
    unreadable = done_before = total_before = 0
    for target, folder in folders:
        scan = Scan(
            folder,
            recursive=True,
            cache=cache,
            backbone_id=bundle.backbone_id,
            embed=embed,
            input_size=bundle.input_size,
            threads=threads,
        )
        found = 0
        try:
            with contextlib.closing(scan.run()) as events:
                for event in events:
                    if isinstance(event, Found):
                        found += len(event.files)
                    elif isinstance(event, Embedded):
                        paths += [photo.path for photo in event.photos]
                        targets += [target] * len(event.photos)
                        vectors.append(event.embeddings)
                    elif isinstance(event, Problems):
                        unreadable += len(event.problems)
                    elif isinstance(event, Progress):
                        yield Progress(
                            done_before + event.done,
                            total_before + event.total,
                            event.per_second,
                            event.seconds_left,
                        )
        except (FolderUnavailable, Unreadable) as error:
            raise DatasetError(error.reason) from error
        done_before += found
        total_before += found
    if not paths:
        raise DatasetError(f"There are no photos in the class folders of {display_path(dataset)}.")
    embeddings = np.concatenate(vectors).astype(np.float32)
    probabilities = bundle.head.probability(embeddings)
    truth = np.array(targets)
    wrong = np.flatnonzero((probabilities >= bundle.threshold) != (truth == 1))
    surest_first = wrong[np.argsort(-np.abs(probabilities[wrong] - bundle.threshold), kind="stable")]
    yield Evaluation(
        metrics=measure(truth, probabilities, threshold=bundle.threshold),
        unreadable=unreadable,
        mistakes=tuple(Mistake(paths[n], float(probabilities[n])) for n in surest_first),
        left_out=left_out,
        trained_on=_trained_on(embeddings, bundle),
    )


def _trained_on(embeddings: npt.NDArray[np.float32], bundle: Bundle) -> int:
    """Return how many of the embeddings (n, 1280) are in the bundle's replay set, but for rounding."""
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
        raise DatasetError(f"{display_path(dataset)} can't be opened. {for_folder(error)}") from error
    target_of = {_plain(name): target for target, name in enumerate(bundle.class_names)}
    target_of |= {_plain(bundle.display_names.get(name, name)): target_of[_plain(name)] for name in bundle.class_names}
    folders = [(target_of[_plain(f.name)], f) for f in subfolders if _plain(f.name) in target_of]
    if not folders:
        names = " and ".join(f"“{name}”" for name in reversed(bundle.class_names))
        raise DatasetError(
            f"{display_path(dataset)} has no sub-folders named {names}. Make one sub-folder for each class."
        )
    return folders, tuple(f.name for f in subfolders if _plain(f.name) not in target_of)


def _plain(name: str) -> str:
    """A folder may be called "Not alpaca", "not-alpaca" or "not_alpaca"."""
    return re.sub(r"[\s_-]+", "_", name.strip()).lower()
