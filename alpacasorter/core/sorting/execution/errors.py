"""What a sort raises when a file can't be done: this file alone, or nothing more for now."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _


class FileFault(Exception):
    """One file can't be sorted, and the sort goes on; the message is a reason (see `core.reasons`)."""


class Halt(Exception):
    """Nothing more can be done for now, and the sort stops; the message is a sentence for the user."""


def folder_gone(folder: Path) -> Halt:
    """Return what to raise where a folder is gone, possibly because its drive is."""
    return Halt(
        _("The folder {folder} is no longer there. If it is on a removable drive, connect it, then try again.").format(
            folder=display_path(folder)
        )
    )


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of the system while the block reads `path` into faults."""
    try:
        yield
    except OSError as error:
        raise _halt(error, path) or FileFault(reasons.for_sorting(error)) from error


@contextlib.contextmanager
def removing(path: Path) -> Iterator[None]:
    """Turn errors of the system while the block removes `path` into faults."""
    try:
        yield
    except OSError as error:
        reason = reasons.for_removing(error, display_path(path.parent))
        raise _halt(error, path, writes=True) or FileFault(reason) from error


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the system while the block creates `path` into faults."""
    try:
        yield
    except OSError as error:
        reason = reasons.for_writing(error, display_path(path.parent))
        raise _halt(error, path, writes=True) or FileFault(reason) from error


def _halt(error: OSError, path: Path, *, writes: bool = False) -> Halt | None:
    """Return what stops the whole sort; None where the error concerns this file alone."""
    if reasons.is_full(error):
        said = _("The disk with {folder} is full. Free some space, then resume or undo the sort.")
    elif error.errno == errno.EROFS:
        said = _("The disk with {folder} is read-only. Make it writable, then resume or undo the sort.")
    elif reasons.is_disk_gone(error):
        said = _("The disk with {folder} is not responding. Reconnect it, then resume or undo the sort.")
    elif error.errno == errno.EIO and writes:
        # A spot on a card that can't be read concerns one photo; one that can't be written concerns the disk.
        said = _("The disk with {folder} reported an error. Check it, then resume or undo the sort.")
    else:
        return None
    return Halt(said.format(folder=display_path(path.parent)))
