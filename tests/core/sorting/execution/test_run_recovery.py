"""Undo: each file is back where it was, and what the user changed meanwhile is left alone and listed."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.sorting.events import FilesPlaced, SortState
from alpacasorter.core.sorting.execution import batch, checks
from alpacasorter.core.sorting.execution.run import resume_sort, run_sort, undo_sort
from alpacasorter.core.sorting.execution.session import failures, latest_undoable, list_sorts, open_sorts
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.store.library import Library
from tests.core.sorting.trees import Tree, drain, failed, library_at, moves, placed, plan_of, planned, tree, unit, write


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with library_at(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photos, one of them read-only."""
    for number in range(4):
        write(
            tmp_path / "photos" / f"{number}.jpg",
            f"photo {number}".encode(),
            number=number,
            mode=0o644 - 0o200 * (number == 3),
        )
    (tmp_path / "out").mkdir()
    return tmp_path / "photos"


class Sorted:
    """A folder that was sorted, and what it looked like before."""

    def __init__(self, library: Library, folder: Path, action: Action) -> None:
        self.library, self.folder = library, folder
        self.out = folder.parent / "out"
        self.goal = self.out / "sorted" / "alpaca"
        self.before = self.look()
        _, end = drain(run_sort(moves(folder, self.out / "sorted", action), library))
        assert (end.record.done, end.record.failed) == (4, 0)

    def look(self) -> Tree:
        return tree(self.folder, self.out)

    def back(self, number: int = 1) -> dict[Path, str]:
        """Undo, and return what was left and why."""
        told, end = drain(undo_sort(number, self.library))
        assert end.record.state is SortState.UNDONE
        assert end.record.left == len(failed(told)) == end.record.done
        assert {one.path: one.reason for one in failures(self.library, number)} == failed(told)
        return failed(told)


@pytest.mark.parametrize("action", list(Action))
def test_undo_after_a_restart(folder: Path, tmp_path: Path, action: Action) -> None:
    with library_at(tmp_path / "library") as library:
        was = Sorted(library, folder, action)
    with library_at(tmp_path / "library") as library:
        record = latest_undoable(library)
        assert record is not None
        told, end = drain(undo_sort(record.number, library))
        assert was.look() == was.before
        assert (end.record.state, end.record.done, end.record.left) == (SortState.UNDONE, 0, 0)
        assert open_sorts(library) == []
        assert latest_undoable(library) is None
    expected = {was.goal / path.name: path if action is Action.MOVE else None for path in folder.iterdir()}
    assert placed(told) == expected
    assert all(file.kept is False for event in told if isinstance(event, FilesPlaced) for file in event.files)


def test_what_was_changed_or_moved_meanwhile_is_left_and_named(library: Library, folder: Path) -> None:
    was = Sorted(library, folder, Action.MOVE)
    write(was.goal / "0.jpg", b"edited", number=50)
    (was.goal / "1.jpg").rename(was.out / "elsewhere.jpg")
    write(folder / "2.jpg", b"a new one")
    left = was.back()
    assert left[was.goal / "0.jpg"] == reasons.CHANGED_THERE
    assert left[was.goal / "1.jpg"] == reasons.GONE_THERE
    assert left[was.goal / "2.jpg"] == reasons.PLACE_TAKEN
    assert (was.goal / "0.jpg").read_bytes() == b"edited"
    assert (was.goal / "2.jpg").read_bytes() == b"photo 2"
    assert (folder / "2.jpg").read_bytes() == b"a new one"
    assert {path.name for path in folder.iterdir()} == {"2.jpg", "3.jpg"}
    # What was left can be tried again.
    (was.out / "elsewhere.jpg").rename(was.goal / "1.jpg")
    (folder / "2.jpg").unlink()
    assert set(was.back()) == {was.goal / "0.jpg"}
    (was.goal / "0.jpg").unlink()
    assert set(was.back()) == {was.goal / "0.jpg"}
    assert {path.name for path in folder.iterdir()} == {"1.jpg", "2.jpg", "3.jpg"}
    assert not (was.out / "sorted").exists()


def test_a_file_with_a_new_time_but_the_same_bytes_goes_back(library: Library, folder: Path) -> None:
    was = Sorted(library, folder, Action.MOVE)
    os.utime(was.goal / "0.jpg", ns=(5, 5))
    assert was.back() == {}
    assert (folder / "0.jpg").read_bytes() == b"photo 0"


def test_a_sidecar_rewritten_without_a_change_goes_back(library: Library, folder: Path) -> None:
    write(folder / "0.xmp", b"edits")
    out = folder.parent / "out"
    pair = unit(planned(folder / "0.jpg", out / "0.jpg"), planned(folder / "0.xmp", out / "0.xmp", key=False))
    drain(run_sort(plan_of(folder, out, [pair]), library))
    write(out / "0.xmp", b"edits", number=99)
    told, _ = drain(undo_sort(1, library))
    assert failed(told) == {}
    assert (folder / "0.xmp").read_bytes() == b"edits"


def test_a_file_of_unknown_bytes_with_a_new_time_is_left(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "SMALL", -1)
    out = folder.parent / "out"
    plan = plan_of(folder, out, [unit(planned(folder / "0.jpg", out / "0.jpg", key=False))])
    drain(run_sort(plan, library))
    os.utime(out / "0.jpg", ns=(5, 5))
    told, _ = drain(undo_sort(1, library))
    assert failed(told)[out / "0.jpg"] == reasons.CHANGED_THERE


def test_companions_are_left_together(library: Library, folder: Path) -> None:
    write(folder / "0.xmp", b"edits")
    out = folder.parent / "out"
    pair = unit(planned(folder / "0.jpg", out / "0.jpg"), planned(folder / "0.xmp", out / "0.xmp", key=False))
    drain(run_sort(plan_of(folder, out, [pair, unit(planned(folder / "1.jpg", out / "1.jpg"))]), library))
    write(out / "0.xmp", b"more edits")
    told, _ = drain(undo_sort(1, library))
    why = failed(told)
    assert set(why) == {out / "0.jpg", out / "0.xmp"}
    assert why[out / "0.jpg"] == reasons.stays_with("0.xmp")
    assert (folder / "1.jpg").exists()


def test_a_companion_that_was_deleted_keeps_nothing_back(library: Library, folder: Path) -> None:
    write(folder / "0.xmp", b"edits")
    out = folder.parent / "out"
    pair = unit(planned(folder / "0.jpg", out / "0.jpg"), planned(folder / "0.xmp", out / "0.xmp", key=False))
    drain(run_sort(plan_of(folder, out, [pair]), library))
    (out / "0.xmp").unlink()
    told, _ = drain(undo_sort(1, library))
    assert set(failed(told)) == {out / "0.xmp"}
    assert (folder / "0.jpg").exists()


def test_the_folder_a_file_came_from_is_made_again(library: Library, folder: Path) -> None:
    deep = write(folder / "day" / "roll" / "x.jpg", b"deep")
    out = folder.parent / "out"
    drain(run_sort(plan_of(folder, out, [unit(planned(deep, out / "x.jpg"))]), library))
    shutil.rmtree(folder)
    told, end = drain(undo_sort(1, library))
    assert failed(told) == {}
    assert deep.read_bytes() == b"deep"
    assert end.record.left == 0


def test_a_drive_that_is_gone_stops_the_undo(
    library: Library, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "DRIVES", [re.compile(re.escape(tmp_path.as_posix()))])
    source = write(tmp_path / "drive" / "photos" / "x.jpg", b"photo")
    out = folder.parent / "out"
    drain(run_sort(plan_of(source.parent, out, [unit(planned(source, out / "x.jpg"))]), library))
    shutil.rmtree(tmp_path / "drive")
    _, end = drain(undo_sort(1, library))
    assert "no longer there" in end.problem
    assert end.stopped
    assert end.record.state is SortState.UNDOING
    (tmp_path / "drive").mkdir()
    _, end = drain(resume_sort(1, library))
    assert end.record.state is SortState.UNDONE
    assert source.read_bytes() == b"photo"


def test_a_destination_that_was_deleted_is_not_waited_for(library: Library, folder: Path) -> None:
    was = Sorted(library, folder, Action.MOVE)
    shutil.rmtree(was.out / "sorted")
    assert len(was.back()) == 4


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_copies_and_links_are_removed_only_if_nothing_is_lost(library: Library, folder: Path, action: Action) -> None:
    was = Sorted(library, folder, action)
    # An edited copy; one whose original is gone; one whose original was edited; one that is gone itself.
    (was.goal / "0.jpg").unlink()
    write(was.goal / "0.jpg", b"edited")
    (folder / "1.jpg").unlink()
    (folder / "2.jpg").unlink()
    write(folder / "2.jpg", b"another photo", number=70)
    (was.goal / "3.jpg").unlink()
    left = was.back()
    if action is Action.SYMLINK:
        assert set(left) == {was.goal / "0.jpg"}
        return
    assert set(left) == {was.goal / f"{number}.jpg" for number in range(3)}
    assert (was.goal / "0.jpg").read_bytes() == b"edited"
    assert left[was.goal / "1.jpg"] == reasons.ORIGINAL_GONE
    assert (was.goal / "1.jpg").read_bytes() == b"photo 1"
    assert left[was.goal / "2.jpg"] == reasons.ORIGINAL_CHANGED
    assert (was.goal / "2.jpg").read_bytes() == b"photo 2"


def test_a_copy_goes_where_its_original_has_only_a_new_time(library: Library, folder: Path) -> None:
    was = Sorted(library, folder, Action.COPY)
    os.utime(folder / "0.jpg", ns=(5, 5))
    os.utime(was.goal / "1.jpg", ns=(5, 5))
    assert was.back() == {}
    assert not was.goal.exists()


def test_what_the_user_put_into_a_folder_keeps_it(library: Library, folder: Path) -> None:
    was = Sorted(library, folder, Action.MOVE)
    write(was.goal / "mine.txt", b"notes")
    assert was.back() == {}
    assert [path.name for path in was.goal.iterdir()] == ["mine.txt"]
    assert {path.name for path in folder.iterdir()} == {f"{number}.jpg" for number in range(4)}


def test_a_later_sort_is_undone_first(library: Library, folder: Path) -> None:
    was = Sorted(library, folder, Action.MOVE)
    again = was.out / "again"
    drain(run_sort(moves(was.goal, again), library))
    assert len(was.back(1)) == 4
    assert was.back(2) == {}
    assert was.back(1) == {}
    assert was.look() == was.before
    assert [record.state for record in list_sorts(library)] == [SortState.UNDONE] * 2


@pytest.mark.parametrize("way", [resume_sort, undo_sort])
def test_a_stopped_undo_continues(
    library: Library, folder: Path, way: Callable[..., Iterator[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FILES", 1)
    was = Sorted(library, folder, Action.MOVE)
    asked = iter([False, True])
    _, end = drain(undo_sort(1, library, stopped=lambda: next(asked, True)))
    assert end.stopped
    assert end.record.state is SortState.UNDOING
    assert 0 < end.record.done < 4
    assert open_sorts(library) == [end.record]
    _, end = drain(way(1, library))  # type: ignore[arg-type]
    assert end.record.state is SortState.UNDONE
    assert was.look() == was.before


def test_undo_of_a_sort_in_which_files_failed(library: Library, folder: Path) -> None:
    out = folder.parent / "out" / "sorted"
    plan = moves(folder, out)
    (folder / "0.jpg").unlink()
    drain(run_sort(plan, library))
    told, end = drain(undo_sort(1, library))
    assert failed(told) == {}
    assert (end.record.state, end.record.failed, end.record.left) == (SortState.UNDONE, 1, 0)
    assert {path.name for path in folder.iterdir()} == {"1.jpg", "2.jpg", "3.jpg"}
