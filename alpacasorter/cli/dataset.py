"""`alpacasorter dataset`: fetches photos to train on, and lists the classes there are.

The arguments of `alpacasorter dataset`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Any, Never, Self

from tqdm import tqdm

from alpacasorter import paths
from alpacasorter.cli.console import guarded
from alpacasorter.cli.usage import complain, given_path, quiet_option, version_option
from alpacasorter.core.files import display_path
from alpacasorter.core.session_paths import plain_absolute
from alpacasorter.training.open_images.catalog import SUBSETS, Classes, Source, UnknownClass
from alpacasorter.training.open_images.download import download, read_classes
from alpacasorter.training.open_images.events import (
    Begun,
    Downloaded,
    Kept,
    LeftOut,
    ListsNeeded,
    NotInTraining,
    Reading,
    Request,
    Why,
)
from alpacasorter.training.open_images.list_cache import ListProgress

_MEGABYTE = 1_000_000
_SUBSET_WORDS = {"validation": "validation", "test": "test", "train": "training"}
_WHY: dict[Why, str] = {
    "missing": "no longer on the server",
    "unusable": "damaged or not a picture",
    "too large": "too large",
    "unreachable": "not sent by the server",
    "refused": "refused by the server",
    "no licence": "without a known licence",
    "name taken": "where another file has the name",
}


def run_download(
    out: Path,
    *,
    classes: tuple[str, ...],
    limit: int,
    others: int,
    look_alikes: tuple[str, ...],
    subsets: tuple[str, ...],
    seed: int,
    connections: int,
    base_url: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Download photos; return the exit code."""
    if look_alikes and not others:
        complain("--not-class says what the other photos show, but --others 0 asks for none.")
        return 2
    try:
        folder = plain_absolute(out)
    except RuntimeError:
        # "~name" is nobody's home, but may be the name of a folder.
        folder = out.absolute()
    if folder.exists() and not folder.is_dir():
        complain(f"{display_path(folder)} is a file, not a folder.")
        return 2
    request = Request(
        out=folder,
        classes=classes,
        limit=limit,
        others=others,
        look_alikes=look_alikes,
        subsets=tuple(subset for subset in SUBSETS if subset in (subsets or SUBSETS)),
        seed=seed,
        connections=connections,
    )

    def work() -> int:
        try:
            done = _download(request, _source(base_url), quiet=quiet)
        except UnknownClass as error:
            complain(str(error))
            return 2
        except KeyboardInterrupt:
            complain("Stopped. What has arrived is kept; the same command goes on where it stopped.")
            raise
        print(json.dumps(_object(request, done)) if as_json else _words(done))
        return 0

    return guarded(work)


def run_classes(text: str, *, base_url: str | None, as_json: bool, quiet: bool) -> int:
    """List classes; return the exit code."""

    def work() -> int:
        classes = _read_classes(_source(base_url), quiet=quiet)
        found = classes.search(text)
        if as_json:
            print(
                json.dumps(
                    [{"name": one.name, "folder": one.folder, "training_photos": one.in_training} for one in found]
                )
            )
            return 0
        for one in found:
            print(one.name)
        if not found:
            close = classes.close_to(text)
            hint = f" Did you mean {' or '.join(one.name for one in close)}?" if close else ""
            complain(f"No class has {text} in its name.{hint}")
        return 0

    return guarded(work)


def _source(base_url: str | None) -> Source:
    return Source() if base_url is None else Source.mirror(base_url)


def _cache() -> Path:
    return paths.user_cache_dir() / "open-images"


def _read_classes(source: Source, *, quiet: bool) -> Classes:
    with _Bars(quiet=quiet) as bars:
        reading = read_classes(source=source, cache=_cache())
        with contextlib.closing(reading):
            while True:
                try:
                    bars.list(next(reading))
                except StopIteration as end:
                    classes: Classes = end.value
                    return classes


def _download(request: Request, source: Source, *, quiet: bool) -> Downloaded:
    done = None
    with _Bars(quiet=quiet) as bars, contextlib.closing(download(request, source=source, cache=_cache())) as events:
        for event in events:
            match event:
                case ListProgress():
                    bars.list(event)
                case Begun():
                    there = f", {event.there:,} of them are there already" if event.there else ""
                    bars.say(f"Open Images is asked for {event.wanted:,} photos{there}.")
                    bars.photos(event.there, event.wanted)
                case ListsNeeded():
                    bars.say(_lists_needed(event))
                case NotInTraining():
                    names = " and ".join(event.classes)
                    bars.say(f"The training photos were passed over: they are not labelled with {names}.")
                case Reading():
                    bars.photos_again()
                case Kept():
                    bars.photos(event.there, event.wanted)
                case Downloaded():
                    done = event
                case LeftOut():
                    pass
    assert done is not None
    return done


def _lists_needed(event: ListsNeeded) -> str:
    words = f"The lists of the {_SUBSET_WORDS[event.subset]} photos"
    if event.bytes == 0:
        return f"{words} are in the cache."
    size = "" if event.bytes is None else f" ({max(1, round(event.bytes / _MEGABYTE)):,} MB)"
    return f"{words} are fetched{size}; they are kept for the next time in {display_path(_cache())}."


def _object(request: Request, done: Downloaded) -> dict[str, object]:
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


def _words(done: Downloaded) -> str:
    width = max(len(one.folder) for one in done.folders)
    lines = []
    for one in done.folders:
        few = "; no more were found" if one.there < one.wanted else ""
        lines.append(f"{one.folder:<{width}}  {one.there:>5,} photos, {one.fetched:,} of them new{few}")
    for why, count in done.left_out:
        lines.append(f"left out: {count:,} {_WHY[why]}")
    lines.append(f"Authors and licences are in {display_path(done.attribution)}.")
    return "\n".join(lines)


class _Bars:
    """Progress on standard error: of one list after the other in bytes, then of the photos."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet or sys.stderr is None
        self._bar: tqdm[Never] | None = None
        self._name = ""
        self._photos = (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def list(self, event: ListProgress) -> None:
        if event.total and event.total < 2 * _MEGABYTE:
            return
        if event.name != self._name:
            self._open(event.name, event.total, " B", scaled=True)
        self._show(event.done, event.total)

    def photos(self, there: int, wanted: int) -> None:
        self._photos = (there, wanted)
        if self._name == "photos":
            self._show(there, wanted)

    def photos_again(self) -> None:
        there, wanted = self._photos
        if self._name != "photos":
            self._open("photos", wanted, " photos", scaled=False)
        self._show(there, wanted)

    def say(self, sentence: str) -> None:
        if self._quiet:
            return
        self._close()
        complain(sentence)

    def _open(self, name: str, total: int, unit: str, *, scaled: bool) -> None:
        self._close()
        self._name = name
        if self._quiet:
            return
        # Otherwise a thread watches over bars that stand still, which no one needs and which outlives them.
        tqdm.monitor_interval = 0
        self._bar = tqdm(
            total=total or None,
            desc=name,
            unit=unit.strip() if scaled else unit,
            unit_scale=scaled,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def _show(self, done: int, total: int) -> None:
        if self._bar is None:
            return
        self._bar.total = total or None
        # A list that can't be resumed begins anew.
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
        self._name = ""


_EXIT_CODES = (
    "exit codes: 0 the work was done (fewer photos than asked for included), 1 it failed, 2 wrong usage or no such "
    "class, 130 stopped with Ctrl+C"
)
_ABOUT = """\
Get photos to train a model on from Open Images, a public collection of Flickr photos under free licences.

  alpacasorter dataset download --class Alpaca --limit 200 --others 200 --out DIR
  alpacasorter dataset classes alpaca      which classes are there?

This and nothing else uses the network, and only while the command runs.
"""
_DOWNLOAD = """\
Fetch photos of one or more classes into DIR, one sub-folder for each class. Who made each photo, and under which
licence, is written into DIR/ATTRIBUTION.csv. The command can be stopped at any time and given again: it goes on where
it stopped, and photos that you deleted stay deleted. A larger --limit keeps what is there and adds to it.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command with both of its sub-commands."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter dataset",
        parents=[version_option()],
        description=_ABOUT,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_download(commands)
    _add_classes(commands)
    return parser


def _add_download(commands: Any) -> None:
    parser = commands.add_parser(
        "download",
        parents=[quiet_option(), version_option()],
        help="fetch photos of a class",
        description=_DOWNLOAD,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--class",
        dest="classes",
        metavar="NAME",
        action="append",
        required=True,
        help="what the photos show, such as Alpaca; may be given several times",
    )
    parser.add_argument("--out", metavar="DIR", type=given_path, required=True, help="folder for the class folders")
    parser.add_argument(
        "--limit", metavar="N", type=_one_or_more, default=100, help="photos of each class (default: 100)"
    )
    parser.add_argument(
        "--others",
        metavar="N",
        type=_none_or_more,
        help="also fetch N photos that do not show the class, into not_CLASS (others with several classes). By "
        "default these are photos of which people said so when asked, so many of them look like it",
    )
    parser.add_argument(
        "--not-class",
        dest="look_alikes",
        metavar="NAME",
        action="append",
        default=[],
        help="take the other photos from this class instead, such as Sheep; may be given several times",
    )
    parser.add_argument(
        "--subset",
        dest="subsets",
        choices=("validation", "test", "train"),
        action="append",
        help="where to look; may be given several times. By default all, and train, whose lists have 1 GB, only when "
        "the others do not have enough",
    )
    parser.add_argument("--seed", type=int, default=0, help="another number gives other photos (default: 0)")
    parser.add_argument(
        "--connections", metavar="N", type=_connections, default=8, help="photos to fetch at once (default: 8)"
    )
    _add_common(parser)
    parser.set_defaults(command=_run_download_command, model=None)


def _add_classes(commands: Any) -> None:
    parser = commands.add_parser(
        "classes",
        parents=[quiet_option(), version_option()],
        help="list the classes there are",
        description="List the classes of Open Images, or those with TEXT in their name.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="part of a name")
    _add_common(parser)
    parser.set_defaults(command=_classes, model=None)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--base-url",
        metavar="URL",
        type=_address,
        help="a mirror, with the lists below URL/openimages and the photos below URL/open-images-dataset",
    )


def _whole(text: str, lowest: int, highest: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from {lowest} to {highest:,}")
    return number


def _one_or_more(text: str) -> int:
    return _whole(text, 1, 1_000_000)


def _none_or_more(text: str) -> int:
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
        raise argparse.ArgumentTypeError(f"{text} is not an address that begins with https:// or http://")
    return text


def _run_download_command(options: argparse.Namespace) -> int:

    subsets = tuple(dict.fromkeys(options.subsets or ()))
    others = options.others
    if others is None:
        others = options.limit if options.look_alikes else 0
    return run_download(
        options.out,
        classes=tuple(options.classes),
        limit=options.limit,
        others=others,
        look_alikes=tuple(options.look_alikes),
        subsets=subsets,
        seed=options.seed,
        connections=options.connections,
        base_url=options.base_url,
        as_json=options.as_json,
        quiet=options.quiet,
    )


def _classes(options: argparse.Namespace) -> int:

    return run_classes(options.text, base_url=options.base_url, as_json=options.as_json, quiet=options.quiet)
