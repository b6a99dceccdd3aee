"""Running a piece of a test without the rights of the administrator, whom no permission stops."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NOBODY = 65534


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Run the block as a user whom permissions stop; skip the test where there are none such."""
    if os.name != "posix":
        pytest.skip("permissions are tested on POSIX systems")
    if os.geteuid() != 0:
        yield
        return
    # The program imports it only when it is needed, and that user may not be able to read where it is installed.
    importlib.import_module("tqdm")
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Give a new folder that every user may enter, which pytest's own may not be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
