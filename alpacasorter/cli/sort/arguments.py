"""The arguments of `alpacasorter sort` and `alpacasorter watch`, and what they mean for a sort."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.cli.usage import device_option, given_path, model_option, quiet_option, share, version_option
from alpacasorter.core.sorting.options import USUAL_MIN_CONFIDENCE, Action, Leftovers, SortOptions

if TYPE_CHECKING:
    from alpacasorter.core.labels import LabelSet

SORT_EXIT_CODES: Final = (
    "exit codes: 0 all was done, 1 it failed or some files could not be done (they are named), 2 wrong usage, "
    "130 Ctrl+C, 143 SIGTERM"
)
WATCH_EXIT_CODES: Final = "exit codes: 0 ended by SIGTERM, 1 it failed, 2 wrong usage, 130 ended by Ctrl+C"

_SORT: Final = """\
Sort the photos of a folder: one folder for each label. What goes where is printed first; nothing is overwritten,
nothing is deleted, and every sort can be taken back.

  alpacasorter sort FOLDER --into DIR --dry-run   only show what would be done
  alpacasorter sort FOLDER --into DIR             do it
  alpacasorter sort --undo                        take the latest sort back
  alpacasorter sort --history                     list the sorts
  alpacasorter sort --resume | --rollback         go on with a sort that was broken off, or put all back
"""

PLAN_ONLY: Final = {
    "folder": "FOLDER",
    "into": "--into",
    "action": "--action",
    "pattern": "--pattern",
    "name": "--name",
    "only": "--only",
    "min_confidence": "--min-confidence",
    "unsure": "--unsure",
    "unsure_folder": "--unsure-folder",
    "unreadable": "--unreadable",
    "unreadable_folder": "--unreadable-folder",
    "recursive": "--recursive",
    "dry_run": "--dry-run",
    "device": "--device",
    "model": "--model",
}
"""What goes with a new sort only: names in the parsed options, and as they are typed."""


class Usage(Exception):
    """The command can't be meant like this; the message is a sentence for the user."""


def sort_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter sort`."""
    # What is not given is not set, so that it can be told what was given.
    parser = argparse.ArgumentParser(
        prog="alpacasorter sort",
        usage="alpacasorter sort FOLDER --into DIR [options]\n"
        "       alpacasorter sort --resume|--rollback|--undo [ID]\n"
        "       alpacasorter sort --history",
        description=_SORT,
        epilog=SORT_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        parents=[device_option(argparse.SUPPRESS), model_option(), quiet_option(), version_option()],
    )
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=given_path, default=None, help="the folder to sort")
    _add_options(parser, into="the folder below which the photos go; it need not be there yet")
    _add_leftovers(parser)
    parser.add_argument(
        "--recursive", action=argparse.BooleanOptionalAction, help="look into sub-folders too (default), or not"
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what would be done; nothing is created")
    earlier = parser.add_argument_group("sorts made earlier", "ID is the number that --history shows")
    which = earlier.add_mutually_exclusive_group()
    for flag, words in (
        ("--resume", "go on with a sort that was broken off"),
        ("--rollback", "put all back that a sort had done when it was broken off"),
        ("--undo", "take a finished sort back (default: the latest)"),
    ):
        which.add_argument(flag, metavar="ID", nargs="?", type=_number, const=None, help=words)
    which.add_argument("--history", action="store_true", help="list the sorts, the latest first")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, see docs/sorting.md")
    return parser


def watch_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter watch`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter watch",
        description="Judge the photos of a folder, then every photo that arrives in it, until Ctrl+C or SIGTERM. "
        "With --into, photos that arrive are sorted, too, if they are sure enough.",
        epilog=WATCH_EXIT_CODES,
        argument_default=argparse.SUPPRESS,
        parents=[device_option(argparse.SUPPRESS), model_option(), quiet_option(), version_option()],
    )
    parser.add_argument("folder", metavar="FOLDER", type=given_path, help="the folder")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, see docs/sorting.md")
    parser.add_argument("--new-only", action="store_true", help="leave out the photos that are there already")
    parser.add_argument(
        "--recursive", action=argparse.BooleanOptionalAction, help="look into sub-folders too (default), or not"
    )
    _add_options(
        parser.add_argument_group("sorting as photos arrive", "off unless --into is given"),
        into="the folder below which photos that arrive go",
    )
    return parser


def _add_options(parser: argparse._ActionsContainer, into: str) -> None:
    add = parser.add_argument
    add("--into", metavar="DIR", type=given_path, help=into)
    add(
        "--action",
        choices=[action.value for action in Action],
        metavar="|".join(Action),
        help="what is done with each photo (default: move)",
    )
    add("--pattern", metavar="PATTERN", help="folders below DIR, such as {label}/{taken:%%Y-%%m} (default: {label})")
    add(
        "--name",
        metavar="LABEL=FOLDER",
        action="append",
        help="what stands for a label in the pattern; may be given for each label",
    )
    add(
        "--only",
        metavar="LABEL",
        action="append",
        help="sort photos with this label only; may be given more than once",
    )
    add(
        "--min-confidence",
        metavar="P",
        type=share,
        help=f"below it, 0 to 1, a photo that you did not correct is unsure (default: {USUAL_MIN_CONFIDENCE:g})",
    )


def _add_leftovers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for kind, words in (("unsure", "photos below it"), ("unreadable", "photos that can't be read")):
        add(
            f"--{kind}",
            choices=[leftovers.value for leftovers in Leftovers],
            metavar="|".join(Leftovers),
            help=f"what is done with {words} (default: leave)",
        )
        add(
            f"--{kind}-folder",
            metavar="NAME",
            help=f"what stands for their label in the pattern (default: {kind.capitalize()})",
        )


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a sort; alpacasorter sort --history lists them")
    return int(text)


def check_options(given: Mapping[str, object]) -> None:
    """Check, before anything is opened, what can be checked without a model.

    Args:
        given: the options that were given.

    Raises:
        Usage: something is wrong.
    """
    from alpacasorter.core.sorting.planning.pattern import check_pattern

    for flag in ("unsure", "unreadable"):
        if (name := given.get(f"{flag}_folder")) is None:
            continue
        if given.get(flag) == Leftovers.LEAVE:
            raise Usage(f"--{flag}-folder names a folder, but --{flag} leave says that none is wanted.")
        if not str(name).strip():
            raise Usage(f"“{name}” is no name of a folder.")
    if "pattern" in given and (wrong := check_pattern(str(given["pattern"]))):
        raise Usage(wrong)
    for pair in _strings(given, "name"):
        label, equals, name = pair.partition("=")
        if not (label and equals and name.strip()):
            raise Usage(f"“{pair}” is no LABEL=FOLDER, such as alpaca=Alpacas.")


def sort_options(given: Mapping[str, object], destination: Path, labels: LabelSet) -> SortOptions:
    """Return what the options ask of a sort.

    Args:
        given: those that were given and passed `check_options`.
        destination: the folder below which photos go, absolute.
        labels: of the model in use.

    Raises:
        Usage: a label is unknown.
    """
    names = {}
    for pair in _strings(given, "name"):
        label, _, name = pair.partition("=")
        names[_label(label, labels)] = name
    only = {_label(label, labels) for label in _strings(given, "only")}
    wanted = {
        name: given[name]
        for name in (
            *("action", "pattern", "min_confidence"),
            *("unsure", "unsure_folder", "unreadable", "unreadable_folder"),
        )
        if name in given
    }
    # They were read as text, so that argparse lists the choices as they are typed.
    for name, kind in (("action", Action), ("unsure", Leftovers), ("unreadable", Leftovers)):
        if name in wanted:
            wanted[name] = kind(str(wanted[name]))
    # Whoever names a folder wants it to be used.
    for flag in ("unsure", "unreadable"):
        if f"{flag}_folder" in given:
            wanted[flag] = Leftovers.FOLDER
    return SortOptions(
        destination,
        folder_names=names,
        leave_labels=frozenset(labels.names) - only if only else frozenset(),
        **wanted,  # type: ignore[arg-type]
    )


def _strings(given: Mapping[str, object], name: str) -> list[str]:
    value = given.get(name, [])
    return [str(one) for one in value] if isinstance(value, list) else []


def _label(text: str, labels: LabelSet) -> str:
    """Return the label that is meant: by its name, or as people read it."""
    for label in labels.names:
        if text.casefold() in (label.casefold(), labels.display(label).casefold()):
            return label
    known = " and ".join(labels.names[::-1])
    raise Usage(f"The model in use has no label “{text}”. Its labels are {known}.")
