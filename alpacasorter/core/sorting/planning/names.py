"""Names of files and folders that the system at the destination allows, and whether two of them are the same."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

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
