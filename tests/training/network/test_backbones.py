"""Each network reads RGB in [-1, 1], and its weights are found by name, wherever they come from."""

import importlib

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed")

import keras

from alpacasorter import paths
from alpacasorter.ml.runtime.backbone import scale_pixels
from alpacasorter.training.network import backbones
from alpacasorter.training.network.backbones import build_backbone, load_backbone, prepare, shipped_weights
from alpacasorter.training.network.weights import WeightsError, get_weights
from alpacasorter.training.recipe import BACKBONES, KERAS, SHIPPED

pytestmark = pytest.mark.tensorflow

# The smallest that Inception takes.
SIDE = 75

MODULES = {"mobilenet_v3_large": "mobilenet_v3", "efficientnet_v2_b0": "efficientnet_v2"}


def pictures(side=SIDE, count=2):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_input_is_preprocessed_as_the_network_expects(name):
    pixels = keras.Input((SIDE, SIDE, 3))
    prepared = keras.Model(pixels, prepare(name, pixels))(scale_pixels(pictures()))
    module = importlib.import_module(f"keras.applications.{MODULES.get(name, name)}")
    theirs = module.preprocess_input(pictures().astype(np.float32))
    if name == "mobilenet_v3_large":
        # Keras has it inside the network, and ours leaves it out: x / 127.5 - 1.
        theirs = theirs / 127.5 - 1.0
    np.testing.assert_allclose(prepared, theirs, atol=1e-4)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Inception, stored in both of Keras's layouts by a process that has built other layers before."""
    folder = tmp_path_factory.mktemp("weights")
    keras.layers.Conv2D(1, 1).build((None, 4, 4, 3))
    network = build_backbone("inception_v3", SIDE)
    random = np.random.default_rng(1)
    network.set_weights([random.uniform(0.01, 0.1, w.shape).astype(np.float32) for w in network.get_weights()])
    network.save_weights(folder / "inception.weights.h5")
    network.save(folder / "whole.h5")
    np.savez(folder / "inception.npz", **get_weights(network))
    return folder, network


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["inception.weights.h5", "whole.h5", "inception.npz"])
def test_layers_that_keras_numbers_are_matched_by_their_order(stored, name):
    folder, network = stored
    loaded = load_backbone("inception_v3", str(folder / name), SIDE)
    assert all((a == b).all() for a, b in zip(loaded.get_weights(), network.get_weights(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "efficientnet_v2_b0"])
def test_weights_of_the_other_networks(tmp_path, name):
    network = build_backbone(name, 32)
    network.save_weights(tmp_path / "a.weights.h5")
    loaded = load_backbone(name, str(tmp_path / "a.weights.h5"), 32)
    assert all((a == b).all() for a, b in zip(loaded.get_weights(), network.get_weights(), strict=True))


@pytest.mark.slow
def test_the_file_of_another_network(stored):
    folder, _ = stored
    with pytest.raises(WeightsError, match=r"not a weights file of ResNet-50: .*Choose a file of ResNet-50"):
        load_backbone("resnet50", str(folder / "inception.npz"), 32)


def test_weights_that_can_not_be_downloaded(monkeypatch):
    def unreachable(*_args, **_given):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(backbones, "build_backbone", unreachable)
    with pytest.raises(WeightsError, match=r"Inception v3 could not be downloaded \(URL fetch failure\)"):
        load_backbone("inception_v3", KERAS, SIDE)


@pytest.mark.model
def test_the_weights_that_come_with_the_app(monkeypatch, tmp_path):
    assert load_backbone("mobilenet_v2", SHIPPED, 32).count_params() == 2_257_984
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path)
    (tmp_path / "mobilenet_v2.npz").write_bytes(b"")
    assert shipped_weights() == tmp_path / "mobilenet_v2.npz"
