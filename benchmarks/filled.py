"""Makes a folder of 10,000 files that are all in the cache, without decoding any of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from common import varied
from PIL import Image

from alpacasorter import paths
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.store.cache import Cache, CacheEntry
from alpacasorter.ml.models.bundle import load_bundle

PHOTOS = 10_000
_BATCH = 500


def fill(place: Path, photos: int = PHOTOS) -> Path:
    """Make the folder and the cache in `place`; return the folder.

    The embeddings are mixed from those of the training photos, so that learning has real work to do.
    """
    bundle = load_bundle(paths.bundled_model())
    folder = place / "photos"
    folder.mkdir(parents=True)
    random = np.random.default_rng(3)
    known = bundle.replay.embeddings.astype(np.float32)
    thumbnail = _thumbnail()
    with Cache.open(place / "cache" / "cache.sqlite") as cache:
        for start in range(0, photos, _BATCH):
            entries = []
            for n in range(start, min(start + _BATCH, photos)):
                path = folder / f"IMG_{n:05}.jpg"
                data = varied(thumbnail, n)
                path.write_bytes(data)
                status = path.stat()
                two = known[random.integers(0, len(known), 2)]
                vector = two.mean(axis=0) * random.uniform(0.8, 1.2, known.shape[1])
                entries.append(
                    CacheEntry(
                        PhotoFile(path, status.st_size, status.st_mtime_ns),
                        content_key(data),
                        None,
                        PhotoFacts(4000, 3000, f"2026-05-{1 + n % 28:02}T10:00:00", "JPEG"),
                        thumbnail,
                        vector.astype("<f2").tobytes(),
                        bundle.backbone_id,
                        picture_key(data, content_key(data)),
                    )
                )
            cache.store(entries)
    return folder


def _thumbnail() -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
