"""The state of a sort in the window: what there is to sort, and the sort that runs or ran last. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core.events import LearningAgain
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import FileFailure, FilesPlaced, SortEnded, SortRecord, SortState
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.i18n import _
from alpacasorter.ui.photo_row import PhotoRow, labeled
from alpacasorter.wording import sorts, trash


@dataclass(slots=True)
class SortRun:
    """One run of a sort or of its undo, from the click on the button to its end.

    Attributes:
        plan: what is sorted; None for a sort from the history.
        record: the record in the history; None before the sort has ended for the first time.
        number: of the sort in the history; None before it has started.
        undoing: whether this run undoes the sort.
        failed: files that this run could not sort or undo.
        ended: the end; None while it runs.
    """

    plan: SortPlan | None = None
    record: SortRecord | None = None
    number: int | None = None
    undoing: bool = False
    failed: list[FileFailure] = field(default_factory=list)
    ended: SortEnded | None = None
    _placed: dict[Path, Path] = field(default_factory=dict)

    def again(self, *, undoing: bool) -> SortRun:
        """Return the run that resumes this one, or undoes it."""
        undoing = undoing or self.undo_begun or self._is_undone
        placed = {} if undoing else dict(self._placed)
        return SortRun(self.plan, self.record, self.number, undoing, _placed=placed)

    def place(self, event: FilesPlaced) -> None:
        """Note files that were sorted or undone."""
        self._placed.update((file.before, file.after) for file in event.files if file.after is not None)

    def fail(self, failures: Iterable[FileFailure]) -> None:
        """Note files that could not be sorted or undone."""
        self.failed.extend(failures)

    def end(self, event: SortEnded) -> None:
        """Note the end."""
        self.ended = event
        self.record = event.record
        self.number = event.record.number

    @property
    def doing(self) -> str:
        """What is being done, in words."""
        if self.undoing:
            return sorts.undoing(self.record)
        if self.plan is not None:
            options = self.plan.options
            return sorts.doing(options.action, options.destination, rest=self.record is not None)
        if self.record is not None and self.record.trashed:
            return trash.moving()
        if self.record is not None:
            return sorts.doing(self.record.action, self.record.destination, rest=True)
        return _("Sorting photos…")

    @property
    def outcome(self) -> str:
        """How it ended, in words; empty before the end."""
        if self.ended is None:
            return ""
        photos, folders = self._counted()
        return sorts.outcome(self.ended, photos, folders)

    def _counted(self) -> tuple[int, int]:
        if self.plan is None or self.undoing:
            return 0, 0
        units = [unit for unit in self.plan.units if unit.outcome is Outcome.GO]
        done = [self._placed[unit.files[0].source] for unit in units if unit.files[0].source in self._placed]
        return len(done), len({path.parent for path in done})

    # What the user can do now

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        record = self.record
        return record is not None and record.state is not SortState.UNDONE and record.done > 0

    @property
    def can_resume(self) -> bool:
        """Whether it can be continued, or has failed files that can be tried again."""
        record = self.record
        if record is None:
            return False
        failed = record.left if self._is_undone else record.failed
        return record.is_open or failed > 0

    @property
    def _is_undone(self) -> bool:
        return self.record is not None and self.record.state is SortState.UNDONE

    @property
    def undo_begun(self) -> bool:
        """Whether its undo was interrupted, so that only the undo can be continued."""
        return self.record is not None and self.record.state is SortState.UNDOING

    @property
    def is_interrupted(self) -> bool:
        """Whether it was interrupted or stopped."""
        return self.record is not None and self.record.is_open


@dataclass(frozen=True, slots=True)
class SortInput:
    """What there is to sort: the photos of the open folder as they are tagged now.

    Attributes:
        folder: the open folder.
        photos: its photos, judged or unreadable.
        labels: of the model.
        waiting: number of photos that were not scanned yet.
        scanning: whether a scan is running.
        again: how far the model is with corrections that were made with another one; None if that is not known.
        listed: how many photos the window lists; None if it lists all. All are sorted anyway.
        selected: how many photos are selected in the window. All are sorted anyway.
    """

    folder: Path
    photos: tuple[LabeledPhoto, ...]
    labels: LabelSet
    waiting: int
    scanning: bool
    again: LearningAgain | None = None
    listed: int | None = None
    selected: int = 0


def sort_input(
    folder: Path, rows: Iterable[PhotoRow], labels: LabelSet, folders: Collection[Path], *, scanning: bool
) -> SortInput:
    """Return what there is to sort in a folder.

    Args:
        folder: the open folder.
        rows: its photos, and the folders in it that could not be read.
        labels: of the model.
        folders: paths of those folders.
        scanning: whether a scan is running.
    """
    photos, waiting = [], 0
    for row in rows:
        photo = labeled(row, labels)
        if photo is None:
            waiting += 1
        elif photo.reason is None or row.path not in folders:
            photos.append(photo)
    return SortInput(folder, tuple(photos), labels, waiting, scanning)


def default_destination(folder: Path) -> Path:
    """Return the destination that is suggested for a folder: the folder itself.

    For a folder made by an earlier sort it is the parent folder, so that a photo whose tag was corrected moves to the
    folder next to it, not one level down.
    """
    try:
        is_output = (folder / OUTPUT_MARKER).exists()
    except OSError:
        is_output = False
    return folder.parent if is_output else folder
