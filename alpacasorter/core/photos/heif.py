"""HEIC and AVIF files: whether they are whole, how much work they ask for, and what libavif needs to accept them.

Both are boxes inside boxes; one of them, `meta`, lists items (pictures, tiles, EXIF), where each is in the file, and
which are made from others. A small file can ask for a lot by naming the same bytes or the same tile again and again.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.containers import MAX_STEPS, Layout

_BOX_HEADER: Final = 8
_LARGE_BOX_HEADER: Final = 16
_PICTURE_BOXES: Final = frozenset((b"ftyp", b"meta", b"mdat", b"idat", b"moov"))
_MOST_WORK: Final = 4
"""How often the pixels of a picture may be decoded to make it, for example as tiles that overlap its edges."""
_ESSENTIAL: Final = 0x8000
_SPARE_PIXELS: Final = 4_000_000
_SPARE_BYTES: Final = 16 * 1024 * 1024

Box = tuple[bytes, int, int]
"""Name, start of the content, and end."""


def lay_out_heif(data: bytes) -> Layout:
    """Return what a decoder needs of a HEIC or AVIF file: all of it.

    Raises:
        Unreadable: it is incomplete, or asks for more work than any photo.
    """
    if is_cut_short(data):
        raise Unreadable(reasons.TRUNCATED)
    meta = next((box for box in _boxes(data, 0, len(data)) if box[0] == b"meta"), None)
    if meta is not None:
        with contextlib.suppress(struct.error, IndexError):  # the decoder will say that it is damaged
            _check(data, {box[0]: box for box in _boxes(data, meta[1] + 4, meta[2])})
    return Layout([data])


def is_cut_short(data: bytes) -> bool:
    """Tell whether a file is shorter than its own boxes say.

    The decoders show a file that is missing half its data without any error, gray where the pixels are lost.
    """
    return any(end > len(data) and name in _PICTURE_BOXES for name, _start, end in _boxes(data, 0, len(data)))


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two places; the last one may end later."""
    for _ in range(MAX_STEPS):
        if at + _BOX_HEADER > end:
            return
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        start = at + _BOX_HEADER
        if size == 1:
            size = int.from_bytes(data[start : at + _LARGE_BOX_HEADER], "big")
            start = at + _LARGE_BOX_HEADER
        if size == 0:  # up to the end
            yield name, start, end
            return
        if size < start - at:  # not a box but bytes added after the picture
            return
        at += size
        yield name, start, at
    raise Unreadable(reasons.TOO_COMPLEX)


def _check(data: bytes, boxes: dict[bytes, Box]) -> None:
    if b"iloc" in boxes and sum(_lengths(data, boxes[b"iloc"])) > 2 * len(data) + _SPARE_BYTES:
        raise Unreadable(reasons.TOO_COMPLEX)
    if not {b"pitm", b"iref", b"iprp"} <= boxes.keys():
        return
    areas = {item: width * height for item, (width, height) in _sizes(data, boxes[b"iprp"]).items()}
    _name, at, _end = boxes[b"pitm"]
    primary = struct.unpack_from(">L" if data[at] else ">H", data, at + 4)[0]
    parts = _derived_from(data, boxes[b"iref"])
    # Each item counts as often as it is named, also by what is itself named several times.
    work, waiting, steps = 0, [(primary, 1)], 0
    while waiting:
        item, times = waiting.pop()
        steps += 1
        if steps > MAX_STEPS or work > _MOST_WORK * areas.get(primary, 0) + _SPARE_PIXELS:
            raise Unreadable(reasons.TOO_COMPLEX)
        if item in parts:
            waiting += ((part, times) for part in parts[item])
        else:
            work += areas.get(item, 0)


def _lengths(data: bytes, box: Box) -> Iterator[int]:
    """Yield how many bytes each part of each item has."""
    _name, at, end = box
    version = data[at]
    sizes = (data[at + 4] >> 4, data[at + 4] & 15, data[at + 5] >> 4, data[at + 5] & 15 if version else 0)
    offset_size, length_size, base_size, index_size = sizes
    wide = 4 if version == 2 else 2
    count = int.from_bytes(data[at + 6 : at + 6 + wide], "big")
    at += 6 + wide
    for _ in range(min(count, MAX_STEPS)):
        if at >= end:
            return
        at += wide + (2 if version else 0) + 2 + base_size
        extents = int.from_bytes(data[at : at + 2], "big")
        at += 2
        for _ in range(extents):
            if at >= end:
                return
            at += (index_size if version else 0) + offset_size
            yield int.from_bytes(data[at : at + length_size], "big")
            at += length_size


def _sizes(data: bytes, properties: Box) -> dict[int, tuple[int, int]]:
    """Return width and height of each item that has them."""
    listed, associations = _properties(data, properties)
    found = {}
    for item, indices in associations.items():
        for index in indices:
            number = index & ~_ESSENTIAL
            if 0 < number <= len(listed) and listed[number - 1][0] == b"ispe":
                found[item] = struct.unpack_from(">LL", data, listed[number - 1][1] + 4)
    return found


def _properties(data: bytes, properties: Box) -> tuple[list[Box], dict[int, list[int]]]:
    """Return all properties, and for each item the numbers, from 1, of its own; some are marked as `_ESSENTIAL`."""
    inner = {box[0]: box for box in _boxes(data, properties[1], properties[2])}
    listed = list(_boxes(data, *inner[b"ipco"][1:])) if b"ipco" in inner else []
    associations: dict[int, list[int]] = {}
    if b"ipma" in inner:
        _name, at, end = inner[b"ipma"]
        item_size, wide = 4 if data[at] else 2, data[at + 3] & 1
        count = min(struct.unpack_from(">L", data, at + 4)[0], MAX_STEPS)
        at += 8
        for _ in range(count):
            if at >= end:
                break
            item = int.from_bytes(data[at : at + item_size], "big")
            many = data[at + item_size]
            at += item_size + 1
            step = 2 if wide else 1
            numbers = [int.from_bytes(data[at + n * step : at + (n + 1) * step], "big") for n in range(many)]
            associations[item] = [n if wide else n & 0x7F | (n & 0x80) << 8 for n in numbers]
            at += many * step
    return listed, associations


def _references(data: bytes, box: Box, kind: bytes) -> Iterator[tuple[int, list[int]]]:
    """Yield each item with references of one kind, and the items that it refers to."""
    _name, at, end = box
    size = 4 if data[at] else 2
    for name, start, end_of_box in _boxes(data, at + 4, end):
        if name == kind:
            count = int.from_bytes(data[start + size : start + size + 2], "big")
            first = start + size + 2
            places = range(first, min(first + count * size, end_of_box), size)
            yield (
                int.from_bytes(data[start : start + size], "big"),
                [int.from_bytes(data[place : place + size], "big") for place in places],
            )


def _derived_from(data: bytes, box: Box) -> dict[int, list[int]]:
    return dict(_references(data, box, b"dimg"))


def with_size_of_alpha(data: bytes) -> bytes | None:
    """Return an AVIF in which the alpha channel has the size of the picture that it belongs to.

    Encoders leave it out, and browsers don't mind, but libavif refuses the file. Everything stays where it is, because
    the file refers to it by its place: the list of items is marked as free space, and written anew at the end.

    Returns:
        The file; None if that is not what it lacks.
    """
    try:
        return _with_size_of_alpha(data)
    except (struct.error, IndexError, KeyError, Unreadable):
        return None


def _with_size_of_alpha(data: bytes) -> bytes | None:
    meta = next((box for box in _boxes(data, 0, len(data)) if box[0] == b"meta"), None)
    if meta is None:
        return None
    boxes = list(_boxes(data, meta[1] + 4, meta[2]))
    by_name = {box[0]: box for box in boxes}
    sizes = _sizes(data, by_name[b"iprp"])
    listed, associations = _properties(data, by_name[b"iprp"])
    size_at = {
        item: next(n for n in numbers if listed[(n & ~_ESSENTIAL) - 1][0] == b"ispe")
        for item, numbers in associations.items()
        if item in sizes
    }
    changed = False
    for alpha, owners in _references(data, by_name[b"iref"], b"auxl"):
        if alpha not in sizes and owners and owners[0] in size_at:
            associations[alpha] = [*associations.get(alpha, ()), size_at[owners[0]]]
            changed = True
    if not changed:
        return None
    written = []
    for name, start, end in boxes:
        body = data[start:end]
        if name == b"iprp":
            body = b"".join(
                _box(inner, _associations(associations) if inner == b"ipma" else data[first:last])
                for inner, first, last in _boxes(data, start, end)
            )
        written.append(_box(name, body))
    name_at = data.rindex(b"meta", 0, meta[1])
    anew = _box(b"meta", data[meta[1] : meta[1] + 4] + b"".join(written))
    return data[:name_at] + b"free" + data[name_at + 4 :] + anew


def _associations(associations: dict[int, list[int]]) -> bytes:
    """Return the content of an `ipma` box."""
    found = [b"\x01\x00\x00\x01" + struct.pack(">L", len(associations))]
    for item, numbers in sorted(associations.items()):
        found.append(struct.pack(f">LB{len(numbers)}H", item, len(numbers), *numbers))
    return b"".join(found)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L", _BOX_HEADER + len(body)) + name + body
