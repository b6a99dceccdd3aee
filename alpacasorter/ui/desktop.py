"""What the desktop does for us: opening a photo, showing it in the file manager."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PySide6.QtCore import QByteArray, QUrl
from PySide6.QtGui import QDesktopServices


def file_url(path: Path) -> QUrl:
    """Return the address of a file, also where its name is no text."""
    if sys.platform == "win32":
        return QUrl.fromLocalFile(str(path))
    # Imported here, as subprocess below: the first window need not wait for them.
    from urllib.parse import quote_from_bytes

    return QUrl.fromEncoded(QByteArray(b"file://" + quote_from_bytes(os.fsencode(path)).encode()))


def show_in_file_manager(path: Path) -> None:
    """Show a file in the file manager, selected where that can be had, else its folder."""
    import subprocess

    if sys.platform == "win32":
        subprocess.Popen(["explorer", "/select,", str(path)])  # a fixed program of the system
    elif sys.platform == "darwin":
        subprocess.Popen(["open", "-R", str(path)])
    else:
        QDesktopServices.openUrl(file_url(path.parent))
