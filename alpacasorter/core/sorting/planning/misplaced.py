"""Photos that a sort put into the folder of a tag that they no longer have, and plans that put them right."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.sorting.journal import StepState
from alpacasorter.core.sorting.options import Action, Leftovers, SortOptions
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.core.sorting.planning.planner import plan_sort
from alpacasorter.core.store.database import blob_to_path, path_to_blob
from alpacasorter.core.store.library import Library
from alpacasorter.core.taken import Clock

_PATHS_AT_ONCE: Final = 400
"""SQLite allows some 999 values in a query in its older versions."""
_FOLDER_FIELD: Final = "{folder"
"""What a pattern with the photo's earlier subfolder contains; where it would be now is not known."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where the latest sort of a photo has put it, or its copy: the file, the number of the sort, and its options."""

    path: Path
    sort: int
    options: SortOptions


def plan_moves(
    library: Library,
    photos: Sequence[LabeledPhoto],
    labels: LabelSet,
    *,
    stopped: Callable[[], bool] = lambda: False,
    exclusion: Exclusion = NOTHING,
) -> list[SortPlan]:
    """Return plans that move photos from where a sort put them to where that sort would put them by their tags now.

    A photo that is not where a sort put it, because the user has moved it since or because that sort was undone, is in
    no plan. Of one that was copied, or linked by a hard link, the copy is moved. Nothing is created.

    Args:
        library: with the journal of sorts.
        photos: those that may be misplaced, with their tags of now.
        labels: of the model.
        stopped: called often; planning is abandoned once it returns True.
        exclusion: what the user leaves out; such files go with no photo.

    Returns:
        One plan for each sort with photos to move, the latest sort first. Each moves, whatever the sort did.

    Raises:
        LibraryError: the journal can't be read.
        PlanError: the destination of a sort can't be used any more.
        PlanStopped: `stopped` returned True.
    """
    placed = _placed(library, [photo.path for photo in photos])
    by_sort: dict[int, tuple[SortOptions, list[LabeledPhoto]]] = {}
    for photo in photos:
        found = placed.get(photo.path)
        if found is not None and found.path.exists() and found.options.destination.is_dir():
            by_sort.setdefault(found.sort, (found.options, []))[1].append(replace(photo, path=found.path))
    plans = []
    for _number, (options, some) in sorted(by_sort.items(), reverse=True):
        plan = plan_sort(options.destination, some, options, labels, stopped=stopped, exclusion=exclusion)
        if plan.count(Outcome.GO):
            plans.append(plan)
    return plans


def _placed(library: Library, paths: Sequence[Path]) -> dict[Path, _Placed]:
    wanted = {path_to_blob(path): path for path in paths}
    blobs = list(wanted)

    def read(connection: sqlite3.Connection) -> list[tuple[int, bytes, str, str, bytes, bytes]]:
        rows: list[tuple[int, bytes, str, str, bytes, bytes]] = []
        for start in range(0, len(blobs), _PATHS_AT_ONCE):
            some = blobs[start : start + _PATHS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            rows += connection.execute(
                "SELECT sorts.number, sorts.destination, sorts.action, sorts.options, sort_steps.source,"
                " sort_steps.target FROM sort_steps JOIN sorts ON sorts.uid = sort_steps.sort"
                f" WHERE sort_steps.state = '{StepState.DONE}' AND (sort_steps.target IN ({marks}) OR"
                f" (sort_steps.source IN ({marks}) AND sorts.action IN ('{Action.COPY}', '{Action.HARDLINK}')))"
                " ORDER BY sort_steps.id DESC",
                (*some, *some),
            )
        return rows

    found: dict[Path, _Placed] = {}
    for number, destination, action, stored, source, target in library.read(read):
        path = wanted.get(target) or wanted[source]
        options = _options(blob_to_path(destination), stored)
        if path not in found and action != Action.SYMLINK and options is not None:
            found[path] = _Placed(blob_to_path(target), number, options)
    return found


def _options(destination: Path, stored: str) -> SortOptions | None:
    """Return the options of a sort from the journal, for moving; None if they don't say where a photo goes now."""
    try:
        values = json.loads(stored)
        options = SortOptions(
            destination=destination,
            action=Action.MOVE,
            pattern=str(values["pattern"]),
            folder_names=dict(values["folder_names"]),
            leave_labels=frozenset(values["leave_labels"]),
            min_confidence=float(values["min_confidence"]),
            unsure=Leftovers(values["unsure"]),
            unsure_folder=str(values["unsure_folder"]),
            unreadable=Leftovers(values["unreadable"]),
            unreadable_folder=str(values["unreadable_folder"]),
            clocks=tuple(Clock(camera, seconds) for camera, seconds in values.get("clocks", {}).items()),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # It was damaged, or written by a later version.
        return None
    return None if _FOLDER_FIELD in options.pattern else options
