"""Views to train on: other framings of the same photo, never anything else."""

import numpy as np
import pytest

from tools.model_maker.feature_maps import CLOSE, WIDE, view

SIDE = 48


def photo(height=90, width=120):
    """A picture that is red on the left, blue on the right, and brighter towards the bottom."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[:, : width // 2, 0] = picture[:, width // 2 :, 2] = 200
    picture[:, :, 1] = np.linspace(0, 100, height, dtype=np.uint8)[:, np.newaxis]
    return picture


@pytest.mark.parametrize("size", [(90, 120), (120, 90), (512, 512), (20, 400), (8, 8), (1, 1)])
@pytest.mark.parametrize("shares", [CLOSE, WIDE], ids=["close", "wide"])
def test_a_view_is_a_square_of_the_requested_size(size, shares):
    seen = view(photo(*size), SIDE, np.random.default_rng(1), shares)
    assert seen.shape == (SIDE, SIDE, 3)
    assert seen.dtype == np.uint8


def test_the_same_numbers_give_the_same_view_and_others_another():
    first, again, other = (view(photo(), SIDE, np.random.default_rng(seed), CLOSE) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.2


def test_the_photo_stays_as_it_is():
    picture = photo()
    before = picture.copy()
    view(picture, SIDE, np.random.default_rng(3), CLOSE)
    np.testing.assert_array_equal(picture, before)


def test_half_of_the_views_are_mirrored():
    random = np.random.default_rng(4)
    views = [view(photo(), SIDE, random, (0.95, 1.0)) for _ in range(60)]
    red_on_the_left = [seen[:, :10, 0].mean() > seen[:, -10:, 0].mean() for seen in views]
    assert 15 < sum(red_on_the_left) < 45


def test_a_closer_view_shows_less_of_the_photo():
    """The photo has a white square in the middle, which then is larger."""
    picture = np.zeros((200, 200, 3), dtype=np.uint8)
    picture[80:120, 80:120] = 255

    def white(share):
        views = [view(picture, SIDE, np.random.default_rng(seed), (share, share)) for seed in range(20)]
        return np.median([(seen > 100).mean() for seen in views])

    assert white(0.6) > 1.7 * white(1.0)


def test_what_lies_outside_is_never_black():
    white = np.full((60, 80, 3), 255, dtype=np.uint8)
    for seed in range(30):
        assert view(white, SIDE, np.random.default_rng(seed), WIDE).min() > 150
