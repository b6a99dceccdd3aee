"""`alpacasorter scan FOLDER`: judges all photos of a folder and prints a line for each."""

from __future__ import annotations

import contextlib
from pathlib import Path

from alpacasorter.cli.console import Device, ProgressBar, engine, guarded
from alpacasorter.cli.rows import Form, RowsInOrder, judged_row, row_printer, unreadable_row
from alpacasorter.cli.usage import complain, named_folder
from alpacasorter.core import reasons
from alpacasorter.core.events import (
    Finished,
    Found,
    Judged,
    Learned,
    Problems,
    Progress,
)
from alpacasorter.core.files import display_path
from alpacasorter.core.photos.walk import FolderUnavailable


def run(folder: Path, *, form: Form, recursive: bool, device: Device, quiet: bool) -> int:
    """Scan a folder; return the exit code."""
    named = named_folder(folder)
    if named is None:
        return 2

    def work() -> int:
        try:
            return _scan(named, form=form, recursive=recursive, device=device, quiet=quiet)
        except FolderUnavailable as error:
            complain(f"{display_path(named)} can't be opened. {reasons.sentence(error.reason)}")
            return 1

    return guarded(work)


def _scan(folder: Path, *, form: Form, recursive: bool, device: Device, quiet: bool) -> int:
    with engine(device) as opened, ProgressBar(quiet=quiet) as bar:
        labels = opened.session.labels
        lines = RowsInOrder(row_printer(form, labels))
        # Closed before the engine is, whatever ends the loop: Ctrl+C, or nobody reading any more.
        with contextlib.closing(opened.session.scan(folder, recursive=recursive)) as events:
            for event in events:
                match event:
                    case Found():
                        lines.expect(file.path for file in event.files)
                    case Judged():
                        with bar.aside():
                            for photo in event.photos:
                                lines.put(photo.path, judged_row(photo, labels))
                    case Problems():
                        with bar.aside():
                            for problem in event.problems:
                                lines.put(problem.path, unreadable_row(problem))
                    case Progress():
                        bar.update(event)
                    case Finished():
                        finished = event
                    case Learned():
                        pass
        opened.cache.prune()
        if not quiet:
            bar.say(_summary(finished))
    return 0


def _summary(event: Finished) -> str:
    words = f"{event.judged:,} photos judged, {event.unreadable:,} unreadable, {event.opened:,} opened"
    return f"{words}, {event.left_alone:,} other files left alone."
