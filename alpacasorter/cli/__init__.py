"""The command line. `alpacasorter [FOLDER]` opens the window; commands such as `alpacasorter scan` do not need it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["COMMANDS", "main", "parse"]

COMMANDS = (
    *("scan", "sort", "watch", "export", "import", "evaluate", "models", "dataset", "train"),
    "export-model",
)
_ALIKE = 0.7


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: the arguments; None for those of the process.

    Returns:
        The exit code: 0 for success, 1 for a failure, 2 for wrong usage, 130 after Ctrl+C.

    Raises:
        SystemExit: wrong usage, --help or --version.
    """
    if arguments is not None:
        return _run(list(arguments))
    _prepare()
    code = _run(sys.argv[1:])
    decoding = sys.modules.get("alpacasorter.core.photos.bounded")
    if decoding is not None:
        decoding.exit_at_once(code)
    return code


def _run(given: list[str]) -> int:
    # Everything is imported only when needed: the window must be up within half a second.
    if given[:1] == ["--gpu-trial"]:
        from alpacasorter.ml.runtime.gpu_trial import main as gpu_trial

        return gpu_trial(given[1:])
    if given[:1] == ["--model-trial"]:
        from alpacasorter.ml.models.trial import main as model_trial

        return model_trial(given[1:])
    if given == ["--train-child"]:
        from alpacasorter.training.child import main as train_child

        return train_child()
    from alpacasorter import i18n, paths
    from alpacasorter.cli.usage import complain, named_model, translate_argparse
    from alpacasorter.i18n import _

    if i18n.use() != i18n.ENGLISH:
        translate_argparse()
    options = parse(given)
    if _prints_data(options):
        i18n.use(i18n.ENGLISH)
    if options.model is not None:
        model = named_model(options.model)
        if model is None:
            # The window says so itself.
            if "new_window" not in options:
                complain(
                    _("There is no model “{name}”. “alpacasorter models” lists the models.").format(name=options.model)
                )
                return 1
            model = options.model
        os.environ[paths.MODEL_VARIABLE] = str(model)
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        return 130


def _prepare() -> None:
    """Prepare the process for missing streams and for crashes."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from alpacasorter.cli.usage import open_streams

        open_streams()
    # Prints a traceback after a crash; the window redirects it to a file.
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        faulthandler.enable()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; `options.command(options)` runs the command and returns the exit code.

    Raises:
        SystemExit: with code 2 for wrong usage, 0 after --help and --version.
    """
    command = arguments[0] if arguments else ""
    parser = _parser(command)
    if parser is None:
        from alpacasorter.cli.window import window_parser

        window = window_parser()
        if command.isidentifier() and not os.path.lexists(command) and (meant := _meant(command)):
            from alpacasorter.i18n import _

            window.error(_("there is no command “{given}”; did you mean {meant}?").format(given=command, meant=meant))
        return window.parse_args(arguments)
    return parser.parse_args(arguments[1:])


def _meant(command: str) -> str:
    """Return the command that was probably meant; empty if it is like none."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(command.lower(), COMMANDS, 1, _ALIKE)), "")


def _parser(command: str) -> argparse.ArgumentParser | None:
    """Return the parser of a command; None if there is no such command."""
    match command:
        case "scan":
            from alpacasorter.cli.scan import scan_parser

            return scan_parser()
        case "sort":
            from alpacasorter.cli.sort.arguments import sort_parser

            sort = sort_parser()
            sort.set_defaults(command=_sort)
            return sort
        case "watch":
            from alpacasorter.cli.sort.arguments import watch_parser

            watch = watch_parser()
            watch.set_defaults(command=_watch)
            return watch
        case "export":
            from alpacasorter.cli.export import export_parser

            return export_parser()
        case "import":
            from alpacasorter.cli.import_labels import import_parser

            return import_parser()
        case "evaluate":
            from alpacasorter.cli.evaluate import evaluate_parser

            return evaluate_parser()
        case "models":
            from alpacasorter.cli.models import models_parser

            return models_parser()
        case "dataset":
            from alpacasorter.cli.dataset import dataset_parser

            return dataset_parser()
        case "train":
            from alpacasorter.cli.train import train_parser

            return train_parser()
        case "export-model":
            from alpacasorter.cli.export_model import export_parser as export_model_parser

            return export_model_parser()
    return None


def _sort(options: argparse.Namespace) -> int:
    given = vars(options)
    if any(name in given for name in ("resume", "rollback", "undo", "history")):
        from alpacasorter.cli.sort.history import run as run_earlier

        return run_earlier(given)
    from alpacasorter.cli.sort.command import run

    return run(given)


def _watch(options: argparse.Namespace) -> int:
    from alpacasorter.cli.watch import run

    return run(vars(options))


def _prints_data(options: argparse.Namespace) -> bool:
    """Tell whether a command prints data for other programs, or a report for developers: these are in English."""
    given = vars(options)
    if given.get("form") in ("json", "csv"):
        # Files are always written in English.
        return given.get("out") is None
    return any(given.get(name) for name in ("json", "as_json", "self_test"))
