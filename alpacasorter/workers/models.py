"""The models of the user, in the background: listed, added, shared, removed, and checked before one takes over.

Writes a model as one file for other programs, in a process of its own: that needs TensorFlow, which takes long.
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
from alpacasorter.core.files import display_path
from alpacasorter.core.session_paths import Places
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import sentence

if TYPE_CHECKING:
    from alpacasorter.ml.models.store import ModelStore

_NAMED = (
    "The model serves now. The next start uses the one that --model or ALPACASORTER_MODEL names, as long as one of "
    "them does."
)


class ModelKeeper(QObject):
    """Looks after the models. All methods but `remember` are called on the GUI thread and return at once.

    It has a lane of its own, so that no correction waits for a model that is copied or tried.

    Signals:
        told(list): the models there are, of ModelEntry; follows `ask` and whenever one came or went.
        added(Added): a model was added, or was there already.
        shared(Path): a model was written to this file.
        passed(Path): the model in this folder can serve; follows `check`.
        failed(str): what was asked for could not be done; a sentence for the user.
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
            in_use: returns the folder of the model that serves.
            parent: the owner.
        """
        super().__init__(parent)
        self._places = places
        self._in_use = in_use
        self._lane = Lane("models")
        self._closed = False

    def ask(self) -> None:
        """Tell which models there are."""
        self._submit(self._tell)

    def add(self, source: Path, *, use: bool = False) -> None:
        """Add a model from a file or folder; `added` and `told` follow, and `passed` where it is to serve at once."""
        self._submit(partial(self._add, source, use))

    def check(self, path: Path | None) -> None:
        """See whether a model can serve, the bundled one where None is given; `passed` follows, or `failed`."""
        self._submit(partial(self._check, path))

    def share(self, path: Path, out: Path) -> None:
        """Write a model as one file, in the place of one that is there; `shared` follows, or `failed`."""
        self._submit(partial(self._share, path, out))

    def remove(self, path: Path) -> None:
        """Delete a model that was added; `told` follows, or `failed`."""
        self._submit(partial(self._remove, path))

    def remember(self, path: Path) -> str:
        """Have the next start use this model; return what the user should know of that, or nothing. Any thread."""
        from alpacasorter.ml.models.store import ModelStoreError

        try:
            self._store().choose(path)
        except ModelStoreError as error:
            return str(error)
        return _NAMED if self._places.bundle is not None else ""

    def close(self) -> None:
        """Give up a trial that is under way and end the thread; blocks until then."""
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
                self.failed.emit(sentence(error))

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
        from alpacasorter.core.os_errors import for_saving
        from alpacasorter.core.reasons import sentence
        from alpacasorter.ml.models.archive import pack
        from alpacasorter.ml.models.bundle import load_bundle

        try:
            pack(load_bundle(path), out, overwrite=True)
        except OSError as error:
            self.failed.emit(f"{display_path(out.name)} can't be written. {sentence(for_saving(error))}")
        else:
            self.shared.emit(out)

    def _remove(self, path: Path) -> None:
        try:
            self._store().remove_model(path, in_use=self._in_use())
        finally:
            self._tell()


_log = logging.getLogger(__name__)

SUFFIXES: Final = (".keras", ".tflite")
_MARK: Final = "alpacasorter: "
_DEATH_MS: Final = 5000
_UNEXPECTED: Final = "{name} could not be written: the process that writes it ended without a word."
_NOT_STARTED: Final = "{name} could not be written: no process for it could be started."


def export_command() -> list[str]:
    """Return the command of the process, to be followed by its arguments."""
    frozen = getattr(sys, "frozen", False)
    return [sys.executable, "export-model"] if frozen else [sys.executable, "-m", "alpacasorter", "export-model"]


class Exporter(QObject):
    """Writes one file at a time. All methods are called on the GUI thread; all but `close` return at once.

    Signals:
        exported(Path): the file was written.
        failed(str): it was not; a sentence for the user.
    """

    exported = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None, *, command: Sequence[str] | None = None) -> None:
        """Prepare; `command` stands in for the real one."""
        super().__init__(parent)
        self._command = list(command or export_command())
        self._out = Path()
        self._process = QProcess(self)
        # There `-m` finds this very package first.
        self._process.setWorkingDirectory(str(Path(alpacasorter.__file__).resolve().parent.parent))
        environment = QProcessEnvironment.systemEnvironment()
        # What it says is read as UTF-8, whatever the language of the system.
        environment.insert("PYTHONUTF8", "1")
        self._process.setProcessEnvironment(environment)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)

    @property
    def running(self) -> bool:
        """Whether a file is being written."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    def export(self, bundle: Path, out: Path) -> None:
        """Write the model in the folder `bundle` to `out`, whose ending says in which form (see SUFFIXES).

        Raises:
            RuntimeError: a file is being written.
            ValueError: it has another ending.
        """
        if self.running:
            raise RuntimeError("A model is being written.")
        suffix = out.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(f"{out.name} ends in none of {SUFFIXES}")
        self._out = out
        # Bound by =, or a name that begins with a hyphen would be taken for an option.
        arguments = [*self._command[1:], f"--{suffix[1:]}={out}", "--", str(bundle)]
        self._process.start(self._command[0], arguments)

    def close(self) -> None:
        """End the process; blocks until it is gone, and no signal follows. A file that was there stays."""
        if self.running:
            self.blockSignals(True)
            self._process.kill()
            self._process.waitForFinished(_DEATH_MS)
            self.blockSignals(False)

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        if status == QProcess.ExitStatus.NormalExit and code == 0:
            self.exported.emit(self._out)
            return
        said = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        sentences = [line.removeprefix(_MARK) for line in said.splitlines() if line.startswith(_MARK)]
        if not sentences:
            _log.error("The export ended with %s: %s", code, said[-2000:])
        self.failed.emit(sentences[-1] if sentences else _UNEXPECTED.format(name=display_path(self._out.name)))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            _log.error("The export could not be started: %s", self._process.errorString())
            self.failed.emit(_NOT_STARTED.format(name=display_path(self._out.name)))
