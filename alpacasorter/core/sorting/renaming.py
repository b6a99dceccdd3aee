"""Gives a file another name without ever replacing what has that name: by a link, an atomic rename, or a guard."""

from __future__ import annotations

import contextlib
import ctypes
import enum
import errno
import functools
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from alpacasorter.core.sorting.faults import OtherDisk, Unsupported, is_unsupported

_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1
_RENAME_EXCL: Final = 4

_NO_FOLLOW: Final = {"follow_symlinks": False} if os.link in os.supports_follow_symlinks else {}
_NOT_HERE: Final = frozenset((errno.EPERM, errno.EMLINK))


class How(enum.StrEnum):
    """How a file gets its new name, the best way first. Each fails where the name is taken.

    Attributes:
        LINK: a second name first; the old one is taken away when the new one is on the disk.
        RENAME: the system's rename that refuses to replace.
        GUARD: an empty file of our own takes the name, and is then replaced by a plain rename.
    """

    LINK = "link"
    RENAME = "rename"
    GUARD = "guard"


FIRST: Final = How.LINK if os.name == "posix" else How.RENAME
"""The way that is tried first. On Windows a plain rename refuses to replace."""


def give_name(file: Path, name: Path, how: How, guard: bytes) -> None:
    """Give `file` another name on the same disk. With LINK it keeps its own, too.

    Args:
        file: what gets the name.
        name: absolute, in a folder that is there.
        how: the way.
        guard: what is written into a guard, so that it is known for ours whatever happens.

    Raises:
        FileExistsError: the name is taken.
        Unsupported: this way is not possible here.
        OtherDisk: the name is on another disk.
        OSError: it could not be done.
    """
    try:
        if how is How.LINK:
            os.link(file, name, **_NO_FOLLOW)
        elif how is How.RENAME:
            _rename_without_replacing(file, name)
        else:
            _replace_guard(file, name, guard)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise OtherDisk from error
        if is_unsupported(error) or (how is How.LINK and error.errno in _NOT_HERE):
            raise Unsupported from error
        if how is How.RENAME and error.errno == errno.EINVAL:
            raise Unsupported from error
        raise


def is_guard(path: Path, guard: bytes) -> bool:
    """Tell whether a file is a guard that was left, written or not yet. Only where one was announced."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > len(guard):
            return False
        return status.st_size == 0 or path.read_bytes() == guard
    except OSError:
        return False


def _replace_guard(file: Path, name: Path, guard: bytes) -> None:
    handle = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    try:
        try:
            os.write(handle, guard)
            os.fsync(handle)
        finally:
            os.close(handle)
        if not is_guard(name, guard):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        file.replace(name)
    except OSError:
        with contextlib.suppress(OSError):
            if is_guard(name, guard) and file.exists():
                name.unlink()
        raise


def _rename_without_replacing(file: Path, name: Path) -> None:
    if sys.platform == "win32":
        file.rename(name)
        return
    rename = _system_rename()
    if rename is None:
        raise Unsupported
    if rename(os.fsencode(file), os.fsencode(name)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), file, None, name)


@functools.cache
def _system_rename() -> Callable[[bytes, bytes], int] | None:
    """Return the C library's rename that refuses to replace; None where it has none. It gives 0 on success."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            plain = library.renamex_np
            plain.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint)
            return lambda file, name: int(plain(file, name, _RENAME_EXCL))
        at = library.renameat2
        at.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        return lambda file, name: int(at(_AT_FDCWD, file, _AT_FDCWD, name, _RENAME_NOREPLACE))
    except (AttributeError, OSError):
        return None
