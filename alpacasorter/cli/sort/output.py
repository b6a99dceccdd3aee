"""What `alpacasorter sort` prints: for people the plan as a tree, how a sort ended, and the history; or JSON lines.

The JSON lines, one object per file and then a summary, are printed at the end. Until then nothing is settled: if one
file of a unit can't be sorted, those that were sorted already are moved back, so that companions are never separated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from alpacasorter.core.events import Placed
from alpacasorter.core.files import display_path
from alpacasorter.core.reasons import sentence
from alpacasorter.core.sorting.events import FileFailure, SortEnded, SortRecord, SortState
from alpacasorter.core.sorting.options import Action, DifferentTags
from alpacasorter.core.sorting.plan import Group, Outcome, PlannedFile, PlannedUnit, Remark, SortPlan
from alpacasorter.i18n import _, ngettext, number, pgettext, size
from alpacasorter.wording import sorts, text

_SHOWN: Final = 20
_OUTCOMES: Final = (Outcome.STAYS, Outcome.IN_PLACE, Outcome.THERE, Outcome.BLOCKED)

Json = dict[str, object]


# The plan


@dataclass(slots=True)
class _Folder:
    """A folder of the tree, and the photos directly in it."""

    folders: dict[str, _Folder] = field(default_factory=dict)
    photos: int = 0
    companions: int = 0
    size: int = 0


def plan_words(plan: SortPlan) -> str:
    """Return a plan: a tree of folders with counts, what is not sorted and why, new names, and remarks."""
    lines = [_title(plan)]
    if plan.count(Outcome.GO):
        destination = display_path(plan.options.destination)
        if plan.options.destination in plan.new_folders:
            destination = _("{folder} (new)").format(folder=destination)
        lines += ["", destination]
        rows = list(_tree(_folders(plan), 1))
        width = max(len(name) for name, _counted in rows)
        lines += [f"{name:<{width}}  {counted}".rstrip() for name, counted in rows]
    for outcome in _OUTCOMES:
        units = [unit for unit in plan.units if unit.outcome is outcome]
        if units:
            lines += ["", sorts.counted(plan, outcome)]
            lines += _named(units) if outcome is Outcome.BLOCKED else _reasons(units)
    lines += _renamed(plan)
    if plan.remarks:
        lines.append("")
    for remark in plan.remarks:
        lines.append(_("Problem: {sentence}").format(sentence=remark.sentence) if remark.serious else remark.sentence)
        lines += [f"  {display_path(path)}" for path in remark.paths]
        if remark is plan.question:
            said = _("To change this, use {option}.")
            lines.append(f"  {said.format(option='--different-tags ' + '|'.join(DifferentTags))}")
    lines += ["", sorts.overview(plan) if plan.files_to_do else sorts.nothing(plan)]
    if plan.files_to_do and (space := sorts.space(plan)):
        lines.append(space)
    return "\n".join(lines)


def _title(plan: SortPlan) -> str:
    return {
        Action.MOVE: _("Plan for {folder} (move):"),
        Action.COPY: _("Plan for {folder} (copy):"),
        Action.HARDLINK: _("Plan for {folder} (hard link):"),
        Action.SYMLINK: _("Plan for {folder} (symbolic link):"),
    }[plan.options.action].format(folder=display_path(plan.folder))


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
        # Translators: photos that go into the destination itself, not into a folder inside it.
        yield f"  {_('(the folder itself)')}", _counts(folder)
    for name, below in sorted(folder.folders.items()):
        yield f"{'  ' * depth}{display_path(name)}", _counts(below) if below.photos else ""
        yield from _tree(below, depth + 1)


def _counts(folder: _Folder) -> str:
    return f"{sorts.with_companions(folder.photos, folder.companions)}{text.BETWEEN}{size(folder.size)}"


def _reasons(units: Sequence[PlannedUnit]) -> Iterator[str]:
    """Yield why photos are not sorted, the most frequent reason first."""
    reasons = Counter((unit.group, sentence(unit.reason or "")) for unit in units)
    for (group, reason), count in reasons.most_common():
        if reason or group is not Group.LABEL:
            yield f"  {_reason(group, reason, count)}"


def _reason(group: Group, reason: str, count: int) -> str:
    match group:
        case Group.UNSURE if reason:
            said = ngettext("{count} unsure photo: {reason}", "{count} unsure photos: {reason}", count)
        case Group.UNSURE:
            said = ngettext("{count} unsure photo", "{count} unsure photos", count)
        case Group.UNREADABLE if reason:
            said = ngettext("{count} unreadable photo: {reason}", "{count} unreadable photos: {reason}", count)
        case Group.UNREADABLE:
            said = ngettext("{count} unreadable photo", "{count} unreadable photos", count)
        case Group.LABEL:
            said = ngettext("{count} photo: {reason}", "{count} photos: {reason}", count)
    return said.format(count=number(count), reason=reason)


def _named(units: Sequence[PlannedUnit]) -> Iterator[str]:
    return few([_with_reason(unit.photo.path, unit.reason or "") for unit in units])


def _with_reason(path: Path, reason: str) -> str:
    return f"{display_path(path)}: {sentence(reason)}"


def _renamed(plan: SortPlan) -> Iterator[str]:
    """Yield the new names, below the reason why photos get them."""
    by_reason: dict[str, list[str]] = {}
    for unit in plan.units:
        target = unit.files[0].target
        if unit.renamed and unit.outcome is Outcome.GO and target is not None:
            before = unit.photo.path
            if before.is_relative_to(plan.folder):
                before = before.relative_to(plan.folder)
            after = target.relative_to(plan.options.destination)
            by_reason.setdefault(sentence(unit.renamed), []).append(f"{display_path(before)} → {display_path(after)}")
    for reason, names in by_reason.items():
        yield from ("", f"{sorts.renamed(len(names))} {reason}")
        yield from few(names)


def few(lines: Sequence[str]) -> Iterator[str]:
    """Yield the first lines, indented, and how many more there are."""
    yield from (f"  {line}" for line in lines[:_SHOWN])
    more = len(lines) - _SHOWN
    if more > 0:
        said = ngettext("and {count} more; --json lists all", "and {count} more; --json lists all", more)
        yield f"  {said.format(count=number(more))}"


# How a sort ended


def ended_words(ended: SortEnded, failed: Sequence[FileFailure]) -> str:
    """Return how a sort or an undo ended that was not interrupted, and what can be done now.

    Args:
        ended: the end.
        failed: all files that could not be sorted, or could not be undone.
    """
    record = ended.record
    how = sorts.outcome(ended, show=display_path)
    lines = [_("Sort {number}: {outcome}").format(number=record.number, outcome=how)]
    lines += few([_with_reason(failure.path, failure.reason) for failure in failed])
    if record.state is SortState.UNDONE:
        if record.left:
            lines.append(_("To try again, run: {command}").format(command=command("undo", record.number)))
        return "\n".join(lines)
    if record.failed:
        lines.append(_("To try again, run: {command}").format(command=command("resume", record.number)))
    if record.done:
        lines.append(_("To undo it, run: {command}").format(command=command("undo", record.number)))
    return "\n".join(lines)


def stopped_words(ended: SortEnded) -> str:
    """Return how far a sort was when it was stopped, and what can be done now."""
    undoing = ended.record.state is SortState.UNDOING
    return f"{sorts.outcome(ended, show=display_path)} {what_now(ended.record.number, undoing=undoing)}"


def open_words(record: SortRecord) -> str:
    """Return that an earlier sort was interrupted, and what can be done now."""
    undoing = record.state is SortState.UNDOING
    return f"{sorts.interrupted(record, show=display_path)} {what_now(record.number, undoing=undoing)}"


def torn_words(number: int, *, undoing: bool) -> str:
    """Return that a sort was interrupted in the middle of a file, and what can be done now."""
    return f"{_('Interrupted in the middle of a file. Nothing is lost.')} {what_now(number, undoing=undoing)}"


def what_now(number: int, *, undoing: bool) -> str:
    """Return the commands that resume or undo a sort that was interrupted.

    Args:
        number: of the sort.
        undoing: whether it was its undo that was interrupted.
    """
    rollback = command("rollback", number)
    if undoing:
        return _("Run “{command}” to finish the undo.").format(command=rollback)
    return _("Run “{resume}” to resume it, or “{rollback}” to undo it.").format(
        resume=command("resume", number), rollback=rollback
    )


def command(option: str, number: int) -> str:
    """Return the command line that does something with an earlier sort."""
    return f"alpacasorter sort --{option} {number}"


def history_words(records: Sequence[SortRecord], resting: Collection[int]) -> str:
    """Return the history as a table.

    Args:
        records: the sorts.
        resting: numbers of those that were interrupted and that no window or command is working on.
    """
    rows = [(pgettext("column", "ID"), *_arranged(sorts.columns()))]
    for record in records:
        cells = sorts.row(record, resting=record.number in resting, show=display_path)
        rows.append((str(record.number), *_arranged(cells)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            f"{cell:>{width}}" if column in (0, _FILES) else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


_FILES: Final = 3


def _arranged(cells: Sequence[str]) -> tuple[str, ...]:
    """Return a row of the history with the paths, which may be long, last."""
    date, action, source, target, files, state = cells
    return (date, action, files, state, source, target)


# JSON lines

DONE: Final = "done"
FAILED: Final = "failed"
PLANNED: Final = "planned"
NOTHING: Final = "nothing to do"
OPEN: Final = "open"


class Lines(Protocol):
    """Collects what a sort does, and makes the JSON objects of it at the end."""

    def placed(self, files: Iterable[Placed]) -> None:
        """Note files that were sorted, or undone."""

    def failed(self, failures: Iterable[FileFailure]) -> None:
        """Note files that could not be sorted, or could not be undone."""

    def objects(self, ended: SortEnded) -> Iterator[Json]:
        """Yield the objects."""


class PlanLines:
    """The JSON objects of a new sort, in the order of its plan."""

    def __init__(self, plan: SortPlan) -> None:
        """Start with nothing done."""
        self._plan = plan
        self._placed: dict[Path, Placed] = {}
        self._failed: dict[Path, str] = {}

    def placed(self, files: Iterable[Placed]) -> None:
        """Note files that were sorted, or moved back because a companion could not be sorted."""
        for file in files:
            if self._placed.pop(file.before, None) is None and file.after is not None:
                self._placed[file.after] = file

    def failed(self, failures: Iterable[FileFailure]) -> None:
        """Note files that could not be sorted."""
        self._failed |= {failure.path: sentence(failure.reason) for failure in failures}

    def objects(self, ended: SortEnded | None) -> Iterator[Json]:
        """Yield an object for each file and the summary; `ended` is None if the plan was only printed."""
        for unit in self._plan.units:
            for file in unit.files:
                yield self._file(unit, file, ended)
        yield self._summary(ended)

    def _file(self, unit: PlannedUnit, file: PlannedFile, ended: SortEnded | None) -> Json:
        reason = unit.reason and sentence(unit.reason)
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
            "renamed": unit.renamed and sentence(unit.renamed),
            "companion": file is not unit.files[0],
            "photo": str(photo.path),
            "content_key": file.content_key,
            "size": file.size,
            "taken_at": None if unit.taken is None else unit.taken.at,
            "taken_from": None if unit.taken is None else unit.taken.source,
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


class JournalLines:
    """The JSON objects of an earlier sort that is resumed or undone; only what the journal knows is in them."""

    def __init__(self) -> None:
        """Start with nothing done."""
        self._placed: dict[tuple[Path, Path | None], Placed] = {}
        self._by_place: dict[Path | None, tuple[Path, Path | None]] = {}
        self._failed: dict[Path, str] = {}

    def placed(self, files: Iterable[Placed]) -> None:
        """Note files that were sorted or undone; one that goes back and forth in the same run counts as neither."""
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
        """Note files that could not be sorted."""
        self._failed |= {failure.path: sentence(failure.reason) for failure in failures}

    def objects(self, ended: SortEnded) -> Iterator[Json]:
        """Yield an object for each file and the summary."""
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
    """Return a sort of the history as an object; `is_open`: it was interrupted and can be resumed or undone."""
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
        "destination": None if record.trashed else str(record.destination),
        "action": "trash" if record.trashed else record.action,
        "files": record.files,
        "done": record.done,
        "failed": record.failed,
        "left": record.left,
    }


def _remark(remark: Remark) -> Json:
    return {"sentence": remark.sentence, "serious": remark.serious, "paths": [str(path) for path in remark.paths]}


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)
