"""What the window knows of the sort that runs, or that ran last. Plain Python, no Qt.

What there is to sort: the photos of the open folder as they are tagged now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import FileFailure, FilesPlaced, SortEnded, SortRecord, SortState
from alpacasorter.core.sorting.plan import Outcome, SortPhoto, SortPlan
from alpacasorter.ui.photo_row import PhotoRow, labeled
from alpacasorter.wording import sorts


@dataclass(slots=True)
class SortRun:
    """One sort, from being pressed to its end, with those that went on with it.

    Attributes:
        plan: what is done; None for one that the history knows.
        record: what the history knows of it; None before it has ended once.
        number: in the history; None before it has begun.
        undoing: whether it is being taken back.
        failed: files of this run that could not be done.
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
        """Return the run that goes on with this one, or takes it back."""
        undoing = undoing or self.undo_begun or self._is_undone
        placed = {} if undoing else dict(self._placed)
        return SortRun(self.plan, self.record, self.number, undoing, _placed=placed)

    def place(self, event: FilesPlaced) -> None:
        """Take note of files that were done."""
        self._placed.update((file.before, file.after) for file in event.files if file.after is not None)

    def fail(self, failures: Iterable[FileFailure]) -> None:
        """Take note of files that could not be done."""
        self.failed.extend(failures)

    def end(self, event: SortEnded) -> None:
        """Take note of the end."""
        self.ended = event
        self.record = event.record
        self.number = event.record.number

    @property
    def words(self) -> str:
        """What is being done."""
        if self.undoing:
            return sorts.undoing(self.record)
        if self.plan is not None:
            options = self.plan.options
            return sorts.doing(options.action, options.destination, rest=self.record is not None)
        if self.record is not None:
            return sorts.doing(self.record.action, self.record.destination, rest=True)
        return "Sorting"

    @property
    def outcome(self) -> str:
        """What came of it, one sentence; empty before the end."""
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

    # What can be done now

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to put back."""
        record = self.record
        return record is not None and record.state is not SortState.UNDONE and record.done > 0

    @property
    def can_go_on(self) -> bool:
        """Whether there is a rest to do, or files to try again."""
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
        """Whether it stands in the middle of being taken back, so that only this can go on."""
        return self.record is not None and self.record.state is SortState.UNDOING

    @property
    def is_broken_off(self) -> bool:
        """Whether it stands in the middle."""
        return self.record is not None and self.record.is_open


@dataclass(frozen=True, slots=True)
class Subject:
    """The open folder, at one moment.

    Attributes:
        folder: the folder.
        photos: its photos, judged or unreadable.
        labels: what they can be.
        waiting: how many photos were not looked at yet.
        scanning: whether they are being looked at.
    """

    folder: Path
    photos: tuple[SortPhoto, ...]
    labels: LabelSet
    waiting: int
    scanning: bool


def subject_of(
    folder: Path, rows: Iterable[PhotoRow], labels: LabelSet, folders: Collection[Path], *, scanning: bool
) -> Subject:
    """Return what there is to sort; `folders` are those of the rows that are folders that can't be read."""
    photos, waiting = [], 0
    for row in rows:
        photo = labeled(row, labels)
        if photo is None:
            waiting += 1
        elif photo.reason is None or row.path not in folders:
            photos.append(photo)
    return Subject(folder, tuple(photos), labels, waiting, scanning)


def usual_destination(folder: Path) -> Path:
    """Return where the photos of a folder go unless the user says otherwise.

    That is the folder itself; of one into which photos were sorted, the folder above, so that a photo whose tag was
    put right moves over to its neighbour and not one level down.
    """
    try:
        is_output = (folder / OUTPUT_MARKER).exists()
    except OSError:
        is_output = False
    return folder.parent if is_output else folder
