"""Which photos are held out: by the rule of Keras's directory loader, the article's, as long as it can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alpacasorter.training.data.dataset import Dataset, DatasetError, Example

_FEW_HELD_OUT = 30
_FEW_TO_TRAIN_ON = 20
_UNEVEN = 5

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Which photos are trained on and which are held out; no photo is in both.

    Attributes:
        training, validation: indices into the examples, int64 (n,) and (m,).
        by_class: whether each class was split by itself, because the whole was too few.
    """

    training: Rows
    validation: Rows
    by_class: bool = False


def split_examples(dataset: Dataset, *, share: float, seed: int) -> Split:
    """Split the photos of a dataset; the same seed gives the same split.

    The photos are listed by class and name, shuffled by the seed, and the last of them are held out, just as
    `keras.utils.image_dataset_from_directory` does it. Where that leaves a class without a photo on one side, each
    class is split by itself instead.

    Args:
        dataset: at least one photo of each class.
        share: of the photos that is held out, above 0 and below 1.
        seed: of the shuffle.

    Raises:
        DatasetError: a class has one photo only.
    """
    examples = dataset.examples
    targets = np.array([example.target for example in examples], dtype=np.int64)
    order = _listed(examples, dataset.class_names)
    np.random.RandomState(seed).shuffle(order)
    held = int(share * len(order))
    split = Split(np.sort(order[: len(order) - held]), np.sort(order[len(order) - held :]))
    if _complete(split, targets):
        return split
    return _split_by_class(dataset, targets, order, share)


def _listed(examples: Sequence[Example], class_names: tuple[str, str]) -> Rows:
    """Return the rows in the order of the names of classes and files; sub-folders of a class come after its files."""

    def key(row: int) -> tuple[str, str, str]:
        example = examples[row]
        return class_names[example.target], str(example.path.parent), example.path.name

    return np.array(sorted(range(len(examples)), key=key), dtype=np.int64)


def _complete(split: Split, targets: Rows) -> bool:
    return all(len(np.unique(targets[rows])) == 2 for rows in (split.training, split.validation))


def _split_by_class(dataset: Dataset, targets: Rows, order: Rows, share: float) -> Split:
    held: list[int] = []
    for target, name in enumerate(dataset.class_names):
        rows = order[targets[order] == target]
        if len(rows) < 2:
            raise DatasetError(
                f"There is only one photo of the class {name}. One must be trained on and another held out, so there "
                "must be at least 2 of each class; for figures that mean something, 50 or more."
            )
        count = min(max(1, int(share * len(rows))), len(rows) - 1)
        held += rows[len(rows) - count :].tolist()
    mask = np.zeros(len(order), dtype=np.bool_)
    mask[held] = True
    return Split(np.flatnonzero(~mask), np.flatnonzero(mask), by_class=True)


def without(split: Split, dataset: Dataset, unreadable: Sequence[int]) -> Split:
    """Return the split without the photos that turned out to be unreadable.

    Raises:
        DatasetError: that leaves a class without a photo on one side.
    """
    targets = np.array([example.target for example in dataset.examples], dtype=np.int64)
    good = np.ones(len(targets), dtype=np.bool_)
    good[list(unreadable)] = False
    if not good.any():
        raise DatasetError("None of the photos can be read. Choose a folder with photos in its sub-folders.")
    for target, name in enumerate(dataset.class_names):
        if not (targets[good] == target).any():
            raise DatasetError(f"No photo of the class {name} could be read. Put some readable ones into its folder.")
    left = Split(split.training[good[split.training]], split.validation[good[split.validation]], split.by_class)
    for rows, side in ((left.training, "trained on"), (left.validation, "held out")):
        for target, name in enumerate(dataset.class_names):
            if not (targets[rows] == target).any():
                raise DatasetError(
                    f"None of the photos of the class {name} that were to be {side} can be read. "
                    "Replace them, or put more photos into its folder."
                )
    return left


def warnings(split: Split, targets: Rows, class_names: tuple[str, str], across: int) -> tuple[str, ...]:
    """Return what the user should know of a split before trusting the figures.

    Args:
        split: of the readable photos.
        targets: of all examples (n,).
        class_names: names of targets 0 and 1.
        across: photos held out that have a near-duplicate among those trained on.
    """
    found: list[str] = []
    held = len(split.validation)
    if across:
        found.append(
            f"{across} of the {held} photos held out {'has' if across == 1 else 'have'} a near-duplicate among those "
            "trained on, such as another shot of the same scene. The figures flatter: on photos of other scenes expect "
            "less."
        )
    if split.by_class:
        found.append("There are so few photos that each class was split by itself, so that both sides have some of it.")
    if held < _FEW_HELD_OUT:
        found.append(
            f"Only {held} photos are held out: one more or less called right is {100 / held:.0f} points of accuracy."
        )
    counts = np.bincount(targets[split.training], minlength=2)
    for target, name in enumerate(class_names):
        if counts[target] < _FEW_TO_TRAIN_ON:
            found.append(f"Only {_photos(int(counts[target]))} of the class {name} can be trained on; more would help.")
    small = int(np.argmin(counts))
    if counts[small] * _UNEVEN < counts[1 - small]:
        found.append(
            f"There are {_photos(int(counts[1 - small]))} of the class {class_names[1 - small]} but only "
            f"{counts[small]} of {class_names[small]}. All photos count the same, so the model leans to the larger "
            "class; look at the balanced accuracy."
        )
    return tuple(found)


def _photos(count: int) -> str:
    return f"{count:,} photo{'' if count == 1 else 's'}"
