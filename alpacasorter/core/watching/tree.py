"""Compares the watched folders with the known photos.

`Root` is the watched folder itself: whether it is there, and whether it is still the same one. `Tree` is the folder and
those below it. It always compares state with state: reported changes only say where to look. So a report that comes
twice, too early, out of order or not at all does no harm; the change is only noticed later.

`is_silent` tells which file systems don't report changes, because other computers or programs make them.
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
from alpacasorter.core.photos.exclusion import NOMEDIA, NOTHING, Exclusion
from alpacasorter.core.photos.walk import (
    OUTPUT_MARKER,
    FolderListing,
    FolderUnavailable,
    FolderWalk,
    IgnoredFile,
    WalkProblem,
    folder_identity,
    list_root,
)
from alpacasorter.core.watching.known import ANY_REASON, KnownPhotos, PendingPhotos, Row, file_identity
from alpacasorter.i18n import _

_VANISHED: Final = frozenset((errno.ENOENT, errno.ENOTDIR))

_SILENT: Final = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "ncp"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"),
        *("drvfs", "webdav", "afpfs", "acfs", "macfuse", "osxfuse"),
    )
)
# A local disk whose driver runs in user space does report changes.
_REPORTING_FUSE: Final = frozenset(("fuse.exfat", "fuse.lowntfs-3g", "fuse.ntfs", "fuse.ntfs-3g", "fuseblk"))
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def is_silent(folder: Path, table: Path = Path("/proc/self/mountinfo")) -> bool:
    """Return whether changes in a folder may go unnoticed by this system, as on a network drive.

    Args:
        folder: absolute path.
        table: where Linux lists what is mounted.
    """
    if sys.platform == "win32":
        return _is_remote_on_windows(folder)
    kind = _kind(os.path.realpath(folder), table)
    return kind in _SILENT or (kind.startswith("fuse") and kind not in _REPORTING_FUSE)


def _kind(path: str, table: Path) -> str:
    """Return Linux's name for the kind of file system that a path is on; empty if unknown."""
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
        # If two are mounted in one place, the later one is visible.
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


class Root:
    """The watched folder itself. For one thread.

    Attributes:
        offline: why it is not there, in translated sentences for the user; empty if it is there.
    """

    def __init__(self, path: Path, exclusion: Exclusion = NOTHING) -> None:
        """Prepare; nothing is known about it yet."""
        self.offline = ""
        self._path = path
        self._exclusion = exclusion
        self._identity: object = None

    def check(self, *, is_anything_known: bool) -> bool:
        """Check whether it is there.

        Args:
            is_anything_known: whether there were photos in it.

        Returns:
            Whether it has appeared since the last check, or was replaced by another folder.
        """
        if not self.offline and self.is_same():
            return False
        try:
            listing = list_root(self._path, self._exclusion)
        except FolderUnavailable as error:
            self._go_offline(reasons.sentence(error.reason))
            return False
        identity = _identity(listing)
        if identity != self._identity and listing.is_empty and is_anything_known:
            # An unplugged drive leaves an empty folder behind.
            self._go_offline(_("The folder is suddenly empty. Its drive may not be connected."))
            return False
        self.offline = ""
        self._identity = identity
        return True

    def is_same(self) -> bool:
        """Return whether the folder that was last found is still there."""
        if self._identity is None:
            return False
        try:
            return folder_identity(str(self._path), self._path.stat()) == self._identity
        except OSError:
            return False

    def list(self) -> FolderListing | None:
        """Return its listing; None if it is not there or was replaced, which `check` tells apart."""
        try:
            listing = list_root(self._path, self._exclusion)
        except FolderUnavailable as error:
            # It may exist and yet be unreadable, so `is_same` is not enough.
            self._go_offline(reasons.sentence(error.reason))
            return None
        return listing if _identity(listing) == self._identity else None

    def _go_offline(self, sentence: str) -> None:
        self.offline = sentence + " " + _("AlpacaSorter waits until it is back.")


def _identity(listing: FolderListing) -> object:
    return None if listing.status is None else folder_identity(listing.path, listing.status)


class Tree:
    """The watched folder and the folders below it. For one thread.

    Attributes:
        root: absolute path of the watched folder.
    """

    def __init__(
        self,
        root: str,
        *,
        recursive: bool,
        known: KnownPhotos,
        pending: PendingPhotos,
        exclusion: Exclusion = NOTHING,
    ) -> None:
        """Prepare.

        Args:
            root: absolute path of the watched folder.
            recursive: whether folders below it are watched, too.
            known: the known photos that the folders are compared with.
            pending: gets the photos that are new or have changed.
            exclusion: what the user leaves out.
        """
        self._exclusion = exclusion
        self.root = root
        self._unusable: dict[str, str] = {}
        self._recursive = recursive
        self._known = known
        self._pending = pending
        self._folders: dict[str, object] = {}
        self._links: set[str] = set()
        self._outputs: set[str] = set()
        self._closed: set[str] = set()
        self._silently = False

    def take_unusable(self) -> dict[str, str]:
        """Return the photos that can't be used, found since the last call: path to reason."""
        found, self._unusable = self._unusable, {}
        return found

    def links(self) -> list[str]:
        """Return the folders that were reached through a link."""
        return [link for link in self._links if link in self._folders]

    def folder_numbers(self) -> list[int]:
        """Return the inode numbers of the watched folders, if they have any."""
        return [identity[1] for identity in self._folders.values() if isinstance(identity, tuple)]

    # Comparing

    def compare_all(
        self, first: FolderListing, closed: set[str], stopped: Callable[[], bool], *, silently: bool = False
    ) -> bool:
        """Compare all folders with the known photos.

        Args:
            first: the root, as it was just listed.
            closed: files that a program has finished writing.
            stopped: called often; this ends once it returns True.
            silently: whether everything that is found counts as known.

        Returns:
            Whether all folders were compared.
        """
        reached: set[str] = set()
        beyond: list[str] = []
        self._closed, self._silently = closed, silently
        self._outputs.clear()
        for listing in FolderWalk(recursive=self._recursive, stopped=stopped, exclusion=self._exclusion).from_root(
            first
        ):
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

    def compare(self, folders: Iterable[str], closed: set[str], stopped: Callable[[], bool]) -> None:
        """Compare some folders, and the new folders below them, with the known photos.

        Args:
            folders: their paths; those outside of the watched folder are ignored.
            closed: files that a program has finished writing.
            stopped: called often; this ends once it returns True.
        """
        self._closed = closed
        below = self._by_parent()
        new: list[tuple[str, bool]] = []
        for folder in sorted(self._ours(folders), key=len):
            if stopped():
                return
            if folder in self._folders:
                new += self._compare_again(folder, below, stopped)
        seen = set(self._folders.values())
        walk = FolderWalk(recursive=True, stopped=stopped, seen=seen, exclusion=self._exclusion)
        for listing in walk.from_folders(new):
            self._take(listing, stopped)
        self._closed = set()

    def _ours(self, folders: Iterable[str]) -> set[str]:
        """Return the known folders that these are, or the nearest known ones above them."""
        ours: set[str] = set()
        for folder in folders:
            output = next((one for one in self._outputs if folder == one or _is_below(folder, [one])), None)
            if output is not None:
                if Path(output, OUTPUT_MARKER).exists() or (self._exclusion.nomedia and Path(output, NOMEDIA).exists()):
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

    def _compare_again(
        self, folder: str, below: dict[str, list[str]], stopped: Callable[[], bool]
    ) -> list[tuple[str, bool]]:
        """Compare one known folder; return the folders in it that are new."""
        try:
            status = Path(folder).stat()
        except OSError as error:
            listing = FolderListing(folder, None, error, exclusion=self._exclusion)
        else:
            if is_hidden(status) and folder != self.root:
                self._lose_all(folder)
                return []
            listing = FolderListing(folder, status, exclusion=self._exclusion)
        before = self._folders[folder]
        self._take(listing, stopped)
        if listing.error is not None or folder not in self._folders or not self._recursive:
            return []
        if self._folders[folder] != before:
            # Another folder has taken its place, so its subfolders are other ones, too.
            known = set()
        else:
            known = {path for path in below.get(folder, ()) if self._is_same(path)}
        for path in below.get(folder, ()):
            if path not in known:
                self._lose_all(path)
        return [(path, is_link) for path, is_link in listing.folders if path not in known]

    def _is_same(self, folder: str) -> bool:
        """Return whether a known folder is still there; one that is out of reach counts as there."""
        try:
            return folder_identity(folder, Path(folder).stat()) == self._folders.get(folder)
        except OSError as error:
            return error.errno not in _VANISHED

    def _is_unreadable(self, listing: FolderListing) -> bool:
        """Return whether a folder exists but can't tell what is in it."""
        if listing.error is not None:
            return listing.error.errno not in _VANISHED
        before = self._folders.get(listing.path)
        if not listing.is_empty or listing.status is None or not isinstance(before, tuple):
            return False
        # An empty folder on another disk than before is where a drive used to be.
        return bool(before[0] != listing.status.st_dev)

    def _take(self, listing: FolderListing, stopped: Callable[[], bool]) -> None:
        """Compare a folder that was just listed."""
        folder = listing.path
        if self._is_unreadable(listing) and listing.is_empty:
            return
        if listing.error is not None and listing.is_empty:
            self._lose_all(folder)
            return
        if listing.is_passed_over and folder != self.root:
            if listing.is_output and folder not in self._folders:
                # Photos that were sorted into this folder are shown, but they are not watched here.
                self._forget_all(folder)
            self._lose_all(folder)
            self._outputs.add(folder)
            return
        if listing.status is not None:
            self._folders[folder] = folder_identity(folder, listing.status)
            if Path(folder).is_symlink() and folder != self.root:
                self._links.add(folder)
        names: set[str] = set()
        for verdict, status in listing.judge(stopped):
            if not isinstance(verdict, IgnoredFile):
                names.add(verdict.path.name)
                self._compare_photo(verdict, status)
        if listing.error is None and not stopped():
            self._miss(folder, there=names)

    def _compare_photo(self, found: PhotoFile | WalkProblem, status: os.stat_result | None) -> None:
        path = str(found.path)
        row = self._known.get(path)
        self._known.missing.pop(path, None)
        identity = None if status is None else file_identity(status)
        if isinstance(found, WalkProblem):
            self._pending.drop(path)
            is_known = row is not None and row.reason in (ANY_REASON, found.reason)
            if not is_known and not self._silently:
                self._unusable[path] = found.reason
            self._known.put(path, Row(0, 0, identity, found.reason))
            return
        state = (found.size, found.mtime_ns)
        if (row is not None and row.reason is None and row[:2] == state) or (
            self._silently or self._known.is_expected(path, state)
        ):
            self._pending.drop(path)
            seen = Row(*state, identity)
            if row != seen:
                self._known.put(path, seen)
            return
        self._pending.put(found, identity, is_change=row is not None, closed=path in self._closed)

    # Missing photos and folders

    def _miss(self, folder: str, there: Collection[str] = ()) -> None:
        for name in self._known.names(folder):
            if name not in there:
                path = f"{folder.rstrip(os.sep)}{os.sep}{name}"
                self._pending.drop(path)
                self._known.miss(path)

    def _lose(self, folder: str) -> None:
        """Record that a folder no longer exists, or is no longer watched."""
        self._folders.pop(folder, None)
        self._links.discard(folder)
        self._miss(folder)

    def _forget_all(self, top: str) -> None:
        for folder in [one for one in self._known.folders() if one == top or _is_below(one, [top])]:
            for name in self._known.names(folder):
                self._known.forget(f"{folder.rstrip(os.sep)}{os.sep}{name}")

    def _lose_all(self, top: str) -> None:
        """Do the same for a folder and all folders below it."""
        for folder in self._folders.keys() | self._known.folders():
            if folder == top or _is_below(folder, [top]):
                self._lose(folder)


def _is_below(folder: str, tops: Iterable[str]) -> bool:
    return any(folder.startswith(top.rstrip(os.sep) + os.sep) for top in tops)
