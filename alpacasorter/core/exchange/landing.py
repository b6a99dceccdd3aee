"""Writing a file whole or not at all: under another name first, then in its place."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_FULL: Final = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))


class ChangedMeanwhile(Exception):
    """Another program wrote the file between reading and writing it; it was left as it is now."""


def write_new(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that is not there yet.

    Raises:
        FileExistsError: it is there; it was not touched.
        OSError: it can't be written; nothing is left of it.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))
    half = _half(path)
    try:
        _write(half, chunks)
        _publish(half, path)
    finally:
        half.unlink(missing_ok=True)


def write_over(path: Path, chunks: Iterable[bytes], *, expected: os.stat_result | None = None) -> None:
    """Write a file in the place of one that may be there; until it is whole, that one stays.

    Args:
        path: the file. Mode and owner of one that is there are kept.
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
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def delete(path: Path, *, expected: os.stat_result) -> None:
    """Delete a file that is as it was when it was read.

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
    from alpacasorter.core.database import sync_folder

    for folder in folders:
        with contextlib.suppress(OSError):
            sync_folder(folder)


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


def _publish(half: Path, path: Path) -> None:
    """Give a whole file its name, unless the name is taken."""
    try:
        os.link(half, path)
        return
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        # Such as exFAT, which knows no links.
        pass
    # It takes the name for itself; what is replaced then is nobody's.
    with path.open("xb"):
        pass
    try:
        half.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _dress(half: Path, path: Path) -> None:
    """Give a file the mode, and where possible the owner, of the one it will replace."""
    status = path.stat()
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(half, status.st_uid, status.st_gid)
    shutil.copymode(path, half)


def _changed(path: Path, expected: os.stat_result) -> bool:
    try:
        now = path.lstat()
    except FileNotFoundError:
        return True
    # Windows tells no number of a file where it lists a folder, and all come from lstat here.
    return (now.st_ino, now.st_size, now.st_mtime_ns) != (expected.st_ino, expected.st_size, expected.st_mtime_ns)
