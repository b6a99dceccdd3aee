"""Every switch changes the pictures, keeps their shape, and gives the same result for the same seed."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from alpacasorter.training.data.augment import augmenter
from alpacasorter.training.recipe import AUGMENTATIONS
from tests.training.pictures import picture

pytestmark = pytest.mark.tensorflow

SIDE = 48


@pytest.fixture(scope="module")
def pictures():
    return np.stack([np.asarray(picture(n % 2 == 0, n, SIDE)) for n in range(6)])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_switch(pictures, name):
    augment = augmenter({name}, 7)
    found = augment(pictures)
    assert found.dtype == np.uint8
    assert found.shape == pictures.shape
    differences = np.abs(found.astype(int) - pictures).mean(axis=(1, 2, 3))
    assert (differences > 0.5).sum() >= 2, "some of the pictures are changed"
    assert (found.std(axis=(1, 2, 3)) > 5).all(), "and there is still something in them"
    assert (augmenter({name}, 7)(pictures) == found).all()
    assert (augment(pictures) != found).any(), "the next epoch sees others"
    assert (augmenter({name}, 8)(pictures) != found).any()


def test_flip_and_mirror_only_mirror(pictures):
    for name, axis in (("flip", 1), ("mirror", 0)):
        found = augmenter({name}, 3)(pictures)
        turned = [
            (one == before[:, ::-1] if axis else one == before[::-1]).all()
            for one, before in zip(found, pictures, strict=True)
        ]
        same = [(one == before).all() for one, before in zip(found, pictures, strict=True)]
        assert all(t or s for t, s in zip(turned, same, strict=True))
        assert any(turned)
        assert any(same)


def tilts(turn):
    """Return by how many degrees a vertical bar is tilted in 40 views."""
    bar = np.zeros((40, SIDE, SIDE, 3), dtype=np.uint8)
    bar[:, 8:-8, SIDE // 2 - 2 : SIDE // 2 + 2] = 255
    given = {} if turn is None else {"turn": turn}
    found = []
    for view in augmenter({"rotation"}, 3, **given)(bar)[..., 0]:
        rows, columns = (place - SIDE / 2 + 0.5 for place in np.nonzero(view[8:-8, 8:-8] > 127))
        spread = np.cov(np.stack([rows - rows.mean(), columns - columns.mean()]))
        along = np.linalg.eigh(spread)[1][:, -1]
        found.append(np.degrees(np.arctan2(abs(along[1]), abs(along[0]))))
    return np.array(found)


def test_a_photo_is_turned_as_little_as_a_camera_is_tilted():
    assert 5 < tilts(None).max() < 15
    assert tilts(0.2).max() > 50, "as the article does"


def test_no_switch_is_no_change(pictures):
    assert (augmenter((), 7)(pictures) == pictures).all()


def test_all_at_once_and_batches_of_any_length(pictures):
    augment = augmenter(AUGMENTATIONS, 7)
    for count in (6, 1, 4):
        found = augment(pictures[:count])
        assert found.shape == (count, SIDE, SIDE, 3)
        assert (found != pictures[:count]).any()


def test_white_and_black_stay_in_range():
    extremes = np.stack([np.full((SIDE, SIDE, 3), value, dtype=np.uint8) for value in (0, 255)] * 8)
    found = augmenter({"brightness", "contrast", "color"}, 5)(extremes).astype(int)
    # Without clipping, a brighter 255 would wrap around to nearly 0.
    assert found[1::2].min() > 100
    assert found[::2].max() < 100
