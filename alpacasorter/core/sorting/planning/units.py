"""The units of a plan before it is made: each photo with its companions, as they are on the disk.

`gather` finds which files of a folder belong together (`grouping`), also in the folders beside the photos that programs
keep their sidecars in, and takes units apart whose photos have different tags, if the user wants that. `examine` then
looks up the files of a unit on the disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path, is_cloud_only, is_hidden
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.photos import companions
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion, is_passed_over
from alpacasorter.core.sorting.options import Action, DifferentTags
from alpacasorter.core.sorting.plan import Group, Outcome, PlanStopped
from alpacasorter.core.sorting.planning.disks import name_key
from alpacasorter.core.sorting.planning.grouping import Folder, Member, group_files
from alpacasorter.core.sorting.planning.target_folders import EntryKind, FolderCache, TargetFolder
from alpacasorter.core.taken import Taken

_NAMED: Final = (EntryKind.FILE, EntryKind.LINK)


@dataclass(slots=True)
class SourceFile:
    """A file of a unit.

    Attributes:
        member: its name.
        path: where it is.
        real: the file that `path` links to; else the same as `path`.
        status: status of `real`.
        is_link: whether `path` is a link.
        content_key: of a photo, if known.
    """

    member: Member
    path: Path
    real: Path
    status: os.stat_result
    is_link: bool
    content_key: str | None


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
        targets: that folder, and those below it for files that are in folders beside the photo.
        outcome: what keeps it from going; None if it goes.
        reason: why, a code of `core.reasons`.
        undated: whether the pattern uses the date and the photo has none.
        taken: when the photo was taken, if the pattern uses the date.
        without_camera: whether the pattern uses the camera and the photo names none.
        was_apart: whether it was the first part of a unit that was taken apart because of different tags.
        whole: the names of all files of the unit before it was taken apart; the same object for all its parts.
    """

    photo: LabeledPhoto
    others: tuple[LabeledPhoto, ...]
    folder: Path
    members: tuple[Member, ...]
    files: list[SourceFile] = field(default_factory=list)
    group: Group = Group.LABEL
    target: TargetFolder | None = None
    targets: list[TargetFolder] = field(default_factory=list)
    outcome: Outcome | None = None
    reason: str | None = None
    undated: bool = False
    taken: Taken | None = None
    without_camera: bool = False
    was_apart: bool = False
    whole: tuple[Member, ...] = ()

    @property
    def disagrees(self) -> bool:
        """Whether its photos have different labels."""
        return len({photo.label for photo in (self.photo, *self.others) if photo.label is not None}) > 1

    def block(self, reason: str) -> None:
        """Keep it from going, and record why."""
        self.outcome, self.reason = Outcome.BLOCKED, reason


def gather(
    photos: Sequence[LabeledPhoto],
    folders: FolderCache,
    stopped: Callable[[], bool],
    *,
    different: DifferentTags = DifferentTags.TOGETHER,
    exclusion: Exclusion = NOTHING,
    nearby_only: bool = False,
) -> list[Draft]:
    """Return the units of the photos, in the order of the first photo of each.

    Args:
        photos: the photos.
        folders: contents of the folders on the disk.
        stopped: called often; the plan is abandoned once it returns True.
        different: what becomes of units whose photos have different tags.
        exclusion: what the user leaves out: such files go with no photo.
        nearby_only: whether to group only the files whose names are near those of the photos: seconds less in a folder
            of 100,000 files.

    Raises:
        PlanStopped: `stopped` returned True.
    """
    by_folder: dict[str, dict[str, LabeledPhoto]] = {}
    for photo in photos:
        parent, name = os.path.split(photo.path)
        by_folder.setdefault(parent, {}).setdefault(name, photo)
    made: dict[tuple[str, str], Draft] = {}
    for parent, by_name in by_folder.items():
        if stopped():
            raise PlanStopped
        folder = Path(parent)
        contents = folders.contents(folder)
        keys = {companions.nearby(name) for name in by_name} if nearby_only else None
        names = _usable(folder, folders, exclusion, keys)
        rank = {name: at for at, name in enumerate(by_name)}
        beside = {
            place: _usable(folder.joinpath(*place), folders, exclusion, keys)
            for place in sidecar_folders(folder, folders)
            if not exclusion.leaves_out_below(os.fspath(folder.joinpath(*place)), is_folder=True)
        }
        for members in group_files(names, by_name.keys(), stopped, beside=beside):
            parts = _apart(members, by_name) if different is DifferentTags.APART else [members]
            for at, part in enumerate(parts):
                inside = {member.name for member in part if not member.folder}
                own = sorted((name for name in inside if name in by_name), key=rank.__getitem__)
                if own:
                    draft = _draft([by_name[name] for name in own], folder, part)
                    draft.was_apart = len(parts) > 1 and at == 0
                    draft.whole = members
                    if contents.error is not None:
                        draft.block(os_errors.for_folder(contents.error))
                    made.update(((parent, name), draft) for name in own)
    # A dict, as a set that keeps its order.
    return list({id(draft): draft for draft in (made[os.path.split(photo.path)] for photo in photos)}.values())


def left_beside(drafts: Iterable[Draft], going: Iterable[Draft], folders: FolderCache) -> list[Path]:
    """Return the files that stay though their name says that they may belong to a photo that is moved away.

    Args:
        drafts: all units.
        going: those that are moved.
        folders: contents of the folders on the disk.
    """
    moved: dict[Path, set[str]] = {}
    by_folder: dict[Path, list[Draft]] = {}
    for draft in going:
        by_folder.setdefault(draft.folder, []).append(draft)
        moved.setdefault(draft.folder, set()).update(file.member.name for file in draft.files if not file.member.folder)
    photos = {photo.path for draft in drafts for photo in (draft.photo, *draft.others)}
    found: list[Path] = []
    for folder, names in moved.items():
        stems = {name_key(companions.shot(name.rpartition(".")[0] or name)) for name in names}
        for name, kind in sorted(folders.contents(folder).kinds.items()):
            if kind not in _NAMED or name in names or is_passed_over(name, is_folder=False):
                continue
            dots = [at for at, letter in enumerate(name) if letter == "." and at]
            if any(name_key(companions.shot(name[:at])) in stems for at in dots) and folder / name not in photos:
                found.append(folder / name)
        gone = {(one.member.folder, one.member.name) for draft in by_folder[folder] for one in draft.files}
        for place in sidecar_folders(folder, folders):
            for name, kind in sorted(folders.contents(folder.joinpath(*place)).kinds.items()):
                if kind not in _NAMED or (place, name) in gone or is_passed_over(name, is_folder=False):
                    continue
                dots = [at for at, letter in enumerate(name) if letter == "." and at]
                if any(name_key(companions.shot(name[:at])) in stems for at in dots):
                    found.append(folder.joinpath(*place, name))
    return found


def _usable(folder: Path, folders: FolderCache, exclusion: Exclusion, near: Collection[str] | None) -> list[str]:
    """Return the names of the files in a folder that may go with a photo; `near`: the only `companions.nearby`."""
    return [
        name
        for name, kind in folders.contents(folder).kinds.items()
        if kind is EntryKind.FILE
        and not is_passed_over(name, is_folder=False)
        and (near is None or companions.nearby(name) in near)
        and not exclusion.leaves_out(os.path.join(folder, name), is_folder=False)  # noqa: PTH118  # for very many files
    ]


def sidecar_folders(folder: Path, folders: FolderCache) -> list[Folder]:
    """Return the folders beside the photos of a folder in which programs keep sidecars."""
    found: list[Folder] = []
    inside: dict[Folder, list[str]] = {}
    for pattern in companions.SIDECAR_FOLDERS:
        places: list[Folder] = [()]
        for level in pattern:
            for place in places:
                if place not in inside:
                    kinds = folders.contents(folder.joinpath(*place)).kinds
                    inside[place] = sorted(name for name, kind in kinds.items() if kind is EntryKind.FOLDER)
            places = [(*at, name) for at in places for name in inside[at] if fnmatchcase(name.lower(), level)]
        found += places
    return list(dict.fromkeys(found))


def _apart(members: tuple[Member, ...], photos: Mapping[str, LabeledPhoto]) -> list[tuple[Member, ...]]:
    """Return the parts of a unit whose photos have different tags, each with the companions of its photos."""
    own = {member.name: photos[member.name] for member in members if not member.folder and member.name in photos}
    labels = dict.fromkeys(photo.label for photo in own.values() if photo.label is not None)
    if len(labels) < 2:
        return [members]
    first = _leading(list(own.values()))
    parts: dict[str | None, list[Member]] = {first.label: []}
    stems = {name_key(member.stem): own[member.name] for member in reversed(members) if member.name in own}
    for member in members:
        photo = own.get(member.of) or stems.get(name_key(member.of.rpartition(".")[0])) or first
        parts.setdefault(photo.label or first.label, []).append(member)
    return [tuple(part) for part in parts.values()]


def examine(draft: Draft, action: Action) -> None:
    """Look up the files of a unit; block it if one can't be used. A unit that stays is not blocked."""
    photos = {photo.path.name: photo for photo in (draft.photo, *draft.others)}
    leader = draft.photo.path.name
    ordered = sorted(draft.members, key=lambda one: (bool(one.folder), one.name != leader, one.folder, one.name))
    for member in ordered:
        photo = photos.get(member.name) if not member.folder else None
        path = photo.path if photo is not None else member.below(draft.folder) / member.name
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


def _draft(photos: list[LabeledPhoto], folder: Path, members: tuple[Member, ...]) -> Draft:
    photo = _leading(photos)
    return Draft(photo, tuple(one for one in photos if one is not photo), folder, members)


def _leading(photos: Sequence[LabeledPhoto]) -> LabeledPhoto:
    """Return the photo that decides: one that the user has labeled, else the most certain one, else the first."""
    return max(photos, key=lambda one: (one.label is not None, one.corrected, one.confidence or 0.0))


def _source(member: Member, path: Path, photo: LabeledPhoto | None) -> SourceFile:
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


def _of(path: Path, photo: LabeledPhoto | None, reason: str) -> str:
    """Return a reason that names the file if that is a companion."""
    if photo is not None:
        return reason
    return reasons.code(reasons.COMPANION, name=display_path(path.name), why=reason)
