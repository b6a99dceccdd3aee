"""The optimum of the head: the same as scikit-learn's, for any data, by either route."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpacasorter.ml.learning.logistic import NotFinite, fit_gram, fit_logistic
from alpacasorter.ml.models.head import sigmoid

SHAPES = [(60, 200), (200, 60), (40, 40), (7, 3)]


def problem(n, p, seed=0):
    random = np.random.default_rng(seed)
    x = np.abs(random.normal(size=(n, p)))
    y = (x[:, 0] + random.normal(scale=0.5, size=n) > np.median(x[:, 0])).astype(np.int64)
    return x, y, random.uniform(0.0, 4.0, n)


def gradient(x, y, c, l2, found):
    pull = c * (sigmoid(x @ found.weights + found.bias) - y)
    return np.append(x.T @ pull + l2 * found.weights, pull.sum())


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("l2", [0.01, 1.0, 100.0])
def test_same_as_scikit_learn(n, p, l2):
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y, c = problem(n, p)
    found = fit_logistic(x, y, c, l2)
    other = linear_model.LogisticRegression(C=1 / l2, solver="newton-cg", tol=1e-12, max_iter=10_000)
    other.fit(x, y, sample_weight=c)
    assert found.converged
    np.testing.assert_allclose(found.weights, other.coef_[0], atol=1e-6)
    assert found.bias == pytest.approx(other.intercept_[0], abs=1e-6)


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_gradient_vanishes(n, p):
    x, y, c = problem(n, p)
    assert np.abs(gradient(x, y, c, 0.5, fit_logistic(x, y, c, 0.5))).max() < 1e-6


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_both_routes_agree(n, p):
    x, y, c = problem(n, p)
    direct = fit_logistic(x, y, c, 2.0)
    through_gram = fit_gram(x @ x.T, y, c, 2.0)
    np.testing.assert_allclose(x.T @ through_gram.duals, direct.weights, atol=1e-7)
    assert through_gram.bias == pytest.approx(direct.bias, abs=1e-7)


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_a_sample_of_weight_zero_is_not_there(n, p):
    x, y, c = problem(n, p)
    c[::3] = 0.0
    kept = c > 0
    np.testing.assert_allclose(
        fit_logistic(x, y, c).weights, fit_logistic(x[kept], y[kept], c[kept]).weights, atol=1e-7
    )


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_a_sample_twice_is_a_sample_of_weight_two(n, p):
    x, y, _ = problem(n, p)
    twice = fit_logistic(np.vstack([x, x]), np.concatenate([y, y]))
    np.testing.assert_allclose(twice.weights, fit_logistic(x, y, np.full(n, 2.0)).weights, atol=1e-7)


@pytest.mark.parametrize(("n", "p"), [(50, 300), (300, 5)])
@pytest.mark.parametrize("l2", [1e-8, 1e-3])
def test_separable_data_converge(n, p, l2):
    x, _, _ = problem(n, p)
    y = x[:, 0] > 1.0
    found = fit_logistic(x, y, None, l2)
    assert found.converged
    assert ((x @ found.weights + found.bias > 0) == y).all()


def test_a_confident_mistake_of_great_weight_converges():
    x, y, c = problem(80, 400)
    before = fit_logistic(x, y, c, 0.1)
    worst = np.argmax(np.abs(x @ before.weights + before.bias))
    changed = y.copy()
    changed[worst] = 1 - changed[worst]
    c[worst] = 1e4
    found = fit_logistic(x, changed, c, 0.1)
    assert found.converged
    assert (x[worst] @ found.weights + found.bias > 0) == changed[worst]


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_the_start_does_not_matter(n, p):
    x, y, c = problem(n, p)
    cold = fit_gram(x @ x.T, y, c)
    random = np.random.default_rng(1)
    wild = fit_gram(x @ x.T, y, c, start=random.normal(size=n) * 10)
    np.testing.assert_allclose(x.T @ wild.duals, x.T @ cold.duals, atol=1e-7)


def test_same_input_same_bits():
    x, y, c = problem(50, 100)
    first, second = fit_logistic(x, y, c), fit_logistic(x, y, c)
    assert (first.weights == second.weights).all()
    assert first.bias == second.bias


@pytest.mark.parametrize(("n", "p"), [(4, 9), (9, 4)])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_gives_its_smoothed_share(n, p, label):
    found = fit_logistic(np.ones((n, p)), np.full(n, label))
    assert (found.weights == 0).all()
    assert found.converged
    assert found.bias == pytest.approx((1 if label else -1) * np.log((n + 0.5) / 0.5))


def test_a_class_whose_weight_is_zero_is_not_there():
    found = fit_logistic(np.eye(3), [0, 0, 1], [1.0, 1.0, 0.0])
    assert (found.weights == 0).all()
    assert found.bias < 0


def test_no_samples():
    found = fit_logistic(np.empty((0, 5)), [])
    assert found.weights.shape == (5,)
    assert (found.weights == 0).all()
    assert found.bias == 0.0


@pytest.mark.parametrize(
    ("x", "y", "c", "l2", "wrong"),
    [
        ([1.0, 2.0], [0, 1], None, 1.0, ValueError),
        ([[1.0], [2.0]], [0], None, 1.0, ValueError),
        ([[1.0], [2.0]], [0, 2], None, 1.0, ValueError),
        ([[1.0], [2.0]], [0, 1], [1.0], 1.0, ValueError),
        ([[1.0], [2.0]], [0, 1], [1.0, -1.0], 1.0, ValueError),
        ([[1.0], [2.0]], [0, 1], [1.0, np.inf], 1.0, NotFinite),
        ([[1.0], [2.0]], [0, 1], None, 0.0, ValueError),
        ([[1.0], [2.0]], [0, 1], None, np.nan, ValueError),
        ([[1.0], [np.nan]], [0, 1], None, 1.0, NotFinite),
        ([[1.0, 2.0, 3.0], [np.inf, 1.0, 1.0]], [0, 1], None, 1.0, NotFinite),
    ],
)
def test_senseless_input_is_refused(x, y, c, l2, wrong):
    with pytest.raises(wrong):
        fit_logistic(x, y, c, l2)


@settings(max_examples=150)
@given(
    n=st.integers(2, 30),
    p=st.integers(1, 30),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    l2=st.sampled_from([1e-4, 1.0, 1e3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_reaches_the_optimum_of_anything(n, p, scale, l2, seed):
    random = np.random.default_rng(seed)
    x = scale * random.normal(size=(n, p)).round(1)  # rounded, so that some samples come twice
    y = random.integers(0, 2, n)
    y[:2] = 0, 1
    c = random.choice([0.5, 1.0, 50.0], n)
    found = fit_logistic(x, y, c, l2)
    assert found.converged
    assert np.abs(gradient(x, y, c, l2, found)).max() <= 1e-8 * c.sum()


def test_sigmoid_at_the_ends():
    with np.errstate(all="raise", under="ignore"):
        shares = sigmoid(np.array([-1e4, -30.0, 0.0, 30.0, 1e4]))
    assert shares[0] == 0.0
    assert shares[2] == 0.5
    assert shares[4] == 1.0
    assert shares[1] == pytest.approx(np.exp(-30.0))
