"""Class folders to embeddings: what is read, what is left out, what is refused."""

import numpy as np
import pytest
from PIL import Image

from alpacasorter.core import reasons
from alpacasorter.training.data.dataset import DatasetError, embed_photos, find_photos, read_dataset
from tests.training.pictures import class_folders, picture


def mean_color(pixels):
    return pixels.reshape(-1, 3).mean(axis=0).astype(np.float32)


def test_folders_become_classes(tmp_path):
    dataset = read_dataset([class_folders(tmp_path / "a", 3)])
    assert dataset.class_names == ("other", "thing")
    assert [example.target for example in dataset.examples] == [0, 0, 0, 1, 1, 1]
    assert {example.source for example in dataset.examples} == {"a"}
    assert dataset.problems == ()


def test_a_class_and_its_opposite(tmp_path):
    folder = class_folders(tmp_path / "a", 1, names=("alpaca", "not_alpaca"))
    assert read_dataset([folder]).class_names == ("not_alpaca", "alpaca")


def test_the_positive_class_can_be_chosen(tmp_path):
    assert read_dataset([class_folders(tmp_path / "a", 1)], positive="other").class_names == ("thing", "other")


def test_several_data_folders_keep_their_names(tmp_path):
    folders = [class_folders(tmp_path / name, 2, start=10 * place) for place, name in enumerate("ab")]
    examples = read_dataset(folders).examples
    assert [example.source for example in examples] == ["a"] * 4 + ["b"] * 4
    assert [example.target for example in examples] == [0, 0, 1, 1] * 2


def test_subfolders_count_and_hidden_ones_do_not(tmp_path):
    folder = class_folders(tmp_path / "a", 1)
    (folder / "thing" / "deeper").mkdir()
    picture(True, 50).save(folder / "thing" / "deeper" / "x.png")
    (folder / ".hidden").mkdir()
    assert len(read_dataset([folder]).examples) == 3


def test_photos_become_embeddings_and_broken_ones_reasons(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing more")
    colors = [(250, 10, 20), (0, 100, 200)]
    for place, color in enumerate(colors):
        Image.new("RGB", (300, 280), color).save(tmp_path / f"{place}.png")
    first, reason, second = embed_photos([tmp_path / "0.png", broken, tmp_path / "1.png"], side=32, embed=mean_color)
    assert reason == reasons.DAMAGED
    for found, color in zip((first, second), colors, strict=True):
        assert found.dtype == np.float16
        np.testing.assert_allclose(found, color, atol=0.5)


def refused(folders, match, **options):
    with pytest.raises(DatasetError, match=match):
        read_dataset(folders, **options)


def test_no_folder(tmp_path):
    refused([tmp_path / "none"], "does not exist")
    with pytest.raises(DatasetError, match="can't be read"):
        find_photos(tmp_path / "none")


def test_one_class(tmp_path):
    (tmp_path / "a" / "thing").mkdir(parents=True)
    refused([tmp_path / "a"], "two subfolders")


def test_three_classes(tmp_path):
    folder = class_folders(tmp_path / "a", 1)
    (folder / "third").mkdir()
    refused([folder], "there are 3")


def test_an_empty_class(tmp_path):
    folder = class_folders(tmp_path / "a", 1)
    (folder / "thing" / "thing_00.png").unlink()
    refused([folder], "no photos of the class “thing”")


def test_different_classes(tmp_path):
    folders = [class_folders(tmp_path / "a", 1), class_folders(tmp_path / "b", 1, names=("cat", "dog"))]
    refused(folders, "different classes")


def test_two_folders_of_one_name(tmp_path):
    refused([class_folders(tmp_path / "x" / "a", 1), class_folders(tmp_path / "y" / "a", 1)], "same name")


def test_an_unknown_positive_class(tmp_path):
    refused([class_folders(tmp_path / "a", 1)], "no class “cat”", positive="cat")
