"""A watched folder with the model: photos that arrive are judged and, where the user wants it, sorted.

A generator, as all jobs are: the window runs it on a thread (workers/watching.py), the command line directly.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from alpacasorter.core.events import Found, Judged, Learned, Problem, Problems
from alpacasorter.core.sorting.events import Placed, SortEvent
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.watching.events import Arrived, Renamed, Unusable, WatchEvent, WatchState
from alpacasorter.core.watching.watch import Watch
from alpacasorter.ml.arrivals import ArrivalSort, CoreSorting, Patience, Sorting

if TYPE_CHECKING:
    from alpacasorter.ml.opening import Engine

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
