"""Pooling with a focus: the embedding stays the mean of the returned map."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import keras

from alpacasorter.training.network.classifier import LAYER, focused

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model():
    feature_map = keras.Input((3, 5, 4))
    return keras.Model(feature_map, focused(feature_map))


@pytest.fixture
def maps():
    return np.random.default_rng(1).normal(size=(2, 3, 5, 4)).astype(np.float32)


def test_it_starts_as_the_plain_mean(model, maps):
    model.get_layer(LAYER).set_weights([np.zeros((1, 1, 4, 1), dtype=np.float32)])
    np.testing.assert_allclose(model.predict_on_batch(maps), maps, atol=1e-6)


def test_half_is_the_mean_and_half_is_weighted_by_the_score(model, maps):
    kernel = np.array([3.0, 0.0, -1.0, 0.5], dtype=np.float32)
    model.get_layer(LAYER).set_weights([kernel.reshape(1, 1, 4, 1)])
    scores = np.exp(maps @ kernel)
    shares = scores / scores.sum(axis=(1, 2), keepdims=True)
    expected = 0.5 * maps.mean(axis=(1, 2)) + 0.5 * (maps * shares[..., np.newaxis]).sum(axis=(1, 2))
    found = model.predict_on_batch(maps)
    assert found.shape == maps.shape
    np.testing.assert_allclose(found.mean(axis=(1, 2)), expected, atol=1e-5)


def test_one_prominent_place_among_many_counts(model):
    """In a plain mean it would count a fifteenth."""
    model.get_layer(LAYER).set_weights([np.array([9.0, 0, 0, 0], dtype=np.float32).reshape(1, 1, 4, 1)])
    maps = np.zeros((1, 3, 5, 4), dtype=np.float32)
    maps[0, 1, 2, 0] = 1.0
    assert model.predict_on_batch(maps)[0].mean(axis=(0, 1))[0] > 0.5


def test_only_layers_of_keras_are_used(model):
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
