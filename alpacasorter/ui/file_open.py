"""Folders and photos that macOS hands to the running program: dropped on its icon, or opened with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QFileOpenEvent


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
