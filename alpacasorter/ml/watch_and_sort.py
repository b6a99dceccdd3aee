"""A watched folder with the model: photos that arrive are judged and, where the user wants it, sorted.

A generator, as all jobs are: the window runs it on a thread (workers/watching.py), the command line directly.

Sorting photos as they arrive: which are sure enough, which are waited for, and what is tried again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from alpacasorter.core.events import Found, Judged, JudgedPhoto, Learned, Problem, Problems
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.events import FilesPlaced, Placed, SortBegan, SortBusy, SortEnded, SortError, SortEvent
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.plan import Outcome, PlanError, PlanStopped, SortPhoto, SortPlan
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.core.watching.events import Arrived, Gone, Renamed, Unusable, WatchEvent, WatchState
from alpacasorter.core.watching.watch import Watch

if TYPE_CHECKING:
    from alpacasorter.ml.engine import Engine

_AT_ONCE: Final = 1000
_NOT_SORTED: Final = "Photos that arrive are not sorted at the moment."


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds.

    Attributes:
        quiet: after the last sign of a photo or of files of its name, which go with it and may come after it.
        longest: for how long those that are ready wait for others at most.
        busy: until the next try, where another sort is going on.
        problem: until the next try, where photos could not be sorted.
    """

    quiet: float = 5.0
    longest: float = 30.0
    busy: float = 5.0
    problem: float = 60.0


class Sorting(Protocol):
    """Plans sorts and does them: the real one is `core.sorting`."""

    def plan(
        self,
        folder: Path,
        photos: list[SortPhoto],
        options: SortOptions,
        labels: LabelSet,
        *,
        stopped: Callable[[], bool],
    ) -> SortPlan:
        """Return what `planner.plan_sort` does."""

    def run(self, plan: SortPlan, library: Library, *, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        """Do what `runner.run_sort` does."""

    def finish(self, number: int, library: Library, *, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        """Do what `recovery.finish_sort` does."""


class CoreSorting:
    """The real thing. Imported when it is needed: most people never sort as photos arrive."""

    def plan(
        self,
        folder: Path,
        photos: list[SortPhoto],
        options: SortOptions,
        labels: LabelSet,
        *,
        stopped: Callable[[], bool],
    ) -> SortPlan:
        """Return the plan of `planner.plan_sort`."""
        from alpacasorter.core.sorting.planning.planner import plan_sort

        return plan_sort(folder, photos, options, labels, stopped=stopped)

    def run(self, plan: SortPlan, library: Library, *, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        """Run `runner.run_sort`."""
        from alpacasorter.core.sorting.execution.run import run_sort

        return run_sort(plan, library, stopped=stopped)

    def finish(self, number: int, library: Library, *, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        """Run `recovery.finish_sort`."""
        from alpacasorter.core.sorting.execution.run import finish_sort

        return finish_sort(number, library, stopped=stopped)


@dataclass(slots=True)
class _Arrival:
    photo: JudgedPhoto
    judged_at: float = field(default_factory=time.monotonic)
    considered: object = None
    """The state of things in which it was found not to be sorted."""


class ArrivalSort:
    """Photos that arrived since watching began and are still where they came. For one thread.

    Attributes:
        problem: why they are not sorted just now, a sentence for the user; empty where all is well.
    """

    def __init__(self, opened: Engine, watch: Watch, sorting: Sorting, patience: Patience) -> None:
        """Start with none."""
        self.problem = ""
        self._opened = opened
        self._watch = watch
        self._sorting = sorting
        self._patience = patience
        self._arrivals: dict[Path, _Arrival] = {}
        self._sorted_keys: set[str] = set()
        self._not_before = 0.0
        self._head: object = None
        self._options: SortOptions | None = None
        self._now = object()
        self._unfinished: int | None = None

    def note(self, event: object) -> None:
        """Take in what happens to photos."""
        match event:
            case Judged():
                for photo in event.photos:
                    # One that was sorted and taken back is left alone from then on.
                    if photo.content_key not in self._sorted_keys:
                        self._arrivals[photo.path] = _Arrival(photo)
            case Renamed():
                for before, file in event.files:
                    arrival = self._arrivals.pop(before, None)
                    if arrival is not None:
                        photo = arrival.photo
                        moved = JudgedPhoto(
                            file.path, photo.content_key, photo.probability, photo.facts, photo.correction
                        )
                        self._arrivals[file.path] = _Arrival(moved)
            case Gone():
                self.forget(event.paths)
            case _:
                pass

    def forget(self, paths: Iterable[Path]) -> None:
        """Let photos be no arrivals any more, such as those that changed and are judged anew."""
        for path in paths:
            self._arrivals.pop(path, None)

    def sort(self, options: SortOptions, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        """Sort what is sure enough and has been quiet for long enough; yield what a sort does, often nothing."""
        if time.monotonic() < self._not_before:
            return
        if options != self._options or self._opened.session.head is not self._head:
            self._options, self._head, self._now = options, self._opened.session.head, object()
        try:
            if self._unfinished is not None:
                yield from self._finish(self._unfinished, stopped)
            else:
                yield from self._sort(options, stopped)
        except SortBusy:
            self._not_before = time.monotonic() + self._patience.busy
        except (SortError, PlanError, LibraryError) as error:
            self._fail(str(error))
        except PlanStopped:
            return

    def _sort(self, options: SortOptions, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        photos = self._sure(self._quiet(), options)
        if not photos:
            return
        labels = self._opened.session.labels
        plan = self._sorting.plan(self._watch.root, photos, options, labels, stopped=stopped)
        serious = next((remark.sentence for remark in plan.remarks if remark.serious), None)
        if serious is not None:
            self._fail(serious)
            return
        if plan.count(Outcome.GO):
            yield from self._run(self._sorting.run(plan, self._opened.library, stopped=stopped), stopped)
        else:
            self.problem = ""
        for photo in photos:
            # What could not go now is not tried again until something is another way.
            arrival = self._arrivals.get(photo.path)
            if arrival is not None:
                arrival.considered = self._now

    def _finish(self, number: int, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        """Go on with a sort that could not go on before."""
        self._unfinished = None
        try:
            yield from self._run(self._sorting.finish(number, self._opened.library, stopped=stopped), stopped)
        except SortBusy:
            self._unfinished = number
            raise

    def _run(
        self, events: Generator[SortEvent, None, None], stopped: Callable[[], bool]
    ) -> Generator[SortEvent, None, None]:
        number = None
        with contextlib.closing(events):
            for event in events:
                match event:
                    case SortBegan():
                        number = event.number
                    case FilesPlaced():
                        self._opened.cache.follow(event.files)
                        self._watch.expect(event.files)
                        self._note_sorted(event)
                    case SortEnded():
                        self.problem = ""
                        if event.stopped and not stopped():
                            self._unfinished = number
                            self._fail(event.problem)
                    case _:
                        pass
                yield event

    def _note_sorted(self, event: FilesPlaced) -> None:
        for placed in event.files:
            arrival = self._arrivals.pop(placed.before, None)
            if arrival is not None:
                self._sorted_keys.add(arrival.photo.content_key)

    def _fail(self, why: str) -> None:
        self.problem = f"{_NOT_SORTED} {why}".strip()
        self._not_before = time.monotonic() + self._patience.problem

    def _quiet(self) -> list[_Arrival]:
        """Return those whose time has come; none while others are about to follow, so that a burst is one sort."""
        now = time.monotonic()
        # Where the system says nothing, two looks must have found no change.
        quiet = max(self._patience.quiet, 2 * self._watch.polls_every)
        ready: list[_Arrival] = []
        is_more_to_come = False
        for path, arrival in self._arrivals.items():
            if arrival.considered is self._now:
                continue
            if now - arrival.judged_at >= quiet and self._watch.quiet_for(path) >= self._patience.quiet:
                ready.append(arrival)
            else:
                is_more_to_come = True
        waited = max((now - arrival.judged_at - quiet for arrival in ready), default=0.0)
        return [] if is_more_to_come and waited < self._patience.longest else ready[:_AT_ONCE]

    def _sure(self, arrivals: list[_Arrival], options: SortOptions) -> list[SortPhoto]:
        session = self._opened.session
        sure: list[SortPhoto] = []
        for arrival in arrivals:
            arrival.considered = self._now
        for photo in session.judged_anew(arrival.photo for arrival in arrivals):
            subject = session.labels.labeled(photo)
            if subject.is_sure(options.min_confidence):
                self._arrivals[photo.path].considered = None
                sure.append(subject)
        return sure


LiveEvent = WatchEvent | Found | Judged | Problems | Learned | SortEvent

_LOOK_SECONDS: Final = 0.25


def live(
    opened: Engine,
    watch: Watch,
    *,
    arrivals: Callable[[], SortOptions | None] = lambda: None,
    stopped: Callable[[], bool] = lambda: False,
    patience: Patience | None = None,
    sorting: Sorting | None = None,
) -> Generator[LiveEvent, None, None]:
    """Watch a folder; yield what happens until `stopped` or `watch.stop()`. Closing it ends all its threads.

    A WatchState comes first, and whenever it changes. Photos that arrived or changed come as Found and then each as a
    Judged or a Problems; those that can't be used come as Problems at once. So there is no Arrived and no Unusable.
    Renamed and Gone are passed on. Learned comes where a photo was met that had been corrected while another backbone
    served.

    Where `arrivals()` gives options, photos that arrived since the start are sorted as soon as they are sure enough
    and nothing was heard of them and of files of the same name for some seconds; the events of each sort are passed
    on. The cache and the watch follow the files. Why nothing can be sorted is said by the notice of a WatchState.
    Each sort is in the journal like any other.

    Args:
        opened: the engine; the folder is the one that its session scanned last.
        watch: of that folder; it is closed in the end.
        arrivals: asked all the while: how to sort what arrives; None for not at all.
        stopped: asked all the while.
        patience: how long is waited for what.
        sorting: plans sorts and does them.
    """
    sorter = ArrivalSort(opened, watch, sorting or CoreSorting(), patience or Patience())
    state: WatchState | None = None
    told: WatchState | None = None

    def is_over() -> bool:
        return watch.stopped or stopped()

    try:
        while not is_over():
            for event in watch.step(_LOOK_SECONDS):
                if isinstance(event, WatchState):
                    state = event
                else:
                    yield from _passed_on(opened, event, sorter, is_over)
                if is_over():
                    return
            options = arrivals()
            if options is None:
                sorter.problem = ""
            elif state is not None and state.online:
                yield from sorter.sort(options, is_over)
            if state is not None and (now := _with_problem(state, sorter.problem)) != told:
                told = now
                yield now
    finally:
        watch.close()


def _passed_on(
    opened: Engine, event: WatchEvent, sorter: ArrivalSort, stopped: Callable[[], bool]
) -> Generator[LiveEvent, None, None]:
    match event:
        case Arrived():
            yield Found(event.files)
            sorter.forget(file.path for file in event.files)
            for outcome in opened.session.judge_files(event.files, stopped=stopped):
                sorter.note(outcome)
                yield outcome
        case Unusable():
            yield Problems(tuple(Problem(path, reason) for path, reason in event.problems))
        case Renamed():
            opened.cache.follow(_placed(event))
            sorter.note(event)
            yield event
        case _:
            sorter.note(event)
            yield event


def _placed(event: Renamed) -> Iterable[Placed]:
    for before, file in event.files:
        yield Placed(before, file.path, False, file.size, file.mtime_ns, None)


def _with_problem(state: WatchState, problem: str) -> WatchState:
    return replace(state, notice=f"{state.notice} {problem}".strip()) if problem else state
