"""Retraining the last blocks: what a batch consists of, and what training changes."""

import numpy as np
import pytest

from alpacasorter.ml.learning.logistic import fit_logistic
from alpacasorter.ml.models.head import sigmoid
from tools.model_maker.last_blocks import LastBlocks, Lessons, Material, Plan, Samples, imitation, mixed

PHOTOS, VIEWS, SMALL = 9, 4, 2
# The last two have no label in the second variant, and the very last has none at all.
TARGETS = np.array([[0, 0], [1, 1], [0, 0], [1, 1], [0, 0], [1, 0], [0, 0], [1, -1], [-1, -1]])
OF_PHOTO = [(0, 1, 2, 3)] * 8 + [(0, 2)]


def numbered(lessons=None, targets=TARGETS, small=SMALL):
    """Material whose maps say which photo and view they are: 10 times the photo plus the view."""
    numbers = 10.0 * np.arange(PHOTOS)[:, np.newaxis] + np.arange(VIEWS)
    maps = np.broadcast_to(numbers[:, :, None, None, None], (PHOTOS, VIEWS, 4, 4, 1)).astype(np.float16)
    parts = np.broadcast_to(numbers[:, :small, None, None, None], (PHOTOS, small, 2, 2, 1)).astype(np.float16)
    return Material(maps, parts if small else None, OF_PHOTO, targets, lessons)


def plan(**changes):
    return Plan(**{"epochs": 1, "learning_rate": 1e-3, "batch_size": 2, **changes})


def drawn(material, rows=range(PHOTOS), rounds=60, **changes):
    """Yield (map, targets, weights, (row, view)) of each sample in several epochs."""
    samples = Samples(material, np.array(list(rows)), plan(**changes))
    random = np.random.default_rng(1)
    for _ in range(rounds):
        for batch in samples.batches(random):
            yield from zip(batch.maps, batch.targets, batch.weights, map(tuple, batch.views.tolist()), strict=True)


def photos_in(sample):
    return {int(number) // 10 for number in np.unique(sample)}


def test_a_single_photo_is_called_what_it_is():
    seen = set()
    for sample, targets, weights, (row, view) in drawn(numbered()):
        assert np.unique(sample).tolist() == [10 * row + view]
        assert view in OF_PHOTO[row]
        seen.add((row, view))
        np.testing.assert_array_equal(weights, TARGETS[row] >= 0)
        known = TARGETS[row] >= 0
        np.testing.assert_allclose(targets[known], np.where(TARGETS[row] == 1, 0.99, 0.01)[known])
    assert seen == {(row, view) for row in range(8) for view in range(4)}, "without a label, a photo is not drawn"


def test_views_other_than_the_photo_itself_come_up_more_often():
    views = [view for *_, (_, view) in drawn(numbered(), rounds=200)]
    assert 0.1 < np.mean(np.array(views) < 2) < 0.2


def test_a_round_shows_each_photo_once_and_leaves_out_a_rest():
    samples = Samples(numbered(), np.arange(8), plan(batch_size=3))
    assert samples.steps() == 2
    batches = list(samples.batches(np.random.default_rng(2)))
    assert [len(batch.maps) for batch in batches] == [3, 3]
    rows = [row for batch in batches for row, _ in batch.views.tolist()]
    assert len(set(rows)) == 6
    few = Samples(numbered(), np.arange(8), plan(batch_size=100))
    assert [len(batch.maps) for batch in few.batches(np.random.default_rng(2))] == [8]


def test_a_scene_shows_what_any_of_its_photos_shows():
    several, unknown = 0, 0
    for sample, targets, weights, views in drawn(numbered(), scenes=1.0):
        assert views == (-1, -1)
        photos = photos_in(sample)
        several += len(photos) > 1
        for column in range(2):
            labels = TARGETS[list(photos), column]
            if (labels == 1).any():
                assert (weights[column], targets[column]) == (1.0, pytest.approx(0.99))
            elif (labels == -1).any():
                assert weights[column] == 0.0
                unknown += 1
            else:
                assert (weights[column], targets[column]) == (1.0, pytest.approx(0.01))
    assert several > 200
    assert unknown > 5


def test_both_kinds_of_scene_come_up_and_fill_the_map():
    four, pasted = 0, 0
    for sample, *_ in drawn(numbered(), scenes=1.0):
        assert sample.shape == (4, 4, 1)
        quarters = [sample[:2, :2], sample[:2, 2:], sample[2:, :2], sample[2:, 2:]]
        is_four = all(len(np.unique(quarter)) == 1 for quarter in quarters) and len(np.unique(sample)) > 2
        four += is_four
        pasted += not is_four and sorted(np.unique(sample, return_counts=True)[1].tolist()) == [4, 12]
    assert four > 80
    assert pasted > 80


def test_scenes_are_made_of_the_photos_to_train_on_only():
    rows = [0, 1, 2, 3, 8]
    assert {photo for sample, *_ in drawn(numbered(), rows, scenes=1.0) for photo in photos_in(sample)} == {0, 1, 2, 3}


def test_without_small_views_or_negative_photos_there_are_no_scenes():
    assert all(view >= 0 for *_, (_, view) in drawn(numbered(small=0), scenes=1.0))
    assert all(view >= 0 for *_, (_, view) in drawn(numbered(), [1, 3, 5], scenes=1.0))


def test_a_teacher_has_its_share_of_each_label_and_all_of_photos_without():
    said = np.random.default_rng(3).uniform(size=(PHOTOS, VIEWS, 2)).astype(np.float32)
    lessons = Lessons(said, np.zeros((PHOTOS, VIEWS, 3), dtype=np.float32))
    seen = set()
    for _, targets, weights, (row, view) in drawn(numbered(lessons), taught=0.25):
        seen.add(row)
        assert weights.tolist() == [1.0, 1.0]
        label = np.where(TARGETS[row] == 1, 0.99, 0.01)
        expected = np.where(TARGETS[row] < 0, said[row, view], 0.75 * label + 0.25 * said[row, view])
        np.testing.assert_allclose(targets, expected, rtol=1e-5)
    assert seen == set(range(PHOTOS))
    # A teacher never saw the scenes.
    scenes = [(targets, view) for _, targets, _, (_, view) in drawn(numbered(lessons), range(7), scenes=1.0)]
    assert {view for _, view in scenes} == {-1}
    assert {round(float(target), 3) for targets, _ in scenes for target in targets} == {0.01, 0.99}


def test_mixing():
    start = [np.zeros(2, dtype=np.float32), np.array(4.0, dtype=np.float32)]
    ends = [
        [np.array([1.0, 2.0], dtype=np.float32), np.array(0.0, dtype=np.float32)],
        [np.array([3.0, 2.0], dtype=np.float32), np.array(2.0, dtype=np.float32)],
    ]
    first, second = mixed(start, ends, 0.25)
    np.testing.assert_allclose(first, [0.5, 0.5])
    assert second == pytest.approx(3.25)
    for array, expected in zip(mixed(start, ends, 0.0), start, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_what_is_imitated_are_the_main_directions_of_the_photos_to_train_on():
    random = np.random.default_rng(4)
    pretrained = random.normal(size=(60, 5))
    # Five directions that the pretrained embeddings determine, and some noise in twenty.
    embeddings = (pretrained @ random.normal(size=(5, 20)))[:, np.newaxis] + random.normal(0, 0.01, (60, 2, 20)) + 7.0
    material = Material(
        np.zeros((60, 2, 1, 1, 1), dtype=np.float16),
        None,
        [(0, 1)] * 60,
        np.zeros((60, 1), dtype=np.int64),
        Lessons(np.zeros((60, 2, 1), dtype=np.float32), embeddings),
    )
    rows = np.arange(50)
    found = imitation(material, rows, pretrained)
    assert found.values.shape == (60, 2, 20)
    known = found.values[rows].reshape(-1, 20)
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-4)
    assert known.var(axis=0).mean() == pytest.approx(1, abs=0.01)
    started = pretrained @ found.start[:-1] + found.start[-1]
    assert np.abs(started - found.values[:, 0]).mean() < 0.1
    # Other photos change nothing.
    embeddings[50:] += random.normal(size=(10, 2, 20))
    again = imitation(material, rows, pretrained)
    np.testing.assert_array_equal(again.values[rows], found.values[rows])
    np.testing.assert_array_equal(again.start, found.start)


CHANNELS = 6
COUNT = 40
ROWS = np.arange(32)


def labels(column):
    return np.random.default_rng(5 + column).permutation(np.arange(COUNT) % 2)


def material(lessons=None):
    """Maps in which the first variant is a matter of one channel, and the second of another."""
    random = np.random.default_rng(6)
    targets = np.stack([labels(0), labels(1)], axis=1)
    maps = random.normal(size=(COUNT, 3, 4, 4, CHANNELS))
    for column in range(2):
        maps[..., column] += 1.5 * (2 * targets[:, column] - 1)[:, None, None, None]
    targets[:4, 1] = -1
    return Material(
        maps.astype(np.float16), maps[:, :2, :2, :2].astype(np.float16), [(0, 1, 2)] * COUNT, targets, lessons
    )


@pytest.fixture
def network():
    """A tiny network; the first convolution stands for the layers that are frozen."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    pixels = keras.Input((8, 8, 3))
    early = layers.Conv2D(CHANNELS, 3, strides=2, padding="same", name="early")(pixels)
    middle = layers.BatchNormalization(name="norm")(layers.Conv2D(8, 3, padding="same", name="late")(early))
    last = layers.Conv2D(8, 1, name="last")(layers.ReLU(6.0)(middle))
    built = keras.Model(pixels, layers.ReLU(6.0)(last))
    random = np.random.default_rng(2)
    built.get_layer("norm").set_weights([random.uniform(0.5, 1.5, 8) for _ in range(4)])
    return built


def stored(network):
    return {f"{layer.name}/{variable.name}": variable.numpy() for layer in network.layers for variable in layer.weights}


def logits(blocks, given):
    weights, bias = blocks.units
    return blocks.embed(given.maps[:, 0]).astype(np.float64) @ weights + bias


def loss(found, targets):
    known = targets >= 0
    return float(-np.log(np.where(targets == 1, sigmoid(found), sigmoid(-found)))[known].mean())


TRAINED = Plan(epochs=30, learning_rate=0.02, batch_size=16, dropout=0.0)
needs_tensorflow = pytest.mark.tensorflow


@needs_tensorflow
def test_training_separates_what_can_be_separated(network):
    given, before = material(), stored(network)
    blocks = LastBlocks(network, "early", 2)
    blocks.use(blocks.start(given, ROWS, TRAINED))
    at_first = loss(logits(blocks, given), given.targets)
    blocks.use(blocks.train(given, ROWS, TRAINED, seed=3))
    found = logits(blocks, given)
    assert loss(found, given.targets) < 0.5 * at_first
    known = given.targets >= 0
    assert ((found > 0) == (given.targets == 1))[known].mean() > 0.95
    after = stored(network)
    changed = {name for name, array in before.items() if not np.array_equal(after[name], array)}
    assert changed == {"late/kernel", "late/bias", "last/kernel", "last/bias"}


@needs_tensorflow
def test_the_embedding_is_the_mean_of_the_last_map(network):
    import keras

    given = material()
    blocks = LastBlocks(network, "early", 2)
    rest = keras.Model(network.get_layer("early").output, network.output)
    expected = np.asarray(rest(given.maps[:, 0].astype(np.float32))).mean(axis=(1, 2))
    found = blocks.embed(given.maps[:, 0])
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


@needs_tensorflow
def test_a_run_starts_from_the_pretrained_network(network):
    """With the exact optimum on its embeddings, which a photo without a label has no part in; also after other runs."""
    given, before = material(), stored(network)
    blocks = LastBlocks(network, "early", 2)
    plan = Plan(epochs=2, learning_rate=0.02)
    blocks.use(blocks.train(given, ROWS, plan, seed=3))
    assert not np.array_equal(stored(network)["late/kernel"], before["late/kernel"])
    start = blocks.start(given, ROWS, plan)
    blocks.use(mixed(start, [[np.full_like(array, 7.0) for array in start]], 0.0))
    for name, array in stored(network).items():
        np.testing.assert_array_equal(array, before[name])
    embeddings = blocks.embed(given.maps[:, 0]).astype(np.float64)
    for column, rows in enumerate((ROWS, ROWS[4:])):
        optimum = fit_logistic(embeddings[rows], given.targets[rows, column], None, 8.0)
        np.testing.assert_allclose(blocks.units[0][:, column], optimum.weights, atol=1e-5)
        assert blocks.units[1][column] == pytest.approx(optimum.bias, abs=1e-5)


@needs_tensorflow
def test_the_seed_determines_the_result_whatever_was_trained_before(network):
    given = material()
    blocks = LastBlocks(network, "early", 2)
    short = Plan(epochs=3, learning_rate=0.02, batch_size=16, scenes=0.3)
    found = []
    for seed in (1, 2, 1):
        blocks.use(blocks.train(given, ROWS, short, seed=seed))
        found.append((logits(blocks, given), stored(network)))
    np.testing.assert_allclose(found[2][0], found[0][0], atol=1e-3)
    np.testing.assert_allclose(found[2][1]["late/kernel"], found[0][1]["late/kernel"], atol=1e-4)
    assert np.abs(found[1][1]["late/kernel"] - found[0][1]["late/kernel"]).max() > 1e-3


@needs_tensorflow
def test_photos_that_are_not_in_the_rows_have_no_part_in_it(network):
    given, blocks = material(), LastBlocks(network, "early", 2)
    short = Plan(epochs=2, learning_rate=0.02, batch_size=16, scenes=0.3)
    blocks.use(blocks.train(given, ROWS, short, seed=1))
    before = stored(network)
    others = np.setdiff1d(np.arange(COUNT), ROWS)
    given.maps[others] = 9.0
    given.small[others] = 9.0
    given.targets[others] = 1 - np.maximum(given.targets[others], 0)
    blocks.use(blocks.train(given, ROWS, short, seed=1))
    np.testing.assert_allclose(stored(network)["late/kernel"], before["late/kernel"], atol=1e-4)


@needs_tensorflow
def test_a_network_that_imitates_its_teacher_comes_to_know_what_it_knows(network):
    """The teacher knows of a pattern that no label says anything about and that the pretrained network ignores."""
    plainly = material()
    corner = plainly.maps[..., 5].astype(np.float64)
    known = np.stack([np.maximum(corner, 0).mean(axis=(2, 3)), np.abs(corner).mean(axis=(2, 3))], axis=-1)
    said = np.full((COUNT, 3, 2), 0.5, dtype=np.float32)
    given = material(Lessons(said, known))
    blocks = LastBlocks(network, "early", 2)

    def unexplained(weight):
        plan = Plan(epochs=40, learning_rate=0.02, batch_size=16, imitation=weight)
        blocks.use(blocks.train(given, ROWS, plan, seed=4))
        embeddings = blocks.embed(given.maps[:, 0]).astype(np.float64)
        x = np.concatenate([embeddings, np.ones((COUNT, 1))], axis=1)
        y = (known[:, 0] - known[:, 0].mean(axis=0)) / known[:, 0].std(axis=0)
        return float(np.square(x @ np.linalg.lstsq(x, y, rcond=None)[0] - y).mean())

    assert unexplained(10.0) < 0.8 * unexplained(0.0)


@needs_tensorflow
def test_a_teacher_can_say_everything(network):
    """A photo without a label trains, too, by what the teacher says about it."""
    given = material()
    said = np.repeat(np.where(given.targets == 1, 0.98, 0.02)[:, np.newaxis], 3, axis=1).astype(np.float32)
    targets = given.targets.copy()
    targets[8:32] = -1
    unlabeled = Material(
        given.maps,
        given.small,
        given.views,
        targets,
        Lessons(said, np.random.default_rng(7).normal(size=(COUNT, 3, 4))),
    )
    blocks = LastBlocks(network, "early", 2)
    found = []
    for each in (unlabeled, Material(given.maps, given.small, given.views, targets)):
        blocks.use(blocks.train(each, ROWS, TRAINED, seed=5))
        found.append(loss(logits(blocks, given)[8:32], given.targets[8:32]))
    assert found[0] < 0.8 * found[1]
