"""`alpacasorter watch FOLDER`: judges the photos in a folder, then every new photo that arrives, until it is ended."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from alpacasorter.cli.console import ProgressBar, Stopper, engine, guarded, learn_again
from alpacasorter.cli.rows import Row, RowsInOrder, judged_row, row_printer, unreadable_row
from alpacasorter.cli.sort.arguments import Usage, check_options, clocks, sort_options
from alpacasorter.cli.sort.output import stopped_words
from alpacasorter.cli.sort.run import DeferredErrors, is_barred
from alpacasorter.cli.usage import absolute, complain, exclusion, folder_unavailable, leaves_out_inside, named_folder
from alpacasorter.core import reasons
from alpacasorter.core.events import Found, Judged, Learned, Placed, Problems, Progress
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.walk import FolderUnavailable, WalkProblem, walk
from alpacasorter.core.sorting.events import FilesFailed, FilesPlaced, SortBegan, SortEnded
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.watching.events import Gone, Renamed, WatchState
from alpacasorter.core.watching.watch import Watch
from alpacasorter.i18n import _, join, ngettext
from alpacasorter.ml.engine import OpenEngine
from alpacasorter.ml.watch_and_sort import LiveEvent, live
from alpacasorter.wording.text import learned_late

_ONLY_WITH_INTO = (
    "action",
    "pattern",
    "name",
    "clock",
    "only",
    "min_confidence",
    "different_tags",
)


def run(given: Mapping[str, object]) -> int:
    """Watch a folder; return the exit code.

    Args:
        given: the options given, by name.
    """
    folder, into = given.get("folder"), given.get("into")
    assert isinstance(folder, Path)
    idle = [f"--{name.replace('_', '-')}" for name in _ONLY_WITH_INTO if name in given]
    if idle and into is None:
        said = ngettext(
            "{options} has no effect without --into DIR.", "{options} have no effect without --into DIR.", len(idle)
        )
        complain(said.format(options=join(idle)))
        return 2
    named = named_folder(folder)
    if named is None:
        # Not wrong usage: the drive may be connected later, and the command tried again.
        return 1
    if not leaves_out_inside(given, named):
        return 2
    with Stopper() as stop:
        job = _Watching(given, named, absolute(into) if isinstance(into, Path) else None, stop)
        try:
            return guarded(job.run)
        except KeyboardInterrupt:
            return _exit_code(stop)


def _exit_code(stop: Stopper) -> int:
    """Return 130 after Ctrl+C; SIGTERM is how a watch is meant to end."""
    return stop.exit_code if stop.by_ctrl_c else 0


class _Watching:
    """One run of the command."""

    def __init__(self, given: Mapping[str, object], folder: Path, destination: Path | None, stop: Stopper) -> None:
        self._given = given
        self._folder = folder
        self._destination = destination
        self._stop = stop
        self._as_json = bool(given.get("json"))
        self._quiet = bool(given.get("quiet"))
        self._recursive = bool(given.get("recursive", True))
        self._exclusion = exclusion(given)

    def run(self) -> int:
        try:
            check_options(self._given)
            device, sorts = self._given.get("device", "auto"), self._given.get("into") is not None
            variant = self._given.get("variant")
            with engine(device, library_required=sorts, variant=variant) as opened:  # type: ignore[arg-type]
                return self._watch(opened)
        except Usage as error:
            complain(str(error))
            return 2
        except FolderUnavailable as error:
            complain(folder_unavailable(self._folder, error.reason))
            return 1

    def _watch(self, opened: OpenEngine) -> int:
        labels = opened.session.labels
        arrivals: SortOptions | None = None
        if self._destination is not None:
            arrivals = sort_options(self._given, self._destination, labels)
            arrivals = replace(arrivals, clocks=clocks(self._given, self._folder, None))
            if is_barred(opened.library, self._folder, self._destination):
                return 1
        learn_again(opened, quiet=self._quiet)
        printer = _Printer(labels, as_json=self._as_json)
        # Listed before watching begins: whatever arrives after the event "online" must be reported.
        known, unusable = self._list() if self._given.get("new_only") else self._scan(opened, printer)
        watch = Watch(
            self._folder, recursive=self._recursive, known=known, unusable=unusable, exclusion=self._exclusion
        )
        self._stop.patient = True
        try:
            if not self._quiet:
                complain(_("Watching {folder}. Press Ctrl+C to stop.").format(folder=display_path(self._folder)))
            with contextlib.closing(live(opened, watch, arrivals=lambda: arrivals, stopped=self._stop)) as events:
                for event in events:
                    printer.show(event, self._folder)
        finally:
            self._stop.patient = False
        if printer.left_open is not None:
            complain(stopped_words(printer.left_open))
        return _exit_code(self._stop)

    def _list(self) -> tuple[list[PhotoFile], list[Path]]:
        """Return the photos in the folder, and the paths of those that can't be opened."""
        files: list[PhotoFile] = []
        unusable: list[Path] = []
        for item in walk(self._folder, recursive=self._recursive, exclusion=self._exclusion):
            match item:
                case PhotoFile():
                    files.append(item)
                case WalkProblem(is_folder=False):
                    unusable.append(item.path)
                case _:
                    pass
        return files, unusable

    def _scan(self, opened: OpenEngine, printer: _Printer) -> tuple[list[PhotoFile], list[Path]]:
        """Judge and print the photos in the folder; return what `_list` does."""
        files: list[PhotoFile] = []
        unusable: list[Path] = []
        lines = RowsInOrder(printer.row)
        labels = opened.session.labels
        with (
            ProgressBar(quiet=self._quiet) as bar,
            contextlib.closing(
                opened.session.scan(self._folder, recursive=self._recursive, exclusion=self._exclusion)
            ) as events,
        ):
            for event in events:
                match event:
                    case Found():
                        files += event.files
                        lines.expect(file.path for file in event.files)
                    case Judged():
                        with bar.aside():
                            for photo in event.photos:
                                lines.put(photo.path, judged_row(photo, labels))
                    case Problems():
                        with bar.aside():
                            for problem in event.problems:
                                if not problem.is_folder:
                                    unusable.append(problem.path)
                                lines.put(problem.path, unreadable_row(problem))
                    case Progress():
                        with bar.aside():
                            lines.print_ready()
                        bar.update(event)
                    case Learned() if not self._quiet:
                        bar.say(learned_late())
                    case _:
                        pass
        opened.cache.prune()
        # Photos that were found but could not be read are in `files`.
        found = {file.path for file in files}
        return files, [path for path in unusable if path not in found]


class _Printer:
    """Prints each event right away.

    Attributes:
        left_open: the end of the last sort if it was stopped or could not continue; None otherwise.
    """

    def __init__(self, labels: LabelSet, *, as_json: bool) -> None:
        self._labels = labels
        self._as_json = as_json
        self._text = row_printer("text", labels)
        self._output = DeferredErrors()
        self.left_open: SortEnded | None = None
        self._sort: int | None = None
        self._places: set[Path] = set()

    def row(self, row: Row) -> None:
        """Print a photo."""
        if self._as_json:
            self._object({"event": "judged" if row["status"] == "ok" else "problem"} | row)
        else:
            self._output.attempt(lambda: self._text(row))
            self._output.attempt(sys.stdout.flush)

    def show(self, event: LiveEvent, folder: Path) -> None:
        """Print an event of the watch.

        Raises:
            OSError: standard output can't be written. It is raised once the sort that is running has ended.
        """
        match event:
            case Judged():
                for photo in event.photos:
                    self.row(judged_row(photo, self._labels))
            case Problems():
                for problem in event.problems:
                    self.row(unreadable_row(problem))
            case Renamed():
                for before, file in event.files:
                    self._happened("renamed", file.path, before=before)
            case Gone():
                for path in event.paths:
                    self._happened("gone", path)
            case WatchState():
                self._state(event, folder)
            case SortBegan():
                self._sort = event.number
            case FilesPlaced():
                for placed in event.files:
                    self._sorted(placed)
            case FilesFailed():
                for failure in event.failures:
                    self._happened("not sorted", failure.path, reason=reasons.sentence(failure.reason), sort=self._sort)
            case SortEnded():
                self._sort = None
                self._places.clear()
                # It will be tried again; the next WatchState says why it could not continue.
                self.left_open = event if event.record.is_open else None
            case _:
                pass
        if self._sort is None:
            self._output.check()

    def _sorted(self, placed: Placed) -> None:
        if placed.before in self._places or placed.after is None:
            # Moved back because a companion could not be sorted; that is reported as "not sorted".
            return
        self._places.add(placed.after)
        self._happened("sorted", placed.after, before=placed.before, sort=self._sort)

    def _state(self, event: WatchState, folder: Path) -> None:
        if event.notice:
            complain(event.notice)
        if self._as_json:
            name = "offline" if not event.online else "polling" if event.polling else "online"
            self._object({"event": name, "path": str(folder), "notice": event.notice or None})

    def _happened(
        self,
        what: Literal["renamed", "gone", "sorted", "not sorted"],
        path: Path,
        *,
        before: Path | None = None,
        reason: str | None = None,
        sort: int | None = None,
    ) -> None:
        if self._as_json:
            more = {"before": None if before is None else str(before), "reason": reason, "sort": sort}
            self._object({"event": what, "path": str(path)} | {k: v for k, v in more.items() if v is not None})
            return
        said = {
            "renamed": _("Renamed: {before} → {path}"),
            "gone": _("Gone: {path}"),
            "sorted": _("Sorted: {before} → {path}"),
            "not sorted": _("Not sorted: {path} ({reason})"),
        }[what]
        line = said.format(
            before="" if before is None else display_path(before), path=display_path(path), reason=reason or ""
        )
        self._output.attempt(lambda: print(line, flush=True))

    def _object(self, row: Row) -> None:
        self._output.attempt(lambda: print(f"{json.dumps(row)}\n", end="", flush=True))
