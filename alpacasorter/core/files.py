"""Small questions to the file system, and the one way to order, show, lock and flush files.

What the system says of a file (hidden, only in the cloud, the same file under another name); file names in natural
order, as text that can be shown, and as names that every system accepts; locks; and waiting for the disk.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Windows attributes and macOS flags as plain numbers: `stat` has a name for each only on its own system.
_WINDOWS_HIDDEN: Final = 0x2
_WINDOWS_RECALL: Final = 0x400000 | 0x40000  # RECALL_ON_DATA_ACCESS, RECALL_ON_OPEN
_MACOS_HIDDEN: Final = 0x8000
_MACOS_DATALESS: Final = 0x40000000

_LONGEST_NAME: Final = 40
_RESERVED_ON_WINDOWS: Final = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")
"""Names of devices, which Windows refuses as file names whatever their extension."""

_DIGITS: Final = re.compile(r"([0-9]+)")
_UNSHOWABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Far past the end of any file that is locked: on Windows, locked bytes can't be read.
_LOCKED_BYTE: Final = 1 << 30
_LOCK_HELD: Final = frozenset((errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK))

_NO_FLUSH: Final = frozenset(
    getattr(errno, name) for name in ("EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF") if hasattr(errno, name)
)


Place = tuple[tuple[int, list[str | int], str], ...]
"""Sort key of a photo in folder order: one part for each folder, the last for the file name."""


# Status


def is_hidden(status: os.stat_result) -> bool:
    """Tell whether the system hides the file (Windows attribute, macOS flag); the name does not count."""
    attributes: int = getattr(status, "st_file_attributes", 0)
    flags: int = getattr(status, "st_flags", 0)
    return bool(attributes & _WINDOWS_HIDDEN or flags & _MACOS_HIDDEN)


def is_write_protected(path: Path, status: os.stat_result) -> bool:
    """Tell whether a file is write-protected, for everyone or for this user. The system would still allow replacing it.

    By its mode first, because the system lets an administrator write everything.
    """
    by_user = os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    return not by_user or not status.st_mode & 0o222


def is_cloud_only(status: os.stat_result) -> bool:
    """Tell whether reading the file would download it first (OneDrive, iCloud and the like)."""
    attributes: int = getattr(status, "st_file_attributes", 0)
    flags: int = getattr(status, "st_flags", 0)
    return bool(attributes & _WINDOWS_RECALL or flags & _MACOS_DATALESS)


def look(path: Path) -> os.stat_result | None:
    """Return the status of a file, or of a link itself; None where there is nothing."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Tell whether two statuses are of the same file. Always False where the system does not number its files."""
    return one.st_ino != 0 and (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def same_file(one: Path, other: Path) -> bool:
    """Tell whether two paths are names of the same file."""
    first, second = look(one), look(other)
    return first is not None and second is not None and is_same(first, second)


def is_second_name(one: Path, other: Path) -> bool:
    """Tell whether two paths are two hard links to the same file, so that deleting one keeps the file.

    They are not if one folder leads to the other through a link, or if the file system takes two spellings for the
    same name: then the file has only one entry, whatever it is called.
    """
    first, second = look(one), look(other)
    if first is None or second is None or not is_same(first, second) or first.st_nlink < 2:
        return False
    if _folded(one.name) != _folded(other.name):
        return True
    folders = look(one.parent.resolve()), look(other.parent.resolve())
    return folders[0] is not None and folders[1] is not None and not is_same(folders[0], folders[1])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def links_to(link: Path, file: Path) -> bool:
    """Tell whether `link` is a symbolic link whose target is written exactly as `file`."""
    try:
        target = os.readlink(link)  # noqa: PTH115  # a Path would normalize the text
    except OSError:
        return False
    return target.removeprefix("\\\\?\\") == str(file).removeprefix("\\\\?\\")


# Names


def display_path(path: str | os.PathLike[str]) -> str:
    """Return a path as text that can be shown, printed and encoded.

    Bytes that are not UTF-8, control characters and marks that change the reading direction become U+FFFD, so the
    result may not open the file.
    """
    return _UNSHOWABLE.sub("\ufffd", os.fspath(path))


def natural_key(name: str) -> list[str | int]:
    """Return the sort key of natural order: IMG_2 before IMG_10, and upper case like lower case."""
    parts: list[str | int] = list(_DIGITS.split(name.casefold()))
    # Every second part is a number, so a number is never compared with text.
    parts[1::2] = map(int, parts[1::2])
    return parts


def are_in_order(paths: Sequence[Path]) -> bool:
    """Return whether photos as the walker found them are in folder order. It sorts each folder, but puts links last.

    Only the first photo of each folder is compared: with 100,000 photos the sort keys take too long.
    """
    folder, before = "", None
    for path in paths:
        here = os.fspath(path).rpartition(os.sep)[0]
        if here != folder:
            if before is not None and folder_place(path) < folder_place(before):
                return False
            folder = here
        before = path
    return True


# A small cache suffices: a binary search for the place of a photo asks for the same few keys again and again.
@functools.lru_cache(maxsize=2**12)
def folder_place(path: Path) -> Place:
    """Return the sort key of a photo in folder order: files before subfolders, IMG_2 before IMG_10."""
    folder, name = os.path.split(path)
    return (*_ancestry(folder), (0, natural_key(name), name))


@functools.lru_cache(maxsize=2**10)
def _ancestry(folder: str) -> Place:
    above, name = os.path.split(folder)
    return (*_ancestry(above), (1, natural_key(name), name)) if name else ((1, [above], above),)


def folder_name(name: str) -> str:
    """Return a name as lower-case letters, digits and hyphens, which every system accepts as the name of a folder."""
    letters = [letter if letter.isalnum() else " " for letter in _folded(name)]
    plain = "-".join("".join(letters).split())[:_LONGEST_NAME].strip("-") or "model"
    return f"model-{plain}" if _RESERVED_ON_WINDOWS.fullmatch(plain) else plain


# Locks


def lock_file(handle: int) -> bool:
    """Lock an open file, or on POSIX a folder, until the handle is closed or the process ends.

    Never waits.

    Returns:
        False if another process, or another handle of this one, holds the lock; True otherwise, also on a network
        drive that does not support locks.
    """
    return _try_lock(handle) is not False


def _try_lock(handle: int) -> bool | None:
    """Lock an open file; return False if another holds the lock, and None if there is no telling."""
    try:
        if sys.platform == "win32":
            _at_locked_byte(handle, msvcrt.LK_NBLCK)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _LOCK_HELD else None
    return True


def is_locked(path: Path) -> bool | None:
    """Tell whether a process holds the lock of a file; None if that can't be told, as on some network drives."""
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        is_ours = _try_lock(handle)
        if is_ours:
            unlock_file(handle)
        return None if is_ours is None else not is_ours
    finally:
        os.close(handle)


def unlock_file(handle: int) -> None:
    """Release what `lock_file` locked, before the handle is closed."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            _at_locked_byte(handle, msvcrt.LK_UNLCK)
        else:
            fcntl.flock(handle, fcntl.LOCK_UN)


if sys.platform == "win32":

    def _at_locked_byte(handle: int, how: int) -> None:
        before = os.lseek(handle, 0, os.SEEK_CUR)
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, how, 1)
        finally:
            os.lseek(handle, before, os.SEEK_SET)


# Waiting for the disk


def flush(handle: int) -> None:
    """Wait until what was written through a handle is on the disk.

    Raises:
        OSError: the disk failed. Not where the file system can't be asked, as on some network drives.
    """
    try:
        if sys.platform == "darwin":
            # Plain fsync returns on macOS before the data is on the disk.
            try:
                fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            except OSError:
                os.fsync(handle)
            return
        os.fsync(handle)
    except OSError as error:
        # Windows can't flush a read-only handle.
        if error.errno not in _NO_FLUSH:
            raise


def flush_file(path: Path) -> None:
    """Wait until the content of a file is on the disk. Not for an open database: it would lose its locks."""
    with path.open("rb+") as file:
        flush(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that.

    Raises:
        OSError: the folder can't be opened.
    """
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems refuse this, and there is no other way to ask them.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
