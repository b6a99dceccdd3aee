"""`alpacasorter export FOLDER`: writes what the photos of a folder are as a table, as JSON, or into XMP sidecars."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.cli.console import ProgressBar, engine, guarded, judge_folder
from alpacasorter.cli.usage import (
    complain,
    device_option,
    given_path,
    model_option,
    named_folder,
    quiet_option,
    share,
    version_option,
)
from alpacasorter.core import reasons
from alpacasorter.core.events import Finished, JudgedPhoto, Progress
from alpacasorter.core.exchange.results import (
    Result,
    Source,
    encoded,
    judged_result,
    pieces,
    unreadable_result,
    write_results,
)
from alpacasorter.core.exchange.sidecars import (
    Change,
    Naming,
    SidecarDone,
    SidecarFailed,
    SidecarOptions,
    SidecarsEnded,
    write_sidecars,
)
from alpacasorter.core.files import display_path
from alpacasorter.core.photos.walk import FolderUnavailable
from alpacasorter.core.session_paths import plain_absolute

if TYPE_CHECKING:
    from alpacasorter.ml.engine import Engine

_EXIT_CODES: Final = (
    "exit codes: 0 the work was done (unreadable photos included), 1 it failed or some sidecars could not be written "
    "(they are named), 2 wrong usage, 130 Ctrl+C"
)
_FOR_SIDECARS: Final = {
    "both": "--both",
    "rating": "--rating",
    "remove": "--remove",
    "dry_run": "--dry-run",
    "sidecar": "--sidecar",
}
_WORDS: Final = {
    Change.NEW: "new",
    Change.CHANGED: "changed",
    Change.CLEARED: "cleared",
    Change.DELETED: "deleted",
}


def export_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter export`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter export",
        parents=[device_option(), model_option(), quiet_option(), version_option()],
        description="Write what the photos of a folder are, for other programs and other computers. Corrections made "
        "in the window count. No photo is ever changed.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("folder", metavar="FOLDER", type=given_path, help="the folder")
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help="a table with a head line")
    form.add_argument(
        "--json", dest="form", action="store_const", const="json", help="one document, which “import” reads elsewhere"
    )
    form.add_argument(
        "--xmp", dest="form", action="store_const", const="xmp", help="a keyword in the XMP sidecar of each photo"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=given_path, help="write --csv or --json into this file instead of standard output"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it is there")
    parser.add_argument(
        "--min-confidence",
        metavar="P",
        type=share,
        default=0.0,
        help="leave out photos that were not corrected and whose confidence is below P, 0 to 1 (default: none)",
    )
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look into sub-folders too (default), or not",
    )
    sidecars = parser.add_argument_group("with --xmp")
    sidecars.add_argument(
        "--both", action="store_true", help="a keyword for the negative class, too, such as “Not alpaca”"
    )
    sidecars.add_argument(
        "--rating",
        action="store_true",
        help="stars, too: photos of the positive class get 1 to 5, the surer the more; a rating of yours stays",
    )
    sidecars.add_argument(
        "--sidecar",
        choices=[naming.value for naming in Naming],
        help="how new ones are called: full is IMG_1.jpg.xmp (default), stem is IMG_1.xmp",
    )
    sidecars.add_argument("--remove", action="store_true", help="take out again all that was written earlier")
    sidecars.add_argument("--dry-run", action="store_true", help="write nothing, only print what would be written")
    parser.set_defaults(command=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Export a folder; return the exit code."""
    folder = named_folder(options.folder)
    if folder is None:
        return 2
    if (wrong := _wrong(options)) is not None:
        complain(wrong)
        return 2

    def work() -> int:
        try:
            with engine(options.device) as opened, ProgressBar(quiet=options.quiet) as bar:
                return _export(folder, options, opened, bar)
        except FolderUnavailable as error:
            complain(f"{display_path(folder)} can't be opened. {reasons.sentence(error.reason)}")
            return 1

    return guarded(work)


def _wrong(options: argparse.Namespace) -> str | None:
    """Return why the options don't go together; None where they do."""
    if options.form == "xmp":
        if options.out is not None or options.force:
            return "--out and --force go with --csv and --json. Sidecars are written beside the photos."
        return None
    given = [word for name, word in _FOR_SIDECARS.items() if getattr(options, name)]
    if given:
        return f"{given[0]} goes with --xmp only."
    if options.force and options.out is None:
        return "--force goes with --out only."
    if options.out is not None and not options.force:
        out = plain_absolute(options.out)
        # Said before all photos are looked at, and again where somebody is quicker.
        if out.exists():
            return f"{display_path(out)} is there already. Choose another name, or replace it with --force."
    return None


def _export(folder: Path, options: argparse.Namespace, opened: Engine, bar: ProgressBar) -> int:
    found, finished = judge_folder(opened, folder, recursive=options.recursive, bar=bar)
    labels = opened.session.labels
    results = [judged_result(one, labels) if isinstance(one, JudgedPhoto) else unreadable_result(one) for one in found]
    if options.form == "xmp":
        wanted = SidecarOptions(
            both=options.both,
            rating=options.rating,
            min_confidence=options.min_confidence,
            naming=Naming(options.sidecar or Naming.FULL),
            remove=options.remove,
            dry_run=options.dry_run,
        )
        ended = _sidecars(folder, results, wanted, opened, quiet=options.quiet)
        if not options.quiet:
            complain(_summary(ended, finished))
        return 1 if ended.failed else 0
    chosen = [one for one in results if one.reason is not None or one.is_sure(options.min_confidence)]
    source = Source(folder, opened.bundle.name, opened.bundle.version, labels)
    if options.out is None:
        for piece in pieces(options.form, source, chosen):
            _print(piece)
    else:
        out = plain_absolute(options.out)
        write_results(out, options.form, source, chosen, replace=options.force)
        if not options.quiet:
            photos = sum(one.reason is None for one in chosen)
            bar.say(f"{display_path(out)} was written: {photos:,} photos, {len(chosen) - photos:,} unreadable.")
    return 0


def _print(piece: str) -> None:
    """Print with the ends of lines as they are, on every system."""
    if (stream := getattr(sys.stdout, "buffer", None)) is not None:
        stream.write(encoded(piece))
    else:
        sys.stdout.write(piece)


def _sidecars(
    folder: Path, results: list[Result], options: SidecarOptions, opened: Engine, *, quiet: bool
) -> SidecarsEnded:
    done = 0
    total = sum(one.content_key is not None for one in results)
    job = write_sidecars(folder, results, opened.session.labels, options, library=opened.library)
    # Closed, and so in order, also where Ctrl+C ends it between two photos.
    with (
        contextlib.closing(job) as events,
        ProgressBar(quiet=quiet, unit="sidecars") as bar,
    ):
        for event in events:
            match event:
                case SidecarDone():
                    if options.dry_run and event.sidecar is not None and event.change in _WORDS:
                        with bar.aside():
                            print(f"{_WORDS[event.change]:<8} {display_path(event.sidecar)}")
                case SidecarFailed():
                    bar.say(f"{display_path(event.sidecar or event.photo)}: {reasons.sentence(event.reason)}")
                case SidecarsEnded():
                    ended = event
                    break
            done += 1
            bar.update(Progress(done, total, 0.0, None))
    return ended


def _summary(ended: SidecarsEnded, finished: Finished) -> str:
    would = "would be " if ended.dry_run else ""
    parts = [
        f"{ended.count(Change.NEW):,} {would}made",
        f"{ended.count(Change.CHANGED):,} {would}changed",
        f"{ended.count(Change.SAME):,} {'are' if ended.dry_run else 'were'} right already",
    ]
    if cleared := ended.count(Change.CLEARED, Change.DELETED):
        parts.append(f"{cleared:,} {would}taken back")
    if ended.failed:
        parts.append(f"{ended.failed:,} could not be written")
    unreadable = f" {finished.unreadable:,} photos are unreadable." if finished.unreadable else ""
    return f"Sidecars of {ended.photos:,} photos: {', '.join(parts)}.{unreadable}"
