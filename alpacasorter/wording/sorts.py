"""What the window and the command line say about sorts: the plan, a running sort, how it ended, and the history.

Paths are written by a function that the caller gives: the window shortens the home folder to ~ (`text.folder`), the
command line prints paths that can be copied (`display_path`).
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from alpacasorter import i18n
from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.events import SortEnded, SortProgress, SortRecord, SortState
from alpacasorter.core.sorting.options import Action, DifferentTags
from alpacasorter.core.sorting.plan import Outcome, Remark, SortPlan
from alpacasorter.i18n import _, ngettext, number, pgettext
from alpacasorter.wording import text, trash

MOST_SHOWN: Final = 300
"""Files with a reason that a list shows."""
_NAMES_SHOWN: Final = 3
_NAMES_LISTED: Final = 40

Show = Callable[[Path], str]


def place(path: Path) -> str:
    """Return the folder of a file, as text: ten times as fast as `Path.parent`, which counts with 10,000 photos."""
    return str(path).rpartition(os.sep)[0]


def tip(words: str) -> str:
    """Return words as a tooltip. They are escaped, because the name of a file may look like markup."""
    return f"<p>{html.escape(words)}</p>" if words else ""


def action_name(action: Action) -> str:
    """Return what an action is called."""
    return {
        Action.MOVE: pgettext("action", "Move"),
        Action.COPY: pgettext("action", "Copy"),
        Action.HARDLINK: pgettext("action", "Hard link"),
        Action.SYMLINK: pgettext("action", "Symbolic link"),
    }[action]


def action_meaning(action: Action) -> str:
    """Return what an action does to the photos."""
    return {
        Action.MOVE: _("The photos leave their current folders. Undo moves them back."),
        Action.COPY: _("The photos stay where they are. The copies take up additional space."),
        Action.HARDLINK: _(
            "A second name for the same photo on the same disk. It takes up no space. Editing one changes both."
        ),
        Action.SYMLINK: _(
            "A pointer to the photo, which stays where it is. It takes up no space. It stops working if the photo is"
            " moved."
        ),
    }[action]


def by_action(action: Action, move: str, copy: str, link: str) -> str:
    """Return the wording for an action; both kinds of links share one."""
    return {Action.MOVE: move, Action.COPY: copy}.get(action, link)


# The plan


def button(plan: SortPlan | None, action: Action) -> str:
    """Return the text of the button that starts a sort: "Move 412 photos"."""
    count = plan.count(Outcome.GO) if plan is not None else 0
    if not count:
        return by_action(action, pgettext("button", "Move"), pgettext("button", "Copy"), pgettext("button", "Link"))
    return by_action(
        action,
        ngettext("Move {count} photo", "Move {count} photos", count),
        ngettext("Copy {count} photo", "Copy {count} photos", count),
        ngettext("Link {count} photo", "Link {count} photos", count),
    ).format(count=number(count))


def overview(plan: SortPlan) -> str:
    """Return how many photos will be sorted into how many folders, or why none will be."""
    going = [unit for unit in plan.units if unit.outcome is Outcome.GO]
    if not going:
        return nothing(plan)
    targets = {place(unit.files[0].target) for unit in going if unit.files[0].target is not None}
    said = by_action(
        plan.options.action,
        ngettext("{count} photo will be moved to {folders}.", "{count} photos will be moved to {folders}.", len(going)),
        ngettext(
            "{count} photo will be copied to {folders}.", "{count} photos will be copied to {folders}.", len(going)
        ),
        ngettext(
            "{count} photo will be linked in {folders}.", "{count} photos will be linked in {folders}.", len(going)
        ),
    ).format(
        count=number(len(going)), folders=_folders(len(targets), sum(str(one) in targets for one in plan.new_folders))
    )
    companions = plan.files_to_do - sum(not unit.files[0].there for unit in going)
    if companions <= 0:
        return said
    along = ngettext("{count} companion file goes along.", "{count} companion files go along.", companions).format(
        count=number(companions)
    )
    return f"{said} {along}"


def _folders(count: int, new: int = 0) -> str:
    """Return a number of folders, for a sentence."""
    if not new:
        said = ngettext("{count} folder", "{count} folders", count)
    elif new >= count:
        said = ngettext("{count} new folder", "{count} new folders", count)
    else:
        said = ngettext("{count} folder ({new} new)", "{count} folders ({new} new)", count)
    return said.format(count=number(count), new=number(new))


def nothing(plan: SortPlan) -> str:
    """Return that a plan does nothing, and why."""
    if not plan.units and plan.left_out:
        return ngettext(
            "No photos to sort. {count} file or folder is left out, as you chose.",
            "No photos to sort. {count} files and folders are left out, as you chose.",
            plan.left_out,
        ).format(count=number(plan.left_out))
    if not plan.units:
        return _("No photos to sort. Photos in folders made by an earlier sort are skipped.")
    said = by_action(plan.options.action, _("Nothing to move."), _("Nothing to copy."), _("Nothing to link."))
    if plan.count(Outcome.IN_PLACE) + plan.count(Outcome.THERE) == len(plan.units):
        return f"{said} {_('All photos are already in place.')}"
    if plan.count(Outcome.STAYS) == len(plan.units):
        return f"{said} {_('All photos stay where they are, as you chose.')}"
    return said


def counted(plan: SortPlan, outcome: Outcome) -> str:
    """Return how many photos have an outcome other than GO, as a sentence; empty if none has."""
    count = plan.count(outcome)
    if not count:
        return ""
    match outcome:
        case Outcome.STAYS:
            said = ngettext("{count} photo stays where it is.", "{count} photos stay where they are.", count)
        case Outcome.IN_PLACE:
            said = ngettext("{count} photo is already in place.", "{count} photos are already in place.", count)
        case Outcome.THERE:
            said = ngettext(
                "{count} photo is already at the destination.", "{count} photos are already at the destination.", count
            )
        case _other:
            said = by_action(
                plan.options.action,
                ngettext("{count} photo can't be moved.", "{count} photos can't be moved.", count),
                ngettext("{count} photo can't be copied.", "{count} photos can't be copied.", count),
                ngettext("{count} photo can't be linked.", "{count} photos can't be linked.", count),
            )
    return said.format(count=number(count))


def heading(outcome: Outcome, action: Action) -> str:
    """Return the heading above photos with an outcome other than GO."""
    return {
        Outcome.STAYS: _("Left where they are"),
        Outcome.IN_PLACE: _("Already in place"),
        Outcome.THERE: _("Already at the destination"),
    }.get(outcome) or by_action(action, _("Can't be moved"), _("Can't be copied"), _("Can't be linked"))


def renamed(count: int) -> str:
    """Return that `count` photos get a different name at the destination."""
    return ngettext("{count} photo gets a different name.", "{count} photos get different names.", count).format(
        count=number(count)
    )


def with_companions(photos: int, companions: int) -> str:
    """Return a number of photos and of the files that go along: "2 photos · 1 companion file"."""
    if not companions:
        return text.photos(photos)
    along = ngettext("{count} companion file", "{count} companion files", companions).format(count=number(companions))
    return f"{text.photos(photos)}{text.BETWEEN}{along}"


def space(plan: SortPlan) -> str:
    """Return how much space a plan needs, and how much is free; empty if nothing is written."""
    if not plan.bytes_to_write:
        return ""
    needed = i18n.size(plan.bytes_to_write)
    if plan.bytes_free is None:
        return _("Needs {needed}.").format(needed=needed)
    free = i18n.size(plan.bytes_free)
    if plan.other_disk:
        return _("Needs {needed} on another disk; {free} free.").format(needed=needed, free=free)
    return _("Needs {needed}; {free} free.").format(needed=needed, free=free)


def waiting(count: int, *, scanning: bool) -> str:
    """Return that photos are not in the plan because they were not scanned yet; empty if there are none."""
    if not count:
        return ""
    said = ngettext(
        "{count} photo has not been scanned yet and stays where it is.",
        "{count} photos have not been scanned yet and stay where they are.",
        count,
    ).format(count=number(count))
    if not scanning:
        return said
    return f"{said} {ngettext('Wait a moment to include it.', 'Wait a moment to include them.', count)}"


def more_than_listed(listed: int, total: int) -> str:
    """Return that a sort takes all photos, although the window lists only some of them."""
    return ngettext(
        "This sorts all {total} photos of the folder, not only the {listed} that is listed now.",
        "This sorts all {total} photos of the folder, not only the {listed} that are listed now.",
        listed,
    ).format(total=number(total), listed=number(listed))


def more_than_selected(selected: int, total: int) -> str:
    """Return that a sort takes all photos, although several are selected."""
    return ngettext(
        "This sorts all {total} photos of the folder, not only the {selected} that is selected.",
        "This sorts all {total} photos of the folder, not only the {selected} that are selected.",
        selected,
    ).format(total=number(total), selected=number(selected))


def different_tags_name(choice: DifferentTags) -> str:
    """Return what is done with photos that belong together and have different tags, as a choice."""
    return {
        DifferentTags.TOGETHER: _("Keep together"),
        DifferentTags.APART: _("Each by its own tag"),
        DifferentTags.LEAVE: _("Leave where they are"),
    }[choice]


def remark(of: Remark) -> str:
    """Return a remark about a plan, with a few of the files or folders it is about."""
    shown = [text.folder(path) for path in of.paths[:_NAMES_SHOWN]]
    if not shown:
        return of.sentence
    if len(of.paths) == 1:
        # Translators: a sentence, and the path of the file it is about.
        return _("{sentence} ({path})").format(sentence=of.sentence, path=shown[0])
    return f"{of.sentence} {_('For example: {names}.').format(names=i18n.join(shown))}"


def remark_in_full(of: Remark) -> str:
    """Return a remark about a plan, with more of the files or folders than `remark` names, a line each."""
    return "\n".join((of.sentence, *(display_path(path) for path in of.paths[:_NAMES_LISTED])))


# While a sort runs


def doing(action: Action, destination: Path, *, rest: bool = False) -> str:
    """Return what is being done; `rest`: with the files that were left when it was interrupted."""
    if rest:
        said = by_action(
            action,
            _("Moving the remaining files to {folder}…"),
            _("Copying the remaining files to {folder}…"),
            _("Linking the remaining files in {folder}…"),
        )
    else:
        said = by_action(
            action, _("Moving photos to {folder}…"), _("Copying photos to {folder}…"), _("Linking photos in {folder}…")
        )
    return said.format(folder=text.folder(destination))


def undoing(record: SortRecord | None) -> str:
    """Return that a sort is being undone."""
    if record is None:
        return _("Moving the files back…")
    if record.trashed:
        return trash.restoring()
    said = by_action(
        record.action, _("Moving the files back to {folder}…"), _("Removing the copies…"), _("Removing the links…")
    )
    return said.format(folder=text.folder(record.folder))


def progress(event: SortProgress) -> str:
    """Return how far a sort is: files done, bytes done, time left."""
    parts = [
        ngettext("{done} of {total} file", "{done} of {total} files", event.total).format(
            done=number(event.done), total=number(event.total)
        )
    ]
    if event.bytes_total:
        # Translators: two sizes, as in "1.2 GB of 3.4 GB".
        of = _("{done} of {total}")
        parts.append(of.format(done=i18n.size(event.bytes_done), total=i18n.size(event.bytes_total)))
    if event.seconds_left is not None and event.done < event.total:
        parts.append(text.time_left(event.seconds_left))
    return text.BETWEEN.join(parts)


# How it ended


def outcome(ended: SortEnded, photos: int = 0, folders: int = 0, *, show: Show = text.folder) -> str:
    """Return how a sort or an undo ended.

    Args:
        ended: the end.
        photos: photos sorted in this run; 0 if only the number of files is known.
        folders: how many folders they are in.
        show: writes a path.
    """
    record = ended.record
    if record.state is SortState.UNDONE:
        return _undone(record)
    if record.state is SortState.UNDOING:
        return ngettext(
            "The undo was stopped with {count} file to go. Nothing is lost.",
            "The undo was stopped with {count} files to go. Nothing is lost.",
            record.done,
        ).format(count=number(record.done))
    if ended.stopped or record.is_open:
        return ngettext(
            "Stopped after {done} of {total} file. Nothing is lost.",
            "Stopped after {done} of {total} files. Nothing is lost.",
            record.files,
        ).format(done=number(record.done), total=number(record.files))
    done = _done_photos(record.action, photos, folders) if photos else done_files(record, show)
    return f"{done} {failed_files(record)}" if record.failed else done


def _done_photos(action: Action, photos: int, folders: int) -> str:
    return by_action(
        action,
        ngettext("{count} photo was moved to {folders}.", "{count} photos were moved to {folders}.", photos),
        ngettext("{count} photo was copied to {folders}.", "{count} photos were copied to {folders}.", photos),
        ngettext("{count} photo was linked in {folders}.", "{count} photos were linked in {folders}.", photos),
    ).format(count=number(photos), folders=_folders(folders))


def done_files(record: SortRecord, show: Show = text.folder) -> str:
    """Return how many files of a sort are at its destination."""
    if record.trashed:
        return trash.done_files(record.done)
    return by_action(
        record.action,
        ngettext("{count} file was moved to {folder}.", "{count} files were moved to {folder}.", record.done),
        ngettext("{count} file was copied to {folder}.", "{count} files were copied to {folder}.", record.done),
        ngettext("{count} file was linked in {folder}.", "{count} files were linked in {folder}.", record.done),
    ).format(count=number(record.done), folder=show(record.destination))


def failed_files(record: SortRecord) -> str:
    """Return how many files could not be sorted."""
    if record.trashed:
        return trash.failed_files(record.failed)
    return by_action(
        record.action,
        ngettext("{count} file could not be moved.", "{count} files could not be moved.", record.failed),
        ngettext("{count} file could not be copied.", "{count} files could not be copied.", record.failed),
        ngettext("{count} file could not be linked.", "{count} files could not be linked.", record.failed),
    ).format(count=number(record.failed))


def _undone(record: SortRecord) -> str:
    if record.trashed:
        return trash.restored(record.left)
    if record.left:
        return ngettext(
            "Undone, except for {count} file, which was left where it is.",
            "Undone, except for {count} files, which were left where they are.",
            record.left,
        ).format(count=number(record.left))
    return by_action(
        record.action,
        _("Undone. All files are back where they were."),
        _("Undone. The copies were removed."),
        _("Undone. The links were removed."),
    )


def interrupted(record: SortRecord, *, show: Show = text.folder) -> str:
    """Return that an earlier sort or undo was interrupted."""
    if record.trashed:
        return trash.interrupted(record, show(record.folder))
    if record.state is SortState.UNDOING:
        said = ngettext(
            "Undoing the sort of {folder} on {day} was interrupted with {done} file to go. Nothing is lost.",
            "Undoing the sort of {folder} on {day} was interrupted with {done} files to go. Nothing is lost.",
            record.done,
        )
    else:
        said = ngettext(
            "The sort of {folder} on {day} was interrupted after {done} of {total} file. Nothing is lost.",
            "The sort of {folder} on {day} was interrupted after {done} of {total} files. Nothing is lost.",
            record.files,
        )
    return said.format(
        folder=show(record.folder),
        day=i18n.day(record.made_at),
        done=number(record.done),
        total=number(record.files),
    )


# The history


def columns() -> tuple[str, ...]:
    """Return the titles of the columns of the history."""
    return (
        pgettext("column", "Date"),
        pgettext("column", "Action"),
        pgettext("column", "From"),
        pgettext("column", "To"),
        pgettext("column", "Files"),
        pgettext("column", "State"),
    )


def row(record: SortRecord, *, resting: bool, show: Show = text.folder) -> tuple[str, ...]:
    """Return a row of the history; the arguments are those of `state` and `outcome`."""
    return (
        i18n.moment(record.made_at),
        trash.action_name() if record.trashed else action_name(record.action),
        show(record.folder),
        trash.place() if record.trashed else show(record.destination),
        number(record.files),
        state(record, resting=resting),
    )


def state(record: SortRecord, *, resting: bool) -> str:
    """Return the state of a sort; `resting`: no window or command is working on it."""
    match record.state:
        case SortState.FINISHED if record.failed:
            said = ngettext("Done; {count} file failed", "Done; {count} files failed", record.failed)
            return said.format(count=number(record.failed))
        case SortState.FINISHED:
            return pgettext("state", "Done")
        case SortState.UNDONE if record.left:
            said = ngettext("Undone, except for {count} file", "Undone, except for {count} files", record.left)
            return said.format(count=number(record.left))
        case SortState.UNDONE:
            return pgettext("state", "Undone")
        case SortState.UNDOING if resting:
            said = ngettext(
                "Undo interrupted; {count} file to go", "Undo interrupted; {count} files to go", record.done
            )
            return said.format(count=number(record.done))
        case SortState.UNDOING:
            return pgettext("state", "Being undone")
        case SortState.RUNNING if not resting:
            return pgettext("state", "Running")
        case SortState.RUNNING:
            said = _("Interrupted after {done} of {total}")
        case SortState.STOPPED:
            said = _("Stopped after {done} of {total}")
    return said.format(done=number(record.done), total=number(record.files))


def undo_question(record: SortRecord) -> tuple[str, str]:
    """Return what is asked before a sort of the history is undone: the question, and what undo does."""
    if record.trashed:
        return trash.restore_question(record)
    many = record.done
    more = by_action(
        record.action,
        ngettext(
            "{count} file will be moved from {destination} back to {folder}.",
            "{count} files will be moved from {destination} back to {folder}.",
            many,
        ),
        ngettext(
            "{count} copy in {destination} will be removed; the photo stays.",
            "{count} copies in {destination} will be removed; the photos stay.",
            many,
        ),
        ngettext(
            "{count} link in {destination} will be removed; the photo stays.",
            "{count} links in {destination} will be removed; the photos stay.",
            many,
        ),
    ).format(count=number(many), destination=text.folder(record.destination), folder=text.folder(record.folder))
    kept = _("Files that were changed or moved since then are left where they are and listed. No file is overwritten.")
    return _("Undo the sort of {moment}?").format(moment=i18n.moment(record.made_at)), f"{more} {kept}"
