"""What the tests of the cache put into it."""

import os
from pathlib import Path

import numpy as np

from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.store.cache import Cache, CacheEntry, KnownFile
from tests.core.store.library_files import key

FACTS = PhotoFacts(4000, 3000, "2026-05-03T14:32:10+02:00", "JPEG")
FOLDER = Path("/photos")
SIZE = 1280


def embedding(number: int, size: int = SIZE) -> bytes:
    return np.full(size, number, "<f2").tobytes()


def entry(number: int, *, path: Path | None = None, thumbnail: bytes | None = b"\xff\xd8 small") -> CacheEntry:
    file = PhotoFile(path or FOLDER / f"{number:05}.jpg", 1000 + number, 10**18 + number)
    return CacheEntry(file, key(number), None, FACTS, thumbnail, embedding=embedding(number), backbone_id="one")


def known(number: int) -> KnownFile:
    return KnownFile(1000 + number, 10**18 + number, key(number), None, FACTS, True)


def names(cache: Cache, root: Path | str = FOLDER) -> set[str]:
    return {str(path) for path in cache.lookup_folder(Path(root), backbone_id="one")}


def big(number: int) -> CacheEntry:
    return entry(number, thumbnail=os.urandom(20_000))


def size(path: Path) -> int:
    return path.stat().st_size
