"""What a sort raises when a file can't be handled: `FileFault` for this file alone, `Halt` for the whole sort.

Both carry a reason (see `core.reasons`) as their message, because both may end up in the journal.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path


class FileFault(Exception):
    """One file can't be sorted, and the sort goes on; the message is a reason."""


class Halt(Exception):
    """The sort has to stop for now; the message is a reason."""


def folder_gone(folder: Path) -> Halt:
    """Return what to raise where a folder is gone, possibly because its drive is."""
    return Halt(reasons.code(reasons.SORT_FOLDER_GONE, folder=display_path(folder)))


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn system errors into `FileFault` or `Halt` while the block reads `path`."""
    try:
        yield
    except OSError as error:
        raise _halt(error, path) or FileFault(os_errors.for_sorting(error)) from error


@contextlib.contextmanager
def removing(path: Path) -> Iterator[None]:
    """Turn system errors into `FileFault` or `Halt` while the block removes `path`."""
    try:
        yield
    except OSError as error:
        reason = os_errors.for_removing(error, display_path(path.parent))
        raise _halt(error, path, writes=True) or FileFault(reason) from error


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn system errors into `FileFault` or `Halt` while the block creates `path`."""
    try:
        yield
    except OSError as error:
        reason = os_errors.for_writing(error, display_path(path.parent))
        raise _halt(error, path, writes=True) or FileFault(reason) from error


def _halt(error: OSError, path: Path, *, writes: bool = False) -> Halt | None:
    """Return what stops the whole sort; None where the error concerns this file alone."""
    if os_errors.is_full(error):
        reason = reasons.DISK_FULL
    elif error.errno == errno.EROFS:
        reason = reasons.DISK_READ_ONLY
    elif os_errors.is_disk_gone(error):
        reason = reasons.DISK_NOT_RESPONDING
    elif error.errno == errno.EIO and writes:
        # An unreadable spot on a card affects one photo; a write error affects the disk.
        reason = reasons.DISK_ERROR
    else:
        return None
    return Halt(reasons.code(reason, folder=display_path(path.parent)))
