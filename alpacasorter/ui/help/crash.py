"""What happens with errors nobody foresaw: they go into a log file, and the user gets a plain dialog, once.

The dialog for an error nobody foresaw: what was not lost, and the details for whoever can mend it.
"""

from __future__ import annotations

import contextlib
import datetime
import faulthandler
import logging
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import IO

from PySide6.QtCore import QMessageLogContext, QObject, QSize, Qt, QtMsgType, qInstallMessageHandler, qVersion
from PySide6.QtGui import QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

import alpacasorter
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.theme import icon
from alpacasorter.workers.lane import UncaughtErrors

_log = logging.getLogger(__name__)

LOG_NAME = "alpacasorter.log"
CRASH_LOG_NAME = "crash.log"
_LOG_BYTES = 500_000
_LOGS_KEPT = 3
_CRASH_LOG_BYTES = 200_000
_MOST_TOLD = 5
"""Dialogs of one session: whoever has seen that many knows."""
_SERIOUS = (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)


def log_into(folder: Path) -> None:
    """Write warnings and errors into a file that never grows large; into nothing where the folder can't be written."""
    # Imported here: it brings socket and queue along, which no first window needs.
    from logging.handlers import RotatingFileHandler

    class Turning(RotatingFileHandler):
        """Turns no file that can't be renamed, as on Windows where another window has it open: it grows until it can.

        Else the older ones would be moved on with each line, and off the end.
        """

        def doRollover(self) -> None:  # the name is that of the library
            if self.stream is not None:
                self.stream.close()
                self.stream = None  # as the library does; the next line opens it again
            source, aside = Path(self.baseFilename), Path(f"{self.baseFilename}.turned")
            try:
                source.replace(aside)
                aside.replace(source)
            except OSError:
                return
            super().doRollover()

    handler: logging.Handler
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Opened with the first line that is written: most runs leave no log at all. Names of files may be no text.
        handler = Turning(
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
    with contextlib.suppress(OSError):
        Path(source).replace(target)


class CrashLog:
    """The file in which Python says where it was when the process crashes, from now until `close()`."""

    def __init__(self, folder: Path) -> None:
        """Open it. Where the folder can't be written it goes to standard error, if there is one."""
        self._path = folder / CRASH_LOG_NAME
        self._file: IO[str] | None = None
        self._before = self._begun = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and self._path.stat().st_size > _CRASH_LOG_BYTES:
                _rotate(str(self._path), f"{self._path}.1")
            # Open to the end: it is written to while the process breaks down. Appended to, for windows share it.
            self._file = self._path.open("a", encoding="utf-8")
            self._before = self._file.tell()
            self._file.write(f"AlpacaSorter {alpacasorter.__version__}, started {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            self._file.flush()
            self._begun = self._file.tell()
            faulthandler.enable(self._file)
        except OSError:
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                faulthandler.enable()

    def close(self) -> None:
        """Take the line about the start away again where nothing followed it. Closing twice is fine."""
        file, self._file = self._file, None
        if file is None:
            return
        faulthandler.disable()
        with contextlib.suppress(OSError), file:
            if self._path.stat().st_size == self._begun:
                file.truncate(self._before)
                empty = self._before == 0
            else:
                empty = False
        if empty:
            with contextlib.suppress(OSError):
                self._path.unlink()


def log_messages_of_qt() -> None:
    """Write what Qt says before it ends the process into the log too; a windowed program has nowhere else to say it."""

    def handler(kind: QtMsgType, _context: QMessageLogContext, words: str | None) -> None:
        if kind in _SERIOUS:
            _log.error("Qt: %s", words)
        if sys.stderr is not None:
            sys.stderr.write(f"{words}\n")

    qInstallMessageHandler(handler)


class Trouble(QObject):
    """Shows a dialog for an error that nothing has caught, one at a time, and each but once; all go into the log.

    The app goes on after it: corrections are on the disk already, and the sort that runs is on a lane of its own.

    Attributes:
        dialog: the latest dialog, once there was an error.
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
        self._told: set[str] = set()
        self._errors = UncaughtErrors(self)
        # Queued: the error may have come while something is painted; no dialog must be shown in the midst of that.
        self._errors.happened.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def listen(self) -> None:
        """Hear of all errors from now on."""
        self._errors.listen()

    def close(self) -> None:
        """Hear of no more."""
        self._errors.close()

    def _show(self, details: str) -> None:
        if details in self._told or (self.dialog is not None and self.dialog.isVisible()):
            return
        if len(self._told) < _MOST_TOLD:
            self._told.add(details)
            # Of the window's, so that it stays when another dialog ends; yet no other one can be used before it.
            self.dialog = CrashDialog(details, self._folder, self._window)
            self.dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
            self.dialog.show()
            self.dialog.activateWindow()


def tell_start_failed(error: Exception, folder: Path) -> None:
    """Tell the user that there is no window, and why; blocks until they close the dialog."""
    CrashDialog("".join(traceback.format_exception(error)), folder, starting=True).exec()


_ICON_SIDE = 48
_WIDTH = 420
_HEAD = "Something went wrong"
_HEADS = ("Something went wrong that nobody foresaw", "AlpacaSorter could not open its window")
_NOT_LOST = """<p>Nothing of yours is lost: no photo was changed, each correction was saved when you made it, and a
sort that is broken off can be finished or rolled back.</p>"""
_GO_ON = "<p>You can go on. Should the window behave oddly, close it and start AlpacaSorter again.</p>"
_DETAILS = """<p>If you report this, please send the details along. They say where in the program it happened, and may
name folders and photos.</p>"""


class CrashDialog(QDialog):
    """Tells of one error.

    Attributes:
        details: what *Copy details* copies.
        copy, show_log: the buttons.
    """

    def __init__(self, trace: str, folder: Path, parent: QWidget | None = None, *, starting: bool = False) -> None:
        """Assemble the dialog.

        Args:
            trace: the traceback, in lines.
            folder: of the log.
            parent: the window it is shown in front of.
            starting: whether there is no window to go on with.
        """
        super().__init__(parent)
        self.details = details(trace)
        self._folder = folder
        self.setWindowTitle(_HEAD)
        self.setModal(True)
        picture = QLabel(self)
        colour = self.palette().color(QPalette.ColorRole.WindowText).name()
        ratio = self.devicePixelRatioF()
        picture.setPixmap(icon("warning", colour).pixmap(QSize(_ICON_SIDE, _ICON_SIDE), ratio))
        head = f"<h3>{_HEADS[starting]}</h3>"
        words = QLabel(head + _NOT_LOST + ("" if starting else _GO_ON) + _DETAILS, self)
        words.setTextFormat(Qt.TextFormat.RichText)
        words.setWordWrap(True)
        words.setMinimumWidth(_WIDTH)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(words, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        # The style's own icon is black, in dark colours too.
        close.setIcon(QIcon())
        close.setDefault(True)
        self.copy = buttons.addButton("Copy details", QDialogButtonBox.ButtonRole.ActionRole)
        self.show_log = buttons.addButton("Show log folder", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(self._copy)
        self.show_log.clicked.connect(self._show_log)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(16)
        layout.addLayout(row)
        layout.addWidget(buttons)
        # Where there is no log, because its folder can't be written, there is nothing to show.
        self.show_log.setEnabled(folder.is_dir())
        close.setFocus()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details)
        self.copy.setText("Copied")

    def _show_log(self) -> None:
        show_folder(self._folder)


def details(trace: str) -> str:
    """Return what to send along with a report: versions, and the traceback without the name of the user's home."""
    home = str(Path.home())
    # A home that is the root would make a mark of each slash.
    shown = trace.replace(home, "~") if len(home) > 1 else trace
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"AlpacaSorter {alpacasorter.__version__}, {now}\n"
        f"{platform.platform()}, Python {platform.python_version()}, Qt {qVersion()}\n\n{shown}"
    )
