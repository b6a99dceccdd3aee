"""Starts the window.

The order matters: what the first window needs is imported and shown first. The engine with NumPy, LiteRT and the
library is opened in the background once the event loop runs, and after that the window listens for later starts.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

import alpacasorter
from alpacasorter import paths
from alpacasorter.core.session_paths import Places
from alpacasorter.ui.help.crash import CrashLog, ErrorReporter, log_into, log_qt_messages, tell_start_failed
from alpacasorter.ui.language import use_language
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.desktop import hide_package_from_children
from alpacasorter.ui.widgets.theme import Theme, app_icon
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.instance import InstanceListener, InstanceLock

_log = logging.getLogger(__name__)

_DESKTOP_FILE = "org.alpacasorter.AlpacaSorter"
"""Name of the desktop entry, by which the desktop finds the icon and groups the windows."""

_LISTEN_MS = 50
"""Qt's network library is imported after the first paint, so that it doesn't delay it."""

_RETRY_MS = 200
"""How often a folder that waits for a dialog is tried again."""


def build_window(
    application: QApplication,
    settings: Settings,
    device: Literal["auto", "cpu", "gpu"] | None = None,
    variant: str | None = None,
) -> MainWindow:
    """Return the main window, not shown yet; its engine starts when the event loop runs.

    Args:
        application: the application.
        settings: the user's settings.
        device: overrides the device in the settings.
        variant: name of the model's variant to use; None for the one that the user has chosen.
    """
    theme = Theme(application, settings.scheme)
    places = Places(paths.named_model(), paths.user_data_dir(), paths.user_cache_dir(), variant)
    engine = Engine(places, device or settings.device)
    window = MainWindow(engine, settings, theme)
    engine.setParent(window)
    # After the first paint, so that importing the engine doesn't delay it.
    QTimer.singleShot(0, window, engine.start)
    return window


def run(
    folder: Path | None,
    device: Literal["auto", "cpu", "gpu"] | None = None,
    variant: str | None = None,
    *,
    photos: Sequence[str] = (),
    lock: InstanceLock | None = None,
) -> int:
    """Show the window until the user closes it; return the exit code.

    Args:
        folder: opened at once; None for none.
        device: overrides the device in the settings, for this run.
        variant: name of the model's variant for this run; None for the one that the user has chosen.
        photos: names of photos in the folder to select.
        lock: if it is held, later starts find this window; it is released at the end.
    """
    logs = paths.user_log_dir()
    log_into(logs)
    crashes = CrashLog(logs)
    log_qt_messages()
    application = QApplication(sys.argv[:1])
    hide_package_from_children()
    application.setApplicationName("AlpacaSorter")
    application.setApplicationVersion(alpacasorter.__version__)
    application.setDesktopFileName(_DESKTOP_FILE)
    application.setWindowIcon(app_icon())
    settings = Settings()
    use_language(application, settings.language)
    try:
        window = build_window(application, settings, device, variant)
    except Exception as error:  # noqa: BLE001  # the user is told instead of seeing nothing
        _log.exception("The window could not be made")
        tell_start_failed(error, logs)
        return 1
    errors = ErrorReporter(window, logs)
    errors.listen()
    if sys.platform == "darwin":
        # Only there, because an event filter in Python slows down every event a little.
        application.installEventFilter(FileOpenFilter(partial(bring_up, window), window))
    window.show()
    if folder is not None:
        QTimer.singleShot(0, window, lambda: window.open_folder(folder, photos))
    listener = None
    if lock is not None and lock.held:
        listener = InstanceListener(lock.name, partial(bring_up, window), window)
        QTimer.singleShot(_LISTEN_MS, listener, listener.listen)
    code = application.exec()
    if listener is not None:
        listener.close()
    if lock is not None:
        # Before the engine ends, which may take a moment: the next start opens a window of its own.
        lock.release()
    # If closing the window failed halfway, its threads would go on, and a sort with them.
    window.engine.shutdown()
    errors.close()
    crashes.close()
    return code


def bring_up(window: MainWindow, folder: Path | None, photos: Sequence[str] = (), token: str = "") -> None:
    """Bring the window to the front for a later start, and open its folder.

    While a dialog waits for an answer no folder is opened, because the question is about the open one; it is opened
    when the last dialog is closed. Of several such folders only the last is opened.

    Args:
        window: the window.
        folder: the folder to open, or None.
        photos: names of photos in it to select.
        token: lets the window come to the front on this desktop; empty for none.
    """
    dialog = QApplication.activeModalWidget()
    if token and sys.platform.startswith("linux"):
        # Qt reads it when it next activates a window.
        os.environ["XDG_ACTIVATION_TOKEN"] = token
    for shown in (window, dialog):
        if shown is not None:
            shown.setWindowState((shown.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
            shown.show()
            shown.raise_()
            shown.activateWindow()
    if folder is not None:
        if dialog is None:
            window.open_folder(folder, photos)
        else:
            _WaitingFolder.of(window).open(folder, photos)


class _WaitingFolder(QObject):
    """Opens a folder as soon as no dialog is open. There is one for each window."""

    @classmethod
    def of(cls, window: MainWindow) -> _WaitingFolder:
        return window.findChild(cls) or cls(window)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._folder: Path | None = None
        self._photos: Sequence[str] = ()
        self._timer = QTimer(self)
        self._timer.setInterval(_RETRY_MS)
        self._timer.timeout.connect(self._try)

    def open(self, folder: Path, photos: Sequence[str]) -> None:
        self._folder, self._photos = folder, photos
        self._timer.start()

    def _try(self) -> None:
        if QApplication.activeModalWidget() is None and self._folder is not None:
            self._timer.stop()
            self._window.open_folder(self._folder, self._photos)


class FileOpenFilter(QObject):
    """Receives the folders and photos that macOS asks the app to open: dropped on its icon, or opened with it."""

    def __init__(self, open_folder: Callable[[Path], object], parent: QObject) -> None:
        """Install it with `application.installEventFilter`.

        Args:
            open_folder: called with the folder, or the folder of the photo, once for all photos opened together.
            parent: owner.
        """
        super().__init__(parent)
        self._open_folder = open_folder
        self._folder: Path | None = None
        # Every photo of a selection arrives as an event of its own.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._open)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the requests to open something; leave all other events alone."""
        if not isinstance(event, QFileOpenEvent):
            return super().eventFilter(watched, event)
        if event.url().isLocalFile():
            path = Path(os.path.normpath(event.url().toLocalFile()))
            self._folder = path if path.is_dir() else path.parent
            self._timer.start()
        return True

    def _open(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            self._open_folder(folder)
