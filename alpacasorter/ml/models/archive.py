"""A model as one file, to be passed on: packed from a bundle, and unpacked from whoever sent it.

The file is a zip without compression that holds model.json and the files it lists, nothing else, always with the same
bytes for the same bundle. What comes from a stranger is data: names are looked up in a short list and never used as
paths, sizes are checked before and while it is read, and hashes decide in the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from alpacasorter.core.files import display_path
from alpacasorter.core.safe_write import creating, replacing
from alpacasorter.ml.models.bundle import (
    KERAS_WEIGHTS,
    KNOWN,
    METADATA,
    METADATA_LIMIT,
    Bundle,
    BundleError,
    Fields,
    refusal,
    verify,
)

SUFFIX: Final = ".alpacamodel"

_NAMES: Final = (METADATA, *KNOWN)
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_PERMISSIONS: Final = 0o644
_ENCRYPTED: Final = 0x1
_CHUNK: Final = 1 << 20
_NOT_WHOLE: Final = (
    "The model “{name}” can't be shared from here: the weights to train it further are not part of this package. The "
    "bundled model comes with every AlpacaSorter, so nobody has to be given it."
)
_REMEDY: Final = "Ask whoever gave it to you for another copy."

# The end of a zip: signature, disk numbers, members here and in all, bytes and place of the table, length of comment.
_END: Final = struct.Struct("<4s4H2LH")
_END_MARK: Final = b"PK\x05\x06"
_LARGE_END_MARK: Final = b"PK\x06\x07"
_LARGE_END_BYTES: Final = 20
_TABLE_LIMIT: Final = 1 << 16


def pack(bundle: Bundle, out: Path, *, overwrite: bool = False) -> None:
    """Write a bundle as one file, whole or not at all; the same bundle gives the same bytes everywhere.

    Args:
        bundle: the bundle.
        out: the file, by custom with the ending `SUFFIX`.
        overwrite: whether to replace a file that is there.

    Raises:
        BundleError: a file of the bundle was changed since it was loaded.
        FileExistsError: `out` is there, and may not be replaced.
        OSError: it can't be written; `out` is as before.
    """
    if KERAS_WEIGHTS in bundle.files and not (bundle.path / KERAS_WEIGHTS).exists():
        # The bundled one, in a packaged program without training.
        raise BundleError(_NOT_WHOLE.format(name=display_path(bundle.path.name)))
    for name, facts in bundle.files.items():
        verify(bundle.path, name, *facts)
    with (replacing if overwrite else creating)(out) as temporary, zipfile.ZipFile(temporary, "x") as archive:
        for name in (METADATA, *sorted(bundle.files)):
            _put(archive, bundle.path / name, name)


def _put(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    member = zipfile.ZipInfo(name, _DATE)
    member.create_system = _UNIX
    member.external_attr = (stat.S_IFREG | _PERMISSIONS) << 16
    member.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(member, "w") as target:
        shutil.copyfileobj(source, target, _CHUNK)


def unpack(file: Path, into: Path) -> None:
    """Unpack a model file into a folder that is not there yet; it is not there either where this fails.

    That the files are the right ones is checked here; `load_bundle` checks what is in them.

    Raises:
        BundleError: it is no such file, or a hostile or damaged one.
        OSError: it can't be read, or the folder can't be written.
    """
    try:
        with file.open("rb") as stream:
            _check_end(file, stream)
            with zipfile.ZipFile(stream) as archive:
                members = _members(file, archive.infolist(), os.fstat(stream.fileno()).st_size)
                files = _listed(file, archive, members)
                into.mkdir(parents=True)
                try:
                    for name, (digest, length) in files.items():
                        _extract(file, archive, members[name], into / name, digest, length)
                except BaseException:
                    shutil.rmtree(into, ignore_errors=True)
                    raise
    # Python's zip reader has many ways to say that something is odd.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, struct.error) as error:
        raise _refusal(file, "it is damaged, or no model file") from error


def _refusal(file: Path, why: str) -> BundleError:
    return refusal(Path(display_path(file.name)), why, _REMEDY)


def _check_end(file: Path, stream: IO[bytes]) -> None:
    """Refuse what is no zip as `pack` writes it, before Python's reader builds a table of any length from it."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _END.size - _LARGE_END_BYTES))
    tail = stream.read()
    if len(tail) < _END.size or tail[-_END.size :][:4] != _END_MARK:
        raise _refusal(file, "it is no model file, or it is not complete")
    _, _, _, here, members, table, place, comment = _END.unpack(tail[-_END.size :])
    odd = here != members or members > len(_NAMES) or table > _TABLE_LIMIT or comment
    if odd or tail.startswith(_LARGE_END_MARK) or place + table + _END.size != size:
        raise _refusal(file, "it holds more than a model, or was changed")
    stream.seek(0)


def _members(file: Path, found: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in found:
        name = member.filename
        shown = display_path(name[:80])
        if name not in _NAMES or member.orig_filename != name:
            raise _refusal(file, f"it holds a file that no model has (“{shown}”)")
        if name in members:
            raise _refusal(file, f"it holds “{shown}” twice")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or member.flag_bits & _ENCRYPTED:
            raise _refusal(file, f"“{shown}” in it is a link, or encrypted")
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise _refusal(file, f"“{shown}” in it is packed in another way than AlpacaSorter does it")
        members[name] = member
    # Several members may share the same bytes: then a small file would unpack to a large one.
    if sum(member.file_size for member in found) > size:
        raise _refusal(file, "it would unpack to more than it holds")
    return members


def _listed(file: Path, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> dict[str, tuple[str, int]]:
    """Return hash and length of every file to unpack, as model.json says and as is in the archive."""
    metadata = members.get(METADATA)
    if metadata is None:
        raise _refusal(file, f"it has no {METADATA}")
    if metadata.file_size > METADATA_LIMIT:
        raise _refusal(file, f"its {METADATA} is absurdly large")
    raw = archive.read(metadata)
    try:
        data = json.loads(raw)
    except RecursionError as error:
        raise _refusal(file, f"its {METADATA} makes no sense") from error
    files = Fields(Path(display_path(file.name)), data).files()
    files[METADATA] = (hashlib.sha256(raw).hexdigest(), len(raw))
    for name, (_, length) in files.items():
        if name not in members:
            raise _refusal(file, f"{name} is missing in it")
        if members[name].file_size != length:
            raise _refusal(file, f"{name} in it is not complete, or was changed")
    for name in members:
        if name not in files:
            raise _refusal(file, f"it holds {name}, which its {METADATA} does not list")
    return files


def _extract(
    file: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, digest: str, length: int
) -> None:
    hasher = hashlib.sha256()
    left = length
    with archive.open(member) as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            hasher.update(chunk)
            target.write(chunk)
    if left or hasher.hexdigest() != digest:
        raise _refusal(file, f"{member.filename} in it was changed after the model was made")
    with contextlib.suppress(OSError):
        path.chmod(_PERMISSIONS)
