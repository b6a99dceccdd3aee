"""The cache when its file is damaged, its folder can't be written, or others use it: it never gets in the way."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alpacasorter.core.store.cache import Cache
from tests.core.store.cache_files import FOLDER, SIZE, big, entry, names, size
from tests.core.store.library_files import (
    PAGE,
    ROOT,
    cut_to_a_few_bytes,
    emptied,
    key,
    overwrite,
    put_in_the_way,
    removed,
)
from tests.unprivileged import ordinary_user, shared_folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "cache.sqlite"


@pytest.fixture
def cache(path: Path) -> Iterator[Cache]:
    with Cache.open(path) as opened:
        yield opened


def noise_everywhere(path: Path) -> None:
    path.write_bytes(os.urandom(size(path)))


def noise_in_header(path: Path) -> None:
    overwrite(path, 0, os.urandom(PAGE))


def zeros_in_schema(path: Path) -> None:
    overwrite(path, 100, bytes(8000))


def cut_short(path: Path) -> None:
    os.truncate(path, size(path) // 3)


def wrong_application(path: Path) -> None:
    overwrite(path, 68, b"XXXX")


def other_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def older_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1")
    connection.close()


def lost_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE thumbnails")
    connection.close()


def noise_from_the_second_page_on(path: Path) -> None:
    overwrite(path, 8192, os.urandom(size(path) - 8192))


DAMAGE = [
    noise_everywhere,
    noise_in_header,
    zeros_in_schema,
    cut_short,
    cut_to_a_few_bytes,
    emptied,
    removed,
    wrong_application,
    other_version,
    older_version,
    lost_table,
    noise_from_the_second_page_on,
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_cache_is_recreated(path: Path, damage: Callable[[Path], None]) -> None:
    with Cache.open(path) as cache:
        cache.store([big(number) for number in range(50)])
    damage(path)
    with Cache.open(path) as cache:
        assert cache.notice is None
        for number in range(50):
            cache.thumbnail(key(number))
        cache.load_embeddings([key(number) for number in range(50)], backbone_id="one", size=SIZE)
        assert names(cache) == set()
        cache.store([entry(1)])
        assert cache.notice is None
    with Cache.open(path) as cache:
        assert len(names(cache)) == 1
        assert cache.thumbnail(key(1)) is not None


@pytest.mark.parametrize(
    "use",
    [
        lambda cache: cache.lookup_folder(FOLDER, backbone_id="one"),
        lambda cache: cache.load_embeddings([key(number) for number in range(500)], backbone_id="one", size=SIZE),
        lambda cache: [cache.known_content(key(number), backbone_id="one", size=SIZE) for number in range(500)],
        lambda cache: [cache.thumbnail(key(number)) for number in range(500)],
        lambda cache: [cache.store_thumbnail(key(number), b"new") for number in range(500)],
        lambda cache: cache.store([entry(number) for number in range(500)]),
        lambda cache: cache.set_value("a", "b"),
        lambda cache: cache.get_value("a"),
        lambda cache: cache.prune(),
        lambda cache: cache.clear(),
        lambda cache: cache.close(),
    ],
)
def test_damage_while_open_never_raises(path: Path, use: Callable[[Cache], object]) -> None:
    with Cache.open(path) as cache:
        cache.store([big(number) for number in range(500)])
    with Cache.open(path, limit_bytes=100_000) as cache:
        script = "import os, sys; file = open(sys.argv[1], 'rb+'); size = os.path.getsize(sys.argv[1])\n"
        script += "for at in range(8192, size, 4096): file.seek(at); file.write(os.urandom(4096))"
        subprocess.run([sys.executable, "-c", script, path], check=True)
        use(cache)
        cache.store([big(number) for number in range(1000, 1010)])
        cache.load_embeddings([key(number) for number in range(500)], backbone_id="one", size=SIZE)
        assert cache.notice is None
    with Cache.open(path) as cache:
        cache.store([entry(1)])
        assert str(FOLDER / "00001.jpg") in names(cache)
        assert cache.notice is None


def test_folder_that_cannot_be_written_gives_a_temporary_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with Cache.open(tmp_path / "file" / "cache.sqlite") as cache:
        assert cache.notice is not None
        assert "next start" in cache.notice
        cache.store([entry(1)])
        assert len(names(cache)) == 1
        assert cache.load_embeddings([key(1)], backbone_id="one", size=SIZE)[0] == [key(1)]
        cache.prune()
        cache.clear()
        assert names(cache) == set()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".lock"])
@pytest.mark.parametrize("kind", ["folder", "dangling link", "pipe"])
def test_what_is_in_the_way_is_set_aside(path: Path, suffix: str, kind: str) -> None:
    path.parent.mkdir()
    there = path.with_name(path.name + suffix)
    put_in_the_way(there, kind)
    for _ in range(2):
        with Cache.open(path) as cache:
            assert cache.notice is None
            cache.store([entry(1)])
            assert len(names(cache)) == 1
    if kind == "folder":
        assert len(list(path.parent.glob("*-damaged-*/inside"))) == 1


def test_folder_without_permission_gives_a_temporary_cache() -> None:
    with shared_folder() as folder:
        with Cache.open(folder / "cache.sqlite") as cache:
            cache.store([entry(1)])
        (folder / "cache.sqlite").chmod(0o444)
        for path in (folder / "cache.sqlite", folder / "new" / "cache.sqlite"):
            with ordinary_user(), Cache.open(path) as cache:
                assert cache.notice is not None
                cache.store([entry(2)])
                assert cache.thumbnail(key(2)) is not None


def test_full_disk_only_means_that_less_is_kept(cache: Cache) -> None:
    cache.store([entry(1)])
    connection = cache._file._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    cache.store([big(number) for number in range(2, 50)])
    assert cache.notice is not None
    assert "disk is full" in cache.notice
    assert names(cache) == {str(FOLDER / "00001.jpg")}
    connection.execute("PRAGMA max_page_count = 1000000")
    cache.store([big(2)])
    assert len(names(cache)) == 2


def test_two_instances_share_one_cache(cache: Cache, path: Path) -> None:
    script = """
import sys
from pathlib import Path
from alpacasorter.core.store.cache import Cache
from tests.core.store.test_cache import big, key, names
start = int(sys.argv[2])
with Cache.open(Path(sys.argv[1])) as cache:
    for number in range(start, start + 100):
        cache.store([big(number)])
        assert cache.thumbnail(key(number)) is not None
    assert cache.notice is None
"""
    command = [sys.executable, "-c", script, path]
    children = [subprocess.Popen([*command, str(start)], cwd=ROOT) for start in (0, 1000)]
    for number in range(2000, 2100):
        cache.store([big(number)])
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    assert len(names(cache)) == 300


@pytest.mark.skipif(os.name != "posix", reason="an open file can't be deleted on this platform")
def test_instance_continues_when_another_recreates_its_cache(path: Path) -> None:
    with Cache.open(path) as first:
        first.store([big(number) for number in range(100)])
    with Cache.open(path) as first:
        # Damaged at the start of the file as another process sees it, intact in the pages that this one has read.
        script = "import sys; file = open(sys.argv[1], 'rb+'); file.write(bytes(9000))"
        subprocess.run([sys.executable, "-c", script, path], check=True)
        script = "import sys; from pathlib import Path; from tests.core.store.test_cache import *\n"
        script += "with Cache.open(Path(sys.argv[1])) as cache: assert not names(cache); cache.store([big(7)])"
        subprocess.run([sys.executable, "-c", script, path], cwd=ROOT, check=True)
        for number in range(100):
            first.thumbnail(key(number))
        first.store([entry(1)])
        assert first.notice is None
    with Cache.open(path) as again:
        assert str(FOLDER / "00007.jpg") in names(again)


def test_many_threads_share_one_cache(cache: Cache) -> None:
    errors: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for number in range(start, start + 50):
                cache.store([entry(number)])
                assert cache.thumbnail(key(number)) is not None
                assert cache.load_embeddings([key(number)], backbone_id="one", size=SIZE)[0] == [key(number)]
                assert len(names(cache)) > 0
        except BaseException as error:  # noqa: BLE001 - told to the thread that judges
            errors.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 300, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(names(cache)) == 300
