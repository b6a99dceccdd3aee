"""What the desktop does for us: opening a photo, showing it in the file manager."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PySide6.QtCore import QByteArray, QCoreApplication, QProcess, QUrl
from PySide6.QtGui import QDesktopServices


def file_url(path: Path) -> QUrl:
    """Return the address of a file, also where its name is no text."""
    if sys.platform == "win32":
        return QUrl.fromLocalFile(str(path))
    # Imported here, as subprocess below: the first window need not wait for them.
    from urllib.parse import quote_from_bytes

    return QUrl.fromEncoded(QByteArray(b"file://" + quote_from_bytes(os.fsencode(path)).encode()))


def show_folder(folder: Path) -> None:
    """Show what is in a folder, in the file manager."""
    _ask_file_manager("ShowFolders", folder, folder)


def show_in_file_manager(path: Path) -> None:
    """Show a file in the file manager, selected where that can be had, else its folder."""
    import subprocess

    if sys.platform == "win32":
        subprocess.Popen(["explorer", "/select,", str(path)])  # a fixed program of the system
    elif sys.platform == "darwin":
        subprocess.Popen(["open", "-R", str(path)])
    else:
        _ask_file_manager("ShowItems", path, path.parent)


def _ask_file_manager(method: str, path: Path, folder: Path) -> None:
    """Have the file manager itself show something, where Linux knows which that is; else whoever opens folders.

    That may be this very program, where no other one is set for folders.
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
    # In an address each comma is written as a number, so that the list has one item.
    address = bytes(file_url(path).toEncoded().data()).decode("ascii")
    to = ["--session", "--print-reply", "--dest=org.freedesktop.FileManager1", "/org/freedesktop/FileManager1"]
    process.start("dbus-send", [*to, f"org.freedesktop.FileManager1.{method}", f"array:string:{address}", "string:"])


def _has_session_bus() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    run_time = os.environ.get("XDG_RUNTIME_DIR", "")
    return bool(run_time) and Path(run_time, "bus").is_socket()


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
