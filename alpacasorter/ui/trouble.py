"""What happens with errors nobody foresaw: they go into a log file, and the user gets a plain dialog, once."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import sys
import traceback
from pathlib import Path

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QWidget

from alpacasorter.ui.crash_dialog import CrashDialog
from alpacasorter.workers.unexpected import Unexpected

_log = logging.getLogger(__name__)

LOG_NAME = "alpacasorter.log"
CRASH_LOG_NAME = "crash.log"
_LOG_BYTES = 500_000
_LOGS_KEPT = 3
_CRASH_LOG_BYTES = 200_000
_SERIOUS = (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)


def log_into(folder: Path) -> None:
    """Write warnings and errors into a file that never grows large; into nothing where the folder can't be written."""
    # Imported here: it brings socket and queue along, which no first window needs.
    from logging.handlers import RotatingFileHandler

    handler: logging.Handler
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Opened with the first line that is written: most runs leave no log at all. Names of files may be no text.
        handler = RotatingFileHandler(
            folder / LOG_NAME,
            maxBytes=_LOG_BYTES,
            backupCount=_LOGS_KEPT,
            encoding="utf-8",
            errors="backslashreplace",
            delay=True,
        )
        handler.rotator = _rotate
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.addHandler(handler)


def _rotate(source: str, target: str) -> None:
    # Windows renames no file that another window has open. Then it grows on until one can.
    with contextlib.suppress(OSError):
        Path(source).replace(target)


def note_crashes(folder: Path) -> None:
    """Have Python write where it was when the process crashes into a file, from now until the process ends.

    Where the folder can't be written it goes to standard error, if there is one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / CRASH_LOG_NAME
        if path.exists() and path.stat().st_size > _CRASH_LOG_BYTES:
            _rotate(str(path), f"{path}.1")
        # Never closed: it is written to while the process breaks down. Appended to, so that two windows can share it.
        faulthandler.enable(path.open("a", encoding="utf-8"))
    except OSError:
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            faulthandler.enable()


def log_messages_of_qt() -> None:
    """Write what Qt says before it ends the process into the log too; a windowed program has nowhere else to say it."""

    def handler(kind: QtMsgType, _context: QMessageLogContext, words: str | None) -> None:
        if kind in _SERIOUS:
            _log.error("Qt: %s", words)
        if sys.stderr is not None:
            sys.stderr.write(f"{words}\n")

    qInstallMessageHandler(handler)


class Trouble(QObject):
    """Shows a dialog for the first error that nothing has caught; further ones only go into the log.

    The app goes on after it: corrections are on the disk already, and the sort that runs is on a lane of its own.

    Attributes:
        dialog: the dialog, once there was an error.
    """

    def __init__(self, window: QWidget, folder: Path) -> None:
        """Prepare; `listen()` begins.

        Args:
            window: in front of which the dialog is shown.
            folder: of the log.
        """
        super().__init__(window)
        self.dialog: CrashDialog | None = None
        self._window = window
        self._folder = folder
        self._told = False
        self._unexpected = Unexpected(self)
        # Queued: the error may have come while something is painted; no dialog must be shown in the midst of that.
        self._unexpected.happened.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def listen(self) -> None:
        """Hear of all errors from now on."""
        self._unexpected.listen()

    def close(self) -> None:
        """Hear of no more."""
        self._unexpected.close()

    def _show(self, details: str) -> None:
        if self._told:
            return
        self._told = True
        # A dialog that waits for an answer lets no other window be clicked but its own.
        front = QApplication.activeModalWidget() or self._window
        self.dialog = CrashDialog(details, self._folder, front)
        self.dialog.show()


def tell_start_failed(error: Exception, folder: Path) -> None:
    """Tell the user that there is no window, and why; blocks until they close the dialog."""
    CrashDialog("".join(traceback.format_exception(error)), folder, starting=True).exec()
