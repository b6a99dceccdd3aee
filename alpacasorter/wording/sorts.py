"""Wording of sorts: what would happen, what happens, and what has happened."""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import Final

from alpacasorter.core.labels import percent
from alpacasorter.core.sorting.events import SortEnded, SortProgress, SortRecord, SortState
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Outcome, Remark, SortPlan
from alpacasorter.wording import text

ACTIONS: Final = {
    Action.MOVE: ("Move", "The photos leave the place where they are now. Undo brings them back."),
    Action.COPY: ("Copy", "The photos stay where they are. The copies take as much room again."),
    Action.HARDLINK: (
        "Link: hard link",
        "A second name for the same photo, on the same disk. It takes no room; whoever changes one changes both.",
    ),
    Action.SYMLINK: (
        "Link: symbolic link",
        "A pointer to the photo, which stays where it is. It takes no room; it leads nowhere once the photo is moved.",
    ),
}
"""What can be done with a photo: its name, and what it means."""

_DO: Final = {Action.MOVE: "Move", Action.COPY: "Copy", Action.HARDLINK: "Link", Action.SYMLINK: "Link"}
_DOING: Final = {Action.MOVE: "Moving", Action.COPY: "Copying", Action.HARDLINK: "Linking", Action.SYMLINK: "Linking"}
_DONE: Final = {Action.MOVE: "moved", Action.COPY: "copied", Action.HARDLINK: "linked", Action.SYMLINK: "linked"}
_LEFT_TO_BE_TAKEN_AWAY: Final = {Action.COPY: "copies", Action.HARDLINK: "links", Action.SYMLINK: "links"}
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")
_THOUSAND: Final = 1000
_NAMES_SHOWN: Final = 3
MOST_SHOWN: Final = 300
"""Files with a reason that a list shows."""


def size(number: int) -> str:
    """Return bytes as people say them: "812 bytes", "3.4 MB", "120 GB"."""
    if number < _THOUSAND:
        return text.count(number, "byte")
    value, unit = float(number), 0
    while value >= _THOUSAND - 0.5 and unit < len(_UNITS) - 1:
        value, unit = value / _THOUSAND, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if value < 10 else f"{value:,.0f} {_UNITS[unit]}"


def place(path: Path) -> str:
    """Return the folder of a file, as text: ten times as fast as by `Path.parent`, which counts with 10,000 photos."""
    return str(path).rpartition(os.sep)[0]


def tip(words: str) -> str:
    """Return words as a tool tip: a file's name in them may look like markup."""
    return f"<p>{html.escape(words)}</p>" if words else ""


def day(stamp: str) -> str:
    """Return the day of a moment: "12 November 2026"."""
    return text.moment(stamp).split(",")[0]


# Before


def press(plan: SortPlan | None, action: Action) -> str:
    """Return what the button does: "Move 412 photos"."""
    many = plan.count(Outcome.GO) if plan is not None else 0
    return f"{_DO[action]} {text.count(many, 'photo')}" if many else _DO[action]


def overview(plan: SortPlan) -> str:
    """Return what a plan comes to, in a sentence: photos, other files, folders."""
    going = [unit for unit in plan.units if unit.outcome is Outcome.GO]
    if not going:
        return nothing(plan)
    folders = len({place(unit.files[0].target) for unit in going if unit.files[0].target is not None})
    others = plan.files_to_do - sum(not unit.files[0].there for unit in going)
    parts = [text.count(len(going), "photo")]
    if others > 0:
        parts.append(f"{text.count(others, 'file')} that {'belongs' if others == 1 else 'belong'} to them")
    verb = "goes" if len(going) == 1 and others <= 0 else "go"
    new = len([folder for folder in plan.new_folders if folder != plan.options.destination])
    made = f", {new:,} of them new" if 0 < new < folders else ", all of them new" if new >= folders > 1 else ""
    return f"{' and '.join(parts)} {verb} into {text.count(folders, 'folder')}{made}."


def staying(plan: SortPlan) -> str:
    """Return how many photos nothing is done with because they are to stay, or are there already."""
    stay, there = plan.count(Outcome.STAYS), plan.count(Outcome.THERE) + plan.count(Outcome.IN_PLACE)
    if not plan.count(Outcome.GO):
        return ""
    said = f"{text.count(stay, 'photo')} {'stays where it is' if stay == 1 else 'stay where they are'}." if stay else ""
    already = f"{text.count(there, 'photo')} {'is' if there == 1 else 'are'} there already." if there else ""
    return f"{said} {already}".strip()


def room(plan: SortPlan) -> str:
    """Return how much is written and how much is free; empty where nothing is written."""
    if not plan.bytes_to_write:
        return ""
    disk = "to another disk" if plan.other_disk else "to the disk"
    free = f", of {size(plan.bytes_free)} free" if plan.bytes_free is not None else ""
    return f"{size(plan.bytes_to_write)} are written {disk}{free}."


def nothing(plan: SortPlan) -> str:
    """Return why a plan does nothing."""
    if not plan.units:
        return "There is nothing to sort: no photo was found, but for those in folders made by an earlier sort, if any."
    if plan.count(Outcome.BLOCKED) == len(plan.units):
        return "There is nothing to do: no photo can go. The reasons are below."
    there = plan.count(Outcome.IN_PLACE) + plan.count(Outcome.THERE)
    if there == len(plan.units):
        return "There is nothing to do: every photo is where it belongs."
    if plan.count(Outcome.STAYS) == len(plan.units):
        return "There is nothing to do: every photo stays, as you chose."
    return "There is nothing to do with these choices."


def waiting(number: int, *, scanning: bool) -> str:
    """Return that photos were not looked at yet and what becomes of them; empty where there are none."""
    if not number:
        return ""
    one = number == 1
    said = f"{text.count(number, 'photo')} {'was' if one else 'were'} not looked at yet and would stay."
    return f"{said} Wait a moment, and {'it counts' if one else 'they count'}, too." if scanning else said


# Meanwhile


def doing(action: Action, destination: Path, *, rest: bool = False) -> str:
    """Return what is being done, without a number: progress counts files; `rest`: with those that are left."""
    what = "the remaining files" if rest else "photos"
    return f"{_DOING[action]} {what} into {text.folder(destination)}"


def undoing(record: SortRecord | None) -> str:
    """Return that a sort is being taken back."""
    if record is not None and record.action is not Action.MOVE:
        return f"Taking the {_LEFT_TO_BE_TAKEN_AWAY[record.action]} away"
    return "Putting the files back" + (f" into {text.folder(record.folder)}" if record else "")


def progress(event: SortProgress) -> str:
    """Return how far a sort is: files, bytes, time left."""
    parts = [f"{event.done:,} of {text.count(event.total, 'file')}"]
    if event.bytes_total:
        parts.append(f"{size(event.bytes_done)} of {size(event.bytes_total)}")
    if event.seconds_left is not None and event.done < event.total:
        parts.append(f"{text.duration(event.seconds_left)} left")
    return " · ".join(parts)


# Afterwards


def outcome(ended: SortEnded, photos: int, folders: int) -> str:
    """Return what came of a sort, or of taking one back, in one sentence.

    Args:
        ended: the end.
        photos: photos placed in this run; 0 where only the history knows.
        folders: into how many folders.
    """
    record = ended.record
    if record.state is SortState.UNDONE:
        return _undone(record)
    if record.state is SortState.UNDOING:
        return f"Stopped while putting back: {text.count(record.done, 'file')} still to go. Nothing is lost."
    done = _DONE[record.action]
    if ended.stopped or record.is_open:
        return f"Stopped after {record.done:,} of {text.count(record.files, 'file')}. Nothing is lost."
    if photos and not record.failed:
        return f"{text.count(photos, 'photo')} {done} into {text.count(folders, 'folder')}."
    if not record.failed:
        return f"{text.count(record.done, 'file')} {done} into {text.folder(record.destination)}."
    failed = f"{record.failed:,} could not be {done}"
    if photos:
        return f"{text.count(photos, 'photo')} {done} into {text.count(folders, 'folder')}; {failed_files(record)}."
    return f"{record.done:,} of {text.count(record.files, 'file')} {done}; {failed}."


def failed_files(record: SortRecord) -> str:
    """Return how many files could not be done."""
    return f"{text.count(record.failed, 'file')} could not be {_DONE[record.action]}"


def _undone(record: SortRecord) -> str:
    if record.action is not Action.MOVE:
        what = _LEFT_TO_BE_TAKEN_AWAY[record.action]
        if not record.left:
            return f"Undone: the {what} are gone again, and the photos are where they always were."
        return f"Undone, but for {text.count(record.left, 'file')}, left where {_is(record.left)}."
    if not record.left:
        return "Undone: every file is back where it was."
    return f"Undone, but for {text.count(record.left, 'file')}, left where {_is(record.left)}."


def _is(number: int) -> str:
    return "it is" if number == 1 else "they are"


def arriving(options: SortOptions) -> str:
    """Return how photos are sorted as they arrive."""
    sure = percent(options.min_confidence)
    where = text.folder(options.destination)
    return f"Photos that arrive and are at least {sure} sure are sorted into {where}. Click to stop that."


def arrived(ended: SortEnded) -> str:
    """Return what came of sorting photos that arrived."""
    record = ended.record
    done = f"Arrived and {_DONE[record.action]} into {text.folder(record.destination)}: "
    said = done + f"{text.count(record.done, 'file')}."
    if record.failed:
        said += f" {failed_files(record)[:1].upper()}{failed_files(record)[1:]}; the sort history says why."
    return f"{said} {ended.problem}".strip()


def broken_off(record: SortRecord) -> str:
    """Return that a sort was broken off."""
    when = day(record.made_at)
    if record.state is SortState.UNDOING:
        return (
            f"Putting back the sort of {when} was broken off: {text.count(record.done, 'file')} "
            f"{'is' if record.done == 1 else 'are'} still to be put back. Nothing is lost."
        )
    return (
        f"A sort on {when} was broken off after {record.done:,} of {text.count(record.files, 'file')}. Nothing is lost."
    )


def action(record: SortRecord) -> str:
    """Return what a sort did, one word for the history."""
    return {Action.MOVE: "Move", Action.COPY: "Copy", Action.HARDLINK: "Hard link", Action.SYMLINK: "Symbolic link"}[
        record.action
    ]


def state(record: SortRecord, *, resting: bool) -> str:
    """Return how far a sort is; `resting`: nobody is at work on it."""
    match record.state:
        case SortState.FINISHED:
            return f"Done; {record.failed:,} failed" if record.failed else "Done"
        case SortState.UNDONE:
            return f"Undone; {record.left:,} left in place" if record.left else "Undone"
        case SortState.UNDOING:
            return f"Undo broken off; {record.done:,} to go" if resting else "Being undone now"
        case SortState.RUNNING if not resting:
            return "Being done now"
        case SortState.RUNNING:
            return f"Broken off after {record.done:,} of {record.files:,}"
        case SortState.STOPPED:
            return f"Stopped after {record.done:,} of {record.files:,}"


def sure_question(record: SortRecord) -> tuple[str, str]:
    """Return what is asked before a sort of the history is undone: a question, and what will be done."""
    when = text.moment(record.made_at)
    many = text.count(record.done, "file")
    if record.action is Action.MOVE:
        more = (
            f"{many} {'goes' if record.done == 1 else 'go'} from {text.folder(record.destination)} back to "
            f"{text.folder(record.folder)}."
        )
    else:
        what = _LEFT_TO_BE_TAKEN_AWAY[record.action]
        more = f"The {record.done:,} {what} in {text.folder(record.destination)} are taken away; the photos stay."
    kept = "Files that were changed or moved since stay where they are, and are named. No file is overwritten."
    return f"Undo the sort of {when}?", f"{more} {kept}"


def remark(of: Remark) -> str:
    """Return what is odd about a plan. Of what it is about, a few are named; how many there are is not known here."""
    shown = ", ".join(text.folder(path) for path in of.paths[:_NAMES_SHOWN])
    if not shown:
        return of.sentence
    return f"{of.sentence} ({'for example ' if len(of.paths) > 1 else ''}{shown})"
