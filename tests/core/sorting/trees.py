"""Folders of files to sort, plans made by hand, and what a folder looks like."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.safe_write import How
from alpacasorter.core.sorting.events import FilesFailed, FilesPlaced, SortBegan, SortEnded, SortEvent
from alpacasorter.core.sorting.execution.transfer import Transfer, TransferKind
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Group, Outcome, PlannedFile, PlannedUnit, SortPlan
from alpacasorter.core.store.library import Library

PARTS = ".part"
GUARD = b"ours"
START_NS = 1_600_000_000_123_456_700

Tree = dict[str, tuple[str, str, int, int]]


def write(path: Path, data: bytes, *, mode: int = 0o644, number: int = 0) -> Path:
    """Write a file with a time and permissions of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, ns=(START_NS, START_NS + number * 1_000_000_100))
    return path


def planned(source: Path, target: Path | None, *, key: bool = True, there: bool = False) -> PlannedFile:
    """Return a file of a plan, as it is now."""
    status = source.stat()
    digest = hashlib.sha256(source.read_bytes()).hexdigest() if key else None
    return PlannedFile(source, target, status.st_size, status.st_mtime_ns, digest, there)


def unit(*files: PlannedFile, outcome: Outcome = Outcome.GO) -> PlannedUnit:
    """Return a unit of a plan."""
    photo = LabeledPhoto(files[0].source, files[0].content_key, "alpaca", 0.9)
    return PlannedUnit(photo, files, Group.LABEL, outcome)


def plan_of(folder: Path, destination: Path, units: Iterable[PlannedUnit], action: Action = Action.MOVE) -> SortPlan:
    """Return a plan of these units, with the folders that they need."""
    units = tuple(units)
    needed = {
        parent
        for one in units
        if one.outcome is Outcome.GO
        for file in one.files
        if file.target is not None
        for parent in file.target.parents
        if parent.is_relative_to(destination) and not parent.exists()
    }
    new = tuple(sorted(needed))
    return SortPlan(folder, SortOptions(destination, action), units, new, new[:1], 0, None, False)


def moves(folder: Path, destination: Path, action: Action = Action.MOVE) -> SortPlan:
    """Return a plan that puts each file of a folder into "alpaca" below the destination, by its name."""
    units = [
        unit(planned(path, destination / "alpaca" / path.name)) for path in sorted(folder.iterdir()) if path.is_file()
    ]
    return plan_of(folder, destination, units, action)


def tree(*roots: Path) -> Tree:
    """Return what is below some folders: kind, bytes (as a hash) or what a link says, time of change, permissions."""
    found: Tree = {}
    for root in roots:
        for path in _below(root):
            status = path.lstat()
            name = os.fsdecode(path)
            if stat.S_ISLNK(status.st_mode):
                found[name] = ("link", str(path.readlink()), 0, 0)
            elif stat.S_ISDIR(status.st_mode):
                found[name] = ("folder", "", 0, stat.S_IMODE(status.st_mode))
            else:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[name] = ("file", digest, status.st_mtime_ns, stat.S_IMODE(status.st_mode))
    return found


def _below(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def drain(events: Iterable[SortEvent]) -> tuple[list[SortEvent], SortEnded]:
    """Return all events of a run, and the last."""
    told = list(events)
    assert isinstance(told[0], SortBegan)
    assert isinstance(told[-1], SortEnded)
    return told, told[-1]


def placed(events: Iterable[SortEvent]) -> dict[Path, Path | None]:
    """Return where files are said to be now, by where they were."""
    return {file.before: file.after for event in events if isinstance(event, FilesPlaced) for file in event.files}


def failed(events: Iterable[SortEvent]) -> dict[Path, str]:
    """Return which files are said to have failed, and why."""
    return {one.path: one.reason for event in events if isinstance(event, FilesFailed) for one in event.failures}


def library_at(path: Path) -> Library:
    """Open a library in a folder."""
    return Library.open(path / "library.sqlite")


def transfer(kind: TransferKind, source: Path, goal: Path, how: How = How.LINK) -> Transfer:
    """Return the transfer of a file as it is now."""
    status = source.stat()
    return Transfer(kind, source, goal, goal.with_name(".spare.part"), status.st_size, status.st_mtime_ns, GUARD, how)


class World:
    """A file on its way from one folder to another."""

    def __init__(self, folder: Path, kind: TransferKind, how: How) -> None:
        self.source = write(folder / "from" / "photo.jpg", b"photo", number=4)
        self.goal = folder / "to" / "name.jpg"
        self.goal.parent.mkdir()
        self.transfer = transfer(kind, self.source, self.goal, how)
        self.kind = kind

    def names(self) -> set[str]:
        """Return the names in both folders."""
        return {path.name for folder in (self.source.parent, self.goal.parent) for path in folder.iterdir()}

    def go(self, steps: int) -> None:
        """Do some of the steps: a copy, the name, the taking away."""
        if steps > 0:
            for _ in self.transfer.make_copy(lambda: False):
                pass
        if steps > 1:
            self.transfer.place()
        if steps > 2:
            self.transfer.take_origin()


SORT_KILLED = """
from alpacasorter.core.sorting.execution import batch
from alpacasorter.core.sorting.execution.run import run_sort
from tests.core.sorting.trees import library_at, moves
from alpacasorter.core.sorting.execution.transfer import Transfer
batch.FILES = 4
folder = Path(sys.argv[1])
taken = []
real = Transfer.take_origin
def take(self):
    taken.append(self)
    if len(taken) == taken_at:
        die()
    real(self)
Transfer.take_origin = take
list(run_sort(moves(folder / "photos", folder / "out" / "sorted"), library_at(folder / "library")))
"""


def sort_killed_at(move: int) -> str:
    """Return a script, for `run_child` and a folder, in which a sort ends at this move as by a power cut."""
    return f"taken_at = {move}{SORT_KILLED}"
