"""The folders that are watched, and what differs from what is known when one looks at them.

State is compared with state: what is told of changes only says where to look. So nothing that comes twice, too early,
in another order or not at all does harm; it is only seen later.

Which file systems can't tell of changes, because they are made by other computers or programs.

The watched folder itself: whether it is there, and whether it is still the same one.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import is_hidden
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.listing import OUTPUT_MARKER, LeftAlone, Listing, WalkProblem, folder_identity
from alpacasorter.core.photos.walk import FolderUnavailable, FolderWalk, list_root
from alpacasorter.core.watching.known import ANY_REASON, Known, Row, WaitingRoom, file_identity

_SILENT: Final = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "ncp"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"),
        *("drvfs", "webdav", "afpfs", "acfs", "macfuse", "osxfuse"),
    )
)
# A disk that is only driven from user space does tell.
_TELLING_FUSE: Final = frozenset(("fuse.exfat", "fuse.lowntfs-3g", "fuse.ntfs", "fuse.ntfs-3g", "fuseblk"))
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def is_silent(folder: Path, table: Path = Path("/proc/self/mountinfo")) -> bool:
    """Tell whether changes in a folder may be made without this system hearing of it: on a network drive, for example.

    Args:
        folder: absolute.
        table: where Linux lists what is mounted.
    """
    if sys.platform == "win32":
        return _is_remote_on_windows(folder)
    kind = _kind(os.path.realpath(folder), table)
    return kind in _SILENT or (kind.startswith("fuse") and kind not in _TELLING_FUSE)


def _kind(path: str, table: Path) -> str:
    """Return the kind of the file system that a path is on, as Linux calls it; empty where that can't be told."""
    found, longest = "", -1
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, separator, after = line.partition(" - ")
        words = before.split(" ")
        if not separator or len(words) < 5:
            continue
        place = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), words[4])
        # Of two that are mounted over each other the later one is seen.
        if len(place) >= longest and (path == place or path.startswith(place.rstrip("/") + "/")):
            found, longest = after.split(" ", 1)[0], len(place)
    return found


def _is_remote_on_windows(folder: Path) -> bool:
    drive = folder.absolute().drive
    if drive.startswith("\\\\"):
        return True
    import ctypes

    remote = 4
    windows = getattr(ctypes, "windll", None)
    return windows is not None and windows.kernel32.GetDriveTypeW(drive + "\\") == remote


_WAITS: Final = "AlpacaSorter waits until it is back."
_EMPTY: Final = "The folder is empty all of a sudden, as if its drive were not connected."


class Root:
    """The folder at the top. For one thread.

    Attributes:
        offline: why it is not there just now, sentences for the user; empty where it is.
    """

    def __init__(self, path: Path) -> None:
        """Know nothing of it yet."""
        self.offline = ""
        self._path = path
        self._identity: object = None

    def check(self, *, is_anything_known: bool) -> bool:
        """See whether it is there; return whether it came (back), or another took its place, since the last time.

        Args:
            is_anything_known: whether there were photos in it.
        """
        if not self.offline and self.is_same():
            return False
        try:
            listing = list_root(self._path)
        except FolderUnavailable as error:
            self.offline = f"{reasons.sentence(error.reason)} {_WAITS}"
            return False
        identity = _identity(listing)
        if identity != self._identity and listing.is_empty and is_anything_known:
            # What a drive leaves behind when it is unplugged.
            self.offline = f"{_EMPTY} {_WAITS}"
            return False
        self.offline = ""
        self._identity = identity
        return True

    def is_same(self) -> bool:
        """Tell whether the folder that was found last is there."""
        if self._identity is None:
            return False
        try:
            return folder_identity(str(self._path), self._path.stat()) == self._identity
        except OSError:
            return False

    def list(self) -> Listing | None:
        """List it; None where it is not there, or is another one: then `check` says more."""
        try:
            listing = list_root(self._path)
        except FolderUnavailable as error:
            # It may be there and yet say nothing, so to see it is not enough.
            self.offline = f"{reasons.sentence(error.reason)} {_WAITS}"
            return None
        return listing if _identity(listing) == self._identity else None


def _identity(listing: Listing) -> object:
    return None if listing.status is None else folder_identity(listing.path, listing.status)


_VANISHED: Final = frozenset((errno.ENOENT, errno.ENOTDIR))


class Tree:
    """The folders that are looked at. For one thread.

    Attributes:
        root: where it begins, an absolute path.
    """

    def __init__(self, root: str, *, recursive: bool, known: Known, room: WaitingRoom) -> None:
        """Prepare to compare the photos with `known` ones; those that are new or have changed go into `room`."""
        self.root = root
        self._unusable: dict[str, str] = {}
        self._recursive = recursive
        self._known = known
        self._room = room
        self._folders: dict[str, object] = {}
        self._links: set[str] = set()
        self._outputs: set[str] = set()
        self._closed: set[str] = set()
        self._silently = False

    def take_unusable(self) -> dict[str, str]:
        """Return the photos that can't be used, found since this was asked last: path to reason."""
        found, self._unusable = self._unusable, {}
        return found

    def links(self) -> list[str]:
        """Return the folders that were reached through a link."""
        return [link for link in self._links if link in self._folders]

    def folder_numbers(self) -> list[int]:
        """Return the numbers (inodes) of the folders that are looked at, as far as there are such."""
        return [identity[1] for identity in self._folders.values() if isinstance(identity, tuple)]

    # Looking

    def look_at_all(
        self, first: Listing, closed: set[str], stopped: Callable[[], bool], *, silently: bool = False
    ) -> bool:
        """Compare all folders with what is known; return whether it came to its end.

        Args:
            first: the root, as it was just listed.
            closed: files that somebody who wrote them was done with.
            stopped: asked all the while.
            silently: whether what is found counts as known.
        """
        reached: set[str] = set()
        beyond: list[str] = []
        self._closed, self._silently = closed, silently
        self._outputs.clear()
        for listing in FolderWalk(recursive=self._recursive, stopped=stopped).from_root(first):
            reached.add(listing.path)
            if self._is_unreadable(listing):
                beyond.append(listing.path)
            self._take(listing, stopped)
        self._closed, self._silently = set(), False
        if stopped():
            return False
        for folder in self._folders.keys() | self._known.folders():
            if folder not in reached and not _is_below(folder, beyond):
                self._lose(folder)
        self._known.age()
        return True

    def look_at(self, folders: Iterable[str], closed: set[str], stopped: Callable[[], bool]) -> None:
        """Compare some folders with what is known, and those below them that are new.

        Args:
            folders: their paths; those that are none of ours are passed over.
            closed: files that somebody who wrote them was done with.
            stopped: asked all the while.
        """
        self._closed = closed
        below = self._by_parent()
        new: list[tuple[str, bool]] = []
        for folder in sorted(self._ours(folders), key=len):
            if stopped():
                return
            if folder in self._folders:
                new += self._look_again(folder, below, stopped)
        walk = FolderWalk(recursive=True, stopped=stopped, seen=set(self._folders.values()))
        for listing in walk.from_folders(new):
            self._take(listing, stopped)
        self._closed = set()

    def _ours(self, folders: Iterable[str]) -> set[str]:
        """Return the known folders that these are, or the nearest known ones above them."""
        ours: set[str] = set()
        for folder in folders:
            output = next((one for one in self._outputs if folder == one or _is_below(folder, [one])), None)
            if output is not None:
                if Path(output, OUTPUT_MARKER).exists():
                    continue
                self._outputs.discard(output)
            while folder not in self._folders and len(folder) > len(self.root):
                folder = os.path.split(folder)[0]
            ours.add(folder)
        return ours

    def _by_parent(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = {}
        for folder in self._folders:
            below.setdefault(os.path.split(folder)[0], []).append(folder)
        return below

    def _look_again(
        self, folder: str, below: dict[str, list[str]], stopped: Callable[[], bool]
    ) -> list[tuple[str, bool]]:
        """Compare one known folder; return the folders in it that are new."""
        try:
            status = Path(folder).stat()
        except OSError as error:
            listing = Listing(folder, None, error)
        else:
            if is_hidden(status) and folder != self.root:
                self._lose_all(folder)
                return []
            listing = Listing(folder, status)
        before = self._folders[folder]
        self._take(listing, stopped)
        if listing.error is not None or folder not in self._folders or not self._recursive:
            return []
        if self._folders[folder] != before:
            # Another folder has taken its place, and its sub-folders are others, too.
            known = set()
        else:
            known = {path for path in below.get(folder, ()) if self._is_same(path)}
        for path in below.get(folder, ()):
            if path not in known:
                self._lose_all(path)
        return [(path, is_link) for path, is_link in listing.folders if path not in known]

    def _is_same(self, folder: str) -> bool:
        """Tell whether a known folder is still there; one out of reach is."""
        try:
            return folder_identity(folder, Path(folder).stat()) == self._folders.get(folder)
        except OSError as error:
            return error.errno not in _VANISHED

    def _is_unreadable(self, listing: Listing) -> bool:
        """Tell whether a folder says nothing of its photos just now, though it is there."""
        if listing.error is not None:
            return listing.error.errno not in _VANISHED
        before = self._folders.get(listing.path)
        if not listing.is_empty or listing.status is None or not isinstance(before, tuple):
            return False
        # An empty folder on another disk than before is the place where a drive was.
        return bool(before[0] != listing.status.st_dev)

    def _take(self, listing: Listing, stopped: Callable[[], bool]) -> None:
        """Compare a folder that was just listed."""
        folder = listing.path
        if self._is_unreadable(listing) and listing.is_empty:
            return
        if listing.error is not None and listing.is_empty:
            self._lose_all(folder)
            return
        if listing.is_output and folder != self.root:
            if folder not in self._folders:
                # Photos that followed a sort are shown, but nobody looks after them here.
                self._let_go(folder)
            self._lose_all(folder)
            self._outputs.add(folder)
            return
        if listing.status is not None:
            self._folders[folder] = folder_identity(folder, listing.status)
            if Path(folder).is_symlink() and folder != self.root:
                self._links.add(folder)
        names: set[str] = set()
        for verdict, status in listing.judge(stopped):
            if not isinstance(verdict, LeftAlone):
                names.add(verdict.path.name)
                self._compare(verdict, status)
        if listing.error is None and not stopped():
            self._miss(folder, there=names)

    def _compare(self, found: PhotoFile | WalkProblem, status: os.stat_result | None) -> None:
        path = str(found.path)
        row = self._known.get(path)
        self._known.missing.pop(path, None)
        identity = None if status is None else file_identity(status)
        if isinstance(found, WalkProblem):
            self._room.drop(path)
            is_known = row is not None and row.reason in (ANY_REASON, found.reason)
            if not is_known and not self._silently:
                self._unusable[path] = found.reason
            self._known.put(path, Row(0, 0, identity, found.reason))
            return
        state = (found.size, found.mtime_ns)
        if (row is not None and row.reason is None and row[:2] == state) or (
            self._silently or self._known.is_expected(path, state)
        ):
            self._room.drop(path)
            seen = Row(*state, identity)
            if row != seen:
                self._known.put(path, seen)
            return
        self._room.put(found, identity, is_change=row is not None, closed=path in self._closed)

    # What is not there

    def _miss(self, folder: str, there: Collection[str] = ()) -> None:
        for name in self._known.names(folder):
            if name not in there:
                path = f"{folder.rstrip(os.sep)}{os.sep}{name}"
                self._room.drop(path)
                self._known.miss(path)

    def _lose(self, folder: str) -> None:
        """A folder is no longer there, or no longer looked into."""
        self._folders.pop(folder, None)
        self._links.discard(folder)
        self._miss(folder)

    def _let_go(self, top: str) -> None:
        for folder in [one for one in self._known.folders() if one == top or _is_below(one, [top])]:
            for name in self._known.names(folder):
                self._known.forget(f"{folder.rstrip(os.sep)}{os.sep}{name}")

    def _lose_all(self, top: str) -> None:
        """The same with all that is below it."""
        for folder in self._folders.keys() | self._known.folders():
            if folder == top or _is_below(folder, [top]):
                self._lose(folder)


def _is_below(folder: str, tops: Iterable[str]) -> bool:
    return any(folder.startswith(top.rstrip(os.sep) + os.sep) for top in tops)
