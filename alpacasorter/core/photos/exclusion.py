"""What is passed over in every walk: what systems and programs keep beside photos, and what the user leaves out.

Every walk asks here: scans, watching, sorting, training, testing, class folders, counts. The root itself is never
passed over: a user who opens a recycle bin wants to see what is in it.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _

NOMEDIA: Final = ".nomedia"
"""A file of this name says that what is in the folder, and below it, is not to be shown as media (Android)."""

PASSED_OVER: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    ((".*",), "hidden names: ._IMG_1.jpg, .Trash-1000, .thumbnails, .@__thumb, .dtrash, .stversions …"),
    (("@eaDir/", "@tmp/", "@sharebin/", "#recycle/", "#snapshot/"), "Synology"),
    (("@Recycle/", "@Recently-Snapshot/"), "QNAP"),
    (("$RECYCLE.BIN/", "RECYCLER/", "RECYCLED/", "FOUND.???/", "System Volume Information/"), "Windows"),
    (("Thumbs.db", "ehthumbs*.db", "desktop.ini"), "Windows"),
    (("__MACOSX/", "*.sb-????????-??????"), "macOS, from archives and while a program saves"),
    (("Network Trash Folder/", "Temporary Items/", "TheVolumeSettingsFolder/"), "file servers for macOS"),
    (("lost+found/", "LOST.DIR/"), "repairs of Linux and Android"),
    (("*.photoslibrary/", "*.photolibrary/", "*.aplibrary/"), "libraries of Photos, iPhoto and Aperture"),
    (("*.lrdata/", "*.lrcat-data/", "*.lrlibrary/"), "previews and libraries of Lightroom"),
    (("*.cocatalog/",), "catalogs of Capture One"),
    (("*_exiftool_tmp",), "ExifTool, while it writes"),
    (("THMBNL/",), "thumbnails of videos on cards of Sony cameras"),
)
"""Names that are passed over whatever the user sets, and whose they are; with "/" folders only. Case doesn't matter."""

_LONGEST: Final = 1000
_ESCAPED_IN_SET: Final = re.compile(r"[\\\[\]^&~|]")
_SET: Final = re.compile(r"\[[!^]?.[^\]]*\]", re.DOTALL)
_UNLIKE: Final = ("img_0001.jpg", "a.png", "q 7 (2).jpeg", "-0.heic", "b/z.tif", "2023/05/scan~1.webp")
_BACKSLASH: Final = r"\\\g<0>"


class PatternError(ValueError):
    """A pattern can't be used; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What the user leaves out, besides what always is.

    A pattern without "/" is compared with the name of each file and folder, one with "/" with the path below the
    root. "*" is any text and "?" any character, but for "/"; "[ab]", "[a-z]" and "[!ab]" are one of these, or none of
    these; "**" between slashes is any number of folders. A "/" at the end means folders only. What begins with "/" may
    also be a whole path. Case and Unicode form don't matter. A folder that is left out is not looked into.

    Attributes:
        patterns: valid ones, as `check` returns them.
        nomedia: whether folders with a `NOMEDIA` file are passed over.
        root: the folder that paths are relative to; empty for the one that is walked.
    """

    patterns: tuple[str, ...] = ()
    nomedia: bool = True
    root: str = ""

    def leaves_out(self, path: str, *, is_folder: bool) -> bool:
        """Return whether a pattern leaves out what has this absolute path; not asked of the folders that it is in."""
        if not self.patterns:
            return False
        whole = _plain(path)
        return any(one.matches(whole, _below(path, self.root), is_folder=is_folder) for one in _all(self.patterns))

    def leaves_out_below(self, path: str, *, is_folder: bool) -> bool:
        """Return whether a pattern leaves out what has this absolute path, or a folder between it and the root."""
        if not self.patterns:
            return False
        root = self.root.rstrip(os.sep)
        above = (str(one) for one in PurePath(path).parents if len(str(one)) > len(root))
        return any(self.leaves_out(one, is_folder=True) for one in above) or self.leaves_out(path, is_folder=is_folder)


NOTHING: Final = Exclusion()
"""The user leaves nothing out."""


def is_passed_over(name: str, *, is_folder: bool | None = None) -> bool:
    """Return whether a name is passed over whatever the user sets.

    Args:
        name: of a file or folder, without its path.
        is_folder: what it is; None if unknown: then it is passed over if either would be.
    """
    if name.startswith("."):
        return True
    lower = name.lower()
    either, folders = _built_in()
    return _is_in(lower, either) or (is_folder is not False and _is_in(lower, folders))


def check(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return patterns as `Exclusion` takes them: without blanks around them, each once, "~" as the home folder.

    Raises:
        PatternError: one of them can't be used.
    """
    checked = tuple(dict.fromkeys(_at_home(pattern.strip()) for pattern in patterns))
    for pattern in checked:
        _compiled(pattern)
    return checked


def check_root(exclusion: Exclusion, root: str) -> None:
    """Check that what the user leaves out is inside the folder to open.

    Args:
        exclusion: what the user leaves out.
        root: absolute path of the folder.

    Raises:
        PatternError: a pattern is the path of the folder itself, or of one that it is in.
    """
    for pattern in exclusion.patterns:
        compiled = _compiled(pattern)
        for folder in (PurePath(root), *PurePath(root).parents):
            if compiled.anywhere and compiled.regex.fullmatch(_plain(str(folder))):
                raise PatternError(
                    _("“{pattern}” is the folder itself or contains it; only what is inside can be left out.").format(
                        pattern=display_path(pattern)
                    )
                )


def usable(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return those of some stored patterns that can be used, as `check` does."""
    found: list[str] = []
    for pattern in patterns:
        try:
            found += check((pattern,))
        except PatternError:
            continue
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A pattern: what matches the path below the root, or also the whole path."""

    regex: re.Pattern[str]
    folders_only: bool
    anywhere: bool

    def matches(self, whole: str, below: str, *, is_folder: bool) -> bool:
        if self.folders_only and not is_folder:
            return False
        return self.regex.fullmatch(below) is not None or (self.anywhere and self.regex.fullmatch(whole) is not None)


@functools.lru_cache(maxsize=64)
def _all(patterns: tuple[str, ...]) -> tuple[_Compiled, ...]:
    return tuple(_compiled(pattern) for pattern in patterns)


def _compiled(pattern: str) -> _Compiled:
    """Return a pattern ready to be compared; raises PatternError if it can't be used."""
    text = _plain(pattern)
    shown = display_path(pattern)
    if not text.strip("/") or len(text) > _LONGEST or "\0" in text:
        raise PatternError(_("“{pattern}” is not a name or pattern to leave out.").format(pattern=shown))
    if not text.strip("*/") and not text.endswith("/"):
        raise PatternError(_("“{pattern}” would leave out everything.").format(pattern=shown))
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    is_path = "/" in text
    names = [name for name in text.split("/") if name not in ("", ".")]
    if not names:
        raise PatternError(_("“{pattern}” would leave out everything.").format(pattern=shown))
    if "\\" in _SET.sub("", text):
        raise PatternError(
            _("“{pattern}” contains “\\”; write “/” between folders, and [*] to match a “*” itself.").format(
                pattern=shown
            )
        )
    if ".." in names:
        raise PatternError(
            _("“{pattern}” contains “..”; only what is inside the folder can be left out.").format(pattern=shown)
        )
    if not is_path:
        names = ["**", *names]
    try:
        regex = re.compile(_regex(names), re.DOTALL)
    except re.error as error:
        raise PatternError(
            _("“{pattern}” is not a valid pattern: “[” needs a matching “]”, and ranges must be in order.").format(
                pattern=shown
            )
        ) from error
    # One that leaves out names as unlike as these leaves out every photo.
    if not folders_only and all(regex.fullmatch(name) for name in _UNLIKE):
        raise PatternError(_("“{pattern}” would leave out everything.").format(pattern=shown))
    return _Compiled(regex, folders_only, is_path and (text.startswith("/") or text[1:2] == ":"))


def _regex(names: list[str]) -> str:
    """Return a regular expression for a path, from the names between the slashes of a pattern."""
    runs: list[list[str]] = [[]]
    for name in names:
        if name == "**":
            if runs[-1] or len(runs) == 1:
                runs.append([])
        else:
            runs[-1].append(_regex_of_name(name))
    first, *rest = ["/".join(run) for run in runs]
    # A drive or the top of the whole path may come first.
    found = "/?" + first
    for at, run in enumerate(rest):
        slash = "/" if first or at else ""
        if not run:  # "**" at the end: everything inside
            return f"{found}{slash}.+"
        # Atomic, because the first place that fits is as good as any later one: no pattern can take long.
        found += f"{slash}(?:[^/]+/)*?{run}" if at == len(rest) - 1 else f"{slash}(?>(?:[^/]+/)*?{run}(?=/))"
    return found


def _regex_of_name(name: str) -> str:
    """Return a regular expression for one name; raises re.error if a bracket is not closed."""
    chunks = [""]
    at = 0
    while at < len(name):
        letter = name[at]
        at += 1
        if letter == "*":
            if chunks[-1] or len(chunks) == 1:
                chunks.append("")
        elif letter == "?":
            chunks[-1] += "[^/]"
        elif letter == "[":
            end = name.find("]", at + (2 if name[at : at + 1] in ("!", "^") else 1))
            if end < 0:
                raise re.error("unterminated character set")
            inner = name[at:end]
            sign = "^" if inner[0] in "!^" else ""
            inner = inner[1:] if sign else inner
            chunks[-1] += f"(?!/)[{sign}{_ESCAPED_IN_SET.sub(_BACKSLASH, inner)}]"
            at = end + 1
        else:
            chunks[-1] += re.escape(letter)
    first, *rest = chunks
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in rest[:-1])
    return first + middle + (f"[^/]*{rest[-1]}" if rest else "")


def _at_home(pattern: str) -> str:
    return os.path.expanduser(pattern) if pattern == "~" or pattern.startswith("~/") else pattern  # noqa: PTH111


def _plain(text: str) -> str:
    """Return a path or pattern for comparison."""
    if sys.platform == "win32":
        text = text.replace("\\", "/")
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def _below(path: str, root: str) -> str:
    below = path[len(root) :] if root and path.startswith(root) else path
    return _plain(below).lstrip("/")


@dataclass(frozen=True, slots=True)
class _Names:
    """Names that are passed over, in lower case."""

    whole: frozenset[str]
    endings: tuple[str, ...]
    others: re.Pattern[str]


def _is_in(name: str, names: _Names) -> bool:
    return name in names.whole or name.endswith(names.endings) or names.others.fullmatch(name) is not None


@functools.cache
def _built_in() -> tuple[_Names, _Names]:
    """Return what is passed over: of files and folders, and of folders alone."""
    rows = []
    for folders_only in (False, True):
        names: set[str] = set()
        endings: list[str] = []
        others: list[str] = []
        for word in (word for words, _whose in PASSED_OVER for word in words):
            text = word.rstrip("/").lower()
            if word.endswith("/") is not folders_only or text == ".*":
                continue
            if not re.search(r"[*?]", text):
                names.add(text)
            elif not re.search(r"[*?]", text[1:]):
                endings.append(text[1:])
            else:
                others.append(_regex_of_name(text))
        rows.append(_Names(frozenset(names), tuple(endings), re.compile("|".join(others) or "(?!)")))
    return rows[0], rows[1]
