"""Whether two files hold the same bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from alpacasorter.core.sorting.plan import PlanStopped

_BLOCK: Final = 1024 * 1024


def same_bytes(one: Path, other: Path, stopped: Callable[[], bool]) -> bool:
    """Tell whether two files hold the same bytes; those that can't be read do not.

    They are read side by side and not by way of their hashes, which would read both to the end though the first
    bytes differ.

    Raises:
        PlanStopped: the user did not wait.
    """
    try:
        with _open(one) as first, _open(other) as second:
            while True:
                if stopped():
                    raise PlanStopped
                block = first.read(_BLOCK)
                if block != second.read(_BLOCK):
                    return False
                if not block:
                    return True
    except OSError:
        return False


def _open(path: Path) -> BinaryIO:
    # Not blocking, in case a pipe took the place of the file; binary, for Windows. Buffered, so that blocks are whole.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags), "rb")
