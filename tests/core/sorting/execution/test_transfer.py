"""The transfer of one file: never replaces anything, keeps what can be kept, and knows how far it got."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from alpacasorter.core import reasons, safe_write
from alpacasorter.core.safe_write import How, OtherDisk, Unsupported, give_name, is_guard
from alpacasorter.core.sorting.execution import copying, errors
from alpacasorter.core.sorting.execution.copying import CHUNK, Copied, CopyStopped, Stamp, copy, digest_of
from alpacasorter.core.sorting.execution.errors import FileFault, Halt
from alpacasorter.core.sorting.execution.transfer import TransferKind
from tests.core.sorting.trees import GUARD, World, transfer, write

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has one way")


def finished(steps: Generator[int, None, Copied]) -> Copied:
    made: list[Copied] = []

    def take() -> Generator[int, None, None]:
        made.append((yield from steps))

    for _ in take():
        pass
    return made[0]


def copied(source: Path, temp: Path, **keywords: object) -> Copied:
    status = source.stat()
    return finished(copy(source, temp, status.st_size, status.st_mtime_ns, **keywords))  # type: ignore[arg-type]


@POSIX
@pytest.mark.parametrize("how", list(How))
def test_a_name_that_is_taken_is_never_replaced(tmp_path: Path, how: How) -> None:
    file, other = write(tmp_path / "file", b"mine"), write(tmp_path / "other", b"theirs")
    for taken in (other, tmp_path / "folder", tmp_path / "link"):
        if taken.name == "folder":
            taken.mkdir()
        if taken.name == "link":
            taken.symlink_to("nowhere")
        with pytest.raises(FileExistsError):
            give_name(file, taken, how, GUARD)
    assert other.read_bytes() == b"theirs"
    assert file.read_bytes() == b"mine"
    assert (tmp_path / "link").is_symlink()


@POSIX
@pytest.mark.parametrize("how", list(How))
def test_a_free_name_is_given(tmp_path: Path, how: How) -> None:
    file = write(tmp_path / "file", b"mine", number=3)
    give_name(file, tmp_path / "name", how, GUARD)
    assert (tmp_path / "name").read_bytes() == b"mine"
    assert file.exists() is (how is How.LINK)


@POSIX
def test_ways_that_are_not_known_here_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "file", b"mine")

    def refuse(code: int) -> Callable[..., None]:
        def link(*_args: object, **_keywords: object) -> None:
            raise OSError(code, "no")

        return link

    for code in (errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS):
        monkeypatch.setattr(os, "link", refuse(code))
        with pytest.raises(Unsupported):
            give_name(file, tmp_path / "name", How.LINK, GUARD)
    monkeypatch.setattr(os, "link", refuse(errno.EXDEV))
    with pytest.raises(OtherDisk):
        give_name(file, tmp_path / "name", How.LINK, GUARD)
    monkeypatch.setattr(safe_write, "_system_rename", lambda: None)
    with pytest.raises(Unsupported):
        give_name(file, tmp_path / "name", How.RENAME, GUARD)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@POSIX
def test_a_guard_is_told_from_a_file_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "file", b"mine")

    def fail(_self: Path, _target: Path) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="broken"):
        give_name(file, tmp_path / "name", How.GUARD, GUARD)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert is_guard(write(tmp_path / "begun", b""), GUARD)
    assert is_guard(write(tmp_path / "left", GUARD), GUARD)
    assert not is_guard(file, b"another guard")
    assert not is_guard(tmp_path / "none", GUARD)
    assert not is_guard(tmp_path, GUARD)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 17])
def test_a_copy_has_the_bytes_the_times_and_the_permissions(tmp_path: Path, size: int) -> None:
    source = write(tmp_path / "photo.jpg", os.urandom(size), mode=0o440, number=9)
    made = copied(source, tmp_path / "copy")
    copy_of = tmp_path / "copy"
    assert copy_of.read_bytes() == source.read_bytes()
    assert made == Copied(digest_of(source), source.stat().st_mtime_ns)
    assert copy_of.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert stat.S_IMODE(copy_of.stat().st_mode) == 0o440
    assert (copy_of.stat().st_uid, copy_of.stat().st_gid) == (source.stat().st_uid, source.stat().st_gid)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep them in another way")
def test_a_copy_keeps_extended_attributes(tmp_path: Path) -> None:
    source = write(tmp_path / "photo.jpg", b"photo")
    try:
        os.setxattr(source, "user.rating", b"5")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    copied(source, tmp_path / "copy")
    assert os.getxattr(tmp_path / "copy", "user.rating") == b"5"


def test_a_copy_may_get_the_stamp_of_another_file(tmp_path: Path) -> None:
    source = write(tmp_path / "photo.jpg", b"photo", mode=0o644)
    copied(source, tmp_path / "copy", stamp=Stamp(1_700_000_000_000_000_100, 0o600))
    assert (tmp_path / "copy").stat().st_mtime_ns == 1_700_000_000_000_000_100
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600


def test_attributes_that_the_disk_does_not_take_cost_only_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_keywords: object) -> None:
        raise OSError(errno.E2BIG, "too many attributes")

    monkeypatch.setattr(copying.shutil, "copystat", refuse)
    source = write(tmp_path / "photo.jpg", b"photo", mode=0o600, number=5)
    copied(source, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mtime_ns == source.stat().st_mtime_ns
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600


def test_a_copy_that_is_stopped_or_closed_leaves_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "photo.jpg", bytes(3 * CHUNK))
    asked = iter([False, False, True])
    with pytest.raises(CopyStopped):
        copied(source, tmp_path / "copy", stopped=lambda: next(asked))
    status = source.stat()
    steps = copy(source, tmp_path / "copy", status.st_size, status.st_mtime_ns)
    assert next(steps) == CHUNK
    assert (tmp_path / "copy").exists()
    steps.close()
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_copy_that_was_written_wrongly_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "photo.jpg", b"photo" * 1000)
    real = os.write

    def wrong(handle: int, data: bytes) -> int:
        return real(handle, bytes(len(data)))

    monkeypatch.setattr(os, "write", wrong)
    with pytest.raises(FileFault, match=reasons.NOT_THE_SAME):
        copied(source, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_that_changes_while_it_is_copied_is_not_copied(tmp_path: Path) -> None:
    source = write(tmp_path / "photo.jpg", bytes(3 * CHUNK))
    status = source.stat()
    steps = copy(source, tmp_path / "copy", status.st_size, status.st_mtime_ns)
    next(steps)
    os.utime(source, ns=(1, 1))
    with pytest.raises(FileFault, match=reasons.CHANGED):
        finished(steps)
    with pytest.raises(FileFault, match=reasons.CHANGED):
        finished(copy(source, tmp_path / "copy", status.st_size + 1, source.stat().st_mtime_ns))
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


CODES = [
    (errno.ENOSPC, Halt, reasons.DISK_FULL),
    (errno.EROFS, Halt, reasons.DISK_READ_ONLY),
    (errno.EIO, Halt, reasons.DISK_ERROR),
    (errno.ENODEV, Halt, reasons.DISK_NOT_RESPONDING),
    (errno.EACCES, FileFault, "sort-no-writing"),
    (errno.ENAMETOOLONG, FileFault, reasons.TARGET_TOO_LONG),
    (errno.EINVAL, FileFault, reasons.TARGET_REFUSED),
    (errno.EFBIG, FileFault, reasons.TOO_LARGE),
    (errno.EEXIST, FileFault, reasons.TAKEN),
    (errno.ENOENT, FileFault, reasons.TARGET_FOLDER_GONE),
    (errno.EBADF, FileFault, reasons.NOT_WRITTEN),
]


@pytest.mark.parametrize(("code", "kind", "reason"), CODES)
def test_each_cause_has_a_reason(tmp_path: Path, code: int, kind: type[Exception], reason: str) -> None:
    with pytest.raises(kind) as told, errors.writing(tmp_path / "photo.jpg"):
        raise OSError(code, os.strerror(code))
    found = str(told.value)
    assert found.partition(" ")[0] == reason
    said = reasons.sentence(found)
    assert said != found
    assert (str(tmp_path) in said) == (kind is Halt or code == errno.EACCES), "a problem of the folder names it"


def test_causes_of_reading_and_removing(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    with pytest.raises(FileFault) as told, errors.reading(path):
        raise OSError(errno.EIO, "")
    assert str(told.value) == reasons.DISK_FAULT
    with pytest.raises(FileFault, match="sort-no-removing"), errors.removing(path):
        raise PermissionError(errno.EACCES, "")
    locked = PermissionError(errno.EACCES, "")
    locked.winerror = 32  # type: ignore[attr-defined]
    with pytest.raises(FileFault) as told, errors.removing(path):
        raise locked
    assert str(told.value) == reasons.SORT_IN_USE


@POSIX
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("steps", [0, 1, 2, 3])
@pytest.mark.parametrize("how", list(How))
@pytest.mark.parametrize("kind", [TransferKind.MOVE, TransferKind.CARRY, TransferKind.COPY])
def test_settle_brings_it_to_one_end(tmp_path: Path, kind: TransferKind, how: How, steps: int, forward: bool) -> None:
    world = World(tmp_path, kind, how)
    world.go(steps)
    begun = transfer(kind, world.source, world.goal, how) if world.source.exists() else world.transfer
    begun.copied, begun.digest = world.transfer.copied, world.transfer.digest
    complete = begun.settle(forward=forward)
    begun.drop_temp()
    assert (
        world.names()
        == {
            True: {"name.jpg"} | ({"photo.jpg"} if kind is TransferKind.COPY else set()),
            False: {"photo.jpg"},
        }[complete]
    )
    assert (world.goal if complete else world.source).read_bytes() == b"photo"
    if steps < 2:
        assert not complete
    if steps == 3 and kind is not TransferKind.COPY:
        assert complete


@POSIX
@pytest.mark.parametrize("kind", [TransferKind.MOVE, TransferKind.CARRY, TransferKind.COPY])
@pytest.mark.parametrize("how", list(How))
@pytest.mark.parametrize("forward", [True, False])
def test_settle_leaves_a_strange_file_at_the_goal_alone(
    tmp_path: Path, kind: TransferKind, how: How, forward: bool
) -> None:
    world = World(tmp_path, kind, how)
    world.go(1)
    write(world.goal, b"somebody else's")
    assert not world.transfer.settle(forward=forward)
    assert world.goal.read_bytes() == b"somebody else's"
    assert world.source.read_bytes() == b"photo"


@POSIX
def test_settle_keeps_the_only_copy(tmp_path: Path) -> None:
    world = World(tmp_path, TransferKind.CARRY, How.LINK)
    world.go(1)
    world.source.unlink()
    assert world.transfer.settle(forward=False)
    assert world.goal.read_bytes() == b"photo"
    other = World(tmp_path / "other", TransferKind.CARRY, How.LINK)
    other.go(1)
    other.source.unlink()
    write(other.goal, b"somebody else's")
    with pytest.raises(FileFault):
        other.transfer.settle(forward=False)
    assert other.names() == {"name.jpg", ".spare.part"}


@POSIX
def test_settle_of_a_file_that_is_gone_or_changed_says_so(tmp_path: Path) -> None:
    gone = World(tmp_path / "1", TransferKind.MOVE, How.LINK)
    gone.source.unlink()
    with pytest.raises(FileFault, match=reasons.VANISHED):
        gone.transfer.settle(forward=True)
    changed = World(tmp_path / "2", TransferKind.MOVE, How.RENAME)
    changed.go(3)
    write(changed.goal, b"edited since")
    with pytest.raises(FileFault, match=reasons.CHANGED):
        changed.transfer.settle(forward=True)
    assert changed.goal.read_bytes() == b"edited since"
    edited = World(tmp_path / "3", TransferKind.CARRY, How.LINK)
    edited.go(2)
    write(edited.source, b"edited since")
    with pytest.raises(FileFault, match=reasons.CHANGED):
        edited.transfer.take_origin()
    with pytest.raises(FileFault, match=reasons.CHANGED):
        edited.transfer.settle(forward=False)
    assert edited.names() == {"photo.jpg"}
    touched = World(tmp_path / "4", TransferKind.CARRY, How.LINK)
    touched.go(2)
    write(touched.source, b"photo", number=99)
    assert touched.transfer.settle(forward=True)
    assert not touched.source.exists()


@POSIX
def test_a_file_that_was_saved_again_meanwhile_is_not_removed(tmp_path: Path) -> None:
    world = World(tmp_path, TransferKind.MOVE, How.LINK)
    world.go(2)
    write(tmp_path / "new", b"edited").replace(world.source)
    world.transfer.take_origin()
    assert world.source.read_bytes() == b"edited"
    assert world.goal.read_bytes() == b"photo"
    carried = World(tmp_path / "2", TransferKind.CARRY, How.LINK)
    carried.go(2)
    write(carried.source, b"edited")
    with pytest.raises(FileFault, match=reasons.CHANGED):
        carried.transfer.take_origin()
    assert carried.source.read_bytes() == b"edited"


@POSIX
def test_a_disk_that_does_not_tell_links_is_not_linked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, TransferKind.MOVE, How.LINK)
    monkeypatch.setattr("alpacasorter.core.sorting.execution.transfer.same_file", lambda *_paths: False)
    with pytest.raises(Unsupported):
        world.transfer.place()
    assert world.names() == {"photo.jpg"}


def test_a_file_without_numbers_is_never_the_same(tmp_path: Path) -> None:
    from alpacasorter.core.files import is_same

    status = list(write(tmp_path / "x", b"").stat())
    assert is_same(os.stat_result(status), os.stat_result(status))
    status[1] = 0
    assert not is_same(os.stat_result(status), os.stat_result(status))
