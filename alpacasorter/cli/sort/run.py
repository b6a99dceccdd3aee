"""Carries out a sort or an undo with a progress bar, and prints how it ended. New and earlier sorts share this."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter.cli.console import ProgressBar, Stopper
from alpacasorter.cli.sort.output import Json, Lines, ended_words, open_words, stopped_words, torn_words
from alpacasorter.cli.usage import complain
from alpacasorter.core.events import Progress
from alpacasorter.core.sorting.events import (
    FileFailure,
    FilesFailed,
    FilesPlaced,
    SortBegan,
    SortEnded,
    SortEvent,
    SortProgress,
    SortRecord,
    SortState,
)
from alpacasorter.i18n import _

if TYPE_CHECKING:
    from alpacasorter.core.store.cache import Cache
    from alpacasorter.core.store.library import Library


def carry_out(
    events: Generator[SortEvent, None, None],
    *,
    library: Library,
    cache: Cache,
    stop: Stopper,
    lines: Lines | None,
    quiet: bool,
) -> int:
    """Run a sort or an undo to its end, and keep the cache up to date with where the files are.

    Args:
        events: the sort or undo, not started yet.
        library: holds the journal.
        cache: is told where files go.
        stop: stops the sort between two files.
        lines: collects the JSON lines; None to print sentences instead.
        quiet: show no progress bar.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: the user did not wait for the end of a file; the sort can be resumed or undone.
        SortError, LibraryError: it could not start.
        OSError: standard output could not be written; the sort was finished all the same.
    """
    output = DeferredErrors()
    began: SortBegan | None = None
    ended: SortEnded | None = None
    stop.patient = True
    try:
        with contextlib.closing(events), ProgressBar(quiet=quiet, unit=_("files")) as bar:
            for event in events:
                match event:
                    case SortBegan():
                        began = event
                    case FilesPlaced():
                        cache.follow(event.files)
                        if lines is not None:
                            lines.placed(event.files)
                    case FilesFailed():
                        if lines is not None:
                            lines.failed(event.failures)
                    case SortProgress():
                        progress = Progress(event.done, event.total, 0.0, None)
                        output.attempt(lambda: bar.update(progress))  # noqa: B023  # called at once
                    case SortEnded():
                        ended = event
    except KeyboardInterrupt:
        if began is not None:
            complain(torn_words(began.number, undoing=began.undoing))
        raise
    finally:
        stop.patient = False
    assert ended is not None
    code = _report(ended, library, stop, in_words=lines is None)
    if lines is not None:
        print_objects(lines.objects(ended))
    output.check()
    return code


def is_barred(library: Library, folder: Path, destination: Path, *, only_look: bool = False) -> bool:
    """Name the sorts that were interrupted; return whether one of them must be resumed or undone first.

    That is so if it involves one of the same folders.

    Args:
        library: holds the journal.
        folder: the folder to sort.
        destination: where to sort it to.
        only_look: nothing will be moved, so nothing is in the way.
    """
    from alpacasorter.core.sorting.execution.session import open_sorts

    barred = False
    for record in open_sorts(library):
        complain(open_words(record))
        barred = barred or any(
            ours.is_relative_to(theirs) or theirs.is_relative_to(ours)
            for ours in (folder, destination)
            for theirs in (record.folder, record.destination)
        )
    if barred and not only_look:
        complain(_("Nothing was done. Resume or undo that sort first, because it involves the same folders."))
    return barred and not only_look


def _report(ended: SortEnded, library: Library, stop: Stopper, *, in_words: bool) -> int:
    record = ended.record
    if record.is_open:
        if ended.problem:
            complain(ended.problem)
        complain(stopped_words(ended))
        return stop.exit_code if stop() and not ended.problem else 1
    if in_words:
        print(ended_words(ended, all_failures(ended, library)))
    return 1 if _not_done(record) else 0


def all_failures(ended: SortEnded, library: Library) -> list[FileFailure]:
    """Return all files that could not be sorted or undone. The end of a sort names only the first few hundred."""
    from alpacasorter.core.sorting.execution.session import failures

    if len(ended.failures) >= _not_done(ended.record):
        return list(ended.failures)
    return failures(library, ended.record.number)


def _not_done(record: SortRecord) -> int:
    return record.left if record.state is SortState.UNDONE else record.failed


def print_objects(objects: Iterable[Json]) -> None:
    """Print objects as JSON, one per line."""
    for one in objects:
        print(json.dumps(one))


class DeferredErrors:
    """Prints while a sort runs, and keeps errors until it has ended.

    Printing fails if the reader is gone or the disk is full; that must not interrupt a sort in the middle.
    """

    def __init__(self) -> None:
        """Start without an error."""
        self._error: OSError | None = None

    def attempt(self, work: Callable[[], None]) -> None:
        """Call what prints; nothing is called any more once that has failed."""
        if self._error is None:
            try:
                work()
            except OSError as error:
                self._error = error

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error
