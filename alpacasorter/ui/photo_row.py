"""One photo as the window knows it, its place in folder order, and the filters and orders. Plain Python, no Qt."""

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
from alpacasorter.i18n import _, pgettext

Place = tuple[tuple[int, list[str | int], str], ...]
"""Sort key of a photo in folder order: one part for each folder, the last for the file name."""


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
    """The order in which photos are shown."""

    FOLDER = "folder"
    TAKEN = "taken"
    DOUBTFUL = "doubtful"


def unknown_labels() -> LabelSet:
    """Return labels to show until the model is open."""
    return LabelSet("negative", "positive", {"negative": _("Negative"), "positive": _("Positive")})


def filter_names(labels: LabelSet) -> dict[Filter, str]:
    """Return the names of the filters; `labels` are those of the model in use."""
    return {
        # Translators: the filter that shows all photos.
        Filter.ALL: pgettext("filter", "All"),
        Filter.POSITIVE: labels.display(labels.positive),
        Filter.NEGATIVE: labels.display(labels.negative),
        Filter.UNSURE: pgettext("filter", "Unsure"),
        Filter.CORRECTED: pgettext("filter", "Labeled by you"),
        Filter.PROBLEMS: pgettext("filter", "Problems"),
        Filter.CHANGED: pgettext("filter", "Changed"),
        Filter.NEW: pgettext("filter", "New"),
    }


class PhotoRow:
    """One photo, or a folder that can't be read.

    Attributes:
        path: where it is now.
        found_at: where it was found. This decides its place in folder order, so that a photo that is renamed or sorted
            doesn't move away under the mouse.
        name: the file name to show.
        key: content key; None until judged.
        probability: calibrated probability of the positive class, 0 to 1; None until judged.
        correction: the user's label; None for none.
        facts: from the header of the file; None until judged.
        reason: why it can't be judged, a code of `core.reasons`; None if it can.
        head_version: version of the head that judged it.
        new: whether it arrived while the folder was open and was not marked as seen since.
        gone: whether it no longer exists, and is shown only until it can be removed.
        rank: its position in folder order, set by the store.
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
        """Describe a photo that was found and not opened yet."""
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
        """Whether it has neither a prediction nor a problem yet."""
        return self.probability is None and self.reason is None

    def move_to(self, path: Path) -> None:
        """Record that the photo was moved or renamed."""
        self.path = path
        self.name = display_path(path.name)

    def fail(self, reason: str) -> None:
        """Record why it can't be judged, a code of `core.reasons`."""
        self.reason = reason
        self.probability = None
        # The library keeps it, and it is shown again once the photo can be read.
        self.correction = None

    def vanish(self) -> None:
        """Record that it no longer exists."""
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
    """Return the sort key of folder order: files before subfolders, IMG_2 before IMG_10."""
    return _place(row.found_at)


def are_in_order(paths: Sequence[Path]) -> bool:
    """Return whether photos as the walker found them are in folder order. It sorts each folder, but puts links last.

    Only the first photo of each folder is compared: with 100,000 photos the sort keys take too long.
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


# A small cache suffices: a binary search for the place of a photo asks for the same few keys again and again.
@functools.lru_cache(maxsize=2**12)
def _place(path: Path) -> Place:
    folder, name = os.path.split(path)
    return (*_folder_place(folder), (0, natural_key(name), name))


@functools.lru_cache(maxsize=2**10)
def _folder_place(folder: str) -> Place:
    above, name = os.path.split(folder)
    return (*_folder_place(above), (1, natural_key(name), name)) if name else ((1, [above], above),)
