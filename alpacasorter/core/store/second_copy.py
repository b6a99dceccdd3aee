"""The second copy of the library: each row that a transaction changed, as a line of JSON with a checksum.

A transaction writes its lines and waits until they are on the disk immediately before it is committed, so the copy is
never behind the library and at most one transaction ahead. It is an append-only file that is started again from the
whole content of the library when it has grown too long, and it is kept twice: damage at one place costs no line.

A line has tab-separated fields: a checksum of all the others, a number of the file it was written for, the place of the
line in that file, the number of the transaction, the table, the row's id, and the row (or null if it was deleted). The
row of the table `state` ends a transaction; without it, or a later one, none of its rows count. Nothing here names a
column, so a new one is carried without further ado.

The last line may be a seal: a checksum of the whole library as it was when it was closed. As long as that is right, and
the two files are equal, nothing else needs to be compared.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from alpacasorter.core.files import flush, flush_folder
from alpacasorter.core.os_errors import for_log
from alpacasorter.core.store.database import DAMAGE, identity, make_private, pragma_number
from alpacasorter.core.store.rows import all_rows

_log = logging.getLogger(__name__)

_SUFFIXES: Final = (".journal", ".journal-2")
_HEAD: Final = b"library"
_STATE: Final = b"state"
_SEAL: Final = b"seal"
_DELETED: Final = b"null"
# Started again when this much and as much as the whole content has been added.
_SPARE: Final = 1 << 20
_LINES_AT_ONCE: Final = 1000
_BLOCK: Final = 1 << 20
_LONGEST_SEAL: Final = 300
_NO_LIMIT: Final = 1 << 63


class Line(NamedTuple):
    """One line: where it starts and ends, its transaction, and the row (JSON, null if deleted)."""

    start: int
    end: int
    revision: int
    table: bytes
    number: int
    row: bytes


class Content(NamedTuple):
    """What the copy holds.

    Attributes:
        version: the version of the tables (`user_version`) that the lines were written for; 0 if unknown.
        revision: the number of the last complete transaction.
        confirmed: the number of the last one that is sure to have been committed; it may be lost here.
        whole: whether no line up to there is missing, so that `rows` is everything up to that transaction.
        damaged: whether something in a file was changed by more than a crash.
        even: whether both files hold exactly this, so that they can be appended to.
        rows: the transaction that wrote it, and the row as JSON (None if it was deleted), by table and id.
        generation: what tells this content from that of the files before they were last started again.
        base: where the last line ends that was written when they were started.
        end: where the last complete transaction ends.
    """

    version: int
    revision: int
    confirmed: int
    whole: bool
    damaged: bool
    even: bool
    rows: dict[tuple[str, int], tuple[int, bytes | None]]
    generation: bytes
    base: int
    end: int


class SecondCopy:
    """The files of the second copy beside one library. Not locked: use it in a transaction that writes the library."""

    def __init__(self, library: Path) -> None:
        """Belong to the library at this path; nothing is read or created."""
        self.paths: Final = tuple(library.with_suffix(suffix) for suffix in _SUFFIXES)
        self._generation = b""
        self._identity: tuple[int, int] | None = None
        self._end = 0
        self._revision = -1
        self._base = 0
        self._sealed = False
        # Up to where the second file is known to be like the first.
        self._confirmed = 0
        self._content: Content | None = None
        self._seen: list[tuple[int, ...]] = []

    def is_sealed(self, connection: sqlite3.Connection) -> bool:
        """Tell whether the library is, byte by byte, what it was when it was sealed, and so is the copy.

        Then go on after it. Reads no row.
        """
        try:
            with contextlib.ExitStack() as stack:
                first, second = (stack.enter_context(path.open("rb")) for path in self.paths)
                while (block := first.read(_BLOCK)) == second.read(_BLOCK):
                    if not block:
                        break
                else:
                    return False
                size = first.tell()
                first.seek(max(size - _LONGEST_SEAL, 0))
                _, _, last = first.read().rstrip(b"\n").rpartition(b"\n")
            checksum, _, rest = last.partition(b"\t")
            generation, start, revision, table, version, content = rest.split(b"\t", 5)
            if table != _SEAL or _checksum(rest) != checksum or int(start) + len(last) + 1 != size:
                return False
            sealed = json.loads(content)
            if (int(version), int(revision), sealed["library"]) != (
                pragma_number(connection, "user_version"),
                int(connection.execute("SELECT changes FROM state").fetchone()[0]),
                _image(connection),
            ):
                return False
        except (OSError, *DAMAGE):
            return False
        self._identity = identity(self.paths[0])
        self._generation, self._base = generation, int(sealed["base"])
        self._end, self._revision, self._sealed = int(start), int(revision), True
        self._confirmed = self._end
        return True

    def seal(self, connection: sqlite3.Connection) -> None:
        """Note what the library is now, so that the next start has less to compare; raises OSError."""
        revision = int(connection.execute("SELECT changes FROM state").fetchone()[0])
        self._catch_up(revision + 1)
        if self._revision != revision or self._sealed or self.paths[1].stat().st_size < self._end:
            return
        content = json.dumps({"library": _image(connection), "base": self._base}).encode()
        block = self._lines(self._end, revision, [(_SEAL, pragma_number(connection, "user_version"), content)])
        for path in self.paths:
            _put(path, self._end, block, wait=False)
        self._sealed = True

    def read(self) -> Content | None:
        """Return what the files hold, or None if there are none. What was read is kept while the files don't change."""
        seen = [_stamp(path) for path in self.paths]
        if self._seen != seen:
            self._content, self._seen = self._read(), seen
        return self._content

    def _read(self) -> Content | None:
        stored = [_bytes(path) for path in self.paths]
        if stored == [None, None]:
            return None
        same = stored[0] == stored[1]
        first = None if stored[0] is None else _parse(stored[0])
        second = first if same else None if stored[1] is None else _parse(stored[1])
        read = [one for one in (first, second) if one is not None]
        generations = {generation for one in read for generation in one.lines}
        if not generations:
            return Content(0, 0, 0, False, True, False, {}, b"", 0, 0)
        contents = [_content(generation, *_merged(generation, first, second)) for generation in generations]
        latest = max(contents, key=lambda content: (content.revision, content.whole))
        # A crash, or a power cut, may leave the second file behind the first, never the other way round.
        lags = len(read) == 2 and read[0].generation == read[1].generation and read[0].end < read[1].end
        hurt = any(one.hurt is not None and one.hurt <= latest.revision for one in read)
        rows, confirmed = latest.rows, latest.confirmed
        # What was written before the files were started again is of use only where a line of that content is missing.
        if not latest.whole and not latest.base:
            for older in sorted(contents, key=lambda content: content.revision, reverse=True):
                rows = older.rows | rows
        if first is None or second is None or latest.generation not in second.lines:
            confirmed = latest.revision
        even = same and latest.whole and len(generations) == 1 and not hurt and len(stored[0] or b"") == read[0].end
        return latest._replace(confirmed=confirmed, damaged=lags or hurt or not latest.whole, even=even, rows=rows)

    def write(self, connection: sqlite3.Connection) -> None:
        """Start the files again from the whole content of the library; raises OSError."""
        self._generation = os.urandom(4).hex().encode()
        revision = int(connection.execute("SELECT changes FROM state").fetchone()[0])
        head = json.dumps({"app": "AlpacaSorter"}).encode()
        entries: Iterator[tuple[bytes, int, bytes]] = all_rows(connection)
        new = [path.with_name(path.name + ".new") for path in self.paths]
        end = 0
        with contextlib.ExitStack() as stack:
            files = []
            for path in new:
                make_private(path)
                files.append(stack.enter_context(path.open("wb")))
            block = self._lines(0, revision, [(_HEAD, pragma_number(connection, "user_version"), head)])
            while block:
                for file in files:
                    file.write(block)
                end += len(block)
                block = self._lines(end, revision, _some(entries))
            for file in files:
                file.flush()
                flush(file.fileno())
        for source, target in zip(new, self.paths, strict=True):
            source.replace(target)
        flush_folder(self.paths[0].parent)
        self._identity = identity(self.paths[0])
        self._end, self._base, self._revision, self._sealed = end, end, revision, False
        self._confirmed = end
        self._content, self._seen = None, []

    def append(self, connection: sqlite3.Connection, revision: int) -> None:
        """Write what the transaction has changed, and wait until it is on the disk; raises OSError.

        To be followed by `confirm` once the transaction has been committed.

        Args:
            connection: in a transaction, about to be committed; `watch` was called on it.
            revision: the number of the transaction.
        """
        changed = connection.execute(
            "SELECT name, number, content FROM temp.changed ORDER BY name = 'state', id"
        ).fetchall()
        connection.execute("DELETE FROM temp.changed")
        self._catch_up(revision)
        if self._revision != revision - 1:
            # Lost, or of another time: the whole content, with this transaction in it.
            self.write(connection)
            return
        block = self._lines(self._end, revision, ((name.encode(), number, row) for name, number, row in changed))
        first, end = self.paths[0], self._end
        try:
            _put(first, end, block, wait=True)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(first, end)
            raise
        self._end, self._revision, self._sealed = end + len(block), revision, False

    def confirm(self) -> None:
        """Write to the second file, too, what `append` wrote and was committed. If that fails, it is made again.

        Not waited for, because it is needed only where the first file is damaged. As it never has a transaction that
        was not committed, it also tells whether one that the library lacks was.
        """
        first, second = self.paths
        if identity(first) != self._identity:
            # Another instance has started both again.
            return
        try:
            start = min(second.stat().st_size, self._confirmed)
            with first.open("rb") as file:
                file.seek(start)
                _put(second, start, file.read(self._end - start), wait=False)
        except OSError as error:
            _log.warning("the second file of the second copy is made again: %s", for_log(error))
            with contextlib.suppress(OSError):
                make_private(second)
                second.write_bytes(first.read_bytes()[: self._end])
        self._confirmed = self._end

    def cut_back(self, revision: int) -> None:
        """Remove transactions after this one, which were never committed; raises OSError."""
        self._catch_up(revision + 1)
        if self._revision <= revision:
            for path in self.paths:
                if path.stat().st_size > self._end:
                    os.truncate(path, self._end)

    def is_gone(self) -> bool:
        """Tell whether both files are missing."""
        return not any(path.exists() for path in self.paths)

    def is_too_long(self) -> bool:
        """Tell whether so much has been added that the files should be started again."""
        return self._end > 2 * self._base + _SPARE

    def follow(self, content: Content) -> None:
        """Go on after what `read` returned, which is even and agrees with the library."""
        self._identity = identity(self.paths[0])
        self._generation, self._base = content.generation, content.base
        self._end, self._revision, self._sealed = content.end, content.revision, False
        self._confirmed = self._end
        # It may be large, and will soon be out of date.
        self._content, self._seen = None, []

    def _catch_up(self, revision: int) -> None:
        """Find out where the last transaction before `revision` ends, if another instance has written since."""
        path = self.paths[0]
        known = identity(path)
        size = path.stat().st_size if known is not None else 0
        if known is None or known != self._identity or size < self._end or self._revision >= revision:
            self._identity, self._generation = known, b""
            self._end, self._base, self._revision, self._confirmed = 0, 0, -1, 0
        if size == self._end:
            return
        with path.open("rb") as file:
            file.seek(self._end)
            found = _parse(file.read(), self._end).lines
        # All lines of an undamaged file are of one generation.
        self._generation = self._generation or next(iter(found), b"")
        lines, at = found.get(self._generation, {}), self._end
        while (line := lines.get(at)) is not None and line.revision < revision:
            at = line.end
            if line.table == _STATE:
                self._end, self._revision, self._sealed = at, line.revision, False
                self._base = self._base or at

    def _lines(self, at: int, revision: int, rows: Iterable[tuple[bytes, int, bytes | None]]) -> bytes:
        lines = []
        for table, number, row in rows:
            text = b"%b\t%d\t%d\t%b\t%d\t%b" % (self._generation, at, revision, table, number, row or _DELETED)
            line = b"%b\t%b\n" % (_checksum(text), text)
            at += len(line)
            lines.append(line)
        return b"".join(lines)


def _some(entries: Iterator[tuple[bytes, int, bytes]]) -> list[tuple[bytes, int, bytes]]:
    return list(islice(entries, _LINES_AT_ONCE))


def _checksum(text: bytes) -> bytes:
    return b"%08x" % crc32(text)


def _image(connection: sqlite3.Connection) -> str:
    """Return a checksum of every page of the library, those in its log included."""
    return f"{crc32(connection.serialize()):08x}"


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _put(path: Path, at: int, block: bytes, *, wait: bool) -> None:
    with path.open("rb+", buffering=0) as file:
        file.seek(at)
        view = memoryview(block)
        while view:
            view = view[file.write(view) :]
        file.truncate()
        if wait:
            flush(file.fileno())


class _Read(NamedTuple):
    """What one file holds.

    Attributes:
        lines: its intact lines by generation and place, without the seals.
        sealed: the number of the last transaction before a seal, by generation.
        generation: that of the last line.
        end: where the last line ends.
        hurt: the transaction of the first intact line that comes after damage; None if there is none.
    """

    lines: dict[bytes, dict[int, Line]]
    sealed: dict[bytes, int]
    generation: bytes
    end: int
    hurt: int | None


def _parse(data: bytes, start: int = 0) -> _Read:
    """Sort the intact lines of a file, from the byte `start` on, by generation and place."""
    found: dict[bytes, dict[int, Line]] = {}
    sealed: dict[bytes, int] = {}
    at = start
    generation, end, bad = b"", start, False
    hurt: int | None = None
    for text in data.split(b"\n"):
        length = len(text) + 1
        checksum, _, rest = text.partition(b"\t")
        if checksum and _checksum(rest) == checksum:
            generation, place, revision, table, number, row = rest.split(b"\t", 5)
            line = Line(int(place), int(place) + length, int(revision), table, int(number), row)
            if table == _SEAL:
                # Overwritten by what comes after it, so a stale one must not take the place of that.
                sealed[generation] = max(line.revision, sealed.get(generation, 0))
            else:
                found.setdefault(generation, {})[line.start] = line
            if hurt is None and (bad or line.start != at):
                hurt = line.revision
            end = line.end
        elif text:
            bad = True
        at += length
    return _Read(found, sealed, generation, end, hurt)


def _merged(generation: bytes, first: _Read | None, second: _Read | None) -> tuple[list[Line], int, int]:
    """Return the lines of a generation in both files, in order.

    Also: up to which transaction their rows count, whatever follows, and up to which one it is sure that there was one.

    If the files went different ways after a transaction (one of them is from another time, or has a transaction that
    was never committed), only the one that got further counts after it.
    """
    files = [one for one in (second, first) if one is not None and generation in one.lines]
    ends = {id(one): max(line.revision for line in one.lines[generation].values()) for one in files}
    # Of two that got equally far, the second file: all of it was committed.
    files.sort(key=lambda one: ends[id(one)], reverse=True)
    merged = files[0].lines[generation]
    # What was there when the files were started again was written as a whole.
    committed = known = min(line.revision for one in files for line in one.lines[generation].values())
    forked: int | None = None
    for one in files:
        if one.lines[generation] is not merged:
            forked = _fork(merged, one.lines[generation])
            added = one.lines[generation].values()
            merged = {line.start: line for line in added if forked is None or line.revision < forked} | merged
        limit = _NO_LIMIT if forked is None else forked - 1
        # A transaction begins when the one before it was committed. The last one counts only with its end.
        found = max(ends[id(one)] - 1, one.sealed.get(generation, 0))
        if one is second:
            lines = one.lines[generation].values()
            found = max(found, *(line.revision for line in lines if line.table == _STATE), 0)
            known = max(known, min(ends[id(one)], limit))
        committed = max(committed, min(found, limit))
    return sorted(merged.values()), committed, max(committed, known)


def _fork(lines: dict[int, Line], others: dict[int, Line]) -> int | None:
    """Return the first transaction that differs between two files; None if there is none."""
    starts: list[int] = []
    forked: list[int] = []
    for line in others.values():
        if lines.get(line.start) == line:
            continue
        starts = starts or sorted(lines)
        # Those that overlap it.
        at = max(bisect_right(starts, line.start) - 1, 0)
        while at < len(starts) and starts[at] < line.end:
            known = lines[starts[at]]
            if known.end > line.start:
                forked.append(min(known.revision, line.revision))
            at += 1
    return min(forked, default=None)


def _content(generation: bytes, lines: list[Line], committed: int, known: int) -> Content:
    """Return what the lines of one generation say; the last transaction only if it is committed or complete.

    Args:
        generation: of the lines.
        lines: all of them in order.
        committed: up to which transaction all rows that are left count.
        known: up to which one it is sure that there was one.
    """
    at, base, end, reached, version = 0, 0, 0, -1, 0
    unbroken = True
    for line in lines:
        unbroken = unbroken and line.start == at
        at = line.end
        if line.table == _HEAD:
            version = line.number
        elif unbroken and line.table == _STATE:
            base, end, reached = base or at, at, line.revision
    last = lines[-1].revision
    count = sum(1 for line in lines if line.revision == last)
    complete = lines[-1].table == _STATE and all(
        line.end == after.start for line, after in pairwise(lines[-count - 1 :])
    )
    revision = max(committed, last) if complete else committed
    rows: dict[tuple[str, int], tuple[int, bytes | None]] = {}
    names: dict[bytes, str] = {}
    for line in lines:
        if line.revision <= revision and line.table != _HEAD:
            name = names.setdefault(line.table, line.table.decode())
            rows[name, line.number] = (line.revision, None if line.row == _DELETED else line.row)
    whole = end > 0 and reached == revision >= known
    return Content(version, revision, known, whole, False, False, rows, generation, base, end)
