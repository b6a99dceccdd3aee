"""`alpacasorter import FILE`: imports labels from another computer or a table as corrections."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter.cli.console import engine, guarded
from alpacasorter.cli.usage import complain, given_path, model_option, named_folder, version_option
from alpacasorter.core.exchange.label_file import LabelFileError, read_labels
from alpacasorter.core.exchange.label_import import (
    ImportOptions,
    ImportSummary,
    known_pictures,
    store_corrections,
    summarize,
)
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.wording.exchange import import_summary, skipped_labels

if TYPE_CHECKING:
    from alpacasorter.ml.engine import OpenEngine


def import_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter import`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter import",
        description=_(
            "Import labels from a JSON or CSV file made by “export” or “scan” as your own corrections. They are matched"
            " to photos by content, wherever the photos are. If a photo has not been scanned on this computer yet,"
            " AlpacaSorter learns from its label when it is."
        ),
        epilog=_("exit codes: 0 success, 1 failure, 2 wrong usage, 130 Ctrl+C"),
        parents=[model_option(), version_option()],
    )
    parser.add_argument("file", metavar="FILE", type=given_path, help=_("file to import"))
    parser.add_argument(
        "--folder",
        metavar="FOLDER",
        type=given_path,
        help=_("look here for photos that have no content key in the file"),
    )
    parser.add_argument(
        "--all",
        dest="all_labels",
        action="store_true",
        help=_("also import labels given by a model, not only corrections"),
    )
    parser.add_argument(
        "--min-confidence",
        metavar="P",
        type=float,
        default=0.0,
        help=_("with --all: only import labels with at least this confidence (0 to 1)"),
    )
    parser.add_argument("--replace", action="store_true", help=_("replace your corrections that differ"))
    parser.add_argument("--dry-run", action="store_true", help=_("only print what would be done; nothing is changed"))
    parser.add_argument("--json", action="store_true", help=_("print the result as one JSON object"))
    parser.set_defaults(command=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Import a file; return the exit code."""
    if not 0 <= options.min_confidence <= 1:
        complain(_("--min-confidence must be a number from 0 to 1."))
        return 2
    if options.min_confidence and not options.all_labels:
        complain(_("--min-confidence needs --all: corrections are always imported."))
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
            summary = summarize(file, labels, said, wanted, pictures=known_pictures(file, stored, opened.cache))
            changes = summary.changes(replace=options.replace)
            if changes and not options.dry_run:
                store_corrections(
                    opened.library,
                    opened.cache,
                    bundle.label_set,
                    changes,
                    pictures=summary.pictures,
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
        for line in _lines(summary, wanted, replace=options.replace, dry_run=options.dry_run):
            print(line)
    return 0


def _learn(opened: OpenEngine) -> None:
    """Learn now, so that the window does not have to at its next start."""
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
        "unlabelled": summary.unlabeled,
        "broken": summary.broken,
    }


def _lines(summary: ImportSummary, wanted: ImportOptions, *, replace: bool, dry_run: bool) -> list[str]:
    made = len(summary.changes(replace=replace))
    if dry_run:
        first = ngettext("{count} label would be imported.", "{count} labels would be imported.", made)
    else:
        first = ngettext("{count} label was imported.", "{count} labels were imported.", made)
    lines = [first.format(count=number(made)), import_summary(summary)]
    if summary.differing and not replace:
        lines.append(_("To replace your corrections that differ, use --replace."))
    lines += skipped_labels(summary)
    if summary.not_corrected and not wanted.all_labels:
        lines.append(_("To import labels from a model, too, use --all."))
    if summary.not_found and wanted.folder is None:
        lines.append(_("To find photos that have no content key in the file, use --folder."))
    if summary.unlabeled:
        lines.append(
            ngettext(
                "{count} photo has no label in the file.",
                "{count} photos have no label in the file.",
                summary.unlabeled,
            ).format(count=number(summary.unlabeled))
        )
    return lines
