"""The arguments of all commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from alpacasorter.cli.usage import device_option, given_path, model_option, quiet_option, version_option

_WINDOW = """\
Open a folder of photos in the window; where photos are given, the folder they are in.

commands without a window:
  alpacasorter scan FOLDER        judge all photos of a folder and print what they are
  alpacasorter sort FOLDER        sort the photos of a folder into one folder for each label; undo it
  alpacasorter watch FOLDER       judge every photo that arrives in a folder
  alpacasorter export FOLDER      write what the photos are: a table, JSON, or keywords in XMP sidecars
  alpacasorter import FILE        take labels from another computer as corrections
  alpacasorter evaluate DATASET   measure the model on a folder with one sub-folder per class
  alpacasorter models             list the models there are; add, use, share and remove them
  alpacasorter train DATASET      train a model on a folder with one sub-folder per class
  alpacasorter export-model DIR   write a model as one file for other programs
  alpacasorter dataset download   get photos of a class to train a model on
Each explains itself with --help. A folder that is called like a command is opened with ./ before its name.
"""
_EXIT_CODES = (
    "exit codes: 0 the work was done (unreadable photos included), 1 it failed, 2 wrong usage or no screen, 130 Ctrl+C"
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; `options.command(options)` runs them and returns the exit code.

    Raises:
        SystemExit: 2 for wrong usage, 0 after --help and --version.
    """
    commands = {
        "scan": _scan_parser,
        "sort": _sort_parser,
        "watch": _watch_parser,
        "export": _results_parser,
        "import": _import_parser,
        "evaluate": _evaluate_parser,
        "models": _models_parser,
        "dataset": _dataset_parser,
        "train": _train_parser,
        "export-model": _export_parser,
    }
    first = arguments[0] if arguments else ""
    if first in commands:
        return commands[first]().parse_args(arguments[1:])
    return _window_parser().parse_args(arguments)


def _window_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alpacasorter",
        parents=[device_option(default=None), model_option(), version_option()],
        usage="alpacasorter [FOLDER | PHOTO …] [--device auto|cpu|gpu] [--model MODEL] [--new-window]\n"
        "       alpacasorter --self-test [FILE]\n"
        "       alpacasorter scan|sort|watch|export|import|evaluate|train|export-model|dataset|models …",
        description=_WINDOW,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "given", metavar="FOLDER", nargs="*", type=given_path, help="the folder to open at once, or photos in it"
    )
    parser.add_argument(
        "--new-window", action="store_true", help="open a window of its own even where one is open already"
    )
    parser.add_argument(
        "--self-test",
        metavar="FILE",
        nargs="?",
        type=given_path,
        const=True,
        help="try everything in a temporary place, print a report as JSON, and write it to FILE, too",
    )
    parser.set_defaults(command=_window)
    return parser


def _scan_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alpacasorter scan",
        parents=[device_option(), model_option(), quiet_option(), version_option()],
        description="Judge all photos of a folder and print a line for each. Corrections made in the window count.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("folder", metavar="FOLDER", type=given_path, help="the folder")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help="one JSON object a line")
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help="a table with a header line")
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look into sub-folders too (default), or not",
    )
    parser.set_defaults(command=_scan, form="text")
    return parser


def _evaluate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="alpacasorter evaluate",
        parents=[device_option(), model_option(), quiet_option(), version_option()],
        description="Measure the model on a folder with one sub-folder per class, named after the classes. "
        "The model is measured as it was shipped: what it learned from corrections plays no part.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("dataset", metavar="DATASET", type=given_path, help="the folder with the sub-folders")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--report", metavar="FILE.html", type=given_path, help="write a report with charts and the mistakes"
    )
    parser.set_defaults(command=_evaluate)
    return parser


def _sort_parser() -> argparse.ArgumentParser:
    from alpacasorter.cli.sort.arguments import sort_parser

    parser = sort_parser()
    parser.set_defaults(command=_sort)
    return parser


def _watch_parser() -> argparse.ArgumentParser:
    from alpacasorter.cli.sort.arguments import watch_parser

    parser = watch_parser()
    parser.set_defaults(command=_watch)
    return parser


def _results_parser() -> argparse.ArgumentParser:
    from alpacasorter.cli.export import export_parser

    return export_parser()


def _import_parser() -> argparse.ArgumentParser:
    from alpacasorter.cli.import_labels import import_parser

    return import_parser()


def _dataset_parser() -> argparse.ArgumentParser:
    from alpacasorter.cli.dataset import build_parser

    return build_parser()


def _train_parser() -> argparse.ArgumentParser:
    from alpacasorter.cli.train import train_parser

    return train_parser()


def _export_parser() -> argparse.ArgumentParser:
    from alpacasorter.cli.train import export_parser

    return export_parser()


def _models_parser() -> argparse.ArgumentParser:
    from alpacasorter.cli import models

    parser = argparse.ArgumentParser(
        prog="alpacasorter models",
        parents=[version_option()],
        description="List the models there are, or add, use, share and remove one.",
        epilog=_EXIT_CODES,
    )
    models.fill(parser)
    parser.set_defaults(command=models.run, model=None)
    return parser


def _window(options: argparse.Namespace) -> int:
    if options.self_test is not None:
        from alpacasorter.cli.self_test.run import run as self_test

        return self_test(None if options.self_test is True else options.self_test)
    from alpacasorter.cli.window import run

    return run(options.given, options.device, new_window=options.new_window)


def _scan(options: argparse.Namespace) -> int:
    from alpacasorter.cli.scan import run

    return run(
        options.folder,
        form=options.form,
        recursive=options.recursive,
        device=options.device,
        quiet=options.quiet,
    )


def _evaluate(options: argparse.Namespace) -> int:
    from alpacasorter.cli.evaluate import run

    return run(options.dataset, as_json=options.json, report=options.report, device=options.device, quiet=options.quiet)


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
