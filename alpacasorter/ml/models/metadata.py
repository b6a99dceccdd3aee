"""The metadata of a bundle, model.json: read value by value, each with its type, and refused with a sentence.

It may come from a stranger. The files it lists are checked by `verify` when the bundle is loaded.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _

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
_LIMITS: Final = {BACKBONE: 512 << 20, HEAD: 8 << 20, REPLAY: 512 << 20, KERAS_WEIGHTS: 1 << 30, CARD: 1 << 20}
"""Bytes of each file at most; a head has at most 65,536 weights, and 512 MB hold 200,000 photos to learn from."""
_FOLDER_UNSAFE: Final = frozenset('/\\<>:"|?*')


class BundleError(Exception):
    """The model can't be used. The message tells the user which model, why, and what to do.

    Attributes:
        why: only the reason, a sentence.
    """

    def __init__(self, message: str, why: str = "") -> None:
        """Create the error; the reason defaults to the whole message."""
        super().__init__(message)
        self.why = why or message


def refusal(path: Path, why: str, remedy: str = "") -> BundleError:
    """Return the error for the model at `path`.

    Args:
        path: its folder or file.
        why: the reason, a sentence.
        remedy: what to do, a sentence; empty for the usual advice.
    """
    remedy = remedy or _("Choose another model, or reinstall AlpacaSorter.")
    # Translators: {reason} and {remedy} are sentences, such as "head.npz is missing." and "Choose another model."
    message = _("The model “{name}” can't be used. {reason} {remedy}")
    return BundleError(message.format(name=display_path(path.name), reason=why, remedy=remedy), why)


def read_metadata(path: Path) -> bytes:
    """Return the bytes of model.json.

    Raises:
        BundleError: there is none, or it is much too large.
    """
    file = path / METADATA
    if not file.is_file():
        why = _("It has no {file}, so it is not a model folder.").format(file=METADATA)
        raise refusal(path, why, _("Choose a model folder."))
    if file.stat().st_size > METADATA_LIMIT:
        raise refusal(path, too_large(METADATA))
    return file.read_bytes()


def too_large(name: str) -> str:
    """Return why a model with this file is refused: the file is much too large."""
    return _("{file} is much too large.").format(file=name)


def missing(name: str) -> str:
    """Return why a model without this file is refused."""
    return _("{file} is missing.").format(file=name)


def incomplete(name: str) -> str:
    """Return why a model whose file has the wrong length is refused."""
    return _("{file} is incomplete or was changed.").format(file=name)


def changed(name: str) -> str:
    """Return why a model whose file has the wrong hash is refused."""
    return _("{file} was changed after the model was made.").format(file=name)


class Fields:
    """Typed access to the metadata; a missing or invalid value is refused with an error that names it.

    Attributes:
        path: the bundle.
    """

    def __init__(self, path: Path, data: object) -> None:
        self.path = path
        if not isinstance(data, dict):
            raise refusal(path, _("{file} is not a JSON object.").format(file=METADATA))
        self._data = data

    def get(self, name: str, kind: type[Any]) -> Any:
        value = self._data.get(name)
        # In Python a bool is an int, but `true` is no format number.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.invalid(name)
        return value

    def text(self, name: str) -> str:
        value = self.get(name, str)
        if not 0 < len(value) <= 200 or not value.isprintable():
            raise self.invalid(name)
        return str(value)

    def whole(self, name: str, least: int, most: int) -> int:
        value = int(self.get(name, int))
        if not least <= value <= most:
            raise self.invalid(name)
        return value

    def number(
        self, *names: str, above: float = -math.inf, below: float = math.inf, default: float | None = None
    ) -> float:
        value: object = self._data
        for name in names:
            value = value.get(name, default) if isinstance(value, dict) else None
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.invalid(".".join(names))
        try:
            found = float(value)
        except OverflowError:
            # A whole number of hundreds of digits.
            found = math.inf
        if not above < found < below:
            raise self.invalid(".".join(names))
        return found

    def table(self, name: str) -> dict[str, Any]:
        """Return an optional JSON object; empty if it is missing."""
        return dict(self.get(name, dict)) if name in self._data else {}

    def class_names(self) -> tuple[str, str]:
        names = self.get("class_names", list)
        if len(names) != 2 or not all(isinstance(name, str) and _is_folder_name(name) for name in names):
            raise self.invalid("class_names")
        # They become folder names when photos are sorted, also on file systems that ignore case.
        if names[0].casefold() == names[1].casefold():
            raise self.invalid("class_names")
        return names[0], names[1]

    def display_names(self, names: tuple[str, str]) -> dict[str, str]:
        shown = self.get("display_names", dict)
        for name in names:
            text = shown.get(name)
            if not isinstance(text, str) or not 0 < len(text) <= 100 or not text.isprintable():
                raise self.invalid("display_names")
        return {name: shown[name] for name in names}

    def files(self) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        for name, entry in self.get("files", dict).items():
            if name not in KNOWN:
                raise refusal(self.path, unknown_file(name))
            digest = entry.get("sha256") if isinstance(entry, dict) else None
            length = entry.get("bytes") if isinstance(entry, dict) else None
            if not isinstance(digest, str) or not isinstance(length, int) or isinstance(length, bool):
                raise self.invalid(f"files.{name}")
            if length > _LIMITS[name]:
                raise refusal(self.path, too_large(name))
            if length < 1:
                raise self.invalid(f"files.{name}")
            found[name] = (digest, length)
        for name in REQUIRED:
            if name not in found:
                raise refusal(self.path, _("{metadata} does not list {file}.").format(metadata=METADATA, file=name))
        return found

    def invalid(self, name: str) -> BundleError:
        """Return the error for a value that is missing or invalid."""
        why = _("“{field}” in {file} is missing or invalid.").format(field=name, file=METADATA)
        return refusal(self.path, why)


def unknown_file(name: str) -> str:
    """Return why a model that names a file no model has is refused; only the beginning of a long name is shown."""
    return _("It contains “{file}”, which is not part of a model.").format(file=display_path(name[:80]))


def _is_folder_name(name: str) -> bool:
    return (
        0 < len(name) <= 64
        and name.isprintable()
        and not _FOLDER_UNSAFE.intersection(name)
        and name == name.strip(". ")
    )
