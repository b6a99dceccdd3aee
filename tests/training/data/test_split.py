"""Which photos are held out, and the warnings about it."""

import numpy as np
import pytest

from alpacasorter.training import events
from alpacasorter.training.data.dataset import DatasetError, read_dataset
from alpacasorter.training.data.split import Split, keep_together, split_examples, warnings, without
from tests.training.pictures import class_folders, picture

SHARE = 0.2


def names(dataset, rows):
    return sorted(str(dataset.examples[row].path) for row in rows)


@pytest.mark.tensorflow
@pytest.mark.parametrize("seed", [0, 42, 1234567])
def test_it_is_the_split_of_keras_itself(tmp_path, seed):
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    folder = class_folders(tmp_path / "a", 13)
    for place in ("deeper", "Deeper", "a b"):
        (folder / "thing" / place).mkdir()
        picture(True, 500).save(folder / "thing" / place / "Z.png")
        picture(True, 501).save(folder / "thing" / place / "a.JPG", "JPEG")
    dataset = read_dataset([folder])
    split = split_examples(dataset, share=SHARE, seed=seed)
    for rows, subset in ((split.training, "training"), (split.validation, "validation")):
        theirs = keras.utils.image_dataset_from_directory(
            folder, validation_split=SHARE, subset=subset, seed=seed, image_size=(8, 8), label_mode="binary"
        )
        assert names(dataset, rows) == sorted(map(str, theirs.file_paths))
    assert not split.by_class


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("count", [2, 3, 12])
def test_no_photo_is_on_both_sides_and_none_is_lost(tmp_path, count, share):
    dataset = read_dataset([class_folders(tmp_path / "a", count)])
    for seed in range(5):
        split = split_examples(dataset, share=share, seed=seed)
        assert sorted([*split.training, *split.validation]) == list(range(2 * count))
        again = split_examples(dataset, share=share, seed=seed)
        assert (again.training == split.training).all()


def test_another_seed_is_another_split(tmp_path):
    dataset = read_dataset([class_folders(tmp_path / "a", 12)])
    first, second = (split_examples(dataset, share=SHARE, seed=seed) for seed in (1, 2))
    assert set(first.validation) != set(second.validation)


def test_a_tiny_class_is_on_both_sides_all_the_same(tmp_path):
    folder = class_folders(tmp_path / "a", 20)
    for path in sorted((folder / "thing").iterdir())[2:]:
        path.unlink()
    dataset = read_dataset([folder])
    targets = np.array([example.target for example in dataset.examples])
    splits = [split_examples(dataset, share=SHARE, seed=seed) for seed in range(10)]
    for split in splits:
        assert set(targets[split.training]) == set(targets[split.validation]) == {0, 1}
    assert any(split.by_class for split in splits)


def test_three_photos_are_too_few(tmp_path):
    folder = class_folders(tmp_path / "a", 2)
    (folder / "thing" / "thing_00.png").unlink()
    with pytest.raises(DatasetError, match=r"only one photo of the class “thing”.*at least 2"):
        split_examples(read_dataset([folder]), share=SHARE, seed=1)


def test_unreadable_photos_leave_the_split_as_it_is(tmp_path):
    dataset = read_dataset([class_folders(tmp_path / "a", 10)])
    split = split_examples(dataset, share=SHARE, seed=3)
    gone = int(split.training[0])
    left = without(split, dataset, [gone])
    assert set(left.training) == set(split.training) - {gone}
    assert (left.validation == split.validation).all()


def test_too_many_unreadable_photos(tmp_path):
    dataset = read_dataset([class_folders(tmp_path / "a", 10)])
    split = split_examples(dataset, share=SHARE, seed=3)
    targets = np.array([example.target for example in dataset.examples])
    with pytest.raises(DatasetError, match="None of the photos can be read"):
        without(split, dataset, range(20))
    with pytest.raises(DatasetError, match="No photo of the class “thing”"):
        without(split, dataset, np.flatnonzero(targets == 1).tolist())
    held = [row for row in split.validation if targets[row] == 0]
    with pytest.raises(DatasetError, match="held-out photos of the class “other”"):
        without(split, dataset, held)


def told(trained, held, across=0, by_class=False):
    targets = np.repeat([0, 1, 0, 1], [*trained, *held])
    rows = np.arange(len(targets))
    cut = sum(trained)
    return warnings(Split(rows[:cut], rows[cut:], by_class), targets, ("other", "thing"), across)


def test_nothing_to_warn_of():
    assert told((100, 100), (25, 25)) == ()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"trained": (100, 100), "held": (25, 25), "across": 3}, [events.near_duplicates(3, 50)]),
        ({"trained": (100, 100), "held": (5, 5)}, [events.few_held_out(10)]),
        (
            {"trained": (100, 5), "held": (25, 25)},
            [events.few_to_train_on(5, "thing"), events.uneven(100, "other", 5, "thing")],
        ),
        (
            {"trained": (1, 100), "held": (25, 25)},
            [events.few_to_train_on(1, "other"), events.uneven(100, "thing", 1, "other")],
        ),
        ({"trained": (100, 100), "held": (25, 25), "by_class": True}, [events.SPLIT_BY_CLASS]),
    ],
)
def test_warnings(arguments, expected):
    assert list(told(**arguments)) == expected


# Near-duplicates


def random_split(targets, seed):
    order = np.random.default_rng(seed).permutation(len(targets))
    held = len(targets) // 5
    return Split(np.sort(order[held:]), np.sort(order[:held]))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("largest", [2, 5, 12])
def test_scenes_stay_on_one_side_and_the_shares_are_kept(seed, largest):
    random = np.random.default_rng(seed)
    targets = (random.random(300) < 0.3).astype(np.int64)
    groups, number = np.empty(300, dtype=np.int64), 0
    at = 0
    while at < 300:
        size = int(random.integers(1, largest + 1))
        groups[at : at + size] = number
        at, number = at + size, number + 1
    both = np.array([7, 8, 9])
    before = random_split(targets, seed)
    split = keep_together(before, targets, groups, both=both, share=SHARE, seed=seed)
    assert sorted([*split.training, *split.validation]) == list(range(300))
    assert not set(groups[split.training]) & set(groups[split.validation])
    assert not set(both) & set(split.validation)
    for target in (0, 1):
        total = (targets == target).sum()
        assert abs((targets[split.validation] == target).sum() - SHARE * total) <= max(1, 0.03 * total)
    assert abs(len(split.validation) - 60) <= 2
    again = keep_together(before, targets, groups, both=both, share=SHARE, seed=seed)
    assert (again.validation == split.validation).all()


def test_a_split_without_near_duplicates_across_stays_as_it_is():
    targets = np.arange(100) % 2
    before = random_split(targets, 1)
    alone = keep_together(before, targets, np.arange(100), both=np.array([], dtype=np.int64), share=SHARE, seed=1)
    assert (alone.validation == before.validation).all()
    # As is one where only photos on the same side belong together.
    groups = np.arange(100)
    groups[before.training[:5]] = before.training[0]
    kept = keep_together(before, targets, groups, both=np.array([], dtype=np.int64), share=SHARE, seed=1)
    assert (kept.validation == before.validation).all()


def test_scenes_too_large_to_be_kept_together_are_not():
    targets = np.arange(100) % 2
    nothing = np.array([], dtype=np.int64)
    everything = np.zeros(100, dtype=np.int64)
    assert keep_together(random_split(targets, 1), targets, everything, both=nothing, share=SHARE, seed=1) is None
    halves = np.arange(100) // 50
    assert keep_together(random_split(targets, 1), targets, halves, both=nothing, share=SHARE, seed=1) is None


def test_unreadable_photos_are_in_neither_set():
    targets = np.arange(100) % 2
    before = random_split(targets, 1)
    before = Split(before.training[3:], before.validation[1:])
    groups = np.arange(100)
    missing = sorted(set(range(100)) - {*before.training, *before.validation})
    groups[missing] = -1
    groups[[before.training[0], before.validation[0]]] = 3
    split = keep_together(before, targets, groups, both=np.array([], dtype=np.int64), share=SHARE, seed=1)
    assert sorted([*split.training, *split.validation]) == sorted([*before.training, *before.validation])
    assert not set(groups[split.training]) & set(groups[split.validation])
