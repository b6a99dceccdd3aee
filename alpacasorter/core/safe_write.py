"""Writes a file whole or not at all: first under another name beside it, then under its own.

Also gives a file another name without ever replacing a file that has that name: by a hard link, by an atomic rename, or
by a guard.
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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from alpacasorter.core.files import flush_file, flush_folder, is_locked, lock_file
from alpacasorter.core.os_errors import is_unsupported

_TEMPORARY: Final = re.compile(r"\.alpacasorter-[0-9a-f]{12}\.half(\.\w+)?")
"""Names made by `_temporary`. Temporary files of sorts have other names; the journal lists them."""
_OLD_TEMPORARY: Final = re.compile(r"\.alpacasorter-[0-9a-f]{12}\.part")
"""Names that earlier versions gave theirs, without locking them."""
_BEGINNING_S: Final = 2.0
_ABANDONED_S: Final = 3600.0
"""Age at which no process can still be writing a temporary file that is not locked."""

_ACCESS_LIST: Final = "system.posix_acl_access"


class Unsupported(Exception):
    """The file systems here don't support this operation, so another one must be used."""


class OtherDisk(Exception):
    """The two paths turn out to be on different disks."""


class ChangedMeanwhile(Exception):
    """Another program wrote the file between reading and writing it; it was left as it is now."""


@contextlib.contextmanager
def creating(path: Path, *, suffix: str = "", guard: bytes = b"") -> Iterator[Path]:
    """Give the block an empty file to write to; when the block ends, the whole file gets its name.

    Args:
        path: the file. If another program creates it in the meantime, that one stays.
        suffix: a suffix that the path to write at must have, such as ".keras".
        guard: what `path` holds for a moment if the system has no other way to take a free name.

    Raises:
        FileExistsError: the file exists; it was not touched.
        OSError: it can't be written; nothing is left of it.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))
    with _temporary(path, suffix) as (temporary, let_go):
        yield temporary
        flush_file(temporary)
        let_go()
        publish(temporary, path, guard)


@contextlib.contextmanager
def replacing(path: Path, *, suffix: str = "", expected: os.stat_result | None = None) -> Iterator[Path]:
    """Give the block an empty file to write to; when the block ends, the whole file replaces the one at `path`, if any.

    No system can replace a file only if it is still a certain one. So whether it is the expected one is checked last,
    right before it is replaced: what another program saves between these two system calls, which are microseconds
    apart, is lost.

    Args:
        path: the file. Mode, owner, and on Linux the extended attributes and access lists of the one that is replaced
            are kept as far as the system allows.
        suffix: a suffix that the path to write at must have, such as ".keras".
        expected: the status of the file when it was read; None if that does not matter.

    Raises:
        ChangedMeanwhile: it is another file now, or has been written since.
        OSError: it can't be written; the file that was there stays.
    """
    with _temporary(path, suffix) as (temporary, let_go):
        yield temporary
        flush_file(temporary)
        let_go()
        with contextlib.suppress(OSError):
            _copy_metadata(temporary, path)
        if expected is not None and _changed(path, expected):
            raise ChangedMeanwhile
        # Nothing may come in between, see above.
        temporary.replace(path)


def write_new(path: Path, chunks: Iterable[bytes], *, guard: bytes = b"") -> None:
    """Write a file that does not exist yet; arguments and errors as for `creating`."""
    with creating(path, guard=guard) as temporary:
        _write(temporary, chunks)


def write_over(path: Path, chunks: Iterable[bytes], *, expected: os.stat_result | None = None) -> None:
    """Write a file, replacing it if it exists; arguments and errors as for `replacing`."""
    with replacing(path, expected=expected) as temporary:
        _write(temporary, chunks)


def delete(path: Path, *, expected: os.stat_result) -> None:
    """Delete a file that is as it was when it was read, which is checked right before, as in `replacing`.

    Raises:
        ChangedMeanwhile: it is another file now, or has been written since.
        OSError: it can't be deleted.
    """
    if _changed(path, expected):
        raise ChangedMeanwhile
    path.unlink()


def settle(folders: Iterable[Path]) -> None:
    """Wait until the names in these folders are on the disk, as far as that is possible."""
    for folder in folders:
        with contextlib.suppress(OSError):
            flush_folder(folder)


def is_ours(name: str) -> bool:
    """Tell whether a file name is one that this module gives its temporary files."""
    return _TEMPORARY.fullmatch(name) is not None or _OLD_TEMPORARY.fullmatch(name) is not None


def sweep(files: Iterable[Path]) -> None:
    """Delete temporary files that were left when the app was killed, as far as possible; none that may be in use.

    Args:
        files: files; those without a name of ours stay.
    """
    for file in files:
        if not is_ours(file.name):
            continue
        with contextlib.suppress(OSError):
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode):
                continue
            in_use = is_locked(file) if _TEMPORARY.fullmatch(file.name) else None
            # A file that was just moved here, or got an old time because of its content, is not old.
            age = time.time() - max(status.st_mtime, status.st_ctime)
            # One that is locked in this very moment is still empty.
            is_left = in_use is False and (status.st_size > 0 or age > _BEGINNING_S)
            if is_left or (in_use is None and age > _ABANDONED_S):
                file.unlink()


def sweep_folder(folder: Path) -> None:
    """Delete what was left in a folder when the app was killed, as `sweep` does."""
    with contextlib.suppress(OSError):
        sweep([folder / name for name in os.listdir(folder) if is_ours(name)])  # noqa: PTH208  # only names are needed


def publish(file: Path, name: Path, guard: bytes = b"") -> None:
    """Give a complete file its name by the best way that works here; the file loses the name it had.

    Args:
        file: the file.
        name: absolute, on the same disk.
        guard: see `give_name`.

    Raises:
        FileExistsError: the name is taken, by whichever program was first.
        OSError: it can't be done.
    """
    ways = list(How)
    because = OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), os.fspath(name))
    for how in ways[ways.index(FIRST) :]:
        try:
            give_name(file, name, how, guard)
            break
        except FileExistsError:
            raise
        except (Unsupported, OtherDisk):
            continue
        except OSError as error:
            # Disks without links report that in many ways, so only the last way shows what is wrong.
            because = error
    else:
        raise because
    file.unlink(missing_ok=True)


@contextlib.contextmanager
def _temporary(path: Path, suffix: str) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Yield a new file beside another one, locked so that no other instance deletes it; remove leftovers at the end.

    The second value is called before the file gets its name.
    """
    # Not by `tempfile`, whose files other users of the computer can't read.
    temporary = path.with_name(f".alpacasorter-{secrets.token_hex(6)}.half{suffix}")
    with contextlib.ExitStack() as stack:
        stack.callback(temporary.unlink, missing_ok=True)
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        closing = stack.enter_context(contextlib.ExitStack())
        closing.callback(os.close, handle)
        lock_file(handle)
        # Windows renames no file that is open; elsewhere the lock is kept until the file has its name.
        yield temporary, closing.close if os.name == "nt" else lambda: None


def _write(temporary: Path, chunks: Iterable[bytes]) -> None:
    with temporary.open("wb") as file:
        file.writelines(chunks)


def _copy_metadata(temporary: Path, path: Path) -> None:
    """Give a file what the one it will replace has besides its content, except its times, as far as possible."""
    status = path.stat()
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.chown(temporary, status.st_uid, status.st_gid)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            _copy_attributes(temporary, path)
    # After the access lists, which are among the attributes; both hold the same mode.
    shutil.copymode(path, temporary)


if sys.platform == "linux":

    def _copy_attributes(temporary: Path, path: Path) -> None:
        names = os.listxattr(path)
        for name in names:
            with contextlib.suppress(OSError):
                os.setxattr(temporary, name, os.getxattr(path, name))
        if _ACCESS_LIST not in names:
            # The folder may have given the new file one that lets more people read it.
            with contextlib.suppress(OSError):
                os.removexattr(temporary, _ACCESS_LIST)


def _changed(path: Path, expected: os.stat_result) -> bool:
    try:
        now = path.lstat()
    except FileNotFoundError:
        return True
    # Both come from lstat: on Windows, listing a folder gives no file numbers.
    return (now.st_ino, now.st_size, now.st_mtime_ns) != (expected.st_ino, expected.st_size, expected.st_mtime_ns)


_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1
_RENAME_EXCL: Final = 4

_NO_FOLLOW: Final = {"follow_symlinks": False} if os.link in os.supports_follow_symlinks else {}
_NOT_HERE: Final = frozenset((errno.EPERM, errno.EMLINK))


class How(enum.StrEnum):
    """How a file gets its new name, the best way first. Each fails if the name is taken.

    Attributes:
        LINK: a hard link first; the old name is removed when the new one is on the disk.
        RENAME: the system's rename that refuses to replace.
        GUARD: a small file of our own takes the name and is then replaced by a plain rename.
    """

    LINK = "link"
    RENAME = "rename"
    GUARD = "guard"


FIRST: Final = How.LINK if os.name == "posix" else How.RENAME
"""The way that is tried first. On Windows a plain rename refuses to replace, so no link is needed."""


def give_name(file: Path, name: Path, how: How, guard: bytes) -> None:
    """Give `file` another name on the same disk. With LINK it also keeps its own.

    Args:
        file: what gets the name.
        name: absolute, in an existing folder.
        how: the way.
        guard: the content of a guard, by which `is_guard` recognizes one that was left behind.

    Raises:
        FileExistsError: the name is taken.
        Unsupported: this way is not possible here.
        OtherDisk: the name is on another disk.
        OSError: it failed for another reason.
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
    """Tell whether a file is a guard that was left behind, written or still empty.

    Only to be asked where the journal says that a guard was about to be written.
    """
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
    """Return the C library's rename that refuses to replace, which returns 0 on success; None if it has none."""
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
