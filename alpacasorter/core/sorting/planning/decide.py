"""Decides which folder each unit of a plan goes to, or what keeps it from going; its names there come later."""

from __future__ import annotations

import os
from pathlib import Path

from alpacasorter.core import reasons
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.options import Action, DifferentTags, Leftovers, SortOptions
from alpacasorter.core.sorting.plan import Group, Outcome
from alpacasorter.core.sorting.planning.disks import can_change, can_read, can_take
from alpacasorter.core.sorting.planning.pattern import Pattern, PatternValues
from alpacasorter.core.sorting.planning.target_folders import FolderCache, TargetFolder, TargetFolders
from alpacasorter.core.sorting.planning.units import Draft, examine


class Decider:
    """Decides about the units of one plan.

    Attributes:
        closed_folders: read-only folders that files should be moved out of.
    """

    def __init__(
        self,
        folder: Path,
        options: SortOptions,
        labels: LabelSet,
        pattern: Pattern,
        folders: FolderCache,
        targets: TargetFolders,
    ) -> None:
        """Prepare.

        Args:
            folder: the folder that was scanned.
            options: the user's choices.
            labels: the classes.
            pattern: the parsed pattern of the options.
            folders: contents of the folders on the disk.
            targets: the folders below the destination.
        """
        self._options = options
        self._labels = labels
        self._pattern = pattern
        self._folder = folder
        self._folders = folders
        self._targets = targets
        self._destination = targets.at(()).path
        usual = SortOptions(options.destination)
        self._unsure = options.unsure_folder.strip() or usual.unsure_folder
        self._unreadable = options.unreadable_folder.strip() or usual.unreadable_folder
        self._sources: dict[str, os.stat_result | None] = {}
        self.closed_folders: list[Path] = []

    def group_names(self) -> list[tuple[str, str]]:
        """Return the name of each label or group that goes to a folder, and what replaces {label} for it.

        The name of a group is a code of `core.reasons`.
        """
        options = self._options
        names = [
            (self._labels.display(label), self._label_text(label))
            for label in self._labels.names
            if label not in options.leave_labels
        ]
        if options.unsure is Leftovers.FOLDER:
            names.append((reasons.UNSURE_PHOTOS, self._unsure))
        if options.unreadable is Leftovers.FOLDER:
            names.append((reasons.UNREADABLE_PHOTOS, self._unreadable))
        return names

    def decide(self, draft: Draft) -> None:
        """Set the unit's group and target, or the outcome that keeps it from going."""
        photo, options = draft.photo, self._options
        if photo.label is None or photo.reason is not None:
            draft.group = Group.UNREADABLE
            text = self._unreadable
            stays = options.unreadable is Leftovers.LEAVE
            why = photo.reason or reasons.UNREADABLE_STAYS
        elif not photo.is_sure(options.min_confidence):
            draft.group = Group.UNSURE
            text = self._unsure
            stays, why = options.unsure is Leftovers.LEAVE, reasons.UNSURE_STAYS
        else:
            text = self._label_text(photo.label)
            stays, why = photo.label in options.leave_labels, reasons.LABEL_STAYS
        if draft.disagrees and options.different_tags is DifferentTags.LEAVE:
            stays, why = True, reasons.DIFFERENT_TAGS_STAY
        if stays:
            draft.outcome, draft.reason = Outcome.STAYS, why
        examine(draft, options.action)
        if stays:
            return
        if not draft.files or draft.files[0].member.name != photo.path.name:  # the photo itself is gone
            return
        blocked = draft.outcome is not None
        if blocked and self._pattern.uses_camera:
            return  # its camera can't be read, so it is unknown whether it is in place
        draft.target = self._targets.at(self._folders_for(draft, text))
        place = self._folders.identity(draft.folder)
        if draft.target.exists and place is not None and place == self._folders.identity(draft.target.path):
            draft.outcome, draft.reason = Outcome.IN_PLACE, None
        elif not blocked:
            self._check(draft, draft.target)

    def _label_text(self, label: str) -> str:
        return self._options.folder_names.get(label, "").strip() or self._labels.display(label)

    def _folders_for(self, draft: Draft, text: str) -> tuple[str, ...]:
        photo, pattern = draft.photo, self._pattern
        draft.taken = photo.taken(self._options.clocks) if pattern.uses_taken else None
        taken = None if draft.taken is None else draft.taken.moment
        draft.undated = pattern.uses_taken and taken is None
        camera = None
        if pattern.uses_camera:
            # Imported only when needed, because it imports Pillow.
            from alpacasorter.core.photos.picture import read_camera

            camera = read_camera(draft.files[0].real)
            draft.without_camera = camera is None
        values = PatternValues(text, taken, (), camera)
        if not pattern.uses_folder:
            return pattern.folders(values)
        values = PatternValues(text, taken, _below(self._folder, draft.folder) or (), camera)
        if (below := _below(self._destination, draft.folder)) is not None:
            # It may have been sorted here by this pattern, under the label that it had then.
            for name in (text, *(text for _name, text in self.group_names())):
                own = pattern.own_folders(below, PatternValues(name, taken, (), camera))
                if own is not None:
                    values = PatternValues(text, taken, own, camera)
                    break
        return pattern.folders(values)

    def _check(self, draft: Draft, target: TargetFolder) -> None:
        """Block a unit whose files can't be moved, copied or linked to this target."""
        action, disk = self._options.action, target.disk
        other_disk = any(file.status.st_dev != disk.number for file in draft.files)
        if target.problem is not None:
            draft.block(target.problem)
        elif action is Action.HARDLINK and not disk.has_hard_links:
            draft.block(reasons.NO_HARD_LINKS)
        elif action is Action.HARDLINK and other_disk:
            draft.block(reasons.LINK_ACROSS_DISKS)
        elif action is Action.SYMLINK and not disk.has_symlinks:
            draft.block(reasons.NO_SYMLINKS)
        elif action is Action.MOVE and (problem := self._why_not_moved(draft)) is not None:
            draft.block(problem)
        elif action is Action.COPY or (action is Action.MOVE and other_disk):
            self._check_reading(draft, target)

    def _why_not_moved(self, draft: Draft) -> str | None:
        source = self._source_folder(draft.folder)
        if source is None:
            return reasons.SOURCE_READ_ONLY
        if not all(can_take(source, file.status) for file in draft.files):
            return reasons.OTHER_OWNER
        return None

    def _check_reading(self, draft: Draft, target: TargetFolder) -> None:
        largest = target.disk.largest_file
        for file in draft.files:
            if not can_read(file.real):
                draft.block(reasons.FILES_NO_PERMISSION)
            elif largest is not None and file.status.st_size > largest:
                draft.block(reasons.TOO_LARGE)

    def _source_folder(self, folder: Path) -> os.stat_result | None:
        """Return the status of a folder that files can be moved out of; None for others."""
        path = os.fspath(folder)
        if path not in self._sources:
            try:
                status = folder.stat() if can_change(folder) else None
            except OSError:
                status = None
            self._sources[path] = status
            if status is None:
                self.closed_folders.append(folder)
        return self._sources[path]


def _below(outer: Path, inner: Path) -> tuple[str, ...] | None:
    """Return the parts of `inner` below `outer`; None if it is not below it."""
    try:
        return inner.relative_to(outer).parts
    except ValueError:
        return None
