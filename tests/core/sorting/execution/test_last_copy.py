"""Nothing is deleted that may be the last copy, whatever other programs did to the files in the meantime."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.files import is_second_name
from alpacasorter.core.safe_write import How
from alpacasorter.core.sorting.events import SortBusy, SortState
from alpacasorter.core.sorting.execution import copying, transfer
from alpacasorter.core.sorting.execution.copying import sync_names
from alpacasorter.core.sorting.execution.errors import FileFault, Halt
from alpacasorter.core.sorting.execution.run import resume_sort, run_sort, undo_sort
from alpacasorter.core.sorting.execution.session import folder_locks, list_sorts
from alpacasorter.core.sorting.execution.transfer import TransferKind
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.store.library import Library
from tests.core.sorting.trees import World, drain, library_at, moves, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="made with links and folders of POSIX")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with library_at(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        write(tmp_path / "photos" / f"{number}.jpg", f"photo {number}".encode(), number=number)
    return tmp_path / "photos"


# Two names of one file


def test_two_names_are_told_from_one_that_is_reached_twice(tmp_path: Path) -> None:
    file = write(tmp_path / "real" / "photo.jpg", b"photo")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    through = tmp_path / "link" / "photo.jpg"
    assert not is_second_name(file, through)
    assert not is_second_name(file, file)
    assert not is_second_name(file, tmp_path / "none")
    second = tmp_path / "second.jpg"
    second.hardlink_to(file)
    assert is_second_name(file, second)
    # The file has a second name, but this is not it.
    assert not is_second_name(file, through)
    third = tmp_path / "other" / "photo.jpg"
    third.parent.mkdir()
    third.hardlink_to(file)
    assert is_second_name(file, third)
    assert not is_second_name(file, write(tmp_path / "copy.jpg", b"photo"))


# A kill, and what others did before the sort went on


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("how", list(How))
def test_another_file_at_the_old_place_costs_nothing(tmp_path: Path, how: How, forward: bool) -> None:
    world = World(tmp_path, TransferKind.CARRY, how)
    world.go(3)
    write(world.source, b"the camera reuses numbers")
    assert world.transfer.settle(forward=forward)
    assert world.goal.read_bytes() == b"photo"
    assert world.source.read_bytes() == b"the camera reuses numbers"


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("kind", [TransferKind.CARRY, TransferKind.COPY])
def test_a_link_at_the_old_place_is_no_original(tmp_path: Path, kind: TransferKind, forward: bool) -> None:
    world = World(tmp_path, kind, How.LINK)
    world.go(2)
    world.source.unlink()
    world.source.symlink_to(world.goal)
    assert world.transfer.settle(forward=forward)
    assert world.goal.read_bytes() == b"photo"


@pytest.mark.parametrize("forward", [True, False])
def test_the_folder_of_the_original_leads_to_the_copy(tmp_path: Path, forward: bool) -> None:
    world = World(tmp_path, TransferKind.CARRY, How.LINK)
    world.go(2)
    world.source.unlink()
    world.source.parent.rmdir()
    world.goal.rename(world.goal.with_name("photo.jpg"))
    world.source.parent.symlink_to(world.goal.parent)
    world.transfer.goal = world.goal.with_name("photo.jpg")
    world.transfer.settle(forward=forward)
    assert (world.goal.parent / "photo.jpg").read_bytes() == b"photo"


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("data", [b"edited in place", b""])
@pytest.mark.parametrize("kind", [TransferKind.CARRY, TransferKind.COPY])
def test_a_copy_that_was_changed_since_costs_neither(
    tmp_path: Path, kind: TransferKind, data: bytes, forward: bool
) -> None:
    world = World(tmp_path, kind, How.LINK)
    world.go(2)
    world.goal.write_bytes(data)
    with pytest.raises(FileFault, match=reasons.CHANGED_THERE):
        world.transfer.settle(forward=forward)
    assert world.source.read_bytes() == b"photo"
    assert world.goal.read_bytes() == data


@pytest.mark.parametrize("forward", [True, False])
def test_a_hard_link_that_was_not_made_yet_is_not_taken_away(tmp_path: Path, forward: bool) -> None:
    world = World(tmp_path, TransferKind.HARDLINK, How.LINK)
    world.goal.parent.rmdir()
    world.goal.parent.symlink_to(world.source.parent)
    world.transfer.goal = world.goal.with_name("photo.jpg")
    assert not world.transfer.settle(forward=forward)
    assert world.source.read_bytes() == b"photo"


@pytest.mark.parametrize("missing", ["source", "goal"])
def test_a_drive_that_is_out_decides_nothing(tmp_path: Path, missing: str) -> None:
    for number, kind in enumerate((TransferKind.MOVE, TransferKind.CARRY)):
        world = World(tmp_path / str(number), kind, How.RENAME)
        world.go(3)
        away = world.goal.parent.rename(tmp_path / f"away {number}")
        if missing == "source":
            world.source.parent.rmdir()
        with pytest.raises(Halt, match=reasons.SORT_FOLDER_GONE):
            world.transfer.settle(forward=True)
        assert (away / "name.jpg").read_bytes() == b"photo"


def test_the_name_that_stays_is_synced_before_the_other_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for forward in (True, False):
        world = World(tmp_path / str(forward), TransferKind.MOVE, How.LINK)
        world.go(2)
        synced: list[tuple[Path, bool]] = []

        def note(place: Path, *, is_needed: bool = False, world: World = world, to: list[object] = synced) -> None:  # type: ignore[assignment]
            to.append((place, world.source.exists() and world.goal.exists()))

        monkeypatch.setattr(transfer, "sync_names", note)
        assert world.transfer.settle(forward=forward) is forward
        assert (world.goal.parent if forward else world.source.parent, True) in synced


# While it is done


@pytest.mark.parametrize("what", ["gone", "other", "cut short"])
def test_the_original_stays_where_the_copy_is_not_as_it_was_made(tmp_path: Path, what: str) -> None:
    world = World(tmp_path, TransferKind.CARRY, How.LINK)
    world.go(2)
    if what == "cut short":
        world.goal.write_bytes(b"")
    else:
        world.goal.unlink()
    if what == "other":
        write(world.goal, b"photo", number=4)
    with pytest.raises(FileFault, match=reasons.COPY_GONE):
        world.transfer.take_origin()
    assert world.source.read_bytes() == b"photo"


def test_a_folder_that_vanished_before_it_was_synced_stops_the_sort(tmp_path: Path) -> None:
    sync_names(tmp_path / "none")
    with pytest.raises(Halt, match=reasons.FOLDER_NOT_SYNCED):
        sync_names(tmp_path / "none", is_needed=True)


def test_two_libraries_do_not_sort_one_folder_at_a_time(tmp_path: Path, folder: Path, library: Library) -> None:
    with folder_locks(folder, folder, tmp_path / "not yet"):
        with pytest.raises(SortBusy), folder_locks(tmp_path, folder):
            pass
        with pytest.raises(SortBusy):
            drain(run_sort(moves(folder, tmp_path / "out"), library))
    assert list_sorts(library) == []
    _, end = drain(run_sort(moves(folder, tmp_path / "out"), library))
    assert end.record.done == 3
    with folder_locks(folder), pytest.raises(SortBusy):
        drain(undo_sort(1, library))
    _, end = drain(undo_sort(1, library))
    assert end.record.state is SortState.UNDONE


# Undo


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK])
def test_originals_that_became_links_to_the_copies_are_none(
    tmp_path: Path, folder: Path, library: Library, action: Action
) -> None:
    drain(run_sort(moves(folder, tmp_path / "out", action), library))
    for file in folder.iterdir():
        file.unlink()
        file.symlink_to(tmp_path / "out" / "alpaca" / file.name)
    _, end = drain(undo_sort(1, library))
    assert end.record.left == 3
    assert {file.read_bytes() for file in folder.iterdir()} == {b"photo 0", b"photo 1", b"photo 2"}


def test_copies_that_became_hard_links_to_the_originals_are_taken_away(
    tmp_path: Path, folder: Path, library: Library
) -> None:
    drain(run_sort(moves(folder, tmp_path / "out", Action.COPY), library))
    for file in folder.iterdir():
        file.unlink()
        file.hardlink_to(tmp_path / "out" / "alpaca" / file.name)
    _, end = drain(undo_sort(1, library))
    assert end.record.left == 0
    assert {file.read_bytes() for file in folder.iterdir()} == {b"photo 0", b"photo 1", b"photo 2"}


def test_of_two_links_to_a_file_that_is_nowhere_else_one_stays(tmp_path: Path, library: Library) -> None:
    folder = tmp_path / "photos"
    first = write(folder / "1.jpg", b"photo")
    (folder / "2.jpg").hardlink_to(first)
    drain(run_sort(moves(folder, tmp_path / "out", Action.HARDLINK), library))
    for name in ("1.jpg", "2.jpg"):
        write(tmp_path / "new", b"edited").replace(folder / name)
    _, end = drain(undo_sort(1, library))
    assert end.record.left == 1
    assert [file.read_bytes() for file in (tmp_path / "out" / "alpaca").glob("*.jpg")] == [b"photo"]


def test_a_copy_is_looked_at_again_just_before_it_is_deleted(
    tmp_path: Path, folder: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain(run_sort(moves(folder, tmp_path / "out", Action.COPY), library))
    edited = tmp_path / "out" / "alpaca" / "0.jpg"
    real = copying.remove

    def remove(path: Path) -> None:
        # They go the last first: so this happens between the check of the batch and the turn of the edited one.
        if path.name == "2.jpg":
            edited.write_bytes(b"edited")
        real(path)

    monkeypatch.setattr("alpacasorter.core.sorting.execution.jobs.remove", remove)
    _, end = drain(undo_sort(1, library))
    assert end.record.left == 1
    assert edited.read_bytes() == b"edited"


def test_folders_made_again_are_synced_with_those_above(
    tmp_path: Path, folder: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "day" / "a.jpg", b"photo")
    drain(run_sort(moves(folder / "day", tmp_path / "out"), library))
    (folder / "day").rmdir()
    synced: list[Path] = []
    monkeypatch.setattr("alpacasorter.core.sorting.execution.checks.sync_names", synced.append)
    _, end = drain(undo_sort(1, library))
    assert end.record.left == 0
    assert folder in synced


def test_finishing_makes_nothing_where_the_destination_is_gone(tmp_path: Path, folder: Path, library: Library) -> None:
    out = tmp_path / "out"
    stops = iter([False] * 40 + [True] * 1000)
    drain(run_sort(moves(folder, out), library))
    out.rename(tmp_path / "away")
    write(folder / "0.jpg", b"again")
    _, end = drain(resume_sort(1, library, stopped=lambda: next(stops)))
    assert "no longer there" in end.problem
    assert not out.exists()
