"""A picture of some training examples as the network will see them."""

from __future__ import annotations

import math
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.training.augment import augmenter
from alpacasorter.training.batches import PhotoStore
from alpacasorter.training.recipe import Recipe

COLUMNS = 4
ROWS_A_CLASS = 2
_TILE = 160
_GAP = 6
_BETWEEN = 18


def choose(training: npt.NDArray[np.int64], targets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the rows to show, 8 of the positive class and then 8 of the negative one.

    Where a class has fewer, its photos are shown again, each time changed in another way.
    """
    count = COLUMNS * ROWS_A_CLASS
    chosen = []
    for target in (1, 0):
        rows = training[targets[training] == target]
        step = max(1, len(rows) // count)
        # Spread over the folder: neighbours are often shots of one scene.
        chosen.append(np.resize(rows[::step][:count], count))
    return np.concatenate(chosen)


def write_preview(path: Path, store: PhotoStore, rows: npt.NDArray[np.int64], recipe: Recipe) -> None:
    """Write a PNG of the photos in `rows` from `choose`: 4 a row, two rows of each class, the positive one above.

    A file that is there is replaced once the new one is whole.

    Raises:
        DatasetError: a photo can no longer be read.
        OSError: it can't be written.
    """
    import tensorflow as tf

    augment = augmenter(recipe.augmentation, recipe.seed)
    seen = augment(store.pictures(rows))
    tile = min(store.side, _TILE)
    small = tf.image.resize(seen, (tile, tile), antialias=True)
    pixels = np.clip(np.rint(np.asarray(small)), 0, 255).astype(np.uint8)
    _write(path, tf.io.encode_png(_grid(pixels)).numpy())


def _grid(tiles: npt.NDArray[np.uint8]) -> Any:
    """Return tiles (n, t, t, 3) side by side on a see-through ground, (h, w, 4)."""
    side = tiles.shape[1]
    lines = math.ceil(len(tiles) / COLUMNS)
    width = COLUMNS * (side + _GAP) - _GAP
    height = lines * (side + _GAP) - _GAP + _BETWEEN - _GAP
    ground = np.zeros((height, width, 4), dtype=np.uint8)
    for place, pixels in enumerate(tiles):
        line, column = divmod(place, COLUMNS)
        top = line * (side + _GAP) + (_BETWEEN - _GAP if line >= ROWS_A_CLASS else 0)
        left = column * (side + _GAP)
        ground[top : top + side, left : left + side, :3] = pixels
        ground[top : top + side, left : left + side, 3] = 255
    return ground


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}-{secrets.token_hex(6)}.part")
    try:
        half.write_bytes(data)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
