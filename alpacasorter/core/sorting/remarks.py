"""What is odd about a plan, in sentences: told before anything is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.deciding import Deciding
from alpacasorter.core.sorting.disks import can_change, free_bytes
from alpacasorter.core.sorting.drafts import Draft
from alpacasorter.core.sorting.folders import Folders
from alpacasorter.core.sorting.names import folder_part, name_key
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.pattern import UNDATED, UNKNOWN_CAMERA, Pattern
from alpacasorter.core.sorting.plan import Remark
from alpacasorter.core.sorting.target_folders import TargetFolder
from alpacasorter.core.walk import OUTPUT_MARKER

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
