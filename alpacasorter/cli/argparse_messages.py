"""What argparse itself says, in the language in use: its headings, and its sentences about wrong arguments."""

from __future__ import annotations

import argparse
from typing import Final

from alpacasorter.i18n import N_, _, ngettext

# The messages of Python 3.11 to 3.14 that somebody who types a command can come across. They are Python's to word.
MESSAGES: Final = (
    N_("usage: "),
    N_("positional arguments"),
    N_("options"),
    N_("subcommands"),
    N_("%(heading)s:"),
    N_("show this help message and exit"),
    N_("show program's version number and exit"),
    N_(" (default: %(default)s)"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("%(prog)s: warning: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("unknown parser %(parser_name)r (choices: %(choices)s)"),
    N_("can't open '%(filename)s': %(error)s"),
    N_("unrecognized arguments: %s"),
    N_("not allowed with argument %s"),
    N_("ignored explicit argument %r"),
    N_("the following arguments are required: %s"),
    N_("one of the arguments %s is required"),
    N_("expected one argument"),
    N_("expected at most one argument"),
    N_("expected at least one argument"),
    N_("ambiguous option: %(option)s could match %(matches)s"),
    N_("unexpected option string: %s"),
    N_("invalid %(type)s value: %(value)r"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)"),
)


def translate_argparse() -> None:
    """Have argparse speak the language in use from now on."""
    # It takes its messages from the catalog of Python, which nobody ships, and offers no other way to give it one.
    argparse._ = _  # type: ignore[attr-defined]
    argparse.ngettext = _counted  # type: ignore[attr-defined]


def _counted(singular: str, plural: str, number: int) -> str:
    if singular == "expected %s argument":
        return ngettext("expected %s argument", "expected %s arguments", number)
    return singular if number == 1 else plural
