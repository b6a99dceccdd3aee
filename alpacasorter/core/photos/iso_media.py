"""Where the pictures in a HEIC or AVIF file are: just enough of ISO/IEC 14496-12 and 23008-12 to find their data.

Files come from strangers: whatever is not as expected raises UnusualFile, or an error of `struct` or of a look-up, and
no box, list or reference is followed more than a bounded number of times.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_MAX_PARTS: Final = 1 << 16
"""How many boxes, items or extents are looked at in one list."""


class UnusualFile(Exception):
    """The file is not as its reader expects it."""


def _need(condition: object) -> None:
    if not condition:
        raise UnusualFile


_LOOK_PROPERTIES: Final = frozenset(
    (b"hvcC", b"av1C", b"avcC", b"vvcC", b"j2kH", b"ispe", b"clap", b"pixi", b"auxC", b"a1op", b"lsel")
)
"""Properties of an item that its pixels are made with. Not turns and mirrors, and no colors."""


class _Box(NamedTuple):
    """A box: its name, and where its content is."""

    name: bytes
    start: int
    end: int


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    for _ in range(_MAX_PARTS):
        if start + 8 > end:
            return
        size, name = struct.unpack_from(">L4s", data, start)
        body = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        elif size == 0:
            size = end - start
        _need(body - start <= size <= end - start)
        yield _Box(name, body, start + size)
        start += size
    raise UnusualFile


def _only_meta(data: bytes) -> _Box:
    """Return the box that describes the items. If there are two, which one a decoder takes is not known."""
    found, count = [], 0
    try:
        for box in _boxes(data, 0, len(data)):
            count += 1
            if box.name == b"meta":
                found.append(box)
    except (UnusualFile, struct.error):
        # Some cameras put something of their own after the last box.
        _need(count < _MAX_PARTS)
    _need(len(found) == 1)
    return found[0]


class _Fields:
    """Reads the big-endian numbers of a box one after the other."""

    def __init__(self, data: bytes, box: _Box) -> None:
        self._data = data
        self.at = box.start
        self._end = box.end
        self.version = self.number(1)
        self.flags = self.number(3)

    def number(self, size: int) -> int:
        """Return the next number of `size` bytes; 0 for no bytes."""
        at, self.at = self.at, self.at + size
        _need(self.at <= self._end)
        return int.from_bytes(self._data[at : self.at], "big")


class Items:
    """The items of a HEIC or AVIF file: what they are, where their data is, and how they belong together."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        meta = _only_meta(data)
        boxes: dict[bytes, _Box] = {}
        for box in _boxes(data, meta.start + 4, meta.end):
            _need(box.name not in boxes or box.name in (b"free", b"skip", b"uuid"))
            boxes[box.name] = box
        self._inner = boxes.get(b"idat")
        pitm = _Fields(data, boxes[b"pitm"])
        self.primary = pitm.number(4 if pitm.version else 2)
        self.kinds = dict(self._read_kinds(boxes[b"iinf"]))
        self._places: dict[int, list[tuple[int, int]]] = dict(self._read_places(boxes[b"iloc"]))
        self._properties = self._read_properties(boxes[b"iprp"])
        self._parts: dict[int, list[int]] = {}
        self._additions: dict[int, list[int]] = {}
        if b"iref" in boxes:
            self._read_references(boxes[b"iref"])

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

    def _read_kinds(self, box: _Box) -> Iterator[tuple[int, bytes]]:
        fields = _Fields(self._data, box)
        fields.number(4 if fields.version else 2)
        for entry in _boxes(self._data, fields.at, box.end):
            info = _Fields(self._data, entry)
            _need(entry.name == b"infe" and info.version in (2, 3))
            item = info.number(4 if info.version == 3 else 2)
            info.number(2)
            yield item, info.number(4).to_bytes(4, "big")

    def _read_places(self, box: _Box) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        fields = _Fields(self._data, box)
        version, sizes = fields.version, fields.number(2)
        _need(version <= 2)
        offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        _need(offset_size <= 8 and length_size in (4, 8) and base_size <= 8)
        left = _MAX_PARTS
        for _ in range(fields.number(4 if version == 2 else 2)):
            item = fields.number(4 if version == 2 else 2)
            method = fields.number(2) & 15 if version else 0
            source = fields.number(2)
            base = fields.number(base_size)
            extents = []
            count = fields.number(2)
            left -= 1 + count
            _need(left > 0)
            for _extent in range(count):
                if version:
                    fields.number(index_size)
                start = base + fields.number(offset_size)
                extents.append((start, fields.number(length_size)))
            if method == 1 and self._inner is not None:
                extents = [(self._inner.start + start, length) for start, length in extents]
            if source == 0 and (method == 0 or (method == 1 and self._inner is not None)):
                yield item, extents

    def _read_properties(self, box: _Box) -> dict[int, list[_Box]]:
        inside = {inner.name: inner for inner in _boxes(self._data, box.start, box.end)}
        known = list(_boxes(self._data, *inside[b"ipco"][1:]))
        fields = _Fields(self._data, inside[b"ipma"])
        is_wide = fields.flags & 1
        of_item: dict[int, list[_Box]] = {}
        left = _MAX_PARTS
        for _ in range(fields.number(4)):
            item = fields.number(4 if fields.version else 2)
            count = fields.number(1)
            left -= 1 + count
            _need(left > 0)
            places = [fields.number(2) & 0x7FFF if is_wide else fields.number(1) & 0x7F for _ in range(count)]
            of_item[item] = [known[place - 1] for place in places if place]
        return of_item

    def _read_references(self, box: _Box) -> None:
        version = _Fields(self._data, box).version
        size = 4 if version else 2
        left = _MAX_PARTS
        for reference in _boxes(self._data, box.start + 4, box.end):
            at = reference.start
            numbers = [self._data[at : at + size], self._data[at + size : at + size + 2]]
            source, count = (int.from_bytes(number, "big") for number in numbers)
            at += size + 2
            left -= 1 + count
            _need(left > 0 and at + size * count <= reference.end)
            targets = [int.from_bytes(self._data[at + size * n : at + size * (n + 1)], "big") for n in range(count)]
            if reference.name == b"dimg":
                self._parts.setdefault(source, []).extend(targets)
            elif reference.name == b"auxl":
                for target in targets:
                    self._additions.setdefault(target, []).append(source)
