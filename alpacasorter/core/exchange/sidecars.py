"""Which sidecar belongs to a photo, and how it is written without losing what is in it."""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from alpacasorter.core.exchange.keywords import BLANK
from alpacasorter.core.exchange.landing import (
    ChangedMeanwhile,
    delete,
    is_ours,
    why_not_written,
    write_new,
    write_over,
)
from alpacasorter.core.exchange.xmp import SidecarError
from alpacasorter.core.files import is_cloud_only
from alpacasorter.core.formats import PICTURE_EXTENSIONS
from alpacasorter.core.reasons import VANISHED, for_file

SUFFIX: Final = ".xmp"
_LIMIT: Final = 64 << 20

_LINK: Final = "The sidecar is a link to another file. It was left as it is."
_NOT_REGULAR: Final = "What has the name of the sidecar is no file. It was left as it is."
_TOO_LARGE: Final = "The sidecar is larger than 64 MB. It was left as it is."
_PROTECTED: Final = "The sidecar is write-protected. It was left as it is."
_CLOUD: Final = "The sidecar is only in the cloud; download it first."
_MEANWHILE: Final = (
    "Another program changed the sidecar at the same moment. It was left as that wrote it. Export again."
)
ELSEWHERE: Final = "The photo is reached through a link out of the folder. Nothing is written there."


class Naming(enum.StrEnum):
    """How a new sidecar is called.

    Attributes:
        FULL: IMG_1.jpg.xmp, as digiKam and darktable have it.
        STEM: IMG_1.xmp, as Adobe's programs have it. Where several photos would share it, they get the other name.
    """

    FULL = "full"
    STEM = "stem"


class Change(enum.StrEnum):
    """What was done with a sidecar.

    Attributes:
        NEW: it was made.
        CHANGED: it says something else now.
        SAME: it says what it should already.
        CLEARED: what was written earlier was taken out.
        DELETED: nothing but what was written earlier was in it.
        NONE: there is none, and nothing to say.
    """

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    CLEARED = "cleared"
    DELETED = "deleted"
    NONE = "none"


class Neighbours:
    """The names in one folder: which sidecars there are, and which photos would share one.

    Attributes:
        folder: the folder.
        halves: files that were not whole when the folder was listed, and may have been left so.
        is_elsewhere: whether links lead to it from the folder that is exported, and it lies outside.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        """List a folder; one that can't be listed counts as empty, and writing there will say why.

        Args:
            folder: where photos are.
            root: the folder that is exported, below which nothing but links leads elsewhere.
        """
        self.folder: Final = folder
        try:
            names = os.listdir(folder)  # noqa: PTH208  # names and not paths are wanted
        except OSError:
            names = []
        self.halves: Final = [folder / name for name in names if is_ours(name)]
        self._sidecars: dict[str, str] = {}
        for name in names:
            stem, extension = os.path.splitext(name)  # noqa: PTH122
            if extension.lower() == SUFFIX and (stem not in self._sidecars or extension == SUFFIX):
                self._sidecars[stem] = name
        self._pictures: dict[str, int] = {}
        for name in names:
            stem, extension = os.path.splitext(name)  # noqa: PTH122
            if extension[1:].lower() in PICTURE_EXTENSIONS:
                self._pictures[stem] = self._pictures.get(stem, 0) + 1
        self.is_elsewhere: Final = not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root))

    def existing(self, photo: Path) -> list[Path]:
        """Return the sidecars of a photo, that of its full name first.

        One of the stem is not its own where other photos have the stem, too. A RAW file of this stem is the same shot.
        """
        names = [self._sidecars.get(photo.name)]
        if photo.suffix and not self._shared(photo):
            names.append(self._sidecars.get(photo.stem))
        return [self.folder / name for name in names if name is not None]

    def new(self, photo: Path, naming: Naming) -> Path:
        """Return how a sidecar that is not there yet is called."""
        if naming is Naming.STEM and photo.suffix and not self._shared(photo):
            return self.folder / (photo.stem + SUFFIX)
        return self.folder / (photo.name + SUFFIX)

    def _shared(self, photo: Path) -> bool:
        others = self._pictures.get(photo.stem, 0) - (photo.suffix[1:].lower() in PICTURE_EXTENSIONS)
        return others > 0


def update(sidecar: Path, change: Callable[[bytes], bytes], *, dry_run: bool = False) -> Change:
    """Change a sidecar that is there; one in which nothing is left but what AlpacaSorter made is deleted.

    Args:
        sidecar: the file.
        change: from what is in it to what is to be in it.
        dry_run: whether nothing is written.

    Returns:
        CHANGED, SAME or DELETED.

    Raises:
        SidecarError: it can't be read, be added to safely, or be written; it is as it was.
    """
    try:
        status = sidecar.lstat()
        _check(sidecar.stat())
        before = sidecar.read_bytes()
    except OSError as error:
        raise SidecarError(for_file(error).replace("this file", "the sidecar")) from error
    after = change(before)
    if after == before:
        return Change.SAME
    if stat.S_ISLNK(status.st_mode):
        raise SidecarError(_LINK)
    # Its folder alone decides whether it can be replaced, but whoever protected it meant something by that.
    if not os.access(sidecar, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise SidecarError(_PROTECTED)
    outcome = Change.DELETED if after == BLANK else Change.CHANGED
    if dry_run:
        return outcome
    try:
        if outcome is Change.DELETED:
            delete(sidecar, expected=status)
        else:
            write_over(sidecar, [after], expected=status)
    except ChangedMeanwhile as error:
        raise SidecarError(_MEANWHILE) from error
    except OSError as error:
        raise SidecarError(f"The sidecar can't be written. {why_not_written(error)}") from error
    return outcome


def make(sidecar: Path, photo: Path, data: bytes, *, dry_run: bool = False) -> Change:
    """Make a sidecar that is not there yet.

    Raises:
        SidecarError: it can't be written, or the photo is no longer there.
    """
    try:
        photo.lstat()
    except OSError as error:
        raise SidecarError(VANISHED) from error
    if dry_run:
        return Change.NEW
    try:
        # Should the app be killed in between, a sidecar that says nothing is left where an empty file would be damaged.
        write_new(sidecar, [data], guard=BLANK)
    except FileExistsError as error:
        raise SidecarError(_MEANWHILE) from error
    except OSError as error:
        raise SidecarError(f"The sidecar can't be written. {why_not_written(error)}") from error
    return Change.NEW


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SidecarError(_NOT_REGULAR)
    if status.st_size > _LIMIT:
        raise SidecarError(_TOO_LARGE)
    if is_cloud_only(status):
        raise SidecarError(_CLOUD)
