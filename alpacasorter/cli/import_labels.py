"""`alpacasorter import FILE`: labels from another computer, or from a table, become corrections."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.cli.console import engine, guarded
from alpacasorter.cli.usage import complain, given_path, model_option, named_folder, version_option
from alpacasorter.core.exchange.label_import import (
    ImportOptions,
    ImportSummary,
    LabelFileError,
    read_labels,
    summarise,
    take_in,
)
from alpacasorter.core.files import display_path
from alpacasorter.core.session_paths import plain_absolute

if TYPE_CHECKING:
    from alpacasorter.ml.engine import Engine

_EXIT_CODES: Final = "exit codes: 0 the work was done, 1 it failed, 2 wrong usage, 130 Ctrl+C"


def import_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter import`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter import",
        parents=[model_option(), version_option()],
        description="Take labels from a file that “export” or “scan” wrote, as JSON or CSV, as your own corrections. "
        "They follow the photos by their content, wherever those are. Photos that were not looked at here yet are "
        "learned from as soon as they are.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("file", metavar="FILE", type=given_path, help="the file")
    parser.add_argument(
        "--folder",
        metavar="FOLDER",
        type=given_path,
        help="where to look for photos whose content key the file has not",
    )
    parser.add_argument(
        "--all",
        dest="all_labels",
        action="store_true",
        help="take what only a model said, too, and not only corrections",
    )
    parser.add_argument(
        "--min-confidence",
        metavar="P",
        type=float,
        default=0.0,
        help="with --all: with at least this confidence, 0 to 1",
    )
    parser.add_argument("--replace", action="store_true", help="replace corrections of yours that differ")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only say what would be changed")
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    parser.set_defaults(command=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Import a file; return the exit code."""
    if not 0 <= options.min_confidence <= 1:
        complain("--min-confidence is a number from 0 to 1.")
        return 2
    if options.min_confidence and not options.all_labels:
        complain("--min-confidence goes with --all only: corrections are taken in any case.")
        return 2
    folder = None
    if options.folder is not None and (folder := named_folder(options.folder)) is None:
        return 2
    wanted = ImportOptions(options.all_labels, options.min_confidence, folder)
    return guarded(lambda: _import(plain_absolute(options.file), options, wanted))


def _import(path: Path, options: argparse.Namespace, wanted: ImportOptions) -> int:
    try:
        file = read_labels(path)
        with engine("cpu") as opened:
            labels, bundle = opened.session.labels, opened.bundle
            stored = opened.library.corrections(bundle.label_set)
            said = {key: one.label for key, one in stored.items()}
            summary = summarise(file, labels, said, wanted)
            changes = summary.changes(replace=options.replace)
            if changes and not options.dry_run:
                take_in(
                    opened.library,
                    opened.cache,
                    bundle.label_set,
                    changes,
                    backbone_id=bundle.backbone_id,
                    embedding_size=bundle.embedding_size,
                )
                _learn(opened)
    except LabelFileError as error:
        complain(str(error))
        return 1
    if options.json:
        print(json.dumps(_object(summary, replace=options.replace, dry_run=options.dry_run)))
    else:
        for line in _lines(summary, replace=options.replace, dry_run=options.dry_run):
            print(line)
    return 0


def _learn(opened: Engine) -> None:
    """Learn now, so that the next start of the window need not."""
    if opened.session.learning.catch_up(written=True) is not None:
        opened.session.learning.save()


def _object(summary: ImportSummary, *, replace: bool, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "new": len(summary.new),
        "same": summary.same,
        "replaced": len(summary.differing) if replace else 0,
        "kept": 0 if replace else len(summary.differing),
        "not_corrected": summary.not_corrected,
        "unknown_label": summary.unknown,
        "contradictory": summary.contradictory,
        "not_found": summary.not_found,
        "unlabelled": summary.unlabelled,
        "broken": summary.broken,
    }


def _lines(summary: ImportSummary, *, replace: bool, dry_run: bool) -> list[str]:
    that = "that would be " if dry_run else ""
    unknown = ", ".join(map(display_path, summary.unknown_names))
    passed_over = "Passed over, because"
    rest = (
        (len(summary.differing) if replace else 0, f"Corrections of yours {that or 'that were '}replaced"),
        (0 if replace else len(summary.differing), "Differ from yours, which stay (--replace takes those of the file)"),
        (summary.not_corrected, f"{passed_over} only a model said so, or is not sure enough"),
        (summary.unknown, f"{passed_over} the model in use has no such class ({unknown})"),
        (summary.contradictory, f"{passed_over} the file calls the same photo both"),
        (summary.not_found, f"{passed_over} there is no content key, and the photo was not found (see --folder)"),
        (summary.unlabelled, "Photos without a label in the file"),
        (summary.broken, "Rows that make no sense"),
    )
    first = f"New corrections {that}imported: {len(summary.new):,}. There already: {summary.same:,}."
    return [first, *(f"{words}: {number:,}." for number, words in rest if number)]
