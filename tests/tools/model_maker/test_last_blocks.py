"""Retraining the last blocks: which weights change, and how several runs are blended."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import keras

from alpacasorter.training.network.backbones import build_backbone
from alpacasorter.training.network.classifier import with_focus
from alpacasorter.training.network.weights import get_weights
from tools.model_maker.feature_maps import FeatureMaps
from tools.model_maker.last_blocks import LastBlocks, Plan, blended

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

PHOTOS = 12
TARGETS = np.arange(PHOTOS) % 2
PLAN = Plan(runs=2, epochs=2, batch_size=4, learning_rate=1e-4, blend=0.5)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return with_focus(build_backbone("mobilenet_v2", 64))


@pytest.fixture(scope="module")
def maps():
    """Maps of two kinds of photo that differ clearly."""
    random = np.random.default_rng(2)
    large = random.normal(size=(PHOTOS, 4, 4, 4, 96)) + 2.0 * TARGETS[:, None, None, None, None]
    small = random.normal(size=(PHOTOS, 2, 2, 2, 96)) + 2.0 * TARGETS[:, None, None, None, None]
    return FeatureMaps(large.astype(np.float16), small.astype(np.float16), np.ones(PHOTOS, dtype=np.bool_))


@pytest.fixture(scope="module")
def trained(network, maps):
    before = get_weights(network)
    blocks = LastBlocks(network)
    told = []
    blocks.train(maps, np.arange(PHOTOS), TARGETS, PLAN, seed=3, say=told.append)
    return before, get_weights(network), blocks, told


def changed(trained):
    before, after, *_ = trained
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_only_the_last_blocks_change(trained):
    assert changed(trained)
    assert all(
        name.startswith(("block_13", "block_14", "block_15", "block_16", "Conv_1", "focus"))
        for name in changed(trained)
    )
    assert {"block_13_expand/kernel", "Conv_1/kernel", "focus/kernel"} <= changed(trained)


def test_batch_normalization_stays(trained):
    statistics = {name for name in trained[0] if name.endswith(("gamma", "beta", "moving_mean", "moving_variance"))}
    assert len(statistics) > 100
    assert not statistics & changed(trained)


def test_the_head_separates_the_photos(trained, maps):
    *_, blocks, told = trained
    weights, bias = blocks.head
    logits = blocks.embed(maps.large[:, 0]).astype(np.float64) @ weights + bias
    assert ((logits > 0) == (TARGETS == 1)).mean() > 0.9
    assert len(told) == PLAN.runs


def test_the_embedding_is_that_of_the_network(trained, network, maps):
    blocks = trained[2]
    rest = keras.Model(network.get_layer("block_12_add").output, network.output)
    expected = rest.predict_on_batch(maps.large[:3, 0].astype(np.float32)).mean(axis=(1, 2))
    np.testing.assert_allclose(blocks.embed(maps.large[:3, 0]), expected, rtol=2e-3, atol=2e-3)


def test_a_blend_of_zero_is_the_start(trained, network, maps):
    """With no share of the retrained weights, the backbone is the pretrained one again."""
    blocks = trained[2]
    plan = Plan(runs=1, epochs=1, batch_size=4, blend=0.0)
    blocks.train(maps, np.arange(PHOTOS), TARGETS, plan, seed=4)
    after = get_weights(network)
    for name, array in trained[0].items():
        np.testing.assert_allclose(after[name], array, atol=1e-7, err_msg=name)


def test_blending():
    start = [np.zeros(2, dtype=np.float32), np.array(4.0, dtype=np.float32)]
    ends = [
        [np.array([1.0, 2.0], dtype=np.float32), np.array(0.0, dtype=np.float32)],
        [np.array([3.0, 2.0], dtype=np.float32), np.array(2.0, dtype=np.float32)],
    ]
    first, second = blended(start, ends, 0.25)
    np.testing.assert_allclose(first, [0.5, 0.5])
    assert second == pytest.approx(3.25)
