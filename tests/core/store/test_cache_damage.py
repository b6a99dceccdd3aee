"""Whatever happens to the cache: nothing false is believed, nothing is raised, and it works again at once."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.store.cache import Cache, CacheEntry, KnownFile
from tests.core.store.damages import damage
from tests.core.store.library_files import key

DAMAGES = 500
PHOTOS = 60
SIZE = 64
FOLDER = Path("/photos")
REPRO = Path(__file__).parents[4] / "shared" / "repro"


def entry(number: int) -> CacheEntry:
    if number % 10 == 0:
        return CacheEntry(PhotoFile(FOLDER / f"{number}.jpg", 1000 + number, number), key(number), "file-empty")
    facts = PhotoFacts(4000, 3000 + number, f"2026-05-03T14:32:{number:02}+02:00", "JPEG")
    picture = {"thumbnail": bytes([number]) * 900, "embedding": vector(number), "backbone_id": "b"}
    file = PhotoFile(FOLDER / f"{number}.jpg", 1000 + number, number)
    return CacheEntry(file, key(number), facts=facts, picture_key=key(1000 + number), **picture)  # type: ignore[arg-type]


def vector(number: int) -> bytes:
    return np.full(SIZE, number, "<f2").tobytes()


ENTRIES = [entry(number) for number in range(PHOTOS)]
KNOWN = {
    one.file.path: KnownFile(
        one.file.size,
        one.file.mtime_ns,
        one.content_key,
        one.reason,
        one.facts,
        one.embedding is not None,
        one.picture_key,
    )
    for one in ENTRIES
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "cache.sqlite"
    with Cache.open(path) as cache:
        cache.store(ENTRIES)
        cache.set_value("device", "cpu")
    return path


def check(cache: Cache, number: int) -> int:
    """Check that what is known is true; return how many files are known."""
    found = cache.lookup_folder(FOLDER, backbone_id="b")
    for path, one in found.items():
        # An embedding may be missing; the photo is judged again then.
        assert one._replace(has_embedding=KNOWN[path].has_embedding) == KNOWN[path], number
    keys = [key(at) for at in range(PHOTOS)]
    names, array = cache.load_embeddings(keys, backbone_id="b", size=SIZE)
    for name, row in zip(names, array, strict=True):
        assert row.astype("<f2").tobytes() == vector(keys.index(name)), number
    for at in (1, 11, 59):
        assert cache.thumbnail(key(at)) in (None, bytes([at]) * 900), number
        content = cache.known_content(key(at), backbone_id="b", size=SIZE)
        assert content is None or (content.facts, content.embedding) == (ENTRIES[at].facts, vector(at)), number
        assert cache.paths_of(key(at)) in ([], [FOLDER / f"{at}.jpg"]), number
    assert cache.get_value("device") in (None, "cpu")
    return len(found)


def test_random_damages(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    partly = 0
    for number in range(DAMAGES):
        path = tmp_path / "data" / "cache.sqlite"
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        shutil.copyfile(original, path)
        damage(path, number)
        with Cache.open(path) as cache:
            assert cache.notice is None
            partly += 0 < check(cache, number) < PHOTOS
            # Scanned again, everything is known.
            cache.store(ENTRIES)
            assert cache.lookup_folder(FOLDER, backbone_id="b") == KNOWN, number
            assert check(cache, number) == PHOTOS
            cache.prune()
    assert partly, "some damage must concern only some rows"


@pytest.mark.parametrize(
    "change",
    [
        (
            "UPDATE files SET content_id = (SELECT id FROM contents WHERE key = x'{other}')"
            " WHERE content_id = (SELECT id FROM contents WHERE key = x'{key}')"
        ),
        "UPDATE files SET reason = 'file-damaged'",
        "UPDATE contents SET taken_at = '1970-01-01T00:00:00'",
        "UPDATE contents SET key = x'00' WHERE key = x'{key}'",
        "UPDATE contents SET picture_key = x'{other}'",
        "UPDATE contents SET width = 'wide'",
        "UPDATE embeddings SET data = zeroblob(128)",
        "UPDATE embeddings SET data = zeroblob(127)",
        "UPDATE thumbnails SET data = x'ffd8'",
        "UPDATE settings SET value = 'gpu'",
        "UPDATE contents SET used = 9223372036854775807",
        "UPDATE files SET reason = CAST(x'ff9e' AS TEXT)",
    ],
)
def test_changed_values_are_not_believed(original: Path, tmp_path: Path, change: str) -> None:
    path = tmp_path / "cache.sqlite"
    shutil.copyfile(original, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        done = connection.execute(change.format(key=key(11), other=key(12)))
        assert done.rowcount
    with Cache.open(path) as cache:
        check(cache, 0)
        cache.store(ENTRIES)
        assert cache.lookup_folder(FOLDER, backbone_id="b") == KNOWN


def test_file_that_was_seen_damaged(tmp_path: Path) -> None:
    if not REPRO.is_dir():
        pytest.skip("the damaged file is not here")
    path = tmp_path / "cache.sqlite"
    shutil.copyfile(REPRO / "cache_bad_text.sqlite", path)
    with Cache.open(path) as cache:
        cache.lookup_folder(Path("/"), backbone_id="b")
        cache.store(ENTRIES)
        assert cache.notice is None
        assert cache.lookup_folder(FOLDER, backbone_id="b") == KNOWN
