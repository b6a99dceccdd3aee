"""What a new sort and those made earlier share: doing it with a progress bar, and telling what became of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter.cli.console import ProgressBar, Stopper
from alpacasorter.cli.sort.output import Json, Teller, ended_words, open_words, stopped_words, torn_words
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

if TYPE_CHECKING:
    from alpacasorter.core.store.cache import Cache
    from alpacasorter.core.store.library import Library


def carry_out(
    events: Generator[SortEvent, None, None],
    *,
    library: Library,
    cache: Cache,
    stop: Stopper,
    teller: Teller | None,
    quiet: bool,
) -> int:
    """Do what a generator of the journal does; the cache follows the files.

    Args:
        events: of the sort.
        library: where its journal is.
        cache: follows.
        stop: ends it between two files.
        teller: makes JSON lines; None for words.
        quiet: show no progress bar.

    Returns:
        the exit code.

    Raises:
        KeyboardInterrupt: the user did not wait for the end of a file; the sort can be finished or rolled back.
        SortError, LibraryError: it could not begin.
        OSError: standard output could not be written. The sort went on to its end nevertheless.
    """
    patient = Patient()
    number = 0
    ended: SortEnded | None = None
    stop.patient = True
    try:
        with contextlib.closing(events), ProgressBar(quiet=quiet, unit="files") as bar:
            for event in events:
                match event:
                    case SortBegan():
                        number = event.number
                    case FilesPlaced():
                        cache.follow(event.files)
                        if teller is not None:
                            teller.placed(event.files)
                    case FilesFailed():
                        if teller is not None:
                            teller.failed(event.failures)
                    case SortProgress():
                        progress = Progress(event.done, event.total, 0.0, None)
                        patient.attempt(lambda: bar.update(progress))  # noqa: B023  # called at once
                    case SortEnded():
                        ended = event
    except KeyboardInterrupt:
        if number:
            complain(torn_words(number))
        raise
    finally:
        stop.patient = False
    assert ended is not None
    code = _tell(ended, library, stop, in_words=teller is None)
    if teller is not None:
        print_objects(teller.objects(ended))
    patient.check()
    return code


def is_barred(library: Library, folder: Path, destination: Path, *, only_look: bool = False) -> bool:
    """Tell of sorts that were broken off, and whether one of the same folders must be decided about first.

    Args:
        library: where the journal is.
        folder: what is to be sorted.
        destination: where to.
        only_look: nothing will be done, so nothing must be decided.
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
        complain("Nothing was done. Decide about that first, because it is of the same folders.")
    return barred and not only_look


def _tell(ended: SortEnded, library: Library, stop: Stopper, *, in_words: bool) -> int:
    record = ended.record
    if record.is_open:
        if ended.problem:
            complain(ended.problem)
        complain(stopped_words(record))
        return stop.exit_code if stop() and not ended.problem else 1
    if in_words:
        print(ended_words(ended, all_failures(ended, library)))
    return 1 if _not_done(record) else 0


def all_failures(ended: SortEnded, library: Library) -> list[FileFailure]:
    """Return the files of a sort that could not be done, or taken back; where there are many, from the journal."""
    from alpacasorter.core.sorting.execution.session import failures

    if len(ended.failures) >= _not_done(ended.record):
        return list(ended.failures)
    return failures(library, ended.record.number)


def _not_done(record: SortRecord) -> int:
    return record.left if record.state is SortState.UNDONE else record.failed


def print_objects(objects: Iterable[Json]) -> None:
    """Print objects, a line each."""
    for one in objects:
        print(json.dumps(one))


class Patient:
    """Prints while a sort is at work, which must not be torn off where nobody reads any more, or the disk is full."""

    def __init__(self) -> None:
        """Start with nothing wrong."""
        self._error: OSError | None = None

    def attempt(self, work: Callable[[], None]) -> None:
        """Do what prints; nothing once that has failed."""
        if self._error is None:
            try:
                work()
            except OSError as error:
                self._error = error

    def check(self) -> None:
        """Raise the first error there was, if any: now that nothing can be torn off by it."""
        if self._error is not None:
            raise self._error
