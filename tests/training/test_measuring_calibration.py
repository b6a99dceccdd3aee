"""Calibration: honest probabilities without changing a label."""

import numpy as np
import pytest

from alpacasorter.ml.evaluation.metrics import calibration_error
from alpacasorter.ml.models.head import Calibration
from alpacasorter.training.measuring import calibrate, cross_calibrated, fit_calibration


def honest(n=4000, seed=0):
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2.0, size=n)
    return logits, (random.random(n) < 1 / (1 + np.exp(-logits))).astype(np.int64)


@pytest.mark.parametrize("stretch", [0.3, 1.0, 4.0])
def test_finds_the_stretch(stretch):
    logits, y = honest()
    found = fit_calibration(logits * stretch, y)
    assert found.scale == pytest.approx(1 / stretch, rel=0.1)
    assert found.offset == 0.0


def test_makes_probabilities_honest():
    logits, y = honest()
    raw = calibrate(4 * logits, Calibration())
    assert calibration_error(y, raw) > 0.05
    assert calibration_error(y, calibrate(4 * logits, fit_calibration(4 * logits, y))) < 0.03


def test_changes_no_label():
    logits, y = honest()
    found = calibrate(logits, fit_calibration(logits, y))
    assert ((found >= 0.5) == (logits >= 0)).all()


def test_perfect_logits_keep_a_finite_scale():
    found = fit_calibration(np.array([-1.0, -2.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert 1.0 < found.scale < 1e3


@pytest.mark.parametrize("y", [[1, 1, 0, 0], [0, 1, 1, 0]])
def test_logits_that_say_nothing_are_left_alone(y):
    assert fit_calibration(np.array([-1.0, -1.0, 1.0, 1.0]), np.array(y)).scale >= 0
    assert fit_calibration(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([1, 1, 0, 0])) == Calibration()


def test_no_photos():
    assert fit_calibration(np.empty(0), np.empty(0, dtype=np.int64)) == Calibration()


def test_each_fold_is_calibrated_on_the_others():
    logits, y = honest(300)
    fold = np.arange(300) % 3
    found = cross_calibrated(logits, y, fold)
    others = fit_calibration(logits[fold != 1], y[fold != 1])
    np.testing.assert_allclose(found[fold == 1], calibrate(logits[fold == 1], others))
