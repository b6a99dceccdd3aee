"""Writing a bundle: completely or not at all."""

import os

import numpy as np
import pytest

from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.metadata import BundleError
from tests.ml.bundles import make_bundle, replay_set


def test_what_is_written_loads(tmp_path):
    written = make_bundle(tmp_path / "deep" / "model")
    loaded = load_bundle(tmp_path / "deep" / "model")
    assert loaded.bundle_id == written.bundle_id
    assert (loaded.head.weights == written.head.weights).all()


def test_the_same_twice_is_the_same_bundle(tmp_path):
    assert make_bundle(tmp_path / "a").bundle_id == make_bundle(tmp_path / "b").bundle_id


def test_a_new_bundle_replaces_the_old_whole(tmp_path):
    make_bundle(tmp_path / "model")
    (tmp_path / "model" / "left_over.txt").write_text("x")
    make_bundle(tmp_path / "model", replay_set(seed=5), name="Second")
    assert load_bundle(tmp_path / "model").name == "Second"
    assert not (tmp_path / "model" / "left_over.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("changes", [{"name": ""}, {"threshold": 2.0}, {"quality": {"auc": float("nan")}}], ids=str)
def test_an_invalid_bundle_leaves_the_old_one(tmp_path, changes):
    before = make_bundle(tmp_path / "model").bundle_id
    with pytest.raises((BundleError, ValueError)):
        make_bundle(tmp_path / "model", **changes)
    assert load_bundle(tmp_path / "model").bundle_id == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_disk_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    before = make_bundle(tmp_path / "model").bundle_id

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        make_bundle(tmp_path / "model", name="Second")
    assert load_bundle(tmp_path / "model").bundle_id == before
    assert os.listdir(tmp_path) == ["model"]  # noqa: PTH208
