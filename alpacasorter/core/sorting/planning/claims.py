"""Whether units would mix in a folder: whether one would claim a file of another by its name.

A name can be free and still be wrong: if "IMG_1.png" and "IMG_1.xmp" go to where "IMG_1.jpg" of another card is, the
sidecar belongs to that photo from then on. `Claims` knows what is in each target folder and what goes there. The few
files whose names may have to do with those of a unit are found by keys; whether they have is decided by `grouping`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from alpacasorter.core.photos import companions
from alpacasorter.core.photos.exclusion import is_passed_over
from alpacasorter.core.sorting.planning.disks import name_key
from alpacasorter.core.sorting.planning.grouping import Folder, Member, group_files
from alpacasorter.core.sorting.planning.target_folders import EntryKind, FolderCache, TargetFolder
from alpacasorter.core.sorting.planning.units import Draft, sidecar_folders

_MOST: Final = 2000
"""Files of other units that are compared with one unit; more have to do with it only in folders made to be slow."""


@dataclass(slots=True)
class _There:
    """A file that is at the target or goes there.

    Attributes:
        folder: the folder beside the photos that it is in.
        name: its name there.
        is_photo: whether it is a photo, even if its name does not show it.
        unit: the whole unit that it comes from, as in `Draft.whole`; None if it is there already.
        owns: whether it is a picture or video, which others may belong to.
        keys: one in common with a file that owns, and the two may be of one unit.
    """

    folder: Folder
    name: str
    is_photo: bool
    unit: tuple[Member, ...] | None
    owns: bool = field(init=False)
    keys: list[str] = field(init=False)

    def __post_init__(self) -> None:
        stem, dot, extension = self.name.rpartition(".")
        if not (dot and stem):
            stem, extension = self.name, ""
        self.owns = not self.folder and (self.is_photo or companions.is_media(extension.lower()))
        if self.owns:
            self.keys = list(map(name_key, companions.kindred(stem)))
            return
        dots = [at for at, letter in enumerate(self.name) if letter == "." and at]
        beginnings = [self.name, *(self.name[:at] for at in dots)]
        of_sidecar = (one for beginning in beginnings for one in companions.kindred(beginning, of_sidecar=True))
        self.keys = list(set(map(name_key, of_sidecar)))


@dataclass(slots=True)
class _Index:
    """The files of a target folder by their keys: those that own, and the others."""

    owning: dict[str, list[_There]] = field(default_factory=dict)
    others: dict[str, list[_There]] = field(default_factory=dict)

    def add(self, there: _There) -> None:
        index = self.owning if there.owns else self.others
        for key in there.keys:
            if (known := index.get(key)) is None:
                index[key] = [there]
            else:
                known.append(there)

    def around(self, files: Iterable[_There]) -> list[_There]:
        """Return the files whose names may have to do with those of a unit, each once."""
        found: list[_There] = []
        for file in files:
            for key in file.keys:
                if key in self.owning:
                    found += self.owning[key]
                if file.owns and key in self.others:
                    found += self.others[key]
        return list({id(one): one for one in found}.values())[:_MOST] if found else found


class Claims:
    """What is in the target folders, and what a plan puts there."""

    def __init__(self, folders: FolderCache) -> None:
        """Start with what is on the disk."""
        self._folders = folders
        self._known: dict[TargetFolder, _Index] = {}
        self._looked_at: list[_There] = []

    def mixes(self, draft: Draft, target: TargetFolder, names: Sequence[str]) -> bool:
        """Return whether a unit with these names would claim a file of another unit, or lose a file to one."""
        mine = self._looked_at = _files(draft, names)
        around = self._index(target).around(mine)
        if not around:  # nearly always
            return False
        own = {(one.folder, name_key(one.name)) for one in mine}
        others = [one for one in around if (one.folder, name_key(one.name)) not in own and one.unit is not draft.whole]
        if not others:
            return False
        here = [one for one in (*mine, *others) if not one.folder]
        beside: dict[Folder, list[str]] = {}
        for one in (*mine, *others):
            if one.folder:
                beside.setdefault(one.folder, []).append(one.name)
        photos = {one.name for one in here if one.is_photo}
        for unit in group_files({one.name for one in here}, photos, beside=beside):
            of_mine = sum((member.folder, name_key(member.name)) in own for member in unit)
            if 0 < of_mine < len(unit):
                return True
        return False

    def add(self, draft: Draft, target: TargetFolder, names: Sequence[str]) -> None:
        """Record that a unit goes to a folder under these names."""
        index = self._index(target)
        is_same = [one.name for one in self._looked_at] == list(names) and self._looked_at[0].unit is draft.whole
        for one in self._looked_at if is_same else _files(draft, names):
            index.add(one)

    def _index(self, target: TargetFolder) -> _Index:
        if target not in self._known:
            index = self._known[target] = _Index()
            for folder in ((), *sidecar_folders(target.path, self._folders)) if target.exists else ():
                for name, kind in self._folders.contents(target.path.joinpath(*folder)).kinds.items():
                    if kind in (EntryKind.FILE, EntryKind.LINK) and not is_passed_over(name, is_folder=False):
                        index.add(_There(folder, name, is_photo=False, unit=None))
        return self._known[target]


def _files(draft: Draft, names: Sequence[str]) -> list[_There]:
    if len(draft.files) == 1:
        return [_There((), names[0], True, draft.whole)]
    photos = {photo.path.name for photo in (draft.photo, *draft.others)}
    return [
        _There(file.member.folder, name, not file.member.folder and file.member.name in photos, draft.whole)
        for file, name in zip(draft.files, names, strict=True)
    ]
