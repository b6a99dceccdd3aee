"""Batches for retraining: what is in a scene, and its target."""

import numpy as np
import pytest

from tools.model_maker.feature_maps import FeatureMaps
from tools.model_maker.last_blocks import Samples

PHOTOS, VIEWS, SMALL = 8, 3, 2
TARGETS = np.array([0, 1, 0, 1, 0, 1, 0, 0])


@pytest.fixture
def maps():
    """Every value of a photo's maps is the number of the photo plus 1."""
    large = np.zeros((PHOTOS, 2 + VIEWS, 4, 4, 1), dtype=np.float16)
    small = np.zeros((PHOTOS, SMALL, 2, 2, 1), dtype=np.float16)
    for photo in range(PHOTOS):
        large[photo], small[photo] = photo + 1, photo + 1
    return FeatureMaps(large, small, np.ones(PHOTOS, dtype=np.bool_))


def drawn(maps, scenes, rows=range(PHOTOS), rounds=40, size=2):
    samples = Samples(maps, np.array(list(rows)), TARGETS, scenes)
    random = np.random.default_rng(1)
    for _ in range(rounds):
        for batch, targets in samples.batches(size, random):
            yield from zip(batch, targets, strict=True)


def photos_in(sample):
    return {int(number) - 1 for number in np.unique(sample)}


def test_single_photos_are_called_what_they_are(maps):
    seen = set()
    for sample, target in drawn(maps, scenes=0.0):
        (photo,) = photos_in(sample)
        seen.add(photo)
        assert target == pytest.approx(0.99 if TARGETS[photo] else 0.01)
    assert seen == set(range(PHOTOS))


def test_a_scene_is_positive_where_one_photo_in_it_is(maps):
    several = 0
    for sample, target in drawn(maps, scenes=1.0):
        photos = photos_in(sample)
        several += len(photos) > 1
        assert (target > 0.5) == any(TARGETS[photo] for photo in photos)
    assert several > 100


def test_scenes_are_made_of_the_photos_to_train_on_only(maps):
    rows = [0, 1, 2, 3]
    assert {photo for sample, _ in drawn(maps, 1.0, rows) for photo in photos_in(sample)} == set(rows)


def test_both_kinds_of_scene_come_up_and_fill_the_map(maps):
    whole, pasted = 0, 0
    for sample, _ in drawn(maps, 1.0):
        assert sample.shape == (4, 4, 1)
        assert sample.min() >= 1
        quarters = [sample[:2, :2], sample[:2, 2:], sample[2:, :2], sample[2:, 2:]]
        four = all(len(photos_in(quarter)) == 1 for quarter in quarters) and len(photos_in(sample)) > 2
        whole += four
        pasted += not four and len(photos_in(sample)) == 2
    assert whole > 20
    assert pasted > 20


def test_without_small_views_or_negative_photos_there_are_no_scenes(maps):
    bare = FeatureMaps(maps.large, maps.small[:, :0], maps.readable)
    assert all(len(photos_in(sample)) == 1 for sample, _ in drawn(bare, 1.0))
    assert all(len(photos_in(sample)) == 1 for sample, _ in drawn(maps, 1.0, rows=[1, 3, 5]))


def test_plain_views_alone_will_do(maps):
    plain = FeatureMaps(maps.large[:, :2], maps.small, maps.readable)
    assert len(list(drawn(plain, 0.0, rounds=1))) == PHOTOS


def test_a_round_shows_each_photo_once_and_leaves_out_a_rest(maps):
    batches = list(Samples(maps, np.arange(PHOTOS), TARGETS, 0.0).batches(3, np.random.default_rng(2)))
    assert [len(targets) for _, targets in batches] == [3, 3]
    photos = [photo for batch, _ in batches for sample in batch for photo in photos_in(sample)]
    assert len(set(photos)) == 6
