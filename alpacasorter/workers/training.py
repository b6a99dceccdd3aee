"""Training behind the window: a process of its own, spoken to by methods and heard by signals.

TensorFlow may take minutes, all memory, or itself down: none of that reaches the app. The process is asked to end
first and killed where it doesn't.

One training as it is handed to the process that trains, and where its results go.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

import alpacasorter
from alpacasorter import paths
from alpacasorter.core.files import display_path, folder_name
from alpacasorter.training.events import Epoch, Event, Failed, Prepared, Stage, Stopped, Trained, from_line
from alpacasorter.training.recipe import Recipe

_log = logging.getLogger(__name__)

CHILD_FLAG: Final = "--train-child"
"""First argument of the frozen program when it is started as the process that trains."""

_GRACE_MS: Final = 15_000
"""For a process that was asked to stop, or is done, to end by itself: a batch of a large backbone takes seconds."""
_CLOSE_MS: Final = 3_000
"""The same when the app is closed, which has to wait for it."""
_DEATH_MS: Final = 3_000
_ERRORS_KEPT: Final = 20_000
"""Bytes of what it wrote to standard error, the last ones: they say why it crashed."""
_KILLED: Final = 9

_OUT_OF_MEMORY: Final = (
    "The system ended the training, most likely because memory ran out. Nothing was made. "
    "A smaller batch size or input size needs less memory."
)
_CRASHED: Final = "Training broke off, and nothing was made. What it said last is in the log in {folder}."
_NOT_STARTED: Final = "Training could not be started: {reason}"


def training_available() -> bool:
    """Tell whether this installation can train at all. Nothing is imported for it."""
    return importlib.util.find_spec("tensorflow") is not None


def child_command() -> list[str]:
    """Return the command of the process that trains."""
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_FLAG]
    return [sys.executable, "-m", "alpacasorter.training.child"]


class Trainer(QObject):
    """Runs one training at a time. All methods are called on the GUI thread; all but `close` return at once.

    Signals:
        started: the process runs.
        stage(Stage), prepared(Prepared), epoch(Epoch): how far it is.
        trained(Trained), failed(str), stopped: how it ended; exactly one of them, and the process is gone by then.
            `stopped` is also the end of a job that only makes a preview.
    """

    started = Signal()
    stage = Signal(object)
    prepared = Signal(object)
    epoch = Signal(object)
    trained = Signal(object)
    failed = Signal(str)
    stopped = Signal()

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        grace_ms: int = _GRACE_MS,
        close_ms: int = _CLOSE_MS,
        parent: QObject | None = None,
    ) -> None:
        """Prepare; nothing runs before `train`.

        Args:
            command: of the process, instead of the real one.
            grace_ms: milliseconds after which a process that should end is killed.
            close_ms: the same in `close`.
            parent: owner.
        """
        super().__init__(parent)
        self._command = list(command or child_command())
        self._close_ms = close_ms
        self._unread = b""
        self._errors = b""
        self._outcome: Event | None = None
        self._stopping = False
        self._only_prepares = False
        self._process = QProcess(self)
        # There `-m` finds this very package first, and no stray module of the folder the app was started in.
        self._process.setWorkingDirectory(str(Path(alpacasorter.__file__).resolve().parent.parent))
        self._process.setProcessEnvironment(_environment())
        self._process.started.connect(self.started)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.errorOccurred.connect(self._on_error)
        self._process.finished.connect(self._on_finished)
        self._grace = QTimer(self, singleShot=True, interval=grace_ms)
        self._grace.timeout.connect(self._process.kill)
        self._signal_of: dict[type, Callable[[Any], None]] = {
            Stage: self.stage.emit,
            Prepared: self.prepared.emit,
            Epoch: self.epoch.emit,
        }

    @property
    def running(self) -> bool:
        """Whether a training goes on."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    def train(self, job: Job) -> None:
        """Start a training; `trained`, `failed` or `stopped` follows.

        Raises:
            RuntimeError: one is running.
        """
        if self.running:
            raise RuntimeError("A training is running.")
        self._unread = self._errors = b""
        self._outcome = None
        # Such a job has no last event.
        self._stopping, self._only_prepares = False, job.out is None
        self._process.setProgram(self._command[0])
        self._process.setArguments(self._command[1:])
        self._process.start()
        self._say(job.to_line())

    def finish(self) -> None:
        """Have the model made from the best epoch so far; `trained` follows."""
        self._say("finish\n")

    def stop(self) -> None:
        """Give the training up, nothing is made; `stopped` follows."""
        if not self.running or self._stopping:
            return
        self._stopping = True
        self._say("stop\n")
        self._grace.start()

    def close(self, *, at_once: bool = False) -> None:
        """Give the training up and end the process; blocks until it is gone, and no signal follows.

        Args:
            at_once: kill it, rather than give it a moment to put away what it has begun to write.
        """
        if not self.running:
            return
        self.blockSignals(True)
        self._stopping = True
        if not at_once:
            self._say("stop\n")
            self._process.closeWriteChannel()
        if at_once or not self._process.waitForFinished(self._close_ms):
            self._process.kill()
            self._process.waitForFinished(_DEATH_MS)
        self._grace.stop()
        self.blockSignals(False)

    def _say(self, line: str) -> None:
        if self.running:
            self._process.write(line.encode())

    def _read(self) -> None:
        *lines, self._unread = (self._unread + self._process.readAllStandardOutput().data()).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", "replace"))

    def _take(self, line: str) -> None:
        event = from_line(line)
        if event is None:
            # Libraries print, too.
            _log.debug("The training printed: %s", line)
        elif isinstance(event, Trained | Failed | Stopped):
            self._outcome = event
            self._grace.start()
        elif not self._stopping:
            self._signal_of[type(event)](event)

    def _read_errors(self) -> None:
        self._errors = (self._errors + self._process.readAllStandardError().data())[-_ERRORS_KEPT:]

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._grace.stop()
            _log.error("The training could not be started: %s", self._process.errorString())
            self.failed.emit(_NOT_STARTED.format(reason=self._process.errorString()))

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._grace.stop()
        self._read()
        self._take(self._unread.decode("utf-8", "replace"))
        self._grace.stop()
        self._read_errors()
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, Trained):
            self.trained.emit(outcome)
        elif self._stopping or isinstance(outcome, Stopped) or (self._only_prepares and outcome is None and code == 0):
            self.stopped.emit()
        elif isinstance(outcome, Failed):
            self._log_errors(outcome.reason)
            self.failed.emit(outcome.reason)
        else:
            crashed = status == QProcess.ExitStatus.CrashExit
            self._log_errors(f"It ended without a result, {'crashed, ' if crashed else ''}code {code}.")
            out_of_memory = crashed and code == _KILLED and sys.platform != "win32"
            self.failed.emit(
                _OUT_OF_MEMORY if out_of_memory else _CRASHED.format(folder=display_path(paths.user_log_dir()))
            )

    def _log_errors(self, what: str) -> None:
        _log.error("The training failed. %s\n%s", what, self._errors.decode("utf-8", "replace"))


def _environment() -> QProcessEnvironment:
    environment = QProcessEnvironment.systemEnvironment()
    # Events must come at once, and file names be what they are, whatever the language of the system.
    environment.insert("PYTHONUNBUFFERED", "1")
    environment.insert("PYTHONUTF8", "1")
    return environment


@dataclass(frozen=True, slots=True)
class Job:
    """One training.

    Attributes:
        dataset: folder with one sub-folder per class.
        out: where the bundle goes; there is nothing yet. None where only the preview is wanted.
        report: where the HTML report goes; None for none.
        preview: where a PNG with examples goes; None for none.
        recipe: what to train and how.
    """

    dataset: Path
    out: Path | None
    report: Path | None
    preview: Path | None
    recipe: Recipe

    def to_line(self) -> str:
        """Return it as the line that the process expects, with its end."""
        places = {"dataset": self.dataset, "out": self.out, "report": self.report, "preview": self.preview}
        named = {name: None if place is None else str(place) for name, place in places.items()}
        return json.dumps({**named, "recipe": json.loads(self.recipe.to_json())}) + "\n"


def plan_job(dataset: Path, recipe: Recipe, name: str, preview: Path | None) -> Job:
    """Return a training whose model and report get places of their own among those of the user.

    Args:
        dataset: folder with one sub-folder per class.
        recipe: what to train and how.
        name: what the places are called; made fit for a file name, and numbered where there is one of that name. The
            model is called the same where the recipe has no name for it.
        preview: where a PNG with examples goes.
    """
    models, reports = paths.user_models_dir(), paths.user_data_dir() / "reports"
    # On the command line a model goes by the name of its folder: that of the bundled one must stay its own.
    taken = {name.casefold() for name in (paths.BUNDLED_MODEL, *_names(models), *_names(reports))}
    plain = folder_name(name)
    unique, number = plain, 1
    while unique in taken or f"{unique}.html" in taken:
        number += 1
        unique = f"{plain}-{number}"
    if not recipe.name:
        recipe = replace(recipe, name=name if number == 1 else f"{name} {number}")
    return Job(dataset, models / unique, reports / f"{unique}.html", preview, recipe)


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
