"""Making plans in tests: photos from what lies in a folder, with labels by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.plan import Outcome, PlannedUnit, SortPlan
from alpacasorter.core.sorting.planning.planner import plan_sort

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})


def write(*paths: Path, data: bytes | None = None) -> None:
    """Write files whose bytes are their own, unless `data` gives them."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(path) if data is None else data)


def photo(path: Path, label: str | None = "alpaca", confidence: float = 0.95, **more: Any) -> LabeledPhoto:
    """Return a photo as a scan gives it; with `label` None one that can't be read."""
    key = content_key(path.read_bytes()) if path.is_file() else None
    if label is None:
        return LabeledPhoto(path, None, None, None, reason="The file is damaged.", **more)
    return LabeledPhoto(path, key, label, confidence, **more)


def photos_in(folder: Path) -> list[LabeledPhoto]:
    """Return all pictures below a folder by name, as sure alpacas."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower()[1:] in PICTURE_EXTENSIONS)
    return [photo(path) for path in found if path.is_file()]


def plan(folder: Path, destination: Path, photos: Iterable[LabeledPhoto] | None = None, **options: Any) -> SortPlan:
    """Return the plan for photos of a folder; for all in it where none are given."""
    wanted = replace(SortOptions(destination), **options)
    return plan_sort(folder, photos_in(folder) if photos is None else list(photos), wanted, LABELS)


def targets(made: SortPlan) -> dict[str, str | None]:
    """Return each file's way in a plan: where it is below the folder, and where it goes below the destination."""
    return {
        _below(made.folder, file.source): None if file.target is None else _below(made.options.destination, file.target)
        for unit in made.units
        for file in unit.files
        if unit.outcome is Outcome.GO
    }


def outcomes(made: SortPlan) -> dict[str, Outcome]:
    """Return what becomes of each photo, by its path below the folder."""
    return {_below(made.folder, unit.photo.path): unit.outcome for unit in made.units}


def unit_of(made: SortPlan, name: str) -> PlannedUnit:
    """Return the unit whose deciding photo has this name."""
    return next(unit for unit in made.units if unit.photo.path.name == name)


def sentences(made: SortPlan, *, serious: bool | None = None) -> str:
    """Return all remarks of a plan as one text; with `serious` only those that are, or are not."""
    return "\n".join(one.sentence for one in made.remarks if serious is None or one.serious is serious)


def codes(made: SortPlan, *, serious: bool | None = None) -> list[str]:
    """Return the reasons of all remarks of a plan; with `serious` only of those that are, or are not."""
    return [one.reason for one in made.remarks if serious is None or one.serious is serious]


def undisturbed(made: SortPlan) -> SortPlan:
    """Return a plan without the free space, which other programs change."""
    return replace(made, bytes_free=None)


def snapshot(*folders: Path) -> Mapping[str, object]:
    """Return what lies below folders: names, kinds, bytes and times."""
    found: dict[str, object] = {}
    for folder in folders:
        for path in sorted([folder, *folder.rglob("*")]):
            if not os.path.lexists(path):
                found[os.fspath(path)] = None
                continue
            status = path.lstat()
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else None
            found[os.fspath(path)] = (status.st_mode, status.st_ino, status.st_mtime_ns, data)
    return found


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
