"""Why a file could not be moved, copied or linked, in plain words, and which causes concern all files at once."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path

CHANGED: Final = "The file was changed since the plan was made. Plan again to sort it as it is now."
TAKEN: Final = "In the meantime another file has this name at the destination. Plan again to give it another one."
IS_LINK: Final = "This is a link to a file elsewhere, so it was left. Copy it instead of moving it."
NOT_REGULAR: Final = "This is not an ordinary file, so it was left."
IN_USE: Final = "Another program is using this file. Close it there and try again."
NAME_TOO_LONG: Final = (
    "The name at the destination, with its folders, is too long. Choose shorter names and plan again."
)
NAME_REFUSED: Final = "The disk at the destination doesn't take this name. Rename the file and plan again."
TOO_LARGE: Final = "The file is too large for the kind of disk at the destination. Choose another one."
NOT_THE_SAME: Final = (
    "What was written at the destination was not what was read, so the copy was thrown away. Check that disk."
)
NO_HARD_LINKS: Final = (
    "There can be no hard links at the destination, or not to a file of another user. Copy or move instead."
)
LINK_ACROSS_DISKS: Final = "The destination is on another disk, where a hard link can't lead to. Copy or move instead."
NO_SYMLINKS: Final = "The system doesn't allow symbolic links at the destination. Copy or move instead."
FOLDER_GONE: Final = "The folder at the destination is no longer there. Plan again."
NOT_WRITTEN: Final = "The system could not do this. Try again."

CHANGED_THERE: Final = "The file was changed after it was sorted, so it was left where it is."
GONE_THERE: Final = (
    "The file is no longer where it was sorted to: it was moved, renamed or deleted."
    " If a later sort moved it, undo that one first."
)
PLACE_TAKEN: Final = "Another file is now where this one came from, so it was left where it is."
COPY_GONE: Final = (
    "What was written at the destination was changed or taken away at once, so the file was kept where it is."
)
ORIGINAL_GONE: Final = "The file it was made from is no longer there, so this one was left where it is."
ORIGINAL_CHANGED: Final = "The file it was made from has changed since, so this one was left where it is."

_UNSUPPORTED: Final = frozenset(
    getattr(errno, name) for name in ("ENOTSUP", "EOPNOTSUPP", "ENOSYS") if hasattr(errno, name)
)
_FULL: Final = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name))
_DISK_GONE: Final = frozenset(
    getattr(errno, name)
    for name in (
        *("ENODEV", "ENXIO", "ESTALE", "ENOTCONN", "ESHUTDOWN", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN"),
        *("ENETUNREACH", "ENETRESET", "ECONNRESET", "ECONNABORTED", "ETIMEDOUT", "EREMOTEIO", "ENOMEDIUM"),
    )
    if hasattr(errno, name)
)
_WINDOWS_IN_USE: Final = frozenset((32, 33))
_WINDOWS_NO_PRIVILEGE: Final = 1314


class FileFault(Exception):
    """One file can't be done; the message is a sentence for the user, and the sort goes on."""


class Halt(Exception):
    """Nothing more can be done for now; the message is a sentence for the user, and the sort stops."""


class Unsupported(Exception):
    """The file systems here can't do it in this way, so that another has to be taken."""


class OtherDisk(Exception):
    """The two places turn out to be on different disks."""


def folder_gone(folder: Path) -> Halt:
    """Return what to say where a folder is gone and its drive may be."""
    return Halt(
        f"The folder {display_path(folder)} is not there any more. If it is on a drive, connect that, then try again."
    )


def is_unsupported(error: OSError) -> bool:
    """Tell whether a file system says that it doesn't know how to do something."""
    return error.errno in _UNSUPPORTED


def together(name: Path) -> str:
    """Return why a file was left because its companion `name` had to be."""
    return f"It belongs to {display_path(name.name)}, which could not be done, so it was left together with it."


def left_together(name: Path) -> str:
    """Return why a file was not taken back because its companion `name` was not."""
    return f"It belongs to {display_path(name.name)}, which was left where it is, so it was left, too."


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system says while the block reads `path` into a fault."""
    try:
        yield
    except OSError as error:
        raise _of_all(error, path) or FileFault(_reason(error, reasons.for_file(error))) from error


@contextlib.contextmanager
def removing(path: Path) -> Iterator[None]:
    """Turn what the system says while the block takes `path` away into a fault."""
    try:
        yield
    except OSError as error:
        reason = reasons.for_file(error)
        if isinstance(error, PermissionError):
            folder = display_path(path.parent)
            reason = f"You don't have permission to take files out of the folder {folder}. Check its permissions."
        raise _of_all(error, path, writes=True) or FileFault(_reason(error, reason)) from error


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says while the block makes `path` into a fault."""
    try:
        yield
    except OSError as error:
        raise _of_all(error, path, writes=True) or FileFault(_reason(error, _why_not_made(error, path))) from error


def _reason(error: OSError, reason: str) -> str:
    code = getattr(error, "winerror", None)
    return IN_USE if code in _WINDOWS_IN_USE or reason == reasons.IN_USE else reason


def _why_not_made(error: OSError, path: Path) -> str:
    if getattr(error, "winerror", None) == _WINDOWS_NO_PRIVILEGE:
        return NO_SYMLINKS
    if isinstance(error, PermissionError):
        return f"You don't have permission to write in the folder {display_path(path.parent)}. Check its permissions."
    if is_unsupported(error):
        return NOT_WRITTEN
    return {
        errno.EEXIST: TAKEN,
        errno.ENOTEMPTY: TAKEN,
        errno.EISDIR: TAKEN,
        errno.ENOENT: FOLDER_GONE,
        errno.ENOTDIR: FOLDER_GONE,
        errno.ENAMETOOLONG: NAME_TOO_LONG,
        errno.EINVAL: NAME_REFUSED,
        errno.EILSEQ: NAME_REFUSED,
        errno.EFBIG: TOO_LARGE,
        errno.EMFILE: reasons.TOO_MANY_OPEN,
        errno.ENFILE: reasons.TOO_MANY_OPEN,
    }.get(error.errno or 0, NOT_WRITTEN)


def _of_all(error: OSError, path: Path, *, writes: bool = False) -> Halt | None:
    """Return what stops the sort as a whole, or None where it is about this file alone."""
    folder = display_path(path.parent)
    after = "then finish the sort or roll it back."
    if error.errno in _FULL:
        return Halt(f"The disk with {folder} is full. Free some space, {after}")
    if error.errno == errno.EROFS:
        return Halt(f"The disk with {folder} can only be read. Make it writable, {after}")
    if error.errno in _DISK_GONE:
        return Halt(f"The disk with {folder} doesn't answer. Connect it again, {after}")
    # One place on a card that can't be read is about one photo. One that can't be written is about the disk.
    if error.errno == errno.EIO and writes:
        return Halt(f"The disk with {folder} gave an error. Check it, {after}")
    return None
