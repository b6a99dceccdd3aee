"""HEIC and AVIF files: whether they are whole, how much work they ask for, and what libavif needs to accept them.

Both are boxes inside boxes; one of them, `meta`, lists items (pictures, tiles, EXIF), where each is in the file, and
which are made from others. A small file can ask for a lot by naming the same bytes or the same tile again and again.
"""

from __future__ import annotations

import struct
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.containers import MAX_STEPS, Layout
from alpacasorter.core.photos.iso_media import Box, Boxes, TooManyPartsError, UnusualFile, size_of

_PICTURE_BOXES: Final = frozenset((b"ftyp", b"meta", b"mdat", b"idat", b"moov"))
_MOST_WORK: Final = 4
"""How often the pixels of a picture may be decoded to make it, for example as tiles that overlap its edges."""
_SPARE_PIXELS: Final = 4_000_000
_SPARE_BYTES: Final = 16 * 1024 * 1024


def lay_out_heif(data: bytes) -> Layout:
    """Return what a decoder needs of a HEIC or AVIF file: all of it.

    Raises:
        Unreadable: it is incomplete, or asks for more work than any photo.
    """
    reader = Boxes(data, strict=False)
    try:
        boxes = list(reader.between(0, len(data)))
        # The decoders show a file that is missing half its data without any error, gray where the pixels are lost.
        if any(box.end > len(data) and box.name in _PICTURE_BOXES for box in boxes):
            raise Unreadable(reasons.TRUNCATED)
        meta = next((box for box in boxes if box.name == b"meta"), None)
        if meta is not None:
            _check(reader, {box.name: box for box in reader.between(meta.start + 4, meta.end)})
    except TooManyPartsError as error:
        raise Unreadable(reasons.TOO_COMPLEX) from error
    except (UnusualFile, struct.error, IndexError):
        pass  # the decoder will say that it is damaged
    return Layout([data])


def _check(reader: Boxes, boxes: dict[bytes, Box]) -> None:
    if b"iloc" in boxes:
        asked_for = sum(length for one in reader.places(boxes[b"iloc"]) for _start, length in one.extents)
        if asked_for > 2 * len(reader.data) + _SPARE_BYTES:
            raise Unreadable(reasons.TOO_COMPLEX)
    if not {b"pitm", b"iref", b"iprp"} <= boxes.keys():
        return
    areas = {}
    known, of_item = reader.properties(boxes[b"iprp"])
    for item, numbers in of_item.items():
        for size in (size for number in numbers if (size := size_of(number, known))):
            width, height = struct.unpack_from(">LL", reader.data, size.start + 4)
            areas[item] = width * height
    primary = reader.primary(boxes[b"pitm"])
    parts = {source: targets for kind, source, targets in reader.references(boxes[b"iref"]) if kind == b"dimg"}
    # Each item counts as often as it is named, also by what is itself named several times.
    work, waiting, steps = 0, [primary], 0
    while waiting:
        item = waiting.pop()
        steps += 1
        if steps > MAX_STEPS or work > _MOST_WORK * areas.get(primary, 0) + _SPARE_PIXELS:
            raise Unreadable(reasons.TOO_COMPLEX)
        if item in parts:
            waiting += parts[item]
        else:
            work += areas.get(item, 0)


def with_size_of_alpha(data: bytes) -> bytes | None:
    """Return an AVIF in which the alpha channel has the size of the picture that it belongs to.

    Encoders leave it out, and browsers don't mind, but libavif refuses the file. Everything stays where it is, because
    the file refers to it by its place: the list of items is marked as free space, and a new one is written at the end.

    Returns:
        The file; None if that is not what it lacks.
    """
    try:
        return _with_size_of_alpha(data)
    except (UnusualFile, struct.error, LookupError):
        return None


def _with_size_of_alpha(data: bytes) -> bytes | None:
    reader = Boxes(data, strict=False)
    meta = next((box for box in reader.between(0, len(data)) if box.name == b"meta"), None)
    if meta is None:
        return None
    boxes = list(reader.between(meta.start + 4, meta.end))
    by_name = {box.name: box for box in boxes}
    known, associations = reader.properties(by_name[b"iprp"])
    size_at = {
        item: sizes[0]
        for item, numbers in associations.items()
        if (sizes := [number for number in numbers if size_of(number, known)])
    }
    changed = False
    for kind, alpha, owners in reader.references(by_name[b"iref"]):
        if kind == b"auxl" and alpha not in size_at and owners and owners[0] in size_at:
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
                for inner, first, last in reader.between(start, end)
            )
        written.append(_box(name, body))
    name_at = data.rindex(b"meta", 0, meta.start)
    new_meta = _box(b"meta", data[meta.start : meta.start + 4] + b"".join(written))
    return data[:name_at] + b"free" + data[name_at + 4 :] + new_meta


def _associations(associations: dict[int, list[int]]) -> bytes:
    """Return the content of an `ipma` box."""
    found = [b"\x01\x00\x00\x01" + struct.pack(">L", len(associations))]
    for item, numbers in sorted(associations.items()):
        found.append(struct.pack(f">LB{len(numbers)}H", item, len(numbers), *numbers))
    return b"".join(found)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L", 8 + len(body)) + name + body
