"""A watched folder with the model: new photos are judged, learned from and, if the user wants it, sorted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.events import Found, Judged, JudgedPhoto, Placed, Problems
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.sorting.events import (
    FilesPlaced,
    SortBegan,
    SortBusy,
    SortEnded,
    SortError,
    SortEvent,
    SortRecord,
    SortState,
)
from alpacasorter.core.sorting.execution import run
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Group, Outcome, PlanError, PlannedFile, PlannedUnit, Remark, SortPlan
from alpacasorter.core.sorting.planning import planner
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library
from alpacasorter.core.watching.events import Gone, Renamed, WatchState
from alpacasorter.core.watching.watch import Watch
from alpacasorter.ml.watch_and_sort import Delays, LiveEvent, live
from tests.core.watching.watched import FAST, LIMIT_S, file_of
from tests.engines import Opened, fill, opened_session, quick_embed, real_bundle, varied
from tests.engines import Outcome as ScanOutcome
from tests.metadata_writers import write_keyword
from tests.picture_files import picture_bytes

SOON = Delays(quiet=0.3, busy=0.1, problem=0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    fill(place, 2)
    return place


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[Placed]:
    """What the cache was told to follow."""
    files: list[Placed] = []
    monkeypatch.setattr(Cache, "follow", lambda this, placed: files.extend(placed), raising=False)
    return files


@pytest.fixture
def opened(tmp_path: Path, followed: list[Placed]) -> Iterator[Opened]:
    with opened_session(tmp_path / "home") as one:
        one.session.embed = quick_embed  # type: ignore[method-assign]
        yield one


class Sorter:
    """Plans and moves like the real one, as far as this needs it."""

    def __init__(self) -> None:
        self.plans: list[SortPlan] = []
        self.finished: list[int] = []
        self.errors: list[Exception] = []
        self.remarks: list[Remark] = []
        self.breaks_off = 0
        self.goes = Outcome.GO

    def plan(
        self,
        folder: Path,
        photos: list[LabeledPhoto],
        options: SortOptions,
        labels: LabelSet,
        *,
        stopped: Callable[[], bool],
        exclusion: object,
    ) -> SortPlan:
        if self.errors and isinstance(self.errors[0], PlanError):
            raise self.errors.pop(0)
        units = tuple(self._unit(photo, options) for photo in photos)
        remarks = (self.remarks.pop(0),) if self.remarks else ()
        plan = SortPlan(folder, options, units, (), (), 0, None, False, remarks)
        self.plans.append(plan)
        return plan

    def _unit(self, photo: LabeledPhoto, options: SortOptions) -> PlannedUnit:
        target = options.destination / str(photo.label) / photo.path.name
        status = photo.path.stat()
        file = PlannedFile(photo.path, target, status.st_size, status.st_mtime_ns, photo.content_key)
        return PlannedUnit(photo, (file,), Group.LABEL, self.goes)

    def run(self, plan: SortPlan, library: Library, *, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        if self.errors:
            raise self.errors.pop(0)
        self._left = [file for unit in plan.units for file in unit.files]
        yield SortBegan(len(self.plans), False, len(self._left), 0)
        yield from self._move(plan.options.destination)

    def finish(self, number: int, library: Library, *, stopped: Callable[[], bool]) -> Generator[SortEvent, None, None]:
        if self.errors:
            raise self.errors.pop(0)
        self.finished.append(number)
        yield SortBegan(number, False, len(self._left), 0)
        yield from self._move(self.plans[-1].options.destination)

    def _move(self, destination: Path) -> Generator[SortEvent, None, None]:
        is_broken = self.breaks_off > 0
        self.breaks_off -= 1
        for file in [] if is_broken else self._left:
            assert file.target is not None
            file.target.parent.mkdir(parents=True, exist_ok=True)
            file.source.rename(file.target)
            yield FilesPlaced((Placed(file.source, file.target, False, file.size, file.mtime_ns, file.content_key),))
        state = SortState.STOPPED if is_broken else SortState.FINISHED
        record = SortRecord(len(self.plans), "", destination, destination, Action.MOVE, state, 1, 1, 0, 0)
        yield SortEnded(record, (), is_broken, "The disk is full." if is_broken else "", 0.0)


class Live:
    """Runs `live()` in a thread until the block is left."""

    def __init__(
        self,
        opened: Opened,
        watch: Watch,
        *,
        sorter: Sorter | None = None,
        options: SortOptions | None = None,
        delays: Delays = SOON,
    ) -> None:
        self.watch = watch
        self.options = options
        self.events: list[LiveEvent] = []
        self.stopped = threading.Event()
        self._opened = opened
        self._sorter = sorter or Sorter()
        self._delays = delays
        self._patch = pytest.MonkeyPatch()
        self._thread = threading.Thread(target=self._run, name="live")

    def __enter__(self) -> Self:
        self._patch.setattr(planner, "plan_sort", self._sorter.plan)
        self._patch.setattr(run, "run_sort", self._sorter.run)
        self._patch.setattr(run, "resume_sort", self._sorter.finish)
        self._thread.start()
        self.until(lambda: self.watch._full_seconds > 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._thread.join(LIMIT_S)
        self._patch.undo()
        assert not self._thread.is_alive()

    def _run(self) -> None:
        events = live(
            self._opened,  # type: ignore[arg-type]
            self.watch,
            arrivals=lambda: self.options,
            stopped=self.stopped.is_set,
            delays=self._delays,
        )
        for event in events:
            self.events.append(event)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, self.events
            time.sleep(0.01)

    def of(self, *kinds: type[object]) -> list[LiveEvent]:
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def judged(self) -> dict[Path, JudgedPhoto]:
        return {photo.path: photo for event in self.events if isinstance(event, Judged) for photo in event.photos}

    @property
    def problems(self) -> dict[Path, str]:
        return {
            problem.path: problem.reason
            for event in self.events
            if isinstance(event, Problems)
            for problem in event.problems
        }

    @property
    def sorted(self) -> list[Path]:
        return [placed.before for event in self.events if isinstance(event, FilesPlaced) for placed in event.files]

    @property
    def notices(self) -> list[str]:
        return [event.notice for event in self.events if isinstance(event, WatchState)]


def watch_of(opened: Opened, folder: Path) -> Watch:
    """Scan a folder; return a watch of it."""
    events = list(opened.session.scan(folder, recursive=True))
    known = [file for event in events if isinstance(event, Found) for file in event.files]
    return Watch(folder, recursive=True, known=known, pace=FAST)


def arrive(folder: Path, number: int, *, name: str = "") -> Path:
    path = folder / (name or f"new{number}.jpg")
    path.write_bytes(picture_bytes(seed=1000 + number))
    return path


def options_for(tmp_path: Path, **more: object) -> SortOptions:
    return SortOptions(tmp_path / "sorted", min_confidence=0.0, **more)  # type: ignore[arg-type]


def test_what_arrives_is_judged_as_a_scan_would(opened: Opened, folder: Path) -> None:
    with Live(opened, watch_of(opened, folder)) as heard:
        assert heard.events == [WatchState(online=True, polling=False, notice="")]
        new = [arrive(folder, n) for n in range(3)]
        heard.until(lambda: set(heard.judged) == set(new))
        kinds = [type(event) for event in heard.events[1:]]
        assert kinds[0] is Found
        assert set(kinds) == {Found, Judged}
        found = [file for event in heard.of(Found) for file in event.files]  # type: ignore[union-attr]
        assert sorted(found, key=lambda file: file.path) == [file_of(path) for path in new]
        # They belong to the open folder: they can be corrected, and are judged again.
        photo = heard.judged[new[0]]
        learned = opened.session.learning.correct({photo.content_key: real_bundle().positive_label})
        assert {photo.content_key for photo in heard.judged.values()} <= set(learned.keys)
    scanned = ScanOutcome(opened.session.scan(folder, recursive=True))
    assert scanned.finished.opened == 0, "the cache has them"
    assert {path: photo.content_key for path, photo in scanned.photos.items()}.items() >= {
        path: photo.content_key for path, photo in heard.judged.items()
    }.items()


def test_a_photo_that_was_cut_short_is_judged_when_it_has_grown(opened: Opened, folder: Path) -> None:
    data = picture_bytes(seed=5)
    with Live(opened, watch_of(opened, folder)) as heard:
        path = folder / "growing.jpg"
        path.write_bytes(data[: len(data) // 2])
        heard.until(lambda: path in heard.problems)
        assert heard.problems == {path: reasons.TRUNCATED}
        with path.open("ab") as file:
            file.write(data[len(data) // 2 :])
        heard.until(lambda: path in heard.judged)


def test_what_can_not_be_used_is_a_problem(opened: Opened, folder: Path) -> None:
    with Live(opened, watch_of(opened, folder)) as heard:
        raw = folder / "IMG_1.nef"
        raw.write_bytes(b"raw")
        heard.until(lambda: heard.problems == {raw: reasons.RAW_ALONE})


def test_renames_and_deletions_are_passed_on_and_the_cache_follows(
    opened: Opened, folder: Path, followed: list[Placed]
) -> None:
    with Live(opened, watch_of(opened, folder)) as heard:
        one, two = folder / "photo0.jpg", folder / "photo1.jpg"
        moved = one.rename(folder / "moved.jpg")
        heard.until(lambda: bool(heard.of(Renamed)))
        assert heard.of(Renamed) == [Renamed(((one, file_of(moved)),))]
        file = file_of(moved)
        assert followed == [Placed(one, moved, False, file.size, file.mtime_ns, None)]
        two.unlink()
        heard.until(lambda: bool(heard.of(Gone)))
        assert heard.of(Gone) == [Gone((two,))]
        assert heard.of(Found, Judged) == []


def test_a_burst_is_judged_completely(opened: Opened, folder: Path) -> None:
    count = 150
    with Live(opened, watch_of(opened, folder)) as heard:
        picture = picture_bytes(seed=1, size=(96, 64))
        for n in range(count):
            (folder / f"burst{n}.jpg").write_bytes(varied(picture, n))
        heard.until(lambda: len(heard.judged) == count)
        assert sum(len(event.photos) for event in heard.of(Judged)) == count  # type: ignore[union-attr]


def test_it_stops_in_the_middle_of_judging(opened: Opened, folder: Path) -> None:
    asked = threading.Event()
    go_on = threading.Event()

    def slow(pixels: object) -> object:
        asked.set()
        go_on.wait(LIMIT_S)
        return quick_embed(pixels)  # type: ignore[arg-type]

    watch = watch_of(opened, folder)
    opened.session.embed = slow  # type: ignore[method-assign, assignment]
    with Live(opened, watch) as heard:
        for n in range(20):
            arrive(folder, n)
        assert asked.wait(LIMIT_S)
        heard.watch.stop()
        go_on.set()
    assert len(heard.judged) < 20


def test_nothing_is_sorted_unless_that_is_wanted(opened: Opened, folder: Path, tmp_path: Path) -> None:
    sorter = Sorter()
    with Live(opened, watch_of(opened, folder), sorter=sorter) as heard:
        new = arrive(folder, 1)
        heard.until(lambda: new in heard.judged)
        time.sleep(2 * SOON.quiet)
        assert sorter.plans == []
        # Said later it is about those, too, but not about the ones that were there before.
        heard.options = options_for(tmp_path)
        heard.until(lambda: heard.sorted == [new])
        assert [unit.photo.path for plan in sorter.plans for unit in plan.units] == [new]


def test_what_arrives_is_sorted_once_and_followed(
    opened: Opened, folder: Path, tmp_path: Path, followed: list[Placed]
) -> None:
    sorter = Sorter()
    options = options_for(tmp_path)
    with Live(opened, watch_of(opened, folder), sorter=sorter, options=options) as heard:
        new = [arrive(folder, n) for n in range(3)]
        heard.until(lambda: sorted(heard.sorted) == new)
        time.sleep(3 * FAST.grace)
        assert heard.of(Gone, Renamed) == []
        (plan, *_) = sorter.plans
        assert (plan.folder, plan.options) == (folder, options)
        labels = opened.session.labels
        for unit in (unit for plan in sorter.plans for unit in plan.units):
            photo = heard.judged[unit.photo.path]
            assert unit.photo.content_key == photo.content_key
            assert unit.photo.label == labels.label(photo.probability, None)
        assert [placed.before for placed in followed] == heard.sorted
        # One that is moved back by hand is not sorted again.
        placed = followed[0]
        assert placed.after is not None
        placed.after.rename(placed.before)
        count = len(heard.of(Judged))
        heard.until(lambda: len(heard.of(Judged)) > count)
        time.sleep(3 * SOON.quiet)
        assert len(heard.sorted) == 3
        # Not even if another program writes a keyword into it.
        count = len(heard.of(Judged))
        write_keyword(placed.before)
        heard.until(lambda: len(heard.of(Judged)) > count)
        time.sleep(3 * SOON.quiet)
        assert len(heard.sorted) == 3


def test_a_keyword_written_into_an_old_photo_does_not_make_it_a_new_one(
    opened: Opened, folder: Path, tmp_path: Path
) -> None:
    old, edited = folder / "photo0.jpg", folder / "photo1.jpg"
    with Live(opened, watch_of(opened, folder), sorter=Sorter(), options=options_for(tmp_path)) as heard:
        write_keyword(old)
        heard.until(lambda: old in heard.judged)
        time.sleep(3 * SOON.quiet)
        assert heard.sorted == []
        # Another picture in its place is new.
        edited.write_bytes(picture_bytes(seed=77))
        heard.until(lambda: heard.sorted == [edited])
    with Live(opened, watch_of(opened, folder), sorter=Sorter()) as heard:
        new = arrive(folder, 5)
        heard.until(lambda: new in heard.judged)
        count = len(heard.of(Judged))
        write_keyword(new)
        heard.until(lambda: len(heard.of(Judged)) > count)
        heard.options = options_for(tmp_path)
        heard.until(lambda: heard.sorted == [new])


def test_nothing_is_sorted_before_earlier_corrections_are_learned_again(
    opened: Opened, folder: Path, tmp_path: Path
) -> None:
    sorter = Sorter()
    opened.session.learning.learning_again = True
    with Live(opened, watch_of(opened, folder), sorter=sorter, options=options_for(tmp_path)) as heard:
        new = arrive(folder, 1)
        heard.until(lambda: new in heard.judged)
        time.sleep(3 * SOON.quiet)
        assert sorter.plans == []
        opened.session.learning.learning_again = False
        heard.until(lambda: heard.sorted == [new])


def test_unsure_photos_wait_for_the_user(opened: Opened, folder: Path, tmp_path: Path) -> None:
    sorter = Sorter()
    options = replace(options_for(tmp_path), min_confidence=1.0)
    with Live(opened, watch_of(opened, folder), sorter=sorter, options=options) as heard:
        new = [arrive(folder, n) for n in range(2)]
        heard.until(lambda: len(heard.judged) == 2)
        time.sleep(3 * SOON.quiet)
        assert sorter.plans == []
        said = real_bundle().positive_label
        opened.session.learning.correct({heard.judged[new[1]].content_key: said})
        heard.until(lambda: heard.sorted == [new[1]])
        (unit,) = sorter.plans[0].units
        assert (unit.photo.label, unit.photo.corrected) == (said, True)
        # Or for another opinion of what is sure.
        heard.options = options_for(tmp_path)
        heard.until(lambda: heard.sorted == [new[1], new[0]])


def test_companions_that_come_later_are_waited_for(opened: Opened, folder: Path, tmp_path: Path) -> None:
    delays = replace(SOON, quiet=60.0)
    sorter = Sorter()
    watch = watch_of(opened, folder)
    with Live(opened, watch, sorter=sorter, options=options_for(tmp_path), delays=delays) as heard:
        new = arrive(folder, 1, name="IMG_1.jpg")
        heard.until(lambda: new in heard.judged)
        before = watch.quiet_for(new)
        (folder / "IMG_1.jpg.xmp").write_bytes(b"<xmp/>")
        heard.until(lambda: watch.quiet_for(new) < before)
        assert sorter.plans == []


def test_a_stream_of_photos_is_sorted_now_and_then(opened: Opened, folder: Path, tmp_path: Path) -> None:
    """A burst is one sort; but where photos never cease to come, those that are ready don't wait for ever."""
    sorter = Sorter()
    delays = replace(SOON, longest=0.5)
    watch = watch_of(opened, folder)
    with Live(opened, watch, sorter=sorter, options=options_for(tmp_path), delays=delays) as heard:
        number = 0

        def one_more() -> bool:
            nonlocal number
            number += 1
            arrive(folder, number)
            time.sleep(SOON.quiet / 3)
            return len(heard.sorted) > 3

        heard.until(one_more)
        heard.until(lambda: len(heard.sorted) == number)
        assert len(sorter.plans) < number


def test_another_sort_is_waited_for(opened: Opened, folder: Path, tmp_path: Path) -> None:
    sorter = Sorter()
    sorter.errors = [SortBusy("Another window is sorting."), SortBusy("Another window is sorting.")]
    with Live(opened, watch_of(opened, folder), sorter=sorter, options=options_for(tmp_path)) as heard:
        new = arrive(folder, 1)
        heard.until(lambda: heard.sorted == [new])
        assert heard.notices == [""], "that is no problem"
        assert len(sorter.plans) == 3


@pytest.mark.parametrize(
    ("errors", "remarks", "why"),
    [
        ([PlanError("The folder can't be used.")] * 3, [], "The folder can't be used."),
        ([SortError("The journal can't be written.")] * 3, [], "The journal can't be written."),
        ([], [Remark("Too little space.", serious=True)] * 3, "Too little space."),
    ],
)
def test_a_problem_is_said_once_and_the_photos_are_tried_again(
    opened: Opened, folder: Path, tmp_path: Path, errors: list[Exception], remarks: list[Remark], why: str
) -> None:
    sorter = Sorter()
    sorter.errors, sorter.remarks = list(errors), list(remarks)
    with Live(opened, watch_of(opened, folder), sorter=sorter, options=options_for(tmp_path)) as heard:
        new = arrive(folder, 1)
        heard.until(lambda: heard.sorted == [new])
        heard.until(lambda: heard.notices[-1] == "")
        assert heard.notices == ["", f"New photos are not being sorted at the moment. {why}", ""]


def test_an_interrupted_sort_is_resumed(opened: Opened, folder: Path, tmp_path: Path) -> None:
    sorter = Sorter()
    sorter.breaks_off = 2
    with Live(opened, watch_of(opened, folder), sorter=sorter, options=options_for(tmp_path)) as heard:
        new = arrive(folder, 1)
        heard.until(lambda: heard.sorted == [new])
        assert sorter.finished == [1, 1]
        assert len(sorter.plans) == 1
        heard.until(lambda: heard.notices[-1] == "")
        assert heard.notices == ["", "New photos are not being sorted at the moment. The disk is full.", ""]


def test_what_stays_is_not_planned_for_ever(opened: Opened, folder: Path, tmp_path: Path) -> None:
    sorter = Sorter()
    sorter.goes = Outcome.STAYS
    with Live(opened, watch_of(opened, folder), sorter=sorter, options=options_for(tmp_path)) as heard:
        arrive(folder, 1)
        heard.until(lambda: len(sorter.plans) == 1)
        time.sleep(1.0)
        assert len(sorter.plans) == 1
        assert heard.sorted == []


def test_gone_and_renamed_photos_are_sorted_as_they_are_now(opened: Opened, folder: Path, tmp_path: Path) -> None:
    sorter = Sorter()
    with Live(opened, watch_of(opened, folder), sorter=sorter) as heard:
        one, two = arrive(folder, 1), arrive(folder, 2)
        heard.until(lambda: len(heard.judged) == 2)
        one.unlink()
        moved = two.rename(folder / "moved.jpg")
        heard.until(lambda: bool(heard.of(Gone)) and bool(heard.of(Renamed)))
        heard.options = options_for(tmp_path)
        heard.until(lambda: heard.sorted == [moved])
        assert [unit.photo.path for unit in sorter.plans[0].units] == [moved]


def test_nothing_is_sorted_while_the_folder_is_away(opened: Opened, folder: Path, tmp_path: Path) -> None:
    sorter = Sorter()
    with Live(opened, watch_of(opened, folder), sorter=sorter) as heard:
        new = arrive(folder, 1)
        heard.until(lambda: new in heard.judged)
        folder.rename(tmp_path / "away")
        heard.until(lambda: not heard.of(WatchState)[-1].online)  # type: ignore[union-attr]
        heard.options = options_for(tmp_path)
        time.sleep(3 * SOON.quiet)
        assert sorter.plans == []
        (tmp_path / "away").rename(folder)
        heard.until(lambda: heard.sorted == [new])


def test_with_the_real_sort(opened: Opened, folder: Path, tmp_path: Path) -> None:
    """The planner, the runner and the cache as they are."""
    watch = watch_of(opened, folder)
    options = options_for(tmp_path)
    events: list[LiveEvent] = []

    def run() -> None:
        events.extend(
            live(opened, watch, arrivals=lambda: options, delays=SOON)  # type: ignore[arg-type]
        )

    thread = threading.Thread(target=run)
    thread.start()
    try:
        new = arrive(folder, 1, name="IMG_1.jpg")
        sidecar = folder / "IMG_1.jpg.xmp"
        sidecar.write_bytes(b"<xmp/>")
        deadline = time.monotonic() + LIMIT_S
        while new.exists() or sidecar.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        watch.stop()
        thread.join(LIMIT_S)
    moved = {path.name for path in (tmp_path / "sorted").rglob("IMG_1*")}
    assert moved == {"IMG_1.jpg", "IMG_1.jpg.xmp"}
    (folder / "photo0.jpg").stat()
