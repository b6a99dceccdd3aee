"""Learning: always the optimum for all corrections, whatever came before."""

from dataclasses import replace

import numpy as np
import pytest

from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.learning.logistic import fit_logistic
from alpacasorter.ml.models.bundle import Replay
from tests.ml.bundles import L2, make_bundle, replay_set

WEIGHT = 3.0
# With few numbers each, any two photos look alike.
NO_YIELDING = {"correction_weight": WEIGHT, "yield_similarity": 0.99999}


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "model")


def corrections(count, size=64, seed=7):
    random = np.random.default_rng(seed)
    return np.abs(random.normal(size=(count, size))).astype(np.float16), random.integers(0, 2, count).astype(np.uint8)


def from_scratch(bundle, x, y, replay_weights=None):
    """Return the optimum found at one go: what is added to the shipped head, and the sum of the two."""
    replay, shipped = bundle.replay, bundle.head
    kept = replay.weights if replay_weights is None else replay_weights
    samples = np.vstack([replay.embeddings, x]).astype(np.float64)
    offset = samples @ shipped.weights + shipped.bias
    said_before = 1 / (1 + np.exp(-offset[: len(replay.labels)]))
    added = fit_logistic(
        samples,
        np.concatenate([said_before, y]),
        np.concatenate([kept, np.full(len(y), WEIGHT)]),
        bundle.learning.l2,
        offset=offset,
    )
    return replace(added, weights=shipped.weights + added.weights, bias=shipped.bias + added.bias)


def assert_same(head, solution):
    np.testing.assert_allclose(head.weights, solution.weights, atol=1e-6)
    assert head.bias == pytest.approx(solution.bias, abs=1e-6)


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
    bundle = make_bundle(tmp_path / "model", replay, learning=NO_YIELDING)
    x, y = corrections(30, size=8)
    learner = Learner(bundle)
    assert_same(learner.learn(x[:10], y[:10]), from_scratch(bundle, x[:10], y[:10]))
    assert_same(learner.learn(x, y), from_scratch(bundle, x, y))


def test_outgrowing_the_inner_products(tmp_path):
    bundle = make_bundle(tmp_path / "model", replay_set(n=15, size=8), learning=NO_YIELDING)
    x, y = corrections(200, size=8)
    learner = Learner(bundle)
    for count in (1, 2, 3, 40, 200):
        assert_same(learner.learn(x[:count], y[:count]), from_scratch(bundle, x[:count], y[:count]))


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


@pytest.mark.parametrize("agrees", [True, False])
def test_a_correction_of_a_replayed_photo_takes_its_place(bundle, agrees):
    x = bundle.replay.embeddings[:1]
    label = bundle.replay.labels[0] if agrees else 1 - bundle.replay.labels[0]
    y = np.array([label], dtype=np.uint8)
    # As another device would compute it: not the same bits, but the same photo.
    nearly = (x.astype(np.float32) * 1.0005).astype(np.float16)
    kept = bundle.replay.weights.copy()
    kept[0] = 0.0
    head = Learner(bundle).learn(nearly, y)
    assert_same(head, from_scratch(bundle, nearly, y, kept))
    assert (head.probability(x)[0] >= 0.5) == label


def test_replayed_photos_that_look_alike_but_are_called_otherwise_stand_back(bundle):
    alike = bundle.replay.embeddings[:1].astype(np.float64)
    stranger = np.abs(np.random.default_rng(3).normal(size=alike.shape))
    photo = (alike + 0.3 * stranger).astype(np.float16)
    vectors = np.vstack([photo, bundle.replay.embeddings]).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = vectors[1:] @ vectors[0]
    assert 0.9 < cosine[0] < 0.9995
    for label in (0, 1):
        y = np.array([label], dtype=np.uint8)
        kept = bundle.replay.weights.copy()
        kept[(cosine >= 0.9) & (bundle.replay.labels != label)] = 0.0
        assert_same(Learner(bundle).learn(photo, y), from_scratch(bundle, photo, y, kept))


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
    assert learner.learn(x, np.array([1], dtype=np.uint8)).logits(x)[0] > before
    assert learner.learn(x, np.array([0], dtype=np.uint8)).logits(x)[0] < before


def test_a_replay_set_of_one_class(tmp_path):
    replay = replay_set()
    bundle = make_bundle(tmp_path / "model", Replay(replay.embeddings, np.zeros(40, dtype=np.uint8), replay.weights))
    x, _ = corrections(1)
    head = Learner(bundle).learn(x, np.array([1], dtype=np.uint8))
    assert np.isfinite(head.weights).all()
    assert head.probability(x)[0] > bundle.head.probability(x)[0]


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
