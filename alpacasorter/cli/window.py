"""`alpacasorter [FOLDER | PHOTO …]`: opens the window, or says why it can't."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from alpacasorter import paths
from alpacasorter.cli.usage import (
    absolute,
    complain,
    device_option,
    given_path,
    model_option,
    named_folder,
    variant_option,
    version_option,
)
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _

_PACKAGES = "libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libdbus-1-3 libfontconfig1"
_LAUNCHED = ("GIO_LAUNCHED_DESKTOP_FILE", "XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")
"""Variables that Linux desktops set for the programs they start."""
_X11_PORT = 6000
_SECONDS = 2.0


def window_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter` without a command."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter",
        usage="alpacasorter [FOLDER | PHOTO …] [--device auto|cpu|gpu] [--model MODEL] [--variant NAME]\n"
        "                    [--new-window]\n"
        "       alpacasorter --self-test [FILE]\n"
        "       alpacasorter scan|sort|watch|export|import|evaluate|train|export-model|dataset|models …",
        description=_about(),
        epilog=_("exit codes: 0 success, 1 failure, 2 wrong usage or no display, 130 Ctrl+C"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[device_option(default=None), model_option(), variant_option(), version_option()],
    )
    parser.add_argument(
        "given", metavar="FOLDER", nargs="*", type=given_path, help=_("folder to open, or photos in that folder")
    )
    parser.add_argument("--new-window", action="store_true", help=_("open a new window even if one is already open"))
    parser.add_argument(
        "--self-test",
        metavar="FILE",
        nargs="?",
        type=given_path,
        const=True,
        help=_("check in a temporary folder that everything works, print a JSON report, and also write it to FILE"),
    )
    parser.set_defaults(command=run)
    return parser


def _about() -> str:
    commands = {
        "scan FOLDER": _("judge all photos in a folder and print the results"),
        "sort FOLDER": _("sort photos into one folder per label, or undo a sort"),
        "watch FOLDER": _("judge photos as they arrive in a folder"),
        "export FOLDER": _("export results as CSV, JSON or keywords in XMP sidecars"),
        "import FILE": _("import labels from another computer as corrections"),
        "evaluate DATASET": _("test the model on a folder with one subfolder per class"),
        "models": _("list, add, select, share and remove models"),
        "train DATASET": _("train a model on a folder with one subfolder per class"),
        "export-model DIR": _("convert a model for other programs"),
        "dataset download": _("download photos to train a model on"),
    }
    return "\n".join(
        (
            _("Open a folder of photos in the window. If photos are given, open their folder and select them."),
            "",
            _("commands without a window:"),
            *(f"  {f'alpacasorter {command}':<30}  {about}" for command, about in commands.items()),
            "",
            _("Run a command with --help to see its options. To open a folder named like a command, put ./ before it."),
        )
    )


def run(options: argparse.Namespace) -> int:
    """Open the window, or run the self-test; return the exit code."""
    if options.self_test is not None:
        from alpacasorter.cli.self_test.run import run as self_test

        return self_test(None if options.self_test is True else options.self_test, options.variant)
    return _open(options.given, options.device, options.variant, new_window=options.new_window)


def _open(
    given: Sequence[Path], device: Literal["auto", "cpu", "gpu"] | None, variant: str | None, *, new_window: bool
) -> int:
    """Open the window; return the exit code.

    Args:
        given: a folder to open, or photos to select in their folder; a file manager passes all selected files. The
            window shows one folder: that of the first.
        device: overrides the device in the settings for this run.
        variant: name of the model's variant for this run; None for the one that the user has chosen.
        new_window: open a new window even if there is one already.
    """
    folder, photos = None, list[str]()
    if given:
        wanted = _folder_of(given[0])
        folder = named_folder(wanted)
        if folder is None:
            if not _is_from_desktop():
                return 2
            # Standard error is not visible; the window shows the problem.
            folder = absolute(wanted)
        if any(absolute(_folder_of(path)) != folder for path in given[1:]):
            complain(
                _("Only one folder can be opened: {folder}. The others are ignored.").format(
                    folder=display_path(folder)
                )
            )
        photos = [path.name for path in map(absolute, given) if path.parent == folder and path != folder]
    if not has_display():
        complain(_("There is no display for the window. To work without one, see: alpacasorter scan --help"))
        return 2
    try:
        from alpacasorter.workers.instance import InstanceLock, hand_over_or_lock

        lock = InstanceLock(_instance_name(device, variant))
        if new_window:
            lock.acquire()
        elif hand_over_or_lock(lock, folder, photos):
            return 0
        from alpacasorter.ui.app import run as run_window
    except ImportError as error:
        if "PySide6" in str(error) or ".so" in str(error):
            complain(_("The window can't be opened because a system library is missing: {error}").format(error=error))
            # Translators: a command follows.
            complain(
                _("To install it on Debian or Ubuntu: {command}").format(command=f"sudo apt-get install {_PACKAGES}")
            )
            return 1
        raise
    return run_window(folder, device, variant, photos=photos, lock=lock)


def _is_from_desktop() -> bool:
    """Tell whether a file manager or menu started this process, so that standard error is not visible."""
    if getattr(sys.stderr, "name", "") == os.devnull:
        return True
    return not sys.stderr.isatty() and any(os.environ.get(name) for name in _LAUNCHED)


def _folder_of(given: Path) -> Path:
    """Return the folder of a photo; anything else is returned unchanged, and opening it fails with a reason."""
    path = absolute(given)
    try:
        return path.parent if path.is_file() else given
    except OSError:
        return given


def _instance_name(device: str | None, variant: str | None) -> str:
    """Return the name by which windows with the same data, display, model, variant and device find each other."""
    from alpacasorter.workers.instance import server_name

    folders = (paths.user_data_dir(), paths.user_cache_dir())
    screen = (os.environ.get(name, "") for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY"))
    model = paths.named_model()
    named = ("" if model is None else str(model), device or "", *([] if variant is None else [variant]))
    return server_name(*map(os.path.realpath, folders), *screen, *named)


def has_display() -> bool:
    """Tell whether there is a display that answers. Without one, Qt would end the process."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return _wayland_answers() or _x11_answers(os.environ.get("DISPLAY", ""))


def _wayland_answers() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY", "")
    return bool(name) and _connects(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / name))


def _x11_answers(display: str) -> bool:
    host, _colon, number = display.rpartition(":")
    number = number.split(".")[0]
    if not number.isdigit():
        return False
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
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
