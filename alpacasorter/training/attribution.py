"""ATTRIBUTION.csv: who made each photo that was downloaded, and under which licence it may be used.

It is also the record of what was downloaded. A photo gets its line, on the disk for good, before it gets its name:
there is never a photo without its author, and a photo that is listed but no longer there was deleted by the user.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import IO, Final, Self

from alpacasorter.core.files import display_path
from alpacasorter.training.disk import only_one, sentences, sync
from alpacasorter.training.download_errors import DownloadError

FILE_NAME: Final = "ATTRIBUTION.csv"

_SHOWN_FILE: Final = re.compile(r"[a-z0-9_]+/[0-9a-f]{16}\.jpg")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_FORMULA: Final = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, all of it text.

    Attributes:
        file: where the photo is, below the folder of the list, with a slash on every system.
        photo_class: what it was fetched as, such as "Alpaca".
        rotation: degrees counterclockwise that make it upright, unless its EXIF says so itself; see `open_images`.
        sha256: hash of its bytes, in hexadecimal digits.
    """

    file: str
    photo_class: str
    image_id: str
    subset: str
    licence: str
    author: str
    author_page: str
    title: str
    original_page: str
    original_url: str
    fetched_from: str
    rotation: str
    width: str
    height: str
    sha256: str


COLUMNS: Final = tuple("class" if field.name == "photo_class" else field.name for field in fields(Entry))


class Attribution:
    """The open list of one folder."""

    def __init__(self, file: IO[bytes], folder: Path, entries: dict[str, Entry]) -> None:
        self._file = file
        self._folder = folder
        self.entries = entries
        """By `Entry.file`."""

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        """Open the list of a folder, made if there is none, and keep other downloads out.

        Raises:
            DownloadError: it can't be written to, is in use, or is not a list of this kind.
        """
        path = folder / FILE_NAME
        with sentences(folder):
            # Without a buffer, which would try to write again, while it is closed, what has failed.
            file = path.open("a+b", buffering=0)
        with file, only_one(file, folder):
            with sentences(folder):
                entries = cls._read(file, path)
            yield cls(file, folder, entries)

    @staticmethod
    def _read(file: IO[bytes], path: Path) -> dict[str, Entry]:
        file.seek(0)
        data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            # The power went while the last line was written.
            file.truncate(len(whole))
        if not whole:
            _write(file, _line(COLUMNS))
            return {}
        try:
            rows = list(csv.reader(io.StringIO(whole.decode("utf-8-sig"), newline="")))
        except (UnicodeDecodeError, csv.Error):
            rows = [[]]
        if tuple(rows[0]) != COLUMNS:
            raise DownloadError(
                f"{display_path(path)} is not a list that a download wrote, or another program has changed it. "
                "Choose another folder, or take the file away."
            )
        entries = (Entry(*row) for row in rows[1:] if len(row) == len(COLUMNS))
        return {entry.file: entry for entry in entries if _SHOWN_FILE.fullmatch(entry.file)}

    def add(self, entry: Entry) -> None:
        """Add a line; it is on the disk when this returns.

        Raises:
            DownloadError: it can't be written; then nothing of it is.
        """
        before = self._file.seek(0, io.SEEK_END)
        with sentences(self._folder):
            try:
                _write(self._file, _line(astuple(entry)))
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.truncate(before)
                raise
        self.entries[entry.file] = entry


def _write(file: IO[bytes], line: bytes) -> None:
    if file.write(line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    sync(file)


def _line(values: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([_harmless(value) for value in values])
    return text.getvalue().encode("utf-8", errors="replace")


def _harmless(value: str) -> str:
    """Return text of strangers so that it stays on one line, and no spreadsheet takes it for a formula."""
    plain = _CONTROL.sub(" ", value).strip()
    return f"'{plain}" if plain.startswith(_FORMULA) else plain
