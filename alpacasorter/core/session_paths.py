"""Where a session stores its data, readable by its owner only, and how paths that the user enters become absolute."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of a session.

    Attributes:
        bundle: the model; None for the one that the user has chosen.
        data: for the library and its backups, which must not be lost.
        cache: for the cache, which can be made again.
        variant: name of the model's variant to use; None for the one that the user has chosen.
    """

    bundle: Path | None
    data: Path
    cache: Path
    variant: str | None = None


def plain_absolute(path: Path) -> Path:
    """Return an absolute path without "~", "." and "..", whose links are not resolved.

    The user knows the folder by the name they entered, and the cache knows photos by their paths.
    """
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100  # resolve() would follow links


# Private folders

_OWNER_FOLDER: Final = 0o700
_OTHERS: Final = 0o077
_OURS: Final = re.compile(
    r"\.?(library|cache|crash|alpacasorter)[.-].*|backups|models|model-(?:in-use|variants)\.json|reports|logs|open-images|keras|keywords-in-photos",
    re.IGNORECASE,
)
"""The names of everything that the app puts in its folders."""


def private_folder(folder: Path) -> None:
    """Create a folder that only its owner may enter, with its parents; one that exists stays as it is.

    Raises:
        OSError: it can't be created.
    """
    missing = [folder]
    while not missing[-1].parent.exists() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for one in reversed(missing):
        one.mkdir(_OWNER_FOLDER, exist_ok=True)


def private_file(name: str | os.PathLike[str], flags: int) -> int:
    """Open a file for `open(…, opener=private_file)`; one that is created may only be read by its owner."""
    return os.open(name, flags, 0o600)


def keep_private(*folders: Path) -> None:
    """Take from others what earlier versions let them read in our folders, as far as possible.

    A folder that a user shares with other files (one of the environment variables may name any folder) keeps its own
    rights; only what is ours in it is closed. On Windows, the folders of a user are private already.
    """
    if os.name != "posix":
        return
    for folder in folders:
        with contextlib.suppress(OSError):
            with os.scandir(folder) as found:
                entries = [one.name for one in found]
            ours = [name for name in entries if _OURS.fullmatch(name)]
            for name in ours:
                close_to_others(folder / name)
            if len(ours) == len(entries):
                close_to_others(folder)


def close_to_others(path: Path) -> None:
    """Let only its owner read a file or folder of ours, as far as possible. On Windows it is private already."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        status = path.lstat()
        mode = status.st_mode
        # A folder with the sticky bit, such as /tmp, is everybody's.
        if (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and not mode & stat.S_ISVTX and status.st_uid == os.geteuid():
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
