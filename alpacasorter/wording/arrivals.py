"""What the window says about photos that are sorted as they arrive."""

from __future__ import annotations

from alpacasorter import i18n
from alpacasorter.core.sorting.events import SortEnded
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.wording import text
from alpacasorter.wording.sorts import by_action, failed_files


def arriving(options: SortOptions) -> str:
    """Return how photos are sorted as they arrive."""
    return _("New photos are sorted into {folder} if the model is at least {percent} certain. Click to stop.").format(
        folder=text.folder(options.destination), percent=i18n.percent(options.min_confidence)
    )


def arrived(ended: SortEnded) -> str:
    """Return how many files were sorted as they arrived."""
    record = ended.record
    said = [
        by_action(
            record.action,
            ngettext(
                "{count} new file was moved to {folder}.", "{count} new files were moved to {folder}.", record.done
            ),
            ngettext(
                "{count} new file was copied to {folder}.", "{count} new files were copied to {folder}.", record.done
            ),
            ngettext(
                "{count} new file was linked in {folder}.", "{count} new files were linked in {folder}.", record.done
            ),
        ).format(count=number(record.done), folder=text.folder(record.destination))
    ]
    if record.failed:
        said += [failed_files(record), _("The reasons are in the sort history.")]
    if ended.problem:
        said.append(ended.problem)
    return " ".join(said)
