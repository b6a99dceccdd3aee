"""The records of what was written into photos: how each file was before, so that it can be given back to the byte."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

from alpacasorter.core.files import flush
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.session_paths import private_file, private_folder

FOLDER: Final = "keywords-in-photos"
"""The folder of the records, in the user's data folder."""
LIMIT: Final = 256 << 20
"""The largest file that is changed, in bytes."""

_SUFFIX: Final = ".jsonl"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Splice:
    """How a file was before a change: its bytes from `start` to `end` bytes before its end were `removed`.

    Attributes:
        photo: the file.
        before, after: SHA-256 of the file before and after.
        start, end: bytes that are the same at the beginning and at the end.
        removed: what was between them.
        keyword: the keyword that was added.
        lists: the lists it was added to.
        picture: the picture key of the file; empty if an earlier version of the app recorded it.
    """

    photo: Path
    before: str
    after: str
    start: int
    end: int
    removed: bytes
    keyword: str
    lists: tuple[str, ...]
    picture: str = ""

    @classmethod
    def between(cls, photo: Path, before: bytes, after: bytes, keyword: str, lists: tuple[str, ...]) -> Self:
        """Return what undoes a change."""
        shorter = min(len(before), len(after))
        start = _alike(before, after, shorter)
        end = _alike(before[::-1], after[::-1], shorter - start)
        removed = before[start : len(before) - end]
        picture = picture_key(before, "")
        return cls(photo, digest_of(before), digest_of(after), start, end, removed, keyword, lists, picture)

    def undone(self, data: bytes) -> bytes | None:
        """Return the file before the change; None if these are not the bytes after it."""
        if digest_of(data) != self.after:
            return None
        before = data[: self.start] + self.removed + data[len(data) - self.end :]
        return before if digest_of(before) == self.before else None

    def line(self) -> dict[str, object]:
        """Return it for the record."""
        return {
            "photo": str(self.photo),
            "before": self.before,
            "after": self.after,
            "start": self.start,
            "end": self.end,
            "removed": base64.b64encode(zlib.compress(self.removed)).decode("ascii"),
            "keyword": self.keyword,
            "lists": list(self.lists),
            "picture": self.picture,
        }

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        """Return what was recorded; raises ValueError, KeyError, TypeError or zlib.error for anything else."""
        unpacking = zlib.decompressobj()
        removed = unpacking.decompress(base64.b64decode(line["removed"], validate=True), LIMIT)
        return cls(
            photo=Path(line["photo"]),
            before=str(line["before"]),
            after=str(line["after"]),
            start=int(line["start"]),
            end=int(line["end"]),
            removed=removed,
            keyword=str(line["keyword"]),
            lists=tuple(map(str, line["lists"])),
            picture=str(line.get("picture", "")),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """A recorded export.

    Attributes:
        number: by which it can be named.
        made_at: when, ISO 8601.
        folder: the exported folder.
        photos: number of photos that were changed.
        undone: whether it was undone.
    """

    number: int
    made_at: str
    folder: Path
    photos: int
    undone: bool


class Records:
    """The records in a data folder, one file for each export that changed photos."""

    def __init__(self, data: Path) -> None:
        """Use the data folder `data`; nothing is created yet."""
        self.folder: Final = data / FOLDER

    def batches(self) -> list[Batch]:
        """Return all exports, the newest first; what can't be read is left out."""
        found = [batch for number in self._numbers() if (batch := self._batch(number)) is not None]
        return sorted(found, key=lambda one: -one.number)

    def splices(self, number: int) -> list[Splice]:
        """Return the changes of an export in the order in which they were made."""
        return [splice for line in self._lines(number) if (splice := _splice(line)) is not None]

    def by_content(self) -> dict[str, Splice]:
        """Return all changes by the SHA-256 of the file after them, the latest if there are several."""
        return {splice.after: splice for number in self._numbers() for splice in self.splices(number)}

    def standing(self) -> list[tuple[int, Splice]]:
        """Return all changes that were not taken back, each with the number of its export, in their order."""
        return [
            (number, splice)
            for number in self._numbers()
            if (gone := self.taken_back(number)) is not None
            for splice in self.splices(number)
            if splice.after not in gone
        ]

    def taken_back(self, number: int) -> set[str] | None:
        """Return which changes of an export were taken back, by the SHA-256 of the file after them; None for all."""
        lines = list(self._lines(number))
        if any("undone_at" in line for line in lines):
            return None
        return {str(line["taken_back"]) for line in lines if "taken_back" in line}

    @contextlib.contextmanager
    def begin(self, made_at: str, folder: Path) -> Iterator[Callable[[Splice], int]]:
        """Yield a function that records a change and returns the number of the export; nothing is made before it.

        Raises:
            OSError: from the function: it can't be recorded.
        """
        with contextlib.ExitStack() as stack:
            opened: list[tuple[int, IO[bytes]]] = []

            def record(splice: Splice) -> int:
                if not opened:
                    opened.append(self._create())
                    stack.enter_context(opened[0][1])
                    _write(opened[0][1], {"format": 1, "made_at": made_at, "folder": str(folder)})
                _write(opened[0][1], splice.line())
                return opened[0][0]

            yield record

    def mark_taken_back(self, number: int, splice: Splice) -> None:
        """Record that one change of an export was taken back.

        Raises:
            OSError: it can't be recorded.
        """
        with self._path(number).open("ab") as file:
            _write(file, {"taken_back": splice.after})

    def mark_undone(self, number: int, made_at: str) -> None:
        """Record that an export was undone.

        Raises:
            OSError: it can't be recorded.
        """
        with self._path(number).open("ab") as file:
            _write(file, {"undone_at": made_at})

    def _create(self) -> tuple[int, IO[bytes]]:
        private_folder(self.folder)
        number = max(self._numbers(), default=0) + 1
        while True:
            try:
                return number, open(self._path(number), "xb", opener=private_file)
            except FileExistsError:
                number += 1

    def _numbers(self) -> list[int]:
        try:
            names = [path.name.removesuffix(_SUFFIX) for path in self.folder.iterdir() if path.suffix == _SUFFIX]
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 10)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}{_SUFFIX}"

    def _batch(self, number: int) -> Batch | None:
        lines = list(self._lines(number))
        try:
            head = lines[0]
            photos = sum("after" in line for line in lines)
            undone = any("undone_at" in line for line in lines)
            return Batch(number, str(head["made_at"]), Path(head["folder"]), photos, undone)
        except (LookupError, TypeError) as error:
            _log.warning("A record of keywords can't be read: %s", error)
            return None

    def _lines(self, number: int) -> Iterator[dict[str, Any]]:
        with contextlib.suppress(OSError), self._path(number).open("rb") as file:
            for line in file:
                # The last one may be cut off by a power failure.
                with contextlib.suppress(ValueError, RecursionError):
                    read = json.loads(line)
                    if isinstance(read, dict):
                        yield read


def _alike(one: bytes, other: bytes, most: int) -> int:
    """Return how many bytes at the beginning are the same, `most` at most."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _splice(line: Mapping[str, Any]) -> Splice | None:
    if "after" not in line:
        return None
    try:
        return Splice.read(line)
    except (ValueError, KeyError, TypeError, zlib.error, binascii.Error) as error:
        _log.warning("A recorded change of a photo can't be read: %s", error)
        return None


def _write(file: IO[bytes], line: Mapping[str, object]) -> None:
    """Append a line; it is on the disk when this returns."""
    file.write(json.dumps(line).encode() + b"\n")
    file.flush()
    flush(file.fileno())


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of the bytes of a file, hexadecimal."""
    return hashlib.sha256(data).hexdigest()
