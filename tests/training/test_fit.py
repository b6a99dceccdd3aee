"""The training loop: keeping the best epoch, early stopping, and the user's commands."""

import math

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed")

import keras

from alpacasorter.training.events import STEPS_TOO_LARGE, Epoch
from alpacasorter.training.fit import Course, Phase, StopOrdered, TrainingError, run_phase, score

pytestmark = pytest.mark.tensorflow

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(np.int64)
TRAIN, HELD = np.arange(32), np.arange(32, 40)


def make_model():
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])


def batches(_number):
    for start in range(0, len(TRAIN), 8):
        yield TRAIN[start : start + 8], X[start : start + 8]


def run(model, *, epochs=5, patience=0, rate=0.05, judge=None, course=None, orders=lambda: "", given=batches, **more):
    return run_phase(
        model,
        Phase("head", epochs, patience, rate, **more),
        batches=given,
        targets=Y,
        judge=judge or (lambda: np.asarray(model(X[HELD]), dtype=np.float64)[:, 0]),
        held_out=Y[HELD],
        course=course or Course(epochs),
        orders=orders,
    )


def losses_of(*values):
    """A judge that makes the validation losses take these values."""
    given = iter(values)
    return lambda: np.where(Y[HELD] == 1, p := math.exp(-next(given)), 1 - p)


def test_it_learns_and_tells():
    model = make_model()
    events = list(run(model, epochs=8, rate=0.3))
    assert [event.number for event in events] == list(range(1, 9))
    assert all(isinstance(event, Epoch) and event.phase == "head" and event.total == 8 for event in events)
    assert events[-1].loss < events[0].loss
    assert events[-1].validation_loss < events[0].validation_loss
    assert events[-1].accuracy > 0.8


def test_the_figures_are_of_all_photos_of_the_round():
    model = make_model()
    before = score(np.asarray(model(X[TRAIN]), dtype=np.float64)[:, 0], Y[TRAIN])
    (event,) = run(model, epochs=1, rate=1e-8)
    assert event.loss == pytest.approx(before[0], rel=1e-4)
    assert event.accuracy == pytest.approx(before[1])


def test_the_best_round_is_kept():
    model = make_model()
    rounds = run(model, epochs=4, judge=losses_of(0.5, 0.3, 0.4, 0.6))
    weights = [[w.copy() for w in model.get_weights()] for _ in rounds]
    for now, best, last in zip(model.get_weights(), weights[1], weights[3], strict=True):
        assert (now == best).all()
        assert (now != last).any()


def test_the_mean_of_the_epochs_is_judged_and_kept():
    model = make_model()
    each = [[w.copy() for w in model.get_weights()] for _ in run(model, epochs=4, judge=losses_of(0.4, 0.3, 0.2, 0.5))]
    model = make_model()
    judged = []
    expected = losses_of(0.4, 0.3, 0.2, 0.5)

    def judge():
        judged.append([w.copy() for w in model.get_weights()])
        return expected()

    assert len(list(run(model, epochs=4, judge=judge, averaged=True))) == 4
    for count in (1, 2, 3, 4):
        for found, *weights in zip(judged[count - 1], *each[:count], strict=True):
            np.testing.assert_allclose(found, np.average(weights, axis=0, weights=range(1, count + 1)), rtol=1e-4)
    assert all((a == b).all() for a, b in zip(model.get_weights(), judged[2], strict=True)), "the best mean"


def test_the_rate_rises_at_first():
    def moved(**more):
        model = make_model()
        before = model.get_weights()[0].copy()
        list(run(model, epochs=1, rate=0.05, **more))
        return np.abs(model.get_weights()[0] - before).max()

    # Each of Adam's first steps is about as long as its rate: four of 0.05, or 1/8, 2/8, 3/8 and 4/8 of that.
    assert moved(warm_up=8) == pytest.approx(0.0625, rel=0.1)
    assert moved() == pytest.approx(0.2, rel=0.1)


def test_it_ends_early():
    events = list(run(make_model(), epochs=9, patience=2, judge=losses_of(0.5, 0.3, 0.4, 0.35, 0.1)))
    assert len(events) == 4


def test_without_patience_it_never_ends_early():
    assert len(list(run(make_model(), epochs=5, judge=losses_of(0.1, 0.2, 0.3, 0.4, 0.5)))) == 5


def test_retraining_that_is_no_better_changes_nothing():
    model = make_model()
    before = [w.copy() for w in model.get_weights()]
    course = Course(3)
    course.best_loss = 0.05
    list(run(model, epochs=3, judge=losses_of(0.3, 0.2, 0.1), course=course))
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_stop_is_obeyed_within_a_round():
    model, looked = make_model(), []

    def orders():
        looked.append(1)
        return "stop" if len(looked) == 3 else ""

    with pytest.raises(StopOrdered):
        list(run(model, orders=orders))
    assert len(looked) == 3


def test_finish_ends_within_a_round_once_there_is_one():
    model, course = make_model(), Course(9)
    rounds = run(model, epochs=9, orders=lambda: "finish", course=course)
    (weights,) = [[w.copy() for w in model.get_weights()] for _ in rounds]
    assert course.finishing
    assert all((a == b).all() for a, b in zip(weights, model.get_weights(), strict=True))


def test_a_loss_that_is_not_finite():
    def broken(_number):
        yield TRAIN[:8], np.full((8, 4), np.nan, dtype=np.float32)

    with pytest.raises(TrainingError, match=STEPS_TOO_LARGE):
        list(run(make_model(), given=broken))


def test_it_counts_as_keras_does():
    p, y = np.array([0.9, 0.2, 0.5, 0.99]), np.array([1, 1, 0, 0])
    loss, accuracy = score(p, y)
    theirs = keras.losses.BinaryCrossentropy()(y[:, np.newaxis].astype("float32"), p[:, np.newaxis].astype("float32"))
    assert loss == pytest.approx(float(theirs), rel=1e-3)
    assert accuracy == 0.5
