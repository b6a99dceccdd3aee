"""The arrays of an .npz file that may come from a stranger: nothing is unpacked that is larger than it has to be.

A zip can say anything of itself. So its table is measured before Python's reader builds objects from it, each array's
own header is read before room is made for it, and no more is unpacked than that header needs.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

# The end of a zip: signature, disk numbers, members on this disk and in all, size and offset of the table, length of
# the comment.
_END: Final = struct.Struct("<4s4H2LH")
_END_MARK: Final = b"PK\x05\x06"
_LARGE_END_MARK: Final = b"PK\x06\x07"
_LARGE_END_BYTES: Final = 20
_TABLE_BYTES: Final = 1 << 10
"""Bytes per member in the table of a zip, at most; names of variables are long."""
_HEADER_LIMIT: Final = 10_000
_CHUNK: Final = 1 << 20
_PACKING: Final = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
"""Python's reader bounds what it unpacks at a time for these only."""
_SUFFIX: Final = ".npy"

Shape = tuple[int | None, ...]


class ZipEnd(NamedTuple):
    """The end of a zip file.

    Attributes:
        members: how many members it has.
        table: bytes of the table of its members.
        is_plain: whether there is nothing but members, table and end, and no extension for large files.
    """

    members: int
    table: int
    is_plain: bool


class ArraysError(ValueError):
    """The file is not such an .npz. Not for the user.

    Attributes:
        array: the array that is not as it should be; empty if it is the file.
        is_missing: whether it is not in the file.
    """

    def __init__(self, message: str, array: str = "", *, is_missing: bool = False) -> None:
        """Give the reason."""
        super().__init__(message)
        self.array = array
        self.is_missing = is_missing


class TooLarge(ArraysError):
    """It would unpack to more than is allowed."""


def zip_end(stream: IO[bytes]) -> ZipEnd | None:
    """Return the end of a zip without a comment, None if there is none, and go back to the beginning."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _END.size - _LARGE_END_BYTES))
    tail = stream.read()
    stream.seek(0)
    if len(tail) < _END.size or tail[-_END.size :][:4] != _END_MARK:
        return None
    here, members, table, offset, comment = _END.unpack(tail[-_END.size :])[3:]
    is_plain = here == members and not comment and offset + table + _END.size == size
    return ZipEnd(members, table, is_plain and not tail.startswith(_LARGE_END_MARK))


def read_npz(
    file: Path, wanted: Mapping[str, tuple[str, Shape]] | None = None, *, limit: int, most: int = 64
) -> dict[str, npt.NDArray[Any]]:
    """Return arrays of numbers by name.

    Args:
        file: the .npz file.
        wanted: dtype and shape of each array to return, None in a shape for any length; None for all arrays.
        limit: bytes of all these arrays together, at most.
        most: members of the file, at most.

    Raises:
        ArraysError: it is not such a file; `TooLarge`, before anything is unpacked, if the arrays exceed the limit.
        OSError, zipfile.BadZipFile, zlib.error, EOFError: it can't be read.
    """
    with file.open("rb") as stream:
        end = zip_end(stream)
        if end is None or not end.is_plain or end.members > most or end.table > most * _TABLE_BYTES:
            raise ArraysError("not a plain archive of arrays")
        with zipfile.ZipFile(stream) as archive:
            members = _by_name(archive)
            heads: dict[str, _Head] = {}
            for name in members if wanted is None else wanted:
                if name not in members:
                    raise ArraysError("the array is missing", name, is_missing=True)
                heads[name] = _head(archive, members[name], name, None if wanted is None else wanted[name])
                limit -= heads[name].length
                if limit < 0:
                    raise TooLarge("the arrays are larger than they may be", name)
            return {name: _array(archive, members[name], name, head) for name, head in heads.items()}


class _Head(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    start: int

    @property
    def length(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def _by_name(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(_SUFFIX)
        if name in found:
            raise ArraysError("an array is there twice", name)
        found[name] = member
    return found


def _head(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, wanted: tuple[str, Shape] | None) -> _Head:
    if member.compress_type not in _PACKING:
        raise ArraysError("packed in an unusual way", name)
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            read = np.lib.format.read_array_header_1_0
        elif version == (2, 0):
            read = np.lib.format.read_array_header_2_0
        else:
            raise ArraysError("an unknown version of the array format", name)
        head = _Head(*read(stream, max_header_size=_HEADER_LIMIT), stream.tell())
    if head.dtype.kind not in "biuf" or any(length < 0 for length in head.shape):
        raise ArraysError("not an array of numbers", name)
    if wanted is not None:
        dtype, shape = wanted
        fits = len(shape) == len(head.shape) and all(
            some is None or some == there for some, there in zip(shape, head.shape, strict=True)
        )
        if head.dtype != np.dtype(dtype) or not fits:
            raise ArraysError("another type or shape than wanted", name)
    if member.file_size != head.start + head.length:
        raise ArraysError("not as long as its header says", name)
    return head


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, head: _Head) -> npt.NDArray[Any]:
    array = np.empty(head.shape, head.dtype, order="F" if head.fortran else "C")
    room = array.reshape(-1, order="A").view(np.uint8).data
    with archive.open(member) as stream:
        stream.read(head.start)
        at = 0
        while chunk := stream.read(_CHUNK):
            # Python's reader never returns more than the table says, which is as long as the header says.
            room[at : at + len(chunk)] = chunk
            at += len(chunk)
    if at != head.length:
        raise ArraysError("cut short", name)
    return array
