"""From which cosine similarity two photos show the same scene."""

import numpy as np
import pytest

from alpacasorter.training.data.similarity import Similarity, count_across, find_similarity, similarity_of
from alpacasorter.training.recipe import RANDOM, Recipe


def embeddings(count, seed=0, offset=0.0):
    return np.random.default_rng(seed).normal(size=(count, 24)) + offset


def test_it_lies_above_the_similarity_of_opposite_classes():
    x, y = embeddings(400), np.arange(400) % 2
    found = find_similarity(x, y)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = unit[y == 0] @ unit[y == 1].T
    assert 0 < (cosines >= found.yields).mean() < 1 / 2000
    assert found.yields < found.near_duplicate < 1


def test_a_network_that_finds_all_alike_gets_higher_cosines():
    y = np.arange(400) % 2
    assert find_similarity(embeddings(400, offset=3.0), y).yields > find_similarity(embeddings(400), y).yields + 0.1


@pytest.mark.parametrize("x", [np.zeros((4, 8)), np.ones((4, 8)), -np.eye(4, 8)])
def test_odd_embeddings_still_give_cosines_that_a_bundle_may_have(x):
    found = find_similarity(x, np.array([0, 1, 0, 1]))
    assert 0 < found.yields <= found.near_duplicate < 1


def test_for_the_weights_of_the_app_they_are_known():
    x, y = embeddings(10), np.arange(10) % 2
    assert similarity_of(Recipe(), x, y) == Similarity(0.6, 0.7)
    assert similarity_of(Recipe(), x, y, trained=True) == find_similarity(x, y)
    assert similarity_of(Recipe(weights=RANDOM), x, y) == find_similarity(x, y)


def test_photos_with_a_twin_are_counted_once():
    trained_on = embeddings(20)
    held_out = embeddings(5, seed=1)
    held_out[1] = 2.0 * trained_on[7]
    trained_on[8] = trained_on[7]
    assert count_across(held_out, trained_on, Similarity(0.9, 0.95)) == 1
