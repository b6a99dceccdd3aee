"""The parts of watching on their own: waiting, renames, hints, system events, and mounts."""

from pathlib import Path

import pytest
from watchdog import events

from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.watching import tree
from alpacasorter.core.watching.known import KnownPhotos, Pending, PendingPhotos, Row
from alpacasorter.core.watching.observer import Hints, note
from tests.core.watching.watched import file_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pending_of(clock: Clock, locked: set[Path] | None = None) -> PendingPhotos:
    return PendingPhotos(stable=1.0, empty=10.0, now=clock, can_open=lambda path: path not in (locked or set()))


def whole(pending: PendingPhotos) -> list[Path]:
    return [photo.file.path for photo in pending.take_complete()]


def test_two_looks_must_agree(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    pending = pending_of(clock)
    pending.put(file_of(path), None, is_change=False, closed=False)
    assert pending.due() == 101.0
    clock.now = 100.9
    assert whole(pending) == []
    path.write_bytes(b"three")
    clock.now = 101.1
    assert whole(pending) == []
    assert pending.due() == pytest.approx(102.1)
    clock.now = 102.2
    (photo,) = pending.take_complete()
    assert photo.file == file_of(path)
    assert len(pending) == 0
    assert pending.due() == float("inf")


def test_one_that_was_closed_is_whole_at_once(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    pending = pending_of(clock)
    pending.put(file_of(path), None, is_change=False, closed=False)
    pending.put(file_of(path), None, is_change=False, closed=True)
    assert whole(pending) == [path]


def test_closed_but_empty_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "a.jpg"
    path.touch()
    pending = pending_of(clock)
    pending.put(file_of(path), None, is_change=False, closed=True)
    clock.now += 9
    assert whole(pending) == []
    clock.now += 2
    assert whole(pending) == [path]


def test_one_that_can_not_be_opened_is_tried_again_for_a_minute(tmp_path: Path, clock: Clock) -> None:
    """As on Windows, where a file that is being written is locked."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    locked = {path}
    pending = pending_of(clock, locked)
    pending.put(file_of(path), None, is_change=False, closed=False)
    for _ in range(30):
        clock.now += 1.5
        assert whole(pending) == []
        assert pending.due() > clock.now, "not asked for without end"
    locked.clear()
    clock.now += 1.5
    assert whole(pending) == [path]
    locked.add(path)
    pending.put(file_of(path), None, is_change=False, closed=False)
    clock.now += 61
    assert whole(pending) == [path], "then it ends as a row with its reason"


def test_one_that_vanishes_is_forgotten(tmp_path: Path, clock: Clock) -> None:
    pending = pending_of(clock)
    pending.put(PhotoFile(tmp_path / "none.jpg", 1, 1), None, is_change=False, closed=True)
    assert str(tmp_path / "none.jpg") in pending
    assert whole(pending) == []
    assert len(pending) == 0


def renamed(known: KnownPhotos, *new: tuple[str, int, int, tuple[int, int] | None]) -> list[tuple[str, str]]:
    pending = [Pending(PhotoFile(Path(path), size, time), number, 0, 0, False) for path, size, time, number in new]
    return [(before, str(one.file.path)) for before, one in known.find_renamed(pending)]


def known_and_missing(clock: Clock, *rows: tuple[str, Row]) -> KnownPhotos:
    known = KnownPhotos(clock)
    for path, row in rows:
        known.put(path, row)
        known.miss(path)
    return known


def test_the_same_file_under_another_name(clock: Clock) -> None:
    known = known_and_missing(clock, ("/f/a.jpg", Row(5, 7, (1, 2))))
    assert renamed(known, ("/g/b.jpg", 5, 7, (1, 2))) == [("/f/a.jpg", "/g/b.jpg")]
    assert renamed(known, ("/g/b.jpg", 5, 8, (1, 2))) == [], "changed too, so judged again"
    assert renamed(known, ("/g/b.jpg", 5, 7, (1, 3))) == [], "another file that looks alike"


def test_where_files_have_no_numbers_name_or_folder_must_agree(clock: Clock) -> None:
    known = known_and_missing(clock, ("/f/a.jpg", Row(5, 7)))
    assert renamed(known, ("/f/b.jpg", 5, 7, None)) == [("/f/a.jpg", "/f/b.jpg")]
    assert renamed(known, ("/g/a.jpg", 5, 7, (1, 2))) == [("/f/a.jpg", "/g/a.jpg")]
    assert renamed(known, ("/g/b.jpg", 5, 7, None)) == []


def test_one_missing_photo_became_one_new_one(clock: Clock) -> None:
    known = known_and_missing(clock, ("/f/a.jpg", Row(5, 7)))
    assert len(renamed(known, ("/f/b.jpg", 5, 7, None), ("/f/c.jpg", 5, 7, None))) == 1
    assert len(known) == 1


def test_one_that_could_not_be_used_was_not_renamed(clock: Clock) -> None:
    known = known_and_missing(clock, ("/f/a.cr2", Row(0, 0, None, "why")))
    assert renamed(known, ("/f/b.jpg", 0, 0, None)) == []


def test_what_is_expected_and_never_found_is_forgotten(clock: Clock) -> None:
    known = KnownPhotos(clock)
    known.expect("/f/a.jpg", 5, 7)
    known.age()
    assert known.is_expected("/f/a.jpg", (5, 7))
    assert not known.is_expected("/f/a.jpg", (5, 8))
    known.age()
    assert not known.is_expected("/f/a.jpg", (5, 7))


PLACES = [("/real/root", "/shown"), ("/elsewhere", "/shown/link")]


def told(event: events.FileSystemEvent) -> tuple[set[str], set[str]]:
    hints = Hints()
    note(event, PLACES, hints)
    assert hints.count == 1
    return hints.take()


def test_events_of_the_system_become_hints() -> None:
    assert told(events.FileCreatedEvent("/real/root/a.jpg")) == ({"/shown"}, set())
    assert told(events.FileClosedEvent("/real/root/x/a.jpg")) == ({"/shown/x"}, {"/shown/x/a.jpg"})
    assert told(events.FileDeletedEvent("/elsewhere/a.jpg")) == ({"/shown/link"}, set())
    assert told(events.FileMovedEvent("/real/root/.a.tmp", "/real/root/x/a.jpg")) == ({"/shown/x"}, {"/shown/x/a.jpg"})
    assert told(events.FileMovedEvent("/real/root/a.jpg", "/outside/a.jpg")) == ({"/shown"}, set())
    assert told(events.DirCreatedEvent("/real/root/x")) == ({"/shown", "/shown/x"}, set())
    assert told(events.DirDeletedEvent("/real/root")) == ({"/shown"}, set())
    assert told(events.FileCreatedEvent("/real/root/.alpacasorter-output")) == ({"/shown"}, set())
    assert told(events.FileCreatedEvent(b"/real/root/\xff/a.jpg")) == ({"/shown/\udcff"}, set())


@pytest.mark.parametrize(
    "path", ["/real/root/.git/a.jpg", "/real/root/.a.jpg", "/real/root/x/@eaDir/a.jpg", "/real/rooted/a.jpg", "/"]
)
def test_events_that_are_none_of_ours_are_passed_over(path: str) -> None:
    assert told(events.FileCreatedEvent(path)) == (set(), set())


def test_hints_are_due_a_while_after_the_last_but_not_for_ever() -> None:
    hints = Hints()
    assert hints.due(1.0, 2.0) == float("inf")
    hints.note("/f/a.jpg")
    first = hints.due(0.0, 2.0)
    hints.note("/f/b.jpg")
    assert hints.due(100.0, 2.0) == pytest.approx(first + 2.0, abs=1.0)
    assert hints.due(1.0, 2.0) >= first + 1.0 or hints.due(1.0, 2.0) == first + 2.0
    hints.take()
    assert hints.due(1.0, 2.0) == float("inf")


def test_a_wake_that_comes_early_is_not_lost() -> None:
    hints = Hints()
    hints.wake()
    hints.wait(float("inf"))


MOUNTED = """\
22 1 8:1 / / rw,relatime - ext4 /dev/root rw
30 22 0:26 / /sys rw,nosuid shared:7 - sysfs sysfs rw
41 22 0:40 / /mnt/my\\040nas rw - cifs //nas/photos rw
42 22 0:41 / /mnt/nas rw shared:9 master:2 - nfs4 nas:/photos rw
43 22 0:42 / /mnt/nas/local rw - ext4 /dev/sdb1 rw
44 22 0:43 / /media/stick rw - fuseblk /dev/sdc1 rw
45 22 0:44 / /home/me/far rw - fuse.sshfs me@there: rw
46 22 0:45 / /media/card rw - exfat /dev/sdd1 rw
47 22 0:46 / /over rw - ext4 /dev/sde1 rw
48 22 0:47 / /over rw - 9p host rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "silent"),
    [
        ("/home/me/photos", False),
        ("/mnt/my nas/2026", True),
        ("/mnt/nas", True),
        ("/mnt/nas/local/photos", False),
        ("/mnt/nasty", False),
        ("/media/stick/DCIM", False),
        ("/home/me/far/photos", True),
        ("/media/card", False),
        ("/over/photos", True),
    ],
)
def test_network_drives_are_known_by_their_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, silent: bool
) -> None:
    monkeypatch.setattr(tree.sys, "platform", "linux")
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTED, encoding="utf-8")
    assert tree.is_silent(Path(folder), table) is silent


def test_where_nothing_is_known_of_mounts_the_system_is_believed(tmp_path: Path) -> None:
    assert not tree.is_silent(tmp_path, tmp_path / "no such table")
