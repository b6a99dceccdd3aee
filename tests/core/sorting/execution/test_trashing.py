"""Photos are moved to the trash and restored, also after a crash at any moment; whatever can't be done is said."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from alpacasorter.core import reasons, trash_reasons
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.sorting.events import SortBusy, SortEnded, SortError, SortState
from alpacasorter.core.sorting.execution import trash, trashing
from alpacasorter.core.sorting.execution.run import resume_sort, run_sort, trash_photos, undo_sort
from alpacasorter.core.sorting.execution.session import latest_undoable, list_sorts, open_sorts, sort_lock
from alpacasorter.core.sorting.execution.trash import NotTrashed, find_in_trash
from alpacasorter.core.sorting.journal import Journal, Step, StepState
from alpacasorter.core.sorting.plan import SortPlan
from alpacasorter.core.sorting.planning.trashing import plan_trash
from alpacasorter.core.store.library import Library
from tests.core.sorting.execution.kill_runs import Killer, in_child
from tests.core.sorting.trees import drain, failed, library_at, moves, placed, tree, write

posix_only = pytest.mark.skipif(os.name != "posix", reason="the trash of freedesktop.org")
KILLS = int(os.environ.get("ALPACASORTER_KILL_POINTS", "14"))


class SpecTrash:
    """A trash as freedesktop.org specifies it: first the record, then the file."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "Trash"
        self.refuses: set[str] = set()
        self.thrown: list[str] = []
        self.says_where = True
        self.before_each: Callable[[Path], None] = lambda _path: None

    def throw(self, path: Path) -> Path | None:
        self.before_each(path)
        if path.name in self.refuses:
            raise NotTrashed
        (self.folder / "files").mkdir(parents=True, exist_ok=True)
        (self.folder / "info").mkdir(exist_ok=True)
        name, number = path.name, 1
        while True:
            try:
                handle = os.open(self.folder / "info" / f"{name}.trashinfo", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                break
            except FileExistsError:
                number += 1
                name = f"{path.stem} {number}{path.suffix}"
        os.write(handle, f"[Trash Info]\nPath={quote(os.fsencode(path))}\nDeletionDate=2026-11-30T12:00:00\n".encode())
        os.close(handle)
        os.rename(path, self.folder / "files" / name)  # noqa: PTH104  # what the kills count
        self.thrown.append(path.name)
        return self.folder / "files" / name if self.says_where else None

    @property
    def names(self) -> set[str]:
        files = self.folder / "files"
        return {path.name for path in files.iterdir()} if files.is_dir() else set()

    @property
    def records(self) -> set[str]:
        info = self.folder / "info"
        return {path.name.removesuffix(".trashinfo") for path in info.iterdir()} if info.is_dir() else set()


class World:
    """A folder with photos, a trash and a library."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.photos = base / "photos"
        self.trash = SpecTrash(base / "data")
        for number in range(6):
            write(self.photos / f"IMG_{number}.jpg", f"photo {number}".encode() * 20, number=number)
        for name in ("IMG_1.cr2", "IMG_1.xmp", "IMG_3.mov", "IMG_3.jpg.xmp"):
            write(self.photos / name, name.encode(), number=40 + len(name))
        self.before = tree(self.photos)

    def library(self) -> Library:
        return library_at(self.base / "library")

    def plan(self, *numbers: int) -> SortPlan:
        photos = [LabeledPhoto(self.photos / f"IMG_{number}.jpg", None, "alpaca", 0.9) for number in numbers]
        return plan_trash(self.photos, photos)

    @property
    def names(self) -> set[str]:
        return {path.name for path in self.photos.iterdir()}

    def throw(self, *numbers: int) -> SortEnded:
        with self.library() as library:
            return drain(trash_photos(self.plan(*numbers), library, self.trash))[1]

    def restore(self, number: int = 1) -> SortEnded:
        with self.library() as library:
            return drain(undo_sort(number, library))[1]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return World(tmp_path)


def reasons_of(ended: SortEnded) -> dict[str, str]:
    return {failure.path.name: failure.reason for failure in ended.failures}


ALL_OF_1 = {"IMG_1.jpg", "IMG_1.cr2", "IMG_1.xmp"}


# There and back


def test_photos_and_companions_go_and_come_back(world: World) -> None:
    with world.library() as library:
        events, ended = drain(trash_photos(world.plan(1, 2), library, world.trash))
    assert (ended.problem, ended.failures) == ("", ())
    assert placed(events) == {world.photos / name: None for name in (*ALL_OF_1, "IMG_2.jpg")}
    assert ended.record.trashed
    assert (ended.record.state, ended.record.done, ended.record.failed) == (SortState.FINISHED, 4, 0)
    assert world.trash.names == world.trash.records == {*ALL_OF_1, "IMG_2.jpg"}
    assert not world.names & world.trash.names
    with world.library() as library:
        events, ended = drain(undo_sort(1, library))
    assert set(placed(events).values()) == {world.photos / name for name in (*ALL_OF_1, "IMG_2.jpg")}
    assert (ended.record.state, ended.record.left) == (SortState.UNDONE, 0)
    assert tree(world.photos) == world.before
    assert world.trash.names == world.trash.records == set()


def test_it_is_in_the_history_much_later(world: World) -> None:
    world.throw(0)
    world.throw(2)
    with world.library() as library:
        assert [(one.number, one.trashed, one.done) for one in list_sorts(library)] == [(2, True, 1), (1, True, 1)]
        assert open_sorts(library) == []
    world.restore(1)
    assert "IMG_0.jpg" in world.names
    assert "IMG_2.jpg" not in world.names


def test_the_command_line_undoes_the_latest_sort_and_no_trash(world: World) -> None:
    world.throw(0)
    with world.library() as library:
        assert latest_undoable(library) is None


def test_names_that_the_trash_has_already(world: World) -> None:
    world.throw(0)
    write(world.photos / "IMG_0.jpg", b"another", number=70)
    world.throw(0)
    assert world.trash.names == {"IMG_0.jpg", "IMG_0 2.jpg"}
    world.restore(2)
    assert (world.photos / "IMG_0.jpg").read_bytes() == b"another"
    assert world.trash.records == {"IMG_0.jpg"}


def test_a_folder_that_was_removed_meanwhile_is_made_again(world: World) -> None:
    world.throw(0, 1, 2, 3, 4, 5)
    world.photos.rmdir()
    world.restore()
    assert tree(world.photos) == world.before


# What can't be done


def test_without_a_trash_nothing_is_deleted(world: World) -> None:
    world.trash.refuses = {f"IMG_{number}.jpg" for number in range(6)}
    ended = world.throw(0, 1)
    assert set(reasons_of(ended).values()) == {trash_reasons.NO_TRASH, reasons.left_with("IMG_1.jpg")}
    assert tree(world.photos) == world.before
    assert ended.record.done == 0


def test_a_unit_goes_whole_or_not_at_all(world: World) -> None:
    world.trash.refuses = {"IMG_1.xmp"}
    with world.library() as library:
        events, ended = drain(trash_photos(world.plan(0, 1, 2), library, world.trash))
    assert tree(world.photos) == {
        name: entry for name, entry in world.before.items() if Path(name).name not in ("IMG_0.jpg", "IMG_2.jpg")
    }
    assert reasons_of(ended)["IMG_1.xmp"] == trash_reasons.NO_TRASH
    assert reasons_of(ended)["IMG_1.jpg"] == reasons.left_with("IMG_1.xmp")
    assert failed(events).keys() == {world.photos / name for name in ALL_OF_1}
    # A photo that came back was never said to be gone.
    assert world.photos / "IMG_1.jpg" not in placed(events)
    assert world.trash.records == {"IMG_0.jpg", "IMG_2.jpg"}
    assert (ended.record.done, ended.record.failed) == (2, 3)


def test_what_failed_can_be_tried_again(world: World) -> None:
    world.trash.refuses = {"IMG_1.xmp"}
    world.throw(1)
    world.trash.refuses = set()
    with world.library() as library:
        ended = drain(resume_sort(1, library, trash=world.trash))[1]
    assert ended.record.done == 3
    assert not ALL_OF_1 & world.names


def test_a_file_that_changed_or_vanished_is_left(world: World) -> None:
    plan = world.plan(0, 2, 4)
    (world.photos / "IMG_0.jpg").write_bytes(b"edited just now")
    (world.photos / "IMG_2.jpg").unlink()
    with world.library() as library:
        ended = drain(trash_photos(plan, library, world.trash))[1]
    assert reasons_of(ended) == {"IMG_0.jpg": trash_reasons.TRASH_CHANGED, "IMG_2.jpg": reasons.VANISHED}
    assert world.trash.thrown == ["IMG_4.jpg"]


def test_a_file_that_vanishes_at_the_last_moment(world: World) -> None:
    def vanish(path: Path) -> None:
        path.unlink()
        raise NotTrashed

    world.trash.before_each = vanish
    assert reasons_of(world.throw(0)) == {"IMG_0.jpg": reasons.VANISHED}


@posix_only
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(world: World) -> None:
    world.photos.chmod(0o555)
    try:
        ended = world.throw(0)
    finally:
        world.photos.chmod(0o755)
    assert next(iter(reasons_of(ended).values())).startswith(reasons.NO_REMOVING)
    assert world.trash.thrown == []


def test_the_trash_was_emptied(world: World) -> None:
    world.throw(0, 1)
    (world.trash.folder / "files" / "IMG_0.jpg").unlink()
    ended = world.restore()
    assert [failure.reason for failure in ended.failures] == [trash_reasons.TRASH_EMPTIED]
    assert ended.record.left == 1
    assert world.names >= ALL_OF_1


def test_the_user_has_restored_it_already(world: World) -> None:
    world.throw(0, 2)
    os.replace(world.trash.folder / "files" / "IMG_0.jpg", world.photos / "IMG_0.jpg")  # noqa: PTH105
    ended = world.restore()
    assert ended.failures == ()
    assert tree(world.photos) == world.before


def test_the_name_is_taken_again(world: World) -> None:
    world.throw(1)
    write(world.photos / "IMG_1.jpg", b"a new photo under the old name", number=90)
    ended = world.restore()
    assert (world.photos / "IMG_1.jpg").read_bytes() == b"a new photo under the old name"
    # Its companions stay with it in the trash.
    assert world.trash.names == ALL_OF_1
    assert reasons.PLACE_TAKEN in {failure.reason for failure in ended.failures}
    (world.photos / "IMG_1.jpg").unlink()
    assert world.restore().record.left == 0
    assert tree(world.photos) == world.before


def test_the_system_does_not_say_where(world: World) -> None:
    world.trash.says_where = False
    assert world.throw(0).record.done == 1
    ended = world.restore()
    assert [failure.reason for failure in ended.failures] == [trash_reasons.TRASH_UNKNOWN]
    assert ended.record.left == 1
    assert world.trash.names == {"IMG_0.jpg"}


def test_only_one_at_a_time(world: World) -> None:
    with world.library() as library, sort_lock(library):
        events = trash_photos(world.plan(0), library, world.trash)
        with pytest.raises(SortBusy):
            next(events)
    assert world.names >= {"IMG_0.jpg"}


def test_nothing_to_do(world: World) -> None:
    with world.library() as library, pytest.raises(SortError):
        list(trash_photos(plan_trash(world.photos, []), library, world.trash))


def test_it_can_be_stopped_and_resumed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trashing, "FILES", 1)
    with world.library() as library:
        stopped = lambda: len(world.trash.thrown) >= 2  # noqa: E731
        ended = drain(trash_photos(world.plan(0, 2, 4, 5), library, world.trash, stopped=stopped))[1]
        assert ended.stopped
        assert (ended.record.state, ended.record.done) == (SortState.STOPPED, 2)
        with pytest.raises(SortError):
            list(resume_sort(1, library))
        ended = drain(resume_sort(1, library, trash=world.trash))[1]
    assert ended.record.done == 4


def test_a_sort_that_is_resumed_never_goes_to_the_trash(world: World) -> None:
    plan = moves(world.photos, world.base / "out")
    with world.library() as library:
        ended = drain(run_sort(plan, library, stopped=lambda: True))[1]
        assert ended.stopped
        ended = drain(resume_sort(1, library, trash=world.trash))[1]
    assert world.trash.thrown == []
    assert ended.record.done == len(world.before)
    assert not ended.record.trashed
    assert len(list((world.base / "out" / "alpaca").glob("*.*"))) >= len(world.before)


def test_a_library_that_fails_throws_nothing_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.library() as library:
        plan = world.plan(0)
        events = trash_photos(plan, library, world.trash)
        next(events)

        def fail(*_arguments: object) -> None:
            raise SortError("full")

        monkeypatch.setattr(Journal, "mark", fail)
        ended = list(events)[-1]
    assert isinstance(ended, SortEnded)
    assert ended.problem == "full"
    assert tree(world.photos) == world.before


# Other versions of the program


def test_an_earlier_version_sees_a_move_that_it_can_undo(world: World) -> None:
    world.throw(0)
    with sqlite3.connect(world.base / "library" / "library.sqlite") as connection:
        action, options = connection.execute("SELECT action, options FROM sorts").fetchone()
        source, target, way = connection.execute("SELECT source, target, way FROM sort_steps").fetchone()
        # What it doesn't know, it doesn't read.
        connection.execute("UPDATE sorts SET options = '{}'")
    connection.close()
    assert action == "move"
    assert json.loads(options) == {"trash": True}
    assert way == "move/link"
    assert (os.fsdecode(source), os.fsdecode(target)) == (
        str(world.photos / "IMG_0.jpg"),
        str(world.trash.folder / "files" / "IMG_0.jpg"),
    )


@posix_only
def test_an_earlier_version_moves_nothing_to_a_wrong_place(world: World) -> None:
    """One that finds an interrupted run takes it for a move of each file to where it is."""
    with world.library() as library:
        journal = Journal(library)
        sort = journal.begin(world.plan(0, 2))
        steps = journal.in_states(sort.uid, (StepState.PLANNED,))
        steps[0].state, steps[0].way = StepState.STARTED, "move/link"
        journal.mark(sort.uid, steps)
        library.write(lambda connection, _revision: connection.execute("UPDATE sorts SET options = '{}'"))
        ended = drain(resume_sort(1, library))[1]
    assert tree(world.photos) == world.before
    assert ended.record.done == 0


# Crashes


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("way", ["resume", "restore"])
@pytest.mark.parametrize("phase", ["throw", "restore"])
def test_a_crash_at_any_moment_loses_nothing(
    world: World, phase: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trashing, "FILES", 3)
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    numbers = (0, 1, 2, 3, 5)
    gone = {*ALL_OF_1, "IMG_0.jpg", "IMG_2.jpg", "IMG_3.jpg", "IMG_3.mov", "IMG_3.jpg.xmp", "IMG_5.jpg"}

    def begin() -> Callable[[], object]:
        shutil.rmtree(world.base / "library", ignore_errors=True)
        shutil.rmtree(world.trash.folder, ignore_errors=True)
        if phase == "throw":
            return lambda: world.throw(*numbers)
        world.throw(*numbers)
        return world.restore

    killer = Killer(None)
    read, send = os.pipe()
    work = begin()
    tell = os.write

    def count() -> None:
        killer.arm()
        work()
        tell(send, str(killer.deeds).encode())

    if os.fork() == 0:
        try:
            count()
        finally:
            os._exit(0)
    os.wait()
    deeds = int(os.read(read, 20))
    assert deeds > 40
    if phase == "throw":
        world.restore()
    for point in range(KILLS):
        assert tree(world.photos) == world.before
        killed = in_child(begin(), min((2 * point + 1) * deeds // (2 * KILLS), deeds - 1))
        assert killed
        there = {path.name for path in (world.trash.folder / "files").glob("*")}
        assert {path.name for path in world.photos.iterdir()} | there >= {Path(name).name for name in world.before}
        with world.library() as library:
            records = open_sorts(library)
            undoing = bool(records) and records[0].state is SortState.UNDOING
            if records and way == "resume":
                ended = drain(resume_sort(1, library, trash=world.trash))[1]
            elif list_sorts(library) and list_sorts(library)[0].state is not SortState.UNDONE:
                ended = drain(undo_sort(1, library))[1]
            else:
                continue
            assert (ended.problem, ended.failures) == ("", ())
        if records and way == "resume" and not undoing:
            # A record without its file may have taken a name.
            assert len(world.trash.names) == len(gone)
            assert world.trash.records >= world.trash.names
            world.restore()
        assert world.trash.names == set()


@posix_only
def test_a_crash_between_the_file_and_its_record(world: World) -> None:
    """The file is in the trash, and the journal does not know where."""
    with world.library() as library:
        journal = Journal(library)
        sort = journal.begin(world.plan(0, 2))
        steps = journal.in_states(sort.uid, (StepState.PLANNED,))
        for step in steps:
            step.state, step.way = StepState.STARTED, "move/link"
        journal.mark(sort.uid, steps)
        world.trash.throw(steps[0].source)
        # Meanwhile a camera has used the name again.
        write(steps[0].source, b"a new photo", number=33)
        [record] = open_sorts(library)
        assert record.trashed
        ended = drain(undo_sort(1, library))[1]
    assert [failure.reason for failure in ended.failures] == [reasons.PLACE_TAKEN]
    assert (world.photos / "IMG_0.jpg").read_bytes() == b"a new photo"
    assert (world.photos / "IMG_2.jpg").exists()


@posix_only
def test_a_file_that_is_nowhere_after_a_crash(world: World) -> None:
    with world.library() as library:
        journal = Journal(library)
        sort = journal.begin(world.plan(0))
        [step] = journal.in_states(sort.uid, (StepState.PLANNED,))
        step.state, step.way = StepState.STARTED, "move/link"
        journal.mark(sort.uid, [step])
        step.source.unlink()
        ended = drain(resume_sort(1, library, trash=world.trash))[1]
    assert ended.record.failed == 1


@posix_only
def test_a_second_name_in_the_trash_is_removed(world: World) -> None:
    """A system that links a file into the trash and then removes the old name was interrupted in between."""
    with world.library() as library:
        journal = Journal(library)
        sort = journal.begin(world.plan(0))
        [step] = journal.in_states(sort.uid, (StepState.PLANNED,))
        step.state, step.way = StepState.STARTED, "move/link"
        journal.mark(sort.uid, [step])
        there = world.trash.throw(step.source)
        assert there is not None
        os.link(there, step.source)
        drain(undo_sort(1, library))
    assert tree(world.photos) == world.before
    assert world.trash.names == world.trash.records == set()


# Finding files


def step_of(path: Path) -> Step:
    status = path.lstat()
    return Step(0, 0, StepState.STARTED, path, path, status.st_size, status.st_mtime_ns)


@posix_only
@pytest.mark.parametrize("name", ["ä b%20.jpg", "IMG 1;2=3.jpg"])
def test_odd_names_are_found(world: World, name: str) -> None:
    path = write(world.photos / name, b"odd", number=99)
    step = step_of(path)
    there = world.trash.throw(path)
    assert find_in_trash(step) == there


@posix_only
def test_another_file_of_the_same_size_and_time_is_not_taken_for_it(world: World) -> None:
    one = write(world.photos / "a" / "same.jpg", b"same", number=5)
    other = write(world.photos / "b" / "same.jpg", b"also", number=5)
    step = step_of(one)
    world.trash.throw(other)
    assert find_in_trash(step) is None


@pytest.mark.skipif(sys.platform == "win32", reason="looks where Windows does")
def test_the_trash_of_another_disk_is_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash.os.path, "ismount", lambda path: Path(path) == tmp_path)
    monkeypatch.setattr(trash.sys, "platform", "linux")
    path = write(tmp_path / "card" / "a.jpg", b"card", number=3)
    step = step_of(path)
    there = tmp_path / f".Trash-{os.getuid()}" / "files" / "a.jpg"
    write(there.parent.parent / "info" / "a.jpg.trashinfo", b"[Trash Info]\nPath=card/a.jpg\n")
    there.parent.mkdir(parents=True)
    path.rename(there)
    assert find_in_trash(step) == there


@pytest.mark.parametrize("version", [1, 2])
def test_the_recycle_bin_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    folder = tmp_path / "$Recycle.Bin" / "S-1-5-21"
    monkeypatch.setattr(trash, "trash_folders", lambda _path: [folder])
    path = write(tmp_path / "a.jpg", b"bin", number=3)
    step = step_of(path)
    folder.mkdir(parents=True)
    there = folder / "$RABC123.jpg"
    path.rename(there)
    words = f"{path}\0".encode("utf-16-le")
    length = struct.pack("<i", len(str(path)) + 1) if version == 2 else b""
    record = write(folder / "$IABC123.jpg", struct.pack("<qqq", version, 3, 0) + length + words)
    write(folder / "$RXYZ.jpg", b"bin", number=3)
    assert find_in_trash(step) == there
    there.rename(path)
    trash.tidy_up([there])
    assert not record.exists()
