"""The user's models, in the background: listing, adding, sharing, removing, checking and exporting them.

Exporting a model for other programs runs in its own process, because it needs TensorFlow.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

import alpacasorter
from alpacasorter import paths
from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.session_paths import Places
from alpacasorter.i18n import _
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import error_sentence

if TYPE_CHECKING:
    from alpacasorter.ml.models.store import ModelStore

_log = logging.getLogger(__name__)

SUFFIXES: Final = (".keras", ".tflite")
_MARK: Final = "alpacasorter: "
_KILL_MS: Final = 5000


class ModelKeeper(QObject):
    """Manages the models. All methods but `remember` are called on the GUI thread; all but `close` return at once.

    It has its own lane, so that no correction waits for a model that is being copied or tried.

    Signals:
        told(list): the models, as ModelEntry; follows `ask`, and whenever a model was added or removed.
        added(Added): a model was added, or was already there.
        shared(Path): a model was written to this file.
        passed(Path): the model in this folder can be used; follows `check`.
        failed(str): why a request failed, a sentence for the user.
    """

    told = Signal(list)
    added = Signal(object)
    shared = Signal(object)
    passed = Signal(object)
    failed = Signal(str)

    def __init__(self, places: Places, in_use: Callable[[], Path | None], parent: QObject | None = None) -> None:
        """Prepare.

        Args:
            places: where the user's data are.
            in_use: returns the folder of the model in use.
            parent: the owner.
        """
        super().__init__(parent)
        self._places = places
        self._in_use = in_use
        self._lane = Lane("models")
        self._closed = False

    def ask(self) -> None:
        """Ask for the models; `told` follows."""
        self._submit(self._tell)

    def add(self, source: Path, *, use: bool = False) -> None:
        """Add a model from a file or folder; `added` and `told` follow, and `passed` if it is to be used at once."""
        self._submit(partial(self._add, source, use))

    def check(self, path: Path | None) -> None:
        """Check whether a model (None for the bundled one) can be used; `passed` follows, or `failed`."""
        self._submit(partial(self._check, path))

    def share(self, path: Path, out: Path) -> None:
        """Write a model as one file, which replaces an existing one; `shared` follows, or `failed`."""
        self._submit(partial(self._share, path, out))

    def remove(self, path: Path) -> None:
        """Delete an added model; `told` follows, and `failed` if that was not possible."""
        self._submit(partial(self._remove, path))

    def remember(self, path: Path) -> str:
        """Use this model from the next start on; return a notice for the user, or nothing. For any thread."""
        from alpacasorter.ml.models.store import ModelStoreError

        try:
            self._store().choose(path)
        except ModelStoreError as error:
            return str(error)
        if self._places.bundle is None:
            return ""
        return _(
            "The model is in use now. As long as {option} or {variable} names a model, the next start uses that one."
        ).format(option="--model", variable=paths.MODEL_VARIABLE)

    def close(self) -> None:
        """Stop a running trial and end the thread; blocks until then."""
        self._closed = True
        self._lane.close()

    # On the lane

    def _submit(self, job: Callable[[], None]) -> None:
        self._lane.submit(partial(self._guarded, job))

    def _guarded(self, job: Callable[[], None]) -> None:
        if self._closed:
            return
        try:
            job()
        except Exception as error:  # noqa: BLE001  # whatever it is, the user gets a sentence
            if not self._closed:
                self.failed.emit(error_sentence(error))

    def _store(self) -> ModelStore:
        from alpacasorter.ml.models.store import ModelStore

        return ModelStore(self._places.data)

    def _tell(self) -> None:
        self.told.emit(self._store().list_models(self._in_use()))

    def _add(self, source: Path, use: bool) -> None:
        added = self._store().add_model(source, stopped=lambda: self._closed)
        self.added.emit(added)
        self._tell()
        if use:
            self.passed.emit(added.entry.path)

    def _check(self, path: Path | None) -> None:
        store = self._store()
        wanted = path or store.bundled
        store.check(wanted, stopped=lambda: self._closed)
        self.passed.emit(wanted)

    def _share(self, path: Path, out: Path) -> None:
        from alpacasorter.ml.models.archive import pack
        from alpacasorter.ml.models.bundle import load_bundle

        try:
            pack(load_bundle(path), out, overwrite=True)
        except OSError as error:
            # Translators: {reason} is a sentence.
            message = _("{file} can't be written. {reason}")
            self.failed.emit(
                message.format(file=display_path(out.name), reason=reasons.sentence(os_errors.for_saving(error)))
            )
        else:
            self.shared.emit(out)

    def _remove(self, path: Path) -> None:
        try:
            self._store().remove_model(path, in_use=self._in_use())
        finally:
            self._tell()


def export_command() -> list[str]:
    """Return the command that starts the process, without its arguments."""
    frozen = getattr(sys, "frozen", False)
    return [sys.executable, "export-model"] if frozen else [sys.executable, "-m", "alpacasorter", "export-model"]


class Exporter(QObject):
    """Exports one model at a time. All methods are called on the GUI thread; all but `close` return at once.

    Signals:
        exported(Path): the file was written.
        failed(str): why it was not, a sentence for the user.
    """

    exported = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None, *, command: Sequence[str] | None = None) -> None:
        """Prepare; tests give another `command`."""
        super().__init__(parent)
        self._command = list(command or export_command())
        self._out = Path()
        self._process = QProcess(self)
        # There, `-m` finds this package first.
        self._process.setWorkingDirectory(str(Path(alpacasorter.__file__).resolve().parent.parent))
        environment = QProcessEnvironment.systemEnvironment()
        # Its output is read as UTF-8, whatever the locale of the system.
        environment.insert("PYTHONUTF8", "1")
        self._process.setProcessEnvironment(environment)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)

    @property
    def running(self) -> bool:
        """Whether a file is being written."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    def export(self, bundle: Path, out: Path, variant: str | None = None) -> None:
        """Write the model in the folder `bundle` to `out`, whose extension gives the format (see SUFFIXES).

        Without a `variant`, it is the one that the user has chosen for this model.

        Raises:
            RuntimeError: an export is already running.
            ValueError: it has another extension.
        """
        if self.running:
            raise RuntimeError("A model is being written.")
        suffix = out.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(f"{out.name} ends in none of {SUFFIXES}")
        self._out = out
        # With =, because a name that begins with a hyphen would otherwise be taken for an option.
        options = [f"--{suffix[1:]}={out}"] if variant is None else [f"--{suffix[1:]}={out}", f"--variant={variant}"]
        arguments = [*self._command[1:], *options, "--", str(bundle)]
        self._process.start(self._command[0], arguments)

    def close(self) -> None:
        """Kill the process; blocks until it has ended, and no signal follows. An existing file is kept."""
        if self.running:
            self.blockSignals(True)
            self._process.kill()
            self._process.waitForFinished(_KILL_MS)
            self.blockSignals(False)

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        if status == QProcess.ExitStatus.NormalExit and code == 0:
            self.exported.emit(self._out)
            return
        said = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        sentences = [line.removeprefix(_MARK) for line in said.splitlines() if line.startswith(_MARK)]
        if not sentences:
            _log.error("The export ended with %s: %s", code, said[-2000:])
        unexpected = _("{file} could not be written: the export process ended without an error message.")
        self.failed.emit(sentences[-1] if sentences else unexpected.format(file=display_path(self._out.name)))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            _log.error("The export could not be started: %s", self._process.errorString())
            message = _("{file} could not be written: the export process could not be started.")
            self.failed.emit(message.format(file=display_path(self._out.name)))
