"""What every command checks before it starts, and how it complains. Nothing heavy: the window needs it, too.

Standard streams where there are none: a windowed program has none, and whatever writes to None raises.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import alpacasorter
from alpacasorter.core.files import display_path
from alpacasorter.core.reasons import FOLDER_MISSING, NOT_A_FOLDER, for_folder, sentence
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.i18n import _


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, **keywords: object) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=_("print the version and exit"))

    def __call__(self, parser: argparse.ArgumentParser, *_values: object) -> None:
        # Not by parser.exit(), which prints to standard error.
        print(f"alpacasorter {alpacasorter.__version__}")
        parser.exit(0)


def device_option(default: str | None = "auto") -> argparse.ArgumentParser:
    """Return a parent parser with --device."""
    parser, group = _common()
    group.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default=default,
        help=_("processor to use; auto chooses the faster one"),
    )
    return parser


def model_option() -> argparse.ArgumentParser:
    """Return a parent parser with --model."""
    parser, group = _common()
    group.add_argument(
        "--model",
        metavar="MODEL",
        type=given_path,
        help=_(
            "use another model for this run, given by name or folder; to change the model permanently, use"
            " “alpacasorter models use” or set ALPACASORTER_MODEL to a folder"
        ),
    )
    return parser


def quiet_option() -> argparse.ArgumentParser:
    """Return a parent parser with --quiet."""
    parser, group = _common()
    group.add_argument("--quiet", action="store_true", help=_("don't show a progress bar"))
    return parser


def version_option() -> argparse.ArgumentParser:
    """Return a parent parser with --version."""
    parser, group = _common()
    group.add_argument("--version", action=_Version)
    return parser


def _common() -> tuple[argparse.ArgumentParser, argparse._ArgumentGroup]:
    # argparse merges groups of the same title, and shows them below the options of the command itself.
    parser = argparse.ArgumentParser(add_help=False)
    return parser, parser.add_argument_group(_("common options"))


def complain(sentence: str) -> None:
    """Print a sentence on standard error."""
    print(f"alpacasorter: {sentence}", file=sys.stderr)


def given_path(text: str) -> Path:
    """Return a path as an argument gives it.

    Raises:
        argparse.ArgumentTypeError: it is empty, as where a script names a variable that is not set. It must not be
            taken for the folder one happens to be in.
    """
    if not text:
        raise argparse.ArgumentTypeError("it is empty; for the folder you are in, write .")
    return Path(text)


def absolute(path: Path) -> Path:
    """Return a path that the command line names, from the root; there need not be anything."""
    try:
        return plain_absolute(path)
    except RuntimeError:
        # "~name" is nobody's home, but may be the name of a folder.
        return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links


def share(text: str) -> float:
    """Return a number from 0 to 1 that the command line names; for `type` of an argument."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return number


def named_folder(path: Path) -> Path | None:
    """Return a folder that the command line names, from the root; where there is none, complain and return None."""
    folder = absolute(path)
    try:
        if folder.is_dir():
            return folder
        reason = NOT_A_FOLDER if folder.exists() else FOLDER_MISSING
    except OSError as error:
        reason = for_folder(error)
    complain(f"{display_path(folder)} can't be opened. {sentence(reason)}")
    return None


def named_model(given: Path) -> Path:
    """Return the folder of a model that the command line names by its folder, or by its name among the user's models.

    Where there is neither, what was given comes back, for whoever opens it to complain of.
    """
    if len(given.parts) != 1 or given.exists():
        return given
    # Imported here: few runs name a model.
    from alpacasorter import paths
    from alpacasorter.ml.models.store import ModelStore, ModelStoreError

    try:
        return ModelStore(paths.user_data_dir()).find(str(given)).path
    except ModelStoreError:
        return given


_LAST = 2


def open_streams() -> None:
    """Have standard output and error, and their file descriptors, be there: what is missing leads nowhere."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    if os.name == "posix":
        with contextlib.suppress(OSError):
            _open_descriptors()
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _open_descriptors() -> None:
    """Open what of 0, 1 and 2 is closed: else the next file gets the number, and a library's chatter goes into it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        # As those that a process is started with: its own children have them, too.
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
