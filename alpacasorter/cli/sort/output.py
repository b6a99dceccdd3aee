"""The JSON lines of `alpacasorter sort`: one object a file, then a summary, printed at the end.

At the end, because until then nothing is settled: where one file of a unit can't be done, those that were done are
taken back, so that companions never part.

What the commands that sort print for people: the plan as a tree, what came of a sort, and the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from alpacasorter.core import reasons as reasons_
from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.events import FileFailure, Placed, SortEnded, SortRecord, SortState
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Group, Outcome, PlannedFile, PlannedUnit, Remark, SortPlan
from alpacasorter.wording.sorts import nothing, overview, room, size, state
from alpacasorter.wording.text import count, moment

_SHOWN: Final = 20
_ACTIONS: Final = {
    Action.MOVE: "moved",
    Action.COPY: "copied",
    Action.HARDLINK: "hard-linked",
    Action.SYMLINK: "linked",
}
_HEADINGS: Final = (
    (Outcome.STAYS, "Left where they are"),
    (Outcome.IN_PLACE, "In their place already"),
    (Outcome.THERE, "There already"),
    (Outcome.BLOCKED, "Can't go"),
)
_GROUPS: Final = {Group.LABEL: "", Group.UNSURE: "unsure", Group.UNREADABLE: "unreadable"}


@dataclass(slots=True)
class _Folder:
    """A folder of the tree, and what goes right into it."""

    folders: dict[str, _Folder] = field(default_factory=dict)
    photos: int = 0
    companions: int = 0
    size: int = 0


def plan_words(plan: SortPlan) -> str:
    """Return a plan: a tree of folders with counts, what stays and why, other names, and what is odd."""
    lines = [f"{display_path(plan.folder)} is to be sorted. Photos are {_ACTIONS[plan.options.action]}."]
    if plan.count(Outcome.GO):
        new = " (new)" if plan.options.destination in plan.new_folders else ""
        lines += ["", f"{display_path(plan.options.destination)}{new}"]
        rows = list(_tree(_folders(plan), 1))
        width = max(len(name) for name, _ in rows)
        lines += [f"{name:<{width}}  {about}".rstrip() for name, about in rows]
    for outcome, heading in _HEADINGS:
        units = [unit for unit in plan.units if unit.outcome is outcome]
        if units:
            lines += ["", f"{heading}: {count(len(units), 'photo')}"]
            lines += _named(units) if outcome is Outcome.BLOCKED else _reasons(units)
    lines += _renamed(plan)
    if plan.remarks:
        lines.append("")
    for remark in plan.remarks:
        lines.append(f"{'Serious: ' if remark.serious else ''}{remark.sentence}")
        lines += [f"  {display_path(path)}" for path in remark.paths]
    lines += ["", overview(plan) if plan.files_to_do else nothing(plan)]
    if plan.files_to_do and (written := room(plan)):
        lines.append(written)
    return "\n".join(lines)


def _folders(plan: SortPlan) -> _Folder:
    top = _Folder()
    for unit in plan.units:
        target = unit.files[0].target
        if unit.outcome is not Outcome.GO or target is None:
            continue
        here = top
        for part in target.parent.relative_to(plan.options.destination).parts:
            here = here.folders.setdefault(part, _Folder())
        here.photos += 1
        here.companions += len(unit.files) - 1
        here.size += sum(file.size for file in unit.files)
    return top


def _tree(folder: _Folder, depth: int) -> Iterator[tuple[str, str]]:
    if folder.photos and depth == 1:
        yield "  (right in it)", _counts(folder)
    for name, below in sorted(folder.folders.items()):
        yield f"{'  ' * depth}{display_path(name)}", _counts(below) if below.photos else ""
        yield from _tree(below, depth + 1)


def _counts(folder: _Folder) -> str:
    parts = [count(folder.photos, "photo")]
    if folder.companions:
        parts.append(count(folder.companions, "companion"))
    return ", ".join([*parts, size(folder.size)])


def _reasons(units: Sequence[PlannedUnit]) -> Iterator[str]:
    reasons = Counter((_GROUPS[unit.group], reasons_.sentence(unit.reason or "")) for unit in units)
    for (group, reason), number in reasons.most_common():
        if group or reason:
            yield f"  {number:,} {': '.join(word for word in (group, reason) if word)}"


def _named(units: Sequence[PlannedUnit]) -> Iterator[str]:
    return few([f"{display_path(unit.photo.path)}: {reasons_.sentence(unit.reason or '')}" for unit in units])


def _renamed(plan: SortPlan) -> Iterator[str]:
    """Yield the new names, below the reason for which photos get them."""
    by_reason: dict[str, list[str]] = {}
    for unit in plan.units:
        target = unit.files[0].target
        if unit.renamed and unit.outcome is Outcome.GO and target is not None:
            before = unit.photo.path
            if before.is_relative_to(plan.folder):
                before = before.relative_to(plan.folder)
            after = target.relative_to(plan.options.destination)
            reason = reasons_.sentence(unit.renamed)
            by_reason.setdefault(reason, []).append(f"{display_path(before)} becomes {display_path(after)}")
    for reason, names in by_reason.items():
        yield from ("", f"Get another name: {count(len(names), 'photo')}. {reason}")
        yield from few(names)


def few(lines: Sequence[str]) -> Iterator[str]:
    """Yield the first lines, set in, and how many more there are."""
    yield from (f"  {line}" for line in lines[:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"  and {len(lines) - _SHOWN:,} more; --json lists all"


# Afterwards


def failures(failed: Iterable[FileFailure], heading: str) -> list[str]:
    """Return files that could not be done, with the reason of each, below a heading; nothing where there is none."""
    lines = [f"{display_path(failure.path)}: {reasons_.sentence(failure.reason)}" for failure in failed]
    return [heading, *few(lines)] if lines else []


def ended_words(ended: SortEnded, failed: Sequence[FileFailure]) -> str:
    """Return what came of a sort that went to its end, or of taking one back.

    Args:
        ended: its end.
        failed: all files that could not be done or taken back.
    """
    record = ended.record
    number = record.number
    if record.state is SortState.UNDONE:
        back = "Every file is back in its place." if record.action is Action.MOVE else "What it had made is gone again."
        if record.left:
            lines = [f"Sort {number} was undone, but for {count(record.left, 'file')}."]
        else:
            lines = [f"Sort {number} was undone. {back}"]
        lines += failures(failed, "Left where they are:")
        if record.left:
            lines.append(f"To try again, once the reasons are gone: alpacasorter sort --undo {number}")
        return "\n".join(lines)
    done = f"{count(record.done, 'file')} {'was' if record.done == 1 else 'were'} {_ACTIONS[record.action]}"
    lines = [f"Sort {number} is done: {done} into {display_path(record.destination)}."]
    if record.failed:
        lines += failures(failed, f"{count(record.failed, 'file')} could not be {_ACTIONS[record.action]}:")
        lines.append(f"To try {'it' if record.failed == 1 else 'them'} again: alpacasorter sort --resume {number}")
    if record.done:
        lines.append(f"To undo it: alpacasorter sort --undo {number}")
    return "\n".join(lines)


def stopped_words(record: SortRecord) -> str:
    """Return how far a sort was when it was stopped, and what can be done now."""
    number = record.number
    if record.state is SortState.UNDOING:
        return (
            f"Stopped while files were put back; {count(record.done, 'file')} to go. Nothing is lost: "
            f"alpacasorter sort --rollback {number} goes on."
        )
    return (
        f"Stopped after {record.done:,} of {count(record.files, 'file')}. Nothing is lost: alpacasorter sort --resume "
        f"{number} goes on, alpacasorter sort --rollback {number} puts all back."
    )


def torn_words(number: int) -> str:
    """Return what can be done about a sort that was broken off in the middle of a file."""
    return (
        f"Sort {number} was broken off. Nothing is lost: alpacasorter sort --resume {number} goes on, "
        f"alpacasorter sort --rollback {number} puts all back."
    )


def open_words(record: SortRecord) -> str:
    """Return that a sort was broken off earlier, and what can be done about it."""
    return (
        f"Sort {record.number}, of {display_path(record.folder)}, was broken off. At least {record.done:,} of "
        f"{count(record.files, 'file')} are in their places. alpacasorter sort --resume {record.number} goes on with "
        f"it, alpacasorter sort --rollback {record.number} puts all back."
    )


def history_words(records: Sequence[SortRecord], resting: Collection[int]) -> str:
    """Return the history as a table.

    Args:
        records: the sorts.
        resting: numbers of those that were broken off and that no one is at work on.
    """
    rows = [("ID", "BEGAN", "FILES", "STATE", "WHAT")]
    for record in records:
        what = f"{_ACTIONS[record.action]} from {display_path(record.folder)} into {display_path(record.destination)}"
        words = state(record, resting=record.number in resting)
        rows.append((str(record.number), moment(record.made_at), f"{record.files:,}", words, what))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{number:>{widths[0]}}  {began:<{widths[1]}}  {files:>{widths[2]}}  {words:<{widths[3]}}  {what}"
        for number, began, files, words, what in rows
    )


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
        self._failed |= {failure.path: reasons_.sentence(failure.reason) for failure in failures}

    def objects(self, ended: SortEnded | None) -> Iterator[Json]:
        """Yield the objects; None where the plan was not carried out."""
        for unit in self._plan.units:
            for file in unit.files:
                yield self._file(unit, file, ended)
        yield self._summary(ended)

    def _file(self, unit: PlannedUnit, file: PlannedFile, ended: SortEnded | None) -> Json:
        reason = unit.reason and reasons_.sentence(unit.reason)
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
            "renamed": unit.renamed and reasons_.sentence(unit.renamed),
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
        self._failed |= {failure.path: reasons_.sentence(failure.reason) for failure in failures}

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
