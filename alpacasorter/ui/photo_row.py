"""One photo of the open folder as the window knows it. Plain Python, no Qt."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path

from alpacasorter.core.events import JudgedPhoto
from alpacasorter.core.files import Place, display_path, folder_place, natural_key
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photo import PhotoFacts
from alpacasorter.core.taken import Clock, Taken, when_taken


class PhotoRow:
    """One photo, or a folder that can't be read.

    Attributes:
        path: where it is now.
        found_at: where it was found. This decides its place in folder order, so that a photo that is renamed or sorted
            doesn't move away under the mouse.
        folder: the folder of `found_at`, one object for all photos in it.
        name: the file name to show.
        key: content key; None until judged.
        picture_key: the same for all files with its picture; None until known.
        key_before: content key that it had before another program wrote metadata into it, None for none.
        probability: calibrated probability of the positive class, 0 to 1; None until judged.
        correction: the user's label; None for none.
        facts: from the header of the file; None until judged.
        reason: why it can't be judged, a code of `core.reasons`; None if it can.
        head_version: version of the head that judged it.
        new: whether it arrived while the folder was open and was not marked as seen since.
        gone: whether it no longer exists, and is shown only until it can be removed.
        sought: what a search looks through, see `PhotoStore.sought`; None until asked for.
        seconds: when it was taken, see `PhotoStore.seconds`; None until asked for.
        rank: its position in folder order, set by the store.
    """

    __slots__ = (
        "_dated",
        "correction",
        "facts",
        "folder",
        "found_at",
        "gone",
        "head_version",
        "is_away",
        "key",
        "key_before",
        "name",
        "new",
        "path",
        "picture_key",
        "probability",
        "rank",
        "reason",
        "seconds",
        "sought",
    )

    def __init__(self, path: Path, folder: Path, *, new: bool = False) -> None:
        """Describe a photo that was found in a folder and not opened yet."""
        self.path = path
        self.found_at = path
        self.folder = folder
        self.name = display_path(path.name)
        self.key: str | None = None
        self.picture_key: str | None = None
        self.key_before: str | None = None
        self.probability: float | None = None
        self.correction: str | None = None
        self.facts: PhotoFacts | None = None
        self.reason: str | None = None
        self.head_version = -1
        self.new = new
        self.gone = self.is_away = False
        self.rank = -1
        self.sought: str | None = None
        self.seconds: float | None = None
        self._dated: tuple[PhotoFacts, Path, tuple[Clock, ...], Taken | None] | None = None

    def taken(self, clocks: tuple[Clock, ...] = ()) -> Taken | None:
        """Return when it was taken, with the clocks of cameras put right; None if that is not known (yet)."""
        facts, dated = self.facts, self._dated
        if facts is None:
            return None if self.reason is None else when_taken(None, None, self.path.name)
        if dated is None or dated[:3] != (facts, self.path, clocks):
            taken = when_taken(facts.taken_at, facts.taken_from, self.path.name, camera=facts.camera, clocks=clocks)
            dated = self._dated = facts, self.path, clocks, taken
        return dated[3]

    @property
    def waiting(self) -> bool:
        """Whether it has neither a prediction nor a problem yet."""
        return self.probability is None and self.reason is None

    def move_to(self, path: Path) -> None:
        """Record that the photo was moved or renamed."""
        self.path = path
        self.name = display_path(path.name)
        self.is_away = path.parent != self.folder
        self.sought = self.seconds = None

    def fail(self, reason: str) -> None:
        """Record why it can't be judged, a code of `core.reasons`."""
        self.reason = reason
        self.probability = self.seconds = None
        # The library keeps it, and it is shown again once the photo can be read.
        self.correction = None

    def vanish(self, reason: str) -> None:
        """Record that it no longer exists here, and why."""
        self.fail(reason)
        self.gone = True


def labeled(row: PhotoRow, labels: LabelSet) -> LabeledPhoto | None:
    """Return a photo and what it counts as; None while it is neither judged nor unreadable."""
    if row.reason is not None:
        return LabeledPhoto(row.path, reason=row.reason)
    if row.key is None or row.probability is None or row.facts is None:
        return None
    return labels.labeled(JudgedPhoto(row.path, row.key, row.probability, row.facts, row.correction, row.picture_key))


def place_of(row: PhotoRow) -> Place:
    """Return the sort key of folder order: files before subfolders, IMG_2 before IMG_10."""
    return folder_place(row.found_at)


def name_of(row: PhotoRow) -> tuple[list[str | int], int]:
    """Return the sort key of the order by name; equal names are in folder order."""
    return natural_key(row.name), row.rank


rank_of = attrgetter("rank")
"""Returns the sort key of folder order that is the fastest, once the store has set it."""
