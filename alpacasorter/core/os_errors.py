"""Which error of the operating system, or of a decoder, means which reason (see `core.reasons`).

This is the only map from error numbers to reasons.
"""

from __future__ import annotations

import errno
import re
import traceback
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path


def _codes(*names: str) -> frozenset[int]:
    # Not every system has all of them.
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_MISSING: Final = _codes("ENOENT", "ENOTDIR")
_PERMISSION: Final = _codes("EACCES", "EPERM")
_DISK: Final = _codes("EIO", "ENXIO", "ENODEV")
_NETWORK: Final = _codes("ESTALE", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENOTCONN")
_OPEN_FILES: Final = _codes("EMFILE", "ENFILE")
_UNSUPPORTED: Final = _codes("ENOTSUP", "EOPNOTSUPP", "ENOSYS")
_FULL: Final = _codes("ENOSPC", "EDQUOT")
_DISK_GONE: Final = _codes(
    *("ENODEV", "ENXIO", "ESTALE", "ENOTCONN", "ESHUTDOWN", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"),
    *("ENETRESET", "ECONNRESET", "ECONNABORTED", "ETIMEDOUT", "EREMOTEIO", "ENOMEDIUM"),
)
_WINDOWS_IN_USE: Final = frozenset((32, 33))
_WINDOWS_NO_PRIVILEGE: Final = 1314

_CUT_SHORT: Final = re.compile(
    r"truncat|end[ -]of[ -]file|\beof\b|premature|not enough data|unexpected end", re.IGNORECASE
)

_NOT_SUPPORTED: Final = re.compile(
    r"unsupported|not (?:yet )?supported|unknown pixel mode|unknown data organization|cannot handle|no codec",
    re.IGNORECASE,
)


class InternalError(Exception):
    """An error whose message no user reads: it is for the log, in English."""


def for_log(error: BaseException) -> str:
    """Return an error for the log, which is in English whatever the language of the user.

    Our own errors but InternalError carry sentences for the user, so of those the cause is told, or else only the kind
    and the place.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    kind = type(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f"{kind.__name__}: {errno.errorcode[error.errno]} {error.filename or ''}".rstrip()
    if isinstance(error, InternalError) or not kind.__module__.startswith("alpacasorter."):
        return repr(error)
    places = traceback.extract_tb(error.__traceback__)
    return f"{kind.__name__} at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else kind.__name__


def for_file(error: OSError) -> str:
    """Return why the status or the content of a file could not be read."""
    if getattr(error, "winerror", None) in _WINDOWS_IN_USE:
        return reasons.IN_USE
    number = error.errno
    if number in _MISSING:
        return reasons.VANISHED
    if number in _PERMISSION:
        return reasons.NO_PERMISSION
    if number in _DISK:
        return reasons.DISK_FAULT
    if number in _NETWORK:
        return reasons.NETWORK_FAULT
    if number in _OPEN_FILES:
        return reasons.TOO_MANY_OPEN
    return {
        errno.EISDIR: reasons.IS_FOLDER,
        errno.ELOOP: reasons.LINK_LOOP,
        errno.ENAMETOOLONG: reasons.NAME_TOO_LONG,
        errno.ENOMEM: reasons.NO_MEMORY,
    }.get(number or 0, reasons.NOT_OPENED)


def for_folder(error: OSError, *, missing: str = reasons.FOLDER_VANISHED) -> str:
    """Return why a folder could not be listed; `missing` is the reason if it does not exist."""
    number = error.errno
    if number == errno.ENOTDIR:
        return reasons.NOT_A_FOLDER
    if number in _MISSING:
        return missing
    if number in _PERMISSION:
        return reasons.FOLDER_NO_PERMISSION
    if number in _DISK:
        return reasons.FOLDER_DISK_FAULT
    reason = for_file(error)
    return reasons.FOLDER_NOT_OPENED if reason == reasons.NOT_OPENED else reason


def for_saving(error: OSError) -> str:
    """Return why a file other than a sorted photo could not be written, such as an export, a report or a setting."""
    if getattr(error, "winerror", None) in _WINDOWS_IN_USE:
        return reasons.SORT_IN_USE
    number = error.errno
    if number in _FULL:
        return reasons.SAVE_DISK_FULL
    if number in _PERMISSION:
        return reasons.SAVE_NO_PERMISSION
    if number in _MISSING:
        return reasons.SAVE_FOLDER_MISSING
    reason = {
        errno.EROFS: reasons.SAVE_READ_ONLY,
        errno.EISDIR: reasons.SAVE_IS_FOLDER,
        errno.ENAMETOOLONG: reasons.SAVE_NAME_TOO_LONG,
        errno.EFBIG: reasons.TOO_LARGE,
    }.get(number or 0)
    return reason or reasons.code(reasons.NOT_SAVED, error=display_path(error.strerror or str(error)).rstrip("."))


def for_decoder(error: Exception) -> str:
    """Return why a decoder failed on bytes that begin like a picture.

    Decoders often tell causes apart only in their messages, so those are searched too.
    """
    if isinstance(error, MemoryError):
        return reasons.NO_MEMORY
    # By name, because this module must not import the decoders.
    if type(error).__name__ in ("DecompressionBombError", "DecompressionBombWarning"):
        return reasons.TOO_MANY_PIXELS
    if isinstance(error, NotImplementedError | ImportError) or _NOT_SUPPORTED.search(str(error)):
        return reasons.UNKNOWN_KIND
    if isinstance(error, EOFError) or _CUT_SHORT.search(str(error)):
        return reasons.TRUNCATED
    return reasons.DAMAGED


def for_sorting(error: OSError) -> str:
    """Return why a file that is being sorted could not be read."""
    reason = for_file(error)
    return reasons.SORT_IN_USE if reason == reasons.IN_USE else reason


def for_removing(error: OSError, folder: str) -> str:
    """Return why a file could not be removed from a folder, given as it is shown."""
    reason = for_sorting(error)
    if isinstance(error, PermissionError) and reason != reasons.SORT_IN_USE:
        return reasons.code(reasons.NO_REMOVING, folder=folder)
    return reason


def for_writing(error: OSError, folder: str) -> str:
    """Return why a file could not be created in a folder, given as it is shown."""
    windows = getattr(error, "winerror", None)
    if windows in _WINDOWS_IN_USE:
        return reasons.SORT_IN_USE
    if windows == _WINDOWS_NO_PRIVILEGE:
        return reasons.NO_SYMLINKS
    if isinstance(error, PermissionError):
        return reasons.code(reasons.NO_WRITING, folder=folder)
    if is_unsupported(error):
        return reasons.NOT_WRITTEN
    if error.errno in _OPEN_FILES:
        return reasons.TOO_MANY_OPEN
    return {
        errno.EEXIST: reasons.TAKEN,
        errno.ENOTEMPTY: reasons.TAKEN,
        errno.EISDIR: reasons.TAKEN,
        errno.ENOENT: reasons.TARGET_FOLDER_GONE,
        errno.ENOTDIR: reasons.TARGET_FOLDER_GONE,
        errno.ENAMETOOLONG: reasons.TARGET_TOO_LONG,
        errno.EINVAL: reasons.TARGET_REFUSED,
        errno.EILSEQ: reasons.TARGET_REFUSED,
        errno.EFBIG: reasons.TOO_LARGE,
    }.get(error.errno or 0, reasons.NOT_WRITTEN)


def is_unsupported(error: OSError) -> bool:
    """Tell whether the file system does not support the operation."""
    return error.errno in _UNSUPPORTED


def is_full(error: OSError) -> bool:
    """Tell whether the disk, or the user's share of it, is full."""
    return error.errno in _FULL


def is_disk_gone(error: OSError) -> bool:
    """Tell whether the disk or network drive no longer responds at all."""
    return error.errno in _DISK_GONE
