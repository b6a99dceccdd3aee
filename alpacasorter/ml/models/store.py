"""The user's models, the bundled one and those they added: listing, choosing, adding, removing and finding them.

Each has its own folder in the user's data folder, and two small files say which was chosen, and which variant of it,
for the window and the command line alike. All of this may have been edited, damaged or put there by someone else: a
model that can't be used is listed with the reason and does not affect the others.
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
from alpacasorter.core.files import display_path, folder_name, is_locked, lock_file
from alpacasorter.core.os_errors import for_saving
from alpacasorter.core.safe_write import write_over
from alpacasorter.core.session_paths import private_folder
from alpacasorter.i18n import _, join
from alpacasorter.ml.models.archive import unpack
from alpacasorter.ml.models.bundle import Bundle, load_bundle, verify
from alpacasorter.ml.models.entry import ModelEntry, describe, same_folder
from alpacasorter.ml.models.metadata import METADATA, Fields, missing, read_metadata, refusal
from alpacasorter.ml.models.trial import try_model
from alpacasorter.ml.runtime.backbone import sentence

CHOICE: Final = "model-in-use.json"
VARIANTS: Final = "model-variants.json"

_LIMIT: Final = 4096
_VARIANTS_LIMIT: Final = 1 << 16
_MOST_CHOICES: Final = 100
_ADDING: Final = ".adding-"
_LOCK: Final = ".lock"
_BEGINNING_SECONDS: Final = 2.0
_STALE_SECONDS: Final = 24 * 3600
_CHUNK: Final = 1 << 20
_log = logging.getLogger(__name__)


class ModelStoreError(Exception):
    """Something can't be done with the models; `str()` is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which model to use.

    Attributes:
        path: its folder.
        is_bundled: whether it is the one that came with the app.
        notice: a sentence for the user if their choice can't be read; else empty.
    """

    path: Path
    is_bundled: bool
    notice: str = ""


def is_plain_name(name: str) -> bool:
    """Return whether a name can be that of a model's folder and does not lead elsewhere."""
    return (
        0 < len(name) <= 255
        and not name.startswith(".")
        and not any(letter in "/\\:\0" for letter in name)
        and Path(name).name == name
    )


def _model_key(bundle: Bundle) -> str:
    """Return what a model and its updates have in common."""
    return f"{bundle.name}|{bundle.label_set}"


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding a model; `is_new` is False if it had been added before."""

    entry: ModelEntry
    is_new: bool


class ModelStore:
    """The models of one user. Nothing is kept in memory, so two instances of the app may use the same store.

    Attributes:
        folder: where the added models are; it need not exist.
        bundled: the model that came with the app.
    """

    def __init__(self, data: Path, *, bundled: Path | None = None) -> None:
        """Use the data folder `data`."""
        self.folder: Final = data.absolute() / paths.USER_MODELS
        self.bundled: Final = bundled or paths.bundled_model()
        self._choice: Final = data.absolute() / CHOICE
        self._variants: Final = data.absolute() / VARIANTS

    # Choosing

    def chosen(self) -> Choice:
        """Return the model that the user chose last, or the bundled one if they chose none. Never raises."""
        try:
            name = self._read_choice()
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("the choice of a model can't be read: %s", error)
            notice = _(
                "Your choice of model can't be read, so the bundled model is used. Choose your model again under "
                "Models."
            )
            return Choice(self.bundled, True, notice)
        return Choice(self.bundled, True) if name is None else Choice(self.folder / name, False)

    def _read_choice(self) -> str | None:
        try:
            with self._choice.open("rb") as stream:
                raw = stream.read(_LIMIT + 1)
        except FileNotFoundError:
            return None
        if len(raw) > _LIMIT:
            raise ValueError("the file is much too large")
        data = json.loads(raw)
        name = data.get("model") if isinstance(data, dict) else None
        # A name, never a path: nothing in this file can make the app load a model from elsewhere.
        if not isinstance(name, str) or not is_plain_name(name):
            raise ValueError("the file names no model")
        return name

    def choose(self, path: Path) -> None:
        """Store which model to use from the next start on, in the window and on the command line.

        Args:
            path: the bundled model, or an added one.

        Raises:
            ModelStoreError: it is neither, or the choice can't be stored.
        """
        try:
            if same_folder(path, self.bundled):
                self._choice.unlink(missing_ok=True)
                return
            if path.parent != self.folder or not is_plain_name(path.name):
                raise ModelStoreError(_("Only a model that was added can be chosen. Add it first."))
            private_folder(self._choice.parent)
            write_over(self._choice, [f"{json.dumps({'model': path.name})}\n".encode()])
        except OSError as error:
            raise ModelStoreError(
                _("Your choice of model can't be saved. {reason}").format(reason=sentence(for_saving(error)))
            ) from error

    def chosen_variant(self, bundle: Bundle) -> str | None:
        """Return the name of the variant that the user chose for this model; None if they chose none. Never raises.

        An update of a model has the same name and classes, so it gets the variant that was chosen before, if it still
        has it.
        """
        if bundle.variants is None:
            return None
        name = self._read_variants().get(_model_key(bundle))
        return name if name in bundle.variants.names else None

    def choose_variant(self, bundle: Bundle, name: str) -> None:
        """Store which variant of a model to use from the next start on, in the window and on the command line.

        Raises:
            BundleError: the model has no such variant.
            ModelStoreError: the choice can't be stored.
        """
        bundle.with_variant(name)
        key = _model_key(bundle)
        known = [(model, chosen) for model, chosen in self._read_variants().items() if model != key]
        text = json.dumps(dict([*known[1 - _MOST_CHOICES :], (key, name)]), ensure_ascii=False, indent=1)
        try:
            private_folder(self._variants.parent)
            write_over(self._variants, [f"{text}\n".encode()])
        except OSError as error:
            raise ModelStoreError(
                _("Your choice can't be saved. {reason}").format(reason=sentence(for_saving(error)))
            ) from error

    def _read_variants(self) -> dict[str, str]:
        try:
            with self._variants.open("rb") as stream:
                raw = stream.read(_VARIANTS_LIMIT + 1)
            data = json.loads(raw) if len(raw) <= _VARIANTS_LIMIT else None
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("the chosen variants can't be read: %s", error)
            return {}
        if not isinstance(data, dict):
            return {}
        return {key: name for key, name in data.items() if isinstance(name, str)}

    def check(self, path: Path, *, stopped: Callable[[], bool] = lambda: False) -> None:
        """Check that a model can be used; any but the bundled one is tried in a child process for about a second.

        Args:
            path: its folder, which may be anywhere.
            stopped: polled during the trial, which ends when it returns True.

        Raises:
            BundleError: it can't be used.
            TrialStopped: `stopped` returned True.
        """
        load_bundle(path)
        problem = None if same_folder(path, self.bundled) else try_model(path, stopped=stopped)
        if problem is not None:
            raise refusal(path, sentence(problem), _("Ask its author for a working copy."))

    # The list

    def list_models(self, in_use: Path | None = None) -> list[ModelEntry]:
        """Return all models, the bundled one first, then by name; verifying them takes about 20 ms per model.

        Args:
            in_use: the model in use; None to work it out from what was named and chosen.
        """
        entries = [self._describe(self.bundled, is_bundled=True)]
        added = [self._describe(path) for path in self._folders()]
        entries += sorted(added, key=lambda entry: (entry.name.casefold(), entry.version, entry.key))
        used = in_use or self._in_use(entries)
        found = [replace(entry, in_use=same_folder(entry.path, used)) for entry in entries]
        if not any(entry.in_use for entry in found):
            # Named by --model or ALPACASORTER_MODEL, and never added.
            found.append(replace(self._describe(used), in_use=True))
        return found

    def _describe(self, path: Path, *, is_bundled: bool = False) -> ModelEntry:
        return describe(path, is_bundled=is_bundled, chosen_variant=self.chosen_variant)

    def _in_use(self, entries: list[ModelEntry]) -> Path:
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
        """Return the model with this key, or with this name, or name and version, ignoring case.

        Raises:
            ModelStoreError: there is none, or more than one.
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
            raise ModelStoreError(
                _("There is no model “{name}”. “{command}” lists all models.").format(
                    name=shown, command="alpacasorter models"
                )
            )
        keys = join([display_path(entry.key) for entry in found], "or")
        raise ModelStoreError(
            _("Several models are called “{name}”. Use one of these names: {names}.").format(name=shown, names=keys)
        )

    # Adding and removing

    def add_model(self, source: Path, *, stopped: Callable[[], bool] = lambda: False) -> Added:
        """Add a model to the user's own: verify it, try it in a child process, and copy it completely or not at all.

        A model is not added twice; one that is already in the right place is only tried.

        Args:
            source: its folder, or a model file (see `archive`).
            stopped: polled during the trial, which ends when it returns True.

        Raises:
            BundleError, ModelStoreError: it can't be used or copied. Nothing of it is left.
            TrialStopped: `stopped` returned True. Nothing of it is left.
        """
        if source.parent == self.folder and is_plain_name(source.name):
            # Training puts its models there.
            self.check(source, stopped=stopped)
            return Added(describe(source), False)
        try:
            private_folder(self.folder)
            self._sweep()
            with self._scratch() as scratch:
                # Error messages show the name of this folder.
                copy = Path(scratch) / (display_path(source.stem if source.is_file() else source.name) or "model")
                if source.is_dir():
                    _copy(source, copy)
                elif source.is_file():
                    unpack(source, copy)
                else:
                    raise ModelStoreError(
                        _("{path} does not exist, or is neither a folder nor a file.").format(path=display_path(source))
                    )
                return self._take(copy, stopped)
        except OSError as error:
            raise ModelStoreError(
                _("The model can't be added, and nothing was changed. {reason}").format(
                    reason=sentence(for_saving(error))
                )
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
                    # Another instance may just have taken the name.
                    if not target.exists():
                        raise
            number += 1

    def remove_model(self, path: Path, *, in_use: Path | None = None) -> None:
        """Delete an added model.

        Args:
            path: its folder.
            in_use: the model in use; None to work it out from what was named and chosen.

        Raises:
            ModelStoreError: it is the bundled model, in use, was not added, or can't be deleted.
        """
        entries = self.list_models(in_use)
        entry = next((entry for entry in entries if same_folder(entry.path, path)), None)
        if entry is None or (not entry.is_bundled and entry.path.parent != self.folder):
            raise ModelStoreError(_("Only a model that was added can be removed."))
        if entry.is_bundled:
            raise ModelStoreError(_("The bundled model can't be removed."))
        if entry.in_use:
            raise ModelStoreError(
                _("“{name}” is in use. Switch to another model first, then remove it.").format(name=entry.title)
            )
        try:
            chosen = self.chosen()
            if not chosen.is_bundled and same_folder(chosen.path, entry.path):
                self.choose(self.bundled)
            if entry.path.is_symlink():
                entry.path.unlink()
                return
            # This takes it off the list at once, even if deleting is interrupted.
            with self._scratch() as scratch:
                entry.path.rename(Path(scratch) / entry.key)
        except OSError as error:
            raise ModelStoreError(
                _("“{name}” can't be removed. {reason}").format(name=entry.title, reason=sentence(for_saving(error)))
            ) from error

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[str]:
        """Yield a new folder beside the models, which is locked while it is in use and deleted at the end."""
        folder = tempfile.TemporaryDirectory(prefix=_ADDING, dir=self.folder, ignore_cleanup_errors=True)
        with folder as scratch, (Path(scratch) / _LOCK).open("wb") as lock:
            lock_file(lock.fileno())
            yield scratch

    def _sweep(self) -> None:
        """Delete what an instance left behind that was killed while it added or removed a model."""
        for path in self.folder.glob(f"{_ADDING}*"):
            with contextlib.suppress(OSError):
                in_use = is_locked(path / _LOCK)
                age = time.time() - path.lstat().st_mtime
                # One that is locked in this very moment is new.
                if age > (_BEGINNING_SECONDS if in_use is False else _STALE_SECONDS) and not in_use:
                    shutil.rmtree(path, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy the files that a bundle's model.json lists, up to the length it gives for each."""
    load_bundle(source)
    raw = read_metadata(source)
    target.mkdir(0o700)
    (target / METADATA).write_bytes(raw)
    for name, (_digest, length) in Fields(source, json.loads(raw)).files().items():
        if not (source / name).is_file():
            raise refusal(source, missing(name))
        left = length
        with (source / name).open("rb") as original, (target / name).open("xb") as copy:
            while left and (chunk := original.read(min(_CHUNK, left))):
                left -= len(chunk)
                copy.write(chunk)
