"""`alpacasorter scan FOLDER`: judges all photos in a folder and prints one line per photo."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from alpacasorter.cli.console import ProgressBar, engine, guarded, judge_folder, learn_again
from alpacasorter.cli.rows import RowsInOrder, judged_row, row_printer, unreadable_row
from alpacasorter.cli.usage import (
    complain,
    device_option,
    exclusion,
    exclusion_options,
    exit_codes,
    folder_unavailable,
    given_path,
    leaves_out_inside,
    model_option,
    named_folder,
    quiet_option,
    variant_option,
    version_option,
)
from alpacasorter.core.events import Finished, Found, Judged, JudgedPhoto, Learned, Problems, Progress
from alpacasorter.core.photos.walk import FolderUnavailable
from alpacasorter.i18n import _, join, ngettext, number
from alpacasorter.wording.text import learned_late, skipped_words


def scan_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter scan`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter scan",
        description=_(
            "Judge all photos in a folder and print one line per photo, in the order of the folder. A photo that takes"
            " over a second longer than those after it is printed once it is done. Corrections made in the window are"
            " included."
        ),
        epilog=exit_codes(),
        parents=[
            device_option(),
            model_option(),
            variant_option(),
            exclusion_options(),
            quiet_option(),
            version_option(),
        ],
    )
    parser.add_argument("folder", metavar="FOLDER", type=given_path, help=_("folder to scan"))
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", dest="form", action="store_const", const="json", help=_("print one JSON object per line")
    )
    form.add_argument(
        "--csv", dest="form", action="store_const", const="csv", help=_("print a CSV table with a header")
    )
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help=_("include subfolders (the default), or only the folder itself"),
    )
    parser.set_defaults(command=run, form="text")
    return parser


def run(options: argparse.Namespace) -> int:
    """Scan a folder; return the exit code."""
    folder = named_folder(options.folder)
    if folder is None or not leaves_out_inside(vars(options), folder):
        return 2

    def work() -> int:
        try:
            return _scan(folder, options)
        except FolderUnavailable as error:
            complain(folder_unavailable(folder, error.reason))
            return 1

    return guarded(work)


def _scan(folder: Path, options: argparse.Namespace) -> int:
    with (
        engine(options.device, library_required=False, variant=options.variant) as opened,
        ProgressBar(quiet=options.quiet) as bar,
    ):
        labels = opened.session.labels
        if opened.session.learning.photos_without_picture():
            # One of these may turn out to be in the folder, and the other files with its picture get its label then.
            found, finished = judge_folder(
                opened, folder, recursive=options.recursive, bar=bar, exclusion=exclusion(vars(options))
            )
            show = row_printer(options.form, labels)
            with bar.aside():
                for one in found:
                    show(judged_row(one, labels) if isinstance(one, JudgedPhoto) else unreadable_row(one))
            if not options.quiet:
                bar.say(_summary(finished))
            return 0
        learn_again(opened, quiet=options.quiet)
        lines = RowsInOrder(row_printer(options.form, labels))
        # Closed before the engine, even after Ctrl+C or when the output is no longer read.
        with contextlib.closing(
            opened.session.scan(folder, recursive=options.recursive, exclusion=exclusion(vars(options)))
        ) as events:
            for event in events:
                match event:
                    case Found():
                        lines.expect(file.path for file in event.files)
                    case Judged():
                        with bar.aside():
                            for photo in event.photos:
                                lines.put(photo.path, judged_row(photo, labels))
                    case Problems():
                        with bar.aside():
                            for problem in event.problems:
                                lines.put(problem.path, unreadable_row(problem))
                    case Progress():
                        with bar.aside():
                            lines.print_ready()
                        sys.stdout.flush()
                        bar.update(event)
                    case Finished():
                        finished = event
                    case Learned() if not options.quiet:
                        bar.say(learned_late())
                    case _:
                        pass
        opened.cache.prune()
        if not options.quiet:
            bar.say(_summary(finished))
    return 0


def _summary(event: Finished) -> str:
    counts = (
        ngettext("{count} photo judged", "{count} photos judged", event.judged).format(count=number(event.judged)),
        # Translators: of photos; a part of a list of counts.
        ngettext("{count} unreadable", "{count} unreadable", event.unreadable).format(count=number(event.unreadable)),
        # Translators: of photos whose files had to be opened; a part of a list of counts.
        ngettext("{count} opened", "{count} opened", event.opened).format(count=number(event.opened)),
        ngettext("{count} other file ignored", "{count} other files ignored", event.left_alone).format(
            count=number(event.left_alone)
        ),
        *skipped_words(event),
    )
    return _("Done: {counts}.").format(counts=join(counts))
