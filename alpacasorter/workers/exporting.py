"""Writes a model as one file for other programs, in a process of its own: that needs TensorFlow, which takes long."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

import alpacasorter
from alpacasorter.core.files import display_path

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
