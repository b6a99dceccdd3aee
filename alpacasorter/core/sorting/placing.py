"""Which names the files of a unit get in their folder: never one that is there, and none that another unit gets."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.companions import SourceFile
from alpacasorter.core.sorting.disks import longest_path
from alpacasorter.core.sorting.drafts import Draft
from alpacasorter.core.sorting.folders import Folders
from alpacasorter.core.sorting.names import NameRules, name_key, name_length
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Outcome, PlanStopped
from alpacasorter.core.sorting.same_bytes import same_bytes
from alpacasorter.core.sorting.target_folders import TargetFolder

TOO_LONG: Final = "The name would be too long there, with its folders. Choose a shorter destination or shorter names."
OTHER_FILE: Final = "Another file there has this name."
NOT_TAKEN: Final = "The disk there does not take this name as it is."

_HELPER: Final = 64
"""Letters left for the names of files that exist only while a sort is at work in a folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file goes, or the file there that is the same; `from_plan` where the same only comes there."""

    path: Path
    there: bool = False
    from_plan: SourceFile | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """What becomes of a unit: a place for each of its files, in their order; none where it is blocked."""

    outcome: Outcome
    places: tuple[Place, ...] = ()
    reason: str | None = None
    renamed: str | None = None


class Placing:
    """Places the units of a plan, one after the other.

    Args:
        action: what is done with them.
        rules: for a folder, which names are taken there.
        folders: what lies on the disks.
        leaving: (identity of the folder, name) of each file that this plan may take away: what has its name can't be
            trusted to stay, nor to go.
        stopped: whether the user does not wait.
    """

    def __init__(
        self,
        action: Action,
        rules: Callable[[TargetFolder], NameRules],
        folders: Folders,
        leaving: set[tuple[object, str]],
        stopped: Callable[[], bool],
    ) -> None:
        self._action = action
        self._rules = rules
        self._folders = folders
        self._leaving = leaving
        self._stopped = stopped
        self._longest_path = longest_path()

    def place(self, draft: Draft, target: TargetFolder) -> Placement:
        """Find the names for a unit, and remember them.

        Raises:
            PlanStopped: the user did not wait.
        """
        if target.exists and (error := self._folders.listing(target.path).error) is not None:
            why = reasons.for_folder(error)
            return Placement(Outcome.BLOCKED, reason=f"The folder for it can't be looked into. {why}")
        rules = self._rules(target)
        halves = [(file.member.stem, file.member.ending) for file in draft.files]
        for number in itertools.count(1):
            if self._stopped():
                raise PlanStopped
            names = rules.names(halves, number)
            if names is None or self._is_too_long(target.path, names):
                return Placement(Outcome.BLOCKED, reason=TOO_LONG)
            if len({name_key(name) for name in names}) < len(names):
                return Placement(Outcome.BLOCKED, reason="Its files can't be told apart by the names they would get.")
            placement = self._try(draft, target, names)
            if placement is not None:
                return self._settled(placement, draft, target, names, number, rules)
        raise AssertionError("numbers end")  # pragma: no cover - they do not

    def _try(self, draft: Draft, target: TargetFolder, names: list[str]) -> Placement | None:
        """Return what becomes of a unit under these names, None where one of them is another file's."""
        places: list[Place] = []
        for file, name in zip(draft.files, names, strict=True):
            place = self._look(file, target, name)
            if place is None:
                return None
            places.append(place)
        if all(place.there for place in places):
            return Placement(Outcome.THERE, tuple(places), self._why_there(places))
        if self._action is Action.MOVE and any(place.there for place in places):
            return None  # a part of it would stay behind alone
        return Placement(Outcome.GO, tuple(places))

    def _settled(
        self,
        placement: Placement,
        draft: Draft,
        target: TargetFolder,
        names: list[str],
        number: int,
        rules: NameRules,
    ) -> Placement:
        """Remember the names that a unit gets, and say why they are others than it has."""
        if placement.outcome is not Outcome.GO:
            return placement
        why: list[str] = []
        for file, name, place in zip(draft.files, names, placement.places, strict=True):
            if not place.there:
                target.planned[name_key(name)] = (name, file)
            stem, ending = file.member.stem, file.member.ending
            if rules.takes(stem, ending) != (stem, ending):
                why.append(NOT_TAKEN)
        if number > 1:
            why.append(OTHER_FILE)
        if not why and names[0] != draft.files[0].member.name:
            why.append("The name would be too long there.")
        return Placement(Outcome.GO, placement.places, None, " ".join(dict.fromkeys(why)) or None)

    def _look(self, file: SourceFile, target: TargetFolder, name: str) -> Place | None:
        """Return the place for a file under a name, or the same file there; None where another has or gets the name."""
        key = name_key(name)
        if key in target.planned:
            planned = target.planned[key]
            if planned is not None and self._will_be_same(file, planned[1]):
                return Place(target.path / planned[0], there=True, from_plan=planned[1])
            return None
        alike = self._folders.listing(target.path).alike(name) if target.exists else []
        for one in alike:
            leaves = (self._folders.identity(target.path), one) in self._leaving
            if not leaves and self._is_same(file, target.path / one):
                return Place(target.path / one, there=True)
        return None if alike else Place(target.path / name)

    def _is_same(self, file: SourceFile, there: Path) -> bool:
        """Tell whether a file at the target makes it needless to do anything with this one."""
        try:
            status = there.lstat()
            if self._action is Action.SYMLINK:
                return stat.S_ISLNK(status.st_mode) and there.samefile(file.real)
        except OSError:
            return False
        # A link is no copy: it leads nowhere once the file it leads to is gone.
        if not stat.S_ISREG(status.st_mode):
            return False
        return self._same_content(file, there, status)

    def _will_be_same(self, file: SourceFile, planned: SourceFile) -> bool:
        if self._action is Action.SYMLINK:
            return file.real == planned.real
        if file.content_key and planned.content_key and file.content_key != planned.content_key:
            return False
        return self._same_content(file, planned.real, planned.status)

    def _same_content(self, file: SourceFile, other: Path, status: os.stat_result) -> bool:
        if status.st_ino and (status.st_dev, status.st_ino) == (file.status.st_dev, file.status.st_ino):
            return True
        return status.st_size == file.status.st_size and same_bytes(file.real, other, self._stopped)

    def _is_too_long(self, folder: Path, names: list[str]) -> bool:
        most = max(_HELPER, *(name_length(name) for name in names))
        return name_length(os.fspath(folder)) + 1 + most > self._longest_path

    def _why_there(self, places: list[Place]) -> str:
        source = next((place.from_plan for place in places if place.from_plan is not None), None)
        if source is not None:
            return f"The same photo goes there already, from “{display_path(source.path)}”. This one is left as it is."
        if self._action is Action.SYMLINK:
            return "A link to it is there already."
        return "The same photo is there already. This one is left as it is."
