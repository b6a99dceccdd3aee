"""Unexpected errors: they are logged to a file, and the user sees a dialog with the details for a report."""

from __future__ import annotations

import contextlib
import datetime
import faulthandler
import logging
import platform
import sys
import time
import traceback
from functools import partial
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import IO

from PySide6.QtCore import QMessageLogContext, QObject, QSize, Qt, QtMsgType, qInstallMessageHandler, qVersion
from PySide6.QtGui import QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

import alpacasorter
from alpacasorter.core.session_paths import keep_private, private_file, private_folder
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialogs import say
from alpacasorter.ui.widgets.theme import icon
from alpacasorter.workers.lane import UncaughtErrors

_log = logging.getLogger(__name__)

LOG_NAME = "alpacasorter.log"
CRASH_LOG_NAME = "crash.log"
_LOG_BYTES = 500_000
_LOGS_KEPT = 3
_CRASH_LOG_BYTES = 200_000
_MOST_SHOWN = 5
"""Dialogs in one session; after that many the user knows."""
_SERIOUS = (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)


def log_into(folder: Path) -> None:
    """Log warnings and errors to files in a folder, limited in size; to nothing if the folder can't be written."""
    # Imported here because it imports socket and queue, which the first window doesn't need.
    from logging.handlers import RotatingFileHandler

    class RenameableFileHandler(RotatingFileHandler):
        """Rotates only if the file can be renamed. On Windows it can't while another window has it open: then it grows.

        Otherwise every line would push the older files on, until the oldest is lost.
        """

        def _open(self) -> TextIOWrapper:
            return TextIOWrapper(
                FileIO(self.baseFilename, self.mode, opener=private_file),
                encoding=self.encoding,
                errors=self.errors,
                write_through=True,
            )

        def doRollover(self) -> None:  # the library's name for it
            if self.stream is not None:
                self.stream.close()
                self.stream = None  # as in the library; the next line opens the file again
            source, aside = Path(self.baseFilename), Path(f"{self.baseFilename}.turned")
            try:
                source.replace(aside)
                aside.replace(source)
            except OSError:
                return
            super().doRollover()

    handler: logging.Handler
    try:
        private_folder(folder)
        keep_private(folder)
        # Opened when the first line is written: most runs leave no log. File names may not be valid Unicode.
        handler = RenameableFileHandler(
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
    """The file to which Python writes where it was if the process crashes, from now until `close()`."""

    def __init__(self, folder: Path) -> None:
        """Open the file. If the folder can't be written, standard error takes its place."""
        self._path = folder / CRASH_LOG_NAME
        self._file: IO[str] | None = None
        self._before = self._begun = 0
        try:
            private_folder(folder)
            if self._path.exists() and self._path.stat().st_size > _CRASH_LOG_BYTES:
                _rotate(str(self._path), f"{self._path}.1")
            # It stays open, because it is written during the crash. Windows of several processes append to it.
            self._file = open(  # noqa: SIM115  # pathlib has no opener
                self._path, "a", encoding="utf-8", opener=private_file
            )
            self._before = self._file.tell()
            self._file.write(f"AlpacaSorter {alpacasorter.__version__}, started {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            self._file.flush()
            self._begun = self._file.tell()
            faulthandler.enable(self._file)
        except OSError:
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                faulthandler.enable()

    def close(self) -> None:
        """Remove the line about the start if nothing follows it. Closing twice is fine."""
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


def log_qt_messages() -> None:
    """Log critical messages of Qt too; they come before it aborts, and a windowed program has no standard error."""

    def handler(kind: QtMsgType, _context: QMessageLogContext, words: str | None) -> None:
        if kind in _SERIOUS:
            _log.error("Qt: %s", words)
        if sys.stderr is not None:
            sys.stderr.write(f"{words}\n")

    qInstallMessageHandler(handler)


class ErrorReporter(QObject):
    """Shows a dialog for errors that nothing has caught: one dialog at a time, and each error once. All are logged.

    The app continues afterwards: corrections are on disk already, and a running sort is on a lane of its own.

    Attributes:
        dialog: the latest dialog; None if there was no error.
    """

    def __init__(self, window: QWidget, folder: Path) -> None:
        """Prepare; `listen()` begins.

        Args:
            window: the parent of the dialog.
            folder: the folder of the log.
        """
        super().__init__(window)
        self.dialog: CrashDialog | None = None
        self._window = window
        self._folder = folder
        self._shown: set[str] = set()
        self._errors = UncaughtErrors(self)
        # Queued, because no dialog may be shown in the middle of painting, where the error may have happened.
        self._errors.happened.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def listen(self) -> None:
        """Report all errors from now on."""
        self._errors.listen()

    def close(self) -> None:
        """Stop reporting."""
        self._errors.close()

    def _show(self, details: str) -> None:
        if details in self._shown or (self.dialog is not None and self.dialog.isVisible()):
            return
        if len(self._shown) < _MOST_SHOWN:
            self._shown.add(details)
            # A child of the window, so that it stays when another dialog closes, yet modal to all of them.
            self.dialog = CrashDialog(details, self._folder, self._window)
            self.dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
            self.dialog.show()
            self.dialog.activateWindow()


def tell_start_failed(error: Exception, folder: Path) -> None:
    """Show why the window could not be opened; blocks until the user closes the dialog."""
    CrashDialog("".join(traceback.format_exception(error)), folder, starting=True).exec()


_ICON_SIDE = 48
_WIDTH = 420


class CrashDialog(QDialog):
    """Shows one unexpected error: what is not lost, and the details for a report.

    Attributes:
        details: what "Copy details" copies.
        copy, show_log: the buttons.
    """

    def __init__(self, trace: str, folder: Path, parent: QWidget | None = None, *, starting: bool = False) -> None:
        """Assemble the dialog.

        Args:
            trace: the traceback.
            folder: the folder of the log.
            parent: the window.
            starting: whether the window could not be opened.
        """
        super().__init__(parent)
        self.details = details(trace)
        self._folder = folder
        self.setWindowTitle(_("Unexpected error"))
        self.setModal(True)
        picture = QLabel(self)
        color = self.palette().color(QPalette.ColorRole.WindowText).name()
        ratio = self.devicePixelRatioF()
        picture.setPixmap(icon("warning", color).pixmap(QSize(_ICON_SIDE, _ICON_SIDE), ratio))
        words = QLabel(_explanation(starting=starting), self)
        words.setTextFormat(Qt.TextFormat.RichText)
        words.setWordWrap(True)
        words.setMinimumWidth(_WIDTH)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(words, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        # The icon of the style is black, even on a dark background.
        close.setIcon(QIcon())
        close.setDefault(True)
        self.copy = buttons.addButton(_("Copy details"), QDialogButtonBox.ButtonRole.ActionRole)
        self.show_log = buttons.addButton(_("Show log folder"), QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(self._copy)
        self.show_log.clicked.connect(self._show_log)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(16)
        layout.addLayout(row)
        layout.addWidget(buttons)
        # Without a folder there is no log to show.
        self.show_log.setEnabled(folder.is_dir())
        close.setFocus()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details)
        self.copy.setText(_("Copied"))

    def _show_log(self) -> None:
        show_folder(self._folder, self, partial(say, self))


def _explanation(*, starting: bool) -> str:
    """Return what the dialog says, as HTML."""
    head = _("AlpacaSorter could not open its window") if starting else _("Unexpected error")
    paragraphs = [
        _(
            "Nothing is lost: no photo was changed, every correction was saved when you made it, and a sort that was "
            "interrupted can be resumed or undone."
        )
    ]
    if not starting:
        paragraphs.append(_("You can continue. If the window behaves oddly, close it and restart AlpacaSorter."))
    paragraphs.append(
        _(
            "If you report this, please include the details. They say where in the program it happened, and may "
            "contain names of folders and photos."
        )
    )
    return f"<h3>{head}</h3>" + "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def details(trace: str) -> str:
    """Return the details for a report, in English: versions, and the traceback without the path of the user's home."""
    home = str(Path.home())
    # If the home were the root, every slash would be replaced.
    shown = trace.replace(home, "~") if len(home) > 1 else trace
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"AlpacaSorter {alpacasorter.__version__}, {now}\n"
        f"{platform.platform()}, Python {platform.python_version()}, Qt {qVersion()}\n\n{shown}"
    )
