"""Why a photo or a folder can't be read, in plain words. One place, so that one cause has one sentence."""

from __future__ import annotations

import errno
import re
from typing import Final

from alpacasorter.core.photos.formats import SUPPORTED

EMPTY: Final = "The file is empty (0 bytes)."
BLANK: Final = "The file holds nothing but zeros. Copy the photo again from the camera."
VANISHED: Final = "The file is no longer there. It was moved, renamed or deleted."
NO_PERMISSION: Final = "You don't have permission to open this file."
IN_USE: Final = "Another program is using this file. Close it there and scan again."
IS_FOLDER: Final = "This is a folder, not a photo."
NOT_REGULAR: Final = "This is a device or a pipe, not a photo."
TOO_MANY_BYTES: Final = "The file is larger than 512 MB, which is too large for a photo."
CLOUD_ONLY: Final = "The photo is only in the cloud; download it first."
BROKEN_LINK: Final = "This is a link to a file that is no longer there."
LINK_LOOP: Final = "This is a link that leads back to itself."
DISK_FAULT: Final = "The disk could not read this file. Check the disk or the card, then copy the photo again."
NETWORK_FAULT: Final = "The network drive does not answer. Connect it again, then scan again."
NAME_TOO_LONG: Final = "The name of the file, with its folders, is too long. Shorten it and scan again."
TOO_MANY_OPEN: Final = "The system has too many files open. Close some programs and scan again."
NOT_OPENED: Final = "The system could not open this file."

TRUNCATED: Final = "The file is cut short, so the picture can't be shown. Copy it again from the camera."
DAMAGED: Final = "The file is damaged, so the picture can't be shown. Copy it again from the camera."
UNKNOWN_KIND: Final = f"The picture is of a kind that can't be read. Export it as JPEG. ({SUPPORTED} can be read.)"
NOT_A_PICTURE: Final = f"There is no picture in this file. {SUPPORTED} can be read."
TOO_MANY_PIXELS: Final = "The picture has too many pixels to be opened safely. Export a smaller copy."
NO_MEMORY: Final = "There is not enough memory to open this picture. Close some programs and scan again."
RAW_ALONE: Final = "RAW photos can't be read yet. Export it as JPEG."

FOLDER_MISSING: Final = "The folder is not there. It was moved, renamed or deleted, or its drive is not connected."
FOLDER_VANISHED: Final = "The folder is no longer there. It was moved, renamed or deleted during the scan."
NOT_A_FOLDER: Final = "This is a file, not a folder. Choose the folder it is in."
FOLDER_NO_PERMISSION: Final = "You don't have permission to open this folder."
FOLDER_DISK_FAULT: Final = "The disk could not read this folder. Check the disk or the card."
FOLDER_NOT_OPENED: Final = "The system could not open this folder."

_MISSING_CODES: Final = frozenset((errno.ENOENT, errno.ENOTDIR))
_PERMISSION_CODES: Final = frozenset((errno.EACCES, errno.EPERM))
_DISK_CODES: Final = frozenset((errno.EIO, errno.ENXIO, errno.ENODEV))
_NETWORK_NAMES: Final = (
    "ESTALE",
    "ETIMEDOUT",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "ENETDOWN",
    "ENETUNREACH",
    "ENOTCONN",
)
# Not every system has each of them.
_NETWORK_CODES: Final = frozenset(getattr(errno, name) for name in _NETWORK_NAMES if hasattr(errno, name))
_OPEN_FILES_CODES: Final = frozenset((errno.EMFILE, errno.ENFILE))
_WINDOWS_SHARING_VIOLATION: Final = 32

_CUT_SHORT: Final = re.compile(
    r"truncat|end[ -]of[ -]file|\beof\b|premature|not enough data|unexpected end", re.IGNORECASE
)


def not_a_picture(what: str | None) -> str:
    """Return the sentence for a file without a readable picture; `what` is what it is ("a video")."""
    return NOT_A_PICTURE if what is None else f"This is {what}. {SUPPORTED} can be read."


def for_file(error: OSError) -> str:
    """Return why a file could not be looked at or read."""
    if getattr(error, "winerror", None) == _WINDOWS_SHARING_VIOLATION:
        return IN_USE
    code = error.errno
    if code in _MISSING_CODES:
        return VANISHED
    if code in _PERMISSION_CODES:
        return NO_PERMISSION
    if code in _DISK_CODES:
        return DISK_FAULT
    if code in _NETWORK_CODES:
        return NETWORK_FAULT
    if code in _OPEN_FILES_CODES:
        return TOO_MANY_OPEN
    return {
        errno.EISDIR: IS_FOLDER,
        errno.ELOOP: LINK_LOOP,
        errno.ENAMETOOLONG: NAME_TOO_LONG,
        errno.ENOMEM: NO_MEMORY,
    }.get(code or 0, NOT_OPENED)


def for_folder(error: OSError, *, missing: str = FOLDER_VANISHED) -> str:
    """Return why a folder could not be listed; `missing` is the sentence where it is not there."""
    code = error.errno
    if code == errno.ENOTDIR:
        return NOT_A_FOLDER
    if code in _MISSING_CODES:
        return missing
    if code in _PERMISSION_CODES:
        return FOLDER_NO_PERMISSION
    if code in _DISK_CODES:
        return FOLDER_DISK_FAULT
    reason = for_file(error)
    return FOLDER_NOT_OPENED if reason == NOT_OPENED else reason


def for_decoder(error: Exception) -> str:
    """Return why a decoder gave up on bytes that begin like a picture.

    The decoders tell causes apart by their wording only, so the wording is looked at too.
    """
    if isinstance(error, MemoryError):
        return NO_MEMORY
    # By name: this module must stay importable without the decoders.
    if type(error).__name__ in ("DecompressionBombError", "DecompressionBombWarning"):
        return TOO_MANY_PIXELS
    if isinstance(error, NotImplementedError | ImportError):
        return UNKNOWN_KIND
    if isinstance(error, EOFError) or _CUT_SHORT.search(str(error)):
        return TRUNCATED
    return DAMAGED
