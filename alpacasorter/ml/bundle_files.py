"""What reading a model folder is made of: typed metadata, verified files, arrays without pickle."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

FORMAT: Final = 1
METADATA: Final = "model.json"
BACKBONE: Final = "backbone.tflite"
HEAD: Final = "head.npz"
REPLAY: Final = "replay.npz"
KERAS_WEIGHTS: Final = "keras_weights.npz"
CARD: Final = "MODEL_CARD.md"

REQUIRED: Final = (BACKBONE, HEAD, REPLAY)
KNOWN: Final = (*REQUIRED, KERAS_WEIGHTS, CARD)
METADATA_LIMIT: Final = 1 << 20
_FILE_LIMIT: Final = 1 << 30
_CHUNK: Final = 1 << 20
_ANOTHER: Final = "Choose the folder of a model."
_FOLDER_UNSAFE: Final = frozenset('/\\<>:"|?*')


class BundleError(Exception):
    """The model folder can't be used. The message says what, why and what to do, for the user.

    Attributes:
        why: the reason alone, which goes on after a colon.
    """

    def __init__(self, message: str, why: str = "") -> None:
        """Say `message`; `why` is its reason, the message itself where none is given."""
        super().__init__(message)
        self.why = why or message


def refusal(path: Path, why: str, remedy: str = "Choose another model, or install AlpacaSorter again.") -> BundleError:
    """Return the error for the folder `path`; `why` goes on after a colon."""
    return BundleError(f"The model “{path.name}” can't be used: {why}. {remedy}", why)


def read_metadata(path: Path) -> bytes:
    """Return the bytes of model.json.

    Raises:
        BundleError: there is none, or it is absurdly large.
    """
    file = path / METADATA
    if not file.is_file():
        raise refusal(path, f"it has no {METADATA}, so it is no model folder", _ANOTHER)
    if file.stat().st_size > METADATA_LIMIT:
        raise refusal(path, f"its {METADATA} is absurdly large")
    return file.read_bytes()


class Fields:
    """Typed access to the metadata; a missing or odd value is a refusal that names it."""

    def __init__(self, path: Path, data: object) -> None:
        self._path = path
        if not isinstance(data, dict):
            raise refusal(path, f"its {METADATA} is not a table of names and values")
        self._data = data

    def get(self, name: str, kind: type[Any]) -> Any:
        value = self._data.get(name)
        # bool is an int in Python; a format of `true` is not one.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._odd(name)
        return value

    def text(self, name: str) -> str:
        value = self.get(name, str)
        if not 0 < len(value) <= 200 or not value.isprintable():
            raise self._odd(name)
        return str(value)

    def whole(self, name: str, least: int, most: int) -> int:
        value = int(self.get(name, int))
        if not least <= value <= most:
            raise self._odd(name)
        return value

    def number(self, *names: str, above: float = -math.inf, below: float = math.inf) -> float:
        value: object = self._data
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not above < value < below:
            raise self._odd(".".join(names))
        return float(value)

    def table(self, name: str) -> dict[str, Any]:
        """An optional table of names and values; empty where there is none."""
        return dict(self.get(name, dict)) if name in self._data else {}

    def class_names(self) -> tuple[str, str]:
        names = self.get("class_names", list)
        if len(names) != 2 or not all(isinstance(name, str) and _is_folder_name(name) for name in names):
            raise self._odd("class_names")
        # They become folder names when photos are sorted, also where case does not count.
        if names[0].casefold() == names[1].casefold():
            raise self._odd("class_names")
        return names[0], names[1]

    def display_names(self, names: tuple[str, str]) -> dict[str, str]:
        shown = self.get("display_names", dict)
        for name in names:
            text = shown.get(name)
            if not isinstance(text, str) or not 0 < len(text) <= 100 or not text.isprintable():
                raise self._odd("display_names")
        return {name: shown[name] for name in names}

    def files(self) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        for name, facts in self.get("files", dict).items():
            if name not in KNOWN:
                raise refusal(self._path, f"it lists a file that no model has ({name[:80]!r})")
            digest = facts.get("sha256") if isinstance(facts, dict) else None
            length = facts.get("bytes") if isinstance(facts, dict) else None
            if not isinstance(digest, str) or not isinstance(length, int) or not 0 < length <= _FILE_LIMIT:
                raise self._odd(f"files.{name}")
            found[name] = (digest, length)
        for name in REQUIRED:
            if name not in found:
                raise refusal(self._path, f"it does not list {name}")
        return found

    def _odd(self, name: str) -> BundleError:
        return refusal(self._path, f"“{name}” in its {METADATA} is missing or makes no sense")


def _is_folder_name(name: str) -> bool:
    return (
        0 < len(name) <= 64
        and name.isprintable()
        and not _FOLDER_UNSAFE.intersection(name)
        and name == name.strip(". ")
    )


def verify(path: Path, name: str, digest: str, length: int) -> None:
    """Raise BundleError unless the file has this SHA-256 and length in bytes."""
    file = path / name
    if not file.is_file():
        raise refusal(path, f"{name} is missing")
    if file.stat().st_size != length:
        raise refusal(path, f"{name} is not complete, or was changed")
    hasher = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    if hasher.hexdigest() != digest:
        raise refusal(path, f"{name} was changed after the model was made")


def read_arrays(path: Path, name: str, wanted: Mapping[str, tuple[str, int]]) -> dict[str, npt.NDArray[Any]]:
    """Read an .npz; `wanted` tells each array's dtype and number of dimensions."""
    with zipfile.ZipFile(path / name) as archive:
        if sum(member.file_size for member in archive.infolist()) > _FILE_LIMIT:
            raise refusal(path, f"{name} would unpack to an absurd size")
    arrays: dict[str, npt.NDArray[Any]] = {}
    with np.load(path / name, allow_pickle=False) as loaded:
        for key, (dtype, dimensions) in wanted.items():
            if key not in loaded.files:
                raise refusal(path, f"{name} lacks “{key}”")
            array = loaded[key]
            if array.dtype != np.dtype(dtype) or array.ndim != dimensions:
                raise refusal(path, f"“{key}” in {name} has the wrong form")
            if not np.isfinite(array).all():
                raise refusal(path, f"“{key}” in {name} holds numbers that are not finite")
            arrays[key] = array
    return arrays
