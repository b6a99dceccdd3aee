"""The events that a scan and learning yield, from the engine up to the window. All are immutable.

Events carry batches, because a folder may hold 100,000 photos, and one Qt signal per photo would take longer than the
work itself. Nothing heavy is imported here: the window knows these classes before it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.core.photo import PhotoFacts, PhotoFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Found:
    """Photos that were found, in the order in which they are shown; none has been opened yet."""

    files: tuple[PhotoFile, ...]


@dataclass(frozen=True, slots=True)
class JudgedPhoto:
    """One photo with its prediction.

    Attributes:
        path: the photo.
        content_key: hash of its bytes.
        probability: calibrated probability of the positive class, 0 to 1.
        facts: what its header says.
        correction: the label that the user gave it, or None.
        picture_key: the same for all files with this picture (see `core.photos.picture_key`); None if not known yet.
    """

    path: Path
    content_key: str
    probability: float
    facts: PhotoFacts
    correction: str | None
    picture_key: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Photos that were judged, and the version of the head that judged them (see `Learned`)."""

    photos: tuple[JudgedPhoto, ...]
    head_version: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A photo that can't be judged, or a folder that can't be read, and the reason, a code (see `core.reasons`)."""

    path: Path
    reason: str
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Problems:
    """A batch of problems."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is.

    Attributes:
        done: photos judged or found unreadable so far.
        total: photos found.
        per_second: photos per second at the moment; 0.0 while unknown.
        seconds_left: estimated seconds left; None while unknown.
    """

    done: int
    total: int
    per_second: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a scan.

    Attributes:
        total: photos found.
        judged: photos with a prediction.
        unreadable: photos without one, and folders that could not be read.
        opened: photo files that were opened; 0 if nothing changed since the last scan.
        left_alone: files that were ignored because they are not photos.
        seconds: wall-clock time.
        canceled: whether the user stopped it.
        sorted_folders: folders that were skipped because the app itself sorted photos into them.
        nomedia_folders: folders that were skipped because of a file ".nomedia".
        left_out: files and folders that the user leaves out.
    """

    total: int
    judged: int
    unreadable: int
    opened: int
    left_alone: int
    seconds: float
    canceled: bool
    sorted_folders: int = 0
    nomedia_folders: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Relearned:
    """The user went back to an earlier version, or returned to learning from all corrections.

    Attributes:
        version: when the version was made that the user went back to, ISO 8601 in UTC; empty for the model without any
            corrections; None after returning to all corrections.
        set_aside: how many corrections are not learned from now.
        gone: how many corrections that the version had learned from were removed or changed since.
    """

    version: str | None
    set_aside: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """The result of a correction: new predictions for every photo of the open folder.

    Attributes:
        corrections: how many corrections the head has now learned from, in all folders.
        changes: the corrections just made: label by content key, None for one that was removed.
        keys: content keys of the photos of the open folder, in the order of `probabilities`.
        probabilities: float32 (n,), calibrated probability of the positive class, 0 to 1.
        changed: keys of photos without a correction whose label has changed.
        head_version: counts the heads of this session.
        seconds: how long it took.
        relearned: what the user did if it was not a correction; else None.
        variant: name of the variant of the model that the user switched to; None if it was something else.
    """

    corrections: int
    changes: Mapping[str, str | None]
    keys: Sequence[str]
    probabilities: npt.NDArray[np.float32]
    changed: tuple[str, ...]
    head_version: int
    seconds: float = field(default=0.0, compare=False)
    relearned: Relearned | None = None
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class LearningAgain:
    """How far the model in use is with the corrections whose photos it has not processed yet.

    Most of them were made while another model was in use, whose numbers for their photos say nothing to this one.

    Attributes:
        learned: how many corrections it learns from, in all folders.
        waiting: how many it can't learn from yet.
        running: whether the photos of these are being processed. If not, they were not found or can't be read; the
            model learns from them as soon as it sees their photos.
    """

    learned: int
    waiting: int
    running: bool

    @property
    def total(self) -> int:
        """How many corrections there are to learn from."""
        return self.learned + self.waiting


NO_EXACT_MAP: Final = "map-not-exact"
FILE_CHANGED: Final = "map-file-changed"


@dataclass(frozen=True, slots=True)
class ActivationMap:
    """Where in a photo the model's answer comes from. Shares and rest add up to the log-odds of its probability.

    Attributes:
        shares: of each cell, row by row from the top left of the upright photo, in log-odds: positive ones count for
            the positive class. Together the cells cover the whole photo, however long its sides are.
        rest: what no cell accounts for, in log-odds; the same for all photos unless the model has just learned.
        levels: the shares, interpolated between the centers of cells, one byte for each point: 128 is nothing, 255 is
            as much for the positive class as the scale has, and 1 as much against it. The scale is always the same.
        width, height: how many points `levels` has.
    """

    shares: tuple[tuple[float, ...], ...]
    rest: float
    levels: bytes
    width: int
    height: int

    def strongest(self) -> tuple[float, float]:
        """Return how strong the strongest colors are for the positive class and against it, 0 to 1 of the scale."""
        return max(0, max(self.levels) - 128) / 127, max(0, 128 - min(self.levels)) / 127


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A photo that the user labeled and that looks like another one.

    Attributes:
        keys: content keys of the files known to show it; the label is stored with the first.
        path: where one of them was last seen, or None.
        label: the user's label.
        similarity: cosine similarity of the embeddings, at most 1.
    """

    keys: tuple[str, ...]
    path: Path | None
    label: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a photo has its prediction.

    Attributes:
        path, content_key: the photo.
        probability: calibrated probability of the positive class, 0 to 1.
        map: where in the photo that comes from; None if there is no map, and `problem` says why.
        problem: a code of `core.reasons`; NO_EXACT_MAP if the model has layers that no map can see through, or
            FILE_CHANGED if the file is no longer the one that was judged.
        neighbors: the photos most like it that the user labeled and the model has learned from, the nearest first.
        labeled: how many such photos there are to choose from, this one left out.
        training: class of the most similar training photo, and its similarity; None if the model has none.
    """

    path: Path
    content_key: str
    probability: float
    map: ActivationMap | None
    problem: str | None
    neighbors: tuple[Neighbor, ...]
    labeled: int
    training: tuple[str, float] | None


ScanEvent = Found | Judged | Problems | Progress | Finished | Learned


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that was moved, copied or linked, or the undo of that.

    Attributes:
        before: where it was. For the undo of a copy or link: where the copy or link was.
        after: where it is now; None for the undo of a copy or link, and in the trash.
        kept: whether it is still at `before`, too.
        size: bytes.
        mtime_ns: modification time of the file at `after`, nanoseconds since the epoch.
        content_key: hash of its bytes if known.
        trashed: whether it was moved to the system's trash.
    """

    before: Path
    after: Path | None
    kept: bool
    size: int
    mtime_ns: int
    content_key: str | None
    trashed: bool = False
