"""Where a bundle can go, and what its classes can be called."""

import pytest

from alpacasorter.ml.models.metadata import METADATA
from alpacasorter.training.requirements import problem_with_class_names, problem_with_out


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def test_places_that_are_fine(tmp_path, dataset):
    (tmp_path / "empty").mkdir()
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / METADATA).write_text("{}")
    (bundle / "head.npz").write_bytes(b"")
    for name in ("new", "empty", "bundle", "deep/er"):
        assert problem_with_out(tmp_path / name, dataset) == ""


def test_the_photos_themselves(tmp_path, dataset):
    for out in (dataset, dataset / "model", dataset / "x" / ".." / "model"):
        assert "inside the folder with the photos" in problem_with_out(out, dataset)
    assert "not a model folder" in problem_with_out(tmp_path, dataset)


def test_a_file_or_a_link(tmp_path, dataset):
    (tmp_path / "file").write_text("mine")
    assert "not a model folder" in problem_with_out(tmp_path / "file", dataset)
    try:
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    except OSError:
        pytest.skip("this system does not allow links")
    assert "not a model folder" in problem_with_out(tmp_path / "link", dataset)


def test_a_bundle_with_something_of_the_user_in_it(tmp_path, dataset):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / METADATA).write_text("{}")
    (bundle / "holiday.jpg").write_bytes(b"")
    assert "holiday.jpg, which would be lost" in problem_with_out(bundle, dataset)


@pytest.mark.parametrize("names", [("alpaca", "Alpaca"), ("a" * 65, "b"), ("a:b", "b")])
def test_names_that_no_class_can_have(names):
    assert "Rename them" in problem_with_class_names(names, "Alpaca")


def test_the_name_of_the_model():
    assert problem_with_class_names(("a", "b"), "My alpacas") == ""
    assert "name of the model" in problem_with_class_names(("a", "b"), "x" * 300)
    assert "name of the model" in problem_with_class_names(("a", "b"), "two\nlines")
