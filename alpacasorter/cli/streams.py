"""Standard streams where there are none: a windowed program has none, and whatever writes to None raises."""

from __future__ import annotations

import contextlib
import os
import sys

_LAST = 2


def open_streams() -> None:
    """Have standard output and error, and their file descriptors, be there: what is missing leads nowhere."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    if os.name == "posix":
        with contextlib.suppress(OSError):
            _open_descriptors()
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _open_descriptors() -> None:
    """Open what of 0, 1 and 2 is closed: else the next file gets the number, and a library's chatter goes into it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        # As those that a process is started with: its own children have them, too.
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
