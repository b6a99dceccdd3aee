"""The models a user has: the bundled one and those they added; which of them serves; adding, removing, finding one.

They lie in the user's data folder, a folder each, and one small file says which was chosen. All of it may have been
edited, damaged or put there by somebody else: what can't be used is listed with its reason and harms no other.

Which model the user has chosen: one small file in their data folder, for the window and the command line alike.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from alpacasorter import paths
from alpacasorter.core.files import display_path, folder_name
from alpacasorter.core.reasons import for_saving, sentence
from alpacasorter.core.safe_write import write_over
from alpacasorter.ml.models.archive import unpack
from alpacasorter.ml.models.bundle import METADATA, Fields, load_bundle, read_metadata, refusal, verify
from alpacasorter.ml.models.entry import ModelEntry, ModelStoreError, describe, same_folder
from alpacasorter.ml.models.trial import try_model

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
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_over(self._file, [json.dumps({"model": path.name}).encode() + b"\n"])
        except OSError as error:
            raise ModelStoreError(f"The choice of a model can't be kept. {sentence(for_saving(error))}") from error


def is_plain_name(name: str) -> bool:
    """Tell whether a name can be that of a model's folder, and leads nowhere else."""
    return (
        0 < len(name) <= 255
        and not name.startswith(".")
        and not any(letter in "/\\:\0" for letter in name)
        and Path(name).name == name
    )


__all__ = ["Added", "ModelEntry", "ModelStore", "ModelStoreError"]

_ANOTHER: Final = "Ask whoever made it for another one."
_ADDING: Final = ".adding-"
_STALE_SECONDS: Final = 24 * 3600
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Added:
    """The outcome of adding a model; `is_new` is False where it was there already."""

    entry: ModelEntry
    is_new: bool


class ModelStore:
    """The models of one user. Keeps nothing in memory: two instances of the app may use one store.

    Attributes:
        folder: where the added models are; it need not exist.
        bundled: the model that came with the app.
    """

    def __init__(self, data: Path, *, bundled: Path | None = None) -> None:
        """Use the data folder `data`."""
        self.folder: Final = data.absolute() / paths.USER_MODELS
        self.bundled: Final = bundled or paths.bundled_model()
        self._choice: Final = ModelChoice(data.absolute(), folder=self.folder, bundled=self.bundled)

    # Which one serves

    def chosen(self) -> Choice:
        """Return the model that the user chose last, the bundled one where they chose none. Never raises."""
        return self._choice.chosen()

    def choose(self, path: Path) -> None:
        """Remember which model is to serve from the next start on, here and on the command line.

        Args:
            path: the bundled one, or one that was added.

        Raises:
            ModelStoreError: it is neither, or the choice can't be kept.
        """
        self._choice.choose(path)

    def check(self, path: Path, *, stopped: Callable[[], bool] = lambda: False) -> None:
        """Make sure that a model can serve; any but the bundled one is tried in a child process, for about a second.

        Args:
            path: its folder, wherever it is.
            stopped: asked while it is tried.

        Raises:
            BundleError: it can't.
            TrialStopped: `stopped` said so.
        """
        load_bundle(path)
        problem = None if same_folder(path, self.bundled) else try_model(path, stopped=stopped)
        if problem is not None:
            raise refusal(path, problem, _ANOTHER)

    # The list

    def list_models(self, in_use: Path | None = None) -> list[ModelEntry]:
        """Return all models, the bundled one first, then by name; each is verified, which takes some 20 ms a model.

        Args:
            in_use: the one that serves; where None is given, it follows from what was named and chosen.
        """
        entries = [describe(self.bundled, is_bundled=True)]
        added = [describe(path) for path in self._folders()]
        entries += sorted(added, key=lambda entry: (entry.name.casefold(), entry.version, entry.key))
        serving = in_use or self._serving(entries)
        found = [replace(entry, in_use=same_folder(entry.path, serving)) for entry in entries]
        if not any(entry.in_use for entry in found):
            # Named by --model or ALPACASORTER_MODEL, and never added.
            found.append(replace(describe(serving), in_use=True))
        return found

    def _serving(self, entries: list[ModelEntry]) -> Path:
        named = paths.named_model()
        if named is not None:
            return named
        chosen = self.chosen()
        usable = any(same_folder(entry.path, chosen.path) and not entry.problem for entry in entries)
        return chosen.path if usable else self.bundled

    def _folders(self) -> Iterator[Path]:
        try:
            with os.scandir(self.folder) as found:
                names = [entry.name for entry in found if not entry.name.startswith(".") and entry.is_dir()]
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning("the folder of the models can't be read: %s", error)
            return
        for name in sorted(names):
            yield self.folder / name

    def find(self, name: str) -> ModelEntry:
        """Return the model with this key, or with this name or name and version, whatever the case of its letters.

        Raises:
            ModelStoreError: there is none, or several.
        """
        entries = self.list_models()
        for entry in entries:
            if entry.key == name:
                return entry
        wanted = name.casefold()
        found = [entry for entry in entries if wanted in {w.casefold() for w in (entry.key, entry.name, entry.title)}]
        if len(found) == 1:
            return found[0]
        shown = display_path(name)
        if not found:
            raise ModelStoreError(f"There is no model “{shown}”. “alpacasorter models” lists those there are.")
        keys = ", ".join(display_path(entry.key) for entry in found)
        raise ModelStoreError(f"Several models are called “{shown}”. Say which one: {keys}.")

    # Adding and removing

    def add_model(self, source: Path, *, stopped: Callable[[], bool] = lambda: False) -> Added:
        """Put a model among the user's own: verified, tried in a child process, and put in place whole or not at all.

        A model that is there already is not added a second time; one that lies in the right place is only tried.

        Args:
            source: its folder, or a model file (see `model_file`).
            stopped: asked while it is tried.

        Raises:
            BundleError, ModelStoreError: it can't be used, or not be copied. Nothing of it is left.
            TrialStopped: `stopped` said so. Nothing of it is left.
        """
        if source.parent == self.folder and is_plain_name(source.name):
            # Made there, by a training.
            self.check(source, stopped=stopped)
            return Added(describe(source), False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            with tempfile.TemporaryDirectory(prefix=_ADDING, dir=self.folder, ignore_cleanup_errors=True) as scratch:
                # Messages name the folder they are about.
                copy = Path(scratch) / (display_path(source.stem if source.is_file() else source.name) or "model")
                if source.is_dir():
                    _copy(source, copy)
                elif source.is_file():
                    unpack(source, copy)
                else:
                    raise ModelStoreError(f"{display_path(source)} is not there, or neither a folder nor a file.")
                return self._take(copy, stopped)
        except OSError as error:
            raise ModelStoreError(
                f"The model can't be added. {sentence(for_saving(error))} Nothing was changed."
            ) from error

    def _take(self, copy: Path, stopped: Callable[[], bool]) -> Added:
        bundle = load_bundle(copy)
        for name, facts in bundle.files.items():
            verify(copy, name, *facts)
        for entry in self.list_models(self.bundled):
            if entry.bundle_id == bundle.bundle_id:
                return Added(entry, False)
        self.check(copy, stopped=stopped)
        return Added(describe(self._put(copy, folder_name(bundle.name))), True)

    def _put(self, copy: Path, name: str) -> Path:
        number = 1
        while True:
            key = name if number == 1 else f"{name}-{number}"
            target = self.folder / key
            taken = {path.name.casefold() for path in self.folder.iterdir()} | {self.bundled.name.casefold()}
            if key.casefold() not in taken:
                try:
                    return copy.rename(target)
                except OSError:
                    # Another instance may have taken the name just now.
                    if not target.exists():
                        raise
            number += 1

    def remove_model(self, path: Path, *, in_use: Path | None = None) -> None:
        """Delete a model that was added.

        Args:
            path: its folder.
            in_use: the one that serves; where None is given, it follows from what was named and chosen.

        Raises:
            ModelStoreError: it is the bundled one, or in use, or was never added, or can't be deleted.
        """
        entries = self.list_models(in_use)
        entry = next((entry for entry in entries if same_folder(entry.path, path)), None)
        if entry is None or (not entry.is_bundled and entry.path.parent != self.folder):
            raise ModelStoreError("Only a model that was added can be removed.")
        if entry.is_bundled:
            raise ModelStoreError("The bundled model can't be removed.")
        if entry.in_use:
            raise ModelStoreError(f"“{entry.title}” is in use. Use another model first, then remove it.")
        try:
            chosen = self.chosen()
            if not chosen.is_bundled and same_folder(chosen.path, entry.path):
                self.choose(self.bundled)
            if entry.path.is_symlink():
                entry.path.unlink()
                return
            # Out of the list at once, even if deleting is broken off.
            with tempfile.TemporaryDirectory(prefix=_ADDING, dir=self.folder, ignore_cleanup_errors=True) as scratch:
                entry.path.rename(Path(scratch) / entry.key)
        except OSError as error:
            raise ModelStoreError(f"“{entry.title}” can't be removed. {sentence(for_saving(error))}") from error

    def _sweep(self) -> None:
        """Delete what an instance that went down while it added a model has left."""
        for path in self.folder.glob(f"{_ADDING}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy the files of a bundle, those that its model.json lists, as far as it says they go."""
    load_bundle(source)
    raw = read_metadata(source)
    target.mkdir()
    (target / METADATA).write_bytes(raw)
    for name, (_, length) in Fields(source, json.loads(raw)).files().items():
        if not (source / name).is_file():
            raise refusal(source, f"{name} is missing")
        left = length
        with (source / name).open("rb") as original, (target / name).open("xb") as copy:
            while left and (chunk := original.read(min(_CHUNK, left))):
                left -= len(chunk)
                copy.write(chunk)
