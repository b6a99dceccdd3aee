"""One photo as the window knows it, its place in folder order, and which photos are shown how. Plain Python, no Qt."""

from __future__ import annotations

import enum
import functools
import os
from collections.abc import Sequence
from pathlib import Path

from alpacasorter.core import reasons
from alpacasorter.core.events import JudgedPhoto
from alpacasorter.core.files import display_path, natural_key
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photo import PhotoFacts

Place = tuple[tuple[int, list[str | int], str], ...]
"""Where a photo is shown in folder order: one part a folder, the last for its name."""


class Filter(enum.Enum):
    """Which photos are shown."""

    ALL = "all"
    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNSURE = "unsure"
    CORRECTED = "corrected"
    PROBLEMS = "problems"
    CHANGED = "changed"
    NEW = "new"


class Order(enum.Enum):
    """In which order photos are shown."""

    FOLDER = "folder"
    TAKEN = "taken"
    DOUBTFUL = "doubtful"


class PhotoRow:
    """One photo, or folder that can't be read.

    Attributes:
        path: where it is.
        found_at: where it was when it was found. Its place in folder order: a photo that is renamed or sorted meanwhile
            moves away under nobody's mouse.
        name: what is shown for its file name.
        key: content key; None until judged.
        probability: calibrated probability of the positive class; None until judged.
        correction: the user's label; None without one.
        facts: from its header; None until judged.
        reason: why it can't be judged; None where it can.
        head_version: of the head that judged it.
        new: whether it arrived while its folder was open, and the user has not said that it was seen.
        gone: whether it is no longer there, and shown only until nobody looks at it.
        rank: which of two rows comes first in folder order; the store says so.
    """

    __slots__ = (
        "correction",
        "facts",
        "found_at",
        "gone",
        "head_version",
        "key",
        "name",
        "new",
        "path",
        "probability",
        "rank",
        "reason",
    )

    def __init__(self, path: Path, *, new: bool = False) -> None:
        """A photo that was found and not yet opened."""
        self.path = path
        self.found_at = path
        self.name = display_path(path.name)
        self.key: str | None = None
        self.probability: float | None = None
        self.correction: str | None = None
        self.facts: PhotoFacts | None = None
        self.reason: str | None = None
        self.head_version = -1
        self.new = new
        self.gone = False
        self.rank = -1

    @property
    def waiting(self) -> bool:
        """Whether nothing is known of it yet."""
        return self.probability is None and self.reason is None

    def move_to(self, path: Path) -> None:
        """Take over that the same photo is somewhere else now."""
        self.path = path
        self.name = display_path(path.name)

    def fail(self, reason: str) -> None:
        """Take over that it can't be judged."""
        self.reason = reason
        self.probability = None
        # The library keeps it; it is shown again once the photo can be read.
        self.correction = None

    def vanish(self) -> None:
        """Take over that it is no longer there."""
        self.fail(reasons.VANISHED)
        self.gone = True


def labeled(row: PhotoRow, labels: LabelSet) -> LabeledPhoto | None:
    """Return a photo and what it counts as; None while it is neither judged nor unreadable."""
    if row.reason is not None:
        return LabeledPhoto(row.path, reason=row.reason)
    if row.key is None or row.probability is None or row.facts is None:
        return None
    return labels.labeled(JudgedPhoto(row.path, row.key, row.probability, row.facts, row.correction))


def place_of(row: PhotoRow) -> Place:
    """Return the sort key of folder order: files before sub-folders, IMG_2 before IMG_10."""
    return _place(row.found_at)


def are_in_order(paths: Sequence[Path]) -> bool:
    """Tell whether photos as the walker found them are in folder order; it sorts each folder, but has links come last.

    So only the first of each folder is looked at: a place is dear where 100,000 photos are found.
    """
    folder, before = "", None
    for path in paths:
        here = os.fspath(path).rpartition(os.sep)[0]
        if here != folder:
            if before is not None and _place(path) < _place(before):
                return False
            folder = here
        before = path
    return True


# Bounded: whoever looks for the place of one photo among many asks for the same few again and again.
@functools.lru_cache(maxsize=2**12)
def _place(path: Path) -> Place:
    folder, name = os.path.split(path)
    return (*_folder_place(folder), (0, natural_key(name), name))


@functools.lru_cache(maxsize=2**10)
def _folder_place(folder: str) -> Place:
    above, name = os.path.split(folder)
    return (*_folder_place(above), (1, natural_key(name), name)) if name else ((1, [above], above),)
