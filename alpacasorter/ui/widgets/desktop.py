"""Services of the desktop: addresses of files, opening them in other programs, showing them in the file manager."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QCoreApplication, QObject, QProcess, QUrl
from PySide6.QtGui import QDesktopServices
from shiboken6 import isValid

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.wording import text

Failed = Callable[[str], object]
"""Tells the user a sentence: that no other program could be started."""


def file_url(path: Path) -> QUrl:
    """Return the URL of a file, even if its name is not valid Unicode."""
    if sys.platform == "win32":
        return QUrl.fromLocalFile(str(path))
    # Imported here, like subprocess below, because the first window doesn't need it.
    from urllib.parse import quote_from_bytes

    return QUrl.fromEncoded(QByteArray(b"file://" + quote_from_bytes(os.fsencode(path)).encode()))


def open_file(path: Path, owner: QObject, failed: Failed) -> None:
    """Open a file in its default program; `failed` and `owner`: see `show_folder`."""
    if not QDesktopServices.openUrl(file_url(path)):
        words = _("This system has no program that opens {file}.")
        _tell(owner, failed, words.format(file=display_path(path.name)))


def open_web_page(address: QUrl, owner: QObject, failed: Failed) -> None:
    """Open a web page in the browser; `failed` and `owner`: see `show_folder`."""
    if not QDesktopServices.openUrl(address):
        words = _("The browser could not be opened. The address is {address}.")
        _tell(owner, failed, words.format(address=address.toDisplayString()))


def show_folder(folder: Path, owner: QObject, failed: Failed) -> None:
    """Show the contents of a folder in the file manager.

    Args:
        folder: the folder.
        owner: who asks; it is told nothing once it is deleted.
        failed: called with a sentence for the user if that is not possible, perhaps only later.
    """
    _show("ShowFolders", folder, folder, owner, failed)


def show_in_file_manager(path: Path, owner: QObject, failed: Failed) -> None:
    """Show a file in the file manager, selected if possible; otherwise its folder. `failed`: see `show_folder`."""
    import subprocess

    try:
        if sys.platform == "win32":
            subprocess.Popen(["explorer", "/select,", str(path)])  # a fixed program of Windows
        elif sys.platform == "darwin":
            subprocess.Popen(["open", "-R", str(path)])
        else:
            _show("ShowItems", path, path.parent, owner, failed)
    except OSError:
        _open_folder(path.parent, owner, failed)


def _show(method: str, path: Path, folder: Path, owner: QObject, failed: Failed) -> None:
    """Ask the file manager on Linux over the session bus; if that fails, open the folder in the default program.

    The default program for folders may be this one, if there is no other.
    """
    if not _has_session_bus():
        _open_folder(folder, owner, failed)
        return
    process = QProcess(QCoreApplication.instance())

    def ended(unsuccessful: bool) -> None:
        process.deleteLater()
        if unsuccessful:
            _open_folder(folder, owner, failed)

    process.finished.connect(lambda code, _status: ended(code != 0))
    process.errorOccurred.connect(lambda error: ended(True) if error is QProcess.ProcessError.FailedToStart else None)
    # The URL contains no comma, because commas are encoded; thus the list has one item.
    address = bytes(file_url(path).toEncoded().data()).decode("ascii")
    call = ["--session", "--print-reply", "--dest=org.freedesktop.FileManager1", "/org/freedesktop/FileManager1"]
    process.start("dbus-send", [*call, f"org.freedesktop.FileManager1.{method}", f"array:string:{address}", "string:"])


def _open_folder(folder: Path, owner: QObject, failed: Failed) -> None:
    if not QDesktopServices.openUrl(file_url(folder)):
        words = _("The file manager could not be opened. The folder is {folder}.")
        _tell(owner, failed, words.format(folder=text.folder(folder)))


def _tell(owner: QObject, failed: Failed, sentence: str) -> None:
    if isValid(owner):
        failed(sentence)


def _has_session_bus() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    run_time = os.environ.get("XDG_RUNTIME_DIR", "")
    return bool(run_time) and Path(run_time, "bus").is_socket()


def local_path(url: QUrl) -> Path | None:
    """Return the file of a URL, even if its name is not valid Unicode; None if it is on no disk of this computer."""
    if not url.isLocalFile():
        return None
    if sys.platform == "win32" or url.host():
        return Path(os.path.normpath(url.toLocalFile()))
    from urllib.parse import unquote_to_bytes

    return Path(os.path.normpath(os.fsdecode(unquote_to_bytes(bytes(url.path(_ENCODED).encode())))))


_ENCODED = QUrl.ComponentFormattingOption.FullyEncoded


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
