"""The app's head for a trained network: exact and calibrated, with any photos."""

import numpy as np
import pytest

from alpacasorter.ml.learning.logistic import fit_logistic
from alpacasorter.ml.models.head import Calibration
from alpacasorter.training.data.similarity import Similarity
from alpacasorter.training.measuring import fit_calibration, log_loss
from alpacasorter.training.network.convert import CheckFailed
from alpacasorter.training.outcome import MAX_SAMPLES, calibrate_modestly, fit_head, plain_head, rounded, trained_head

SIMILARITY = Similarity(0.9, 0.95)


def photos(count, size=40, shift=1.2, seed=0, scale=1.0):
    random = np.random.default_rng(seed)
    y = np.arange(count) % 2
    x = random.normal(size=(count, size))
    x[:, 0] += shift * (2 * y - 1)
    return (scale * x).astype(np.float16), y.astype(np.int64)


def nothing():
    return None


def require_optimum(fitted, x, y):
    best = fit_logistic(x.astype(np.float64), y, None, fitted.l2)
    np.testing.assert_allclose(fitted.head.weights, best.weights, atol=1e-7)
    assert fitted.head.bias == pytest.approx(best.bias, abs=1e-7)


def test_it_is_the_exact_optimum_and_calibrated_out_of_fold():
    x, y = photos(120)
    fitted = fit_head(x, y, SIMILARITY, check=nothing)
    require_optimum(fitted, x, y)
    assert len(fitted.rounds) == 3
    assert fitted.head.calibration.scale > 0
    assert fitted.head.calibration.scale != 1
    again = fit_head(x, y, SIMILARITY, check=nothing)
    assert (again.head.weights == fitted.head.weights).all()


def test_regularization_goes_with_the_size_of_the_numbers():
    x, y = photos(120)
    fitted, larger = (fit_head(scale, y, SIMILARITY, check=nothing) for scale in (x, (8 * x).astype(np.float16)))
    assert larger.l2 == pytest.approx(64 * fitted.l2, rel=1e-2)
    np.testing.assert_allclose(larger.head.weights, fitted.head.weights / 8, rtol=0.02, atol=1e-3)


def test_few_photos_are_not_cross_validated():
    x, y = photos(8)
    fitted = fit_head(x, y, SIMILARITY, check=nothing)
    require_optimum(fitted, x, y)
    assert fitted.rounds == ()
    assert fitted.head.calibration == Calibration()


def test_one_photo_of_a_class():
    x, y = photos(30)
    y[:] = 0
    y[3] = 1
    require_optimum(fit_head(x, y, SIMILARITY, check=nothing), x, y)


def test_a_network_to_which_all_photos_are_alike():
    x, y = photos(60)
    fitted = fit_head(x, y, Similarity(0.0, -1.0), check=nothing)
    require_optimum(fitted, x, y)
    assert len(fitted.rounds) == 3


def test_embeddings_without_any_difference():
    x = np.ones((40, 6), dtype=np.float16)
    y = (np.arange(40) % 2).astype(np.int64)
    fitted = fit_head(x, y, SIMILARITY, check=nothing)
    assert fitted.l2 > 0
    assert fitted.head.probability(x) == pytest.approx(0.5, abs=1e-3)


def test_a_trained_embedding_is_calibrated_on_the_photos_held_out():
    """What was trained on these very photos separates them too well to calibrate by."""
    x, y = photos(100, shift=6.0)
    strangers, truth = photos(400, shift=0.6, seed=1)
    own = fit_head(x, y, SIMILARITY, check=nothing)
    honest = trained_head(own.head.weights, own.head.bias, x, (strangers, truth))
    np.testing.assert_allclose(own.head.weights, honest.head.weights)
    assert own.head.bias == honest.head.bias
    losses = [log_loss(each.head.probability(strangers).astype(float), truth) for each in (honest, own)]
    assert losses[0] < losses[1]
    assert honest.rounds == ()


def test_learning_departs_less_from_a_head_that_was_trained_with_its_embedding():
    x, y = photos(120)
    exact = fit_head(x, y, SIMILARITY, check=nothing)
    trained = trained_head(exact.head.weights, exact.head.bias, x, (x, y))
    assert trained.l2 > exact.l2
    larger = trained_head(exact.head.weights, exact.head.bias, (8 * x).astype(np.float16), (x, y))
    assert larger.l2 == pytest.approx(64 * trained.l2, rel=1e-2)


def varied_photos(spread):
    """Embeddings of photos, and of two views of each that differ from it by noise of this size."""
    x, y = photos(160, size=120, shift=0.9)
    random = np.random.default_rng(5)
    views = [(x + random.normal(size=x.shape) * spread).astype(np.float16) for _ in range(2)]
    return x, y, views


def test_views_that_help_are_learned_too():
    """Of a burst of noisy shots, the mean says more than one: what a good augmentation is to a head."""
    truth, y = photos(160, size=120, shift=0.9)
    random = np.random.default_rng(5)
    shots = [(truth + random.normal(size=truth.shape) * 3.0).astype(np.float16) for _ in range(4)]
    fitted = fit_head(shots[0], y, SIMILARITY, check=nothing, views=shots[1:])
    alone = fit_head(shots[0], y, SIMILARITY, check=nothing)
    assert fitted.varied is True
    assert alone.varied is None
    strangers, labels = photos(1000, size=120, shift=0.9, seed=9)
    right = [((each.head.probability(strangers) >= 0.5) == labels).mean() for each in (fitted, alone)]
    assert right[0] > right[1]


def test_views_that_mislead_are_not():
    x, y, views = varied_photos(0.1)
    # As if a rotation made the photos of one class look like those of the other.
    for view in views:
        view[:, 0] *= -1
    fitted = fit_head(x, y, SIMILARITY, check=nothing, views=views)
    alone = fit_head(x, y, SIMILARITY, check=nothing)
    assert fitted.varied is False
    assert (fitted.head.weights == alone.head.weights).all()
    assert fitted.head.calibration == alone.head.calibration


def test_so_many_views_that_it_would_take_minutes_are_not_tried():
    x, y = photos(40)
    views = [x] * (MAX_SAMPLES // 40)
    assert fit_head(x, y, SIMILARITY, check=nothing, views=views).varied is None
    assert fit_head(*photos(8), SIMILARITY, check=nothing, views=[photos(8)[0]]).varied is None, "too few photos"


def test_a_plain_head_is_the_optimum():
    x, y = photos(120)
    head = plain_head(x, y)
    found = fit_head(x, y, SIMILARITY, check=nothing)
    assert np.corrcoef(head.weights, found.head.weights)[0, 1] > 0.9


@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
def test_photos_without_a_mistake_do_not_make_a_model_certain(size):
    y = np.arange(60) % 2
    logits = size * (2.0 * y - 1.0)
    scale = calibrate_modestly([logits, logits], y).scale
    assert 1 / (1 + np.exp(-scale * size)) == pytest.approx(31 / 32, abs=1e-3)


def test_calibration_of_many_photos_is_plain_likelihood():
    random = np.random.default_rng(0)
    truth = random.normal(size=4000) * 2
    y = (random.random(4000) < 1 / (1 + np.exp(-truth))).astype(np.int64)
    assert calibrate_modestly([truth / 3], y).scale == pytest.approx(3.0, rel=0.08)
    assert fit_calibration(truth / 3, y).scale == pytest.approx(calibrate_modestly([truth / 3], y).scale, rel=0.01)


def test_logits_that_are_upside_down_are_left_alone():
    y = np.arange(40) % 2
    assert calibrate_modestly([1.0 - 2.0 * y], y) == Calibration()


def test_it_can_be_stopped():
    class Enough(Exception):
        pass

    def check():
        raise Enough

    with pytest.raises(Enough):
        fit_head(*photos(60), SIMILARITY, check=check)


@pytest.mark.parametrize("number", [1e6, np.nan, np.inf, -1e5])
def test_numbers_too_large_to_be_stored(number):
    with pytest.raises(CheckFailed, match="too large"):
        rounded(np.array([[1.0, number]], dtype=np.float32))
