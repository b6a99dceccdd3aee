"""The frozen events that jobs yield, from the walker up to the window.

Events carry batches, because a folder may hold 100,000 photos and one Qt signal a photo would cost more than the
work it tells of. Nothing heavy is imported here: the window knows these classes before it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter.core.photo import PhotoFacts, PhotoFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Found:
    """Photos the walker found, in the order in which they are shown; none has been opened yet."""

    files: tuple[PhotoFile, ...]


@dataclass(frozen=True, slots=True)
class JudgedPhoto:
    """One photo with its prediction.

    Attributes:
        path: the photo.
        content_key: hash of its bytes.
        probability: calibrated probability of the positive class, 0 to 1.
        facts: what its header says.
        correction: the label the user gave, or None.
    """

    path: Path
    content_key: str
    probability: float
    facts: PhotoFacts
    correction: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """Photos that were judged by the head of version `head_version`."""

    photos: tuple[JudgedPhoto, ...]
    head_version: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A photo that can't be judged, or a folder that can't be read, and why, in plain words."""

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
        per_second: photos a second lately; 0.0 while unknown.
        seconds_left: estimate; None while unknown.
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
        opened: photo files that were opened; 0 where nothing had changed since the last scan.
        left_alone: files that are no photos.
        seconds: wall-clock time.
        cancelled: whether the user stopped it.
        sorted_folders: folders passed over because the app itself sorted photos into them.
    """

    total: int
    judged: int
    unreadable: int
    opened: int
    left_alone: int
    seconds: float
    cancelled: bool
    sorted_folders: int = 0


@dataclass(frozen=True, slots=True)
class Relearned:
    """That other corrections than before are learned from, because the user went back to a version or on to all.

    Attributes:
        version: when the version gone back to was made, ISO 8601 in UTC; empty for the model as it came; None where
            all corrections are learned from again.
        set_aside: how many corrections are not learned from now.
        gone: how many of those that the version had learned from were taken back or changed since.
    """

    version: str | None
    set_aside: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """The outcome of a correction: the new predictions of every photo of the open folder.

    Attributes:
        corrections: how many corrections the head has now learned from, in all folders.
        changes: the corrections just made: content key to label, or None where one was taken back.
        keys: content keys of the photos of the open folder, in the order of `probabilities`.
        probabilities: float32 (n,), calibrated probability of the positive class.
        changed: keys of photos without a correction whose label is another one now.
        head_version: counts up with every new head of this session.
        relearned: what the user did where that was no correction.
    """

    corrections: int
    changes: Mapping[str, str | None]
    keys: Sequence[str]
    probabilities: npt.NDArray[np.float32]
    changed: tuple[str, ...]
    head_version: int
    seconds: float = field(default=0.0, compare=False)
    relearned: Relearned | None = None


ScanEvent = Found | Judged | Problems | Progress | Finished | Learned
