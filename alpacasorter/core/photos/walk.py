"""Finds the photos in a folder and its subfolders, in the order in which they are shown.

No file is opened unless its name does not say what it is (no extension, or an unknown one); then its first bytes do.
"""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import is_hidden
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.listing import (
    OTHER,
    OUTPUT_MARKER,
    RAW,
    VIDEO,
    LeftAlone,
    Listing,
    WalkProblem,
    folder_identity,
)

__all__ = ["OUTPUT_MARKER", "FolderUnavailable", "FolderWalk", "OtherFiles", "WalkProblem", "list_root", "walk"]

_EXAMPLES: Final = 5


class FolderUnavailable(Exception):
    """The folder to walk can't be listed at all.

    Attributes:
        reason: why, a code (see `core.reasons`).
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OtherFiles:
    """The last event of a walk: the files that were ignored.

    Attributes:
        videos: number of videos.
        raw_companions: number of RAW files with a picture of the same name beside them.
        other: number of all other files, without hidden ones.
        sorted_folders: number of folders skipped because the app itself sorted photos into them.
        examples: absolute paths of the first few of the counted files.
    """

    videos: int
    raw_companions: int
    other: int
    sorted_folders: int
    examples: tuple[Path, ...]

    @property
    def count(self) -> int:
        """Number of ignored files."""
        return self.videos + self.raw_companions + self.other


def walk(
    root: Path, *, recursive: bool, stopped: Callable[[], bool] = lambda: False
) -> Iterator[PhotoFile | WalkProblem | OtherFiles]:
    """Yield the photos of a folder in natural order (IMG_2 before IMG_10), then those of each subfolder.

    The root is listed by the call itself, everything else as the events are taken. Links to files and folders are
    followed. A folder that can be reached in several ways is listed once, under its own name if that is in the tree,
    rather than that of a link.

    Args:
        root: the folder; it is walked even if it contains `OUTPUT_MARKER`.
        recursive: whether to walk subfolders too.
        stopped: asked before each file and folder, because there may be many between two photos; when it returns
            True, the walk ends at once.

    Returns:
        An iterator of photos and problems, with one `OtherFiles` at the end. It does not raise.

    Raises:
        FolderUnavailable: the root does not exist, is not a folder, or can't be listed. Raised by the call itself.
    """
    first = list_root(root.absolute())
    return _walk(first, recursive=recursive, stopped=stopped)


def list_root(root: Path) -> Listing:
    """List the folder to walk, whatever its name and even if it contains `OUTPUT_MARKER`.

    Raises:
        FolderUnavailable: it does not exist, is not a folder, or can't be listed at all.
    """
    try:
        status = root.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise FolderUnavailable(reasons.NOT_A_FOLDER)
    except OSError as cause:
        raise FolderUnavailable(os_errors.for_folder(cause, missing=reasons.FOLDER_MISSING)) from cause
    listing = Listing(str(root), status)
    if listing.error is not None and listing.is_empty:
        reason = os_errors.for_folder(listing.error, missing=reasons.FOLDER_MISSING)
        raise FolderUnavailable(reason) from listing.error
    return listing


@dataclass(slots=True)
class FolderWalk:
    """Lists folders and their subfolders, each once, and under its own name rather than that of a link to it.

    Attributes:
        recursive: whether to list subfolders.
        stopped: asked before each folder; when it returns True, the walk ends at once.
        seen: identities (`folder_identity`) of the folders not to list (again).
    """

    recursive: bool
    stopped: Callable[[], bool] = lambda: False
    seen: set[object] = field(default_factory=set)
    # The next folder is the last of `_waiting`. Links come when that is empty, so real folders come first.
    _waiting: list[str] = field(default_factory=list)
    _links: deque[str] = field(default_factory=deque)

    def from_root(self, first: Listing) -> Iterator[Listing]:
        """Yield a folder that is already listed, and then its subfolders at any depth, each listed when it is taken.

        Folders that the app sorted photos into are yielded, but not their subfolders. Hidden folders are not yielded.
        """
        if first.status is not None:
            self.seen.add(folder_identity(first.path, first.status))
        yield first
        self._queue(first)
        yield from self._remaining()

    def from_folders(self, folders: Iterable[tuple[str, bool]]) -> Iterator[Listing]:
        """Yield folders, given as in `Listing.folders`, and their subfolders, as `from_root` does."""
        self._add(list(folders))
        yield from self._remaining()

    def _remaining(self) -> Iterator[Listing]:
        while (self._waiting or self._links) and not self.stopped():
            path = self._waiting.pop() if self._waiting else self._links.popleft()
            try:
                status = Path(path).stat()
                if is_hidden(status):
                    continue
                identity = folder_identity(path, status)
            except OSError as error:
                yield Listing(path, None, error)
                continue
            if identity in self.seen:
                continue
            self.seen.add(identity)
            listing = Listing(path, status)
            yield listing
            if not listing.is_output:
                self._queue(listing)

    def _queue(self, listing: Listing) -> None:
        if self.recursive:
            self._add(listing.folders)

    def _add(self, folders: list[tuple[str, bool]]) -> None:
        self._waiting += [path for path, is_link in reversed(folders) if not is_link]
        self._links.extend(path for path, is_link in folders if is_link)


def _walk(
    first: Listing, *, recursive: bool, stopped: Callable[[], bool]
) -> Iterator[PhotoFile | WalkProblem | OtherFiles]:
    counts = dict.fromkeys((VIDEO, RAW, OTHER), 0)
    examples: list[Path] = []
    sorted_folders = 0
    for listing in FolderWalk(recursive=recursive, stopped=stopped).from_root(first):
        if listing.is_output and listing is not first:
            sorted_folders += 1
            continue
        if listing.error is not None:
            yield WalkProblem(Path(listing.path), os_errors.for_folder(listing.error), is_folder=True)
        for verdict, _ in listing.judge(stopped):
            if not isinstance(verdict, LeftAlone):
                yield verdict
                continue
            counts[verdict.kind if verdict.kind in counts else OTHER] += 1
            if len(examples) < _EXAMPLES:
                examples.append(Path(verdict.path))
    yield OtherFiles(
        videos=counts[VIDEO],
        raw_companions=counts[RAW],
        other=counts[OTHER],
        sorted_folders=sorted_folders,
        examples=tuple(examples),
    )
