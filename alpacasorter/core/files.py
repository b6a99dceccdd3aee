"""What the system says of a file: whether it is hidden or only in the cloud; how its name is shown, and made.

What the disk says of a name: what is there, and whether two names are of one file.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Final

# Attributes of Windows and flags of macOS, as plain numbers: `stat` names each only on its own system.
_WINDOWS_HIDDEN: Final = 0x2
_WINDOWS_RECALL: Final = 0x400000 | 0x40000  # RECALL_ON_DATA_ACCESS, RECALL_ON_OPEN
_MACOS_HIDDEN: Final = 0x8000
_MACOS_DATALESS: Final = 0x40000000

_LONGEST: Final = 40
_RESERVED: Final = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")
"""Names that Windows keeps for devices, whatever their ending."""

_UNSHOWABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def is_hidden(status: os.stat_result) -> bool:
    """Tell whether the system hides the file (Windows attribute, macOS flag). Dot names are not looked at."""
    attributes: int = getattr(status, "st_file_attributes", 0)
    flags: int = getattr(status, "st_flags", 0)
    return bool(attributes & _WINDOWS_HIDDEN or flags & _MACOS_HIDDEN)


def is_cloud_only(status: os.stat_result) -> bool:
    """Tell whether reading the file would download it first (OneDrive, iCloud and the like)."""
    attributes: int = getattr(status, "st_file_attributes", 0)
    flags: int = getattr(status, "st_flags", 0)
    return bool(attributes & _WINDOWS_RECALL or flags & _MACOS_DATALESS)


def display_path(path: str | os.PathLike[str]) -> str:
    """Return a path as text that can be shown, printed and encoded.

    Bytes that are not UTF-8, control characters and marks that turn the reading direction become U+FFFD. For
    eyes only: the result may not open the file.
    """
    return _UNSHOWABLE.sub("\ufffd", os.fspath(path))


def folder_name(name: str) -> str:
    """Return a name as small letters, figures and hyphens, which every system takes as the name of a file or folder."""
    letters = [letter if letter.isalnum() else " " for letter in unicodedata.normalize("NFC", name).casefold()]
    plain = "-".join("".join(letters).split())[:_LONGEST].strip("-") or "model"
    return f"model-{plain}" if _RESERVED.fullmatch(plain) else plain


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
