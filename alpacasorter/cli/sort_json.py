"""The JSON lines of `alpacasorter sort`: one object a file, then a summary, printed at the end.

At the end, because until then nothing is settled: where one file of a unit can't be done, those that were done are
taken back, so that companions never part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from alpacasorter.core.sorting.events import FileFailure, Placed, SortEnded, SortRecord
from alpacasorter.core.sorting.plan import Outcome, PlannedFile, PlannedUnit, Remark, SortPlan

Json = dict[str, object]

DONE: Final = "done"
FAILED: Final = "failed"
PLANNED: Final = "planned"
NOTHING: Final = "nothing to do"
OPEN: Final = "open"


class Teller(Protocol):
    """Notes what a sort did, and makes the objects of it."""

    def placed(self, files: Iterable[Placed]) -> None:
        """Note files that were done, or taken back."""

    def failed(self, failures: Iterable[FileFailure]) -> None:
        """Note files that could not be done."""

    def objects(self, ended: SortEnded) -> Iterator[Json]:
        """Yield the objects."""


class PlanTeller:
    """Tells of a new sort, by its plan and in its order."""

    def __init__(self, plan: SortPlan) -> None:
        """Tell of this plan."""
        self._plan = plan
        self._placed: dict[Path, Placed] = {}
        self._failed: dict[Path, str] = {}

    def placed(self, files: Iterable[Placed]) -> None:
        """Note files that were done, or taken back."""
        for file in files:
            if self._placed.pop(file.before, None) is None and file.after is not None:
                self._placed[file.after] = file

    def failed(self, failures: Iterable[FileFailure]) -> None:
        """Note files that could not be done."""
        self._failed |= {failure.path: failure.reason for failure in failures}

    def objects(self, ended: SortEnded | None) -> Iterator[Json]:
        """Yield the objects; None where the plan was not carried out."""
        for unit in self._plan.units:
            for file in unit.files:
                yield self._file(unit, file, ended)
        yield self._summary(ended)

    def _file(self, unit: PlannedUnit, file: PlannedFile, ended: SortEnded | None) -> Json:
        reason = unit.reason
        if unit.outcome is not Outcome.GO or file.target is None or file.there:
            status = NOTHING
        elif ended is None:
            status = PLANNED
        elif file.target in self._placed:
            status = DONE
        elif file.source in self._failed:
            status, reason = FAILED, self._failed[file.source]
        else:
            status = OPEN if ended.record.is_open else NOTHING
        photo = unit.photo
        return {
            "type": "file",
            "source": str(file.source),
            "target": _path(file.target),
            "label": photo.label,
            "confidence": photo.confidence,
            "corrected": photo.corrected,
            "group": unit.group,
            "outcome": Outcome.THERE if file.there and unit.outcome is Outcome.GO else unit.outcome,
            "status": status,
            "reason": reason,
            "renamed": unit.renamed,
            "companion": file is not unit.files[0],
            "photo": str(photo.path),
            "content_key": file.content_key,
            "size": file.size,
        }

    def _summary(self, ended: SortEnded | None) -> Json:
        plan = self._plan
        about: Json = {
            "type": "summary",
            "number": None,
            "state": PLANNED,
            "folder": str(plan.folder),
            "destination": str(plan.options.destination),
            "action": plan.options.action,
            "files": plan.files_to_do,
            "done": 0,
            "failed": 0,
            "left": 0,
            "stopped": False,
            "problem": None,
            "seconds": None,
        }
        if ended is not None:
            about |= _ended(ended)
        return about | {
            "photos": {outcome.value: plan.count(outcome) for outcome in Outcome},
            "new_folders": [str(folder) for folder in plan.new_folders],
            "bytes_to_write": plan.bytes_to_write,
            "bytes_free": plan.bytes_free,
            "other_disk": plan.other_disk,
            "remarks": [_remark(remark) for remark in plan.remarks],
        }


class JournalTeller:
    """Tells of a sort that is gone on with or taken back: all that is known of it is in the journal."""

    def __init__(self) -> None:
        """Note nothing yet."""
        self._placed: dict[tuple[Path, Path | None], Placed] = {}
        self._by_place: dict[Path | None, tuple[Path, Path | None]] = {}
        self._failed: dict[Path, str] = {}

    def placed(self, files: Iterable[Placed]) -> None:
        """Note files that were done, or taken back."""
        for file in files:
            before = self._by_place.pop(file.before, None)
            if before is not None:
                del self._placed[before]
            else:
                key = file.before, file.after
                self._placed[key] = file
                if file.after is not None:
                    self._by_place[file.after] = key

    def failed(self, failures: Iterable[FileFailure]) -> None:
        """Note files that could not be done."""
        self._failed |= {failure.path: failure.reason for failure in failures}

    def objects(self, ended: SortEnded) -> Iterator[Json]:
        """Yield the objects."""
        for file in self._placed.values():
            yield self._file(file.before, file.after, DONE, None)
        for path, reason in self._failed.items():
            yield self._file(path, None, FAILED, reason)
        yield {"type": "summary"} | _ended(ended)

    @staticmethod
    def _file(source: Path, target: Path | None, status: str, reason: str | None) -> Json:
        return {
            "type": "file",
            "source": str(source),
            "target": _path(target),
            "status": status,
            "reason": reason,
        }


def record_object(record: SortRecord, *, is_open: bool) -> Json:
    """Return a line of the history; `is_open`: it was broken off, and nobody is at work on it."""
    return {"type": "sort"} | _record(record) | {"made_at": record.made_at, "open": is_open}


def _ended(ended: SortEnded) -> Json:
    return _record(ended.record) | {
        "stopped": ended.stopped,
        "problem": ended.problem or None,
        "seconds": round(ended.seconds, 3),
    }


def _record(record: SortRecord) -> Json:
    return {
        "number": record.number,
        "state": record.state,
        "folder": str(record.folder),
        "destination": str(record.destination),
        "action": record.action,
        "files": record.files,
        "done": record.done,
        "failed": record.failed,
        "left": record.left,
    }


def _remark(remark: Remark) -> Json:
    return {"sentence": remark.sentence, "serious": remark.serious, "paths": [str(path) for path in remark.paths]}


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)
