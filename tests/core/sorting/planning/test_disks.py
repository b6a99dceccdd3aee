"""What is known of a disk before anything is written to it."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from alpacasorter.core.sorting.planning import disks
from alpacasorter.core.sorting.planning.disks import (
    Disk,
    can_change,
    can_take,
    disk_of,
    existing_parent,
    free_bytes,
    longest_path,
    name_rules,
)
from tests.unprivileged import ordinary_user, shared_folder

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


def mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *lines: str) -> None:
    table = tmp_path / "mounts"
    table.write_text("".join(f"{line} rw 0 0\n" for line in lines))
    monkeypatch.setattr(disks, "MOUNT_TABLE", table)


def test_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    assert existing_parent(tmp_path / "a" / "b") == tmp_path
    assert existing_parent(tmp_path) == tmp_path
    (tmp_path / "file").write_bytes(b"x")
    for path in (tmp_path / "file", tmp_path / "file" / "below" / "it"):
        with pytest.raises(NotADirectoryError):
            existing_parent(path)


@posix_only
def test_a_broken_link_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        existing_parent(tmp_path / "link" / "below")


@posix_only
def test_the_mount_table_tells_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = tmp_path / "my card"
    card.mkdir()
    escaped = str(card).replace(" ", r"\040")
    mounts(monkeypatch, tmp_path, "/dev/a / ext4", f"/dev/b {escaped} ext4", f"/dev/b {escaped} VFAT", "short line")
    assert disk_of(card).file_system == "vfat"
    assert disk_of(tmp_path).file_system == "ext4"
    mounts(monkeypatch, tmp_path, f"/dev/b {str(card)[:-1]} vfat")
    assert disk_of(card).file_system == ""
    monkeypatch.setattr(disks, "MOUNT_TABLE", tmp_path / "none")
    assert disk_of(card).file_system == ""


def test_what_the_kinds_of_disks_can_hold() -> None:
    ext4, fat, exfat, ntfs = (Disk(1, kind) for kind in ("ext4", "vfat", "exfat", "ntfs3"))
    assert (ext4.has_hard_links, ext4.has_symlinks, ext4.largest_file) == (True, True, None)
    assert (fat.has_hard_links, fat.has_symlinks, fat.largest_file) == (False, False, 2**32 - 1)
    assert (exfat.has_hard_links, exfat.has_symlinks, exfat.largest_file) == (False, False, None)
    assert (ntfs.windows_like, ntfs.has_hard_links, ntfs.has_symlinks) == (True, True, True)
    assert fat.windows_like
    assert exfat.windows_like


@posix_only
def test_names_are_strict_only_where_the_disk_is(tmp_path: Path) -> None:
    assert name_rules(tmp_path, Disk(1, "ext4")).windows_like is False
    assert name_rules(tmp_path, Disk(1, "vfat")).windows_like is True
    assert 100 < name_rules(tmp_path, Disk(1, "")).longest <= 255
    assert name_rules(tmp_path / "gone", Disk(1, "")).longest == 255
    assert longest_path() >= 1000


def test_free_space_is_told_where_it_can_be(tmp_path: Path) -> None:
    assert (free_bytes(tmp_path) or 0) > 0
    assert free_bytes(tmp_path / "gone") is None


@posix_only
def test_a_folder_that_may_not_be_changed() -> None:
    with shared_folder() as folder, ordinary_user():
        mine = folder.stat().st_uid == os.geteuid()
        assert can_change(folder) is mine


@posix_only
def test_in_shared_folders_only_the_owner_may_take_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def status(mode: int, owner: int) -> os.stat_result:
        return cast(os.stat_result, SimpleNamespace(st_mode=mode, st_uid=owner))

    sticky, plain = stat.S_IFDIR | 0o1777, stat.S_IFDIR | 0o777
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert can_take(status(plain, 0), status(0, 1))
    assert can_take(status(sticky, 0), status(0, 1000))
    assert can_take(status(sticky, 1000), status(0, 1))
    assert not can_take(status(sticky, 0), status(0, 1))
    monkeypatch.setattr(os, "geteuid", cast(Any, lambda: 0))
    assert can_take(status(sticky, 1), status(0, 2))
