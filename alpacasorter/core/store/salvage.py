"""Reads corrections and the journal of sorts from a library file that SQLite refuses to open.

It reads each page on its own: the rows of an intact table leaf can be read whatever has happened to the header, the
schema or the pages above it. Outdated rows do no harm, because a merge takes the later one of two.
Format: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from alpacasorter.core.store.library_schema import PAGE_SIZE, CorrectionRow, EmbeddingRow, Rows, SetAsideRow
from alpacasorter.core.store.library_sorts import UID_BYTES, FolderRow, SortRow, StepRow

_LEAF: Final = 0x0D
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_MOST_LOCAL: Final = PAGE_SIZE - 35
_LEAST_LOCAL: Final = (PAGE_SIZE - 12) * 32 // 255 - 23
_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
_BIGGEST_REVISION: Final = 1 << 53


def salvage(paths: Iterable[Path]) -> Rows:
    """Return the rows that can still be read from these files, which may be missing or contain anything.

    A name that ends in -wal is read as a write-ahead log, any other as a database.
    """
    corrections: dict[tuple[str, bytes], CorrectionRow] = {}
    embeddings: dict[tuple[bytes, str], EmbeddingRow] = {}
    set_aside: dict[tuple[str, bytes], SetAsideRow] = {}
    journal = SortRows()
    for path in paths:
        for page in _pages(path):
            for record in _records(page):
                correction = _correction(record)
                if correction is not None:
                    place = (correction.label_set, correction.content_key)
                    known = corrections.get(place)
                    if known is None or correction.revision >= known.revision:
                        corrections[place] = correction
                    continue
                embedding = _embedding(record)
                if embedding is not None:
                    embeddings[embedding.content_key, embedding.backbone_id] = embedding
                    continue
                aside = _set_aside(record)
                if aside is not None:
                    place = (aside.label_set, aside.content_key)
                    if place not in set_aside or aside.revision >= set_aside[place].revision:
                        set_aside[place] = aside
                    continue
                journal.take(record)
    return Rows(list(corrections.values()), list(embeddings.values()), list(set_aside.values()), *journal.found())


def _pages(path: Path) -> list[bytes]:
    try:
        data = path.read_bytes()
    except OSError:
        return []
    if path.name.endswith("-wal"):
        return _logged_pages(data)
    return [data[at : at + PAGE_SIZE] for at in range(0, len(data) - PAGE_SIZE + 1, PAGE_SIZE)]


def _logged_pages(log: bytes) -> list[bytes]:
    """Return the pages of a write-ahead log up to the last completed transaction.

    What follows was never committed. Checksums are ignored, because intact rows of a damaged page can still be read.
    """
    step = _FRAME_HEADER + PAGE_SIZE
    frames = [log[at : at + step] for at in range(_WAL_HEADER, len(log) - step + 1, step)]
    if not frames:
        return []
    # Frames with other salts are from before the log was last restarted. The header has the current salts, and so has
    # the first frame if the header is damaged.
    salts = log[16:24]
    if all(frame[8:16] != salts for frame in frames):
        salts = frames[0][8:16]
    current = [frame for frame in frames if frame[8:16] == salts]
    while current and not any(current[-1][4:8]):
        current.pop()
    return [frame[_FRAME_HEADER:] for frame in current]


def _records(page: bytes) -> Iterator[list[Value]]:
    if page[0] != _LEAF:
        return
    cells = int.from_bytes(page[3:5], "big")
    for pointer in range(8, min(8 + 2 * cells, PAGE_SIZE - 1), 2):
        try:
            yield _record(page, int.from_bytes(page[pointer : pointer + 2], "big"))
        except (IndexError, ValueError, struct.error):
            continue


def _record(page: bytes, at: int) -> list[Value]:
    size, at = _varint(page, at)
    _rowid, at = _varint(page, at)
    local = size
    if size > _MOST_LOCAL:
        local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE_SIZE - 4)
        local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    end = at + local
    if end > PAGE_SIZE:
        raise ValueError("the row runs out of the page")
    header_size, position = _varint(page, at)
    values_at = at + header_size
    if not at < values_at <= end:
        raise ValueError("the row has no values")
    kinds: list[int] = []
    while position < at + header_size:
        kind, position = _varint(page, position)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, width = _value(page[values_at:end], kind)
        values.append(value)
        values_at += width
    return values


def _varint(page: bytes, at: int) -> tuple[int, int]:
    number = 0
    for index in range(at, at + 8):
        number = number << 7 | page[index] & 0x7F
        if page[index] < 0x80:
            return number, index + 1
    return number << 8 | page[at + 8], at + 9


def _value(data: bytes, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, 0
    if kind in _INTEGER_BYTES:
        width = _INTEGER_BYTES[kind]
        return int.from_bytes(data[:width], "big", signed=True), width
    if kind == 7:
        return struct.unpack(">d", data[:8])[0], 8
    if kind in (8, 9):
        return kind - 8, 0
    if kind < 12:
        raise ValueError("a kind of value that SQLite doesn't write")
    width = (kind - 12) // 2
    if width > len(data):
        # The rest is on other pages. Only the last column is that long; in a correction that is a path, only a hint.
        return None, width
    return (data[:width].decode() if kind % 2 else data[:width]), width


def _correction(record: list[Value]) -> CorrectionRow | None:
    match record:
        case [None, str(label_set), bytes(key), str() | None as label, int(revision), str(made_at), *rest]:
            path_hint = rest[0] if rest else None
            if (
                label_set
                and len(key) == 32
                and 0 < revision < _BIGGEST_REVISION
                and _TIME.fullmatch(made_at)
                and (path_hint is None or isinstance(path_hint, bytes))
            ):
                return CorrectionRow(label_set, key, label, revision, made_at, path_hint)
    return None


def _embedding(record: list[Value]) -> EmbeddingRow | None:
    match record:
        case [None, bytes(key), str(backbone_id), bytes(embedding)]:
            if len(key) == 32 and backbone_id and embedding and len(embedding) % 2 == 0:
                return EmbeddingRow(key, backbone_id, embedding)
    return None


def _set_aside(record: list[Value]) -> SetAsideRow | None:
    match record:
        case [None, str(label_set), bytes(key), 0 | 1 as aside, int(revision)]:
            if label_set and len(key) == 32 and 0 < revision < _BIGGEST_REVISION:
                return SetAsideRow(label_set, key, int(aside), revision)
    return None


Value = int | float | str | bytes | None
K = TypeVar("K")
R = TypeVar("R", SortRow, StepRow, FolderRow)

_BIGGEST: Final = 1 << 53
_KEY_BYTES: Final = 32


class SortRows:
    """The rows of the journal that were found, the latest version of each."""

    def __init__(self) -> None:
        """Start without any."""
        self._sorts: Final[dict[bytes, SortRow]] = {}
        self._steps: Final[dict[tuple[bytes, int], StepRow]] = {}
        self._folders: Final[dict[tuple[bytes, int], FolderRow]] = {}

    def take(self, record: Sequence[Value]) -> bool:
        """Keep a record if it is a row of the journal, and tell whether it is."""
        # Steps first: there are thousands of them.
        step = _step(record)
        if step is not None:
            _keep(self._steps, (step.sort, step.position), step)
            return True
        sort = _sort(record)
        if sort is not None:
            _keep(self._sorts, sort.uid, sort)
            return True
        folder = _folder(record)
        if folder is not None:
            _keep(self._folders, (folder.sort, folder.position), folder)
            return True
        return False

    def found(self) -> tuple[list[SortRow], list[StepRow], list[FolderRow]]:
        """Return what was found."""
        return list(self._sorts.values()), list(self._steps.values()), list(self._folders.values())


def _keep(rows: dict[K, R], place: K, row: R) -> None:
    known = rows.get(place)
    if known is None or row.revision >= known.revision:
        rows[place] = row


def _sort(record: Sequence[Value]) -> SortRow | None:
    match record:
        case [
            None,
            bytes(uid),
            int(number),
            str(action),
            str(state),
            int(revision),
            str(made_at),
            int(files),
            int(done),
            int(failed),
            int(remaining),
            bytes(folder),
            bytes(destination),
            str() | None as options,
        ]:
            if len(uid) == UID_BYTES and number > 0 and _all_natural((revision, files, done, failed, remaining)):
                counts = (files, done, failed, remaining)
                return SortRow(
                    uid, number, action, state, revision, made_at, *counts, folder, destination, options or "{}"
                )
    return None


def _step(record: Sequence[Value]) -> StepRow | None:
    match record:
        case [
            None,
            bytes(sort),
            int(position),
            int(unit),
            str(state),
            int(revision),
            int(size),
            int(mtime_ns),
            int() | None as mode,
            int() | None as placed_mtime_ns,
            bytes() | None as digest,
            str() | None as way,
            str() | None as temp,
            bytes(source),
            bytes(target),
            bytes() | None as real,
            str() | None as reason,
        ]:
            if (
                len(sort) == UID_BYTES
                and _all_natural((position, unit, revision, size))
                and (digest is None or len(digest) == _KEY_BYTES)
                and source
                and target
            ):
                times = (mtime_ns, mode, placed_mtime_ns)
                return StepRow(
                    sort, position, unit, state, revision, size, *times, digest, way, temp, source, target, real, reason
                )
    return None


def _folder(record: Sequence[Value]) -> FolderRow | None:
    match record:
        case [None, bytes(sort), int(position), str(state), int(revision), 0 | 1 as marked, bytes(path)]:
            if len(sort) == UID_BYTES and _all_natural((position, revision)) and path:
                return FolderRow(sort, position, state, revision, int(marked), path)
    return None


def _all_natural(numbers: Iterable[int]) -> bool:
    return all(0 <= number < _BIGGEST for number in numbers)
