"""Makes the plan of a sort: what goes where, file by file. It only reads; nothing on the disk is changed.

`plan_sort` works in this order: parse the pattern and look at the destination; gather each photo with its companions
(`units`); decide for each unit which folder it goes to, or what keeps it from going (`decide`); give the
files their names there, one unit after the other (`placing`); and add up the bytes, the new folders and the remarks.

A name counts as taken if a file has it now, even a file that this plan moves away, or if an earlier unit gets it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.photos.walk import OUTPUT_MARKER, rooted
from alpacasorter.core.sorting.options import Action, DifferentTags, SortOptions
from alpacasorter.core.sorting.plan import Outcome, PlanError, PlannedFile, PlannedUnit, PlanStopped, Remark, SortPlan
from alpacasorter.core.sorting.planning.decide import Decider
from alpacasorter.core.sorting.planning.disks import (
    can_change,
    disk_of,
    existing_parent,
    folder_part,
    free_bytes,
    name_key,
)
from alpacasorter.core.sorting.planning.pattern import UNDATED, UNKNOWN_CAMERA, Pattern, PatternError, parse_pattern
from alpacasorter.core.sorting.planning.placing import Place, Placement, Placer
from alpacasorter.core.sorting.planning.target_folders import FolderCache, TargetFolder, TargetFolders
from alpacasorter.core.sorting.planning.units import Draft, SourceFile, gather, left_beside
from alpacasorter.core.taken import offset_text
from alpacasorter.i18n import _

_STEPS_PER_REPORT: Final = 100
_PATHS_PER_REMARK: Final = 5
_PATHS_IN_FULL: Final = 1000
_DIFFERENT_TAGS: Final = {
    DifferentTags.TOGETHER: reasons.TAGS_DIFFER,
    DifferentTags.APART: reasons.TAGS_DIFFER_APART,
    DifferentTags.LEAVE: reasons.TAGS_DIFFER_LEFT,
}
_RESERVE: Final = 1024 * 1024
_RESERVE_PER_FILE: Final = 4096
"""Bytes that a disk needs besides the photos: for its own tables, and for other programs."""


def plan_sort(
    folder: Path,
    photos: Sequence[LabeledPhoto],
    options: SortOptions,
    labels: LabelSet,
    *,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    exclusion: Exclusion = NOTHING,
) -> SortPlan:
    """Return what a sort will do. The same photos on the same disk give the same plan.

    Args:
        folder: the folder that was scanned, absolute.
        photos: its photos in the order in which they are shown. Their labels are taken from here; their files are
            looked up again.
        options: the user's choices.
        labels: the classes, for the names of folders.
        stopped: called often; the plan is abandoned once it returns True.
        progress: called from time to time with how many photos are planned, and how many there are.
        exclusion: what the user leaves out; such files go with no photo.

    Returns:
        The plan. The destination in its options has no "..".

    Raises:
        PlanError: the pattern, the confidence or the destination can't be used.
        PlanStopped: `stopped` returned True.
    """
    if not 0.0 <= options.min_confidence <= 1.0:
        raise PlanError(_("The confidence below which photos are unsure must be between 0% and 100%."))
    try:
        pattern = parse_pattern(options.pattern)
    except PatternError as error:
        raise PlanError(str(error)) from error
    destination = _open_destination(options.destination)
    options = replace(options, destination=destination.path)
    folders = FolderCache()
    targets = TargetFolders(destination, folders)
    decider = Decider(folder, options, labels, pattern, folders, targets)
    drafts = gather(photos, folders, stopped, different=options.different_tags, exclusion=rooted(exclusion, folder))
    reporter = _Progress(len(photos), 2 * len(drafts), progress)
    for draft in drafts:
        reporter.step(stopped)
        decider.decide(draft)
    placer = Placer(options.action, folders, targets, _leaving(drafts, options.action, folders), stopped)
    units: list[PlannedUnit] = []
    for draft in drafts:
        reporter.step(stopped)
        units.append(_unit(draft, placer))
    progress(len(photos), len(photos))
    going = [(draft, unit) for draft, unit in zip(drafts, units, strict=True) if unit.outcome is Outcome.GO]
    used = list({id(draft.target): draft.target for draft, _unit in going if draft.target is not None}.values())
    costs = _costs(options.action, going)
    new_folders = _missing_folders(list({id(one): one for draft, _unit in going for one in draft.targets}.values()))
    return SortPlan(
        folder=folder,
        options=options,
        units=tuple(units),
        new_folders=new_folders,
        output_folders=_marked_folders(used),
        bytes_to_write=sum(costs.needed.values()),
        bytes_free=free_bytes(destination.near),
        other_disk=costs.other_disk,
        remarks=(
            *_about_options(pattern, decider, options.action),
            *_about_links([draft for draft in drafts if draft.outcome is Outcome.BLOCKED], options.action),
            *_about_space(costs.needed, costs.near, costs.files + len(new_folders)),
            *_about_targets(used, folder, folders),
            *_about_clocks(options, [draft for draft, _unit in going]),
            *_about_units(drafts, [draft for draft, _unit in going], decider, options),
            *_about_left(drafts, [draft for draft, _unit in going], options.action, folders),
        ),
        different_tags=sum(draft.disagrees or draft.was_apart for draft in drafts),
    )


class _Progress:
    """Reports from time to time how far the plan is; each unit takes two steps."""

    def __init__(self, photos: int, steps: int, progress: Callable[[int, int], None]) -> None:
        self._photos, self._steps, self._progress = photos, steps, progress
        self._done = 0

    def step(self, stopped: Callable[[], bool]) -> None:
        """Count a step that begins; raises PlanStopped if the plan is abandoned."""
        if stopped():
            raise PlanStopped
        if self._done % _STEPS_PER_REPORT == 0:
            self._progress(self._photos * self._done // self._steps, self._photos)
        self._done += 1


# The destination


def _open_destination(path: Path) -> TargetFolder:
    """Return the destination, which need not exist yet; raises PlanError if nothing can be sorted into it."""
    if not path.is_absolute() or "\x00" in os.fspath(path):
        raise PlanError(_("Enter the full path of the destination."))
    if ".." in path.parts:  # paths below it are compared part by part
        path = Path(os.path.realpath(path))
    shown = display_path(path)
    try:
        near = existing_parent(path)
        return TargetFolder(path, None, near == path, near, disk_of(near))
    except NotADirectoryError as error:
        raise PlanError(
            _("The destination {folder} is a file or is inside one. Choose a folder.").format(folder=shown)
        ) from error
    except FileNotFoundError as error:
        raise PlanError(
            _(
                "The destination {folder} can't be reached: it contains a broken link, or its drive is not connected."
            ).format(folder=shown)
        ) from error
    except OSError as error:
        raise PlanError(
            _("The destination {folder} can't be used. {reason}").format(
                folder=shown, reason=reasons.sentence(os_errors.for_folder(error))
            )
        ) from error


# Units


def _leaving(drafts: Sequence[Draft], action: Action, folders: FolderCache) -> set[tuple[object, str]]:
    """Return the files that this plan may move away: (identity of the folder, name)."""
    if action is not Action.MOVE:
        return set()
    return {
        (folders.identity(file.member.below(draft.folder)), file.member.name)
        for draft in drafts
        if draft.outcome is None
        for file in draft.files
    }


def _unit(draft: Draft, placer: Placer) -> PlannedUnit:
    """Return a unit as planned."""
    placement: Placement | None = None
    if draft.outcome is None and draft.target is not None:
        placement = placer.place(draft, draft.target)
        draft.outcome, draft.reason = placement.outcome, placement.reason
    if draft.outcome is None:  # the photo has no file
        draft.block(reasons.VANISHED)
    places = placement.places if placement is not None else ()
    files = tuple(_file(file, draft, places[at] if places else None) for at, file in enumerate(draft.files))
    if not draft.files or draft.files[0].path != draft.photo.path:
        files = (PlannedFile(draft.photo.path, None, 0, 0, draft.photo.content_key), *files)
    assert draft.outcome is not None
    renamed = placement.renamed if placement is not None else None
    return PlannedUnit(draft.photo, files, draft.group, draft.outcome, draft.reason, renamed, draft.taken)


def _file(file: SourceFile, draft: Draft, place: Place | None) -> PlannedFile:
    target = place.path if place is not None else file.path if draft.outcome is Outcome.IN_PLACE else None
    # For a link, the file that it leads to is copied or linked.
    source = file.real if place is not None else file.path
    there = place is not None and place.there
    return PlannedFile(source, target, file.status.st_size, file.status.st_mtime_ns, file.content_key, there)


# What the plan takes


@dataclass(slots=True)
class _Costs:
    """What the units that are moved, copied or linked take.

    Attributes:
        needed: number of a disk, to the bytes that are written to it: by copies, and by moves from other disks.
        near: number of a disk, to a folder on it.
        files: how many files are moved, copied or linked.
        other_disk: whether one of them goes to another disk than the one it is on.
    """

    needed: dict[int, int] = field(default_factory=dict)
    near: dict[int, Path] = field(default_factory=dict)
    files: int = 0
    other_disk: bool = False


def _costs(action: Action, going: Iterable[tuple[Draft, PlannedUnit]]) -> _Costs:
    costs = _Costs()
    for draft, unit in going:
        if draft.target is None:
            continue
        disk = draft.target.disk.number
        for source, file in zip(draft.files, unit.files, strict=True):
            if file.there:
                continue
            costs.files += 1
            other = source.status.st_dev != disk
            costs.other_disk |= other
            if action is Action.COPY or (action is Action.MOVE and other):
                costs.needed[disk] = costs.needed.get(disk, 0) + file.size
                costs.near[disk] = draft.target.near
    return costs


def _missing_folders(used: Sequence[TargetFolder]) -> tuple[Path, ...]:
    """Return the folders to be created for those that photos go to, parents first."""
    missing: dict[Path, None] = {}
    for target in used:
        for place in target.chain:
            if place.parent is None and not place.exists:
                above = [folder for folder in place.path.parents if folder.is_relative_to(place.near)]
                missing.update(dict.fromkeys(folder for folder in reversed(above) if folder != place.near))
            if not place.exists:
                missing[place.path] = None
    return tuple(missing)


def _marked_folders(used: Sequence[TargetFolder]) -> tuple[Path, ...]:
    """Return which of the new folders are marked as the app's own output, so that no scan shows them again.

    On the way to each folder that photos go to, it is the first new one below the destination. The destination itself
    is marked only if it is new and photos go directly into it: people may keep other things there.
    """
    if any(target.parent is None and not target.exists for target in used):
        return tuple(target.path for target in used if target.parent is None)
    first = (next((place for place in target.chain[1:] if not place.exists), None) for target in used)
    return tuple(dict.fromkeys(place.path for place in first if place is not None))


# Remarks


def _about_options(pattern: Pattern, decider: Decider, action: Action) -> list[Remark]:
    """Return the remarks about the user's choices."""
    remarks: list[Remark] = []
    if not pattern.uses_label:
        remarks.append(Remark(reasons.NO_LABEL))
    else:
        remarks += _about_shared_folders(decider.group_names())
    if action is Action.SYMLINK and sys.platform == "win32":
        remarks.append(Remark(reasons.WINDOWS_LINKS))
    return remarks


def _about_shared_folders(names: Sequence[tuple[str, str]]) -> list[Remark]:
    """Return a remark for each folder that several labels or groups share.

    Args:
        names: the name of each label or group, and what replaces {label} for it.
    """
    by_folder: dict[str, list[tuple[str, str]]] = {}
    for name, text in names:
        by_folder.setdefault(name_key(folder_part(text)), []).append((name, folder_part(text)))
    return [
        Remark(reasons.code(reasons.SAME_FOLDER, names=[name for name, _part in together], folder=together[0][1]))
        for together in by_folder.values()
        if len(together) > 1
    ]


def _about_links(blocked: Iterable[Draft], action: Action) -> list[Remark]:
    """Return the remarks about units that can't be linked; serious, because the sort can't do what is wanted."""
    other_disk: list[Path] = []
    no_links: list[Path] = []
    for draft in blocked:
        if draft.target is None or draft.target.problem is not None or not draft.files:
            continue
        disk = draft.target.disk
        can_hold = disk.has_hard_links if action is Action.HARDLINK else disk.has_symlinks
        if not can_hold:
            no_links.append(draft.photo.path)
        elif action is Action.HARDLINK and any(file.status.st_dev != disk.number for file in draft.files):
            other_disk.append(draft.photo.path)
    no_link = reasons.NO_HARD_LINKS if action is Action.HARDLINK else reasons.NO_SYMLINKS
    return [
        Remark(reason, serious=True, paths=tuple(paths[:_PATHS_PER_REMARK]))
        for reason, paths in ((reasons.LINK_ACROSS_DISKS, other_disk), (no_link, no_links))
        if paths
    ]


def _about_space(needed: Mapping[int, int], near: Mapping[int, Path], files: int) -> list[Remark]:
    """Return a remark for each disk with too little space.

    Args:
        needed: as in `_Costs`.
        near: as in `_Costs`.
        files: how many files and folders are created at most, because each takes more than its bytes.
    """
    remarks: list[Remark] = []
    for number, wanted in needed.items():
        free = free_bytes(near[number])
        at_most = wanted + _RESERVE + _RESERVE_PER_FILE * files
        if free is not None and wanted and at_most > free:
            reason = reasons.code(reasons.NO_SPACE, needed=at_most, free=free)
            remarks.append(Remark(reason, serious=True, paths=(near[number],)))
    return remarks


def _about_targets(targets: Sequence[TargetFolder], folder: Path, folders: FolderCache) -> list[Remark]:
    """Return the remarks about the folders that photos go to."""
    remarks: list[Remark] = []
    near = {os.fspath(target.near): target.near for target in targets}
    closed = [place for place in near.values() if not can_change(place)]
    if closed:
        reason = reasons.code(reasons.TARGET_READ_ONLY, folder=display_path(closed[0]))
        remarks.append(Remark(reason, serious=True, paths=tuple(closed[:_PATHS_PER_REMARK])))
    seen_again = [target.path for target in targets if target.exists and _is_scanned_again(target, folder, folders)]
    if seen_again:
        remarks.append(Remark(reasons.SCANNED_AGAIN, paths=tuple(seen_again[:_PATHS_PER_REMARK])))
    return remarks


def _is_scanned_again(target: TargetFolder, folder: Path, folders: FolderCache) -> bool:
    """Return whether a folder is inside the scanned one, and no marker keeps a scan out of it."""
    if not target.path.is_relative_to(folder):
        return False
    between = [target.path, *target.path.parents]
    return not any(
        OUTPUT_MARKER in folders.contents(place).kinds
        for place in between
        if place != folder and place.is_relative_to(folder)
    )


def _about_clocks(options: SortOptions, going: Sequence[Draft]) -> list[Remark]:
    """Return a remark for each camera whose clock is put right for some of the photos that go to a folder by date."""
    dated = [draft.photo for draft in going if draft.taken is not None]
    remarks = []
    for clock in options.clocks:
        paths = [photo.path for photo in dated if photo.clock(options.clocks) is clock]
        if paths:
            reason = reasons.code(
                reasons.CLOCK_CORRECTED, count=len(paths), camera=clock.camera, offset=offset_text(clock.seconds)
            )
            remarks.append(Remark(reason, paths=tuple(paths[:_PATHS_PER_REMARK])))
    return remarks


def _about_units(
    drafts: Sequence[Draft], going: Sequence[Draft], decider: Decider, options: SortOptions
) -> list[Remark]:
    """Return the remarks about the photos; `going` are those that are moved, copied or linked."""
    remarks: list[Remark] = []
    for source, code in reasons.DATES_FROM.items():
        from_here = [draft.photo.path for draft in going if draft.taken is not None and draft.taken.source == source]
        if from_here:
            reason = reasons.code(code, count=len(from_here))
            remarks.append(Remark(reason, paths=tuple(from_here[:_PATHS_PER_REMARK])))
    different = [draft for draft in drafts if draft.disagrees or draft.was_apart]
    if different:
        reason = reasons.code(_DIFFERENT_TAGS[options.different_tags], count=len(different), folder="")
        remarks.append(Remark(reason, paths=tuple(draft.photo.path for draft in different[:_PATHS_IN_FULL])))
    for code, folder, concerned in (
        (reasons.NO_DATE, UNDATED, [draft for draft in going if draft.undated]),
        (reasons.NO_CAMERA, UNKNOWN_CAMERA, [draft for draft in going if draft.without_camera]),
    ):
        if concerned:
            reason = reasons.code(code, count=len(concerned), folder=folder)
            remarks.append(Remark(reason, paths=tuple(draft.photo.path for draft in concerned[:_PATHS_PER_REMARK])))
    if decider.closed_folders:
        remarks.append(Remark(reasons.SOURCE_READ_ONLY, paths=tuple(decider.closed_folders[:_PATHS_PER_REMARK])))
    return remarks


def _about_left(drafts: Sequence[Draft], going: Sequence[Draft], action: Action, folders: FolderCache) -> list[Remark]:
    """Return a remark that names the files that are left beside photos that are moved away."""
    left = left_beside(drafts, going, folders) if action is Action.MOVE else []
    if not left:
        return []
    return [Remark(reasons.code(reasons.LEFT_BESIDE, count=len(left)), paths=tuple(left[:_PATHS_IN_FULL]))]
