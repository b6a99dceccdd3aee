"""The units of a plan before it is made: each photo with its companions, as they are on the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path, is_cloud_only, is_hidden
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Group, Outcome, PlanStopped, SortPhoto
from alpacasorter.core.sorting.planning.companions import Member, SourceFile, group_files
from alpacasorter.core.sorting.planning.target_folders import EntryKind, FolderCache, TargetFolder


@dataclass(slots=True)
class Draft:
    """A unit that is not planned yet.

    Attributes:
        photo: the photo that decides where the unit goes.
        others: the other photos in it.
        folder: the folder that all of it is in.
        members: the names of all its files.
        files: the files that were found, the photo first.
        group: the heading that it is shown under.
        target: the folder that it goes to, once decided.
        outcome: what keeps it from going; None if it goes.
        reason: why, a code of `core.reasons`.
        undated: whether the pattern uses the date and the photo has none.
        without_camera: whether the pattern uses the camera and the photo names none.
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
        """Keep it from going, and record why."""
        self.outcome, self.reason = Outcome.BLOCKED, reason


def gather(photos: Sequence[SortPhoto], folders: FolderCache, stopped: Callable[[], bool]) -> list[Draft]:
    """Return the units of the photos, in the order of the first photo of each.

    Raises:
        PlanStopped: `stopped` returned True.
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
        contents = folders.contents(folder)
        names = [name for name, kind in contents.kinds.items() if kind is EntryKind.FILE and not name.startswith(".")]
        rank = {name: at for at, name in enumerate(by_name)}
        for members in group_files(names, by_name.keys(), stopped):
            own = sorted((member.name for member in members if member.name in by_name), key=rank.__getitem__)
            if own:
                draft = _draft([by_name[name] for name in own], folder, members)
                if contents.error is not None:
                    draft.block(os_errors.for_folder(contents.error))
                made.update(((parent, name), draft) for name in own)
    # A dict, as a set that keeps its order.
    return list({id(draft): draft for draft in (made[os.path.split(photo.path)] for photo in photos)}.values())


def examine(draft: Draft, action: Action) -> None:
    """Look up the files of a unit; block it if one can't be used. A unit that stays is not blocked."""
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
    """Return why a file can't be sorted."""
    if file.is_link and action is Action.MOVE:
        return reasons.IS_LINK
    if stat.S_ISDIR(file.status.st_mode):
        return reasons.IS_FOLDER
    if not stat.S_ISREG(file.status.st_mode):
        return reasons.NOT_REGULAR
    return reasons.CLOUD_ONLY if is_cloud_only(file.status) else None


def _why_not_found(path: Path, error: OSError) -> str:
    reason = os_errors.for_file(error)
    return reasons.BROKEN_LINK if reason == reasons.VANISHED and path.is_symlink() else reason


def _of(path: Path, photo: SortPhoto | None, reason: str) -> str:
    """Return a reason that names the file if that is a companion."""
    if photo is not None:
        return reason
    return reasons.code(reasons.COMPANION, name=display_path(path.name), why=reason)
