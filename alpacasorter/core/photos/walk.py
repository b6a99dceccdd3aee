"""Finds the photos in a folder and its subfolders, in the order in which they are shown.

`FolderListing` applies the rules for what a photo is: in a scan to all folders, in watching to those in which files
changed. No file is opened unless its name does not say what it is (no extension, or an unknown one); then its first
bytes do.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import is_cloud_only, is_hidden, natural_key
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos import companions, formats
from alpacasorter.core.photos.exclusion import NOMEDIA, NOTHING, Exclusion, is_passed_over

OUTPUT_MARKER: Final = ".alpacasorter-output"
"""A file of this name marks a folder that the app sorted photos into, so that it is not scanned again."""

PICTURE, RAW, VIDEO, OTHER = "picture", "raw", "video", "other"
_KINDS: Final = {
    **dict.fromkeys(formats.OTHER_EXTENSIONS, OTHER),
    **dict.fromkeys(formats.VIDEO_EXTENSIONS, VIDEO),
    **dict.fromkeys(formats.RAW_EXTENSIONS, RAW),
    **dict.fromkeys(formats.PICTURE_EXTENSIONS, PICTURE),
}
# Temporary files of editors and downloads. The usual ones are among OTHER_EXTENSIONS.
_UNFINISHED: Final = ("~", ".!ut", ".bc!", ".download", ".filepart", ".opdownload", ".temp")


@dataclass(frozen=True, slots=True)
class WalkProblem:
    """A photo that can't be used as it is, or a folder below the root that can't be listed.

    Attributes:
        path: absolute path.
        reason: why, a code (see `core.reasons`).
        is_folder: whether it is a folder; then it is unknown which photos are missing.
    """

    path: Path
    reason: str
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class IgnoredFile:
    """A file that is not a photo, or a RAW file beside a picture of the same name.

    Attributes:
        path: absolute path.
        kind: VIDEO, RAW or OTHER.
    """

    path: str
    kind: str


class FolderListing:
    """A folder and what is in it.

    Attributes:
        path: the folder.
        status: its status; None if it could not be read.
        error: why the folder could not be listed, or not completely; None if the list is complete.
        is_empty: whether nothing at all was listed.
        is_output: whether the app itself sorted photos into it.
        is_passed_over: whether it is not looked into, unless it is the root: it is output, or marked by `NOMEDIA`.
        left_out: how many of its files and folders the user leaves out.
        folders: paths of its subfolders in natural order, each with whether it is a link.
    """

    def __init__(
        self, path: str, status: os.stat_result | None, error: OSError | None = None, *, exclusion: Exclusion = NOTHING
    ) -> None:
        """List a folder, unless `error` says that it can't be. Does not raise."""
        self.path = path
        self.status = status
        entries, self.error = _list(path) if error is None else ([], error)
        names = {entry.name for entry in entries if entry.name.startswith(".")}
        self.is_output = OUTPUT_MARKER in names
        self.is_passed_over = self.is_output or (exclusion.nomedia and NOMEDIA in names)
        self.left_out = 0
        self.is_empty = not entries
        files: list[os.DirEntry[str]] = []
        folders: list[os.DirEntry[str]] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            is_folder = _is_folder(entry)
            if is_passed_over(entry.name, is_folder=is_folder):
                continue
            if exclusion.leaves_out(entry.path, is_folder=is_folder):
                self.left_out += 1
                continue
            (folders if is_folder else files).append(entry)
        folders.sort(key=_natural)
        self.folders = [(entry.path, entry.is_symlink()) for entry in folders]
        self._files = files

    def judge(
        self, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[PhotoFile | WalkProblem | IgnoredFile, os.stat_result | None]]:
        """Yield the files that are not hidden, in natural order (IMG_2 before IMG_10), each with its status if known.

        A file is looked at when it is taken. Ends at once when `stopped` returns True.
        """
        pictures: set[str] | None = None
        keyed = []
        for entry in self._files:
            if stopped():
                return
            keyed.append((_natural(entry), entry))
        # No two files have the same name, so the entries themselves are never compared.
        for _, entry in sorted(keyed):
            if stopped():
                return
            kind = _kind(entry.name)
            if kind == RAW and pictures is None:
                pictures = {_stem(one.name) for one in self._files if _kind(one.name) == PICTURE}
            verdict = _judge(entry, kind, pictures)
            if verdict is not None:
                yield verdict


def folder_identity(path: str, status: os.stat_result) -> object:
    """Return a value that is equal for two paths exactly if they lead to the same folder."""
    # Some file systems don't number their files.
    return (status.st_dev, status.st_ino) if status.st_ino else str(Path(path).resolve())


def _judge(
    entry: os.DirEntry[str], kind: str | None, pictures: set[str] | None
) -> tuple[PhotoFile | WalkProblem | IgnoredFile, os.stat_result | None] | None:
    """Judge one file; `pictures` are the stems of the pictures beside it, needed for RAW files."""
    try:
        status = entry.stat()
    except OSError as error:
        if kind in (PICTURE, RAW):
            return WalkProblem(Path(entry.path), _why_not_found(entry, error)), None
        return IgnoredFile(entry.path, kind or OTHER), None
    if is_hidden(status):
        return None
    if kind in (VIDEO, OTHER) or (kind == RAW and pictures and _stem(entry.name) in pictures):
        return IgnoredFile(entry.path, kind or OTHER), status
    regular = stat.S_ISREG(status.st_mode)
    if kind is None:
        if not regular or is_cloud_only(status) or not status.st_size or not _begins_like_a_picture(entry.path):
            return IgnoredFile(entry.path, OTHER), status
    elif not regular:
        return WalkProblem(Path(entry.path), reasons.NOT_REGULAR), status
    elif kind == RAW:
        return WalkProblem(Path(entry.path), reasons.RAW_ALONE), status
    elif is_cloud_only(status):
        return WalkProblem(Path(entry.path), reasons.CLOUD_ONLY), status
    return PhotoFile(Path(entry.path), status.st_size, status.st_mtime_ns), status


def _list(folder: str) -> tuple[list[os.DirEntry[str]], OSError | None]:
    """List a folder; if that is interrupted by an error, return the entries before it along with the error."""
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
    except OSError:  # a link that leads back to itself; as a file it gets its reason
        return False


def _natural(entry: os.DirEntry[str]) -> tuple[list[str | int], str]:
    # The name itself decides between names that differ only in case.
    return natural_key(entry.name), entry.name


def _kind(name: str) -> str | None:
    """Return the kind of a file according to its name; None if the name says nothing."""
    if name.lower().endswith(_UNFINISHED) or companions.backup_of(name) is not None:
        return OTHER
    extension = name.rpartition(".")[2].lower()
    if "." not in name:
        return None
    if (kind := _KINDS.get(extension)) is None and companions.kind_of_extension(extension):
        return VIDEO if companions.is_motion(extension) else OTHER
    return kind


def _stem(name: str) -> str:
    return companions.shot(name.rpartition(".")[0]).casefold()


def _why_not_found(entry: os.DirEntry[str], error: OSError) -> str:
    reason = os_errors.for_file(error)
    return reasons.BROKEN_LINK if reason == reasons.VANISHED and entry.is_symlink() else reason


def _begins_like_a_picture(path: str) -> bool:
    """Tell whether the first bytes of a regular file are those of a picture; not if it can't be read."""
    try:
        # Non-blocking, in case a pipe has replaced the file.
        with os.fdopen(
            os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
        ) as file:
            return formats.sniff(file.read(formats.SNIFF_BYTES)) is not None
    except OSError:
        return False


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
        nomedia_folders: number of folders skipped because of `NOMEDIA`.
        left_out: number of files and folders that the user leaves out, without what is in such folders.
    """

    videos: int
    raw_companions: int
    other: int
    sorted_folders: int
    examples: tuple[Path, ...]
    nomedia_folders: int = 0
    left_out: int = 0

    @property
    def count(self) -> int:
        """Number of ignored files."""
        return self.videos + self.raw_companions + self.other


def walk(
    root: Path, *, recursive: bool, stopped: Callable[[], bool] = lambda: False, exclusion: Exclusion = NOTHING
) -> Iterator[PhotoFile | WalkProblem | OtherFiles]:
    """Yield the photos of a folder in natural order (IMG_2 before IMG_10), then those of each subfolder.

    The root is listed by the call itself, everything else as the events are taken. Links to files and folders are
    followed. A folder that can be reached in several ways is listed once, under its own name if that is in the tree,
    rather than that of a link.

    Args:
        root: the folder; it is walked even if it contains `OUTPUT_MARKER` or `NOMEDIA`.
        recursive: whether to walk subfolders too.
        stopped: asked before each file and folder, because there may be many between two photos; when it returns
            True, the walk ends at once.
        exclusion: what the user leaves out.

    Returns:
        An iterator of photos and problems, with one `OtherFiles` at the end. It does not raise.

    Raises:
        FolderUnavailable: the root does not exist, is not a folder, or can't be listed. Raised by the call itself.
    """
    exclusion = rooted(exclusion, root)
    first = list_root(root.absolute(), exclusion)
    return _walk(first, FolderWalk(recursive=recursive, stopped=stopped, exclusion=exclusion))


def rooted(exclusion: Exclusion, root: Path) -> Exclusion:
    """Return what is left out below a root, unless it already says below which."""
    return exclusion if exclusion.root else replace(exclusion, root=str(root.absolute()))


def class_folders(dataset: Path, exclusion: Exclusion = NOTHING) -> list[str]:
    """Return the names of the folders directly in a dataset that a walk would look into, sorted.

    Raises:
        OSError: it can't be listed.
    """
    exclusion = rooted(exclusion, dataset)
    with os.scandir(dataset.absolute()) as entries:
        return sorted(
            entry.name
            for entry in entries
            if _is_folder(entry)
            and not is_passed_over(entry.name, is_folder=True)
            and not exclusion.leaves_out(entry.path, is_folder=True)
            and not is_hidden(entry.stat())
            and not (exclusion.nomedia and os.path.lexists(os.path.join(entry.path, NOMEDIA)))  # noqa: PTH118
        )


def list_root(root: Path, exclusion: Exclusion = NOTHING) -> FolderListing:
    """List the folder to walk, whatever its name and even if it contains `OUTPUT_MARKER` or `NOMEDIA`.

    Raises:
        FolderUnavailable: it does not exist, is not a folder, or can't be listed at all.
    """
    try:
        status = root.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise FolderUnavailable(reasons.NOT_A_FOLDER)
    except OSError as cause:
        raise FolderUnavailable(os_errors.for_folder(cause, missing=reasons.FOLDER_MISSING)) from cause
    listing = FolderListing(str(root), status, exclusion=exclusion)
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
        exclusion: what the user leaves out.
    """

    recursive: bool
    stopped: Callable[[], bool] = lambda: False
    seen: set[object] = field(default_factory=set)
    exclusion: Exclusion = NOTHING
    # The next folder is the last of `_waiting`. Links come when that is empty, so real folders come first.
    _waiting: list[str] = field(default_factory=list)
    _links: deque[str] = field(default_factory=deque)

    def from_root(self, first: FolderListing) -> Iterator[FolderListing]:
        """Yield a folder that is already listed, and then its subfolders at any depth, each listed when it is taken.

        Folders that are passed over are yielded, but not their subfolders. Hidden folders are not yielded.
        """
        if first.status is not None:
            self.seen.add(folder_identity(first.path, first.status))
        yield first
        self._queue(first)
        yield from self._remaining()

    def from_folders(self, folders: Iterable[tuple[str, bool]]) -> Iterator[FolderListing]:
        """Yield folders, given as in `Listing.folders`, and their subfolders, as `from_root` does."""
        self._add(list(folders))
        yield from self._remaining()

    def _remaining(self) -> Iterator[FolderListing]:
        while (self._waiting or self._links) and not self.stopped():
            path = self._waiting.pop() if self._waiting else self._links.popleft()
            try:
                status = Path(path).stat()
                if is_hidden(status):
                    continue
                identity = folder_identity(path, status)
            except OSError as error:
                yield FolderListing(path, None, error, exclusion=self.exclusion)
                continue
            if identity in self.seen:
                continue
            self.seen.add(identity)
            listing = FolderListing(path, status, exclusion=self.exclusion)
            yield listing
            if not listing.is_passed_over:
                self._queue(listing)

    def _queue(self, listing: FolderListing) -> None:
        if self.recursive:
            self._add(listing.folders)

    def _add(self, folders: list[tuple[str, bool]]) -> None:
        self._waiting += [path for path, is_link in reversed(folders) if not is_link]
        self._links.extend(path for path, is_link in folders if is_link)


def _walk(first: FolderListing, folders: FolderWalk) -> Iterator[PhotoFile | WalkProblem | OtherFiles]:
    counts = dict.fromkeys((VIDEO, RAW, OTHER), 0)
    examples: list[Path] = []
    sorted_folders = nomedia_folders = left_out = 0
    for listing in folders.from_root(first):
        if listing.is_passed_over and listing is not first:
            sorted_folders += listing.is_output
            nomedia_folders += not listing.is_output
            continue
        left_out += listing.left_out
        if listing.error is not None:
            yield WalkProblem(Path(listing.path), os_errors.for_folder(listing.error), is_folder=True)
        for verdict, _ in listing.judge(folders.stopped):
            if not isinstance(verdict, IgnoredFile):
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
        nomedia_folders=nomedia_folders,
        left_out=left_out,
        examples=tuple(examples),
    )
