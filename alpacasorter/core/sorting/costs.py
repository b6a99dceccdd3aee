"""What a plan takes: bytes on which disk, and new folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from alpacasorter.core.sorting.drafts import Draft
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import PlannedUnit
from alpacasorter.core.sorting.target_folders import TargetFolder


class Costs:
    """What the units of a plan that something is done with take.

    Attributes:
        needed: number of a disk to the bytes that are written to it: of copies, and of moves from other disks.
        near: number of a disk to a folder on it.
        files: how many files something is done with.
        other_disk: whether one of them goes to another disk than it is on.
    """

    def __init__(self, action: Action, going: Iterable[tuple[Draft, PlannedUnit]]) -> None:
        self.needed: dict[int, int] = {}
        self.near: dict[int, Path] = {}
        self.files = 0
        self.other_disk = False
        for draft, unit in going:
            if draft.target is None:
                continue
            disk = draft.target.disk.number
            for source, file in zip(draft.files, unit.files, strict=True):
                if file.there:
                    continue
                self.files += 1
                other = source.status.st_dev != disk
                self.other_disk |= other
                if action is Action.COPY or (action is Action.MOVE and other):
                    self.needed[disk] = self.needed.get(disk, 0) + file.size
                    self.near[disk] = draft.target.near


def missing_folders(used: Sequence[TargetFolder]) -> tuple[Path, ...]:
    """Return the folders to be made for those that photos go to, parents first."""
    missing: dict[Path, None] = {}
    for target in used:
        for place in target.chain:
            if place.parent is None and not place.exists:
                above = [folder for folder in place.path.parents if folder.is_relative_to(place.near)]
                missing.update(dict.fromkeys(folder for folder in reversed(above) if folder != place.near))
            if not place.exists:
                missing[place.path] = None
    return tuple(missing)


def marked_folders(used: Sequence[TargetFolder]) -> tuple[Path, ...]:
    """Return which of the new folders are marked as the app's own output, so that no scan shows them again.

    On the way to each folder that photos go to, it is the first new one below the destination. The destination
    itself only if it is new and photos go right into it: it may well be a folder that people keep other things in.
    """
    if any(target.parent is None and not target.exists for target in used):
        return tuple(target.path for target in used if target.parent is None)
    first = (next((place for place in target.chain[1:] if not place.exists), None) for target in used)
    return tuple(dict.fromkeys(place.path for place in first if place is not None))
