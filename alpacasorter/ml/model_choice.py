"""Which model the user has chosen: one small file in their data folder, for the window and the command line alike."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.ml.model_entry import ModelStoreError, same_folder, system_reason

CHOICE: Final = "model-in-use.json"

_UNKNOWN: Final = (
    "Which model you had chosen can't be read any more, so the bundled one serves. Choose yours again under Models."
)
_LIMIT: Final = 4096
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which model is to serve.

    Attributes:
        path: its folder.
        is_bundled: whether it is the one that came with the app.
        notice: a sentence for the user where what they chose can't be told; else empty.
    """

    path: Path
    is_bundled: bool
    notice: str = ""


class ModelChoice:
    """Remembers a model by the name of its folder."""

    def __init__(self, data: Path, *, folder: Path, bundled: Path) -> None:
        """Keep the choice in `data`, of a model in `folder` or else the bundled one."""
        self._file: Final = data / CHOICE
        self._folder: Final = folder
        self._bundled: Final = bundled

    def chosen(self) -> Choice:
        """Return the model that the user chose last, the bundled one where they chose none. Never raises."""
        try:
            name = self._read()
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("the choice of a model can't be read: %s", error)
            return Choice(self._bundled, True, _UNKNOWN)
        return Choice(self._bundled, True) if name is None else Choice(self._folder / name, False)

    def _read(self) -> str | None:
        try:
            with self._file.open("rb") as stream:
                raw = stream.read(_LIMIT + 1)
        except FileNotFoundError:
            return None
        if len(raw) > _LIMIT:
            raise ValueError("it is absurdly large")
        data = json.loads(raw)
        name = data.get("model") if isinstance(data, dict) else None
        # A name and never a path: nothing written there can make the app load a model from elsewhere.
        if not isinstance(name, str) or not is_plain_name(name):
            raise ValueError("it names no model")
        return name

    def choose(self, path: Path) -> None:
        """Remember which model is to serve from the next start on, here and on the command line.

        Args:
            path: the bundled one, or one that was added.

        Raises:
            ModelStoreError: it is neither, or the choice can't be kept.
        """
        try:
            if same_folder(path, self._bundled):
                self._file.unlink(missing_ok=True)
                return
            if path.parent != self._folder or not is_plain_name(path.name):
                raise ModelStoreError("Only a model that was added can be chosen for good. Add it first.")
            _write_whole(self._file, json.dumps({"model": path.name}) + "\n")
        except OSError as error:
            raise ModelStoreError(f"The choice of a model can't be kept: {system_reason(error)}.") from error


def is_plain_name(name: str) -> bool:
    """Tell whether a name can be that of a model's folder, and leads nowhere else."""
    return (
        0 < len(name) <= 255
        and not name.startswith(".")
        and not any(letter in "/\\:\0" for letter in name)
        and Path(name).name == name
    )


def _write_whole(path: Path, text: str) -> None:
    """Write a small file so that it is either as before or complete, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
