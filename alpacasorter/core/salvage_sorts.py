"""Tells which rows of a damaged library belong to the journal of sorts (salvage.py reads the rows)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from alpacasorter.core.library_sorts import UID_BYTES, FolderRow, SortRow, StepRow

Value = int | float | str | bytes | None
K = TypeVar("K")
R = TypeVar("R", SortRow, StepRow, FolderRow)

_BIGGEST: Final = 1 << 53
_KEY_BYTES: Final = 32


class SortRows:
    """The rows of the journal that were found, the latest of each."""

    def __init__(self) -> None:
        """Begin with none."""
        self._sorts: Final[dict[bytes, SortRow]] = {}
        self._steps: Final[dict[tuple[bytes, int], StepRow]] = {}
        self._folders: Final[dict[tuple[bytes, int], FolderRow]] = {}

    def take(self, record: Sequence[Value]) -> bool:
        """Keep a record if it is a row of the journal; tell whether it is."""
        # Steps come first: there are thousands of them.
        step = _step(record)
        if step is not None:
            _keep(self._steps, (step.sort, step.position), step)
            return True
        sort = _sort(record)
        if sort is not None:
            _keep(self._sorts, sort.uid, sort)
            return True
        folder = _folder(record)
        if folder is not None:
            _keep(self._folders, (folder.sort, folder.position), folder)
            return True
        return False

    def found(self) -> tuple[list[SortRow], list[StepRow], list[FolderRow]]:
        """Return what was found.."""
        return list(self._sorts.values()), list(self._steps.values()), list(self._folders.values())


def _keep(rows: dict[K, R], place: K, row: R) -> None:
    known = rows.get(place)
    if known is None or row.revision >= known.revision:
        rows[place] = row


def _sort(record: Sequence[Value]) -> SortRow | None:
    match record:
        case [
            None,
            bytes(uid),
            int(number),
            str(action),
            str(state),
            int(revision),
            str(made_at),
            int(files),
            int(done),
            int(failed),
            int(remaining),
            bytes(folder),
            bytes(destination),
            str() | None as options,
        ]:
            if len(uid) == UID_BYTES and number > 0 and _all_natural((revision, files, done, failed, remaining)):
                counts = (files, done, failed, remaining)
                return SortRow(
                    uid, number, action, state, revision, made_at, *counts, folder, destination, options or "{}"
                )
    return None


def _step(record: Sequence[Value]) -> StepRow | None:
    match record:
        case [
            None,
            bytes(sort),
            int(position),
            int(unit),
            str(state),
            int(revision),
            int(size),
            int(mtime_ns),
            int() | None as mode,
            int() | None as placed_mtime_ns,
            bytes() | None as digest,
            str() | None as way,
            str() | None as temp,
            bytes(source),
            bytes(target),
            bytes() | None as real,
            str() | None as reason,
        ]:
            if (
                len(sort) == UID_BYTES
                and _all_natural((position, unit, revision, size))
                and (digest is None or len(digest) == _KEY_BYTES)
                and source
                and target
            ):
                times = (mtime_ns, mode, placed_mtime_ns)
                return StepRow(
                    sort, position, unit, state, revision, size, *times, digest, way, temp, source, target, real, reason
                )
    return None


def _folder(record: Sequence[Value]) -> FolderRow | None:
    match record:
        case [None, bytes(sort), int(position), str(state), int(revision), 0 | 1 as marked, bytes(path)]:
            if len(sort) == UID_BYTES and _all_natural((position, revision)) and path:
                return FolderRow(sort, position, state, revision, int(marked), path)
    return None


def _all_natural(numbers: Iterable[int]) -> bool:
    return all(0 <= number < _BIGGEST for number in numbers)
