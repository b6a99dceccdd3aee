"""`alpacasorter sort FOLDER --into DIR`: prints the plan of a new sort and carries it out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from alpacasorter.cli.console import ProgressBar, Stopper, abandon, engine, guarded, is_closed_pipe, judge_folder
from alpacasorter.cli.sort.arguments import Usage, check_options, clocks, sort_options
from alpacasorter.cli.sort.output import PlanLines, plan_words
from alpacasorter.cli.sort.run import carry_out, is_barred, print_objects
from alpacasorter.cli.usage import absolute, complain, exclusion, folder_unavailable, leaves_out_inside, named_folder
from alpacasorter.core.events import JudgedPhoto, Progress
from alpacasorter.core.labels import LabeledPhoto, unreadable
from alpacasorter.core.photos.walk import FolderUnavailable
from alpacasorter.core.sorting.execution.run import run_sort
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.core.sorting.planning.planner import plan_sort
from alpacasorter.i18n import _
from alpacasorter.ml.engine import OpenEngine


def run(given: Mapping[str, object]) -> int:
    """Sort a folder; return the exit code.

    Args:
        given: the options given, by name.
    """
    folder, into = given.get("folder"), given.get("into")
    if not isinstance(folder, Path) or not isinstance(into, Path):
        complain(_("Name the folder to sort and the destination: alpacasorter sort FOLDER --into DIR"))
        return 2
    named = named_folder(folder)
    if named is None:
        return 2
    if not leaves_out_inside(given, named):
        return 2
    with Stopper() as stop:
        job = _Sort(given, named, absolute(into), stop)
        try:
            return guarded(job.run)
        except KeyboardInterrupt:
            if not job.began:
                complain(_("Stopped before anything was done."))
            return stop.exit_code


class _Sort:
    """A new sort.

    Attributes:
        began: whether files may have been sorted.
    """

    def __init__(self, given: Mapping[str, object], folder: Path, destination: Path, stop: Stopper) -> None:
        self.began = False
        self._given = given
        self._folder = folder
        self._destination = destination
        self._stop = stop
        self._as_json = bool(given.get("json"))
        self._dry_run = bool(given.get("dry_run"))
        self._quiet = bool(given.get("quiet"))
        self._exclusion = exclusion(given)

    def run(self) -> int:
        try:
            check_options(self._given)
            device = self._given.get("device", "auto")
            variant = self._given.get("variant")
            with engine(device, library_required=not self._dry_run, variant=variant) as opened:  # type: ignore[arg-type]
                return self._sort(opened)
        except Usage as error:
            complain(str(error))
            return 2
        except FolderUnavailable as error:
            complain(folder_unavailable(self._folder, error.reason))
            return 1

    def _sort(self, opened: OpenEngine) -> int:
        labels = opened.session.labels
        options = sort_options(self._given, self._destination, labels)
        if is_barred(opened.library, self._folder, self._destination, only_look=self._dry_run):
            return 1
        photos, left_out = self._photos(opened)
        options = replace(options, clocks=clocks(self._given, self._folder, photos))
        with ProgressBar(quiet=self._quiet, what=_("Planning")) as bar:
            plan = plan_sort(
                self._folder,
                photos,
                options,
                labels,
                exclusion=self._exclusion,
                progress=lambda done, total: bar.update(Progress(done, total, 0.0, None)),
            )
        return self._carry_out(replace(plan, left_out=left_out), opened)

    def _photos(self, opened: OpenEngine) -> tuple[list[LabeledPhoto], int]:
        """Judge the folder; return its photos for the planner, and how many files and folders the user leaves out."""
        labels = opened.session.labels
        photos: list[LabeledPhoto] = []
        with ProgressBar(quiet=self._quiet) as bar:
            recursive = bool(self._given.get("recursive", True))
            found, finished = judge_folder(
                opened, self._folder, recursive=recursive, bar=bar, exclusion=self._exclusion
            )
            for one in found:
                if isinstance(one, JudgedPhoto):
                    photos.append(labels.labeled(one))
                elif not one.is_folder:
                    photos.append(unreadable(one))
                else:
                    bar.say(folder_unavailable(one.path, one.reason))
        return photos, finished.left_out

    @staticmethod
    def _show(plan: SortPlan) -> None:
        try:
            print(plan_words(plan), flush=True)
        except OSError as error:
            if not is_closed_pipe(error):
                raise
            # The reader has seen enough of the plan, but still wants the sort.
            abandon(sys.stdout)

    def _carry_out(self, plan: SortPlan, opened: OpenEngine) -> int:
        lines = PlanLines(plan) if self._as_json else None
        if lines is None:
            self._show(plan)
        serious = [remark.sentence for remark in plan.remarks if remark.serious] if plan.files_to_do else []
        refused = 1 if serious or plan.count(Outcome.BLOCKED) else 0
        if self._dry_run or serious or not plan.files_to_do:
            if lines is not None:
                print_objects(lines.objects(None))
            for sentence in serious:
                complain(sentence)
            if serious and not self._dry_run:
                complain(_("Nothing was done."))
            return refused
        self.began = True
        code = carry_out(
            run_sort(plan, opened.library, stopped=self._stop),
            library=opened.library,
            cache=opened.cache,
            stop=self._stop,
            lines=lines,
            quiet=self._quiet,
        )
        return code or refused
