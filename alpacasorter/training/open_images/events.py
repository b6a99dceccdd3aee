"""The request of a download, and the events it yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alpacasorter.training.open_images.catalog import SUBSETS
from alpacasorter.training.open_images.list_cache import ListProgress

Why = Literal["missing", "unusable", "too large", "unreachable", "refused", "no licence", "name taken"]


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """What to download.

    Attributes:
        out: folder for the class folders.
        classes: names of classes; each gets its own folder.
        limit: photos of each class.
        others: photos that show none of the classes, for one more folder.
        look_alikes: names of classes that those others must show; if empty, the others are photos that people have
            confirmed not to show the class.
        subsets: where to look, in this order, until there are enough.
        seed: a different seed selects different photos.
        connections: how many photos to download at once.
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
    """The lists of a subset are downloaded next.

    Attributes:
        subset: one of `SUBSETS`.
        bytes: how many, without what is in the cache; None if the server does not say.
    """

    subset: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The lists of a subset are complete and are being read, which takes seconds for the large ones."""

    subset: str


@dataclass(frozen=True, slots=True)
class NotInTraining:
    """The training photos are skipped, because none of them is labeled with these classes."""

    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """It is known how many photos there are from earlier downloads.

    Attributes:
        there: photos in all folders.
        wanted: photos to have in all folders at the end.
    """

    there: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A photo is complete and listed in ATTRIBUTION.csv.

    Attributes:
        path: the photo.
        there, wanted: photos in all folders.
    """

    path: Path
    there: int
    wanted: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo can't be downloaded; another one takes its place.

    Attributes:
        image_id: its id.
        why: the kind of reason, for counting.
        reason: a sentence for the user.
    """

    image_id: str
    why: Why
    reason: str


@dataclass(frozen=True, slots=True)
class FolderResult:
    """The photos of one folder.

    Attributes:
        folder: its name.
        photo_class: its class as shown to people, such as "not Alpaca".
        wanted: how many were requested.
        there: how many there are now.
        fetched: how many of them were downloaded in this run.
    """

    folder: str
    photo_class: str
    wanted: int
    there: int
    fetched: int


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The download is done; the last event.

    Attributes:
        folders: in the order of the request.
        left_out: how many photos could not be downloaded, by kind of reason.
        attribution: the file with authors and licenses.
    """

    folders: tuple[FolderResult, ...]
    left_out: tuple[tuple[Why, int], ...]
    attribution: Path


DownloadEvent = ListsNeeded | ListProgress | Reading | NotInTraining | Begun | Kept | LeftOut | Downloaded
