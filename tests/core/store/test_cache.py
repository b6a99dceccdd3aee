"""The cache: what is known about photos is found quickly, and a broken cache file never gets in the way."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.events import Placed
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.store.cache import Cache, CacheEntry, KnownContent, KnownFile
from alpacasorter.core.taken import DateSource
from tests.core.store.cache_files import FACTS, FOLDER, SIZE, big, embedding, entry, known, names, size
from tests.core.store.library_files import key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "cache.sqlite"


@pytest.fixture
def cache(path: Path) -> Iterator[Cache]:
    with Cache.open(path) as opened:
        yield opened


def test_what_is_stored_is_known_after_reopening(path: Path) -> None:
    unreadable = CacheEntry(PhotoFile(FOLDER / "bad.jpg", 5, 6), reason="The file is cut short.")
    damaged = CacheEntry(PhotoFile(FOLDER / "cut.jpg", 7, 8), content_key=key(77), reason="The file is cut short.")
    with Cache.open(path) as cache:
        assert cache.notice is None
        assert cache.path == path
        cache.store([])
        cache.store([entry(1), unreadable, damaged, entry(2)])
    with Cache.open(path) as cache:
        assert cache.lookup_folder(FOLDER, backbone_id="one") == {
            FOLDER / "00001.jpg": known(1),
            FOLDER / "00002.jpg": known(2),
            FOLDER / "bad.jpg": KnownFile(5, 6, None, "The file is cut short.", None, False),
            FOLDER / "cut.jpg": KnownFile(7, 8, key(77), "The file is cut short.", None, False),
        }
        assert not cache.lookup_folder(FOLDER, backbone_id="two")[FOLDER / "00001.jpg"].has_embedding
        assert cache.thumbnail(key(1)) == b"\xff\xd8 small"
        assert cache.thumbnail(key(77)) is None
        assert cache.thumbnail(key(78)) is None


def test_picture_key_is_kept_with_the_content(cache: Cache) -> None:
    cache.store([entry(1)])
    assert cache.lookup_folder(FOLDER, backbone_id="one")[FOLDER / "00001.jpg"].picture_key is None
    cache.store([replace(entry(1), picture_key=key(9))])
    assert cache.lookup_folder(FOLDER, backbone_id="one") == {
        FOLDER / "00001.jpg": known(1)._replace(picture_key=key(9))
    }
    # What does not know it leaves it as it is.
    cache.store([entry(1, path=FOLDER / "copy.jpg")])
    assert {one.picture_key for one in cache.lookup_folder(FOLDER, backbone_id="one").values()} == {key(9)}
    assert sorted(cache.paths_of(key(1))) == [FOLDER / "00001.jpg", FOLDER / "copy.jpg"]
    assert cache.paths_of(key(2)) == []


def test_cache_without_picture_keys_keeps_everything(path: Path) -> None:
    with Cache.open(path) as cache:
        cache.store([entry(1), entry(2)])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE contents DROP COLUMN picture_key")
        for table in ("contents", "files", "embeddings", "thumbnails", "settings"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
        connection.execute("PRAGMA user_version = 2")
    with Cache.open(path) as cache:
        assert cache.notice is None
        assert cache.lookup_folder(FOLDER, backbone_id="one") == {
            FOLDER / "00001.jpg": known(1),
            FOLDER / "00002.jpg": known(2),
        }
        assert cache.thumbnail(key(1)) == b"\xff\xd8 small"


@pytest.mark.parametrize("camera", ["Canon EOS R5 #0123", None])
@pytest.mark.parametrize("taken_at", ["2024-05-01T14:32:10.25+02:00", "2024-05-01", None])
@pytest.mark.parametrize("source", [None, *DateSource])
def test_what_the_header_says_comes_back(
    cache: Cache, taken_at: str | None, source: DateSource | None, camera: str | None
) -> None:
    facts = PhotoFacts(4, 3, taken_at, "JPEG", source, None if source is None else camera)
    cache.store([replace(entry(1), facts=facts)])
    assert cache.lookup_folder(FOLDER, backbone_id="one")[FOLDER / "00001.jpg"].facts == facts


def test_file_that_changed_replaces_what_was_known(cache: Cache) -> None:
    cache.store([CacheEntry(PhotoFile(FOLDER / "00001.jpg", 1, 1), reason="Empty.")])
    cache.store([entry(1)])
    assert cache.lookup_folder(FOLDER, backbone_id="one") == {FOLDER / "00001.jpg": known(1)}


def test_copy_of_a_photo_is_known_by_its_content(cache: Cache) -> None:
    assert cache.known_content(key(1), backbone_id="one", size=SIZE) is None
    cache.store([entry(1)])
    assert cache.known_content(key(1), backbone_id="one", size=SIZE) == KnownContent(FACTS, embedding(1), True)
    assert cache.known_content(key(1), backbone_id="two", size=SIZE) is None
    # The copy is stored with only its key, and has everything that the first one has.
    copy = PhotoFile(FOLDER / "copy.jpg", 1001, 5)
    cache.store([CacheEntry(copy, key(1))])
    assert cache.lookup_folder(FOLDER, backbone_id="one")[copy.path] == known(1)._replace(mtime_ns=5)
    assert cache.known_content(key(1), backbone_id="one", size=SIZE) == KnownContent(FACTS, embedding(1), True)
    cache.store([entry(2, thumbnail=None)])
    assert cache.known_content(key(2), backbone_id="one", size=SIZE) == KnownContent(FACTS, embedding(2), False)
    cache.store([CacheEntry(PhotoFile(FOLDER / "bad.jpg", 1, 1), key(3), "Damaged.")])
    assert cache.known_content(key(3), backbone_id="one", size=SIZE) is None


def test_embeddings_come_in_the_requested_order(cache: Cache) -> None:
    cache.store([entry(number) for number in range(50)])
    wanted = [key(number) for number in (30, 99, 4, 4, 49, 0)]
    for _ in range(2):
        found, array = cache.load_embeddings(wanted, backbone_id="one", size=SIZE)
        assert found == [key(number) for number in (30, 4, 4, 49, 0)]
        assert (array.shape, array.dtype) == ((5, SIZE), np.float16)
        assert array[:, 7].tolist() == [30, 4, 4, 49, 0]
    for keys, backbone in (([], "one"), (wanted, "two")):
        found, array = cache.load_embeddings(keys, backbone_id=backbone, size=SIZE)
        assert (found, array.shape, array.dtype) == ([], (0, SIZE), np.float16)


def test_each_backbone_has_its_own_embedding(cache: Cache) -> None:
    file = entry(1).file
    cache.store([entry(1), CacheEntry(file, key(1), embedding=embedding(9), backbone_id="two")])
    assert cache.load_embeddings([key(1)], backbone_id="one", size=SIZE)[1][0, 0] == 1
    assert cache.load_embeddings([key(1)], backbone_id="two", size=SIZE)[1][0, 0] == 9


@pytest.mark.parametrize("size", [1, 3, 512, 2048, 1 << 16])
def test_embeddings_of_any_size(path: Path, size: int) -> None:
    vectors = np.random.default_rng(size).normal(size=(3, size)).astype("<f2")
    files = [entry(number).file for number in range(3)]
    with Cache.open(path) as cache:
        cache.store(
            [
                CacheEntry(file, key(n), None, FACTS, b"\xff\xd8", vectors[n].tobytes(), "other")
                for n, file in enumerate(files)
            ]
        )
    with Cache.open(path) as cache:
        found, array = cache.load_embeddings([key(2), key(0)], backbone_id="other", size=size)
        assert found == [key(2), key(0)]
        assert np.array_equal(array, vectors[[2, 0]])
        content = cache.known_content(key(1), backbone_id="other", size=size)
        assert content is not None
        assert content.embedding == vectors[1].tobytes()
        assert cache.lookup_folder(FOLDER, backbone_id="other")[files[0].path].has_embedding


@pytest.mark.parametrize("stored", [SIZE - 1, SIZE + 1, 1, 2 * SIZE])
def test_embedding_of_another_length_than_requested_is_unknown(cache: Cache, stored: int) -> None:
    damaged = CacheEntry(entry(1).file, key(1), None, FACTS, None, embedding(1, stored), "one")
    cache.store([damaged, entry(2)])
    found, array = cache.load_embeddings([key(1), key(2)], backbone_id="one", size=SIZE)
    assert (found, array.shape) == ([key(2)], (1, SIZE))
    assert cache.known_content(key(1), backbone_id="one", size=SIZE) is None
    # It is made again and replaces the damaged one.
    cache.store([entry(1)])
    assert cache.load_embeddings([key(1)], backbone_id="one", size=SIZE)[0] == [key(1)]


@pytest.mark.parametrize(
    "wrong",
    [
        CacheEntry(entry(1).file, "no key"),
        CacheEntry(entry(1).file, key(1), embedding=b"", backbone_id="one"),
        CacheEntry(entry(1).file, key(1), embedding=embedding(1) + b"\0", backbone_id="one"),
        CacheEntry(entry(1).file, key(1), embedding=embedding(1, (1 << 16) + 1), backbone_id="one"),
        CacheEntry(entry(1).file, key(1), embedding=embedding(1)),
        CacheEntry(entry(1).file, None, embedding=embedding(1), backbone_id="one"),
    ],
)
def test_wrong_entries_are_refused(cache: Cache, wrong: CacheEntry) -> None:
    with pytest.raises(ValueError, match=r"embedding|hexadecimal"):
        cache.store([entry(2), wrong])
    assert names(cache) == set()


@pytest.mark.skipif(os.name != "posix", reason="paths of another form")
def test_only_what_is_below_the_folder_is_found(cache: Cache) -> None:
    odd = os.fsdecode(b"/a/b\xff/caf\xe9.jpg")
    places = ["/a/b/1.jpg", "/a/b/c/d/2.jpg", "/a/bc/3.jpg", "/a/b.jpg", "/a/b-/4.jpg", "/a/b0/5.jpg", "/a/B/6.jpg"]
    places += ["/a/ü/7.jpg", odd, "/8.jpg", "/a/b%/9.jpg"]
    cache.store([entry(number, path=Path(place)) for number, place in enumerate(places)])
    assert names(cache, "/a/b") == {"/a/b/1.jpg", "/a/b/c/d/2.jpg"}
    assert names(cache, "/a/b/") == names(cache, "/a/b")
    assert names(cache, "/a/b/c") == {"/a/b/c/d/2.jpg"}
    assert names(cache, os.fsdecode(b"/a/b\xff")) == {odd}
    assert names(cache, "/a/ü") == {"/a/ü/7.jpg"}
    assert names(cache, "/a") == set(places) - {"/8.jpg"}
    assert names(cache, "/") == set(places)
    assert names(cache, "/a/b/1.jpg") == set()
    assert names(cache, "/nothing") == set()


def test_thumbnails_come_alone(cache: Cache) -> None:
    cache.store_thumbnail(key(1), b"first")
    cache.store_thumbnail(key(1), b"second")
    assert cache.thumbnail(key(1)) == b"second"
    assert cache.known_content(key(1), backbone_id="one", size=SIZE) is None
    cache.store([entry(1, thumbnail=None)])
    assert cache.known_content(key(1), backbone_id="one", size=SIZE) == KnownContent(FACTS, embedding(1), True)


def test_settings(path: Path) -> None:
    with Cache.open(path) as cache:
        assert cache.get_value("device") is None
        cache.set_value("device", "cpu")
        cache.set_value("device", "gpu")
    with Cache.open(path) as cache:
        assert cache.get_value("device") == "gpu"


def test_closed_cache_knows_and_keeps_nothing(path: Path) -> None:
    cache = Cache.open(path)
    cache.store([entry(1)])
    cache.close()
    cache.close()
    cache.store([entry(2)])
    assert names(cache) == set()
    assert cache.thumbnail(key(1)) is None
    assert cache.load_embeddings([key(1)], backbone_id="one", size=SIZE)[0] == []
    assert cache.prune() == 0
    cache.clear()
    with Cache.open(path) as again:
        assert names(again) == {str(FOLDER / "00001.jpg")}


def test_prune_drops_what_was_not_used_for_longest(path: Path) -> None:
    for start in (0, 100, 200):
        with Cache.open(path) as cache:
            cache.store([big(number) for number in range(start, start + 100)])
    with Cache.open(path) as cache:
        # Used in a later session than the one that stored 100 to 299.
        assert cache.thumbnail(key(3)) is not None
        assert cache.load_embeddings([key(4)], backbone_id="one", size=SIZE)[0]
        assert cache.known_content(key(5), backbone_id="one", size=SIZE) is not None
    limit = 2_500_000
    with Cache.open(path, limit_bytes=limit) as cache:
        assert size(path) > 6_000_000
        dropped = cache.prune()
        assert 180 < dropped < 230
        assert size(path) <= limit
        left = cache.lookup_folder(FOLDER, backbone_id="one")
        assert len(left) == 300 - dropped
        assert {FOLDER / f"{number:05}.jpg" for number in (3, 4, 5, 299)} <= set(left)
        assert FOLDER / "00150.jpg" not in left
        assert cache.thumbnail(key(299)) is not None
        assert cache.prune() == 0


def test_nothing_used_in_this_session_is_dropped(path: Path) -> None:
    with Cache.open(path) as cache:
        cache.store([big(number) for number in range(30)])
    with Cache.open(path, limit_bytes=1000) as cache:
        assert len(names(cache)) == 30
        cache.store([big(number) for number in range(100, 120)])
        bad = CacheEntry(PhotoFile(Path("/elsewhere/bad.jpg"), 1, 1), reason="Empty.")
        cache.store([bad])
        assert cache.prune() == 0
        assert len(names(cache)) == 50
        assert len(names(cache, "/elsewhere")) == 1
    with Cache.open(path, limit_bytes=1000) as cache:
        assert cache.prune() == 50
        assert names(cache) == names(cache, "/elsewhere") == set()


def test_store_holds_the_file_near_its_limit(path: Path) -> None:
    limit = 3_000_000
    for session in range(6):
        with Cache.open(path, limit_bytes=limit) as cache:
            for number in range(40):
                cache.store([big(session * 100 + number)])
            assert size(path) < 1.3 * limit
            assert len(cache.load_embeddings([key(session * 100)], backbone_id="one", size=SIZE)[0]) == 1


def test_clear_forgets_everything_and_gives_the_space_back(cache: Cache, path: Path) -> None:
    cache.store([big(number) for number in range(100)])
    cache.store([CacheEntry(PhotoFile(FOLDER / "bad.jpg", 1, 1), reason="Empty.")])
    cache.set_value("device", "gpu")
    assert len(names(cache)) == 101
    cache.clear()
    assert names(cache) == set()
    assert cache.get_value("device") is None
    assert cache.thumbnail(key(1)) is None
    assert size(path) < 300_000
    cache.store([entry(1)])
    assert len(names(cache)) == 1


def test_sessions_are_in_order_even_if_the_clock_goes_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Cache.open(path) as cache:
        cache.store([big(1)])
    monkeypatch.setattr("time.time_ns", lambda: 1)
    with Cache.open(path) as cache:
        cache.store([big(2)])
    with Cache.open(path, limit_bytes=150_000) as cache:
        cache.store([big(3)])
        cache.prune()
        assert cache.thumbnail(key(3)) is not None
        assert cache.thumbnail(key(1)) is None


def place(number: int, after: Path | None, *, kept: bool = False, named: bool = True) -> Placed:
    file = entry(number).file
    return Placed(file.path, after, kept, file.size, file.mtime_ns + 5, key(number) if named else None)


def test_what_is_known_follows_a_moved_file(cache: Cache) -> None:
    unreadable = CacheEntry(PhotoFile(FOLDER / "00009.jpg", 1009, 6), reason="The file is cut short.")
    cache.store([entry(1), entry(2), unreadable])
    cache.follow([])
    cache.follow([place(1, Path("/sorted/a.jpg")), place(2, Path("/sorted/b.jpg"), named=False)])
    cache.follow([place(9, Path("/sorted/c.jpg"), named=False), place(5, Path("/sorted/unknown.jpg"), named=False)])
    assert names(cache) == set()
    found = cache.lookup_folder(Path("/sorted"), backbone_id="one")
    assert found == {
        Path("/sorted/a.jpg"): known(1)._replace(mtime_ns=10**18 + 6),
        Path("/sorted/b.jpg"): known(2)._replace(mtime_ns=10**18 + 7),
        Path("/sorted/c.jpg"): KnownFile(1009, 10**18 + 14, None, "The file is cut short.", None, False),
    }


def test_a_copy_shares_what_is_known_until_it_is_undone(cache: Cache) -> None:
    copy = Path("/sorted/a.jpg")
    cache.store([entry(1)])
    cache.follow([place(1, copy, kept=True)])
    assert names(cache) == {str(FOLDER / "00001.jpg")}
    assert cache.lookup_folder(Path("/sorted"), backbone_id="one")[copy].content_key == key(1)
    cache.follow([Placed(copy, None, False, 1001, 5, key(1))])
    assert names(cache, "/sorted") == set()
    assert names(cache) == {str(FOLDER / "00001.jpg")}


def test_a_file_that_only_its_content_tells_of_is_known_where_it_is_now(cache: Cache) -> None:
    cache.store([entry(1), CacheEntry(PhotoFile(FOLDER / "cut.jpg", 7, 8), content_key=key(77), reason="Cut short.")])
    cache.follow([Placed(Path("/other/x.jpg"), Path("/sorted/x.jpg"), False, 1001, 5, key(1))])
    # What is known about another file that had this path is not known about this one.
    cache.follow([Placed(FOLDER / "00001.jpg", Path("/sorted/y.jpg"), True, 1001, 5, key(2))])
    cache.follow([Placed(Path("/other/cut.jpg"), Path("/sorted/cut.jpg"), False, 7, 5, key(77))])
    assert {path.name for path in cache.lookup_folder(Path("/sorted"), backbone_id="one")} == {"x.jpg"}
