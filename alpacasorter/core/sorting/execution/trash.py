"""The system's trash: what moves a file there, and how a file is found there after a crash.

Only the window can move files to the trash, because only Qt knows how each system does that: it passes a `Trash`. What
is here needs no Qt: finding a file that was on its way when the program ended, and tidying up after one is restored.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from alpacasorter.core.files import look
from alpacasorter.core.sorting.journal import Step

_FILES, _INFO, _INFO_ENDING = "files", "info", ".trashinfo"
"""Names in a trash folder on Linux, from the specification of freedesktop.org."""
_RECYCLE_BIN, _CONTENT, _RECORD = "$Recycle.Bin", "$R", "$I"
"""Names in the recycle bin of Windows: the content of a file, and the record of where it was."""
_RECORD_PATH_AT: Final = {1: 24, 2: 28}
"""Where the path begins in such a record, by its version."""


class Trash(Protocol):
    """Moves files to the system's trash."""

    def throw(self, path: Path) -> Path | None:
        """Move a file to the trash; never delete it.

        Returns:
            Where it is in the trash; None if the system does not say.

        Raises:
            NotTrashed: it was not moved.
        """
        ...


class NotTrashed(Exception):
    """The system has not moved a file to its trash; the file is where it was."""


def trash_folders(path: Path) -> Iterator[Path]:
    """Yield the folders, existing or not, in which the system may have put a file that was thrown away.

    Args:
        path: where the file was.
    """
    if sys.platform == "win32":
        yield from _folders_in(Path(path.anchor, _RECYCLE_BIN))
        return
    user = os.getuid()
    mounts = [parent for parent in path.parents if os.path.ismount(parent)]
    if sys.platform == "darwin":
        yield Path.home() / ".Trash"
        yield from (mount / ".Trashes" / str(user) for mount in mounts)
        return
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")  # noqa: PTH111  # may have no home
    yield Path(data, "Trash", _FILES)
    for mount in mounts:
        yield mount / ".Trash" / str(user) / _FILES
        yield mount / f".Trash-{user}" / _FILES


def find_in_trash(step: Step) -> Path | None:
    """Return where a file is in the trash that was on its way there; None if it is not found.

    It is recognized by its size and time and, where the trash records that, by where it was. Of several, such as after
    it was restored and thrown away once more, the latest is meant.
    """
    found: list[tuple[int, Path]] = []
    for folder in trash_folders(step.source):
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                status = entry.stat(follow_symlinks=False)
                if (status.st_size, status.st_mtime_ns) != (step.size, step.mtime_ns):
                    continue
                there = folder / entry.name
                if stat.S_ISREG(status.st_mode) and _was_at(there, step.source):
                    found.append((status.st_ctime_ns, there))
    return max(found)[1] if found else None


def tidy_up(there: Iterable[Path]) -> None:
    """Remove the records of the trash about files that are no longer in it, or file managers would go on listing them.

    Args:
        there: where the files were in the trash.
    """
    for path in there:
        record = _record_of(path)
        if record is not None:
            with contextlib.suppress(OSError):
                if look(path) is None:
                    record.unlink()


def _folders_in(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted(path for path in folder.iterdir() if path.is_dir())


def _record_of(there: Path) -> Path | None:
    """Return the file in which the trash records where another one was; None if it has no such files."""
    if there.parent.name == _FILES:
        return there.parent.parent / _INFO / f"{there.name}{_INFO_ENDING}"
    if there.parent.parent.name == _RECYCLE_BIN and there.name.startswith(_CONTENT):
        return there.with_name(_RECORD + there.name.removeprefix(_CONTENT))
    return None


def _was_at(there: Path, source: Path) -> bool:
    """Return whether a file in the trash was at a place, or may have been where that is not recorded."""
    record = _record_of(there)
    if record is None:
        return there.suffix == source.suffix and there.stem.startswith(source.stem)
    try:
        said = record.read_bytes()
    except OSError:
        return False
    if record.name.endswith(_INFO_ENDING):
        return _path_in_info(said, there.parent.parent) == os.path.normpath(os.fsencode(source))
    return os.path.normcase(_path_in_record(said)) == os.path.normcase(source)


def _path_in_info(said: bytes, trash: Path) -> bytes | None:
    """Return the path in a record on Linux: absolute, or below the folder in which the disk is mounted."""
    for line in said.splitlines():
        key, _, value = line.partition(b"=")
        if key.strip() == b"Path":
            path = unquote_to_bytes(value.strip())
            top = trash.parent.parent if trash.parent.name == ".Trash" else trash.parent
            return os.path.normpath(os.path.join(os.fsencode(top), path))  # noqa: PTH118  # bytes
    return None


def _path_in_record(said: bytes) -> str:
    """Return the path in a record on Windows; empty if it is not one."""
    if len(said) < 8:
        return ""
    at = _RECORD_PATH_AT.get(struct.unpack_from("<q", said)[0])
    return "" if at is None else said[at:].decode("utf-16-le", "replace").partition("\0")[0]
