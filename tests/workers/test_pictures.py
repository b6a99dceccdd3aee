"""Thumbnails and previews, from real files and a real cache."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from alpacasorter.core import reasons
from alpacasorter.core.photos import decode as decode_module
from alpacasorter.core.photos import reading
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.store.cache import Cache
from alpacasorter.ml.scan import DECODE_SIDE, THUMBNAIL_SIDE
from alpacasorter.workers import pictures as pictures_module
from alpacasorter.workers.pictures import PreviewLoader, ThumbnailLoader
from tests.hanging import decoder_that_hangs, make_hanging
from tests.picture_files import BAD_KINDS, CORNERS, corner_colors, make_picture

WAIT_MS = 20_000
SIZE = QSize(150, 150)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache.open(tmp_path / "cache.sqlite") as opened:
        yield opened


class Thumbnails:
    """A loader of thumbnails and its results."""

    def __init__(self, qtbot: QtBot) -> None:
        self.loader = ThumbnailLoader()
        self.loaded: dict[str, QImage] = {}
        self.order: list[str] = []
        self.dropped: list[str] = []
        self._qtbot = qtbot
        self.loader.loaded.connect(self._on_loaded)
        self.loader.dropped.connect(self.dropped.append)

    def _on_loaded(self, key: str, image: QImage) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.loaded[key] = image
        self.order.append(key)

    def get(self, key: str, path: Path, size: QSize = SIZE) -> QImage:
        self.loaded.pop(key, None)
        self.loader.request(key, path, size)
        self._qtbot.waitUntil(lambda: key in self.loaded, timeout=WAIT_MS)
        return self.loaded[key]

    def wait(self, count: int) -> None:
        self._qtbot.waitUntil(lambda: len(self.order) + len(self.dropped) >= count, timeout=WAIT_MS)


@pytest.fixture
def thumbnails(qtbot: QtBot) -> Iterator[Thumbnails]:
    made = Thumbnails(qtbot)
    yield made
    made.loader.close()


class Previews:
    """A loader of previews and its results."""

    def __init__(self, qtbot: QtBot) -> None:
        self.loader = PreviewLoader()
        self.loaded: dict[Path, QImage] = {}
        self.failed: dict[Path, str] = {}
        self._qtbot = qtbot
        self.loader.loaded.connect(lambda path, image: self.loaded.update({path: image}))
        self.loader.failed.connect(lambda path, reason: self.failed.update({path: reason}))

    def get(self, path: Path, min_side: int = 64) -> QImage | str:
        self.loaded.pop(path, None)
        self.failed.pop(path, None)
        self.loader.request(path, min_side)
        self._qtbot.waitUntil(lambda: path in self.loaded or path in self.failed, timeout=WAIT_MS)
        return self.loaded[path] if path in self.loaded else self.failed[path]


@pytest.fixture
def previews(qtbot: QtBot) -> Iterator[Previews]:
    made = Previews(qtbot)
    yield made
    made.loader.close()


def colors(image: QImage) -> list[tuple[int, int, int]]:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return corner_colors(rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3))


def assert_upright(image: QImage) -> None:
    for found, expected in zip(colors(image), CORNERS, strict=True):
        assert np.abs(np.subtract(found, expected)).max() < 40


def key_of(path: Path) -> str:
    return content_key(path.read_bytes())


def assert_fits(image: QImage, width: int, height: int) -> None:
    """A picture of this size, as large as `SIZE` allows."""
    scale = min(SIZE.width() / width, SIZE.height() / height)
    assert image.width() == pytest.approx(width * scale, abs=1.0)
    assert image.height() == pytest.approx(height * scale, abs=1.0)


def test_a_thumbnail_comes_from_the_cache(thumbnails: Thumbnails, cache: Cache, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg", size=(400, 300))
    photo = decode(path.read_bytes(), min_side=DECODE_SIDE, thumbnail_side=THUMBNAIL_SIDE)
    assert photo.thumbnail is not None
    cache.store_thumbnail("ab" * 32, photo.thumbnail)
    thumbnails.loader.use_cache(cache)
    # It doesn't need the file.
    image = thumbnails.get("ab" * 32, tmp_path / "none.jpg")
    assert_fits(image, 400, 300)
    assert_upright(image)


def test_a_thumbnail_that_the_cache_lacks_comes_from_the_file(
    thumbnails: Thumbnails, cache: Cache, tmp_path: Path
) -> None:
    path = make_picture(tmp_path / "a.jpg", kind="rotated_8", size=(640, 400))
    thumbnails.loader.use_cache(cache)
    image = thumbnails.get(key_of(path), path)
    assert_fits(image, 640, 400)
    assert_upright(image)
    kept = cache.thumbnail(key_of(path))
    assert kept is not None
    assert max(QImage.fromData(kept).width(), QImage.fromData(kept).height()) == THUMBNAIL_SIDE
    # From now on from the cache.
    key = key_of(path)
    path.unlink()
    assert_upright(thumbnails.get(key, path, QSize(50, 50)))


def test_thumbnails_without_a_cache(thumbnails: Thumbnails, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg", size=(400, 300))
    assert_upright(thumbnails.get(key_of(path), path))


def test_an_overwritten_photo_does_not_corrupt_the_cache(thumbnails: Thumbnails, cache: Cache, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg", seed=1)
    key = key_of(path)
    make_picture(path, seed=2)
    thumbnails.loader.use_cache(cache)
    assert not thumbnails.get(key, path).isNull()
    assert cache.thumbnail(key) is None, "it is a thumbnail of another photo"


def test_a_damaged_thumbnail_is_made_again(thumbnails: Thumbnails, cache: Cache, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg", size=(400, 300))
    cache.store_thumbnail(key_of(path), b"no JPEG")
    thumbnails.loader.use_cache(cache)
    assert_upright(thumbnails.get(key_of(path), path))
    assert cache.thumbnail(key_of(path)) != b"no JPEG"


def test_what_cannot_be_shown_is_a_null_image(
    thumbnails: Thumbnails, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thumbnails.loader.use_cache(cache)
    for kind in BAD_KINDS:
        path = make_picture(tmp_path / kind, kind=kind)
        assert thumbnails.get(key_of(path), path).isNull()
    assert thumbnails.get("cd" * 32, tmp_path / "none.jpg").isNull()
    good = make_picture(tmp_path / "good.jpg")

    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "decode", broken)
        for n in range(3):
            assert thumbnails.get(f"{n:064}", good).isNull()
    assert not thumbnails.get(key_of(good), good).isNull(), "its threads are still running"


def test_beyond_a_screenful_the_oldest_requests_are_dropped_and_the_latest_come_first(
    thumbnails: Thumbnails, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_picture(tmp_path / "a.jpg")
    photo = decode(path.read_bytes(), min_side=DECODE_SIDE, thumbnail_side=THUMBNAIL_SIDE)
    assert photo.thumbnail is not None
    monkeypatch.setattr(pictures_module, "_MOST_WAITING", 5)
    keys = [f"{n:064}" for n in range(12)]
    for key in keys:
        cache.store_thumbnail(key, photo.thumbnail)
    busy, go_on, end = threading.Semaphore(0), threading.Event(), threading.Event()
    read = cache.thumbnail

    def slow(key: str) -> bytes | None:
        busy.release()
        # One thread is kept busy, so that the order is that of the other one.
        (end if key == keys[0] else go_on).wait()
        return read(key)

    monkeypatch.setattr(cache, "thumbnail", slow)
    thumbnails.loader.use_cache(cache)
    for n in range(2):
        thumbnails.loader.request(keys[n], path, SIZE)
        assert busy.acquire(timeout=20), "both threads are busy now"
    for key in keys[2:]:
        thumbnails.loader.request(key, path, SIZE)
    go_on.set()
    thumbnails.wait(11)
    end.set()
    thumbnails.wait(12)
    assert thumbnails.dropped == keys[2:7]
    assert thumbnails.order == [keys[1], *reversed(keys[7:]), keys[0]]


def test_forgotten_requests_are_neither_loaded_nor_dropped(
    thumbnails: Thumbnails, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    path = make_picture(tmp_path / "a.jpg")
    busy, go_on = threading.Semaphore(0), threading.Event()

    def slow(_: str) -> bytes | None:
        busy.release()
        go_on.wait()
        return None

    monkeypatch.setattr(cache, "thumbnail", slow)
    thumbnails.loader.use_cache(cache)
    keys = [f"{n:064}" for n in range(6)]
    for n in range(2):
        thumbnails.loader.request(keys[n], path, SIZE)
        assert busy.acquire(timeout=20)
    for key in keys[2:]:
        thumbnails.loader.request(key, path, SIZE)
    thumbnails.loader.clear()
    go_on.set()
    thumbnails.wait(2)
    qtbot.wait(50)
    assert set(thumbnails.order) == set(keys[:2])
    assert thumbnails.dropped == []


def test_closing_ends_the_threads(qtbot: QtBot, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    made = Thumbnails(qtbot)
    made.loader.close()
    made = Thumbnails(qtbot)
    path = make_picture(tmp_path / "a.jpg")
    made.get(key_of(path), path)
    made.loader.close()
    made.loader.close()
    previews = Previews(qtbot)
    previews.get(path)
    previews.loader.close()
    previews.loader.close()
    assert set(threading.enumerate()) <= before
    made.loader.request(key_of(path), path, SIZE)
    previews.loader.request(path, 64)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("kind", ["jpeg", "png_16bit", *(f"rotated_{n}" for n in range(2, 9))])
def test_previews_are_upright(previews: Previews, tmp_path: Path, kind: str) -> None:
    image = previews.get(make_picture(tmp_path / "a", kind=kind, size=(301, 200)), 200)
    assert isinstance(image, QImage)
    assert (image.width(), image.height()) == (301, 200)
    assert_upright(image)


def test_a_preview_is_as_large_as_requested_and_not_much_larger(previews: Previews, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg", size=(1600, 1200))
    image = previews.get(path, 200)
    assert isinstance(image, QImage)
    assert 200 <= image.height() < 600
    whole = previews.get(path, 5000)
    assert isinstance(whole, QImage)
    assert (whole.width(), whole.height()) == (1600, 1200)


def test_a_preview_that_fails_says_why(previews: Previews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert previews.get(tmp_path / "none.jpg") == reasons.sentence(reasons.VANISHED)
    assert previews.get(make_picture(tmp_path / "a.jpg", kind="truncated_jpeg")) == reasons.sentence(reasons.TRUNCATED)
    good = make_picture(tmp_path / "b.jpg")

    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "decode", broken)
        assert str(previews.get(good)).endswith("can't be shown.")
    assert isinstance(previews.get(good), QImage), "its thread is still running"


def test_only_the_latest_preview_counts(
    previews: Previews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    paths = [make_picture(tmp_path / f"{n}.jpg", seed=n) for n in range(6)]
    busy, go_on = threading.Event(), threading.Event()
    read = reading.read_photo
    opened = []

    def slow(path: Path) -> bytes:
        opened.append(path)
        busy.set()
        go_on.wait()
        return read(path)

    monkeypatch.setattr(reading, "read_photo", slow)
    previews.loader.request(paths[0], 64)
    assert busy.wait(20)
    for path in paths[1:]:
        previews.loader.request(path, 64)
    go_on.set()
    qtbot.waitUntil(lambda: paths[5] in previews.loaded, timeout=WAIT_MS)
    assert opened == [paths[0], paths[5]]


def test_loaders_close_at_once_while_a_decoder_hangs(
    thumbnails: Thumbnails, previews: Previews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_hanging(tmp_path / "a.jpg")
    for loader, request in (
        (previews.loader, lambda: previews.loader.request(path, 64)),
        (thumbnails.loader, lambda: thumbnails.loader.request(key_of(path), path, QSize(64, 64))),
    ):
        with decoder_that_hangs(monkeypatch) as hangs:
            request()
            assert hangs.wait(20)
            began = time.monotonic()
            loader.close()
            assert time.monotonic() - began < 0.5
    assert not previews.failed


def test_the_next_preview_does_not_wait_for_a_decoder_that_hangs(
    previews: Previews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with decoder_that_hangs(monkeypatch) as hangs:
        previews.loader.request(make_hanging(tmp_path / "a.jpg"), 64)
        assert hangs.wait(20)
        began = time.monotonic()
        assert isinstance(previews.get(make_picture(tmp_path / "b.jpg")), QImage)
        assert time.monotonic() - began < 1.5
        assert not previews.failed
