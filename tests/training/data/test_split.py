"""Which photos are held out, and the warnings about it."""

import numpy as np
import pytest

from alpacasorter.training import events
from alpacasorter.training.data.dataset import DatasetError, read_dataset
from alpacasorter.training.data.split import Split, split_examples, warnings, without
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
