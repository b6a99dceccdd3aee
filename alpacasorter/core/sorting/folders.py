"""What lies in folders, each listed once however many photos are in it."""

from __future__ import annotations

import enum
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core.sorting.names import name_key


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
