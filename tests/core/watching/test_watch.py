"""Watching real folders with the system's own observer: what arrives, changes, moves and goes."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.walk import OUTPUT_MARKER, WalkProblem, walk
from alpacasorter.core.watching.events import Arrived, WatchState
from alpacasorter.core.watching.watch import Timing, Watch
from tests.core.watching.watched import FAST, Observers, Watched, file_of, placed
from tests.picture_files import picture_bytes
from tests.unprivileged import ordinary_user, shared_folder

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when a file is closed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    (place / "sub").mkdir(parents=True)
    return place


def put(path: Path, data: bytes = b"photo") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def watched(folder: Path, *, recursive: bool = True, known: Iterable[Path] | None = (), pace: Timing = FAST) -> Watched:
    files = None if known is None else [file_of(path) for path in known]
    return Watched(Watch(folder, recursive=recursive, known=files, pace=pace))


def test_a_photo_arrives_once(folder: Path) -> None:
    old = put(folder / "old.jpg")
    with watched(folder, known=[old]) as heard:
        new = put(folder / "new.jpg", b"12345678")
        heard.until(lambda: heard.arrived == [new])
        heard.settle()
        assert heard.changes == [Arrived((file_of(new),))]
    assert heard.states == [WatchState(online=True, polling=False, notice="")]


def test_what_is_there_at_the_start_is_known(folder: Path) -> None:
    put(folder / "old.jpg")
    put(folder / "alone.cr2")
    with watched(folder, known=None) as heard:
        new = put(folder / "sub" / "new.png")
        heard.until(lambda: heard.arrived == [new])
        heard.settle()
        assert len(heard.changes) == 1


def test_what_happened_between_scan_and_watching_is_told(folder: Path) -> None:
    same, changed, gone, old = (put(folder / f"{name}.jpg") for name in ("same", "changed", "gone", "old"))
    known = [file_of(path) for path in (same, changed, gone, old)]
    changed.write_bytes(b"longer than before")
    gone.unlink()
    moved = old.rename(folder / "sub" / "old.jpg")
    new = put(folder / "new.jpg", b"bytes of its own")
    with Watched(Watch(folder, recursive=True, known=known, pace=FAST)) as heard:
        heard.until(lambda: len(heard.arrived) == 2 and len(heard.gone) == 1)
        assert sorted(heard.arrived) == [changed, new]
        assert heard.gone == [gone]
        assert heard.renamed == [(old, moved)]


def test_an_empty_folder_that_was_scanned_may_get_its_first_photo_at_any_time(folder: Path) -> None:
    new = put(folder / "new.jpg")
    with watched(folder) as heard:
        heard.until(lambda: heard.arrived == [new])


@linux_only
def test_a_slow_writer_is_waited_for(folder: Path) -> None:
    data = picture_bytes(seed=1, size=(640, 480))
    pace = replace(FAST, stable=60.0)
    with watched(folder, pace=pace) as heard, (folder / "slow.jpg").open("wb") as file:
        for start in range(0, len(data), 1 + len(data) // 10):
            file.write(data[start : start + 1 + len(data) // 10])
            file.flush()
            time.sleep(2 * pace.settle)
        assert heard.arrived == []
        file.close()
        heard.until(lambda: len(heard.arrived) == 1)
        heard.settle()
        assert heard.changes == [Arrived((file_of(folder / "slow.jpg"),))]


def test_a_writer_that_pauses_for_long_is_judged_again(folder: Path) -> None:
    path = folder / "slow.jpg"
    with watched(folder) as heard, path.open("wb") as file:
        file.write(b"first half")
        file.flush()
        heard.until(lambda: len(heard.arrived) == 1)
        file.write(b"second half")
        file.close()
        heard.until(lambda: len(heard.arrived) == 2)
        heard.settle()
        last = heard.changes[-1]
        assert last == Arrived((file_of(path),))
        assert len(heard.changes) == 2


def test_one_that_writes_piece_by_piece_ends_whole(folder: Path) -> None:
    path = folder / "pieces.jpg"
    with watched(folder) as heard:
        for _ in range(6):
            with path.open("ab") as file:
                file.write(b"piece")
            time.sleep(FAST.settle)
        heard.until(lambda: heard.changes[-1:] == [Arrived((file_of(path),))])


def test_an_empty_file_is_waited_for_longer(folder: Path) -> None:
    """Browsers make one of the final name before anything has come."""
    path = put(folder / "download.jpg", b"")
    with watched(folder, pace=replace(FAST, empty=60.0)) as heard:
        heard.settle(3 * FAST.stable)
        assert heard.arrived == []
        path.write_bytes(b"all of it")
        heard.until(lambda: len(heard.arrived) == 1)
        assert heard.changes == [Arrived((file_of(path),))]


def test_an_empty_file_that_stays_empty_is_told_in_the_end(folder: Path) -> None:
    with watched(folder) as heard:
        path = put(folder / "never.jpg", b"")
        heard.until(lambda: heard.arrived == [path])


@pytest.mark.parametrize(
    "name", ["a.jpg.part", "a.jpg.crdownload", ".a.jpg.tmp", "a.jpg~", "a.opdownload", ".a.jpg.Xy12"]
)
def test_a_temporary_name_is_no_photo_until_it_is_renamed(folder: Path, name: str) -> None:
    with watched(folder) as heard:
        temporary = put(folder / name, picture_bytes(seed=1))
        heard.settle(0.5)
        assert heard.changes == []
        final = temporary.rename(folder / "a.jpg")
        heard.until(lambda: heard.arrived == [final])
        heard.settle(0.6)
        assert len(heard.changes) == 1


def test_a_burst_arrives_completely_and_once(folder: Path) -> None:
    count = 2000
    with watched(folder) as heard:
        for n in range(count):
            put(folder / f"day {n % 7}" / f"IMG_{n}.jpg", n.to_bytes(4, "big"))
        heard.until(lambda: len(heard.arrived) >= count)
        heard.settle(2 * FAST.after_burst + 0.5)
        heard.assert_once()
        assert len(heard.shown()) == count
        assert max(len(event.files) for event in heard.changes if isinstance(event, Arrived)) <= 1000
        assert not heard.gone


def test_photos_are_renamed_within_the_folder(folder: Path) -> None:
    one, two = put(folder / "one.jpg", b"one"), put(folder / "two.jpg", b"number two")
    with watched(folder, known=[one, two]) as heard:
        moved = one.rename(folder / "sub" / "other.jpg")
        heard.until(lambda: heard.renamed == [(one, moved)])
        # Round a corner: two names change places.
        two.rename(folder / "third.jpg")
        moved.rename(two)
        (folder / "third.jpg").rename(moved)
        heard.until(lambda: len(heard.changes) > 1)
        heard.settle()
        assert heard.shown([one, two]) == {two, moved}
        assert heard.gone == []


def test_photos_come_in_and_go_out_by_being_moved(folder: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside.jpg")
    with watched(folder) as heard:
        inside = outside.rename(folder / "inside.jpg")
        heard.until(lambda: heard.arrived == [inside])
        inside.rename(tmp_path / "away.jpg")
        heard.until(lambda: heard.gone == [inside])


def test_a_folder_with_photos_is_renamed_moved_in_and_out(folder: Path, tmp_path: Path) -> None:
    photos = [put(folder / "day" / "inner" / f"{n}.jpg", bytes([n] * (n + 1))) for n in range(3)]
    with watched(folder, known=photos) as heard:
        (folder / "day").rename(folder / "sub" / "renamed")
        after = [folder / "sub" / "renamed" / "inner" / path.name for path in photos]
        heard.until(lambda: sorted(heard.renamed) == list(zip(photos, after, strict=True)))
        (folder / "sub" / "renamed").rename(tmp_path / "out")
        heard.until(lambda: sorted(heard.gone) == after)
        (tmp_path / "out").rename(folder / "back")
        heard.until(lambda: len(heard.arrived) == 3)
        # The folder that came in is watched itself.
        new = put(folder / "back" / "inner" / "new.jpg")
        heard.until(lambda: heard.arrived[-1] == new)
        heard.assert_once()


def test_a_photo_that_is_replaced_is_judged_again(folder: Path) -> None:
    """As many programs save: write another file, put it in the place of the old one."""
    path = put(folder / "a.jpg", b"before")
    with watched(folder, known=[path], pace=replace(FAST, grace=60.0)) as heard:
        put(folder / ".a.jpg.swp", b"after and longer").replace(path)
        heard.until(lambda: heard.arrived == [path])
        path.unlink()
        heard.settle(4 * FAST.settle)
        path.write_bytes(b"deleted and made again")
        heard.until(lambda: heard.arrived == [path, path])
        assert heard.gone == []


def test_deleted_photos_and_folders_are_gone(folder: Path) -> None:
    photos = [put(folder / "a.jpg"), put(folder / "day" / "b.jpg"), put(folder / "day" / "inner" / "c.jpg")]
    with watched(folder, known=photos) as heard:
        photos[0].unlink()
        heard.until(lambda: heard.gone == [photos[0]])
        shutil.rmtree(folder / "day")
        heard.until(lambda: sorted(heard.gone) == photos)
        assert heard.arrived == []


def test_folders_made_and_filled_at_once(folder: Path) -> None:
    """The system's observer watches a new folder only after it has heard of it."""
    with watched(folder) as heard:
        made = [put(folder / f"{n}" / "a" / "b" / "c.jpg", bytes([n])) for n in range(20)]
        heard.until(lambda: len(heard.arrived) >= 20)
        heard.settle()
        assert sorted(heard.arrived) == sorted(made)


def test_sub_folders_are_none_of_ours_where_not_recursive(folder: Path) -> None:
    with watched(folder, recursive=False) as heard:
        put(folder / "sub" / "a.jpg")
        put(folder / "new" / "b.jpg")
        here = put(folder / "c.jpg")
        heard.until(lambda: heard.arrived == [here])
        here.rename(folder / "sub" / "c.jpg")
        heard.until(lambda: heard.gone == [here])
        assert len(heard.changes) == 2


def test_marked_and_hidden_folders_are_not_looked_into(folder: Path) -> None:
    sorted_into = folder / "Sorted"
    sorted_into.mkdir()
    (sorted_into / OUTPUT_MARKER).touch()
    with watched(folder) as heard:
        put(sorted_into / "Alpaca" / "a.jpg")
        put(folder / ".hidden" / "b.jpg")
        put(folder / "@eaDir" / "c.jpg")
        seen = put(folder / "d.jpg")
        heard.until(lambda: heard.arrived == [seen])
        heard.settle(0.5)
        assert heard.arrived == [seen]
        # Without the mark it is a folder like any other.
        (sorted_into / OUTPUT_MARKER).unlink()
        heard.until(lambda: heard.arrived[1:] == [sorted_into / "Alpaca" / "a.jpg"])
        (sorted_into / OUTPUT_MARKER).touch()
        heard.until(lambda: heard.gone == [sorted_into / "Alpaca" / "a.jpg"])


def test_photos_that_can_not_be_used_are_named(folder: Path) -> None:
    with watched(folder) as heard:
        raw = put(folder / "IMG_1.cr2")
        heard.until(lambda: heard.unusable == {raw: reasons.RAW_ALONE})
        # Now it is a companion, and its picture a photo.
        picture = put(folder / "IMG_1.jpg", b"picture")
        heard.until(lambda: heard.arrived == [picture] and heard.gone == [raw])
        picture.unlink()
        heard.until(lambda: heard.gone == [raw, picture])
        assert [event for event in heard.changes if "Unusable" in type(event).__name__][1:]


def test_what_the_scan_said_of_a_photo_is_not_said_again(folder: Path) -> None:
    raw = put(folder / "IMG_1.cr2")
    problems = [item.path for item in walk(folder, recursive=True) if isinstance(item, WalkProblem)]
    with Watched(Watch(folder, recursive=True, known=[], unusable=problems, pace=FAST)) as heard:
        new = put(folder / "a.jpg")
        heard.until(lambda: heard.arrived == [new])
        assert heard.unusable == {}
        raw.unlink()
        heard.until(lambda: heard.gone == [raw])


def test_the_apps_own_changes_are_not_reported(folder: Path, tmp_path: Path) -> None:
    photos = [put(folder / f"{n}.jpg", bytes([n] * 9)) for n in range(4)]
    with watched(folder, known=photos) as heard:
        heard.watch.hold(True)
        out, inside = tmp_path / "out", folder / "sub"
        out.mkdir()
        photos[0].rename(out / "0.jpg")
        photos[1].rename(inside / "1.jpg")
        shutil.copy2(photos[2], inside / "2 copy.jpg")
        heard.settle(3 * FAST.grace)
        assert heard.changes == []
        heard.watch.expect(
            [
                placed(photos[0], out / "0.jpg"),
                placed(photos[1], inside / "1.jpg"),
                placed(photos[2], inside / "2 copy.jpg", kept=True),
            ]
        )
        heard.watch.hold(False)
        heard.settle(3 * FAST.grace)
        assert heard.changes == []
        # From then on they are photos like any others.
        again = (inside / "1.jpg").rename(folder / "again.jpg")
        (inside / "2 copy.jpg").unlink()
        heard.until(lambda: heard.renamed == [(inside / "1.jpg", again)] and heard.gone == [inside / "2 copy.jpg"])


def test_an_undone_sort_is_not_reported_either(folder: Path, tmp_path: Path) -> None:
    with watched(folder) as heard:
        heard.watch.hold(True)
        back = put(tmp_path / "away.jpg").rename(folder / "back.jpg")
        heard.watch.expect([placed(tmp_path / "away.jpg", back)])
        heard.watch.hold(False)
        heard.settle()
        assert heard.changes == []
        back.unlink()
        heard.until(lambda: heard.gone == [back])


def test_photos_that_followed_a_sort_are_not_looked_after(folder: Path, tmp_path: Path) -> None:
    away, inside = put(tmp_path / "away.jpg"), put(folder / "Sorted" / "Alpaca" / "b.jpg")
    (folder / "Sorted" / OUTPUT_MARKER).touch()
    known = [file_of(away), file_of(inside)]
    away.unlink()
    inside.unlink()
    with Watched(Watch(folder, recursive=True, known=known, pace=FAST)) as heard:
        heard.settle(3 * FAST.grace)
        assert heard.changes == []


@posix_only
def test_linked_folders_are_watched(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "link").symlink_to(elsewhere, target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    with watched(folder) as heard:
        first = put(elsewhere / "a.jpg")
        heard.until(lambda: heard.arrived == [folder / "link" / "a.jpg"])
        first.unlink()
        heard.until(lambda: heard.gone == [folder / "link" / "a.jpg"])


@posix_only
def test_the_folder_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    with watched(link) as heard:
        put(folder / "a.jpg")
        put(folder / "sub" / "b.jpg")
        heard.until(lambda: sorted(heard.arrived) == [link / "a.jpg", link / "sub" / "b.jpg"])


@posix_only
def test_names_may_hold_any_bytes(folder: Path) -> None:
    names = [b"\xff\xfe.jpg", "a\u0301 \u00e1 \U0001f999.jpg".encode(), b" .jpg", b"a\nb.jpg", b"-.jpg", b"%41.jpg"]
    with watched(folder) as heard:
        made = [put(folder / "sub" / os.fsdecode(name), name) for name in names]
        heard.until(lambda: len(heard.arrived) >= len(made))
        assert set(heard.arrived) == set(made)
        moved = (folder / "sub").rename(folder / os.fsdecode(b"\xe9t\xe9"))
        heard.until(lambda: len(heard.renamed) == len(made))
        assert heard.shown(made) == {moved / path.name for path in made}


@posix_only
def test_a_sub_folder_that_can_not_be_read_for_a_moment_is_not_gone() -> None:
    with ordinary_user(), shared_folder() as place:
        photos = [put(place / "day" / "a.jpg"), put(place / "day" / "inner" / "b.jpg")]
        with watched(place, known=photos) as heard:
            (place / "day").chmod(0)
            put(place / "c.jpg")
            heard.until(lambda: heard.arrived == [place / "c.jpg"])
            heard.settle(3 * FAST.grace)
            assert heard.gone == []
            (place / "day").chmod(0o755)
            photos[0].unlink()
            heard.until(lambda: heard.gone == [photos[0]])


def test_a_folder_that_is_taken_away_is_offline_until_it_is_back(folder: Path) -> None:
    photos = [put(folder / "a.jpg"), put(folder / "sub" / "b.jpg", b"b")]
    with watched(folder, known=photos) as heard:
        away = folder.rename(folder.with_name("away"))
        heard.until(lambda: not heard.states[-1].online)
        assert heard.states[-1].notice.startswith(reasons.sentence(reasons.FOLDER_MISSING))
        heard.settle(3 * FAST.grace)
        assert heard.changes == []
        new = put(away / "new.jpg", b"new")
        (away / "a.jpg").unlink()
        away.rename(folder)
        heard.until(lambda: heard.states[-1] == WatchState(online=True, polling=False, notice=""))
        heard.until(lambda: heard.arrived == [folder / new.name] and heard.gone == [photos[0]])
        # And it is heard of again.
        later = put(folder / "sub" / "later.jpg")
        heard.until(lambda: heard.arrived[-1] == later)


def test_another_folder_may_take_its_place(folder: Path) -> None:
    photo = put(folder / "a.jpg")
    with watched(folder, known=[photo]) as heard:
        folder.rename(folder.with_name("away"))
        copy = folder.with_name("copy")
        shutil.copytree(folder.with_name("away"), copy)
        put(copy / "b.jpg", b"only there")
        copy.rename(folder)
        heard.until(lambda: heard.arrived == [folder / "b.jpg"])
        assert heard.gone == []


def test_an_empty_folder_in_its_place_is_an_unplugged_drive(folder: Path) -> None:
    photo = put(folder / "a.jpg")
    with watched(folder, known=[photo]) as heard:
        away = folder.rename(folder.with_name("away"))
        folder.mkdir()
        heard.until(lambda: not heard.states[-1].online)
        heard.settle(3 * FAST.grace)
        assert heard.gone == []
        folder.rmdir()
        away.rename(folder)
        heard.until(lambda: heard.states[-1].online)
        heard.settle(0.5)
        assert heard.changes == []


def test_a_folder_that_is_missing_at_the_start_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    with watched(folder) as heard:
        assert not heard.states[0].online
        assert heard.states[0].notice.endswith("AlpacaSorter waits until it is back.")
        photo = put(folder / "a.jpg")
        heard.until(lambda: heard.arrived == [photo])
        assert [state.online for state in heard.states] == [False, True]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    with watched(put(tmp_path / "a.jpg")) as heard:
        assert heard.states[0].notice.startswith(reasons.sentence(reasons.NOT_A_FOLDER))


def _online(folder: Path) -> None:
    folder.mkdir(exist_ok=True)


def _offline(folder: Path) -> None:
    shutil.rmtree(folder)


def _pending(folder: Path) -> None:
    put(folder / "empty.jpg", b"")


@pytest.mark.parametrize("prepare", [_online, _offline, _pending])
def test_it_stops_at_once(folder: Path, prepare: Callable[[Path], None]) -> None:
    prepare(folder)
    with watched(folder, pace=Timing(check=60.0, poll=60.0)) as heard:
        heard.settle(0.3)
        assert heard.stop() < 5.0
        assert not [thread for thread in threading.enumerate() if "otify" in type(thread).__name__]


def test_it_stops_while_it_looks_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(300):
        put(folder / f"{n}.jpg")
    watch = Watch(folder, recursive=True, known=[], pace=FAST, observe=Observers())
    assert watch.step() == [WatchState(online=True, polling=False, notice="")]
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 100

    monkeypatch.setattr(Watch, "stopped", property(lambda this: stop()))
    assert watch.step() == []
    assert asked < 110
    watch.close()


def test_stopped_before_it_began(folder: Path) -> None:
    watch = Watch(folder, recursive=True, pace=FAST)
    watch.stop()
    assert list(watch.run()) == []
    assert watch.stopped


def test_step_waits_no_longer_than_it_is_told(folder: Path) -> None:
    watch = Watch(folder, recursive=True, known=[], pace=FAST)
    try:
        assert watch.step(1.0) == [WatchState(online=True, polling=False, notice="")]
        assert watch.step(0.05) == []
        photo = put(folder / "a.jpg")
        assert watch.quiet_for(photo.with_name("none.jpg")) == float("inf")
        events = []
        while not events:
            events = watch.step(0.05)
        assert events == [Arrived((file_of(photo),))]
        assert watch.quiet_for(photo) < 5.0
        put(folder / "a.jpg.xmp")
        time.sleep(0.2)
        assert watch.quiet_for(photo) < watch.quiet_for(folder / "sub" / "a.jpg")
    finally:
        watch.close()


def test_a_relative_folder_gives_absolute_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    with watched(Path(folder.name)) as heard:
        photo = put(folder / "a.jpg")
        heard.until(lambda: heard.arrived == [photo])
    assert isinstance(heard.watch.root, Path)
    assert [type(file) for event in heard.changes if isinstance(event, Arrived) for file in event.files] == [PhotoFile]
