"""The boxes of HEIC and AVIF files: just enough of ISO/IEC 14496-12 and 23008-12 to find pictures and tiles.

One reader for two uses. The picture key must not guess: when read strictly, whatever is not as expected raises
UnusualFile. The decoder takes what other programs show: when read leniently, a list may end early, and so may the last
box. Files come from strangers: no box, list or reference is followed more than a bounded number of times.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_MAX_PARTS: Final = 1 << 16
"""How many boxes, items or extents are looked at in one list."""
_ESSENTIAL: Final = 0x8000
"""Marks the number of a property that a reader must know."""
_LOOK_PROPERTIES: Final = frozenset(
    (b"hvcC", b"av1C", b"avcC", b"vvcC", b"j2kH", b"ispe", b"clap", b"pixi", b"auxC", b"a1op", b"lsel")
)
"""Properties of an item that its pixels are made with. Not turns and mirrors, and no colors."""


class UnusualFile(Exception):
    """The file is not as its reader expects it."""


class TooManyPartsError(UnusualFile):
    """A list has more parts than that of any photo."""


def _need(condition: object) -> None:
    if not condition:
        raise UnusualFile


class Box(NamedTuple):
    """A box: its name, and where its content is."""

    name: bytes
    start: int
    end: int


class ItemPlaces(NamedTuple):
    """Where the data of an item is: offset and length of each piece, in the file (`method` 0) or in `idat` (1)."""

    item: int
    method: int
    source: int
    extents: list[tuple[int, int]]


class _Fields:
    """Reads the big-endian numbers of a box one after the other."""

    def __init__(self, data: bytes, box: Box) -> None:
        self._data = data
        self.at = box.start
        self._end = box.end

    def number(self, size: int) -> int:
        """Return the next number of `size` bytes; 0 for no bytes."""
        at, self.at = self.at, self.at + size
        _need(self.at <= self._end)
        return int.from_bytes(self._data[at : self.at], "big")

    def full(self) -> tuple[int, int]:
        """Return the version and the flags that a full box begins with."""
        return self.number(1), self.number(3)


class _Budget:
    """Counts the parts of one list."""

    def __init__(self) -> None:
        self._left = _MAX_PARTS

    def spend(self, parts: int) -> None:
        self._left -= parts
        if self._left <= 0:
            raise TooManyPartsError


class Boxes:
    """Reads the boxes of a file that is in memory, and the lists in some of them."""

    def __init__(self, data: bytes, *, strict: bool) -> None:
        """Read strictly, or as leniently as a decoder does."""
        self.data = data
        self._is_strict = strict

    def between(self, start: int, end: int) -> Iterator[Box]:
        """Yield the boxes between two places; if read leniently, the last one may end later."""
        for _ in range(_MAX_PARTS):
            if start + 8 > end:
                return
            size, name = struct.unpack_from(">L4s", self.data, start)
            body = start + 8
            if size == 1:
                size = int.from_bytes(self.data[body : body + 8], "big")
                body += 8
            elif size == 0:
                size = end - start
            if self._is_strict:
                _need(body - start <= size <= end - start)
            elif size < body - start:  # not a box but bytes added after the picture
                return
            yield Box(name, body, start + size)
            start += size
        raise TooManyPartsError

    def primary(self, box: Box) -> int:
        """Return the item that `pitm` says is the picture."""
        fields = _Fields(self.data, box)
        version, _flags = fields.full()
        return fields.number(4 if version else 2)

    def places(self, box: Box) -> Iterator[ItemPlaces]:
        """Yield where the data of each item in `iloc` is."""
        fields, budget = _Fields(self.data, box), _Budget()
        try:
            version, _flags = fields.full()
            sizes = fields.number(2)
            offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
            if self._is_strict:
                _need(version <= 2 and offset_size <= 8 and length_size in (4, 8) and base_size <= 8)
            for _ in range(fields.number(4 if version == 2 else 2)):
                item = fields.number(4 if version == 2 else 2)
                method = fields.number(2) & 15 if version else 0
                source = fields.number(2)
                base = fields.number(base_size)
                count = fields.number(2)
                budget.spend(1 + count)
                extents = []
                for _extent in range(count):
                    if version:
                        fields.number(index_size)
                    start = base + fields.number(offset_size)
                    extents.append((start, fields.number(length_size)))
                yield ItemPlaces(item, method, source, extents)
        except UnusualFile as error:
            self._end_early(error)

    def properties(self, box: Box) -> tuple[list[Box], dict[int, list[int]]]:
        """Return all properties in `iprp`, and for each item the numbers (from 1) of those that it has.

        Those numbers have the bit `_ESSENTIAL` if a reader must know the property.
        """
        inside = {inner.name: inner for inner in self.between(box.start, box.end)}
        if not self._is_strict and not {b"ipco", b"ipma"} <= inside.keys():
            return [], {}
        known = list(self.between(*inside[b"ipco"][1:]))
        fields, budget = _Fields(self.data, inside[b"ipma"]), _Budget()
        of_item: dict[int, list[int]] = {}
        try:
            version, flags = fields.full()
            for _ in range(fields.number(4)):
                item = fields.number(4 if version else 2)
                count = fields.number(1)
                budget.spend(1 + count)
                numbers = [fields.number(2 if flags & 1 else 1) for _ in range(count)]
                of_item[item] = numbers if flags & 1 else [n & 0x7F | (n & 0x80) << 8 for n in numbers]
        except UnusualFile as error:
            self._end_early(error)
        return known, of_item

    def references(self, box: Box) -> Iterator[tuple[bytes, int, list[int]]]:
        """Yield each reference in `iref`: its kind, the item that refers, and those that it refers to."""
        version, _flags = _Fields(self.data, box).full()
        size, budget = 4 if version else 2, _Budget()
        try:
            for reference in self.between(box.start + 4, box.end):
                fields = _Fields(self.data, reference)
                source, count = fields.number(size), fields.number(2)
                if not self._is_strict:
                    count = min(count, (reference.end - fields.at) // size)
                budget.spend(1 + count)
                yield reference.name, source, [fields.number(size) for _ in range(count)]
        except UnusualFile as error:
            self._end_early(error)

    def _end_early(self, error: UnusualFile) -> None:
        if self._is_strict or isinstance(error, TooManyPartsError):
            raise error


def size_of(number: int, known: list[Box]) -> Box | None:
    """Return the property with this number if it is the size of a picture (`ispe`)."""
    place = (number & ~_ESSENTIAL) - 1
    return known[place] if 0 <= place < len(known) and known[place].name == b"ispe" else None


class Items:
    """The items of a HEIC or AVIF file: what they are, where their data is, and how they belong together.

    Read strictly: whatever is unusual raises UnusualFile, or an error of `struct` or of a look-up.
    """

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)
        reader = self._reader = Boxes(data, strict=True)
        # Some cameras append proprietary data after the last box. If there are two lists of items, which one a
        # decoder takes is not known.
        outer = Boxes(data, strict=False).between(0, len(data))
        found = [box for box in outer if box.name == b"meta" and box.end <= len(data)]
        _need(len(found) == 1)
        (meta,) = found
        boxes: dict[bytes, Box] = {}
        for box in reader.between(meta.start + 4, meta.end):
            _need(box.name not in boxes or box.name in (b"free", b"skip", b"uuid"))
            boxes[box.name] = box
        inner = boxes.get(b"idat")
        self.primary = reader.primary(boxes[b"pitm"])
        self.kinds = dict(self._read_kinds(boxes[b"iinf"]))
        self._places: dict[int, list[tuple[int, int]]] = {}
        for item, method, source, extents in reader.places(boxes[b"iloc"]):
            if source == 0 and method == 0:
                self._places[item] = extents
            elif source == 0 and method == 1 and inner is not None:
                self._places[item] = [(inner.start + start, length) for start, length in extents]
        known, of_item = reader.properties(boxes[b"iprp"])
        self._properties = {
            item: [known[(number & ~_ESSENTIAL) - 1] for number in numbers if number & ~_ESSENTIAL]
            for item, numbers in of_item.items()
        }
        self._parts: dict[int, list[int]] = {}
        self._additions: dict[int, list[int]] = {}
        for kind, source, targets in reader.references(boxes[b"iref"]) if b"iref" in boxes else ():
            if kind == b"dimg":
                self._parts.setdefault(source, []).extend(targets)
            elif kind == b"auxl":
                for target in targets:
                    self._additions.setdefault(target, []).append(source)

    def needed(self) -> Iterable[int]:
        """Return the primary item, those it is made from, and those that add to it, such as its transparency."""
        found: dict[int, None] = {}
        waiting = deque((self.primary, *self._additions.get(self.primary, ())))
        while waiting:
            item = waiting.popleft()
            if item not in found:
                found[item] = None
                waiting += self._parts.get(item, ())
        return found

    def properties(self, item: int) -> list[memoryview]:
        """Return the properties that the pixels of an item are made with, each a box with its name and length."""
        boxes = [box for box in self._properties.get(item, ()) if box.name in _LOOK_PROPERTIES]
        _need(all(self._view[box.start - 4 : box.start] == box.name for box in boxes))
        return [self._view[box.start - 8 : box.end] for box in boxes]

    def extents(self, item: int) -> list[tuple[int, int]]:
        """Return where the data of an item is: offset and length of each piece."""
        return self._places[item]

    def _read_kinds(self, box: Box) -> Iterator[tuple[int, bytes]]:
        fields = _Fields(self._reader.data, box)
        version, _flags = fields.full()
        fields.number(4 if version else 2)
        for entry in self._reader.between(fields.at, box.end):
            info = _Fields(self._reader.data, entry)
            version, _flags = info.full()
            _need(entry.name == b"infe" and version in (2, 3))
            item = info.number(4 if version == 3 else 2)
            info.number(2)
            yield item, info.number(4).to_bytes(4, "big")
