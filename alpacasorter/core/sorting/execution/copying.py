"""Copies one file to a temporary name, with its times and permissions, and verifies the copy by reading it back."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path, flush
from alpacasorter.core.sorting.execution.errors import FileFault, Halt, reading, writing

CHUNK: Final = 1 << 20

_COPYFILE_ACL: Final = 1
_COPYFILE_XATTR: Final = 4

_PLAIN: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_READ: Final = os.O_RDONLY | _PLAIN | getattr(os, "O_NONBLOCK", 0)
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_MAKE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN | _NO_FOLLOW


class CopyStopped(Exception):
    """The user stopped the copy; nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A finished copy: the SHA-256 of its bytes, and its modification time in nanoseconds."""

    digest: bytes
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """The modification time (nanoseconds) and permissions of a copy that doesn't get those of its original."""

    mtime_ns: int
    mode: int | None


def copy(
    original: Path,
    temp: Path,
    size: int,
    mtime_ns: int,
    *,
    stamp: Stamp | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[int, None, Copied]:
    """Copy a file, and yield the size of each piece in bytes.

    Args:
        original: a regular file, or a link to one.
        temp: where to copy it; a name of our own, so anything that has it is deleted.
        size: bytes that the original must have.
        mtime_ns: modification time that it must have.
        stamp: what the copy gets instead of the original's time and permissions.
        stopped: asked between the pieces.

    Returns:
        The copy, which is on the disk and was read back. Its name may not be on the disk yet.

    Raises:
        FileFault, Halt, CopyStopped: it was not copied; nothing is left of the copy.
    """
    done = False
    try:
        with reading(original):
            source = os.open(original, _READ)
        try:
            digest = yield from _write(source, original, temp, (size, mtime_ns), stopped)
        finally:
            os.close(source)
        with writing(temp):
            changed = _stamp(original, temp, stamp)
            if _digest_on_disk(temp) != digest:
                raise FileFault(reasons.NOT_THE_SAME)
        done = True
        return Copied(digest, changed)
    finally:
        if not done:
            with contextlib.suppress(OSError):
                remove(temp)


def digest_of(path: Path) -> bytes:
    """Return the SHA-256 of a file's bytes; raises OSError if it can't be read."""
    handle = os.open(path, _READ)
    try:
        return _digest(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Delete a file if it exists, on Windows even a read-only one; raises OSError."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        if os.name == "posix":
            raise
        mode = path.lstat().st_mode
        path.chmod(stat.S_IWRITE)
        try:
            path.unlink()
        except OSError:
            path.chmod(stat.S_IMODE(mode))
            raise


def sync_names(folder: Path, *, is_needed: bool = False) -> None:
    """Wait until the names in a folder are on the disk, on platforms that can do that.

    Args:
        folder: the folder.
        is_needed: whether a folder that no longer exists is a failure, too.

    Raises:
        Halt: the disk reports that they are not.
    """
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY | _PLAIN)
    except PermissionError:
        return  # It is writable but not readable, so it can't be synced.
    except FileNotFoundError as error:
        if is_needed:
            raise _not_synced(folder) from error
        return
    except OSError as error:
        raise _not_synced(folder) from error
    try:
        flush(handle)
    except OSError as error:
        raise _not_synced(folder) from error
    finally:
        os.close(handle)


def _not_synced(folder: Path) -> Halt:
    return Halt(reasons.code(reasons.FOLDER_NOT_SYNCED, folder=display_path(folder)))


def _write(
    source: int, original: Path, temp: Path, expected: tuple[int, int], stopped: Callable[[], bool]
) -> Generator[int, None, bytes]:
    with reading(original):
        _check(source, expected)
    with writing(temp):
        remove(temp)
        target = os.open(temp, _MAKE, 0o600)
    try:
        digest = hashlib.sha256()
        while True:
            if stopped():
                raise CopyStopped
            with reading(original):
                piece = os.read(source, CHUNK)
            if not piece:
                break
            digest.update(piece)
            with writing(temp):
                left = memoryview(piece)
                while left:
                    left = left[os.write(target, left) :]
            yield len(piece)
        with reading(original):
            _check(source, expected)
        with writing(temp):
            flush(target)
    finally:
        os.close(target)
    return digest.digest()


def _check(source: int, expected: tuple[int, int]) -> None:
    status = os.fstat(source)
    if not stat.S_ISREG(status.st_mode):
        raise FileFault(reasons.SORT_NOT_REGULAR)
    if (status.st_size, status.st_mtime_ns) != expected:
        raise FileFault(reasons.CHANGED)


def _stamp(original: Path, temp: Path, stamp: Stamp | None) -> int:
    """Give the copy the times, permissions and other metadata that can be kept; return its modification time."""
    status = original.stat()
    try:
        shutil.copystat(original, temp)
    except OSError:
        # The disk can't hold one kind of metadata: keep the others.
        with contextlib.suppress(OSError):
            os.utime(temp, ns=(status.st_atime_ns, status.st_mtime_ns))
        with contextlib.suppress(OSError):
            temp.chmod(stat.S_IMODE(status.st_mode))
    if sys.platform == "darwin":
        # Python doesn't copy Finder metadata: tags, comments, access lists.
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).copyfile(os.fsencode(original), os.fsencode(temp), None, _COPYFILE_ACL | _COPYFILE_XATTR)
    if sys.platform != "win32":
        made = temp.stat()
        if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
            # Only an administrator can change the owner, and doing so clears some permissions.
            with contextlib.suppress(OSError):
                os.chown(temp, status.st_uid, status.st_gid)
                temp.chmod(stat.S_IMODE(status.st_mode))
    if stamp is not None:
        if stamp.mode is not None:
            with contextlib.suppress(OSError):
                temp.chmod(stamp.mode)
        with contextlib.suppress(OSError):
            os.utime(temp, ns=(status.st_atime_ns, stamp.mtime_ns))
    return temp.stat().st_mtime_ns


def _digest_on_disk(path: Path) -> bytes:
    """Return the digest of a file that was just written, read from the disk itself if the system can do that."""
    handle = os.open(path, _READ | _NO_FOLLOW)
    try:
        # The metadata that was set after the data was written has to be on the disk, too.
        flush(handle)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        return _digest(handle)
    finally:
        os.close(handle)


def _digest(handle: int) -> bytes:
    digest = hashlib.sha256()
    while piece := os.read(handle, CHUNK):
        digest.update(piece)
    return digest.digest()
