"""The folders below the destination: those that are there, however they are spelled, and those to be made.

What lies in folders, each listed once however many photos are in it.
"""

from __future__ import annotations

import enum
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.planning.companions import SourceFile
from alpacasorter.core.sorting.planning.disks import Disk, disk_of
from alpacasorter.core.sorting.planning.names import name_key


@dataclass(slots=True, eq=False)
class TargetFolder:
    """A folder that photos go into.

    Attributes:
        path: where it is or will be.
        parent: the one around it; None for the destination.
        exists: whether it is there.
        near: itself where it is there, else its nearest parent that is.
        disk: the disk it is or will be on.
        problem: why nothing can go there, a sentence; None where all is well.
        planned: name key of what this plan puts there, to its name and its source; None for a new folder.
    """

    path: Path
    parent: TargetFolder | None
    exists: bool
    near: Path
    disk: Disk
    problem: str | None = None
    planned: dict[str, tuple[str, SourceFile] | None] = field(default_factory=dict)

    @property
    def chain(self) -> list[TargetFolder]:
        """It and those around it, the destination first."""
        return [self] if self.parent is None else [*self.parent.chain, self]


class TargetFolders:
    """All folders that a plan may use."""

    def __init__(self, destination: TargetFolder, folders: Folders) -> None:
        self._destination = destination
        self._folders = folders
        self._known: dict[tuple[str, ...], TargetFolder] = {(): destination}
        self._new: dict[tuple[str, str], TargetFolder] = {}

    def at(self, names: tuple[str, ...]) -> TargetFolder:
        """Return the folder of these names below the destination.

        One that is there in other case or in another Unicode form is used rather than made anew, so that the outcome
        is the same on every system.
        """
        if names not in self._known:
            self._known[names] = self._child(self.at(names[:-1]), names[-1])
        return self._known[names]

    def _child(self, parent: TargetFolder, name: str) -> TargetFolder:
        if parent.problem is not None:
            return self._blocked(parent, name, parent.problem)
        if parent.exists:
            listing = self._folders.listing(parent.path)
            if listing.error is not None:
                return self._blocked(parent, name, reasons.for_folder(listing.error))
            alike = listing.alike(name)
            for one in alike:
                path = parent.path / one
                if listing.kinds[one] is Kind.FOLDER or (listing.kinds[one] is Kind.LINK and path.is_dir()):
                    return self._existing(parent, path)
            if alike:
                shown = display_path(parent.path / alike[0])
                return self._blocked(
                    parent, name, f"A file is where a folder is wanted: “{shown}”. Rename it, or choose another name."
                )
        key = (os.fspath(parent.path), name_key(name))
        if key not in self._new:
            self._new[key] = TargetFolder(parent.path / name, parent, False, parent.near, parent.disk)
            parent.planned[name_key(name)] = None
        return self._new[key]

    def _existing(self, parent: TargetFolder, path: Path) -> TargetFolder:
        key = (os.fspath(parent.path), path.name)
        if key not in self._new:
            try:
                disk = disk_of(path)
            except OSError as error:
                return self._blocked(parent, path.name, reasons.for_folder(error))
            self._new[key] = TargetFolder(path, parent, True, path, disk)
        return self._new[key]

    @staticmethod
    def _blocked(parent: TargetFolder, name: str, problem: str) -> TargetFolder:
        return TargetFolder(parent.path / name, parent, False, parent.near, parent.disk, problem)


class Kind(enum.Enum):
    """What a name in a folder stands for; a link is a link, whatever it leads to."""

    FILE = enum.auto()
    FOLDER = enum.auto()
    LINK = enum.auto()
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in a folder, and why there may be more that could not be listed."""

    kinds: dict[str, Kind]
    error: OSError | None
    _by_key: dict[str, list[str]] = field(default_factory=dict)

    def alike(self, name: str) -> list[str]:
        """Return the names that some system takes for this one; the very same first, the others in order."""
        if self.kinds and not self._by_key:
            for one in sorted(self.kinds):
                self._by_key.setdefault(name_key(one), []).append(one)
        return sorted(self._by_key.get(name_key(name), ()), key=lambda one: one != name)


class Folders:
    """The folders that a plan looks into. Nothing is noticed that changes meanwhile."""

    def __init__(self) -> None:
        self._listings: dict[str, Listing] = {}
        self._identities: dict[str, object] = {}

    def listing(self, folder: Path) -> Listing:
        """Return what lies in a folder."""
        path = os.fspath(folder)
        if path not in self._listings:
            self._listings[path] = _list(path)
        return self._listings[path]

    def identity(self, folder: Path) -> object:
        """Return what is equal for two paths to one and the same folder; None where there is no folder."""
        path = os.fspath(folder)
        if path not in self._identities:
            self._identities[path] = _identity(folder)
        return self._identities[path]


def _list(path: str) -> Listing:
    kinds: dict[str, Kind] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                kinds[entry.name] = _kind(entry)
    except OSError as error:
        return Listing(kinds, error)
    return Listing(kinds, None)


def _kind(entry: os.DirEntry[str]) -> Kind:
    try:
        if entry.is_symlink():
            return Kind.LINK
        if entry.is_file(follow_symlinks=False):
            return Kind.FILE
        return Kind.FOLDER if entry.is_dir(follow_symlinks=False) else Kind.OTHER
    except OSError:  # where the listing alone does not tell, the file itself may be closed to us
        return Kind.OTHER


def _identity(folder: Path) -> object:
    try:
        status = folder.stat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    # Some file systems have no numbers for their folders.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.normcase(folder.resolve())
