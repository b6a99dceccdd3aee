"""Writing a file whole or not at all: under another name first, then in its place.

Gives a file another name without ever replacing what has that name: by a link, an atomic rename, or a guard.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import errno
import functools
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from alpacasorter.core.reasons import is_unsupported

_FULL: Final = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
_OURS: Final = re.compile(r"\.alpacasorter-[0-9a-f]{12}\.part")
"""What `_half` calls a file. A sort calls its own by more digits and a number, and knows itself which are left."""
_FORGOTTEN_S: Final = 3600.0
"""Age from which nobody can be writing such a file any more."""

_ACCESS_LIST: Final = "system.posix_acl_access"


class Unsupported(Exception):
    """The file systems here don't support this operation, so another way has to be taken."""


class OtherDisk(Exception):
    """The two paths turn out to be on different disks."""


class ChangedMeanwhile(Exception):
    """Another program wrote the file between reading and writing it; it was left as it is now."""


def write_new(path: Path, chunks: Iterable[bytes], *, guard: bytes = b"") -> None:
    """Write a file that is not there yet; one that another program puts there meanwhile stays.

    Args:
        path: the file.
        chunks: what is to be in it.
        guard: what stands there for a moment where the system has no other way to take a name that is free.

    Raises:
        FileExistsError: it is there; it was not touched.
        OSError: it can't be written; nothing is left of it.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))
    half = _half(path)
    try:
        _write(half, chunks)
        _publish(half, path, guard)
    finally:
        half.unlink(missing_ok=True)


def write_over(path: Path, chunks: Iterable[bytes], *, expected: os.stat_result | None = None) -> None:
    """Write a file in the place of one that may be there; until it is whole, that one stays.

    No system can replace a file only if it is still a certain one. So whether it is as expected is looked at last,
    right before it is replaced: what another program saves between these two calls of the system, which is some
    millionths of a second, is lost.

    Args:
        path: the file. Mode, owner, and on Linux extended attributes and access lists of one that is there are kept,
            as far as the system lets us.
        chunks: what is to be in it.
        expected: what the file was when it was read; None where that does not matter.

    Raises:
        ChangedMeanwhile: it is another one, or was written meanwhile.
        OSError: it can't be written; the one that was there stays.
    """
    half = _half(path)
    try:
        _write(half, chunks)
        with contextlib.suppress(OSError):
            _dress(half, path)
        if expected is not None and _changed(path, expected):
            raise ChangedMeanwhile
        # Nothing may come in between, see above.
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def delete(path: Path, *, expected: os.stat_result) -> None:
    """Delete a file that is as it was when it was read. As in `write_over`, that is looked at right before.

    Raises:
        ChangedMeanwhile: it is another one, or was written meanwhile.
        OSError: it can't be deleted.
    """
    if _changed(path, expected):
        raise ChangedMeanwhile
    path.unlink()


def settle(folders: Iterable[Path]) -> None:
    """Wait until the names in these folders are on the disk, as far as that can be done."""
    # Imported here: the window knows this module before it shows, and does without databases until then.
    from alpacasorter.core.store.database import sync_folder

    for folder in folders:
        with contextlib.suppress(OSError):
            sync_folder(folder)


def is_ours(name: str) -> bool:
    """Tell whether a file is called as those that are written here, before they get their names."""
    return _OURS.fullmatch(name) is not None


def sweep(files: Iterable[Path]) -> None:
    """Delete what was left here when the app was killed, as far as that can be done: no file that is in use.

    Args:
        files: of names that are ours.
    """
    for file in files:
        with contextlib.suppress(OSError):
            status = file.lstat()
            # A file that was just moved here, or has an old time because of its content, is not old.
            age = time.time() - max(status.st_mtime, status.st_ctime)
            if is_ours(file.name) and stat.S_ISREG(status.st_mode) and age > _FORGOTTEN_S:
                file.unlink()


def why_not_written(error: OSError) -> str:
    """Return why a file can't be written, a sentence for the user."""
    if error.errno in _FULL:
        return "There is no space left on the disk. Make room and try again."
    if error.errno == errno.EROFS:
        return "The disk can only be read. Switch off its write protection, or choose another place."
    if error.errno in (errno.EACCES, errno.EPERM):
        return "You don't have permission to write there."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "The folder is not there."
    if error.errno == errno.EISDIR:
        return "There is a folder of this name."
    if error.errno == errno.ENAMETOOLONG:
        return "The name is too long."
    return "The system could not write it."


def _half(path: Path) -> Path:
    # Not by `tempfile`, which would keep other users of the computer from reading what comes of it.
    return path.with_name(f".alpacasorter-{secrets.token_hex(6)}.part")


def _write(half: Path, chunks: Iterable[bytes]) -> None:
    with half.open("xb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())


def _publish(half: Path, path: Path, guard: bytes) -> None:
    """Give a whole file its name, unless the name is taken; whoever takes it first keeps it."""
    # Imported here, as above: the window has nothing to write before it shows.
    ways = list(How)
    because = OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), os.fspath(path))
    for how in ways[ways.index(FIRST) :]:
        try:
            give_name(half, path, how, guard)
            return
        except FileExistsError:
            raise
        except (Unsupported, OtherDisk):
            continue
        except OSError as error:
            # Disks without links say so in many ways, so what is wrong shows with the last way only.
            because = error
    raise because


def _dress(half: Path, path: Path) -> None:
    """Give a file what the one it will replace has beside its content, but not its times: each as far as possible."""
    status = path.stat()
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.chown(half, status.st_uid, status.st_gid)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            _copy_attributes(half, path)
    # Access lists are among those; the mode is the same in both.
    shutil.copymode(path, half)


if sys.platform == "linux":

    def _copy_attributes(half: Path, path: Path) -> None:
        names = os.listxattr(path)
        for name in names:
            with contextlib.suppress(OSError):
                os.setxattr(half, name, os.getxattr(path, name))
        if _ACCESS_LIST not in names:
            # The folder may have given it one, by which more people could read it.
            with contextlib.suppress(OSError):
                os.removexattr(half, _ACCESS_LIST)


def _changed(path: Path, expected: os.stat_result) -> bool:
    try:
        now = path.lstat()
    except FileNotFoundError:
        return True
    # Windows tells no number of a file where it lists a folder, and all come from lstat here.
    return (now.st_ino, now.st_size, now.st_mtime_ns) != (expected.st_ino, expected.st_size, expected.st_mtime_ns)


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
