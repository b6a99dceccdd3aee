"""What a destination allows: names of files and folders, by its system, and what its disk can do."""

from __future__ import annotations

import functools
import os
import re
import shutil
import stat
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import winreg

MOUNT_TABLE = Path("/proc/self/mounts")
"""Where Linux lists the file system of each folder; other systems have no such file."""

_WINDOWS_LIKE: Final = frozenset(("exfat", "fuseblk", "msdos", "ntfs", "ntfs3", "vfat"))
_FAT: Final = frozenset(("exfat", "msdos", "vfat"))
_LARGEST_FAT_FILE: Final = 2**32 - 1
_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")
_WINDOWS_PATH: Final = 259
_WINDOWS_LONG_PATH: Final = 32_000
_USUAL_PATH: Final = 1023 if sys.platform == "darwin" else 4095


@dataclass(frozen=True, slots=True)
class Disk:
    """What is known about the disk that a folder is on.

    Attributes:
        number: equal for two folders on the same disk.
        file_system: its name in the system, such as "vfat"; empty if unknown.
    """

    number: int
    file_system: str

    @property
    def windows_like(self) -> bool:
        """Whether it rejects the names that Windows rejects."""
        return os.name == "nt" or self.file_system in _WINDOWS_LIKE

    @property
    def has_hard_links(self) -> bool:
        """Whether one file can have two names there, as far as is known."""
        return self.file_system not in _FAT

    @property
    def has_symlinks(self) -> bool:
        """Whether it holds symbolic links, as far as is known."""
        return self.file_system not in _FAT

    @property
    def largest_file(self) -> int | None:
        """Bytes of the largest file it can hold; None if that is more than any photo has."""
        return _LARGEST_FAT_FILE if self.file_system in ("vfat", "msdos") else None


def existing_parent(path: Path) -> Path:
    """Return the path, or its nearest existing parent.

    Raises:
        OSError: something is in the way: a file, a broken link, or a folder without permission.
    """
    for folder in (path, *path.parents):
        try:
            status = folder.stat()
        except FileNotFoundError:
            if folder.is_symlink():
                raise
            continue
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(folder)
        return folder
    raise FileNotFoundError(path)


def disk_of(folder: Path) -> Disk:
    """Return the disk that an existing folder is on.

    Raises:
        OSError: it does not exist.
    """
    return Disk(folder.stat().st_dev, _file_system(folder))


def name_rules(folder: Path, disk: Disk) -> NameRules:
    """Return which file names are allowed in an existing folder and below it."""
    longest = LONGEST_NAME
    if os.name == "posix":
        try:
            longest = min(LONGEST_NAME, os.pathconf(folder, "PC_NAME_MAX"))
        except (OSError, ValueError):
            longest = LONGEST_NAME  # the system does not say
    return NameRules(disk.windows_like, sys.platform == "darwin", longest if longest > 0 else LONGEST_NAME)


def longest_path() -> int:
    """Return how long a path may be: in bytes, on Windows in UTF-16 units."""
    if sys.platform == "win32":
        return _WINDOWS_LONG_PATH if _has_long_paths() else _WINDOWS_PATH
    return _USUAL_PATH


def free_bytes(folder: Path) -> int | None:
    """Return how many bytes are free for the user on the disk of a folder; None if unknown."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def can_change(folder: Path) -> bool:
    """Return whether files can be created in a folder and removed from it, as far as the system says beforehand."""
    # `access` also knows about disks that are mounted read-only.
    return _may(folder, os.W_OK | os.X_OK)


def can_read(file: Path) -> bool:
    """Return whether a file may be read, as far as the system says beforehand."""
    return _may(file, os.R_OK)


def can_take(folder: os.stat_result, file: os.stat_result) -> bool:
    """Return whether this file may be removed from a writable folder: in shared ones only its owner may do that."""
    if os.name != "posix" or not folder.st_mode & stat.S_ISVTX:
        return True
    return os.geteuid() in (0, file.st_uid, folder.st_uid)


def _may(path: Path, mode: int) -> bool:
    # With the effective user, on systems that can check that.
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _file_system(folder: Path) -> str:
    """Look up in the mount table which file system a folder is on."""
    try:
        table = MOUNT_TABLE.read_bytes()
        place = os.fsencode(folder.resolve())
    except OSError:
        return ""
    found, longest = b"", -1
    for line in table.splitlines():
        device_place_kind = line.split(b" ")[:3]
        if len(device_place_kind) < 3:
            continue
        at = _ESCAPE.sub(lambda match: bytes((int(match.group(1), 8) & 0xFF,)), device_place_kind[1])
        inside = place == at or place.startswith(at if at.endswith(b"/") else at + b"/")
        # If two are mounted in one place, the later one hides the earlier one.
        if inside and len(at) >= longest:
            found, longest = device_place_kind[2], len(at)
    return found.decode("ascii", "replace").lower()


if sys.platform == "win32":

    def _has_long_paths() -> bool:
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
                return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        except OSError:
            return False


# Names

LONGEST_NAME: Final = 255
"""Bytes (UTF-16 units on Windows) that nearly every file system allows in a name."""

_REFUSED: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_NOT_TEXT: Final = re.compile(r"[\ud800-\udfff]")
# Marks that change the reading direction make one name look like another; the others are invisible.
_INVISIBLE: Final = re.compile("[\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)
"""Names that Windows reserves for devices, with any extension."""


def name_key(name: str) -> str:
    """Return a key that is equal for names that some system treats as one: they differ only in case or Unicode form."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def refused_letters(text: str) -> str:
    """Return the characters of a text that some system does not allow in the name of a folder, each once."""
    return "".join(dict.fromkeys(_REFUSED.findall(text)))


@functools.lru_cache(maxsize=1024)
def folder_part(text: str) -> str:
    """Return a text as the name of one folder that every system allows and none hides; never empty, "." or ".."."""
    text = _REFUSED.sub("_", unicodedata.normalize("NFC", _INVISIBLE.sub("", text)))
    # One byte is reserved for what is appended to the name of a device.
    text = shortened(text.strip(), LONGEST_NAME - 1, _utf8_bytes).rstrip(". ")
    if text.startswith("."):
        text = "_" + text.lstrip(".")
    return _no_device(text) or "_"


@dataclass(frozen=True, slots=True)
class NameRules:
    """Which names of files the file system at the destination allows.

    Attributes:
        windows_like: whether it rejects the characters and the names that Windows rejects.
        text_only: whether a name must be valid text.
        longest: length of the longest name: in bytes, on Windows in UTF-16 units.
    """

    windows_like: bool
    text_only: bool
    longest: int = LONGEST_NAME

    def takes(self, stem: str, ending: str) -> tuple[str, str]:
        """Return both halves of a file's name, with everything replaced that is not allowed there."""
        if self.windows_like:
            stem, ending = _REFUSED.sub("_", stem), _REFUSED.sub("_", ending).rstrip(". ")
            stem = _no_device(stem if ending else stem.rstrip(". ")) or "_"
        elif self.text_only:
            stem, ending = _NOT_TEXT.sub("_", stem), _NOT_TEXT.sub("_", ending)
        return stem, ending

    def names(self, halves: Sequence[tuple[str, str]], number: int) -> list[str] | None:
        """Return the names of the files of one unit there.

        Args:
            halves: the name of each file in two halves: the stem and what follows it ("IMG_1" and ".jpg.xmp").
            number: appended to each stem, from 2 ("IMG_1_2.jpg.xmp"); 1 to leave the names as they are. Stems that get
                too long are shortened, all to the same length.

        Returns:
            The names in the same order; None if the endings alone are too long.
        """
        taken = [self.takes(stem, ending) for stem, ending in halves]
        suffix = f"_{number}" if number > 1 else ""
        room = self.longest - len(suffix) - max(name_length(ending) for _, ending in taken)
        if room < 1:
            return None
        return [shortened(stem, room, name_length) + suffix + ending for stem, ending in taken]


def name_length(name: str) -> int:
    """Return the length of a name for the system: in bytes, on Windows in UTF-16 units."""
    if name.isascii():
        return len(name)
    return len(name.encode("utf-16-le", "surrogatepass")) // 2 if os.name == "nt" else len(os.fsencode(name))


def shortened(text: str, most: int, length: Callable[[str], int]) -> str:
    """Return the beginning of a text that is at most `most` long, without half a character at its end."""
    end = len(text)
    while end and length(text[:end]) > most:
        end -= 1
        # A combining accent belongs to the letter before it.
        while end and unicodedata.combining(text[end]):
            end -= 1
    return text if end == len(text) else text[:end].rstrip(". ")


def _utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _no_device(name: str) -> str:
    """Append "_" to a name that Windows reserves for a device: before the first dot, where Windows looks."""
    first, dot, rest = name.partition(".")
    return f"{first.rstrip()}_{dot}{rest}" if _DEVICE.fullmatch(first.rstrip()) else name
