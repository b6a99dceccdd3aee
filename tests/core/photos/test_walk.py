"""Finding photos in real folders, including odd and broken ones."""

import errno
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter.core import files, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.walk import OUTPUT_MARKER, FolderUnavailable, OtherFiles, WalkProblem, walk
from tests.picture_files import make_picture
from tests.unprivileged import ordinary_user, shared_folder

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this user may not make links")


def found(root: Path, *, recursive: bool = True) -> list[str]:
    """Return the photos of a walk as paths below the root."""
    events = walk(root, recursive=recursive)
    return [event.path.relative_to(root).as_posix() for event in events if isinstance(event, PhotoFile)]


def problems(root: Path) -> dict[str, str]:
    events = walk(root, recursive=True)
    return {event.path.name: event.reason for event in events if isinstance(event, WalkProblem)}


def others(root: Path) -> OtherFiles:
    *_, last = walk(root, recursive=True)
    assert isinstance(last, OtherFiles)
    return last


def test_natural_order_and_files_before_folders(tmp_path: Path) -> None:
    touch(
        *(tmp_path / name for name in ("IMG_10.jpg", "img_2.JPG", "IMG_1.jpeg", "b.png", "10.jpg", "9.jpg")),
        tmp_path / "day 10" / "a.jpg",
        tmp_path / "day 2" / "z.jpg",
        tmp_path / "day 2" / "inner" / "a.jpg",
    )
    assert found(tmp_path) == [
        "9.jpg", "10.jpg", "b.png", "IMG_1.jpeg", "img_2.JPG", "IMG_10.jpg",
        "day 2/z.jpg", "day 2/inner/a.jpg", "day 10/a.jpg",
    ]  # fmt: skip
    assert found(tmp_path, recursive=False) == [
        "9.jpg", "10.jpg", "b.png", "IMG_1.jpeg", "img_2.JPG", "IMG_10.jpg",
    ]  # fmt: skip


def test_events_carry_what_the_file_system_says(tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg")
    os.utime(path, ns=(1, 1_700_000_000_123_456_700))
    photo = next(iter(walk(tmp_path, recursive=True)))
    assert photo == PhotoFile(path, path.stat().st_size, path.stat().st_mtime_ns)


def test_a_relative_root_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "sub" / "a.jpg")
    monkeypatch.chdir(tmp_path)
    photo = next(iter(walk(Path("sub"), recursive=True)))
    assert isinstance(photo, PhotoFile)
    assert photo.path == tmp_path / "sub" / "a.jpg"


def test_hidden_things_are_passed_by(tmp_path: Path) -> None:
    names = (".hidden.jpg", "._IMG_1.jpg", "Thumbs.db", "desktop.ini", ".DS_Store")
    folders = (".thumbnails", "@eaDir", "$RECYCLE.BIN", "__MACOSX", ".git")
    touch(
        *(tmp_path / name for name in names),
        *(tmp_path / name / "a.jpg" for name in folders),
        tmp_path / "a.jpg",
    )
    assert found(tmp_path) == ["a.jpg"]
    assert others(tmp_path).count == 0


def test_the_apps_own_output_is_not_scanned_again(tmp_path: Path) -> None:
    output = tmp_path / "sorted"
    touch(tmp_path / "a.jpg", output / "alpaca" / "b.jpg", output / OUTPUT_MARKER)
    assert found(tmp_path) == ["a.jpg"]
    assert others(tmp_path).sorted_folders == 1
    assert found(output) == ["alpaca/b.jpg"]


def test_what_is_about_to_get_another_name_is_no_photo_yet(tmp_path: Path) -> None:
    for name in ("a.jpg~", "a.jpg.part", "b.crdownload", "c.opdownload", "d.jpg.filepart", "e.temp", "f.jpg.!ut"):
        make_picture(tmp_path / name)
    assert found(tmp_path) == []
    assert others(tmp_path).other == 7


def test_what_is_no_photo_is_counted(tmp_path: Path) -> None:
    touch(
        *(tmp_path / name for name in ("a.mov", "b.MP4", "notes.txt", "c.xmp", "IMG_1.jpg", "IMG_1.CR2", "img_1.aae"))
    )
    last = others(tmp_path)
    assert (last.videos, last.raw_companions, last.other, last.count) == (2, 1, 3, 6)
    assert [path.name for path in last.examples] == ["a.mov", "b.MP4", "c.xmp", "img_1.aae", "IMG_1.CR2"]
    assert found(tmp_path) == ["IMG_1.jpg"]


def test_a_raw_photo_alone_is_a_row_with_a_reason(tmp_path: Path) -> None:
    touch(tmp_path / "IMG_1.NEF", tmp_path / "IMG_2.nef", tmp_path / "IMG_2.heic")
    assert problems(tmp_path) == {"IMG_1.NEF": reasons.RAW_ALONE}
    assert others(tmp_path).raw_companions == 1


def test_unknown_names_are_judged_by_their_first_bytes(tmp_path: Path) -> None:
    make_picture(tmp_path / "no extension")
    make_picture(tmp_path / "photo.jpg.backup-2024", kind="png")
    make_picture(tmp_path / "diary", kind="text")
    make_picture(tmp_path / "clip.unknown", kind="video")
    make_picture(tmp_path / "nothing", kind="empty")
    assert found(tmp_path) == ["no extension", "photo.jpg.backup-2024"]
    assert others(tmp_path).other == 3


def test_a_known_name_is_believed_without_a_look(tmp_path: Path) -> None:
    make_picture(tmp_path / "text.jpg", kind="text")
    make_picture(tmp_path / "empty.jpg", kind="empty")
    make_picture(tmp_path / "photo.txt")
    assert found(tmp_path) == ["empty.jpg", "text.jpg"]


@pytest.mark.parametrize(
    "name", ["two words.jpg", "🦙 alpaca.jpg", "ünïcödé.jpg", "line\nbreak.jpg", "a" * 200 + ".jpg"]
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    try:
        touch(tmp_path / "sub folder 🏔" / name)
    except OSError:
        pytest.skip("this system does not allow the name")
    photo = next(iter(walk(tmp_path, recursive=True)))
    assert isinstance(photo, PhotoFile)
    assert photo.path.read_bytes() == b"x"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are not text")
def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    photo = next(iter(walk(tmp_path, recursive=True)))
    assert isinstance(photo, PhotoFile)
    assert photo.path.read_bytes() == b"x"
    assert display_path(photo.path.name) == "caf\ufffd.jpg"
    display_path(photo.path).encode("utf-8")


def test_shown_names_cannot_disturb_the_screen() -> None:
    assert display_path("a\nb\x1b[31m\u202egpj.exe") == "a\ufffdb\ufffd[31m\ufffdgpj.exe"
    assert display_path(Path("ünïcödé 🦙.jpg")) == "ünïcödé 🦙.jpg"


def test_links_are_followed_and_loops_survived(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.jpg", tmp_path / "z.jpg")
    link(tmp_path / "a link.jpg", tmp_path / "z.jpg")
    link(tmp_path / "all", tmp_path / "real")
    link(tmp_path / "real" / "back", tmp_path)
    assert found(tmp_path) == ["a link.jpg", "z.jpg", "real/a.jpg"]


def test_a_linked_folder_outside_is_walked_once(tmp_path: Path) -> None:
    touch(tmp_path / "outside" / "a.jpg")
    root = tmp_path / "root"
    root.mkdir()
    link(root / "one", tmp_path / "outside")
    link(root / "two", tmp_path / "outside")
    assert found(root) == ["one/a.jpg"]


def test_broken_and_circular_links(tmp_path: Path) -> None:
    link(tmp_path / "gone.jpg", tmp_path / "nothing.jpg")
    link(tmp_path / "gone.txt", tmp_path / "nothing.txt")
    link(tmp_path / "circle.jpg", tmp_path / "circle.jpg")
    link(tmp_path / "circle", tmp_path / "circle")
    assert problems(tmp_path) == {"gone.jpg": reasons.BROKEN_LINK, "circle.jpg": reasons.LINK_LOOP}
    assert others(tmp_path).other == 2


@posix_only
def test_a_pipe_is_neither_opened_nor_lost(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    assert problems(tmp_path) == {"pipe.jpg": reasons.NOT_REGULAR}
    assert others(tmp_path).other == 1


def test_a_folder_named_like_a_photo(tmp_path: Path) -> None:
    touch(tmp_path / "trip.jpg" / "a.jpg")
    assert found(tmp_path) == ["trip.jpg/a.jpg"]


def test_a_root_that_is_not_there_or_no_folder(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    with pytest.raises(FolderUnavailable) as missing:
        walk(tmp_path / "nothing", recursive=True)
    assert missing.value.reason == reasons.FOLDER_MISSING
    with pytest.raises(FolderUnavailable) as a_file:
        walk(tmp_path / "a.jpg", recursive=True)
    assert a_file.value.reason == reasons.NOT_A_FOLDER


def test_an_empty_folder(tmp_path: Path) -> None:
    assert list(walk(tmp_path, recursive=True)) == [OtherFiles(0, 0, 0, 0, ())]


def test_folders_without_permission() -> None:
    with shared_folder() as root:
        touch(root / "a.jpg", root / "locked" / "b.jpg", root / "open" / "c.jpg")
        locked = root / "locked"
        locked.chmod(0)
        try:
            with ordinary_user():
                assert found(root) == ["a.jpg", "open/c.jpg"]
                assert problems(root) == {"locked": reasons.FOLDER_NO_PERMISSION}
                with pytest.raises(FolderUnavailable) as refused:
                    walk(locked, recursive=True)
            assert refused.value.reason == reasons.FOLDER_NO_PERMISSION
        finally:
            locked.chmod(0o755)


def test_a_folder_that_vanishes_during_the_walk(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "sub" / "c.jpg")
    events = walk(tmp_path, recursive=True)
    next(events)
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "sub" / "c.jpg").unlink()
    (tmp_path / "sub").rmdir()
    rest = list(events)
    assert [(event.path.name, event.reason, event.is_folder) for event in rest if isinstance(event, WalkProblem)] == [
        ("b.jpg", reasons.VANISHED, False),
        ("sub", reasons.FOLDER_VANISHED, True),
    ]


class _FailingListing:
    """A listing that fails after the first entry, as on a failing disk."""

    def __init__(self, listing: "os._ScandirIterator[str]") -> None:
        self._listing = listing

    def __enter__(self) -> Iterator[os.DirEntry[str]]:
        return self._entries()

    def __exit__(self, *_: object) -> None:
        self._listing.close()

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        yield next(self._listing)
        raise OSError(errno.EIO, "Input/output error")


def test_an_interrupted_listing_keeps_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "bad" / "a.jpg", tmp_path / "bad" / "b.jpg", tmp_path / "c.jpg")
    real = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: _FailingListing(real(path)) if str(path).endswith("bad") else real(path)
    )
    assert problems(tmp_path) == {"bad": reasons.FOLDER_DISK_FAULT}
    assert len(found(tmp_path)) == 2
    assert len(found(tmp_path / "bad")) == 1


def test_cloud_only_photos_are_named_and_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_picture(tmp_path / "a.jpg")
    make_picture(tmp_path / "no extension")
    monkeypatch.setattr("alpacasorter.core.photos.walk.is_cloud_only", lambda status: True)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("a file in the cloud was opened"))
    assert problems(tmp_path) == {"a.jpg": reasons.CLOUD_ONLY}
    assert others(tmp_path).other == 1


def test_marks_of_the_systems() -> None:
    class Status:
        def __init__(self, **marks: int) -> None:
            self.__dict__.update(marks)

    assert files.is_cloud_only(Status(st_file_attributes=0x400000 | 0x20))  # type: ignore[arg-type]
    assert files.is_cloud_only(Status(st_flags=0x40000000))  # type: ignore[arg-type]
    assert not files.is_cloud_only(Status(st_file_attributes=0x20))  # type: ignore[arg-type]
    assert files.is_hidden(Status(st_file_attributes=0x2))  # type: ignore[arg-type]
    assert files.is_hidden(Status(st_flags=0x8000))  # type: ignore[arg-type]
    assert not files.is_hidden(Status())  # type: ignore[arg-type]


def test_a_deep_tree(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*itertools.repeat("d", 200))
    try:
        touch(folder / "a.jpg")
    except OSError:
        pytest.skip("this system does not allow so deep a tree")
    assert len(found(tmp_path)) == 1


def test_only_what_is_taken_is_read(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "sub" / "b.jpg")
    events = walk(tmp_path, recursive=True)
    next(events)
    touch(tmp_path / "sub" / "later.jpg")
    assert "later.jpg" in [event.path.name for event in events if isinstance(event, PhotoFile)]


def test_ten_thousand_files(tmp_path: Path) -> None:
    for at in range(10_000):
        (tmp_path / f"IMG_{at}.jpg").touch()
    names = found(tmp_path)
    assert names == [f"IMG_{at}.jpg" for at in range(10_000)]


def test_a_photo_from_before_1970(tmp_path: Path) -> None:
    path = tmp_path / "old.jpg"
    touch(path)
    os.utime(path, (time.time(), -86_400 * 365))
    photo = next(iter(walk(tmp_path, recursive=True)))
    assert isinstance(photo, PhotoFile)
    assert photo.mtime_ns < 0


def test_a_walk_can_be_stopped_between_photos(tmp_path: Path) -> None:
    touch(*(tmp_path / f"{n}" / f"{m}.txt" for n in range(20) for m in range(20)))
    asked = itertools.count()
    *_, last = walk(tmp_path, recursive=True, stopped=lambda: next(asked) >= 50)
    assert isinstance(last, OtherFiles)
    assert 0 < last.count < 50
