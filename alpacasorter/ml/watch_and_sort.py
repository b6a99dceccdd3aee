"""Watching the open folder: new photos are judged and, if the user wants it, sorted.

`live` is a generator of events, like all jobs: the window runs it on a thread (workers/watching.py), the command line
directly. `ArrivalSort` decides which of the new photos are certain enough to be sorted, and when.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.core import reasons
from alpacasorter.core.events import Found, Judged, JudgedPhoto, Learned, Placed, Problem, Problems
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.sorting.events import FilesPlaced, SortBegan, SortBusy, SortEnded, SortError, SortEvent
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.plan import Outcome, PlanError, PlanStopped
from alpacasorter.core.store.library import LibraryError
from alpacasorter.core.watching.events import Arrived, Gone, Renamed, Unusable, WatchEvent, WatchState
from alpacasorter.core.watching.watch import Watch
from alpacasorter.i18n import _

if TYPE_CHECKING:
    from alpacasorter.ml.engine import OpenEngine

_BATCH: Final = 1000
_STEP_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Delays:
    """How long to wait, in seconds.

    Attributes:
        quiet: after the last change to a photo, or to files of the same name, which belong to it and may come later.
        longest: how long photos that are ready wait for others at most.
        busy: until the next try, while another sort is running.
        problem: until the next try, after photos could not be sorted.
    """

    quiet: float = 5.0
    longest: float = 30.0
    busy: float = 5.0
    problem: float = 60.0


@dataclass(slots=True)
class _Arrival:
    photo: JudgedPhoto
    judged_at: float = field(default_factory=time.monotonic)
    considered: object = None
    """The state in which it was last found not to be ready for sorting."""


class ArrivalSort:
    """Sorts the photos that have arrived since watching began. For one thread.

    Attributes:
        problem: why they are not being sorted, in sentences for the user; empty if there is no problem.
    """

    def __init__(self, opened: OpenEngine, watch: Watch, delays: Delays) -> None:
        """Start with no photos."""
        self.problem = ""
        self._opened = opened
        self._watch = watch
        self._delays = delays
        self._arrivals: dict[Path, _Arrival] = {}
        self._sorted_pictures: set[str] = set()
        self._there_before: set[Path] = set()
        self._not_before = 0.0
        self._head: object = None
        self._options: SortOptions | None = None
        self._state = object()
        self._unfinished: int | None = None

    def note(self, event: object) -> None:
        """Note what happened to photos."""
        match event:
            case Judged():
                for photo in event.photos:
                    # A photo that was sorted and moved back by an undo is not sorted again, even if another program
                    # has written a keyword into it since.
                    is_written_into = photo.path in self._there_before and self._had_picture(photo)
                    if _picture(photo) not in self._sorted_pictures and not is_written_into:
                        self._arrivals[photo.path] = _Arrival(photo)
            case Renamed():
                for before, file in event.files:
                    arrival = self._arrivals.pop(before, None)
                    if arrival is not None:
                        self._arrivals[file.path] = _Arrival(replace(arrival.photo, path=file.path))
            case Gone():
                self.forget(event.paths)
            case _:
                pass

    def expect(self, event: Arrived) -> None:
        """Note which photos come next: they are judged again. Into some, another program has only written a keyword."""
        self._there_before = set(event.changed - self._arrivals.keys())
        self.forget(file.path for file in event.files)

    def _had_picture(self, photo: JudgedPhoto) -> bool:
        return self._opened.session.learning.had_picture(photo.content_key)

    def forget(self, paths: Iterable[Path]) -> None:
        """Forget photos that are gone or judged again."""
        for path in paths:
            self._arrivals.pop(path, None)

    def sort(self, options: SortOptions, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        """Sort the photos that are certain enough and have settled; yield the events of the sort, if any."""
        learning = self._opened.session.learning
        if time.monotonic() < self._not_before or learning.learning_again:
            # What the user taught an earlier model is learned in a moment, and then their tags may be others.
            return
        if options != self._options or learning.head is not self._head:
            self._options, self._head, self._state = options, learning.head, object()
        try:
            if self._unfinished is not None:
                yield from self._finish(self._unfinished, stopped)
            else:
                yield from self._sort(options, stopped)
        except SortBusy:
            self._not_before = time.monotonic() + self._delays.busy
        except (SortError, PlanError, LibraryError) as error:
            self._fail(str(error))
        except PlanStopped:
            return

    def _sort(self, options: SortOptions, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        photos = self._certain(self._quiet(), options)
        if not photos:
            return
        # Imported here, because most people never sort new photos.
        from alpacasorter.core.sorting.execution.run import run_sort
        from alpacasorter.core.sorting.planning.planner import plan_sort

        plan = plan_sort(
            self._watch.root,
            photos,
            options,
            self._opened.session.labels,
            stopped=stopped,
            exclusion=self._watch.exclusion,
        )
        serious = next((remark.sentence for remark in plan.remarks if remark.serious), None)
        if serious is not None:
            self._fail(serious)
            return
        if plan.count(Outcome.GO):
            yield from self._run(run_sort(plan, self._opened.library, stopped=stopped), stopped)
        else:
            self.problem = ""
        for photo in photos:
            # A photo that could not be sorted now is not tried again until something changes.
            arrival = self._arrivals.get(photo.path)
            if arrival is not None:
                arrival.considered = self._state

    def _finish(self, number: int, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        """Resume a sort that was interrupted."""
        from alpacasorter.core.sorting.execution.run import resume_sort

        self._unfinished = None
        try:
            yield from self._run(resume_sort(number, self._opened.library, stopped=stopped), stopped)
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
                            self._fail(reasons.sentence(event.problem))
                    case _:
                        pass
                yield event

    def _note_sorted(self, event: FilesPlaced) -> None:
        for placed in event.files:
            arrival = self._arrivals.pop(placed.before, None)
            if arrival is not None:
                self._sorted_pictures.add(_picture(arrival.photo))

    def _fail(self, why: str) -> None:
        # Translators: {reason} is a sentence, or empty.
        self.problem = _("New photos are not being sorted at the moment. {reason}").format(reason=why).strip()
        self._not_before = time.monotonic() + self._delays.problem

    def _quiet(self) -> list[_Arrival]:
        """Return photos that have settled; none while more are coming, so that a burst is one sort."""
        now = time.monotonic()
        # If the folder is polled, two polls must have found no change.
        quiet = max(self._delays.quiet, 2 * self._watch.polls_every)
        ready: list[_Arrival] = []
        is_more_to_come = False
        for path, arrival in self._arrivals.items():
            if arrival.considered is self._state:
                continue
            if now - arrival.judged_at >= quiet and self._watch.quiet_for(path) >= self._delays.quiet:
                ready.append(arrival)
            else:
                is_more_to_come = True
        waited = max((now - arrival.judged_at - quiet for arrival in ready), default=0.0)
        return [] if is_more_to_come and waited < self._delays.longest else ready[:_BATCH]

    def _certain(self, arrivals: list[_Arrival], options: SortOptions) -> list[LabeledPhoto]:
        session = self._opened.session
        certain: list[LabeledPhoto] = []
        for arrival in arrivals:
            arrival.considered = self._state
        for photo in session.judge_again(arrival.photo for arrival in arrivals):
            subject = session.labels.labeled(photo)
            if subject.is_sure(options.min_confidence):
                self._arrivals[photo.path].considered = None
                certain.append(subject)
        return certain


def _picture(photo: JudgedPhoto) -> str:
    return photo.picture_key or photo.content_key


LiveEvent = WatchEvent | Found | Judged | Problems | Learned | SortEvent


def live(
    opened: OpenEngine,
    watch: Watch,
    *,
    arrivals: Callable[[], SortOptions | None] = lambda: None,
    stopped: Callable[[], bool] = lambda: False,
    delays: Delays | None = None,
) -> Generator[LiveEvent, None, None]:
    """Watch a folder; yield events until `stopped()` or `watch.stop()`. Closing it ends all its threads.

    A WatchState comes first, and whenever it changes. New and changed photos come as Found, and then each as a Judged
    or a Problems; files that can't be used come as Problems at once. So there is no Arrived and no Unusable. Renamed
    and Gone are passed on. Learned comes if a photo was corrected while another backbone was in use.

    If `arrivals()` returns options, photos that have arrived since the start are sorted as soon as they are certain
    enough and neither they nor files of the same name have changed for some seconds. The events of each sort are passed
    on, and the cache and the watch follow the files. If nothing can be sorted, the notice of a WatchState says why.
    Each sort is in the journal like any other.

    Args:
        opened: the engine; the folder is the one that its session scanned last.
        watch: of that folder; it is closed at the end.
        arrivals: polled; returns how to sort new photos, or None not to sort them.
        stopped: polled.
        delays: how long to wait.
    """
    sorter = ArrivalSort(opened, watch, delays or Delays())
    state: WatchState | None = None
    sent: WatchState | None = None

    def is_over() -> bool:
        return watch.stopped or stopped()

    try:
        while not is_over():
            for event in watch.step(_STEP_SECONDS):
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
            if state is not None and (now := _with_problem(state, sorter.problem)) != sent:
                sent = now
                yield now
    finally:
        watch.close()


def _passed_on(
    opened: OpenEngine, event: WatchEvent, sorter: ArrivalSort, stopped: Callable[[], bool]
) -> Generator[LiveEvent, None, None]:
    match event:
        case Arrived():
            yield Found(event.files)
            sorter.expect(event)
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
