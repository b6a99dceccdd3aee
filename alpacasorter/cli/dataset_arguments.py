"""The arguments of `alpacasorter dataset`."""

from __future__ import annotations

import argparse
import urllib.parse
from typing import Any

from alpacasorter.cli.usage import given_path

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


def build_parser(version: type[argparse.Action]) -> argparse.ArgumentParser:
    """Return the parser of the command with both of its sub-commands; `version` prints that of the program."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter dataset",
        description=_ABOUT,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_download(commands, version)
    _add_classes(commands, version)
    return parser


def _add_download(commands: Any, version: type[argparse.Action]) -> None:
    parser = commands.add_parser(
        "download",
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
    _add_common(parser, version)
    parser.set_defaults(command=_download, model=None)


def _add_classes(commands: Any, version: type[argparse.Action]) -> None:
    parser = commands.add_parser(
        "classes",
        help="list the classes there are",
        description="List the classes of Open Images, or those with TEXT in their name.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="part of a name")
    _add_common(parser, version)
    parser.set_defaults(command=_classes, model=None)


def _add_common(parser: argparse.ArgumentParser, version: type[argparse.Action]) -> None:
    parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument(
        "--base-url",
        metavar="URL",
        type=_address,
        help="a mirror, with the lists below URL/openimages and the photos below URL/open-images-dataset",
    )
    parser.add_argument("--version", action=version)


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


def _download(options: argparse.Namespace) -> int:
    from alpacasorter.cli.dataset import run_download

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
    from alpacasorter.cli.dataset import run_classes

    return run_classes(options.text, base_url=options.base_url, as_json=options.as_json, quiet=options.quiet)
