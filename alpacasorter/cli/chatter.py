"""Keeps the chatter of TensorFlow off the screen."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Keep what TensorFlow writes to file descriptors 1 and 2 off the screen; Python's own streams go on as they were.

    It comes from C++, tells nothing that a user needs, and no setting turns all of it off.
    """
    try:
        kept = {number: os.dup(number) for number in (1, 2)}
    except OSError:
        # A windowed program has no streams.
        yield
        return
    streams = {1: sys.stdout, 2: sys.stderr}
    own: dict[int, TextIO] = {}
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            for number, stream in streams.items():
                stream.flush()
                if _goes_to(stream, number):
                    own[number] = os.fdopen(
                        os.dup(number), "w", encoding=stream.encoding, errors=stream.errors, buffering=1
                    )
                os.dup2(nowhere.fileno(), number)
        sys.stdout = own.get(1, sys.stdout)
        sys.stderr = own.get(2, sys.stderr)
        yield
    finally:
        for stream in own.values():
            with contextlib.suppress(OSError):
                stream.close()
        sys.stdout, sys.stderr = streams[1], streams[2]
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)


def _goes_to(stream: TextIO, number: int) -> bool:
    try:
        return int(stream.fileno()) == number
    except (OSError, ValueError, AttributeError):
        return False
