"""Plans of sorts: links, closed folders, other disks, too little space, and files that changed meanwhile."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.sorting.options import Action, Leftovers
from alpacasorter.core.sorting.plan import Outcome
from alpacasorter.core.sorting.planning import disks, planner, units
from tests.core.sorting.planning.planning import (
    codes,
    outcomes,
    photo,
    photos_in,
    plan,
    sentences,
    targets,
    unit_of,
    write,
)
from tests.unprivileged import ordinary_user, shared_folder

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")
pytestmark = posix_only


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    place = Path(tempfile.mkdtemp(dir=memory))
    yield place
    shutil.rmtree(place)


def test_links_stay_where_they_are_or_their_files_are_copied(folder: Path, out: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.jpg"
    write(real, folder / "a.xmp", data=b"x" * 500)
    (folder / "a.jpg").symlink_to(real)
    made = plan(folder, out)
    assert outcomes(made) == {"a.jpg": Outcome.BLOCKED}
    assert made.units[0].reason == reasons.IS_LINK
    for action in (Action.COPY, Action.HARDLINK, Action.SYMLINK):
        unit = plan(folder, out, action=action).units[0]
        assert unit.outcome is Outcome.GO
        assert [(file.source, file.target) for file in unit.files] == [
            (real, out / "Alpaca" / "a.jpg"),
            (folder / "a.xmp", out / "Alpaca" / "a.xmp"),
        ]
        assert (unit.files[0].size, unit.files[0].mtime_ns) == (500, real.stat().st_mtime_ns)
    real.unlink()
    unit = plan(folder, out, [photo(folder / "a.jpg")], action=Action.COPY).units[0]
    assert (unit.outcome, unit.reason) == (Outcome.BLOCKED, reasons.BROKEN_LINK)


def test_what_is_no_photo_any_more_is_blocked(folder: Path, out: Path) -> None:
    write(folder / "pipe.jpg", folder / "folder.jpg", folder / "gone.jpg", folder / "gone.cr2")
    shown = photos_in(folder)
    for path in ("pipe.jpg", "folder.jpg", "gone.jpg"):
        (folder / path).unlink()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    made = plan(folder, out, shown)
    assert made.count(Outcome.BLOCKED) == 3
    assert unit_of(made, "pipe.jpg").reason == reasons.NOT_REGULAR
    assert unit_of(made, "folder.jpg").reason == reasons.IS_FOLDER
    gone = unit_of(made, "gone.jpg")
    assert gone.reason == reasons.VANISHED
    assert [file.source.name for file in gone.files] == ["gone.jpg", "gone.cr2"]
    assert made.new_folders == ()


def test_the_whole_folder_is_gone(folder: Path, out: Path) -> None:
    write(folder / "sub" / "a.jpg")
    shown = photos_in(folder)
    shutil.rmtree(folder / "sub")
    made = plan(folder, out, [*shown, photo(folder / "sub" / "b.jpg", None)])
    assert [unit.outcome for unit in made.units] == [Outcome.BLOCKED, Outcome.STAYS]


def test_photos_that_are_only_in_the_cloud(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.jpg", folder / "b.jpg", folder / "b.cr2", folder / "c.jpg", data=b"here")
    for name in ("a.jpg", "b.cr2"):
        write(folder / name, data=b"cloud")
    monkeypatch.setattr(units, "is_cloud_only", lambda status: status.st_size == 5)
    made = plan(folder, out, pattern="{label}/{camera}")
    assert outcomes(made) == {"a.jpg": Outcome.BLOCKED, "b.jpg": Outcome.BLOCKED, "c.jpg": Outcome.GO}
    assert unit_of(made, "a.jpg").reason == reasons.CLOUD_ONLY
    why = unit_of(made, "b.jpg").reason or ""
    assert why == reasons.code(reasons.COMPANION, name="b.cr2", why=reasons.CLOUD_ONLY)
    assert "b.cr2" in reasons.sentence(why)
    assert reasons.sentence(why).endswith(reasons.sentence(reasons.CLOUD_ONLY))


def test_hidden_companions_are_none(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.jpg", folder / "a.xmp")
    monkeypatch.setattr(units, "is_hidden", lambda status: True)
    assert set(targets(plan(folder, out))) == {"a.jpg"}


def test_nothing_is_moved_out_of_a_read_only_folder() -> None:
    with shared_folder() as top:
        folder, out = top / "photos", top / "out"
        write(folder / "a.jpg")
        out.mkdir(mode=0o777)
        out.chmod(0o777)
        shown = photos_in(folder)
        if os.geteuid() != 0:
            folder.chmod(0o555)
        with ordinary_user():
            made = plan(folder, out, shown)
            assert outcomes(made) == {"a.jpg": Outcome.BLOCKED}
            assert made.units[0].reason == reasons.SOURCE_READ_ONLY
            assert codes(made, serious=False) == [reasons.SOURCE_READ_ONLY]
            made = plan(folder, out, shown, action=Action.COPY)
            assert (made.count(Outcome.GO), made.remarks) == (1, ())
        folder.chmod(0o755)


def test_a_destination_that_is_read_only_is_a_serious_remark() -> None:
    with shared_folder() as top:
        folder, out = top / "photos", top / "out"
        write(folder / "a.jpg")
        out.mkdir()
        shown = photos_in(folder)
        if os.geteuid() != 0:
            out.chmod(0o555)
        with ordinary_user():
            for destination in (out, out / "new"):
                made = plan(folder, destination, shown, action=Action.COPY)
                assert codes(made, serious=True) == [reasons.code(reasons.TARGET_READ_ONLY, folder=str(out))]
                assert str(out) in sentences(made)
            assert sentences(plan(folder, out, [], action=Action.COPY)) == ""
        out.chmod(0o755)


def test_folders_and_files_that_may_not_be_looked_into() -> None:
    with shared_folder() as top:
        folder, out = top / "photos", top / "out"
        write(folder / "a.jpg", folder / "closed" / "b.jpg", out / "Alpaca" / "x.jpg")
        shown = photos_in(folder)
        closed = (folder / "closed", out / "Alpaca", folder / "a.jpg")
        for path in closed:
            path.chmod(0)
        with ordinary_user():
            made = plan(folder, out, shown, action=Action.COPY)
            assert {unit.photo.path.name: unit.reason for unit in made.units} == {
                "a.jpg": reasons.FILES_NO_PERMISSION,
                "b.jpg": reasons.FOLDER_NO_PERMISSION,
            }
        (folder / "a.jpg").chmod(0o644)
        with ordinary_user():
            made = plan(folder, out, shown[:1], action=Action.COPY)
            why = reasons.code(reasons.TARGET_NOT_OPENED, why=reasons.FOLDER_NO_PERMISSION)
            assert made.units[0].reason == why
            made = plan(folder, out, shown[:1], action=Action.COPY, pattern="{label}/x")
            assert made.units[0].reason == reasons.FOLDER_NO_PERMISSION
        for path in closed:
            path.chmod(0o755)


def test_files_of_others_stay_in_shared_folders(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.jpg")
    folder.chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    made = plan(folder, out)
    assert outcomes(made) == {"a.jpg": Outcome.BLOCKED}
    assert made.units[0].reason == reasons.OTHER_OWNER


def test_moves_to_another_disk_write_bytes(folder: Path, other_disk: Path) -> None:
    write(folder / "a.jpg", folder / "a.cr2", data=b"x" * 700)
    made = plan(folder, other_disk / "out")
    assert (made.other_disk, made.bytes_to_write, made.count(Outcome.GO)) == (True, 1400, 1)
    made = plan(folder, other_disk / "out", action=Action.SYMLINK)
    assert (made.other_disk, made.bytes_to_write, made.count(Outcome.GO)) == (True, 0, 1)


def test_hard_links_to_another_disk_are_blocked(folder: Path, other_disk: Path) -> None:
    write(folder / "a.jpg", folder / "b.jpg")
    shown = [photo(folder / "a.jpg"), photo(folder / "b.jpg", confidence=0.1)]
    made = plan(folder, other_disk, shown, action=Action.HARDLINK)
    assert outcomes(made) == {"a.jpg": Outcome.BLOCKED, "b.jpg": Outcome.STAYS}
    assert codes(made, serious=True) == [reasons.LINK_ACROSS_DISKS]
    assert made.new_folders == ()


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK])
def test_disks_without_links(
    folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, action: Action
) -> None:
    write(folder / "a.jpg")
    (tmp_path / "mounts").write_text("/dev/card / vfat rw 0 0\n")
    monkeypatch.setattr(disks, "MOUNT_TABLE", tmp_path / "mounts")
    made = plan(folder, out, action=action)
    assert outcomes(made) == {"a.jpg": Outcome.BLOCKED}
    no_links = reasons.NO_HARD_LINKS if action is Action.HARDLINK else reasons.NO_SYMLINKS
    assert made.units[0].reason == no_links
    assert codes(made, serious=True) == [no_links]


def test_files_too_large_for_the_disk(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(folder / "a.jpg", folder / "a.mov")
    os.truncate(folder / "a.mov", 2**32)
    (tmp_path / "mounts").write_text("/dev/card / vfat rw 0 0\n")
    monkeypatch.setattr(disks, "MOUNT_TABLE", tmp_path / "mounts")
    made = plan(folder, out, action=Action.COPY)
    assert outcomes(made) == {"a.jpg": Outcome.BLOCKED}
    assert made.units[0].reason == reasons.TOO_LARGE


def test_too_little_space_is_a_serious_remark(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.jpg", data=b"x" * 2_000_000)
    free = 2_000_000

    def usage(path: Any) -> Any:
        return shutil._ntuple_diskusage(10**9, 0, free)  # type: ignore[attr-defined]

    monkeypatch.setattr(shutil, "disk_usage", usage)
    made = plan(folder, out, action=Action.COPY)
    assert made.bytes_free == free
    assert "up to 3.1 MB needed, 2.0 MB free" in sentences(made, serious=True)
    assert sentences(plan(folder, out)) == ""
    free = 2_000_000 + planner._RESERVE + 100_000
    assert sentences(plan(folder, out, action=Action.COPY)) == ""


def test_unreadable_photos_go_though_they_cannot_be_read(folder: Path, out: Path) -> None:
    write(folder / "a.jpg", data=b"")
    made = plan(folder, out, [photo(folder / "a.jpg", None)], unreadable=Leftovers.FOLDER, pattern="{label}/{camera}")
    assert targets(made) == {"a.jpg": "Unreadable/Unknown camera/a.jpg"}
