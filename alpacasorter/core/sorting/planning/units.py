"""The units of a plan before it is made: each photo with its companions, as they are on the disk.

`gather` finds which files of a folder belong together: a photo with its RAW, its Live Photo video and its sidecars.
Only names count. Files belong together if their stems are the same, regardless of case:

- the JPEG, HEIC, MPO (3D) and RAW files of one shot;
- a MOV or MP4 (a Live Photo), if there is a JPEG, HEIC or RAW;
- sidecars, named like "x.xmp" or like "x.jpg.xmp", including darktable's duplicates "x_01.cr2.xmp" and Google
  Takeout's "x.jpg.json" (JSON only after the whole name);
- Apple's "IMG_O1234.AAE" with the edits of the original: it belongs to IMG_1234, or to IMG_E1234 if there is no other.

Other pictures with the same stem (x.jpg and x.png) are photos of their own. A sidecar that could belong to both belongs
to the JPEG, HEIC or RAW, or else to the first by name.

`examine` then looks up the files of a unit on the disk.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path, is_cloud_only, is_hidden
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS, RAW_EXTENSIONS, VIDEO_EXTENSIONS
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Group, Outcome, PlanStopped
from alpacasorter.core.sorting.planning.names import name_key
from alpacasorter.core.sorting.planning.target_folders import EntryKind, FolderCache, TargetFolder
from alpacasorter.core.taken import Taken

LIVE_EXTENSIONS: Final = frozenset(("mov", "mp4"))
SIDECAR_EXTENSIONS: Final = frozenset(
    ("aae", "acr", "arp", "cop", "cos", "cot", "dop", "dr4", "nksc", "on1", "pp3", "spd", "thm", "vrd", "wav", "xmp")
)
"""Edits, keywords, thumbnails and voice notes that cameras and other programs keep next to a photo."""

_JPEG: Final = frozenset(("jpg", "jpeg", "jpe", "jfif", "jif"))
_HEIC: Final = frozenset(("heic", "heif", "heics", "heifs", "hif"))
_MPO: Final = frozenset(("mpo",))  # both views of a camera with two lenses, next to a JPEG of one view
_MEDIA: Final = PICTURE_EXTENSIONS | RAW_EXTENSIONS | VIDEO_EXTENSIONS
_STEP: Final = 1000
_DOT: Final = re.compile(r"\.")
_TAKEOUT: Final = "json"
_TAKEOUT_WORD: Final = re.compile(r"\.su[a-z-]*$", re.IGNORECASE)  # ".supplemental-metadata", often cut short
_FURTHER_VERSION: Final = re.compile(r"(.+)_\d\d(\.[^.]+)", re.DOTALL)
_APPLE_ORIGINAL: Final = re.compile(r"(IMG_)O(\d{4,})", re.IGNORECASE)


# A unit


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a unit: its name in two halves, the stem and what follows it ("IMG_1" and ".jpg.xmp")."""

    stem: str
    ending: str

    @property
    def name(self) -> str:
        """The whole name."""
        return self.stem + self.ending


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
        outcome: what keeps it from going; None if it goes.
        reason: why, a code of `core.reasons`.
        undated: whether the pattern uses the date and the photo has none.
        taken: when the photo was taken, if the pattern uses the date.
        without_camera: whether the pattern uses the camera and the photo names none.
    """

    photo: LabeledPhoto
    others: tuple[LabeledPhoto, ...]
    folder: Path
    members: tuple[Member, ...]
    files: list[SourceFile] = field(default_factory=list)
    group: Group = Group.LABEL
    target: TargetFolder | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    undated: bool = False
    taken: Taken | None = None
    without_camera: bool = False

    @property
    def disagrees(self) -> bool:
        """Whether its photos have different labels."""
        return len({photo.label for photo in (self.photo, *self.others) if photo.label is not None}) > 1

    def block(self, reason: str) -> None:
        """Keep it from going, and record why."""
        self.outcome, self.reason = Outcome.BLOCKED, reason


def gather(photos: Sequence[LabeledPhoto], folders: FolderCache, stopped: Callable[[], bool]) -> list[Draft]:
    """Return the units of the photos, in the order of the first photo of each.

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


def _draft(photos: list[LabeledPhoto], folder: Path, members: tuple[Member, ...]) -> Draft:
    photo = max(photos, key=lambda one: (one.label is not None, one.corrected, one.confidence or 0.0))
    return Draft(photo, tuple(one for one in photos if one is not photo), folder, members)


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


# Which files belong together


@dataclass(slots=True)
class _Nest:
    """A unit that is being put together; `paired` if a JPEG, HEIC or RAW is in it."""

    stem: str
    paired: bool
    members: list[Member] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def add(self, member: Member) -> None:
        self.members.append(member)
        self.keys.add(name_key(member.name))

    def fits(self, name: str) -> bool:
        """Return whether the unit has no file whose name differs only in case: such a file is of another photo."""
        return name_key(name) not in self.keys

    def has(self, extensions: Collection[str]) -> bool:
        return any(_split(member.name)[1] in extensions for member in self.members)


def group_files(
    names: Collection[str], photos: Collection[str], stopped: Callable[[], bool] = lambda: False
) -> list[tuple[Member, ...]]:
    """Return the units of one folder.

    Args:
        names: the names of the files that may be companions.
        photos: the names of all photos, including those whose name does not show it, and those that can't be
            companions (links).
        stopped: called from time to time, because a folder may hold very many files.

    Returns:
        Each photo with its companions: pictures first (JPEG, HEIC, RAW), the others by name. Files without a photo
        are in no unit, and no file is in two.

    Raises:
        PlanStopped: `stopped` returned True.
    """
    return _Grouping(names, photos, stopped).units()


class _Grouping:
    """The state of one call."""

    def __init__(self, names: Collection[str], photos: Collection[str], stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._nests: list[_Nest] = []
        self._by_stem: dict[str, list[_Nest]] = {}
        # Name key of each picture and video in a unit: where "x.jpg.xmp" belongs.
        self._by_name: dict[str, list[tuple[str, _Nest]]] = {}
        kinds: dict[str, list[str]] = {}
        for name in sorted({*names, *photos}):
            if (kind := _kind(_split(name)[1], is_photo=name in photos)) is not None:
                kinds.setdefault(kind, []).append(name)
        for name in self._asking(kinds.get("jpeg", [])):
            self._new(name, paired=True)
        for kind, extensions in (("heic", _HEIC), ("mpo", _MPO)):
            for name in self._asking(self._spelled_alike(kinds.get(kind, []))):
                self._join(name, [nest for nest in self._around(name) if nest.paired and not nest.has(extensions)])
        for name in self._asking(kinds.get("picture", [])):
            self._new(name, paired=False)
        for name in self._asking(self._spelled_alike(kinds.get("raw", []))):
            around = self._around(name)
            self._join(name, [nest for nest in around if nest.paired] or around)
        for name in self._asking(self._spelled_alike(kinds.get("video", []))):
            self._accompany(name, [nest for nest in self._around(name) if nest.paired])
        for name in self._asking(self._spelled_alike(kinds.get("sidecar", []))):
            self._sidecar(name)

    def units(self) -> list[tuple[Member, ...]]:
        return [tuple(nest.members) for nest in self._nests]

    def _asking(self, names: list[str]) -> Iterator[str]:
        """Yield the names; raises PlanStopped if the plan is abandoned."""
        for at, name in enumerate(names):
            if at % _STEP == 0 and self._stopped():
                raise PlanStopped
            yield name

    def _around(self, name: str) -> list[_Nest]:
        """Return the units with this stem, those with a JPEG, HEIC or RAW first."""
        nests = self._by_stem.get(name_key(_split(name)[0]), [])
        return sorted(nests, key=lambda nest: not nest.paired) if len(nests) > 1 else nests

    def _spelled_alike(self, names: list[str]) -> list[str]:
        """Return the names, first those that begin with the stem of a unit in exactly its spelling.

        Only the other ones may join a unit whose name differs in case.
        """
        stems = {nest.stem for nest in self._nests}
        return sorted(names, key=lambda name: not any(name[: at.start()] in stems for at in _DOT.finditer(name)))

    def _new(self, name: str, *, paired: bool) -> None:
        stem = _split(name)[0]
        nest = _Nest(stem, paired)
        self._nests.append(nest)
        self._by_stem.setdefault(name_key(stem), []).append(nest)
        self._put(nest, Member(stem, name[len(stem) :]))

    def _join(self, name: str, nests: list[_Nest]) -> None:
        """Add a picture to one of the units, or to a new one."""
        stem = _split(name)[0]
        nest = _best(nests, name, stem)
        if nest is None:
            self._new(name, paired=True)
        else:
            nest.paired = True
            self._put(nest, Member(stem, name[len(stem) :]))

    def _put(self, nest: _Nest, member: Member) -> None:
        nest.add(member)
        self._by_name.setdefault(name_key(member.name), []).append((member.name, nest))

    def _accompany(self, name: str, nests: list[_Nest]) -> None:
        stem = _split(name)[0]
        nest = _best(nests, name, stem)
        if nest is not None:
            self._put(nest, Member(stem, name[len(stem) :]))

    def _sidecar(self, name: str) -> None:
        base, extension = _split(name)
        whole = _TAKEOUT_WORD.sub("", base) if extension == _TAKEOUT else base
        if self._beside(name, whole) or extension == _TAKEOUT:
            return
        version = _FURTHER_VERSION.fullmatch(base)
        if version is not None and self._beside(name, version.group(1) + version.group(2)):
            return
        if nests := self._around(name):
            self._accompany(name, nests)
            return
        inner, kind = _split(base)
        if kind in _MEDIA:  # the file that it was made for is gone; another file with the name may take it
            nests = [nest for nest in self._around(base) if nest.paired or kind not in VIDEO_EXTENSIONS]
            self._add(name, inner, _best(nests, name, inner))
        elif extension == "aae" and (apple := _APPLE_ORIGINAL.fullmatch(base)) is not None:
            for stem in (f"{apple.group(1)}{apple.group(2)}", f"{apple.group(1)}E{apple.group(2)}"):
                if nests := self._around(f"{stem}.aae"):
                    self._add(name, base, _best(nests, name, stem))
                    return

    def _beside(self, name: str, whole: str) -> bool:
        """Add a sidecar to the unit of the file with that whole name; return whether there is such a file."""
        owners = self._by_name.get(name_key(whole), [])
        owners = sorted(owners, key=lambda owner: owner[0] != whole)
        for owner, nest in owners:
            if nest.fits(name):
                self._add(name, name[: len(_split(owner)[0])], nest)
                break
        return bool(owners)

    def _add(self, name: str, stem: str, nest: _Nest | None) -> None:
        if nest is not None and nest.fits(name):
            nest.add(Member(stem, name[len(stem) :]))


def _best(nests: list[_Nest], name: str, stem: str) -> _Nest | None:
    """Return the unit whose stem is spelled the same, or else the first one, of those that the name fits into."""
    fitting = [nest for nest in nests if nest.fits(name)]
    return next((nest for nest in fitting if nest.stem == stem), fitting[0] if fitting else None)


def _split(name: str) -> tuple[str, str]:
    """Return the stem and the extension in lower case; the whole name and "" if there is no extension."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension.lower()) if dot and stem else (name, "")


def _kind(extension: str, *, is_photo: bool) -> str | None:
    if extension in _JPEG:
        return "jpeg"
    if extension in _HEIC:
        return "heic"
    if extension in _MPO:
        return "mpo"
    if extension in RAW_EXTENSIONS:
        return "raw"
    if is_photo or extension in PICTURE_EXTENSIONS:
        return "picture"
    if extension in LIVE_EXTENSIONS:
        return "video"
    return "sidecar" if extension in SIDECAR_EXTENSIONS or extension == _TAKEOUT else None
