"""Which photos are held out: by the rule of Keras's directory loader, the article's, where that is possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.training import events
from alpacasorter.training.data.dataset import Dataset, DatasetError, Example

_FEW_HELD_OUT = 30
_FEW_TO_TRAIN_ON = 20
_UNEVEN = 5
_EMPTY = 1e9
_SAME = 1e-9
_SLACK = 0.03
"""Share of a class by which the held-out photos may differ from what was wanted, so that scenes stay whole."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """The training photos and the held-out photos; no photo is in both sets.

    Attributes:
        training, validation: indices into the examples, int64 (n,) and (m,).
        by_class: whether each class was split separately, because there were too few photos.
    """

    training: Rows
    validation: Rows
    by_class: bool = False


def split_examples(dataset: Dataset, *, share: float, seed: int) -> Split:
    """Split the photos of a dataset; the same seed gives the same split.

    The photos are listed by class and name, shuffled with the seed, and the last of them are held out, as in
    `keras.utils.image_dataset_from_directory`. If that leaves a class without a photo in one of the sets, each class
    is split separately instead.

    Args:
        dataset: at least one photo of each class.
        share: share of the photos held out, above 0 and below 1.
        seed: of the shuffle.

    Raises:
        DatasetError: a class has only one photo.
    """
    examples = dataset.examples
    targets = np.array([example.target for example in examples], dtype=np.int64)
    order = _in_keras_order(examples, dataset.class_names)
    np.random.RandomState(seed).shuffle(order)
    held = int(share * len(order))
    split = Split(np.sort(order[: len(order) - held]), np.sort(order[len(order) - held :]))
    if _complete(split, targets):
        return split
    return _split_by_class(dataset, targets, order, share)


def _in_keras_order(examples: Sequence[Example], class_names: tuple[str, str]) -> Rows:
    """Return the rows sorted by class and file name; subfolders of a class come after its files."""

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
                _(
                    "There is only one photo of the class “{name}”. Each class needs at least 2 photos, one to train "
                    "on and one to hold out, and 50 or more for meaningful figures."
                ).format(name=display_path(name))
            )
        count = min(max(1, int(share * len(rows))), len(rows) - 1)
        held += rows[len(rows) - count :].tolist()
    mask = np.zeros(len(order), dtype=np.bool_)
    mask[held] = True
    return Split(np.flatnonzero(~mask), np.flatnonzero(mask), by_class=True)


def keep_together(split: Split, targets: Rows, groups: Rows, *, both: Rows, share: float, seed: int) -> Split | None:
    """Return the split with whole groups on one side, and as few other photos moved as keep the shares.

    Args:
        split: of the readable photos.
        targets: of all photos, 0 or 1, (n,).
        groups: group number of all photos, (n,).
        both: rows of photos that must not be held out, because they are in both classes.
        share: share of the photos held out, overall and of each class.
        seed: decides which photos are moved.

    Returns:
        The split; None if the groups are so large that a class would get far more or far less than its share.
    """
    rows = np.sort(np.concatenate([split.training, split.validation]))
    of_row = np.unique(groups[rows], return_inverse=True)[1]
    sizes = np.zeros((int(of_row.max()) + 1, 2), dtype=np.int64)
    np.add.at(sizes, (of_row, targets[rows]), 1)
    is_held = np.isin(rows, split.validation)
    held_of_group = np.bincount(of_row, weights=is_held, minlength=len(sizes))
    pinned = np.bincount(of_row, weights=np.isin(rows, both), minlength=len(sizes)) > 0
    held = (held_of_group == sizes.sum(axis=1)) & ~pinned
    torn = (held_of_group > 0) & ~held
    if not torn.any():
        return split
    all_of_class = sizes.sum(axis=0)
    order = np.random.RandomState(seed).permutation(len(sizes))
    # Those that were on both sides first.
    order = order[np.argsort(~torn[order], kind="stable")]
    order = order[~pinned[order]]
    counts = sizes[held].sum(axis=0)

    def away(counts: Rows) -> npt.NDArray[np.float64]:
        by_class = np.abs(counts - share * all_of_class).sum(axis=-1)
        empty = ((counts < 1) | (counts > all_of_class - 1)).any(axis=-1)
        return np.asarray(by_class + np.abs(counts.sum(axis=-1) - share * len(rows)) + _EMPTY * empty)

    while len(order):
        # Groups that would change the counts alike are interchangeable, so there are few kinds of them.
        changes = np.where(held[order], -1, 1)[:, np.newaxis] * sizes[order]
        kinds, first = np.unique(changes, axis=0, return_index=True)
        alone = away(counts + kinds)
        pairs = away(counts + kinds[:, np.newaxis] + kinds)
        np.fill_diagonal(pairs, np.inf)
        best = int(np.argmin(alone))
        moved = [best]
        if alone[best] >= away(counts) - _SAME:
            moved = [int(kind) for kind in np.unravel_index(int(np.argmin(pairs)), pairs.shape)]
            if pairs.min() >= away(counts) - _SAME:
                break
        for kind in moved:
            held[order[first[kind]]] ^= True
            counts = counts + kinds[kind]
    if away(counts) >= _EMPTY or (np.abs(counts - share * all_of_class) > np.maximum(1, _SLACK * all_of_class)).any():
        return None
    chosen = held[of_row]
    return Split(rows[~chosen], rows[chosen], split.by_class)


def without(split: Split, dataset: Dataset, unreadable: Sequence[int]) -> Split:
    """Return the split without the photos that turned out to be unreadable.

    Raises:
        DatasetError: that leaves a class without a photo in one of the sets.
    """
    targets = np.array([example.target for example in dataset.examples], dtype=np.int64)
    good = np.ones(len(targets), dtype=np.bool_)
    good[list(unreadable)] = False
    if not good.any():
        raise DatasetError(_("None of the photos can be read. Choose a folder with photos in its subfolders."))
    for target, name in enumerate(dataset.class_names):
        if not (targets[good] == target).any():
            raise DatasetError(
                _("No photo of the class “{name}” could be read. Put some readable ones into its folder.").format(
                    name=display_path(name)
                )
            )
    left = Split(split.training[good[split.training]], split.validation[good[split.validation]], split.by_class)
    for target, name in enumerate(dataset.class_names):
        if not (targets[left.training] == target).any():
            raise DatasetError(
                _(
                    "None of the training photos of the class “{name}” can be read. Replace them, or put more photos "
                    "into its folder."
                ).format(name=display_path(name))
            )
        if not (targets[left.validation] == target).any():
            raise DatasetError(
                _(
                    "None of the held-out photos of the class “{name}” can be read. Replace them, or put more photos "
                    "into its folder."
                ).format(name=display_path(name))
            )
    return left


def warnings(split: Split, targets: Rows, class_names: tuple[str, str], across: int) -> tuple[str, ...]:
    """Return what the user should know about a split before trusting the figures, as codes.

    Args:
        split: of the readable photos.
        targets: of all examples, 0 or 1, (n,).
        class_names: names of targets 0 and 1.
        across: how many held-out photos have a near-duplicate in the training set.
    """
    found: list[str] = []
    held = len(split.validation)
    if across:
        found.append(events.near_duplicates(across, held))
    if split.by_class:
        found.append(events.SPLIT_BY_CLASS)
    if held < _FEW_HELD_OUT:
        found.append(events.few_held_out(held))
    counts = np.bincount(targets[split.training], minlength=2)
    for target, name in enumerate(class_names):
        if counts[target] < _FEW_TO_TRAIN_ON:
            found.append(events.few_to_train_on(int(counts[target]), display_path(name)))
    small = int(np.argmin(counts))
    if counts[small] * _UNEVEN < counts[1 - small]:
        many, few = (display_path(class_names[target]) for target in (1 - small, small))
        found.append(events.uneven(int(counts[1 - small]), many, int(counts[small]), few))
    return tuple(found)
