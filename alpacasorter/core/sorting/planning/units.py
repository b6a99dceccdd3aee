"""The photos of a plan with their companions, as they are on the disk before it is decided where they go."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path, is_cloud_only, is_hidden
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Group, Outcome, PlanStopped, SortPhoto
from alpacasorter.core.sorting.planning.companions import Member, SourceFile, group_files
from alpacasorter.core.sorting.planning.target_folders import Folders, Kind, TargetFolder


@dataclass(slots=True)
class Draft:
    """A unit in the making.

    Attributes:
        photo: the photo that decides.
        others: the further photos in it.
        folder: where all of it lies.
        members: the names of all its files.
        files: what could be found out about them, the photo first; empty where one is missing.
        group, target, outcome, reason: as far as they are decided; `outcome` None means that it goes.
        undated, without_camera: whether the pattern asks for what the photo lacks.
    """

    photo: SortPhoto
    others: tuple[SortPhoto, ...]
    folder: Path
    members: tuple[Member, ...]
    files: list[SourceFile] = field(default_factory=list)
    group: Group = Group.LABEL
    target: TargetFolder | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    undated: bool = False
    without_camera: bool = False

    @property
    def disagrees(self) -> bool:
        """Whether its photos have different labels."""
        return len({photo.label for photo in (self.photo, *self.others) if photo.label is not None}) > 1

    def block(self, reason: str) -> None:
        """Have it stay, and say why."""
        self.outcome, self.reason = Outcome.BLOCKED, reason


def gather(photos: Sequence[SortPhoto], folders: Folders, stopped: Callable[[], bool]) -> list[Draft]:
    """Return the units of the photos, in the order of the first photo of each.

    Raises:
        PlanStopped: the user did not wait.
    """
    by_folder: dict[str, dict[str, SortPhoto]] = {}
    for photo in photos:
        parent, name = os.path.split(photo.path)
        by_folder.setdefault(parent, {}).setdefault(name, photo)
    made: dict[tuple[str, str], Draft] = {}
    for parent, by_name in by_folder.items():
        if stopped():
            raise PlanStopped
        folder = Path(parent)
        listing = folders.listing(folder)
        names = [name for name, kind in listing.kinds.items() if kind is Kind.FILE and not name.startswith(".")]
        rank = {name: at for at, name in enumerate(by_name)}
        for members in group_files(names, by_name.keys(), stopped):
            own = sorted((member.name for member in members if member.name in by_name), key=rank.__getitem__)
            if own:
                draft = _draft([by_name[name] for name in own], folder, members)
                if listing.error is not None:
                    draft.block(reasons.for_folder(listing.error))
                made.update(((parent, name), draft) for name in own)
    # A dict for a set that keeps its order.
    return list({id(draft): draft for draft in (made[os.path.split(photo.path)] for photo in photos)}.values())


def examine(draft: Draft, action: Action) -> None:
    """Find out about the files of a unit; block it where one can't be used. A unit that stays is not blocked."""
    photos = {photo.path.name: photo for photo in (draft.photo, *draft.others)}
    ordered = sorted(draft.members, key=lambda member: (member.name != draft.photo.path.name, member.name))
    for member in ordered:
        photo = photos.get(member.name)
        path = photo.path if photo is not None else draft.folder / member.name
        try:
            file = _source(member, path, photo)
        except OSError as error:
            if draft.outcome is None:
                draft.block(_of(path, photo, _why_not_found(path, error)))
            continue
        if photo is None and is_hidden(file.status):
            continue
        draft.files.append(file)
        if draft.outcome is None and (problem := _problem(file, action)) is not None:
            draft.block(_of(path, photo, problem))


def _draft(photos: list[SortPhoto], folder: Path, members: tuple[Member, ...]) -> Draft:
    photo = max(photos, key=lambda one: (one.label is not None, one.corrected, one.confidence or 0.0))
    return Draft(photo, tuple(one for one in photos if one is not photo), folder, members)


def _source(member: Member, path: Path, photo: SortPhoto | None) -> SourceFile:
    status, real = os.lstat(path), path
    is_link = stat.S_ISLNK(status.st_mode)
    if is_link:
        real = path.resolve(strict=True)
        status = real.lstat()
    return SourceFile(member, path, real, status, is_link, photo.content_key if photo is not None else None)


def _problem(file: SourceFile, action: Action) -> str | None:
    """Return why nothing can be done with a file."""
    if file.is_link and action is Action.MOVE:
        return "It is a link. Move the photo that it leads to, or copy instead."
    if stat.S_ISDIR(file.status.st_mode):
        return reasons.IS_FOLDER
    if not stat.S_ISREG(file.status.st_mode):
        return reasons.NOT_REGULAR
    return reasons.CLOUD_ONLY if is_cloud_only(file.status) else None


def _why_not_found(path: Path, error: OSError) -> str:
    reason = reasons.for_file(error)
    return reasons.BROKEN_LINK if reason == reasons.VANISHED and path.is_symlink() else reason


def _of(path: Path, photo: SortPhoto | None, reason: str) -> str:
    """Say which file it is about, where that is not the photo."""
    return reason if photo is not None else f"“{display_path(path.name)}”, which belongs to it: {reason}"
