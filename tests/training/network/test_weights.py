"""Reading weights by name, from every layout Keras has used, and refusing those of another network."""

import numpy as np
import pytest

h5py = pytest.importorskip("h5py", reason="h5py comes with TensorFlow, which is not installed")

from alpacasorter.training.network.backbones import load_backbone  # noqa: E402
from alpacasorter.training.network.weights import WeightsError, read_weights, set_weights  # noqa: E402

KERNEL = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
NORM = {name: np.full(3, place, dtype=np.float32) for place, name in enumerate(("gamma", "beta", "mean", "variance"))}


class Variable:
    def __init__(self, name, shape):
        self.name, self.shape, self.value = name, shape, None

    def assign(self, value):
        self.value = value


class Layer:
    def __init__(self, name, *weights):
        self.name, self.weights = name, list(weights)


class Network:
    def __init__(self):
        self.layers = [Layer("conv", Variable("kernel", (1, 2, 3))), Layer("bn", Variable("gamma", (3,)))]


def layout_keras_2(file):
    group = file.create_group("model_weights/mobilenetv2_1.00_160")
    group["conv/kernel:0"] = KERNEL
    group["depth/depthwise_kernel:0"] = KERNEL
    group["bn/gamma:0"] = NORM["gamma"]
    file["optimizer_weights/conv/kernel:0"] = KERNEL + 1


def layout_keras_2_weights_only(file):
    file["conv/conv/kernel:0"] = KERNEL
    file["depth/depth/depthwise_kernel:0"] = KERNEL
    file["bn/bn/gamma:0"] = NORM["gamma"]


def layout_keras_3_h5(file):
    group = file.create_group("model_weights/mobilenetv2_1.00_160")
    group["conv/kernel"] = KERNEL
    group["depth/kernel"] = KERNEL
    group["bn/gamma"] = NORM["gamma"]


def layout_keras_3_weights_h5(file):
    for number, (name, arrays) in enumerate({"conv": [KERNEL], "depth": [KERNEL], "bn": list(NORM.values())}.items()):
        group = file.create_group(f"layers/functional/layers/layer_{number}/vars")
        group.attrs["name"] = name
        for place, array in enumerate(arrays):
            group[str(place)] = array
    file.create_group("optimizer/vars")["0"] = np.int64(5)


@pytest.mark.parametrize(
    "layout", [layout_keras_2, layout_keras_2_weights_only, layout_keras_3_h5, layout_keras_3_weights_h5]
)
def test_every_layout(tmp_path, layout):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        layout(file)
    found = read_weights(tmp_path / "w.h5")
    np.testing.assert_array_equal(found["conv/kernel"], KERNEL)
    np.testing.assert_array_equal(found["depth/kernel"], KERNEL)
    np.testing.assert_array_equal(found["bn/gamma"], NORM["gamma"])


def test_an_npz(tmp_path):
    np.savez(tmp_path / "w.npz", **{"conv/kernel": KERNEL})
    np.testing.assert_array_equal(read_weights(tmp_path / "w.npz")["conv/kernel"], KERNEL)


def test_two_networks_in_one_file(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["one/conv/kernel"] = KERNEL
        file["two/conv/kernel"] = KERNEL
    with pytest.raises(WeightsError, match="twice"):
        read_weights(tmp_path / "w.h5")


@pytest.mark.parametrize("name", ["w.h5", "w.npz", "w.keras"])
@pytest.mark.parametrize("content", [b"", b"not a weights file", b"\x89HDF\r\n\x1a\n cut short"])
def test_a_broken_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=name):
        read_weights(tmp_path / name)


def test_no_file(tmp_path):
    with pytest.raises(WeightsError, match="no weights file"):
        read_weights(tmp_path / "none.h5")


def test_weights_are_set_by_name():
    network = Network()
    set_weights(network, {"conv/kernel": KERNEL, "bn/gamma": NORM["gamma"], "top/kernel": KERNEL}, origin="w.h5")
    assert network.layers[0].weights[0].value is KERNEL


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ({"conv/kernel": KERNEL}, r"1 of 2 arrays are missing, such as bn/gamma"),
        ({"conv/kernel": KERNEL, "bn/gamma": np.ones(4)}, r"bn/gamma in the shape \(4,\).*needs \(3,\)"),
        ({"conv/kernel": KERNEL, "bn/gamma": np.full(3, np.nan)}, "not finite"),
    ],
)
def test_weights_of_another_network(weights, match):
    network = Network()
    with pytest.raises(WeightsError, match=match):
        set_weights(network, weights, origin="w.h5")
    assert network.layers[0].weights[0].value is None


@pytest.mark.tensorflow
def test_the_file_of_another_network_is_refused(tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["conv/conv/kernel:0"] = KERNEL
    with pytest.raises(WeightsError, match=r"w\.h5 .*260 of 260"):
        load_backbone("mobilenet_v2", str(tmp_path / "w.h5"), 96)
