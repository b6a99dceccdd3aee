"""Which layers are trained, and rebuilding a network from a bundle."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed")

import keras

from alpacasorter.ml.models.metadata import BundleError
from alpacasorter.training.network import classifier as network_module
from alpacasorter.training.network.backbones import build_backbone
from alpacasorter.training.network.classifier import assemble, rebuild, with_focus
from alpacasorter.training.network.weights import WeightsError
from tests.ml.bundles import make_bundle
from tests.training.tiny import tiny_backbone

pytestmark = pytest.mark.tensorflow

SIDE = 32
LAST = 3


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    return assemble(tiny_backbone("", "", SIDE), "mobilenet_v2", SIDE, dense=(8, 4), dropout=0.1)


def pictures(count=4):
    return np.random.default_rng(0).uniform(-1, 1, (count, SIDE, SIDE, 3)).astype(np.float32)


def copies(model):
    return {w.path: w.numpy().copy() for w in model.weights}


def moved(before, model):
    return {w.path for w in model.weights if (before[w.path] != w.numpy()).any()}


def test_the_parts_are_one_network(network):
    outputs = network.two_outputs()(pictures())
    pooled = network.pooled(pictures())
    np.testing.assert_allclose(outputs["feature_map"].numpy().mean(axis=(1, 2)), pooled, atol=1e-6)
    assert outputs["embedding"].shape == (4, 4)
    assert network.two_outputs(dense=False)(pictures())["embedding"].shape == (4, 12)
    np.testing.assert_allclose(network.classifier()(pictures()), network.head(pooled), atol=1e-6)


def test_while_the_head_trains_the_backbone_stays(network):
    before = copies(network.base)
    head = network.head.get_weights()
    classifier = network.classifier()
    assert {v.path.split("/")[0] for v in classifier.trainable_variables} == {
        "further_dense_1",
        "further_dense_2",
        "probability",
    }
    classifier.compile("adam", "binary_crossentropy")
    classifier.train_on_batch(pictures(), np.array([[0.0], [1.0], [0.0], [1.0]]))
    assert moved(before, network.base) == set()
    assert any((a != b).any() for a, b in zip(head, network.head.get_weights(), strict=True))


def test_while_the_last_layers_are_retrained_batch_normalization_stays(network):
    count = network.unfreeze(LAST)
    try:
        last = {layer.name for layer in network.base.layers[-LAST:]}
        assert count == 1, "of convolution, batch normalization and ReLU"
        before = copies(network.base)
        classifier = network.classifier()
        classifier.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
        for _ in range(2):
            classifier.train_on_batch(pictures(), np.array([[0.0], [1.0], [0.0], [1.0]]))
        changed = moved(before, network.base)
        assert changed
        assert {path.split("/")[-2] for path in changed} <= last
        assert {path.split("/")[-1] for path in changed} == {"kernel"}
    finally:
        network.freeze()
    assert not network.base.trainable_variables


def test_layers_with_nothing_to_train(network):
    assert network.count_trainable(0) == 0
    assert network.count_trainable(2) == 0, "a ReLU and a batch normalization"
    assert network.count_trainable(3) == 1
    assert network.count_trainable(10_000) == 2
    assert not network.base.trainable_variables


def test_every_array_comes_back(tmp_path):
    network = assemble(build_backbone("mobilenet_v2", SIDE), "mobilenet_v2", SIDE, dense=(8, 4))
    bundle = _bundle(tmp_path, {"backbone": "mobilenet_v2", "side": SIDE, "dense": [8, 4]}, network.weights())
    rebuilt = rebuild(bundle)
    np.testing.assert_allclose(
        rebuilt.two_outputs()(pictures())["embedding"], network.two_outputs()(pictures())["embedding"], atol=1e-6
    )


def test_a_network_with_another_pooling_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(network_module, "build_backbone", lambda name, side: tiny_backbone(name, "", side))
    base = with_focus(tiny_backbone("", "", SIDE))
    base.get_layer("focus").set_weights([np.random.default_rng(0).normal(size=(1, 1, 12, 1))])
    network = assemble(base, "mobilenet_v2", SIDE)
    entry = {"backbone": "mobilenet_v2", "side": SIDE, "dense": [], "pooling": "focus"}
    rebuilt = rebuild(_bundle(tmp_path, entry, network.weights()))
    found, expected = (one.two_outputs()(pictures())["embedding"].numpy() for one in (rebuilt, network))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    plain = rebuild(_bundle(tmp_path / "plain", {**entry, "pooling": "mean"}, network.weights()))
    assert np.abs(plain.two_outputs()(pictures())["embedding"].numpy() - expected).max() > 1e-3


@pytest.mark.parametrize("array", [None, np.zeros(3, dtype=np.float32), np.full(4, np.nan, dtype=np.float32)])
def test_an_array_of_a_dense_layer_is_missing_or_odd(network, array):
    weights = network.weights()
    del weights["further_dense_2/bias"]
    if array is not None:
        weights["further_dense_2/bias"] = array
    with pytest.raises(WeightsError, match=r"“mine” .*further_dense_2/bias"):
        network.set_dense(weights, origin="mine")


@pytest.mark.parametrize(
    "entry",
    [
        {"backbone": "vgg16"},
        {"backbone": ["mobilenet_v2"]},
        {"backbone": None},
        {"backbone": "mobilenet_v2", "dense": [True]},
        {"backbone": "mobilenet_v2", "dense": [10**9]},
        {"backbone": "mobilenet_v2", "dense": "ab"},
        {"backbone": "mobilenet_v2", "dense": 3},
        {"backbone": "mobilenet_v2", "dense": [1] * 99},
        {"backbone": "mobilenet_v2", "pooling": "mine"},
        {"backbone": "mobilenet_v2", "pooling": ["mean"]},
    ],
)
def test_a_bundle_may_say_anything(tmp_path, entry):
    bundle = make_bundle(tmp_path / "b", network=entry)
    assert bundle.network == entry
    with pytest.raises(BundleError, match="can't build"):
        rebuild(bundle)


def test_a_network_entry_that_is_not_a_table(tmp_path):
    with pytest.raises(BundleError, match="network"):
        make_bundle(tmp_path / "b", network=["mobilenet_v2"])


def _bundle(folder, entry, weights):
    bundle = make_bundle(folder / "b", input_size=SIDE, network=entry)
    stored = folder / "weights.npz"
    np.savez(stored, **weights)

    class WithWeights:
        path, network, input_size = bundle.path, bundle.network, bundle.input_size

        @staticmethod
        def keras_weights_path():
            return stored

    return WithWeights()
