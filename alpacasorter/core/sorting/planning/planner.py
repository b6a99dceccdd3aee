"""Makes the plan of a sort: what goes where, file by file. Reads only; nothing on the disk is changed or made.

First each photo finds its companions, its label's folder and what may keep it from going there (deciding.py). When
that is known of all, the files get their names, one unit after the other (placing.py): a name counts as taken if
a file has it now, also one that this plan moves away, or if an earlier unit gets it.

Whether a destination can be one.

What a plan takes: bytes on which disk, and new folders.

What is odd about a plan, in sentences: told before anything is done.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import (
    Outcome,
    PlanError,
    PlannedFile,
    PlannedUnit,
    PlanStopped,
    Remark,
    SortPhoto,
    SortPlan,
)
from alpacasorter.core.sorting.planning.companions import SourceFile
from alpacasorter.core.sorting.planning.decide import Deciding
from alpacasorter.core.sorting.planning.disks import can_change, disk_of, existing_parent, free_bytes, name_rules
from alpacasorter.core.sorting.planning.names import NameRules, folder_part, name_key
from alpacasorter.core.sorting.planning.pattern import UNDATED, UNKNOWN_CAMERA, Pattern, PatternError, parse_pattern
from alpacasorter.core.sorting.planning.placing import Place, Placement, Placing
from alpacasorter.core.sorting.planning.target_folders import Folders, TargetFolder, TargetFolders
from alpacasorter.core.sorting.planning.units import Draft, gather


def open_destination(path: Path) -> TargetFolder:
    """Return the destination, which need not be there yet.

    Raises:
        PlanError: nothing can go there.
    """
    if not path.is_absolute() or "\x00" in os.fspath(path):
        raise PlanError("Choose the folder that the photos go to, by its whole path.")
    if ".." in path.parts:  # what is below is compared part by part
        path = Path(os.path.realpath(path))
    shown = display_path(path)
    try:
        near = existing_parent(path)
        return TargetFolder(path, None, near == path, near, disk_of(near))
    except NotADirectoryError as error:
        raise PlanError(f"The destination “{shown}” is a file, or is below one. Choose a folder.") from error
    except FileNotFoundError as error:
        raise PlanError(
            f"The destination “{shown}” can't be reached. A link in it leads nowhere, or its drive is not connected."
        ) from error
    except OSError as error:
        raise PlanError(
            f"The destination “{shown}” can't be used. {reasons.sentence(reasons.for_folder(error))}"
        ) from error


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


_FEW: Final = 5
_RESERVE: Final = 1024 * 1024
_PER_FILE: Final = 4096
"""Bytes that a disk needs besides the photos: for its own tables, and for what else is at work."""
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")


def about_options(pattern: Pattern, deciding: Deciding, action: Action) -> list[Remark]:
    """Return what can be said before any photo was looked at."""
    remarks: list[Remark] = []
    if not pattern.uses_label:
        remarks.append(Remark("The pattern has no {label}, so photos of all tags go to the same folders."))
    else:
        remarks += _shared_names(deciding.group_names())
    if action is Action.SYMLINK and sys.platform == "win32":
        remarks.append(Remark("Windows makes links only in developer mode, or if the app runs as administrator."))
    return remarks


def about_units(drafts: Sequence[Draft], going: Sequence[Draft], deciding: Deciding) -> list[Remark]:
    """Return what can be said of the photos; `going` are those that something is done with."""
    remarks: list[Remark] = []
    torn = [draft for draft in drafts if draft.disagrees]
    if torn:
        remarks.append(
            Remark(
                "Files of one shot, such as a JPEG and a HEIC, have different tags here. They go together: the tag you"
                f" corrected counts, else the surer one. ({_photos(len(torn))})",
                paths=tuple(draft.photo.path for draft in torn[:_FEW]),
            )
        )
    for what, where, lacking in (
        ("no date", UNDATED, [draft for draft in going if draft.undated]),
        ("no camera named in them", UNKNOWN_CAMERA, [draft for draft in going if draft.without_camera]),
    ):
        if lacking:
            has, go = ("has", "goes") if len(lacking) == 1 else ("have", "go")
            sentence = f"{_photos(len(lacking))} {has} {what} and {go} to “{where}”."
            remarks.append(Remark(sentence, paths=tuple(draft.photo.path for draft in lacking[:_FEW])))
    if deciding.closed_folders:
        remarks.append(
            Remark(
                "Nothing can be moved out of folders that are read-only. Copy instead.",
                paths=tuple(deciding.closed_folders[:_FEW]),
            )
        )
    return remarks


def about_links(going_nowhere: Iterable[Draft], action: Action) -> list[Remark]:
    """Return what can be said of units that can't be linked to; serious, since the sort can't do what is wanted."""
    other_disk: list[Path] = []
    no_links: list[Path] = []
    for draft in going_nowhere:
        if draft.target is None or draft.target.problem is not None or not draft.files:
            continue
        disk = draft.target.disk
        can_hold = disk.has_hard_links if action is Action.HARDLINK else disk.has_symlinks
        if not can_hold:
            no_links.append(draft.photo.path)
        elif action is Action.HARDLINK and any(file.status.st_dev != disk.number for file in draft.files):
            other_disk.append(draft.photo.path)
    remarks: list[Remark] = []
    if other_disk:
        sentence = "Hard links can't lead to another disk. Copy instead, or choose a destination on the same disk."
        remarks.append(Remark(sentence, serious=True, paths=tuple(other_disk[:_FEW])))
    if no_links:
        sentence = "The disk of the destination can't hold links of this kind. Copy instead."
        remarks.append(Remark(sentence, serious=True, paths=tuple(no_links[:_FEW])))
    return remarks


def about_space(needed: Mapping[int, int], near: Mapping[int, Path], files: int) -> list[Remark]:
    """Return a remark for each disk with too little space.

    Args:
        needed: number of a disk to the bytes that are written to it.
        near: number of a disk to a folder on it.
        files: how many files are written at most, for what each takes besides its bytes.
    """
    remarks: list[Remark] = []
    for number, wanted in needed.items():
        free = free_bytes(near[number])
        needed_at_most = wanted + _RESERVE + _PER_FILE * files
        if free is not None and wanted and needed_at_most > free:
            sentence = (
                f"There is too little space: {_size(needed_at_most)} may be needed, and {_size(free)} are free."
                " Make room, or choose another disk."
            )
            remarks.append(Remark(sentence, serious=True, paths=(near[number],)))
    return remarks


def about_targets(targets: Sequence[TargetFolder], folder: Path, folders: Folders) -> list[Remark]:
    """Return what can be said of the folders that photos go to."""
    remarks: list[Remark] = []
    near = {os.fspath(target.near): target.near for target in targets}
    closed = [place for place in near.values() if not can_change(place)]
    if closed:
        shown = display_path(closed[0])
        sentence = f"Nothing can be written into “{shown}”: it is read-only for you. Choose another destination."
        remarks.append(Remark(sentence, serious=True, paths=tuple(closed[:_FEW])))
    seen_again = [target.path for target in targets if target.exists and _is_scanned_again(target, folder, folders)]
    if seen_again:
        remarks.append(
            Remark(
                "Photos go to folders inside the scanned one that were there before: the next scan shows them there.",
                paths=tuple(seen_again[:_FEW]),
            )
        )
    return remarks


def _is_scanned_again(target: TargetFolder, folder: Path, folders: Folders) -> bool:
    """Tell whether a folder is in the scanned one, and no marker keeps a scan out of it."""
    if not target.path.is_relative_to(folder):
        return False
    between = [target.path, *target.path.parents]
    return not any(
        OUTPUT_MARKER in folders.listing(place).kinds
        for place in between
        if place != folder and place.is_relative_to(folder)
    )


def _shared_names(names: Sequence[tuple[str, str]]) -> list[Remark]:
    """Say which labels or groups go to one folder; `names` are what people read, and what stands for {label}."""
    by_folder: dict[str, list[tuple[str, str]]] = {}
    for who, name in names:
        by_folder.setdefault(name_key(folder_part(name)), []).append((who, folder_part(name)))
    return [
        Remark(f"{_listed([who for who, _ in together])} go to the same folder, “{together[0][1]}”.")
        for together in by_folder.values()
        if len(together) > 1
    ]


def _listed(words: Sequence[str]) -> str:
    quoted = [f"“{word}”" for word in words]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count:,} photos"


def _size(count: int) -> str:
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{count} bytes" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


_STEP: Final = 100
"""Units between two reports of progress."""


def plan_sort(
    folder: Path,
    photos: Sequence[SortPhoto],
    options: SortOptions,
    labels: LabelSet,
    *,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SortPlan:
    """Return what a sort will do. The same photos on the same disk give the same plan.

    Args:
        folder: the folder that was scanned, absolute.
        photos: its photos in the order in which they are shown; what they are now is looked up, except labels.
        options: what the user wants.
        labels: the classes, for the names of folders.
        stopped: asked often; where it says so, the plan is given up.
        progress: told now and then how many photos of how many are planned.

    Returns:
        the plan; the destination in its options is written without "..".

    Raises:
        PlanError: the pattern or the destination can't be used.
        PlanStopped: the user did not wait.
    """
    if not 0.0 <= options.min_confidence <= 1.0:
        raise PlanError("The confidence from which photos are sorted must be between 0% and 100%.")
    try:
        pattern = parse_pattern(options.pattern)
    except PatternError as error:
        raise PlanError(str(error)) from error
    destination = open_destination(options.destination)
    options = replace(options, destination=destination.path)
    folders = Folders()
    targets = TargetFolders(destination, folders)
    deciding = Deciding(folder, options, labels, pattern, folders, targets)
    drafts = gather(photos, folders, stopped)
    told = _Progress(len(photos), 2 * len(drafts), progress)
    for draft in drafts:
        told.step(stopped)
        deciding.decide(draft)
    placing = Placing(options.action, _Rules().of, folders, _leaving(drafts, options.action, folders), stopped)
    units: list[PlannedUnit] = []
    for draft in drafts:
        told.step(stopped)
        units.append(_unit(draft, placing))
    progress(len(photos), len(photos))
    going = [(draft, unit) for draft, unit in zip(drafts, units, strict=True) if unit.outcome is Outcome.GO]
    costs = Costs(options.action, going)
    used = list({id(draft.target): draft.target for draft, _ in going if draft.target is not None}.values())
    new_folders = missing_folders(used)
    return SortPlan(
        folder=folder,
        options=options,
        units=tuple(units),
        new_folders=new_folders,
        output_folders=marked_folders(used),
        bytes_to_write=sum(costs.needed.values()),
        bytes_free=free_bytes(destination.near),
        other_disk=costs.other_disk,
        remarks=(
            *about_options(pattern, deciding, options.action),
            *about_links([draft for draft in drafts if draft.outcome is Outcome.BLOCKED], options.action),
            *about_space(costs.needed, costs.near, costs.files + len(new_folders)),
            *about_targets(used, folder, folders),
            *about_units(drafts, [draft for draft, _ in going], deciding),
        ),
    )


class _Progress:
    """Tells now and then how far the plan is; each unit is gone through twice."""

    def __init__(self, photos: int, steps: int, progress: Callable[[int, int], None]) -> None:
        self._photos, self._steps, self._progress = photos, steps, progress
        self._done = 0

    def step(self, stopped: Callable[[], bool]) -> None:
        """Count one step before it is done, unless the user does not wait."""
        if stopped():
            raise PlanStopped
        if self._done % _STEP == 0:
            self._progress(self._photos * self._done // self._steps, self._photos)
        self._done += 1


class _Rules:
    """The rules of names for each disk, looked up once."""

    def __init__(self) -> None:
        self._known: dict[int, NameRules] = {}

    def of(self, target: TargetFolder) -> NameRules:
        """Return the rules where a folder is or will be."""
        if target.disk.number not in self._known:
            self._known[target.disk.number] = name_rules(target.near, target.disk)
        return self._known[target.disk.number]


def _leaving(drafts: Sequence[Draft], action: Action, folders: Folders) -> set[tuple[object, str]]:
    """Return the files that this plan may take away from where they are."""
    if action is not Action.MOVE:
        return set()
    return {
        (folders.identity(draft.folder), file.member.name)
        for draft in drafts
        if draft.outcome is None
        for file in draft.files
    }


def _unit(draft: Draft, placing: Placing) -> PlannedUnit:
    """Return a unit as planned."""
    placement: Placement | None = None
    if draft.outcome is None and draft.target is not None:
        placement = placing.place(draft, draft.target)
        draft.outcome, draft.reason = placement.outcome, placement.reason
    if draft.outcome is None:  # nothing is known of a photo that has no file
        draft.block(reasons.VANISHED)
    places = placement.places if placement is not None else ()
    files = tuple(_file(file, draft, places[at] if places else None) for at, file in enumerate(draft.files))
    if not draft.files or draft.files[0].path != draft.photo.path:
        files = (PlannedFile(draft.photo.path, None, 0, 0, draft.photo.content_key), *files)
    assert draft.outcome is not None
    renamed = placement.renamed if placement is not None else None
    return PlannedUnit(draft.photo, files, draft.group, draft.outcome, draft.reason, renamed)


def _file(file: SourceFile, draft: Draft, place: Place | None) -> PlannedFile:
    target = place.path if place is not None else file.path if draft.outcome is Outcome.IN_PLACE else None
    # Of a link it is the file it leads to that is copied or linked.
    source = file.real if place is not None else file.path
    there = place is not None and place.there
    return PlannedFile(source, target, file.status.st_size, file.status.st_mtime_ns, file.content_key, there)
