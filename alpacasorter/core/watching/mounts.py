"""Which file systems can't tell of changes, because they are made by other computers or programs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

_SILENT: Final = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "ncp"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"),
        *("drvfs", "webdav", "afpfs", "acfs", "macfuse", "osxfuse"),
    )
)
# A disk that is only driven from user space does tell.
_TELLING_FUSE: Final = frozenset(("fuse.exfat", "fuse.lowntfs-3g", "fuse.ntfs", "fuse.ntfs-3g", "fuseblk"))
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def is_silent(folder: Path, table: Path = Path("/proc/self/mountinfo")) -> bool:
    """Tell whether changes in a folder may be made without this system hearing of it: on a network drive, for example.

    Args:
        folder: absolute.
        table: where Linux lists what is mounted.
    """
    if sys.platform == "win32":
        return _is_remote_on_windows(folder)
    kind = _kind(os.path.realpath(folder), table)
    return kind in _SILENT or (kind.startswith("fuse") and kind not in _TELLING_FUSE)


def _kind(path: str, table: Path) -> str:
    """Return the kind of the file system that a path is on, as Linux calls it; empty where that can't be told."""
    found, longest = "", -1
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, separator, after = line.partition(" - ")
        words = before.split(" ")
        if not separator or len(words) < 5:
            continue
        place = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), words[4])
        # Of two that are mounted over each other the later one is seen.
        if len(place) >= longest and (path == place or path.startswith(place.rstrip("/") + "/")):
            found, longest = after.split(" ", 1)[0], len(place)
    return found


def _is_remote_on_windows(folder: Path) -> bool:
    drive = folder.absolute().drive
    if drive.startswith("\\\\"):
        return True
    import ctypes

    remote = 4
    windows = getattr(ctypes, "windll", None)
    return windows is not None and windows.kernel32.GetDriveTypeW(drive + "\\") == remote
