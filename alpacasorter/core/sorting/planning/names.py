"""Names of files and folders that the system at the destination takes, and when two of them are the same."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST_NAME: Final = 255
"""Bytes (in UTF-16 units on Windows) that nearly every file system takes as one name."""

_REFUSED: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_NOT_TEXT: Final = re.compile(r"[\ud800-\udfff]")
# Marks that turn the reading direction make one name look like another; the others can't be seen at all.
_UNSEEN: Final = re.compile("[\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever their ending."""


def name_key(name: str) -> str:
    """Return what is equal for two names that some system takes for one: that differ in case or in Unicode's forms."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def refused_letters(text: str) -> str:
    """Return the letters of a text that no name of a folder may have on some system, each once."""
    return "".join(dict.fromkeys(_REFUSED.findall(text)))


@functools.lru_cache(maxsize=1024)
def folder_part(text: str) -> str:
    """Return a text as the name of one folder that every system takes and none hides; never empty, "." or ".."."""
    text = _REFUSED.sub("_", unicodedata.normalize("NFC", _UNSEEN.sub("", text)))
    # One byte is left for what a device's name gets.
    text = shortened(text.strip(), LONGEST_NAME - 1, _utf8_bytes).rstrip(". ")
    if text.startswith("."):
        text = "_" + text.lstrip(".")
    return _no_device(text) or "_"


@dataclass(frozen=True, slots=True)
class NameRules:
    """What the file system at the destination takes as the name of a file.

    Attributes:
        windows_like: whether it refuses the letters and the names that Windows refuses.
        text_only: whether a name must be valid text.
        longest: bytes of a name, or UTF-16 units on Windows.
    """

    windows_like: bool
    text_only: bool
    longest: int = LONGEST_NAME

    def takes(self, stem: str, ending: str) -> tuple[str, str]:
        """Return both halves of a file's name with what is refused there replaced, else as they are."""
        if self.windows_like:
            stem, ending = _REFUSED.sub("_", stem), _REFUSED.sub("_", ending).rstrip(". ")
            stem = _no_device(stem if ending else stem.rstrip(". ")) or "_"
        elif self.text_only:
            stem, ending = _NOT_TEXT.sub("_", stem), _NOT_TEXT.sub("_", ending)
        return stem, ending

    def names(self, halves: Sequence[tuple[str, str]], number: int) -> list[str] | None:
        """Return the names of the files of one unit there.

        Args:
            halves: the name of each file in two: the stem, and what comes behind it ("IMG_1" and ".jpg.xmp").
            number: put behind each stem ("IMG_1_2.jpg.xmp"), from 2; 1 for the names as they are. Names that get too
                long are shortened before it, all of them alike.

        Returns:
            the names in the same order; None where the endings alone are too long.
        """
        taken = [self.takes(stem, ending) for stem, ending in halves]
        suffix = f"_{number}" if number > 1 else ""
        room = self.longest - len(suffix) - max(name_length(ending) for _, ending in taken)
        if room < 1:
            return None
        return [shortened(stem, room, name_length) + suffix + ending for stem, ending in taken]


def name_length(name: str) -> int:
    """Return how long the system finds a name: UTF-16 units on Windows, bytes elsewhere."""
    if name.isascii():
        return len(name)
    return len(name.encode("utf-16-le", "surrogatepass")) // 2 if os.name == "nt" else len(os.fsencode(name))


def shortened(text: str, most: int, length: Callable[[str], int]) -> str:
    """Return as much of the beginning of a text as is at most `most` long, without half a letter at its end."""
    end = len(text)
    while end and length(text[:end]) > most:
        end -= 1
        # An accent of its own belongs to the letter before it.
        while end and unicodedata.combining(text[end]):
            end -= 1
    return text if end == len(text) else text[:end].rstrip(". ")


def _utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _no_device(name: str) -> str:
    """Put "_" behind a name that Windows keeps for a device: before its first dot, where Windows looks."""
    first, dot, rest = name.partition(".")
    return f"{first.rstrip()}_{dot}{rest}" if _DEVICE.fullmatch(first.rstrip()) else name
