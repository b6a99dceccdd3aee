"""What the system says of a file: whether it is hidden or only in the cloud; how its name is shown, and made."""

from __future__ import annotations

import os
import re
import unicodedata
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
