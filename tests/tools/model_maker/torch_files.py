"""Files in PyTorch's formats, without PyTorch, and the wheel of a teacher with random weights."""

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from unittest import mock

import numpy as np

from tools.model_maker import efficientnet

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001

_torch, _utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
_torch._utils = _utils
STORAGES = {}
for _name, _dtype in (("FloatStorage", "<f4"), ("LongStorage", "<i8"), ("HalfStorage", "<f2")):
    STORAGES[np.dtype(_dtype)] = type(_name, (), {"__module__": "torch", "__qualname__": _name})
    setattr(_torch, _name, STORAGES[np.dtype(_dtype)])


def _rebuild_tensor_v2(*_arguments):
    raise AssertionError("only its name is needed")


_rebuild_tensor_v2.__module__ = "torch._utils"
_utils._rebuild_tensor_v2 = _rebuild_tensor_v2


class Stored:
    """Numbers in a file, which tensors are views of."""

    def __init__(self, key, array):
        self.key, self.array = key, np.asarray(array)


class Tensor:
    """A view of stored numbers, all of them as they are unless offset, size and stride are given."""

    def __init__(self, stored, *view):
        array = stored.array
        offset, size, stride = view or (0, array.shape, tuple(step // array.itemsize for step in array.strides))
        self._arguments = (stored, offset, size, stride, False, OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self._arguments


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        if not isinstance(thing, Stored):
            return None
        return "storage", STORAGES[thing.array.dtype], thing.key, "cpu", thing.array.size


def pickled(thing):
    stream = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": _torch, "torch._utils": _utils}):
        _Pickler(stream, protocol=2).dump(thing)
    return stream.getvalue()


def zipped(thing, stores, root="archive"):
    """The format since PyTorch 1.6."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(f"{root}/data.pkl", pickled(thing))
        for store in stores:
            archive.writestr(f"{root}/data/{store.key}", store.array.tobytes())
        archive.writestr(f"{root}/version", "3\n")
    return stream.getvalue()


def plain(thing, stores):
    """The format before."""
    parts = [pickled(each) for each in (MAGIC, VERSION, {"little_endian": True}, thing, [s.key for s in stores])]
    parts += [store.array.size.to_bytes(8, "little") + store.array.tobytes() for store in stores]
    return b"".join(parts)


def random_tensors(network, seed=0):
    """Weights by PyTorch's names, of a size with which no layer's output vanishes."""
    random = np.random.default_rng(seed)
    tensors = {}
    for layer in network.layers:
        shapes = [tuple(variable.shape) for variable in layer.weights]
        if type(layer).__name__ == "BatchNormalization":
            tensors[f"_{layer.name}.weight"] = random.uniform(0.7, 1.3, shapes[0])
            tensors[f"_{layer.name}.bias"] = random.normal(0, 0.1, shapes[0])
            tensors[f"_{layer.name}.running_mean"] = random.normal(0, 0.1, shapes[0])
            tensors[f"_{layer.name}.running_var"] = random.uniform(0.7, 1.3, shapes[0])
        elif shapes:
            height, width, before, after = shapes[0]
            depthwise = type(layer).__name__ == "DepthwiseConv2D"
            shape = (before, 1, height, width) if depthwise else (after, before, height, width)
            scale = np.sqrt(2.0 / np.prod(shape[1:]))
            tensors[f"_{layer.name}.weight"] = random.normal(0, scale, shape)
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def write_wheel(path: Path, tensors) -> Path:
    stores = [Stored(str(place), array) for place, array in enumerate(tensors.values())]
    count = Stored(str(len(stores)), np.array(7, dtype=np.int64))
    views = OrderedDict((name, Tensor(store)) for name, store in zip(tensors, stores, strict=True))
    views["_bn0.num_batches_tracked"] = Tensor(count)
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(efficientnet.WEIGHTS_MEMBER, zipped(views, [*stores, count]))
    return path
