"""Stores downloaded photos and lists their authors in ATTRIBUTION.csv.

A photo is written to `.unfinished`, gets its line in ATTRIBUTION.csv, and is then moved to its folder. A download that
was killed in between is repaired by the next one.

ATTRIBUTION.csv says who made each photo and under which license it may be used. It is also the record of what was
downloaded: since a photo's line is on the disk before the photo gets its name, there is never a photo without its
author, and a photo that is listed but no longer there was deleted by the user.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import IO, Final, Self

from alpacasorter.core import reasons
from alpacasorter.core.exchange.results import CsvLines
from alpacasorter.core.files import display_path
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.safe_write import is_ours, publish, write_new
from alpacasorter.i18n import _
from alpacasorter.training.data.dataset import MIN_SIDE
from alpacasorter.training.open_images.catalog import PhotoInfo
from alpacasorter.training.open_images.fetch import DownloadError, Unusable, Web
from alpacasorter.training.open_images.list_cache import SPARE_BYTES, explaining, only_one, sync

FILE_NAME: Final = "ATTRIBUTION.csv"

_SHOWN_FILE: Final = re.compile(r"[a-z0-9_]+/[0-9a-f]{16}\.jpg")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list, all of it text.

    Attributes:
        file: path of the photo in the folder of the list, with slashes on every system.
        photo_class: its class, such as "Alpaca".
        rotation: degrees counterclockwise to make it upright, unless its EXIF has that; see `catalog`.
        sha256: hash of its bytes, in hexadecimal digits.
    """

    file: str
    photo_class: str
    image_id: str
    subset: str
    license: str
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


_COLUMN_OF_FIELD: Final = {"photo_class": "class", "license": "licence"}
COLUMNS: Final = tuple(_COLUMN_OF_FIELD.get(field.name, field.name) for field in fields(Entry))


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
        """Open the list of a folder, or create it, and keep other downloads out.

        Raises:
            DownloadError: it can't be written to, is in use, or is not a list of this kind.
        """
        path = folder / FILE_NAME
        with explaining(folder):
            # Without a buffer, which would try to write again on closing what could not be written.
            file = path.open("a+b", buffering=0)
        with file, only_one(file, folder):
            with explaining(folder):
                entries = cls._read(file, path)
            yield cls(file, folder, entries)

    @staticmethod
    def _read(file: IO[bytes], path: Path) -> dict[str, Entry]:
        file.seek(0)
        data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            # The power failed while the last line was written.
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
                _(
                    "{file} was not written by a download, or was changed by another program. Choose another folder, "
                    "or move the file."
                ).format(file=display_path(path))
            )
        entries = (Entry(*row) for row in rows[1:] if len(row) == len(COLUMNS))
        return {entry.file: entry for entry in entries if _SHOWN_FILE.fullmatch(entry.file)}

    def add(self, entry: Entry) -> None:
        """Add a line; it is on the disk when this returns.

        Raises:
            DownloadError: it can't be written; the list is unchanged.
        """
        before = self._file.seek(0, io.SEEK_END)
        with explaining(self._folder):
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
    # Text from the internet must stay on one line.
    plain = [_CONTROL.sub(" ", value).strip() for value in values]
    line = CsvLines(COLUMNS, "\n").of(dict(zip(COLUMNS, plain, strict=True)))
    return line.encode("utf-8", errors="replace")


MAX_PHOTO_BYTES: Final = 10 * 1024 * 1024
"""Bytes of a photo, which has at most 1024 pixels on the longer side."""

_UNFINISHED: Final = ".unfinished"
_OURS: Final = re.compile(r"[a-z0-9_]+-[0-9a-f]{16}\.jpg")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A complete photo in `.unfinished`.

    Attributes:
        path: the file.
        url: where it came from.
        width, height: pixels, upright.
        sha256: hash of its bytes, in hexadecimal digits.
    """

    path: Path
    url: str
    width: int
    height: int
    sha256: str


class PhotoFolders:
    """The class folders of a download. `download` can be called by several threads at once."""

    def __init__(self, folder: Path, attribution: Attribution) -> None:
        """Repair what an earlier download left behind.

        Raises:
            DownloadError: the folder can't be written to.
        """
        self._folder = folder
        self._attribution = attribution
        self._unfinished = folder / _UNFINISHED
        with explaining(folder):
            self._recover()
            self._unfinished.mkdir(exist_ok=True)

    def close(self) -> None:
        """Remove `.unfinished` if it is empty."""
        with contextlib.suppress(OSError):
            self._unfinished.rmdir()

    def path(self, folder: str, image_id: str) -> Path:
        """Return where a photo belongs."""
        return self._folder / folder / f"{image_id}.jpg"

    def existing(self) -> set[str]:
        """Return the files of all entries that still exist."""
        return {file for file in self._attribution.entries if (self._folder / file).is_file()}

    def download(self, web: Web, url: str, folder: str, image_id: str) -> Waiting:
        """Download a photo, check it, and store it in `.unfinished`.

        Raises:
            DownloadError: it can't be downloaded, or is not a JPEG picture.
            OSError: it can't be stored; nothing is left of it.
        """
        sizes: list[tuple[int, int]] = []

        def check(data: bytes) -> None:
            try:
                photo = decode(data, min_side=MIN_SIDE)
            except Unreadable as error:
                raise Unusable(reasons.sentence(error.reason)) from error
            if photo.format != "JPEG":
                raise Unusable(_("The photo is in {format} format, not JPEG.").format(format=photo.format))
            sizes.append((photo.width, photo.height))

        data = web.get(url, limit=MAX_PHOTO_BYTES, check=check)
        waiting = self._unfinished / f"{folder}-{image_id}.jpg"
        if shutil.disk_usage(self._unfinished).free < len(data) + SPARE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(waiting))
        write_new(waiting, [data])
        width, height = sizes[-1]
        return Waiting(waiting, url, width, height, hashlib.sha256(data).hexdigest())

    def keep(self, waiting: Waiting, folder: str, title: str, subset: str, info: PhotoInfo) -> Path | None:
        """List a photo and move it to its folder.

        Returns:
            Where it is now; None if another file has its name.

        Raises:
            DownloadError: the disk is full, for example.
        """
        final = self.path(folder, info.image_id)
        entry = Entry(
            file=f"{folder}/{final.name}",
            photo_class=title,
            image_id=info.image_id,
            subset=subset,
            license=info.license,
            author=info.author,
            author_page=info.author_page,
            title=info.title,
            original_page=info.original_page,
            original_url=info.original_url,
            fetched_from=waiting.url,
            rotation=info.rotation,
            width=str(waiting.width),
            height=str(waiting.height),
            sha256=waiting.sha256,
        )
        with explaining(self._folder):
            try:
                final.parent.mkdir(exist_ok=True)
                self._attribution.add(entry)
                publish(waiting.path, final)
            except FileExistsError:
                self.drop(waiting)
                return None
            except Exception:
                self.drop(waiting)
                raise
        return final

    @staticmethod
    def drop(waiting: Waiting) -> None:
        """Delete a photo that is not kept."""
        with contextlib.suppress(OSError):
            waiting.path.unlink(missing_ok=True)

    def _recover(self) -> None:
        if not self._unfinished.is_dir():
            return
        for entry in self._attribution.entries.values():
            folder, _, name = entry.file.partition("/")
            waiting, final = self._unfinished / f"{folder}-{name}", self._folder / entry.file
            if final.exists() or not waiting.is_file():
                continue
            if hashlib.sha256(waiting.read_bytes()).hexdigest() == entry.sha256:
                final.parent.mkdir(exist_ok=True)
                with contextlib.suppress(FileExistsError):
                    publish(waiting, final)
        for waiting in self._unfinished.iterdir():
            if _OURS.fullmatch(waiting.name) or is_ours(waiting.name):
                waiting.unlink()
