"""Weights files, read by layer and variable name.

A Keras .h5 or .keras file can contain code (Lambda layers), and `load_model` runs it. So networks are built in code,
and only arrays are taken from a file, through h5py or a pickle-free .npz.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, number
from alpacasorter.ml.models.arrays import read_npz
from alpacasorter.training.recipe import BACKBONE_TITLES

if TYPE_CHECKING:
    import h5py

_UNPACKED_LIMIT = 4 << 30
_MOST_ARRAYS = 10_000
_OPTIMIZER = "optimizer_weights"
_BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
# Names that Keras numbers by counting all layers of a process: the numbers differ from file to file, the order doesn't.
_COUNTED = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?")

Weights = dict[str, npt.NDArray[np.float32]]
_Array = TypeVar("_Array")


class WeightsError(Exception):
    """The file does not contain the weights of this network. The message is a sentence for the user."""


def read_weights(path: Path, *, packed: bool = True) -> Weights:
    """Return every array in an .h5 or .npz file by "layer/variable".

    Args:
        path: the file.
        packed: whether its arrays may be compressed; those of a model, which may come from a stranger, may not.

    Raises:
        WeightsError: no such file, or not a readable weights file.
    """
    if not path.is_file():
        raise WeightsError(
            _("There is no weights file {file}. Choose an .h5 or .npz file.").format(file=display_path(path))
        )
    try:
        if path.suffix == ".npz":
            limit = path.stat().st_size if not packed else _UNPACKED_LIMIT
            arrays = read_npz(path, limit=limit, most=_MOST_ARRAYS)
            return {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}
        return _read_h5(path)
    except WeightsError:
        raise
    except Exception as error:
        # h5py and NumPy raise OSError, KeyError, ValueError, RuntimeError or BadZipFile for a broken file.
        raise WeightsError(
            _("{file} can't be read as a weights file ({error}). It may be damaged or incomplete.").format(
                file=display_path(path.name), error=error
            )
        ) from error


def _read_h5(path: Path) -> Weights:
    import h5py

    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        weights: Weights = {}
        for name, dataset in _datasets(root):
            if name in weights:
                raise WeightsError(
                    _("{file} contains {array} twice. Use a file with only one network.").format(
                        file=display_path(path.name), array=name
                    )
                )
            weights[name] = np.asarray(dataset[()], dtype=np.float32)
    return weights


def _datasets(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield ("layer/variable", dataset) for each float array below `group`, in any of the layouts Keras has used.

    Keras 2: `model/layer/kernel:0` and `layer/layer/kernel:0`. Keras 3: `model/layer/kernel`. Keras 3 `.weights.h5`:
    `layers/conv2d_7/vars/0`, where the attribute "name" of the group is the name of the layer.
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
        # A batch normalization has four arrays, a convolution without bias has one.
        siblings = len(dataset.parent)
        if siblings == len(_BATCH_NORM):
            return _BATCH_NORM[int(name)]
        if siblings == len(_BATCH_NORM) - 1:
            # Inception's batch normalizations have no scale.
            return _BATCH_NORM[1:][int(name)]
        return ("kernel", "bias")[min(int(name), 1)]
    return "kernel" if name == "depthwise_kernel" else name


def _variables(network: Any) -> dict[str, Any]:
    found = {
        f"{layer.name}/{'kernel' if variable.name == 'depthwise_kernel' else variable.name}": variable
        for layer in network.layers
        for variable in layer.weights
    }
    return _renumbered(found)


def _renumbered(arrays: Mapping[str, _Array]) -> dict[str, _Array]:
    """Return the arrays with the layers that Keras numbered renumbered from 1, in the same order."""
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
        layer, _slash, variable = name.partition("/")
        found = _COUNTED.fullmatch(layer)
        renamed[name if found is None else f"{place[found[1], int(found[2] or 0)]}/{variable}"] = array
    return renamed


def get_weights(network: Any) -> Weights:
    """Return the arrays of a Keras model by "layer/variable"; layers that Keras numbers are numbered from 1."""
    return {
        name: np.asarray(variable.value.numpy(), dtype=np.float32) for name, variable in _variables(network).items()
    }


def set_weights(
    network: Any, weights: Mapping[str, npt.NDArray[np.float32]], *, origin: str, backbone: str = "mobilenet_v2"
) -> None:
    """Fill every variable of a network from `weights`; unused arrays, such as those of a top, are ignored.

    Args:
        network: a Keras model.
        weights: arrays by "layer/variable".
        origin: name of the file, for messages.
        backbone: which network it is, one of BACKBONES, for messages.

    Raises:
        WeightsError: an array is missing, has another shape, or is not finite. Nothing was changed.
    """
    variables = _variables(network)
    given = _renumbered(weights)
    title = BACKBONE_TITLES[backbone]
    missing = [name for name in variables if name not in given]
    if missing:
        raise WeightsError(
            _(
                "{file} is not a weights file of {network}: {missing} of {total} arrays are missing, such as {array}. "
                "Choose a file of {network}, with or without top."
            ).format(
                file=display_path(origin),
                network=title,
                missing=number(len(missing)),
                total=number(len(variables)),
                array=missing[0],
            )
        )
    for name, variable in variables.items():
        if given[name].shape != tuple(variable.shape):
            raise WeightsError(_wrong_shape(backbone, origin, name, given[name].shape, tuple(variable.shape)))
        if not np.isfinite(given[name]).all():
            raise WeightsError(
                _("{file} contains values in {array} that are not finite. Get an undamaged copy.").format(
                    file=display_path(origin), array=name
                )
            )
    for name, variable in variables.items():
        variable.assign(given[name])


def _wrong_shape(backbone: str, origin: str, name: str, shape: tuple[int, ...], needed: tuple[int, ...]) -> str:
    message = (
        _(
            "{file} has {array} in the shape {shape}, but {network} needs {needed}. It was made with another alpha; "
            "use one with alpha 1.0."
        )
        if backbone == "mobilenet_v2"
        else _("{file} has {array} in the shape {shape}, but {network} needs {needed}.")
    )
    return message.format(
        file=display_path(origin), array=name, shape=shape, needed=needed, network=BACKBONE_TITLES[backbone]
    )
