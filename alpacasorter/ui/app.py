"""Starts the window.

Order matters: what the first window needs is imported and shown first; the engine with NumPy, LiteRT and the library
is opened in the background once the event loop runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

import alpacasorter
from alpacasorter import paths
from alpacasorter.core.places import Places
from alpacasorter.ui.icons import app_icon
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.theme import Theme
from alpacasorter.ui.trouble import log_into, tell_unexpected
from alpacasorter.workers.engine import Engine


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


def run(folder: Path | None, device: Literal["auto", "cpu", "gpu"] | None = None) -> int:
    """Show the window until the user closes it; return the exit code.

    Args:
        folder: opened at once where given.
        device: overrides the device that is set, for this run.
    """
    application = QApplication(sys.argv[:1])
    application.setApplicationName("AlpacaSorter")
    application.setApplicationVersion(alpacasorter.__version__)
    application.setDesktopFileName("alpacasorter")
    application.setWindowIcon(app_icon())
    window = build_window(application, Settings(), device)
    log_into(paths.user_log_dir())
    tell_unexpected(window.notice.tell)
    window.show()
    if folder is not None:
        QTimer.singleShot(0, window, lambda: window.open_folder(folder))
    return application.exec()
