"""`alpacasorter [FOLDER | PHOTO …]`: opens the window, or says why it can't."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from alpacasorter import paths
from alpacasorter.cli.usage import absolute, complain, named_folder
from alpacasorter.core.files import display_path

_NO_DISPLAY = (
    "There is no screen to open the window on. "
    "Without one, use: alpacasorter scan FOLDER   (see alpacasorter scan --help)"
)
_NO_LIBRARIES = (
    "The window can't be opened, because a library of the system is missing: {problem}\n"
    "On Debian and Ubuntu this installs it: sudo apt-get install libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 "
    "libdbus-1-3 libfontconfig1"
)
_LAUNCHED = ("GIO_LAUNCHED_DESKTOP_FILE", "XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")
"""Variables that the desktops of Linux give to what they start."""
_X11_PORT = 6000
_SECONDS = 2.0


def run(given: Sequence[Path], device: Literal["auto", "cpu", "gpu"] | None, *, new_window: bool = False) -> int:
    """Open the window; return the exit code.

    Args:
        given: a folder to open at once, or photos, whose folder is opened, and which are selected there; a file
            manager passes all that are selected. The first counts, because the window shows one folder.
        device: overrides the device that is set, for this run.
        new_window: whether to open one even where another start has opened one already.
    """
    folder, photos = None, list[str]()
    if given:
        wanted = _folder_of(given[0])
        folder = named_folder(wanted)
        if folder is None:
            if not _is_from_desktop():
                return 2
            # Nobody reads what was complained of; the window says it.
            folder = absolute(wanted)
        if any(absolute(_folder_of(path)) != folder for path in given[1:]):
            complain(f"The window shows one folder: {display_path(folder)}. The others are left out.")
        photos = [path.name for path in map(absolute, given) if path.parent == folder and path != folder]
    if not has_display():
        complain(_NO_DISPLAY)
        return 2
    try:
        from alpacasorter.workers.instance import InstanceLock, hand_over_or_lock

        lock = InstanceLock(_instance_name(device))
        if new_window:
            lock.acquire()
        elif hand_over_or_lock(lock, folder, photos):
            return 0
        from alpacasorter.ui.app import run as run_window
    except ImportError as error:
        if "PySide6" in str(error) or ".so" in str(error):
            complain(_NO_LIBRARIES.format(problem=error))
            return 1
        raise
    return run_window(folder, device, photos=photos, lock=lock)


def _is_from_desktop() -> bool:
    """Tell whether it was a file manager or menu that started this, so that nobody reads standard error."""
    if getattr(sys.stderr, "name", "") == os.devnull:
        return True
    return not sys.stderr.isatty() and any(os.environ.get(name) for name in _LAUNCHED)


def _folder_of(given: Path) -> Path:
    """Return the folder of a photo; what is no file comes back as it is, for whoever opens it to complain of."""
    path = absolute(given)
    try:
        return path.parent if path.is_file() else given
    except OSError:
        return given


def _instance_name(device: str | None) -> str:
    """Return where a window is found that was started as this one: for these data, on this screen, with this model."""
    from alpacasorter.workers.instance import server_name

    folders = (paths.user_data_dir(), paths.user_cache_dir())
    screen = (os.environ.get(name, "") for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY"))
    model = paths.named_model()
    return server_name(*map(os.path.realpath, folders), *screen, "" if model is None else str(model), device or "")


def has_display() -> bool:
    """Tell whether there is a screen that answers. Qt itself ends the process where there is none."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return _wayland_answers() or _x11_answers(os.environ.get("DISPLAY", ""))


def _wayland_answers() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY", "")
    return bool(name) and _connects(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / name))


def _x11_answers(display: str) -> bool:
    host, _, number = display.rpartition(":")
    number = number.split(".")[0]
    if not number.isdigit():
        return False
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"  # where X11 has its sockets
        return _connects(path) or _connects("\0" + path)
    try:
        with socket.create_connection((host, _X11_PORT + int(number)), _SECONDS):
            return True
    except OSError:
        return False


def _connects(address: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(address)
            return True
    except OSError:
        return False
