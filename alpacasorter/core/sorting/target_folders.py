"""The folders below the destination: those that are there, however they are spelled, and those to be made."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.companions import SourceFile
from alpacasorter.core.sorting.disks import Disk, disk_of
from alpacasorter.core.sorting.folders import Folders, Kind
from alpacasorter.core.sorting.names import name_key


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
