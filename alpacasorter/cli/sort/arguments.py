"""The arguments of `alpacasorter sort` and `alpacasorter watch`, and the sort options they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.cli.usage import (
    absolute,
    device_option,
    exclusion_options,
    given_path,
    model_option,
    quiet_option,
    share,
    variant_option,
    version_option,
)
from alpacasorter.core.sorting.options import USUAL_MIN_CONFIDENCE, Action, DifferentTags, Leftovers, SortOptions
from alpacasorter.core.taken import Clock, clock_of, clock_right_at, parse_moment, parse_offset
from alpacasorter.i18n import _, join

if TYPE_CHECKING:
    from alpacasorter.core.labels import LabeledPhoto, LabelSet

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
    "clock": "--clock",
    "different_tags": "--different-tags",
    "recursive": "--recursive",
    "exclude": "--exclude",
    "nomedia": "--nomedia",
    "dry_run": "--dry-run",
    "device": "--device",
    "model": "--model",
    "variant": "--variant",
}
"""Options of a new sort that can't be combined with earlier sorts: name in the parsed options, and as typed."""


class Usage(Exception):
    """The options make no sense together; the message is a sentence for the user."""


def sort_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter sort`."""
    # Options that are not given are not set, so that the command can tell which were given.
    parser = argparse.ArgumentParser(
        prog="alpacasorter sort",
        usage=_(
            "alpacasorter sort FOLDER --into DIR [options]\n"
            "       alpacasorter sort --resume|--rollback|--undo [ID]\n"
            "       alpacasorter sort --history"
        ),
        description=_sort_description(),
        epilog=_sort_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        parents=_shared(),
    )
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=given_path, default=None, help=_("the folder to sort")
    )
    _add_options(parser, into=_("destination folder; it is created if it does not exist"))
    _add_leftovers(parser)
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        help=_("include subfolders (the default), or only the folder itself"),
    )
    parser.add_argument("--dry-run", action="store_true", help=_("only print the plan; nothing is moved or created"))
    earlier = parser.add_argument_group(_("earlier sorts"), _("ID is the number shown by --history"))
    which = earlier.add_mutually_exclusive_group()
    for flag, words in (
        ("--resume", _("resume an interrupted sort")),
        ("--rollback", _("undo an interrupted sort")),
        ("--undo", _("undo a finished sort (default: the latest)")),
    ):
        which.add_argument(flag, metavar="ID", nargs="?", type=_number, const=None, help=words)
    which.add_argument("--history", action="store_true", help=_("list all sorts, the latest first"))
    parser.add_argument("--json", action="store_true", help=_("print one JSON object per line (see docs/sorting.md)"))
    return parser


def _shared() -> list[argparse.ArgumentParser]:
    """Return the options that `sort` and `watch` share with other commands."""
    device, model = device_option(argparse.SUPPRESS), model_option()
    return [device, model, variant_option(), exclusion_options(), quiet_option(), version_option()]


def watch_parser() -> argparse.ArgumentParser:
    """Return the parser of `alpacasorter watch`."""
    parser = argparse.ArgumentParser(
        prog="alpacasorter watch",
        description=_(
            "Judge the photos in a folder, then every new photo that arrives, until Ctrl+C or SIGTERM."
            " With --into, new photos are also sorted if the model is certain enough."
        ),
        epilog=_watch_exit_codes(),
        argument_default=argparse.SUPPRESS,
        parents=_shared(),
    )
    parser.add_argument("folder", metavar="FOLDER", type=given_path, help=_("the folder to watch"))
    parser.add_argument("--json", action="store_true", help=_("print one JSON object per line (see docs/sorting.md)"))
    parser.add_argument("--new-only", action="store_true", help=_("skip the photos that are already in the folder"))
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        help=_("include subfolders (the default), or only the folder itself"),
    )
    _add_options(
        parser.add_argument_group(_("sorting new photos"), _("used only with --into")),
        into=_("destination folder for new photos"),
    )
    return parser


def _add_options(parser: argparse._ActionsContainer, into: str) -> None:
    add = parser.add_argument
    add("--into", metavar="DIR", type=given_path, help=into)
    add(
        "--action",
        choices=[action.value for action in Action],
        metavar="|".join(Action),
        help=_("what to do with each photo (default: move)"),
    )
    add(
        "--pattern",
        metavar="PATTERN",
        # Translators: the fields in braces, such as {label}, are not translated.
        help=_("folder structure inside DIR, such as {label}/{taken:%%Y-%%m} (default: {label})"),
    )
    add(
        "--name",
        metavar="LABEL=FOLDER",
        action="append",
        help=_("folder name to use for a label in the pattern; can be repeated"),
    )
    add(
        "--clock",
        metavar="CAMERA=OFFSET",
        action="append",
        help=_(
            'correct the clock of a camera for {taken}, such as "Canon EOS R5=+01:00" or "Canon EOS R5 #1234=-1d'
            ' 02:00"; or say when a photo was actually taken: "IMG_1.JPG=2024-05-01 14:32:10"; can be repeated'
        ),
    )
    add(
        "--only",
        metavar="LABEL",
        action="append",
        help=_("sort only photos with this label; can be repeated"),
    )
    add(
        "--min-confidence",
        metavar="P",
        type=share,
        help=_(
            "photos with a lower confidence, 0 to 1, count as unsure unless you labeled them (default: {default})"
        ).format(default=f"{USUAL_MIN_CONFIDENCE:g}"),
    )
    _add_different_tags(parser)


def _add_different_tags(parser: argparse._ActionsContainer) -> None:
    choices = [choice.value for choice in DifferentTags]
    parser.add_argument(
        "--different-tags",
        choices=choices,
        metavar="|".join(choices),
        help=_(
            "what to do with photos that belong together, such as an original and its edited version, but have"
            " different tags (default: together, by your label or else the more certain tag)"
        ),
    )


def _add_leftovers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for kind, what, folder in (
        (
            "unsure",
            _("what to do with unsure photos (default: leave)"),
            _("folder name to use for unsure photos in the pattern (default: Unsure)"),
        ),
        (
            "unreadable",
            _("what to do with unreadable photos (default: leave)"),
            _("folder name to use for unreadable photos in the pattern (default: Unreadable)"),
        ),
    ):
        choices = [leftovers.value for leftovers in Leftovers]
        add(f"--{kind}", choices=choices, metavar="|".join(choices), help=what)
        add(f"--{kind}-folder", metavar="NAME", help=folder)


def _sort_description() -> str:
    return _(
        """\
Sort the photos in a folder into one folder per label. The plan is printed first. Nothing is overwritten or deleted,
and every sort can be undone.

  alpacasorter sort FOLDER --into DIR --dry-run   only show the plan
  alpacasorter sort FOLDER --into DIR             sort
  alpacasorter sort --undo                        undo the latest sort
  alpacasorter sort --history                     list all sorts
  alpacasorter sort --resume | --rollback         resume or undo an interrupted sort
"""
    )


def _sort_exit_codes() -> str:
    return _(
        "exit codes: 0 success, 1 failure, or some files could not be sorted (they are listed), 2 wrong usage, 130 "
        "Ctrl+C, 143 SIGTERM"
    )


def _watch_exit_codes() -> str:
    return _("exit codes: 0 SIGTERM, 1 failure, 2 wrong usage, 130 Ctrl+C")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(
            _("“{text}” is not the number of a sort; to list all sorts, run: alpacasorter sort --history").format(
                text=text
            )
        )
    return int(text)


def check_options(given: Mapping[str, object]) -> None:
    """Check the options as far as possible without a model, before anything is opened.

    Args:
        given: the options given.

    Raises:
        Usage: they are wrong.
    """
    from alpacasorter.core.sorting.planning.pattern import check_pattern, parse_pattern

    for flag in ("unsure", "unreadable"):
        if (name := given.get(f"{flag}_folder")) is None:
            continue
        if given.get(flag) == Leftovers.LEAVE:
            said = _("--{option}-folder can't be combined with --{option} leave, which needs no folder.")
            raise Usage(said.format(option=flag))
        if not str(name).strip():
            raise Usage(_("“{name}” is not a folder name.").format(name=name))
    if "pattern" in given and (wrong := check_pattern(str(given["pattern"]))):
        raise Usage(wrong)
    for pair in _strings(given, "name"):
        label, equals, name = pair.partition("=")
        if not (label and equals and name.strip()):
            raise Usage(_("“{text}” does not have the form LABEL=FOLDER, such as alpaca=Alpacas.").format(text=pair))
    for pair in _strings(given, "clock"):
        what, _equals, value = pair.rpartition("=")
        if not what.strip() or (parse_offset(value) is None and _exact(value) is None):
            said = _("“{text}” does not have the form CAMERA=OFFSET, such as Canon EOS R5=+01:00.")
            raise Usage(said.format(text=pair))
    if "clock" in given and not parse_pattern(str(given.get("pattern", "{label}"))).uses_taken:
        # Translators: keep {taken} as it is.
        raise Usage(_("--clock affects only {taken}, so it needs a --pattern with it."))


def sort_options(given: Mapping[str, object], destination: Path, labels: LabelSet) -> SortOptions:
    """Return the sort options that the command line asks for.

    Args:
        given: the options given; they passed `check_options`.
        destination: the folder to sort into, absolute.
        labels: of the model in use.

    Raises:
        Usage: a label is unknown.
    """
    names = {}
    for pair in _strings(given, "name"):
        label, _equals, name = pair.partition("=")
        names[_label(label, labels)] = name
    only = {_label(label, labels) for label in _strings(given, "only")}
    wanted = {
        name: given[name]
        for name in (
            *("action", "pattern", "min_confidence"),
            *("unsure", "unsure_folder", "unreadable", "unreadable_folder", "different_tags"),
        )
        if name in given
    }
    # They were parsed as text, so that argparse lists the choices as they are typed.
    for name, kind in (
        ("action", Action),
        ("unsure", Leftovers),
        ("unreadable", Leftovers),
        ("different_tags", DifferentTags),
    ):
        if name in wanted:
            wanted[name] = kind(str(wanted[name]))
    # Naming a folder implies using it.
    for flag in ("unsure", "unreadable"):
        if f"{flag}_folder" in given:
            wanted[flag] = Leftovers.FOLDER
    return SortOptions(
        destination,
        folder_names=names,
        leave_labels=frozenset(labels.names) - only if only else frozenset(),
        **wanted,  # type: ignore[arg-type]
    )


def clocks(given: Mapping[str, object], folder: Path, photos: Sequence[LabeledPhoto] | None) -> tuple[Clock, ...]:
    """Return the clocks that the command line puts right.

    Args:
        given: the options given; they passed `check_options`.
        folder: that is sorted.
        photos: its photos; None if they are yet to come.

    Raises:
        Usage: none of the photos is by such a camera, or the one that is named doesn't say when or by which camera.
    """
    found = []
    for pair in _strings(given, "clock"):
        what, _equals, value = pair.rpartition("=")
        what = what.strip()
        seconds = parse_offset(value)
        if seconds is None:
            if (moment := _exact(value)) is not None:
                found.append(_clock_of_photo(what, moment, folder, photos or ()))
            continue
        clock = Clock(what, seconds)
        if photos is not None and not any(clock_of(photo.camera, [clock]) for photo in photos):
            cameras = sorted({photo.camera for photo in photos if photo.camera})
            said = _("No photo was taken by “{camera}”.").format(camera=what)
            if cameras:
                said += " " + _("The cameras are: {names}.").format(names=join(cameras))
            raise Usage(said)
        found.append(clock)
    return tuple(found)


def _clock_of_photo(name: str, moment: datetime, folder: Path, photos: Sequence[LabeledPhoto]) -> Clock:
    """Return by how much the clock of a photo's camera was wrong if it was taken at this moment."""
    path = Path(name)
    wanted = {absolute(path), folder / path}
    photo = next((photo for photo in photos if photo.path in wanted), None)
    if photo is None:
        raise Usage(_("There is no photo “{name}” in the folder.").format(name=name))
    if photo.taken_at is not None and not photo.camera:
        raise Usage(_("“{name}” doesn't say by which camera it was taken.").format(name=name))
    clock = photo.camera and clock_right_at(photo.taken_at, photo.taken_from, photo.camera, moment)
    if not clock:
        raise Usage(_("“{name}” doesn't say when it was taken, or by which camera.").format(name=name))
    return clock


def _exact(text: str) -> datetime | None:
    """Return a moment with a time of day; None if the text is none."""
    at = parse_moment(text)
    return None if at is None or "T" not in at else datetime.fromisoformat(at).replace(tzinfo=None)


def _strings(given: Mapping[str, object], name: str) -> list[str]:
    value = given.get(name, [])
    return [str(one) for one in value] if isinstance(value, list) else []


def _label(text: str, labels: LabelSet) -> str:
    """Return the label with this name, or with this name for display."""
    for label in labels.names:
        if text.casefold() in (label.casefold(), labels.display(label).casefold()):
            return label
    said = _("The current model has no label “{label}”. Its labels are {known}.")
    raise Usage(said.format(label=text, known=join(labels.names[::-1])))
