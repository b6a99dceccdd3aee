"""The figures: the same as scikit-learn's, and None where there is nothing to measure."""

import numpy as np
import pytest

from alpacasorter.ml.evaluation.metrics import (
    Confusion,
    auc,
    balanced_accuracy,
    calibration_error,
    class_figures,
    confusion,
    log_loss,
    measure,
    mistakes,
    reliability,
    roc_curve,
)


def predictions(n=500, seed=0, decimals=None):
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, n)
    p = np.clip(0.5 + 0.25 * (2 * y - 1) + random.normal(scale=0.3, size=n), 0, 1)
    return y, p if decimals is None else p.round(decimals)


@pytest.mark.parametrize("decimals", [None, 2, 1])
def test_same_as_scikit_learn(decimals):
    sklearn = pytest.importorskip("sklearn.metrics")
    y, p = predictions(decimals=decimals)
    called = p >= 0.5
    found = measure(y, p)
    assert found.n == 500
    assert found.accuracy == pytest.approx(sklearn.accuracy_score(y, called))
    assert found.balanced_accuracy == pytest.approx(sklearn.balanced_accuracy_score(y, called))
    assert found.auc == pytest.approx(sklearn.roc_auc_score(y, p))
    tn, fp, fn, tp = sklearn.confusion_matrix(y, called).ravel()
    assert found.confusion == Confusion(tp=tp, fp=fp, tn=tn, fn=fn)


def test_ties_count_half():
    assert auc(np.array([0, 1]), np.array([0.5, 0.5])) == 0.5
    assert auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.5, 0.5, 0.9])) == pytest.approx(3.5 / 4)


def test_a_probability_on_the_threshold_is_positive():
    assert confusion(np.array([1, 0]), np.array([0.5, 0.5])) == Confusion(tp=1, fp=1, tn=0, fn=0)
    assert confusion(np.array([1, 0]), np.array([0.5, 0.5]), threshold=0.6) == Confusion(tp=0, fp=0, tn=1, fn=1)


def test_nothing_measured_without_photos():
    found = measure(np.array([], dtype=np.int64), np.array([]))
    assert (found.n, found.accuracy, found.balanced_accuracy, found.auc, found.ece) == (0, None, None, None, None)


def test_one_class_has_no_auc():
    found = measure(np.array([1, 1]), np.array([0.9, 0.2]))
    assert found.auc is None
    assert found.accuracy == found.balanced_accuracy == 0.5


def test_balanced_accuracy_does_not_mind_the_shares():
    assert balanced_accuracy(Confusion(tp=9, fn=1, tn=50, fp=50)) == pytest.approx(0.7)


def test_calibration_error_by_hand():
    # Confidences 0.9 (three, two right) and 0.6 (two, one right): |2/3 - 0.9| * 3/5 + |1/2 - 0.6| * 2/5.
    y = np.array([1, 1, 0, 0, 1])
    p = np.array([0.9, 0.9, 0.9, 0.4, 0.4])
    assert calibration_error(y, p) == pytest.approx(abs(2 / 3 - 0.9) * 0.6 + abs(0.5 - 0.6) * 0.4)


def test_calibration_error_of_honest_probabilities_is_small():
    random = np.random.default_rng(0)
    p = random.random(200_000)
    y = (random.random(200_000) < p).astype(np.int64)
    assert calibration_error(y, p) < 0.01
    assert calibration_error(y, np.where(p > 0.5, 1.0, 0.0)) > 0.2


def test_certain_and_right_has_no_calibration_error():
    assert calibration_error(np.array([0, 1]), np.array([0.0, 1.0])) == 0.0


# What reports draw and list


@pytest.mark.parametrize("decimals", [None, 2, 1])
def test_roc_curve_is_that_of_scikit_learn(decimals):
    sklearn = pytest.importorskip("sklearn.metrics")
    y, p = predictions(decimals=decimals)
    false_rates, true_rates = roc_curve(y, p)
    expected_false, expected_true, _ = sklearn.roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(false_rates, expected_false)
    np.testing.assert_allclose(true_rates, expected_true)
    assert np.trapezoid(true_rates, false_rates) == pytest.approx(auc(y, p))


def test_roc_curve_of_float32_is_that_of_the_same_numbers():
    y, p = predictions()
    np.testing.assert_array_equal(roc_curve(y, p.astype(np.float32)), roc_curve(y, p.astype(np.float32).astype(float)))


@pytest.mark.parametrize("y", [[], [1, 1], [0]])
def test_no_roc_curve_without_both_classes(y):
    assert roc_curve(np.array(y, dtype=np.int64), np.linspace(0, 1, len(y))) is None


def test_log_loss_is_that_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    y, p = predictions()
    p = np.clip(p, 0.01, 0.99)
    assert log_loss(y, p) == pytest.approx(sklearn.log_loss(y, p))


def test_log_loss_has_an_end():
    assert log_loss(np.array([1, 0]), np.array([0.0, 1.0])) == pytest.approx(-np.log(1e-7))
    assert log_loss(np.array([1]), np.array([1.0])) == 0.0
    assert log_loss(np.array([], dtype=np.int64), np.array([])) is None


def test_reliability_is_that_of_scikit_learn():
    calibration = pytest.importorskip("sklearn.calibration")
    y, p = predictions(n=5000)
    bins = reliability(y, p)
    np.testing.assert_allclose([(part.low, part.high) for part in bins], [(n / 15, (n + 1) / 15) for n in range(15)])
    assert sum(part.n for part in bins) == 5000
    shares, means = calibration.calibration_curve(y, p, n_bins=15)
    np.testing.assert_allclose([part.share for part in bins if part.n], shares)
    np.testing.assert_allclose([part.mean for part in bins if part.n], means)


def test_reliability_by_hand():
    bins = reliability(np.array([0, 1, 1, 0]), np.array([0.0, 0.5, 0.6, 1.0]), bins=2)
    assert [(part.n, part.share, part.mean) for part in bins] == [(2, 0.5, 0.25), (2, 0.5, pytest.approx(0.8))]
    empty = reliability(np.array([], dtype=np.int64), np.array([]))
    assert {(part.n, part.share, part.mean) for part in empty} == {(0, None, None)}


def test_class_figures_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    y, p = predictions()
    called = p >= 0.5
    precision, recall, _, support = sklearn.precision_recall_fscore_support(y, called)
    found = class_figures(confusion(y, p))
    assert [of.precision for of in found] == pytest.approx(precision)
    assert [of.recall for of in found] == pytest.approx(recall)
    assert [of.n for of in found] == support.tolist()
    assert [of.called for of in found] == [int((~called).sum()), int(called.sum())]


def test_class_figures_that_are_not_defined():
    negative, positive = class_figures(Confusion(tp=0, fp=0, tn=3, fn=0))
    assert (negative.precision, negative.recall) == (1.0, 1.0)
    assert (positive.n, positive.precision, positive.recall) == (0, None, None)


def test_mistakes_come_most_confident_first():
    y = np.array([1, 0, 1, 0, 0])
    p = np.array([0.2, 0.9, 0.05, 0.4, 0.55])
    assert mistakes(y, p).tolist() == [2, 1, 0, 4]
    assert mistakes(y, p, threshold=0.5).tolist() == [2, 1, 0, 4]
    assert mistakes(y, p, threshold=0.95).tolist() == [2, 0]
    assert mistakes(np.array([], dtype=np.int64), np.array([])).tolist() == []
