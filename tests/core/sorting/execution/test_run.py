"""Sorting does exactly what the plan says, reports it, and never separates companions."""

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alpacasorter.core import reasons, safe_write
from alpacasorter.core.events import Placed
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import (
    FilesPlaced,
    SortBegan,
    SortBusy,
    SortEnded,
    SortError,
    SortProgress,
    SortState,
)
from alpacasorter.core.sorting.execution import batch, session
from alpacasorter.core.sorting.execution.copying import CHUNK
from alpacasorter.core.sorting.execution.made_folders import MARKER_TEXT
from alpacasorter.core.sorting.execution.run import resume_sort, run_sort, undo_sort
from alpacasorter.core.sorting.execution.session import failures, latest_undoable, list_sorts, open_sorts
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Outcome
from alpacasorter.core.store.library import Library
from tests.core.sorting.trees import drain, failed, library_at, moves, placed, plan_of, planned, tree, unit, write

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has one way")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with library_at(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five photos."""
    for number in range(5):
        write(tmp_path / "photos" / f"{number}.jpg", f"photo {number}".encode(), number=number)
    return tmp_path / "photos"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "sorted"


def test_moving_puts_each_file_in_its_place_and_tells_of_it(library: Library, folder: Path, out: Path) -> None:
    out.parent.mkdir()
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    plan = moves(folder, out)
    told, end = drain(run_sort(plan, library))
    assert told[0] == SortBegan(1, False, 5, 35)
    assert told[1] == SortProgress(0, 5, 0, 35, None)
    assert list(folder.iterdir()) == []
    goal = out / "alpaca"
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in goal.iterdir()} == before
    assert (out / OUTPUT_MARKER).read_text() == MARKER_TEXT
    assert placed(told) == {folder / name: goal / name for name in before}
    first = next(file for event in told if isinstance(event, FilesPlaced) for file in event.files)
    planned_first = plan.units[0].files[0]
    assert first == Placed(
        planned_first.source, goal / "0.jpg", False, 7, planned_first.mtime_ns, planned_first.content_key
    )
    assert (end.stopped, end.problem, end.failures) == (False, "", ())
    record = end.record
    assert (record.number, record.state, record.files, record.done) == (1, SortState.FINISHED, 5, 5)
    assert (record.folder, record.destination, record.action) == (folder, out, Action.MOVE)
    assert list_sorts(library) == [record]
    assert open_sorts(library) == []
    assert latest_undoable(library) == record


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_the_other_actions_leave_the_photos_alone(library: Library, folder: Path, out: Path, action: Action) -> None:
    out.parent.mkdir()
    before = tree(folder)
    told, end = drain(run_sort(moves(folder, out, action), library))
    now = tree(folder)
    assert now == before
    assert end.record.done == 5
    made = out / "alpaca" / "0.jpg"
    assert made.read_bytes() == b"photo 0"
    assert made.is_symlink() is (action is Action.SYMLINK)
    assert made.samefile(folder / "0.jpg") is (action is not Action.COPY)
    assert made.stat().st_mtime_ns == (folder / "0.jpg").stat().st_mtime_ns
    assert all(file.kept for event in told if isinstance(event, FilesPlaced) for file in event.files)
    # What is there and what stays is not touched.
    assert set(placed(told)) == set(folder.iterdir())


def test_a_link_to_a_photo_is_copied_and_linked_but_not_moved(library: Library, folder: Path, out: Path) -> None:
    out.parent.mkdir()
    link = folder / "link.jpg"
    try:
        link.symlink_to("0.jpg")
    except OSError:
        pytest.skip("symbolic links are not allowed here")
    for action in Action:
        plan = plan_of(folder, out, [unit(planned(link, out / f"{action}.jpg"))], action)
        _, end = drain(run_sort(plan, library))
        assert end.record.failed == (action is Action.MOVE)
    assert link.is_symlink()
    assert not (out / "copy.jpg").is_symlink()
    assert (out / "copy.jpg").read_bytes() == b"photo 0"
    assert (out / "hardlink.jpg").samefile(folder / "0.jpg")
    assert (out / "symlink.jpg").readlink() == (folder / "0.jpg").resolve()


def test_what_stays_or_is_there_already_is_not_touched(library: Library, folder: Path, out: Path) -> None:
    write(out / "1.jpg", b"photo 1")
    before = tree(folder)
    units = [
        unit(planned(folder / "0.jpg", out / "0.jpg"), outcome=Outcome.STAYS),
        unit(planned(folder / "1.jpg", out / "1.jpg", there=True), outcome=Outcome.THERE),
        unit(planned(folder / "2.jpg", out / "2.jpg"), planned(folder / "3.jpg", None)),
    ]
    _, end = drain(run_sort(plan_of(folder, out, units), library))
    assert end.record.files == 1
    assert before.keys() - tree(folder).keys() == {str(folder / "2.jpg")}
    with pytest.raises(SortError, match="nothing to sort"):
        next(run_sort(plan_of(folder, out, units[:2]), library))
    assert len(list_sorts(library)) == 1


def test_a_file_that_is_not_as_planned_leaves_its_unit_where_it_is(library: Library, folder: Path, out: Path) -> None:
    out.mkdir(parents=True)
    (folder / "0.xmp").write_text("edits")
    pair = unit(planned(folder / "0.jpg", out / "0.jpg"), planned(folder / "0.xmp", out / "0.xmp", key=False))
    plan = plan_of(
        folder,
        out,
        [
            pair,
            unit(planned(folder / "1.jpg", out / "1.jpg")),
            unit(planned(folder / "2.jpg", out / "2.jpg")),
            unit(planned(folder / "3.jpg", out / "3.jpg")),
            unit(planned(folder / "4.jpg", out / "4.jpg")),
        ],
    )
    (folder / "0.xmp").write_text("more edits")
    (folder / "1.jpg").unlink()
    write(out / "2.jpg", b"appeared meanwhile")
    (folder / "3.jpg").unlink()
    (folder / "3.jpg").mkdir()
    told, end = drain(run_sort(plan, library))
    why = failed(told)
    assert why[folder / "0.xmp"] == reasons.CHANGED
    assert why[folder / "0.jpg"] == reasons.left_with("0.xmp")
    assert why[folder / "1.jpg"] == reasons.VANISHED
    assert why[folder / "2.jpg"] == reasons.TAKEN
    assert why[folder / "3.jpg"] == reasons.SORT_NOT_REGULAR
    assert {path.name for path in out.iterdir()} == {"2.jpg", "4.jpg"}
    assert (out / "2.jpg").read_bytes() == b"appeared meanwhile"
    assert (end.record.state, end.record.done, end.record.failed) == (SortState.FINISHED, 1, 5)
    assert {one.path: one.reason for one in failures(library, 1)} == why
    assert {one.path: one.reason for one in end.failures} == why


def test_what_failed_is_tried_again(library: Library, folder: Path, out: Path) -> None:
    out.mkdir(parents=True)
    in_the_way = write(out / "alpaca" / "2.jpg", b"appeared meanwhile")
    plan = moves(folder, out)
    _, end = drain(run_sort(plan, library))
    assert (end.record.done, end.record.failed) == (4, 1)
    in_the_way.unlink()
    told, end = drain(resume_sort(1, library))
    assert told[0] == SortBegan(1, False, 1, 7)
    assert (end.record.done, end.record.failed, end.record.state) == (5, 0, SortState.FINISHED)
    assert failures(library, 1) == []
    assert in_the_way.read_bytes() == b"photo 2"
    told, end = drain(resume_sort(1, library))
    assert placed(told) == {}


@pytest.mark.parametrize("ways", ["link", "rename", "guard"])
@pytest.mark.parametrize("action", list(Action))
@POSIX
def test_a_unit_of_which_a_file_fails_in_the_middle_comes_back(
    library: Library, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, ways: str, action: Action
) -> None:
    if ways != "link" and action is Action.HARDLINK:
        pytest.skip("there are no hard links without links")
    out.mkdir(parents=True)
    plan = plan_of(
        folder,
        out,
        [
            unit(*(planned(folder / f"{number}.jpg", out / f"{number}.jpg") for number in range(3))),
            unit(planned(folder / "3.jpg", out / "3.jpg")),
        ],
        action,
    )
    before = tree(folder)
    real = os.link

    def link(source: str, target: str, **keywords: bool) -> None:
        if ways != "link":
            raise OSError(errno.EOPNOTSUPP, "no links here")
        # It appears after everything was checked.
        if Path(target).name == "2.jpg":
            (out / "2.jpg").write_text("mine")
        real(source, target, **keywords)

    real_rename = safe_write._system_rename()

    def rename(source: bytes, target: bytes) -> int:
        assert real_rename is not None
        if target.endswith(b"2.jpg"):
            (out / "2.jpg").write_text("mine")
        return real_rename(source, target)

    real_open = os.open

    def open_(path: str, flags: int, *arguments: int) -> int:
        if Path(path).name == "2.jpg" and flags & os.O_EXCL:
            (out / "2.jpg").write_text("mine")
        return real_open(path, flags, *arguments)

    def symlink(source: str, target: str, *_others: bool) -> None:
        if Path(target).name == "2.jpg":
            raise FileExistsError(errno.EEXIST, "taken")
        real_symlink(source, target)

    real_symlink = os.symlink
    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(os, "symlink", symlink)
    monkeypatch.setattr(safe_write, "_system_rename", lambda: rename if ways == "rename" else None)
    if ways == "guard":
        monkeypatch.setattr(os, "open", open_)
    told, end = drain(run_sort(plan, library))
    monkeypatch.undo()
    now = tree(folder)
    if action is Action.MOVE:
        assert before.keys() - now.keys() == {str(folder / "3.jpg")}
    else:
        assert now == before
    assert {path.name for path in out.iterdir()} - {"2.jpg"} == {"3.jpg"}
    if action is not Action.SYMLINK:
        assert (out / "2.jpg").read_text() == "mine"
    assert (end.record.done, end.record.failed) == (1, 3)
    assert set(failed(told)) == {folder / f"{number}.jpg" for number in range(3)}


def test_many_files_come_in_few_events(
    library: Library, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(batch, "FILES", 10)
    out.parent.mkdir()
    for number in range(200):
        write(tmp_path / "many" / f"{number:03}.jpg", b"photo")
    plan = moves(tmp_path / "many", out)
    events = run_sort(plan, library)
    told = []
    for event in events:
        told.append(event)
        now[0] += 0.02
    assert sum(len(event.files) for event in told if isinstance(event, FilesPlaced)) == 200
    assert sum(isinstance(event, SortProgress) for event in told) < 15
    last = [event for event in told if isinstance(event, SortProgress)][-1]
    assert (last.done, last.total, last.bytes_done, last.bytes_total) == (200, 200, 1000, 1000)


def test_progress_estimates_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])
    told = session.ProgressMeter(4, 4_000_000)
    assert told.progress().seconds_left is None
    assert not told.is_time()
    now[0] += 2.0
    assert told.is_time()
    told.done(1, 1_000_000)
    assert told.progress() == SortProgress(1, 4, 1_000_000, 4_000_000, 6.0)
    told.copied(500_000)
    assert told.progress().bytes_done == 1_500_000


def test_stop_leaves_what_is_not_done_and_it_can_be_finished(
    library: Library, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FILES", 2)
    out.parent.mkdir()
    before = tree(folder, out.parent)
    asked = iter([False, False, False, *([True] * 99)])
    _, end = drain(run_sort(moves(folder, out), library, stopped=lambda: next(asked)))
    assert end.stopped
    assert end.problem == ""
    assert 0 < end.record.done < 5
    assert end.record.state is SortState.STOPPED
    assert open_sorts(library) == [end.record]
    assert latest_undoable(library) is None
    # Rolled back, it is as it was; made again, it can be finished.
    _, back = drain(undo_sort(1, library))
    assert (back.record.state, back.record.done) == (SortState.UNDONE, 0)
    assert tree(folder, out.parent) == before
    asked = iter([False, False, False, *([True] * 99)])
    drain(run_sort(moves(folder, out), library, stopped=lambda: next(asked)))
    told, end = drain(resume_sort(2, library))
    assert end.record.done == 5
    assert isinstance(told[0], SortBegan)
    assert told[0].files < 5


def test_stop_in_the_middle_of_a_long_copy(library: Library, tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "photos" / "long.tif", bytes(9 * CHUNK))
    write(tmp_path / "photos" / "long.xmp", b"edits")
    pair = unit(planned(source.with_suffix(".xmp"), out / "long.xmp"), planned(source, out / "long.tif"))
    out.mkdir(parents=True)
    plan = plan_of(tmp_path / "photos", out, [pair], Action.COPY)
    asked = iter([*([False] * 7), *([True] * 99)])
    _, end = drain(run_sort(plan, library, stopped=lambda: next(asked)))
    assert end.stopped
    assert end.record.state is SortState.STOPPED
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("action", list(Action))
def test_closing_early_leaves_a_consistent_open_sort(
    library: Library, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    monkeypatch.setattr(batch, "FILES", 2)
    monkeypatch.setattr(session, "INTERVAL_S", 0.0)
    out.parent.mkdir()
    before = tree(folder, out.parent)
    told = 0
    while True:
        events = run_sort(moves(folder, out, action), library)
        taken = [event for _, event in zip(range(told), events, strict=False)]
        events.close()
        told += 1
        if not taken:
            continue
        if isinstance(taken[-1], SortEnded):
            break
        record = list_sorts(library)[0]
        # All is done before the last events are told.
        assert record.state is SortState.STOPPED or (record.state is SortState.FINISHED and record.done == 5)
        _, end = drain(undo_sort(record.number, library))
        assert end.record.state is SortState.UNDONE
        assert tree(folder, out.parent) == before
    assert told > 8


def test_closing_in_the_middle_of_a_copy_leaves_nothing_of_it(
    library: Library, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "INTERVAL_S", 0.0)
    source = write(tmp_path / "photos" / "long.tif", bytes(3 * CHUNK))
    out.mkdir(parents=True)
    events = run_sort(moves(source.parent, out, Action.COPY), library)
    while True:
        event = next(events)
        if isinstance(event, SortProgress) and event.bytes_done == CHUNK:
            break
    assert len(list((out / "alpaca").glob(".*.part"))) == 1
    events.close()
    assert [path.name for path in (out / "alpaca").iterdir()] == [OUTPUT_MARKER]
    assert open_sorts(library)[0].state is SortState.STOPPED


def test_one_sort_at_a_time(library: Library, folder: Path, out: Path, tmp_path: Path) -> None:
    out.parent.mkdir()
    events = run_sort(moves(folder, out), library)
    next(events)
    with library_at(tmp_path / "library") as other:
        with pytest.raises(SortBusy, match="currently sorting"):
            next(run_sort(moves(folder, out), other))
        with pytest.raises(SortBusy):
            next(resume_sort(1, other))
        # It is running, so it was not interrupted.
        assert open_sorts(other) == []
        assert list_sorts(other)[0].state is SortState.RUNNING
        assert isinstance(list(events)[-1], SortEnded)
        assert list_sorts(other)[0].state is SortState.FINISHED
    # The lock is free as soon as the end is told.
    events = undo_sort(1, library)
    while not isinstance(next(events), SortEnded):
        pass
    next(run_sort(moves(folder, out), library))


def test_sorts_that_there_are_not(library: Library) -> None:
    assert list_sorts(library) == []
    assert open_sorts(library) == []
    assert latest_undoable(library) is None
    for way in (resume_sort, undo_sort):
        with pytest.raises(SortError, match="no sort 7"):
            next(way(7, library))
    with pytest.raises(SortError):
        failures(library, 7)


def test_history_counts_up_and_is_limited(library: Library, folder: Path, out: Path) -> None:
    out.parent.mkdir()
    for number in range(1, 4):
        drain(run_sort(moves(folder, out), library))
        drain(undo_sort(number, library))
    assert [record.number for record in list_sorts(library)] == [3, 2, 1]
    assert [record.number for record in list_sorts(library, limit=2)] == [3, 2]
    with pytest.raises(SortError, match="already undone"):
        next(undo_sort(2, library))
    with pytest.raises(SortError, match="was undone"):
        next(resume_sort(2, library))


def test_files_that_change_places_wait_for_each_other(library: Library, folder: Path) -> None:
    plan = plan_of(
        folder,
        folder / "sub",
        [
            unit(planned(folder / "0.jpg", folder / "sub" / "0.jpg")),
            unit(planned(folder / "1.jpg", folder / "0.jpg")),
            unit(planned(folder / "2.jpg", folder / "1.jpg")),
        ],
    )
    before = tree(folder)
    _, end = drain(run_sort(plan, library))
    assert end.record.failed == 0
    assert [(folder / name).read_bytes() for name in ("sub/0.jpg", "0.jpg", "1.jpg")] == [
        b"photo 0",
        b"photo 1",
        b"photo 2",
    ]
    _, end = drain(undo_sort(1, library))
    assert end.record.left == 0
    assert tree(folder) == before


def test_the_folder_of_somebody_else_is_not_marked_nor_taken_away(library: Library, folder: Path, out: Path) -> None:
    out.parent.mkdir()
    plan = moves(folder, out)
    out.mkdir()
    drain(run_sort(plan, library))
    assert not (out / OUTPUT_MARKER).exists()
    drain(undo_sort(1, library))
    assert list(out.iterdir()) == []


def test_a_folder_that_can_not_be_made_stops_the_sort_before_it_begins(
    library: Library, folder: Path, out: Path
) -> None:
    out.parent.mkdir()
    plan = moves(folder, out)
    before = tree(folder)
    plan = replace(plan, new_folders=(out.parent / "missing" / "deep",))
    _, end = drain(run_sort(plan, library))
    assert "could not be created" in end.problem
    assert end.record.state is SortState.STOPPED
    assert tree(folder) == before
