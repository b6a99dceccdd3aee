"""The first stage of a run: reads and splits the photos, and reports what was found."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path
from alpacasorter.ml.learning.duplicates import fingerprint, in_both_classes, joined, same_keys, same_pictures
from alpacasorter.ml.learning.folds import groups_of_near_duplicates
from alpacasorter.training import events
from alpacasorter.training.data.augment import choose_examples, write_preview
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.data.dataset import Dataset
from alpacasorter.training.data.similarity import count_across, similarity_of
from alpacasorter.training.data.split import Split, keep_together, warnings, without
from alpacasorter.training.events import READING, Prepared, Stage
from alpacasorter.training.network.convert import FrozenBackbone
from alpacasorter.training.recipe import Recipe

_AT_ONCE = 32
_KEYS_AT_ONCE = 500
_STEPS = (0.0, 0.25, 0.5, 0.75)

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Listed:
    """Photos that have been listed and split, but not opened.

    Attributes:
        dataset: the photos.
        targets: 0 or 1, (n,).
        split: which of them are held out.
    """

    dataset: Dataset
    targets: Rows
    split: Split


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos that have been read.

    Attributes:
        dataset: all that were listed, including the unreadable ones.
        targets: 0 or 1, (n,).
        split: of the readable ones.
        pooled: the backbone's pooled outputs without augmentation, float32 (n, c); zeros for unreadable photos.
        left_out: (path, reason) of each file that can't be used; the reason is a code.
        both: rows of the files with the same picture, for each picture that is in both classes.
    """

    dataset: Dataset
    targets: Rows
    split: Split
    pooled: npt.NDArray[np.float32]
    left_out: tuple[tuple[str, str], ...]
    both: tuple[tuple[int, ...], ...] = ()

    @property
    def trained_on(self) -> Rows:
        """Targets of the training photos, 0 or 1."""
        return self.targets[self.split.training]

    @property
    def held_out(self) -> Rows:
        """Targets of the held-out photos, 0 or 1."""
        return self.targets[self.split.validation]


def read_photos(
    listed: Listed, store: PhotoStore, backbone: FrozenBackbone, check: Callable[[], None], recipe: Recipe
) -> Generator[Stage, None, Photos]:
    """Decode all photos once and run the frozen backbone on them; then keep near-duplicates on one side of the split.

    Args:
        listed: the photos.
        store: decodes them.
        backbone: the frozen backbone.
        check: called between batches; may raise to stop.
        recipe: the settings.

    Raises:
        DatasetError: too few can be read.
    """
    total = len(listed.targets)
    pooled: npt.NDArray[np.float32] | None = None
    small: npt.NDArray[np.uint8] | None = None
    unreadable: dict[int, str] = {}
    for start in range(0, total, _AT_ONCE):
        check()
        rows = list(range(start, min(start + _AT_ONCE, total)))
        found = dict(zip(rows, store.try_decode(rows), strict=True))
        good = {row: picture for row, picture in found.items() if not isinstance(picture, str)}
        unreadable |= {row: reason for row, reason in found.items() if isinstance(reason, str)}
        if good:
            vectors = backbone(np.stack(list(good.values())))
            prints = np.stack([fingerprint(picture) for picture in good.values()])
            if pooled is None or small is None:
                pooled = np.zeros((total, vectors.shape[1]), dtype=np.float32)
                small = np.zeros((total, prints.shape[1]), dtype=np.uint8)
            pooled[list(good)] = vectors
            small[list(good)] = prints
        yield Stage(READING, rows[-1] + 1, total)
    split = without(listed.split, listed.dataset, list(unreadable))
    assert pooled is not None  # Otherwise there is no readable photo, and `without` has said so.
    assert small is not None
    check()
    rows = np.sort(np.concatenate([split.training, split.validation])).tolist()
    # By the picture keys, too: a copy whose orientation flag was turned is another picture to look at.
    copies = joined(same_pictures(small[rows]), same_keys(store.picture_keys(rows)))
    split, both = _without_duplicates(split, listed.targets, pooled, copies, recipe)
    return Photos(listed.dataset, listed.targets, split, pooled, _left_out(listed.dataset, unreadable), both)


def _without_duplicates(
    split: Split,
    targets: Rows,
    pooled: npt.NDArray[np.float32],
    copies: Rows,
    recipe: Recipe,
) -> tuple[Split, tuple[tuple[int, ...], ...]]:
    """Return the split with near-duplicates on one side, and the rows of each picture that is in both classes.

    `copies` are the groups (n,) of the photos of the split, in the order of their rows, with the same picture.

    If scenes are so large, or photos so alike to the network, that the shares could not be kept, only photos that are
    more alike are kept together; if that fails too, only copies of one picture are.
    """
    rows = np.sort(np.concatenate([split.training, split.validation]))
    both = tuple(tuple(rows[group].tolist()) for group in in_both_classes(copies, targets[rows]))
    similarity = similarity_of(recipe, pooled[rows], targets[rows]).near_duplicate
    levels = [similarity + step * (1.0 - similarity) for step in _STEPS]
    for alike in (*(groups_of_near_duplicates(pooled[rows], similarity=level) for level in levels), None):
        groups = np.full(len(targets), -1, dtype=np.int64)
        groups[rows] = copies if alike is None else joined(alike, copies)
        kept = _kept_together(split, targets, groups, both, recipe)
        if kept is not None:
            return kept, both
    return split, both


def prepared(
    photos: Photos, store: PhotoStore, recipe: Recipe, *, device: str, preview: Path | None, more: tuple[str, ...] = ()
) -> Prepared:
    """Return the event, after writing the preview if one is wanted.

    Args:
        photos: from `read_photos`.
        store: decodes them.
        recipe: the settings.
        device: from `requirements.start`.
        preview: where the picture goes; None for none.
        more: further warnings, codes.
    """
    split = photos.split
    read = np.concatenate([split.training, split.validation])
    similarity = similarity_of(recipe, photos.pooled[read], photos.targets[read])
    both = _names(photos.dataset, photos.both)
    across = count_across(photos.pooled[split.validation], photos.pooled[split.training], similarity)
    if preview is not None:
        write_preview(preview, store, choose_examples(split.training, photos.targets), recipe)
    names = photos.dataset.class_names
    return Prepared(
        class_names=names,
        training=_counts(photos.trained_on),
        validation=_counts(photos.held_out),
        left_out=photos.left_out,
        across=across,
        device=device,
        preview="" if preview is None else str(preview),
        warnings=(*_in_both(both), *warnings(split, photos.targets, names, across), *more),
        both_classes=both,
    )


def only_prepared(
    listed: Listed,
    store: PhotoStore,
    check: Callable[[], None],
    recipe: Recipe,
    *,
    device: str,
    preview: Path | None,
) -> Generator[Stage | Prepared, None, None]:
    """Yield progress, then the event, after decoding only the photos that the preview shows.

    The files are read for their picture keys, which takes little time: of copies, only those whose picture is the same
    to the byte are found. Unreadable photos of the preview are skipped.

    Args:
        listed: the photos.
        store: reads and decodes them.
        check: called between batches; may raise to stop.
        recipe: the settings.
        device: from `requirements.start`.
        preview: where the picture goes; None for none.

    Raises:
        DatasetError: too few can be read.
        OSError: the preview can't be written.
    """
    total, targets = len(listed.targets), listed.targets
    keys: list[str] = []
    for start in range(0, total, _KEYS_AT_ONCE):
        check()
        keys += store.picture_keys(range(start, min(start + _KEYS_AT_ONCE, total)))
        yield Stage(READING, len(keys), total)
    copies, unreadable = same_keys(keys), dict[int, str]()
    while True:
        split = without(listed.split, listed.dataset, list(unreadable)) if unreadable else listed.split
        readable = np.sort(np.concatenate([split.training, split.validation]))
        both = tuple(tuple(readable[group].tolist()) for group in in_both_classes(copies[readable], targets[readable]))
        split = _kept_together(split, targets, copies, both, recipe) or split
        rows = choose_examples(split.training, targets)
        decoded = zip(rows.tolist(), store.try_decode(rows.tolist()), strict=True)
        bad = {row: reason for row, reason in decoded if isinstance(reason, str)}
        if not bad:
            break
        unreadable |= bad
    if preview is not None:
        write_preview(preview, store, rows, recipe)
    names, named = listed.dataset.class_names, _names(listed.dataset, both)
    yield Prepared(
        class_names=names,
        training=_counts(targets[split.training]),
        validation=_counts(targets[split.validation]),
        left_out=_left_out(listed.dataset, unreadable),
        across=0,
        device=device,
        preview="" if preview is None else str(preview),
        warnings=(*_in_both(named), *warnings(split, targets, names, 0), events.ONLY_PREPARED),
        both_classes=named,
    )


def _kept_together(
    split: Split, targets: Rows, groups: Rows, both: Sequence[tuple[int, ...]], recipe: Recipe
) -> Split | None:
    pinned = np.array([row for group in both for row in group], dtype=np.int64)
    return keep_together(split, targets, groups, both=pinned, share=recipe.validation_share, seed=recipe.seed)


def _names(dataset: Dataset, both: Sequence[tuple[int, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(display_path(dataset.examples[row].path) for row in group) for group in both)


def _in_both(both: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return (events.in_both_classes(both),) if both else ()


def _left_out(dataset: Dataset, unreadable: dict[int, str]) -> tuple[tuple[str, str], ...]:
    bad = [*dataset.problems, *((dataset.examples[row].path, reason) for row, reason in unreadable.items())]
    return tuple((display_path(path), reason) for path, reason in bad)


def _counts(targets: Rows) -> tuple[int, int]:
    return int((targets == 0).sum()), int((targets == 1).sum())
