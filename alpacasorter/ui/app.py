"""Starts the window.

Order matters: what the first window needs is imported and shown first; the engine with NumPy, LiteRT and the library
is opened in the background once the event loop runs, and later starts are listened for after that.

Folders and photos that macOS hands to the running program: dropped on its icon, or opened with it.
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
from alpacasorter.ui.help.crash import CrashLog, Trouble, log_into, log_messages_of_qt, tell_start_failed
from alpacasorter.ui.language import use_language
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.desktop import leave_no_traces_of_package
from alpacasorter.ui.widgets.theme import Theme, app_icon
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.instance import InstanceListener, InstanceLock

_log = logging.getLogger(__name__)

_DESKTOP_FILE = "org.alpacasorter.AlpacaSorter"
"""The desktop entry's name, by which a desktop finds the icon and groups the windows."""

_LISTEN_MS = 50
"""By then the window is painted; importing Qt's network library must not hold that up."""

_LATER_MS = 200


def build_window(
    application: QApplication, settings: Settings, device: Literal["auto", "cpu", "gpu"] | None = None
) -> MainWindow:
    """Return the main window, shown by whoever calls; its engine starts when the event loop runs.

    Args:
        application: the application.
        settings: what the user has set.
        device: overrides the device that is set.
    """
    theme = Theme(application, settings.scheme)
    places = Places(paths.named_model(), paths.user_data_dir(), paths.user_cache_dir())
    engine = Engine(places, device or settings.device)
    window = MainWindow(engine, settings, theme)
    engine.setParent(window)
    # After the first paint, so that importing the engine does not hold it up.
    QTimer.singleShot(0, window, engine.start)
    return window


def run(
    folder: Path | None,
    device: Literal["auto", "cpu", "gpu"] | None = None,
    *,
    photos: Sequence[str] = (),
    lock: InstanceLock | None = None,
) -> int:
    """Show the window until the user closes it; return the exit code.

    Args:
        folder: opened at once where given.
        device: overrides the device that is set, for this run.
        photos: names of those in the folder that are selected.
        lock: if it is held, later starts find this window; it is released at the end.
    """
    logs = paths.user_log_dir()
    log_into(logs)
    crashes = CrashLog(logs)
    log_messages_of_qt()
    application = QApplication(sys.argv[:1])
    leave_no_traces_of_package()
    application.setApplicationName("AlpacaSorter")
    application.setApplicationVersion(alpacasorter.__version__)
    application.setDesktopFileName(_DESKTOP_FILE)
    application.setWindowIcon(app_icon())
    settings = Settings()
    use_language(application, settings.language)
    try:
        window = build_window(application, settings, device)
    except Exception as error:  # noqa: BLE001  # whatever it is, the user is told, and not left with nothing
        _log.exception("The window could not be made")
        tell_start_failed(error, logs)
        return 1
    trouble = Trouble(window, logs)
    trouble.listen()
    if sys.platform == "darwin":
        # Only there, for a filter in Python holds up each event a little.

        application.installEventFilter(FileOpenFilter(lambda asked: take_over(window, asked), window))
    window.show()
    if folder is not None:
        QTimer.singleShot(0, window, lambda: window.open_folder(folder, photos))
    instance = None
    if lock is not None and lock.held:
        instance = InstanceListener(lock.name, partial(take_over, window), window)
        QTimer.singleShot(_LISTEN_MS, instance, instance.listen)
    code = application.exec()
    if instance is not None:
        instance.close()
    if lock is not None:
        # Before the engine ends, which may take a moment: the next start has a window of its own.
        lock.release()
    # Where closing the window failed on its way, its threads would go on, and a sort with them.
    window.engine.shutdown()
    trouble.close()
    crashes.close()
    return code


def take_over(window: MainWindow, folder: Path | None, photos: Sequence[str] = (), token: str = "") -> None:
    """Come to the front for a later start, and open its folder.

    Args:
        window: the window.
        folder: what to open, or None.
        photos: names of those in it that are selected.
        token: by which the desktop lets it come to the front; "" for none.

    While a dialog waits for an answer no folder is opened, for what it asks is about the one that is open; it is opened
    when no dialog is left. Of several the last counts.
    """
    waiting = QApplication.activeModalWidget()
    if token and sys.platform.startswith("linux"):
        # Qt takes it from there when it activates a window, and only once.
        os.environ["XDG_ACTIVATION_TOKEN"] = token
    for shown in (window, waiting):
        if shown is not None:
            shown.setWindowState((shown.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
            shown.show()
            shown.raise_()
            shown.activateWindow()
    if folder is not None:
        if waiting is None:
            window.open_folder(folder, photos)
        else:
            _Later.of(window).open(folder, photos)


class _Later(QObject):
    """Opens a folder once no dialog waits any more. There is one for a window."""

    @classmethod
    def of(cls, window: MainWindow) -> _Later:
        """Return that of a window."""
        return window.findChild(cls) or cls(window)

    def __init__(self, window: MainWindow) -> None:
        """Prepare."""
        super().__init__(window)
        self._window = window
        self._folder: Path | None = None
        self._photos: Sequence[str] = ()
        self._timer = QTimer(self)
        self._timer.setInterval(_LATER_MS)
        self._timer.timeout.connect(self._try)

    def open(self, folder: Path, photos: Sequence[str]) -> None:
        """Open a folder and select photos in it, in place of one that has waited."""
        self._folder, self._photos = folder, photos
        self._timer.start()

    def _try(self) -> None:
        if QApplication.activeModalWidget() is None and self._folder is not None:
            self._timer.stop()
            self._window.open_folder(self._folder, self._photos)


class FileOpenFilter(QObject):
    """Watches the events of the application, and says which folder is asked for."""

    def __init__(self, asked: Callable[[Path], object], parent: QObject) -> None:
        """Install with `application.installEventFilter`.

        Args:
            asked: called with the folder, or with the folder that holds the photo, once for all photos opened together.
            parent: owns this object.
        """
        super().__init__(parent)
        self._asked = asked
        self._folder: Path | None = None
        # Each photo of a selection comes as an event of its own.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tell)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take what is to be opened, and leave all else alone."""
        if not isinstance(event, QFileOpenEvent):
            return super().eventFilter(watched, event)
        if event.url().isLocalFile():
            path = Path(os.path.normpath(event.url().toLocalFile()))
            self._folder = path if path.is_dir() else path.parent
            self._timer.start()
        return True

    def _tell(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            self._asked(folder)
