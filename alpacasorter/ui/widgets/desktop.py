"""Services of the desktop: addresses of files, showing them in the file manager."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PySide6.QtCore import QByteArray, QCoreApplication, QProcess, QUrl
from PySide6.QtGui import QDesktopServices


def file_url(path: Path) -> QUrl:
    """Return the URL of a file, even if its name is not valid Unicode."""
    if sys.platform == "win32":
        return QUrl.fromLocalFile(str(path))
    # Imported here, like subprocess below, because the first window doesn't need it.
    from urllib.parse import quote_from_bytes

    return QUrl.fromEncoded(QByteArray(b"file://" + quote_from_bytes(os.fsencode(path)).encode()))


def show_folder(folder: Path) -> None:
    """Show the contents of a folder in the file manager."""
    _show("ShowFolders", folder, folder)


def show_in_file_manager(path: Path) -> None:
    """Show a file in the file manager, selected if possible; otherwise its folder."""
    import subprocess

    if sys.platform == "win32":
        subprocess.Popen(["explorer", "/select,", str(path)])  # a fixed program of Windows
    elif sys.platform == "darwin":
        subprocess.Popen(["open", "-R", str(path)])
    else:
        _show("ShowItems", path, path.parent)


def _show(method: str, path: Path, folder: Path) -> None:
    """Ask the file manager on Linux over the session bus; if that fails, open the folder in the default program.

    The default program for folders may be this one, if there is no other.
    """
    if not _has_session_bus():
        QDesktopServices.openUrl(file_url(folder))
        return
    process = QProcess(QCoreApplication.instance())

    def ended(failed: bool) -> None:
        process.deleteLater()
        if failed:
            QDesktopServices.openUrl(file_url(folder))

    process.finished.connect(lambda code, _status: ended(code != 0))
    process.errorOccurred.connect(lambda error: ended(True) if error is QProcess.ProcessError.FailedToStart else None)
    # The URL contains no comma, because commas are encoded; thus the list has one item.
    address = bytes(file_url(path).toEncoded().data()).decode("ascii")
    call = ["--session", "--print-reply", "--dest=org.freedesktop.FileManager1", "/org/freedesktop/FileManager1"]
    process.start("dbus-send", [*call, f"org.freedesktop.FileManager1.{method}", f"array:string:{address}", "string:"])


def _has_session_bus() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    run_time = os.environ.get("XDG_RUNTIME_DIR", "")
    return bool(run_time) and Path(run_time, "bus").is_socket()


def hide_package_from_children() -> None:
    """Let programs started from here find their own Qt instead of that of the packaged program.

    Called after Qt has started, because then it has read where its plugins are.
    """
    package = getattr(sys, "_MEIPASS", None)
    if package is None:
        return
    for name in ("QT_PLUGIN_PATH", "QML2_IMPORT_PATH"):
        if os.environ.get(name, "").startswith(str(package)):
            del os.environ[name]
