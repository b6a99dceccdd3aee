"""Files are written whole or not at all, even while other programs write there and after a kill."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from alpacasorter.core import reasons, safe_write
from alpacasorter.core.exchange.keywords import BLANK, tagged, untagged
from alpacasorter.core.exchange.results import Source, write_results
from alpacasorter.core.exchange.sidecars import (
    Change,
    SidecarEvent,
    SidecarFailed,
    SidecarOptions,
    make,
    update,
    write_sidecars,
)
from alpacasorter.core.exchange.xmp import SidecarError
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.safe_write import Unsupported
from alpacasorter.core.sorting.events import SortBusy
from alpacasorter.core.sorting.execution.session import folder_locks, sort_lock
from alpacasorter.core.store.library import Library
from tests.core.exchange.sidecar_files import ALPACA, LIGHTROOM

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca"})
THEIRS = b"<x:xmpmeta>what another program wrote</x:xmpmeta>"
OLD_HALF = ".alpacasorter-0123456789ab.part"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs extended attributes")
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


def no_links(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def no_rename(*_: object) -> None:
    raise Unsupported


@pytest.fixture
def only_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which a free name can only be taken by a guard."""
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(safe_write, "_rename_without_replacing", no_rename)


def result(path: Path) -> LabeledPhoto:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xff\xd8")
    return LabeledPhoto(path, "ab" * 32, "alpaca", 0.97)


def write(folder: Path, results: Sequence[LabeledPhoto], options: SidecarOptions | None = None) -> list[SidecarEvent]:
    return list(write_sidecars(folder, results, LABELS, options or SidecarOptions()))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestNewFiles:
    def test_without_links_one_that_comes_at_the_last_moment_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        photo = result(tmp_path / "a.jpg").path
        original = safe_write._rename_without_replacing

        def meanwhile(file: Path, name: Path) -> None:
            name.write_bytes(THEIRS)
            original(file, name)

        monkeypatch.setattr(os, "link", no_links)
        monkeypatch.setattr(safe_write, "_rename_without_replacing", meanwhile)
        with pytest.raises(SidecarError, match=reasons.SIDECAR_CHANGED):
            make(tmp_path / "a.jpg.xmp", photo, BLANK)
        assert (tmp_path / "a.jpg.xmp").read_bytes() == THEIRS
        assert names(tmp_path) == ["a.jpg", "a.jpg.xmp"]

    @pytest.mark.usefixtures("only_guards")
    def test_a_guard_is_replaced_by_the_whole_file(self, tmp_path: Path) -> None:
        safe_write.write_new(tmp_path / "a", [b"who", b"le"], guard=b"guard")
        assert (tmp_path / "a").read_bytes() == b"whole"
        assert names(tmp_path) == ["a"]

    @pytest.mark.usefixtures("only_guards")
    @pytest.mark.parametrize("by_another_file", [True, False])
    def test_what_is_written_into_a_guard_is_not_deleted_when_ours_fails(
        self, by_another_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        photo = result(tmp_path / "a.jpg").path
        original = Path.replace

        def meanwhile(_half: Path, name: Path) -> None:
            if by_another_file:
                (tmp_path / "theirs").write_bytes(THEIRS)
                original(tmp_path / "theirs", name)
            else:
                name.write_bytes(THEIRS)
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(Path, "replace", meanwhile)
        with pytest.raises(SidecarError):
            make(tmp_path / "a.jpg.xmp", photo, tagged(BLANK, ALPACA))
        assert (tmp_path / "a.jpg.xmp").read_bytes() == THEIRS
        assert names(tmp_path) == ["a.jpg", "a.jpg.xmp"]

    @pytest.mark.usefixtures("only_guards")
    def test_a_guard_goes_when_ours_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        photo = result(tmp_path / "a.jpg").path
        there: list[bytes] = []

        def fail(_half: Path, name: Path) -> None:
            there.append(name.read_bytes())
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(SidecarError, match=reasons.SAVE_DISK_FULL):
            make(tmp_path / "a.jpg.xmp", photo, tagged(BLANK, ALPACA))
        assert names(tmp_path) == ["a.jpg"]
        # A kill would have left a sidecar without tags, which the next export can write to.
        assert there == [BLANK]
        assert untagged(tagged(BLANK, ALPACA)) == BLANK

    def test_where_no_way_is_possible_nothing_is_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def unsupported(*_: object) -> None:
            raise Unsupported

        monkeypatch.setattr(safe_write, "give_name", unsupported)
        with pytest.raises(OSError, match=os.strerror(errno.ENOTSUP)):
            safe_write.write_new(tmp_path / "a", [b"whole"])
        assert names(tmp_path) == []


def attributes_or_skip(path: Path, value: bytes) -> None:
    if sys.platform == "linux":
        try:
            os.setxattr(path, "user.tag", value)
        except OSError:
            pytest.skip("the disk of temporary files has no extended attributes")


def access_list(user: int) -> bytes:
    """Return an access list that lets only the owner and one other user read and write."""
    entries = ((1, 6, -1), (2, 6, user), (4, 0, -1), (16, 6, -1), (32, 0, -1))
    return (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + who.to_bytes(4, "little", signed=True)
        for tag, bits, who in entries
    )


@linux_only
class TestWhatAFileHasBesideItsContent:
    def test_attributes_stay_and_times_are_new(self, tmp_path: Path) -> None:
        sidecar = tmp_path / "a.xmp"
        sidecar.write_bytes(LIGHTROOM)
        attributes_or_skip(sidecar, b"red")
        os.utime(sidecar, (1, 1))
        assert update(sidecar, lambda data: tagged(data, ALPACA)) is Change.CHANGED
        assert os.getxattr(sidecar, "user.tag") == b"red"
        assert sidecar.stat().st_mtime > 1

    def test_access_lists_stay(self, tmp_path: Path) -> None:
        sidecar = tmp_path / "a.xmp"
        sidecar.write_bytes(LIGHTROOM)
        self._set(sidecar, "system.posix_acl_access")
        update(sidecar, lambda data: tagged(data, ALPACA))
        assert os.getxattr(sidecar, "system.posix_acl_access") == access_list(4321)
        assert sidecar.stat().st_mode & 0o777 == 0o660

    def test_one_without_a_list_gets_none_from_its_folder(self, tmp_path: Path) -> None:
        sidecar = tmp_path / "a.xmp"
        sidecar.write_bytes(LIGHTROOM)
        sidecar.chmod(0o640)
        self._set(tmp_path, "system.posix_acl_default")
        update(sidecar, lambda data: tagged(data, ALPACA))
        assert "system.posix_acl_access" not in os.listxattr(sidecar)
        assert sidecar.stat().st_mode & 0o777 == 0o640

    @staticmethod
    def _set(path: Path, name: str) -> None:
        try:
            os.setxattr(path, name, access_list(4321))
        except OSError:
            pytest.skip("the disk of temporary files has no access lists")

    def test_attributes_that_can_not_be_written_hinder_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sidecar = tmp_path / "a.xmp"
        sidecar.write_bytes(LIGHTROOM)
        attributes_or_skip(sidecar, b"red")
        sidecar.chmod(0o640)
        monkeypatch.setattr(os, "setxattr", no_links)
        assert update(sidecar, lambda data: tagged(data, ALPACA)) is Change.CHANGED
        assert sidecar.stat().st_mode & 0o777 == 0o640
        assert names(tmp_path) == ["a.xmp"]


class TestAfterAKill:
    @pytest.fixture
    def later(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
        """Return a function that moves the clock forward by seconds: the system sets the times of files itself."""

        def let_go_by(seconds: float) -> None:
            now = time.time()
            monkeypatch.setattr(safe_write, "time", SimpleNamespace(time=lambda: now + seconds))

        return let_go_by

    @pytest.fixture
    def left(self, tmp_path: Path) -> Path:
        """A folder with a photo and a temporary file that a kill left beside it."""
        result(tmp_path / "a.jpg")
        (tmp_path / OLD_HALF).write_bytes(b"half")
        return tmp_path

    def test_what_was_left_goes(self, left: Path, later: Callable[[float], None]) -> None:
        later(3700)
        write(left, [result(left / "a.jpg")])
        assert names(left) == ["a.jpg", "a.jpg.xmp"]

    def test_it_goes_too_where_everything_is_taken_out(self, left: Path, later: Callable[[float], None]) -> None:
        later(3700)
        write(left, [result(left / "a.jpg")], SidecarOptions(remove=True))
        assert names(left) == ["a.jpg"]

    def test_a_dry_run_deletes_nothing(self, left: Path, later: Callable[[float], None]) -> None:
        later(3700)
        write(left, [result(left / "a.jpg")], SidecarOptions(dry_run=True))
        assert names(left) == [OLD_HALF, "a.jpg"]

    def test_what_another_window_may_be_writing_stays(self, left: Path, later: Callable[[float], None]) -> None:
        # Its content may be old; what counts is when it was put here.
        os.utime(left / OLD_HALF, (1, 1))
        later(3000 if os.name == "posix" else 0)
        write(left, [result(left / "a.jpg")])
        assert OLD_HALF in names(left)

    @pytest.mark.parametrize(
        "name",
        [
            ".alpacasorter-0123456789abcdef-7.part",
            ".alpacasorter-0123456789abcdef-7-back.part",
            ".alpacasorter-0123456789ab-7.part",
            ".alpacasorter-0123456789abc.part",
            ".alpacasorter-0123456789ab.part.xmp",
            ".alpacasorter-0123456789AB.part",
            "my.alpacasorter-0123456789ab.part",
            ".alpacasorter-holiday-pics.part",
            ".alpacasorter",
        ],
    )
    def test_files_of_other_names_stay(self, name: str, tmp_path: Path, later: Callable[[float], None]) -> None:
        photo = result(tmp_path / "a.jpg")
        (tmp_path / name).write_bytes(b"of a sort, or the user's")
        later(1e9)
        write(tmp_path, [photo])
        safe_write.sweep([tmp_path / name])
        assert (tmp_path / name).read_bytes() == b"of a sort, or the user's"

    @posix_only
    def test_folders_and_links_stay(self, tmp_path: Path, later: Callable[[float], None]) -> None:
        photo = result(tmp_path / "a.jpg")
        (tmp_path / OLD_HALF).mkdir()
        link = tmp_path / ".alpacasorter-ba9876543210.part"
        link.symlink_to(photo.path)
        later(1e9)
        write(tmp_path, [photo])
        assert (tmp_path / OLD_HALF).is_dir()
        assert link.is_symlink()

    @posix_only
    def test_nothing_is_deleted_behind_a_link_out_of_the_folder(
        self, tmp_path: Path, later: Callable[[float], None]
    ) -> None:
        folder, outside = tmp_path / "photos", tmp_path / "outside"
        result(outside / "a.jpg")
        (outside / OLD_HALF).write_bytes(b"half")
        folder.mkdir()
        (folder / "away").symlink_to(outside)
        later(1e9)
        assert isinstance(write(folder, [result(folder / "away" / "a.jpg")])[0], SidecarFailed)
        assert names(outside) == [OLD_HALF, "a.jpg"]

    def test_it_matches_what_is_written_here(self, tmp_path: Path) -> None:
        with safe_write.replacing(tmp_path / "a.xmp") as temporary:
            assert safe_write.is_ours(temporary.name)
            temporary.write_bytes(b"")


class TestSorts:
    def test_nothing_is_written_while_a_sort_is_under_way(self, tmp_path: Path) -> None:
        photos = [result(tmp_path / "photos" / "a.jpg")]
        with Library.open(tmp_path / "library.sqlite") as library:
            with sort_lock(library), pytest.raises(SortBusy, match="Wait until"):
                list(write_sidecars(tmp_path / "photos", photos, LABELS, SidecarOptions(), library=library))
            assert names(tmp_path / "photos") == ["a.jpg"]
            list(write_sidecars(tmp_path / "photos", photos, LABELS, SidecarOptions(), library=library))
        assert names(tmp_path / "photos") == ["a.jpg", "a.jpg.xmp"]

    @posix_only
    def test_nor_while_one_of_another_library_is(self, tmp_path: Path) -> None:
        photos = [result(tmp_path / "photos" / "a.jpg")]
        with (
            Library.open(tmp_path / "library.sqlite") as library,
            folder_locks(tmp_path / "photos"),
            pytest.raises(SortBusy),
        ):
            list(write_sidecars(tmp_path / "photos", photos, LABELS, SidecarOptions(), library=library))
        assert names(tmp_path / "photos") == ["a.jpg"]

    def test_a_dry_run_disturbs_no_sort(self, tmp_path: Path) -> None:
        photos = [result(tmp_path / "photos" / "a.jpg")]
        options = SidecarOptions(dry_run=True)
        with Library.open(tmp_path / "library.sqlite") as library, sort_lock(library):
            assert len(list(write_sidecars(tmp_path / "photos", photos, LABELS, options, library=library))) == 2

    @pytest.mark.parametrize("to_the_end", [True, False])
    def test_no_sort_begins_until_the_last_event(self, to_the_end: bool, tmp_path: Path) -> None:
        photos = [result(tmp_path / "photos" / "a.jpg"), result(tmp_path / "photos" / "b.jpg")]
        with Library.open(tmp_path / "library.sqlite") as library:
            events = write_sidecars(tmp_path / "photos", photos, LABELS, SidecarOptions(), library=library)
            next(events)
            with pytest.raises(SortBusy), sort_lock(library, seconds=0.01):
                pass
            if to_the_end:
                next(events)
                next(events)
            else:
                events.close()
            with sort_lock(library, seconds=0.01):
                pass
            events.close()


_WRITER = """
import sys, time
from pathlib import Path
from alpacasorter.core.safe_write import replacing
with replacing(Path(sys.argv[1]), suffix=sys.argv[2]) as temporary:
    temporary.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("suffix", ["", ".keras"])
def test_what_a_killed_process_left_goes_at_the_next_export(tmp_path: Path, suffix: str) -> None:
    """That of one that is still running stays, however old."""
    out = tmp_path / "results.csv"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(out), suffix], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n"
        halves = sorted(tmp_path.iterdir())
        assert len(halves) == 2
        for half in halves:
            os.utime(half, (1, 1))
        safe_write.sweep_folder(tmp_path)
        assert sorted(tmp_path.iterdir()) == halves
        writers[0].kill()
        writers[0].wait()
        safe_write.sweep_folder(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    source = Source(tmp_path, "Alpaca", "1", LABELS)
    write_results(out, "csv", source, [], replace=True)
    assert names(tmp_path) == ["results.csv"]


def test_a_file_that_another_window_has_just_begun_stays(tmp_path: Path) -> None:
    begun, written = (tmp_path / f".alpacasorter-{digit * 12}.half" for digit in "ab")
    begun.write_bytes(b"")
    written.write_bytes(b"half")
    safe_write.sweep_folder(tmp_path)
    assert begun.exists()
    assert not written.exists()
