"""Runs training in a process of its own, for the window.

TensorFlow may take minutes, use all memory, or crash: none of that affects the app. To stop it, the process is asked to
end, and killed if it doesn't.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

import alpacasorter
from alpacasorter import i18n, paths
from alpacasorter.core.files import display_path, folder_name
from alpacasorter.i18n import _
from alpacasorter.training.events import Epoch, Event, Failed, Prepared, Stage, Stopped, Trained, from_line
from alpacasorter.training.recipe import Recipe
from alpacasorter.training.requirements import has_tensorflow

_log = logging.getLogger(__name__)

CHILD_FLAG: Final = "--train-child"
"""First argument of the packaged program when it is started as the training process."""

_GRACE_MS: Final = 15_000
"""Time for a process that was asked to stop, or is done, to end: a batch of a large backbone takes seconds."""
_CLOSE_MS: Final = 3_000
"""The same when the app is closed, which waits for it."""
_KILL_MS: Final = 3_000
_ERRORS_KEPT: Final = 20_000
"""Bytes of standard error that are kept, the last ones: they say why it crashed."""
_KILLED: Final = 9


def training_available() -> bool:
    """Tell whether this installation can train at all, without importing TensorFlow."""
    return has_tensorflow()


def child_command() -> list[str]:
    """Return the command of the training process."""
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_FLAG]
    return [sys.executable, "-m", "alpacasorter.training.child"]


class Trainer(QObject):
    """Runs one training run at a time. All methods are called on the GUI thread; all but `close` return at once.

    Signals:
        started: the process runs.
        stage(Stage), prepared(Prepared), epoch(Epoch): progress, as the process sent it.
        trained(Trained), failed(str), stopped: how it ended; exactly one of them, after the process has ended. The
            argument of `failed` is a code or a sentence. `stopped` also ends a run that only makes a preview.
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
            command: the command of the process, for tests.
            grace_ms: milliseconds after which a process that should end is killed.
            close_ms: the same in `close`.
            parent: the owner.
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
        # There, `-m` finds this package, and not a module in the folder the app was started in.
        self._process.setWorkingDirectory(str(Path(alpacasorter.__file__).resolve().parent.parent))
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
        """Whether a run is in progress."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    def train(self, request: TrainingRequest) -> None:
        """Start a run; `trained`, `failed` or `stopped` follows.

        Raises:
            RuntimeError: one is in progress.
        """
        if self.running:
            raise RuntimeError("A training run is in progress.")
        self._unread = self._errors = b""
        self._outcome = None
        # Without a model, there is no last event.
        self._stopping, self._only_prepares = False, request.out is None
        self._process.setProgram(self._command[0])
        self._process.setArguments(self._command[1:])
        self._process.setProcessEnvironment(_environment())
        self._process.start()
        self._send(request.to_line())

    def finish(self) -> None:
        """Make the model of the best epoch so far; `trained` follows."""
        self._send("finish\n")

    def stop(self) -> None:
        """Stop the run; no model is made, and `stopped` follows."""
        if not self.running or self._stopping:
            return
        self._stopping = True
        self._send("stop\n")
        self._grace.start()

    def close(self, *, at_once: bool = False) -> None:
        """Stop the run and end the process; blocks until it has ended, and no signal follows.

        Args:
            at_once: kill it, instead of giving it time to clean up what it has begun to write.
        """
        if not self.running:
            return
        self.blockSignals(True)
        self._stopping = True
        if not at_once:
            self._send("stop\n")
            self._process.closeWriteChannel()
        if at_once or not self._process.waitForFinished(self._close_ms):
            self._process.kill()
            self._process.waitForFinished(_KILL_MS)
        self._grace.stop()
        self.blockSignals(False)

    def _send(self, line: str) -> None:
        if self.running:
            self._process.write(line.encode())

    def _read(self) -> None:
        *lines, self._unread = (self._unread + self._process.readAllStandardOutput().data()).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", "replace"))

    def _take(self, line: str) -> None:
        event = from_line(line)
        if event is None:
            # Libraries print too.
            _log.debug("The training process printed: %s", line)
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
            _log.error("The training process could not be started: %s", self._process.errorString())
            self.failed.emit(_("Training could not be started: {error}").format(error=self._process.errorString()))

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
            self.failed.emit(_out_of_memory() if out_of_memory else _crashed())

    def _log_errors(self, what: str) -> None:
        _log.error("Training failed. %s\n%s", what, self._errors.decode("utf-8", "replace"))


def _out_of_memory() -> str:
    return _(
        "The system ended the training process, most likely because memory ran out. No model was made. A smaller batch "
        "size or input size needs less memory."
    )


def _crashed() -> str:
    return _(
        "Training ended unexpectedly, and no model was made. Its last messages are in the log in {folder}."
    ).format(folder=display_path(paths.user_log_dir()))


def _environment() -> QProcessEnvironment:
    environment = QProcessEnvironment.systemEnvironment()
    # Events must arrive at once, and file names be read and written as UTF-8, whatever the system's settings.
    environment.insert("PYTHONUNBUFFERED", "1")
    environment.insert("PYTHONUTF8", "1")
    # What the process says and writes, such as the report, is in the language of the window.
    environment.insert(i18n.LANGUAGE_VARIABLE, i18n.language())
    return environment


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What the training process is asked to do.

    Attributes:
        dataset: folder with one subfolder per class.
        out: folder for the bundle, which does not exist yet; None to only make the preview.
        report: where the HTML report goes; None for none.
        preview: where a PNG with examples goes; None for none.
        recipe: the settings.
    """

    dataset: Path
    out: Path | None
    report: Path | None
    preview: Path | None
    recipe: Recipe

    def to_line(self) -> str:
        """Return the line that the process expects, with its line end."""
        places = {"dataset": self.dataset, "out": self.out, "report": self.report, "preview": self.preview}
        named = {name: None if place is None else str(place) for name, place in places.items()}
        return json.dumps({**named, "recipe": json.loads(self.recipe.to_json())}) + "\n"


def new_request(dataset: Path, recipe: Recipe, name: str, preview: Path | None) -> TrainingRequest:
    """Return a request whose model and report get new names among those of the user.

    Args:
        dataset: folder with one subfolder per class.
        recipe: the settings.
        name: of model and report; turned into a file name, and numbered if that exists. The model is called this unless
            the recipe has a name for it.
        preview: where a PNG with examples goes; None for none.
    """
    models, reports = paths.user_models_dir(), paths.user_data_dir() / "reports"
    # On the command line a model is identified by the name of its folder, so that of the bundled one is reserved.
    taken = {name.casefold() for name in (paths.BUNDLED_MODEL, *_names(models), *_names(reports))}
    plain = folder_name(name)
    unique, number = plain, 1
    while unique in taken or f"{unique}.html" in taken:
        number += 1
        unique = f"{plain}-{number}"
    if not recipe.name:
        recipe = replace(recipe, name=name if number == 1 else f"{name} {number}")
    return TrainingRequest(dataset, models / unique, reports / f"{unique}.html", preview, recipe)


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
