"""Makes the plan of a sort: what goes where, file by file. Reads only; nothing on the disk is changed or made.

First each photo finds its companions, its label's folder and what may keep it from going there (deciding.py). When
that is known of all, the files get their names, one unit after the other (placing.py): a name counts as taken if
a file has it now, also one that this plan moves away, or if an earlier unit gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting import remarks
from alpacasorter.core.sorting.companions import SourceFile
from alpacasorter.core.sorting.costs import Costs, marked_folders, missing_folders
from alpacasorter.core.sorting.deciding import Deciding
from alpacasorter.core.sorting.destination import open_destination
from alpacasorter.core.sorting.disks import free_bytes, name_rules
from alpacasorter.core.sorting.drafts import Draft, gather
from alpacasorter.core.sorting.folders import Folders
from alpacasorter.core.sorting.names import NameRules
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.pattern import PatternError, parse_pattern
from alpacasorter.core.sorting.placing import Place, Placement, Placing
from alpacasorter.core.sorting.plan import (
    Outcome,
    PlanError,
    PlannedFile,
    PlannedUnit,
    PlanStopped,
    SortPhoto,
    SortPlan,
)
from alpacasorter.core.sorting.target_folders import TargetFolder, TargetFolders

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
            *remarks.about_options(pattern, deciding, options.action),
            *remarks.about_links([draft for draft in drafts if draft.outcome is Outcome.BLOCKED], options.action),
            *remarks.about_space(costs.needed, costs.near, costs.files + len(new_folders)),
            *remarks.about_targets(used, folder, folders),
            *remarks.about_units(drafts, [draft for draft, _ in going], deciding),
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
