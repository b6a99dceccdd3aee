"""The folders below the destination, existing ones and new ones; and the contents of folders, each listed only once."""

from __future__ import annotations

import enum
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.planning.disks import Disk, disk_of, name_key


@dataclass(slots=True, eq=False)
class TargetFolder:
    """A folder that photos go into.

    Attributes:
        path: where it is or will be.
        parent: the folder that contains it; None for the destination.
        exists: whether it exists.
        near: itself if it exists, else its nearest existing parent.
        disk: the disk that it is or will be on.
        problem: why nothing can go there, a code of `core.reasons`; None if there is no problem.
        new_folders: name keys of the folders that this plan creates in it.
    """

    path: Path
    parent: TargetFolder | None
    exists: bool
    near: Path
    disk: Disk
    problem: str | None = None
    new_folders: set[str] = field(default_factory=set)

    @property
    def chain(self) -> list[TargetFolder]:
        """The folder and those that contain it, from the destination down."""
        return [self] if self.parent is None else [*self.parent.chain, self]


class TargetFolders:
    """All folders that a plan may use."""

    def __init__(self, destination: TargetFolder, folders: FolderCache) -> None:
        """Start with the destination alone."""
        self._folders = folders
        self._known: dict[tuple[str, ...], TargetFolder] = {(): destination}
        self._new: dict[tuple[str, str], TargetFolder] = {}

    def at(self, names: tuple[str, ...]) -> TargetFolder:
        """Return the folder with these names below the destination.

        An existing one that differs in case or Unicode form is used instead of a new one, so that the result is the
        same on every system.
        """
        if names not in self._known:
            self._known[names] = self._child(self.at(names[:-1]), names[-1])
        return self._known[names]

    def below(self, folder: TargetFolder, names: tuple[str, ...]) -> TargetFolder:
        """Return the folder with these names below one of them."""
        for name in names:
            folder = self._child(folder, name)
        return folder

    def _child(self, parent: TargetFolder, name: str) -> TargetFolder:
        if parent.problem is not None:
            return self._blocked(parent, name, parent.problem)
        if parent.exists:
            contents = self._folders.contents(parent.path)
            if contents.error is not None:
                return self._blocked(parent, name, os_errors.for_folder(contents.error))
            alike = contents.alike(name)
            for one in alike:
                path, kind = parent.path / one, contents.kinds[one]
                if kind is EntryKind.FOLDER or (kind is EntryKind.LINK and path.is_dir()):
                    return self._existing(parent, path)
            if alike:
                shown = display_path(parent.path / alike[0])
                return self._blocked(parent, name, reasons.code(reasons.TARGET_IS_FILE, path=shown))
        key = (os.fspath(parent.path), name_key(name))
        if key not in self._new:
            self._new[key] = TargetFolder(parent.path / name, parent, False, parent.near, parent.disk)
            parent.new_folders.add(name_key(name))
        return self._new[key]

    def _existing(self, parent: TargetFolder, path: Path) -> TargetFolder:
        key = (os.fspath(parent.path), path.name)
        if key not in self._new:
            try:
                disk = disk_of(path)
            except OSError as error:
                return self._blocked(parent, path.name, os_errors.for_folder(error))
            self._new[key] = TargetFolder(path, parent, True, path, disk)
        return self._new[key]

    @staticmethod
    def _blocked(parent: TargetFolder, name: str, problem: str) -> TargetFolder:
        return TargetFolder(parent.path / name, parent, False, parent.near, parent.disk, problem)


class EntryKind(enum.Enum):
    """What an entry of a folder is; a link is a link, whatever it leads to."""

    FILE = enum.auto()
    FOLDER = enum.auto()
    LINK = enum.auto()
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class FolderContents:
    """The contents of a folder.

    Attributes:
        kinds: the names in it, and what each is.
        error: why some or all could not be listed.
    """

    kinds: dict[str, EntryKind]
    error: OSError | None
    _by_key: dict[str, list[str]] = field(default_factory=dict)

    def alike(self, name: str) -> list[str]:
        """Return the names that some system treats as equal to this one: an identical one first, the others sorted."""
        if self.kinds and not self._by_key:
            for one in sorted(self.kinds):
                self._by_key.setdefault(name_key(one), []).append(one)
        return sorted(self._by_key.get(name_key(name), ()), key=lambda one: one != name)


class FolderCache:
    """The folders that a plan looks into, each read once; later changes go unnoticed."""

    def __init__(self) -> None:
        """Start with none."""
        self._contents: dict[str, FolderContents] = {}
        self._identities: dict[str, object] = {}

    def contents(self, folder: Path) -> FolderContents:
        """Return the contents of a folder."""
        path = os.fspath(folder)
        if path not in self._contents:
            self._contents[path] = _list(path)
        return self._contents[path]

    def identity(self, folder: Path) -> object:
        """Return a value that is equal for two paths to the same folder; None if there is no folder."""
        path = os.fspath(folder)
        if path not in self._identities:
            self._identities[path] = _identity(folder)
        return self._identities[path]


def _list(path: str) -> FolderContents:
    kinds: dict[str, EntryKind] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                kinds[entry.name] = _kind(entry)
    except OSError as error:
        return FolderContents(kinds, error)
    return FolderContents(kinds, None)


def _kind(entry: os.DirEntry[str]) -> EntryKind:
    try:
        if entry.is_symlink():
            return EntryKind.LINK
        if entry.is_file(follow_symlinks=False):
            return EntryKind.FILE
        return EntryKind.FOLDER if entry.is_dir(follow_symlinks=False) else EntryKind.OTHER
    except OSError:  # some systems have to look at the file itself, which may be forbidden
        return EntryKind.OTHER


def _identity(folder: Path) -> object:
    try:
        status = folder.stat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    # Some file systems don't number their folders.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.normcase(folder.resolve())
