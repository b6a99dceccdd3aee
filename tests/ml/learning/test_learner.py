"""Learning: always the optimum for all corrections, whatever came before."""

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize
from scipy.special import expit

from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.models.bundle import Replay
from tests.ml.bundles import L2, make_bundle, replay_set


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "model")


def corrections(count, size=64, seed=7):
    random = np.random.default_rng(seed)
    return np.abs(random.normal(size=(count, size))).astype(np.float16), random.integers(0, 2, count).astype(np.uint8)


def from_scratch(bundle, x, y):
    """Return the optimal weights found by another solver, straight from the objective."""
    replay, shipped, settings = bundle.replay, bundle.head, bundle.learning
    replayed, samples = replay.embeddings.astype(np.float64), x.astype(np.float64)
    share = expit(replayed @ shipped.weights + shipped.bias)
    held = settings.replay_weight * replay.weights * np.maximum(share * (1 - share), 1e-3)
    precision = (replayed.T * held) @ replayed + settings.stiffness * settings.l2 * np.eye(replayed.shape[1])
    offset = samples @ shipped.weights + shipped.bias

    def objective(added):
        logits = offset + samples @ added
        pull = settings.correction_weight * (expit(logits) - y)
        loss = settings.correction_weight * (np.logaddexp(0, logits) - y * logits).sum()
        return loss + added @ precision @ added / 2, samples.T @ pull + precision @ added

    def curvature(added):
        share = expit(offset + samples @ added)
        return precision + (samples.T * (settings.correction_weight * share * (1 - share))) @ samples

    start = np.zeros(replayed.shape[1])
    found = optimize.minimize(objective, start, jac=True, hess=curvature, method="trust-exact", tol=1e-11)
    return shipped.weights + found.x


def assert_same(head, weights):
    np.testing.assert_allclose(head.weights, weights, atol=1e-6)


def test_nothing_to_learn_is_the_shipped_head(bundle):
    head = Learner(bundle).learn(np.empty((0, 64), dtype=np.float16), np.empty(0, dtype=np.uint8))
    assert head is bundle.head


@pytest.mark.parametrize("count", [1, 5, 200])
def test_the_optimum_for_replay_set_and_corrections(bundle, count):
    x, y = corrections(count)
    assert_same(Learner(bundle).learn(x, y), from_scratch(bundle, x, y))


def test_one_at_a_time_comes_to_the_same(bundle):
    x, y = corrections(100)
    learner = Learner(bundle)
    for count in range(1, 101):
        head = learner.learn(x[:count], y[:count])
    assert_same(head, from_scratch(bundle, x, y))


def test_more_photos_than_numbers_each(tmp_path):
    replay = replay_set(n=60, size=8)
    bundle = make_bundle(tmp_path / "model", replay)
    x, y = corrections(30, size=8)
    learner = Learner(bundle)
    assert_same(learner.learn(x[:10], y[:10]), from_scratch(bundle, x[:10], y[:10]))
    assert_same(learner.learn(x, y), from_scratch(bundle, x, y))


def test_more_corrections_than_numbers_each(tmp_path):
    bundle = make_bundle(tmp_path / "model", replay_set(n=15, size=8))
    x, y = corrections(200, size=8)
    learner = Learner(bundle)
    for count in (1, 2, 3, 40, 200):
        assert_same(learner.learn(x[:count], y[:count]), from_scratch(bundle, x[:count], y[:count]))


MANY = 300
"""More than are fitted in their inner products."""


def clicks(bundle, x, y, first):
    """Learn the first corrections at once and the others one by one; return the learner and the last head."""
    learner = Learner(bundle)
    for count in range(first, len(x) + 1):
        head = learner.learn(x[:count], y[:count])
    return learner, head


@pytest.mark.parametrize("first", [250, MANY])
@pytest.mark.parametrize("photos", [40, 100], ids=["fewer photos than numbers", "more photos than numbers"])
def test_hundreds_one_at_a_time_come_to_the_same(tmp_path, first, photos):
    bundle = make_bundle(tmp_path / "model", replay_set(n=photos))
    x, y = corrections(first + 15)
    _learner, head = clicks(bundle, x, y, first)
    assert_same(head, from_scratch(bundle, x, y))


def test_hundreds_can_be_removed_changed_copied_and_come_back(bundle):
    x, y = corrections(MANY + 30)
    learner, _head = clicks(bundle, x, y, MANY)
    assert_same(learner.learn(x[20:], y[20:]), from_scratch(bundle, x[20:], y[20:]))
    changed = np.where(np.arange(len(y)) % 40 == 0, 1 - y, y)
    assert_same(learner.learn(x, changed), from_scratch(bundle, x, changed))
    few = slice(None, None, 60)
    assert_same(learner.learn(x[few], y[few]), from_scratch(bundle, x[few], y[few]))
    twice = np.concatenate([x, x[:30]])
    contradicted = np.concatenate([y, 1 - y[:30]])
    assert_same(learner.learn(twice, contradicted), from_scratch(bundle, twice, contradicted))
    assert learner.learn(x[:0], y[:0]) is bundle.head


def test_a_whole_folder_of_other_corrections(bundle):
    learner = Learner(bundle)
    for seed in range(4):
        x, y = corrections(700, seed=seed)
        head = learner.learn(x, y)
    assert_same(head, from_scratch(bundle, x, y))


def test_the_same_clicks_give_the_same_bits(bundle):
    x, y = corrections(MANY + 10)
    (_one, first), (_other, second) = clicks(bundle, x, y, MANY), clicks(bundle, x, y, MANY)
    assert (first.weights == second.weights).all()


def test_photos_are_known_again_by_their_numbers_and_by_their_objects(bundle):
    x, y = corrections(MANY)
    vectors = list(x)
    learner = Learner(bundle)
    expected = learner.learn(vectors, y).weights
    np.testing.assert_allclose(learner.learn(vectors, y).weights, expected, atol=1e-9)
    np.testing.assert_allclose(learner.learn(list(x.copy()), y).weights, expected, atol=1e-9)
    np.testing.assert_allclose(learner.learn(vectors[::-1], y[::-1]).weights, expected, atol=1e-9)


def test_a_click_does_not_work_on_all_corrections_together(bundle, monkeypatch):
    """Where there are hundreds, no system of equations or inverse grows with them, and a few steps are enough."""
    x, y = corrections(1400)
    learner = Learner(bundle)
    learner.learn(x[:1200], y[:1200])
    solved = []
    for name in ("solve", "inv", "cholesky"):
        usual = getattr(np.linalg, name)
        monkeypatch.setattr(np.linalg, name, lambda a, *rest, usual=usual: solved.append(len(a)) or usual(a, *rest))
    for count in range(1201, 1231):
        solved.clear()
        learner.learn(x[:count], y[:count])
        assert len(solved) <= 8
        assert max(solved, default=0) <= 32


def test_the_order_does_not_matter(bundle):
    x, y = corrections(20)
    turned = Learner(bundle).learn(x[::-1], y[::-1])
    np.testing.assert_allclose(turned.weights, Learner(bundle).learn(x, y).weights, atol=1e-6)


def test_a_removed_correction_is_forgotten(bundle):
    x, y = corrections(10)
    learner = Learner(bundle)
    learner.learn(x, y)
    assert_same(learner.learn(x[3:], y[3:]), from_scratch(bundle, x[3:], y[3:]))
    assert learner.learn(x[:0], y[:0]) is bundle.head


def test_a_change_of_mind(bundle):
    x, y = corrections(10)
    learner = Learner(bundle)
    learner.learn(x, y)
    changed = y.copy()
    changed[4] = 1 - changed[4]
    assert_same(learner.learn(x, changed), from_scratch(bundle, x, changed))


def test_two_copies_of_one_photo_count_twice(bundle):
    x, y = corrections(1)
    twice_x, twice_y = np.repeat(x, 2, axis=0), np.repeat(y, 2)
    assert_same(Learner(bundle).learn(twice_x, twice_y), from_scratch(bundle, twice_x, twice_y))


def test_two_copies_called_differently(bundle):
    x, _ = corrections(1)
    both = np.repeat(x, 2, axis=0)
    labels = np.array([0, 1], dtype=np.uint8)
    assert_same(Learner(bundle).learn(both, labels), from_scratch(bundle, both, labels))


def test_weights_of_the_replay_set_count(tmp_path):
    replay = replay_set()
    uneven = Replay(replay.embeddings, replay.labels, np.linspace(0, 2, 40, dtype=np.float32))
    bundle = make_bundle(tmp_path / "model", uneven)
    x, y = corrections(3)
    assert_same(Learner(bundle).learn(x, y), from_scratch(bundle, x, y))


def test_embeddings_are_rounded_as_they_are_stored(bundle):
    x, y = corrections(5)
    fine = x.astype(np.float32) * np.float32(1.0001)
    rounded = fine.astype(np.float16)
    assert_same(Learner(bundle).learn(fine, y), from_scratch(bundle, rounded, y))


def test_calibration_stays(bundle):
    head = Learner(bundle).learn(*corrections(3))
    assert head.calibration == bundle.calibration


def test_it_moves_towards_what_was_said(bundle):
    x, _ = corrections(1)
    before = bundle.head.logits(x)[0]
    learner = Learner(bundle)
    for label, sign in ((1, 1), (0, -1)):
        head = learner.learn(x, np.array([label], dtype=np.uint8))
        assert sign * (replace(head, hysteresis=None).logits(x)[0] - before) > 0


def test_a_tag_changes_only_if_the_learned_head_is_sure(bundle):
    head = Learner(bundle).learn(*corrections(30))
    x, _ = corrections(300, seed=8)
    shipped, said, plain = bundle.head.logits(x) >= 0, head.logits(x), replace(head, hysteresis=None).logits(x)
    sure = np.abs(plain) >= bundle.margin
    contradicted = shipped != (plain >= 0)
    assert (contradicted & sure).any()
    assert (contradicted & ~sure).any()
    np.testing.assert_array_equal(said >= 0, np.where(sure, plain >= 0, shipped))


def test_photos_of_the_replay_set_are_held(bundle):
    x, y = corrections(5)
    loose = replace(bundle, learning=replace(bundle.learning, replay_weight=1e-9))
    replayed = bundle.replay.embeddings.astype(np.float64)

    def moved(model):
        return np.abs(replayed @ (Learner(model).learn(x, y).weights - model.head.weights)).max()

    assert moved(bundle) < moved(loose)


@pytest.mark.parametrize("others", [0, 400])
@pytest.mark.parametrize("weight", [1e-3, 3.0, 9e5])
@pytest.mark.parametrize("l2", [1e-3, 2.0, 1e4])
def test_contradictions_duplicates_and_extreme_settings_are_learned_at_once(bundle, weight, l2, others):
    """Labels that contradict the model or each other, copies, and huge weights must not make it search for long."""
    odd = replace(bundle, learning=replace(bundle.learning, correction_weight=weight, l2=l2))
    confident = np.argsort(-bundle.head.logits(bundle.replay.embeddings))[:6]
    x = np.concatenate([bundle.replay.embeddings[confident], np.repeat(bundle.replay.embeddings[confident[:2]], 8, 0)])
    more, _labels = corrections(others)
    x = np.concatenate([more, x])
    y = np.zeros(len(x), dtype=np.uint8)
    y[-5:] = 1
    learner = Learner(odd)
    started = time.process_time()
    head = learner.learn(x, y)
    assert time.process_time() - started < 2.0
    samples = x.astype(np.float64)
    pull = weight * (expit(samples @ head.weights + head.bias) - y)
    gradient = samples.T @ pull + learner.spread.precision @ (head.weights - odd.head.weights)
    assert np.linalg.norm(gradient) <= 1e-6 * weight * len(y) + 1e-6 * l2


def test_a_replay_set_of_one_class(tmp_path):
    replay = replay_set()
    bundle = make_bundle(tmp_path / "model", Replay(replay.embeddings, np.zeros(40, dtype=np.uint8), replay.weights))
    x, _ = corrections(1)
    head = Learner(bundle).learn(x, np.array([1], dtype=np.uint8))
    assert np.isfinite(head.weights).all()
    assert replace(head, hysteresis=None).probability(x)[0] > bundle.head.probability(x)[0]


def test_an_empty_replay_set(bundle):
    empty = replace(
        bundle,
        replay=Replay(np.empty((0, 64), dtype=np.float16), np.empty(0, dtype=np.uint8), np.empty(0, dtype=np.float32)),
    )
    x, y = corrections(6)
    y[:2] = 0, 1
    assert_same(Learner(empty).learn(x, y), from_scratch(empty, x, y))


@pytest.mark.parametrize(
    ("shape", "labels"),
    [((2, 63), [0, 1]), ((2, 64), [0]), ((64,), [0]), ((2, 64), [0, 2])],
    ids=["narrow", "few labels", "flat", "label 2"],
)
def test_corrections_that_do_not_fit_are_refused(bundle, shape, labels):
    with pytest.raises(ValueError, match=r"fit|labels"):
        Learner(bundle).learn(np.ones(shape, dtype=np.float16), np.array(labels, dtype=np.uint8))


def test_an_embedding_that_is_not_finite_is_refused_and_harms_nothing(bundle):
    x, y = corrections(2)
    learner = Learner(bundle)
    broken = x.copy()
    broken[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        learner.learn(broken, y)
    assert bundle.learning.l2 == L2
    assert_same(learner.learn(x, y), from_scratch(bundle, x, y))
