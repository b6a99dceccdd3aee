"""A decoder that does not come back, for pictures of one size."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpacasorter.core.photos import decode as decode_module
from tests.picture_files import make_picture

SIZE = (77, 55)

PROGRAM = """
import sys, time
from alpacasorter.cli import main
from alpacasorter.core.photos import decode
open_picture = decode.open_picture
def hang(layout, container):
    picture = open_picture(layout, container)
    if picture.size == (77, 55):
        time.sleep(120)
    return picture
decode.open_picture = hang
sys.argv[0] = "alpacasorter"
sys.exit(main())
"""
"""Runs the command line with such a decoder; its arguments follow."""


def make_hanging(path: Path, seed: int = 0) -> Path:
    """Write a picture whose decoder does not come back."""
    return make_picture(path, seed=seed, size=SIZE)


@contextlib.contextmanager
def decoder_that_hangs(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have the decoder hang until the block ends; the event is set once it does."""
    hangs, go_on = threading.Event(), threading.Event()
    open_picture = decode_module.open_picture

    def hang(layout: Any, container: str) -> Any:
        picture = open_picture(layout, container)
        if picture.size == SIZE:
            hangs.set()
            go_on.wait(120)
        return picture

    monkeypatch.setattr(decode_module, "open_picture", hang)
    try:
        yield hangs
    finally:
        go_on.set()
