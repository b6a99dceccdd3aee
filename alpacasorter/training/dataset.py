"""Reading class folders: photos on disk to embeddings and targets, through the loader and the backbone of the app."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.decode import decode, model_input
from alpacasorter.core.labels import usual_positive
from alpacasorter.core.photo import PhotoFile, Unreadable, read_photo
from alpacasorter.core.walk import FolderUnavailable, WalkProblem, walk

MIN_SIDE = 256
"""Shorter side that photos are decoded to, the same as in the app's scan."""

_SHOWN = 4


class DatasetError(Exception):
    """The folders can't be trained on. The message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Example:
    """One photo to train on.

    Attributes:
        path: where it is.
        source: name of the data folder it came with.
        target: 0 or 1, index into the class names.
    """

    path: Path
    source: str
    target: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the data folders hold.

    Attributes:
        class_names: names of targets 0 and 1; the second is the positive class.
        examples: in the order of the folders given, then of class and name.
        problems: (path, reason) of each file that can't be used.
    """

    class_names: tuple[str, str]
    examples: tuple[Example, ...]
    problems: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, eq=False)
class Embedded:
    """The photos that could be read.

    Attributes:
        examples: as in the dataset, less those that could not be read.
        embeddings: float16 (n, embedding size), the rounded values that are stored and fitted on.
        targets: int64 (n,).
        problems: (path, reason) of each file that can't be used.
    """

    examples: tuple[Example, ...]
    embeddings: npt.NDArray[np.float16]
    targets: npt.NDArray[np.int64]
    problems: tuple[tuple[Path, str], ...]

    def of_source(self, source: str) -> npt.NDArray[np.bool_]:
        """Return which photos came with the data folder of this name, (n,)."""
        return np.array([example.source == source for example in self.examples], dtype=np.bool_)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the data folders in the order given."""
        return tuple(dict.fromkeys(example.source for example in self.examples))


def find_photos(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Return the photos below a folder, sorted, and what can't be used with the reason.

    Raises:
        DatasetError: the folder can't be read.
    """
    paths: list[Path] = []
    problems: list[tuple[Path, str]] = []
    try:
        for event in walk(folder, recursive=True):
            if isinstance(event, PhotoFile):
                paths.append(event.path)
            elif isinstance(event, WalkProblem):
                problems.append((event.path, event.reason))
    except FolderUnavailable as error:
        raise DatasetError(f"{folder} can't be read: {error}") from error
    return sorted(paths), problems


def read_dataset(folders: Sequence[Path], *, positive: str | None = None) -> Dataset:
    """List the photos of data folders, each with one sub-folder per class.

    Args:
        folders: all must have the same two sub-folders.
        positive: name of the positive class; by default X of the pair X and not_X, else the last in the alphabet.

    Raises:
        DatasetError: a folder can't be read, the classes are not two or not the same everywhere, or one is empty.
    """
    class_names = _class_names(folders, positive)
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise DatasetError("Two data folders have the same name, so their figures can't be told apart; rename one.")
    examples: list[Example] = []
    problems: list[tuple[Path, str]] = []
    for folder, source in zip(folders, names, strict=True):
        for target, name in enumerate(class_names):
            paths, odd = find_photos(folder / name)
            examples += [Example(path, source, target) for path in paths]
            problems += odd
    for target, name in enumerate(class_names):
        if not any(example.target == target for example in examples):
            raise DatasetError(f"There is no photo of the class {name}; put some into the folder {name}.")
    return Dataset(class_names, tuple(examples), tuple(problems))


def _class_names(folders: Sequence[Path], positive: str | None) -> tuple[str, str]:
    found: set[tuple[str, ...]] = set()
    for folder in folders:
        if not folder.is_dir():
            raise DatasetError(f"There is no folder {folder}.")
        found.add(tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != ".")))
    if len(found) != 1:
        raise DatasetError("The data folders have different classes: each must have the same two sub-folders.")
    names = found.pop()
    if len(names) != 2:
        raise DatasetError(_not_two(names))
    if positive is None:
        positive = usual_positive(names)
    if positive not in names:
        raise DatasetError(f"There is no class {positive}; the classes are {names[0]} and {names[1]}.")
    return names[names[0] == positive], positive


def _not_two(names: Sequence[str]) -> str:
    if not names:
        return (
            "The folder has no sub-folders. Put the photos into two sub-folders, one per class, such as alpaca and "
            "not_alpaca."
        )
    if len(names) == 1:
        return (
            f"The folder must have two sub-folders, one per class, but there is only {names[0]}. Make another one for "
            f"photos of anything else, such as not_{names[0]}."
        )
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return (
        f"The folder must have two sub-folders, one per class, but there are {len(names)} ({shown}). Only two classes "
        "can be told apart; put everything that is not looked for into one sub-folder."
    )


def embed_photos(
    paths: Sequence[Path],
    *,
    side: int,
    embed: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    threads: int | None = None,
) -> list[npt.NDArray[np.float16] | str]:
    """Return, for each photo in order, its embedding float16 (embedding size,) or the reason why it has none.

    Args:
        paths: the photos.
        side: pixels a side of the model's input.
        embed: from uint8 (side, side, 3) to float32 (embedding size,); may be called by several threads at once.
        threads: how many; one a core by default.
    """

    def one(path: Path) -> npt.NDArray[np.float16] | str:
        try:
            pixels = decode(read_photo(path), min_side=MIN_SIDE).pixels
        except Unreadable as error:
            return error.reason
        return embed(model_input(pixels, side)).astype(np.float16)

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return list(pool.map(one, paths))


def embed_dataset(
    dataset: Dataset, *, side: int, embed: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
) -> Embedded:
    """Embed every photo of the dataset; those that can't be read are left out and listed.

    Raises:
        DatasetError: of one class no photo could be read.
    """
    vectors = embed_photos([example.path for example in dataset.examples], side=side, embed=embed)
    good = [(e, v) for e, v in zip(dataset.examples, vectors, strict=True) if not isinstance(v, str)]
    bad = [(e.path, v) for e, v in zip(dataset.examples, vectors, strict=True) if isinstance(v, str)]
    targets = np.array([example.target for example, _ in good], dtype=np.int64)
    for target, name in enumerate(dataset.class_names):
        if not (targets == target).any():
            raise DatasetError(f"No photo of the class {name} could be read.")
    return Embedded(
        examples=tuple(example for example, _ in good),
        embeddings=np.stack([vector for _, vector in good]),
        targets=targets,
        problems=(*dataset.problems, *bad),
    )
