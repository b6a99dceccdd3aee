"""Folds: twins stay together, classes spread evenly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.ml.learning.folds import assign_folds, groups_of_near_duplicates, splits


def directions(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_near_duplicates_share_a_group():
    groups = groups_of_near_duplicates(directions(0, 90, 1, 180), similarity=0.99)
    assert groups.tolist() == [0, 1, 0, 2]


def test_a_chain_is_one_group():
    groups = groups_of_near_duplicates(directions(0, 5, 10, 15, 90), similarity=np.cos(np.radians(6)))
    assert groups.tolist() == [0, 0, 0, 0, 1]


def test_length_does_not_matter():
    vectors = directions(0, 0, 90) * np.array([[1.0], [50.0], [1.0]])
    assert groups_of_near_duplicates(vectors, similarity=0.9).tolist() == [0, 0, 1]


def test_no_and_empty_embeddings():
    assert groups_of_near_duplicates(np.empty((0, 4))).shape == (0,)
    assert groups_of_near_duplicates(np.zeros((2, 4))).tolist() == [0, 1]


def test_groups_are_found_across_blocks():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2500, 64))
    vectors[2400] = vectors[3]
    groups = groups_of_near_duplicates(vectors, similarity=0.99)
    assert groups[2400] == groups[3]
    assert len(np.unique(groups)) == 2499


@given(
    groups=st.lists(st.integers(0, 20), min_size=1, max_size=80),
    seed=st.integers(0, 1000),
    folds=st.integers(2, 6),
)
def test_no_group_is_split(groups, seed, folds):
    numbers = np.unique(np.array(groups), return_inverse=True)[1]
    strata = np.arange(len(groups)) % 3
    fold = assign_folds(numbers, strata, seed=seed, folds=folds)
    assert fold.shape == numbers.shape
    assert ((fold >= 0) & (fold < folds)).all()
    for number in np.unique(numbers):
        assert len(np.unique(fold[numbers == number])) == 1


def test_strata_are_spread_evenly():
    strata = np.repeat([0, 1, 2, 3], [100, 50, 20, 10])
    fold = assign_folds(np.arange(180), strata, seed=3)
    for stratum, size in ((0, 100), (1, 50), (2, 20), (3, 10)):
        counts = np.bincount(fold[strata == stratum], minlength=5)
        assert counts.max() - counts.min() <= 1, (stratum, size)


def test_the_seed_decides():
    groups, strata = np.arange(50), np.arange(50) % 2
    first = assign_folds(groups, strata, seed=1)
    assert (first == assign_folds(groups, strata, seed=1)).all()
    assert (first != assign_folds(groups, strata, seed=2)).any()


def test_splits_judge_every_photo_once():
    fold = np.array([0, 1, 2, 0, 1, 2, 2])
    judged = []
    for train, judge in splits(fold):
        assert not set(train) & set(judge)
        assert len(train) + len(judge) == 7
        judged += judge.tolist()
    assert sorted(judged) == list(range(7))
