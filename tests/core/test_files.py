"""Names, order, status and locks of files."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alpacasorter.core import files

posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows locks no folders and has other errors")


def test_natural_order() -> None:
    names = ["IMG_10.jpg", "img_2.jpg", "IMG_1.jpg", "a", "10", "9", "a1b20", "a1b3", "²", "_"]
    assert sorted(names, key=files.natural_key) == [
        *("9", "10", "_", "a", "a1b3", "a1b20", "IMG_1.jpg", "img_2.jpg", "IMG_10.jpg", "²"),
    ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("My Goats 2", "my-goats-2"),
        ("  Älpaka/..\\x ", "älpaka-x"),
        ("CON", "model-con"),
        ("…", "model"),
        ("a" * 99, "a" * 40),
    ],
)
def test_folder_names_that_every_system_takes(name: str, wanted: str) -> None:
    assert files.folder_name(name) == wanted


def test_paths_that_can_be_shown() -> None:
    assert files.display_path("a\nb\u202ec\udce9.jpg") == "a\ufffdb\ufffdc\ufffd.jpg"
    assert files.display_path(Path("ä 🦙.jpg")) == "ä 🦙.jpg"


def test_two_names_of_a_file(tmp_path: Path) -> None:
    one, other, link = tmp_path / "one", tmp_path / "other", tmp_path / "link"
    one.write_bytes(b"1")
    try:
        os.link(one, other)
        link.symlink_to(one)
    except OSError:
        pytest.skip("this disk has no links")
    assert files.same_file(one, other)
    assert files.is_second_name(one, other)
    assert not files.is_second_name(one, one)
    assert not files.same_file(one, link), "a link is a file of its own"
    assert files.links_to(link, one)
    assert not files.links_to(link, other)
    assert not files.links_to(one, one)


class TestLocks:
    def test_a_file_is_locked_once_until_it_is_closed(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        with path.open("ab") as first, path.open("ab") as second:
            assert files.lock_file(first.fileno())
            assert not files.lock_file(second.fileno())
            files.unlock_file(first.fileno())
            assert files.lock_file(second.fileno())
        with path.open("ab") as third:
            assert files.lock_file(third.fileno())

    @posix_only
    def test_a_folder_can_be_locked(self, tmp_path: Path) -> None:
        first, second = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
        try:
            assert files.lock_file(first)
            assert not files.lock_file(second)
        finally:
            os.close(first)
            assert files.lock_file(second)
            os.close(second)

    def test_it_ends_with_the_process_that_holds_it(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        script = (
            "import sys; from pathlib import Path; from alpacasorter.core.files import lock_file;"
            f"file = Path({os.fspath(path)!r}).open('ab'); print(lock_file(file.fileno()), flush=True);"
            "sys.stdin.read()"
        )
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == "True"
            with path.open("ab") as file:
                assert not files.lock_file(file.fileno())
                child.kill()
                child.wait()
                assert files.lock_file(file.fileno())

    @posix_only
    def test_a_drive_without_locks_locks_out_no_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import fcntl

        def refuse(_handle: int, _how: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", refuse)
        with (tmp_path / "lock").open("ab") as file:
            assert files.lock_file(file.fileno())
            files.unlock_file(file.fileno())


class TestFlushing:
    def test_a_disk_that_fails_is_reported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_handle: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
        path = tmp_path / "file"
        path.write_bytes(b"1")
        with pytest.raises(OSError, match="Input/output"):
            files.flush_file(path)
        files.flush_folder(tmp_path)

    def test_a_file_system_that_cannot_be_asked_is_not(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []

        def refuse(handle: int) -> None:
            asked.append(handle)
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr(os, "fsync", refuse)
        path = tmp_path / "file"
        path.write_bytes(b"1")
        files.flush_file(path)
        assert asked
