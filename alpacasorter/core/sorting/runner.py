"""Does what a plan says, exactly that, and so that it can be finished or taken back whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Generator

from alpacasorter.core.library import Library
from alpacasorter.core.sorting.events import SortError, SortEvent
from alpacasorter.core.sorting.journal import Journal
from alpacasorter.core.sorting.plan import SortPlan
from alpacasorter.core.sorting.recovery import forward
from alpacasorter.core.sorting.running import alone, undisturbed


def run_sort(
    plan: SortPlan, library: Library, *, stopped: Callable[[], bool] = lambda: False
) -> Generator[SortEvent, None, None]:
    """Sort: move, copy or link each file of a plan that is to go.

    Nothing is done before this is first iterated. Closing it early leaves the sort open and consistent.

    Args:
        plan: what was shown to the user.
        library: holds the journal.
        stopped: asked now and then, also in the middle of a large file; where it says so the sort stops.

    Yields:
        SortBegan first, SortEnded last.

    Raises:
        SortError: there is nothing to do.
        SortBusy: another one is at work.
        LibraryError: the journal can't be written; nothing was done.
    """
    if not plan.files_to_do:
        raise SortError("There is nothing to sort: every photo stays where it is.")
    with alone(library), undisturbed(plan.folder, plan.options.destination):
        journal = Journal(library)
        ended = yield from forward(journal, journal.begin(plan), stopped)
    yield ended
