"""Gives the files of a unit their names in the target folder: never a name that is taken, or that another unit gets,
or with which its files would be taken for those of another unit (`claims`).

A file that is already there with the same bytes is recognized, and nothing is done with it.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Outcome, PlanStopped
from alpacasorter.core.sorting.planning.claims import Claims
from alpacasorter.core.sorting.planning.disks import NameRules, longest_path, name_key, name_length, name_rules
from alpacasorter.core.sorting.planning.target_folders import FolderCache, TargetFolder, TargetFolders
from alpacasorter.core.sorting.planning.units import Draft, SourceFile

_TEMPORARY_NAME: Final = 64
"""Longest name of a file that exists only while a sort is running."""
_BLOCK: Final = 1024 * 1024
_FAR_NUMBER: Final = 97_531_864
"""A number that no name has: where this one does not keep units from mixing, none does."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file goes.

    Attributes:
        path: the path of the file.
        there: whether the same file is already there, or another unit puts it there.
        from_plan: the file that another unit puts there.
    """

    path: Path
    there: bool = False
    from_plan: SourceFile | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """What is done with a unit.

    Attributes:
        outcome: see there.
        places: where each of its files goes, in their order; empty if it is blocked.
        reason: why it is blocked or already there, a code of `core.reasons`.
        renamed: why it gets another name, a code of `core.reasons`.
    """

    outcome: Outcome
    places: tuple[Place, ...] = ()
    reason: str | None = None
    renamed: str | None = None


class Placer:
    """Places the units of a plan, one after the other."""

    def __init__(
        self,
        action: Action,
        folders: FolderCache,
        targets: TargetFolders,
        leaving: set[tuple[object, str]],
        stopped: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            action: what is done with the units.
            folders: contents of the folders on the disk.
            targets: the folders below the destination.
            leaving: (identity of the folder, name) of each file that this plan may move away: it is not sure whether
                that file will stay or go.
            stopped: called often; the plan is abandoned once it returns True.
        """
        self._action = action
        self._rules: dict[int, NameRules] = {}
        self._folders = folders
        self._targets = targets
        self._leaving = leaving
        # What this plan puts into a folder, by name key: its name there, and its source.
        self._planned: dict[tuple[TargetFolder, str], tuple[str, SourceFile]] = {}
        self._claims = Claims(folders)
        self._stopped = stopped
        self._longest_path = longest_path()

    def place(self, draft: Draft, target: TargetFolder) -> Placement:
        """Return the names for a unit, and reserve them.

        Raises:
            PlanStopped: the plan is abandoned.
        """
        targets = [
            self._targets.below(target, file.member.folder) if file.member.folder else target for file in draft.files
        ]
        draft.targets = list({id(one): one for one in (target, *targets)}.values())
        for one in draft.targets:
            if one.problem is not None:
                return Placement(Outcome.BLOCKED, reason=one.problem)
            if one.exists and (error := self._folders.contents(one.path).error) is not None:
                reason = reasons.code(reasons.TARGET_NOT_OPENED, why=os_errors.for_folder(error))
                return Placement(Outcome.BLOCKED, reason=reason)
        disk = target.disk.number
        if disk not in self._rules:
            self._rules[disk] = name_rules(target.near, target.disk)
        rules = self._rules[disk]
        halves = [(file.member.stem, file.member.ending) for file in draft.files]
        renamed = [file.member.renamed or half for file, half in zip(draft.files, halves, strict=True)]
        may_mix = False
        for number in itertools.count(1):
            if self._stopped():
                raise PlanStopped
            names = rules.names(halves if number == 1 else renamed, number)
            if number == 1 and names is not None and names[0] != draft.files[0].member.name:
                names = rules.names(renamed, number)
            if names is None or any(self._is_too_long(one.path, names) for one in draft.targets):
                return Placement(Outcome.BLOCKED, reason=reasons.TARGET_TOO_LONG)
            if len({(id(one), name_key(name)) for one, name in zip(targets, names, strict=True)}) < len(names):
                return Placement(Outcome.BLOCKED, reason=reasons.NAMES_CLASH)
            placement = self._try(draft, targets, names)
            if placement is None:
                continue
            if placement.outcome is not Outcome.GO:
                return placement
            # What is there already is of this unit, and so is what belongs to it there.
            is_new = not any(place.there for place in placement.places)
            if is_new and not may_mix and self._claims.mixes(draft, target, names):
                apart = rules.names(renamed, _FAR_NUMBER)
                may_mix = apart is None or self._claims.mixes(draft, target, apart)
                if not may_mix:
                    continue
            self._claims.add(draft, target, names)
            for file, one, name, place in zip(draft.files, targets, names, placement.places, strict=True):
                if not place.there:
                    self._planned[one, name_key(name)] = (name, file)
            return Placement(Outcome.GO, placement.places, None, _why_renamed(draft, names, number, rules))
        raise AssertionError("numbers end")  # pragma: no cover - they do not

    def _try(self, draft: Draft, targets: list[TargetFolder], names: list[str]) -> Placement | None:
        """Return what is done with a unit under these names; None if another file has or gets one of them."""
        places: list[Place] = []
        for file, target, name in zip(draft.files, targets, names, strict=True):
            place = self._place_of(file, target, name)
            if place is None:
                return None
            places.append(place)
        if all(place.there for place in places):
            return Placement(Outcome.THERE, tuple(places), self._why_there(places))
        if self._action is Action.MOVE and any(place.there for place in places):
            return None  # the other part would be left behind
        return Placement(Outcome.GO, tuple(places))

    def _place_of(self, file: SourceFile, target: TargetFolder, name: str) -> Place | None:
        """Return the place of a file under a name; None if another file has or gets the name."""
        key = name_key(name)
        if key in target.new_folders:
            return None
        if (planned := self._planned.get((target, key))) is not None:
            if self._will_be_same(file, planned[1]):
                return Place(target.path / planned[0], there=True, from_plan=planned[1])
            return None
        alike = self._folders.contents(target.path).alike(name) if target.exists else []
        for one in alike:
            leaves = (self._folders.identity(target.path), one) in self._leaving
            if not leaves and self._is_same(file, target.path / one):
                return Place(target.path / one, there=True)
        return None if alike else Place(target.path / name)

    def _is_same(self, file: SourceFile, there: Path) -> bool:
        """Return whether a file at the target is the same, so that nothing needs to be done with this one."""
        try:
            status = there.lstat()
            if self._action is Action.SYMLINK:
                return stat.S_ISLNK(status.st_mode) and there.samefile(file.real)
        except OSError:
            return False
        # A link is no copy: it is broken once the file that it leads to is gone.
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
        most = max(_TEMPORARY_NAME, *(name_length(name) for name in names))
        return name_length(os.fspath(folder)) + 1 + most > self._longest_path

    def _why_there(self, places: list[Place]) -> str:
        source = next((place.from_plan for place in places if place.from_plan is not None), None)
        if source is not None:
            return reasons.code(reasons.SAME_PLANNED, path=display_path(source.path))
        return reasons.LINK_THERE if self._action is Action.SYMLINK else reasons.SAME_THERE


def _why_renamed(draft: Draft, names: Sequence[str], number: int, rules: NameRules) -> str | None:
    """Return why a unit gets other names than it has; None if it keeps them."""
    refused = any(
        rules.takes(file.member.stem, file.member.ending) != (file.member.stem, file.member.ending)
        for file in draft.files
    )
    if number > 1:
        return reasons.NAME_NOT_ALLOWED_AND_TAKEN if refused else reasons.NAME_TAKEN
    if refused:
        return reasons.NAME_NOT_ALLOWED
    return None if names[0] == draft.files[0].member.name else reasons.NAME_SHORTENED


def same_bytes(one: Path, other: Path, stopped: Callable[[], bool]) -> bool:
    """Return whether two files have the same bytes; False if one can't be read.

    They are read side by side rather than hashed, because hashing would read both to the end even if their first
    bytes differ.

    Raises:
        PlanStopped: `stopped` returned True.
    """
    try:
        with _open(one) as first, _open(other) as second:
            while True:
                if stopped():
                    raise PlanStopped
                block = first.read(_BLOCK)
                if block != second.read(_BLOCK):
                    return False
                if not block:
                    return True
    except OSError:
        return False


def _open(path: Path) -> BinaryIO:
    # Non-blocking, in case the file was replaced by a pipe; binary, for Windows. Buffered, so that blocks are complete.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags), "rb")
