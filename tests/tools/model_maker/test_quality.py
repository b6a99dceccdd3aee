"""The figures of the model card, from logits whose figures are known."""

import numpy as np
import pytest

from alpacasorter.ml.models.head import Calibration, sigmoid
from tests.tools.model_maker.made_up import made_up
from tools.model_maker.quality import (
    Round,
    equal_mass_error,
    fit_platt,
    measure,
    multiply_adds,
    out_of_fold_probabilities,
    resampled,
    split_figures,
)


def honest(count=4000, seed=0, spread=2.0):
    random = np.random.default_rng(seed)
    logits = random.normal(scale=spread, size=count)
    return logits, (random.random(count) < sigmoid(logits)).astype(np.int64)


def test_the_calibration_error_is_that_of_bins_of_equally_many_photos():
    targets = np.array([1, 1, 0, 1])
    probabilities = np.array([0.1, 0.3, 0.8, 0.9])
    assert equal_mass_error(targets, probabilities, bins=1) == pytest.approx((3 - 2.1) / 4)
    assert equal_mass_error(targets, probabilities, bins=2) == pytest.approx((1.6 + 0.7) / 4)
    assert equal_mass_error(targets[::-1], probabilities[::-1], bins=2) == pytest.approx((1.6 + 0.7) / 4)
    assert equal_mass_error(targets, probabilities) == pytest.approx((0.9 + 0.7 + 0.8 + 0.1) / 4)


def test_honest_probabilities_have_a_small_calibration_error():
    logits, targets = honest()
    assert equal_mass_error(targets, sigmoid(logits)) < 0.03
    assert equal_mass_error(targets, sigmoid(4 * logits)) > 0.05


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (0.4, 1.0), (3.0, -2.0)])
def test_platt_finds_scale_and_offset(scale, offset):
    logits, targets = honest()
    found = fit_platt((logits - offset) / scale, targets)
    assert found.scale == pytest.approx(scale, rel=0.1)
    assert found.offset == pytest.approx(offset, abs=0.15)


def test_platt_leaves_logits_alone_that_say_nothing():
    assert fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([1, 1, 0, 0])) == Calibration()
    perfect = fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert 1 < perfect.scale < 1e4


def test_no_fold_is_calibrated_on_itself():
    logits, targets = honest(300)
    fold = np.arange(300) % 3
    fitted = np.arange(300) % 7 != 0
    found = out_of_fold_probabilities(logits, targets, fold, fitted)
    for number in range(3):
        own = fold == number
        others = fitted & ~own
        calibration = fit_platt(logits[others], targets[others])
        expected = sigmoid(calibration.scale * logits[own] + calibration.offset)
        np.testing.assert_allclose(found[own], expected)
        # Whatever its own labels are, and those that calibration is not fitted to.
        lying = np.where(own | ~fitted, 1 - targets, targets)
        np.testing.assert_allclose(out_of_fold_probabilities(logits, lying, fold, fitted)[own], found[own])


def test_samples_are_drawn_by_group():
    groups = np.repeat([0, 1, 2, 3], [4, 1, 3, 2])
    rows = np.array([1, 1, 1, 0, 1, 1, 1, 1, 0, 0], dtype=np.bool_)
    samples = resampled(groups, rows)
    assert len(samples) == 1000
    for sample in samples[:100]:
        counts = np.bincount(sample, minlength=10)
        assert not counts[~rows].any()
        for group in range(3):
            assert len(set(counts[rows & (groups == group)])) == 1
    drawn = np.mean([np.bincount(groups[sample], minlength=4) for sample in samples], axis=0)
    np.testing.assert_allclose(drawn, [3, 1, 3, 0], atol=0.3)
    assert all((one == other).all() for one, other in zip(samples, resampled(groups, rows), strict=True))


@pytest.fixture(scope="module")
def photos():
    return made_up(
        article__alpaca=20,
        article__not_alpaca=20,
        extra__alpaca=20,
        extra__not_alpaca=40,
        lookalike__llama=20,
        more__alpaca=10,
        more__not_alpaca=10,
        unlabeled=10,
    )


def rounds_of(photos, count=2, wrong=(), certainty=4.0):
    """Logits that are right but for some rows, and look-alikes that are called alpacas in the first variant only."""
    random = np.random.default_rng(1)
    n = len(photos.names)
    signs = np.where(photos.in_alpaca_folder == 1, 1.0, -1.0)[:, np.newaxis].repeat(2, axis=1)
    signs[photos.lookalike] = (1.0, -1.0)
    signs[list(wrong)] *= -1
    return [
        Round(random.permutation(np.arange(n) % 5), certainty * signs + random.normal(0, 0.5, (n, 2)))
        for _ in range(count)
    ]


def test_the_figures_of_a_model_that_is_always_right(photos):
    found = measure(photos, rounds_of(photos), np.arange(len(photos.names)))
    parts = found["out_of_fold"]
    assert {name: each["n"] for name, each in parts.items()} == {
        "all": 120,
        "article": 40,
        "more": 20,
        "extra": 60,
        "without the llamas among them": 120,
    }
    for each in parts.values():
        assert (each["accuracy"], each["balanced_accuracy"], each["auc"]) == (1.0, 1.0, 1.0)
        assert each["accuracy_sd"] == 0.0
        assert 0 <= each["ece"] < 0.05
        assert 0 <= each["log_loss"] < 0.05
    assert parts["all"]["auc_95"] == [1.0, 1.0]
    for variant in found["variants"]:
        assert {name: (each["n"], each["right"]) for name, each in variant.items()} == {
            "alpacas": (50, 1.0),
            "llamas and vicuñas": (20, 1.0),
            "everything else": (70, 1.0),
        }
    assert found["by_kind"] == {
        "dark alpacas": {"n": 25, "right": 1.0},
        "no alpaca: other animals (all animals of `more`)": {"n": 70, "right": 1.0},
    }


def test_mistakes_are_counted_where_they_are(photos):
    names = list(photos.names)
    dark, sheep = names.index("extra/alpaca/001.jpg"), names.index("extra/not_alpaca/000.jpg")
    llama = names.index("lookalike/llama/003.jpg")
    found = measure(photos, rounds_of(photos, wrong=(dark, sheep, llama)), np.arange(len(names)))
    parts = found["out_of_fold"]
    assert parts["extra"]["accuracy"] == pytest.approx(58 / 60, abs=1e-4)
    assert parts["extra"]["balanced_accuracy"] == pytest.approx((19 / 20 + 39 / 40) / 2, abs=1e-4)
    assert parts["article"]["accuracy"] == 1.0
    assert parts["all"]["accuracy"] == pytest.approx(118 / 120, abs=1e-4)
    assert parts["all"]["auc"] < 1
    low, high = parts["all"]["balanced_accuracy_95"]
    assert low < parts["all"]["balanced_accuracy"] < high
    assert found["by_kind"]["dark alpacas"]["right"] == pytest.approx(24 / 25, abs=1e-4)
    for variant in found["variants"]:
        assert variant["alpacas"]["right"] == pytest.approx(49 / 50, abs=1e-4)
        assert variant["llamas and vicuñas"]["right"] == pytest.approx(19 / 20, abs=1e-4)
        assert variant["everything else"]["right"] == pytest.approx(69 / 70, abs=1e-4)


def test_figures_are_means_over_rounds_with_their_spread(photos):
    first, second = rounds_of(photos, 1), rounds_of(photos, 1, wrong=range(6))
    groups = np.arange(len(photos.names))
    found = measure(photos, [*first, *second], groups)["out_of_fold"]["all"]
    assert found["accuracy"] == pytest.approx((1.0 + 114 / 120) / 2, abs=1e-4)
    assert found["accuracy_sd"] == pytest.approx(3 / 120, abs=1e-4)


def test_intervals_are_wider_where_whole_groups_are_drawn(photos):
    names = np.array(photos.names)
    wrong = np.flatnonzero(photos.under("extra/alpaca"))[:10]
    groups = np.arange(len(names))
    together = groups.copy()
    together[wrong] = wrong[0]
    alone, grouped = (
        measure(photos, rounds_of(photos, 1, wrong=wrong), each)["out_of_fold"]["all"]["balanced_accuracy_95"]
        for each in (groups, together)
    )
    assert grouped[1] - grouped[0] > 1.3 * (alone[1] - alone[0])


def test_the_figures_of_held_out_photos():
    labels = np.array([1, 1, 1, 0])
    found = split_figures(labels, np.array([2.0, 1.0, -1.0, -3.0]))
    assert found == {"n": 4, "accuracy": 0.75, "balanced_accuracy": pytest.approx(5 / 6), "auc": 1.0}


@pytest.mark.tensorflow
def test_the_cost_of_a_network_is_that_of_its_convolutions():
    keras = pytest.importorskip("keras")
    pixels = keras.Input((8, 8, 3))
    strided = keras.layers.Conv2D(4, 3, strides=2, padding="same")(pixels)
    each = keras.layers.DepthwiseConv2D(3, padding="same")(keras.layers.ReLU()(strided))
    network = keras.Model(pixels, keras.layers.Conv2D(5, 1)(each))
    assert multiply_adds(network) == 4 * 4 * (3 * 3 * 3 * 4 + 3 * 3 * 4 + 4 * 5)
