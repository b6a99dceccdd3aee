"""Files that must not end half-written, and folders that only one download at a time may write to."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from alpacasorter.core.files import display_path
from alpacasorter.training.download_errors import DownloadError

_FULL: Final = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
_TAKEN: Final = frozenset((errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK))
# Behind the end of any such file: Windows lets nobody read bytes that are locked.
_LOCKED_BYTE: Final = 1 << 30


@contextlib.contextmanager
def sentences(folder: Path) -> Iterator[None]:
    """Turn an error of the disk inside the block into a sentence that names the folder.

    Raises:
        DownloadError: in place of OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            why = "The disk is full. Make room, then run the command again; it goes on where it stopped."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            why = "You don't have permission to write there, or another program is using a file of it."
        else:
            why = f"{error.strerror or error}."
        raise DownloadError(f"{display_path(folder)} can't be written to. {why}") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a new file and bring it to the disk; nothing is left of it where that fails.

    Raises:
        OSError: the file exists, or can't be written.
    """
    with path.open("xb") as file:
        try:
            file.write(data)
            sync(file)
        except BaseException:
            file.close()
            path.unlink(missing_ok=True)
            raise


def sync(file: IO[bytes]) -> None:
    """Bring what was written to the disk itself."""
    file.flush()
    os.fsync(file.fileno())


def publish(unfinished: Path, final: Path) -> bool:
    """Give a complete file its name, unless something has that name already.

    Returns:
        Whether it has it now. If not, `unfinished` is still there.

    Raises:
        OSError: it can't be done.
    """
    try:
        os.link(unfinished, final)
    except FileExistsError:
        return False
    except OSError:
        # There are no links on exFAT and some network drives.
        if final.exists():
            return False
        unfinished.rename(final)
        return True
    unfinished.unlink()
    return True


@contextlib.contextmanager
def only_one(file: IO[bytes], folder: Path) -> Iterator[None]:
    """Hold a lock on an open file, so that two downloads never write to one folder.

    Raises:
        DownloadError: another one holds it.
    """
    try:
        _lock(file)
    except OSError as error:
        if error.errno in _TAKEN:
            raise DownloadError(
                f"Another download is writing to {display_path(folder)}. Wait until it is done, or stop it."
            ) from error
        # Some network drives know no locks; then it is up to the user.
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            _unlock(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        _at_the_byte(file, msvcrt.LK_NBLCK)

    def _unlock(file: IO[bytes]) -> None:
        _at_the_byte(file, msvcrt.LK_UNLCK)

    def _at_the_byte(file: IO[bytes], how: int) -> None:
        at = file.tell()
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), how, 1)
        finally:
            file.seek(at)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
