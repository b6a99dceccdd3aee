"""What the journal tells of sorts, the newest first: for the history, and for the offer after an interruption."""

from __future__ import annotations

from alpacasorter.core.library import Library
from alpacasorter.core.sorting.events import FileFailure, SortBusy, SortRecord, SortState
from alpacasorter.core.sorting.journal import Journal
from alpacasorter.core.sorting.running import alone
from alpacasorter.core.sorting.steps import StepState

_ALL = 1_000_000
_PROBE_S = 0.2


def list_sorts(library: Library, limit: int = 100) -> list[SortRecord]:
    """Return the latest sorts, the newest first; raises LibraryError."""
    return [sort.record for sort in Journal(library).sorts(limit)]


def open_sorts(library: Library) -> list[SortRecord]:
    """Return the sorts that were broken off, the newest first; none while another process, or this one, is sorting.

    Raises:
        LibraryError: the journal can't be read.
    """
    found = [record for record in list_sorts(library, _ALL) if record.is_open]
    if not found:
        return []
    try:
        with alone(library, seconds=_PROBE_S):
            # What was at work a moment ago may be at its end now.
            return [record for record in list_sorts(library, _ALL) if record.is_open]
    except SortBusy:
        return []


def failures(library: Library, number: int) -> list[FileFailure]:
    """Return the files of a sort that could not be done, or not be taken back, and why.

    Raises:
        SortError: there is no such sort.
        LibraryError: the journal can't be read.
    """
    journal = Journal(library)
    steps = journal.in_states(journal.sort(number).uid, (StepState.FAILED, StepState.LEFT))
    return [
        FileFailure(step.target if step.state is StepState.LEFT else step.source, step.reason or "") for step in steps
    ]


def latest_undoable(library: Library) -> SortRecord | None:
    """Return the latest finished sort of which something is in place, if there is one; raises LibraryError."""
    for record in list_sorts(library, _ALL):
        if record.state is SortState.FINISHED and record.done:
            return record
    return None
