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


def leave_no_traces_of_package() -> None:
    """Have other programs that are started from here find their own Qt, and not that of the packaged program.

    Called once Qt has started: it has read by then where its plug-ins are.
    """
    package = getattr(sys, "_MEIPASS", None)
    if package is None:
        return
    for name in ("QT_PLUGIN_PATH", "QML2_IMPORT_PATH"):
        if os.environ.get(name, "").startswith(str(package)):
            del os.environ[name]
