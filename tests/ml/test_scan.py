"""The scan pipeline on real folders: every file ends as a row, and nothing stops a scan."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from alpacasorter.core import reasons
from alpacasorter.core.events import Finished, Found, Problems, Progress
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.photos import bounded
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.photos.walk import OUTPUT_MARKER, FolderUnavailable
from alpacasorter.core.store.cache import Cache, CacheEntry
from alpacasorter.core.taken import DateSource
from alpacasorter.ml import scan as scan_module
from alpacasorter.ml.runtime.backbone import BackboneError
from alpacasorter.ml.scan import Embed, Embedded, Rate, Scan, WorkList
from tests.engines import SIZE, fill, fill_fast, input_of, quick_embed, real_backbone, real_bundle
from tests.hanging import decoder_that_hangs, make_hanging
from tests.hostile_files import hostile
from tests.picture_files import BAD_KINDS, GOOD_KINDS, can_write, corner_picture, encode, exif_block, make_picture
from tests.unprivileged import ordinary_user, shared_folder

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache.open(tmp_path / "cache" / "cache.sqlite") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    return place


def make_scan(
    root: Path,
    cache: Cache,
    *,
    embed: Embed = quick_embed,
    threads: int = 2,
    recursive: bool = True,
    backbone_id: str = "quick",
    embedding_size: int = SIZE,
) -> Scan:
    return Scan(
        root,
        recursive=recursive,
        cache=cache,
        backbone_id=backbone_id,
        embedding_size=embedding_size,
        embed=embed,
        input_size=real_bundle().input_size,
        threads=threads,
    )


class Photo(NamedTuple):
    """What a scan says about a photo."""

    content_key: str
    facts: PhotoFacts


class Events:
    """The events of a scan, and what they say all together."""

    def __init__(self, events: Iterator[object] | list[object], *, size: int = SIZE) -> None:
        self.all = list(events)
        self.found: list[Path] = []
        self.photos: dict[Path, Photo] = {}
        self.vectors: dict[Path, npt.NDArray[np.float16]] = {}
        self.problems: dict[Path, str] = {}
        for event in self.all:
            if isinstance(event, Found):
                self.found += [file.path for file in event.files]
            elif isinstance(event, Embedded):
                assert event.embeddings.dtype == np.float16
                assert event.embeddings.shape == (len(event.paths), size)
                photos = zip(event.paths, event.content_keys, event.facts, event.embeddings, strict=True)
                for path, key, facts, vector in photos:
                    assert path not in self.photos, "judged twice"
                    self.photos[path] = Photo(key, facts)
                    self.vectors[path] = vector
            elif isinstance(event, Problems):
                self.problems |= {problem.path: problem.reason for problem in event.problems}

    @property
    def finished(self) -> Finished:
        last = self.all[-1]
        assert isinstance(last, Finished)
        return last


def scanned(root: Path, cache: Cache, **options: object) -> Events:
    return Events(make_scan(root, cache, **options).run())  # type: ignore[arg-type]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The photos that were opened, in order."""
    paths: list[Path] = []
    read = scan_module.read_photo

    def counting(path: Path) -> bytes:
        paths.append(path)
        return read(path)

    monkeypatch.setattr(scan_module, "read_photo", counting)
    return paths


def test_every_kind_of_file_ends_as_a_row(folder: Path, cache: Cache) -> None:
    good = {make_picture(folder / f"{kind}.jpg", kind=kind) for kind in GOOD_KINDS if can_write(kind)}
    bad = {make_picture(folder / f"bad {kind}.jpg", kind=kind) for kind in BAD_KINDS}
    events = scanned(folder, cache)
    assert set(events.found) == good | bad
    assert set(events.photos) == good
    assert set(events.problems) == bad
    assert all(reasons.sentence(reason) != reason for reason in events.problems.values()), "reasons are codes"
    assert events.problems[folder / "bad empty.jpg"] == reasons.EMPTY
    finished = events.finished
    assert (finished.total, finished.judged, finished.unreadable) == (len(good | bad), len(good), len(bad))
    assert (finished.opened, finished.left_alone, finished.canceled) == (len(good | bad), 0, False)


def test_folders_sorted_into_are_counted(folder: Path, cache: Cache) -> None:
    fill(folder, 1)
    for name in ("one", "two"):
        fill(folder / name, 1)
        (folder / name / OUTPUT_MARKER).touch()
    finished = scanned(folder, cache).finished
    assert (finished.total, finished.sorted_folders) == (1, 2)


def test_photos_carry_what_their_bytes_and_header_say(folder: Path, cache: Cache) -> None:
    path = make_picture(folder / "upright.png", kind="rotated_6", size=(96, 64))
    photo = scanned(folder, cache).photos[path]
    assert photo.content_key == content_key(path.read_bytes())
    assert (photo.facts.width, photo.facts.height, photo.facts.format) == (96, 64, "JPEG")
    assert cache.thumbnail(photo.content_key) is not None


@posix_only
def test_files_that_cannot_be_opened_are_problems_too(cache: Cache) -> None:
    with shared_folder() as folder:
        good = make_picture(folder / "a.jpg")
        closed = make_picture(folder / "b.jpg", seed=1)
        closed.chmod(0)
        (folder / "c.jpg").symlink_to(folder / "nowhere.jpg")
        os.mkfifo(folder / "d.jpg")
        (folder / "e.cr2").write_bytes(b"II*\x00" + bytes(100))
        (folder / "notes.txt").write_bytes(b"a diary")
        with ordinary_user():
            events = scanned(folder, cache)
    assert set(events.photos) == {good}
    assert events.problems == {
        closed: reasons.NO_PERMISSION,
        folder / "c.jpg": reasons.BROKEN_LINK,
        folder / "d.jpg": reasons.NOT_REGULAR,
        folder / "e.cr2": reasons.RAW_ALONE,
    }
    assert (events.finished.total, events.finished.unreadable, events.finished.left_alone) == (2, 4, 1)


def test_events_come_in_order(folder: Path, cache: Cache) -> None:
    paths = fill(folder, 12, size=(64, 48))
    (folder / "photo2.cr2").write_bytes(b"II*\x00")  # has its JPEG beside it
    (folder / "photo5a.cr2").write_bytes(b"II*\x00")  # is alone
    events = scanned(folder, cache)
    assert events.found == paths
    kinds = [type(event) for event in events.all]
    assert kinds[:3] == [Found, Problems, Found], "in the order in which they lie in the folder"
    assert events.all[1].problems[0].path == folder / "photo5a.cr2"  # type: ignore[attr-defined]
    assert kinds.count(Finished) == 1
    assert kinds[-1] is Finished
    progress = [event for event in events.all if isinstance(event, Progress)]
    done = [event.done for event in progress]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 12)
    assert {event.total for event in progress} == {12}
    assert progress[-1].seconds_left == 0.0


def test_many_photos_are_found_in_batches(folder: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = fill_fast(folder, 10)
    monkeypatch.setattr(scan_module, "_FOUND_BATCH", 4)
    sizes = [len(event.files) for event in scanned(folder, cache).all if isinstance(event, Found)]
    assert sizes == [4, 4, 2]
    monkeypatch.setattr(scan_module, "_FOUND_SECONDS", -1.0)
    monkeypatch.setattr(scan_module, "_CACHED_BATCH", 3)
    slow = scanned(folder, cache)
    assert [len(event.files) for event in slow.all if isinstance(event, Found)] == [1] * 10
    assert [len(event.paths) for event in slow.all if isinstance(event, Embedded)] == [3, 3, 3, 1]
    assert list(slow.photos) == paths


def test_sub_folders_only_where_asked(folder: Path, cache: Cache) -> None:
    (top,) = fill(folder, 1)
    below = fill(folder / "day 2", 2, first=5)
    assert set(scanned(folder, cache, recursive=False).photos) == {top}
    assert set(scanned(folder, cache).photos) == {top, *below}


def test_reopening_opens_no_photo(folder: Path, cache: Cache, opened: list[Path]) -> None:
    paths = fill(folder, 9) + fill(folder / "day 2", 3, first=9)
    bad = [make_picture(folder / f"{kind}.jpg", kind=kind) for kind in ("text", "truncated_jpeg", "bomb_png")]
    first = scanned(folder, cache)
    assert sorted(opened) == sorted(paths + bad)
    opened.clear()

    def never(_: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise AssertionError("judged again")

    again = scanned(folder, cache, embed=never)
    assert opened == []
    assert (again.finished.opened, again.finished.judged, again.finished.unreadable) == (0, 12, 3)
    assert again.photos == first.photos
    assert again.problems == first.problems
    for path, vector in first.vectors.items():
        np.testing.assert_array_equal(again.vectors[path], vector)


def dated(path: Path, taken: str) -> Path:
    """Write a photo that says when it was taken."""
    path.write_bytes(encode(corner_picture(), "JPEG", exif=exif_block(taken=taken)))
    return path


def test_a_cache_of_an_earlier_version_gets_what_is_missing_from_the_headers(
    folder: Path, tmp_path: Path, opened: list[Path]
) -> None:
    midnight, gone = dated(folder / "a.jpg", "2024:05:01 24:08:19"), dated(folder / "b.jpg", "2024:05:01 10:00:00")
    with Cache.open(tmp_path / "old.sqlite") as cache:
        scanned(folder, cache)
        for path, known in cache.lookup_folder(folder, backbone_id="quick").items():
            # The moment alone, and a wrong one where the clock said 24.
            facts = PhotoFacts(1, 1, "2024-05-01T10:00:00" if path == gone else "2024-05-02T00:00:00", "JPEG")
            cache.store([CacheEntry(PhotoFile(path, known.size, known.mtime_ns), known.content_key, facts=facts)])
    opened.clear()
    state = gone.stat()
    gone.write_bytes(bytes(state.st_size))
    os.utime(gone, ns=(state.st_atime_ns, state.st_mtime_ns))
    with Cache.open(tmp_path / "old.sqlite") as cache:
        for _ in range(2):
            facts = {path: photo.facts for path, photo in scanned(folder, cache).photos.items()}
            assert (facts[midnight].taken_at, facts[midnight].taken_from) == (
                "2024-05-01T00:08:19",
                DateSource.CAMERA,
            )
            # What can't be read any more stays as it was known.
            assert (facts[gone].taken_at, facts[gone].taken_from) == ("2024-05-01T10:00:00", None)
    assert not opened


def test_embeddings_survive_the_cache_being_closed(folder: Path, tmp_path: Path) -> None:
    fill(folder, 3)
    with Cache.open(tmp_path / "c.sqlite") as cache:
        first = scanned(folder, cache)
    with Cache.open(tmp_path / "c.sqlite") as cache:
        again = scanned(folder, cache)
    assert again.finished.opened == 0
    assert again.photos == first.photos


def test_a_changed_file_is_opened_again(folder: Path, cache: Cache, opened: list[Path]) -> None:
    paths = fill(folder, 4)
    before = scanned(folder, cache)
    opened.clear()
    make_picture(paths[1], seed=77)
    # Of the same size, only later.
    late = paths[2].stat().st_mtime_ns + 5_000_000_000
    os.utime(paths[2], ns=(late, late))
    after = scanned(folder, cache)
    assert sorted(opened) == paths[1:3]
    assert after.finished.opened == 2
    assert after.photos[paths[1]].content_key != before.photos[paths[1]].content_key
    assert after.photos[paths[2]] == before.photos[paths[2]]


def test_a_bad_file_that_was_mended_is_judged(folder: Path, cache: Cache) -> None:
    path = make_picture(folder / "a.jpg", kind="truncated_jpeg")
    assert set(scanned(folder, cache).problems) == {path}
    make_picture(path)
    assert set(scanned(folder, cache).photos) == {path}


def test_copies_are_judged_once(folder: Path, cache: Cache) -> None:
    first, second = fill(folder, 2)
    copies = [folder / "x" / "copy.jpg", folder / "y" / "copy.jpg"]
    for copy in copies:
        copy.parent.mkdir()
        copy.write_bytes(first.read_bytes())
    judged = []

    def embed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        judged.append(pixels)
        return quick_embed(pixels)

    events = scanned(folder, cache, embed=embed, threads=1)
    assert set(events.photos) == {first, second, *copies}
    assert len({events.photos[path].content_key for path in (first, *copies)}) == 1
    for copy in copies:
        np.testing.assert_array_equal(events.vectors[copy], events.vectors[first])
    # Copies that are scanned at the same time may each be judged; what is stored is not judged again.
    judged.clear()
    moved = second.rename(folder / "moved.jpg")
    again = scanned(folder, cache, embed=embed)
    assert set(again.photos) == {first, moved, *copies}
    assert judged == []
    assert again.finished.opened == 1


def test_another_backbone_judges_everything_again(folder: Path, cache: Cache) -> None:
    fill(folder, 3)
    scanned(folder, cache)
    other = scanned(folder, cache, backbone_id="other")
    assert other.finished.opened == 3
    assert scanned(folder, cache, backbone_id="other").finished.opened == 0
    assert scanned(folder, cache).finished.opened == 0, "the first one's are still there"


def test_cancelling_in_the_middle(folder: Path, cache: Cache) -> None:
    fill_fast(folder, 400)
    scan = make_scan(folder, cache, embed=slow_embed(0.005))
    events = []
    for event in scan.run():
        events.append(event)
        if isinstance(event, Embedded):
            scan.cancel()
    told = Events(events)
    assert told.finished.canceled
    assert 0 < told.finished.opened < 200
    assert told.finished.judged == len(told.photos)
    assert not scan_threads()
    # What was judged before is not opened again.
    again = scanned(folder, cache)
    assert again.finished.opened == 400 - told.finished.judged


def test_cancelling_before_and_while_it_looks_around(folder: Path, cache: Cache, opened: list[Path]) -> None:
    fill_fast(folder, 20)
    scan = make_scan(folder, cache)
    scan.cancel()
    assert Events(scan.run()).finished.canceled
    scan = make_scan(folder, cache)
    events = []
    for event in scan.run():
        events.append(event)
        scan.cancel()
    assert Events(events).finished.canceled
    assert opened == []


def test_cancelling_among_files_that_are_no_photos(folder: Path, cache: Cache) -> None:
    for n in range(200):
        (folder / str(n)).mkdir()
        for m in range(20):
            (folder / str(n) / f"{m}.txt").touch()
    fill_fast(folder / "z", 3)
    scan = make_scan(folder, cache)
    scan.cancel()
    finished = Events(scan.run()).finished
    assert finished.canceled
    assert finished.left_alone < 20


def test_a_scan_closed_early_leaves_no_thread(folder: Path, cache: Cache) -> None:
    fill_fast(folder, 200)
    events = make_scan(folder, cache, embed=slow_embed(0.002)).run()
    assert any(isinstance(event, Embedded) for event in events)
    assert scan_threads()
    events.close()
    assert not scan_threads()


def test_preferred_photos_come_next(folder: Path, cache: Cache, opened: list[Path]) -> None:
    paths = fill_fast(folder, 20)
    scan: Scan

    def embed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if len(opened) == 3:
            scan.prefer([paths[15], paths[0], paths[12], folder / "none.jpg"])
        if len(opened) == 4:
            scan.prefer([paths[18], paths[12]])
        return quick_embed(pixels)

    scan = make_scan(folder, cache, embed=embed, threads=1)
    events = Events(scan.run())
    expected = [*paths[:3], paths[15], paths[18], paths[12], *paths[3:12], paths[13], paths[14]]
    assert opened == [*expected, paths[16], paths[17], paths[19]]
    assert set(events.photos) == set(paths)


def test_photos_may_be_preferred_before_they_are_found(folder: Path, cache: Cache, opened: list[Path]) -> None:
    paths = fill_fast(folder, 6)
    scan = make_scan(folder, cache, threads=1)
    scan.prefer([paths[4]])
    assert len(Events(scan.run()).photos) == 6
    assert opened[0] == paths[4]


def test_a_photo_that_vanishes_before_it_is_opened(folder: Path, cache: Cache) -> None:
    paths = fill(folder, 3)
    content = paths[1].read_bytes()
    events = []
    for event in make_scan(folder, cache).run():
        events.append(event)
        if isinstance(event, Found):
            paths[1].unlink()
    told = Events(events)
    assert set(told.photos) == {paths[0], paths[2]}
    assert told.problems == {paths[1]: reasons.VANISHED}
    # It was away, not bad: nothing of that is remembered.
    paths[1].write_bytes(content)
    assert set(scanned(folder, cache).photos) == set(paths)


def test_folders_that_cannot_be_scanned(folder: Path, cache: Cache) -> None:
    with pytest.raises(FolderUnavailable) as missing:
        scanned(folder / "none", cache)
    assert missing.value.reason == reasons.FOLDER_MISSING
    with pytest.raises(FolderUnavailable) as file:
        scanned(make_picture(folder / "a.jpg"), cache)
    assert file.value.reason == reasons.NOT_A_FOLDER


def test_a_closed_folder_is_said_to_be_closed(cache: Cache) -> None:
    with shared_folder() as folder:
        (folder / "closed").mkdir(mode=0)
        make_picture(folder / "a.jpg")
        with ordinary_user():
            with pytest.raises(FolderUnavailable) as closed:
                scanned(folder / "closed", cache)
            events = scanned(folder, cache)
        assert closed.value.reason == reasons.FOLDER_NO_PERMISSION
        assert events.problems == {folder / "closed": reasons.FOLDER_NO_PERMISSION}
        assert (events.finished.judged, events.finished.unreadable) == (1, 1)


def test_folders_without_photos(folder: Path, cache: Cache) -> None:
    empty = scanned(folder, cache)
    assert empty.finished == Finished(0, 0, 0, 0, 0, empty.finished.seconds, False)
    assert [event for event in empty.all if isinstance(event, Found | Embedded | Problems)] == []
    (folder / "diary.txt").write_text("no photo")
    (folder / "film.mp4").write_bytes(bytes(100))
    assert scanned(folder, cache).finished.left_alone == 2


@pytest.mark.parametrize("size", [1, 512, 2048, 9000])
def test_embeddings_of_any_size(folder: Path, cache: Cache, size: int) -> None:
    paths = fill(folder, 3)

    def embed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return pixels.reshape(-1)[:size].astype(np.float32)

    # The same photos were seen by another backbone before.
    scanned(folder, cache)
    first, again = (
        Events(make_scan(folder, cache, embed=embed, backbone_id="other", embedding_size=size).run(), size=size)
        for _ in range(2)
    )
    assert (first.finished.opened, again.finished.opened) == (3, 0)
    assert set(first.photos) == set(again.photos) == set(paths)
    for path in paths:
        expected = input_of(path).reshape(-1)[:size].astype(np.float16)
        assert np.array_equal(first.vectors[path], expected)
        assert np.array_equal(again.vectors[path], expected)
    assert scanned(folder, cache).finished.opened == 0


def test_embedding_of_another_size_than_the_model_says(folder: Path, cache: Cache) -> None:
    fill(folder, 1)
    (reason,) = Events(make_scan(folder, cache, embedding_size=SIZE + 1).run()).problems.values()
    assert reason == reasons.MODEL_FAILED


def test_numbers_too_large_to_be_kept(folder: Path, cache: Cache) -> None:
    fill(folder, 1)

    def embed(_: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.full(SIZE, 1e6, np.float32)

    (reason,) = scanned(folder, cache, embed=embed).problems.values()
    assert reason == reasons.MODEL_FAILED


def test_an_error_while_judging_costs_one_photo(folder: Path, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    paths = fill(folder, 6)
    wrong = input_of(paths[2])

    def failing(error: Exception | None) -> Embed:
        def embed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            if not np.array_equal(pixels, wrong):
                return quick_embed(pixels)
            if error is not None:
                raise error
            return np.full(SIZE, np.nan, np.float32)

        return embed

    for error in (ZeroDivisionError("oh"), MemoryError(), BackboneError("The network is tired."), None):
        events = scanned(folder, cache, embed=failing(error))
        assert set(events.photos) == set(paths) - {paths[2]}
        (reason,) = events.problems.values()
        is_model = error is None or isinstance(error, BackboneError)
        assert reason == (reasons.MODEL_FAILED if is_model else reasons.UNEXPECTED)
        # It was not the photo's fault, so it gets another chance, and only it.
        assert events.finished.opened == (6 if error is not None and error.args == ("oh",) else 1)
    assert any("ZeroDivisionError" in record.message for record in caplog.records)
    assert set(scanned(folder, cache).photos) == set(paths)


def test_too_little_memory_is_not_remembered_as_the_photos_fault(
    folder: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder, 2)

    def decode(*_: object, **__: object) -> object:
        raise scan_module.Unreadable(reasons.NO_MEMORY)

    with monkeypatch.context() as patch:
        patch.setattr(scan_module, "decode", decode)
        assert set(scanned(folder, cache).problems.values()) == {reasons.NO_MEMORY}
    assert len(scanned(folder, cache).photos) == 2


def test_odd_names(folder: Path, cache: Cache) -> None:
    names = ["with space.jpg", "алпака.jpg", "🦙🦙.jpg", "'quotes' & $dollars; #%.jpg", "no extension"]
    if sys.platform == "linux":
        names += [os.fsdecode(b"caf\xe9 \xff.jpg"), "line\nbreak.jpg"]
    paths = [make_picture(folder / name, seed=n) for n, name in enumerate(names)]
    assert set(scanned(folder, cache).photos) == set(paths)
    again = scanned(folder, cache)
    assert set(again.photos) == set(paths)
    assert again.finished.opened == 0


def test_results_do_not_pile_up_while_no_one_takes_them(folder: Path, cache: Cache) -> None:
    count = 400
    fill_fast(folder, count, size=(16, 16))
    judged = []

    def embed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        judged.append(None)
        return quick_embed(pixels)

    events = make_scan(folder, cache, embed=embed).run()
    taken = next(len(event.paths) for event in events if isinstance(event, Embedded))
    before = -1
    while before != len(judged):
        before = len(judged)
        time.sleep(0.3)
    assert len(judged) <= taken + scan_module._RESULTS_WAITING + 2
    assert len(judged) < count
    rest = Events(list(events))
    assert len(rest.photos) == count - taken


def test_a_scan_with_a_cache_that_keeps_nothing(folder: Path, cache: Cache) -> None:
    fill(folder, 3)
    cache.close()
    assert len(scanned(folder, cache).photos) == 3


def test_the_real_backbone(folder: Path, cache: Cache) -> None:
    paths = fill(folder, 3)
    events = scanned(folder, cache, embed=real_backbone().embed)
    for path in paths:
        expected = real_backbone().embed(input_of(path))
        np.testing.assert_allclose(events.vectors[path].astype(np.float32), expected, atol=2e-3)


def test_real_photos_with_their_headers(photos: Path, cache: Cache) -> None:
    events = scanned(photos / "camera", cache)
    assert not events.problems
    assert len(events.photos) == events.finished.total > 10
    assert any(photo.facts.taken_at for photo in events.photos.values())
    assert {photo.facts.format for photo in events.photos.values()} >= {"JPEG", "HEIF"}
    assert scanned(photos / "camera", cache).finished.opened == 0


def slow_embed(seconds: float) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    def embed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        time.sleep(seconds)
        return quick_embed(pixels)

    return embed


def scan_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("scan-")]


def test_other_photos_do_not_wait_for_decoders_that_hang(
    folder: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both threads have one, and another thread goes on."""
    hanging = {make_hanging(folder / f"0{n}.jpg", seed=n) for n in range(2)}
    good = set(fill(folder, 6))
    with decoder_that_hangs(monkeypatch):
        seen: set[Path] = set()
        began = time.monotonic()
        events = make_scan(folder, cache).run()
        for event in events:
            if isinstance(event, Embedded):
                seen.update(event.paths)
            if seen == good:
                break
        assert time.monotonic() - began < bounded.SECONDS
        last = Events(list(events))
    assert last.problems == dict.fromkeys(hanging, reasons.TOO_SLOW)
    assert last.finished.judged == 6
    # Next time the computer may be less busy.
    again = scanned(folder, cache)
    assert not again.problems
    assert again.finished.opened == 2


def test_a_scan_stops_at_once_while_a_decoder_hangs(
    folder: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hanging(folder / "0.jpg")
    for how in ("cancel", "close"):
        with decoder_that_hangs(monkeypatch) as hangs:
            scan = make_scan(folder, cache)
            events = scan.run()
            assert isinstance(next(events), Found)
            # The first batch comes when nothing was ready for a second.
            while not hangs.is_set():
                next(events)
            began = time.monotonic()
            if how == "cancel":
                scan.cancel()
                assert Events(list(events)).finished.canceled
            else:
                events.close()
            assert time.monotonic() - began < 0.5
            assert not scan_threads()


def test_a_hostile_file_is_refused_for_good(folder: Path, cache: Cache) -> None:
    (folder / "a.jpg").write_bytes(hostile("jpeg_scans", 300))
    assert scanned(folder, cache).problems == {folder / "a.jpg": reasons.TOO_COMPLEX}
    assert scanned(folder, cache).finished.opened == 0


def test_work_list_gives_each_photo_once_to_many_threads() -> None:
    files = [PhotoFile(Path(f"/{n}"), 1, 1) for n in range(2000)]
    work = WorkList()
    work.add(files)
    taken: list[list[PhotoFile]] = [[] for _ in range(4)]

    def take(mine: list[PhotoFile]) -> None:
        while (file := work.take()) is not None:
            mine.append(file)
            if len(mine) % 50 == 0:
                work.prefer([Path(f"/{n}") for n in range(1500, 1520)])

    threads = [threading.Thread(target=take, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(file.path for mine in taken for file in mine) == sorted(file.path for file in files)


def test_rate_knows_nothing_at_first_and_then_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rate = Rate(110, done=10)
    assert rate.progress() == Progress(10, 110, 0.0, None)
    now = 102.0
    rate.add(30)
    assert rate.progress() == Progress(30, 110, 10.0, 8.0)
    # Lately it is faster; what was long ago doesn't count.
    for step in range(8):
        now += 1.0
        rate.add(30 + 10 * (step + 1))
    assert rate.progress().per_second == pytest.approx(10.0)
    assert rate.progress().done == 110
    assert rate.progress().seconds_left == 0.0
