"""`alpacasorter dataset`: downloads photos to train on, and lists the classes there are."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, Self

from alpacasorter import paths
from alpacasorter.cli.usage import absolute, complain, given_path, quiet_option, version_option
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, join, ngettext, number, size

if TYPE_CHECKING:
    from tqdm import tqdm

    from alpacasorter.training.open_images.catalog import Classes, Source
    from alpacasorter.training.open_images.events import Downloaded, DownloadRequest, ListsNeeded
    from alpacasorter.training.open_images.list_cache import ListProgress

_SUBSETS = ("validation", "test", "train")
_MEGABYTE = 1_000_000
_PHOTOS = "photos"


def dataset_parser() -> argparse.ArgumentParser:
    """Return the parser of the command with both of its subcommands."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter dataset",
        parents=[version_option()],
        description=_("""\
Get training photos from Open Images, a public collection of Flickr photos under free licenses.

  alpacasorter dataset download --class Alpaca --limit 200 --others 200 --out DIR
  alpacasorter dataset classes alpaca      list the classes with this name

The only other command that uses the network is “alpacasorter train”, if Keras downloads weights for it.
"""),
        epilog=_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title=_("commands"), metavar="COMMAND", required=True)
    _add_download(commands)
    _add_classes(commands)
    return parser


def _exit_codes() -> str:
    return _(
        "exit codes: 0 success (even with fewer photos than requested), 1 failure, 2 wrong usage or unknown class, "
        "130 Ctrl+C"
    )


def _add_download(commands: Any) -> None:
    parser = commands.add_parser(
        "download",
        parents=[quiet_option(), version_option()],
        help=_("download photos of a class"),
        description=_("""\
Download photos of one or more classes to DIR, one subfolder per class. DIR/ATTRIBUTION.csv lists the author and the
license of each photo. The command can be stopped at any time; run it again to resume. Photos that you deleted stay
deleted. A larger --limit keeps what is there and adds to it.
"""),
        epilog=_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--class",
        dest="classes",
        metavar="NAME",
        action="append",
        required=True,
        help=_("class of the photos, such as Alpaca; can be repeated"),
    )
    parser.add_argument("--out", metavar="DIR", type=given_path, required=True, help=_("folder for the class folders"))
    parser.add_argument(
        "--limit",
        metavar="N",
        type=_one_or_more,
        default=100,
        help=_("photos per class (default: {value})").format(value=100),
    )
    parser.add_argument(
        "--others",
        metavar="N",
        type=_zero_or_more,
        help=_(
            "also download N photos that do not show the class, to not_CLASS (or to others if there are several "
            "classes). By default, these are photos that people have confirmed not to show it, so many of them look "
            "similar"
        ),
    )
    parser.add_argument(
        "--not-class",
        dest="look_alikes",
        metavar="NAME",
        action="append",
        default=[],
        help=_("take the other photos from this class instead, such as Sheep; can be repeated"),
    )
    parser.add_argument(
        "--subset",
        dest="subsets",
        choices=_SUBSETS,
        action="append",
        help=_(
            "subset to take photos from; can be repeated (default: all of them; train, whose lists are 1 GB, only if "
            "the others don't have enough)"
        ),
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help=_("a different seed selects different photos (default: {value})").format(value=0),
    )
    parser.add_argument(
        "--connections",
        metavar="N",
        type=_connections,
        default=8,
        help=_("photos to download at once (default: {value})").format(value=8),
    )
    _add_common(parser)
    parser.set_defaults(command=_run_download, model=None)


def _add_classes(commands: Any) -> None:
    parser = commands.add_parser(
        "classes",
        parents=[quiet_option(), version_option()],
        help=_("list the classes there are"),
        description=_("List the classes of Open Images, or those with TEXT in their name."),
        epilog=_exit_codes(),
    )
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help=_("part of a name"))
    _add_common(parser)
    parser.set_defaults(command=_run_classes, model=None)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", dest="as_json", action="store_true", help=_("print the result as JSON"))
    parser.add_argument(
        "--base-url",
        metavar="URL",
        type=_address,
        help=_("use a mirror, with the lists below URL/openimages and the photos below URL/open-images-dataset"),
    )


def _whole(text: str, lowest: int, highest: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = lowest - 1
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(
            _("“{text}” is not a whole number from {lowest} to {highest}").format(
                text=text, lowest=number(lowest), highest=number(highest)
            )
        )
    return value


def _one_or_more(text: str) -> int:
    return _whole(text, 1, 1_000_000)


def _zero_or_more(text: str) -> int:
    return _whole(text, 0, 1_000_000)


def _connections(text: str) -> int:
    return _whole(text, 1, 32)


def _address(text: str) -> str:
    try:
        parts = urllib.parse.urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(
            _("“{text}” is not an address that begins with https:// or http://").format(text=text)
        )
    return text


def _run_download(options: argparse.Namespace) -> int:
    """Download photos; return the exit code."""
    # Imported here, as below: the help needs none of this.
    from alpacasorter.cli.console import guarded
    from alpacasorter.training.open_images.catalog import UnknownClass
    from alpacasorter.training.open_images.events import DownloadRequest

    if options.look_alikes and options.others == 0:
        complain(_("--not-class says what the other photos show, but --others 0 asks for none."))
        return 2
    folder = absolute(options.out)
    if folder.exists() and not folder.is_dir():
        complain(_("{path} is a file, not a folder.").format(path=display_path(folder)))
        return 2
    others = options.others
    if others is None:
        others = options.limit if options.look_alikes else 0
    request = DownloadRequest(
        out=folder,
        classes=tuple(options.classes),
        limit=options.limit,
        others=others,
        look_alikes=tuple(options.look_alikes),
        subsets=tuple(subset for subset in _SUBSETS if subset in (options.subsets or _SUBSETS)),
        seed=options.seed,
        connections=options.connections,
    )

    def work() -> int:
        try:
            done = _download(request, _source(options.base_url), quiet=options.quiet)
        except UnknownClass as error:
            complain(str(error))
            return 2
        except KeyboardInterrupt:
            complain(_("Stopped. What has been downloaded is kept; run the same command again to resume."))
            raise
        print(json.dumps(_as_object(request, done)) if options.as_json else _as_text(done))
        return 0

    return guarded(work)


def _run_classes(options: argparse.Namespace) -> int:
    """List classes; return the exit code."""
    from alpacasorter.cli.console import guarded

    def work() -> int:
        classes = _read_classes(_source(options.base_url), quiet=options.quiet)
        found = classes.search(options.text)
        if options.as_json:
            print(
                json.dumps(
                    [{"name": one.name, "folder": one.folder, "training_photos": one.in_training} for one in found]
                )
            )
            return 0
        for one in found:
            print(one.name)
        if not found:
            nothing = _("No class has “{text}” in its name.").format(text=options.text)
            complain(f"{nothing} {classes.did_you_mean(options.text)}".rstrip())
        return 0

    return guarded(work)


def _source(base_url: str | None) -> Source:
    from alpacasorter.training.open_images.catalog import Source

    return Source() if base_url is None else Source.mirror(base_url)


def _cache() -> Path:
    return paths.user_cache_dir() / "open-images"


def _read_classes(source: Source, *, quiet: bool) -> Classes:
    from alpacasorter.training.open_images.download import read_classes

    with _Bars(quiet=quiet) as bars, contextlib.closing(read_classes(source=source, cache=_cache())) as reading:
        while True:
            try:
                bars.show_list(next(reading))
            except StopIteration as end:
                classes: Classes = end.value
                return classes


def _download(request: DownloadRequest, source: Source, *, quiet: bool) -> Downloaded:
    from alpacasorter.training.open_images import events
    from alpacasorter.training.open_images.download import download
    from alpacasorter.training.open_images.list_cache import ListProgress

    done = None
    with _Bars(quiet=quiet) as bars, contextlib.closing(download(request, source=source, cache=_cache())) as running:
        for event in running:
            match event:
                case ListProgress():
                    bars.show_list(event)
                case events.Begun():
                    bars.say(_begun(event.there, event.wanted))
                    bars.show_photos(event.there, event.wanted)
                case events.ListsNeeded():
                    bars.say(_lists_needed(event))
                case events.NotInTraining():
                    bars.say(
                        _("The training photos were skipped: none of them is labeled {names}.").format(
                            names=join(event.classes, "or")
                        )
                    )
                case events.Reading():
                    bars.start_photos()
                case events.Kept():
                    bars.show_photos(event.there, event.wanted)
                case events.Downloaded():
                    done = event
                case events.LeftOut():
                    pass
    assert done is not None
    return done


def _begun(there: int, wanted: int) -> str:
    requested = ngettext(
        "Requesting {count} photo from Open Images.", "Requesting {count} photos from Open Images.", wanted
    )
    sentence = requested.format(count=number(wanted))
    if not there:
        return sentence
    already = ngettext("{count} of them is already there.", "{count} of them are already there.", there)
    return f"{sentence} {already.format(count=number(there))}"


def _lists_needed(event: ListsNeeded) -> str:
    folder = display_path(_cache())
    if event.bytes == 0:
        return _("The lists of the subset “{subset}” are in the cache.").format(subset=event.subset)
    if event.bytes is None:
        return _("Downloading the lists of the subset “{subset}”. They are kept in {folder} for next time.").format(
            subset=event.subset, folder=folder
        )
    return _(
        "Downloading the lists of the subset “{subset}” ({size}). They are kept in {folder} for next time."
    ).format(subset=event.subset, size=size(event.bytes), folder=folder)


def _as_object(request: DownloadRequest, done: Downloaded) -> dict[str, object]:
    return {
        "out": str(request.out),
        "folders": [
            {
                "folder": one.folder,
                "class": one.photo_class,
                "wanted": one.wanted,
                "photos": one.there,
                "fetched": one.fetched,
            }
            for one in done.folders
        ],
        "left_out": dict(done.left_out),
        "attribution": str(done.attribution),
    }


def _as_text(done: Downloaded) -> str:
    width = max(len(one.folder) for one in done.folders)
    lines = []
    for one in done.folders:
        counts = ngettext("{count} photo ({new} new).", "{count} photos ({new} new).", one.there).format(
            count=number(one.there), new=number(one.fetched)
        )
        if one.there < one.wanted:
            counts = f"{counts} {_('No more were found.')}"
        lines.append(f"{one.folder:<{width}}  {counts}")
    kinds = _left_out()
    for why, count in done.left_out:
        lines.append(_("Left out: {count} ({reason})").format(count=number(count), reason=kinds[why]))
    lines.append(_("Authors and licenses are listed in {file}.").format(file=display_path(done.attribution)))
    return "\n".join(lines)


def _left_out() -> dict[str, str]:
    return {
        "missing": _("no longer on the server"),
        "unusable": _("damaged, or not a photo"),
        "too large": _("too large"),
        "unreachable": _("not sent by the server"),
        "refused": _("refused by the server"),
        "no licence": _("license unknown"),
        "name taken": _("another file has the name"),
    }


class _Bars:
    """Progress bars on standard error: one list after the other in bytes, then the photos."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet or sys.stderr is None
        self._bar: tqdm[Never] | None = None
        self._what = ""
        self._photos = (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close()

    def show_list(self, event: ListProgress) -> None:
        """Show how much of a list has been downloaded; small ones are not shown."""
        if event.total and event.total < 2 * _MEGABYTE:
            return
        if event.name != self._what:
            self._open(event.name, event.name, event.total, "B", scaled=True)
        self._show(event.done, event.total)

    def show_photos(self, there: int, wanted: int) -> None:
        """Remember how many photos there are, and show it once `start_photos` was called."""
        self._photos = (there, wanted)
        if self._what == _PHOTOS:
            self._show(there, wanted)

    def start_photos(self) -> None:
        """Show the bar of the photos."""
        there, wanted = self._photos
        if self._what != _PHOTOS:
            self._open(_PHOTOS, _("photos"), wanted, f" {_('photos')}", scaled=False)
        self._show(there, wanted)

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        if self._quiet:
            return
        self._close()
        complain(sentence)

    def _open(self, what: str, shown: str, total: int, unit: str, *, scaled: bool) -> None:
        self._close()
        self._what = what
        if self._quiet:
            return
        from tqdm import tqdm

        # Without the monitor thread, which only refreshes stalled bars and would outlive them.
        tqdm.monitor_interval = 0
        self._bar = tqdm(
            total=total or None, desc=shown, unit=unit, unit_scale=scaled, file=sys.stderr, dynamic_ncols=True
        )

    def _show(self, done: int, total: int) -> None:
        if self._bar is None:
            return
        self._bar.total = total or None
        # A list that can't be resumed starts over.
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
        self._what = ""
