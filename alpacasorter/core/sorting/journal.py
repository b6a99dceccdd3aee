"""The write-ahead journal: what a sort is about to do with each file, and how that ended.

It is stored in the library. An intent is on the disk before a file is touched, and its result afterwards. So however
the app ends, the journal and the disk together show how far each file got (`execution.run` works that out).
"""

from __future__ import annotations

import enum
import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from alpacasorter.core.sorting.events import SortError, SortRecord, SortState
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.core.store.database import blob_to_path, key_to_blob, path_to_blob, utc_now
from alpacasorter.core.store.library import Library
from alpacasorter.core.store.library_schema import SORT_COLUMNS, STEP_COLUMNS, SortRow, StepRow, insert_sort
from alpacasorter.i18n import _

E = TypeVar("E", bound=enum.StrEnum)

_PATHS_AT_ONCE: Final = 400
"""SQLite allows some 999 values in a query in its older versions."""


class StepState(enum.StrEnum):
    """How far one file is.

    Attributes:
        PLANNED: nothing was done with it.
        STARTED: something may have been done with it.
        COPIED: a complete copy was made under a temporary name; more may have been done.
        DONE: it is at its target.
        FAILED: it could not be sorted, and is where it was.
        RETURNING: it was at its target, and something may have been done to restore it.
        RECOPIED: the same, and a complete copy was made where it came from, under a temporary name.
        BACK: it was restored.
        LEFT: it could not be restored, and is at its target.
    """

    PLANNED = "planned"
    STARTED = "started"
    COPIED = "copied"
    DONE = "done"
    FAILED = "failed"
    RETURNING = "returning"
    RECOPIED = "recopied"
    BACK = "back"
    LEFT = "left"


class FolderState(enum.StrEnum):
    """How far a folder is.

    Attributes:
        PLANNED: it does not exist.
        STARTED: it did not exist, and may have been created by now.
        MADE: it was created by the sort.
        FOREIGN: it already existed, or could not be created.
        REMOVED: it was created by the sort and removed again.
    """

    PLANNED = "planned"
    STARTED = "started"
    MADE = "made"
    FOREIGN = "foreign"
    REMOVED = "removed"


IN_FLIGHT: Final = frozenset((StepState.STARTED, StepState.COPIED, StepState.RETURNING, StepState.RECOPIED))
"""States in which only the disk shows how far a file got."""


@dataclass(slots=True)
class Step:
    """What is done with one file; a row of the journal.

    Attributes:
        position: its place in the sort, from 0.
        unit: files with the same number belong together.
        state: how far it is.
        source: where it was.
        target: where it goes. Of a file for the trash, where it is until the trash has said where it put it.
        size: bytes when the plan was made.
        mtime_ns: modification time then.
        mode: its permissions before.
        placed_mtime_ns: modification time of the file at the target.
        digest: SHA-256 of its bytes if known.
        way: the kind of transfer and how it makes names, such as "move/link".
        temp: a temporary name, without its folder, that may exist.
        real: the file that a link leads to.
        reason: why it could not be sorted or restored: a code of `core.reasons`, or a sentence in English if an earlier
            version wrote it.
    """

    position: int
    unit: int
    state: StepState
    source: Path
    target: Path
    size: int
    mtime_ns: int
    mode: int | None = None
    placed_mtime_ns: int | None = None
    digest: bytes | None = None
    way: str | None = None
    temp: str | None = None
    real: Path | None = None
    reason: str | None = None


@dataclass(slots=True)
class Folder:
    """A folder that a sort creates, and whether it gets the marker of the app's own output."""

    position: int
    path: Path
    marked: bool
    state: FolderState


def places_of_sorted(library: Library, paths: Collection[Path]) -> dict[Path, list[Path]]:
    """Return where sorts put the files that were in these places, and where those came from that they put there.

    Args:
        library: where the journal is.
        paths: the places; absolute.

    Raises:
        LibraryError: it can't be read.
    """
    wanted = {path_to_blob(path): path for path in paths}
    blobs = list(wanted)

    def read(connection: sqlite3.Connection) -> list[tuple[bytes, bytes]]:
        rows: list[tuple[bytes, bytes]] = []
        for start in range(0, len(blobs), _PATHS_AT_ONCE):
            some = blobs[start : start + _PATHS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            rows += connection.execute(
                f"SELECT source, target FROM sort_steps WHERE source IN ({marks}) OR target IN ({marks})"
                " ORDER BY id DESC",
                (*some, *some),
            )
        return rows

    found: dict[Path, list[Path]] = {}
    for source, target in library.read(read):
        for one, other in ((source, target), (target, source)):
            if one in wanted:
                found.setdefault(wanted[one], []).append(blob_to_path(other))
    return found


def planned_steps(plan: SortPlan) -> Iterator[Step]:
    """Yield a step for each file of a plan that is moved, copied or linked."""
    position = 0
    for number, unit in enumerate(plan.units):
        if unit.outcome is not Outcome.GO:
            continue
        for file in unit.files:
            if file.target is not None and not file.there:
                digest = None if file.content_key is None else key_to_blob(file.content_key)
                places = (file.source, file.target)
                yield Step(position, number, StepState.PLANNED, *places, file.size, file.mtime_ns, digest=digest)
                position += 1


def step_row(uid: bytes, revision: int, step: Step) -> StepRow:
    """Return a step as the database stores it."""
    return StepRow(
        sort=uid,
        position=step.position,
        unit=step.unit,
        state=step.state,
        revision=revision,
        size=step.size,
        mtime_ns=step.mtime_ns,
        mode=step.mode,
        placed_mtime_ns=step.placed_mtime_ns,
        digest=step.digest,
        way=step.way,
        temp=step.temp,
        source=path_to_blob(step.source),
        target=path_to_blob(step.target),
        real=None if step.real is None else path_to_blob(step.real),
        reason=step.reason,
    )


def step_of(row: StepRow) -> Step:
    """Return a step from its row in the database."""
    return Step(
        position=row.position,
        unit=row.unit,
        state=_member(StepState, row.state),
        source=blob_to_path(row.source),
        target=blob_to_path(row.target),
        size=row.size,
        mtime_ns=row.mtime_ns,
        mode=row.mode,
        placed_mtime_ns=row.placed_mtime_ns,
        digest=row.digest,
        way=row.way,
        temp=row.temp,
        real=None if row.real is None else blob_to_path(row.real),
        reason=row.reason,
    )


_AT_ONCE: Final = 512
_TRASH: Final = "trash"


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort in the journal: its unique identifier, and its record in the history."""

    uid: bytes
    record: SortRecord


class Journal:
    """The journal in a library. Every method raises LibraryError if the library fails; then nothing was written."""

    def __init__(self, library: Library) -> None:
        """Use an open library."""
        self.library: Final = library

    def begin(self, plan: SortPlan) -> Sort:
        """Write a whole plan to the journal; from now on the sort can be resumed or undone."""
        uid, now, options = os.urandom(16), utc_now(), plan.options
        steps = list(planned_steps(plan))
        places = (path_to_blob(plan.folder), path_to_blob(options.destination))
        marked = set(plan.output_folders)
        folders = [
            (uid, position, FolderState.PLANNED, path in marked, path_to_blob(path))
            for position, path in enumerate(plan.new_folders)
        ]

        def write(connection: sqlite3.Connection, revision: int) -> int:
            counts = (len(steps), 0, 0, 0)
            row = SortRow(uid, 0, options.action, SortState.RUNNING, revision, now, *counts, *places, _as_json(plan))
            number = insert_sort(connection, row)
            connection.executemany(
                f"INSERT INTO sort_steps ({STEP_COLUMNS}) VALUES ({', '.join('?' * len(StepRow._fields))})",
                (step_row(uid, revision, step) for step in steps),
            )
            connection.executemany(
                "INSERT INTO sort_folders (sort, position, state, revision, marked, path) VALUES (?, ?, ?, ?, ?, ?)",
                [(*folder[:3], revision, *folder[3:]) for folder in folders],
            )
            return number

        number = self.library.write(write)
        state = SortState.RUNNING
        record = SortRecord(
            number, now, plan.folder, options.destination, options.action, state, len(steps), 0, 0, 0, plan.trashes
        )
        return Sort(uid, record)

    def sorts(self, limit: int) -> list[Sort]:
        """Return the latest sorts, newest first; open ones with their current counts."""
        rows = self.library.read(
            lambda connection: connection.execute(
                f"SELECT {SORT_COLUMNS} FROM sorts ORDER BY number DESC LIMIT ?", (max(limit, 0),)
            ).fetchall()
        )
        return [self._sort(SortRow(*row)) for row in rows]

    def sort(self, number: int) -> Sort:
        """Return a sort; raises SortError if there is none with this number."""
        row = self.library.read(
            lambda connection: connection.execute(
                f"SELECT {SORT_COLUMNS} FROM sorts WHERE number = ?", (number,)
            ).fetchone()
        )
        if row is None:
            raise SortError(_("There is no sort {number}. See the sort history.").format(number=number))
        return self._sort(SortRow(*row))

    def set_state(self, sort: Sort, state: SortState) -> Sort:
        """Write the state of a sort and its counts, and return the updated sort."""
        counts = self.counts(sort.uid)
        record = _counted(replace(sort.record, state=state), counts)

        def write(connection: sqlite3.Connection, revision: int) -> None:
            changed = connection.execute(
                "UPDATE sorts SET state = ?, revision = ?, done = ?, failed = ?, remaining = ? WHERE uid = ?",
                (state, revision, record.done, record.failed, record.left, sort.uid),
            )
            _all_changed(changed, 1)

        self.library.write(write)
        return replace(sort, record=record)

    def counts(self, uid: bytes) -> dict[StepState, tuple[int, int]]:
        """Return, for each state, how many files of a sort are in it and how many bytes they have."""
        rows = self.library.read(
            lambda connection: connection.execute(
                "SELECT state, count(*), sum(size) FROM sort_steps WHERE sort = ? GROUP BY state", (uid,)
            ).fetchall()
        )
        return {_member(StepState, state): (count, size) for state, count, size in rows}

    def units(self, uid: bytes, *, backwards: bool = False) -> Iterator[list[Step]]:
        """Yield the steps of a sort unit by unit, each unit in order of position; reads a few hundred at a time."""
        order, beyond = ("DESC", "<") if backwards else ("ASC", ">")
        at: int | None = None
        limit = _AT_ONCE
        while True:
            rows = self._rows(
                f"sort = ? AND (? IS NULL OR unit {beyond} ?) ORDER BY position {order} LIMIT ?", (uid, at, at, limit)
            )
            whole = len(rows) < limit
            units: dict[int, list[Step]] = {}
            for step in rows:
                units.setdefault(step.unit, []).append(step)
            if not whole:
                # The last one may be incomplete.
                units.popitem()
                if not units:
                    limit *= 2
                    continue
            for steps in units.values():
                at = steps[0].unit
                yield steps[::-1] if backwards else steps
            if whole:
                return

    def unsettled(self, uid: bytes) -> list[Step]:
        """Return the steps that are in flight, or that may have left a temporary name."""
        states = ", ".join(f"'{state}'" for state in sorted(IN_FLIGHT))
        return self._rows(
            f"sort = ? AND (state IN ({states}) OR temp IS NOT NULL) ORDER BY position",
            (uid,),
        )

    def in_states(self, uid: bytes, states: Collection[StepState]) -> list[Step]:
        """Return the steps of a sort that are in one of these states."""
        names = ", ".join(f"'{state}'" for state in sorted(states))
        return self._rows(f"sort = ? AND state IN ({names}) ORDER BY position", (uid,))

    def mark(self, uid: bytes, steps: Sequence[Step]) -> None:
        """Write the state of some steps, all or none."""
        if not steps:
            return
        rows = [step_row(uid, 0, step) for step in steps]

        def write(connection: sqlite3.Connection, revision: int) -> None:
            changed = connection.executemany(
                "UPDATE sort_steps SET state = ?, revision = ?, mode = ?, placed_mtime_ns = ?, digest = ?, way = ?,"
                " temp = ?, real = ?, target = ?, reason = ? WHERE sort = ? AND position = ?",
                [
                    (
                        *(row.state, revision, row.mode, row.placed_mtime_ns, row.digest, row.way, row.temp, row.real),
                        *(row.target, row.reason, uid, row.position),
                    )
                    for row in rows
                ],
            )
            _all_changed(changed, len(rows))

        self.library.write(write)

    def folders(self, uid: bytes) -> list[Folder]:
        """Return the folders of a sort, parents first."""
        rows = self.library.read(
            lambda connection: connection.execute(
                "SELECT position, path, marked, state FROM sort_folders WHERE sort = ? ORDER BY position", (uid,)
            ).fetchall()
        )
        return [
            Folder(at, blob_to_path(path), marked == 1, _member(FolderState, state)) for at, path, marked, state in rows
        ]

    def mark_folders(self, uid: bytes, folders: Sequence[Folder]) -> None:
        """Write the state of some folders, all or none."""
        if not folders:
            return

        def write(connection: sqlite3.Connection, revision: int) -> None:
            changed = connection.executemany(
                "UPDATE sort_folders SET state = ?, revision = ? WHERE sort = ? AND position = ?",
                [(folder.state, revision, uid, folder.position) for folder in folders],
            )
            _all_changed(changed, len(folders))

        self.library.write(write)

    def _rows(self, where: str, values: Sequence[object]) -> list[Step]:
        rows = self.library.read(
            lambda connection: connection.execute(
                f"SELECT {STEP_COLUMNS} FROM sort_steps WHERE {where}", tuple(values)
            ).fetchall()
        )
        return [step_of(StepRow(*row)) for row in rows]

    def _sort(self, row: SortRow) -> Sort:
        record = SortRecord(
            row.number,
            row.made_at,
            blob_to_path(row.folder),
            blob_to_path(row.destination),
            _member(Action, row.action),
            _member(SortState, row.state),
            row.files,
            row.done,
            row.failed,
            row.remaining,
            _is_for_trash(row.options),
        )
        return Sort(row.uid, _counted(record, self.counts(row.uid)) if record.is_open else record)


def _counted(record: SortRecord, counts: dict[StepState, tuple[int, int]]) -> SortRecord:
    def count(*states: StepState) -> int:
        return sum(counts.get(state, (0, 0))[0] for state in states)

    left = count(StepState.LEFT)
    done = left + count(StepState.DONE, StepState.RETURNING, StepState.RECOPIED)
    return replace(record, done=done, failed=count(StepState.FAILED), left=left)


def _as_json(plan: SortPlan) -> str:
    """Return the user's choices for the record; the other ones have columns of their own.

    That the files go to the trash is recorded here and not as an action of its own, which earlier versions don't know:
    to them it is a move, which they can undo.
    """
    options = plan.options
    if plan.trashes:
        return json.dumps({_TRASH: True})
    values = {
        "pattern": options.pattern,
        "folder_names": dict(options.folder_names),
        "leave_labels": sorted(options.leave_labels),
        "min_confidence": options.min_confidence,
        "unsure": options.unsure,
        "unsure_folder": options.unsure_folder,
        "unreadable": options.unreadable,
        "unreadable_folder": options.unreadable_folder,
        "clocks": {clock.camera: clock.seconds for clock in options.clocks},
    }
    return json.dumps(values)


def _is_for_trash(options: str) -> bool:
    try:
        values = json.loads(options)
    except ValueError:
        return False
    return isinstance(values, dict) and values.get(_TRASH) is True


def _member(kind: type[E], value: str) -> E:
    """Return a state or an action by its stored name; raises SortError if the name was damaged."""
    try:
        return kind(value)
    except ValueError:
        raise _incomplete() from None


def _all_changed(cursor: sqlite3.Cursor, rows: int) -> None:
    """Check that a statement found all of its rows: a library restored from a backup may lack some."""
    if cursor.rowcount != rows:
        raise _incomplete()


def _incomplete() -> SortError:
    return SortError(_("The journal of this sort is incomplete because its file was damaged, so the sort was stopped."))
