"""What the disk says of a name: what is there, and whether two names are of one file."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path


def look(path: Path) -> os.stat_result | None:
    """Return what the system says of a file or link itself; None where there is none."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Tell whether two names are of one file. Never where the system has no numbers for its files."""
    return one.st_ino != 0 and (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def same_file(one: Path, other: Path) -> bool:
    """Tell whether two paths are names of one file."""
    first, second = look(one), look(other)
    return first is not None and second is not None and is_same(first, second)


def is_second_name(one: Path, other: Path) -> bool:
    """Tell whether two paths are two entries of one file, so that it stays where one of them is taken away.

    They are not where one folder leads to the other by a link, nor where a file system takes two spellings for one
    name: then the file has a single entry, whatever it is called.
    """
    first, second = look(one), look(other)
    if first is None or second is None or not is_same(first, second) or first.st_nlink < 2:
        return False
    if _plain(one.name) != _plain(other.name):
        return True
    folders = look(one.parent.resolve()), look(other.parent.resolve())
    return folders[0] is not None and folders[1] is not None and not is_same(folders[0], folders[1])


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def links_to(link: Path, file: Path) -> bool:
    """Tell whether `link` is a symbolic link that says just `file`."""
    try:
        said = os.readlink(link)  # noqa: PTH115  # a Path would lose what makes it another text
    except OSError:
        return False
    return said.removeprefix("\\\\?\\") == str(file).removeprefix("\\\\?\\")
