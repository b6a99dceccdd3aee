"""Copies of one picture: saved again, at another size or with other metadata, they differ in their bytes.

Compared are small gray versions. Those of two different photos differ by 24 levels or more, those of a photo saved
again as a JPEG of quality 10 by 3 at most (measured on 250 photos); of pictures with little contrast, both by less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from alpacasorter.core.photos.decode import model_input

_SIDE = 64
_GRAY = np.array((0.299, 0.587, 0.114), dtype=np.float32)
_LEAST, _MOST = 1.0, 6.0
_OF_CONTRAST = 0.12
"""By how many levels copies may differ at most: this share of the contrast, within limits."""
_BLOCK = 512


def fingerprint(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the fingerprint (4096,) of a picture, uint8 (height, width, 3)."""
    gray = model_input(pixels, _SIDE).astype(np.float32) @ _GRAY
    return np.asarray(np.rint(gray), dtype=np.uint8).reshape(-1)


def same_pictures(fingerprints: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return a group number for each fingerprint, (n, 4096) to (n,); copies of one picture share one."""
    numbers = fingerprints.astype(np.float32) - 128.0
    squares = (numbers**2).mean(axis=1)
    most = np.clip(_OF_CONTRAST * numbers.std(axis=1), _LEAST, _MOST) ** 2

    def close() -> Iterator[npt.NDArray[np.int64]]:
        for start in range(0, len(numbers), _BLOCK):
            part = slice(start, start + _BLOCK)
            products = numbers[part] @ numbers.T / numbers.shape[1]
            distances = squares[part, np.newaxis] + squares - 2.0 * products
            yield np.argwhere(distances <= np.minimum(most[part, np.newaxis], most)) + np.array((start, 0))

    return linked(len(numbers), close())


def same_keys(keys: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return a group number for each of the picture keys, (n,); equal ones share one, an empty one stands alone."""
    named = [key or f" {place}" for place, key in enumerate(keys)]
    return np.unique(np.array(named, dtype=np.str_), return_inverse=True)[1].astype(np.int64)


def joined(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return groups (n,) in which things are together that are in either of two groupings (n,)."""
    firsts = [np.unique(groups, return_index=True)[1][groups] for groups in (one, other)]
    return linked(len(one), [np.stack([first, np.arange(len(one))], axis=1) for first in firsts])


def linked(count: int, pairs: Iterable[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return a group number for each of `count` things, (count,); those linked by a chain of pairs share one.

    Args:
        count: how many.
        pairs: in parts (m, 2).
    """
    parent = np.arange(count)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    for part in pairs:
        for one, other in part[part[:, 0] < part[:, 1]]:
            # The smaller number becomes the root, so that the groups don't depend on the order of the links.
            a, b = sorted((root(int(one)), root(int(other))))
            parent[b] = a
    roots = np.array([root(i) for i in range(count)], dtype=np.int64)
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def in_both_classes(groups: npt.NDArray[np.int64], targets: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Return the rows of each group (n,) that has photos of both targets, 0 and 1 (n,); the groups by their rows."""
    size = int(groups.max(initial=-1)) + 1
    seen = [np.bincount(groups[targets == target], minlength=size) > 0 for target in (0, 1)]
    both = np.flatnonzero(seen[0] & seen[1])
    return [np.flatnonzero(groups == number) for number in both]
