"""What a download is asked for, and the frozen events it tells of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alpacasorter.training.open_images.catalog import SUBSETS
from alpacasorter.training.open_images.list_cache import ListProgress

Why = Literal["missing", "unusable", "too large", "unreachable", "refused", "no licence", "name taken"]


@dataclass(frozen=True, slots=True)
class Request:
    """What to fetch.

    Attributes:
        out: folder for the class folders.
        classes: names of classes; each gets a folder of its own.
        limit: photos of each class.
        others: photos that show none of the classes, for a folder beside them.
        look_alikes: names of classes that those others must show; otherwise they are photos of which people said,
            when asked, that they don't show the class.
        subsets: where to look, in this order, until there are enough.
        seed: another one gives other photos.
        connections: how many photos to fetch at once.
    """

    out: Path
    classes: tuple[str, ...]
    limit: int
    others: int = 0
    look_alikes: tuple[str, ...] = ()
    subsets: tuple[str, ...] = SUBSETS
    seed: int = 0
    connections: int = 8


@dataclass(frozen=True, slots=True)
class ListsNeeded:
    """The lists of a subset are fetched next.

    Attributes:
        subset: one of `SUBSETS`.
        bytes: how many, less what is in the cache; None where the server does not say.
    """

    subset: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The lists of a subset are here and are read, which takes seconds for the large ones."""

    subset: str


@dataclass(frozen=True, slots=True)
class NotInTraining:
    """The training photos are passed over: they are labelled with none of these classes."""

    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """The photos of some folders are already there from earlier, or none are.

    Attributes:
        there: how many, over all folders.
        wanted: how many there are to be, over all folders.
    """

    there: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A photo has arrived and has its name and its line in the list.

    Attributes:
        path: where it is.
        there, wanted: over all folders.
    """

    path: Path
    there: int
    wanted: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo can't be had; another one takes its place.

    Attributes:
        image_id: which.
        why: in one word or two, for counting.
        reason: a sentence.
    """

    image_id: str
    why: Why
    reason: str


@dataclass(frozen=True, slots=True)
class FolderResult:
    """What one folder has got.

    Attributes:
        folder: its name.
        photo_class: what it is a folder of, as people read it.
        wanted: how many were asked for.
        there: how many there are now.
        fetched: how many of them came in this run.
    """

    folder: str
    photo_class: str
    wanted: int
    there: int
    fetched: int


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The end.

    Attributes:
        folders: in the order asked for.
        left_out: how many photos could not be had, and why.
        attribution: the file with authors and licences.
    """

    folders: tuple[FolderResult, ...]
    left_out: tuple[tuple[Why, int], ...]
    attribution: Path


DownloadEvent = ListsNeeded | ListProgress | Reading | NotInTraining | Begun | Kept | LeftOut | Downloaded
