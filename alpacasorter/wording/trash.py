"""What the window and the command line say about photos that are moved to the trash and restored from there."""

from __future__ import annotations

from alpacasorter import i18n
from alpacasorter.core import reasons
from alpacasorter.core.sorting.events import SortEnded, SortRecord, SortState
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.i18n import _, ngettext, number, pgettext
from alpacasorter.wording import text


def action_name() -> str:
    """Return what it is called in the history."""
    return pgettext("action", "Move to trash")


def place() -> str:
    """Return where the files are, as a place."""
    # Translators: where files were moved to, in a table.
    return pgettext("place", "Trash")


# Before


def question(photos: int, plan: SortPlan) -> tuple[str, str]:
    """Return what is asked before photos are moved to the trash: the question, and what else there is to know.

    Args:
        photos: how many photos go.
        plan: the plan, in which other photos may stay.
    """
    asked = ngettext("Move {count} photo to the trash?", "Move {count} photos to the trash?", photos).format(
        count=number(photos)
    )
    more = []
    if companions := plan.files_to_do - photos:
        more.append(
            ngettext("{count} companion file goes along.", "{count} companion files go along.", companions).format(
                count=number(companions)
            )
        )
    if staying := staying_photos(plan):
        more.append(staying)
    more.append(_("Your labels are kept. You can restore the files with Undo, or later from the sort history."))
    return asked, " ".join(more)


def staying_photos(plan: SortPlan) -> str:
    """Return how many photos can't go, and why; empty if all can."""
    count = plan.count(Outcome.BLOCKED)
    if not count:
        return ""
    said = ngettext("{count} photo can't be moved:", "{count} photos can't be moved:", count)
    why = dict.fromkeys(reasons.sentence(unit.reason) for unit in plan.units if unit.reason is not None)
    return f"{said.format(count=number(count))} {' '.join(why)}"


# While it runs, and how it ended


def restoring() -> str:
    """Return that files are being restored."""
    return _("Restoring from the trash…")


def moving() -> str:
    """Return that files are being moved to the trash."""
    return _("Moving to the trash…")


def outcome(ended: SortEnded, photos: int) -> str:
    """Return how it ended; `photos`: how many photos are in the trash now, 0 if only the number of files is known."""
    record = ended.record
    said = []
    if photos:
        said.append(
            ngettext("Moved {count} photo to the trash.", "Moved {count} photos to the trash.", photos).format(
                count=number(photos)
            )
        )
    elif record.done:
        said.append(done_files(record.done))
    if record.failed:
        said.append(failed_files(record.failed))
        # What was left only because another file could not go has no reason of its own.
        left_with = reasons.left_with("").partition(" ")[0]
        own = dict.fromkeys(
            reasons.sentence(failure.reason) for failure in ended.failures if not failure.reason.startswith(left_with)
        )
        said.append(next(iter(own)) if len(own) == 1 else _("The reasons are in the sort history."))
    if ended.problem:
        said.append(ended.problem)
    return " ".join(said)


def done_files(count: int) -> str:
    """Return how many files are in the trash."""
    return ngettext("Moved {count} file to the trash.", "Moved {count} files to the trash.", count).format(
        count=number(count)
    )


def failed_files(count: int) -> str:
    """Return how many files could not be moved to the trash."""
    return ngettext(
        "{count} file could not be moved to the trash.", "{count} files could not be moved to the trash.", count
    ).format(count=number(count))


def restored(left: int) -> str:
    """Return how restoring ended; `left`: how many files could not be restored."""
    if left:
        return ngettext(
            "Restored from the trash, except for {count} file.",
            "Restored from the trash, except for {count} files.",
            left,
        ).format(count=number(left))
    return _("Restored from the trash. All files are back where they were.")


def step(photos: int) -> str:
    """Return what can be undone, for the menu: "Undo: Move 3 photos to the trash"."""
    return ngettext("Move {count} photo to the trash", "Move {count} photos to the trash", photos).format(
        count=number(photos)
    )


def interrupted(record: SortRecord, folder: str) -> str:
    """Return that it was interrupted; `folder` as it is shown."""
    if record.state is SortState.UNDOING:
        said = ngettext(
            "Restoring from the trash to {folder} on {day} was interrupted with {done} file to go. Nothing is lost.",
            "Restoring from the trash to {folder} on {day} was interrupted with {done} files to go. Nothing is lost.",
            record.done,
        )
    else:
        said = ngettext(
            "Moving photos from {folder} to the trash on {day} was interrupted after {done} of {total} file. Nothing"
            " is lost.",
            "Moving photos from {folder} to the trash on {day} was interrupted after {done} of {total} files. Nothing"
            " is lost.",
            record.files,
        )
    return said.format(
        folder=folder, day=i18n.day(record.made_at), done=number(record.done), total=number(record.files)
    )


def restore_question(record: SortRecord) -> tuple[str, str]:
    """Return what is asked before files are restored from the history, and what that does."""
    more = ngettext(
        "{count} file will be moved from the trash back to {folder}.",
        "{count} files will be moved from the trash back to {folder}.",
        record.done,
    ).format(count=number(record.done), folder=text.folder(record.folder))
    kept = _("Files that are no longer in the trash are listed. No file is overwritten.")
    asked = _("Restore what was moved to the trash on {moment}?").format(moment=i18n.moment(record.made_at))
    return asked, f"{more} {kept}"
