"""The head: stable probabilities, and a map that adds up to the answer."""

from dataclasses import replace

import numpy as np
import pytest

from alpacasorter.ml.models.head import Calibration, Head, Hysteresis


def head(size=1280, calibration=None, seed=0):
    random = np.random.default_rng(seed)
    return Head(random.normal(size=size) / 8, -1.5, calibration or Calibration())


def embeddings(n=50, size=1280, seed=1):
    return np.abs(np.random.default_rng(seed).normal(size=(n, size))).astype(np.float32)


def test_probability_is_the_sigmoid_of_the_calibrated_logit():
    one = head(calibration=Calibration(0.7, 0.3))
    x = embeddings()
    logits = x.astype(np.float64) @ one.weights + one.bias
    found = one.probability(x)
    assert found.dtype == np.float32
    assert found.shape == (50,)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-(0.7 * logits + 0.3))), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logits_are_right_in_every_precision(dtype):
    one, x = head(), embeddings().astype(np.float16)
    exact = x.astype(np.float64) @ one.weights + one.bias
    np.testing.assert_allclose(one.logits(x.astype(dtype)), exact, atol=1e-4)


def test_extreme_logits_neither_overflow_nor_warn():
    one = Head(np.array([1e6]), 0.0)
    with np.errstate(all="raise", under="ignore"):
        found = one.probability(np.array([[-1.0], [0.0], [1.0]], dtype=np.float32))
    assert found.tolist() == [0.0, 0.5, 1.0]


def test_no_photos():
    assert head().probability(np.empty((0, 1280), dtype=np.float32)).shape == (0,)


def test_the_shares_of_the_map_and_the_rest_are_the_calibrated_logit():
    one = replace(head(), calibration=Calibration(1.3, -0.4))
    feature_map = np.abs(np.random.default_rng(2).normal(size=(7, 7, 1280))).astype(np.float32)
    shares, rest = one.activation_map(feature_map)
    embedding = feature_map.astype(np.float64).mean(axis=(0, 1))
    assert shares.shape == (7, 7)
    assert shares.sum() + rest == pytest.approx(1.3 * one.logits(embedding[np.newaxis])[0] - 0.4, abs=1e-9)
    assert rest == pytest.approx(1.3 * one.bias - 0.4, abs=1e-9)


def test_the_map_shows_where():
    one = Head(np.array([2.0, -1.0]), 0.0)
    feature_map = np.zeros((7, 7, 2), dtype=np.float32)
    feature_map[2, 3] = 1.0, 0.0
    feature_map[5, 5] = 0.0, 1.0
    spoke, rest = one.activation_map(feature_map)
    assert rest == pytest.approx(0.0)
    assert np.unravel_index(spoke.argmax(), spoke.shape) == (2, 3)
    assert np.unravel_index(spoke.argmin(), spoke.shape) == (5, 5)


def learned(margin):
    shipped = np.array([1.0, 0.0])
    return Head(np.array([0.0, 1.0]), 0.0, Calibration(), Hysteresis(shipped, 0.0, 0.0, margin))


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_tag_stays_until_the_learned_logit_is_beyond_the_margin(side):
    learned_logits = np.linspace(-4, 4, 401)
    x = np.stack([np.full(401, 5.0 * side), learned_logits], axis=1)
    logits = learned(1.5).logits(x)
    np.testing.assert_array_equal(logits > 0, learned_logits > -1.5 if side > 0 else learned_logits >= 1.5 + 1e-9)
    assert (np.diff(logits) > 0).all()
    assert np.diff(logits).max() < 0.05
    agreed = side * learned_logits > 0.1
    np.testing.assert_allclose(logits[agreed], learned_logits[agreed])


def test_the_map_explains_what_the_head_says_within_the_margin_too():
    feature_map = np.random.default_rng(1).normal(size=(4, 4, 2)) + np.array([1.0, -0.5])
    one = learned(1.5)
    logit = one.logits(feature_map.mean(axis=(0, 1))[np.newaxis])[0]
    assert logit != pytest.approx(replace(one, hysteresis=None).logits(feature_map.mean(axis=(0, 1))[np.newaxis])[0])
    shares, rest = one.activation_map(feature_map)
    assert shares.sum() + rest == pytest.approx(logit, abs=1e-9)
