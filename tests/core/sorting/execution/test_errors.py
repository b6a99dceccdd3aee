"""What can go wrong in the middle of a sort, with real causes where possible: nothing is lost, and the user is told."""

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.sorting.events import SortEnded, SortState
from alpacasorter.core.sorting.execution import batch, copying, transfer
from alpacasorter.core.sorting.execution.errors import Halt
from alpacasorter.core.sorting.execution.run import resume_sort, run_sort, undo_sort
from alpacasorter.core.sorting.execution.session import list_sorts, open_sorts
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.core.store.library_file import LibraryFile
from tests.core.sorting.trees import Tree, drain, failed, library_at, moves, tree, write
from tests.core.store.library_files import ROOT
from tests.unprivileged import ordinary_user, shared_folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with library_at(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six photos of 300 kB."""
    for number in range(6):
        write(tmp_path / "photos" / f"{number}.jpg", bytes([number]) * 300_000, number=number)
    (tmp_path / "out").mkdir()
    return tmp_path / "photos"


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    """Have a small disk of its own at `place`; skip the test where it can't be had."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
    try:
        made = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount here")
    if made.returncode:
        pytest.skip("a small disk can't be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def remounted(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", place], check=True, capture_output=True)


@contextlib.contextmanager
def administrator() -> Iterator[None]:
    """Run the block with the rights that this process began with, inside one without them."""
    effective = os.geteuid()
    os.seteuid(os.getuid())
    try:
        yield
    finally:
        os.seteuid(effective)


def look(folder: Path) -> Tree:
    return tree(folder, folder.parent / "out")


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_a_full_disk_stops_the_sort_and_it_is_finished_later(
    library: Library, folder: Path, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FILES", 2)
    out = folder.parent / "out"
    with small_disk(out, "1m"):
        before = look(folder)
        _, end = drain(run_sort(moves(folder, out / "sorted", action), library))
        assert end.stopped
        assert "is full" in end.problem
        assert end.record.state is SortState.STOPPED
        assert 0 < end.record.done < 6
        assert not list(out.rglob("*.part"))
        remounted(out, "size=4m")
        _, end = drain(resume_sort(1, library))
        assert (end.record.state, end.record.done) == (SortState.FINISHED, 6)
        _, end = drain(undo_sort(1, library))
        assert look(folder) == before


def test_a_disk_that_turns_read_only_stops_the_sort(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FILES", 2)
    monkeypatch.setattr("alpacasorter.core.sorting.execution.session.INTERVAL_S", 0.0)
    out = folder.parent / "out"
    with small_disk(out, "4m"):
        before = look(folder)
        events = run_sort(moves(folder, out / "sorted"), library)
        told = []
        for event in events:
            told.append(event)
            if failed(told) == {} and len(told) == 6:
                remounted(out, "ro")
        end = told[-1]
        assert isinstance(end, SortEnded)
        assert "is read-only" in end.problem
        assert 0 < end.record.done < 6
        _, end = drain(undo_sort(1, library))
        assert "is read-only" in end.problem
        assert end.record.state is SortState.UNDOING
        remounted(out, "rw")
        _, end = drain(resume_sort(1, library))
        assert end.record.state is SortState.UNDONE
        assert look(folder) == before


def test_a_card_that_can_only_be_read_is_not_moved_from(library: Library, folder: Path) -> None:
    card = folder.parent / "card"
    out = folder.parent / "out"
    with small_disk(card, "1m"):
        photo = write(card / "x.jpg", b"photo")
        plan = moves(card, out / "sorted")
        remounted(card, "ro")
        _, end = drain(run_sort(plan, library))
        assert "is read-only" in end.problem
        assert photo.exists()
        assert not list((out / "sorted").rglob("*.jpg"))
        remounted(card, "rw")
        _, end = drain(resume_sort(1, library))
        assert end.record.done == 1
        assert not photo.exists()


def test_folders_without_permission_leave_their_photos_where_they_are() -> None:
    with shared_folder() as base:
        photos, out, data = base / "photos", base / "out", base / "data"
        for place in (photos, out / "alpaca", data):
            place.mkdir(parents=True)
            place.chmod(0o777)
        out.chmod(0o777)
        for number in range(3):
            write(photos / f"{number}.jpg", b"photo", mode=0o666)
        before = tree(photos, out)
        with ordinary_user(), library_at(data) as library:
            plan = moves(photos, out)
            with administrator():
                (out / "alpaca").chmod(0o555)
            told, end = drain(run_sort(plan, library))
            assert end.record.failed == 3
            assert set(failed(told).values()) == {os_errors.for_writing(PermissionError(), str(out / "alpaca"))}
            with administrator():
                (out / "alpaca").chmod(0o777)
                photos.chmod(0o555)
            told, end = drain(resume_sort(1, library))
            assert set(failed(told).values()) == {os_errors.for_removing(PermissionError(), str(photos))}
            with administrator():
                photos.chmod(0o777)
            _, end = drain(resume_sort(1, library))
            assert end.record.done == 3
            drain(undo_sort(1, library))
        assert tree(photos, out) == before


@pytest.mark.skipif(os.name != "posix", reason="Windows renames")
def test_a_locked_file_stays_and_the_sort_continues(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.unlink

    def locked(path: str, *arguments: object, **keywords: int) -> None:
        if Path(path) == folder / "2.jpg":
            error = PermissionError(errno.EACCES, "in use", str(path))
            error.winerror = 32  # type: ignore[attr-defined]
            raise error
        real(path, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "unlink", locked)
    before = look(folder)
    told, end = drain(run_sort(moves(folder, folder.parent / "out" / "sorted"), library))
    assert failed(told) == {folder / "2.jpg": reasons.SORT_IN_USE}
    assert end.record.done == 5
    assert not (folder.parent / "out" / "sorted" / "alpaca" / "2.jpg").exists()
    monkeypatch.undo()
    _, end = drain(resume_sort(1, library))
    assert end.record.done == 6
    drain(undo_sort(1, library))
    assert look(folder) == before


def test_a_photo_on_a_bad_sector_stays_and_the_sort_continues(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = copying.os.open
    bad: set[int] = set()

    def open_(path: str, *arguments: int) -> int:
        handle = real(path, *arguments)
        if Path(path) == folder / "2.jpg":
            bad.add(handle)
        return handle

    real_read = copying.os.read

    def read(handle: int, size: int) -> bytes:
        if handle in bad:
            bad.discard(handle)
            raise OSError(errno.EIO, "bad spot")
        return real_read(handle, size)

    monkeypatch.setattr(copying.os, "open", open_)
    monkeypatch.setattr(copying.os, "read", read)
    told, end = drain(run_sort(moves(folder, folder.parent / "out" / "sorted", Action.COPY), library))
    assert end.record.done == 5
    assert failed(told)[folder / "2.jpg"] == reasons.DISK_FAULT


@pytest.mark.parametrize("gone", ["photos", "destination"])
def test_a_folder_that_goes_away_stops_the_sort(library: Library, folder: Path, gone: str) -> None:
    out = folder.parent / "out"
    plan = moves(folder, out / "sorted")
    place = folder if gone == "photos" else out / "sorted"
    events = run_sort(plan, library)
    next(events)
    if gone == "photos":
        place.rename(folder.parent / "away")
    else:
        (out / "sorted" / "alpaca").mkdir(parents=True)

        def vanish(*_names: object, **_keywords: object) -> None:
            if place.exists():
                place.rename(folder.parent / "away")
            raise FileNotFoundError(errno.ENOENT, "gone")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(transfer, "give_name", vanish)
            *_, end = events
    if gone == "photos":
        *_, end = events
    assert isinstance(end, SortEnded)
    assert f"{place} is no longer there" in end.problem
    assert end.record.state is SortState.STOPPED
    if place.exists():
        place.rmdir()
    (folder.parent / "away").rename(place)
    _, end = drain(resume_sort(1, library))
    assert end.record.done == 6


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("writes", range(2, 9))
def test_a_library_that_can_not_be_written_stops_the_sort(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Action, writes: int
) -> None:
    monkeypatch.setattr(batch, "FILES", 3)
    before = look(folder)
    left = [writes]
    real = LibraryFile.write

    def full(self: LibraryFile, work: Callable[..., object]) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise LibraryError("The disk is full.")
        return real(self, work)

    with library_at(tmp_path / "library") as library:
        monkeypatch.setattr(LibraryFile, "write", full)
        told = list(run_sort(moves(folder, folder.parent / "out" / "sorted", action), library))
        end = told[-1]
        assert isinstance(end, SortEnded)
        assert end.problem.endswith("journal could not be written. The disk is full.")
        assert end.stopped
        assert end.record.is_open
        monkeypatch.setattr(LibraryFile, "write", real)
        assert [record.number for record in open_sorts(library)] == [1]
        if writes % 2:
            _, end = drain(resume_sort(1, library))
            assert end.record.done == 6
            assert not list(tmp_path.rglob("*.part"))
        _, end = drain(undo_sort(1, library))
        assert (end.record.state, end.record.left) == (SortState.UNDONE, 0)
    assert look(folder) == before


def test_a_library_that_can_not_be_written_at_first_does_nothing(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise LibraryError("The disk is full.")

    before = look(folder)
    monkeypatch.setattr(LibraryFile, "write", full)
    with pytest.raises(LibraryError):
        next(run_sort(moves(folder, folder.parent / "out" / "sorted"), library))
    monkeypatch.undo()
    assert look(folder) == before
    assert list_sorts(library) == []


def test_two_processes_take_turns(folder: Path, tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from alpacasorter.core.sorting.events import SortBusy
from alpacasorter.core.sorting.execution.run import run_sort
from tests.core.sorting.trees import library_at, moves
folder = Path(sys.argv[1])
with library_at(folder / "library") as library:
    plan = moves(folder / sys.argv[2], folder / "out" / sys.argv[2])
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        try:
            print(list(run_sort(plan, library))[-1].record.done)
            break
        except SortBusy:
            pass
"""
    for number in range(50):
        write(tmp_path / "more" / f"{number}.jpg", b"photo %d" % number)
    command = [sys.executable, "-c", script, tmp_path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    children = [subprocess.Popen([*command, name], **pipes) for name in ("photos", "more")]  # type: ignore[call-overload]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    told = [child.communicate(timeout=60)[0].strip() for child in children]
    assert told == ["6", "50"]
    with library_at(tmp_path / "library") as library:
        assert [record.state for record in list_sorts(library)] == [SortState.FINISHED] * 2
        for record in list_sorts(library):
            drain(undo_sort(record.number, library))
    assert len(list(folder.iterdir())) == 6


@pytest.mark.skipif(os.name != "posix", reason="Windows renames")
def test_a_disk_that_turns_out_to_be_another_is_copied_to(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def link(source: Path, target: Path, **keywords: bool) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, "another disk")
        real(source, target, **keywords)

    before = look(folder)
    monkeypatch.setattr(os, "link", link)
    _, end = drain(run_sort(moves(folder, folder.parent / "out" / "sorted"), library))
    assert end.record.done == 6
    assert list(folder.iterdir()) == []
    assert not list(folder.parent.rglob("*.part"))
    _, end = drain(undo_sort(1, library))
    assert end.record.left == 0
    assert look(folder) == before


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("kind", [Halt("The disk failed."), KeyboardInterrupt(), OSError(errno.EIO, "broken")])
@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_disk_that_fails_in_between_leaves_an_open_sort(
    library: Library,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    action: Action,
    kind: BaseException,
    calls: int,
) -> None:
    monkeypatch.setattr(batch, "FILES", 2)
    before = look(folder)
    left = [calls]
    real = batch.sync_names

    def fail(place: Path, *, is_needed: bool = False) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise kind
        real(place, is_needed=is_needed)

    monkeypatch.setattr(batch, "sync_names", fail)
    with contextlib.suppress(KeyboardInterrupt):
        _, end = drain(run_sort(moves(folder, folder.parent / "out" / "sorted", action), library))
        assert end.problem.startswith("The disk failed." if isinstance(kind, Halt) else "The system reported an error")
    monkeypatch.undo()
    assert [record.state for record in open_sorts(library)] == [SortState.STOPPED]
    if calls == 1:
        _, end = drain(resume_sort(1, library))
        assert end.record.done == 6
    _, end = drain(undo_sort(1, library))
    assert end.record.left == 0
    assert look(folder) == before


@pytest.mark.skipif(os.name != "posix", reason="Windows renames")
def test_why_an_interrupted_file_was_rolled_back_is_stored_as_a_code(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(folder)

    def broken(*_arguments: object, **_keywords: object) -> bool:
        raise OSError(errno.EIO, "broken")

    settle = transfer.Transfer.settle

    def full(this: transfer.Transfer, *, forward: bool) -> bool:
        if forward:
            raise OSError(errno.ENOSPC, "full")
        return settle(this, forward=False)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "sync_names", broken)
        patch.setattr(transfer.Transfer, "settle", broken)
        drain(run_sort(moves(folder, folder.parent / "out" / "sorted"), library))
    with monkeypatch.context() as patch:
        patch.setattr(transfer.Transfer, "settle", full)
        told, end = drain(resume_sort(1, library))
    why = reasons.code(reasons.DISK_FULL, folder=str(folder))
    assert set(failed(told).values()) == {why}
    assert end.record.done == 6, "and then it was tried again"
    assert "is full" in reasons.sentence(why)
    monkeypatch.undo()
    drain(undo_sort(1, library))
    assert look(folder) == before


@pytest.mark.skipif(os.name != "posix", reason="Windows renames")
def test_files_that_can_not_be_looked_at_stay_open(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(folder)

    def broken(*_arguments: object, **_keywords: object) -> bool:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(batch, "sync_names", broken)
    monkeypatch.setattr(transfer.Transfer, "settle", broken)
    drain(run_sort(moves(folder, folder.parent / "out" / "sorted"), library))
    _, end = drain(resume_sort(1, library))
    assert end.problem == reasons.sentence(reasons.UNSETTLED)
    assert len(end.failures) == 6
    assert end.record.is_open
    monkeypatch.undo()
    _, end = drain(undo_sort(1, library))
    assert end.record.state is SortState.UNDONE
    assert look(folder) == before
