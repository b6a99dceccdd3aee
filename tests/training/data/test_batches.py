"""Decoded photos in batches: the app's own pixels, decoded once or each time."""

import threading

import numpy as np
import pytest
from PIL import Image

from alpacasorter.core import reasons
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.training.data.batches import PhotoStore, shuffled
from alpacasorter.training.data.dataset import MIN_SIDE, DatasetError
from tests.training.pictures import picture

SIDE = 32


@pytest.fixture
def paths(tmp_path):
    places = [tmp_path / f"{n}.png" for n in range(7)]
    for n, path in enumerate(places):
        picture(n % 2 == 0, n).save(path)
    return places


def expected(path):
    return model_input(decode(read_photo(path), min_side=MIN_SIDE).pixels, SIDE)


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_they_are_the_pixels_the_app_judges(paths, limit):
    rows = np.array([3, 0, 6])
    with PhotoStore(paths, SIDE, limit=limit) as store:
        for _ in range(2):
            found = store.pictures(rows)
            assert found.dtype == np.uint8
            for row, pixels in zip(rows, found, strict=True):
                assert (pixels == expected(paths[row])).all()


def test_a_photo_is_upright(tmp_path):
    sideways = picture(True, 1).crop((0, 0, 96, 48))
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways.save(tmp_path / "sideways.jpg", exif=exif, quality=95)
    sideways.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "upright.jpg", quality=95)
    with PhotoStore([tmp_path / "sideways.jpg", tmp_path / "upright.jpg"], SIDE) as store:
        turned, upright = store.pictures(np.array([0, 1])).astype(int)
    assert np.abs(turned - upright).mean() < 4


def test_kept_photos_are_not_opened_again(paths):
    with PhotoStore(paths, SIDE) as store:
        first = store.pictures(np.arange(7)).copy()
        for path in paths:
            path.unlink()
        assert (store.pictures(np.arange(7)) == first).all()


def test_a_photo_that_vanished(paths):
    with PhotoStore(paths, SIDE, limit=0) as store:
        paths[2].unlink()
        with pytest.raises(DatasetError, match=r"2\.png can no longer be read.*no longer there"):
            store.pictures(np.array([1, 2]))


def test_an_unreadable_photo_has_a_reason(paths):
    paths[1].write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    with PhotoStore(paths, SIDE) as store:
        good, bad = store.try_decode([0, 1])
    assert bad == reasons.DAMAGED
    assert (good == expected(paths[0])).all()


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_batches_keep_the_order(paths, limit):
    rows = np.array([6, 1, 4, 0, 2])
    with PhotoStore(paths, SIDE, limit=limit) as store:
        batches = list(store.batches(rows, 2))
        assert [part.tolist() for part, _ in batches] == [[6, 1], [4, 0], [2]]
        for part, pictures in batches:
            for row, pixels in zip(part, pictures, strict=True):
                assert (pixels == expected(paths[row])).all()


def test_batches_that_are_abandoned(paths):
    before = set(threading.enumerate())
    with PhotoStore(paths, SIDE, limit=0) as store:
        rows, _ = next(store.batches(np.arange(7), 2))
    assert rows.tolist() == [0, 1]
    assert set(threading.enumerate()) == before


def test_each_epoch_has_its_own_order():
    rows = np.arange(100, 150)
    first = shuffled(rows, seed=1, epoch=1)
    assert sorted(first) == rows.tolist()
    assert (first == shuffled(rows, seed=1, epoch=1)).all()
    assert (first != shuffled(rows, seed=1, epoch=2)).any()
    assert (first != shuffled(rows, seed=2, epoch=1)).any()
