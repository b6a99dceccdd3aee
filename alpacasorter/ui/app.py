"""Starts the window.

Order matters: what the first window needs is imported and shown first; the engine with NumPy, LiteRT and the library
is opened in the background once the event loop runs, and later starts are listened for after that.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

import alpacasorter
from alpacasorter import paths
from alpacasorter.core.places import Places
from alpacasorter.ui.file_open import FileOpenFilter
from alpacasorter.ui.icons import app_icon
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.theme import Theme
from alpacasorter.ui.trouble import Trouble, log_into, log_messages_of_qt, note_crashes, tell_start_failed
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.instance import Instance, hand_over

_log = logging.getLogger(__name__)

_DESKTOP_FILE = "org.alpacasorter.AlpacaSorter"
"""The desktop entry's name, by which a desktop finds the icon and groups the windows."""

_LISTEN_MS = 50
"""By then the window is painted; importing Qt's network library must not hold that up."""


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
    instance_name: str | None = None,
    new_window: bool = False,
) -> int:
    """Show the window until the user closes it; return the exit code.

    Args:
        folder: opened at once where given.
        device: overrides the device that is set, for this run.
        instance_name: where later starts find this window (see workers.instance); None for nowhere.
        new_window: whether the window stays where another one is found there by now, as after two starts at once.
    """
    logs = paths.user_log_dir()
    log_into(logs)
    note_crashes(logs)
    log_messages_of_qt()
    application = QApplication(sys.argv[:1])
    application.setApplicationName("AlpacaSorter")
    application.setApplicationVersion(alpacasorter.__version__)
    application.setDesktopFileName(_DESKTOP_FILE)
    application.setWindowIcon(app_icon())
    try:
        window = build_window(application, Settings(), device)
    except Exception as error:  # noqa: BLE001  # whatever it is, the user is told, and not left with nothing
        _log.exception("The window could not be made")
        tell_start_failed(error, logs)
        return 1
    trouble = Trouble(window, logs)
    trouble.listen()
    # A dialog that waits for an answer comes first: then the folder is not opened, and the dialog shows why.
    opened = FileOpenFilter(lambda asked: take_over(window, asked) or take_over(window, None), window)
    application.installEventFilter(opened)
    window.show()
    if folder is not None:
        QTimer.singleShot(0, window, lambda: window.open_folder(folder))
    instance = None
    if instance_name is not None:
        instance = Instance(instance_name, lambda asked: take_over(window, asked), window)
        leave = None if new_window else lambda: hand_over(instance_name, folder)
        QTimer.singleShot(_LISTEN_MS, instance, lambda: _listen_or_leave(instance, window, leave))
    code = application.exec()
    if instance is not None:
        instance.close()
    # Where closing the window failed on its way, its threads would go on, and a sort with them.
    window.engine.shutdown()
    trouble.close()
    return code


def _listen_or_leave(instance: Instance, window: MainWindow, leave: Callable[[], bool] | None) -> None:
    """Hear of later starts; where another window does so already, leave the folder to that one and close."""
    if not instance.listen() and leave is not None and leave():
        window.close()


def take_over(window: MainWindow, folder: Path | None) -> bool:
    """Come to the front for a later start, and open its folder; return whether that is done.

    While a dialog waits for an answer no folder is opened: what it asks is about the one that is open.
    """
    waiting = QApplication.activeModalWidget()
    if folder is not None and waiting is not None:
        return False
    for shown in (window, waiting):
        if shown is not None:
            shown.setWindowState((shown.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
            shown.show()
            shown.raise_()
            shown.activateWindow()
    if folder is not None:
        window.open_folder(folder)
    return True
