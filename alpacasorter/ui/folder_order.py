"""The order of photos in a folder: files before subfolders, names as people count. No Qt."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from alpacasorter.core.files import natural_key

Place = tuple[tuple[int, list[str | int], str], ...]
"""Sort key of a photo in folder order: one part for each folder, the last for the file name."""


def are_in_order(paths: Sequence[Path]) -> bool:
    """Return whether photos as the walker found them are in folder order. It sorts each folder, but puts links last.

    Only the first photo of each folder is compared: with 100,000 photos the sort keys take too long.
    """
    folder, before = "", None
    for path in paths:
        here = os.fspath(path).rpartition(os.sep)[0]
        if here != folder:
            if before is not None and folder_place(path) < folder_place(before):
                return False
            folder = here
        before = path
    return True


# A small cache suffices: a binary search for the place of a photo asks for the same few keys again and again.
@functools.lru_cache(maxsize=2**12)
def folder_place(path: Path) -> Place:
    """Return the sort key of a photo in folder order: files before subfolders, IMG_2 before IMG_10."""
    folder, name = os.path.split(path)
    return (*_ancestry(folder), (0, natural_key(name), name))


@functools.lru_cache(maxsize=2**10)
def _ancestry(folder: str) -> Place:
    above, name = os.path.split(folder)
    return (*_ancestry(above), (1, natural_key(name), name)) if name else ((1, [above], above),)
