"""Before and after on the user's own corrections: honest, the same every time, and stopped when asked."""

import numpy as np
import pytest

from alpacasorter.ml.learning import learner as module
from alpacasorter.ml.learning.folds import SIMILARITY, groups_of_near_duplicates, scene_similarity
from alpacasorter.ml.learning.learner import Learner, self_check
from alpacasorter.ml.models.head import Head
from tests.engines import SIZE, few_replayed

THRESHOLD = few_replayed().threshold


@pytest.fixture(scope="module")
def strangers() -> np.ndarray:
    """Embeddings of 30 photos that are like no other, none in the replay set."""
    vectors = np.abs(np.random.default_rng(3).standard_normal((30, SIZE))).astype(np.float32)
    # One direction each, so that learning of one says nothing of the next.
    vectors[:, : 30 * 40] *= np.repeat(np.eye(30), 40, axis=1) * 12
    return vectors


def check(vectors, labels, **options):
    return self_check(Learner(few_replayed()), vectors, np.array(labels, np.uint8), threshold=THRESHOLD, **options)


def shipped(vectors) -> np.ndarray:
    return (few_replayed().head.probability(vectors) >= THRESHOLD).astype(np.uint8)


class Spy:
    """Stands in for the learner: notes what each head has learned from, and gives one that knows just that."""

    def __init__(self) -> None:
        self.parts: list[set[int]] = []

    def learn(self, embeddings, labels):
        self.parts.append({int(row[0]) for row in embeddings})
        return Head(np.zeros(embeddings.shape[1]), 0.0)


def numbered(scenes: list[int]) -> np.ndarray:
    """Photos whose first number is their place, and which are alike where their scene is the same."""
    vectors = np.zeros((len(scenes), 80), np.float32)
    vectors[:, 0] = np.arange(len(scenes))
    vectors[np.arange(len(scenes)), 1 + np.array(scenes)] = 1000
    return vectors


@pytest.mark.parametrize("count", [2, 20, 21, 57])
def test_no_correction_is_judged_by_a_head_that_learned_from_it_or_its_scene(count: int) -> None:
    scenes = [n // 2 for n in range(count * 2)]
    vectors, spy = numbered(scenes), Spy()
    assert len(np.unique(groups_of_near_duplicates(vectors))) == count
    found = self_check(spy, vectors, np.arange(count * 2, dtype=np.uint8) % 2, threshold=0.5)
    nobody, everyone, *parts = spy.parts
    assert nobody == set()
    assert everyone == set(range(count * 2))
    assert len(parts) == (count if count <= module.LEAVE_ONE_OUT else module.FOLDS)
    left_out = [everyone - part for part in parts]
    assert sorted(n for part in left_out for n in part) == list(range(count * 2)), "each is judged once"
    for part in left_out:
        assert {n ^ 1 for n in part} == part, "with all of its scene"
    # At 0.5 everything is called positive: half of them are right.
    assert (found.corrections, found.before, found.after, found.still_wrong) == (count * 2, count, count, count)


def test_what_is_learned_by_heart_helps_no_other(strangers: np.ndarray) -> None:
    wrong = 1 - shipped(strangers)
    found = check(strangers, wrong)
    assert found.corrections == 30
    assert found.before == 0
    assert found.still_wrong == 0, "it has been told"
    learned = Learner(few_replayed()).learn(strangers, wrong)
    by_heart = ((learned.probability(strangers) >= THRESHOLD) == wrong).sum()
    assert by_heart == 30
    assert found.after < 30, "and would not know it by itself"


def test_what_corrections_have_in_common_is_learned(strangers: np.ndarray) -> None:
    common = np.abs(np.random.default_rng(8).standard_normal(SIZE)).astype(np.float32) * 2
    alike = strangers + common
    wrong = np.full(30, 1 - round(float(shipped(alike).mean())), np.uint8)
    found = check(alike, wrong, similarity=0.999)
    assert found.before < 10
    assert found.after > 25


def test_what_is_one_scene_depends_on_the_network() -> None:
    assert scene_similarity(0.6) == pytest.approx(SIMILARITY)
    assert 0.9 < scene_similarity(0.9) < 1


def test_it_is_the_same_every_time(strangers: np.ndarray) -> None:
    labels = [n % 2 for n in range(30)]
    assert check(strangers, labels) == check(strangers, labels)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_one_scene_tells_nothing(strangers: np.ndarray, count: int) -> None:
    same = np.repeat(strangers[:1], count, axis=0) * np.linspace(1, 1.01, count)[:, np.newaxis]
    found = check(same, [1 - int(shipped(strangers)[0])] * count)
    assert (found.corrections, found.after) == (count, None)
    assert found.before in (0, count)


@pytest.mark.parametrize("asked", [0, 1, 3])
def test_it_stops_when_asked(strangers: np.ndarray, asked: int) -> None:
    answers = iter([False] * asked + [True])
    assert check(strangers, [1] * 30, stopped=lambda: next(answers)) is None
    assert next(answers, "asked no more") == "asked no more"


def test_wrong_shapes_are_refused(strangers: np.ndarray) -> None:
    with pytest.raises(ValueError, match="fit"):
        check(strangers[:, :7], [1] * 30)
