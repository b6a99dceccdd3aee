"""The plan for the trash: which files go along with the photos that the user rejects. It only reads.

A photo goes with its companions. Other photos of its unit that were not chosen stay, such as the rest of a burst or the
HEIC file of a JPEG, and so do the companions that may be theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.core.photos.walk import rooted
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Group, Outcome, PlannedFile, PlannedUnit, SortPlan
from alpacasorter.core.sorting.planning.disks import name_key
from alpacasorter.core.sorting.planning.grouping import Member
from alpacasorter.core.sorting.planning.target_folders import FolderCache
from alpacasorter.core.sorting.planning.units import Draft, examine, gather


def plan_trash(
    folder: Path,
    photos: Sequence[LabeledPhoto],
    *,
    stopped: Callable[[], bool] = lambda: False,
    exclusion: Exclusion = NOTHING,
) -> SortPlan:
    """Return which files go to the trash with some photos.

    Args:
        folder: the open folder.
        photos: what the user rejects.
        stopped: called often; the plan is abandoned once it returns True.
        exclusion: what the user leaves out: such files go with no photo.

    Raises:
        PlanStopped: `stopped` returned True.
    """
    drafts = gather(photos, FolderCache(), stopped, exclusion=rooted(exclusion, folder), nearby_only=True)
    units = tuple(_planned(draft) for draft in drafts)
    return SortPlan(folder, SortOptions(folder), units, (), (), 0, None, other_disk=False, trashes=True)


def _planned(draft: Draft) -> PlannedUnit:
    draft.members = _going(draft.members, {photo.path.name for photo in (draft.photo, *draft.others)})
    examine(draft, Action.MOVE)
    outcome = draft.outcome or Outcome.GO
    files = tuple(
        PlannedFile(
            file.path,
            file.path if outcome is Outcome.GO else None,
            file.status.st_size,
            file.status.st_mtime_ns,
            file.content_key,
        )
        for file in draft.files
    )
    return PlannedUnit(draft.photo, files, Group.LABEL, outcome, draft.reason)


def _going(members: tuple[Member, ...], rejected: Collection[str]) -> tuple[Member, ...]:
    """Return the members of a unit that go with its rejected photos."""
    pictures = [member for member in members if not member.folder and member.of == member.name]
    kept = [member for member in pictures if member.name not in rejected and _is_listed(member)]
    if not kept:
        return members
    theirs = {name_key(member.stem) for member in kept}
    own = {name_key(name.rpartition(".")[0]) for name in rejected} - theirs

    def goes(member: Member) -> bool:
        if not member.folder and member.name in rejected:
            return True
        # A companion with the whole name of the photo, or with a stem that no other photo has.
        has_name = any(member.name.startswith(name) for name in rejected)
        return member not in kept and (has_name or name_key(member.of.rpartition(".")[0]) in own)

    return tuple(filter(goes, members))


def _is_listed(member: Member) -> bool:
    """Return whether a picture is a photo of its own in the window: RAW files beside another picture are not."""
    return member.name.rpartition(".")[2].lower() in PICTURE_EXTENSIONS
