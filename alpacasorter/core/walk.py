"""Finds the photos in a folder: a generator of what is there, in the order in which it is shown.

No file is opened unless its name says nothing (no extension, or an unknown one); then its first bytes decide.
"""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alpacasorter.core import formats, reasons
from alpacasorter.core.files import is_cloud_only, is_hidden
from alpacasorter.core.photo import PhotoFile

OUTPUT_MARKER: Final = ".alpacasorter-output"
"""A file of this name marks a folder into which the app sorted photos: it is not scanned again."""

_EXAMPLES: Final = 5
# Besides dot names: what systems, cameras' software and network drives put beside photos.
_SKIPPED: Final = frozenset(
    (
        "@eadir",
        "#recycle",
        "$recycle.bin",
        "__macosx",
        "desktop.ini",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "lost+found",
        "recycler",
        "system volume information",
        "thumbs.db",
    )
)
_PICTURE, _RAW, _VIDEO, _OTHER = "picture", "raw", "video", "other"
_KINDS: Final = {
    **dict.fromkeys(formats.OTHER_EXTENSIONS, _OTHER),
    **dict.fromkeys(formats.VIDEO_EXTENSIONS, _VIDEO),
    **dict.fromkeys(formats.RAW_EXTENSIONS, _RAW),
    **dict.fromkeys(formats.PICTURE_EXTENSIONS, _PICTURE),
}
_DIGITS: Final = re.compile(r"([0-9]+)")


class FolderUnavailable(Exception):
    """The folder to walk can't be listed at all.

    Attributes:
        reason: why, as a plain sentence for the user.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WalkProblem:
    """A photo that can't be used as it is, or a folder below the root that can't be listed.

    Attributes:
        path: absolute path.
        reason: why, as a plain sentence for the user.
        is_folder: whether it is a folder: then nobody knows which photos are missing.
    """

    path: Path
    reason: str
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class OtherFiles:
    """The last event of a walk: what was left alone.

    Attributes:
        videos: number of videos.
        raw_companions: number of RAW files with a picture of the same name beside them.
        other: number of all other files; hidden ones are not counted.
        sorted_folders: number of folders skipped because the app itself sorted photos into them.
        examples: absolute paths of the first few of the files counted.
    """

    videos: int
    raw_companions: int
    other: int
    sorted_folders: int
    examples: tuple[Path, ...]

    @property
    def count(self) -> int:
        """Number of files left alone."""
        return self.videos + self.raw_companions + self.other


def walk(
    root: Path, *, recursive: bool, stopped: Callable[[], bool] = lambda: False
) -> Iterator[PhotoFile | WalkProblem | OtherFiles]:
    """Yield the photos of a folder in natural order (IMG_2 before IMG_10), then those of each sub-folder.

    The root is listed at once, the rest as the events are taken: stop taking them and nothing more is read.
    Links to files and folders are followed; a folder that is reached in several ways is listed once, under
    its own name rather than a link's where both are in the tree.

    Args:
        root: the folder; it is walked even if it carries `OUTPUT_MARKER`.
        recursive: whether sub-folders are walked too.
        stopped: asked before each file and folder, since there may be very many between two photos; where it says
            so, the walk ends at once.

    Returns:
        an iterator of photos and problems, with one `OtherFiles` at the end. It does not raise.

    Raises:
        FolderUnavailable: at the call: the root is missing, no folder, or can't be listed.
    """
    root = root.absolute()
    try:
        status = root.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise FolderUnavailable(reasons.NOT_A_FOLDER)
        entries, error = _list(str(root))
    except OSError as cause:
        raise FolderUnavailable(reasons.for_folder(cause, missing=reasons.FOLDER_MISSING)) from cause
    if error is not None and not entries:
        raise FolderUnavailable(reasons.for_folder(error)) from error
    return _Walk(recursive=recursive, stopped=stopped).run(root, entries, error)


@dataclass(slots=True)
class _Walk:
    """The state of one walk."""

    recursive: bool
    stopped: Callable[[], bool]
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((_VIDEO, _RAW, _OTHER), 0))
    examples: list[Path] = field(default_factory=list)
    sorted_folders: int = 0
    seen: set[object] = field(default_factory=set)
    # The next folder is the last of `waiting`; links come when that is empty, so that real folders go first.
    waiting: list[str] = field(default_factory=list)
    links: deque[str] = field(default_factory=deque)

    def run(
        self, root: Path, entries: list[os.DirEntry[str]], error: OSError | None
    ) -> Iterator[PhotoFile | WalkProblem | OtherFiles]:
        self._is_new(str(root), root.stat())
        if error is not None:
            yield WalkProblem(root, reasons.for_folder(error), is_folder=True)
        yield from self._folder(entries)
        while (self.waiting or self.links) and not self.stopped():
            folder = self.waiting.pop() if self.waiting else self.links.popleft()
            yield from self._sub_folder(folder)
        yield OtherFiles(
            videos=self.counts[_VIDEO],
            raw_companions=self.counts[_RAW],
            other=self.counts[_OTHER],
            sorted_folders=self.sorted_folders,
            examples=tuple(self.examples),
        )

    def _sub_folder(self, folder: str) -> Iterator[PhotoFile | WalkProblem]:
        try:
            status = Path(folder).stat()
            if is_hidden(status) or not self._is_new(folder, status):
                return
            entries, error = _list(folder)
        except OSError as cause:
            entries, error = [], cause
        if any(entry.name == OUTPUT_MARKER for entry in entries):
            self.sorted_folders += 1
            return
        if error is not None:
            yield WalkProblem(Path(folder), reasons.for_folder(error), is_folder=True)
        yield from self._folder(entries)

    def _is_new(self, folder: str, status: os.stat_result) -> bool:
        """Tell whether a folder is reached for the first time, and remember it."""
        # Some file systems have no numbers for their files.
        key = (status.st_dev, status.st_ino) if status.st_ino else str(Path(folder).resolve())
        if key in self.seen:
            return False
        self.seen.add(key)
        return True

    def _folder(self, entries: list[os.DirEntry[str]]) -> Iterator[PhotoFile | WalkProblem]:
        files: list[os.DirEntry[str]] = []
        folders: list[os.DirEntry[str]] = []
        for entry in entries:
            name = entry.name
            if name[0] != "." and name.lower() not in _SKIPPED:
                (folders if _is_folder(entry) else files).append(entry)
        if self.recursive:
            folders.sort(key=_natural, reverse=True)
            self.waiting += [entry.path for entry in folders if not entry.is_symlink()]
            self.links.extend(entry.path for entry in reversed(folders) if entry.is_symlink())
        files.sort(key=_natural)
        pictures: set[str] | None = None
        for entry in files:
            if self.stopped():
                return
            kind = _KINDS.get(_extension(entry.name))
            if kind == _RAW and pictures is None:
                pictures = {_stem(one.name) for one in files if _KINDS.get(_extension(one.name)) == _PICTURE}
            event = self._file(entry, kind, pictures)
            if event is not None:
                yield event

    def _file(
        self, entry: os.DirEntry[str], kind: str | None, pictures: set[str] | None
    ) -> PhotoFile | WalkProblem | None:
        """Judge one file; `pictures` are the stems of the pictures beside it, wanted for RAW files."""
        try:
            status = entry.stat()
        except OSError as error:
            if kind in (_PICTURE, _RAW):
                return WalkProblem(Path(entry.path), _why_not_found(entry, error))
            self._leave(entry, kind)
            return None
        if is_hidden(status):
            return None
        if kind in (_VIDEO, _OTHER) or (kind == _RAW and pictures and _stem(entry.name) in pictures):
            self._leave(entry, kind)
            return None
        regular = stat.S_ISREG(status.st_mode)
        if kind is None:
            if not regular or is_cloud_only(status) or not status.st_size or not _begins_like_a_picture(entry.path):
                self._leave(entry, kind)
                return None
        elif not regular:
            return WalkProblem(Path(entry.path), reasons.NOT_REGULAR)
        elif kind == _RAW:
            return WalkProblem(Path(entry.path), reasons.RAW_ALONE)
        elif is_cloud_only(status):
            return WalkProblem(Path(entry.path), reasons.CLOUD_ONLY)
        return PhotoFile(Path(entry.path), status.st_size, status.st_mtime_ns)

    def _leave(self, entry: os.DirEntry[str], kind: str | None) -> None:
        self.counts[kind if kind in self.counts else _OTHER] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(Path(entry.path))


def _list(folder: str) -> tuple[list[os.DirEntry[str]], OSError | None]:
    """List a folder; where the listing breaks off, return what came before along with the error."""
    entries: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as listing:
            entries.extend(listing)
    except OSError as error:
        return entries, error
    return entries, None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in circles; as a file it gets its reason
        return False


def _natural(entry: os.DirEntry[str]) -> tuple[list[str | int], str]:
    """Return the sort key by which IMG_2 comes before IMG_10; every second part is a number."""
    parts: list[str | int] = list(_DIGITS.split(entry.name.casefold()))
    parts[1::2] = map(int, parts[1::2])
    return parts, entry.name


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _stem(name: str) -> str:
    return name.rpartition(".")[0].casefold()


def _why_not_found(entry: os.DirEntry[str], error: OSError) -> str:
    reason = reasons.for_file(error)
    return reasons.BROKEN_LINK if reason == reasons.VANISHED and entry.is_symlink() else reason


def _begins_like_a_picture(path: str) -> bool:
    """Look at the first bytes of a regular file; one that can't be read is none."""
    try:
        # Not blocking, in case a pipe took its place meanwhile.
        with os.fdopen(
            os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
        ) as file:
            return formats.sniff(file.read(formats.SNIFF_BYTES)) is not None
    except OSError:
        return False
