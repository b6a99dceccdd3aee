"""Which files of a folder belong together, by their names.

- Pictures of one shot: JPEG, HEIC, MPO (3D) and RAW files of the same stem, regardless of case; and what
  `companions.shot` says, such as "IMG_E1234.HEIC" with "IMG_1234.HEIC". Other pictures with the same stem (x.jpg and
  x.png) are separate photos.
- Videos of Live Photos and motion photos, if there is a JPEG, HEIC or RAW.
- Sidecars, also those in folders beside the photos (`companions.SIDECAR_FOLDERS`), and what ExifTool keeps.

If several photos could claim a file, the first of these gets it: the one with the whole name in the name of the file
("x.jpg.xmp"), the one with its stem, the one that it is a version of; of several of these the one that is spelled
exactly like it, then a JPEG, HEIC or RAW, then the first by name.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alpacasorter.core.photos import companions
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS, RAW_EXTENSIONS, VIDEO_EXTENSIONS
from alpacasorter.core.sorting.plan import PlanStopped
from alpacasorter.core.sorting.planning.disks import name_key

_JPEG: Final = frozenset(("jpg", "jpeg", "jpe", "jfif", "jif"))
_HEIC: Final = frozenset(("heic", "heif", "heics", "heifs", "hif"))
_MPO: Final = frozenset(("mpo",))  # both views of a camera with two lenses, next to a JPEG of one view
_STEP: Final = 1000
_DOT: Final = re.compile(r"\.")
_TAKEOUT: Final = "json"
_FURTHER_VERSION: Final = re.compile(r"(.+)_\d\d(\.[^.]+)", re.DOTALL)

Folder = tuple[str, ...]
"""A folder beside the photos: the names on the way to it; empty for the folder of the photos."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a unit: its name in two halves, the stem and what follows it ("IMG_1" and ".jpg.xmp").

    Attributes:
        stem: what a number is appended to, if the unit gets another name.
        ending: the rest.
        folder: the folder beside the photos that it is in.
        renamed: the halves if the unit gets another name, where its own would no longer show whose it is.
        of: the picture of the unit that it goes with, if the unit is taken apart.
    """

    stem: str
    ending: str
    folder: Folder = ()
    renamed: tuple[str, str] | None = None
    of: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The whole name."""
        return self.stem + self.ending

    def below(self, folder: Path) -> Path:
        """Return the folder that it is in, if the photos are in `folder`."""
        return folder.joinpath(*self.folder) if self.folder else folder


@dataclass(slots=True, eq=False)
class _Nest:
    """A unit that is being put together; `paired` if a JPEG, HEIC or RAW is in it."""

    stem: str
    paired: bool
    members: list[Member] = field(default_factory=list)
    keys: set[tuple[Folder, str]] = field(default_factory=set)

    def add(self, member: Member) -> None:
        self.members.append(member)
        self.keys.add((member.folder, name_key(member.name)))

    def fits(self, name: str, folder: Folder = ()) -> bool:
        """Return whether the unit has no file whose name differs only in case: such a file is of another photo."""
        return (folder, name_key(name)) not in self.keys

    def has(self, extensions: Collection[str]) -> bool:
        return any(_split(member.name)[1] in extensions for member in self.members)

    def spells(self, stem: str) -> bool:
        return stem == self.stem or any(stem == member.stem for member in self.members)

    def picture_of(self, stem: str) -> str:
        """Return the picture with a stem, or the first one."""
        key = name_key(stem)
        found = next((one for one in self.members if one.of == one.name and name_key(one.stem) == key), None)
        return (found or self.members[0]).of


def group_files(
    names: Collection[str],
    photos: Collection[str],
    stopped: Callable[[], bool] = lambda: False,
    *,
    beside: Mapping[Folder, Collection[str]] | None = None,
) -> list[tuple[Member, ...]]:
    """Return the units of one folder.

    Args:
        names: the names of the files that may be companions.
        photos: the names of all photos, including those whose name does not show it, and those that can't be
            companions (links).
        stopped: called from time to time, because a folder may hold very many files.
        beside: the names of the files in folders beside the photos that may hold sidecars.

    Returns:
        Each photo with its companions: pictures first (JPEG, HEIC, RAW), the others by name. Files without a photo
        are in no unit, and no file is in two.

    Raises:
        PlanStopped: `stopped` returned True.
    """
    return _Grouping(names, photos, stopped, beside or {}).units()


class _Grouping:
    """The state of one call."""

    def __init__(
        self,
        names: Collection[str],
        photos: Collection[str],
        stopped: Callable[[], bool],
        beside: Mapping[Folder, Collection[str]],
    ) -> None:
        self._stopped = stopped
        self._nests: list[_Nest] = []
        self._by_stem: dict[str, list[_Nest]] = {}
        self._by_shot: dict[str, list[_Nest]] = {}
        # Name key of each picture and video in a unit: where "x.jpg.xmp" belongs.
        self._by_name: dict[str, list[tuple[Member, _Nest]]] = {}
        self._described: set[tuple[int, str]] = set()
        self._nests_described: set[int] = set()
        self._names: list[str] = []
        kinds: dict[str, list[str]] = {}
        for name in sorted({*names, *photos}):
            if (kind := _kind(name, is_photo=name in photos)) is not None:
                kinds.setdefault(kind, []).append(name)
        self._pictures(kinds)
        self._join_shots()
        for name in self._asking(self._spelled_alike(kinds.get("video", []))):
            self._video(name)
        described: list[str] = []
        for name in self._asking(self._spelled_alike(kinds.get("sidecar", []))):
            whole = companions.backup_of(name) or name
            if _split(whole)[1] == _TAKEOUT:
                described += [] if self._described_by(name, whole) else [name]
            elif whole != name and (owners := self._by_name.get(name_key(whole))):
                self._beside(name, (), owners, whole)
            else:
                self._sidecar(name, whole, ())
        for name in sorted(described, key=lambda one: (companions.takeout(one).copy, one)):
            self._described_by_a_part(name)
        for folder, inside in sorted(beside.items()):
            for name in self._asking(self._spelled_alike(sorted(inside))):
                if companions.is_sidecar(_split(name)[1]):
                    self._sidecar(name, name, folder)

    def units(self) -> list[tuple[Member, ...]]:
        return [tuple(nest.members) for nest in self._nests]

    def _asking(self, names: list[str]) -> Iterator[str]:
        """Yield the names; raises PlanStopped if the plan is abandoned."""
        for at, name in enumerate(names):
            if at % _STEP == 0 and self._stopped():
                raise PlanStopped
            yield name

    def _around(self, stem: str) -> list[_Nest]:
        """Return the units with this stem, those with a JPEG, HEIC or RAW first."""
        nests = self._by_stem.get(name_key(stem), [])
        return sorted(nests, key=lambda nest: not nest.paired) if len(nests) > 1 else nests

    def _spelled_alike(self, names: list[str]) -> list[str]:
        """Return the names, first those that begin with the stem of a unit in exactly its spelling.

        Only the other ones may join a unit whose name differs in case.
        """
        stems = {member.stem for nest in self._nests for member in nest.members}
        return sorted(names, key=lambda name: not any(name[: at.start()] in stems for at in _DOT.finditer(name)))

    # Pictures

    def _pictures(self, kinds: Mapping[str, list[str]]) -> None:
        for name in self._asking(kinds.get("jpeg", [])):
            self._new(name, paired=True)
        for kind, extensions in (("heic", _HEIC), ("mpo", _MPO)):
            for name in self._asking(self._spelled_alike(kinds.get(kind, []))):
                around = self._around(_split(name)[0])
                self._join(name, [nest for nest in around if nest.paired and not nest.has(extensions)])
        for name in self._asking(kinds.get("picture", [])):
            self._new(name, paired=False)
        for name in self._asking(self._spelled_alike(kinds.get("raw", []))):
            around = self._around(_split(name)[0])
            self._join(name, [nest for nest in around if nest.paired] or around)

    def _new(self, name: str, *, paired: bool) -> None:
        stem = _split(name)[0]
        nest = _Nest(stem, paired)
        self._nests.append(nest)
        self._by_stem.setdefault(name_key(stem), []).append(nest)
        self._put(nest, Member(stem, name[len(stem) :], of=name))

    def _join(self, name: str, nests: list[_Nest]) -> None:
        """Add a picture to one of the units, or to a new one."""
        stem = _split(name)[0]
        nest = _best(nests, name, stem)
        if nest is None:
            self._new(name, paired=True)
        else:
            nest.paired = True
            self._put(nest, Member(stem, name[len(stem) :], of=name))

    def _put(self, nest: _Nest, member: Member) -> None:
        nest.add(member)
        self._by_name.setdefault(name_key(member.name), []).append((member, nest))

    def _join_shots(self) -> None:
        """Join the units whose pictures are of one shot, though their stems differ."""
        joined: dict[int, _Nest] = {}
        by_shot: dict[str, list[tuple[str, _Nest]]] = {}
        for nest in self._nests:
            cut = next((one for one in companions.cut_edits(nest.stem) if name_key(one) in self._by_stem), None)
            shot = cut or companions.shot(nest.stem)
            by_shot.setdefault(name_key(shot), []).append((shot, nest))
        for key, nests in by_shot.items():
            versions = [(shot, nest) for shot, nest in nests if name_key(nest.stem) != key]
            whole = [nest for _shot, nest in nests if name_key(nest.stem) == key]
            self._by_shot[key] = whole
            for shot, nest in versions:
                target = _first_of_shot(whole, nest, shot)
                if target is None:
                    whole.append(nest)
                    continue
                target.paired |= nest.paired
                for member in nest.members:
                    target.add(member)
                joined[id(nest)] = target
        if not joined:
            return
        self._nests = [nest for nest in self._nests if id(nest) not in joined]
        for found in self._by_stem.values():
            found[:] = list({id(one): one for one in (joined.get(id(nest), nest) for nest in found)}.values())
        for owners in self._by_name.values():
            owners[:] = [(member, joined.get(id(nest), nest)) for member, nest in owners]

    # Videos and sidecars

    def _video(self, name: str) -> None:
        stem, extension = _split(name)
        stems = [name] if companions.is_motion(extension) else []
        for one in (*stems, *companions.live_stems(stem), *companions.apple_edit(stem)):
            nests = [nest for nest in self._around(one) or self._by_shot.get(name_key(one), []) if nest.paired]
            nest = _best(nests, name, one)
            if nest is not None:
                at = len(one) if name_key(name[: len(one)]) == name_key(one) else len(stem)
                self._put(nest, Member(name[:at], name[at:], of=nest.picture_of(one)))
                return

    def _sidecar(self, name: str, whole: str, folder: Folder) -> None:
        """Add a sidecar to a unit, if it belongs to one.

        Args:
            name: its name.
            whole: the name that says whose it is: its own, or that of the file that it is a copy of.
            folder: the folder that it is in.
        """
        base, extension = _split(whole)
        for at in reversed([match.start() for match in _DOT.finditer(whole)]):
            if owners := self._by_name.get(name_key(whole[:at])):
                self._beside(name, folder, owners, whole[:at])
                return
        version = _FURTHER_VERSION.fullmatch(base)
        if version is not None and (owners := self._by_name.get(name_key(version.group(1) + version.group(2)))):
            self._beside(name, folder, owners, version.group(1) + version.group(2))
            return
        inner, kind = _split(base)
        is_of_media = companions.is_media(kind)
        tries = [(base, self._around(base))]
        if is_of_media:  # the file that it was made for is gone; another file with the name may take it
            nests = self._around(inner)
            tries.append((inner, [nest for nest in nests if nest.paired or kind not in VIDEO_EXTENSIONS]))
        elif extension == "aae":
            tries += [(stem, self._around(stem)) for stem in companions.apple_original(base)]
        stem = inner if is_of_media else base
        nests = self._by_shot.get(name_key(companions.shot(stem)), [])
        tries.append((stem, [nest for nest in nests if nest.paired or kind not in VIDEO_EXTENSIONS]))
        if extension == "aae":
            tries += [(one, self._around(one)) for one in companions.apple_edit(base)]
        for stem, nests in tries:
            if nests:
                self._add(name, stem, folder, _best(nests, name, stem, folder))
                return

    def _beside(self, name: str, folder: Folder, owners: list[tuple[Member, _Nest]], whole: str) -> None:
        """Add a sidecar to the unit of the file that has that whole name."""
        for owner, nest in sorted(owners, key=lambda one: one[0].name != whole):
            if nest.fits(name, folder):
                stem = name[: len(owner.stem)]
                nest.add(Member(stem, name[len(stem) :], folder, of=owner.of))
                return

    def _add(self, name: str, stem: str, folder: Folder, nest: _Nest | None) -> None:
        if nest is None or not nest.fits(name, folder):
            return
        at = len(stem) if name_key(name[: len(stem)]) == name_key(stem) else len(_split(name)[0])
        nest.add(Member(name[:at], name[at:], folder, of=nest.picture_of(stem)))

    # Google Takeout

    def _described_by(self, name: str, whole: str) -> bool:
        """Add a JSON file to the unit of its photo; return False if its name says no whole name."""
        takeout = companions.takeout(whole)
        for one in takeout.names:
            if owners := self._by_name.get(name_key(one)):
                for owner, nest in sorted(owners, key=lambda found: found[0].name != one):
                    if nest.fits(name):
                        self._describe(name, owner, nest, takeout)
                        break
                return True
        for stem in takeout.stems:
            if nests := self._around(stem):
                self._add(name, stem, (), _best(nests, name, stem))
                return True
        return False

    def _described_by_a_part(self, name: str) -> None:
        """Add a JSON file to the unit with its stem, or the first photo whose name begins like it and has none yet."""
        base = _split(name)[0]
        if nests := self._around(base):  # it was uploaded without an extension
            undescribed = [nest for nest in nests if id(nest) not in self._nests_described]
            self._add(name, base, (), _best(undescribed or nests, name, base))
            return
        takeout = companions.takeout(name)
        if not takeout.beginning:
            return
        key = name_key(takeout.beginning)
        names = self._sorted_names()
        found: list[tuple[Member, _Nest]] = []
        for one in names[bisect.bisect_left(names, key) :]:
            if not one.startswith(key):
                break
            found += self._by_name[one]
        found = [one for one in found if (id(one[1]), one[0].name) not in self._described]
        found.sort(key=lambda one: (companions.copy_mark(one[0].stem) != takeout.copy, len(one[0].name), one[0].name))
        for owner, nest in found:
            if nest.fits(name):
                self._describe(name, owner, nest, takeout)
                return

    def _sorted_names(self) -> list[str]:
        self._names = self._names or sorted(self._by_name)
        return self._names

    def _describe(self, name: str, owner: Member, nest: _Nest, takeout: companions.TakeoutNames) -> None:
        self._described.add((id(nest), owner.name))
        self._nests_described.add(id(nest))
        if name_key(name[: len(owner.name)]) == name_key(owner.name):
            nest.add(Member(name[: len(owner.stem)], name[len(owner.stem) :], of=owner.of))
            return
        ending = owner.ending + (".json" if takeout.is_plain else ".supplemental-metadata.json")
        stem = _split(name)[0]
        nest.add(Member(stem, name[len(stem) :], renamed=(owner.stem, ending), of=owner.of))


def _best(nests: list[_Nest], name: str, stem: str, folder: Folder = ()) -> _Nest | None:
    """Return the unit whose stem is spelled the same, or else the first one, of those that the name fits into."""
    fitting = [nest for nest in nests if nest.fits(name, folder)]
    return next((nest for nest in fitting if nest.spells(stem)), fitting[0] if fitting else None)


def _first_of_shot(whole: list[_Nest], version: _Nest, shot: str) -> _Nest | None:
    """Return the unit that a version belongs to: spelled alike, of the same kind, with a JPEG, or the first."""
    extensions = {_split(member.name)[1] for member in version.members}
    fitting = [nest for nest in whole if all(nest.fits(member.name) for member in version.members)]
    fitting.sort(key=lambda nest: (nest.stem != shot, not nest.has(extensions), not nest.paired))
    return fitting[0] if fitting else None


def _split(name: str) -> tuple[str, str]:
    """Return the stem and the extension in lower case; the whole name and "" if there is no extension."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension.lower()) if dot and stem else (name, "")


def _kind(name: str, *, is_photo: bool) -> str | None:
    extension = _split(name)[1]
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
    if companions.backup_of(name) is not None:
        return "sidecar"
    return companions.kind_of_extension(extension) or None
