"""ExifTool, where it is installed: adds a keyword to the metadata of a JPEG, or takes it out again, in memory.

It gets the bytes on standard input and returns new ones, so it never sees a file of the user, and no name of one can be
taken for an option. What it returns is believed only where nothing but keywords differs.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from alpacasorter.core import reasons

OLDEST: Final = (12, 0)
"""The oldest version that is used, of 2020. Older ones can't be told from those with known security holes."""
LISTS: Final = ("XMP-dc:Subject", "IPTC:Keywords", "XMP-lr:HierarchicalSubject")
"""The lists of keywords, as ExifTool names them; the last one gets the keyword only if a photo has it already."""

_SUBJECT, _IPTC, _HIERARCHY = LISTS
_CHARSET: Final = "IPTC:CodedCharacterSet"
_DIGEST: Final = "Photoshop:IPTCDigest"
_NAME: Final = "exiftool.exe" if os.name == "nt" else "exiftool"
_VERSION_SECONDS: Final = 20.0
_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02
_ANSWER_LIMIT: Final = 1 << 20
_GROWTH_LIMIT: Final = 4 << 20
_LONGEST_IPTC: Final = 64


class ExifToolError(Exception):
    """It did not do what was asked; nothing was changed.

    Attributes:
        reason: why, a code of `reasons`.
    """

    def __init__(self, reason: str) -> None:
        """Give the reason."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Changed:
    """A JPEG after a change.

    Attributes:
        data: its bytes.
        lists: the lists that were changed; empty if there was nothing to change.
    """

    data: bytes
    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExifTool:
    """An installed ExifTool.

    Attributes:
        program: its path.
        version: as it says itself, such as "12.57".
    """

    program: Path
    version: str

    def with_keyword(self, data: bytes, keyword: str) -> Changed:
        """Return a JPEG with a keyword in each list that should have it and does not; those of others stay.

        Raises:
            ExifToolError: it failed, or would have changed anything else.
        """
        there = self._read(data)
        wanted = [_SUBJECT]
        # Keywords of another encoding than UTF-8 would be read in the wrong one afterwards.
        is_utf8 = there.get(_CHARSET) == ["UTF8"] or _IPTC not in there
        if len(keyword.encode()) <= _LONGEST_IPTC and (keyword.isascii() or is_utf8):
            wanted.append(_IPTC)
        if _HIERARCHY in there and "|" not in keyword:
            wanted.append(_HIERARCHY)
        lists = tuple(name for name in wanted if keyword not in there.get(name, ()))
        options = [f"-{name}+={keyword}" for name in lists]
        if _IPTC in lists and not keyword.isascii():
            options.append("-IPTC:CodedCharacterSet=UTF8")
        return self._write(data, options, lists, there)

    def without_keyword(self, data: bytes, keyword: str, lists: Sequence[str]) -> Changed:
        """Return a JPEG without a keyword in these lists; the other keywords stay.

        Raises:
            ExifToolError: it failed, or would have changed anything else.
        """
        there = self._read(data)
        found = tuple(name for name in lists if name in LISTS and keyword in there.get(name, ()))
        return self._write(data, [f"-{name}-={keyword}" for name in found], found, there)

    def _read(self, data: bytes) -> dict[str, list[str]]:
        wanted = [f"-{name}" for name in (*LISTS, _CHARSET, _DIGEST)]
        answer = self._run(["-j", "-G1", *wanted, "-"], data, _ANSWER_LIMIT)
        try:
            (found,) = json.loads(answer)
            # A keyword like 2020 is a number in JSON, and a list of one is no list.
            return {
                name: [str(one) for one in (value if isinstance(value, list) else [value])]
                for name, value in dict(found).items()
            }
        except (ValueError, TypeError, RecursionError) as error:
            raise ExifToolError(reasons.EXIFTOOL_FAILED) from error

    def _write(self, data: bytes, options: list[str], lists: tuple[str, ...], there: dict[str, list[str]]) -> Changed:
        if not lists:
            return Changed(data, ())
        if _DIGEST in there and _IPTC in lists:
            # Otherwise Adobe's programs believe the IPTC only, because it seems to have been changed without the XMP.
            options.append("-IPTCDigest=new")
        after = self._run([*options, "-o", "-", "-"], data, len(data) + _GROWTH_LIMIT)
        if not is_same_picture(data, after):
            raise ExifToolError(reasons.PICTURE_WOULD_CHANGE)
        return Changed(after, lists)

    def _run(self, options: Sequence[str], data: bytes, limit: int) -> bytes:
        with tempfile.TemporaryDirectory(prefix="alpacasorter-", ignore_cleanup_errors=True) as scratch:
            # Options in a file are UTF-8 on every system, and one line is one option, whatever is in it.
            listed = Path(scratch) / "options"
            listed.write_text("".join(f"{option}\n" for option in options), encoding="utf-8", newline="\n")
            command = [os.fspath(self.program), "-config", "", "-@", os.fspath(listed)]
            with _file(scratch, data) as asked, _file(scratch) as answer:
                _wait(command, scratch, asked, answer, limit, _SECONDS)
                answer.seek(0)
                return answer.read(limit)


def find_exiftool() -> ExifTool | None:
    """Return the ExifTool that is installed; None if there is none, or only one that is too old. Runs it for that."""
    for folder in os.get_exec_path():
        program = Path(folder) / _NAME
        # Not in the current folder, whose files may be a stranger's.
        if program.is_absolute() and program.is_file() and os.access(program, os.X_OK):
            version = _version(program)
            return ExifTool(program, version) if version else None
    return None


def _version(program: Path) -> str:
    """Return the version of an ExifTool; empty if it is too old or does not answer."""
    with tempfile.TemporaryDirectory(prefix="alpacasorter-", ignore_cleanup_errors=True) as scratch:
        command = [os.fspath(program), "-config", "", "-ver"]
        try:
            with _file(scratch) as asked, _file(scratch) as answer:
                _wait(command, scratch, asked, answer, _ANSWER_LIMIT, _VERSION_SECONDS)
                answer.seek(0)
                version = answer.read(100).decode("ascii").strip()
            parts = tuple(int(part) for part in version.split("."))
        except (ExifToolError, OSError, ValueError):
            return ""
    return version if parts >= OLDEST else ""


@contextlib.contextmanager
def _file(folder: str, data: bytes = b"") -> Iterator[IO[bytes]]:
    """Yield a temporary file with this content. Files, because a pipe would block both sides when it is full."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(data)
        file.seek(0)
        yield file


def _wait(command: list[str], folder: str, asked: IO[bytes], answer: IO[bytes], limit: int, seconds: float) -> None:
    """Run ExifTool; raise ExifToolError if it fails, takes too long or answers with more bytes than it may."""
    try:
        process = subprocess.Popen(
            command,
            stdin=asked,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise ExifToolError(reasons.EXIFTOOL_FAILED) from error
    until = time.monotonic() + seconds
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_POLL_SECONDS)
                break
            if time.monotonic() > until:
                raise ExifToolError(reasons.EXIFTOOL_SLOW)
            if os.fstat(answer.fileno()).st_size > limit:
                raise ExifToolError(reasons.EXIFTOOL_FAILED)
    finally:
        process.kill()
        process.wait()
    if code != 0 or os.fstat(answer.fileno()).st_size > limit:
        raise ExifToolError(reasons.EXIFTOOL_FAILED)


# What may differ

_XMP: Final = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
_PHOTOSHOP: Final = b"Photoshop 3.0\0"
_MULTI_PICTURE: Final = b"MPF\0"
_START, _SCAN, _LAST = 0xD8, 0xDA, 0xD9
_APP1, _APP2, _APP13 = 0xE1, 0xE2, 0xED


def is_jpeg(data: bytes) -> bool:
    """Tell whether bytes begin like a JPEG."""
    return data[:3] == b"\xff\xd8\xff"


def is_same_picture(before: bytes, after: bytes) -> bool:
    """Tell whether two JPEGs are the same but for XMP, Photoshop's block with the IPTC, and the index of pictures.

    Everything else is compared byte for byte: pixels, EXIF, color profiles, comments, and what comes after the picture.
    """
    parts = _parts(before), _parts(after)
    return parts[0] is not None and parts[0] == parts[1]


def _parts(data: bytes) -> tuple[list[bytes], bytes] | None:
    """Return the segments that must stay, and everything from the first pixels on; None for what is no JPEG."""
    if not is_jpeg(data):
        return None
    kept: list[bytes] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _SCAN:
            return kept, data[at:]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (_START, _LAST) or end < at + 4:
            return None
        content = data[at + 4 : end]
        may_differ = (
            (marker == _APP1 and content.startswith(_XMP))
            or (marker == _APP13 and content.startswith(_PHOTOSHOP))
            # Positions in the file, which move with what comes before.
            or (marker == _APP2 and content.startswith(_MULTI_PICTURE))
        )
        if not may_differ:
            kept.append(data[at:end])
        at = end
    return None
