"""MobileNetV2 without its top, built in code; weights, also of other networks, are read by name and never executed.

A Keras .h5 or .keras file can hold code (Lambda layers), and `load_model` runs it. So the network is built here and
only arrays are taken from a file, by layer and variable name, through h5py or a pickle-free .npz.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import h5py

FEATURES = "out_relu"
"""Name of the layer whose output is the last feature map."""

_TITLE = "MobileNetV2 (alpha 1.0)"
_OPTIMIZER = "optimizer_weights"
_BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
# Names that Keras makes up by counting all layers of a process: the numbers differ from file to file, the order never.
_COUNTED = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?")

Weights = dict[str, npt.NDArray[np.float32]]
_Array = TypeVar("_Array")


class WeightsError(Exception):
    """The file does not hold the weights of this network. The message is one sentence for the user."""


def build_mobilenet(side: int) -> Any:
    """Return MobileNetV2 (alpha 1.0, no top), random weights, for float32 pictures (n, side, side, 3) in [-1, 1]."""
    import keras

    return keras.applications.MobileNetV2(
        input_shape=(side, side, 3), alpha=1.0, include_top=False, weights=None, name="mobilenet_v2"
    )


def load_backbone(source: str, side: int) -> Any:
    """Return the backbone with its weights from `source`: "keras" (ImageNet, downloaded) or the path of an .h5 or
    .npz.

    Raises:
        WeightsError: the weights can't be had, or are not those of this network.
    """
    network = build_mobilenet(side)
    if source == "keras":
        set_weights(network, _imagenet_weights(side), origin="the Keras ImageNet weights")
    else:
        path = Path(source)
        set_weights(network, read_weights(path), origin=path.name)
    return network


def _imagenet_weights(side: int) -> Weights:
    import keras

    try:
        network = keras.applications.MobileNetV2(
            input_shape=(side, side, 3), alpha=1.0, include_top=False, weights="imagenet"
        )
    except Exception as error:
        # Keras wraps whatever urllib raises in a bare Exception.
        raise WeightsError(
            f"The ImageNet weights could not be downloaded ({error}). Give a local file instead: --backbone FILE.h5."
        ) from error
    return get_weights(network)


def read_weights(path: Path) -> Weights:
    """Return every array in an .h5 or .npz file by "layer/variable".

    Raises:
        WeightsError: no such file, or not a readable weights file.
    """
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}. Give the path of an .h5 file, or the word keras.")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: np.asarray(archive[name], dtype=np.float32) for name in archive.files}
        return _read_h5(path)
    except WeightsError:
        raise
    except Exception as error:
        # h5py and numpy raise OSError, KeyError, ValueError, RuntimeError, BadZipFile for a broken file.
        raise WeightsError(f"{path.name} can't be read as a weights file ({error}). Is it a whole .h5 file?") from error


def _read_h5(path: Path) -> Weights:
    import h5py

    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        weights: Weights = {}
        for name, dataset in _datasets(root):
            if name in weights:
                raise WeightsError(
                    f"{path.name} holds {name} twice, so it is not clear which to take. Use a file with one network."
                )
            weights[name] = np.asarray(dataset[()], dtype=np.float32)
    return weights


def _datasets(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield ("layer/variable", dataset) for each float array below `group`, in any of the three layouts Keras has
    used.

    Keras 2 `model/layer/kernel:0` and `layer/layer/kernel:0`; Keras 3 `model/layer/kernel`; Keras 3 `.weights.h5`
    `layers/conv2d_7/vars/0`, where the group's attribute "name" tells the layer.
    """
    import h5py

    for key, item in group.items():
        if key == _OPTIMIZER:
            continue
        if isinstance(item, h5py.Dataset):
            if item.dtype.kind == "f":
                yield f"{_layer_name(item)}/{_variable_name(item)}", item
        elif isinstance(item, h5py.Group):
            yield from _datasets(item)


def _layer_name(dataset: h5py.Dataset) -> str:
    parent = dataset.parent
    if parent.name.rsplit("/", 1)[-1] != "vars":
        return str(parent.name.rsplit("/", 1)[-1])
    for group in (parent, parent.parent):
        name = group.attrs.get("name")
        if name is not None:
            return name.decode() if isinstance(name, bytes) else str(name)
    return str(parent.parent.name.rsplit("/", 1)[-1])


def _variable_name(dataset: h5py.Dataset) -> str:
    name = re.sub(r":\d+$", "", dataset.name.rsplit("/", 1)[-1])
    if name.isdigit():
        # A batch normalisation has four arrays, a convolution without bias one.
        siblings = len(dataset.parent)
        if siblings == len(_BATCH_NORM):
            return _BATCH_NORM[int(name)]
        if siblings == len(_BATCH_NORM) - 1:
            # Inception has its batch normalisations without a scale.
            return _BATCH_NORM[1:][int(name)]
        return ("kernel", "bias")[min(int(name), 1)]
    return "kernel" if name == "depthwise_kernel" else name


def _variables(network: Any) -> dict[str, Any]:
    found = {
        f"{layer.name}/{'kernel' if variable.name == 'depthwise_kernel' else variable.name}": variable
        for layer in network.layers
        for variable in layer.weights
    }
    return _counted_anew(found)


def _counted_anew(arrays: Mapping[str, _Array]) -> dict[str, _Array]:
    """Return the arrays with layers that Keras named by counting counted from 1, in the same order."""
    numbers: dict[str, set[int]] = {}
    for name in arrays:
        if found := _COUNTED.fullmatch(name.split("/", 1)[0]):
            numbers.setdefault(found[1], set()).add(int(found[2] or 0))
    place = {
        (kind, number): f"{kind}_{rank}"
        for kind, counted in numbers.items()
        for rank, number in enumerate(sorted(counted), 1)
    }
    renamed: dict[str, _Array] = {}
    for name, array in arrays.items():
        layer, _, variable = name.partition("/")
        found = _COUNTED.fullmatch(layer)
        renamed[name if found is None else f"{place[found[1], int(found[2] or 0)]}/{variable}"] = array
    return renamed


def get_weights(network: Any) -> Weights:
    """Return the network's arrays by "layer/variable"; layers that Keras named by counting are counted from 1."""
    return {
        name: np.asarray(variable.value.numpy(), dtype=np.float32) for name, variable in _variables(network).items()
    }


def set_weights(
    network: Any, weights: Mapping[str, npt.NDArray[np.float32]], *, origin: str, title: str = _TITLE
) -> None:
    """Fill every variable of the network from `weights`; arrays it has no use for (a top, say) are ignored.

    Args:
        network: a Keras model.
        weights: arrays by "layer/variable".
        origin, title: what the weights come from and what the network is called, for the messages.

    Raises:
        WeightsError: an array is missing, has another shape, or is not finite. Nothing was changed then.
    """
    variables = _variables(network)
    given = _counted_anew(weights)
    short = title.split(" (", 1)[0]
    hint = " It was made with another alpha; use one with alpha 1.0." if title == _TITLE else ""
    missing = [name for name in variables if name not in given]
    if missing:
        raise WeightsError(
            f"{origin} lacks {len(missing)} of the {len(variables)} arrays of {title}, such as {missing[0]}. It is the "
            f"file of another network; use one of {_article(short)} {short} without top or with it."
        )
    for name, variable in variables.items():
        if given[name].shape != tuple(variable.shape):
            raise WeightsError(
                f"{origin} has {name} in the shape {given[name].shape}, but {title} needs "
                f"{tuple(variable.shape)}.{hint}"
            )
        if not np.isfinite(given[name]).all():
            raise WeightsError(f"{origin} has numbers in {name} that are not finite. Get an undamaged copy.")
    for name, variable in variables.items():
        variable.assign(given[name])


def _article(word: str) -> str:
    return "an" if word[0] in "AEIO" else "a"
