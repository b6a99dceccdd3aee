"""Class folders: the photos in them. And embeddings of photos, computed by the app's own loader and backbone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import usual_positive
from alpacasorter.core.photo import PhotoFile, Unreadable
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.core.photos.walk import FolderUnavailable, WalkProblem, class_folders, rooted, walk
from alpacasorter.i18n import _, join
from alpacasorter.training.requirements import not_two_classes

MIN_SIDE = 256
"""Shorter side to which photos are decoded, pixels; the same as in the app's scan."""


class DatasetError(Exception):
    """The folders can't be trained on. The message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Example:
    """One photo to train on.

    Attributes:
        path: the photo.
        source: name of its data folder.
        target: 0 or 1, index into the class names.
    """

    path: Path
    source: str
    target: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """The contents of the data folders.

    Attributes:
        class_names: names of targets 0 and 1; the second is the positive class.
        examples: in the order of the folders, then by class and name.
        problems: (path, reason) of each file that can't be used; the reason is a code.
    """

    class_names: tuple[str, str]
    examples: tuple[Example, ...]
    problems: tuple[tuple[Path, str], ...]


def find_photos(folder: Path, exclusion: Exclusion = NOTHING) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Return the photos below a folder, sorted, and (path, reason) of each file that can't be used.

    Args:
        folder: the folder.
        exclusion: what the user leaves out.

    Raises:
        DatasetError: the folder can't be read.
    """
    paths: list[Path] = []
    problems: list[tuple[Path, str]] = []
    try:
        for event in walk(folder, recursive=True, exclusion=exclusion):
            if isinstance(event, PhotoFile):
                paths.append(event.path)
            elif isinstance(event, WalkProblem):
                problems.append((event.path, event.reason))
    except FolderUnavailable as error:
        raise DatasetError(
            _("{folder} can't be read. {reason}").format(
                folder=display_path(folder), reason=reasons.sentence(error.reason)
            )
        ) from error
    return sorted(paths), problems


def read_dataset(folders: Sequence[Path], *, positive: str | None = None, exclusion: Exclusion = NOTHING) -> Dataset:
    """List the photos of data folders, each with one subfolder per class.

    Args:
        folders: all must have the same two subfolders.
        positive: name of the positive class; by default X of the pair X and not_X, else the last in alphabetical order.
        exclusion: what the user leaves out of each data folder.

    Raises:
        DatasetError: a folder can't be read, there are not two classes, they differ between folders, or one is empty.
    """
    class_names = _class_names(folders, positive, exclusion)
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise DatasetError(_("Two data folders have the same name, so their figures can't be told apart. Rename one."))
    examples: list[Example] = []
    problems: list[tuple[Path, str]] = []
    for folder, source in zip(folders, names, strict=True):
        for target, name in enumerate(class_names):
            paths, odd = find_photos(folder / name, rooted(exclusion, folder))
            examples += [Example(path, source, target) for path in paths]
            problems += odd
    for target, name in enumerate(class_names):
        if not any(example.target == target for example in examples):
            raise DatasetError(
                _("There are no photos of the class “{name}”. Put some into its folder.").format(
                    name=display_path(name)
                )
            )
    return Dataset(class_names, tuple(examples), tuple(problems))


def _class_names(folders: Sequence[Path], positive: str | None, exclusion: Exclusion) -> tuple[str, str]:
    found: set[tuple[str, ...]] = set()
    for folder in folders:
        if not folder.is_dir():
            raise DatasetError(_("The folder {folder} does not exist.").format(folder=display_path(folder)))
        found.add(tuple(class_folders(folder, exclusion)))
    if len(found) != 1:
        raise DatasetError(_("The data folders have different classes: each must have the same two subfolders."))
    names = found.pop()
    if len(names) != 2:
        raise DatasetError(not_two_classes(names))
    if positive is None:
        positive = usual_positive(names)
    if positive not in names:
        raise DatasetError(
            _("There is no class “{name}”. The classes are: {names}.").format(
                name=display_path(positive), names=join([display_path(one) for one in names])
            )
        )
    return names[names[0] == positive], positive


def embed_photos(
    paths: Sequence[Path],
    *,
    side: int,
    embed: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    threads: int | None = None,
) -> list[npt.NDArray[np.float16] | str]:
    """Return, for each photo in order, its embedding float16 (embedding size,) or the reason it has none, a code.

    Args:
        paths: the photos.
        side: width and height of the model's input, pixels.
        embed: from uint8 (side, side, 3) to float32 (embedding size,); may be called by several threads at once.
        threads: how many; one per core by default.
    """

    def one(path: Path) -> npt.NDArray[np.float16] | str:
        try:
            pixels = decode(read_photo(path), min_side=MIN_SIDE).pixels
        except Unreadable as error:
            return error.reason
        return embed(model_input(pixels, side)).astype(np.float16)

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return list(pool.map(one, paths))
