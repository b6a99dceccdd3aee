"""Checks and options that all commands share, and how they complain. Imports nothing heavy: the window needs it too."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import alpacasorter
from alpacasorter.core.files import display_path
from alpacasorter.core.os_errors import for_folder
from alpacasorter.core.photos.exclusion import Exclusion, PatternError, check, check_root
from alpacasorter.core.reasons import FOLDER_MISSING, NOT_A_FOLDER, sentence
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.i18n import N_, _, ngettext

# Options


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_keywords: object) -> None:
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
            "name or folder of the model to use for this run; to change it for every run, use"
            " “alpacasorter models use” or set ALPACASORTER_MODEL to a folder"
        ),
    )
    return parser


def variant_option() -> argparse.ArgumentParser:
    """Return a parent parser with --variant."""
    parser, group = _common()
    group.add_argument(
        "--variant",
        metavar="NAME",
        help=_(
            "variant of the model to use for this run, if it has any; “alpacasorter models” lists them, and"
            " “alpacasorter models use” changes it for every run"
        ),
    )
    return parser


def quiet_option() -> argparse.ArgumentParser:
    """Return a parent parser with --quiet."""
    parser, group = _common()
    group.add_argument("--quiet", action="store_true", help=_("don't show progress"))
    return parser


def exclusion_options() -> argparse.ArgumentParser:
    """Return a parent parser with --exclude and --nomedia; `exclusion` reads them."""
    parser, group = _common()
    group.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        type=_pattern,
        default=argparse.SUPPRESS,
        help=_(
            "leave out files and folders with this name, or path inside the folder, such as *.png, raw/ or 2019/**;"
            " can be repeated"
        ),
    )
    group.add_argument(
        "--nomedia",
        action=argparse.BooleanOptionalAction,
        default=argparse.SUPPRESS,
        help=_("skip folders that contain a .nomedia file (the default), or don't"),
    )
    return parser


def exclusion(given: Mapping[str, object]) -> Exclusion:
    """Return what the options say is left out."""
    patterns = given.get("exclude")
    return Exclusion(tuple(patterns) if isinstance(patterns, list) else (), bool(given.get("nomedia", True)))


def leaves_out_inside(given: Mapping[str, object], folder: Path) -> bool:
    """Return whether the options leave out only what is inside a folder, which is absolute; else complain."""
    try:
        check_root(exclusion(given), str(folder))
    except PatternError as error:
        complain(str(error))
        return False
    return True


def _pattern(text: str) -> str:
    try:
        return check((text,))[0]
    except PatternError as error:
        # It is no literal: argparse would replace what looks like a field.
        raise argparse.ArgumentTypeError(str(error)) from error


def version_option() -> argparse.ArgumentParser:
    """Return a parent parser with --version."""
    parser, group = _common()
    group.add_argument("--version", action=_Version)
    return parser


def _common() -> tuple[argparse.ArgumentParser, argparse._ArgumentGroup]:
    # argparse merges groups with the same title, and lists them below the options of the command itself.
    parser = argparse.ArgumentParser(add_help=False)
    return parser, parser.add_argument_group(_("common options"))


def exit_codes() -> str:
    """Return the exit codes of most commands, for the end of their help."""
    return _("exit codes: 0 success (even if some photos are unreadable), 1 failure, 2 wrong usage, 130 Ctrl+C")


# Values of arguments


def given_path(text: str) -> Path:
    """Return the path in an argument.

    Raises:
        argparse.ArgumentTypeError: it is empty, for example because a script uses a variable that is not set. It must
            not be taken for the current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError(_("the path is empty; use . for the current folder"))
    return Path(text)


def share(text: str) -> float:
    """Return the number from 0 to 1 in an argument.

    Raises:
        argparse.ArgumentTypeError: it is anything else.
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(_("{text} is not a number from 0 to 1").format(text=repr(text)))
    return number


def absolute(path: Path) -> Path:
    """Return a path from the command line as an absolute one; it need not exist."""
    try:
        return plain_absolute(path)
    except RuntimeError:
        # There is no user "name", but "~name" may be the name of a folder.
        return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links


def named_folder(path: Path) -> Path | None:
    """Return a folder from the command line as an absolute path; complain and return None if there is none."""
    folder = absolute(path)
    try:
        if folder.is_dir():
            return folder
        reason = NOT_A_FOLDER if folder.exists() else FOLDER_MISSING
    except OSError as error:
        reason = for_folder(error)
    complain(folder_unavailable(folder, reason))
    return None


def named_model(given: Path) -> Path | None:
    """Return the folder of a model that is given by folder, or by name among the user's models.

    A path is returned unchanged; if there is no such folder, opening it fails with a reason. None for a name that is
    neither.
    """
    if len(given.parts) != 1 or given.exists():
        return given
    # Imported here: --model is rarely used.
    from alpacasorter import paths
    from alpacasorter.ml.models.store import ModelStore, ModelStoreError

    try:
        return ModelStore(paths.user_data_dir()).find(str(given)).path
    except ModelStoreError:
        return None


# Messages


def complain(sentence: str) -> None:
    """Print a sentence to standard error, without what a terminal would obey."""
    lines = "\n".join(map(display_path, sentence.split("\n")))
    print(f"alpacasorter: {lines}", file=sys.stderr)


def folder_unavailable(folder: Path, reason: str) -> str:
    """Return why a folder can't be opened, as sentences for the user."""
    said = _("{folder} can't be opened.").format(folder=display_path(folder))
    return f"{said} {sentence(reason)}"


ARGPARSE_MESSAGES: Final = (
    N_("usage: "),
    N_("positional arguments"),
    N_("options"),
    N_("subcommands"),
    N_("%(heading)s:"),
    N_("show this help message and exit"),
    N_("show program's version number and exit"),
    N_(" (default: %(default)s)"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("%(prog)s: warning: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("unknown parser %(parser_name)r (choices: %(choices)s)"),
    N_("can't open '%(filename)s': %(error)s"),
    N_("unrecognized arguments: %s"),
    N_("not allowed with argument %s"),
    N_("ignored explicit argument %r"),
    N_("the following arguments are required: %s"),
    N_("one of the arguments %s is required"),
    N_("expected one argument"),
    N_("expected at most one argument"),
    N_("expected at least one argument"),
    N_("ambiguous option: %(option)s could match %(matches)s"),
    N_("unexpected option string: %s"),
    N_("invalid %(type)s value: %(value)r"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)"),
)
"""The messages of argparse, Python 3.11 to 3.14, that a user can see. It passes them to `_` itself."""


def translate_argparse() -> None:
    """Have argparse use our translations."""
    # It looks up its messages in Python's own catalog, which is never installed, and can't be given another one.
    argparse._ = _  # type: ignore[attr-defined]
    argparse.ngettext = _counted  # type: ignore[attr-defined]


def _counted(singular: str, plural: str, number: int) -> str:
    if singular == "expected %s argument":
        return ngettext("expected %s argument", "expected %s arguments", number)
    return singular if number == 1 else plural


# Standard streams

_LAST_STREAM: Final = 2


def open_streams() -> None:
    """Open standard streams that are missing, as in a program without a console. What is written to them is lost."""
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
    """Open those of descriptors 0 to 2 that are closed; otherwise a file of ours could get one, and library output."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        # Inherited by child processes, like normal standard streams.
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
