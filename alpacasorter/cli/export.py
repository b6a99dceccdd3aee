"""`alpacasorter export FOLDER`: exports the results for a folder as CSV, as JSON, or into XMP sidecars."""

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
    exclusion,
    exclusion_options,
    folder_unavailable,
    given_path,
    leaves_out_inside,
    model_option,
    named_folder,
    quiet_option,
    share,
    variant_option,
    version_option,
)
from alpacasorter.core import reasons
from alpacasorter.core.events import Finished, JudgedPhoto, Progress
from alpacasorter.core.exchange.embedded import EmbedDone, EmbedEnded, embed_keywords
from alpacasorter.core.exchange.results import (
    Source,
    encoded,
    pieces,
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
from alpacasorter.core.labels import LabeledPhoto, unreadable
from alpacasorter.core.photos.walk import FolderUnavailable
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.core.store.database import utc_now
from alpacasorter.i18n import _, join, ngettext, number, pgettext
from alpacasorter.wording.exchange import embedded_summary, sidecar_summary

if TYPE_CHECKING:
    from alpacasorter.ml.engine import OpenEngine

_FOR_SIDECARS: Final = {
    "both": "--both",
    "rating": "--rating",
    "remove": "--remove",
    "dry_run": "--dry-run",
    "sidecar": "--sidecar",
    "embed_keywords": "--embed-keywords",
}


def export_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter export`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter export",
        description=_(
            "Export the results for all photos in a folder, for other programs or another computer. Corrections made"
            " in the window are included. Photos are not changed unless you use --embed-keywords."
        ),
        epilog=_(
            "exit codes: 0 success (even if some photos are unreadable), 1 failure, or some sidecars could not be"
            " written, 2 wrong usage, 130 Ctrl+C"
        ),
        parents=[
            device_option(),
            model_option(),
            variant_option(),
            exclusion_options(),
            quiet_option(),
            version_option(),
        ],
    )
    parser.add_argument("folder", metavar="FOLDER", type=given_path, help=_("folder to export"))
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help=_("export a CSV table"))
    form.add_argument(
        "--json",
        dest="form",
        action="store_const",
        const="json",
        help=_("export a JSON document, which “alpacasorter import” can read"),
    )
    form.add_argument(
        "--xmp",
        dest="form",
        action="store_const",
        const="xmp",
        help=_("write a keyword to the XMP sidecar of each photo"),
    )
    parser.add_argument(
        "--out", metavar="FILE", type=given_path, help=_("write CSV or JSON to FILE instead of standard output")
    )
    parser.add_argument("--force", action="store_true", help=_("replace FILE if it exists"))
    parser.add_argument(
        "--min-confidence",
        metavar="P",
        type=share,
        default=0.0,
        help=_("skip photos with a confidence below P (0 to 1), except those you corrected (default: 0)"),
    )
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help=_("include subfolders (the default), or only the folder itself"),
    )
    sidecars = parser.add_argument_group(_("options for --xmp"))
    sidecars.add_argument(
        "--both", action="store_true", help=_("also write a keyword for the negative class, such as “Not alpaca”")
    )
    sidecars.add_argument(
        "--rating",
        action="store_true",
        help=_(
            "also rate photos of the positive class with 1 to 5 stars (more stars = more certain); your own ratings"
            " are kept"
        ),
    )
    sidecars.add_argument(
        "--sidecar",
        choices=[naming.value for naming in Naming],
        help=_("names of new sidecars: full for IMG_1.jpg.xmp (default), stem for IMG_1.xmp"),
    )
    sidecars.add_argument(
        "--embed-keywords",
        action="store_true",
        help=_(
            "also write the keyword into JPEG files, with ExifTool, for programs that ignore the sidecars of JPEGs,"
            " such as Lightroom; --remove --embed-keywords restores the files"
        ),
    )
    sidecars.add_argument("--remove", action="store_true", help=_("remove everything that earlier exports wrote"))
    sidecars.add_argument("--dry-run", action="store_true", help=_("only print what would be done; nothing is changed"))
    parser.set_defaults(command=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Export a folder; return the exit code."""
    folder = named_folder(options.folder)
    if folder is None or not leaves_out_inside(vars(options), folder):
        return 2
    if (wrong := _wrong(options)) is not None:
        complain(wrong)
        return 2

    def work() -> int:
        try:
            with engine(options.device, variant=options.variant) as opened, ProgressBar(quiet=options.quiet) as bar:
                return _export(folder, options, opened, bar)
        except FolderUnavailable as error:
            complain(folder_unavailable(folder, error.reason))
            return 1

    return guarded(work)


def _wrong(options: argparse.Namespace) -> str | None:
    """Return why the options can't be combined; None if they can."""
    if options.form == "xmp":
        if options.out is not None or options.force:
            return _("--out and --force need --csv or --json. Sidecars are written next to the photos.")
        return None
    given = [word for name, word in _FOR_SIDECARS.items() if getattr(options, name)]
    if given:
        return _("{option} needs {other}.").format(option=given[0], other="--xmp")
    if options.force and options.out is None:
        return _("{option} needs {other}.").format(option="--force", other="--out")
    if options.out is not None and not options.force:
        out = plain_absolute(options.out)
        # Checked before all photos are scanned, and once more when it is written.
        if out.exists():
            return _("{file} already exists. Choose another name, or use --force to replace it.").format(
                file=display_path(out)
            )
    return None


def _export(folder: Path, options: argparse.Namespace, opened: OpenEngine, bar: ProgressBar) -> int:
    found, finished = judge_folder(
        opened, folder, recursive=options.recursive, bar=bar, exclusion=exclusion(vars(options))
    )
    labels = opened.session.labels
    results = [labels.labeled(one) if isinstance(one, JudgedPhoto) else unreadable(one) for one in found]
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
            complain(_sidecars_done(ended, finished))
        failed = ended.failed
        if options.embed_keywords:
            embedded = _embedded(folder, results, wanted, opened, quiet=options.quiet)
            if not options.quiet:
                complain(embedded_summary(embedded))
            failed += embedded.failed
        return 1 if failed else 0
    chosen = [one for one in results if one.reason is not None or one.is_sure(options.min_confidence)]
    bundle = opened.bundle
    source = Source(folder, bundle.name, bundle.version, labels, bundle.variant)
    if options.out is None:
        for piece in pieces(options.form, source, chosen):
            _print(piece)
    else:
        out = plain_absolute(options.out)
        write_results(out, options.form, source, chosen, replace=options.force)
        if not options.quiet:
            bar.say(_saved(out, chosen))
    return 0


def _print(piece: str) -> None:
    """Print without changing line ends, on every system."""
    if (stream := getattr(sys.stdout, "buffer", None)) is not None:
        stream.write(encoded(piece))
    else:
        sys.stdout.write(piece)


def _sidecars(
    folder: Path, results: list[LabeledPhoto], options: SidecarOptions, opened: OpenEngine, *, quiet: bool
) -> SidecarsEnded:
    done = 0
    words = _changes()
    width = max(map(len, words.values()))
    total = sum(one.content_key is not None for one in results)
    job = write_sidecars(folder, results, opened.session.labels, options, library=opened.library)
    # Closed, so that it ends cleanly even if Ctrl+C interrupts it between two photos.
    with (
        contextlib.closing(job) as events,
        ProgressBar(quiet=quiet, unit=_("sidecars")) as bar,
    ):
        for event in events:
            match event:
                case SidecarDone():
                    if options.dry_run and event.sidecar is not None and event.change in words:
                        with bar.aside():
                            print(f"{words[event.change]:<{width}}  {display_path(event.sidecar)}")
                case SidecarFailed():
                    bar.say(f"{display_path(event.sidecar or event.photo)}: {reasons.sentence(event.reason)}")
                case SidecarsEnded():
                    ended = event
                    break
            done += 1
            bar.update(Progress(done, total, 0.0, None))
    return ended


def _embedded(
    folder: Path, results: list[LabeledPhoto], options: SidecarOptions, opened: OpenEngine, *, quiet: bool
) -> EmbedEnded:
    words = _changes()
    total = sum(one.content_key is not None for one in results)
    job = embed_keywords(folder, results, opened.session.labels, options, library=opened.library, made_at=utc_now())
    with contextlib.closing(job) as events, ProgressBar(quiet=quiet) as bar:
        for done, event in enumerate(events, 1):
            match event:
                case EmbedDone() if options.dry_run and event.change in words:
                    with bar.aside():
                        print(f"{words[event.change]}  {display_path(event.photo)}")
                case SidecarFailed():
                    bar.say(f"{display_path(event.photo)}: {reasons.sentence(event.reason)}")
                case EmbedEnded():
                    return event
            bar.update(Progress(done, total, 0.0, None))
    raise AssertionError("the last event is EmbedEnded")


def _changes() -> dict[Change, str]:
    """Return the words for what would happen to a sidecar."""
    return {
        # Translators: a sidecar that would be created.
        Change.NEW: pgettext("sidecar", "new"),
        # Translators: a sidecar that would be changed.
        Change.CHANGED: pgettext("sidecar", "changed"),
        # Translators: a sidecar from which everything that AlpacaSorter wrote would be removed.
        Change.CLEARED: pgettext("sidecar", "cleared"),
        # Translators: a sidecar that would be deleted.
        Change.DELETED: pgettext("sidecar", "deleted"),
    }


def _sidecars_done(ended: SidecarsEnded, finished: Finished) -> str:
    said = sidecar_summary(ended)
    if not finished.unreadable:
        return said
    unreadable = ngettext("{count} photo is unreadable.", "{count} photos are unreadable.", finished.unreadable).format(
        count=number(finished.unreadable)
    )
    return f"{said} {unreadable}"


def _saved(out: Path, results: list[LabeledPhoto]) -> str:
    photos = sum(one.reason is None for one in results)
    unreadable = len(results) - photos
    counts = (
        ngettext("{count} photo", "{count} photos", photos).format(count=number(photos)),
        # Translators: of photos; a part of a list of counts.
        ngettext("{count} unreadable", "{count} unreadable", unreadable).format(count=number(unreadable)),
    )
    return _("Saved {file}: {counts}.").format(file=display_path(out), counts=join(counts))
